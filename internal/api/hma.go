package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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
	for pattern, fn := range map[string]hmaFunc{
		"GET /h/hash": a.hmaHashURL, "POST /h/hash": a.hmaHash,
		"GET /m/lookup": a.hmaLookupSignal, "POST /m/lookup": a.hmaLookupFile,
		"GET /m/raw_lookup": a.hmaRawLookup, "POST /m/compare": a.hmaCompare, "GET /m/index/status": a.hmaIndexStatus,
	} {
		a.mux.HandleFunc(pattern, a.hma(access.ListsMatch, fn))
	}
	a.hmaCurationRoutes()
	a.hmaExchangeRoutes()
	a.mux.HandleFunc("GET /status", a.hmaStatus)
	a.mux.HandleFunc("GET /status/live", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "I-AM-ALIVE") })
}

// hmaFunc answers a request with a body, and a status other than 200 by
// [hmaReply].
type hmaFunc func(*http.Request) (any, error)

// hmaReply is a body with a status of its own.
type hmaReply struct {
	status int
	body   any
}

// hmaMatch is one match. A distance is a string, as HMA's clients expect.
type hmaMatch struct {
	BankContentID int64  `json:"bank_content_id"`
	Distance      string `json:"distance"`
}

type hmaBanks map[string][]hmaMatch

func (a *API) hma(scope access.Scope, fn hmaFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := a.principal(r, scope)
		var out any
		if err == nil {
			out, err = fn(r.WithContext(context.WithValue(r.Context(), principalKey, who)))
		}
		if err != nil {
			a.logged(r.Context(), "hma", err)
			p := asProblem(err)
			hmaAnswer(w, hmaStatusOf(p.Status), map[string]string{"message": p.Detail})
			return
		}
		if reply, ok := out.(hmaReply); ok {
			hmaAnswer(w, reply.status, reply.body)
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
	if status == http.StatusNoContent {
		return
	}
	_ = json.NewEncoder(w).Encode(body) // the caller is gone if this fails
}

func (a *API) hmaStatus(w http.ResponseWriter, _ *http.Request) {
	if err := a.Index.Ready(); err != nil {
		hmaPlain(w, http.StatusServiceUnavailable, "INDEX-NOT-LOADED")
		return
	}
	if a.Index.Age() > hmaStale {
		hmaPlain(w, http.StatusServiceUnavailable, "INDEX-STALE")
		return
	}
	_, _ = io.WriteString(w, "I-AM-ALIVE")
}

// hmaStale is the age of the index after which it is called stale: HMA's default.
const hmaStale = 65 * time.Second

// hmaPlain writes the words exactly: monitors compare the body.
func hmaPlain(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, words)
}

// hmaFetch gets the file of the form with a URL.
func (a *API) hmaFetch(r *http.Request) (file []byte, contentType string, err error) {
	contentType = r.URL.Query().Get("content_type")
	if contentType != "" && contentType != "photo" && contentType != "video" {
		return nil, "", safety.Errorf(safety.Invalid, "content_type must be photo or video")
	}
	file, err = a.Fetch.Get(r.Context(), r.URL.Query().Get("url"))
	return file, contentType, err
}

func (a *API) hmaHashURL(r *http.Request) (any, error) {
	file, contentType, err := a.hmaFetch(r)
	if err != nil {
		return nil, err
	}
	e, err := a.hmaExamine(r.Context(), file, contentType)
	return e.hashes, err
}

// hmaFile reads the one file of a multipart form, whose field's name is the
// content type, and the other fields.
func (a *API) hmaFile(r *http.Request) (file []byte, contentType string, fields map[string]string, err error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, "", nil, safety.Errorf(safety.Invalid, "send multipart/form-data with one file")
	}
	fields = map[string]string{}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", nil, safety.Errorf(safety.Invalid, "the multipart body is cut short or malformed")
		}
		name := part.FormName()
		switch {
		case name == "metadata" || name == "note":
			text, err := readAll(part, 32<<10, "a form field")
			if err != nil {
				return nil, "", nil, err
			}
			fields[name] = string(text)
		case contentType != "":
			return nil, "", nil, safety.Errorf(safety.Invalid, "send exactly one file")
		case name != "photo" && name != "video":
			return nil, "", nil, safety.Errorf(safety.Invalid, "the field's name must be photo or video")
		default:
			contentType = name
			if file, err = readAll(part, a.MaxFile, "the file"); err != nil {
				return nil, "", nil, err
			}
		}
	}
	if contentType == "" {
		return nil, "", nil, safety.Errorf(safety.Invalid, "send exactly one file")
	}
	return file, contentType, fields, nil
}

// hmaExamined is a file as HMA's forms can say it: a hash for each signal type,
// and for look-ups the other forms of the picture.
type hmaExamined struct {
	hashes  map[string]string
	quality int
	near    []media.FrameHash
}

// hmaExamine hashes a file. A picture that cannot be wholly read is an error
// here, because this form has no way to say so; a video has the MD5 of its file.
func (a *API) hmaExamine(ctx context.Context, file []byte, contentType string) (hmaExamined, error) {
	out := hmaExamined{hashes: map[string]string{}}
	if contentType == "video" {
		d, err := media.Digest(bytes.NewReader(file))
		if err != nil {
			return out, err
		}
		out.hashes["video_md5"] = d.MD5.Value
		return out, nil
	}
	report, err := a.Pool.Examine(ctx, file)
	if err != nil {
		return out, safety.Wrap(safety.Unavailable, err, "the file cannot be examined at the moment")
	}
	if report.Streams > 0 {
		return out, safety.Errorf(safety.Invalid, "the file is a video, not a picture")
	}
	if report.Scan != safety.ScanScanned {
		return out, safety.Errorf(safety.Invalid, "the file was not scanned: %s", report.Reason)
	}
	out.near = slices.Concat(report.Hashes, report.Undone)
	for _, h := range report.Hashes {
		if h.Variant == "original" {
			out.hashes["pdq"], out.quality = h.PDQ.String(), h.Quality
			break
		}
	}
	return out, nil
}

func (a *API) hmaHash(r *http.Request) (any, error) {
	file, contentType, _, err := a.hmaFile(r)
	if err != nil {
		return nil, err
	}
	e, err := a.hmaExamine(r.Context(), file, contentType)
	return e.hashes, err
}

func (a *API) hmaLookupFile(r *http.Request) (any, error) {
	file, contentType, _, err := a.hmaFile(r)
	if err != nil {
		return nil, err
	}
	return a.hmaLookup(r, file, contentType)
}

func (a *API) hmaLookup(r *http.Request, file []byte, contentType string) (any, error) {
	e, err := a.hmaExamine(r.Context(), file, contentType)
	if err != nil {
		return nil, err
	}
	out := map[string]hmaBanks{}
	if text, ok := e.hashes["video_md5"]; ok {
		out["video_md5"], err = a.hmaSearch(r, []hmaSignal{{safety.Hash{Type: safety.MD5, Value: text}, 100}})
		return out, err
	}
	var signals []hmaSignal
	for _, h := range e.near {
		signals = append(signals, hmaSignal{safety.Hash{Type: safety.PDQ, Value: h.PDQ.String()}, h.Quality})
	}
	out["pdq"], err = a.hmaSearch(r, signals)
	return out, err
}

func (a *API) hmaLookupSignal(r *http.Request) (any, error) {
	q := r.URL.Query()
	if q.Get("url") != "" {
		file, contentType, err := a.hmaFetch(r)
		if err != nil {
			return nil, err
		}
		return a.hmaLookup(r, file, contentType)
	}
	signals, err := a.hmaGiven(r)
	if err != nil {
		return nil, err
	}
	return a.hmaSearch(r, signals)
}

// hmaSignal is a hash and, for a PDQ hash, its quality.
type hmaSignal struct {
	hash    safety.Hash
	quality int
}

type hmaType struct {
	name string
	hash safety.HashType
}

// hmaTypes are the signal types under HMA's names, in the order they are told.
var hmaTypes = []hmaType{{"pdq", safety.PDQ}, {"video_md5", safety.MD5}, {"sha1", safety.SHA1}, {"sha256", safety.SHA256}}

func hmaParse(name, text string) (safety.Hash, error) {
	if name == "md5" {
		name = "video_md5"
	}
	for _, t := range hmaTypes {
		if t.name == name {
			return safety.ParseHash(t.hash, text)
		}
	}
	return safety.Hash{}, safety.Errorf(safety.Invalid, "no such signal type; use pdq, video_md5, sha1 or sha256")
}

func hmaTypeName(t safety.HashType) string {
	for _, known := range hmaTypes {
		if known.hash == t {
			return known.name
		}
	}
	return string(t)
}

// hmaGiven reads a signal from the query. An empty PDQ signal is what clients
// send for a picture that gave no hash; it meets nothing.
func (a *API) hmaGiven(r *http.Request) ([]hmaSignal, error) {
	q := r.URL.Query()
	if !q.Has("signal") || q.Get("signal_type") == "" {
		return nil, safety.Errorf(safety.Invalid, "either url or both signal and signal_type are required")
	}
	if q.Get("signal_type") == "pdq" && q.Get("signal") == "" {
		return nil, nil
	}
	h, err := hmaParse(q.Get("signal_type"), q.Get("signal"))
	if err != nil {
		return nil, err
	}
	return []hmaSignal{{h, 100}}, nil
}

// hmaSelection reads banks, seed and bypass_coinflip. Without a seed HMA rolls
// dice; Rowan takes the hash itself, so that asking twice gives one answer.
func hmaSelection(r *http.Request, signals []hmaSignal) match.Selection {
	q := r.URL.Query()
	var s match.Selection
	if b := q.Get("banks"); b != "" {
		s.Lists = []string{}
		for name := range strings.SplitSeq(b, ",") {
			s.Lists = append(s.Lists, listOfBank(name))
		}
	}
	if q.Get("bypass_coinflip") == "true" {
		return s
	}
	seed := q.Get("seed")
	if seed == "" && len(signals) > 0 {
		seed = signals[0].hash.Value
	}
	sum := sha256.Sum256([]byte(seed))
	s.Lot = float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)
	return s
}

func (a *API) hmaHits(signals []hmaSignal, s match.Selection) ([]match.Hit, error) {
	if err := a.Index.Ready(); err != nil {
		return nil, err
	}
	best := map[int64]match.Hit{}
	for _, g := range signals {
		hits, err := a.Index.Hits(g.hash, g.quality, s)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			if old, ok := best[h.Number]; !ok || h.Distance < old.Distance {
				best[h.Number] = h
			}
		}
	}
	return slices.SortedFunc(maps.Values(best), func(a, b match.Hit) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Number, b.Number))
	}), nil
}

// hmaSearch answers with banks as top-level keys and nothing beside them:
// clients take every key for the name of a bank.
func (a *API) hmaSearch(r *http.Request, signals []hmaSignal) (hmaBanks, error) {
	hits, err := a.hmaHits(signals, hmaSelection(r, signals))
	if err != nil {
		return nil, err
	}
	out := hmaBanks{}
	for _, h := range hits {
		out[bankOfList(h.List)] = append(out[bankOfList(h.List)], hmaMatch{h.Number, strconv.Itoa(h.Distance)})
	}
	return out, nil
}

// hmaRawLookup does not look at whether banks and contents are switched on.
func (a *API) hmaRawLookup(r *http.Request) (any, error) {
	signals, err := a.hmaGiven(r)
	if err != nil {
		return nil, err
	}
	s := hmaSelection(r, signals)
	s.All = true
	hits, err := a.hmaHits(signals, s)
	if err != nil {
		return nil, err
	}
	if v, _ := strconv.ParseBool(r.URL.Query().Get("include_distance")); v {
		out := []hmaMatch{}
		for _, h := range hits {
			out = append(out, hmaMatch{h.Number, strconv.Itoa(h.Distance)})
		}
		return map[string]any{"matches": out}, nil
	}
	out := []int64{}
	for _, h := range hits {
		out = append(out, h.Number)
	}
	return map[string]any{"matches": out}, nil
}

// hmaCompare compares pairs of hashes that the caller has already.
func (a *API) hmaCompare(r *http.Request) (any, error) {
	var pairs map[string][]string
	if err := hmaBody(r, &pairs); err != nil {
		return nil, err
	}
	out := map[string][2]any{}
	for name, pair := range pairs {
		if len(pair) != 2 {
			return nil, safety.Errorf(safety.Invalid, "each comparison needs exactly two hashes")
		}
		left, err := hmaParse(name, pair[0])
		if err != nil {
			return nil, err
		}
		right, err := hmaParse(name, pair[1])
		if err != nil {
			return nil, err
		}
		if left.Type == safety.PDQ {
			d := pdq.Hash(left.Bytes()).Distance(pdq.Hash(right.Bytes()))
			out[name] = [2]any{d <= pdq.MatchThreshold, map[string]int{"distance": d}}
			continue
		}
		out[name] = [2]any{left.Value == right.Value, map[string]any{}}
	}
	return out, nil
}

// hmaBody reads a small JSON body.
func hmaBody(r *http.Request, into any) error {
	data, err := readAll(r.Body, 64<<10, "the body")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return safety.Errorf(safety.Invalid, "the body is not the JSON that is expected here")
	}
	return nil
}
