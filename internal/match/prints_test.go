package match_test

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var printSpecs = []hasher.Spec{
	{Type: "x_bits", Bytes: 3, Distance: hasher.Hamming, Threshold: 5, Lists: map[string]int{"strict": 1}},
	{Type: "x_sum", Bytes: 4, Distance: hasher.L1, Threshold: 80, Lists: map[string]int{"strict": 3}},
	{Type: "x_squares", Bytes: 4, Distance: hasher.L2Squared, Threshold: 4000, Lists: map[string]int{"strict": 9}},
	{Type: "x_same", Bytes: 2, Distance: hasher.Equality},
}

func print(t safety.HashType, b []byte) safety.Hash {
	return safety.Hash{Type: t, Value: hex.EncodeToString(b)}
}

// plain is the distance as its definition has it.
func plain(d hasher.Distance, a, b []byte) (sum int) {
	for i := range a {
		apart := int(a[i]) - int(b[i])
		switch d {
		case hasher.Hamming:
			sum += strings.Count(fmt.Sprintf("%b", a[i]^b[i]), "1")
		case hasher.L1:
			sum += max(apart, -apart)
		case hasher.L2Squared:
			sum += apart * apart
		case hasher.Equality:
			if apart != 0 {
				return 1
			}
		}
	}
	return sum
}

// TestPrints_Exact: through imports, removals, a second process and one that
// starts with a snapshot, an index finds for each list the closest fingerprint
// within the list's threshold, and nothing else. The model passes everything.
func TestPrints_Exact(t *testing.T) {
	t.Parallel()
	for _, s := range printSpecs {
		t.Run(string(s.Type), func(t *testing.T) {
			t.Parallel()
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, storetest.New(t))
			b.index.SetSpecs(printSpecs)
			names := []string{"wide", "strict"}
			for _, n := range names {
				b.create(n, safety.ListIllegal)
			}
			rapid.Check(t, func(rt *rapid.T) {
				for _, n := range names { // as the run before left them
					for _, row := range must(b.lists.Signals(t.Context(), n, "", 1000)) {
						if err := b.lists.RemoveSignal(t.Context(), actor, n, row.ID); err != nil {
							rt.Fatal(err)
						}
					}
				}
				values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
					// Few values, so that some are near.
					return string(rapid.SliceOfN(rapid.ByteRange(0, 20), s.Bytes, s.Bytes).Draw(t, "value"))
				}), 1, 20)
				on := map[string]map[string]bool{"wide": {}, "strict": {}}
				for range rapid.IntRange(1, 4).Draw(rt, "steps") {
					name := rapid.SampledFrom(names).Draw(rt, "list")
					if rapid.IntRange(0, 3).Draw(rt, "remove") == 0 {
						for _, row := range must(b.lists.Signals(t.Context(), name, "", 1000)) {
							raw := must(hex.DecodeString(row.HashValue))
							if rapid.Bool().Draw(rt, "this") {
								if err := b.lists.RemoveSignal(t.Context(), actor, name, row.ID); err != nil {
									rt.Fatal(err)
								}
								delete(on[name], string(raw))
							}
						}
					} else {
						var text strings.Builder
						for _, v := range values.Draw(rt, "values") {
							fmt.Fprintf(&text, "%s:%x\n", s.Type, v)
							on[name][v] = true
						}
						b.imports(name, match.FormatHashes, text.String())
					}
					b.refresh()
				}
				path := filepath.Join(t.TempDir(), "snapshot")
				if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
					rt.Fatal(err)
				}
				second := match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
				second.SetSpecs(printSpecs)
				if _, err := second.LoadSnapshot(t.Context(), path); err != nil {
					rt.Fatal(err)
				}
				if err := second.Refresh(t.Context()); err != nil {
					rt.Fatal(err)
				}
				for _, q := range values.Draw(rt, "queries") {
					want := map[string]int{}
					for _, n := range names {
						for v := range on[n] {
							d := plain(s.Distance, []byte(q), []byte(v))
							if before, ok := want[n]; d <= s.ThresholdOf(n) && (!ok || d < before) {
								want[n] = d
							}
						}
					}
					for which, x := range map[string]*match.Index{"first": b.index, "second": second} {
						got := map[string]int{}
						for _, f := range must(x.Lookup(match.Query{Prints: []safety.Hash{print(s.Type, []byte(q))}})) {
							if _, twice := got[f.List]; twice || f.Detector != hasher.DetectorName(s.Type) || f.Match != safety.MatchNear || f.SignalID == "" {
								rt.Errorf("finding %+v", f)
							}
							got[f.List] = f.Distance
						}
						if !maps.Equal(got, want) {
							rt.Fatalf("the %s index: %x finds %v, want %v", which, q, got, want)
						}
					}
				}
			})
		})
	}
}

// TestPrints_Lists: fingerprints of hashers follow the rules of all lists: a
// pause, an allow list, a list switched off, quarantine.
func TestPrints_Lists(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.index.SetSpecs(printSpecs)
	b.create("known", safety.ListIllegal)
	b.create("harmless", safety.ListAllow)
	b.imports("known", match.FormatCSV, "x_sum,x_bits,x_unknown\n00000000,000000,aaaa\n")
	query := func() (out []string) {
		b.refresh()
		q := match.Query{Prints: []safety.Hash{print("x_sum", []byte{0, 0, 0, 7}), print("x_bits", []byte{1, 0, 0}),
			print("x_unknown", []byte{0xaa, 0xaa}), print("x_sum", []byte{0})}}
		for _, f := range must(b.index.Lookup(q)) {
			out = append(out, fmt.Sprint(f.List, " ", f.Detector, " ", f.Distance, " ", f.Quarantined))
		}
		return out
	}
	sum, bits := "known hasher-x_sum 7 false", "known hasher-x_bits 1 false"
	check := func(what string, want ...string) {
		t.Helper()
		if got := query(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("on a list", sum, bits)
	if n := b.index.Signals(); n != 2 {
		t.Errorf("%d signals are matched", n)
	}
	// An allow list that is farther excuses nothing, and one as close does, for
	// its own type only.
	b.imports("harmless", match.FormatHashes, "x_sum:00000010\n")
	check("an allow list farther away", sum, "harmless hasher-x_sum 9 false", bits)
	b.imports("harmless", match.FormatHashes, "x_sum:00000007\n")
	check("an allow list", "harmless hasher-x_sum 0 false", bits)
	off := b.clock().Add(time.Hour)
	if err := b.lists.SetOptions(t.Context(), actor, "harmless", match.Options{OffUntil: &off}); err != nil {
		t.Fatal(err)
	}
	check("the allow list paused", sum, bits)
	if err := b.lists.SetOptions(t.Context(), actor, "known", match.Options{OffUntil: &off}); err != nil {
		t.Fatal(err)
	}
	check("both paused")
	b.later(2 * time.Hour)
	check("both back", "harmless hasher-x_sum 0 false", bits)
}

// TestPrints_Wrong: a fingerprint of another length than the hasher's matches
// nothing, and breaks nothing.
func TestPrints_Wrong(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.index.SetSpecs(printSpecs)
	b.create("known", safety.ListIllegal)
	b.imports("known", match.FormatHashes, "x_sum:0000\nx_sum:sha256:"+strings.Repeat("ab", 32)+"\nx_sum:01010101\n")
	b.refresh()
	if n := b.index.Signals(); n != 1 {
		t.Errorf("%d signals are matched", n)
	}
	for _, row := range must(b.lists.Signals(t.Context(), "known", "", 10)) {
		if err := b.lists.RemoveSignal(t.Context(), actor, "known", row.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.refresh()
	if n := b.index.Signals(); n != 0 {
		t.Errorf("%d signals are left", n)
	}
}

// BenchmarkPrints: a look-up of one PhotoDNA-sized fingerprint among 100,000.
func BenchmarkPrints(b *testing.B) {
	for _, d := range hasher.Distances {
		b.Run(string(d), func(b *testing.B) {
			look := match.BenchPrints(hasher.Spec{Type: safety.PhotoDNA, Bytes: 144, Distance: d, Threshold: 1}, 100_000)
			for b.Loop() {
				look()
			}
		})
	}
}
