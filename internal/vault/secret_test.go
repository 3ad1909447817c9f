package vault_test

import (
	"bytes"
	"testing"
)

func TestSecret(t *testing.T) {
	b := newBench(t)
	sealed, err := b.vault.SealSecret("exchange a", []byte("user: \n word"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("word")) || bytes.Contains(sealed, []byte("exchange a")) {
		t.Error("the secret can be read")
	}
	if got, err := b.vault.OpenSecret("exchange a", sealed); err != nil || string(got) != "user: \n word" {
		t.Errorf("%q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"for something else": func() ([]byte, error) { return b.vault.OpenSecret("exchange b", sealed) },
		"a prefix":           func() ([]byte, error) { return b.vault.OpenSecret("exchange", sealed) },
		"cut short":          func() ([]byte, error) { return b.vault.OpenSecret("exchange a", sealed[:len(sealed)-1]) },
		"changed": func() ([]byte, error) {
			other := bytes.Clone(sealed)
			other[len(other)-1] ^= 1
			return b.vault.OpenSecret("exchange a", other)
		},
		"nothing":       func() ([]byte, error) { return b.vault.OpenSecret("exchange a", nil) },
		"another vault": func() ([]byte, error) { return newBench(t).vault.OpenSecret("exchange a", sealed) },
	} {
		if got, err := open(); err == nil || got != nil {
			t.Errorf("%s: it opens", name)
		}
	}
}
