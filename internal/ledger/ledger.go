// Package ledger records who did what, so that it can be proved afterwards.
//
// [Append] writes an entry in the caller's transaction: no entry, no action.
// A sealer then gives entries their place in a Merkle tree (RFC 6962 hashing,
// golang.org/x/mod/sumdb/tlog) and signs a checkpoint of it (C2SP
// tlog-checkpoint, a signed note), in the database and in a file beside it.
// [Verify] recomputes everything from the entries and names what was changed,
// dropped or reordered; it needs the data directory and no running server.
//
// What it cannot show: an entry deleted before it was sealed (within a second
// of its making), and a forgery by somebody who holds the signing key as well
// as the database and the checkpoint file. Witnesses close the second gap.
//
// Entries never carry content, hashes of content or more of a person than an
// identifier. The one digest that an entry does carry is that of an evidence
// bundle's manifest (evidence.export): it says nothing of a single file to
// somebody who does not have the bundle, and it is what ties the bundle to the
// tree.
package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Entry is one thing that somebody did.
type Entry struct {
	ID      string // "" makes one; chosen before only by what must name its entry before it is written
	At      time.Time
	Actor   string // "user:ID", "key:ID", "system", "cli"
	Action  string // noun.verb, such as "case.open"
	Subject string // id of what it was done to; a case's id where there is one
	Detail  string // a short plain sentence
}

// Append adds e in tx. The entry exists if and only if tx commits.
func Append(ctx context.Context, tx *store.Tx, e Entry) error {
	if e.Actor == "" || e.Action == "" || e.Subject == "" {
		return safety.Errorf(safety.Internal, "ledger entry needs actor, action and subject")
	}
	if e.ID == "" {
		e.ID = safety.NewID("led", e.At)
	}
	err := tx.AppendEntry(ctx, db.AppendEntryParams{
		ID: e.ID, At: store.Micros(e.At), Actor: e.Actor,
		Action: e.Action, Subject: e.Subject, Detail: e.Detail,
	})
	if err != nil {
		return fmt.Errorf("appending to ledger: %w", err)
	}
	return nil
}

// record is the leaf of the tree: the entry as JSON with its fields in this
// order. The form is part of what is proved and never changes.
type record struct {
	ID      string `json:"id"`
	At      int64  `json:"at"` // Unix microseconds
	Actor   string `json:"actor"`
	Action  string `json:"action"`
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
}

// Leaf returns the bytes of e that the tree commits to.
func Leaf(e db.LedgerEntry) []byte {
	b, _ := json.Marshal(record{e.ID, e.At, e.Actor, e.Action, e.Subject, e.Detail}) // strings and an integer always marshal
	return b
}

// Log seals entries and answers questions about the sealed tree.
type Log struct {
	store    *store.Store
	signer   note.Signer
	now      func() time.Time
	remember func(checkpoint string) error
}

// NewLog returns a log that signs with signer, whose name is the log's origin
// line. remember is called with every new checkpoint after it is committed, to
// keep a copy outside the database; it may be nil.
func NewLog(s *store.Store, signer note.Signer, now func() time.Time, remember func(string) error) *Log {
	return &Log{store: s, signer: signer, now: now, remember: remember}
}

// batch bounds how many entries one transaction seals.
const batch = 256

// Seal gives every pending entry its place in the tree and signs a checkpoint.
// It returns how many entries it sealed. Processes may seal at the same time:
// the head row serialises them.
func (l *Log) Seal(ctx context.Context) (int, error) {
	total := 0
	for {
		n, checkpoint, err := l.sealBatch(ctx)
		if err != nil {
			return total, fmt.Errorf("sealing ledger: %w", err)
		}
		total += n
		if n > 0 && l.remember != nil {
			if err := l.remember(checkpoint); err != nil {
				return total, fmt.Errorf("keeping checkpoint: %w", err)
			}
		}
		if n < batch {
			return total, nil
		}
	}
}

func (l *Log) sealBatch(ctx context.Context) (n int, checkpoint string, err error) {
	err = l.store.Tx(ctx, func(tx *store.Tx) error {
		n, checkpoint = 0, ""
		size, err := tx.LockHead(ctx)
		if err != nil {
			return err
		}
		pending, err := tx.PendingEntries(ctx, batch)
		if err != nil || len(pending) == 0 {
			return err
		}
		hashes := &hashReader{ctx: ctx, q: tx.Queries, fresh: map[int64]tlog.Hash{}}
		for _, e := range pending {
			if err := sealEntry(ctx, tx, hashes, size, e); err != nil {
				return err
			}
			size++
		}
		root, err := tlog.TreeHash(size, hashes)
		if err != nil {
			return err
		}
		if checkpoint, err = l.sign(size, root); err != nil {
			return err
		}
		n = len(pending)
		if err := tx.SetHead(ctx, size); err != nil {
			return err
		}
		return tx.AddCheckpoint(ctx, size, checkpoint, store.Micros(l.now()))
	})
	return n, checkpoint, err
}

func sealEntry(ctx context.Context, tx *store.Tx, hashes *hashReader, index int64, e db.LedgerEntry) error {
	stored, err := tlog.StoredHashes(index, Leaf(e), hashes)
	if err != nil {
		return err
	}
	for i, h := range stored {
		id := tlog.StoredHashCount(index) + int64(i)
		hashes.fresh[id] = h
		if err := tx.AddLedgerHash(ctx, id, h[:]); err != nil {
			return err
		}
	}
	return tx.SealEntry(ctx, e.ID, index)
}

func (l *Log) sign(size int64, root tlog.Hash) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", l.signer.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	return string(signed), err
}

// Checkpoint is the latest signed checkpoint, with the cosignatures that it has,
// after sealing what is pending.
// Before anything was ever recorded it is a NotFound error.
func (l *Log) Checkpoint(ctx context.Context) (string, error) {
	if _, err := l.Seal(ctx); err != nil {
		return "", err
	}
	c, err := l.store.Read().LatestCheckpoint(ctx)
	if err != nil {
		return "", store.NotFound(err, "checkpoint")
	}
	return l.withCosignatures(ctx, c)
}

// Proof shows that one entry stands in the tree of a checkpoint.
type Proof struct {
	Index      int64
	Size       int64
	Leaf       tlog.Hash
	Path       []tlog.Hash
	Checkpoint string
}

// Proven is an entry with its inclusion proof (RFC 6962 §2.1.1).
type Proven struct {
	Index int64
	Bytes []byte // what the tree commits to
	Path  []tlog.Hash
}

// Prove returns the inclusion proof of an entry.
func (l *Log) Prove(ctx context.Context, entryID string) (Proof, error) {
	checkpoint, all, err := l.ProveAll(ctx, []string{entryID})
	if err != nil {
		return Proof{}, err
	}
	size, _, err := parseCheckpoint(checkpoint)
	return Proof{Index: all[0].Index, Size: size, Leaf: tlog.RecordHash(all[0].Bytes), Path: all[0].Path, Checkpoint: checkpoint}, err
}

// ProveAll proves entries to one checkpoint, in the order of their places in the
// tree. Entries that wait are sealed first.
func (l *Log) ProveAll(ctx context.Context, entryIDs []string) (checkpoint string, all []Proven, err error) {
	if _, err := l.Seal(ctx); err != nil {
		return "", nil, err
	}
	q := l.store.Read()
	rows := make([]db.LedgerEntry, len(entryIDs))
	least := int64(1)
	for i, id := range entryIDs {
		if rows[i], err = q.Entry(ctx, id); err != nil {
			return "", nil, store.NotFound(err, "ledger entry")
		}
		if rows[i].LeafIndex < 0 {
			return "", nil, safety.Errorf(safety.Unavailable, "entry is not sealed yet")
		}
		least = max(least, rows[i].LeafIndex+1)
	}
	if checkpoint, err = l.published(ctx, least); err != nil {
		return "", nil, err
	}
	size, _, err := parseCheckpoint(checkpoint)
	if err != nil || size < least {
		return "", nil, safety.Errorf(safety.Unavailable, "no checkpoint of these entries yet")
	}
	for _, e := range rows {
		path, err := tlog.ProveRecord(size, e.LeafIndex, &hashReader{ctx: ctx, q: q})
		if err != nil {
			return "", nil, fmt.Errorf("proving ledger entry: %w", err)
		}
		all = append(all, Proven{Index: e.LeafIndex, Bytes: Leaf(e), Path: path})
	}
	slices.SortFunc(all, func(a, b Proven) int { return cmp.Compare(a.Index, b.Index) })
	return checkpoint, all, nil
}

// hashReader reads the stored hashes of the tree, first from those that the
// running transaction has added.
type hashReader struct {
	ctx   context.Context // tlog's interface has no context of its own
	q     *db.Queries
	fresh map[int64]tlog.Hash
}

func (r *hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, id := range indexes {
		if h, ok := r.fresh[id]; ok {
			out[i] = h
			continue
		}
		b, err := r.q.LedgerHash(r.ctx, id)
		if err != nil {
			return nil, fmt.Errorf("ledger hash %d: %w", id, err)
		}
		if len(b) != tlog.HashSize {
			return nil, errors.New("stored ledger hash has the wrong length")
		}
		copy(out[i][:], b)
	}
	return out, nil
}
