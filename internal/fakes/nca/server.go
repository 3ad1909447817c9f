// Package nca stands in for the interface to which the UK's National Crime
// Agency takes reports. The law names such an interface (SI 2026/268 reg. 2 and
// 6(2)); its specification is not public. What this package enforces is what
// package reporting assumes, no more: one authorised POST carries the report as
// JSON and every file that it names, whole and with the digest that it says; the
// answer carries a reference. It shows that Rowan keeps to its own assumption,
// and says nothing of the real interface. It is never linked into rowan.
package nca

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Fault is what goes wrong with one request.
type Fault int

// The faults.
const (
	None        Fault = iota
	LostBefore        // the connection breaks, and nothing was taken in
	LostAfter         // the report was taken in, and the connection breaks
	Busy              // 503, and nothing was taken in
	Page              // the report was taken in; the answer is a page of some proxy
	NoReference       // the report was taken in; the answer is JSON without a reference
	Refused           // 422, and nothing was taken in
)

// Report is one report that was taken in.
type Report struct {
	Reference string
	ReportID  string            // the sender's
	Document  []byte            // report.json
	Files     map[string]string // SHA-256 in hexadecimal by name
}

// Server is the stand-in, an [http.Handler].
type Server struct {
	Token  string
	Faults func(n int) Fault // of the n-th request, from 1; nil for none

	mu      sync.Mutex
	n       int      // requests; guarded by mu
	reports []Report // guarded by mu
}

// Reports are the reports that were taken in, in their order.
func (s *Server) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reports)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	fault := None
	if s.Faults != nil {
		fault = s.Faults(s.n)
	}
	switch fault {
	case LostBefore:
		panic(http.ErrAbortHandler)
	case Busy:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case Refused:
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	report, status, err := s.receive(r)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	report.Reference = fmt.Sprintf("URN-%06d", len(s.reports)+1)
	s.reports = append(s.reports, *report)
	switch fault {
	case LostAfter:
		panic(http.ErrAbortHandler)
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>We will be back.</body></html>")
		return
	case NoReference:
		_, _ = io.WriteString(w, `{"receipt":{}}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"receipt": map[string]string{"reference": report.Reference}})
}

func (s *Server) receive(r *http.Request) (*Report, int, error) {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Token:
		return nil, http.StatusUnauthorized, errors.New("unauthorised")
	case r.Method != http.MethodPost:
		return nil, http.StatusMethodNotAllowed, errors.New("method")
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, http.StatusBadRequest, errors.New("not multipart")
	}
	out := &Report{Files: map[string]string{}}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, http.StatusBadRequest, errors.New("the body is cut short")
		}
		if err := out.add(p); err != nil {
			return nil, http.StatusBadRequest, err
		}
	}
	return out, http.StatusUnprocessableEntity, out.check()
}

func (rep *Report) add(p *multipart.Part) error {
	data, err := io.ReadAll(p)
	if err != nil {
		return errors.New("the body is cut short")
	}
	switch p.FormName() {
	case "report":
		if rep.Document != nil {
			return errors.New("two reports")
		}
		rep.Document = data
	case "files":
		if _, twice := rep.Files[p.FileName()]; twice || p.FileName() == "" {
			return errors.New("a file without a name of its own")
		}
		sum := sha256.Sum256(data)
		rep.Files[p.FileName()] = hex.EncodeToString(sum[:])
	default:
		return errors.New("an unknown part")
	}
	return nil
}

// document is what a report must hold.
type document struct {
	Format   string `json:"format"`
	ReportID string `json:"report_id"`
	Priority string `json:"priority"`
	Reporter struct {
		Email        string `json:"email"`
		Organisation string `json:"organisation"`
	} `json:"reporter"`
	Declaration *struct {
		Text string `json:"text"`
	} `json:"declaration"`
	Content []struct {
		Files []fileEntry `json:"files"`
	} `json:"content"`
	Context []fileEntry `json:"context_files"`
}

type fileEntry struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

func (rep *Report) check() error {
	var d document
	if err := json.Unmarshal(rep.Document, &d); err != nil {
		return errors.New("the report is not JSON")
	}
	rep.ReportID = d.ReportID
	switch {
	case !strings.HasPrefix(d.Format, "rowan-report/"), d.ReportID == "":
		return errors.New("no format or no id")
	case !slices.Contains([]string{"P1", "P2", "P3"}, d.Priority):
		return errors.New("no priority")
	case d.Reporter.Email == "" || d.Reporter.Organisation == "":
		return errors.New("no reporter")
	case d.Declaration == nil || d.Declaration.Text == "":
		return errors.New("no declaration")
	}
	named := d.Context
	for _, c := range d.Content {
		named = append(named, c.Files...)
	}
	if len(named) != len(rep.Files) {
		return fmt.Errorf("%d files are named and %d were sent", len(named), len(rep.Files))
	}
	for _, f := range named {
		if rep.Files[f.Name] != f.SHA256 {
			return errors.New("a file is not the one that the report names")
		}
	}
	return nil
}
