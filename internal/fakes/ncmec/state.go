package ncmec

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// State is where a report is in its life.
type State string

// The states. Only Open leads anywhere, and Finished is the only filed one.
const (
	Open      State = "open"
	Finished  State = "finished"
	Retracted State = "retracted"
	Expired   State = "expired"
)

// Report is one report as the stand-in knows it.
type Report struct {
	ID         int64     `json:"id"`
	State      State     `json:"state"`
	XML        []byte    `json:"xml"` // exactly as submitted
	Files      []File    `json:"files"`
	OpenedAt   time.Time `json:"opened_at"`
	ModifiedAt time.Time `json:"modified_at"` // last upload or fileinfo, else OpenedAt
	ClosedAt   time.Time `json:"closed_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at"` // if still open then
}

// File is one uploaded file. Its bytes are not kept.
type File struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	MD5    string `json:"md5"`
	SHA256 string `json:"sha256"`
	Info   []byte `json:"info,omitempty"` // the fileDetails, exactly as sent
}

// firstID is far from the numbers of the real service.
const firstID = 900_000_001

// event is one change, as written to the journal. Applying events in order
// gives the state, so live and replay cannot differ.
type event struct {
	Op     string    `json:"op"`
	At     time.Time `json:"at"`
	Report int64     `json:"report"`
	XML    []byte    `json:"xml,omitempty"`
	File   *File     `json:"file,omitempty"`
}

type report struct {
	Report
	batched bool
}

// memory is the state. Guarded by Server.mu.
type memory struct {
	reports map[int64]*report
	next    int64
}

func newMemory() *memory { return &memory{reports: map[int64]*report{}, next: firstID} }

// apply changes the state. It trusts e, which was checked when it was made.
func (m *memory) apply(e event) error {
	if e.Op == "submit" {
		m.open(e)
		return nil
	}
	r := m.reports[e.Report]
	if r == nil {
		return fmt.Errorf("ncmec: journal: %s of unknown report", e.Op)
	}
	switch e.Op {
	case "upload":
		r.Files = append(r.Files, *e.File)
		r.ModifiedAt = e.At
	case "fileinfo":
		i := slices.IndexFunc(r.Files, func(f File) bool { return f.ID == e.File.ID })
		if i < 0 {
			return fmt.Errorf("ncmec: journal: fileinfo of unknown file")
		}
		r.Files[i].Info = e.XML
		r.ModifiedAt = e.At
	case "finish":
		r.State, r.ClosedAt = Finished, e.At
	case "retract":
		r.State, r.ClosedAt = Retracted, e.At
	default:
		return fmt.Errorf("ncmec: journal: unknown change %q", e.Op)
	}
	return nil
}

func (m *memory) open(e event) {
	r := &report{Report: Report{ID: e.Report, State: Open, XML: e.XML, OpenedAt: e.At, ModifiedAt: e.At}}
	if root, ok := parseTree(e.XML); ok {
		r.batched = root.has("batchedReport")
	}
	m.reports[e.Report] = r
	m.next = max(m.next, e.Report+1)
}

// expires is 24 hours after opening or 1 hour after the last upload or
// fileinfo, whichever is later.
func (r *report) expires() time.Time {
	day, hour := r.OpenedAt.Add(24*time.Hour), r.ModifiedAt.Add(time.Hour)
	if hour.After(day) {
		return hour
	}
	return day
}

// state is r.State with expiry taken into account. Expiry is not an event: it
// follows from the clock.
func (r *report) state(now time.Time) State {
	if r.State == Open && !now.Before(r.expires()) {
		return Expired
	}
	return r.State
}

// editable returns the report with that number, or the code that says why it
// cannot be changed.
func (m *memory) editable(id int64, now time.Time) (*report, int) {
	r := m.reports[id]
	if r == nil {
		return nil, 5001
	}
	switch r.state(now) {
	case Finished:
		return r, 5102
	case Retracted:
		return r, 5101
	case Expired:
		return r, 5001
	}
	return r, 0
}

// fileID is opaque and looks like the real ones: 32 hexadecimal digits.
func (r *report) fileID() string {
	sum := md5.Sum([]byte("stand-in " + strconv.FormatInt(r.ID, 10) + "/" + strconv.Itoa(len(r.Files))))
	return hex.EncodeToString(sum[:])
}

// snapshot is a copy for callers, by number.
func (m *memory) snapshot(now time.Time) []Report {
	out := make([]Report, 0, len(m.reports))
	for _, r := range m.reports {
		c := r.Report
		c.State, c.ExpiresAt = r.state(now), r.expires()
		c.XML, c.Files = slices.Clone(c.XML), slices.Clone(c.Files)
		for i := range c.Files {
			c.Files[i].Info = slices.Clone(c.Files[i].Info)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Report) int { return int(a.ID - b.ID) })
	return out
}
