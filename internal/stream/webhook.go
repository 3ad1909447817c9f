// Package stream carries events between Rowan and the platform. So far it
// carries them out: signed webhooks in the form of Standard Webhooks
// (https://www.standardwebhooks.com, specification 1.0), queued in the
// transaction of what they announce, delivered at least once, retried for three
// days and then shown to an operator.
//
// A webhook says what was decided about which identifiers. It never carries
// content, hashes or the names of lists.
package stream

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// EventTypes are the events that a webhook may ask for.
var EventTypes = []string{"verdict.made", "case.decided", "case.reopened", "case.relevant_data_wanted", "report.filed", "report.overdue",
	"authority.schema_changed", "signal.quarantined", "decision.statement",
	"child.tip", "child.help_screen", "channel.pause", "account.friction", "account.friction_ended",
	"takedown.hold", "takedown.decided", "takedown.found", "takedown.moved", "takedown.due_soon", "takedown.overdue"}

// DeliverArgs is the durable job of one delivery.
type DeliverArgs struct {
	DeliveryID string `json:"delivery_id"`
}

// Kind names the job.
func (DeliverArgs) Kind() string { return "webhook_deliver" }

// SweepArgs is the durable job that finds deliveries which nobody makes.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "webhook_sweep" }

// pauses are the waits between attempts: about three days in all.
var pauses = []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// Webhooks keeps endpoints and deliveries.
type Webhooks struct {
	store *store.Store
	now   func() time.Time
	http  *http.Client
}

// NewWebhooks returns the webhooks of a database.
func NewWebhooks(s *store.Store, now func() time.Time) *Webhooks {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: refuseMetadata}
	return &Webhooks{store: s, now: now, http: &http.Client{
		Timeout: 15 * time.Second,
		// No proxy from the environment and no redirects: what is dialled is what
		// the operator wrote.
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConns: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// refuseMetadata keeps webhooks from link-local addresses, where clouds serve
// credentials. Private addresses are fine: the platform is often next door.
func refuseMetadata(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := ap.Addr().Unmap()
	if a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.MustParseAddr("fd00:ec2::254") || a == netip.MustParseAddr("100.100.100.200") {
		return errors.New("address is not allowed for webhooks")
	}
	return nil
}

// dialable refuses at once what could never be dialled: a port that does not
// exist, an address that [refuseMetadata] refuses.
func dialable(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		return true // a name: its addresses are checked when they are dialled
	}
	return refuseMetadata("tcp", net.JoinHostPort(u.Hostname(), port), nil) == nil
}

// Create adds an endpoint for some event types, all if none is named. The
// secret ("whsec_" and 24 bytes in base 64) is returned once.
func (w *Webhooks) Create(ctx context.Context, actor, target string, events []string) (db.Webhook, error) {
	u, err := url.Parse(target)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || len(target) > 2000 || !dialable(u) {
		return db.Webhook{}, safety.Errorf(safety.Invalid, "a webhook needs an http or https URL without a password")
	}
	for _, e := range events {
		if !slices.Contains(EventTypes, e) {
			return db.Webhook{}, safety.Errorf(safety.Invalid, "unknown event type; use %s", strings.Join(EventTypes, ", "))
		}
	}
	key := make([]byte, 24)
	_, _ = rand.Read(key) // never fails
	now := w.now()
	hook := db.Webhook{ID: safety.NewID("whk", now), Url: target, Secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
		Events: strings.Join(events, " "), CreatedAt: store.Micros(now)}
	err = w.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.CreateWebhook(ctx, db.CreateWebhookParams{ID: hook.ID, Url: hook.Url, Secret: hook.Secret, Events: hook.Events, CreatedAt: hook.CreatedAt})
		if err != nil {
			return fmt.Errorf("creating webhook: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "webhook.create", Subject: hook.ID, Detail: u.Host})
	})
	return hook, err
}

// Delete removes an endpoint; what is queued for it is not sent.
func (w *Webhooks) Delete(ctx context.Context, actor, id string) error {
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.DeleteWebhook(ctx, id, store.Micros(w.now()))
		if err != nil {
			return fmt.Errorf("deleting webhook: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.NotFound, "no such webhook")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: w.now(), Actor: actor, Action: "webhook.delete", Subject: id})
	})
}

// message is the body of a webhook.
type message struct {
	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

// Announce queues an event for every endpoint that asked for its type.
func (w *Webhooks) Announce(ctx context.Context, tx *store.Tx, e safety.Event) error {
	hooks, err := tx.Webhooks(ctx)
	if err != nil {
		return fmt.Errorf("reading webhooks: %w", err)
	}
	now := w.now()
	at := now
	if e.After.After(now) {
		at = e.After
	}
	body, err := json.Marshal(message{e.Type, now.UTC(), e.Data})
	if err != nil {
		return err
	}
	eventID := safety.NewID("evt", now)
	for _, h := range hooks {
		if h.Events != "" && !slices.Contains(strings.Fields(h.Events), e.Type) {
			continue
		}
		id := safety.NewID("dlv", now)
		err := tx.AddDelivery(ctx, db.AddDeliveryParams{ID: id, WebhookID: h.ID, EventID: eventID, EventType: e.Type,
			Subject: e.Subject, Body: string(body), NextAttemptAt: store.Micros(at), CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("queueing webhook: %w", err)
		}
		if err := tx.Enqueue(ctx, DeliverArgs{DeliveryID: id}, e.After); err != nil {
			return err
		}
	}
	return nil
}

// Retract cancels what is queued on a subject and has not begun to go out.
func (w *Webhooks) Retract(ctx context.Context, tx *store.Tx, subject string) (int64, error) {
	n, err := tx.CancelDeliveries(ctx, subject, store.Micros(w.now()))
	if err != nil {
		return 0, fmt.Errorf("cancelling webhooks: %w", err)
	}
	return n, nil
}

// Deliver makes one attempt. It returns a pause (store.Later) when there will be
// another.
func (w *Webhooks) Deliver(ctx context.Context, id string) error {
	q := w.store.Read()
	d, err := q.Delivery(ctx, id)
	if err != nil {
		return fmt.Errorf("reading delivery: %w", err)
	}
	if d.State == "delivered" || d.State == "cancelled" {
		return nil
	}
	hook, err := q.Webhook(ctx, d.WebhookID)
	if err != nil {
		return fmt.Errorf("reading webhook: %w", err)
	}
	if hook.DeletedAt != 0 {
		return q.DeliveryFailed(ctx, db.DeliveryFailedParams{ID: id, State: "cancelled", LastError: "the endpoint was deleted"})
	}
	status, err := w.post(ctx, hook, d)
	if err == nil {
		return q.DeliveryDone(ctx, id, int64(status), store.Micros(w.now()))
	}
	state, next, again := "failing", int64(0), error(nil)
	if n := int(d.Attempts); n < len(pauses) {
		next, again = store.Micros(w.now().Add(pauses[n])), store.Later(pauses[n])
	}
	if ferr := q.DeliveryFailed(context.WithoutCancel(ctx), db.DeliveryFailedParams{ID: id, State: state, LastStatus: int64(status),
		LastError: err.Error(), NextAttemptAt: next}); ferr != nil {
		return ferr
	}
	return again
}

func (w *Webhooks) post(ctx context.Context, hook db.Webhook, d db.Delivery) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.Url, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return 0, errors.New("the endpoint's URL cannot be used")
	}
	at := w.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Rowan-Webhooks/1")
	req.Header.Set("webhook-id", d.EventID)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("webhook-signature", Sign(hook.Secret, d.EventID, at, []byte(d.Body)))
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, errors.New("the endpoint cannot be reached")
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // lets the connection be used again
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("the endpoint answered %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}

// Sign is the webhook-signature header: "v1," and the base 64 of
// HMAC-SHA256 over "id.timestamp.body" with the secret's bytes.
func Sign(secret, id string, at time.Time, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "" // cannot happen with a secret that Create made; an empty signature verifies nowhere
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sweep enqueues deliveries that are a minute overdue: their jobs died with a
// process. A receiver may get an event twice.
func (w *Webhooks) Sweep(ctx context.Context) error {
	ids, err := w.store.Read().OverdueDeliveries(ctx, store.Micros(w.now().Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("looking for overdue webhooks: %w", err)
	}
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.Enqueue(ctx, DeliverArgs{DeliveryID: id}, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Retry asks for an immediate attempt of a delivery that failed.
func (w *Webhooks) Retry(ctx context.Context, actor, id string) error {
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		d, err := tx.Delivery(ctx, id)
		if err != nil {
			return store.NotFound(err, "delivery")
		}
		if d.State != "failing" {
			return safety.Errorf(safety.Conflict, "this delivery is %s", d.State)
		}
		if err := tx.Enqueue(ctx, DeliverArgs{DeliveryID: id}, time.Time{}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: w.now(), Actor: actor, Action: "webhook.retry", Subject: id})
	})
}
