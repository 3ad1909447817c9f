package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// ListModel is one list, without its values.
type ListModel struct {
	Name      string       `json:"name"`
	Kind      string       `json:"kind" enum:"illegal,intimate_image,terrorism,harmful,allow,canary"`
	Source    string       `json:"source"`
	Threshold int          `json:"threshold" doc:"Greatest PDQ distance in bits that is a near match"`
	Enabled   bool         `json:"enabled"`
	Ratio     float64      `json:"ratio" doc:"Part of all contents, 0 to 1, for which the list counts"`
	OffUntil  *time.Time   `json:"off_until,omitempty" doc:"The list is paused until then"`
	Version   int64        `json:"version"`
	Signals   SignalCounts `json:"signals"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// SignalCounts says how many signals of each type a list has.
type SignalCounts struct {
	MD5    int64 `json:"md5"`
	SHA1   int64 `json:"sha1"`
	SHA256 int64 `json:"sha256"`
	PDQ    int64 `json:"pdq"`
	URL    int64 `json:"url" doc:"Links"`
	Opaque int64 `json:"opaque" doc:"PhotoDNA and others that Rowan cannot compute: compared only where the operator has a hasher for them"`
}

// SignalModel is one signal, without its value.
type SignalModel struct {
	ID             string    `json:"id"`
	Type           string    `json:"type" enum:"md5,sha1,sha256,pdq,vpdq,url,photodna,netclean,videntifier,tmk_pdqf,ssvh_pdna,ssvh_safer_hash"`
	Note           string    `json:"note,omitempty"`
	Source         string    `json:"source,omitempty"`
	Classification string    `json:"classification,omitempty"`
	AddedAt        time.Time `json:"added_at"`
	Score          *Score    `json:"score,omitempty" doc:"What the signal has done; left out when nothing"`
}

// Score is what a signal has done.
type Score struct {
	Seen        int64     `json:"seen" doc:"Contents that met it and left a record"`
	Confirmed   int64     `json:"confirmed" doc:"Cases that people confirmed"`
	Refuted     int64     `json:"refuted" doc:"Cases that people did not confirm"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
	Quarantined bool      `json:"quarantined" doc:"It flooded: it holds content and does not block it until somebody releases it"`
}

// NewListModel makes a list.
type NewListModel struct {
	Name      string `json:"name" minLength:"1" maxLength:"64" doc:"a-z, 0-9, dot, dash, underscore"`
	Kind      string `json:"kind" enum:"illegal,intimate_image,terrorism,harmful,allow"`
	Source    string `json:"source,omitempty" maxLength:"200"`
	Threshold *int   `json:"threshold,omitempty" minimum:"0" maximum:"64" doc:"31 when left out"`
}

// ImportResultModel is what an import did.
type ImportResultModel struct {
	Added   int64      `json:"added"`
	Already int64      `json:"already"`
	Skipped []RowModel `json:"skipped"`
	Version int64      `json:"version"`
}

// RowModel is one malformed row.
type RowModel struct {
	Line    int    `json:"line"`
	Problem string `json:"problem"`
}

type (
	listOutput  struct{ Body ListModel }
	listsOutput struct {
		Body struct {
			Items []ListModel `json:"items"`
		}
	}
	ListName struct {
		Name string `path:"name" maxLength:"64"`
	}
	newListInput   struct{ Body NewListModel }
	patchListInput struct {
		ListName
		Body struct {
			Enabled   *bool      `json:"enabled,omitempty"`
			Threshold *int       `json:"threshold,omitempty" minimum:"0" maximum:"64"`
			Ratio     *float64   `json:"ratio,omitempty" minimum:"0" maximum:"1"`
			OffUntil  *time.Time `json:"off_until,omitempty" doc:"Pause until then, 30 days at most; a time that is past ends the pause"`
		}
	}
	importInput struct {
		Raw
		ListName
	}
	importOutput struct{ Body ImportResultModel }
	signalsInput struct {
		ListName
		Page
	}
	signalsOutput struct {
		Body struct {
			Items      []SignalModel `json:"items"`
			NextCursor string        `json:"next_cursor,omitempty"`
		}
	}
	signalInput struct {
		ListName
		ID string `path:"id" maxLength:"64"`
	}
)

func (a *API) listRoutes() {
	const tag = "Lists"
	handle(a, op{method: "GET", path: "/v1/lists", id: "get-lists", tag: tag, scope: access.ListsRead, summary: "All lists"}, a.getLists)
	handle(a, op{method: "POST", path: "/v1/lists", id: "create-list", tag: tag, scope: access.ListsWrite, summary: "Make a list",
		status: http.StatusCreated}, a.createList)
	handle(a, op{method: "PATCH", path: "/v1/lists/{name}", id: "change-list", tag: tag, scope: access.ListsWrite,
		summary: "Enable, disable, pause, set threshold and ratio"}, a.patchList)
	handle(a, op{method: "DELETE", path: "/v1/lists/{name}", id: "delete-list", tag: tag, scope: access.ListsWrite,
		summary: "Take a list out of use", status: http.StatusNoContent}, a.deleteList)
	handle(a, op{method: "POST", path: "/v1/lists/{name}/import", id: "import-list", tag: tag, scope: access.ListsWrite,
		summary: "Import signals from a file, all or nothing", body: importBody}, a.importList)
	handle(a, op{method: "GET", path: "/v1/lists/{name}/signals", id: "get-signals", tag: tag, scope: access.ListsRead,
		summary: "Signals of a list, without their values"}, a.getSignals)
	handle(a, op{method: "DELETE", path: "/v1/lists/{name}/signals/{id}", id: "delete-signal", tag: tag, scope: access.ListsWrite,
		summary: "Take a signal off a list", status: http.StatusNoContent}, a.deleteSignal)
	handle(a, op{method: "POST", path: "/v1/lists/{name}/signals/{id}/release", id: "release-signal", tag: tag, scope: access.ListsWrite,
		summary: "Take a signal out of quarantine", status: http.StatusNoContent}, a.releaseSignal)
}

func listModel(l match.List) ListModel {
	var opaque int64
	for t, n := range l.Signals {
		if t.Opaque() {
			opaque += n
		}
	}
	var off *time.Time
	if !l.OffUntil.IsZero() {
		off = &l.OffUntil
	}
	return ListModel{Name: l.Name, Kind: string(l.Kind), Source: l.Source, Threshold: l.Threshold, Enabled: l.Enabled, Ratio: l.Ratio, OffUntil: off,
		Version: l.Version, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Signals: SignalCounts{MD5: l.Signals[safety.MD5],
			SHA1: l.Signals[safety.SHA1], SHA256: l.Signals[safety.SHA256], PDQ: l.Signals[safety.PDQ],
			URL: l.Signals[safety.URL], Opaque: opaque}}
}

func (a *API) getLists(ctx context.Context, _ *struct{}) (*listsOutput, error) {
	all, err := a.Lists.All(ctx)
	if err != nil {
		return nil, err
	}
	out := &listsOutput{}
	out.Body.Items = make([]ListModel, len(all))
	for i, l := range all {
		out.Body.Items[i] = listModel(l)
	}
	return out, nil
}

func (a *API) oneList(ctx context.Context, name string) (*listOutput, error) {
	if err := a.Index.Refresh(ctx); err != nil {
		return nil, err
	}
	l, err := a.Lists.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return &listOutput{listModel(l)}, nil
}

func (a *API) createList(ctx context.Context, in *newListInput) (*listOutput, error) {
	l := match.List{Name: in.Body.Name, Kind: safety.ListKind(in.Body.Kind), Source: in.Body.Source, Threshold: -1}
	if in.Body.Threshold != nil {
		l.Threshold = *in.Body.Threshold
	}
	if err := a.Lists.Create(ctx, caller(ctx).Actor.ID, l); err != nil {
		return nil, err
	}
	return a.oneList(ctx, in.Body.Name)
}

func (a *API) patchList(ctx context.Context, in *patchListInput) (*listOutput, error) {
	if err := a.Lists.SetOptions(ctx, caller(ctx).Actor.ID, in.Name,
		match.Options{Enabled: in.Body.Enabled, Threshold: in.Body.Threshold, Ratio: in.Body.Ratio, OffUntil: in.Body.OffUntil}); err != nil {
		return nil, err
	}
	return a.oneList(ctx, in.Name)
}

func (a *API) deleteList(ctx context.Context, in *ListName) (*none, error) {
	if err := a.Lists.Delete(ctx, caller(ctx).Actor.ID, in.Name); err != nil {
		return nil, err
	}
	return nil, a.Index.Refresh(ctx)
}

// importBody documents the form of an import. A malformed row refuses the whole
// file and is named by line, unless skip_bad is true.
func importBody() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Required: []string{"file", "format"}, Properties: map[string]*huma.Schema{
			"file":     {Type: "string", Format: "binary"},
			"format":   {Type: "string", Enum: []any{"csv", "hashes", "vics", "vpdq"}},
			"skip_bad": {Type: "string", Enum: []any{"true", "false"}}}}},
	}}
}

// importList streams the file through a temporary one, because the fields that
// say how to read it may come after it.
func (a *API) importList(ctx context.Context, in *importInput) (*importOutput, error) {
	mr, err := in.r.MultipartReader()
	if err != nil {
		return nil, newProblem(http.StatusUnsupportedMediaType, "send multipart/form-data with file and format")
	}
	spool, fields, err := spoolForm(mr)
	if spool != nil {
		defer func() { _ = errors.Join(spool.Close(), os.Remove(spool.Name())) }()
	}
	if err != nil {
		return nil, err
	}
	if spool == nil {
		return nil, safety.Errorf(safety.Invalid, "the form has no file")
	}
	got, err := a.Lists.Import(ctx, caller(ctx).Actor.ID, in.Name, match.Format(fields["format"]), spool, fields["skip_bad"] == "true")
	if err != nil {
		return nil, err
	}
	out := &importOutput{ImportResultModel{Added: got.Added, Already: got.Already, Version: got.Version, Skipped: make([]RowModel, len(got.Skipped))}}
	for i, r := range got.Skipped {
		out.Body.Skipped[i] = RowModel(r)
	}
	return out, a.Index.Refresh(ctx)
}

// spoolForm copies the field "file" to a temporary file (mode 0600) and
// returns it at its beginning, together with the other fields.
func spoolForm(mr *multipart.Reader) (*os.File, map[string]string, error) {
	var spool *os.File
	fields := map[string]string{}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return spool, fields, nil
		}
		if err != nil {
			return spool, nil, safety.Errorf(safety.Invalid, "the multipart body is cut short or malformed")
		}
		if part.FormName() != "file" {
			b, err := readAll(part, 1000, "a form field")
			if err != nil {
				return spool, nil, err
			}
			fields[part.FormName()] = string(b)
			continue
		}
		if spool == nil {
			if spool, err = os.CreateTemp("", "rowan-import-*"); err != nil {
				return nil, nil, safety.Wrap(safety.Unavailable, err, "there is no room for the file")
			}
		}
		if _, err := io.Copy(spool, part); err != nil {
			return spool, nil, safety.Wrap(safety.Invalid, err, "the file is cut short")
		}
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return spool, nil, err
		}
	}
}

func (a *API) getSignals(ctx context.Context, in *signalsInput) (*signalsOutput, error) {
	after := ""
	if err := position(in.Cursor, &after); err != nil {
		return nil, err
	}
	rows, err := a.Lists.Signals(ctx, in.Name, after, in.Limit)
	if err != nil {
		return nil, err
	}
	scores, err := a.Lists.Scores(ctx, in.Name, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &signalsOutput{}
	out.Body.Items = make([]SignalModel, len(rows))
	for i, s := range rows {
		m := SignalModel{ID: s.ID, Type: s.HashType, Note: s.Note, Source: s.Source, Classification: s.Classification,
			AddedAt: store.Time(s.CreatedAt)}
		if c, ok := scores[s.ID]; ok {
			m.Score = &Score{Seen: c.Seen, Confirmed: c.Confirmed, Refuted: c.Refuted, FirstSeen: c.FirstSeen, LastSeen: c.LastSeen,
				Quarantined: c.Quarantined}
		}
		out.Body.Items[i] = m
	}
	if len(rows) == in.Limit {
		out.Body.NextCursor = mark(rows[len(rows)-1].ID)
	}
	return out, nil
}

func (a *API) deleteSignal(ctx context.Context, in *signalInput) (*none, error) {
	if err := a.Lists.RemoveSignal(ctx, caller(ctx).Actor.ID, in.Name, in.ID); err != nil {
		return nil, err
	}
	return nil, a.Index.Refresh(ctx)
}

func (a *API) releaseSignal(ctx context.Context, in *signalInput) (*none, error) {
	if err := a.Lists.Release(ctx, caller(ctx).Actor.ID, in.Name, in.ID); err != nil {
		return nil, err
	}
	return nil, a.Index.Refresh(ctx)
}
