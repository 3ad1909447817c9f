package match

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// DefaultFlood is how many contents in an hour one signal may meet before it is
// put in quarantine. A single wrong entry on a list, such as the hash of a common
// advertisement, meets thousands. A signal that a person has confirmed is never
// put there: something that spreads quickly must not be held back by spreading.
const DefaultFlood = 200

// Score is what one signal has done.
type Score struct {
	Seen, Confirmed, Refuted int64
	FirstSeen, LastSeen      time.Time
	Quarantined              bool
}

// Seen counts content that met the signals of its findings, and puts a signal
// that floods in quarantine. flooded are the signals for which that is new.
func (ls *Lists) Seen(ctx context.Context, tx *store.Tx, found []safety.Finding) (flooded []string, err error) {
	now := ls.now()
	// In one order everywhere: two checks that met the same signals must not wait
	// for each other.
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b safety.Finding) int { return strings.Compare(a.SignalID, b.SignalID) })
	found = slices.CompactFunc(found, func(a, b safety.Finding) bool { return a.SignalID == b.SignalID })
	for _, f := range found {
		if f.SignalID == "" {
			continue
		}
		score, err := tx.CountSeen(ctx, f.SignalID, store.Micros(now), now.Unix()/3600)
		if err != nil {
			return nil, fmt.Errorf("counting signal: %w", err)
		}
		if f.Kind == safety.ListAllow || f.Kind == safety.ListCanary || score.HourSeen <= ls.flood ||
			score.Confirmed > 0 || score.ReleasedAt != 0 {
			continue
		}
		n, err := tx.QuarantineSignal(ctx, f.SignalID, store.Micros(now))
		if err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		if n == 0 {
			continue // it is there already
		}
		flooded = append(flooded, f.SignalID)
		err = ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "signal.quarantine", Subject: f.SignalID,
			Detail: fmt.Sprintf("list %s, %d contents in an hour", f.List, score.HourSeen)})
		if err != nil {
			return nil, err
		}
	}
	return flooded, nil
}

// Judged counts a person's judgement on the signals that brought a case before
// them: by is 1, or -1 when the judgement is taken back.
func (ls *Lists) Judged(ctx context.Context, tx *store.Tx, signals []string, confirmed bool, by int64) error {
	yes, no := by, int64(0)
	if !confirmed {
		yes, no = no, yes
	}
	for _, s := range signals {
		if err := tx.CountJudged(ctx, s, yes, no); err != nil {
			return fmt.Errorf("counting judgement: %w", err)
		}
	}
	return nil
}

// Release takes a signal out of quarantine, for good: the caller has looked at
// what it matches.
func (ls *Lists) Release(ctx context.Context, actor, name, signalID string) error {
	return ls.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.SignalOnList(ctx, signalID, name); err != nil {
			return store.NotFound(err, "signal")
		}
		n, err := tx.ReleaseSignal(ctx, signalID, store.Micros(ls.now()))
		if err != nil {
			return fmt.Errorf("releasing signal: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this signal is not in quarantine")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "signal.release", Subject: signalID, Detail: "list " + name})
	})
}

// Scores returns what the signals of a page of [Lists.Signals] have done, by
// signal. A signal that has met nothing is not in it.
func (ls *Lists) Scores(ctx context.Context, name, after string, limit int) (map[string]Score, error) {
	l, err := ls.store.Read().ListByName(ctx, name)
	if err != nil {
		return nil, store.NotFound(err, "list")
	}
	rows, err := ls.store.Read().ScoresOfSignals(ctx, l.ID, after, int32(limit))
	if err != nil {
		return nil, fmt.Errorf("reading scores: %w", err)
	}
	out := map[string]Score{}
	for _, r := range rows {
		out[r.SignalID] = Score{Seen: r.Seen, Confirmed: r.Confirmed, Refuted: r.Refuted, FirstSeen: store.Time(r.FirstSeenAt),
			LastSeen: store.Time(r.LastSeenAt), Quarantined: r.QuarantinedAt != 0}
	}
	return out, nil
}
