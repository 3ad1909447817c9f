package conversation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/vault"
)

// MarkView is a message that changed something.
type MarkView struct {
	EventID string
	At      time.Time
	Target  bool // the child sent it
	Found   []Value
	Score   float64 // after it
	Tier    string
	Fast    []string
	Refuses bool
	Media   bool
	Kept    bool // its text is in the vault
}

// Value is what a message added to an indicator.
type Value struct {
	Name  string
	Value float64
}

// StepView is something that was done without a person.
type StepView struct {
	At, Until time.Time
	Kind      string
	To        string
}

// View is a conversation on a case: why a person was asked, as it was then, and what
// has happened in it.
type View struct {
	ID, ItemID, ConversationID string
	Surface, Jurisdiction      string
	Mode, Cause                string
	AlertAt                    time.Time
	Explanation
	Tip, Friction, Review float64
	Marks                 []MarkView // the oldest first
	Dropped               bool       // there were more than are kept
	Steps                 []StepView
	Kept, Forgotten       int // messages in the vault, and those that the stream no longer held
	First, Last           time.Time
}

// OfCase are the conversations of a case, the most urgent cause first.
func (d *Desk) OfCase(ctx context.Context, caseID string) ([]View, error) {
	q := d.Store.Read()
	alerts, err := q.AlertsOfCase(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	newest := map[string]db.ConversationAlert{}
	for _, a := range alerts {
		if old, ok := newest[a.Conversation]; !ok || rank(a.Cause) <= rank(old.Cause) {
			newest[a.Conversation] = a
		}
	}
	var out []View
	for _, a := range newest {
		v, err := d.view(ctx, q, a)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b View) int {
		return cmp.Or(cmp.Compare(rank(a.Cause), rank(b.Cause)), a.AlertAt.Compare(b.AlertAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func rank(cause string) int {
	return slices.Index([]string{"fast", "review", "conduct", "audit"}, cause)
}

func (d *Desk) view(ctx context.Context, q *db.Queries, a db.ConversationAlert) (View, error) {
	r, err := q.Conversation(ctx, a.Conversation)
	if err != nil {
		return View{}, store.NotFound(err, "conversation")
	}
	v := View{ID: r.ID, ItemID: a.ItemID, ConversationID: r.ConversationID, Surface: r.Surface, Jurisdiction: r.Jurisdiction, Mode: r.Mode, Cause: a.Cause,
		AlertAt: store.Time(a.At), First: store.Time(r.StartedAt), Last: store.Time(r.LastAt)}
	v.Tip, v.Friction, v.Review = d.Parts.Weights.Thresholds()
	if err := json.Unmarshal([]byte(a.Explanation), &v.Explanation); err != nil {
		return v, fmt.Errorf("stored explanation: %w", err)
	}
	marks, err := q.MarksOfConversation(ctx, r.ID, 2*maxMarks)
	if err != nil {
		return v, fmt.Errorf("reading marks: %w", err)
	}
	v.Dropped = len(marks) >= maxMarks
	for _, m := range slices.Backward(marks) {
		one, err := markView(m)
		if err != nil {
			return v, err
		}
		v.Marks = append(v.Marks, one)
	}
	steps, err := q.StepsOfConversation(ctx, r.ID)
	if err != nil {
		return v, fmt.Errorf("reading steps: %w", err)
	}
	for _, s := range steps {
		v.Steps = append(v.Steps, StepView{store.Time(s.At), store.Time(s.UntilAt), s.Kind, s.AccountID})
	}
	v.Kept, v.Forgotten = int(r.Kept), int(r.Forgotten)
	return v, nil
}

func markView(m db.ConversationMark) (MarkView, error) {
	v := MarkView{EventID: m.EventID, At: store.Time(m.At), Target: m.FromTarget, Score: m.Score, Tier: talk.Tier(m.Tier).String(),
		Fast: talk.Fast(m.Fast).Reasons(), Refuses: m.Refuses, Media: m.Media, Kept: m.Kept}
	values := map[string]float64{}
	if err := json.Unmarshal([]byte(m.ValuesJson), &values); err != nil {
		return v, fmt.Errorf("stored mark: %w", err)
	}
	for _, i := range talk.Set(m.Found).All() {
		v.Found = append(v.Found, Value{i.String(), values[i.String()]})
	}
	return v, nil
}

// transcripts are the pieces of a conversation in a case.
func (d *Desk) transcripts(ctx context.Context, q *db.Queries, caseID, conversation string) ([]db.Evidence, error) {
	alerts, err := q.AlertsOfCase(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	pieces, err := q.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	return slices.DeleteFunc(pieces, func(e db.Evidence) bool {
		return e.Role != string(vault.Transcript) || !slices.ContainsFunc(alerts, func(a db.ConversationAlert) bool {
			return a.ItemID == e.ItemID && a.Conversation == conversation
		})
	}), nil
}

// Line is a message as it was sealed, for a person's eyes.
type Line struct {
	EventID string
	At      time.Time
	From    string // actor, target or other
	Text    string
	Media   bool
	Hits    []talk.Hit // bytes of the text
	Partly  bool       // longer than is read for signs
}

// Messages opens what was sealed of a conversation. The view of every piece is on
// record, with the reason, before anything is returned.
func (d *Desk) Messages(ctx context.Context, who safety.Actor, caseID, conversation, reason string) ([]Line, error) {
	switch {
	case !who.Person:
		return nil, safety.Errorf(safety.Forbidden, "messages are shown to people only")
	case strings.TrimSpace(reason) == "":
		return nil, safety.Errorf(safety.Invalid, "a view needs a reason")
	}
	pieces, err := d.transcripts(ctx, d.Store.Read(), caseID, conversation)
	if err != nil {
		return nil, err
	}
	if len(pieces) == 0 {
		return nil, safety.Errorf(safety.NotFound, "no messages of this conversation are in the vault")
	}
	var out []Line
	seen := map[string]bool{}
	reader := talk.NewReader(d.Lookup)
	for _, p := range pieces {
		data, _, err := d.Vault.Reveal(ctx, vault.Viewer{ID: who.ID, Name: who.Name}, who.ID, p.ID, vault.ViewOriginal, reason)
		if err != nil {
			return nil, err
		}
		lines, err := readTranscript(data)
		if err != nil {
			return nil, fmt.Errorf("transcript %s: %w", p.ID, err)
		}
		for _, l := range lines {
			if seen[l.EventID] {
				continue
			}
			seen[l.EventID] = true
			r := reader.Read(l.Text)
			l.Hits, l.Partly = slices.Clone(r.Hits), r.Truncated
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Line) int { return a.At.Compare(b.At) })
	return out, nil
}

func readTranscript(data []byte) ([]Line, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) == 0 || !slices.Equal(rows[0], columns) {
		return nil, safety.Errorf(safety.Internal, "not a transcript of this version")
	}
	out := make([]Line, 0, len(rows)-1)
	for _, r := range rows[1:] {
		at, err := time.Parse(time.RFC3339Nano, r[1])
		if err != nil {
			return nil, safety.Errorf(safety.Internal, "a transcript with a line without a time")
		}
		out = append(out, Line{EventID: r[0], At: at, From: r[2], Text: r[4], Media: r[5] == "true"})
	}
	return out, nil
}
