package edge

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// Question is what a replica is asked: the hashes of one piece of public content.
// The policy, which says where else may be looked, is in the database.
type Question struct {
	Surface    safety.Surface             `json:"surface"` // must be public
	Hashes     map[safety.HashType]string `json:"hashes"`  // md5, sha1, sha256, pdq in hexadecimal
	PDQQuality *int                       `json:"pdq_quality,omitempty"`
}

// Answer says what is known. It is no verdict and opens no case: who is told of a
// finding asks the main Rowan with the file.
type Answer struct {
	Scan     safety.ScanState `json:"scan"` // partial without both an exact and a PDQ hash
	Findings []Found          `json:"findings"`
}

// Found is one finding, without the signal and the distance.
type Found struct {
	Detector string           `json:"detector"`
	List     string           `json:"list"`
	Kind     safety.ListKind  `json:"kind"`
	Match    safety.MatchKind `json:"match"`
}

const maxQuestion = 16 << 10

// Handler serves POST /v1/lookup to who has the token, /livez and /readyz.
func (f *Follower) Handler(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := f.Ready(); err != nil {
			problem(w, http.StatusServiceUnavailable, detail(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /v1/lookup", func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			problem(w, http.StatusUnauthorized, "the token is missing or wrong")
			return
		}
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
		if err != nil {
			problem(w, http.StatusBadRequest, "the body cannot be read or is too long")
			return
		}
		q, scan, err := readQuestion(text)
		if err != nil {
			problem(w, http.StatusUnprocessableEntity, detail(err))
			return
		}
		found, err := f.Lookup(q)
		if err != nil {
			problem(w, http.StatusServiceUnavailable, detail(err))
			return
		}
		a := Answer{Scan: scan, Findings: make([]Found, len(found))}
		for i, x := range found {
			a.Findings[i] = Found{x.Detector, x.List, x.Kind, x.Match}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a)
	})
	return mux
}

func readQuestion(text []byte) (q match.Query, scan safety.ScanState, err error) {
	var in Question
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return q, "", safety.Errorf(safety.Invalid, "the body is not of the expected form")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return q, "", safety.Errorf(safety.Invalid, "the body is more than one object")
	}
	if in.Surface != safety.SurfacePublic {
		return q, "", safety.Errorf(safety.Invalid, "surface must be public: ask the main Rowan about other content")
	}
	for t, value := range in.Hashes {
		h, err := safety.ParseHash(t, value)
		switch {
		case err != nil:
			return q, "", err // it never repeats the value
		case t != safety.PDQ:
			q.Exact = append(q.Exact, h)
		case in.PDQQuality == nil || *in.PDQQuality < 0 || *in.PDQQuality > 100:
			return q, "", safety.Errorf(safety.Invalid, "pdq needs a pdq_quality of 0 to 100")
		default:
			q.Near = []match.Near{{Hash: pdq.Hash(h.Bytes()), Quality: *in.PDQQuality, Variant: "original"}}
		}
	}
	if len(q.Exact)+len(q.Near) == 0 {
		return q, "", safety.Errorf(safety.Invalid, "hashes are missing")
	}
	if len(q.Exact) == 0 || len(q.Near) == 0 {
		return q, safety.ScanPartial, nil
	}
	return q, safety.ScanScanned, nil
}

func detail(err error) string {
	if e, ok := errors.AsType[*safety.Error](err); ok {
		return e.Detail
	}
	return "something went wrong"
}

func problem(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": text})
}
