package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/stream"
)

// The bounds of one request with events.
const (
	maxEventsBody = 8 << 20
	maxEvents     = 1000
)

// The media types of CloudEvents 1.0 (JSON format, sections 3 and 4), and lines.
const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
	eventLines = "application/x-ndjson"
)

// EventResult says what became of one event.
type EventResult struct {
	ID     string `json:"id" doc:"The event's own"`
	Status string `json:"status" enum:"accepted,duplicate,refused" doc:"accepted: on disk, and will be applied. refused: will not be applied; it is in quarantine where quarantined says so"`
	// Problem says what is wrong, without repeating any of it.
	Problem     string `json:"problem,omitempty"`
	Kind        string `json:"kind,omitempty" doc:"Of the problem: invalid, too_large"`
	Quarantined bool   `json:"quarantined,omitempty"`
}

// EventVerdict is the answer about a message on hold.
type EventVerdict struct {
	EventID    string   `json:"event_id"`
	Verdict    string   `json:"verdict,omitempty" enum:"allow,warn,limit,hold,block" doc:"Left out where nothing was looked at: that is no allow"`
	Scan       string   `json:"scan" enum:"scanned,partial,failed,unsupported"`
	ScanReason string   `json:"scan_reason,omitempty"`
	Steps      []string `json:"steps" doc:"What was done: tip, help_screen, channel_pause, friction, review"`
}

type (
	eventsInput struct {
		Raw
		Wait   string `query:"wait" enum:"verdict" doc:"With one event: answer when it was applied"`
		WaitMS int    `query:"wait_ms" minimum:"10" maximum:"10000" default:"2000" doc:"How long to wait at most; then the answer is hold and failed, and the event is applied all the same"`
	}
	eventsOutput struct {
		Status int
		Body   struct {
			Accepted int           `json:"accepted"`
			Refused  int           `json:"refused"`
			Results  []EventResult `json:"results"`
			Verdict  *EventVerdict `json:"verdict,omitempty" doc:"With wait=verdict"`
		}
	}
)

func (a *API) eventRoutes() {
	handle(a, op{method: "POST", path: "/v1/events", id: "post-events", tag: "Conversations", scope: access.EventsWrite,
		summary: "Say what happened: one CloudEvent, a batch, or a line for each", maxBody: maxEventsBody, body: eventsBody,
		status: http.StatusAccepted, more: eventsDoc}, a.postEvents)
}

// eventsBody documents the three bodies that postEvents takes.
func eventsBody() *huma.RequestBody {
	one := &huma.Schema{Type: "object", Description: "A CloudEvent 1.0 whose type is one of the kinds in docs/events.md", AdditionalProperties: true}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		oneEvent: {Schema: one}, manyEvents: {Schema: &huma.Schema{Type: "array", Items: one}},
		eventLines: {Schema: &huma.Schema{Type: "string", Description: "A CloudEvent on each line"}}}}
}

func eventsDoc(o *huma.Operation) {
	o.Description += " 202: all events are on disk. 207: some were refused, see results. An event that comes twice, by source and id, is applied once."
}

func (a *API) postEvents(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	texts, err := readEvents(in.r)
	if err != nil {
		return nil, err
	}
	if in.Wait != "" && len(texts) != 1 {
		return nil, safety.Errorf(safety.Invalid, "wait=verdict takes one event")
	}
	out := &eventsOutput{}
	out.Body.Results = make([]EventResult, len(texts))
	send, places := a.sort(ctx, texts, out.Body.Results)
	var wait func(context.Context) ([]byte, error)
	if in.Wait != "" && len(send) == 1 { // before the event is sent, or the answer may be gone
		var cancel func()
		wait, cancel = a.Events.Await(a.Events.Key(send[0].Source, send[0].ID))
		defer cancel()
	}
	placed, err := a.Events.Publish(ctx, send)
	if err != nil {
		return nil, err
	}
	for i, p := range placed {
		out.Body.Results[places[i]].Status = "accepted"
		if p.Duplicate {
			out.Body.Results[places[i]].Status = "duplicate"
		}
	}
	out.Body.Accepted, out.Body.Refused = len(placed), len(texts)-len(placed)
	if out.Status = http.StatusAccepted; out.Body.Refused > 0 {
		if out.Status = http.StatusMultiStatus; out.Body.Accepted == 0 {
			out.Status = http.StatusUnprocessableEntity
		}
	}
	if wait != nil {
		out.Status = http.StatusOK
		out.Body.Verdict = verdictOf(ctx, wait, send[0].ID, time.Duration(in.WaitMS)*time.Millisecond)
	}
	return out, nil
}

// sort reads events, and puts those that cannot be applied into quarantine, so that
// nothing is lost where a sender does not look.
func (a *API) sort(ctx context.Context, texts [][]byte, results []EventResult) (send []stream.Outgoing, places []int) {
	for i, text := range texts {
		e, err := conversation.Outgoing(text)
		results[i].ID = e.ID
		if err == nil {
			send, places = append(send, e), append(places, i)
			continue
		}
		results[i].Status, results[i].Problem, results[i].Kind = "refused", asProblem(err).Detail, strings.ReplaceAll(safety.KindOf(err).String(), " ", "_")
		if safety.KindOf(err) == safety.Invalid {
			if qerr := a.Events.Refuse(ctx, e.Source, e.ID, text, err); qerr != nil {
				a.logged(ctx, "post-events", qerr)
			} else {
				results[i].Quarantined = true
			}
		}
	}
	return send, places
}

// verdictOf waits for an answer. No answer is no verdict: the message stays on hold.
func verdictOf(ctx context.Context, wait func(context.Context) ([]byte, error), id string, most time.Duration) *EventVerdict {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	hold := func(why string) *EventVerdict {
		return &EventVerdict{EventID: id, Verdict: string(safety.VerdictHold), Scan: string(safety.ScanFailed), ScanReason: why, Steps: []string{}}
	}
	text, err := wait(ctx)
	switch {
	case safety.KindOf(err) == safety.Conflict:
		return hold("applied_before")
	case safety.KindOf(err) == safety.Invalid:
		return hold("in_quarantine")
	case err != nil:
		return hold("not_yet")
	}
	var out EventVerdict
	if err := json.Unmarshal(text, &out); err != nil {
		return hold("unreadable_answer")
	}
	return &out
}

// readEvents reads the events of a request, each as its own text.
func readEvents(r *http.Request) ([][]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	text, err := readAll(r.Body, maxEventsBody, "the body")
	if err != nil {
		return nil, err
	}
	var out [][]byte
	switch strings.ToLower(kind) {
	case oneEvent, "application/json":
		out = [][]byte{text}
	case manyEvents:
		var raw []json.RawMessage
		if err := json.Unmarshal(text, &raw); err != nil {
			return nil, safety.Errorf(safety.Invalid, "the batch is not a JSON array")
		}
		for _, x := range raw {
			out = append(out, x)
		}
	case eventLines:
		if out, err = readLines(text); err != nil {
			return nil, err
		}
	default:
		return nil, newProblem(http.StatusUnsupportedMediaType, "send "+oneEvent+", "+manyEvents+" or "+eventLines)
	}
	if len(out) == 0 || len(out) > maxEvents {
		return nil, safety.Errorf(safety.Invalid, "a request has 1 to %d events", maxEvents)
	}
	return out, nil
}

func readLines(text []byte) (out [][]byte, err error) {
	r := bufio.NewReader(bytes.NewReader(text))
	for {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, line)
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
