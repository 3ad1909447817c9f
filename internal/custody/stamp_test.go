package custody_test

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

const tsaConfig = `
[tsa]
default_tsa = tsa1
[tsa1]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
[req]
distinguished_name = dn
[dn]
`

// tsa is a real timestamp authority: OpenSSL's, behind HTTP. It returns its URL,
// its root and the folder of its files.
func tsa(t *testing.T, newkey ...string) (url string, roots *x509.CertPool, dir string) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not here")
	}
	dir = t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, out)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("c.cnf", tsaConfig)
	write("serial", "01\n")
	run(append(append([]string{"req", "-x509", "-config", "c.cnf", "-newkey"}, newkey...), "-nodes", "-subj", "/CN=Test root", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650")...)
	run(append(append([]string{"req", "-new", "-config", "c.cnf", "-newkey"}, newkey...), "-nodes", "-subj", "/CN=Test timestamps", "-keyout", "tsa.key", "-out", "tsa.csr")...)
	run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "c.cnf", "-extensions", "ext", "-out", "tsa.pem")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "q.tsq"), query, 0o600)
		}
		cmd := exec.CommandContext(r.Context(), "openssl", "ts", "-reply", "-config", "c.cnf", "-queryfile", "q.tsq")
		cmd.Dir = dir
		answer, failed := cmd.Output()
		if err != nil || failed != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	roots = x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no root")
	}
	return server.URL, roots, dir
}

func TestStamp(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]string{"RSA": {"rsa:2048"}, "ECDSA": {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, roots, dir := tsa(t, key...)
			digest := sha256.Sum256([]byte("what is stamped"))
			answer, err := (&custody.Authority{URL: url, Roots: roots}).Stamp(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			s, err := proof.Timestamp(answer, digest, roots)
			if err != nil || !s.Trusted || s.By != "CN=Test timestamps" || s.At.IsZero() {
				t.Fatalf("%+v, %v", s, err)
			}
			if _, err := proof.Timestamp(answer, sha256.Sum256([]byte("another")), roots); err == nil {
				t.Error("a timestamp over something else is taken")
			}
			if _, err := proof.Timestamp(answer, digest, x509.NewCertPool()); err == nil {
				t.Error("a certificate of nobody's is taken")
			}
			// The reply's own status text and the certificates' outer bytes aside, every
			// byte counts: no change may pass and tell another time.
			for i := range answer {
				answer[i] ^= 1
				if got, err := proof.Timestamp(answer, digest, roots); err == nil && (!got.At.Equal(s.At) || got.By != s.By) {
					t.Errorf("byte %d changed: %+v", i, got)
				}
				answer[i] ^= 1
			}
			if err := os.WriteFile(filepath.Join(dir, "t.tsr"), answer, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "openssl", "ts", "-verify", "-digest", fmt.Sprintf("%x", digest), "-in", "t.tsr", "-CAfile", "ca.pem")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("openssl does not take what Rowan keeps: %s", out)
			}
		})
	}
}

func TestExport_Timestamp(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	id := b.sampleCase()
	url, roots, _ := tsa(t, "rsa:2048")
	b.cfg.Stamp = (&custody.Authority{URL: url, Roots: roots}).Stamp
	bundle := b.plain(id)
	r := verify(t, bundle, proof.Options{Key: b.key(), Roots: roots})
	holds(t, r)
	if r.Stamp == nil || !r.Stamp.Trusted {
		t.Errorf("stamp %+v", r.Stamp)
	}
	_, strangers, _ := tsa(t, "rsa:2048")
	if r := verify(t, bundle, proof.Options{Key: b.key(), Roots: strangers}); !names(r, "timestamp.tsr") {
		t.Errorf("a timestamp of another root: %v", r.Problems)
	}
	// The stamp of one bundle does not fit another.
	other := b.plain(id)
	var stamp []byte
	for _, p := range places(t, other) {
		if p.name == "timestamp.tsr" {
			stamp = other[p.data : p.data+p.size]
		}
	}
	forged := forge(t, bundle, false, func(name string, data []byte) []byte {
		if name == "timestamp.tsr" {
			return stamp
		}
		return data
	})
	if r := verify(t, forged, proof.Options{Key: b.key(), Roots: roots}); !names(r, "timestamp.tsr") {
		t.Errorf("a timestamp of another bundle: %v", r.Problems)
	}
}

// TestExport_NoTimestamp: an authority that fails stops nothing, and the bundle
// says so.
func TestExport_NoTimestamp(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"error page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"not DER": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = io.WriteString(w, "<html>")
		},
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		},
		"refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = w.Write([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.New(t))
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			b.cfg.Stamp = (&custody.Authority{URL: server.URL}).Stamp
			r := verify(t, b.plain(b.sampleCase()), proof.Options{Key: b.key()})
			holds(t, r)
			if r.Stamp != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "no timestamp: t") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}
