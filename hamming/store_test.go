package hamming_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/rowan-safety/rowan/hamming"
)

func open(t *testing.T, path string) *hamming.Index {
	t.Helper()
	x, err := hamming.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCorrupt fails unless the index at path is refused as damaged.
func wantCorrupt(t *testing.T, path, what string) {
	t.Helper()
	x, err := hamming.Open(path)
	var corrupt *hamming.CorruptError
	if !errors.As(err, &corrupt) || x != nil {
		t.Fatalf("%s: Open answered %v", what, err)
	}
}

// holds checks that the index is exactly m.
func holds(t *testing.T, x *hamming.Index, m truth) {
	t.Helper()
	if x.Len() != len(m) {
		t.Fatalf("%d keys, want %d", x.Len(), len(m))
	}
	agree(t, x, m, hamming.Key{1, 2, 3}, 256)
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "[list]*")
	r := rand.New(rand.NewPCG(1, 1))
	m := truth{}
	for round := range 6 {
		x := open(t, path)
		holds(t, x, m)
		for i := range 3000 {
			id := r.Uint64N(6000)
			if i%3 == 0 {
				delete(m, id)
				x.Delete(id)
				continue
			}
			m[id] = randomKey(r)
			x.Insert(id, m[id])
		}
		if round%2 == 0 {
			must(t, x.Checkpoint())
			x.Insert(9999, hamming.Key{})
			m[9999] = hamming.Key{}
		}
		query := randomKey(r)
		m[5], m[6] = near(r, query, 30), near(r, query, 31)
		x.InsertBatch([]hamming.Entry{{ID: 5, Key: m[5]}, {ID: 6, Key: m[6]}})
		holds(t, x, m)
		must(t, x.Close())
		x = open(t, path)
		agree(t, x, m, query, 31)
		must(t, x.Close())
		if x.Insert(1, m[1]); x.Sync() == nil && m[1] != (hamming.Key{}) {
			t.Error("a change after Close seems to last")
		}
	}
	if err := hamming.New().Checkpoint(); err == nil {
		t.Error("an index without a file has been written")
	}
}

// TestTornTail cuts the log at every byte: exactly the whole records remain,
// and the log goes on behind them.
func TestTornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	x := open(t, path)
	states := []truth{{}}
	change := func(f func(m truth)) {
		m := maps.Clone(states[len(states)-1])
		f(m)
		states = append(states, m)
	}
	for i := range uint64(4) {
		x.Insert(i, hamming.Key{byte(i)})
		change(func(m truth) { m[i] = hamming.Key{byte(i)} })
	}
	x.Delete(2)
	change(func(m truth) { delete(m, 2) })
	x.Insert(1, hamming.Key{9})
	change(func(m truth) { m[1] = hamming.Key{9} })
	must(t, x.Close())
	log := readAll(t, path+".log.0")
	for n := range len(log) + 1 {
		for _, tail := range []int{0, 60} { // of zeros, as file systems leave them
			torn := append(slices.Clone(log[:n]), make([]byte, tail)...)
			must(t, os.WriteFile(path+".log.0", torn, 0o600))
			whole := 0
			for end := 48; end <= min(len(torn), len(log)) && slices.Equal(torn[:end], log[:end]); end += 48 {
				whole++
			}
			x := open(t, path)
			holds(t, x, states[whole])
			if n%5 != 0 {
				continue
			}
			x.Insert(77, hamming.Key{7})
			must(t, x.Close())
			x = open(t, path)
			holds(t, x, union(states[whole], truth{77: {7}}))
		}
	}
	for i := range log {
		damaged := slices.Clone(log)
		damaged[i] ^= 0x10
		must(t, os.WriteFile(path+".log.0", damaged, 0o600))
		if i < len(log)-48 {
			wantCorrupt(t, path, fmt.Sprintf("byte %d of the log", i))
			continue
		}
		x := open(t, path)
		holds(t, x, states[len(states)-2])
		must(t, x.Close())
	}
}

func union(a, b truth) truth {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// TestCheckpointCrash opens every state of the files that a crash in a
// checkpoint can leave.
func TestCheckpointCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	x := open(t, path)
	x.Insert(1, hamming.Key{1})
	must(t, x.Sync())
	log0 := readAll(t, path+".log.0")
	must(t, x.Checkpoint())
	file1 := readAll(t, path)
	x.Insert(2, hamming.Key{2})
	x.Delete(1)
	must(t, x.Close())
	log1 := readAll(t, path+".log.1")
	lay := func(files map[string][]byte) {
		for _, name := range []string{"", ".log.0", ".log.1"} {
			_ = os.Remove(path + name)
			if data, ok := files[name]; ok {
				must(t, os.WriteFile(path+name, data, 0o600))
			}
		}
	}
	for name, files := range map[string]map[string][]byte{
		"before the file":    {".log.0": log0, ".log.1": log1},
		"before the removal": {"": file1, ".log.0": log0, ".log.1": log1},
		"after it":           {"": file1, ".log.1": log1},
	} {
		t.Run(name, func(t *testing.T) {
			lay(files)
			x := open(t, path)
			holds(t, x, truth{2: {2}})
			must(t, x.Checkpoint())
			x.Insert(3, hamming.Key{3})
			must(t, x.Close())
			_ = os.Remove(path + ".log.1") // lay does not know the later ones
			x = open(t, path)
			holds(t, x, truth{2: {2}, 3: {3}})
			must(t, x.Close())
			for g := range 5 {
				_ = os.Remove(fmt.Sprintf("%s.log.%d", path, g))
			}
		})
	}
	for name, files := range map[string]map[string][]byte{
		"no log":                       {"": file1},
		"no file and no first log":     {".log.1": log1},
		"an old log that ends early":   {".log.0": log0[:40], ".log.1": log1},
		"only the log before the file": {"": file1, ".log.0": log0},
	} {
		t.Run(name, func(t *testing.T) {
			lay(files)
			wantCorrupt(t, path, name)
		})
	}
}

// TestDamagedSegment changes and cuts the file in many places.
func TestDamagedSegment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	x := open(t, path)
	r := rand.New(rand.NewPCG(2, 2))
	fill(x, r, 1000)
	must(t, x.Checkpoint())
	must(t, x.Close())
	file := readAll(t, path)
	places := []int{0, 15, 16, 17, 23, 24, 31, 32, 39, 40, 47, 48, 1071, 1072, 1075, 4096, len(file) - 1}
	for range 100 {
		places = append(places, 4096+r.IntN(len(file)-4096))
	}
	for _, at := range places {
		damaged := slices.Clone(file)
		damaged[at] ^= 1 << r.IntN(8)
		must(t, os.WriteFile(path, damaged, 0o600))
		wantCorrupt(t, path, fmt.Sprintf("byte %d", at))
		must(t, os.WriteFile(path, file[:at], 0o600))
		wantCorrupt(t, path, fmt.Sprintf("cut at %d", at))
	}
	must(t, os.WriteFile(path, append(file, 0), 0o600))
	wantCorrupt(t, path, "one byte too many")
	file[14] = '1'
	must(t, os.WriteFile(path, file, 0o600))
	var version *hamming.VersionError
	if _, err := hamming.Open(path); !errors.As(err, &version) {
		t.Errorf("a file of version 1: %v", err)
	}
}

// TestEqualKeysKept has many ids with few keys in a file, and deletes those that
// stand for the others.
func TestEqualKeysKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	r := rand.New(rand.NewPCG(4, 5))
	var pool []hamming.Key
	for range 40 {
		pool = append(pool, near(r, hamming.Key{7}, r.IntN(30)))
	}
	m := truth{}
	var entries []hamming.Entry
	for id := range uint64(40_000) {
		k := randomKey(r)
		if id%2 == 0 {
			k = pool[r.IntN(len(pool))]
		}
		m[id] = k
		entries = append(entries, hamming.Entry{ID: id, Key: k})
	}
	for _, tables := range []bool{true, false} {
		x := open(t, path)
		if tables {
			x.UseSmallRanges()
		}
		x.InsertBatch(entries)
		x.Compact()
		different := map[hamming.Key]bool{}
		for _, k := range m {
			different[k] = true
		}
		if got := x.Postings(); got != len(different) || got > 20_040 {
			t.Errorf("%d postings for %d different keys", got, len(different))
		}
		for id := range uint64(100) {
			delete(m, id)
			x.Delete(id)
		}
		for _, k := range hamming.Kernels() {
			x.UseKernel(k)
			agree(t, x, m, hamming.Key{7}, 31)
			agree(t, x, m, pool[3], 0)
			all := m.search(pool[3], 20)
			for _, limit := range []int{1, 7, 500, len(all) - 1, len(all), len(all) + 1} {
				got, cut := x.Search(pool[3], 20, nil, limit)
				if cut != (limit < len(all)) || !slices.Equal(got, all[:min(limit, len(all))]) {
					t.Errorf("limit %d of %d: %d matches, cut %v", limit, len(all), len(got), cut)
				}
			}
		}
		must(t, x.Checkpoint())
		must(t, x.Close())
		x = open(t, path)
		agree(t, x, m, hamming.Key{7}, 31)
		must(t, x.Close())
		entries = entries[100:]
	}
}

// TestCheckpointBesideChanges checkpoints while keys change, and opens a copy of
// what is on disk in between.
func TestCheckpointBesideChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	x := open(t, path)
	m := truth{}
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(3, 3))
		for range 20000 {
			id := r.Uint64N(2000)
			if r.IntN(2) == 0 {
				delete(m, id)
				x.Delete(id)
				continue
			}
			m[id] = randomKey(r)
			x.Insert(id, m[id])
		}
	})
	for range 6 {
		must(t, x.Checkpoint())
	}
	wg.Wait()
	must(t, x.Close())
	holds(t, open(t, path), m)
}

// FuzzOpenLog opens any bytes as a log: an error, or the records that are whole.
func FuzzOpenLog(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	x, err := hamming.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	x.Insert(1, hamming.Key{1})
	x.Insert(2, hamming.Key{2})
	x.Delete(1)
	if err := x.Close(); err != nil {
		f.Fatal(err)
	}
	log, err := os.ReadFile(path + ".log.0")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(log)
	f.Add(log[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "y")
		must(t, os.WriteFile(path+".log.0", data, 0o600))
		x, err := hamming.Open(path)
		if err != nil {
			return
		}
		if x.Len() > len(data)/48 {
			t.Errorf("%d keys of %d bytes", x.Len(), len(data))
		}
		must(t, x.Close())
		if kept := readAll(t, path+".log.0"); !bytes.HasPrefix(data, kept) || len(kept)%48 != 0 {
			t.Errorf("%d of %d bytes were kept", len(kept), len(data))
		}
	})
}
