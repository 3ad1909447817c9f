package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/store"
)

// SignalDraft is what a person confirms for other platforms.
type SignalDraft struct {
	Type      string    `json:"type" enum:"account,url,hash,keyword,payment"`
	Value     string    `json:"value" minLength:"1" maxLength:"2048" doc:"Accounts and handles leave as an HMAC only"`
	Harm      string    `json:"abuse_type" enum:"solicitation,extortion,material"`
	FirstSeen time.Time `json:"first_seen"`
	Expiry    time.Time `json:"expiry" doc:"At most a year from now"`
}

type (
	shareInput struct {
		CaseID
		Body SignalDraft
	}
	signalOutput struct{ Body json.RawMessage }
	moveInput    struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			State  string `json:"state" enum:"stands,disputed,withdrawn"`
			Reason string `json:"reason" minLength:"1" maxLength:"500"`
		}
	}
	sharedOutput struct {
		Body struct {
			Items      []json.RawMessage `json:"items" doc:"As they leave the house: rowan-signal/1, see docs/conduct.md"`
			NextCursor string            `json:"next_cursor" doc:"For the next call, also when there is nothing new"`
		}
	}
	signalMark struct {
		At int64
		ID string
	}
)

func (a *API) signalRoutes() {
	const tag = "Signals"
	handle(a, op{method: "POST", path: "/v1/cases/{id}/signals", id: "share-signal", tag: tag, scope: access.SignalsShare, status: http.StatusCreated,
		summary: "Confirm a signal for other platforms"}, a.shareSignal)
	handle(a, op{method: "GET", path: "/v1/shared-signals", id: "get-shared-signals", tag: tag, scope: access.SignalsShare,
		summary: "Signals that changed, for other platforms"}, a.getShared)
	handle(a, op{method: "POST", path: "/v1/shared-signals/{id}/state", id: "move-shared-signal", tag: tag, scope: access.SignalsShare,
		summary: "Dispute, restore or withdraw a signal"}, a.moveSignal)
}

func signalOf(s conduct.Signal, err error) (*signalOutput, error) {
	if err != nil {
		return nil, err
	}
	text, err := s.MarshalJSON()
	return &signalOutput{text}, err
}

func (a *API) shareSignal(ctx context.Context, in *shareInput) (*signalOutput, error) {
	b := in.Body
	return signalOf(a.Conversations.Share(ctx, caller(ctx).Actor, in.ID, conduct.Draft{Type: conduct.SignalType(b.Type), Value: b.Value, Harm: conduct.Harm(b.Harm),
		FirstSeen: b.FirstSeen, Expiry: b.Expiry}))
}

func (a *API) moveSignal(ctx context.Context, in *moveInput) (*signalOutput, error) {
	return signalOf(a.Conversations.MoveSignal(ctx, caller(ctx).Actor, in.ID, conduct.SignalState(in.Body.State), in.Body.Reason))
}

func (a *API) getShared(ctx context.Context, in *Page) (*sharedOutput, error) {
	var at signalMark
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	list, last, id, err := a.Conversations.Signals(ctx, store.Time(at.At), at.ID, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &sharedOutput{}
	out.Body.Items = []json.RawMessage{}
	for _, s := range list {
		text, err := s.MarshalJSON()
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, text)
	}
	out.Body.NextCursor = mark(signalMark{store.Micros(last), id})
	return out, nil
}
