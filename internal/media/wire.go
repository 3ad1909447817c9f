package media

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// Messages between parent and child are a length (4 bytes, big-endian) and a
// body. The parent begins with an opening; the child answers with a selfTest;
// then every file is answered by a reply.

// opening is what a parent asks of a child.
type opening struct {
	Limits Limits
	Module string // the format whose Wasm module it compiles; "" for none
	Video  bool   // it hashes one video that comes on its descriptors 3 (pictures) and 4 (log)
	// Metadata: it reads the metadata of one file.
	Metadata bool
	Trap     bool // a forbidden system call kills the child: for tests that count them
}

// selfTest is what a child says of its sandbox.
type selfTest struct {
	Sandbox string // description
	Holes   string // what it could still do; empty if the sandbox holds
}

// reply is a child's answer to one file.
type reply struct {
	Report  Report
	Preview preview
	Memory  int64 // bytes that the child has taken from the system
}

// maxReply bounds what a parent reads from a child.
const maxReply = 8 << 20

func writeMessage(w io.Writer, body []byte) error {
	if int64(len(body)) > 1<<32-1 {
		return errors.New("media: message too long")
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body)))); err != nil {
		return fmt.Errorf("media: write: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("media: write: %w", err)
	}
	return nil
}

// readMessage reads a body of at most most bytes.
func readMessage(r io.Reader, most int64) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("media: read: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n > most {
		return nil, errors.New("media: message too long")
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("media: read: %w", err)
	}
	return body, nil
}

func writeJSON(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("media: encode: %w", err)
	}
	return writeMessage(w, body)
}

func readJSON(r io.Reader, v any) error {
	body, err := readMessage(r, maxReply)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("media: decode: %w", err)
	}
	return nil
}

// check refuses replies that an honest child cannot have sent: a decoder that
// was taken over may say anything.
func (r *reply) check() error {
	rep := &r.Report
	switch {
	case !slices.Contains(safety.ScanStates, rep.Scan),
		(rep.Scan == safety.ScanScanned) != (rep.Reason == ""),
		rep.Scan == safety.ScanScanned && len(rep.Hashes) == 0,
		!plainWord(rep.Format), !plainWord(rep.Reason), !plainWord(rep.TrailingFormat),
		rep.Orientation < 1 || rep.Orientation > 8,
		rep.Width < 0 || rep.Height < 0 || rep.Frames < 0 || rep.TrailingBytes < 0, rep.Duration < 0 || rep.Streams < 0,
		rep.PreviewPNG != nil:
		return errors.New("media: a child sent an impossible report")
	}
	for _, h := range rep.Hashes {
		if h.Frame < 0 || h.Quality < 0 || h.Quality > 100 || h.At < 0 || !knownVariant(h.Variant) {
			return errors.New("media: a child sent an impossible hash")
		}
	}
	for _, h := range rep.Undone {
		if h.Frame < 0 || h.Quality < 0 || h.Quality > 100 || !slices.Contains(undo.Names(undo.Wide), h.Variant) {
			return errors.New("media: a child sent an impossible guess")
		}
	}
	return nil
}

// plainWord holds what comes from a child to the shape of our own words, since
// it ends up in logs and answers.
func plainWord(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(s) <= 32
}

func knownVariant(name string) bool {
	for i, v := range pdq.VariantNames() {
		for _, prefix := range []string{"", "alpha_black", "alpha_white", variantSRGB, variantDamaged} {
			if name == variantName(prefix, v, i == 0) {
				return true
			}
		}
	}
	return name == variantStored
}
