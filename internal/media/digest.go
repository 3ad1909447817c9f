package media

import (
	"crypto/md5"  // hash lists are keyed by it; nothing here rests on its strength
	"crypto/sha1" // likewise
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Digests are the exact fingerprints of a file.
type Digests struct {
	MD5, SHA1, SHA256 safety.Hash
	Bytes             int64 // length of the file
}

// Digest reads r to its end once. It needs no sandbox, since it interprets
// nothing; do it always, whatever becomes of decoding. The error is r's.
func Digest(r io.Reader) (Digests, error) {
	m, s1, s2 := md5.New(), sha1.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(m, s1, s2), r)
	if err != nil {
		return Digests{}, fmt.Errorf("media: digest: %w", err)
	}
	sum := func(t safety.HashType, h hash.Hash) safety.Hash {
		return safety.Hash{Type: t, Value: hex.EncodeToString(h.Sum(nil))}
	}
	return Digests{
		MD5: sum(safety.MD5, m), SHA1: sum(safety.SHA1, s1), SHA256: sum(safety.SHA256, s2),
		Bytes: n,
	}, nil
}
