package custody

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/proof"
)

// Authority is a timestamp authority that speaks RFC 3161 over HTTP.
type Authority struct {
	URL    string
	Roots  *x509.CertPool // nil: the certificate is not checked
	Client *http.Client   // nil for one of its own
}

type stampRequest struct {
	Version int
	Imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Hash      []byte
	}
	Nonce   *big.Int
	CertReq bool
}

// Stamp asks for a timestamp over a SHA-256 and checks the answer before it goes
// into a bundle: one that does not verify is worse than none. It is bounded by
// ten seconds, because somebody waits for the bundle.
func (a *Authority) Stamp(ctx context.Context, digest [sha256.Size]byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req := stampRequest{Version: 1, CertReq: true}
	req.Imprint.Algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}
	req.Imprint.Hash = digest[:]
	var err error
	if req.Nonce, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64)); err != nil {
		return nil, err
	}
	body, err := asn1.Marshal(req)
	if err != nil {
		return nil, err
	}
	answer, err := a.post(ctx, body)
	if err != nil {
		return nil, err
	}
	s, err := proof.Timestamp(answer, digest, a.Roots)
	if err != nil {
		return nil, err
	}
	if s.Nonce == nil || s.Nonce.Cmp(req.Nonce) != 0 {
		return nil, errors.New("the timestamp answers another question")
	}
	return answer, nil
}

func (a *Authority) post(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the timestamp authority's address is not a URL")
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	client := a.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, errors.New("the timestamp authority does not answer")
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10+1))
	if err = errors.Join(err, res.Body.Close()); err != nil || len(answer) > 64<<10 {
		return nil, errors.New("the timestamp authority's answer cannot be read")
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/timestamp-reply" {
		return nil, fmt.Errorf("the timestamp authority answered %d, %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	return answer, nil
}
