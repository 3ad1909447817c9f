package safety

import (
	"encoding/hex"
	"slices"
	"strings"
)

// HashType names a fingerprint algorithm.
type HashType string

// The hash types that Rowan computes itself.
const (
	MD5    HashType = "md5"    // 16 bytes over the file
	SHA1   HashType = "sha1"   // 20 bytes over the file
	SHA256 HashType = "sha256" // 32 bytes over the file
	PDQ    HashType = "pdq"    // 32 bytes over the picture; compared by Hamming distance
)

// HashTypes lists the hash types that Rowan computes.
var HashTypes = []HashType{SHA256, SHA1, MD5, PDQ}

// Size is the length of a hash of this type in bytes, 0 for a type without one.
func (t HashType) Size() int {
	switch t {
	case MD5:
		return 16
	case SHA1:
		return 20
	case SHA256, PDQ, URL:
		return 32
	}
	return 0
}

// Valid reports whether t is one of [HashTypes].
func (t HashType) Valid() bool { return slices.Contains(HashTypes, t) }

// Hash is one fingerprint: a type and lower-case hexadecimal digits of the
// length that the type demands. Build one with [ParseHash].
type Hash struct {
	Type  HashType
	Value string
}

// ParseHash checks text as a hash of type t. It accepts upper and lower case
// and surrounding white space. Its error never repeats the text: lists are
// secrets.
func ParseHash(t HashType, text string) (Hash, error) {
	if !t.Valid() {
		return Hash{}, Errorf(Invalid, "unknown hash type")
	}
	return parseHex(t, text)
}

func parseHex(t HashType, text string) (Hash, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	raw, err := hex.DecodeString(text)
	if err != nil {
		return Hash{}, Errorf(Invalid, "%s is not hexadecimal", t)
	}
	if len(raw) != t.Size() {
		return Hash{}, Errorf(Invalid, "%s has %d digits, want %d", t, len(text), 2*t.Size())
	}
	return Hash{Type: t, Value: text}, nil
}

// Bytes returns the hash as raw bytes.
func (h Hash) Bytes() []byte {
	raw, _ := hex.DecodeString(h.Value)
	return raw
}

// String hides the value, so that a hash in a log line or an error says no
// more than its type.
func (h Hash) String() string { return string(h.Type) + ":…" }
