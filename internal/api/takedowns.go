package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/takedown"
)

type (
	TakedownID struct {
		ID string `path:"id" maxLength:"64"`
	}
	takedownIn struct {
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Repeating a request with the same key within a day gives the same answer"`
		Body           TakedownInput
	}
	takedownOut struct{ Body TakedownReceipt }
	takedownsIn struct {
		State string `query:"state" enum:"waiting,open,decided,removed,refused,moved,all" default:"waiting" doc:"waiting: open and decided, by the time left; the others newest first"`
		Page
	}
	takedownsOut struct {
		Body struct {
			Items      []TakedownSummary `json:"items"`
			NextCursor string            `json:"next_cursor,omitempty"`
			Counts     TakedownCounts    `json:"counts"`
		}
	}
	takedownDetailOut  struct{ Body TakedownDetail }
	takedownDecisionIn struct {
		TakedownID
		Body struct {
			Outcome string   `json:"outcome" enum:"take_down,refuse"`
			Reason  string   `json:"reason,omitempty" maxLength:"64" doc:"Of a refusal: one of the notice's reasons"`
			Note    string   `json:"note,omitempty" maxLength:"2000" doc:"Kept with the decision, not in the ledger"`
			LeaveUp []string `json:"leave_up,omitempty" maxItems:"1000" doc:"Ids of items that were found and are another thing"`
		}
	}
	takedownRemovalIn struct {
		TakedownID
		Body struct {
			Items []TakedownRemoval `json:"items" minItems:"1" maxItems:"1000"`
		}
	}
	takedownComplaintIn struct {
		TakedownID
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Repeating a request with the same key within a day gives the same answer"`
		Body           struct {
			Party      string     `json:"party" enum:"reporter,uploader"`
			Text       string     `json:"text,omitempty" maxLength:"2000"`
			ReceivedAt *time.Time `json:"received_at,omitempty"`
		}
	}
	takedownComplaintOut struct {
		Body struct {
			ID string `json:"id"`
		}
	}
	takedownJudgeIn struct {
		TakedownID
		Complaint string `path:"complaint" maxLength:"64"`
		Body      struct {
			Upheld bool   `json:"upheld"`
			Reason string `json:"reason,omitempty" maxLength:"64" doc:"When it makes a refusal of a takedown"`
			Note   string `json:"note,omitempty" maxLength:"2000"`
		}
	}
	takedownContactIn struct {
		TakedownID
		Body struct {
			Why string `json:"why" minLength:"1" maxLength:"300" doc:"Goes into the ledger"`
		}
	}
	takedownContactOut struct {
		Body struct {
			Contact string `json:"contact"`
		}
	}
)

// TakedownCounts counts all notices.
type TakedownCounts struct {
	Open        int64 `json:"open"`
	Decided     int64 `json:"decided"`
	Removed     int64 `json:"removed"`
	Refused     int64 `json:"refused"`
	Moved       int64 `json:"moved"`
	Late        int64 `json:"late" doc:"Ended after their time, or wait past it"`
	Unconfirmed int64 `json:"unconfirmed" doc:"Contents to be removed and not confirmed"`
	Complaints  int64 `json:"complaints" doc:"That wait"`
}

func (a *API) takedownRoutes() {
	const tag = "Takedowns"
	handle(a, op{method: "POST", path: "/v1/takedowns", id: "post-takedown", tag: tag, scope: access.TakedownsWrite, status: 201,
		summary: "Hand in a notice that asks for an intimate image to be taken down"}, a.postTakedown)
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/removals", id: "confirm-removals", tag: tag, scope: access.TakedownsWrite,
		summary: "Confirm what was removed, and when"}, a.confirmRemovals)
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/complaints", id: "post-takedown-complaint", tag: tag, scope: access.TakedownsWrite, status: 201,
		summary: "Hand in a complaint about a decision"}, a.postComplaint)
	handle(a, op{method: "GET", path: "/v1/takedowns", id: "get-takedowns", tag: tag, scope: access.TakedownsRead, summary: "Notices"}, a.getTakedowns)
	handle(a, op{method: "GET", path: "/v1/takedowns/{id}", id: "get-takedown", tag: tag, scope: access.TakedownsRead, summary: "One notice with what was found and done"}, a.getTakedown)
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/decision", id: "decide-takedown", tag: tag, scope: access.TakedownsDecide,
		summary: "Take down, or refuse for a reason; a person"}, a.decideTakedown)
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/hold", id: "hold-takedown", tag: tag, scope: access.TakedownsDecide,
		summary: "Ask the platform for a temporary limit until the decision; a person"}, a.changeTakedown(a.Takedowns.Hold))
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/case", id: "move-takedown", tag: tag, scope: access.TakedownsDecide,
		summary: "It may be about a child: open a case on the child-safety path; a person"}, a.changeTakedown(a.Takedowns.Move))
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/complaints/{complaint}/decision", id: "judge-takedown", tag: tag, scope: access.TakedownsDecide,
		summary: "Decide a complaint; another person than those who decided before"}, a.judgeTakedown)
	handle(a, op{method: "POST", path: "/v1/takedowns/{id}/contact", id: "see-takedown-contact", tag: tag, scope: access.TakedownsDecide,
		summary: "See the contact of the one who asks; recorded with who and why"}, a.seeContact)
}

func (a *API) postTakedown(ctx context.Context, in *takedownIn) (*takedownOut, error) {
	a.Remembered(ctx)
	out := &takedownOut{}
	return out, a.once(ctx, "post-takedown", in.IdempotencyKey, in.Body, &out.Body, func(tx *store.Tx) error {
		id, err := a.Takedowns.Receive(ctx, tx, caller(ctx).Actor, in.Body.notice())
		if err != nil {
			return err
		}
		return a.receipt(ctx, tx, id, &out.Body)
	})
}

// once does something in a transaction, and only once for a key.
func (a *API) once(ctx context.Context, operation, key string, request, out any, fn func(*store.Tx) error) error {
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	if key != "" {
		key = caller(ctx).Actor.ID + " " + operation + " " + key
	}
	if done, err := a.doneBefore(ctx, key, sum[:], out); done || err != nil {
		return err
	}
	return a.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return a.doneNow(ctx, tx, key, sum[:], out)
	})
}

func (a *API) receipt(ctx context.Context, tx *store.Tx, id string, out *TakedownReceipt) error {
	n, err := tx.Takedown(ctx, id)
	if err != nil {
		return store.NotFound(err, "takedown notice")
	}
	v, err := a.Takedowns.Show(ctx, tx.Queries, n)
	*out = takedownReceipt(v)
	return err
}

func (a *API) confirmRemovals(ctx context.Context, in *takedownRemovalIn) (*takedownOut, error) {
	var gone []takedown.Removal
	for _, it := range in.Body.Items {
		r := takedown.Removal{Named: takedown.Named(it.NamedModel)}
		if it.RemovedAt != nil {
			r.At = *it.RemovedAt
		}
		gone = append(gone, r)
	}
	out := &takedownOut{}
	return out, a.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := a.Takedowns.Confirm(ctx, tx, caller(ctx).Actor, in.ID, gone); err != nil {
			return err
		}
		return a.receipt(ctx, tx, in.ID, &out.Body)
	})
}

func (a *API) postComplaint(ctx context.Context, in *takedownComplaintIn) (*takedownComplaintOut, error) {
	c := takedown.Complaint{Party: in.Body.Party, Text: in.Body.Text}
	if in.Body.ReceivedAt != nil {
		c.ReceivedAt = *in.Body.ReceivedAt
	}
	out := &takedownComplaintOut{}
	return out, a.once(ctx, "post-takedown-complaint", in.IdempotencyKey, []any{in.ID, in.Body}, &out.Body, func(tx *store.Tx) (err error) {
		out.Body.ID, err = a.Takedowns.Complain(ctx, tx, caller(ctx).Actor, in.ID, c)
		return err
	})
}

func (a *API) getTakedowns(ctx context.Context, in *takedownsIn) (*takedownsOut, error) {
	rows, next, err := a.takedownPage(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &takedownsOut{}
	out.Body.NextCursor, out.Body.Items = next, make([]TakedownSummary, len(rows))
	for i, r := range rows {
		v, err := a.Takedowns.Show(ctx, a.Store.Read(), r)
		if err != nil {
			return nil, err
		}
		out.Body.Items[i] = takedownSummary(v)
	}
	c, err := a.Takedowns.Count(ctx)
	out.Body.Counts = TakedownCounts{c.ByState[takedown.Open], c.ByState[takedown.Decided], c.ByState[takedown.Removed], c.ByState[takedown.Refused],
		c.ByState[takedown.Moved], c.Late, c.Unconfirmed, c.Complaints}
	return out, err
}

func (a *API) takedownPage(ctx context.Context, in *takedownsIn) (rows []db.Takedown, next string, err error) {
	state, waiting := in.State, false
	switch in.State {
	case "waiting":
		state, waiting = "", true
	case "open", "decided":
		waiting = true
	case "all":
		state = ""
	}
	at := newest()
	if waiting {
		at = timeMark{}
	}
	if err := position(in.Cursor, &at); err != nil {
		return nil, "", err
	}
	if waiting {
		rows, err = a.Store.Read().TakedownsByDue(ctx, db.TakedownsByDueParams{State: state, DueAt: at.At, ID: at.ID, Limit: int32(in.Limit)})
	} else {
		rows, err = a.Store.Read().TakedownsNewest(ctx, db.TakedownsNewestParams{State: state, ReceivedAt: at.At, ID: at.ID, Limit: int32(in.Limit)})
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading notices: %w", err)
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		next = mark(timeMark{last.ReceivedAt, last.ID})
		if waiting {
			next = mark(timeMark{last.DueAt, last.ID})
		}
	}
	return rows, next, nil
}

func (a *API) getTakedown(ctx context.Context, in *TakedownID) (*takedownDetailOut, error) {
	d, err := a.takedownDetail(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &takedownDetailOut{*d}, nil
}

func (a *API) decideTakedown(ctx context.Context, in *takedownDecisionIn) (*takedownDetailOut, error) {
	b := in.Body
	err := a.Store.Tx(ctx, func(tx *store.Tx) error {
		return a.Takedowns.Decide(ctx, tx, caller(ctx).Actor, in.ID, takedown.Decision{Outcome: takedown.Outcome(b.Outcome), Reason: b.Reason, Note: b.Note, LeaveUp: b.LeaveUp})
	})
	if err != nil {
		return nil, err
	}
	return a.getTakedown(ctx, &in.TakedownID)
}

// changeTakedown makes a handler of a step that needs nothing but the notice.
func (a *API) changeTakedown(fn func(context.Context, *store.Tx, safety.Actor, string) error) func(context.Context, *TakedownID) (*takedownDetailOut, error) {
	return func(ctx context.Context, in *TakedownID) (*takedownDetailOut, error) {
		err := a.Store.Tx(ctx, func(tx *store.Tx) error { return fn(ctx, tx, caller(ctx).Actor, in.ID) })
		if err != nil {
			return nil, err
		}
		return a.getTakedown(ctx, in)
	}
}

func (a *API) judgeTakedown(ctx context.Context, in *takedownJudgeIn) (*takedownDetailOut, error) {
	err := a.Store.Tx(ctx, func(tx *store.Tx) error {
		return a.Takedowns.Judge(ctx, tx, caller(ctx).Actor, in.ID, in.Complaint, takedown.Judgement(in.Body))
	})
	if err != nil {
		return nil, err
	}
	return a.getTakedown(ctx, &in.TakedownID)
}

func (a *API) seeContact(ctx context.Context, in *takedownContactIn) (*takedownContactOut, error) {
	out := &takedownContactOut{}
	err := a.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		out.Body.Contact, err = a.Takedowns.Contact(ctx, tx, caller(ctx).Actor, in.ID, in.Body.Why)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
