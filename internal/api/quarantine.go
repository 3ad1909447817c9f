package api

import (
	"context"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/stream"
)

// QuarantinedModel is an event that could not be applied. Its body is not shown: it
// may hold what people wrote.
type QuarantinedModel struct {
	ID        string     `json:"id"`
	Source    string     `json:"source,omitempty" doc:"Left out where the event could not be read"`
	At        time.Time  `json:"at"`
	Reason    string     `json:"reason"`
	State     string     `json:"state" enum:"held,replaying,replayed,discarded"`
	Tries     int        `json:"tries"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
}

type (
	quarantineInput struct {
		State string `query:"state" enum:"held,replaying,replayed,discarded" default:"held"`
		Page
	}
	quarantineOutput struct {
		Body struct {
			Waiting    int64              `json:"waiting" doc:"Held, or on their way back"`
			Items      []QuarantinedModel `json:"items"`
			NextCursor string             `json:"next_cursor,omitempty"`
		}
	}
	QuarantinedID struct {
		ID string `path:"id" maxLength:"64"`
	}
	discardInput struct {
		QuarantinedID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Kept in the ledger"`
		}
	}
)

func (a *API) quarantineRoutes() {
	const tag = "Conversations"
	handle(a, op{method: "GET", path: "/v1/events/quarantine", id: "get-quarantine", tag: tag, scope: access.EventsManage,
		summary: "Events that could not be applied"}, a.getQuarantine)
	handle(a, op{method: "POST", path: "/v1/events/quarantine/{id}/replay", id: "replay-event", tag: tag, scope: access.EventsManage,
		summary: "Have an event applied again"}, a.replayEvent)
	handle(a, op{method: "POST", path: "/v1/events/quarantine/{id}/discard", id: "discard-event", tag: tag, scope: access.EventsManage,
		summary: "Give an event up"}, a.discardEvent)
}

func (a *API) getQuarantine(ctx context.Context, in *quarantineInput) (*quarantineOutput, error) {
	var after string
	if err := position(in.Cursor, &after); err != nil {
		return nil, err
	}
	rows, err := a.Events.Quarantined(ctx, in.State, after, in.Limit)
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	out := &quarantineOutput{}
	if out.Body.Waiting, err = a.Events.CountQuarantined(ctx); err != nil {
		return nil, err
	}
	out.Body.Items = each(rows, func(q stream.Quarantined) QuarantinedModel {
		m := QuarantinedModel{ID: q.ID, Source: q.Source, At: q.At, Reason: q.Reason, State: q.State, Tries: q.Tries, DecidedAt: momentOrNil(q.DecidedAt)}
		if q.DecidedBy != "" {
			m.DecidedBy = nameOr(names, q.DecidedBy)
		}
		return m
	})
	if len(rows) == in.Limit {
		out.Body.NextCursor = mark(rows[len(rows)-1].ID)
	}
	return out, nil
}

func (a *API) replayEvent(ctx context.Context, in *QuarantinedID) (*none, error) {
	return nil, a.Events.QuarantineReplay(ctx, caller(ctx).Actor, in.ID)
}

func (a *API) discardEvent(ctx context.Context, in *discardInput) (*none, error) {
	return nil, a.Events.QuarantineDiscard(ctx, caller(ctx).Actor, in.ID, in.Body.Reason)
}
