package exchanges

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Service is what a stand-in stands for.
type Service string

// The services.
const (
	NCMEC          Service = "ncmec"
	StopNCII       Service = "stopncii"
	ThreatExchange Service = "threatexchange"
	TAT            Service = "tat"
	Arachnid       Service = "arachnid"
	CSV            Service = "csv"  // a list in CSV
	JSON           Service = "json" // a list in JSON
)

// Fault is what goes wrong with one request.
type Fault string

// The faults.
const (
	NoFault   Fault = ""
	Garbage   Fault = "garbage bytes"
	HTML      Fault = "a proxy's page with 200"
	Truncated Fault = "body cut short"
	Half      Fault = "half a body, complete to HTTP"
	Status500 Fault = "HTTP 500"
	Status429 Fault = "HTTP 429 with Retry-After"
	Timeout   Fault = "no answer in time"
	Drop      Fault = "connection closed"
	Empty     Fault = "an empty page"
	Repeated  Fault = "the page before again"
	Older     Fault = "a page from the past"
	Vanished  Fault = "the rest is gone (404)"
	Duplicate Fault = "an entry twice, the second time older"
	Shuffled  Fault = "entries change between pages"
)

// Faults lists every fault.
var Faults = []Fault{Garbage, HTML, Truncated, Half, Status500, Status429, Timeout, Drop, Empty, Repeated, Older, Vanished, Duplicate, Shuffled}

// Config is what a [Server] needs.
type Config struct {
	Service            Service
	Username, Password string // ncmec, tat, arachnid, lists
	Token              string // threatexchange
	FunctionKey        string // stopncii
	FeedbackKey        string
	SubscriptionKey    string
	Group              string // threatexchange
	PageSize           int
	Now                func() time.Time
}

// Ballot is a vote that a service was sent.
type Ballot struct {
	Entry, Type string
	Affirmative bool
	Reason      string
}

// Server is a stand-in.
type Server struct {
	cfg   Config
	World *World

	mu         sync.Mutex
	requests   int             // guarded by mu
	fault      Fault           // guarded by mu
	at         int             // guarded by mu: the request that goes wrong
	meanwhile  func()          // guarded by mu: what happens to the world then
	struck     bool            // guarded by mu
	last       []byte          // guarded by mu: body of the page before
	issued     map[string]bool // guarded by mu: questions that our own links lead to
	tokens     map[string]bool // guarded by mu: of tat
	violations []string        // guarded by mu
	ballots    []Ballot        // guarded by mu
	asked      []time.Time     // guarded by mu: when requests came, by the server's clock
}

// New returns a stand-in with an empty world.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, World: NewWorld(cfg.Now), issued: map[string]bool{}, tokens: map[string]bool{}}
}

// Arm lets the nth request from now (counted from 1) go wrong. meanwhile runs
// before the answer of a [Shuffled] page is made.
func (s *Server) Arm(f Fault, n int, meanwhile func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.at, s.meanwhile, s.struck = f, s.requests+n, meanwhile, false
}

// Disarm ends faults and reports whether the last one happened.
func (s *Server) Disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = NoFault
	return s.struck
}

// Violations are what clients did that they must not.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Ballots are the votes that came in.
func (s *Server) Ballots() []Ballot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ballots)
}

// Requests is how many requests came in.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// page is an answer in the making.
type page struct {
	status  int
	kind    string // media type
	body    []byte
	header  map[string]string
	refusal string // why not; noted as a violation
}

func refuse(status int, why string) page { return page{status: status, refusal: why} }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Rowan-Standin", "true")
	w.Header().Set("Date", s.cfg.Now().UTC().Format(http.TimeFormat))
	fault, meanwhile := s.strike()
	switch fault {
	case Status500:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case Status429:
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case Timeout:
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
		<-r.Context().Done()
		return
	case Drop:
		panic(http.ErrAbortHandler)
	case Vanished:
		w.WriteHeader(http.StatusNotFound)
		return
	case Garbage:
		_, _ = w.Write([]byte{0x1f, 0x8b, 0, 255, 254, '{', '<', 0})
		return
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>We will be back.</body></html>"))
		return
	case Shuffled:
		if meanwhile != nil {
			meanwhile()
		}
	}
	p := s.answer(r, fault)
	if p.refusal != "" {
		s.mu.Lock()
		s.violations = append(s.violations, p.refusal)
		s.mu.Unlock()
	}
	if fault == Repeated && p.status == http.StatusOK {
		s.mu.Lock()
		if s.last != nil {
			p.body = s.last
		}
		s.mu.Unlock()
	}
	s.write(w, p, fault)
}

// strike counts a request and tells what goes wrong with it.
func (s *Server) strike() (Fault, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.asked = append(s.asked, s.cfg.Now())
	if s.fault == NoFault || s.requests != s.at {
		return NoFault, nil
	}
	s.struck = true
	return s.fault, s.meanwhile
}

func (s *Server) write(w http.ResponseWriter, p page, fault Fault) {
	for k, v := range p.header {
		w.Header().Set(k, v)
	}
	if p.kind != "" {
		w.Header().Set("Content-Type", p.kind)
	}
	switch fault {
	case Truncated:
		w.Header().Set("Content-Length", strconv.Itoa(len(p.body)+64))
		w.WriteHeader(max(p.status, http.StatusOK))
		_, _ = w.Write(p.body[:len(p.body)/2])
		panic(http.ErrAbortHandler)
	case Half:
		p.body = p.body[:len(p.body)/2]
	}
	s.mu.Lock()
	if p.status == http.StatusOK && fault == NoFault {
		s.last = bytes.Clone(p.body)
	}
	s.mu.Unlock()
	w.WriteHeader(max(p.status, http.StatusOK))
	_, _ = w.Write(p.body)
}

func (s *Server) answer(r *http.Request, f Fault) page {
	switch s.cfg.Service {
	case NCMEC:
		return s.ncmec(r, f)
	case StopNCII:
		return s.stopNCII(r, f)
	case ThreatExchange:
		return s.threatExchange(r, f)
	case TAT:
		return s.tat(r, f)
	case Arachnid:
		return s.arachnid(r, f)
	}
	return s.list(r, f)
}

// basic checks HTTP basic authentication.
func (s *Server) basic(r *http.Request) bool {
	user, pass, ok := r.BasicAuth()
	return ok && same(user, s.cfg.Username) && same(pass, s.cfg.Password)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// only names a query parameter that the service does not have.
func only(r *http.Request, names ...string) string {
	for k, v := range r.URL.Query() {
		if !slices.Contains(names, k) || len(v) != 1 {
			return fmt.Sprintf("parameter %q", k)
		}
	}
	return ""
}

// issue remembers that our own answer led to a question.
func (s *Server) issue(question string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued[question] = true
}

func (s *Server) wasIssued(question string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued[question]
}

// cut returns one page of rows from an offset on.
func cut[T any](rows []T, from, size int) (part []T, more bool) {
	from = min(max(from, 0), len(rows))
	to := min(from+size, len(rows))
	return rows[from:to], to < len(rows)
}

// spoiled is a copy of an entry as it may have been before, for [Duplicate].
func spoiled(e Entry) Entry {
	e = e.clone()
	e.Changed = e.Changed.Add(-time.Second)
	e.Deleted = !e.Deleted
	return e
}

func (s *Server) vote(b Ballot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ballots = append(s.ballots, b)
}
