package hamming_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/hamming"
)

var (
	tableDir   = flag.String("bench-table", "", "print the table of scripts/bench-match; its data goes to this directory")
	tableKeys  = flag.Bool("bench-keys", true, "write the keys and queries to files, for others to read")
	tableFiles = flag.Bool("bench-files", true, "also write the index to a file and open it")
	tableKinds = flag.String("bench-kinds", "uniform,clustered", "kinds of keys")
	tableSizes = flag.String("bench-sizes", "100000,1000000,10000000", "numbers of keys")
)

const tableQueries = 2000

// TestTable measures what scripts/bench-match prints.
func TestTable(t *testing.T) {
	if *tableDir == "" {
		t.Skip("only with -bench-table")
	}
	for size := range strings.SplitSeq(*tableSizes, ",") {
		n, err := strconv.Atoi(size)
		must(t, err)
		for kind := range strings.SplitSeq(*tableKinds, ",") {
			tableOf(t, kind, n)
		}
	}
}

// tableData makes keys of which, if clustered, 30 % are within 20 bits of one
// of 1000 centres, a twentieth of these equal to it, and queries of which half are within 31 bits of a key.
func tableData(kind string, n int) (keys []hamming.Entry, queries []hamming.Key) {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	var centres []hamming.Key
	for range 1000 {
		centres = append(centres, randomKey(r))
	}
	keys = make([]hamming.Entry, n)
	for i := range keys {
		keys[i] = hamming.Entry{ID: uint64(i), Key: randomKey(r)}
		if kind == "clustered" && i%10 < 3 {
			keys[i].Key = flip(r, centres[r.IntN(len(centres))], r.IntN(21))
		}
	}
	for i := range tableQueries {
		q := randomKey(r)
		if i%2 == 0 {
			q = near(r, keys[r.IntN(n)].Key, r.IntN(32))
		}
		queries = append(queries, q)
	}
	return keys, queries
}

// flip changes up to n bits.
func flip(r *rand.Rand, key hamming.Key, n int) hamming.Key {
	for range n {
		b := r.IntN(256)
		key[b/8] ^= 1 << (b % 8)
	}
	return key
}

func writeKeys(t *testing.T, path string, keys func(yield func(*hamming.Key) bool)) {
	f, err := os.Create(path)
	must(t, err)
	w := bufio.NewWriter(f)
	for k := range keys {
		_, err := w.Write(k[:])
		must(t, err)
	}
	must(t, w.Flush())
	must(t, f.Close())
}

func removeAll(t *testing.T, pattern string) {
	files, err := filepath.Glob(pattern)
	must(t, err)
	for _, f := range files {
		must(t, os.Remove(f))
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func tableOf(t *testing.T, kind string, n int) {
	keys, queries := tableData(kind, n)
	base := filepath.Join(*tableDir, fmt.Sprintf("%s-%d", kind, n))
	if *tableKeys {
		writeKeys(t, base+".keys", func(yield func(*hamming.Key) bool) {
			for i := range keys {
				if !yield(&keys[i].Key) {
					return
				}
			}
		})
		writeKeys(t, base+".queries", func(yield func(*hamming.Key) bool) {
			for i := range queries {
				if !yield(&queries[i]) {
					return
				}
			}
		})
	}
	row := func(name string, l latency) {
		fmt.Printf("%-9s %9d  %-28s %10.1f %10.1f %10.1f %11.0f\n", kind, n, name, l.p50, l.p99, l.mean, l.rate)
	}
	x := hamming.New()
	path := base + ".index"
	removeAll(t, path+"*")
	if *tableFiles {
		x = open(t, path)
	}
	before, start := heap(), time.Now()
	x.InsertBatch(keys)
	build := time.Since(start)
	x.Compact()
	memory := float64(heap()-before) / float64(n)
	runtime.KeepAlive(keys)
	keys = nil
	for _, k := range hamming.Kernels() {
		if k != "words" && k != "plain" { // the portable one is made of them
			x.UseKernel(k)
			row("rowan "+k, measure(t, x, queries, 0))
		}
	}
	x.UseKernel(hamming.Kernels()[0])
	if kind == "clustered" {
		row("rowan, limit 100", measure(t, x, queries, 100))
	}
	row("rowan, batches of 8, each", measureBatch(x, queries))
	few := queries[:max(20, min(tableQueries, 20_000_000/n))] // as in scripts/bench-match
	found := 0
	for _, q := range few {
		matches, _ := x.Search(q, 31, nil, 0)
		found += len(matches)
	}
	note := func(format string, args ...any) {
		fmt.Printf("%-9s %9d  "+format+"\n", append([]any{kind, n}, args...)...)
	}
	note("build %.2fs, %.1f bytes a key; matches of %d queries: %d", build.Seconds(), memory, len(few), found)
	if *tableFiles {
		start = time.Now()
		must(t, x.Checkpoint())
		written := time.Since(start)
		must(t, x.Close())
		var took []float64
		for range 5 {
			start = time.Now()
			opened, err := hamming.Open(path)
			must(t, err)
			took = append(took, time.Since(start).Seconds()*1e3)
			if len(took) == 5 {
				row("rowan, mapped file", measure(t, opened, queries, 0))
			}
			must(t, opened.Close())
		}
		note("checkpoint %.2fs, open (five times) %.1fms", written.Seconds(), took)
	}
	x.UseFlat()
	row("rowan flat scan", measure(t, x, few, 0))
	x.UseTables()
	p99, worst := measureVisible(t, x, n)
	insert := measureInsert(x, n)
	row("rowan, 50 000 inserts later", measure(t, x, queries, 0))
	note("insert %.2fµs; inserted and found in %.3fms (99 %%), at worst %.3fms", insert.Seconds()*1e6, p99, worst)
}

// latency is in microseconds, and the rate in queries a second on each core.
type latency struct{ p50, p99, mean, rate float64 }

func measure(t *testing.T, x *hamming.Index, queries []hamming.Key, limit int) latency {
	var dst []hamming.Match
	var took []float64
	var sum float64
	found := 0
	for pass := range 2 {
		took, sum, found = took[:0], 0, 0
		for _, q := range queries {
			start := time.Now()
			dst, _ = x.Search(q, 31, dst[:0], limit)
			d := time.Since(start).Seconds() * 1e6
			found += len(dst)
			took = append(took, d)
			sum += d
		}
		if pass == 0 && len(queries) < tableQueries {
			break
		}
	}
	if found < len(queries)/2 {
		t.Errorf("only %d found", found)
	}
	l := latency{mean: sum / float64(len(took))}
	slices.Sort(took)
	l.p50, l.p99 = took[len(took)/2], took[len(took)*99/100]
	cores := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	start := time.Now()
	for range cores {
		wg.Go(func() {
			var dst []hamming.Match
			for _, q := range queries {
				dst, _ = x.Search(q, 31, dst[:0], limit)
			}
		})
	}
	wg.Wait()
	l.rate = float64(len(queries)) / time.Since(start).Seconds()
	return l
}

func measureBatch(x *hamming.Index, queries []hamming.Key) latency {
	var took []float64
	var sum float64
	for chunk := range slices.Chunk(queries, 8) {
		var batch []hamming.Query
		for _, q := range chunk {
			batch = append(batch, hamming.Query{Key: q, Radius: 31})
		}
		start := time.Now()
		x.SearchBatch(batch)
		d := time.Since(start).Seconds() * 1e6 / float64(len(chunk))
		took = append(took, d)
		sum += d
	}
	mean := sum / float64(len(took))
	slices.Sort(took)
	return latency{took[len(took)/2], took[len(took)*99/100], mean, 1e6 / mean}
}

// measureVisible is how many milliseconds it takes to insert a key and find it.
func measureVisible(t *testing.T, x *hamming.Index, n int) (p99, worst float64) {
	r := rand.New(rand.NewPCG(6, 6))
	var took []float64
	for i := range 500 {
		key, id := randomKey(r), uint64(2*n+i)
		start := time.Now()
		x.Insert(id, key)
		if got, _ := x.Search(key, 0, nil, 1); len(got) != 1 {
			t.Fatal("a key that was inserted is not found")
		}
		took = append(took, time.Since(start).Seconds()*1e3)
		x.Delete(id)
	}
	slices.Sort(took)
	return took[len(took)*99/100], took[len(took)-1]
}

// measureInsert inserts 50 000 keys one by one.
func measureInsert(x *hamming.Index, n int) time.Duration {
	r := rand.New(rand.NewPCG(5, 5))
	const number = 50_000
	start := time.Now()
	for i := range number {
		x.Insert(uint64(n+i), randomKey(r))
	}
	return time.Since(start) / number
}
