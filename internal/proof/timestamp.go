package proof

import (
	"bytes"
	"crypto"
	"crypto/sha1" // older authorities name their certificate by it; the signature is not made with it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Stamp is what a timestamp authority attests: that a digest was there at a time.
type Stamp struct {
	At      time.Time
	By      string // subject of the authority's certificate
	Nonce   *big.Int
	Trusted bool // the certificate leads to one of the roots that were given
}

var (
	oidSignedData   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCert2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
)

type (
	rawPart  struct{ Raw asn1.RawContent }
	response struct {
		Status struct{ Status int }
		Token  asn1.RawValue `asn1:"optional"`
	}
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	signedData struct {
		Version      int
		Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
		Encapsulated contentInfo
		Certificates rawPart      `asn1:"optional,tag:0"`
		CRLs         rawPart      `asn1:"optional,tag:1"`
		Signers      []signerInfo `asn1:"set"`
	}
	signerInfo struct {
		Version int
		ID      struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest    pkix.AlgorithmIdentifier
		Signed    rawPart `asn1:"optional,tag:0"`
		Algorithm pkix.AlgorithmIdentifier
		Signature []byte
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values asn1.RawValue
	}
	tstInfo struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint struct {
			Algorithm pkix.AlgorithmIdentifier
			Hash      []byte
		}
		Serial   *big.Int
		Time     time.Time `asn1:"generalized"`
		Accuracy struct {
			Seconds int `asn1:"optional"`
		} `asn1:"optional"`
		Ordering bool     `asn1:"optional"`
		Nonce    *big.Int `asn1:"optional"`
	}
	essCert struct {
		Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
		Hash      []byte
	}
)

// Timestamp checks an RFC 3161 answer (TimeStampResp): that it is over digest, a
// SHA-256, and that the certificate in it made the signature. roots may be nil:
// then nobody vouches for the certificate, and the stamp is not Trusted. The chain
// is judged at the time of the stamp; revocation is not looked up.
func Timestamp(answer []byte, digest [sha256.Size]byte, roots *x509.CertPool) (Stamp, error) {
	var s Stamp
	var res response
	if rest, err := asn1.Unmarshal(answer, &res); err != nil || len(rest) != 0 {
		return s, errors.New("this is not an answer of a timestamp authority")
	}
	if res.Status.Status > 1 {
		return s, fmt.Errorf("the timestamp authority refused (status %d)", res.Status.Status)
	}
	var info contentInfo
	var sd signedData
	if err := unmarshal(res.Token.FullBytes, &info); err != nil || !info.Type.Equal(oidSignedData) {
		return s, errors.New("the timestamp holds no signed data")
	}
	if err := unmarshal(info.Content.Bytes, &sd); err != nil || len(sd.Signers) != 1 || !sd.Encapsulated.Type.Equal(oidTSTInfo) {
		return s, errors.New("the timestamp is not signed as RFC 3161 has it")
	}
	var content []byte
	var tst tstInfo
	if unmarshal(sd.Encapsulated.Content.Bytes, &content) != nil || unmarshal(content, &tst) != nil {
		return s, errors.New("the timestamp cannot be read")
	}
	if !tst.Imprint.Algorithm.Algorithm.Equal(oidSHA256) || !bytes.Equal(tst.Imprint.Hash, digest[:]) {
		return s, errors.New("the timestamp is over something else")
	}
	certs, err := certificates(sd.Certificates.Raw)
	if err != nil {
		return s, err
	}
	signer, err := sd.Signers[0].verify(certs, content)
	if err != nil {
		return s, err
	}
	s = Stamp{At: tst.Time.UTC(), By: signer.Subject.String(), Nonce: tst.Nonce}
	if roots == nil {
		return s, nil
	}
	between := x509.NewCertPool()
	for _, c := range certs {
		between.AddCert(c)
	}
	if _, err := signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: tst.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		return s, errors.New("the timestamp's certificate does not lead to the roots that were given")
	}
	s.Trusted = true
	return s, nil
}

// unmarshal is strict about what comes after.
func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) != 0 {
		err = errors.New("there is more after it")
	}
	return err
}

func certificates(raw []byte) ([]*x509.Certificate, error) {
	var all asn1.RawValue
	if unmarshal(raw, &all) != nil {
		return nil, errors.New("the timestamp brings no certificate")
	}
	certs, err := x509.ParseCertificates(all.Bytes)
	if err != nil || len(certs) > 20 {
		return nil, errors.New("the timestamp's certificates cannot be read")
	}
	return certs, nil
}

// verify checks the signature over content and returns the certificate that
// made it.
func (si *signerInfo) verify(certs []*x509.Certificate, content []byte) (*x509.Certificate, error) {
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
		return si.ID.Serial != nil && c.SerialNumber.Cmp(si.ID.Serial) == 0 && bytes.Equal(c.RawIssuer, si.ID.Issuer.FullBytes)
	})
	if i < 0 {
		return nil, errors.New("the timestamp's own certificate is not in it")
	}
	cert := certs[i]
	if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
		return nil, errors.New("the certificate is not one for timestamps")
	}
	h, ok := map[string]crypto.Hash{oidSHA256.String(): crypto.SHA256, oidSHA384.String(): crypto.SHA384, oidSHA512.String(): crypto.SHA512}[si.Digest.Algorithm.String()]
	if !ok || len(si.Signed.Raw) == 0 {
		return nil, errors.New("the timestamp is signed in a way that is not understood")
	}
	set := slices.Clone([]byte(si.Signed.Raw))
	set[0] = 0x31 // as a SET OF, which is what is signed (RFC 5652 §5.4)
	if err := attributes(set, h, content, cert); err != nil {
		return nil, err
	}
	algorithm, ok := signatureAlgorithm(cert.PublicKeyAlgorithm, h)
	if !ok || cert.CheckSignature(algorithm, set, si.Signature) != nil {
		return nil, errors.New("the timestamp's signature does not verify")
	}
	return cert, nil
}

// attributes checks what the signature covers: the type and digest of the
// content, and which certificate signed.
func attributes(set []byte, h crypto.Hash, content []byte, cert *x509.Certificate) error {
	var all []attribute
	if rest, err := asn1.UnmarshalWithParams(set, &all, "set"); err != nil || len(rest) != 0 {
		return errors.New("the timestamp's attributes cannot be read")
	}
	hash := h.New()
	hash.Write(content)
	var typed, digested, named bool
	for _, a := range all {
		switch {
		case a.Type.Equal(oidContentType):
			var t asn1.ObjectIdentifier
			typed = unmarshal(a.Values.Bytes, &t) == nil && t.Equal(oidTSTInfo)
		case a.Type.Equal(oidDigest):
			var d []byte
			digested = unmarshal(a.Values.Bytes, &d) == nil && bytes.Equal(d, hash.Sum(nil))
		case a.Type.Equal(oidSigningCert), a.Type.Equal(oidSigningCert2):
			named = names(a, cert)
		}
	}
	if !typed || !digested || !named {
		return errors.New("the timestamp's signature covers something else")
	}
	return nil
}

// names reports whether an ESS signing-certificate attribute is of cert.
func names(a attribute, cert *x509.Certificate) bool {
	var ids struct{ Certs []essCert }
	if unmarshal(a.Values.Bytes, &ids) != nil || len(ids.Certs) == 0 {
		return false
	}
	id := ids.Certs[0]
	if a.Type.Equal(oidSigningCert) {
		sum := sha1.Sum(cert.Raw) // the attribute's own; see above
		return bytes.Equal(id.Hash, sum[:])
	}
	h := crypto.SHA256
	switch {
	case len(id.Algorithm.Algorithm) == 0 || id.Algorithm.Algorithm.Equal(oidSHA256):
	case id.Algorithm.Algorithm.Equal(oidSHA384):
		h = crypto.SHA384
	case id.Algorithm.Algorithm.Equal(oidSHA512):
		h = crypto.SHA512
	default:
		return false
	}
	sum := h.New()
	sum.Write(cert.Raw)
	return bytes.Equal(id.Hash, sum.Sum(nil))
}

func signatureAlgorithm(key x509.PublicKeyAlgorithm, h crypto.Hash) (x509.SignatureAlgorithm, bool) {
	a, ok := map[x509.PublicKeyAlgorithm]map[crypto.Hash]x509.SignatureAlgorithm{
		x509.RSA:   {crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA},
		x509.ECDSA: {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512},
	}[key][h]
	return a, ok
}
