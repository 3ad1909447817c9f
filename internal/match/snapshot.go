package match

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/vpdq"
)

// A snapshot is the lists in one file, so that a process that starts need not
// read millions of rows. It is no more than a short cut: a process believes of it
// only what its SHA-256 covers, and of a list only if the database has the same
// stamp for the same version; it then follows the database from there. A snapshot
// that is damaged, older or of another history costs time and never a match.
//
// It is as secret as the database, and written with mode 0600.

const snapshotMagic = "ROWANLS1"

// snapshotList is what a snapshot says of a list.
type snapshotList struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Stamp   string `json:"stamp"`
	Signals int    `json:"signals"`
}

// record is a signal in a snapshot: kind, hash, id, number of the content.
const recordSize = 1 + 32 + len(signalID{}) + 8

// The kinds of a record that are not in exactKinds. A video's is the digest of its
// frames, which are read from the database.
const (
	kindPDQ   = 0
	kindVideo = 255
)

// recordKey is what stands for a hash in a record; ok is false for an opaque one,
// which is read from the database: which of them are looked up, each process's
// configuration says.
func recordKey(h safety.Hash) (k exactKey, ok bool, err error) {
	switch {
	case h.Type.Opaque():
		return k, false, nil
	case h.Type == safety.PDQ:
		k.kind = kindPDQ
		copy(k.hash[:], h.Bytes())
		return k, true, nil
	case h.Type == safety.VPDQ:
		k.kind = kindVideo
		digest, err := hex.DecodeString(strings.TrimPrefix(h.Value, videoPrefix))
		if err != nil || copy(k.hash[:], digest) != len(k.hash) {
			return k, false, fmt.Errorf("a video's value is no digest")
		}
		return k, true, nil
	}
	if k, ok = keyOf(h); !ok {
		// Better no snapshot than one that lacks what a list has.
		return k, false, fmt.Errorf("a snapshot cannot hold %s", h.Type)
	}
	return k, true, nil
}

const videoPrefix = "sha256:"

// WriteSnapshot writes the lists as the database has them. The file appears when
// it is complete, in place of an older one.
func WriteSnapshot(ctx context.Context, s *store.Store, path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".lists-*")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	if _, err := w.WriteString(snapshotMagic); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	rows, err := s.Read().AllLists(ctx)
	if err != nil {
		return fmt.Errorf("reading lists: %w", err)
	}
	for _, l := range rows {
		if l.DeletedAt != 0 || l.Version == 0 {
			continue
		}
		stamp, err := s.Read().ListVersionStamp(ctx, l.ID, l.Version)
		if store.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading stamp: %w", err)
		}
		if err := writeList(ctx, s.Read(), w, l, stamp); err != nil {
			return fmt.Errorf("list %s: %w", l.ID, err)
		}
	}
	if err := writeBlock(w, nil); err != nil { // the end
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if _, err := f.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("snapshot: %w", err), os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// writeList writes the head of a list and its signals in blocks.
func writeList(ctx context.Context, q *db.Queries, w io.Writer, l db.List, stamp string) error {
	head, err := json.Marshal(snapshotList{ID: l.ID, Version: l.Version, Stamp: stamp})
	if err != nil {
		return err
	}
	if err := writeBlock(w, head); err != nil {
		return err
	}
	err = addedSince(ctx, q, l.ID, 0, l.Version, func(page []db.Signal) error {
		block := make([]byte, 0, len(page)*recordSize)
		for _, s := range page {
			h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
			if err != nil {
				return fmt.Errorf("signal %s: %w", s.ID, err)
			}
			k, ok, err := recordKey(h)
			if err != nil {
				return fmt.Errorf("signal %s: %w", s.ID, err)
			}
			if !ok {
				continue
			}
			id, err := packID(s.ID)
			if err != nil {
				return err
			}
			block = append(block, k.kind)
			block = append(block, k.hash[:]...)
			block = append(block, id[:]...)
			block = binary.BigEndian.AppendUint64(block, uint64(s.ContentNumber))
		}
		if len(block) == 0 {
			return nil
		}
		return writeBlock(w, block)
	})
	if err != nil {
		return err
	}
	return writeBlock(w, nil) // the end of the list
}

func writeBlock(w io.Writer, b []byte) error {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(b)))
	_, err := w.Write(append(n[:], b...))
	return err
}

// errSnapshot: a snapshot cannot be used. It is never more than a reason to read
// the database.
var errSnapshot = errors.New("the snapshot cannot be used")

// LoadSnapshot takes what it can from a snapshot into an index that has loaded
// nothing yet, and says how many signals that was. A file that is not there, or
// cannot be used, gives none and an error that is for the log only: Refresh reads
// the rest.
func (x *Index) LoadSnapshot(ctx context.Context, path string) (signals int, err error) {
	x.refresh.Lock()
	defer x.refresh.Unlock()
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := whole(f)
	if err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(io.LimitReader(f, size), 1<<20)
	if _, err := r.Discard(len(snapshotMagic)); err != nil {
		return 0, errSnapshot
	}
	for {
		head, err := readBlock(r)
		if err != nil || len(head) == 0 {
			return signals, err
		}
		var l snapshotList
		if err := json.Unmarshal(head, &l); err != nil {
			return signals, errSnapshot
		}
		n, err := x.takeList(ctx, r, l)
		signals += n
		if err != nil {
			return signals, err
		}
	}
}

// whole checks the magic and the SHA-256 of a file and leaves it at its
// beginning. It returns the size without the sum.
func whole(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - sha256.Size
	if size < int64(len(snapshotMagic)) {
		return 0, errSnapshot
	}
	sum := sha256.New()
	if err := sumOf(f, size, sum); err != nil {
		return 0, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return size, err
}

func sumOf(f io.Reader, size int64, sum hash.Hash) error {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != snapshotMagic {
		return errSnapshot
	}
	sum.Write(magic)
	if _, err := io.CopyN(sum, f, size-int64(len(magic))); err != nil {
		return errSnapshot
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(f, want); err != nil || !bytes.Equal(want, sum.Sum(nil)) {
		return errSnapshot
	}
	return nil
}

func readBlock(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, errSnapshot
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > signalPage*uint32(recordSize) {
		return nil, errSnapshot
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, errSnapshot
	}
	return b, nil
}

// takeList takes one list if the database has the same history of it.
func (x *Index) takeList(ctx context.Context, r io.Reader, l snapshotList) (signals int, err error) {
	stamp, err := x.store.Read().ListVersionStamp(ctx, l.ID, l.Version)
	known := err == nil && stamp == l.Stamp
	if err != nil && !store.IsNotFound(err) {
		return 0, fmt.Errorf("reading stamp: %w", err)
	}
	var place uint16
	if known {
		x.mu.Lock()
		place, err = x.place(l.ID)
		if err == nil && x.lists[place].version != 0 {
			known = false // it was read from the database already
		}
		x.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
	for {
		block, err := readBlock(r)
		switch {
		case err != nil || len(block)%recordSize != 0:
			return signals, errSnapshot
		case len(block) == 0:
			if !known {
				return signals, nil
			}
			n, err := x.takePrints(ctx, place, l)
			if err != nil {
				return signals, err
			}
			x.mu.Lock()
			x.lists[place].version = l.Version
			x.mu.Unlock()
			return signals + n, nil
		case known:
			records := parseRecords(place, block)
			videos, err := x.videosOf(ctx, records)
			if err != nil {
				return signals, err
			}
			x.mu.Lock()
			x.addRecords(records, videos)
			x.mu.Unlock()
			signals += len(records)
		}
	}
}

// record is one signal of a snapshot.
type record struct {
	entry
	key exactKey
}

func parseRecords(place uint16, block []byte) []record {
	out := make([]record, 0, len(block)/recordSize)
	for ; len(block) > 0; block = block[recordSize:] {
		r := record{entry: entry{list: place}, key: exactKey{kind: block[0]}}
		copy(r.key.hash[:], block[1:33])
		copy(r.id[:], block[33:33+len(r.id)])
		r.content = int64(binary.BigEndian.Uint64(block[33+len(r.id):]))
		out = append(out, r)
	}
	return out
}

// videosOf reads the frames of the videos among records, by digest.
func (x *Index) videosOf(ctx context.Context, records []record) (map[[32]byte][]vpdq.Frame, error) {
	out := map[[32]byte][]vpdq.Frame{}
	for _, r := range records {
		if r.key.kind != kindVideo {
			continue
		}
		body, err := x.store.Read().PrintBody(ctx, videoPrefix+hex.EncodeToString(r.key.hash[:]))
		if err != nil {
			return nil, fmt.Errorf("reading the frames of signal %s: %w", r.id, err)
		}
		if out[r.key.hash], err = parseBody(body); err != nil {
			return nil, fmt.Errorf("signal %s: %w", r.id, err)
		}
	}
	return out, nil
}

// addRecords puts signals into the index. x.mu is held.
func (x *Index) addRecords(records []record, videos map[[32]byte][]vpdq.Frame) {
	batch := newBatch(len(records))
	for _, r := range records {
		if r.key.kind == kindVideo {
			x.putVideo(r.entry, videos[r.key.hash])
		} else {
			x.put(r.entry, r.key, batch)
		}
	}
	x.near.InsertBatch(batch.near)
}
