// Package edge carries the lists to replicas that see no database, by way of a
// bucket.
//
// A [Publisher] writes what it reads from the database as a log of immutable
// objects, and one object that is replaced, the manifest: it names the objects
// that make up the lists now, each with the SHA-256 of its bytes. A [Follower]
// polls the manifest, fetches what it lacks, and answers from memory.
//
// Lists are secrets: every object is sealed with AES-256-GCM under a key that
// publisher and followers share and the bucket does not have. The seal says what
// an object is and its place in the log, so that whoever can write to the bucket
// can neither change an object nor put one in another's place.
//
// A follower is not ready before it has taken in all that a manifest names, and
// again once it has seen no newer manifest for a set time: it then says that its
// lists are too old, and answers nothing. A manifest that is older than one it has
// seen is refused, by a number that only grows.
package edge

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rowan-safety/rowan/internal/match"
)

// KeySize is the length of the key in bytes.
const KeySize = 32

const (
	manifestKey = "manifest"
	maxManifest = 4 << 20
	maxObject   = 64 << 20  // sealed
	maxChange   = 512 << 20 // unpacked
)

// manifest says what the lists are made of now.
type manifest struct {
	// Beat grows by one with every manifest that is written, changed or not.
	Beat uint64 `json:"beat"`
	// Base is the place in the log of the first object. A follower that has not
	// followed from there begins anew.
	Base    uint64   `json:"base"`
	Objects []object `json:"objects"`
}

// next is the place after the last object.
func (m *manifest) next() uint64 { return m.Base + uint64(len(m.Objects)) }

// object is one step of the log.
type object struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the sealed bytes
}

// sealer seals and opens objects.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if len(key) != KeySize {
		return sealer{}, fmt.Errorf("the key of edge replicas has %d bytes", KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal encrypts; the nonce is of chance and made by the cipher itself.
func (s sealer) seal(as string, plain []byte) []byte {
	return s.aead.Seal(nil, nil, plain, []byte(as)) //nolint:gosec // NewGCMWithRandomNonce takes no nonce
}

// errSeal: an object is not what the publisher wrote there.
var errSeal = errors.New("an object of the lists is not what its publisher wrote")

func (s sealer) open(as string, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(as))
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

// asStep is what the seal of the object at a place in the log says.
func asStep(place uint64, name string) string {
	return fmt.Sprintf("rowan edge 1 step %d %s", place, name)
}

const asManifest = "rowan edge 1 manifest"

func pack(c match.Change) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(w).Encode(c), w.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) (c match.Change, err error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return c, errSeal
	}
	dec := json.NewDecoder(io.LimitReader(r, maxChange))
	dec.DisallowUnknownFields() // a newer publisher says what this follower would not obey
	if err := dec.Decode(&c); err != nil {
		return c, errSeal
	}
	return c, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func newName(place uint64) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("log/%020d-%x", place, b)
}
