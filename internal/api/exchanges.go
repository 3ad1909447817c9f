package api

import (
	"context"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/match/exchange"
)

// ListExchangeModel is one exchange, without its credentials.
type ListExchangeModel struct {
	Name            string            `json:"name"`
	Kind            string            `json:"kind" enum:"ncmec,stopncii,threatexchange,tat,arachnid,list"`
	List            string            `json:"list" doc:"The list that it feeds"`
	Settings        exchange.Settings `json:"settings"`
	HasCredentials  bool              `json:"has_credentials"`
	IntervalSeconds int64             `json:"interval_seconds"`
	Enabled         bool              `json:"enabled"`
	Feedback        bool              `json:"feedback" doc:"Reviewers' votes are sent"`
	State           string            `json:"state" enum:"off,syncing,waiting_for_person,failing,stale,ok,new"`
	Problem         string            `json:"problem,omitempty" doc:"What went wrong last, in words"`
	Entries         int64             `json:"entries"`
	LastSuccessAt   *time.Time        `json:"last_success_at,omitempty"`
	LastStartedAt   *time.Time        `json:"last_started_at,omitempty"`
	NextAt          time.Time         `json:"next_at"`
	Failures        int64             `json:"failures" doc:"Since the last success"`
	Stale           bool              `json:"stale" doc:"No success for longer than three intervals"`
	HeldRemovals    int64             `json:"held_removals" doc:"Removals that wait for a person"`
	Changes         int64             `json:"changes" doc:"This and the next: since it was made"`
	Removals        int64             `json:"removals"`
	Malformed       int64             `json:"malformed" doc:"Fingerprints that could not be read"`
	Unknown         int64             `json:"unknown" doc:"Fingerprints of types that Rowan does not know"`
	Outdated        int64             `json:"outdated" doc:"Changes older than what was known"`
	Asked           int64             `json:"asked" doc:"Uploads that arachnid was asked about"`
	Skipped         int64             `json:"skipped" doc:"Uploads that it could not be asked about: no PDQ hash or one of low quality, or a surface that is not asked about"`
	Votes           VotesModel        `json:"votes"`
}

// VotesModel counts the votes of an exchange.
type VotesModel struct {
	Waiting int64 `json:"waiting"`
	Sent    int64 `json:"sent"`
	Refused int64 `json:"refused"`
}

// NewListExchangeModel makes an exchange.
type NewListExchangeModel struct {
	Name string `json:"name" minLength:"1" maxLength:"64" doc:"a-z, 0-9, dot, dash, underscore"`
	Kind string `json:"kind" enum:"ncmec,stopncii,threatexchange,tat,arachnid,list"`
	List string `json:"list" minLength:"1" maxLength:"64" doc:"An empty list that nothing else feeds"`
	ListExchangeOptions
}

// ListExchangeOptions are what can be changed of an exchange.
type ListExchangeOptions struct {
	Settings        *exchange.Settings    `json:"settings,omitempty"`
	Credentials     *exchange.Credentials `json:"credentials,omitempty" writeOnly:"true" doc:"Stored sealed and never returned"`
	IntervalSeconds *int64                `json:"interval_seconds,omitempty" minimum:"60" maximum:"604800" doc:"At least 600, but for arachnid"`
	Enabled         *bool                 `json:"enabled,omitempty"`
	Feedback        *bool                 `json:"feedback,omitempty" doc:"Send reviewers' votes; off by default"`
}

type (
	exchangeOutput  struct{ Body ListExchangeModel }
	exchangesOutput struct {
		Body struct {
			Items []ListExchangeModel `json:"items"`
		}
	}
	newExchangeInput   struct{ Body NewListExchangeModel }
	patchExchangeInput struct {
		ListName
		Body ListExchangeOptions
	}
	syncInput struct {
		ListName
		Whole bool `query:"whole" doc:"Read everything again, from the beginning"`
	}
)

func (a *API) exchangeRoutes() {
	const tag = "Exchanges"
	handle(a, op{method: "GET", path: "/v1/exchanges", id: "get-exchanges", tag: tag, scope: access.ListsRead, summary: "All exchanges and how they are"}, a.getExchanges)
	handle(a, op{method: "POST", path: "/v1/exchanges", id: "create-exchange", tag: tag, scope: access.ListsWrite, summary: "Feed a list from elsewhere",
		status: http.StatusCreated}, a.createExchange)
	handle(a, op{method: "GET", path: "/v1/exchanges/{name}", id: "get-exchange", tag: tag, scope: access.ListsRead, summary: "One exchange and how it is"}, a.getExchange)
	handle(a, op{method: "PATCH", path: "/v1/exchanges/{name}", id: "change-exchange", tag: tag, scope: access.ListsWrite,
		summary: "Change an exchange; new settings read everything again"}, a.patchExchange)
	handle(a, op{method: "DELETE", path: "/v1/exchanges/{name}", id: "delete-exchange", tag: tag, scope: access.ListsWrite,
		summary: "End an exchange; its list stays as it is", status: http.StatusNoContent}, a.deleteExchange)
	handle(a, op{method: "POST", path: "/v1/exchanges/{name}/sync", id: "sync-exchange", tag: tag, scope: access.ListsWrite,
		summary: "Sync as soon as a worker is free", status: http.StatusAccepted}, a.syncExchange)
	handle(a, op{method: "POST", path: "/v1/exchanges/{name}/allow-removals", id: "allow-removals", tag: tag, scope: access.ListsWrite,
		summary: "Consent to the removals that the last sync held back", status: http.StatusAccepted}, a.allowRemovals)
}

func exchangeModel(e exchange.Exchange) ListExchangeModel {
	return ListExchangeModel{Name: e.Name, Kind: string(e.Kind), List: e.List, Settings: e.Settings, HasCredentials: e.Credentials,
		IntervalSeconds: int64(e.Interval / time.Second), Enabled: e.Enabled, Feedback: e.Feedback, State: exchangeState(e), Problem: e.LastError,
		Entries: e.Entries, LastSuccessAt: optional(e.LastSuccess), LastStartedAt: optional(e.LastStarted), NextAt: e.NextAt, Failures: e.Failures,
		Stale: e.Stale, HeldRemovals: e.Held, Changes: e.Changes, Removals: e.Removals, Malformed: e.Malformed, Unknown: e.Unknown,
		Outdated: e.Outdated, Asked: e.Asked, Skipped: e.Skipped, Votes: VotesModel{e.VotesWaiting, e.VotesSent, e.VotesRefused}}
}

// exchangeState is the one thing to know of an exchange.
func exchangeState(e exchange.Exchange) string {
	switch {
	case !e.Enabled:
		return "off"
	case e.Held > 0:
		return "waiting_for_person"
	case e.Stale:
		return "stale"
	case e.LastError != "":
		return "failing"
	case e.Running:
		return "syncing"
	case e.LastSuccess.IsZero():
		return "new"
	}
	return "ok"
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (o ListExchangeOptions) config() exchange.Config {
	c := exchange.Config{Settings: o.Settings, Credentials: o.Credentials, Enabled: o.Enabled, Feedback: o.Feedback}
	if o.IntervalSeconds != nil {
		c.Interval = new(time.Duration(*o.IntervalSeconds) * time.Second)
	}
	return c
}

func (a *API) getExchanges(ctx context.Context, _ *struct{}) (*exchangesOutput, error) {
	all, err := a.Exchanges.All(ctx)
	if err != nil {
		return nil, err
	}
	out := &exchangesOutput{}
	out.Body.Items = make([]ListExchangeModel, len(all))
	for i, e := range all {
		out.Body.Items[i] = exchangeModel(e)
	}
	return out, nil
}

func (a *API) getExchange(ctx context.Context, in *ListName) (*exchangeOutput, error) {
	e, err := a.Exchanges.Get(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &exchangeOutput{exchangeModel(e)}, nil
}

func (a *API) createExchange(ctx context.Context, in *newExchangeInput) (*exchangeOutput, error) {
	b := in.Body
	if err := a.Exchanges.Create(ctx, caller(ctx).Actor.ID, b.Name, exchange.Kind(b.Kind), b.List, b.config()); err != nil {
		return nil, err
	}
	return a.getExchange(ctx, &ListName{Name: b.Name})
}

func (a *API) patchExchange(ctx context.Context, in *patchExchangeInput) (*exchangeOutput, error) {
	if err := a.Exchanges.Change(ctx, caller(ctx).Actor.ID, in.Name, in.Body.config()); err != nil {
		return nil, err
	}
	return a.getExchange(ctx, &in.ListName)
}

func (a *API) deleteExchange(ctx context.Context, in *ListName) (*none, error) {
	return nil, a.Exchanges.Delete(ctx, caller(ctx).Actor.ID, in.Name)
}

func (a *API) syncExchange(ctx context.Context, in *syncInput) (*exchangeOutput, error) {
	if err := a.Exchanges.Ask(ctx, caller(ctx).Actor.ID, in.Name, in.Whole); err != nil {
		return nil, err
	}
	return a.getExchange(ctx, &in.ListName)
}

func (a *API) allowRemovals(ctx context.Context, in *ListName) (*exchangeOutput, error) {
	if err := a.Exchanges.Allow(ctx, caller(ctx).Actor.ID, in.Name); err != nil {
		return nil, err
	}
	return a.getExchange(ctx, in)
}
