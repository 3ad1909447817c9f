package proof

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// FuzzBundle: whatever the file is, the check ends, and only an archive in the
// one form is looked into.
func FuzzBundle(f *testing.F) {
	one := member{name: "a", size: 1, crc: 0xe8b7be43}
	head := append(localHeader(one), 'a')
	table := centralHeader(one)
	whole := append(append(bytes.Clone(head), table...), endRecord(1, int64(len(table)), int64(len(head)))...)
	f.Add(whole)
	f.Add(endRecord(0, 0, 0))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Bundle(bytes.NewReader(data), int64(len(data)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) == 0 {
			t.Fatal("something that was made up holds")
		}
		list, err := archive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		// What was read is all that there is: written again, it is the same file.
		var again, table []byte
		for _, m := range list {
			again = append(append(again, localHeader(m)...), data[m.data():m.end()]...)
			table = append(table, centralHeader(m)...)
		}
		again = append(append(again, table...), endRecord(int64(len(list)), int64(len(table)), int64(len(again)))...)
		if !bytes.Equal(again, data) {
			t.Fatal("the archive holds bytes that nobody looked at")
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	f.Add([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Timestamp(data, [32]byte{}, nil); err == nil {
			t.Fatal("a timestamp without a signature")
		}
	})
}

func FuzzNote(f *testing.F) {
	f.Add("a\n1\nAAAA\n\n— a AAAAAAA=\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNote(text)
		if err == nil {
			_, _ = ParseCheckpoint(n.Text)
		}
	})
}

// TestMerkle holds this package's proofs against golang.org/x/mod's.
func TestMerkle(t *testing.T) {
	const n = 70
	stored := map[int64]tlog.Hash{}
	read := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, stored[id])
		}
		return out, nil
	})
	var s span
	heads := []Checkpoint{{Root: s.root()}}
	leaves := []Hash{}
	for i := range int64(n) {
		entry := fmt.Append(nil, "entry ", i)
		hs, err := tlog.StoredHashes(i, entry, read)
		if err != nil {
			t.Fatal(err)
		}
		for j, h := range hs {
			stored[tlog.StoredHashCount(i)+int64(j)] = h
		}
		leaves = append(leaves, LeafHash(entry))
		s.add(leaves[i])
		want, err := tlog.TreeHash(i+1, read)
		if err != nil || Hash(want) != s.root() {
			t.Fatalf("root of %d: %v", i+1, err)
		}
		heads = append(heads, Checkpoint{Size: i + 1, Root: s.root()})
	}
	hashes := func(p []tlog.Hash) (out []Hash) {
		for _, h := range p {
			out = append(out, Hash(h))
		}
		return out
	}
	for size := int64(1); size <= n; size++ {
		for i := range size {
			p, err := tlog.ProveRecord(size, i, read)
			if err != nil {
				t.Fatal(err)
			}
			if err := Included(heads[size], leaves[i], i, hashes(p)); err != nil {
				t.Fatalf("%d in %d: %v", i, size, err)
			}
			if i > 0 && Included(heads[size], leaves[i-1], i, hashes(p)) == nil || Included(heads[size], leaves[i], i+1, hashes(p)) == nil {
				t.Fatalf("%d in %d: another leaf or place is taken", i, size)
			}
			q, err := tlog.ProveTree(size, i+1, read)
			if err != nil {
				t.Fatal(err)
			}
			if err := Consistent(heads[i+1], heads[size], hashes(q)); err != nil {
				t.Fatalf("%d to %d: %v", i+1, size, err)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Int64Range(2, n).Draw(rt, "size")
		old := rapid.Int64Range(1, size-1).Draw(rt, "old")
		q, err := tlog.ProveTree(size, old, read)
		if err != nil {
			rt.Fatal(err)
		}
		path := hashes(q)
		i := rapid.IntRange(0, len(path)-1).Draw(rt, "i")
		path[i][rapid.IntRange(0, 31).Draw(rt, "byte")] ^= 1
		if Consistent(heads[old], heads[size], path) == nil || Consistent(heads[old], heads[size], path[:i]) == nil || Consistent(heads[old], heads[size], append(hashes(q), Hash{})) == nil {
			rt.Fatal("a wrong proof is taken")
		}
	})
}
