package pdq

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
)

// MatchThreshold is the distance up to which two pictures are usually called
// the same: the default of ThreatExchange and of Hasher-Matcher-Actioner. Two
// unrelated pictures are about 128 bits apart.
const MatchThreshold = 31

// MinQuality is the least [Result.Quality] with which a hash may be compared
// for nearness. It holds for both sides: pictures without features all look
// alike, so a low-quality hash in a list matches every blank picture.
const MinQuality = 50

// Hash is a PDQ hash of 256 bits in the order of its text: Hash[0] holds the
// first two hexadecimal digits. In the words of the reference, bit k (row
// k/16, column k%16 of the frequency matrix) is bit k%8 of Hash[31-k/8].
type Hash [32]byte

var errHashText = errors.New("pdq: a hash is 64 hexadecimal digits")

// ParseHash reads the text form: 64 hexadecimal digits in either case and
// nothing else. The error never repeats the text, since lists are secrets.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != 2*len(h) {
		return Hash{}, errHashText
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return Hash{}, errHashText
	}
	return h, nil
}

// String is the canonical text: 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText gives the text of [Hash.String].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what [ParseHash] reads.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// Distance is the number of bits, 0 to 256, in which h and other differ.
func (h Hash) Distance(other Hash) int {
	n := 0
	for i := 0; i < len(h); i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(h[i:]) ^ binary.LittleEndian.Uint64(other[i:]))
	}
	return n
}
