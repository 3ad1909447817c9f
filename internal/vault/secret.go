package vault

import (
	"bytes"
	"io"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/safety"
)

// SealSecret encrypts something that Rowan itself must be able to use later,
// such as the credentials of an exchange, to the master key. purpose is bound
// to it, so that a sealed secret that is moved to another row does not open.
func (v *Vault) SealSecret(purpose string, secret []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, v.master.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, purpose+"\n"); err != nil {
		return nil, err
	}
	if _, err := w.Write(secret); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// OpenSecret is the reverse of [Vault.SealSecret]. Its error holds nothing of
// the secret.
func (v *Vault) OpenSecret(purpose string, sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), v.master)
	if err != nil {
		return nil, safety.Wrap(safety.Internal, err, "the secret does not open with this vault's key")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, safety.Wrap(safety.Internal, err, "the secret does not open with this vault's key")
	}
	secret, ok := bytes.CutPrefix(text, []byte(purpose+"\n"))
	if !ok {
		return nil, safety.Errorf(safety.Internal, "the secret was sealed for something else")
	}
	return secret, nil
}
