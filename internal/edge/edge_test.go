package edge_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/edge"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects"
	"github.com/rowan-safety/rowan/internal/objects/objectstest"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

var key = []byte("a key of a test, 32 bytes long..")

// bench is a database with lists, its publisher, and followers.
type bench struct {
	t      *testing.T
	server *objectstest.Server
	bucket *objects.Bucket
	store  *store.Store
	lists  *match.Lists
	source *match.Index
	pub    *edge.Publisher
	now    time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, server: objectstest.Start(t), store: storetest.Open(t), now: time.Unix(1_790_000_000, 0)}
	var err error
	if b.bucket, err = b.server.Client().Bucket("s3://" + b.server.Bucket + "/edge"); err != nil {
		t.Fatal(err)
	}
	b.lists = match.NewLists(b.store, b.clock)
	b.source = match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
	b.pub = b.publisher()
	return b
}

func (b *bench) clock() time.Time { return b.now }

func (b *bench) publisher() *edge.Publisher {
	b.t.Helper()
	p, err := edge.NewPublisher(b.bucket, key, func() *match.Feed { return match.NewFeed(b.store, b.clock) }, b.clock, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) follower(memory string) *edge.Follower {
	b.t.Helper()
	f, err := edge.NewFollower(b.bucket, edge.FollowerConfig{Key: key, Oldest: 30 * time.Second, Memory: memory, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		Index: func() *match.Index { return match.NewIndex(nil, b.clock, slog.New(slog.DiscardHandler)) }})
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bench) do(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// beat publishes, though nothing has changed.
func (b *bench) beat() {
	b.t.Helper()
	b.now = b.now.Add(6 * time.Second)
	b.do(b.pub.Step(b.t.Context()))
}

func hash(t safety.HashType, n int) safety.Hash {
	raw := make([]byte, t.Size())
	r := rand.New(rand.NewPCG(uint64(n), 3))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return safety.Hash{Type: t, Value: hex.EncodeToString(raw)}
}

type looker interface {
	Lookup(q match.Query) ([]safety.Finding, error)
}

// sees is what is found of the first n hashes of each type.
func (b *bench) sees(l looker, n int) (out []string) {
	b.t.Helper()
	for i := range n {
		for _, t := range []safety.HashType{safety.SHA256, safety.PDQ} {
			q := match.Query{Exact: []safety.Hash{hash(t, i)}}
			if t == safety.PDQ {
				h := pdq.Hash(hash(t, i).Bytes())
				h[3] ^= 5
				q = match.Query{Near: []match.Near{{Hash: h, Quality: 90, Variant: "original"}}}
			}
			found, err := l.Lookup(q)
			b.do(err)
			for _, f := range found {
				out = append(out, fmt.Sprint(t, i, f))
			}
		}
	}
	return out
}

// TestFollowers: after each random change of the lists, one step of the publisher
// and one poll make every follower equal to an index that follows the database.
func TestFollowers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	followers := []*edge.Follower{b.follower(""), b.follower(filepath.Join(t.TempDir(), "beat")), b.follower("")}
	for _, f := range followers {
		if err := f.Step(ctx); !errors.Is(err, objects.ErrAbsent) || f.Ready() == nil {
			t.Fatalf("a bucket without lists: %v", err)
		}
	}
	const n = 30
	r := rand.New(rand.NewPCG(1, 1))
	names := []string{"one", "two", "harmless"}
	for i, name := range names {
		kind := []safety.ListKind{safety.ListIllegal, safety.ListTerrorism, safety.ListAllow}[i]
		b.do(b.lists.Create(ctx, "t", match.List{Name: name, Kind: kind, Threshold: -1}))
	}
	b.do(b.pub.Step(ctx))
	for _, f := range followers {
		b.do(f.Step(ctx))
		if f.Ready() == nil {
			t.Fatal("a follower is ready that has seen one manifest, which may be of any age")
		}
	}
	b.beat()
	polls := 0
	var took time.Duration
	for step := range 60 {
		name := names[r.IntN(3)]
		switch r.IntN(6) {
		case 0:
			enabled := r.IntN(3) > 0
			b.do(b.lists.SetOptions(ctx, "t", name, match.Options{Enabled: &enabled}))
		case 1:
			rows, err := b.lists.Signals(ctx, name, "", 100)
			b.do(err)
			for _, s := range rows {
				if r.IntN(3) == 0 {
					b.do(b.lists.RemoveSignal(ctx, "t", name, s.ID))
				}
			}
		case 2:
			off := b.now.Add(time.Duration(r.IntN(20)) * time.Second)
			b.do(b.lists.SetOptions(ctx, "t", name, match.Options{OffUntil: &off}))
		default:
			var text strings.Builder
			for range 1 + r.IntN(4) {
				typ := []safety.HashType{safety.SHA256, safety.PDQ}[r.IntN(2)]
				fmt.Fprintf(&text, "%s:%s\n", typ, hash(typ, r.IntN(n)).Value)
			}
			_, err := b.lists.Import(ctx, "t", name, match.FormatHashes, strings.NewReader(text.String()), false)
			b.do(err)
		}
		if step == 30 { // the publisher dies; another one takes its place
			b.pub = b.publisher()
		}
		b.now = b.now.Add(time.Second)
		b.do(b.source.Refresh(ctx))
		want := b.sees(b.source, n)
		began := time.Now()
		b.do(b.pub.Step(ctx))
		for i, f := range followers {
			b.do(f.Step(ctx))
			polls++
			if i == 0 {
				took += time.Since(began)
			}
			if diff := cmp.Diff(want, b.sees(f, n)); diff != "" {
				t.Fatalf("step %d, follower %d (-source +follower):\n%s", step, i, diff)
			}
			if f.Signals() != b.source.Signals() {
				t.Errorf("step %d: %d signals, the source has %d", step, f.Signals(), b.source.Signals())
			}
		}
	}
	t.Logf("%d polls for 60 changes at 3 followers; publishing and taking in one change: %v on average, to which come up to %v of waiting for each of the two",
		polls, took/60, edge.Every)
	// A follower that comes late is equal too.
	late := b.follower("")
	b.do(late.Step(ctx))
	b.beat()
	b.do(late.Step(ctx))
	b.do(b.source.Refresh(ctx))
	if diff := cmp.Diff(b.sees(b.source, n), b.sees(late, n)); diff != "" {
		t.Errorf("a late follower (-source +follower):\n%s", diff)
	}
}

// TestFaults: what is damaged, missing, older or of another key is refused; a
// follower answers from what it had until that is too old, and then not at all.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	memory := filepath.Join(t.TempDir(), "beat")
	b.do(b.lists.Create(ctx, "t", match.List{Name: "one", Kind: safety.ListIllegal, Threshold: -1}))
	add := func(i int) {
		_, err := b.lists.Import(ctx, "t", "one", match.FormatHashes, strings.NewReader(hash(safety.SHA256, i).Value), false)
		b.do(err)
	}
	add(0)
	b.do(b.pub.Step(ctx))
	f := b.follower(memory)
	b.do(f.Step(ctx))
	b.beat()
	b.do(f.Step(ctx))
	b.do(f.Ready())
	if text, _, err := b.bucket.Get(ctx, "manifest", 1<<20); err != nil || strings.Contains(string(text), "sha256") {
		t.Errorf("the bucket tells: %q, %v", text, err)
	}
	old, _, err := b.bucket.Get(ctx, "manifest", 1<<20)
	b.do(err)

	// The next step of the log is damaged, and then missing.
	add(1)
	b.do(b.pub.Step(ctx))
	name := b.newest()
	data, etag, err := b.bucket.Get(ctx, name, 1<<20)
	b.do(err)
	bad := append([]byte(nil), data...)
	bad[len(bad)/2] ^= 1
	_, err = b.bucket.Replace(ctx, name, bad, etag)
	b.do(err)
	newcomer := b.follower("")
	for _, x := range []*edge.Follower{f, newcomer} {
		if err := x.Step(ctx); err == nil {
			t.Error("a damaged object is taken")
		}
	}
	b.do(b.bucket.Remove(ctx, name))
	for _, x := range []*edge.Follower{f, newcomer} {
		if err := x.Step(ctx); !errors.Is(err, objects.ErrAbsent) {
			t.Errorf("a missing object: %v", err)
		}
	}
	if newcomer.Ready() == nil {
		t.Error("a follower without lists is ready")
	}
	if got := len(b.sees(f, 2)); got != 1 {
		t.Errorf("the follower finds %d with the lists that it had", got)
	}
	b.now = b.now.Add(31 * time.Second)
	if _, err := f.Lookup(match.Query{}); safety.KindOf(err) != safety.Unavailable {
		t.Errorf("lists that are too old: %v", err)
	}
	// The publisher begins anew, and all is well.
	b.pub = b.publisher()
	b.do(b.pub.Step(ctx))
	b.do(f.Step(ctx))
	if got := len(b.sees(f, 2)); got != 2 {
		t.Errorf("the follower finds %d", got)
	}
	// An older manifest is refused, and by a follower that was restarted too.
	_, etag, err = b.bucket.Get(ctx, "manifest", 1<<20)
	b.do(err)
	_, err = b.bucket.Replace(ctx, "manifest", old, etag)
	b.do(err)
	restarted := b.follower(memory)
	for _, x := range []*edge.Follower{f, restarted} {
		if err := x.Step(ctx); !errors.Is(err, edge.ErrRollback) {
			t.Errorf("an older manifest: %v", err)
		}
	}
	if restarted.Ready() == nil {
		t.Error("a follower that was restarted is ready with older lists")
	}
	if err := b.pub.Step(ctx); err != nil {
		t.Error(err) // nothing to write yet
	}
	b.now = b.now.Add(6 * time.Second)
	if err := b.pub.Step(ctx); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("a publisher whose manifest somebody else has replaced: %v", err)
	}
	b.do(b.pub.Step(ctx)) // it writes the lists anew, under a number that nobody has seen
	for _, x := range []*edge.Follower{f, restarted} {
		if err := x.Step(ctx); err != nil || len(b.sees(f, 2)) != 2 {
			t.Errorf("after that: %v", err)
		}
	}
	// Another key opens nothing.
	other, err := edge.NewFollower(b.bucket, edge.FollowerConfig{Key: []byte("another key of a test, 32 bytes."), Now: b.clock,
		Index: func() *match.Index { return nil }, Memory: ""})
	b.do(err)
	if err := other.Step(ctx); err == nil || other.Ready() == nil {
		t.Errorf("with another key: %v", err)
	}
}

// newest is the object that was written last.
func (b *bench) newest() (name string) {
	b.t.Helper()
	b.do(b.server.Client().List(context.Background(), b.server.Bucket, "edge/log/", func(o objects.Object) error {
		name = strings.TrimPrefix(o.Key, "edge/")
		return nil
	}))
	return name
}

// TestLarge: lists that take several objects arrive whole.
func TestLarge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.do(b.lists.Create(ctx, "t", match.List{Name: "one", Kind: safety.ListIllegal, Threshold: -1}))
	const n = 45_000
	var text strings.Builder
	for i := range n {
		text.WriteString(hash(safety.SHA256, i).Value + "\n")
	}
	_, err := b.lists.Import(ctx, "t", "one", match.FormatHashes, strings.NewReader(text.String()), false)
	b.do(err)
	b.do(b.pub.Step(ctx))
	f := b.follower("")
	b.do(f.Step(ctx))
	b.beat()
	b.do(f.Step(ctx))
	if f.Signals() != n {
		t.Errorf("%d signals of %d", f.Signals(), n)
	}
	for i := 0; i < n; i += 499 {
		if found, err := f.Lookup(match.Query{Exact: []safety.Hash{hash(safety.SHA256, i)}}); err != nil || len(found) != 1 {
			t.Fatalf("signal %d: %d findings, %v", i, len(found), err)
		}
	}
	steps := 0
	b.do(b.server.Client().List(ctx, b.server.Bucket, "edge/log/", func(objects.Object) error { steps++; return nil }))
	if steps < 2 {
		t.Errorf("%d objects", steps)
	}
}
