package ncmec

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config is what a [Server] needs.
type Config struct {
	Username, Password string
	// Dir keeps the state over restarts; empty keeps it in memory only.
	Dir string
	// Now is the clock, nil for time.Now.
	Now func() time.Time
	// Faults injects faults, nil for none. See also [Server.SetFaults].
	Faults Faults
	// XSD is served by GET /xsd instead of a note.
	XSD []byte
	// PriorReports are numbers that priorCTReports may name besides the reports
	// that were finished here.
	PriorReports []int64
	// ErrorsAs200 sends every response code with HTTP 200.
	ErrorsAs200 bool
}

// Server is the stand-in, an [http.Handler] for the paths under /ispws.
type Server struct {
	cfg Config
	mux *http.ServeMux

	mu      sync.Mutex
	faults  Faults   // guarded by mu
	state   *memory  // guarded by mu
	journal *journal // guarded by mu
}

// New returns a stand-in with the state found in cfg.Dir, if any.
func New(cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), faults: cfg.Faults, state: newMemory()}
	if cfg.Dir != "" {
		j, err := openJournal(cfg.Dir, s.state)
		if err != nil {
			return nil, err
		}
		s.journal = j
	}
	s.routes()
	return s, nil
}

// Close closes the journal. Requests after it fail with code 1100.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// SetFaults replaces the fault injection; nil ends it.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// SetXSD replaces what GET /xsd answers.
func (s *Server) SetXSD(schema []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.XSD = schema
}

// Reports returns a copy of all reports, by number.
func (s *Server) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.snapshot(s.cfg.Now())
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Rowan-Standin", "true")
	w.Header().Set("Request-ID", "standin-"+rand.Text())
	s.mux.ServeHTTP(w, r)
}

// carry carries a request out. It is called twice for the fault Twice.
type carry func() answer

// op prepares a request: it reads and judges everything that does not depend
// on the state, and returns what is left to do, or a refusal.
type op func(r *http.Request) carry

func (s *Server) routes() {
	for name, f := range map[string]op{"status": s.status, "xsd": nil} {
		s.mux.HandleFunc("/ispws/"+name, s.handle(name, http.MethodGet, f))
	}
	for name, f := range map[string]op{"submit": s.submit, "upload": s.upload, "fileinfo": s.fileinfo,
		"finish": s.finish, "retract": s.retract} {
		s.mux.HandleFunc("/ispws/"+name, s.handle(name, http.MethodPost, f))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeXML(w, http.StatusNotFound, refuse(1210, "resource not found").xml())
	})
}

// handle wraps an op with credentials, method and faults.
func (s *Server) handle(name, method string, f op) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		before := s.fault(name, Before)
		var a answer
		if before.Kind == TruncatedXML || before.Kind == CutBody || before.strike(w, r, &a) {
			return
		}
		switch {
		case !s.authorized(r):
			w.WriteHeader(http.StatusUnauthorized) // with an empty body
			return
		case before.Kind == Code:
		case r.Method != method:
			a = refuse(4000, "method not allowed")
		case f == nil:
			s.xsd(w)
			return
		default:
			do := f(r)
			a = do()
			if before.Kind == Twice {
				a = do()
			}
		}
		if s.fault(name, After).strike(w, r, &a) {
			return
		}
		writeXML(w, a.status(s.cfg.ErrorsAs200), a.xml())
	}
}

func (s *Server) fault(op string, p Phase) Fault {
	s.mu.Lock()
	f := s.faults
	s.mu.Unlock()
	if f == nil {
		return Fault{}
	}
	return f(op, p)
}

func (s *Server) authorized(r *http.Request) bool {
	user, pass, ok := r.BasicAuth()
	u := subtle.ConstantTimeCompare([]byte(user), []byte(s.cfg.Username))
	p := subtle.ConstantTimeCompare([]byte(pass), []byte(s.cfg.Password))
	return ok && u&p == 1
}

func (s *Server) status(r *http.Request) carry {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return func() answer {
		return answer{description: "Remote User : " + s.cfg.Username + ", Remote Ip : " + host}
	}
}

// xsdNote is served when no schema is given: NCMEC's is theirs to hand out.
const xsdNote = `<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:annotation><xs:documentation>` + banner + `. The schema of NCMEC is not part of Rowan; start the stand-in with --xsd FILE to serve a copy.</xs:documentation></xs:annotation>
</xs:schema>
`

func (s *Server) xsd(w http.ResponseWriter) {
	s.mu.Lock()
	schema := s.cfg.XSD
	s.mu.Unlock()
	if schema != nil {
		writeXML(w, http.StatusOK, schema)
		return
	}
	writeXML(w, http.StatusOK, []byte(xsdNote))
}

// known tells whether a text is the number of a filed report.
func (s *Server) known(text string) bool {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.reports[id]
	return r != nil && r.State == Finished || slices.Contains(s.cfg.PriorReports, id)
}

// commit makes e durable and then applies it. The caller holds s.mu.
func (s *Server) commit(e event) (ok bool) {
	return s.journal.append(e) == nil && s.state.apply(e) == nil
}

// Inspect serves the reports as JSON, to loopback addresses only. The real
// service has nothing like it.
func (s *Server) Inspect() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Rowan-Standin", "true")
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "loopback only", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(struct {
			Banner  string   `json:"banner"`
			Reports []viewed `json:"reports"`
		}{banner, view(s.Reports())})
	})
}

// viewed is a [Report] with its documents as text, for people.
type viewed struct {
	Report
	XML   string       `json:"xml"`
	Files []viewedFile `json:"files"`
}

type viewedFile struct {
	File
	Info string `json:"info,omitempty"`
}

func view(reports []Report) []viewed {
	out := make([]viewed, len(reports))
	for i, r := range reports {
		out[i] = viewed{Report: r, XML: strings.ToValidUTF8(string(r.XML), "?"), Files: []viewedFile{}}
		for _, f := range r.Files {
			out[i].Files = append(out[i].Files, viewedFile{File: f, Info: string(f.Info)})
		}
	}
	return out
}
