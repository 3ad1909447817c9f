// Package witness is a strict witness of C2SP's tlog-witness protocol, for tests:
// it does everything that the specification says a witness must do, in memory. It
// shares the checks of package proof, and nothing with package ledger.
package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/proof"
)

// Server is a witness of one log.
type Server struct {
	log  proof.Key
	name string
	key  ed25519.PrivateKey
	now  func() time.Time

	mu   sync.Mutex
	last proof.Checkpoint // the largest that it cosigned; guarded by mu
	asks int              // guarded by mu
}

// New returns a witness of log that signs with a key made from seed.
func New(name string, seed byte, log proof.Key, now func() time.Time) *Server {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return &Server{log: log, name: name, key: key, now: now}
}

func (s *Server) material() []byte { return append([]byte{4}, s.key.Public().(ed25519.PublicKey)...) }

func (s *Server) id() []byte {
	sum := sha256.Sum256(append([]byte(s.name+"\n"), s.material()...))
	return sum[:4]
}

// VKey is the witness's public key.
func (s *Server) VKey() string {
	return fmt.Sprintf("%s+%x+%s", s.name, s.id(), base64.StdEncoding.EncodeToString(s.material()))
}

// Asks is how many times it was asked.
func (s *Server) Asks() int { s.mu.Lock(); defer s.mu.Unlock(); return s.asks }

// Size is the size of what it last cosigned.
func (s *Server) Size() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.last.Size }

// ServeHTTP implements add-checkpoint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || r.URL.Path != "/add-checkpoint" || r.Method != http.MethodPost {
		http.Error(w, "no such call", http.StatusNotFound)
		return
	}
	head, text, found := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if !found || err != nil || lines[0] != fmt.Sprintf("old %d", old) || len(lines) > 64 {
		http.Error(w, "not a request", http.StatusBadRequest)
		return
	}
	var path []proof.Hash
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(h) != 32 {
			http.Error(w, "not a hash", http.StatusBadRequest)
			return
		}
		path = append(path, proof.Hash(h))
	}
	s.judge(w, old, path, text)
}

func (s *Server) judge(w http.ResponseWriter, old int64, path []proof.Hash, text string) {
	c, n, err := proof.OpenCheckpoint(text, s.log)
	switch {
	case err != nil:
		http.Error(w, "not the log's", http.StatusForbidden)
	case old > c.Size:
		http.Error(w, "old is larger", http.StatusBadRequest)
	case old != s.last.Size:
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", s.last.Size)
	case proof.Consistent(s.last, c, path) != nil:
		http.Error(w, "not consistent", http.StatusUnprocessableEntity)
	default:
		s.last = c
		at := uint64(s.now().Unix())
		sig := binary.BigEndian.AppendUint64(s.id(), at)
		sig = append(sig, ed25519.Sign(s.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, n.Text))...)
		fmt.Fprintf(w, "— %s %s\n", s.name, base64.StdEncoding.EncodeToString(sig))
	}
}
