package api

import (
	"context"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
)

// PartyModel is one of the two, as far as the platform tells. What is left out is
// what events have told before.
type PartyModel struct {
	ID           string     `json:"id" minLength:"1" maxLength:"255"`
	AgeBand      string     `json:"age_band,omitempty" enum:"under13,13-15,16-17,adult"`
	Age          *int       `json:"age,omitempty" minimum:"0" maximum:"150"`
	AgeSource    string     `json:"age_source,omitempty" enum:"self_declared,inferred,estimated,verified"`
	CreatedAt    *time.Time `json:"created_at,omitempty" doc:"Of the account"`
	Jurisdiction string     `json:"jurisdiction,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2, upper case"`
}

// ContactModel asks whether one account may contact another.
type ContactModel struct {
	Actor     PartyModel `json:"actor"`
	Target    PartyModel `json:"target"`
	Connected *bool      `json:"connected,omitempty"`
	Mutuals   *int       `json:"mutuals,omitempty" minimum:"0" doc:"Connections in common"`
	Family    *bool      `json:"family,omitempty" doc:"As the platform has verified"`
	Surface   string     `json:"surface,omitempty" enum:"public,private,encrypted"`
}

// ContactAnswer is the answer. Reasons are for people, and not for the actor.
type ContactAnswer struct {
	Verdict     string   `json:"verdict" enum:"allow,confirm,deny" doc:"confirm: the child says yes before they see anything"`
	Reasons     []string `json:"reasons"`
	Obligations []string `json:"obligations" doc:"What the platform does beside: tip_target, hold_links, no_recommendation, hide_location, metadata_only"`
	Rules       string   `json:"rules" doc:"Version of the switches"`
}

// FrictionModel is what slows an account down.
type FrictionModel struct {
	AccountID string     `json:"account_id"`
	Active    bool       `json:"active"`
	From      *time.Time `json:"from,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	Why       []string   `json:"why" doc:"Kinds of sign that led to it; none where a person imposed it"`
	By        string     `json:"by,omitempty" doc:"The person, if one imposed it"`
	LiftedAt  *time.Time `json:"lifted_at,omitempty"`
	LiftedBy  string     `json:"lifted_by,omitempty"`
}

type (
	contactInput  struct{ Body ContactModel }
	contactOutput struct{ Body ContactAnswer }
	frictionInput struct {
		AccountID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Kept in the ledger"`
		}
	}
	frictionOutput struct{ Body FrictionModel }
)

func (a *API) contactRoutes() {
	const tag = "Conversations"
	handle(a, op{method: "POST", path: "/v1/contacts/check", id: "check-contact", tag: tag, scope: access.EventsWrite,
		summary: "May this account contact that one?"}, a.checkContact)
	handle(a, op{method: "GET", path: "/v1/accounts/{id}/friction", id: "get-friction", tag: tag, scope: access.CasesRead,
		summary: "What slows an account down"}, a.getFriction)
	handle(a, op{method: "POST", path: "/v1/accounts/{id}/friction", id: "impose-friction", tag: tag, scope: access.CasesDecide,
		summary: "Slow an account down for 72 hours"}, a.frictionChange(func(ctx context.Context, who safety.Actor, id, reason string) (conversation.FrictionState, error) {
		return a.Conversations.Impose(ctx, who, id, reason)
	}))
	handle(a, op{method: "POST", path: "/v1/accounts/{id}/friction/lift", id: "lift-friction", tag: tag, scope: access.CasesDecide,
		summary: "End it early, as after an appeal", status: http.StatusOK}, a.frictionChange(func(ctx context.Context, who safety.Actor, id, reason string) (conversation.FrictionState, error) {
		return a.Conversations.Lift(ctx, who, id, reason)
	}))
}

func (p PartyModel) party() conversation.Party {
	out := conversation.Party{ID: p.ID, AgeBand: p.AgeBand, Age: p.Age, AgeSource: p.AgeSource, Jurisdiction: safety.Jurisdiction(p.Jurisdiction)}
	if p.CreatedAt != nil {
		out.CreatedAt = *p.CreatedAt
	}
	return out
}

func (a *API) checkContact(ctx context.Context, in *contactInput) (*contactOutput, error) {
	b := in.Body
	got, err := a.Conversations.Check(ctx, conversation.Contact{Actor: b.Actor.party(), Target: b.Target.party(), Encrypted: b.Surface == string(safety.SurfaceEncrypted),
		Relation: conversation.Relation{Connected: b.Connected, Mutuals: b.Mutuals, Family: b.Family}})
	if err != nil {
		return nil, err
	}
	out := &contactOutput{ContactAnswer{Verdict: verdictName(got.Verdict), Reasons: []string{}, Obligations: []string{}, Rules: got.Switches}}
	for _, r := range got.Reasons {
		out.Body.Reasons = append(out.Body.Reasons, string(r))
	}
	for _, o := range got.Obligations {
		out.Body.Obligations = append(out.Body.Obligations, string(o))
	}
	return out, nil
}

// verdictName is deny for what is not known, so that a mistake is no permission.
func verdictName(v conduct.Verdict) string {
	switch v {
	case conduct.Allow:
		return "allow"
	case conduct.Confirm:
		return "confirm"
	}
	return "deny"
}

func (a *API) getFriction(ctx context.Context, in *AccountID) (*frictionOutput, error) {
	f, err := a.Conversations.Friction(ctx, in.ID)
	return a.frictionOf(ctx, f, err)
}

func (a *API) frictionChange(fn func(context.Context, safety.Actor, string, string) (conversation.FrictionState, error)) func(context.Context, *frictionInput) (*frictionOutput, error) {
	return func(ctx context.Context, in *frictionInput) (*frictionOutput, error) {
		f, err := fn(ctx, caller(ctx).Actor, in.ID, in.Body.Reason)
		return a.frictionOf(ctx, f, err)
	}
}

func (a *API) frictionOf(ctx context.Context, f conversation.FrictionState, err error) (*frictionOutput, error) {
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	m := FrictionModel{AccountID: f.AccountID, Active: f.Active, From: momentOrNil(f.From), Until: momentOrNil(f.Until), Why: []string{}, LiftedAt: momentOrNil(f.LiftedAt)}
	for _, w := range f.Why {
		m.Why = append(m.Why, string(w))
	}
	if f.By != "" {
		m.By = nameOr(names, f.By)
	}
	if f.LiftedBy != "" {
		m.LiftedBy = nameOr(names, f.LiftedBy)
	}
	return &frictionOutput{m}, nil
}

func momentOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
