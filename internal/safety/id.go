package safety

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// crockford is Douglas Crockford's base 32 alphabet in lower case. Its digits
// are in ASCII order, so ids of one prefix sort by time.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an identifier: the prefix, an underscore, and 26 characters of
// 48 bits of Unix time in milliseconds and 82 random bits (the layout of a
// ULID, https://github.com/ulid/spec, shifted to fill whole characters). Ids
// made in different milliseconds sort by time as text.
func NewID(prefix string, now time.Time) string {
	var b [17]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	_, _ = rand.Read(b[6:]) // crypto/rand.Read never fails (it ends the program instead).
	return FormatID(prefix, b)
}

// idChars are what follows the prefix: 130 bits.
const idChars = 26

// FormatID is the text of an identifier's bits.
func FormatID(prefix string, bits [17]byte) string {
	return prefix + "_" + crockford.EncodeToString(bits[:])[:idChars]
}

// ParseID is the bits of an identifier made by [NewID], the last six of them
// zero. The error reports another prefix or form.
func ParseID(prefix, text string) (bits [17]byte, err error) {
	chars, ok := strings.CutPrefix(text, prefix+"_")
	if !ok || len(chars) != idChars {
		return bits, Errorf(Invalid, "this is no identifier that begins with %s", prefix)
	}
	if _, err := crockford.Decode(bits[:], []byte(chars+"00")); err != nil {
		return bits, Errorf(Invalid, "this is no identifier that begins with %s", prefix)
	}
	return bits, nil
}
