package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rowan-safety/rowan/internal/safety"
)

// tileHeight is fixed by C2SP: 256 hashes.
const tileHeight = 8

// HashTile returns a tile of the tree (c2sp.org/tlog-tiles): path is what comes
// after the level, such as "x001/234" or "000.p/17". whole reports whether the
// tile is full, and so never another.
func (l *Log) HashTile(ctx context.Context, level, path string) (tile []byte, whole bool, err error) {
	lev, err := strconv.Atoi(level)
	n, w, ok := parseTile(path)
	if err != nil || !ok || lev < 0 || lev > 5 || strconv.Itoa(lev) != level {
		return nil, false, noTile
	}
	// A tile spans more leaves than there can be from level 5 on, so nothing overflows.
	span := int64(1) << (tileHeight * lev)
	if n > math.MaxInt64/(256*span)-1 {
		return nil, false, noTile
	}
	if size, err := l.store.Read().Head(ctx); err != nil || (n*256+w)*span > size {
		return nil, false, errOr(err)
	}
	tile, err = tlog.ReadTileData(tlog.Tile{H: tileHeight, L: lev, N: n, W: int(w)}, &hashReader{ctx: ctx, q: l.store.Read(), fresh: l.leaves(ctx, lev, n, w)})
	return tile, w == 256, err
}

// leaves reads the hashes of a tile of the lowest level at once: they stand near
// each other.
func (l *Log) leaves(ctx context.Context, level int, n, w int64) map[int64]tlog.Hash {
	out := map[int64]tlog.Hash{}
	if level > 0 {
		return out
	}
	rows, err := l.store.Read().LedgerHashes(ctx, tlog.StoredHashIndex(0, n*256), tlog.StoredHashIndex(0, n*256+w-1)+1)
	if err != nil {
		return out // they will be read one by one, and that tells the error
	}
	for _, r := range rows {
		if len(r.Hash) == tlog.HashSize {
			out[r.ID] = tlog.Hash(r.Hash)
		}
	}
	return out
}

// EntryTile returns an entry bundle: the entries of a tile of the lowest level,
// each after its length.
func (l *Log) EntryTile(ctx context.Context, path string) (tile []byte, whole bool, err error) {
	n, w, ok := parseTile(path)
	if !ok || n > math.MaxInt64/256-1 {
		return nil, false, noTile
	}
	if size, err := l.store.Read().Head(ctx); err != nil || n*256+w > size {
		return nil, false, errOr(err)
	}
	rows, err := l.store.Read().SealedEntries(ctx, n*256, int32(w))
	if err != nil {
		return nil, false, fmt.Errorf("reading ledger: %w", err)
	}
	if len(rows) != int(w) {
		return nil, false, errors.New("the ledger has fewer entries than its head says")
	}
	for i, e := range rows {
		b := Leaf(e)
		if e.LeafIndex != n*256+int64(i) {
			return nil, false, fmt.Errorf("entry %d is missing or twice", n*256+int64(i))
		}
		if len(b) > math.MaxUint16 {
			return nil, false, fmt.Errorf("entry %s is too long for a tile", e.ID)
		}
		tile = append(binary.BigEndian.AppendUint16(tile, uint16(len(b))), b...)
	}
	return tile, w == 256, nil
}

var noTile = safety.Errorf(safety.NotFound, "there is no such tile")

func errOr(err error) error {
	if err == nil {
		return noTile
	}
	return fmt.Errorf("reading ledger head: %w", err)
}

// parseTile reads the index and width of a tile from its path, in the one form
// that C2SP gives them.
func parseTile(path string) (n, w int64, ok bool) {
	index, width, partial := strings.Cut(path, ".p/")
	w = 256
	if partial {
		v, err := strconv.Atoi(width)
		if err != nil || v < 1 || v > 255 || strconv.Itoa(v) != width {
			return 0, 0, false
		}
		w = int64(v)
	}
	parts := strings.Split(index, "/")
	if len(parts) > 5 {
		return 0, 0, false
	}
	for i, p := range parts {
		if i < len(parts)-1 {
			var x bool
			if p, x = strings.CutPrefix(p, "x"); !x {
				return 0, 0, false
			}
		}
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) != 3 || i == 0 && len(parts) > 1 && v == 0 {
			return 0, 0, false
		}
		n = n*1000 + int64(v)
	}
	return n, w, true
}
