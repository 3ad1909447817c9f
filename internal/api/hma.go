package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// hmaRoutes answer as Meta's Hasher-Matcher-Actioner does, for its clients: the
// same paths, forms and errors ({"message": …}), hashes by the same convention.
// Unlike it they need a key (scope lists:match, because a lookup with distances
// is an oracle on the lists), and they fetch URLs only from hosts that the
// operator has named.
func (a *API) hmaRoutes() {
	a.mux.HandleFunc("GET /h/hash", a.hma(a.hmaHashURL))
	a.mux.HandleFunc("POST /h/hash", a.hma(a.hmaHash))
	a.mux.HandleFunc("GET /m/lookup", a.hma(a.hmaLookupSignal))
	a.mux.HandleFunc("POST /m/lookup", a.hma(a.hmaLookupFile))
	a.mux.HandleFunc("GET /status", a.hmaStatus)
}

// hmaMatch is one match. A distance is a string, as HMA's clients expect.
type hmaMatch struct {
	BankContentID int64  `json:"bank_content_id"`
	Distance      string `json:"distance"`
}

type hmaBanks map[string][]hmaMatch

func (a *API) hma(fn func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := a.principal(r, access.ListsMatch)
		var out any
		if err == nil {
			out, err = fn(r)
		}
		if err != nil {
			a.logged(r.Context(), "hma", err)
			p := asProblem(err)
			hmaAnswer(w, hmaStatusOf(p.Status), map[string]string{"message": p.Detail})
			return
		}
		hmaAnswer(w, http.StatusOK, out)
	}
}

// hmaStatusOf: HMA says 400 where Rowan says 422.
func hmaStatusOf(status int) int {
	if status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest
	}
	return status
}

func hmaAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone if this fails
}

func (a *API) hmaStatus(w http.ResponseWriter, _ *http.Request) {
	if err := a.Index.Ready(); err != nil {
		http.Error(w, "INDEX-NOT-LOADED", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "I-AM-ALIVE")
}

// hmaFetch gets the file of the form with a URL.
func (a *API) hmaFetch(r *http.Request) ([]byte, error) {
	if t := r.URL.Query().Get("content_type"); t != "" && t != "photo" {
		return nil, safety.Errorf(safety.Invalid, "content_type must be photo")
	}
	return a.Fetch.Get(r.Context(), r.URL.Query().Get("url"))
}

func (a *API) hmaHashURL(r *http.Request) (any, error) {
	file, err := a.hmaFetch(r)
	if err != nil {
		return nil, err
	}
	return a.hmaHashes(r.Context(), file)
}

// hmaFile reads the one file of a multipart form; its field's name is the
// content type.
func (a *API) hmaFile(r *http.Request) ([]byte, error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "send multipart/form-data with one file")
	}
	var file []byte
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, safety.Errorf(safety.Invalid, "the multipart body is cut short or malformed")
		}
		if file != nil {
			return nil, safety.Errorf(safety.Invalid, "send exactly one file")
		}
		if part.FormName() != "photo" {
			return nil, safety.Errorf(safety.Invalid, "the field's name must be photo")
		}
		if file, err = readAll(part, a.MaxFile, "the file"); err != nil {
			return nil, err
		}
	}
	if file == nil {
		return nil, safety.Errorf(safety.Invalid, "send exactly one file")
	}
	return file, nil
}

// hmaExamine hashes a file. A file that cannot be wholly read is an error here,
// because this form has no way to say so.
func (a *API) hmaExamine(ctx context.Context, file []byte) (media.Report, error) {
	report, err := a.Pool.Examine(ctx, file)
	if err != nil {
		return report, safety.Wrap(safety.Unavailable, err, "the file cannot be examined at the moment")
	}
	if report.Scan != safety.ScanScanned {
		return report, safety.Errorf(safety.Invalid, "the file was not scanned: %s", report.Reason)
	}
	return report, nil
}

func (a *API) hmaHash(r *http.Request) (any, error) {
	file, err := a.hmaFile(r)
	if err != nil {
		return nil, err
	}
	return a.hmaHashes(r.Context(), file)
}

func (a *API) hmaHashes(ctx context.Context, file []byte) (any, error) {
	report, err := a.hmaExamine(ctx, file)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, h := range report.Hashes {
		if h.Variant == "original" {
			out["pdq"] = h.PDQ.String()
			break
		}
	}
	return out, nil
}

func (a *API) hmaLookupFile(r *http.Request) (any, error) {
	file, err := a.hmaFile(r)
	if err != nil {
		return nil, err
	}
	return a.hmaLookup(r, file)
}

func (a *API) hmaLookup(r *http.Request, file []byte) (any, error) {
	report, err := a.hmaExamine(r.Context(), file)
	if err != nil {
		return nil, err
	}
	var near []match.Near
	for _, h := range report.Hashes {
		near = append(near, match.Near{Hash: h.PDQ, Quality: h.Quality, Variant: h.Variant, Frame: h.Frame})
	}
	banks, err := a.hmaSearch(r, match.Query{Near: near})
	return map[string]hmaBanks{"pdq": banks}, err
}

func (a *API) hmaLookupSignal(r *http.Request) (any, error) {
	q := r.URL.Query()
	if q.Has("url") {
		file, err := a.hmaFetch(r)
		if err != nil {
			return nil, err
		}
		return a.hmaLookup(r, file)
	}
	switch q.Get("signal_type") {
	case "pdq":
		return a.hmaPDQ(r, q.Get("signal"))
	case "video_md5", "md5":
		h, err := safety.ParseHash(safety.MD5, q.Get("signal"))
		if err != nil {
			return nil, err
		}
		return a.hmaSearch(r, match.Query{Exact: []safety.Hash{h}})
	}
	return nil, safety.Errorf(safety.Invalid, "signal_type must be pdq or video_md5")
}

// hmaPDQ: an empty signal is what clients send for a picture that gave no hash;
// it matches nothing.
func (a *API) hmaPDQ(r *http.Request, signal string) (any, error) {
	if signal == "" {
		return hmaBanks{}, a.Index.Ready()
	}
	h, err := pdq.ParseHash(strings.ToLower(signal))
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "signal is not a PDQ hash")
	}
	return a.hmaSearch(r, match.Query{Near: []match.Near{{Hash: h, Quality: 100, Variant: "original"}}})
}

// hmaSearch answers with banks as top-level keys and nothing beside them:
// clients take every key for the name of a bank.
func (a *API) hmaSearch(r *http.Request, q match.Query) (hmaBanks, error) {
	found, err := a.Index.Lookup(q)
	if err != nil {
		return nil, err
	}
	var only []string
	if b := r.URL.Query().Get("banks"); b != "" {
		only = strings.Split(b, ",")
	}
	out := hmaBanks{}
	for _, f := range found {
		if only != nil && !slices.Contains(only, f.List) {
			continue
		}
		out[f.List] = append(out[f.List], hmaMatch{BankContentID: contentNumber(f.SignalID), Distance: strconv.Itoa(f.Distance)})
	}
	return out, nil
}

// contentNumber is a number for a signal's id, because HMA's clients want one:
// the first 53 bits (exact in every JSON reader) of the id's digest.
func contentNumber(signalID string) int64 {
	sum := sha256.Sum256([]byte(signalID))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 11)
}
