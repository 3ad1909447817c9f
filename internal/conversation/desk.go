package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/vault"
)

// The detectors, and where each may ever run. What is said in private is read only
// where the operator has also named a legal ground ([conduct.Switches]).
var (
	SlowGrooming  = safety.Detector{Name: "slow-grooming", Surfaces: []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}}
	FastExtortion = safety.Detector{Name: "fast-extortion", Surfaces: []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}}
	// Device is what an app has seen on the device of one of the two and chose to
	// send: names of indicators, no text.
	Device  = safety.Detector{Name: "device-indicators", Surfaces: safety.Surfaces}
	Conduct = safety.Detector{Name: "conduct", Surfaces: safety.Surfaces}
)

// Config is what an operator decides. Its zero value reads no private text and takes
// nothing from devices.
type Config struct {
	Switches   conduct.Switches
	Card       conduct.Card
	Thresholds conduct.Thresholds
	Sharing    Sharing
	Devices    bool // indicators from devices are taken
	// Shadow: everything is worked out and kept, nothing is done: no tip, pause,
	// friction or case.
	Shadow bool
	// Permits asks the policy whether a detector may look.
	Permits func(safety.Detector, safety.Surface, safety.Jurisdiction) bool
}

// Parts are what a desk works with.
type Parts struct {
	Store   *store.Store
	Vault   *vault.Vault
	Cases   *cases.Desk
	Keys    Keys
	Lookup  *talk.Lookup
	Weights *talk.Weights
	// Announce queues an event for the platform.
	Announce func(context.Context, *store.Tx, safety.Event) error
	// Fetch gets an event from the stream again; safety.NotFound when it is forgotten.
	Fetch func(ctx context.Context, seq uint64) (stream.Envelope, error)
	// Second asks, later, for a second opinion about a conversation; nil: nobody.
	Second func(ctx context.Context, tx *store.Tx, conversation string) error
	Now    func() time.Time
	Log    *slog.Logger
}

// Desk follows conversations. Its methods may be called from many goroutines.
type Desk struct {
	Parts
	cfg     Config
	readers sync.Pool // of *talk.Reader
	counts  [counters]atomic.Int64
	nets    networks
}

// What is counted since the process began. A batch that is tried again counts again.
const (
	countScanned = iota
	countUnscanned
	countTips
	countFast
	countFriction
	countReviews
	countContacts
	counters
)

// Counts are the desk's counters, by name.
func (d *Desk) Counts() map[string]int64 {
	out := map[string]int64{}
	for i, name := range [counters]string{"scanned", "unscanned", "tips", "fast", "friction", "reviews", "contacts"} {
		out[name] = d.counts[i].Load()
	}
	return out
}

// NewDesk makes a desk. It fails where the configuration contradicts itself.
func NewDesk(p Parts, c Config) (*Desk, error) {
	if err := c.Card.Check(); err != nil {
		return nil, err
	}
	if err := c.Thresholds.Check(); err != nil {
		return nil, err
	}
	d := &Desk{Parts: p, cfg: c}
	d.readers.New = func() any { return talk.NewReader(p.Lookup) }
	return d, nil
}

// Versions are those of the word lists and weights in use.
func (d *Desk) Versions() (words, weights string) { return d.Lookup.Version(), d.Parts.Weights.Version }

// Answer is what a platform that waits for one event is told.
type Answer struct {
	EventID string `json:"event_id"`
	// Verdict is empty where nothing was looked at: that is no "allow".
	Verdict    safety.Verdict   `json:"verdict,omitempty"`
	Scan       safety.ScanState `json:"scan"`
	ScanReason string           `json:"scan_reason,omitempty"`
	Steps      []string         `json:"steps"` // what was done: tip, help_screen, channel_pause, friction, review
}

// batch is one call of [Desk.Apply].
type batch struct {
	*Desk
	tx      *store.Tx
	now     time.Time
	people  map[string]*person
	talks   map[string]*dialogue
	byEvent map[uint64]*Event // of this batch, by place
	answers map[string]*Answer
	reader  *talk.Reader
}

// Apply takes a batch of events of one partition, in order, in the caller's
// transaction. It returns the answers by the events' keys. An event that can never
// be applied is a *stream.Poison.
func (d *Desk) Apply(ctx context.Context, tx *store.Tx, _ int, events []stream.Envelope) (map[string][]byte, error) {
	b := d.newBatch(tx)
	defer d.readers.Put(b.reader)
	parsed := make([]*Event, len(events))
	for i, v := range events {
		e, err := Parse(v.Body)
		if err != nil {
			return nil, &stream.Poison{Key: v.Key, Err: err}
		}
		parsed[i], b.byEvent[v.Seq] = &e, &e
	}
	if err := b.meet(ctx, parsed); err != nil {
		return nil, err
	}
	for i, v := range events {
		if err := b.take(ctx, v, parsed[i]); err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
	}
	return b.finish(ctx)
}

// newBatch makes an empty batch. Its reader goes back to d.readers.
func (d *Desk) newBatch(tx *store.Tx) *batch {
	return &batch{Desk: d, tx: tx, now: d.Now(), people: map[string]*person{}, talks: map[string]*dialogue{},
		byEvent: map[uint64]*Event{}, answers: map[string]*Answer{}, reader: d.readers.Get().(*talk.Reader)}
}

// meet locks everybody who is named, in one order, so that two batches do not wait
// for each other.
func (b *batch) meet(ctx context.Context, events []*Event) error {
	ids := map[string]bool{}
	for _, e := range events {
		ids[e.From.ID] = true
		for _, p := range e.followed() {
			ids[p.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		p, err := lock(ctx, b.tx, id, b.now)
		if err != nil {
			return err
		}
		b.people[id] = p
	}
	return nil
}

// followed are the recipients who are followed one by one.
func (e *Event) followed() []Party {
	if len(e.To) > maxRecipients {
		return nil
	}
	return e.To
}

// take applies one event.
func (b *batch) take(ctx context.Context, v stream.Envelope, e *Event) error {
	a := &Answer{EventID: e.ID, Scan: safety.ScanUnsupported, ScanReason: "not_a_message", Steps: []string{}}
	b.answers[v.Key] = a
	for _, p := range append([]Party{e.From}, e.followed()...) {
		if err := b.learn(ctx, p, e.at(b.now)); err != nil {
			return err
		}
	}
	if e.Kind.inConversation() {
		return b.converse(ctx, v, e, a)
	}
	return b.between(ctx, e)
}

// at is when it happened; an event that says nothing, or the future, is of now.
func (e *Event) at(now time.Time) time.Time {
	if e.At.IsZero() || e.At.After(now) {
		return now
	}
	return e.At
}

// learn takes over what an event says of an account, and what it shares with others.
func (b *batch) learn(ctx context.Context, of Party, at time.Time) error {
	p := b.people[of.ID]
	p.learn(of)
	for _, t := range []struct {
		kind  conduct.TieKind
		names []string
	}{{conduct.TieDevice, of.Devices}, {conduct.TiePayment, of.Payments}, {conduct.TieMember, of.Groups}} {
		for _, name := range t.names {
			if err := b.shares(ctx, p, t.kind, name, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares keeps that an account uses a thing, and looks whether an account of
// confirmed harm did.
func (b *batch) shares(ctx context.Context, p *person, kind conduct.TieKind, name string, at time.Time) error {
	if name == "" || len(name) > maxID {
		return nil
	}
	other := b.Keys.thing(kind.String(), name)
	if err := b.tie(ctx, kind, p.row.AccountID, other, at); err != nil || kind == conduct.TieMember {
		return err
	}
	harmful, err := b.tx.HarmfulThrough(ctx, kind.String(), other, p.row.AccountID)
	if err != nil {
		return fmt.Errorf("looking for shared things: %w", err)
	}
	if len(harmful) == 0 {
		return nil
	}
	return b.conduct(p, conduct.Event{Kind: conduct.Linked, At: at, Through: b.Keys.Of(kind.String(), name)})
}

// conduct adds to what is known of an actor's conduct. What is too old to count is
// no error.
func (b *batch) conduct(p *person, e conduct.Event) error {
	p.moved = true
	_, err := p.conduct.Add(e, b.now)
	return err
}

// finish makes everything durable.
func (b *batch) finish(ctx context.Context) (map[string][]byte, error) {
	for _, id := range slices.Sorted(maps.Keys(b.talks)) {
		if err := b.talks[id].save(ctx, b.tx); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		p := b.people[id]
		if p.moved {
			if err := b.assess(ctx, p); err != nil {
				return nil, err
			}
		}
		if err := p.save(ctx, b.tx); err != nil {
			return nil, err
		}
	}
	if err := b.capture(ctx); err != nil {
		return nil, err
	}
	out := make(map[string][]byte, len(b.answers))
	for key, a := range b.answers {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		out[key] = text
	}
	return out, nil
}
