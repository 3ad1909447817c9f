package conduct

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// town draws a network of harmless accounts, and rings in it. Keys of accounts of
// ring r are 1e6·(r+1) and up; the rates are invented.
type town struct {
	accounts, rings, size int
	keep                  float64 // chance that a member has a given tie of its ring
	seeds                 int     // confirmed members of each ring
}

func (w town) draw(seed uint64) (ties []Tie, seeds []Key) {
	r := rand.New(rand.NewPCG(seed, 11))
	id := func(most int) Key { return Key(1 + r.IntN(most)) }
	everyday := func(a Key) {
		ties = append(ties, Tie{TieDevice, a, a + 1<<40}) // one's own
		if r.IntN(10) == 0 {
			ties = append(ties, Tie{TieDevice, a, 1<<41 + id(w.accounts/2)}) // a household's
		}
		if r.IntN(3) == 0 {
			ties = append(ties, Tie{TieDevice, a, 1<<42 + id(3)}) // a public one
		}
		for range 2 {
			ties = append(ties, Tie{TieMember, a, id(w.accounts / 50)})
		}
		for range r.IntN(3) {
			ties = append(ties, Tie{TieVictim, a, 1<<43 + id(w.accounts)})
		}
		if r.IntN(5) == 0 {
			ties = append(ties, Tie{TieInvite, a, id(w.accounts)})
		}
		if r.IntN(100) == 0 {
			ties = append(ties, Tie{TieMedia, a, 1<<43 + id(50)})
		}
	}
	for a := range Key(w.accounts) {
		if a > 0 {
			everyday(a)
		}
	}
	for ring := range w.rings {
		base := Key(ring+1) * 1e6
		var own []Tie
		for k := range Key(8) {
			own = append(own, Tie{TieVictim, 0, 1<<44 + base + k})
			for range 3 { // the same children know harmless accounts too
				ties = append(ties, Tie{TieVictim, id(w.accounts), 1<<44 + base + k})
			}
		}
		for k := range Key(4) {
			own = append(own, Tie{TieMedia, 0, 1<<44 + base + k})
		}
		own = append(own, Tie{TieDevice, 0, 1<<44 + base}, Tie{TieDevice, 0, 1<<44 + base + 1}, Tie{TiePayment, 0, 1<<44 + base})
		for k := range Key(w.size) {
			everyday(base + k)
			for _, e := range own {
				if r.Float64() < w.keep {
					e.Account = base + k
					ties = append(ties, e)
				}
			}
		}
		for k := range Key(w.seeds) {
			seeds = append(seeds, base+k)
		}
	}
	ties = slices.DeleteFunc(ties, func(e Tie) bool { return e.Kind == TieInvite && e.Account == e.Other })
	return ties, seeds
}

// TestPlantedRings prints how much of planted rings is found, seeds not counted.
// The rates are invented, so the figures compare versions of this code and say
// nothing of any real network.
func TestPlantedRings(t *testing.T) {
	for _, tt := range []struct {
		keep              float64
		seeds             int
		recall, precision float64 // bounds
	}{
		{0.8, 2, 0.98, 0.88}, {0.5, 2, 0.98, 0.88}, {0.3, 2, 0.92, 0.84}, {0.15, 2, 0.3, 0.85}, {0.5, 1, 0.98, 0.88},
	} {
		t.Run(fmt.Sprintf("ties kept %.2f, %d seeds", tt.keep, tt.seeds), func(t *testing.T) {
			var hit, named, all, split int
			const trials = 10
			for trial := range uint64(trials) {
				w := town{accounts: 3000, rings: 5, size: 12, keep: tt.keep, seeds: tt.seeds}
				ties, seeds := w.draw(trial)
				rings, _, err := build(t, DefaultPlan(), ties).Rings(seeds)
				if err != nil {
					t.Fatal(err)
				}
				all += w.rings * (w.size - w.seeds)
				split += max(0, len(rings)-w.rings)
				seen := map[Key]bool{}
				for _, r := range rings {
					for _, m := range r.Members {
						if m.Seed || seen[m.Account] {
							continue
						}
						seen[m.Account] = true
						named++
						if m.Account >= 1e6 {
							hit++
						}
					}
				}
			}
			recall, precision := float64(hit)/float64(all), float64(hit)/math.Max(1, float64(named))
			t.Logf("recall %.3f, precision %.3f (%d of %d members, %d harmless accounts named, %d rings too many, %d towns of 3,000)", recall, precision, hit, all, named-hit, split, trials)
			if recall < tt.recall || precision < tt.precision {
				t.Errorf("want at least %.2f and %.2f", tt.recall, tt.precision)
			}
		})
	}
}

// TestNoRing: harmless accounts as seeds. How many rings are drawn around them is
// printed; few is what the bounds allow.
func TestNoRing(t *testing.T) {
	w := town{accounts: 3000}
	rings, named := 0, 0
	for trial := range uint64(10) {
		ties, _ := w.draw(trial)
		var seeds []Key
		for k := range Key(20) {
			seeds = append(seeds, 100+k)
		}
		got, _, err := build(t, DefaultPlan(), ties).Rings(seeds)
		if err != nil {
			t.Fatal(err)
		}
		rings += len(got)
		for _, r := range got {
			named += len(r.Members)
		}
	}
	t.Logf("around 200 harmless seeds: %d rings with %d members", rings, named)
	if rings > 10 {
		t.Error("too many rings where there is none")
	}
}

// BenchmarkNetwork is 200,000 accounts and 2 million ties, from the stream to the
// rings of ten seeds.
func BenchmarkNetwork(b *testing.B) {
	w := town{accounts: 200_000, rings: 5, size: 12, keep: 0.5, seeds: 2}
	ties, seeds := w.draw(1)
	r := rand.New(rand.NewPCG(1, 2))
	for len(ties) < 2_000_000 {
		ties = append(ties, Tie{TieMember, Key(1 + r.IntN(w.accounts-1)), Key(1<<45 + r.IntN(20_000))})
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var g *Graph
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g = build(b, DefaultPlan(), ties)
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MB-kept")
	})
	b.Run("rings", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			rings, _, err := g.Rings(seeds)
			if err != nil {
				b.Fatal(err)
			}
			n = len(rings)
		}
		_, _, kept := g.Accounts()
		b.ReportMetric(float64(n), "rings")
		b.ReportMetric(float64(kept), "ties")
		b.ReportMetric(float64(len(g.nodes)), "nodes")
	})
}
