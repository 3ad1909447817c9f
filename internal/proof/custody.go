package proof

import "time"

type (
	custodyFile struct {
		Case      string        `json:"case"`
		Evidence  []custodyItem `json:"evidence"`
		Rows      []custodyRow  `json:"rows"`
		Transfers []transfer    `json:"transfers"`
	}
	custodyItem struct {
		ID        string     `json:"id"`
		Item      string     `json:"item"`
		Role      string     `json:"role"`
		MediaType string     `json:"media_type"`
		Size      int64      `json:"size"`
		SHA256    string     `json:"sha256"`
		Sealed    time.Time  `json:"sealed"`
		Destroyed *time.Time `json:"destroyed,omitempty"`
		Member    string     `json:"member,omitempty"`
	}
	custodyRow struct {
		N        int       `json:"n"`
		At       time.Time `json:"at"`
		Actor    person    `json:"actor"`
		Action   string    `json:"action"`
		Detail   string    `json:"detail,omitempty"`
		Evidence string    `json:"evidence,omitempty"`
		Mode     string    `json:"mode,omitempty"`
		Reason   string    `json:"reason,omitempty"`
		View     string    `json:"view,omitempty"`
		Entry    string    `json:"entry"`
	}
	transfer struct {
		At        time.Time `json:"at"`
		Report    string    `json:"report"`
		Authority string    `json:"authority"`
		Operation string    `json:"operation"`
		Status    int64     `json:"http_status"`
		Code      int64     `json:"code"`
		RequestID string    `json:"request_id,omitempty"`
		Request   string    `json:"request_sha256,omitempty"`
		Response  string    `json:"response_sha256,omitempty"`
		Error     string    `json:"error,omitempty"`

		Disclosure string `json:"disclosure,omitempty"`
		Bundle     string `json:"bundle_sha256,omitempty"`
		Entry      string `json:"entry"`
	}
)

// custody checks that the chain of custody says what the ledger says: one row for
// each entry, in the order of time, with its actor, action and words.
func (c *check) custody() {
	var f custodyFile
	if !c.read("custody.json", &f) || c.sealed == nil {
		return
	}
	c.Rows = len(f.Rows)
	if f.Case != c.m.Case {
		c.wrong("custody.json", "it is of another case")
	}
	known := map[string]leaf{}
	for _, l := range c.sealed {
		known[l.ID] = l
	}
	if len(f.Rows) != len(c.sealed) {
		c.wrong("custody.json", "%d rows for %d entries of the ledger", len(f.Rows), len(c.sealed))
	}
	used, last := map[string]bool{}, int64(0)
	for i, row := range f.Rows {
		l := known[row.Entry]
		// The entry of the export names the manifest, which covers this file: its
		// words cannot stand here.
		if used[row.Entry] || row.N != i+1 || row.Entry != l.ID || row.At.UnixMicro() != l.At || l.At < last || row.Actor.ID != l.Actor ||
			row.Action != l.Action || row.Detail != l.Detail && l.ID != c.m.Entry {
			c.wrong("custody.json", "row %d is not what the ledger's entry %s says", i+1, row.Entry)
		}
		if (row.Action == "evidence.view") != (row.View != "") || row.View != "" && row.Detail != row.Mode+" of "+row.Evidence+": "+row.Reason {
			c.wrong("custody.json", "row %d, a view, does not agree with its entry", i+1)
		}
		used[row.Entry], last = true, l.At
	}
	for i, t := range f.Transfers {
		if _, ok := known[t.Entry]; !ok {
			c.wrong("custody.json", "transfer %d names no entry of the ledger", i+1)
		}
	}
	c.evidence(f.Evidence)
}

// evidence checks that the files are those of the chain of custody.
func (c *check) evidence(items []custodyItem) {
	files := map[string]bool{}
	for _, e := range items {
		if e.Member == "" {
			if c.m.Content && e.Destroyed == nil {
				c.wrong("custody.json", "evidence %s is neither in the bundle nor destroyed", e.ID)
			}
			continue
		}
		files[e.Member] = true
		if m, ok := c.members[e.Member]; !ok || m.size != e.Size || c.digests[e.Member].sha256 != e.SHA256 {
			c.wrong(e.Member, "it is not what was sealed as %s", e.ID)
		}
	}
	for _, name := range c.order {
		if len(name) > 9 && name[:9] == "evidence/" && !files[name] {
			c.wrong(name, "the chain of custody does not know it")
		}
	}
}
