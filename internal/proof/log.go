package proof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Log is a ledger as it is served over HTTP (c2sp.org/tlog-tiles).
type Log struct {
	URL       string // prefix, such as https://rowan.example/ledger
	Key       Key
	Witnesses []Key        // each must have cosigned
	APIKey    string       // where the ledger is not open to all
	Client    *http.Client // nil for one of its own
}

// Seen is what [Log.Check] found.
type Seen struct {
	Checkpoint string // the largest that holds: keep it for the next time
	Size       int64
	Root       Hash
	Grown      int64 // entries since the last time; -1 the first time
	Entries    int64 // that were read and hashed; 0 where they are not served to the caller
	Notes      []string
}

// errWrong marks what the log is to blame for, and not the way to it.
var errWrong = errors.New("the ledger does not hold")

// IsWrong reports whether err says that the log does not hold, rather than that it
// could not be looked at.
func IsWrong(err error) bool { return errors.Is(err, errWrong) }

func wrongf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errWrong, fmt.Sprintf(format, args...))
}

// Check fetches the checkpoint and all tiles, recomputes the root from the hashes
// and, where they are served, from the entries, and compares. last is the
// checkpoint of the last time ("" for none): the ledger must have grown from it,
// which shows a ledger that was rolled back, rewritten, or is shown differently to
// somebody else. It must be the whole text that [Seen] held, and is verified too.
func (l *Log) Check(ctx context.Context, last string) (*Seen, error) {
	var old Checkpoint
	if last != "" {
		var err error
		if old, _, err = OpenCheckpoint(last, l.Key); err != nil {
			return nil, fmt.Errorf("the checkpoint of the last time: %w", err)
		}
	}
	text, _, err := l.get(ctx, "checkpoint", maxNote)
	if err != nil {
		return nil, err
	}
	c, n, err := OpenCheckpoint(string(text), l.Key)
	if err != nil {
		return nil, wrongf("checkpoint: %v", err)
	}
	s := &Seen{Checkpoint: string(text), Size: c.Size, Root: c.Root, Grown: -1}
	for _, w := range l.Witnesses {
		at, err := n.SignedBy(w)
		if err != nil {
			return nil, wrongf("witness %s: %v", w.Name, err)
		}
		s.Notes = append(s.Notes, fmt.Sprintf("witness %s cosigned at %s", w.Name, at.Format("2006-01-02 15:04:05Z")))
	}
	if last != "" {
		if s.Grown = c.Size - old.Size; s.Grown < 0 {
			// A log may publish the checkpoint that its witnesses have signed, and not the
			// newest. Then the tiles still hold what was seen the last time.
			s.Grown, s.Checkpoint = 0, last
			s.Notes = append(s.Notes, fmt.Sprintf("the checkpoint that is published now is of %d entries, an older one than the last time's, which holds too", c.Size))
		}
	}
	return s, l.rebuild(ctx, s, c, old, last != "")
}

// rebuild recomputes the tree from its tiles.
func (l *Log) rebuild(ctx context.Context, s *Seen, c, old Checkpoint, have bool) error {
	var all span
	// agrees compares the tree with the checkpoints of its size.
	agrees := func() error {
		if have && all.size == old.Size && all.root() != old.Root {
			return wrongf("its first %d entries are not those of the last time: it was rewritten, or others are shown another ledger", old.Size)
		}
		if all.size == c.Size && all.root() != c.Root {
			return wrongf("the tiles do not have the signed root")
		}
		return nil
	}
	if err := agrees(); err != nil {
		return err
	}
	level := []Hash{} // roots of full tiles, which the next level is made of
	withEntries := true
	size := max(c.Size, old.Size)
	for at := int64(0); at < size; at += 256 {
		leaves, status, err := l.tile(ctx, "0", at/256, min(256, size-at))
		if status == http.StatusNotFound && c.Size < old.Size {
			return wrongf("it was rolled back: it had %d entries the last time and has %d", old.Size, c.Size)
		}
		if err != nil {
			return err
		}
		if withEntries {
			if withEntries, err = l.entries(ctx, s, at/256, leaves); err != nil {
				return err
			}
		}
		var one span
		for _, h := range leaves {
			all.add(h)
			one.add(h)
			if err := agrees(); err != nil {
				return err
			}
		}
		if one.size == 256 {
			level = append(level, one.root())
		}
	}
	return l.upper(ctx, level)
}

// upper checks the tiles above the lowest, which proofs are made from.
func (l *Log) upper(ctx context.Context, level []Hash) error {
	for depth := 1; len(level) > 0; depth++ {
		var next []Hash
		for at := 0; at < len(level); at += 256 {
			want := level[at:min(at+256, len(level))]
			got, _, err := l.tile(ctx, strconv.Itoa(depth), int64(at/256), int64(len(want)))
			if err != nil {
				return err
			}
			var one span
			for i, h := range got {
				if h != want[i] {
					return wrongf("tile %d of level %d is not made of the tiles below it", at/256, depth)
				}
				one.add(h)
			}
			if len(want) == 256 {
				next = append(next, one.root())
			}
		}
		level = next
	}
	return nil
}

func (l *Log) tile(ctx context.Context, level string, n, width int64) ([]Hash, int, error) {
	path := "tile/" + level + "/" + tilePath(n, width)
	b, status, err := l.get(ctx, path, 256*32)
	if err != nil {
		return nil, status, err
	}
	if int64(len(b)) != width*32 {
		return nil, status, wrongf("%s has %d bytes, not %d", path, len(b), width*32)
	}
	out := make([]Hash, width)
	for i := range out {
		out[i] = Hash(b[32*i:])
	}
	return out, status, nil
}

// entries reads an entry bundle and compares it with the hashes. It returns false
// when entries are not served to the caller.
func (l *Log) entries(ctx context.Context, s *Seen, n int64, leaves []Hash) (bool, error) {
	path := "tile/entries/" + tilePath(n, int64(len(leaves)))
	b, status, err := l.get(ctx, path, 256*(2+1<<16))
	if n == 0 && (status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound) {
		s.Notes = append(s.Notes, "entries are not served here: only their hashes were checked")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for i, want := range leaves {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return false, wrongf("%s is cut off", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		if LeafHash(b[2:end]) != want {
			return false, wrongf("entry %d is not the one that was hashed", n*256+int64(i))
		}
		b = b[end:]
		s.Entries++
	}
	if len(b) != 0 {
		return false, wrongf("%s holds more than its entries", path)
	}
	return true, nil
}

// tilePath is the path of a tile below its level.
func tilePath(n, width int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/", n%1000) + path
	}
	if width < 256 {
		path += ".p/" + strconv.FormatInt(width, 10)
	}
	return path
}

// get fetches one file of the log, which must be no larger than limit and of the
// type that the protocol has: a page of a proxy's is an error and never a tile.
func (l *Log) get(ctx context.Context, path string, limit int64) ([]byte, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(l.URL, "/")+"/"+path, nil)
	if err != nil {
		return nil, 0, errors.New("the ledger's address is not a URL")
	}
	if l.APIKey != "" {
		r.Header.Set("Authorization", "Bearer "+l.APIKey)
	}
	client := l.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("fetching %s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	err = errors.Join(err, res.Body.Close())
	want := "application/octet-stream"
	if path == "checkpoint" {
		want = "text/plain"
	}
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, res.StatusCode, fmt.Errorf("fetching %s: HTTP %d", path, res.StatusCode)
	case err != nil:
		return nil, 0, fmt.Errorf("fetching %s: %w", path, err)
	case strings.TrimSpace(mediaType) != want:
		return nil, 0, fmt.Errorf("fetching %s: the answer is %q, not a part of a ledger", path, mediaType)
	case int64(len(b)) > limit:
		return nil, 0, fmt.Errorf("fetching %s: the answer is too large", path)
	}
	return b, res.StatusCode, nil
}
