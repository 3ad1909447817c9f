package match

import (
	"context"
	"fmt"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// A list of ten million signals is held in memory once in each process, so every
// byte of a signal counts: 32 for its entry, about 30 to find it by its id, and
// either about 45 to find it by its hash or what package hamming takes.

// signalID is a signal's id as bits.
type signalID [17]byte

const signalPrefix = "sig"

func packID(text string) (signalID, error) {
	bits, err := safety.ParseID(signalPrefix, text)
	return bits, err
}

func (id signalID) String() string { return safety.FormatID(signalPrefix, id) }

// entry is one signal.
type entry struct {
	content int64  // number of its content
	next    uint32 // the next signal with the same exact hash; 0 for none
	id      signalID
	list    uint16 // place in Index.lists
}

// exactKey is a type and a hash, shorter ones with zeros behind.
type exactKey struct {
	kind byte
	hash [32]byte
}

// exactKinds are the types that are looked up exactly.
var exactKinds = map[safety.HashType]byte{safety.MD5: 1, safety.SHA1: 2, safety.SHA256: 3, safety.URL: 4}

func keyOf(h safety.Hash) (k exactKey, ok bool) {
	k.kind, ok = exactKinds[h.Type]
	ok = ok && copy(k.hash[:], h.Bytes()) == len(h.Bytes())
	return k, ok
}

// table is the signals by number. Numbers begin at 1 and are used again.
type table struct {
	entries []entry
	free    []uint32
	numbers map[signalID]uint32
	exact   map[exactKey]uint32 // the first of the signals with the hash
}

func newTable() table {
	return table{entries: make([]entry, 1), numbers: map[signalID]uint32{}, exact: map[exactKey]uint32{}}
}

// add gives a signal a number. It reports false if it has one.
func (t *table) add(e entry) (n uint32, fresh bool) {
	if n, ok := t.numbers[e.id]; ok {
		return n, false
	}
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
		t.entries[n] = e
	} else {
		n = uint32(len(t.entries))
		t.entries = append(t.entries, e)
	}
	t.numbers[e.id] = n
	return n, true
}

// link makes a signal findable by its exact hash.
func (t *table) link(n uint32, k exactKey) {
	t.entries[n].next = t.exact[k]
	t.exact[k] = n
}

// unlink undoes link.
func (t *table) unlink(n uint32, k exactKey) {
	if t.exact[k] == n {
		if next := t.entries[n].next; next != 0 {
			t.exact[k] = next
		} else {
			delete(t.exact, k)
		}
		return
	}
	for at := t.exact[k]; at != 0; at = t.entries[at].next {
		if t.entries[at].next == n {
			t.entries[at].next = t.entries[n].next
			return
		}
	}
}

// drop frees a number.
func (t *table) drop(n uint32) {
	delete(t.numbers, t.entries[n].id)
	t.entries[n] = entry{}
	t.free = append(t.free, n)
}

// with calls fn with each signal of an exact hash.
func (t *table) with(k exactKey, fn func(*entry)) {
	for n := t.exact[k]; n != 0; n = t.entries[n].next {
		fn(&t.entries[n])
	}
}

// addedSince calls fn with pages of what came onto a list after one version, up
// to another, and is still there.
func addedSince(ctx context.Context, q *db.Queries, listID string, from, to int64, fn func([]db.Signal) error) error {
	for from < to {
		version, err := q.NextSignalVersion(ctx, listID, from, to)
		if err != nil {
			return fmt.Errorf("looking for changes: %w", err)
		}
		if version == 0 {
			return nil
		}
		for after := ""; ; {
			page, err := q.SignalsOfVersion(ctx, db.SignalsOfVersionParams{ListID: listID, AddedVersion: version, ID: after, Limit: signalPage})
			if err != nil {
				return fmt.Errorf("reading signals: %w", err)
			}
			if len(page) > 0 {
				after = page[len(page)-1].ID
				if err := fn(page); err != nil {
					return err
				}
			}
			if len(page) < signalPage {
				break
			}
		}
		from = version
	}
	return nil
}

// signalPage is how many signals are read and put into the index at a time:
// look-ups wait for no more than that.
const signalPage = 10_000
