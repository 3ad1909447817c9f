package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Verification is what [Verify] found. The ledger holds if Problems is empty.
type Verification struct {
	Size        int64 // sealed entries
	Pending     int64 // entries not yet sealed, and so not yet protected
	Checkpoints int   // signed checkpoints that were checked
	Root        tlog.Hash
	Problems    []string
}

// maxProblems bounds a report on a ledger that is broken from end to end.
const maxProblems = 50

func (v *Verification) problem(format string, args ...any) {
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}

// Verify recomputes the tree from the entries and compares it with every
// stored hash and every signed checkpoint. kept is the checkpoint that was
// kept outside the database ("" if there is none): the tree must still contain
// it, which shows a rollback of the whole database. An error means that the
// check could not be made, never that it failed.
func Verify(ctx context.Context, s *store.Store, verifier note.Verifier, kept string) (*Verification, error) {
	v := &Verification{}
	q := s.Read()
	want, err := v.expectedRoots(ctx, q, verifier, kept)
	if err != nil {
		return nil, err
	}
	t := &tree{}
	for {
		entries, err := q.SealedEntries(ctx, t.size, 1000)
		if err != nil {
			return nil, fmt.Errorf("reading ledger: %w", err)
		}
		if len(entries) == 0 {
			break
		}
		if !v.addEntries(ctx, q, t, entries, want) {
			break
		}
	}
	v.Size, v.Root = t.size, t.root()
	for size := range want {
		v.problem("checkpoint of %d entries: only %d entries are there", size, t.size)
	}
	if v.Pending, err = q.CountPendingEntries(ctx); err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	if head, err := q.Head(ctx); err != nil || head != t.size {
		v.problem("head says %d entries, found %d", head, t.size)
	}
	return v, nil
}

// expectedRoots collects the signed tree heads by size; those that do not
// verify become problems.
func (v *Verification) expectedRoots(ctx context.Context, q *db.Queries, verifier note.Verifier, kept string) (map[int64]tlog.Hash, error) {
	want := map[int64]tlog.Hash{}
	add := func(text, from string) {
		n, err := note.Open([]byte(text), note.VerifierList(verifier))
		if err != nil {
			v.problem("%s: signature does not verify", from)
			return
		}
		size, root, err := parseCheckpoint(n.Text)
		if err != nil {
			v.problem("%s: %v", from, err)
			return
		}
		if other, ok := want[size]; ok && other != root {
			v.problem("%s: another checkpoint of the same size has a different root", from)
			return
		}
		want[size] = root
	}
	if kept != "" {
		add(kept, "checkpoint file")
	}
	for last := int64(-1); ; {
		rows, err := q.Checkpoints(ctx, last, 1000)
		if err != nil {
			return nil, fmt.Errorf("reading checkpoints: %w", err)
		}
		for _, c := range rows {
			add(c.Note, fmt.Sprintf("checkpoint of %d entries", c.Size))
			last = c.Size
			v.Checkpoints++
		}
		if len(rows) < 1000 {
			return want, nil
		}
	}
}

// addEntries adds a run of entries to t and checks what can be checked at each
// size. It returns false when the order is broken and going on is pointless.
func (v *Verification) addEntries(ctx context.Context, q *db.Queries, t *tree, entries []db.LedgerEntry, want map[int64]tlog.Hash) bool {
	for _, e := range entries {
		if e.LeafIndex != t.size {
			v.problem("entry %d is missing or twice (found entry %s with index %d)", t.size, e.ID, e.LeafIndex)
			return false
		}
		for i, h := range t.add(tlog.RecordHash(Leaf(e))) {
			id := tlog.StoredHashCount(e.LeafIndex) + int64(i)
			stored, err := q.LedgerHash(ctx, id)
			if err != nil || !bytes.Equal(stored, h[:]) {
				v.problem("entry %d (%s, %s): does not have the hash that was recorded", e.LeafIndex, e.ID, e.Action)
				break
			}
		}
		if root, ok := want[t.size]; ok {
			if root != t.root() {
				v.problem("checkpoint of %d entries: entries do not have the signed root", t.size)
			}
			delete(want, t.size)
		}
	}
	return true
}

// tree is a compact range: the roots of the complete subtrees of the first
// size leaves, the largest first.
type tree struct {
	size   int64
	levels []tlog.Hash
}

// add appends a leaf and returns the hashes that are stored for it: its own
// and those of the subtrees that it completes (as tlog.StoredHashes does).
func (t *tree) add(leaf tlog.Hash) []tlog.Hash {
	out := []tlog.Hash{leaf}
	h := leaf
	for n := t.size; n&1 == 1; n >>= 1 {
		left := t.levels[len(t.levels)-1]
		t.levels = t.levels[:len(t.levels)-1]
		h = tlog.NodeHash(left, h)
		out = append(out, h)
	}
	t.levels = append(t.levels, h)
	t.size++
	return out
}

func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := t.levels[len(t.levels)-1]
	for i := len(t.levels) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.levels[i], h)
	}
	return h
}

// parseCheckpoint reads the size and root of a C2SP tlog-checkpoint body.
func parseCheckpoint(text string) (size int64, root tlog.Hash, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return 0, root, errors.New("checkpoint is not three lines long")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || size < 0 {
		return 0, root, errors.New("checkpoint has no size")
	}
	if root, err = tlog.ParseHash(lines[2]); err != nil {
		return 0, root, errors.New("checkpoint has no root")
	}
	return size, root, nil
}
