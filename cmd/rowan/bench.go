package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/hamming"
	"github.com/rowan-safety/rowan/pdq"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure what this machine can do"}
	var sizes []int
	match := &cobra.Command{Use: "match", Args: cobra.NoArgs, Short: "Print how quick hashing and matching are here",
		RunE: func(cmd *cobra.Command, _ []string) error { return benchMatch(cmd.OutOrStdout(), sizes) }}
	match.Flags().IntSliceVar(&sizes, "sizes", []int{100_000, 1_000_000}, "hashes on the lists; 10,000,000 take about 3 GB while they are made")
	conversations := &cobra.Command{Use: "talk", Args: cobra.NoArgs, Short: "Print how many messages of conversations are read here",
		RunE: func(cmd *cobra.Command, _ []string) error { return benchTalk(cmd.OutOrStdout()) }}
	c.AddCommand(match, conversations)
	return c
}

// benchMatch prints two tables. Every figure is of one core and of this run.
func benchMatch(w io.Writer, sizes []int) error {
	fmt.Fprintf(w, "%s/%s, %s, %d cores; figures of one core\n\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())
	fmt.Fprintf(w, "%11s %10s %10s %10s %12s %9s %9s %9s %11s %8s\n", "hashes", "mean", "p50", "p99", "look-ups/s", "B/hash", "build", "open", "visible in", "× flat")
	for _, n := range sizes {
		if n < 1 {
			return fmt.Errorf("a list of %d hashes", n)
		}
		if err := benchIndex(w, n); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\nPDQ of luma in memory, with the eight orientations:\n")
	for _, side := range [][2]int{{512, 512}, {1600, 1200}, {2272, 1704}} {
		took := benchHash(side[0], side[1])
		fmt.Fprintf(w, "%5d×%-5d %10s %12.0f a second\n", side[0], side[1], took.Round(time.Microsecond), float64(time.Second)/float64(took))
	}
	fmt.Fprintln(w, "\nLook-ups at 31 bits are exact; half of the queries are 0 to 31 bits from a hash on the list. × flat is beside reading every hash.")
	return nil
}

func benchIndex(w io.Writer, n int) error {
	dir, err := os.MkdirTemp("", "rowan-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // repeatable test data
	entries := make([]hamming.Entry, n)
	for i := range entries {
		entries[i] = hamming.Entry{ID: uint64(i), Key: randomKey(r)}
	}
	before := heapInUse()
	x, err := hamming.Open(filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	began := time.Now()
	x.InsertBatch(entries)
	x.Compact()
	build := time.Since(began)
	memory := float64(heapInUse()-before) / float64(n)
	queries := make([]hamming.Key, 2000)
	for i := range queries {
		queries[i] = randomKey(r)
		if i%2 == 0 {
			queries[i] = entries[r.IntN(n)].Key
			for range r.IntN(pdq.MatchThreshold + 1) {
				bit := r.IntN(256)
				queries[i][bit/8] ^= 1 << (bit % 8)
			}
		}
	}
	took := make([]time.Duration, len(queries))
	var found []hamming.Match
	total := time.Duration(0)
	for i, q := range queries {
		began := time.Now()
		found, _ = x.Search(q, pdq.MatchThreshold, found[:0], 0)
		took[i] = time.Since(began)
		total += took[i]
	}
	mean := total / time.Duration(len(took))
	slices.Sort(took)
	began = time.Now()
	const flats = 5
	for _, q := range queries[:flats] {
		flat(entries, q)
	}
	slow := time.Since(began) / flats
	visible, err := benchInsert(x, r, n)
	if err != nil {
		return err
	}
	if err := x.Checkpoint(); err != nil {
		return err
	}
	if err := x.Close(); err != nil {
		return err
	}
	began = time.Now()
	y, err := hamming.Open(filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	open := time.Since(began)
	fmt.Fprintf(w, "%11d %10s %10s %10s %12.0f %9.0f %9s %9s %11s %7.0f×\n", n, mean.Round(100*time.Nanosecond), took[len(took)/2].Round(100*time.Nanosecond),
		took[len(took)*99/100].Round(100*time.Nanosecond), float64(time.Second)/float64(mean), memory, build.Round(time.Millisecond),
		open.Round(time.Millisecond), visible.Round(time.Microsecond), float64(slow)/float64(mean))
	return y.Close()
}

// benchInsert is how long it takes until a new hash is found, at worst of some.
func benchInsert(x *hamming.Index, r *rand.Rand, n int) (worst time.Duration, err error) {
	for i := range 200 {
		key := randomKey(r)
		began := time.Now()
		x.Insert(uint64(n+i), key)
		if found, _ := x.Search(key, 0, nil, 1); len(found) != 1 {
			return 0, fmt.Errorf("a hash that was inserted is not found")
		}
		worst = max(worst, time.Since(began))
	}
	return worst, nil
}

// flat compares with every hash.
func flat(entries []hamming.Entry, q hamming.Key) (n int) {
	for i := range entries {
		k, d := &entries[i].Key, 0
		for j := 0; j < len(k); j += 8 {
			d += bits.OnesCount64(binary.LittleEndian.Uint64(k[j:]) ^ binary.LittleEndian.Uint64(q[j:]))
		}
		if d <= pdq.MatchThreshold {
			n++
		}
	}
	return n
}

func randomKey(r *rand.Rand) (k hamming.Key) {
	for i := range k {
		k[i] = byte(r.Uint32())
	}
	return k
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// benchHash hashes a drawn picture for half a second.
func benchHash(w, h int) time.Duration {
	luma := make([]float32, w*h)
	for i := range luma {
		x, y := i%w, i/w
		luma[i] = float32((x*x/97 + y*y/131 + x*y/211) % 256)
	}
	n, began := 0, time.Now()
	for time.Since(began) < 500*time.Millisecond {
		r, err := pdq.Compute(w, h, func(y int, row []float32) { copy(row, luma[y*w:]) })
		if err != nil {
			return 0
		}
		r.Dihedral()
		n++
	}
	return time.Since(began) / time.Duration(n)
}
