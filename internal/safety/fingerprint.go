package safety

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Fingerprints that lists carry beside those that Rowan computes from a file.
const (
	// URL is the SHA-256 of a link's canonical form; see match.URLSignal.
	URL HashType = "url"
	// VPDQ is a video by the PDQ hashes of its frames, which are kept as a body
	// (match.VideoBody); the value is "sha256:" and the body's digest.
	VPDQ HashType = "vpdq"

	// The rest are opaque: Rowan keeps them, typed and byte for byte, and cannot
	// compute them. With an operator's hasher (package hasher) they are matched.

	PhotoDNA      HashType = "photodna"        // 144 bytes, licensed by Microsoft
	NetClean      HashType = "netclean"        // of NetClean's tools
	Videntifier   HashType = "videntifier"     // large, binary
	TMKPDQF       HashType = "tmk_pdqf"        // video, about 256 KiB, binary
	SSVHPDNA      HashType = "ssvh_pdna"       // scene-sensitive video hash over PhotoDNA, large, binary
	SSVHSaferHash HashType = "ssvh_safer_hash" // scene-sensitive video hash of Safer, large, binary
)

// OpaqueTypes lists the fingerprints that Rowan keeps and cannot compute.
var OpaqueTypes = []HashType{PhotoDNA, NetClean, Videntifier, TMKPDQF, SSVHPDNA, SSVHSaferHash}

// Limits on opaque fingerprints.
const (
	photoDNASize = 144
	// MaxOpaque is the longest opaque fingerprint, in bytes.
	MaxOpaque = 4 << 20
	// MaxInline is the longest that is a signal's value itself; of a longer one
	// the value is "sha256:" and the digest of its bytes, because both engines
	// index values and PostgreSQL limits what it indexes.
	MaxInline = 512
)

// own reports whether t is named as operators name fingerprints of their own:
// nobody else gives meaning to names that begin so.
func (t HashType) own() bool {
	name, ok := strings.CutPrefix(string(t), "x_")
	return ok && name != "" && len(name) <= 30 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// Opaque reports whether t is one of [OpaqueTypes], or one of an operator's own:
// x_ and up to 30 of a-z, 0-9 and underscore.
func (t HashType) Opaque() bool { return slices.Contains(OpaqueTypes, t) || t.own() }

// Known reports whether a list may hold signals of type t.
func (t HashType) Known() bool { return t.Valid() || t == URL || t == VPDQ || t.Opaque() }

// ParseSignal checks text as a list's signal of type t. Computed types and URL
// digests are hexadecimal ([ParseHash]); of an opaque type it accepts hexadecimal
// digits, and of [PhotoDNA] also base 64 or 144 decimal bytes separated by
// commas, which are the forms in use. Its error never repeats the text.
func ParseSignal(t HashType, text string) (Hash, error) {
	switch {
	case t.Valid() || t == URL:
		return parseHex(t, text)
	case !t.Opaque() && t != VPDQ:
		return Hash{}, Errorf(Invalid, "unknown hash type")
	}
	text = strings.TrimSpace(text)
	if digest, ok := strings.CutPrefix(text, digestPrefix); ok {
		raw, err := hex.DecodeString(digest)
		if err != nil || len(raw) != 32 || strings.ToLower(digest) != digest {
			return Hash{}, Errorf(Invalid, "%s has a malformed digest", t)
		}
		return Hash{Type: t, Value: text}, nil
	}
	if t == VPDQ {
		return Hash{}, Errorf(Invalid, "vpdq has a malformed digest")
	}
	raw, ok := opaqueBytes(t, text)
	switch {
	case !ok:
		return Hash{}, Errorf(Invalid, "%s is in no form that is known", t)
	case len(raw) == 0 || len(raw) > MaxInline:
		return Hash{}, Errorf(Invalid, "%s is empty or over %d bytes", t, MaxInline)
	case t == PhotoDNA && len(raw) != photoDNASize:
		return Hash{}, Errorf(Invalid, "%s has %d bytes, want %d", t, len(raw), photoDNASize)
	}
	return Hash{Type: t, Value: hex.EncodeToString(raw)}, nil
}

const digestPrefix = "sha256:"

func opaqueBytes(t HashType, text string) ([]byte, bool) {
	if raw, err := hex.DecodeString(text); err == nil {
		return raw, true
	}
	if t == PhotoDNA && strings.Contains(text, ",") {
		return decimals(text)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil
}

func decimals(text string) ([]byte, bool) {
	parts := strings.Split(text, ",")
	if len(parts) > photoDNASize {
		return nil, false
	}
	raw := make([]byte, len(parts))
	for i, p := range parts {
		n, err := strconv.ParseUint(strings.TrimSpace(p), 10, 8)
		if err != nil {
			return nil, false
		}
		raw[i] = byte(n)
	}
	return raw, true
}
