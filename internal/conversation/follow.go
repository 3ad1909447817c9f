package conversation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
)

// The bounds of what is kept of a conversation.
const (
	around   = 10  // messages before and after an alert that a case gets
	maxMarks = 200 // messages that changed something; later ones change the state, and leave a mark only for a threat with a demand
)

// Modes of a conversation's row.
const (
	modeFull     = "full"
	modeMetadata = "metadata"
)

// dialogue is one direction of a conversation, in a batch.
type dialogue struct {
	row      db.Conversation
	fresh    bool // there was no row before
	state    talk.State
	relation Relation
	actor    *person
	target   *person
	marks    []db.AddMarkParams
	wanted   []uint64 // places of messages that the case wants, of this batch
}

// dialogueID is the id of a direction.
func dialogueID(conversation, actor, target string) string {
	sum := sha256.Sum256([]byte(conversation + "\x00" + actor + "\x00" + target))
	return safety.FormatID("cnv", [17]byte(sum[:17]))
}

// dialogue finds the direction from actor to target, or makes it.
func (b *batch) dialogue(ctx context.Context, e *Event, actor, target *person) (*dialogue, error) {
	id := dialogueID(e.ConversationID, actor.row.AccountID, target.row.AccountID)
	if t, ok := b.talks[id]; ok {
		return t, nil
	}
	t := &dialogue{actor: actor, target: target}
	row, err := b.tx.Conversation(ctx, id)
	switch {
	case store.IsNotFound(err):
		t.fresh = true
		t.row = db.Conversation{ID: id, ConversationID: e.ConversationID, ActorID: actor.row.AccountID, TargetID: target.row.AccountID,
			Mode: modeMetadata, StartedAt: store.Micros(e.at(b.now)), Recent: []byte{}}
	case err != nil:
		return nil, fmt.Errorf("reading conversation: %w", err)
	default:
		t.row = row
		if err := t.state.UnmarshalBinary(row.State); err != nil {
			return nil, err
		}
		if t.relation, err = relationOf(row.Relation); err != nil {
			return nil, err
		}
	}
	b.talks[id] = t
	return t, nil
}

func (t *dialogue) save(ctx context.Context, tx *store.Tx) error {
	state, err := t.state.AppendBinary(nil)
	if err != nil {
		return err
	}
	relation, err := t.relation.text()
	if err != nil {
		return err
	}
	r := t.row
	if t.fresh {
		err = tx.AddConversation(ctx, db.AddConversationParams{ID: r.ID, ConversationID: r.ConversationID, ActorID: r.ActorID, TargetID: r.TargetID, Surface: r.Surface,
			Jurisdiction: r.Jurisdiction, Mode: r.Mode, Relation: relation, State: state, StartedAt: r.StartedAt, LastAt: r.LastAt, Messages: r.Messages,
			Unscanned: r.Unscanned, Score: r.Score, Tier: r.Tier, Families: r.Families, Recent: r.Recent, CaseID: r.CaseID, ItemID: r.ItemID, Capture: r.Capture,
			TippedAt: r.TippedAt, FastAt: r.FastAt, SecondAt: r.SecondAt, Kept: r.Kept, Forgotten: r.Forgotten})
	} else {
		err = tx.SetConversation(ctx, db.SetConversationParams{ID: r.ID, Surface: r.Surface, Jurisdiction: r.Jurisdiction, Mode: r.Mode, Relation: relation, State: state,
			LastAt: r.LastAt, Messages: r.Messages, Unscanned: r.Unscanned, Score: r.Score, Tier: r.Tier, Families: r.Families, Recent: r.Recent, CaseID: r.CaseID,
			ItemID: r.ItemID, Capture: r.Capture, TippedAt: r.TippedAt, FastAt: r.FastAt, StartedAt: r.StartedAt, SecondAt: r.SecondAt, Kept: r.Kept, Forgotten: r.Forgotten})
	}
	if err != nil {
		return fmt.Errorf("keeping conversation: %w", err)
	}
	t.fresh = false
	return t.saveMarks(ctx, tx)
}

// saveMarks keeps marks while there is room, and those of a threat and a demand always.
func (t *dialogue) saveMarks(ctx context.Context, tx *store.Tx) error {
	if len(t.marks) == 0 {
		return nil
	}
	n, err := tx.CountMarks(ctx, t.row.ID)
	if err != nil {
		return fmt.Errorf("counting marks: %w", err)
	}
	for _, m := range t.marks {
		if n >= maxMarks && m.Fast == 0 {
			continue
		}
		if err := tx.AddMark(ctx, m); err != nil {
			return fmt.Errorf("keeping mark: %w", err)
		}
		n++
	}
	t.marks = nil
	return nil
}

// converse applies an event of a conversation to every direction that it concerns.
func (b *batch) converse(ctx context.Context, v stream.Envelope, e *Event, a *Answer) error {
	if len(e.To) > maxRecipients {
		a.ScanReason = "too_many_recipients"
		b.counts[countUnscanned].Add(1)
		return nil
	}
	a.Scan, a.ScanReason = safety.ScanUnsupported, "adults_only"
	from := b.people[e.From.ID]
	for _, to := range e.To {
		target := b.people[to.ID]
		if target.mayBeChild() {
			if err := b.oneWay(ctx, v, e, from, target, false, a); err != nil {
				return err
			}
		}
		if from.mayBeChild() && e.Kind != opinionKind {
			if err := b.oneWay(ctx, v, e, target, from, true, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneWay applies an event to one direction; fromTarget says that the child sent it.
func (b *batch) oneWay(ctx context.Context, v stream.Envelope, e *Event, actor, target *person, fromTarget bool, a *Answer) error {
	t, err := b.dialogue(ctx, e, actor, target)
	if err != nil {
		return err
	}
	t.relation.merge(e.Relation)
	if t.relation.FirstContact == "" && t.fresh && t.row.Messages == 0 && e.Kind == Message {
		t.relation.FirstContact = e.From.ID
	}
	first := t.row.Messages == 0
	if e.Kind == Message || e.Kind == MediaSent {
		t.row.Messages++
		t.row.Recent = remember(t.row.Recent, v.Seq)
		if t.row.Capture > 0 {
			t.row.Capture--
			t.wanted = append(t.wanted, v.Seq)
		}
	}
	t.row.Surface = string(e.Surface)
	if p := e.place(actor); p != "" {
		t.row.Jurisdiction = string(p)
	}
	if at := store.Micros(e.at(b.now)); at > t.row.LastAt {
		t.row.LastAt = at
	}
	look := b.may(e, actor, target)
	if !fromTarget && e.Kind != opinionKind {
		if err := b.reach(e, t, first, look.text); err != nil {
			return err
		}
	}
	return b.look(ctx, v, e, t, fromTarget, look, a)
}

// place is the jurisdiction of the actor's side: their own, or the event's.
func (e *Event) place(p *person) safety.Jurisdiction {
	if p.row.Jurisdiction != "" {
		return safety.Jurisdiction(p.row.Jurisdiction)
	}
	return e.Jurisdiction
}

// permission is what may be looked at in one event.
type permission struct {
	text, device bool
	why          string // not, where text is false
}

// may says what may be looked at. Text of an encrypted conversation does not get
// this far.
func (b *batch) may(e *Event, actor, target *person) permission {
	pa, pt := e.place(actor), e.place(target)
	both := func(d safety.Detector) bool {
		return b.cfg.Permits(d, e.Surface, pa) && b.cfg.Permits(d, e.Surface, pt)
	}
	p := permission{device: b.cfg.Devices && both(Device) && (e.Surface != safety.SurfacePrivate || b.cfg.Switches.MayScore(pa, pt))}
	switch {
	case e.Surface == safety.SurfaceEncrypted:
		p.why = "encrypted"
	case !both(SlowGrooming) || !both(FastExtortion):
		p.why = "surface_not_permitted"
	case e.Surface == safety.SurfacePrivate && !b.cfg.Switches.MayScore(pa, pt):
		p.why = "no_legal_ground_for_private_text"
	default:
		p.text = true
	}
	return p
}

// reach notes whom an actor approaches, and where the talk goes.
func (b *batch) reach(e *Event, t *dialogue, first, mayRead bool) error {
	c := conduct.Event{At: e.at(b.now), Child: b.Keys.Of("account", t.row.TargetID)}
	switch {
	case first && (e.Kind == Message || e.Kind == MediaSent || e.Kind == Call):
		c.Kind, c.Connected = conduct.Contacted, is(t.relation.Connected) || is(t.relation.Family)
		c.Mutuals = t.relation.Mutuals != nil && *t.relation.Mutuals > 0
		if e.Text != nil && mayRead {
			c.Opener = opener(*e.Text)
		}
	case e.Kind == ChannelMove || e.Kind == Call:
		c.Kind, c.After = conduct.Moved, max(0, c.At.Sub(store.Time(t.row.StartedAt)))
	default:
		return nil
	}
	return b.conduct(t.actor, c)
}

// look reads what may be read and adds it to the state.
func (b *batch) look(ctx context.Context, v stream.Envelope, e *Event, t *dialogue, fromTarget bool, may permission, a *Answer) error {
	m := &talk.Message{ID: v.Key, At: e.at(b.now), FromTarget: fromTarget, Media: e.Media || e.Kind == MediaSent}
	if e.Kind == ChannelMove || e.Kind == Call {
		m.Found = talk.SetOf(talk.MovesChannel)
	}
	seen, err := e.found()
	if err != nil {
		return err
	}
	read := may.text && e.Text != nil
	if read {
		m.Reading = b.reader.Read(*e.Text)
	}
	if may.device {
		m.Found |= seen
	}
	if may.text {
		m.External = e.ExternalScore
	}
	if !may.text && !(may.device && seen != 0) {
		return b.unread(t, e, may.why, a)
	}
	t.row.Mode = modeFull
	b.scanned(e, m, may, a)
	if e.Kind == opinionKind {
		m.Reading = nil
	}
	before := t.state.Sums()
	r := t.relation.inTalk(t.actor, t.target, b.now)
	out := t.state.Update(b.Parts.Weights, r, m, b.now)
	t.row.Score, t.row.Tier, t.row.Families = out.Score, int64(out.Tier), strings.Join(t.state.Families(b.Parts.Weights), " ")
	if err := t.mark(v, e, m, before, out, b.now); err != nil {
		return err
	}
	if out.Found != 0 || out.Rose {
		t.actor.moved = true
	}
	return b.act(ctx, t, out, a)
}

// unread counts a message that was not looked at.
func (b *batch) unread(t *dialogue, e *Event, why string, a *Answer) error {
	if e.Kind == Message || e.Kind == MediaSent {
		t.row.Unscanned++
		b.counts[countUnscanned].Add(1)
	}
	if t.row.Mode != modeFull {
		t.row.Mode = modeMetadata
		if t.row.Messages == 0 || len(t.row.State) == 0 {
			t.row.Score = 0
		}
	}
	if a.Scan == safety.ScanUnsupported {
		a.ScanReason = why
	}
	return nil
}

// scanned says how much of the message was read. Of several directions, the answer
// is that of the least that was read in any.
func (b *batch) scanned(e *Event, m *talk.Message, may permission, a *Answer) {
	if e.Kind != Message && e.Kind != MediaSent {
		return
	}
	b.counts[countScanned].Add(1)
	state, why := safety.ScanScanned, ""
	switch {
	case e.Text == nil:
		state, why = safety.ScanPartial, "no_text"
	case !may.text:
		state, why = safety.ScanPartial, "device_indicators_only"
	case m.Reading.Truncated:
		state, why = safety.ScanPartial, "longer_than_is_read"
	}
	if a.Verdict == "" {
		a.Verdict, a.Scan, a.ScanReason = safety.VerdictAllow, state, why
	}
	if why != "" {
		a.Scan, a.ScanReason = state, why
	}
}

// mark keeps what a message changed, without its text.
func (t *dialogue) mark(v stream.Envelope, e *Event, m *talk.Message, before [talk.Indicators]float64, out talk.Outcome, now time.Time) error {
	notable := out.Found != 0 || out.Fast != 0 || out.Refuses || m.FromTarget && m.Media
	if !notable || out.Order == talk.Duplicate || out.Order == talk.TooOld {
		return nil
	}
	values := map[string]float64{}
	after := t.state.Sums()
	for _, i := range out.Found.All() {
		values[i.String()] = round(after[i] - before[i])
	}
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	t.marks = append(t.marks, db.AddMarkParams{Conversation: t.row.ID, Seq: int64(v.Seq), EventID: e.ID, At: store.Micros(e.at(now)), FromTarget: m.FromTarget,
		Found: int64(out.Found), ValuesJson: string(text), Refuses: out.Refuses, Media: m.Media, Score: round(out.Score), Tier: int64(out.Tier), Fast: int64(out.Fast)})
	return nil
}

func round(v float64) float64 { return float64(int64(v*1000+copysign(.5, v))) / 1000 }

func copysign(v, sign float64) float64 {
	if sign < 0 {
		return -v
	}
	return v
}

// between applies an event between two people outside of a conversation.
func (b *batch) between(ctx context.Context, e *Event) error {
	from, at := b.people[e.From.ID], e.at(b.now)
	for _, to := range e.followed() {
		other := b.people[to.ID]
		var err error
		switch e.Kind {
		case ContactRequest:
			err = b.requested(e, from, other, at)
		case ContactResponse:
			err = b.answered(ctx, e, from, other)
		case Block, Report:
			err = b.objected(ctx, from, other, at)
		case Invite:
			err = b.tie(ctx, conduct.TieInvite, from.row.AccountID, other.row.AccountID, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) requested(e *Event, from, to *person, at time.Time) error {
	if !to.mayBeChild() {
		return nil
	}
	c := conduct.Event{Kind: conduct.Contacted, At: at, Child: b.Keys.Of("account", to.row.AccountID)}
	if r := e.Relation; r != nil {
		c.Connected, c.Mutuals = is(r.Connected) || is(r.Family), r.Mutuals != nil && *r.Mutuals > 0
	}
	return b.conduct(from, c)
}

// answered keeps that two are connected now, where they already talk.
func (b *batch) answered(ctx context.Context, e *Event, from, to *person) error {
	if !is(e.Accepted) {
		return nil
	}
	return b.eachBetween(ctx, to, from, func(t *dialogue) { t.relation.Connected = e.Accepted })
}

// objected notes a child's block or report of an account: beside its conduct, it is a
// child's no in what the two say to each other.
func (b *batch) objected(ctx context.Context, child, actor *person, at time.Time) error {
	if !child.mayBeChild() {
		return nil
	}
	err := b.conduct(actor, conduct.Event{Kind: conduct.Objected, At: at, Child: b.Keys.Of("account", child.row.AccountID)})
	if err != nil {
		return err
	}
	return b.eachBetween(ctx, actor, child, func(t *dialogue) {
		if t.row.Mode != modeFull {
			return
		}
		out := t.state.Update(b.Parts.Weights, t.relation.inTalk(t.actor, t.target, b.now),
			&talk.Message{At: at, FromTarget: true, Found: talk.SetOf(talk.Distress)}, b.now)
		t.row.Score, t.row.Tier = out.Score, int64(out.Tier)
	})
}

// eachBetween calls fn for the newest conversations from actor to target.
func (b *batch) eachBetween(ctx context.Context, actor, target *person, fn func(*dialogue)) error {
	rows, err := b.tx.ConversationsBetween(ctx, actor.row.AccountID, target.row.AccountID, 3)
	if err != nil {
		return fmt.Errorf("reading conversations: %w", err)
	}
	ids := []string{}
	for _, r := range rows {
		ids = append(ids, r.ConversationID)
	}
	for _, t := range b.talks { // those of this batch, which are not written yet
		if t.actor == actor && t.target == target && !slices.Contains(ids, t.row.ConversationID) {
			ids = append(ids, t.row.ConversationID)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		t, err := b.dialogue(ctx, &Event{Data: Data{ConversationID: id}}, actor, target)
		if err != nil {
			return err
		}
		fn(t)
	}
	return nil
}
