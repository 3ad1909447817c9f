package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// hmaCurationRoutes are HMA's /c. A bank is a list: its name is the list's in
// upper case.
func (a *API) hmaCurationRoutes() {
	for pattern, fn := range map[string]hmaFunc{
		"GET /c/banks": a.hmaGetBanks, "GET /c/bank/{bank}": a.hmaGetBank, "GET /c/bank/{bank}/content/{id}": a.hmaGetContent,
		"GET /c/signal_type": a.hmaSignalTypes, "GET /c/signal_type/index": a.hmaSignalIndex, "GET /c/content_type": a.hmaContentTypes,
	} {
		a.mux.HandleFunc(pattern, a.hma(access.ListsRead, fn))
	}
	for pattern, fn := range map[string]hmaFunc{
		"POST /c/banks": a.hmaPostBank, "PUT /c/bank/{bank}": a.hmaPutBank, "DELETE /c/bank/{bank}": a.hmaDeleteBank,
		"POST /c/bank/{bank}/content": a.hmaPostContent, "POST /c/bank/{bank}/signal": a.hmaPostSignal,
		"PUT /c/bank/{bank}/content/{id}": a.hmaPutContent, "DELETE /c/bank/{bank}/content/{id}": a.hmaDeleteContent,
		"PUT /c/signal_type/{name}": a.hmaPutSignalType,
	} {
		a.mux.HandleFunc(pattern, a.hma(access.ListsWrite, fn))
	}
}

func bankOfList(name string) string { return strings.ToUpper(name) }
func listOfBank(name string) string { return strings.ToLower(name) }

// bankName is what HMA takes as the name of a bank.
var bankName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

// hmaBank is a bank as HMA says it.
type hmaBank struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"matching_enabled_ratio"`
}

func bankModel(l match.List, now time.Time) hmaBank {
	b := hmaBank{bankOfList(l.Name), l.Ratio}
	if !l.Enabled || now.Before(l.OffUntil) {
		b.Ratio = 0
	}
	return b
}

func (a *API) hmaGetBanks(r *http.Request) (any, error) {
	all, err := a.Lists.All(r.Context())
	if err != nil {
		return nil, err
	}
	out := []hmaBank{}
	for _, l := range all {
		if l.Kind != safety.ListCanary { // Rowan's own
			out = append(out, bankModel(l, a.Now()))
		}
	}
	return out, nil
}

// hmaOneBank answers with a bank once the index knows it.
func (a *API) hmaOneBank(r *http.Request, list string) (hmaBank, error) {
	if err := a.Index.Refresh(r.Context()); err != nil {
		return hmaBank{}, err
	}
	l, err := a.Lists.Get(r.Context(), list)
	if safety.KindOf(err) == safety.NotFound {
		return hmaBank{}, safety.Errorf(safety.NotFound, "bank not found")
	}
	return bankModel(l, a.Now()), err
}

func (a *API) hmaGetBank(r *http.Request) (any, error) {
	return a.hmaOneBank(r, listOfBank(r.PathValue("bank")))
}

// ratio takes a number or, as Coop sends it, one in a string.
type ratio float64

// UnmarshalJSON reads either.
func (v *ratio) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*v = ratio(f)
	return err
}

type hmaBankInput struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // Rowan's own: illegal when left out, the strictest
	Ratio   *ratio `json:"enabled_ratio"`
	Enabled *bool  `json:"enabled"`
}

// options turns HMA's switch and ratio into ours: a bank at ratio 0 is off.
func (in hmaBankInput) options() match.Options {
	var o match.Options
	if in.Enabled != nil {
		o.Ratio = new(0.0)
		if *in.Enabled {
			o.Ratio = new(1.0)
		}
	}
	if in.Ratio != nil {
		o.Ratio = new(float64(*in.Ratio))
	}
	if o.Ratio != nil {
		o.Enabled = new(true)
	}
	return o
}

func (a *API) hmaPostBank(r *http.Request) (any, error) {
	var in hmaBankInput
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	if !bankName.MatchString(in.Name) {
		return nil, safety.Errorf(safety.Invalid, "bank names must be UPPER_WITH_UNDERSCORE and not begin with a digit")
	}
	l := match.List{Name: listOfBank(in.Name), Kind: safety.ListKind(in.Kind), Source: "HMA client", Threshold: -1}
	if in.Kind == "" {
		l.Kind = safety.ListIllegal
	}
	actor := caller(r.Context()).Actor.ID
	if err := a.Lists.Create(r.Context(), actor, l); safety.KindOf(err) == safety.Conflict {
		return nil, safety.Errorf(safety.Forbidden, "Bank already exists")
	} else if err != nil {
		return nil, err
	}
	if err := a.Lists.SetOptions(r.Context(), actor, l.Name, in.options()); err != nil {
		return nil, err
	}
	bank, err := a.hmaOneBank(r, l.Name)
	return hmaReply{http.StatusCreated, bank}, err
}

func (a *API) hmaPutBank(r *http.Request) (any, error) {
	var in hmaBankInput
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	list := listOfBank(r.PathValue("bank"))
	if _, err := a.hmaOneBank(r, list); err != nil {
		return nil, err
	}
	actor := caller(r.Context()).Actor.ID
	if in.Name != "" && in.Name != bankOfList(list) {
		if !bankName.MatchString(in.Name) {
			return nil, safety.Errorf(safety.Invalid, "bank names must be UPPER_WITH_UNDERSCORE and not begin with a digit")
		}
		if err := a.Lists.Rename(r.Context(), actor, list, listOfBank(in.Name)); safety.KindOf(err) == safety.Conflict {
			return nil, safety.Errorf(safety.Forbidden, "Bank name already exists")
		} else if err != nil {
			return nil, err
		}
		list = listOfBank(in.Name)
	}
	if err := a.Lists.SetOptions(r.Context(), actor, list, in.options()); err != nil {
		return nil, err
	}
	return a.hmaOneBank(r, list)
}

// hmaDeleteBank succeeds for a bank that is not there, as HMA does.
func (a *API) hmaDeleteBank(r *http.Request) (any, error) {
	err := a.Lists.Delete(r.Context(), caller(r.Context()).Actor.ID, listOfBank(r.PathValue("bank")))
	if err != nil && safety.KindOf(err) != safety.NotFound {
		return nil, err
	}
	return map[string]string{"message": "Done"}, a.Index.Refresh(r.Context())
}

// hmaMetadata is what a client says of a content. Other members are refused.
type hmaMetadata struct {
	ContentID  string          `json:"content_id,omitempty"`
	ContentURI string          `json:"content_uri,omitempty"`
	JSON       json.RawMessage `json:"json,omitempty"`
}

func metadataText(text string) (string, error) {
	if text == "" || text == "null" {
		return "", nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return "", safety.Errorf(safety.Invalid, "metadata should be a json object")
	}
	for name := range raw {
		if name != "content_id" && name != "content_uri" && name != "json" && name != "collab" {
			return "", safety.Errorf(safety.Invalid, "metadata has members content_id, content_uri and json only")
		}
	}
	var m hmaMetadata
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return "", safety.Errorf(safety.Invalid, "metadata: content_id and content_uri are strings")
	}
	out, err := json.Marshal(m)
	return string(out), err
}

// hmaPostContent banks the hash of a file: the PDQ hash of a picture, or, where
// a picture has next to nothing to see, the SHA-256 of the file, because such a
// PDQ hash would meet every featureless picture; the MD5 of a video.
func (a *API) hmaPostContent(r *http.Request) (any, error) {
	list := listOfBank(r.PathValue("bank"))
	if _, err := a.hmaOneBank(r, list); err != nil {
		return nil, err
	}
	var (
		file        []byte
		contentType string
		c           match.ContentOnList
		err         error
		q           = r.URL.Query()
		metadata    = q.Get("metadata")
	)
	if q.Get("url") != "" {
		var in struct {
			Metadata json.RawMessage `json:"metadata"`
			Note     string          `json:"note"`
		}
		if r.ContentLength != 0 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			if err := hmaBody(r, &in); err != nil {
				return nil, err
			}
			metadata, c.Note = string(in.Metadata), in.Note
		}
		if c.Metadata, err = metadataText(metadata); err != nil {
			return nil, err
		}
		file, contentType, err = a.hmaFetch(r)
	} else {
		var fields map[string]string
		if file, contentType, fields, err = a.hmaFile(r); err == nil {
			c.Note = fields["note"]
			c.Metadata, err = metadataText(fields["metadata"])
		}
	}
	if err != nil {
		return nil, err
	}
	e, err := a.hmaExamine(r.Context(), file, contentType)
	if err != nil {
		return nil, err
	}
	if contentType != "video" && e.quality < pdq.MinQuality {
		d, err := media.Digest(bytes.NewReader(file))
		if err != nil {
			return nil, err
		}
		e.hashes = map[string]string{"sha256": d.SHA256.Value}
	}
	return a.hmaBankSignals(r, list, e.hashes, c)
}

func (a *API) hmaPostSignal(r *http.Request) (any, error) {
	list := listOfBank(r.PathValue("bank"))
	if _, err := a.hmaOneBank(r, list); err != nil {
		return nil, err
	}
	var in map[string]string
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	c := match.ContentOnList{Note: in["note"]}
	delete(in, "note")
	return a.hmaBankSignals(r, list, in, c)
}

func (a *API) hmaBankSignals(r *http.Request, list string, hashes map[string]string, c match.ContentOnList) (any, error) {
	signals := map[string]string{}
	for name, text := range hashes {
		h, err := hmaParse(name, text)
		if err != nil {
			return nil, err
		}
		c.Signals = append(c.Signals, h)
		signals[name] = h.Value
	}
	number, err := a.Lists.AddContent(r.Context(), caller(r.Context()).Actor.ID, list, c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": number, "signals": signals}, a.Index.Refresh(r.Context())
}

func contentPath(r *http.Request) (list string, number int64, err error) {
	number, err = strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return "", 0, safety.Errorf(safety.NotFound, "there is no such content")
	}
	return listOfBank(r.PathValue("bank")), number, nil
}

// hmaGetContent tells the hashes only to who may look hashes up.
func (a *API) hmaGetContent(r *http.Request) (any, error) {
	list, number, err := contentPath(r)
	if err != nil {
		return nil, err
	}
	c, err := a.Lists.Content(r.Context(), list, number)
	if err != nil {
		return nil, err
	}
	out, err := a.contentAnswer(r, list, c)
	if err != nil {
		return nil, err
	}
	if v, _ := strconv.ParseBool(r.URL.Query().Get("include_signals")); v {
		if !caller(r.Context()).Can(access.ListsMatch) {
			return nil, safety.Errorf(safety.Forbidden, "hashes need the scope %s", access.ListsMatch)
		}
		signals := map[string]string{}
		for _, h := range c.Signals {
			signals[hmaTypeName(h.Type)] = h.Value
		}
		out["signals"] = signals
	}
	if r.URL.Query().Get("include_metadata") == "false" {
		delete(out, "metadata")
	}
	return out, nil
}

func (a *API) contentAnswer(r *http.Request, list string, c match.ContentOnList) (map[string]any, error) {
	bank, err := a.hmaOneBank(r, list)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"id": c.Number, "disable_until_ts": int64(0), "original_media_uri": nil, "bank": bank}
	if !c.OffUntil.IsZero() {
		out["disable_until_ts"] = c.OffUntil.Unix()
	}
	if c.Note != "" {
		out["note"] = c.Note
	}
	if c.Metadata != "" {
		out["metadata"] = json.RawMessage(c.Metadata)
	}
	return out, nil
}

func (a *API) hmaPutContent(r *http.Request) (any, error) {
	list, number, err := contentPath(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Until *int64  `json:"disable_until_ts"`
		Note  *string `json:"note"`
	}
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	var off *time.Time
	if in.Until != nil {
		if *in.Until < 0 {
			return nil, safety.Errorf(safety.Invalid, "disable_until_ts must be a non-negative integer")
		}
		off = new(time.Time)
		if *in.Until > 0 {
			*off = time.Unix(*in.Until, 0)
		}
	}
	c, err := a.Lists.ChangeContent(r.Context(), caller(r.Context()).Actor.ID, list, number, in.Note, off)
	if err != nil {
		return nil, err
	}
	return a.contentAnswer(r, list, c)
}

func (a *API) hmaDeleteContent(r *http.Request) (any, error) {
	list, number, err := contentPath(r)
	if err != nil {
		return nil, err
	}
	n, err := a.Lists.RemoveContent(r.Context(), caller(r.Context()).Actor.ID, list, number)
	if err != nil {
		return nil, err
	}
	return map[string]int64{"deleted": min(n, 1)}, a.Index.Refresh(r.Context()) // HMA counts contents
}

func (a *API) hmaSignalTypes(*http.Request) (any, error) {
	out := []map[string]any{}
	for _, t := range hmaTypes {
		out = append(out, map[string]any{"name": t.name, "enabled_ratio": 1.0})
	}
	return out, nil
}

// hmaPutSignalType: signal types cannot be switched off, so that nobody does it
// by mistake for all lists; the answer to the setting that they have is HMA's.
func (a *API) hmaPutSignalType(r *http.Request) (any, error) {
	var in struct {
		Ratio *ratio `json:"enabled_ratio"`
	}
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(hmaTypes, func(t hmaType) bool { return t.name == r.PathValue("name") }) {
		return nil, safety.Errorf(safety.NotFound, "no such signal type")
	}
	if in.Ratio == nil || *in.Ratio != 1 {
		return nil, safety.Errorf(safety.Invalid, "signal types are always on; set the ratio of a bank")
	}
	return hmaReply{http.StatusNoContent, nil}, nil
}

func (a *API) hmaContentTypes(*http.Request) (any, error) {
	return []map[string]any{{"name": "photo", "enabled": true}, {"name": "video", "enabled": true}}, nil
}

// hmaCounts is how many signals of each type there are, and when the newest came.
func (a *API) hmaCounts(r *http.Request) (map[string]hmaCount, error) {
	rows, err := a.Store.Read().SignalsByType(r.Context())
	if err != nil {
		return nil, err
	}
	only := r.URL.Query().Get("signal_type")
	out := map[string]hmaCount{}
	for _, t := range hmaTypes {
		if only != "" && only != t.name {
			continue
		}
		c := hmaCount{newest: -1}
		for _, row := range rows {
			if row.HashType == string(t.hash) {
				c = hmaCount{n: row.N, newest: row.Newest / 1e6}
			}
		}
		out[t.name] = c
	}
	if len(out) == 0 {
		return nil, safety.Errorf(safety.Invalid, "no such signal type")
	}
	return out, nil
}

type hmaCount struct{ n, newest int64 }

// hmaIndexStatus: the index follows the database, so that it holds what that
// has once it is ready.
func (a *API) hmaIndexStatus(r *http.Request) (any, error) {
	counts, err := a.hmaCounts(r)
	if err != nil {
		return nil, err
	}
	ready := a.Index.Ready() == nil
	out := map[string]any{}
	for name, c := range counts {
		if !ready {
			c = hmaCount{newest: -1}
		}
		out[name] = map[string]any{"present": ready, "built_to": c.newest, "size": c.n}
	}
	return out, nil
}

func (a *API) hmaSignalIndex(r *http.Request) (any, error) {
	counts, err := a.hmaCounts(r)
	if err != nil {
		return nil, err
	}
	stale := a.Index.Ready() != nil || a.Index.Age() > hmaStale
	out := map[string]any{}
	for name, c := range counts {
		out[name] = map[string]any{"db_size": c.n, "index_size": c.n, "index_out_of_date": stale, "newest_db_item": c.newest, "index_built_to": c.newest}
	}
	return out, nil
}
