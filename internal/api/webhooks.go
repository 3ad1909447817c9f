package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// WebhookModel is one endpoint of the platform.
type WebhookModel struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Events    []string  `json:"events" doc:"Event types; empty for all"`
	CreatedAt time.Time `json:"created_at"`
	Secret    string    `json:"secret,omitempty" doc:"Shown once, when it is made"`
}

// DeliveryModel is one event on its way to one endpoint.
type DeliveryModel struct {
	ID            string     `json:"id"`
	WebhookID     string     `json:"webhook_id"`
	EventType     string     `json:"event_type"`
	EventID       string     `json:"event_id"`
	State         string     `json:"state" enum:"pending,delivered,failing,cancelled"`
	Attempts      int64      `json:"attempts"`
	LastStatus    int64      `json:"last_status,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	DeliveredAt   *time.Time `json:"delivered_at,omitempty"`
}

type (
	webhooksOutput struct {
		Body struct {
			Items []WebhookModel `json:"items"`
		}
	}
	newWebhookInput struct {
		Body struct {
			URL    string   `json:"url" minLength:"1" maxLength:"2000"`
			Events []string `json:"events,omitempty" maxItems:"40"`
		}
	}
	webhookOutput struct{ Body WebhookModel }
	IDInput       struct {
		ID string `path:"id" maxLength:"64"`
	}
	pageInput        struct{ Page }
	deliveriesOutput struct {
		Body struct {
			Items      []DeliveryModel `json:"items"`
			NextCursor string          `json:"next_cursor,omitempty"`
		}
	}
)

func (a *API) webhookRoutes() {
	const tag = "Webhooks"
	handle(a, op{method: "GET", path: "/v1/webhooks", id: "get-webhooks", tag: tag, scope: access.WebhooksManage, summary: "Where events go"}, a.getWebhooks)
	handle(a, op{method: "POST", path: "/v1/webhooks", id: "create-webhook", tag: tag, scope: access.WebhooksManage, summary: "Add an endpoint",
		status: http.StatusCreated}, a.createWebhook)
	handle(a, op{method: "DELETE", path: "/v1/webhooks/{id}", id: "delete-webhook", tag: tag, scope: access.WebhooksManage, summary: "Remove an endpoint",
		status: http.StatusNoContent}, a.deleteWebhook)
	handle(a, op{method: "GET", path: "/v1/webhooks/deliveries", id: "get-deliveries", tag: tag, scope: access.OverviewRead,
		summary: "What was sent, newest first"}, a.getDeliveries)
	handle(a, op{method: "POST", path: "/v1/webhooks/deliveries/{id}/retry", id: "retry-delivery", tag: tag, scope: access.WebhooksManage,
		summary: "Send again now", status: http.StatusAccepted}, a.retryDelivery)
}

func webhookModel(w db.Webhook) WebhookModel {
	return WebhookModel{ID: w.ID, URL: w.Url, Events: append([]string{}, strings.Fields(w.Events)...), CreatedAt: store.Time(w.CreatedAt)}
}

func (a *API) getWebhooks(ctx context.Context, _ *struct{}) (*webhooksOutput, error) {
	rows, err := a.Store.Read().Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading webhooks: %w", err)
	}
	out := &webhooksOutput{}
	out.Body.Items = make([]WebhookModel, len(rows))
	for i, w := range rows {
		out.Body.Items[i] = webhookModel(w)
	}
	return out, nil
}

func (a *API) createWebhook(ctx context.Context, in *newWebhookInput) (*webhookOutput, error) {
	w, err := a.Webhooks.Create(ctx, caller(ctx).Actor.ID, in.Body.URL, in.Body.Events)
	if err != nil {
		return nil, err
	}
	m := webhookModel(w)
	m.Secret = w.Secret
	return &webhookOutput{m}, nil
}

func (a *API) deleteWebhook(ctx context.Context, in *IDInput) (*none, error) {
	return nil, a.Webhooks.Delete(ctx, caller(ctx).Actor.ID, in.ID)
}

func (a *API) getDeliveries(ctx context.Context, in *pageInput) (*deliveriesOutput, error) {
	at := newest()
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	rows, err := a.Store.Read().Deliveries(ctx, at.At, at.ID, int32(in.Limit))
	if err != nil {
		return nil, fmt.Errorf("reading deliveries: %w", err)
	}
	out := &deliveriesOutput{}
	out.Body.Items = make([]DeliveryModel, len(rows))
	for i, d := range rows {
		out.Body.Items[i] = DeliveryModel{ID: d.ID, WebhookID: d.WebhookID, EventType: d.EventType, EventID: d.EventID, State: d.State,
			Attempts: d.Attempts, LastStatus: d.LastStatus, LastError: d.LastError, CreatedAt: store.Time(d.CreatedAt),
			DeliveredAt: timeOrNil(d.DeliveredAt)}
		if d.State == "pending" || d.State == "failing" {
			out.Body.Items[i].NextAttemptAt = timeOrNil(d.NextAttemptAt)
		}
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Body.NextCursor = mark(timeMark{last.CreatedAt, last.ID})
	}
	return out, nil
}

func (a *API) retryDelivery(ctx context.Context, in *IDInput) (*none, error) {
	return nil, a.Webhooks.Retry(ctx, caller(ctx).Actor.ID, in.ID)
}
