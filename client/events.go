package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Event is something that happened on the service, as a CloudEvent: see
// docs/events.md for the types and what Data holds.
type Event struct {
	ID     string    // unique with Source; sent twice it counts once
	Source string    // the part of the service that speaks
	Type   string    // "message", "contact_request", "block", …
	Time   time.Time // zero: now
	Data   any
}

func (e Event) text() (json.RawMessage, error) {
	m := map[string]any{"specversion": "1.0", "id": e.ID, "source": e.Source, "type": e.Type, "datacontenttype": "application/json", "data": e.Data}
	if !e.Time.IsZero() {
		m["time"] = e.Time.UTC().Format(time.RFC3339Nano)
	}
	return json.Marshal(m)
}

// EventResult says what became of one event.
type EventResult struct {
	ID      string `json:"id"`
	Status  string `json:"status"` // accepted, duplicate or refused
	Problem string `json:"problem"`
}

// EventVerdict is the answer about a message on hold.
type EventVerdict struct {
	Verdict    Verdict  `json:"verdict"` // "" where nothing was looked at, which is no Allow
	Scan       string   `json:"scan"`
	ScanReason string   `json:"scan_reason"`
	Steps      []string `json:"steps"`
}

type eventsAnswer struct {
	Results []EventResult `json:"results"`
	Verdict *EventVerdict `json:"verdict"`
}

// SendEvents hands over up to 1,000 events. A nil error says that every one is on
// disk and will be applied. When some were refused, the results come with an error.
func (c *Client) SendEvents(ctx context.Context, events ...Event) ([]EventResult, error) {
	batch := make([]json.RawMessage, len(events))
	for i, e := range events {
		text, err := e.text()
		if err != nil {
			return nil, err
		}
		batch[i] = text
	}
	body, err := json.Marshal(batch)
	if err != nil {
		return nil, err
	}
	var out eventsAnswer
	if err := c.do(ctx, http.MethodPost, "/v1/events", "application/cloudevents-batch+json", body, &out); err != nil {
		return nil, err
	}
	if len(out.Results) != len(events) {
		return nil, errors.New("rowan: an answer that does not answer for every event")
	}
	for i, r := range out.Results {
		if r.Status != "accepted" && r.Status != "duplicate" {
			return out.Results, fmt.Errorf("rowan: event %d was refused: %s", i, r.Problem)
		}
	}
	return out.Results, nil
}

// CheckMessage hands over one message that the service holds, and waits for the
// verdict. Whatever goes wrong, the message is to stay on hold.
func (c *Client) CheckMessage(ctx context.Context, e Event) (EventVerdict, error) {
	text, err := e.text()
	if err != nil {
		return EventVerdict{}, err
	}
	var out eventsAnswer
	if err := c.do(ctx, http.MethodPost, "/v1/events?wait=verdict", "application/cloudevents+json", text, &out); err != nil {
		return EventVerdict{}, err
	}
	if out.Verdict == nil || out.Verdict.Verdict != "" && !out.Verdict.Verdict.known() {
		return EventVerdict{}, errors.New("rowan: an answer without a known verdict")
	}
	return *out.Verdict, nil
}

// Contact is what Rowan says about one account that wants to contact another.
type Contact struct {
	Verdict     string   `json:"verdict"` // allow, confirm or deny
	Reasons     []string `json:"reasons"` // for people, not for the actor
	Obligations []string `json:"obligations"`
}

// CheckContact asks whether an account may contact another. question has the members
// of the API's ContactModel.
func (c *Client) CheckContact(ctx context.Context, question any) (Contact, error) {
	var out Contact
	if err := c.json(ctx, http.MethodPost, "/v1/contacts/check", question, &out); err != nil {
		return Contact{}, err
	}
	if out.Verdict != "allow" && out.Verdict != "confirm" && out.Verdict != "deny" {
		return Contact{}, errors.New("rowan: an answer without a known verdict")
	}
	return out, nil
}
