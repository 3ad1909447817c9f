package hasher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Reason says in a word why a hasher did not scan a file.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable"  // no connection, or it broke
	Slow        Reason = "slow"         // no answer in time
	Status      Reason = "status"       // another status than 200
	NotJSON     Reason = "not_json"     // another Content-Type
	TooLong     Reason = "too_long"     // an answer of any length
	Malformed   Reason = "malformed"    // an answer in another form
	WrongType   Reason = "wrong_type"   // a fingerprint of another type
	WrongLength Reason = "wrong_length" // a fingerprint of another length
	Resting     Reason = "resting"      // it failed too often and is left alone for a while
	Busy        Reason = "busy"         // as many files as it takes are with it already
	TooLarge    Reason = "too_large"    // the file is larger than it takes
	Declined    Reason = "declined"     // it can make nothing of the file
	NotMedia    Reason = "not_media"    // nobody knows what the file is
)

// Reasons lists every reason.
var Reasons = []Reason{Unreachable, Slow, Status, NotJSON, TooLong, Malformed, WrongType, WrongLength, Resting, Busy, TooLarge, Declined, NotMedia}

// own are the failures that say something of the file or of us, and nothing of
// the hasher's health.
func (r Reason) own() bool {
	return slices.Contains([]Reason{Resting, Busy, TooLarge, Declined, NotMedia}, r)
}

// passing reports whether the next attempt may well succeed.
func (r Reason) passing() bool { return r == Unreachable || r == Slow || r == Status }

// Failure says that a hasher did not scan a file.
type Failure struct {
	Type   safety.HashType
	Reason Reason
}

func (f *Failure) Error() string { return fmt.Sprintf("hasher %s: %s", f.Type, f.Reason) }

// Config is one hasher.
type Config struct {
	Spec
	URL         string
	Token       string        // sent as a bearer token if not empty
	Timeout     time.Duration // of one attempt
	MaxBytes    int64         // of a file
	Concurrency int           // files with it at once
	Surfaces    []safety.Surface
	Media       []Media
}

const (
	attempts  = 2
	tolerance = 5 // failures one after the other before it is left alone
	rest      = 15 * time.Second
)

// Hasher is one program of the operator. Its methods may be called from many
// goroutines.
type Hasher struct {
	Config
	client *http.Client
	now    func() time.Time
	slots  chan struct{}

	mu       sync.Mutex // guards what follows
	failures int        // one after the other
	until    time.Time  // it is left alone until then
	probing  bool       // one file is trying it after a rest
	counts   map[Reason]int64
	answered int64
}

// New returns a hasher.
func New(c Config, now func() time.Time) *Hasher {
	return &Hasher{Config: c, now: now, slots: make(chan struct{}, c.Concurrency), counts: map[Reason]int64{},
		client: &http.Client{
			// A redirect would carry an upload to where the operator did not send it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{MaxIdleConnsPerHost: c.Concurrency, IdleConnTimeout: time.Minute, DisableCompression: true,
				DialContext: (&net.Dialer{Timeout: c.Timeout}).DialContext}}}
}

// Detector declares where this hasher may run.
func (h *Hasher) Detector() safety.Detector {
	return safety.Detector{Name: DetectorName(h.Type), Surfaces: h.Surfaces}
}

// DetectorName is how findings and the policy name the hasher of a type.
func DetectorName(t safety.HashType) string { return "hasher-" + string(t) }

// Takes reports whether the hasher is made for files of this media type. What
// has none that is known goes to no hasher.
func (h *Hasher) Takes(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	return slices.Contains(h.Media, Media(kind))
}

// Hash asks for the fingerprint of a file. An error is a [*Failure], or the end
// of ctx.
func (h *Hasher) Hash(ctx context.Context, kind string, file []byte) (safety.Hash, error) {
	out, why := h.hash(ctx, kind, file)
	if err := ctx.Err(); err != nil && why != "" {
		return safety.Hash{}, err // nobody waits for it any more: it is no failure of the hasher
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if why == "" {
		h.answered++
		return out, nil
	}
	h.counts[why]++
	return safety.Hash{}, &Failure{h.Type, why}
}

func (h *Hasher) hash(ctx context.Context, kind string, file []byte) (out safety.Hash, why Reason) {
	if !mediaType.MatchString(kind) {
		return out, NotMedia
	}
	if int64(len(file)) > h.MaxBytes {
		return out, TooLarge
	}
	wait := time.NewTimer(h.Timeout)
	defer wait.Stop()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-wait.C:
		return out, Busy
	case <-ctx.Done():
		return out, Busy
	}
	for range attempts {
		if !h.admit() {
			if why == "" {
				why = Resting
			}
			return out, why
		}
		out, why = h.ask(ctx, kind, file)
		h.note(ctx, why)
		if why == "" || !why.passing() || ctx.Err() != nil {
			break
		}
	}
	return out, why
}

// admit reports whether the hasher may be asked now. After a rest one file
// tries it alone.
func (h *Hasher) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failures < tolerance:
		return true
	case h.probing || h.now().Before(h.until):
		return false
	}
	h.probing = true
	return true
}

// note remembers how an attempt went.
func (h *Hasher) note(ctx context.Context, why Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probing = false
	switch {
	case ctx.Err() != nil: // says nothing of the hasher
	case why == "" || why.own():
		h.failures = 0
	default:
		if h.failures++; h.failures >= tolerance {
			h.until = h.now().Add(rest)
		}
	}
}

// ask makes one attempt.
func (h *Hasher) ask(ctx context.Context, kind string, file []byte) (out safety.Hash, why Reason) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(file))
	if err != nil {
		return out, Unreachable
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Rowan-Signal-Type", string(h.Type))
	if h.Token != "" {
		req.Header.Set("Authorization", "Bearer "+h.Token)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return out, broken(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return out, Status
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return out, NotJSON
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return out, broken(err)
	}
	out, ok, why := parseAnswer(&h.Spec, text)
	if why == "" && !ok {
		why = Declined
	}
	return out, why
}

func broken(err error) Reason {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return Slow
	}
	return Unreachable
}

// Stats is what a hasher has done since the process started.
type Stats struct {
	Answered int64
	Failures map[Reason]int64 // files that it did not scan
	Resting  bool
}

// Stats tells what the hasher has done.
func (h *Hasher) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Answered: h.answered, Failures: map[Reason]int64{}, Resting: h.failures >= tolerance}
	maps.Copy(s.Failures, h.counts)
	return s
}

// All asks several hashers at once. It returns the fingerprints that came and
// the failures, each in the order of hs.
func All(ctx context.Context, hs []*Hasher, kind string, file []byte) (got []safety.Hash, failed []error) {
	out, errs := make([]safety.Hash, len(hs)), make([]error, len(hs))
	var wg sync.WaitGroup
	for i, h := range hs {
		wg.Go(func() { out[i], errs[i] = h.Hash(ctx, kind, file) })
	}
	wg.Wait()
	for i := range hs {
		if errs[i] != nil {
			failed = append(failed, errs[i])
		} else {
			got = append(got, out[i])
		}
	}
	return got, failed
}
