// Package takedown answers people who ask that an intimate image of them be taken
// down: by the law of the United Kingdom (Online Safety Act 2023 s.20A and
// s.10(3A)), by that of the United States (TAKE IT DOWN Act), or by the operator's
// own terms.
//
// A notice has a clock, 48 hours from receipt in elapsed time, and one of three
// ends: what it is about was taken down and the platform has confirmed each piece;
// a person refused it for a reason that the law knows; or it may be about a child
// and went to the child-safety path, where it is a case. The same picture
// elsewhere is looked for among the uploads whose hashes are kept, at receipt and
// in each later upload; what could not be compared is counted and said.
//
// Promises: only a person decides, and a complaint is decided by another person
// than those who decided before. A notice that ended after its time, or waits past
// it, counts as late for ever. Who asked is kept sealed, never in the ledger, and
// is forgotten when it is no longer needed. No hash leaves the package but for the
// list of what was taken down.
package takedown

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// State is where a notice is in its life.
type State string

// The states.
const (
	Open    State = "open"    // waits for a person
	Decided State = "decided" // to be taken down; some of it is not confirmed yet
	Removed State = "removed" // every piece is confirmed to be gone; an end
	Refused State = "refused" // a person refused it for a reason; an end
	Moved   State = "moved"   // a case on the child-safety path; an end
)

// States are all of them.
var States = []State{Open, Decided, Removed, Refused, Moved}

// Outcome is what a person decides.
type Outcome string

// The outcomes.
const (
	TakeDown Outcome = "take_down"
	Refuse   Outcome = "refuse"
)

// Law is by what a notice is made.
type Law string

// The laws.
const (
	UK    Law = "uk"
	US    Law = "us"
	Terms Law = "terms" // the operator's own
)

// Laws are all of them.
var Laws = []Law{UK, US, Terms}

// Reasons for which a notice may be refused.
const (
	NotIntimate   = "not_intimate_image"   // OSA s.10(3B); all laws
	NotEntitled   = "not_subject_or_agent" // OSA s.10(3B); all laws
	NotValid      = "request_not_valid"    // US: something that the Act asks for is missing [M]
	WithConsent   = "published_with_consent"
	TermsAllow    = "allowed_by_terms"
	maxContents   = 100
	maxNote       = 2000
	clockTolerate = time.Minute
)

// reasons by law: those of the UK are an exhaustive list [S]; those of the US are
// read from what the Act says of a valid request [M].
var reasons = map[Law][]string{
	UK:    {NotIntimate, NotEntitled},
	US:    {NotIntimate, NotEntitled, NotValid, WithConsent},
	Terms: {NotIntimate, NotEntitled, WithConsent, TermsAllow},
}

// Reasons are why a notice by this law may be refused.
func (l Law) Reasons() []string { return reasons[l] }

// Config is what the operator sets. The zero value works.
type Config struct {
	TermsLimit  time.Duration // for notices by the operator's terms; 0: 48 hours
	Warn        time.Duration // before the end of the time; 0: 24 hours
	MayHold     bool          // a person may ask for a temporary limit before the decision
	KeepContact time.Duration // after the end of a notice; 0: 30 days
	OldAfter    time.Duration // a notice that was received longer ago needs a reason; 0: 24 hours
}

func (c Config) complete() Config {
	for p, v := range map[*time.Duration]time.Duration{&c.TermsLimit: 48 * time.Hour, &c.Warn: 24 * time.Hour, &c.KeepContact: 30 * 24 * time.Hour, &c.OldAfter: 24 * time.Hour} {
		if *p == 0 {
			*p = v
		}
	}
	return c
}

// Clock is the law of the vault's table that a notice runs by.
func (c Config) Clock(l Law) vault.Law {
	switch l {
	case UK:
		return vault.UKIntimateImage
	case US:
		return vault.USIntimateImage
	default:
		return vault.OperatorTakedown(c.complete().TermsLimit)
	}
}

// Child is a notice that may be about a child, as the child-safety path gets it.
type Child struct {
	NoticeID string
	Contents []Named
	Why      string // for the reviewers: no personal data
}

// Named names a content on the platform.
type Named struct {
	ContentID string `json:"content_id,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Hooks are what happens beside a notice's own change, in its transaction.
type Hooks struct {
	Announce func(context.Context, *store.Tx, safety.Event) error
	// Keep puts hashes onto the list of what was taken down and returns those that
	// the list took; Drop takes them off.
	Keep func(ctx context.Context, tx *store.Tx, actor, noticeID string, hashes []safety.Hash) ([]safety.Hash, error)
	Drop func(ctx context.Context, tx *store.Tx, actor, noticeID string, hashes []safety.Hash) error
	// Case opens or joins cases of the first priority and returns their ids.
	Case func(context.Context, *store.Tx, Child) ([]string, error)
}

// Desk keeps notices.
type Desk struct {
	store *store.Store
	vault *vault.Vault
	now   func() time.Time
	cfg   Config
	hooks Hooks
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, v *vault.Vault, now func() time.Time, c Config, h Hooks) *Desk {
	return &Desk{store: s, vault: v, now: now, cfg: c.complete(), hooks: h}
}

// Clock is the law that a notice runs by.
func (d *Desk) Clock(l Law) vault.Law { return d.cfg.Clock(l) }

// MayHold reports whether a temporary limit may be asked for.
func (d *Desk) MayHold() bool { return d.cfg.MayHold }

// at is the time of a change: never before the one before it, so that a clock that
// is set back makes no late notice a timely one.
func (d *Desk) at(n db.Takedown) int64 { return max(store.Micros(d.now()), n.UpdatedAt) }

func (d *Desk) lock(ctx context.Context, tx *store.Tx, id string) (db.Takedown, error) {
	n, err := tx.LockTakedown(ctx, id)
	return n, store.NotFound(err, "takedown notice")
}

// save writes a changed notice. before is how it was: what had not ended by its
// time is late from then on.
func (d *Desk) save(ctx context.Context, tx *store.Tx, before, n db.Takedown) error {
	at := d.at(before)
	n.Late = before.Late || isLate(before, at)
	err := tx.SetTakedown(ctx, db.SetTakedownParams{ID: n.ID, State: n.State, Outcome: n.Outcome, DecidedAt: n.DecidedAt, EndedAt: n.EndedAt,
		Late: n.Late, HeldAt: n.HeldAt, CaseIds: n.CaseIds, UpdatedAt: at})
	if err != nil {
		return fmt.Errorf("changing notice: %w", err)
	}
	return nil
}

func isLate(n db.Takedown, at int64) bool { return n.EndedAt == 0 && at > n.DueAt }

func in(s string, states ...State) bool { return slices.Contains(states, State(s)) }

func person(who safety.Actor) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person decides about a notice")
	}
	return nil
}

func micros(t time.Duration) int64 { return t.Microseconds() }
