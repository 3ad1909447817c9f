package classify

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Reason says in a word why there is no opinion.
type Reason string

// The reasons. Those of the first group say nothing of the scorer.
const (
	NotPermitted Reason = "not_permitted" // not on this surface, not for this country
	BadWindow    Reason = "bad_window"    // the window is not in the shape that it has to have
	Nothing      Reason = "nothing"       // no line with text
	Busy         Reason = "busy"          // as many questions as it takes are with it already
	TooOften     Reason = "too_often"     // over the rate that the operator allows
	Resting      Reason = "resting"       // it failed too often and is left alone for a while

	Unreachable Reason = "unreachable" // no connection, or it broke
	Refused     Reason = "refused"     // the name leads to an address that may not be dialled
	Slow        Reason = "slow"        // no whole answer in time
	Status      Reason = "status"      // another status than 200
	Redirected  Reason = "redirected"  // it points elsewhere
	Encoded     Reason = "encoded"     // compressed, which was not asked for
	NotJSON     Reason = "not_json"    // another Content-Type
	TooLong     Reason = "too_long"    // an answer of any length

	Malformed  Reason = "malformed"    // not in the format by the letter: prose, names twice, more behind the end
	CutShort   Reason = "cut_short"    // it stopped before it was done
	Unknown    Reason = "unknown"      // a label, an indicator or a message that was not in question
	Incomplete Reason = "incomplete"   // a label that counts is missing
	OutOfRange Reason = "out_of_range" // not a number from 0 to 1
	Unfounded  Reason = "unfounded"    // an indicator without a message that could show it
	Quotes     Reason = "quotes"       // it repeats what somebody wrote
)

// Reasons lists every reason.
var Reasons = []Reason{NotPermitted, BadWindow, Nothing, Busy, TooOften, Resting,
	Unreachable, Refused, Slow, Status, Redirected, Encoded, NotJSON, TooLong,
	Malformed, CutShort, Unknown, Incomplete, OutOfRange, Unfounded, Quotes}

// ill are the failures that speak of the scorer's health. What is wrong with the
// content of an answer does not: whoever writes messages that confuse a model could
// otherwise make it rest, and silence it for every other conversation.
func (r Reason) ill() bool {
	return slices.Contains([]Reason{Unreachable, Refused, Slow, Status, Redirected, Encoded, NotJSON, TooLong}, r)
}

// Failure says that there is no opinion, and why. It holds nothing else.
type Failure struct {
	Scorer string
	Reason Reason
}

func (f *Failure) Error() string { return fmt.Sprintf("second opinion of %s: %s", f.Scorer, f.Reason) }

// Opinion is what a scorer said of a window.
type Opinion struct {
	Scorer, Version string
	P               float64            // 0 to 1: package talk's Message.External, unless Insufficient
	Indicators      map[string]float64 // by name, 0 to 1: for a reviewer to see
	Against         map[string]float64 // likewise: what it says speaks against. Not part of P
	Insufficient    bool               // it says that there is too little to go by; P is 0
	Lines           int                // that it was asked about
	Partial         bool               // there were more, or longer ones
	Took            time.Duration
}

// Counts reports whether package talk counts an opinion: only what is over one half
// adds to a score.
func (o *Opinion) Counts() bool { return !o.Insufficient && o.P > .5 }

// schema is how a kind of scorer is asked and read.
type schema struct {
	scheme    string // of the Authorization header
	actorOnly bool   // it takes one text, which is the actor's
	most      int64  // bytes of an answer
	request   func(c *Config, w *Window, lines []Line) (contentType string, body []byte)
	decode    func(c *Config, lines []Line, body []byte) (Opinion, Reason)
}

// Scorer is one program of the operator. Its methods may be called from many
// goroutines.
type Scorer struct {
	cfg    Config
	schema schema
	key    func() string // a function, so that printing a scorer does not print its key
	client *http.Client
	slots  chan struct{}

	mu       sync.Mutex // guards what follows
	failures int        // one after the other
	until    time.Time  // it is left alone until then
	probing  bool       // one question is trying it after a rest
	tokens   float64    // questions that may be asked now
	filled   time.Time  // when tokens was worked out
	stats    Stats
}

// New returns a scorer, or everything that is wrong with its configuration.
func New(c Config) (*Scorer, error) {
	c.complete()
	if err := c.check(); err != nil {
		return nil, safety.Wrap(safety.Invalid, err, "second opinion %q", c.Name)
	}
	key, err := c.key()
	if err != nil {
		return nil, safety.Wrap(safety.Invalid, err, "second opinion %q", c.Name)
	}
	s := &Scorer{cfg: c, key: func() string { return key }, slots: make(chan struct{}, c.InFlight), filled: c.Now()}
	s.schema, _ = c.Kind.schema()
	s.tokens = s.burst()
	s.stats.Failures = map[Reason]int64{}
	s.client = s.newClient()
	return s, nil
}

// Name is the scorer's name.
func (s *Scorer) Name() string { return s.cfg.Name }

// May reports whether the scorer may be asked about text of this surface and
// country. A country that is not known is not among those that were named.
func (s *Scorer) May(on safety.Surface, in safety.Jurisdiction) bool {
	return slices.Contains(s.cfg.Surfaces, on) && slices.Contains(s.cfg.Jurisdictions, in)
}

// Ask asks about a window. An error is a [*Failure], or the end of ctx; with either
// there is no opinion at all. It asks once: who waits for a second opinion has a
// first one.
func (s *Scorer) Ask(ctx context.Context, w Window) (Opinion, error) {
	began := s.cfg.Now()
	o, why := s.admit(ctx, &w)
	if err := ctx.Err(); err != nil && why != "" {
		return Opinion{}, err // nobody waits for it any more: it is no failure of the scorer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if why != "" {
		s.stats.Failures[why]++
		return Opinion{}, &Failure{s.cfg.Name, why}
	}
	o.Scorer, o.Took = s.cfg.Name, s.cfg.Now().Sub(began)
	s.stats.answered(&o)
	return o, nil
}

// admit asks if the question may be asked, and is one.
func (s *Scorer) admit(ctx context.Context, w *Window) (o Opinion, why Reason) {
	if !s.May(w.Surface, w.Jurisdiction) {
		return o, NotPermitted
	}
	if !w.sound() {
		return o, BadWindow
	}
	lines, partial := w.newest(s.cfg.MaxChars, s.schema.actorOnly)
	if len(lines) == 0 {
		return o, Nothing
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return o, Busy
	}
	if why := s.take(); why != "" {
		return o, why
	}
	o, why = s.ask(ctx, w, lines)
	s.note(ctx, why)
	o.Lines, o.Partial = len(lines), partial
	return o, why
}

// burst is how many questions may come at once after a quiet time.
func (s *Scorer) burst() float64 { return max(1, float64(s.cfg.PerMinute)/6) }

// take takes leave for one question, or says why there is none. After a rest one
// question tries the scorer alone.
func (s *Scorer) take() Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.failures >= s.cfg.Tolerance && (s.probing || now.Before(s.until)) {
		return Resting
	}
	s.tokens = min(s.burst(), s.tokens+max(0, now.Sub(s.filled).Minutes())*float64(s.cfg.PerMinute))
	s.filled = now
	if s.tokens < 1 {
		return TooOften
	}
	s.tokens--
	s.probing = s.failures >= s.cfg.Tolerance
	s.stats.Asked++
	s.stats.Cost += s.cfg.CostPerCall
	return ""
}

// note remembers how a question went.
func (s *Scorer) note(ctx context.Context, why Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	switch {
	case ctx.Err() != nil: // says nothing of the scorer
	case !why.ill():
		s.failures = 0
	default:
		if s.failures++; s.failures >= s.cfg.Tolerance {
			s.until = s.cfg.Now().Add(s.cfg.Rest)
		}
	}
}

// Stats is what a scorer has done since the process started.
type Stats struct {
	Asked        int64 // questions that went out
	Answered     int64 // opinions that came back, with those that say "too little to go by"
	Insufficient int64
	Raised       int64   // opinions over one half
	Cost         float64 // of the questions that went out, whether or not they were answered
	Took         time.Duration
	Failures     map[Reason]int64
	Resting      bool

	// What people decided on cases in which it had been asked ([Scorer.Judge]).
	RaisedRight, RaisedWrong, QuietRight, QuietWrong int64
}

func (s *Stats) answered(o *Opinion) {
	s.Answered++
	s.Took += o.Took
	switch {
	case o.Insufficient:
		s.Insufficient++
	case o.Counts():
		s.Raised++
	}
}

// Stats tells what the scorer has done.
func (s *Scorer) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Failures, out.Resting = maps.Clone(s.stats.Failures), s.failures >= s.cfg.Tolerance
	return out
}

// Judge counts a person's decision on a case in which the scorer gave an opinion.
// Cases are chosen by scores, of which the opinion was a part: from these counts
// follows how often it was right when it spoke, not how much it finds.
func (s *Scorer) Judge(o Opinion, harmful bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.Insufficient:
	case o.Counts() && harmful:
		s.stats.RaisedRight++
	case o.Counts():
		s.stats.RaisedWrong++
	case harmful:
		s.stats.QuietWrong++
	default:
		s.stats.QuietRight++
	}
}
