package hamming_test

import (
	"cmp"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rowan-safety/rowan/hamming"
	"pgregory.net/rapid"
)

// truth is an index without any cleverness.
type truth map[uint64]hamming.Key

func distance(a, b hamming.Key) int {
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func (m truth) search(key hamming.Key, radius int) []hamming.Match {
	var out []hamming.Match
	for id, k := range m {
		if d := distance(key, k); d <= radius {
			out = append(out, hamming.Match{ID: id, Distance: d})
		}
	}
	slices.SortFunc(out, func(a, b hamming.Match) int {
		return cmp.Or(a.Distance-b.Distance, cmp.Compare(a.ID, b.ID))
	})
	return out
}

func randomKey(r *rand.Rand) hamming.Key {
	var k hamming.Key
	for i := range k {
		k[i] = byte(r.Uint32())
	}
	return k
}

// near returns key with exactly n bits changed.
func near(r *rand.Rand, key hamming.Key, n int) hamming.Key {
	for _, b := range r.Perm(256)[:n] {
		key[b/8] ^= 1 << (b % 8)
	}
	return key
}

// newIndex makes an index; tests have it work with small parts too.
var newIndex = map[string]func() *hamming.Index{"usual": hamming.New, "small parts": hamming.NewSmall}

// fill makes an index and the truth of n keys: random ones, and clusters of
// near and equal ones as real lists have them.
func fill(x *hamming.Index, r *rand.Rand, n int) truth {
	m := truth{}
	centre := randomKey(r)
	for len(m) < n {
		k := randomKey(r)
		switch r.IntN(4) {
		case 0:
			k = near(r, centre, r.IntN(64))
		case 1:
			centre = k
		}
		id := r.Uint64()
		m[id] = k
		x.Insert(id, k)
	}
	return m
}

// tester is what [testing.T] and [rapid.T] share.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func agree(t tester, x *hamming.Index, m truth, key hamming.Key, radius int) {
	t.Helper()
	got, cut := x.Search(key, radius, nil, 0)
	if cut {
		t.Fatal("cut without a limit")
	}
	if diff := gocmp.Diff(m.search(key, radius), got); diff != "" {
		t.Fatalf("radius %d: differs from brute force (-want +got):\n%s", radius, diff)
	}
}

// TestEveryDistance plants one key at each distance and looks for it with the
// radius that just reaches it and the one that just does not.
func TestEveryDistance(t *testing.T) {
	for name, open := range newIndex {
		for _, n := range []int{500, 6000, 40000} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(n)))
				x := open()
				m := fill(x, r, n)
				for d := range 65 {
					query := randomKey(r)
					id := uint64(1000 + d)
					planted := near(r, query, d)
					x.Insert(id, planted)
					m[id] = planted
					if d == 32 {
						x.Compact()
					}
					agree(t, x, m, query, d)
					agree(t, x, m, query, d-1)
				}
			})
		}
	}
}

// TestSkewedDifferences plants keys whose differences sit in few slots, or are
// spread over the slots so that most of them just miss their allowance.
func TestSkewedDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	x := hamming.NewSmall()
	m := fill(x, r, 40000)
	for radius := range 48 {
		x.UseKernel(hamming.Kernels()[radius%len(hamming.Kernels())])
		query := randomKey(r)
		for try := range 8 {
			k, left := query, radius
			for slot := try; left > 0; slot++ {
				step := min(left, 1+r.IntN(1+try%4*2))
				for _, b := range r.Perm(16)[:step] {
					bit := slot%16*16 + b
					k[bit/8] ^= 1 << (bit % 8)
				}
				left -= step
			}
			id := uint64(radius*8 + try)
			x.Insert(id, k)
			m[id] = k
		}
		agree(t, x, m, query, radius)
	}
}

// TestChanges interleaves inserts, replacements, deletes and searches.
func TestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		n := rapid.SampledFrom([]int{0, 30, 700, 9000}).Draw(t, "start")
		x := newIndex[rapid.SampledFrom([]string{"usual", "small parts"}).Draw(t, "parts")]()
		x.UseKernel(rapid.SampledFrom(hamming.Kernels()).Draw(t, "kernel"))
		m := fill(x, r, n)
		pool := []hamming.Key{{}, randomKey(r), randomKey(r)}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				id := rapid.Uint64Range(0, 40).Draw(t, "id")
				k := near(r, rapid.SampledFrom(pool).Draw(t, "centre"), rapid.IntRange(0, 64).Draw(t, "bits"))
				x.Insert(id, k)
				m[id] = k
			},
			"delete": func(t *rapid.T) {
				id := rapid.Uint64Range(0, 40).Draw(t, "id")
				_, there := m[id]
				delete(m, id)
				if x.Delete(id) != there {
					t.Fatalf("Delete(%d) did not report %v", id, there)
				}
			},
			"insert many": func(t *rapid.T) {
				var batch []hamming.Entry
				for range rapid.IntRange(0, 300).Draw(t, "number") {
					e := hamming.Entry{ID: r.Uint64N(60), Key: near(r, pool[r.IntN(3)], r.IntN(65))}
					batch = append(batch, e)
					m[e.ID] = e.Key
				}
				x.InsertBatch(batch)
			},
			"compact": func(*rapid.T) { x.Compact() },
			"delete many": func(*rapid.T) {
				for id := range m {
					if len(m) <= n-60 {
						break
					}
					delete(m, id)
					x.Delete(id)
				}
			},
			"filter": func(t *rapid.T) {
				k := near(r, rapid.SampledFrom(pool).Draw(t, "query"), rapid.IntRange(0, 16).Draw(t, "bits"))
				q := hamming.Query{Key: k, Radius: rapid.IntRange(0, 64).Draw(t, "radius"), Limit: rapid.IntRange(0, 5).Draw(t, "limit"),
					Accept: func(id uint64) bool { return id%3 == 0 }}
				want := slices.DeleteFunc(m.search(k, q.Radius), func(m hamming.Match) bool { return m.ID%3 != 0 })
				cut := q.Limit > 0 && len(want) > q.Limit
				if cut {
					want = want[:q.Limit]
				}
				other := hamming.Query{Key: pool[0], Radius: 3, Limit: 2}
				batch := x.SearchBatch([]hamming.Query{q, other, q})
				one, oneCut := x.Find(other, nil)
				diff := gocmp.Diff([]hamming.Result{{Matches: want, Truncated: cut}, {Matches: one, Truncated: oneCut}, {Matches: want, Truncated: cut}},
					batch, cmpopts.EquateEmpty())
				if diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			},
			"": func(t *rapid.T) {
				if x.Len() != len(m) {
					t.Fatalf("Len() = %d, want %d", x.Len(), len(m))
				}
				k := near(r, rapid.SampledFrom(pool).Draw(t, "query"), rapid.IntRange(0, 16).Draw(t, "bits"))
				agree(t, x, m, k, rapid.IntRange(-1, 64).Draw(t, "radius"))
			},
		})
	})
}

// TestBatch compares batches of every size with one query after the other, over
// parts of every kind: queries begin before others end.
func TestBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var keys []hamming.Key
	for name, open := range newIndex {
		x := open()
		for _, k := range fill(x, r, 6000) {
			keys = append(keys, k)
		}
		var batch []hamming.Entry
		for id := range uint64(40_000) {
			batch = append(batch, hamming.Entry{ID: id, Key: near(r, keys[r.IntN(len(keys))], r.IntN(40))})
		}
		x.InsertBatch(batch)
		for n := range 20 {
			x.UseKernel(hamming.Kernels()[n%len(hamming.Kernels())])
			var queries []hamming.Query
			want := []hamming.Result{}
			for range n {
				q := hamming.Query{Key: near(r, keys[r.IntN(len(keys))], r.IntN(40)), Radius: r.IntN(60) - 2, Limit: r.IntN(4)}
				if r.IntN(3) == 0 {
					q.Accept = func(id uint64) bool { return id%2 == 0 }
				}
				matches, cut := x.Find(q, nil)
				queries, want = append(queries, q), append(want, hamming.Result{Matches: matches, Truncated: cut})
			}
			if diff := gocmp.Diff(want, x.SearchBatch(queries), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s, %d queries (-one by one +batch):\n%s", name, n, diff)
			}
		}
	}
}

func TestSearchEdges(t *testing.T) {
	x := hamming.New()
	var zero, ones hamming.Key
	for i := range ones {
		ones[i] = 255
	}
	if got, cut := x.Search(zero, 256, nil, 1); len(got) != 0 || cut {
		t.Errorf("an empty index found %v", got)
	}
	for id := range uint64(5) {
		x.Insert(id, zero)
	}
	x.Insert(9, ones)
	dst := []hamming.Match{{ID: 77, Distance: 7}}
	for _, c := range []struct {
		name          string
		radius, limit int
		want          []hamming.Match
		cut           bool
	}{
		{"negative radius", -1, 0, dst, false},
		{"exact", 0, 5, append(dst[:1:1], []hamming.Match{{}, {ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}}...), false},
		{"cut", 256, 2, append(dst[:1:1], []hamming.Match{{}, {ID: 1}}...), true},
		{"everything", 999, 0, append(dst[:1:1], []hamming.Match{{}, {ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}, {ID: 9, Distance: 256}}...), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, cut := x.Search(zero, c.radius, dst[:1:1], c.limit)
			if diff := gocmp.Diff(c.want, got); diff != "" || cut != c.cut {
				t.Errorf("cut %v, want %v; (-want +got):\n%s", cut, c.cut, diff)
			}
		})
	}
}

// TestConcurrent searches for keys that stay while others come and go.
func TestConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x := hamming.NewSmall()
	m := fill(x, r, 5000)
	var stay []hamming.Key
	var ids []uint64
	for id, k := range m {
		stay, ids = append(stay, k), append(ids, id)
	}
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range uint64(2) {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(5, w))
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := w<<32 | i%3000
				if i%3 == 0 {
					x.Delete(id)
				} else {
					x.Insert(id, near(r, stay[r.IntN(len(stay))], r.IntN(40)))
				}
			}
		})
	}
	writers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				x.Compact()
			}
		}
	})
	writers.Go(func() { // what is there already
		var again []hamming.Entry
		for i := range stay {
			again = append(again, hamming.Entry{ID: ids[i], Key: stay[i]})
		}
		for {
			select {
			case <-stop:
				return
			default:
				x.InsertBatch(again)
			}
		}
	})
	for w := range uint64(2) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(6, w))
			for range 1000 {
				i := r.IntN(len(stay))
				d := r.IntN(50)
				got, _ := x.Search(near(r, stay[i], d), d, nil, 0)
				if !slices.Contains(got, hamming.Match{ID: ids[i], Distance: d}) {
					t.Errorf("a key at distance %d was missed", d)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
}

func TestManyEqualKeys(t *testing.T) {
	x := hamming.New()
	const n = 8000
	for id := range uint64(n) {
		x.Insert(id, hamming.Key{})
	}
	if got, cut := x.Search(hamming.Key{1}, 31, nil, 100); len(got) != 100 || !cut {
		t.Errorf("%d matches, cut %v", len(got), cut)
	}
	start := time.Now()
	for id := range uint64(n / 4) {
		x.Delete(id)
	}
	t.Logf("deleting %d of %d equal keys took %v", n/4, n, time.Since(start))
	if got, _ := x.Search(hamming.Key{}, 0, nil, 0); len(got) != n-n/4 {
		t.Errorf("%d are left", len(got))
	}
}

func Example() {
	x := hamming.New()
	x.Insert(7, hamming.Key{0xff})
	x.Insert(8, hamming.Key{0x0f, 0x01})
	x.Insert(9, hamming.Key{31: 0xaa})
	matches, truncated := x.Search(hamming.Key{0x0f}, 4, nil, 10)
	fmt.Println(matches, truncated)
	x.Delete(8)
	matches, _ = x.Search(hamming.Key{0x0f}, 4, nil, 10)
	fmt.Println(matches)
	// Output:
	// [{8 1} {7 4}] false
	// [{7 4}]
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		r := rand.New(rand.NewPCG(7, 7))
		x := hamming.New()
		keys := make([]hamming.Key, n)
		for i := range keys {
			keys[i] = randomKey(r)
			x.Insert(uint64(i), keys[i])
		}
		for _, radius := range []int{15, 31, 47, 60} {
			b.Run(fmt.Sprintf("n=%d/r=%d", n, radius), func(b *testing.B) {
				queries := make([]hamming.Key, 512)
				for i := range queries {
					queries[i] = near(r, keys[r.IntN(n)], r.IntN(radius+1))
				}
				var dst []hamming.Match
				for i := 0; b.Loop(); i++ {
					dst, _ = x.Search(queries[i%len(queries)], radius, dst[:0], 100)
					if len(dst) == 0 {
						b.Fatal("missed")
					}
				}
			})
		}
	}
}

func BenchmarkInsertDelete(b *testing.B) {
	r := rand.New(rand.NewPCG(8, 8))
	x := hamming.New()
	keys := make([]hamming.Key, 100_000)
	for i := range keys {
		keys[i] = randomKey(r)
		x.Insert(uint64(i), keys[i])
	}
	for i := 0; b.Loop(); i++ {
		id := uint64(i % len(keys))
		x.Delete(id)
		x.Insert(id, keys[i%len(keys)])
	}
}
