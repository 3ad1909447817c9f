package match_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

// TestRatio: a list at a part of all contents counts for about that part, always
// for the same contents, and for more of them when the ratio rises.
func TestRatio(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("new", safety.ListIllegal)
	const files = 2000
	var text strings.Builder
	for i := range files {
		text.WriteString(synthetic(safety.SHA256, i).Value + "\n")
	}
	b.imports("new", match.FormatHashes, text.String())
	hits := func(ratio float64) map[int]bool {
		if err := b.lists.SetOptions(t.Context(), actor, "new", match.Options{Ratio: &ratio}); err != nil {
			t.Fatal(err)
		}
		b.refresh()
		out := map[int]bool{}
		for i := range files {
			found, err := b.index.Lookup(match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, i)}})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 {
				out[i] = true
			}
		}
		return out
	}
	all := hits(1)
	if len(all) != files {
		t.Fatalf("at ratio 1 the list counts for %d of %d", len(all), files)
	}
	smaller := map[int]bool{}
	for _, ratio := range []float64{0, 0.05, 0.25, 0.5} {
		got := hits(ratio)
		want := ratio * files
		if d := float64(len(got)) - want; d*d > 25*want { // five standard deviations
			t.Errorf("at ratio %g the list counts for %d of %d", ratio, len(got), files)
		}
		for i := range smaller {
			if !got[i] {
				t.Fatalf("content %d was found at a smaller ratio and is not at %g", i, ratio)
			}
		}
		smaller = got
	}
	for _, bad := range []float64{-0.1, 1.1, math.NaN()} {
		if err := b.lists.SetOptions(t.Context(), actor, "new", match.Options{Ratio: &bad}); safety.KindOf(err) != safety.Invalid {
			t.Errorf("ratio %g: %v", bad, err)
		}
	}
}

// TestPause: a paused list comes back by itself.
func TestPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	h := synthetic(safety.MD5, 1)
	b.imports("list", match.FormatHashes, h.Value)
	until := b.clock().Add(time.Hour)
	if err := b.lists.SetOptions(t.Context(), actor, "list", match.Options{OffUntil: &until}); err != nil {
		t.Fatal(err)
	}
	if got := b.matches(h); len(got) != 0 {
		t.Errorf("paused: %v", got)
	}
	b.later(time.Hour - time.Second)
	if got := b.matches(h); len(got) != 0 {
		t.Errorf("a second before the end: %v", got)
	}
	b.later(time.Second)
	if got := b.matches(h); len(got) != 1 {
		t.Errorf("after the pause: %v", got)
	}
	until = b.clock().Add(31 * 24 * time.Hour)
	if err := b.lists.SetOptions(t.Context(), actor, "list", match.Options{OffUntil: &until}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("a pause of 31 days: %v", err)
	}
}

// TestNegativeList: a picture that is closer to a known false positive than to
// an illegal entry is not found; one that is closer to the illegal one is.
func TestNegativeList(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	p := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	b.create("list", safety.ListIllegal)
	b.create("fine", safety.ListAllow)
	wrong := flipped(p, 20)
	b.imports("list", match.FormatHashes, "pdq:"+p1)
	b.imports("fine", match.FormatHashes, "pdq:"+hex.EncodeToString(wrong[:]))
	for _, c := range []struct{ bits, want int }{{20, 1}, {15, 1}, {10, 1}, {9, 2}, {0, 2}} {
		found := b.near(flipped(p, c.bits), 100)
		if len(found) != c.want {
			t.Errorf("%d bits from the illegal entry, %d from the false positive: found %+v", c.bits, 20-c.bits, found)
		}
	}
}

func (b *bench) seen(found []safety.Finding) (flooded []string) {
	b.t.Helper()
	err := b.store.Tx(context.Background(), func(tx *store.Tx) (err error) {
		flooded, err = b.lists.Seen(context.Background(), tx, found)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return flooded
}

// TestQuarantine: a signal that floods is put aside, says so, stays so, and
// comes back when a person says so, for good.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.lists.SetFlood(5)
	b.create("list", safety.ListIllegal)
	h := synthetic(safety.MD5, 1)
	b.imports("list", match.FormatHashes, h.Value)
	find := func() safety.Finding {
		b.refresh()
		found, err := b.index.Lookup(match.Query{Exact: []safety.Hash{h}})
		if err != nil || len(found) != 1 {
			t.Fatalf("found %+v, %v", found, err)
		}
		return found[0]
	}
	f := find()
	for i := range 5 {
		if got := b.seen([]safety.Finding{f, f}); len(got) != 0 || find().Quarantined {
			t.Fatalf("content %d: quarantined %v", i+1, got)
		}
	}
	b.later(time.Hour) // another hour begins to count anew
	for range 5 {
		b.seen([]safety.Finding{f})
	}
	if find().Quarantined {
		t.Fatal("ten in two hours are no flood of six in one")
	}
	if got := b.seen([]safety.Finding{f}); len(got) != 1 || got[0] != f.SignalID {
		t.Fatalf("the sixth in an hour: quarantined %v", got)
	}
	if got := b.seen([]safety.Finding{f}); len(got) != 0 || !find().Quarantined {
		t.Errorf("after that: %v, finding %+v", got, find())
	}
	if err := b.store.Tx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(b.lists.Judged(t.Context(), tx, []string{f.SignalID}, true, 1), b.lists.Judged(t.Context(), tx, []string{f.SignalID}, false, 1),
			b.lists.Judged(t.Context(), tx, []string{f.SignalID}, false, -1))
	}); err != nil {
		t.Fatal(err)
	}
	scores, err := b.lists.Scores(t.Context(), "list", "", 10)
	want := match.Score{Seen: 12, Confirmed: 1, FirstSeen: start, LastSeen: start.Add(time.Hour), Quarantined: true}
	if got := scores[f.SignalID]; err != nil || !got.FirstSeen.Equal(want.FirstSeen) || !got.LastSeen.Equal(want.LastSeen) || got.Seen != 12 ||
		got.Confirmed != 1 || got.Refuted != 0 || !got.Quarantined {
		t.Errorf("score %+v, want %+v, %v", got, want, err)
	}
	if err := b.lists.Release(t.Context(), actor, "other", f.SignalID); safety.KindOf(err) != safety.NotFound {
		t.Errorf("released from a list that it is not on: %v", err)
	}
	if err := b.lists.Release(t.Context(), actor, "list", f.SignalID); err != nil || find().Quarantined {
		t.Errorf("release: %v, %+v", err, find())
	}
	if err := b.lists.Release(t.Context(), actor, "list", f.SignalID); safety.KindOf(err) != safety.Conflict {
		t.Errorf("released twice: %v", err)
	}
	for range 20 {
		if got := b.seen([]safety.Finding{f}); len(got) != 0 {
			t.Fatalf("quarantined again after a person released it: %v", got)
		}
	}
}

// TestQuarantine_Confirmed: what people have confirmed may spread as it will.
func TestQuarantine_Confirmed(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.lists.SetFlood(3)
	f := safety.Finding{Kind: safety.ListIllegal, SignalID: safety.NewID("sig", start)}
	if err := b.store.Tx(t.Context(), func(tx *store.Tx) error {
		return b.lists.Judged(t.Context(), tx, []string{f.SignalID}, true, 1)
	}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := b.seen([]safety.Finding{f}); len(got) != 0 {
			t.Fatalf("quarantined %v", got)
		}
	}
}

// TestRetro: uploads from before a signal are found when it comes, exactly and
// nearly, once for each growth, and what fails is tried again.
func TestRetro(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	r := match.NewRecents(b.store, 24*time.Hour, b.clock, slog.New(slog.DiscardHandler))
	r.SetSettle(0)
	p := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	near, far := flipped(p, 31), flipped(p, 32)
	up := func(id, sha, md5, hash string, quality int) match.Upload {
		u := match.Upload{ContentID: id, AccountID: "a", Surface: safety.SurfacePublic, At: b.clock()}
		for t, v := range map[safety.HashType]string{safety.SHA256: sha, safety.MD5: md5} {
			if v != "" {
				u.Query.Exact = append(u.Query.Exact, safety.Hash{Type: t, Value: v})
			}
		}
		if hash != "" {
			u.Query.Near = []match.Near{{Hash: must(pdq.ParseHash(hash)), Quality: quality, Variant: "original"}}
		}
		return u
	}
	for _, u := range []match.Upload{
		up("exact", synthetic(safety.SHA256, 1).Value, "", "", 0),
		up("md5", "", synthetic(safety.MD5, 2).Value, "", 0),
		up("near", synthetic(safety.SHA256, 3).Value, "", near.String(), 100),
		up("far", synthetic(safety.SHA256, 4).Value, "", far.String(), 100),
		up("featureless", synthetic(safety.SHA256, 5).Value, "", p.String(), 10),
		up("", synthetic(safety.SHA256, 1).Value, "", "", 0), // nobody could be told which
	} {
		r.Note(u)
	}
	b.create("list", safety.ListIllegal)
	var got []string
	var fail error
	retro := func() (int, error) {
		got = nil
		return r.Retro(t.Context(), func(_ context.Context, u match.Upload) error {
			got = append(got, u.ContentID)
			return fail
		})
	}
	check := func(want ...string) {
		t.Helper()
		n, err := retro()
		slices.Sort(got) // ids of one instant have no order
		if fmt.Sprint(got) != fmt.Sprint(want) || n != len(want) || err != nil {
			t.Errorf("found %d: %v, want %v, %v", n, got, want, err)
		}
	}
	check()
	b.imports("list", match.FormatHashes, synthetic(safety.SHA256, 1).Value+"\n"+synthetic(safety.MD5, 2).Value+"\npdq:"+p1)
	fail = errors.New("the database is away")
	if _, err := retro(); err == nil {
		t.Fatal("a failed check does not fail the run")
	}
	fail = nil
	check("exact", "md5", "near")
	check()
	b.imports("list", match.FormatHashes, synthetic(safety.SHA256, 4).Value)
	check("far")
	b.imports("list", match.FormatHashes, synthetic(safety.SHA256, 5).Value)
	if err := b.lists.SetOptions(t.Context(), actor, "list", match.Options{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	check()
	if err := b.lists.SetOptions(t.Context(), actor, "list", match.Options{Enabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	check("featureless")
	b.later(24*time.Hour + time.Second)
	if n, err := r.Forget(t.Context()); n != 5 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	b.imports("list", match.FormatHashes, synthetic(safety.SHA256, 3).Value)
	check()
}

// TestRetro_Off keeps nothing.
func TestRetro_Off(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	r := match.NewRecents(b.store, 0, b.clock, slog.New(slog.DiscardHandler))
	r.Note(match.Upload{ContentID: "c", Query: match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, 1)}}, At: b.clock()})
	r.Flush(t.Context())
	if kept, err := b.store.Read().RecentsAfter(t.Context(), "", 1); len(kept) != 0 || err != nil {
		t.Errorf("%d uploads kept, %v", len(kept), err)
	}
}
