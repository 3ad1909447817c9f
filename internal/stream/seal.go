package stream

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/rowan-safety/rowan/internal/safety"
)

// sealVersion is the first byte of everything that a [Sealer] seals.
const sealVersion = 1

// sealOverhead is what sealing adds to a text, in bytes.
const sealOverhead = 1 + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// Sealer encrypts what leaves the process for a broker: XChaCha20-Poly1305
// (draft-irtf-cfrg-xchacha) under a random nonce of 192 bits, which one key can
// be used with for ever. The form is a version byte, the nonce and the
// ciphertext with its tag.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the sealer of a key of 32 bytes.
func NewSealer(key []byte) (*Sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "a sealing key has %d bytes", chacha20poly1305.KeySize)
	}
	return &Sealer{aead}, nil
}

// Seal encrypts plain so that [Sealer.Open] gives it back for the same label only.
func (s *Sealer) Seal(plain []byte, label string) []byte {
	out := make([]byte, 1+chacha20poly1305.NonceSizeX, len(plain)+sealOverhead)
	out[0] = sealVersion
	_, _ = rand.Read(out[1:]) // never fails
	return s.aead.Seal(out, out[1:], plain, []byte(label))
}

// Open reverses [Sealer.Seal]. What was sealed by another key, under another
// label or changed since is a safety.Invalid error.
func (s *Sealer) Open(sealed []byte, label string) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(sealed) < sealOverhead || sealed[0] != sealVersion {
		return nil, safety.Errorf(safety.Invalid, "this was not sealed by Rowan")
	}
	plain, err := s.aead.Open(nil, sealed[1:head], sealed[head:], []byte(label))
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "this was sealed with another key, or changed since")
	}
	return plain, nil
}

// keyring holds what is derived from the stream's key, one key for each use.
type keyring struct {
	events, answers *Sealer
	id, partition   []byte
	check           string // tells another key, and nothing of this one
}

func newKeyring(key []byte) (*keyring, error) {
	if len(key) != 32 {
		return nil, safety.Errorf(safety.Invalid, "the stream's key has %d bytes and must have 32", len(key))
	}
	use := func(name string) []byte {
		k, err := hkdf.Expand(sha256.New, key, "rowan stream "+name, 32)
		if err != nil {
			panic(err) // 32 bytes are always in reach
		}
		return k
	}
	events, err := NewSealer(use("events"))
	if err != nil {
		return nil, err
	}
	answers, err := NewSealer(use("answers"))
	if err != nil {
		return nil, err
	}
	return &keyring{events, answers, use("id"), use("partition"), base64.RawURLEncoding.EncodeToString(use("check"))}, nil
}

// eventKey is the name of an event wherever others can read it: 43 characters
// that say nothing of its source and id to somebody without the key.
func (k *keyring) eventKey(source, id string) string {
	mac := hmac.New(sha256.New, k.id)
	var n [binary.MaxVarintLen64]byte
	mac.Write(n[:binary.PutUvarint(n[:], uint64(len(source)))])
	mac.Write([]byte(source))
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// partitionOf spreads conversations over n partitions, so that nobody outside
// can aim at one.
func (k *keyring) partitionOf(conversation string, n int) int {
	mac := hmac.New(sha256.New, k.partition)
	mac.Write([]byte(conversation))
	return int(binary.BigEndian.Uint64(mac.Sum(nil)) % uint64(n))
}

// letter is what is sealed into one message of the broker.
type letter struct {
	Source, ID string
	At         time.Time
	Body       []byte
}

// letterVersion is the first byte of a letter.
const letterVersion = 1

// encode is the version, then source and id with their lengths in front, the
// time in Unix microseconds, and the body.
func (l letter) encode() []byte {
	out := make([]byte, 0, 1+2*binary.MaxVarintLen64+len(l.Source)+len(l.ID)+8+len(l.Body))
	out = append(out, letterVersion)
	out = binary.AppendUvarint(out, uint64(len(l.Source)))
	out = append(out, l.Source...)
	out = binary.AppendUvarint(out, uint64(len(l.ID)))
	out = append(out, l.ID...)
	out = binary.BigEndian.AppendUint64(out, uint64(l.At.UnixMicro()))
	return append(out, l.Body...)
}

func decodeLetter(b []byte) (letter, error) {
	if len(b) == 0 || b[0] != letterVersion {
		return letter{}, safety.Errorf(safety.Invalid, "the event was written by another version of Rowan")
	}
	source, rest, err := cutText(b[1:])
	if err != nil {
		return letter{}, err
	}
	id, rest, err := cutText(rest)
	if err != nil {
		return letter{}, err
	}
	if len(rest) < 8 {
		return letter{}, errLetter
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(rest))).UTC()
	return letter{source, id, at, rest[8:]}, nil
}

var errLetter = safety.Errorf(safety.Invalid, "the event's form is broken")

func cutText(b []byte) (text string, rest []byte, err error) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return "", nil, errLetter
	}
	return string(b[used : used+int(n)]), b[used+int(n):], nil
}

// seal and open tie a letter to the event's key.
func (k *keyring) seal(l letter) (key string, sealed []byte) {
	key = k.eventKey(l.Source, l.ID)
	return key, k.events.Seal(l.encode(), key)
}

func (k *keyring) open(key string, sealed []byte) (letter, error) {
	plain, err := k.events.Open(sealed, key)
	if err != nil {
		return letter{}, err
	}
	l, err := decodeLetter(plain)
	if err == nil && k.eventKey(l.Source, l.ID) != key {
		return letter{}, fmt.Errorf("opening event: %w", errLetter)
	}
	return l, err
}
