package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The signature types of C2SP keys that are understood. ML-DSA-44 (6) is not yet.
const (
	plainEd25519 = 1
	cosignature  = 4
)

// Key is a public key of a log or of a witness.
type Key struct {
	Name string
	id   uint32
	kind byte
	pub  ed25519.PublicKey
}

// ParseKey reads a C2SP vkey: name, key id, and type with key, joined by "+".
func ParseKey(vkey string) (Key, error) {
	var k Key
	name, rest, _ := strings.Cut(strings.TrimSpace(vkey), "+")
	id, material, found := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(material)
	if !found || err != nil || name == "" || strings.ContainsAny(name, " \t\n") || !utf8.ValidString(name) || len(raw) != 1+ed25519.PublicKeySize {
		return k, errors.New("this is not a key of the form NAME+ID+KEY with an Ed25519 key")
	}
	k = Key{Name: name, kind: raw[0], pub: raw[1:]}
	if k.kind != plainEd25519 && k.kind != cosignature {
		return k, fmt.Errorf("keys of type %d are not understood", k.kind)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	k.id = binary.BigEndian.Uint32(sum[:4])
	if id != fmt.Sprintf("%08x", k.id) {
		return k, errors.New("the id in the key is not the key's own")
	}
	return k, nil
}

// String is the key as [ParseKey] reads it.
func (k Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.id, base64.StdEncoding.EncodeToString(append([]byte{k.kind}, k.pub...)))
}

// ID is the key's short id.
func (k Key) ID() string { return fmt.Sprintf("%08x", k.id) }

// Cosigns reports whether k is a witness's key, which signs with a time.
func (k Key) Cosigns() bool { return k.kind == cosignature }

// Note is a signed note.
type Note struct {
	Text string
	sigs []signature
}

type signature struct {
	name string
	id   uint32
	sig  []byte
}

const maxNote = 64 << 10

// ParseNote reads a signed note. No signature is verified yet: [Note.SignedBy].
func ParseNote(text string) (Note, error) {
	bad := errors.New("not a signed note")
	if len(text) > maxNote || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
		return Note{}, bad
	}
	at := strings.LastIndex(text, "\n\n")
	if at < 0 {
		return Note{}, bad
	}
	n := Note{Text: text[:at+1]}
	lines := text[at+2:]
	if !strings.HasSuffix(lines, "\n") {
		return Note{}, bad
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		s, err := parseSignature(line)
		if err != nil || len(n.sigs) == 100 {
			return Note{}, bad
		}
		n.sigs = append(n.sigs, s)
	}
	return n, nil
}

func parseSignature(line string) (signature, error) {
	name, material, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
	raw, err := base64.StdEncoding.Strict().DecodeString(material)
	if !strings.HasPrefix(line, "— ") || err != nil || name == "" || strings.Contains(name, "+") || len(raw) < 5 {
		return signature{}, errors.New("not a signature line")
	}
	return signature{name, binary.BigEndian.Uint32(raw[:4]), raw[4:]}, nil
}

// ErrNotSigned says that a note bears no signature of a key.
var ErrNotSigned = errors.New("it is not signed by this key")

// SignedBy checks that k has signed n, and tells when if k says so. Signatures
// of other keys are ignored; one of k that is wrong is an error.
func (n Note) SignedBy(k Key) (time.Time, error) {
	for _, s := range n.sigs {
		if s.name != k.Name || s.id != k.id {
			continue
		}
		if k.kind == plainEd25519 {
			if !ed25519.Verify(k.pub, []byte(n.Text), s.sig) {
				return time.Time{}, errors.New("the signature does not verify")
			}
			return time.Time{}, nil
		}
		return k.cosigned(n.Text, s.sig)
	}
	return time.Time{}, ErrNotSigned
}

// cosigned verifies a cosignature/v1 (c2sp.org/tlog-cosignature).
func (k Key) cosigned(text string, sig []byte) (time.Time, error) {
	if len(sig) != 8+ed25519.SignatureSize {
		return time.Time{}, errors.New("the cosignature has the wrong length")
	}
	at := binary.BigEndian.Uint64(sig[:8])
	if at == 0 || at > 1<<62 {
		return time.Time{}, errors.New("the cosignature has no time")
	}
	if !ed25519.Verify(k.pub, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), sig[8:]) {
		return time.Time{}, errors.New("the cosignature does not verify")
	}
	return time.Unix(int64(at), 0).UTC(), nil
}

// Checkpoint is a tree head.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   Hash
}

// ParseCheckpoint reads the text of a C2SP tlog-checkpoint. Lines after the third
// are extensions, which the signature covers and nobody here reads.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("not a checkpoint")
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = parseSize(lines[1]); err != nil {
		return c, err
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return c, errors.New("the checkpoint has no root")
	}
	return c, nil
}

func parseSize(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, errors.New("not a size")
	}
	return n, nil
}

func parseHash(text string) (h Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(h) {
		return h, errors.New("not a hash")
	}
	return Hash(raw), nil
}

// OpenCheckpoint reads a checkpoint and checks that log signed it, under the
// log's name.
func OpenCheckpoint(text string, log Key) (Checkpoint, Note, error) {
	n, err := ParseNote(text)
	if err != nil {
		return Checkpoint{}, n, err
	}
	if _, err := n.SignedBy(log); err != nil {
		return Checkpoint{}, n, err
	}
	c, err := ParseCheckpoint(n.Text)
	if err == nil && c.Origin != log.Name {
		err = errors.New("the checkpoint is of another log")
	}
	return c, n, err
}
