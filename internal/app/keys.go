package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ledgerKeys reads the ledger's signing key from DATA/keys/ledger.key, making
// it and its public half (ledger.pub) when there is none. The name in it is the
// log's origin.
func ledgerKeys(data string) (note.Signer, error) {
	private, public := filepath.Join(data, "keys", "ledger.key"), filepath.Join(data, "keys", "ledger.pub")
	text, err := os.ReadFile(private)
	if errors.Is(err, os.ErrNotExist) {
		origin := "rowan/" + strings.ToLower(rand.Text()[:10])
		skey, vkey, err := note.GenerateKey(rand.Reader, origin)
		if err != nil {
			return nil, fmt.Errorf("making ledger key: %w", err)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(private), 0o700), writeFile(public, vkey+"\n"), writeFile(private, skey+"\n")); err != nil {
			return nil, fmt.Errorf("making ledger key: %w", err)
		}
		text = []byte(skey)
	} else if err != nil {
		return nil, fmt.Errorf("reading ledger key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errors.New("DATA/keys/ledger.key is not a note signing key")
	}
	return signer, nil
}

// LedgerVerifier reads the public half of the ledger's key.
func LedgerVerifier(data string) (note.Verifier, error) {
	text, err := os.ReadFile(filepath.Join(data, "keys", "ledger.pub"))
	if err != nil {
		return nil, fmt.Errorf("reading ledger's public key: %w", err)
	}
	return note.NewVerifier(strings.TrimSpace(string(text)))
}

// KeptCheckpoint is the checkpoint that is kept beside the database, "" before
// the first.
func KeptCheckpoint(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, "ledger.checkpoint"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// writeFile replaces a file so that it has either the old or the new content.
func writeFile(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
