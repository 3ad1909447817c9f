package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/talk"
)

// Queues of the cases that conversations open.
const (
	QueueExtortion = "extortion"
	QueueGrooming  = "grooming"
	QueueAudit     = "talk-audit"
)

// Steps that are taken without a person. All can be taken back.
const (
	StepTip      = "tip"
	StepHelp     = "help_screen"
	StepPause    = "channel_pause"
	StepFriction = "friction"
	stepReview   = "review"
)

// The pauses between steps of one kind.
const (
	tipEvery    = 7 * 24 * time.Hour // a tip in one conversation
	pauseFor    = 24 * time.Hour     // a channel, unless a person decides before
	reviewEvery = 7 * 24 * time.Hour // a person looks at an actor because of conduct alone
	secondEvery = 24 * time.Hour     // a second opinion about one conversation
)

// act does what follows from an update.
func (b *batch) act(ctx context.Context, t *dialogue, out talk.Outcome, a *Answer) error {
	if out.Order == talk.Duplicate || out.Order == talk.TooOld {
		return nil
	}
	if out.FastNew {
		return b.fast(ctx, t, out, a)
	}
	if out.Tier >= talk.Tip {
		if err := b.tip(ctx, t, a); err != nil {
			return err
		}
		if err := b.second(ctx, t); err != nil {
			return err
		}
	}
	if out.Rose && out.Tier == talk.Review {
		a.raise(safety.VerdictHold, stepReview)
		return b.review(ctx, t, "review", nil)
	}
	return nil
}

func (a *Answer) raise(v safety.Verdict, step string) {
	a.Verdict = safety.Strictest(a.Verdict, v)
	if step != "" && !slices.Contains(a.Steps, step) {
		a.Steps = append(a.Steps, step)
	}
}

// fast is the path of a threat and a demand: the child's help screen and a pause of
// the channel at once, and a person first of all. It has no regard to ages.
func (b *batch) fast(ctx context.Context, t *dialogue, out talk.Outcome, a *Answer) error {
	b.counts[countFast].Add(1)
	if b.cfg.Shadow {
		return nil
	}
	a.raise(safety.VerdictHold, stepReview)
	if t.row.FastAt > store.Micros(b.now.Add(-pauseFor)) { // the pause runs, and the child has seen the screen
		return b.review(ctx, t, "fast", nil)
	}
	t.row.FastAt = store.Micros(b.now)
	a.raise(safety.VerdictHold, StepHelp)
	a.raise(safety.VerdictHold, StepPause)
	why := strings.Join(out.Fast.Reasons(), " ")
	err := b.step(ctx, t.row.ID, t.row.TargetID, StepHelp, time.Time{}, why, "child.help_screen", map[string]any{
		"account_id": t.row.TargetID, "conversation_id": t.row.ConversationID, "other_account_id": t.row.ActorID,
		"kind": "extortion", "help": helpIn(safety.Jurisdiction(t.target.row.Jurisdiction))})
	if err != nil {
		return err
	}
	until := b.now.Add(pauseFor)
	err = b.step(ctx, t.row.ID, t.row.ActorID, StepPause, until, why, "channel.pause", map[string]any{
		"conversation_id": t.row.ConversationID, "from_account_id": t.row.ActorID, "to_account_id": t.row.TargetID,
		"until": until.UTC().Format(time.RFC3339), "hold_payments": true})
	if err != nil {
		return err
	}
	return b.review(ctx, t, "fast", nil)
}

// helpIn names the services that help, by region. A platform shows its own texts.
func helpIn(j safety.Jurisdiction) []string {
	switch j {
	case "GB":
		return []string{"report_remove", "childline"}
	case "US":
		return []string{"take_it_down", "ncmec_hotline"}
	}
	return []string{"take_it_down", "inhope_hotline"}
}

// tip asks the platform to show the child a neutral tip.
func (b *batch) tip(ctx context.Context, t *dialogue, a *Answer) error {
	if t.row.TippedAt > store.Micros(b.now.Add(-tipEvery)) {
		return nil
	}
	t.row.TippedAt = store.Micros(b.now)
	b.counts[countTips].Add(1)
	if b.cfg.Shadow {
		return nil
	}
	a.raise(safety.VerdictWarn, StepTip)
	return b.step(ctx, t.row.ID, t.row.TargetID, StepTip, time.Time{}, "", "child.tip", map[string]any{
		"account_id": t.row.TargetID, "conversation_id": t.row.ConversationID, "other_account_id": t.row.ActorID})
}

func (b *batch) second(ctx context.Context, t *dialogue) error {
	if b.Second == nil || t.row.SecondAt > store.Micros(b.now.Add(-secondEvery)) {
		return nil
	}
	t.row.SecondAt = store.Micros(b.now)
	return b.Second(ctx, b.tx, t.row.ID)
}

// step writes a step down, with its ledger row and the event that asks the platform
// for it.
func (b *batch) step(ctx context.Context, conversation, account, kind string, until time.Time, detail, event string, data map[string]any) error {
	return b.Desk.step(ctx, b.tx, b.now, safety.System, db.AddStepParams{Conversation: conversation, AccountID: account, Kind: kind,
		UntilAt: store.Micros(until), Detail: detail}, event, data)
}

func (d *Desk) step(ctx context.Context, tx *store.Tx, now time.Time, who safety.Actor, s db.AddStepParams, event string, data map[string]any) error {
	s.ID, s.At = safety.NewID("stp", now), store.Micros(now)
	if err := tx.AddStep(ctx, s); err != nil {
		return fmt.Errorf("keeping step: %w", err)
	}
	subject := s.Conversation
	if subject == "" {
		subject = "account:" + s.AccountID
	}
	if err := d.Announce(ctx, tx, safety.Event{Type: event, Subject: subject, Data: data}); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "conversation." + s.Kind, Subject: subject, Detail: strings.TrimSpace(s.ID + " " + s.Detail)})
}

// review puts a conversation before a person, with what is known of it now and the
// messages round it: an item of its own on the actor's open case, or, where a person
// has been asked for the same cause and has not decided, more to the same item.
func (b *batch) review(ctx context.Context, t *dialogue, cause string, of *conduct.Assessment) error {
	if b.cfg.Shadow {
		b.counts[countReviews].Add(1)
		return nil
	}
	x := b.explain(t, cause, of)
	if again, err := b.reviewAgain(ctx, t, cause, x); again || err != nil {
		return err
	}
	b.counts[countReviews].Add(1)
	id := safety.NewID("alr", b.now)
	queue, priority := QueueGrooming, safety.P2
	switch cause {
	case "fast":
		queue, priority = QueueExtortion, safety.P1
	case "audit":
		queue, priority = QueueAudit, safety.P3
	}
	c := cases.Content{ContentID: t.row.ConversationID, AccountID: t.row.ActorID, Surface: safety.Surface(t.row.Surface), Jurisdiction: safety.Jurisdiction(t.row.Jurisdiction),
		CreatedAt: store.Time(t.row.LastAt), ReceivedAt: b.now, Verdict: safety.VerdictHold, Scan: safety.ScanScanned, PolicyVersion: b.Parts.Weights.Version,
		Queue: queue, Priority: priority, Reason: x.Summary, Notice: id}
	if t.row.Unscanned > 0 || x.Unread > 0 || x.Coverage != string(talk.CoverageText) {
		c.Scan, c.ScanReason = safety.ScanPartial, "not_all_messages_were_read"
	}
	opened, err := b.Cases.Open(ctx, b.tx, c)
	if err != nil {
		return err
	}
	if err := t.save(ctx, b.tx); err != nil { // the alert points at its row
		return err
	}
	t.row.CaseID, t.row.ItemID = opened.CaseID, opened.ItemID
	if err := b.want(ctx, t); err != nil {
		return err
	}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := t.save(ctx, b.tx); err != nil {
		return err
	}
	err = b.tx.AddAlert(ctx, db.AddAlertParams{ID: id, Conversation: t.row.ID, CaseID: opened.CaseID, ItemID: opened.ItemID, At: store.Micros(b.now), Cause: cause, Explanation: string(text)})
	if err != nil {
		return fmt.Errorf("keeping alert: %w", err)
	}
	return b.victim(ctx, t, cause)
}

// reviewAgain adds to what a person has been asked and has not decided.
func (b *batch) reviewAgain(ctx context.Context, t *dialogue, cause string, x Explanation) (again bool, err error) {
	if t.row.CaseID == "" {
		return false, nil
	}
	c, err := b.tx.CaseByID(ctx, t.row.CaseID)
	if err != nil || c.State != string(cases.Open) {
		return false, store.NotFound(err, "case")
	}
	old, err := b.tx.AlertOf(ctx, t.row.ID, t.row.CaseID, cause)
	if store.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading alert: %w", err)
	}
	var then Explanation
	if err := json.Unmarshal([]byte(old.Explanation), &then); err != nil {
		return false, fmt.Errorf("stored explanation: %w", err)
	}
	if err := b.Cases.Retell(ctx, b.tx, t.row.CaseID, then.Summary, x.Summary); err != nil {
		return false, err
	}
	text, err := json.Marshal(x)
	if err != nil {
		return false, err
	}
	if err := b.tx.SetAlert(ctx, old.ID, string(text), store.Micros(b.now)); err != nil {
		return false, fmt.Errorf("keeping alert: %w", err)
	}
	t.row.ItemID = old.ItemID
	return true, b.want(ctx, t)
}

// victim joins an actor to a child, for networks: where people or scores find harm,
// not where the audit drew a conversation.
func (b *batch) victim(ctx context.Context, t *dialogue, cause string) error {
	if cause == "audit" {
		return nil
	}
	return b.tie(ctx, conduct.TieVictim, t.row.ActorID, t.row.TargetID, b.now)
}

func (b *batch) tie(ctx context.Context, k conduct.TieKind, account, other string, at time.Time) error {
	err := b.tx.AddTie(ctx, db.AddTieParams{Kind: k.String(), AccountID: account, Other: other, At: store.Micros(at)})
	if err != nil {
		return fmt.Errorf("keeping tie: %w", err)
	}
	return nil
}

// seen is a conversation as package conduct needs it.
type seen struct {
	child    conduct.Key
	risk     float64
	last     time.Time
	families []conduct.Family
}

func (s seen) Child() conduct.Key         { return s.child }
func (s seen) Risk() float64              { return s.risk }
func (s seen) Last() time.Time            { return s.last }
func (s seen) Families() []conduct.Family { return s.families }

// assess works out what conduct and conversations say of an actor together, and does
// what follows.
func (b *batch) assess(ctx context.Context, p *person) error {
	rows, err := b.tx.ConversationsOfActor(ctx, p.row.AccountID, 16)
	if err != nil {
		return fmt.Errorf("reading conversations: %w", err)
	}
	mode, talks := conduct.ModeMetadata, []seen{}
	for _, r := range rows {
		if r.Mode != modeFull {
			continue
		}
		mode = conduct.ModeFull
		s := seen{child: b.Keys.Of("account", r.TargetID), risk: r.Score, last: store.Time(r.LastAt)}
		for f := range strings.FieldsSeq(r.Families) {
			s.families = append(s.families, conduct.Family(f))
		}
		talks = append(talks, s)
	}
	as, err := conduct.Assess(b.cfg.Card, mode, conduct.Profile{Ages: p.ages(), Opened: store.Time(p.row.OpenedAt)}, &p.conduct, talks, b.now)
	if err != nil {
		return err
	}
	score, ranked := as.Score()
	p.row.Score = int64(score)
	if !ranked {
		p.row.Score = -1
	}
	text, err := json.Marshal(as)
	if err != nil {
		return err
	}
	p.row.Assessment = string(text)
	steps, err := conduct.Propose(as, b.Keys.Of("account", p.row.AccountID), b.cfg.Thresholds)
	if err != nil {
		return err
	}
	if err := b.slow(ctx, p, steps.Friction); err != nil {
		return err
	}
	if steps.Review {
		return b.reviewActor(ctx, p, rows, as)
	}
	return nil
}

// slow begins friction, unless some holds. Friction that a person has lifted stays
// lifted until its time is over.
func (b *batch) slow(ctx context.Context, p *person, f *conduct.Friction) error {
	if f == nil || p.row.FrictionFrom > 0 && b.now.Before(p.friction(b.Keys).Until()) {
		return nil
	}
	b.counts[countFriction].Add(1)
	if b.cfg.Shadow {
		return nil
	}
	why := make([]string, 0, 4)
	for _, x := range f.Families() {
		why = append(why, string(x))
	}
	p.row.FrictionFrom, p.row.FrictionWhy, p.row.FrictionBy, p.row.LiftedAt, p.row.LiftedBy = store.Micros(b.now), strings.Join(why, " "), "", 0, ""
	return b.step(ctx, "", p.row.AccountID, StepFriction, f.Until(), p.row.FrictionWhy, "account.friction", frictionData(p.row.AccountID, f.Until()))
}

// frictionData is what the platform is asked to do. It holds no score and no sign:
// the account holder may be told all of it.
func frictionData(account string, until time.Time) map[string]any {
	return map[string]any{"account_id": account, "until": until.UTC().Format(time.RFC3339), "appealable": true,
		"limits": []string{"new_contacts_with_children", "links_off_platform", "recommendations"}}
}

// reviewActor puts the riskiest conversation of an actor before a person because of
// everything together, unless one is there already.
func (b *batch) reviewActor(ctx context.Context, p *person, rows []db.Conversation, as conduct.Assessment) error {
	if p.row.ReviewedAt > store.Micros(b.now.Add(-reviewEvery)) || len(rows) == 0 {
		return nil
	}
	for _, r := range rows {
		if r.CaseID == "" {
			continue
		}
		if c, err := b.tx.CaseByID(ctx, r.CaseID); err == nil && c.State == string(cases.Open) {
			return nil // a person is on it
		}
	}
	top := rows[0]
	e := &Event{Data: Data{ConversationID: top.ConversationID}}
	target := b.people[top.TargetID]
	if target == nil { // named in another batch; read, not changed
		row, err := b.tx.Actor(ctx, top.TargetID)
		if err != nil {
			return fmt.Errorf("reading account: %w", err)
		}
		target = &person{row: row}
	}
	t, err := b.dialogue(ctx, e, p, target)
	if err != nil {
		return err
	}
	p.row.ReviewedAt = store.Micros(b.now)
	return b.review(ctx, t, "conduct", &as)
}
