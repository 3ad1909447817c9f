package match

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/png"
	"testing"

	"github.com/rowan-safety/rowan/pdq"
)

// TestCanary: the constants are the fingerprints of the picture.
func TestCanary(t *testing.T) {
	sum := sha256.Sum256(Canary)
	if got := hex.EncodeToString(sum[:]); got != canarySHA256 {
		t.Errorf("SHA-256 of canary.png is %s", got)
	}
	img, err := png.Decode(bytes.NewReader(Canary))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pdq.FromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	if r.Hash.String() != canaryPDQ || r.Quality < pdq.MinQuality {
		t.Errorf("PDQ of canary.png is %s with quality %d", r.Hash, r.Quality)
	}
}
