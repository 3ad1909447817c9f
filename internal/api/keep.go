package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// HoldModel is a hold on a case: while one runs, nothing of it is destroyed.
type HoldModel struct {
	ID         string       `json:"id"`
	CaseID     string       `json:"case_id"`
	Kind       string       `json:"kind" enum:"legal_hold,preservation_request,disclosure,other"`
	Reason     string       `json:"reason"`
	Authority  string       `json:"authority,omitempty"`
	Reference  string       `json:"reference,omitempty"`
	PlacedBy   PersonModel  `json:"placed_by"`
	PlacedAt   time.Time    `json:"placed_at"`
	Asked      *AskedModel  `json:"asked,omitempty" doc:"Somebody has asked to release it; another person confirms"`
	ReleasedBy *PersonModel `json:"released_by,omitempty"`
	ReleasedAt *time.Time   `json:"released_at,omitempty"`
}

// AskedModel is a request to release a hold.
type AskedModel struct {
	By     PersonModel `json:"by"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
}

// CertificateModel says what was destroyed, when, by whom and which clocks had
// run out.
type CertificateModel struct {
	ID        string         `json:"id"`
	At        time.Time      `json:"at"`
	By        PersonModel    `json:"by"`
	Reason    string         `json:"reason"`
	Pieces    int64          `json:"pieces"`
	Bytes     int64          `json:"bytes"`
	Roles     map[string]int `json:"roles" doc:"How many pieces of each role"`
	Clocks    []ClockModel   `json:"clocks" doc:"Those that had run out"`
	DeletedAt *time.Time     `json:"deleted_at,omitempty" doc:"When the last body was confirmed to be gone from the disk; it was unreadable before"`
}

// RelevantModel is what is kept of an account around an incident.
type RelevantModel struct {
	State  string              `json:"state" enum:"not_asked,asked,overdue,received" doc:"Of what the platform was asked for"`
	From   *time.Time          `json:"from,omitempty" doc:"Of what was asked for"`
	To     *time.Time          `json:"to,omitempty"`
	DueAt  *time.Time          `json:"due_at,omitempty"`
	Pieces []RelevantDataModel `json:"pieces"`
}

// RelevantDataModel is one piece of it.
type RelevantDataModel struct {
	EvidenceID string      `json:"evidence_id"`
	Kind       string      `json:"kind"`
	MediaType  string      `json:"media_type"`
	Size       int64       `json:"size"`
	From       time.Time   `json:"from"`
	To         time.Time   `json:"to"`
	By         PersonModel `json:"by"`
	At         time.Time   `json:"at"`
	Late       bool        `json:"late" doc:"It came after it was due"`
	Outside    bool        `json:"outside" doc:"It reaches out of every window that was asked for"`
	Destroyed  bool        `json:"destroyed"`
}

// LawModel is one row of the table of clocks.
type LawModel struct {
	Name   string `json:"name"`
	Keeps  string `json:"keeps" enum:"evidence,record,due" doc:"Evidence, the row of a report, or nothing: something is due by then"`
	From   string `json:"from"`
	For    string `json:"for"`
	Basis  string `json:"basis"`
	Source string `json:"source"`
	Tag    string `json:"tag" enum:"P,S,M" doc:"How well the source was checked: official text, secondary sources, from memory"`
}

// ErasureModel is all that the platform is told: nothing that could tell a user
// why.
type ErasureModel struct {
	Status string `json:"status" enum:"completed,kept_by_law"`
}

// ErasureDetail is for people who work on cases.
type ErasureDetail struct {
	Status      string      `json:"status" enum:"completed,kept_by_law"`
	AskedAt     time.Time   `json:"asked_at"`
	CompletedAt *time.Time  `json:"completed_at,omitempty"`
	Kept        []KeptModel `json:"kept"`
}

// KeptModel is one thing that keeps a case.
type KeptModel struct {
	CaseID string     `json:"case_id"`
	Why    string     `json:"why" enum:"clock,hold,request,report,open,no clock,paused"`
	Law    string     `json:"law,omitempty"`
	Basis  string     `json:"basis"`
	Until  *time.Time `json:"until,omitempty" doc:"Absent when nobody knows yet"`
}

// GivenModel is what became of relevant data.
type GivenModel struct {
	EvidenceID string `json:"evidence_id"`
	Late       bool   `json:"late"`
	Outside    bool   `json:"outside"`
}

// PauseModel says whether destruction is paused.
type PauseModel struct {
	Paused    bool       `json:"paused"`
	PausedAt  *time.Time `json:"paused_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	TrustedAt *time.Time `json:"trusted_at,omitempty" doc:"The last time of this machine's clock that was believed"`
}

// OverviewEvidence is the state of the vault.
type OverviewEvidence struct {
	PauseModel
	Holds     int64 `json:"holds"`
	Full      bool  `json:"full" doc:"The disk is nearly full, so nothing new is taken in"`
	FreeBytes int64 `json:"free_bytes,omitempty"`
}

type (
	holdInput struct {
		CaseID
		Body struct {
			Kind      string `json:"kind" enum:"legal_hold,preservation_request,disclosure,other"`
			Reason    string `json:"reason" minLength:"1" maxLength:"2000"`
			Authority string `json:"authority,omitempty" maxLength:"200" doc:"Who asked for it"`
			Reference string `json:"reference,omitempty" maxLength:"200" doc:"Theirs"`
		}
	}
	HoldID struct {
		ID string `path:"id" maxLength:"64"`
	}
	releaseInput struct {
		HoldID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"To confirm: the reason of the one who asked, as you have read it"`
		}
	}
	holdOutput  struct{ Body HoldModel }
	holdsOutput struct {
		Body struct {
			Items []HoldModel `json:"items"`
		}
	}
	lawsOutput struct {
		Body struct {
			Items []LawModel `json:"items"`
		}
	}
	resumeInput struct {
		Body struct {
			Clock  time.Time `json:"clock" doc:"What time it is, by a clock that is not this machine's"`
			Reason string    `json:"reason" minLength:"1" maxLength:"2000"`
		}
	}
	pauseOutput struct{ Body PauseModel }
	AccountID   struct {
		ID string `path:"id" minLength:"1" maxLength:"255"`
	}
	askErasureInput struct {
		AccountID
		Body *struct {
			Reference string `json:"reference,omitempty" maxLength:"100" doc:"The platform's own number of the request; kept in the ledger"`
		}
	}
	erasureOutput struct{ Body ErasureModel }
	erasureDetail struct{ Body ErasureDetail }
	relevantInput struct {
		CaseID
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Repeating a request with the same key within a day gives the same answer"`
		Body           RelevantInput
	}
	relevantOutput struct{ Body GivenModel }
)

// RelevantInput is data of an account around an incident. It is sealed as it
// comes, and never sent anywhere by itself.
type RelevantInput struct {
	Kind      string    `json:"kind" minLength:"1" maxLength:"64" doc:"chat_logs, account_connections, or a word of your own in lower case"`
	MediaType string    `json:"media_type" minLength:"3" maxLength:"100" doc:"RFC 6838, as in application/json"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Data      []byte    `json:"data" doc:"base64, at most 16 MiB of data"`
}

// maxRelevant bounds one piece of relevant data. Send more than one.
const maxRelevant = 16 << 20

func (a *API) keepRoutes() {
	const tag = "Keeping"
	handle(a, op{method: "GET", path: "/v1/laws", id: "get-laws", tag: tag, scope: access.CasesRead, summary: "What is kept, from when and for how long, by which law"}, a.getLaws)
	handle(a, op{method: "GET", path: "/v1/holds", id: "get-holds", tag: tag, scope: access.CasesRead, summary: "The holds that run"}, a.getHolds)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/holds", id: "place-hold", tag: tag, scope: access.EvidenceHold, status: http.StatusCreated,
		summary: "Hold a case: nothing of it is destroyed until two people release the hold"}, a.placeHold)
	handle(a, op{method: "POST", path: "/v1/holds/{id}/release", id: "ask-release", tag: tag, scope: access.EvidenceHold, summary: "Ask that a hold be released"},
		a.changeHold(a.Vault.AskRelease))
	handle(a, op{method: "POST", path: "/v1/holds/{id}/release/confirm", id: "confirm-release", tag: tag, scope: access.EvidenceHold,
		summary: "Release a hold that another person asked to release"}, a.changeHold(a.Vault.ConfirmRelease))
	handle(a, op{method: "POST", path: "/v1/evidence/resume", id: "resume-destruction", tag: tag, scope: access.EvidenceHold,
		summary: "Say that the clock of this machine is right, so that destruction goes on"}, a.resumeDestruction)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/relevant-data", id: "give-relevant-data", tag: tag, scope: access.EvidenceAdd, status: http.StatusCreated,
		maxBody: maxRelevant/3*4 + 64<<10, summary: "Hand in what the platform has of an account around an incident"}, a.giveRelevant)
	handle(a, op{method: "POST", path: "/v1/accounts/{id}/erasure", id: "erase-account", tag: tag, scope: access.AccountsErase,
		summary: "Erase what is known of an account, now or when no law keeps it any more"}, a.eraseAccount)
	handle(a, op{method: "GET", path: "/v1/accounts/{id}/erasure", id: "get-erasure", tag: tag, scope: access.CasesRead,
		summary: "What became of a request for erasure, and what keeps the account"}, a.getErasure)
}

func (a *API) getLaws(context.Context, *struct{}) (*lawsOutput, error) {
	out := &lawsOutput{}
	for _, l := range vault.Laws(a.Cases.Keep()) {
		out.Body.Items = append(out.Body.Items, LawModel{l.Name, string(l.Keeps), l.From, l.For, l.Basis, l.Source, l.Tag})
	}
	return out, nil
}

func (a *API) getHolds(ctx context.Context, _ *struct{}) (*holdsOutput, error) {
	rows, err := a.Store.Read().HoldsRunning(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading holds: %w", err)
	}
	out := &holdsOutput{}
	out.Body.Items = holdModels(rows)
	return out, nil
}

func holdModels(rows []db.Hold) []HoldModel {
	out := make([]HoldModel, len(rows))
	for i, h := range rows {
		out[i] = holdModel(h)
	}
	return out
}

func holdModel(h db.Hold) HoldModel {
	m := HoldModel{ID: h.ID, CaseID: h.CaseID, Kind: h.Kind, Reason: h.Reason, Authority: h.Authority, Reference: h.Reference,
		PlacedBy: PersonModel{h.PlacedBy, h.PlacedName}, PlacedAt: store.Time(h.PlacedAt), ReleasedAt: timeOrNil(h.ReleasedAt)}
	if h.AskedAt != 0 {
		m.Asked = &AskedModel{PersonModel{h.AskedBy, h.AskedName}, store.Time(h.AskedAt), h.AskedReason}
	}
	if h.ReleasedAt != 0 {
		m.ReleasedBy = &PersonModel{h.ReleasedBy, h.ReleasedName}
	}
	return m
}

func (a *API) placeHold(ctx context.Context, in *holdInput) (out *holdOutput, err error) {
	b := in.Body
	err = a.Store.Tx(ctx, func(tx *store.Tx) error {
		h, err := a.Vault.Hold(ctx, tx, caller(ctx).Actor, in.ID, vault.NewHold{Kind: b.Kind, Reason: b.Reason, Authority: b.Authority, Reference: b.Reference})
		out = &holdOutput{holdModel(h)}
		return err
	})
	return out, err
}

// changeHold makes a handler of a step towards the release of a hold.
func (a *API) changeHold(fn func(context.Context, *store.Tx, safety.Actor, string, string) (db.Hold, error)) func(context.Context, *releaseInput) (*holdOutput, error) {
	return func(ctx context.Context, in *releaseInput) (out *holdOutput, err error) {
		err = a.Store.Tx(ctx, func(tx *store.Tx) error {
			h, err := fn(ctx, tx, caller(ctx).Actor, in.ID, in.Body.Reason)
			out = &holdOutput{holdModel(h)}
			return err
		})
		return out, err
	}
}

func (a *API) resumeDestruction(ctx context.Context, in *resumeInput) (*pauseOutput, error) {
	if err := a.Vault.Resume(ctx, caller(ctx).Actor, in.Body.Clock, in.Body.Reason); err != nil {
		return nil, err
	}
	p, err := a.Vault.Paused(ctx)
	return &pauseOutput{pauseModel(p)}, err
}

func pauseModel(p vault.Pause) PauseModel {
	return PauseModel{Paused: p.Paused, PausedAt: timeOrNil(store.Micros(p.At)), Reason: p.Reason, TrustedAt: timeOrNil(store.Micros(p.Trusted))}
}

func (a *API) eraseAccount(ctx context.Context, in *askErasureInput) (*erasureOutput, error) {
	reference := ""
	if in.Body != nil {
		reference = in.Body.Reference
	}
	e, err := a.Vault.Erase(ctx, caller(ctx).Actor.ID, in.ID, reference)
	if err != nil {
		return nil, err
	}
	return &erasureOutput{ErasureModel{erasureStatus(e)}}, nil
}

func erasureStatus(e vault.Erasure) string {
	if e.CompletedAt.IsZero() {
		return "kept_by_law"
	}
	return "completed"
}

func (a *API) getErasure(ctx context.Context, in *AccountID) (*erasureDetail, error) {
	e, err := a.Vault.Erasure(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &erasureDetail{ErasureDetail{Status: erasureStatus(e), AskedAt: e.AskedAt, CompletedAt: timeOrNil(store.Micros(e.CompletedAt)), Kept: []KeptModel{}}}
	for _, k := range e.Kept {
		out.Body.Kept = append(out.Body.Kept, KeptModel{k.CaseID, k.Why, k.Law, k.Basis, timeOrNil(store.Micros(k.Until))})
	}
	return out, nil
}

func (a *API) giveRelevant(ctx context.Context, in *relevantInput) (*relevantOutput, error) {
	b := in.Body
	if len(b.Data) > maxRelevant {
		return nil, safety.Errorf(safety.TooLarge, "data are over %d bytes; send them in parts", maxRelevant)
	}
	if _, _, err := mime.ParseMediaType(b.MediaType); err != nil {
		return nil, safety.Errorf(safety.Invalid, "media_type is not a media type")
	}
	text, err := json.Marshal([]any{in.ID, b})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	key := ""
	if in.IdempotencyKey != "" {
		key = caller(ctx).Actor.ID + " give-relevant-data " + in.IdempotencyKey
	}
	out := &relevantOutput{}
	if done, err := a.doneBefore(ctx, key, sum[:], &out.Body); done || err != nil {
		return out, err
	}
	return out, a.Store.Tx(ctx, func(tx *store.Tx) error {
		given, err := a.Cases.GiveRelevant(ctx, tx, caller(ctx).Actor, in.ID, cases.GivenData{Kind: b.Kind, MediaType: b.MediaType, From: b.From, To: b.To, Data: b.Data})
		if err != nil {
			return err
		}
		out.Body = GivenModel(given)
		return a.doneNow(ctx, tx, key, sum[:], out.Body)
	})
}

// doneBefore reads the answer of an earlier request with the same key.
func (a *API) doneBefore(ctx context.Context, key string, request []byte, out any) (bool, error) {
	if key == "" {
		return false, nil
	}
	row, err := a.Store.Read().Idempotent(ctx, key)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, safety.Wrap(safety.Unavailable, err, "idempotency keys cannot be looked up at the moment")
	}
	if string(row.Request) != string(request) {
		return false, safety.Errorf(safety.Conflict, "this Idempotency-Key was used with another request")
	}
	return true, json.Unmarshal(row.Response, out)
}

// doneNow stores an answer in the transaction of what was done, so that it is
// never done twice.
func (a *API) doneNow(ctx context.Context, tx *store.Tx, key string, request []byte, out any) error {
	if key == "" {
		return nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	n, err := tx.SetIdempotent(ctx, db.SetIdempotentParams{Key: key, Request: request, Status: http.StatusCreated, Response: text, CreatedAt: store.Micros(a.Now())})
	if err != nil {
		return fmt.Errorf("storing idempotency key: %w", err)
	}
	if n == 0 {
		return safety.Errorf(safety.Conflict, "another request with this Idempotency-Key is under way; ask again")
	}
	return nil
}

// fillKeeping adds to a case what keeps it, and what was destroyed.
func (a *API) fillKeeping(ctx context.Context, q *db.Queries, c db.Case, names map[string]string, out *CaseDetail) error {
	holds, err := q.HoldsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	out.Holds = holdModels(holds)
	cert, err := q.CertificateOfCase(ctx, c.ID)
	if err == nil {
		out.Certificate, err = certificateModel(cert, names)
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	return a.fillRelevant(ctx, q, c, names, out)
}

func certificateModel(c db.Certificate, names map[string]string) (*CertificateModel, error) {
	m := &CertificateModel{ID: c.ID, At: store.Time(c.At), By: PersonModel{c.Actor, nameOr(names, c.Actor)}, Reason: c.Reason, Pieces: c.Pieces, Bytes: c.Bytes,
		DeletedAt: timeOrNil(c.DeletedAt), Roles: map[string]int{}, Clocks: []ClockModel{}}
	if err := json.Unmarshal([]byte(c.Roles), &m.Roles); err != nil {
		return nil, fmt.Errorf("stored certificate: %w", err)
	}
	if err := json.Unmarshal([]byte(c.Clocks), &m.Clocks); err != nil {
		return nil, fmt.Errorf("stored certificate: %w", err)
	}
	for i := range m.Clocks {
		m.Clocks[i].Keeps = string(vault.KeepsEvidence)
	}
	return m, nil
}

func (a *API) fillRelevant(ctx context.Context, q *db.Queries, c db.Case, names map[string]string, out *CaseDetail) error {
	wants, err := q.RelevantWantsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	rows, err := q.RelevantDataOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	m := &RelevantModel{State: "not_asked", Pieces: []RelevantDataModel{}}
	for _, w := range wants {
		from, to, due := store.Time(w.FromAt), store.Time(w.ToAt), store.Time(w.DueAt)
		if m.From == nil || from.Before(*m.From) {
			m.From = &from
		}
		if m.To == nil || to.After(*m.To) {
			m.To = &to
		}
		if m.DueAt == nil || due.Before(*m.DueAt) {
			m.DueAt = &due
		}
		m.State = "asked"
	}
	given := false
	for _, r := range rows {
		given = given || r.GivenBy != safety.System.ID
		m.Pieces = append(m.Pieces, RelevantDataModel{r.EvidenceID, r.Kind, r.MediaType, r.Size, store.Time(r.FromAt), store.Time(r.ToAt),
			PersonModel{r.GivenBy, nameOr(names, r.GivenBy)}, store.Time(r.GivenAt), r.Late, r.Outside, r.DestroyedAt != 0})
	}
	switch {
	case given:
		m.State = "received"
	case m.DueAt != nil && a.Now().After(*m.DueAt):
		m.State = "overdue"
	}
	out.Relevant = m
	return nil
}

func (a *API) overviewEvidence(ctx context.Context, q *db.Queries, o *Overview) error {
	p, err := a.Vault.Paused(ctx)
	if err != nil {
		return err
	}
	holds, err := q.HoldsRunning(ctx)
	if err != nil {
		return err
	}
	free, _, err := a.Vault.Free()
	if err != nil {
		return err
	}
	o.Evidence = OverviewEvidence{PauseModel: pauseModel(p), Holds: int64(len(holds)), Full: a.Vault.Room() != nil, FreeBytes: int64(min(free, 1<<62))}
	return nil
}
