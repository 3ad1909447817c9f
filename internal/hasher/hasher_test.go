package hasher_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/safety"
)

const kind = safety.HashType("x_average")

// average is a harmless fingerprint: the file's bytes in eight parts, the mean of
// each.
func average(file []byte) []byte {
	out := make([]byte, 8)
	for i := range out {
		part := file[len(file)*i/8 : len(file)*(i+1)/8]
		sum := 0
		for _, b := range part {
			sum += int(b)
		}
		if len(part) > 0 {
			out[i] = byte(sum / len(part))
		}
	}
	return out
}

func config(url string) hasher.Config {
	return hasher.Config{Spec: hasher.Spec{Type: kind, Bytes: 8, Distance: hasher.L1, Threshold: 20}, URL: url, Token: "word",
		Timeout: 10 * time.Second, MaxBytes: 1 << 20, Concurrency: 4, Surfaces: []safety.Surface{safety.SurfacePublic},
		Media: []hasher.Media{hasher.Image}}
}

func reply(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

func serve(t *testing.T, fn http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(fn)
	t.Cleanup(s.Close)
	return s.URL + "/hash"
}

func TestHash(t *testing.T) {
	t.Parallel()
	file := []byte(strings.Repeat("a harmless file ", 100))
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/hash" || r.Header.Get("Content-Type") != "image/png" ||
			r.Header.Get("Authorization") != "Bearer word" || r.Header.Get("Rowan-Signal-Type") != string(kind) || !bytes.Equal(body, file) {
			http.Error(w, "another question", http.StatusBadRequest)
			return
		}
		reply(w, fmt.Sprintf(`{"type":"x_average","hex":"%x"}`, average(body)))
	})
	h := hasher.New(config(url), time.Now)
	got, err := h.Hash(t.Context(), "image/png", file)
	if err != nil || got.Type != kind || got.Value != hex.EncodeToString(average(file)) {
		t.Errorf("got %s, %v", got.Value, err)
	}
	if s := h.Stats(); s.Answered != 1 || len(s.Failures) != 0 || s.Resting {
		t.Errorf("counted %+v", s)
	}
}

// TestFaults: whatever a hasher says beside a fingerprint, the file is not
// scanned by it, with the reason, and that is counted.
func TestFaults(t *testing.T) {
	t.Parallel()
	good := `{"type":"x_average","hex":"0001020304050607"}`
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, text) }
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   hasher.Reason
		asked  int64
	}{
		{"good", say(good), "", 1},
		{"base 64", say(`{"base64":"` + base64.StdEncoding.EncodeToString(make([]byte, 8)) + `","type":"x_average"}`), "", 1},
		{"too short", say(`{"type":"x_average","hex":"00010203040506"}`), hasher.WrongLength, 1},
		{"too long", say(`{"type":"x_average","hex":"000102030405060708"}`), hasher.WrongLength, 1},
		{"empty fingerprint", say(`{"type":"x_average","hex":""}`), hasher.WrongLength, 1},
		{"another type", say(`{"type":"photodna","hex":"0001020304050607"}`), hasher.WrongType, 1},
		{"no type", say(`{"hex":"0001020304050607"}`), hasher.Malformed, 1},
		{"no fingerprint", say(`{"type":"x_average"}`), hasher.Malformed, 1},
		{"null", say(`{"type":"x_average","hex":null}`), hasher.Malformed, 1},
		{"both", say(`{"type":"x_average","hex":"0001020304050607","base64":"AAECAwQFBgc="}`), hasher.Malformed, 1},
		{"another member", say(`{"type":"x_average","hex":"0001020304050607","match":false}`), hasher.Malformed, 1},
		{"case of names", say(`{"Type":"x_average","hex":"0001020304050607"}`), hasher.Malformed, 1},
		{"a name twice", say(`{"type":"x_average","hex":"0001020304050607","hex":"0001020304050607"}`), hasher.Malformed, 1},
		{"no digits", say(`{"type":"x_average","hex":"zz01020304050607"}`), hasher.Malformed, 1},
		{"nested", say(`{"type":"x_average","hex":{"a":1}}`), hasher.Malformed, 1},
		{"a list", say(`[` + good + `]`), hasher.Malformed, 1},
		{"more behind it", say(good + good), hasher.Malformed, 1},
		{"a letter behind it", say(good + "x"), hasher.Malformed, 1},
		{"cut off", say(good[:len(good)-1]), hasher.Malformed, 1},
		{"nothing", say(""), hasher.Malformed, 1},
		{"no match", say(`{"match":false}`), hasher.Malformed, 1},
		{"too much", say(good + strings.Repeat(" ", 1<<20)), hasher.TooLong, 1},
		{"declined", say(`{"type":"x_average","declined":true}`), hasher.Declined, 1},
		{"not declined", say(`{"type":"x_average","declined":false}`), hasher.Malformed, 1},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, good)
		}, hasher.NotJSON, 1},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, hasher.Status, 2},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, hasher.Status, 2},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		}, hasher.Status, 2},
		{"gone", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, hasher.Unreachable, 2},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, hasher.Slow, 2},
		{"slow in the middle", func(w http.ResponseWriter, r *http.Request) {
			reply(w, good[:10])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, hasher.Slow, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			c := config(serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				tt.answer(w, r)
			}))
			if tt.want == hasher.Slow {
				c.Timeout = 100 * time.Millisecond
			}
			h := hasher.New(c, time.Now)
			got, err := h.Hash(t.Context(), "image/png", []byte("file"))
			if tt.want == "" {
				if err != nil || len(got.Bytes()) != 8 {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			f, ok := errors.AsType[*hasher.Failure](err)
			if !ok || f.Reason != tt.want || got != (safety.Hash{}) {
				t.Errorf("got %v, %v, want %s", got, err, tt.want)
			}
			if n := h.Stats().Failures[tt.want]; n != 1 {
				t.Errorf("%d counted", n)
			}
			// net/http itself repeats a question whose connection died unanswered.
			if n := asked.Load(); n != tt.asked && (tt.want != hasher.Unreachable || n < tt.asked) {
				t.Errorf("asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

// TestNotSent: what a hasher does not take does not leave the process.
func TestNotSent(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	c := config(url)
	c.MaxBytes = 10
	h := hasher.New(c, time.Now)
	if h.Takes("video/mp4") || !h.Takes("image/gif") || h.Takes("application/octet-stream") {
		t.Error("takes the wrong files")
	}
	for want, kind := range map[hasher.Reason]string{hasher.TooLarge: "image/png", hasher.NotMedia: "image/png\r\nX: y"} {
		_, err := h.Hash(t.Context(), kind, make([]byte, 11))
		if f, ok := errors.AsType[*hasher.Failure](err); !ok || f.Reason != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// A caller that has gone is no failure of the hasher.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "image/png", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestRest: a hasher that goes on failing is left alone, then tried by one file,
// and taken back when that succeeds.
func TestRest(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var works atomic.Bool
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if !works.Load() {
			reply(w, `{"type":"x_average","hex":"00"}`)
			return
		}
		reply(w, `{"type":"x_average","hex":"0001020304050607"}`)
	})
	now := time.Unix(1, 0)
	h := hasher.New(config(url), func() time.Time { return now })
	try := func() hasher.Reason {
		_, err := h.Hash(t.Context(), "image/png", []byte("x"))
		if f, ok := errors.AsType[*hasher.Failure](err); ok {
			return f.Reason
		}
		return ""
	}
	for range 5 {
		if got := try(); got != hasher.WrongLength {
			t.Fatalf("%s", got)
		}
	}
	if got := try(); got != hasher.Resting || asked.Load() != 5 || !h.Stats().Resting {
		t.Errorf("%s after %d questions", got, asked.Load())
	}
	now = now.Add(time.Minute)
	if got := try(); got != hasher.WrongLength || asked.Load() != 6 {
		t.Errorf("the first after the rest: %s, %d questions", got, asked.Load())
	}
	if got := try(); got != hasher.Resting || asked.Load() != 6 {
		t.Errorf("it failed again, and then: %s", got)
	}
	now = now.Add(time.Minute)
	works.Store(true)
	for range 3 {
		if got := try(); got != "" {
			t.Errorf("it works, and: %s", got)
		}
	}
	if h.Stats().Resting {
		t.Error("it rests and works")
	}
}

// TestConcurrency: no more files than declared are with a hasher at once, and who
// waits in vain is not scanned.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int64
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		at.Add(-1)
		reply(w, `{"type":"x_average","hex":"0001020304050607"}`)
	})
	c := config(url)
	c.Concurrency = 2
	h := hasher.New(c, time.Now)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.Hash(t.Context(), "image/png", []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	for at.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestSpecCheck(t *testing.T) {
	good := hasher.Spec{Type: safety.PhotoDNA, Bytes: 144, Distance: hasher.L2Squared, Threshold: 1000, Lists: map[string]int{"a": 5}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*hasher.Spec){
		"a type of ours":     func(s *hasher.Spec) { s.Type = safety.PDQ },
		"no type":            func(s *hasher.Spec) { s.Type = "average" },
		"another length":     func(s *hasher.Spec) { s.Bytes = 143 },
		"too long":           func(s *hasher.Spec) { s.Type, s.Bytes = kind, safety.MaxInline+1 },
		"no distance":        func(s *hasher.Spec) { s.Distance = "cosine" },
		"below zero":         func(s *hasher.Spec) { s.Threshold = -1 },
		"everything matches": func(s *hasher.Spec) { s.Threshold = s.Most() },
		"of a list":          func(s *hasher.Spec) { s.Lists = map[string]int{"a": -1} },
		"equality and one":   func(s *hasher.Spec) { s.Distance, s.Threshold = hasher.Equality, 1 },
	} {
		s := good
		if change(&s); s.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
