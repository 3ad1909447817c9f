package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestTiles_WhoMayRead: what is open to all is what the operator has said, and
// nothing more; a key without the scope reads nothing that is not.
func TestTiles_WhoMayRead(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	skey, _, err := note.GenerateKey(rand.Reader, "example.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	desk, err := access.NewDesk(s, time.Now, "http://localhost")
	if err != nil {
		t.Fatal(err)
	}
	_, reviewer, err := desk.CreateKey(t.Context(), "cli", "r", access.Reviewer)
	if err != nil {
		t.Fatal(err)
	}
	_, service, err := desk.CreateKey(t.Context(), "cli", "s", access.Service)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Tx(t.Context(), func(tx *store.Tx) error {
		for range 300 {
			if err := ledger.Append(t.Context(), tx, ledger.Entry{At: time.Now(), Actor: "system", Action: "case.open", Subject: "cas_1"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const checkpoint, hashes, entries = "/ledger/checkpoint", "/ledger/tile/0/000", "/ledger/tile/entries/000"
	log := ledger.NewLog(s, signer, time.Now, nil)
	for public, open := range map[string][]string{"": nil, "off": nil, "hashes": {checkpoint, hashes}, "all": {checkpoint, hashes, entries}} {
		h := New(Deps{Store: s, Access: desk, Ledger: log, LedgerPublic: public, Now: time.Now, Log: slog.New(slog.DiscardHandler)}).Handler()
		for _, path := range []string{checkpoint, hashes, entries} {
			for key, want := range map[string]int{"": http.StatusUnauthorized, service: http.StatusForbidden, reviewer: http.StatusOK} {
				for _, o := range open {
					if o == path {
						want = http.StatusOK
					}
				}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
				if key != "" {
					r.Header.Set("Authorization", "Bearer "+key)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("public %q, %s: %d, want %d", public, path, w.Code, want)
				}
				cached := strings.Contains(w.Header().Get("Cache-Control"), "immutable")
				if cached != (want == http.StatusOK && path != checkpoint) {
					t.Errorf("public %q, %s: cache %q", public, path, w.Header().Get("Cache-Control"))
				}
				if cached && strings.Contains(w.Header().Get("Cache-Control"), "public") && open == nil {
					t.Errorf("public %q, %s: a shared cache may keep it", public, path)
				}
			}
		}
	}
}
