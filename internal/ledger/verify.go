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
// it, which shows a rollback of the whole database. A sealer may run meanwhile.
// An error means that the check could not be made, never that it failed.
func Verify(ctx context.Context, s *store.Store, verifier note.Verifier, kept string) (*Verification, error) {
	v := &Verification{}
	q := s.Read()
	w := &heads{v: v, verifier: verifier, roots: map[int64]tlog.Hash{}, last: -1}
	if kept != "" {
		w.add(kept, "checkpoint file", -1)
	}
	t := &tree{}
	for {
		// The head is read first: what is sealed from here on comes with its
		// checkpoint in the next round.
		head, err := q.Head(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading ledger head: %w", err)
		}
		if err := w.read(ctx, q); err != nil {
			return nil, err
		}
		if whole, err := v.addUpTo(ctx, q, t, head, w); err != nil {
			return nil, err
		} else if !whole {
			break
		}
		beyond, err := q.SealedEntries(ctx, head, 1)
		if err != nil {
			return nil, fmt.Errorf("reading ledger: %w", err)
		}
		if now, err := q.Head(ctx); err != nil {
			return nil, fmt.Errorf("reading ledger head: %w", err)
		} else if now > head {
			continue
		}
		if len(beyond) > 0 {
			v.problem("head says %d entries, and there is an entry %d (%s)", head, beyond[0].LeafIndex, beyond[0].ID)
		}
		break
	}
	v.Size, v.Root = t.size, t.root()
	for size := range w.roots {
		v.problem("checkpoint of %d entries: only %d entries are there", size, t.size)
	}
	if w.signed < t.size {
		v.problem("the last %d entries stand under no signed checkpoint", t.size-w.signed)
	}
	var err error
	if v.Pending, err = q.CountPendingEntries(ctx); err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	return v, nil
}

// heads are the signed tree heads.
type heads struct {
	v        *Verification
	verifier note.Verifier
	roots    map[int64]tlog.Hash // by size, those that the tree has not reached
	last     int64               // size of the last checkpoint read
	signed   int64               // size of the largest one that the tree agreed with
}

// read collects the checkpoints that have been stored since the last call.
func (w *heads) read(ctx context.Context, q *db.Queries) error {
	for {
		rows, err := q.Checkpoints(ctx, w.last, 1000)
		if err != nil {
			return fmt.Errorf("reading checkpoints: %w", err)
		}
		for _, c := range rows {
			w.add(c.Note, fmt.Sprintf("checkpoint of %d entries", c.Size), c.Size)
			w.last = c.Size
			w.v.Checkpoints++
		}
		if len(rows) < 1000 {
			return nil
		}
	}
}

// add takes a checkpoint in; one that does not verify becomes a problem. filed
// is the size that it is stored under, -1 if none.
func (w *heads) add(text, from string, filed int64) {
	n, err := note.Open([]byte(text), note.VerifierList(w.verifier))
	if err != nil {
		w.v.problem("%s: signature does not verify", from)
		return
	}
	size, root, err := parseCheckpoint(n.Text)
	switch {
	case err != nil:
		w.v.problem("%s: %v", from, err)
		return
	case filed >= 0 && size != filed:
		w.v.problem("%s: is of another size, %d", from, size)
		return
	}
	if other, ok := w.roots[size]; ok && other != root {
		w.v.problem("%s: another checkpoint of the same size has a different root", from)
		return
	}
	w.roots[size] = root
}

// reached compares the tree with the checkpoint of its size, if there is one.
func (w *heads) reached(t *tree) {
	root, ok := w.roots[t.size]
	if !ok {
		return
	}
	if root == t.root() {
		w.signed = t.size
	} else {
		w.v.problem("checkpoint of %d entries: entries do not have the signed root", t.size)
	}
	delete(w.roots, t.size)
}

// addUpTo adds the entries below head to t. It returns false when some are
// missing and going on is pointless.
func (v *Verification) addUpTo(ctx context.Context, q *db.Queries, t *tree, head int64, w *heads) (bool, error) {
	for t.size < head {
		entries, err := q.SealedEntries(ctx, t.size, int32(min(1000, head-t.size)))
		if err != nil {
			return false, fmt.Errorf("reading ledger: %w", err)
		}
		if len(entries) == 0 {
			v.problem("head says %d entries, found %d", head, t.size)
			return false, nil
		}
		if !v.addEntries(ctx, q, t, entries, w) {
			return false, nil
		}
	}
	return true, nil
}

// addEntries adds a run of entries to t and checks what can be checked at each
// size. It returns false when the order is broken and going on is pointless.
func (v *Verification) addEntries(ctx context.Context, q *db.Queries, t *tree, entries []db.LedgerEntry, w *heads) bool {
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
		w.reached(t)
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

// SizeOf reads the size of the tree that a checkpoint is of, without looking at
// its signature.
func SizeOf(checkpoint string) (int64, error) {
	size, _, err := parseCheckpoint(checkpoint)
	return size, err
}
