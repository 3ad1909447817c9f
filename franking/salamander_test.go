package franking_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/rowan-safety/rowan/franking"
)

func attach(plain, encrypted []byte) franking.Attachment {
	return franking.Attachment{Plain: sha256.Sum256(plain), Cipher: sha256.Sum256(encrypted), Size: uint64(len(plain)), Type: "application/octet-stream"}
}

// TestSalamander makes one AES-GCM ciphertext that two keys open (Dodis, Grubbs,
// Ristenpart, Woodage 2018). The sender shows one file and would have another
// reported; the hash in the content lets only the first pass.
func TestSalamander(t *testing.T) {
	k1, k2, nonce := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), make([]byte, 12)
	file := salamander(t, k1, k2, nonce)
	var plain [2][]byte
	for i, k := range [][]byte{k1, k2} {
		b, err := aes.NewCipher(k)
		check(t, err)
		gcm, err := cipher.NewGCM(b)
		check(t, err)
		plain[i], err = gcm.Open(nil, nonce, file, nil)
		check(t, err)
	}
	if bytes.Equal(plain[0], plain[1]) {
		t.Fatal("two keys, one file: this tests nothing")
	}
	w := newWorld(t)
	c := message("see this")
	c.Attachments = []franking.Attachment{attach(plain[0], file)}
	got := w.receive(t, w.send(t, c, now))
	a := got.Content.Attachments[0]
	check(t, a.CheckCipher(bytes.NewReader(file), 1000))
	check(t, a.Check(bytes.NewReader(plain[0])))
	if err := a.Check(bytes.NewReader(plain[1])); !errors.Is(err, franking.ErrAttachment) {
		t.Error(err)
	}
}

// salamander solves for the second of two blocks: GHASH is linear in it.
func salamander(t *testing.T, k1, k2, nonce []byte) []byte {
	h1, e1 := gcmParts(t, k1, nonce)
	h2, e2 := gcmParts(t, k2, nonce)
	c1, length := block{0x0123456789abcdef, 7}, block{0, 256}
	// tag = c1·H³ + c2·H² + length·H + E
	part := func(h, e block) block { return xor(xor(mul(c1, mul(h, mul(h, h))), mul(length, h)), e) }
	sum := xor(part(h1, e1), part(h2, e2))
	c2 := mul(sum, inverse(xor(mul(h1, h1), mul(h2, h2))))
	tag := xor(part(h1, e1), mul(c2, mul(h1, h1)))
	var out []byte
	for _, b := range []block{c1, c2, tag} {
		out = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(out, b[0]), b[1])
	}
	return out
}

// block is an element of GCM's field, first bit highest.
type block [2]uint64

func xor(a, b block) block { return block{a[0] ^ b[0], a[1] ^ b[1]} }

func mul(a, b block) (z block) {
	for i := range 128 {
		if a[i/64]>>(63-i%64)&1 == 1 {
			z = xor(z, b)
		}
		carry := b[1] & 1
		b = block{b[0] >> 1, b[1]>>1 | b[0]<<63}
		if carry == 1 {
			b[0] ^= 0xe1 << 56
		}
	}
	return z
}

// inverse is a^(2^128-2).
func inverse(a block) block {
	z := block{1 << 63, 0}
	for range 127 {
		a = mul(a, a)
		z = mul(z, a)
	}
	return z
}

func gcmParts(t *testing.T, key, nonce []byte) (h, e block) {
	b, err := aes.NewCipher(key)
	check(t, err)
	enc := func(in []byte) block {
		var out [16]byte
		b.Encrypt(out[:], in)
		return block{binary.BigEndian.Uint64(out[:8]), binary.BigEndian.Uint64(out[8:])}
	}
	return enc(make([]byte, 16)), enc(append(bytes.Clone(nonce), 0, 0, 0, 1))
}
