package match

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/hamming"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// Upload is what is kept of an upload: its hashes, never its content.
type Upload struct {
	ContentID    string
	AccountID    string
	Surface      safety.Surface
	Jurisdiction safety.Jurisdiction
	SHA256, SHA1 string
	MD5, PDQ     string
	Turned       []pdq.Hash // the PDQ hashes of the other seven orientations, as of [pdq.Result.Dihedral]; nil where only a hash was given
	Quality      int
	At           time.Time
}

// turnedText is how turned hashes are kept.
func turnedText(hs []pdq.Hash) string {
	var b []byte
	for _, h := range hs {
		b = append(b, h[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// Recents remembers uploads for a while, so that those which were checked before
// a signal came onto a list are found when it does. Uploads are written some at a
// time, beside the answer and not before it: what a crash loses is less than a
// second of them.
type Recents struct {
	store   *store.Store
	keep    time.Duration
	now     func() time.Time
	log     *slog.Logger
	queue   chan Upload
	dropped atomic.Int64
}

// NewRecents returns a memory that keeps uploads for keep; 0 or less keeps none.
func NewRecents(s *store.Store, keep time.Duration, now func() time.Time, log *slog.Logger) *Recents {
	return &Recents{store: s, keep: keep, now: now, log: log, queue: make(chan Upload, 20_000)}
}

// Note remembers an upload. It never waits: when the database is too slow, the
// upload is not remembered, and that is counted.
func (r *Recents) Note(u Upload) {
	if r.keep <= 0 || u.ContentID == "" {
		return
	}
	select {
	case r.queue <- u:
	default:
		r.dropped.Add(1)
	}
}

// Dropped counts uploads that could not be remembered.
func (r *Recents) Dropped() int64 { return r.dropped.Load() }

const (
	recentBatch = 500
	retroPage   = 5000
)

// Run writes what is noted until ctx ends.
func (r *Recents) Run(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.Flush(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			r.Flush(ctx)
		}
	}
}

// Flush writes what has been noted so far.
func (r *Recents) Flush(ctx context.Context) {
	for {
		batch := r.take()
		if len(batch) == 0 {
			return
		}
		err := r.store.Tx(ctx, func(tx *store.Tx) error {
			for _, u := range batch {
				p := db.AddRecentParams{ID: safety.NewID("rec", u.At), ContentID: u.ContentID, AccountID: u.AccountID,
					Surface: string(u.Surface), Jurisdiction: string(u.Jurisdiction), Sha256: u.SHA256, Sha1: u.SHA1, Md5: u.MD5,
					Pdq: u.PDQ, Quality: int64(u.Quality), SeenAt: store.Micros(u.At), Turned: turnedText(u.Turned)}
				if err := tx.AddRecent(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.dropped.Add(int64(len(batch)))
			r.log.ErrorContext(ctx, "recent uploads cannot be remembered", "uploads", len(batch), "error", err)
			return
		}
	}
}

func (r *Recents) take() (batch []Upload) {
	for len(batch) < recentBatch {
		select {
		case u := <-r.queue:
			batch = append(batch, u)
		default:
			return batch
		}
	}
	return batch
}

// Forget removes what has been kept for long enough.
func (r *Recents) Forget(ctx context.Context) (int64, error) {
	n, err := r.store.Read().ForgetRecents(ctx, store.Micros(r.now().Add(-max(r.keep, 0))))
	if err != nil {
		return 0, fmt.Errorf("forgetting uploads: %w", err)
	}
	return n, nil
}

// Retro holds recent uploads against what has come onto lists since the last
// time, and calls again for each that a new signal is near to; again is expected
// to check the upload by its hashes, which opens a case. A list is done when
// every call for it has returned nil, so that what fails is tried again; a list
// that is switched off waits until it is on.
func (r *Recents) Retro(ctx context.Context, again func(context.Context, Upload) error) (found int, err error) {
	if r.keep <= 0 {
		return 0, nil
	}
	r.Flush(ctx)
	rows, err := r.store.Read().AllLists(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading lists: %w", err)
	}
	for _, l := range rows {
		if !l.Enabled || l.OffUntil > store.Micros(r.now()) || l.Version <= l.RetroVersion || l.DeletedAt != 0 || l.Kind == string(safety.ListAllow) || l.Kind == string(safety.ListCanary) {
			continue
		}
		n, err := r.retro(ctx, l, again)
		found += n
		if err != nil {
			return found, fmt.Errorf("list %s: %w", l.ID, err)
		}
	}
	return found, nil
}

// retro indexes the new signals, which are few, and passes the uploads, which
// are many, by them.
func (r *Recents) retro(ctx context.Context, l db.List, again func(context.Context, Upload) error) (found int, err error) {
	q := r.store.Read()
	exact, near, n := map[exactKey]bool{}, hamming.New(), uint64(0)
	err = addedSince(ctx, q, l.ID, l.RetroVersion, l.Version, func(page []db.Signal) error {
		for _, s := range page {
			h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
			if err != nil {
				return fmt.Errorf("signal %s: %w", s.ID, err)
			}
			if k, ok := keyOf(h); ok {
				exact[k] = true
			} else if h.Type == safety.PDQ {
				n++
				near.Insert(n, hamming.Key(h.Bytes()))
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for after := ""; len(exact) > 0 || n > 0; {
		page, err := q.RecentsAfter(ctx, after, retroPage)
		if err != nil {
			return found, fmt.Errorf("reading uploads: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		for _, u := range page {
			if !met(u, exact, near, int(l.Threshold)) {
				continue
			}
			found++
			if err := again(ctx, upload(u)); err != nil {
				return found, fmt.Errorf("checking an upload again: %w", err)
			}
		}
	}
	if err := q.SetRetroVersion(ctx, l.ID, l.Version); err != nil {
		return found, fmt.Errorf("noting progress: %w", err)
	}
	return found, nil
}

func met(u db.Recent, exact map[exactKey]bool, near *hamming.Index, threshold int) bool {
	for t, value := range map[safety.HashType]string{safety.SHA256: u.Sha256, safety.SHA1: u.Sha1, safety.MD5: u.Md5} {
		if k, ok := keyOf(safety.Hash{Type: t, Value: value}); ok && value != "" && exact[k] {
			return true
		}
	}
	if u.Pdq == "" || u.Quality < pdq.MinQuality {
		return false
	}
	h, err := pdq.ParseHash(u.Pdq)
	if err != nil {
		return false
	}
	matches, _ := near.Search(hamming.Key(h), threshold, nil, 1)
	return len(matches) > 0
}

func upload(u db.Recent) Upload {
	return Upload{ContentID: u.ContentID, AccountID: u.AccountID, Surface: safety.Surface(u.Surface),
		Jurisdiction: safety.Jurisdiction(u.Jurisdiction), SHA256: u.Sha256, SHA1: u.Sha1, MD5: u.Md5, PDQ: u.Pdq,
		Quality: int(u.Quality), At: store.Time(u.SeenAt)}
}
