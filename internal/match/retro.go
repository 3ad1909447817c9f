package match

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// Upload is what is kept of an upload: the hashes that its check looked up and
// how much was scanned, never its content.
type Upload struct {
	ContentID    string
	AccountID    string
	Surface      safety.Surface
	Jurisdiction safety.Jurisdiction
	At           time.Time

	Query  Query
	Scan   safety.ScanState
	Reason string
	Format string // of the file, as package media names it
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
	room    int64 // bytes of hashes in the database
	queue   chan db.AddRecentParams
	queued  atomic.Int64 // bytes
	dropped atomic.Int64
	partial atomic.Int64
	early   atomic.Int64
	specs   []hasher.Spec

	mu     sync.Mutex // held by Retro; guards what follows
	settle time.Duration
	grown  map[string]growth // by list
}

// growth is a version of a list and when this process saw it first.
type growth struct {
	version int64
	at      time.Time
}

// DefaultSettle is how long a version of a list waits before uploads are held
// against it: longer than another process takes to answer from the list as it was
// before and to write down what it was asked about.
const DefaultSettle = 3 * time.Second

// SetSettle sets another time than [DefaultSettle]. It is called before the memory
// is used.
func (r *Recents) SetSettle(d time.Duration) { r.settle = d }

// DefaultRoom is how many bytes of hashes are kept by default.
const DefaultRoom = 10 << 30

// maxQueued bounds the memory of uploads that wait to be written.
const maxQueued = 64 << 20

// SetRoom bounds the hashes in the database; the oldest uploads go first. It is
// called before the memory is used.
func (r *Recents) SetRoom(bytes int64) { r.room = bytes }

// SetSpecs says which opaque types are matched, as [Index.SetSpecs] does.
func (r *Recents) SetSpecs(specs []hasher.Spec) { r.specs = specs }

// NewRecents returns a memory that keeps uploads for keep; 0 or less keeps none.
func NewRecents(s *store.Store, keep time.Duration, now func() time.Time, log *slog.Logger) *Recents {
	return &Recents{store: s, keep: keep, now: now, log: log, room: DefaultRoom, settle: DefaultSettle, grown: map[string]growth{}, queue: make(chan db.AddRecentParams, 20_000)}
}

// Note remembers an upload. It never waits: when the database is too slow, the
// upload is not remembered, and that is counted.
func (r *Recents) Note(u Upload) {
	if r.keep <= 0 || u.ContentID == "" {
		return
	}
	body, whole := remember(&u)
	if !whole {
		r.partial.Add(1)
	}
	p := db.AddRecentParams{ID: safety.NewID("rec", u.At), ContentID: u.ContentID, AccountID: u.AccountID,
		Surface: string(u.Surface), Jurisdiction: string(u.Jurisdiction), SeenAt: store.Micros(u.At), Prints: body, Size: int64(len(body))}
	columns(&p, u.Query)
	if r.queued.Add(p.Size) > maxQueued {
		r.queued.Add(-p.Size)
		r.dropped.Add(1)
		return
	}
	select {
	case r.queue <- p:
	default:
		r.queued.Add(-p.Size)
		r.dropped.Add(1)
	}
}

// Partial counts uploads of which there were too many hashes to keep all.
func (r *Recents) Partial() int64 { return r.partial.Load() }

// Early counts uploads that were forgotten before their time, for want of room.
func (r *Recents) Early() int64 { return r.early.Load() }

// Dropped counts uploads that could not be remembered.
func (r *Recents) Dropped() int64 { return r.dropped.Load() }

const (
	recentBatch = 500
	recentBytes = 8 << 20 // a transaction
	retroPage   = 64      // uploads in memory: at most 64 times maxRemembered
	retroChunk  = 500_000 // new signals in memory
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
			for _, p := range batch {
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

func (r *Recents) take() (batch []db.AddRecentParams) {
	for size := int64(0); len(batch) < recentBatch && size < recentBytes; {
		select {
		case p := <-r.queue:
			r.queued.Add(-p.Size)
			size += p.Size
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// Forget removes what has been kept for long enough, and the oldest of the rest
// while there is too much.
func (r *Recents) Forget(ctx context.Context) (int64, error) {
	q := r.store.Read()
	n, err := q.ForgetRecents(ctx, store.Micros(r.now().Add(-max(r.keep, 0))))
	if err != nil {
		return 0, fmt.Errorf("forgetting uploads: %w", err)
	}
	size, err := q.RecentsSize(ctx)
	if err != nil {
		return n, fmt.Errorf("measuring uploads: %w", err)
	}
	for size > r.room {
		oldest, err := q.OldestRecents(ctx, 1000)
		if err != nil || len(oldest) == 0 {
			return n, err
		}
		last := ""
		for _, o := range oldest {
			if size <= r.room {
				break
			}
			size -= o.Size
			last = o.ID
		}
		gone, err := q.ForgetRecentsUpTo(ctx, last)
		if err != nil {
			return n, fmt.Errorf("forgetting uploads: %w", err)
		}
		r.early.Add(gone)
		n += gone
		r.log.WarnContext(ctx, "uploads are forgotten before their time, for want of room", "uploads", gone)
	}
	return n, nil
}

// Retro holds recent uploads against what has come onto lists since the last
// time, and calls again for each that a new signal is near to; again is expected
// to check the upload by its hashes, which opens a case. A list is done when
// every call for it has returned nil, so that what fails is tried again; a list
// that is switched off waits until it is on, and every version for
// [DefaultSettle].
func (r *Recents) Retro(ctx context.Context, again func(context.Context, Upload) error) (found int, err error) {
	if r.keep <= 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Flush(ctx)
	rows, err := r.store.Read().AllLists(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading lists: %w", err)
	}
	for _, l := range rows {
		if !l.Enabled || l.OffUntil > store.Micros(r.now()) || l.Version <= l.RetroVersion || l.DeletedAt != 0 || l.Kind == string(safety.ListAllow) || l.Kind == string(safety.ListCanary) {
			continue
		}
		g, waits := r.grown[l.ID]
		if !waits || g.version <= l.RetroVersion { // another process may have done it
			g = growth{l.Version, r.now()}
			r.grown[l.ID] = g
		}
		if r.now().Sub(g.at) < r.settle {
			continue
		}
		l.Version = min(l.Version, g.version) // what came later waits its own time
		n, err := r.retro(ctx, l, again)
		found += n
		if err != nil {
			return found, fmt.Errorf("list %s: %w", l.ID, err)
		}
		delete(r.grown, l.ID)
	}
	return found, nil
}

// retro indexes the new signals, some at a time, and passes the uploads by them.
func (r *Recents) retro(ctx context.Context, l db.List, again func(context.Context, Upload) error) (found int, err error) {
	q := r.store.Read()
	done := map[string]bool{} // uploads that were checked again: one check finds all
	fresh, err := r.fresh(l)
	if err != nil {
		return 0, err
	}
	pass := func() error {
		n, err := r.pass(ctx, fresh, done, again)
		found += n
		return err
	}
	err = addedSince(ctx, q, l.ID, l.RetroVersion, l.Version, func(page []db.Signal) error {
		videos, err := videoFrames(ctx, q, page)
		if err != nil {
			return err
		}
		fresh.mu.Lock()
		err = fresh.add(0, page, videos)
		fresh.mu.Unlock()
		if err != nil || fresh.Signals() < retroChunk {
			return err
		}
		if err := pass(); err != nil {
			return err
		}
		fresh, err = r.fresh(l)
		return err
	})
	if err == nil {
		err = pass()
	}
	if err != nil {
		return found, err
	}
	if err := q.SetRetroVersion(ctx, l.ID, l.Version); err != nil {
		return found, fmt.Errorf("noting progress: %w", err)
	}
	return found, nil
}

// fresh is an index for what is new on a list. Nothing but the list's own
// settings excuses what it finds: allow lists, paused contents and the like are
// for the check that follows.
func (r *Recents) fresh(l db.List) (*Index, error) {
	x := NewIndex(r.store, r.now, r.log)
	x.SetSpecs(r.specs)
	if _, err := x.place(l.ID); err != nil {
		return nil, err
	}
	*x.lists[0] = list{name: l.Name, kind: safety.ListKind(l.Kind), threshold: int(l.Threshold), enabled: true, ratio: int(l.Ratio)}
	x.ready = true
	return x, nil
}

// pass looks every upload up in x and calls again for those in which something
// is found, except for those that are done.
func (r *Recents) pass(ctx context.Context, x *Index, done map[string]bool, again func(context.Context, Upload) error) (found int, err error) {
	for after := ""; x.Signals() > 0; {
		page, err := r.store.Read().RecentsAfter(ctx, after, retroPage)
		if err != nil {
			return found, fmt.Errorf("reading uploads: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		for _, row := range page {
			if done[row.ID] {
				continue
			}
			u, err := upload(row)
			if err != nil {
				return found, fmt.Errorf("upload %s: %w", row.ID, err)
			}
			hits, err := x.Lookup(u.Query)
			if err != nil {
				return found, err
			}
			if len(hits) == 0 {
				continue
			}
			if err := again(ctx, u); err != nil {
				return found, fmt.Errorf("checking an upload again: %w", err)
			}
			done[row.ID] = true
			found++
		}
	}
	return found, nil
}

// upload is a row as an upload. Rows from before prints were kept have one
// perceptual hash and are taken for whole, as they were then.
func upload(row db.Recent) (Upload, error) {
	u := Upload{ContentID: row.ContentID, AccountID: row.AccountID, Surface: safety.Surface(row.Surface),
		Jurisdiction: safety.Jurisdiction(row.Jurisdiction), At: store.Time(row.SeenAt)}
	if len(row.Prints) > 0 {
		return u, recall(row.Prints, &u)
	}
	u.Scan = safety.ScanScanned
	for _, c := range []struct {
		t     safety.HashType
		value string
	}{{safety.SHA256, row.Sha256}, {safety.SHA1, row.Sha1}, {safety.MD5, row.Md5}, {safety.PDQ, row.Pdq}} {
		if c.value == "" {
			continue
		}
		h, err := safety.ParseHash(c.t, c.value)
		if err != nil {
			return u, err
		}
		if c.t == safety.PDQ {
			u.Query.Near = []Near{{Hash: pdq.Hash(h.Bytes()), Quality: int(row.Quality), Variant: "original"}}
		} else {
			u.Query.Exact = append(u.Query.Exact, h)
		}
	}
	if len(u.Query.Near) == 0 || len(u.Query.Exact) == 0 {
		u.Scan, u.Reason = safety.ScanPartial, "hashes_incomplete"
	}
	return u, nil
}
