package match_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

// TestRetro_Fresh: when a list grows, exactly those uploads are checked again in
// which a fresh look-up finds something on the list, and what is looked up for
// them finds what the first check's hashes would: all orientations, edits, frames
// and stretches of videos, and hashers' fingerprints.
func TestRetro_Fresh(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.index.SetSpecs(printSpecs)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		name := fmt.Sprint("list", run)
		b.create(name, safety.ListIllegal)
		b.refresh()
		b.later(48 * time.Hour)
		r := match.NewRecents(b.store, 24*time.Hour, b.clock, slog.New(slog.DiscardHandler))
		r.SetSpecs(printSpecs)
		r.SetSettle(0)
		if _, err := r.Forget(t.Context()); err != nil { // the run before
			rt.Fatal(err)
		}
		// Few seeds, so that uploads and signals meet.
		seed := rapid.Custom(func(t *rapid.T) int { return 1000*run + rapid.IntRange(0, 9).Draw(t, "seed") })
		variants := pdq.VariantNames()
		var uploads []match.Upload
		for i := range rapid.IntRange(1, 6).Draw(rt, "uploads") {
			u := match.Upload{ContentID: fmt.Sprint(i), Surface: safety.SurfacePublic, Scan: safety.ScanScanned, At: b.clock(),
				Query: match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, seed.Draw(rt, "sha"))}}}
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0: // a picture, in another orientation each
				for _, v := range variants {
					h := flipped(pdq.Hash(synthetic(safety.PDQ, seed.Draw(rt, v)).Bytes()), rapid.IntRange(0, 40).Draw(rt, "bits"))
					u.Query.Near = append(u.Query.Near, match.Near{Hash: h, Quality: rapid.SampledFrom([]int{49, 90}).Draw(rt, "quality"), Variant: v})
				}
			case 1: // a video
				fs := frames(uint64(seed.Draw(rt, "film")), 12)
				v := rapid.SampledFrom(variants[:]).Draw(rt, "variant")
				u.Query.Video = []match.Video{{Variant: v, Frames: fs}}
				for _, f := range fs {
					u.Query.Near = append(u.Query.Near, match.Near{Hash: f.Hash, Quality: f.Quality, Variant: v, Frame: f.Number, At: f.At})
				}
			case 2:
				u.Query.Prints = []safety.Hash{print("x_sum", []byte{byte(run), byte(run >> 8), byte(seed.Draw(rt, "print")), 0})}
			}
			uploads = append(uploads, u)
			r.Note(u)
		}
		for range rapid.IntRange(1, 3).Draw(rt, "growths") {
			var text strings.Builder
			for range rapid.IntRange(1, 3).Draw(rt, "signals") {
				n := seed.Draw(rt, "signal")
				switch rapid.IntRange(0, 4).Draw(rt, "type") {
				case 0:
					fmt.Fprintf(&text, "sha256:%s\n", synthetic(safety.SHA256, n).Value)
				case 1:
					fmt.Fprintf(&text, "pdq:%s\n", synthetic(safety.PDQ, n).Value)
				case 2: // one frame of a film
					fmt.Fprintf(&text, "pdq:%s\n", frames(uint64(n), 12)[7].Hash)
				case 3:
					fmt.Fprintf(&text, "x_sum:%02x%02x%02x00\n", byte(run), byte(run>>8), byte(n))
				case 4:
					b.imports(name, match.FormatVPDQ, textOf(frames(uint64(n), 12)))
				}
			}
			before := map[string][]safety.Finding{}
			look := func(q match.Query) (out []safety.Finding) {
				for _, f := range must(b.index.Lookup(q)) {
					if f.List == name {
						out = append(out, f)
					}
				}
				return out
			}
			for _, u := range uploads {
				before[u.ContentID] = look(u.Query)
			}
			b.imports(name, match.FormatHashes, text.String())
			b.refresh()
			got := map[string]bool{}
			n, err := r.Retro(t.Context(), func(_ context.Context, u match.Upload) error {
				if got[u.ContentID] {
					rt.Errorf("%s was checked twice", u.ContentID)
				}
				got[u.ContentID] = true
				i := slices.IndexFunc(uploads, func(v match.Upload) bool { return v.ContentID == u.ContentID })
				if diff := cmp.Diff(look(uploads[i].Query), look(u.Query)); diff != "" || len(look(u.Query)) == 0 {
					rt.Errorf("(-fresh +retro):\n%s", diff)
				}
				return nil
			})
			if err != nil || n != len(got) {
				rt.Fatalf("%d found, %v", n, err)
			}
			for _, u := range uploads {
				// What was found before may or may not be found by what is new.
				if after := look(u.Query); !cmp.Equal(after, before[u.ContentID]) && !got[u.ContentID] {
					rt.Errorf("%s: a fresh check finds %+v", u.ContentID, after)
				} else if len(after) == 0 && got[u.ContentID] {
					rt.Errorf("%s: checked again for nothing", u.ContentID)
				}
			}
		}
	})
}

// TestRetro_Room: the oldest uploads go when there is too much, and that is counted.
func TestRetro_Room(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	r := match.NewRecents(b.store, 24*time.Hour, b.clock, slog.New(slog.DiscardHandler))
	for i := range 10 {
		b.later(time.Second)
		r.Note(match.Upload{ContentID: fmt.Sprint(i), Query: match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, i)}}, At: b.clock()})
	}
	r.Flush(t.Context())
	size := must(b.store.Read().RecentsSize(t.Context()))
	r.SetRoom(size * 6 / 10)
	if n, err := r.Forget(t.Context()); n != 4 || err != nil || r.Early() != 4 {
		t.Errorf("%d forgotten, %d early, %v", n, r.Early(), err)
	}
	left := must(b.store.Read().RecentsAfter(t.Context(), "", 20))
	if len(left) != 6 || left[0].ContentID != "4" {
		t.Errorf("%d are left", len(left))
	}
}

// TestRetro_Settle: a version waits, so that a check which another process
// answered from the list before it is among the uploads; a list that never stops
// to grow does not wait for ever.
func TestRetro_Settle(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	r := match.NewRecents(b.store, 24*time.Hour, b.clock, slog.New(slog.DiscardHandler))
	other := match.NewRecents(b.store, 24*time.Hour, b.clock, slog.New(slog.DiscardHandler))
	b.create("list", safety.ListIllegal)
	retro := func(want int) {
		t.Helper()
		n, err := r.Retro(t.Context(), func(context.Context, match.Upload) error { return nil })
		if n != want || err != nil {
			t.Errorf("%d found, want %d, %v", n, want, err)
		}
	}
	b.imports("list", match.FormatHashes, lines(0, 1))
	retro(0)
	// The other process has answered from the list as it was.
	other.Note(match.Upload{ContentID: "a", Query: match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, 0)}}, At: b.clock()})
	other.Flush(t.Context())
	b.later(match.DefaultSettle / 2)
	b.imports("list", match.FormatHashes, lines(1, 1))
	retro(0)
	b.later(match.DefaultSettle / 2)
	retro(1)
	other.Note(match.Upload{ContentID: "b", Query: match.Query{Exact: []safety.Hash{synthetic(safety.SHA256, 1)}}, At: b.clock()})
	other.Flush(t.Context())
	retro(0)
	b.later(match.DefaultSettle)
	// Another process is quicker with this one; what it did is not done again.
	other.SetSettle(0)
	b.imports("list", match.FormatHashes, lines(2, 1))
	retro(1)
	retro(0)
	if n, err := other.Retro(t.Context(), func(context.Context, match.Upload) error { return nil }); n != 0 || err != nil {
		t.Errorf("the other found %d, %v", n, err)
	}
	b.imports("list", match.FormatHashes, lines(3, 1))
	b.later(match.DefaultSettle)
	retro(0)
	b.later(match.DefaultSettle)
	retro(0)
}
