package api

import (
	"net/http"

	"github.com/rowan-safety/rowan/internal/access"
)

// tileRoutes serve the ledger as C2SP has it (c2sp.org/tlog-tiles): files by
// path, outside of /v1, in the protocol's own form.
//
// What everybody may read is the operator's choice (ledger.public). Hashes tell
// nobody what they are of, because every entry begins with an id of 82 random bits, but they
// tell how much goes on and when. Entries name cases, people and what they did:
// to publish them is to publish the work of moderators and that a case on
// somebody exists.
func (a *API) tileRoutes() {
	hashes := a.LedgerPublic == "hashes" || a.LedgerPublic == "all"
	a.mux.HandleFunc("GET /ledger/checkpoint", a.file(hashes, func(r *http.Request) (string, []byte, bool, error) {
		text, err := a.Ledger.Published(r.Context())
		return "text/plain; charset=utf-8", []byte(text), false, err
	}))
	a.mux.HandleFunc("GET /ledger/tile/entries/{rest...}", a.file(a.LedgerPublic == "all", func(r *http.Request) (string, []byte, bool, error) {
		b, whole, err := a.Ledger.EntryTile(r.Context(), r.PathValue("rest"))
		return "application/octet-stream", b, whole, err
	}))
	a.mux.HandleFunc("GET /ledger/tile/{level}/{rest...}", a.file(hashes, func(r *http.Request) (string, []byte, bool, error) {
		b, whole, err := a.Ledger.HashTile(r.Context(), r.PathValue("level"), r.PathValue("rest"))
		return "application/octet-stream", b, whole, err
	}))
}

// file answers with bytes that may be cached for ever if they are whole. Answers
// that need a key are cached by nobody but the caller.
func (a *API) file(public bool, read func(*http.Request) (mediaType string, body []byte, whole bool, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scope := access.LedgerRead
		if public {
			scope = ""
		}
		if _, err := a.principal(r, scope); err != nil {
			challenge(w, err)
			return
		}
		mediaType, body, whole, err := read(r)
		if err != nil {
			a.logged(r.Context(), "ledger tiles", err)
			writeProblem(w, asProblem(err))
			return
		}
		if whole {
			by := "private"
			if public {
				by = "public"
			}
			w.Header().Set("Cache-Control", by+", max-age=31536000, immutable")
		}
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(body)
	}
}
