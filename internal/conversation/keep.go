package conversation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/talk"
)

// How long what is known is kept after the last event.
const (
	keepIdle = 60 * 24 * time.Hour  // a conversation, unless an open case holds it
	keepTies = 180 * 24 * time.Hour // what joins accounts, and what is known of one that no event names
)

// ForgetArgs is the durable job that forgets what is idle.
type ForgetArgs struct{}

// Kind names the job.
func (ForgetArgs) Kind() string { return "conversation_forget" }

// Forget deletes conversations in which nothing has happened for 60 days, and ties
// of which nothing was seen for 180. It returns how many conversations went.
func (d *Desk) Forget(ctx context.Context) (int, error) {
	now, n := d.Now(), 0
	for {
		ids, err := d.Store.Read().IdleConversations(ctx, store.Micros(now.Add(-keepIdle)), 200)
		if err != nil {
			return n, fmt.Errorf("looking for idle conversations: %w", err)
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			if err := d.Store.Tx(ctx, func(tx *store.Tx) error { return forget(ctx, tx, id) }); err != nil {
				return n, err
			}
			n++
		}
	}
	if _, err := d.Store.Read().ForgetOldTies(ctx, store.Micros(now.Add(-keepTies))); err != nil {
		return n, fmt.Errorf("forgetting ties: %w", err)
	}
	if _, err := d.Store.Read().ForgetIdleActors(ctx, store.Micros(now.Add(-keepTies))); err != nil {
		return n, fmt.Errorf("forgetting accounts: %w", err)
	}
	return n, nil
}

func forget(ctx context.Context, tx *store.Tx, id string) error {
	err := errors.Join(tx.ForgetMarks(ctx, id), tx.ForgetAlerts(ctx, id), tx.ForgetSteps(ctx, id))
	if err == nil {
		err = tx.ForgetConversation(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("forgetting a conversation: %w", err)
	}
	return nil
}

// Erase forgets an account: its conversations in both directions, its conduct, ties
// and steps. It runs in the transaction that completes an erasure (package vault).
func Erase(ctx context.Context, tx *store.Tx, account string) (rows int64, err error) {
	ids, err := tx.ConversationsOfAccount(ctx, account)
	if err != nil {
		return 0, fmt.Errorf("reading conversations: %w", err)
	}
	for _, id := range ids {
		if err := forget(ctx, tx, id); err != nil {
			return 0, err
		}
	}
	rows = int64(len(ids))
	for _, f := range []func(context.Context, string) (int64, error){tx.ForgetActor, tx.ForgetTies, tx.ForgetStepsOfAccount} {
		n, err := f(ctx, account)
		if err != nil {
			return 0, fmt.Errorf("forgetting an account: %w", err)
		}
		rows += n
	}
	return rows, nil
}

// AuditArgs is the durable job that draws conversations for the audit.
type AuditArgs struct{}

// Kind names the job.
func (AuditArgs) Kind() string { return "conversation_audit" }

// strata are the stretches of scores that the audit draws from, in equal numbers: a
// plain draw would nearly never meet what lies just under a threshold.
func strata(w *talk.Weights) [][2]float64 {
	tip, friction, _ := w.Thresholds()
	return [][2]float64{{0, 1e-9}, {1e-9, tip}, {tip, friction}, {friction, 1e3}}
}

// Audit draws up to perStratum conversations of the last day that nobody was asked
// to look at, from each stretch of scores, and puts them before a person. The weight
// of each is one over its chance of being drawn, so that what reviewers find can be
// counted without bias. random gives numbers from 0 to 1.
func (d *Desk) Audit(ctx context.Context, perStratum int, random *rand.Rand) (drawn int, err error) {
	if d.cfg.Shadow || perStratum <= 0 {
		return 0, nil
	}
	since := store.Micros(d.Now().Add(-24 * time.Hour))
	for _, s := range strata(d.Parts.Weights) {
		n, err := d.auditStratum(ctx, s[0], s[1], since, perStratum, random)
		if err != nil {
			return drawn, err
		}
		drawn += n
	}
	return drawn, nil
}

func (d *Desk) auditStratum(ctx context.Context, low, high float64, since int64, want int, random *rand.Rand) (int, error) {
	q := d.Store.Read()
	total, err := q.CountToAudit(ctx, low, high, since)
	if err != nil || total == 0 {
		return 0, err
	}
	// Reservoir sampling (Vitter 1985): every one has the same chance.
	var chosen []db.Conversation
	seen, after := 0, ""
	for {
		rows, err := q.ConversationsToAudit(ctx, db.ConversationsToAuditParams{Score: low, Score_2: high, LastAt: since, ID: after, Limit: 500})
		if err != nil {
			return 0, fmt.Errorf("reading conversations: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if seen++; len(chosen) < want {
				chosen = append(chosen, r)
			} else if i := random.IntN(seen); i < want {
				chosen[i] = r
			}
		}
		after = rows[len(rows)-1].ID
	}
	weight := float64(seen) / float64(max(len(chosen), 1))
	for _, r := range chosen {
		if err := d.auditOne(ctx, r, weight); err != nil {
			return 0, err
		}
	}
	return len(chosen), nil
}

// auditOne puts one conversation before a person, unless something else has.
func (d *Desk) auditOne(ctx context.Context, r db.Conversation, weight float64) error {
	return d.Store.Tx(ctx, func(tx *store.Tx) error {
		b := d.newBatch(tx)
		defer d.readers.Put(b.reader)
		for _, id := range []string{min(r.ActorID, r.TargetID), max(r.ActorID, r.TargetID)} {
			p, err := lock(ctx, tx, id, b.now)
			if err != nil {
				return err
			}
			b.people[id] = p
		}
		t, err := b.dialogue(ctx, &Event{Data: Data{ConversationID: r.ConversationID}}, b.people[r.ActorID], b.people[r.TargetID])
		if err != nil {
			return err
		}
		if t.row.CaseID != "" || t.fresh {
			return nil
		}
		if err := b.review(ctx, t, "audit", nil); err != nil {
			return err
		}
		if err := tx.SetAudited(ctx, db.SetAuditedParams{ID: t.row.ID, AuditedAt: store.Micros(b.now), AuditWeight: weight, CaseID: t.row.CaseID, ItemID: t.row.ItemID}); err != nil {
			return fmt.Errorf("keeping the draw: %w", err)
		}
		return b.capture(ctx)
	})
}

// Outcomes calls fn for every conversation with a decision that stands, as a fit of
// weights learns from it: without text. A conversation that the audit drew weighs one
// over its chance of being drawn.
func (d *Desk) Outcomes(ctx context.Context, fn func(*talk.History) error) error {
	q := d.Store.Read()
	for after := ""; ; {
		rows, err := q.ConversationOutcomes(ctx, after, 200)
		if err != nil {
			return fmt.Errorf("reading outcomes: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		for _, r := range rows {
			after = r.ID
			h, err := d.outcome(ctx, q, r)
			if err != nil {
				return err
			}
			if len(h.Messages) == 0 {
				continue // conduct alone: there is nothing to learn of words
			}
			if err := fn(h); err != nil {
				return err
			}
		}
	}
}

func (d *Desk) outcome(ctx context.Context, q *db.Queries, r db.ConversationOutcomesRow) (*talk.History, error) {
	row, err := q.Conversation(ctx, r.ID)
	if err != nil {
		return nil, store.NotFound(err, "conversation")
	}
	actor, err := d.read(ctx, row.ActorID)
	if err != nil {
		return nil, err
	}
	target, err := d.read(ctx, row.TargetID)
	if err != nil {
		return nil, err
	}
	rel, err := relationOf(r.Relation)
	if err != nil {
		return nil, err
	}
	var state talk.State
	if err := state.UnmarshalBinary(row.State); err != nil {
		return nil, err
	}
	marks, err := q.MarksOfConversation(ctx, r.ID, 2*maxMarks)
	if err != nil {
		return nil, fmt.Errorf("reading marks: %w", err)
	}
	h := &talk.History{ID: r.ID, Harm: r.Outcome == string(cases.Confirmed), Weight: max(r.AuditWeight, 1), Relation: *rel.inTalk(actor, target, store.Time(row.LastAt))}
	h.Language = state.Explain(d.Parts.Weights, &h.Relation).Language.String()
	if h.Language == talk.Unknown.String() {
		h.Language = ""
	}
	slices.Reverse(marks) // the oldest first
	h.Messages = history(row, marks)
	return h, nil
}

// history is a conversation message by message. Of ordinary messages only their
// number is kept: they are put between the marks in equal parts, and those that were
// not read come first.
func history(row db.Conversation, marks []db.ConversationMark) (out []talk.HistoryMessage) {
	ordinary, unread, parts := max(0, int(row.Messages)-len(marks)), int(row.Unscanned), len(marks)+1
	from := store.Time(row.StartedAt)
	for i := range parts {
		to := store.Time(row.LastAt)
		if i < len(marks) {
			to = store.Time(marks[i].At)
		}
		n := ordinary / parts
		if i < ordinary%parts {
			n++
		}
		for k := range n {
			at := from.Add(max(0, to.Sub(from)) * time.Duration(k+1) / time.Duration(n+1))
			out = append(out, talk.HistoryMessage{At: at, FromTarget: k%2 == 1, Unread: unread > 0})
			unread--
		}
		if i < len(marks) {
			m := marks[i]
			out = append(out, talk.HistoryMessage{At: to, FromTarget: m.FromTarget, Media: m.Media, Found: talk.Set(m.Found) &^ talk.SetOf(talk.PushesAfterRefusal, talk.External), Refuses: m.Refuses})
			from = to
		}
	}
	return out
}

// SecondArgs is the durable job that asks for a second opinion about a conversation.
type SecondArgs struct {
	Conversation string `json:"conversation"`
}

// Kind names the job.
func (SecondArgs) Kind() string { return "conversation_second" }

// Window is what a second opinion may be asked about: the newest messages of a
// conversation that the stream still holds and that may be read. The text stays in
// memory.
type Window struct {
	ConversationID, ActorID, TargetID string
	Surface                           safety.Surface
	Jurisdictions                     [2]safety.Jurisdiction // of the actor, of the target
	Language                          string
	Relation                          talk.Relation
	Lines                             []Line
}

// Recent is the window of a conversation.
func (d *Desk) Recent(ctx context.Context, conversation string) (Window, error) {
	q := d.Store.Read()
	r, err := q.Conversation(ctx, conversation)
	if err != nil {
		return Window{}, store.NotFound(err, "conversation")
	}
	actor, err := d.read(ctx, r.ActorID)
	if err != nil {
		return Window{}, err
	}
	target, err := d.read(ctx, r.TargetID)
	if err != nil {
		return Window{}, err
	}
	rel, err := relationOf(r.Relation)
	if err != nil {
		return Window{}, err
	}
	var state talk.State
	if err := state.UnmarshalBinary(r.State); err != nil {
		return Window{}, err
	}
	out := Window{ConversationID: r.ConversationID, ActorID: r.ActorID, TargetID: r.TargetID, Surface: safety.Surface(r.Surface),
		Relation: *rel.inTalk(actor, target, store.Time(r.LastAt))}
	out.Language = state.Explain(d.Parts.Weights, &out.Relation).Language.String()
	e := Event{Data: Data{Jurisdiction: safety.Jurisdiction(r.Jurisdiction)}}
	out.Jurisdictions = [2]safety.Jurisdiction{e.place(actor), e.place(target)}
	out.Lines, err = d.lines(ctx, r, actor, target)
	return out, err
}

func (d *Desk) lines(ctx context.Context, r db.Conversation, actor, target *person) (out []Line, err error) {
	b := &batch{Desk: d, now: d.Now()}
	for _, seq := range places(r.Recent) {
		v, err := d.Fetch(ctx, seq)
		if safety.KindOf(err) == safety.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		e, err := Parse(v.Body)
		if err != nil || e.Text == nil || !b.may(&e, actor, target).text {
			continue
		}
		from := "actor"
		if e.From.ID != r.ActorID {
			from = "target"
		}
		out = append(out, Line{EventID: e.ID, At: e.at(v.At), From: from, Text: *e.Text})
	}
	return out, nil
}
