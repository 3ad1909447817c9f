// Package sealedzip writes ZIP files under a passphrase that people can open with
// the programs they have.
package sealedzip

import (
	"archive/zip"
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" // the format's own
	"encoding/binary"
	"fmt"
	"io"
)

// Writer writes ZIP files that officers can open with the programs they have:
// WinZip's AES encryption, AE-2 with 256 bits, members stored without compression
// (www.winzip.com, "AES Encryption Information", versions 1.02 to 1.04; from
// memory, unverified against the text, verified against 7-Zip in the tests). The
// format fixes PBKDF2 with SHA-1 and 1,000 rounds, which is little: the passphrase
// must itself be hard to guess, which [MinPassphrase] is for. Names and sizes of
// members are not hidden.
type Writer struct {
	w          *zip.Writer
	passphrase string
	random     io.Reader
}

// MinPassphrase is the shortest passphrase of a bundle, in characters. The console
// makes one of 25 letters and digits (about 128 bits).
const MinPassphrase = 20

// New starts an archive under a passphrase.
func New(w io.Writer, passphrase string) *Writer {
	return &Writer{w: zip.NewWriter(w), passphrase: passphrase, random: rand.Reader}
}

const (
	aesMethod   = 99
	aesSalt     = 16
	aesVerifier = 2
	aesCode     = 10
	aesKey      = 32
)

// extra is the header field 0x9901: seven bytes; version 2 leaves the checksum
// out; vendor "AE"; strength 3 is 256 bits; method 0 is stored.
var extra = []byte{0x01, 0x99, 7, 0, 2, 0, 'A', 'E', 3, 0, 0}

// Add writes one member.
func (z *Writer) Add(name string, data []byte) error {
	salt := make([]byte, aesSalt)
	if _, err := io.ReadFull(z.random, salt); err != nil {
		return err
	}
	keys, err := pbkdf2.Key(sha1.New, z.passphrase, salt, 1000, 2*aesKey+aesVerifier)
	if err != nil {
		return err
	}
	sealed, err := aesCounter(keys[:aesKey], data)
	if err != nil {
		return err
	}
	mac := hmac.New(sha1.New, keys[aesKey:2*aesKey])
	mac.Write(sealed)
	h := &zip.FileHeader{Name: name, Method: aesMethod, Flags: 0x1 | 0x800, Extra: extra,
		UncompressedSize64: uint64(len(data)), CompressedSize64: uint64(aesSalt + aesVerifier + len(sealed) + aesCode)}
	w, err := z.w.CreateRaw(h)
	if err != nil {
		return fmt.Errorf("writing bundle: %w", err)
	}
	for _, part := range [][]byte{salt, keys[2*aesKey:], sealed, mac.Sum(nil)[:aesCode]} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("writing bundle: %w", err)
		}
	}
	return nil
}

// Close writes the table; the archive is whole only after it.
func (z *Writer) Close() error { return z.w.Close() }

// aesCounter encrypts in counter mode as the format has it: the counter is little
// endian and begins with one, which crypto/cipher does not offer.
func aesCounter(key, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	var counter, stream [aes.BlockSize]byte
	for i, n := 0, uint64(1); i < len(data); i, n = i+aes.BlockSize, n+1 {
		binary.LittleEndian.PutUint64(counter[:8], n)
		block.Encrypt(stream[:], counter[:])
		for j := i; j < min(i+aes.BlockSize, len(data)); j++ {
			out[j] = data[j] ^ stream[j-i]
		}
	}
	return out, nil
}
