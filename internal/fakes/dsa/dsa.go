// Package dsa is a strict stand-in of the Commission's Transparency Database, as
// far as sending statements of reasons goes: POST …/api/v1/statements with up to
// 100 statements, taken wholly or not at all. It checks the fields by its own
// table, not by the code that it tests, and can be told to fail.
//
// The rules are those of the Commission's repository
// (digital-services-act/transparency-database). It is never linked into rowan.
package dsa

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Fault is what goes wrong with the next request.
type Fault int

// The faults. "After" ones take the statements and spoil the answer.
const (
	None      Fault = iota
	Lost            // taken, and no answer
	Truncated       // taken, and the answer is cut short
	HTML            // not taken: a page, with status 200
	HTMLAfter       // taken, and a page
	Busy            // 429
	Broken          // 503
	Cut             // not taken, and no answer
	Vague           // 422 without saying which
	Forgetful       // taken, and the answer names only half of them
	Impatient       // 413 for more than one
	Unnamed         // a redirect
)

// Server is the stand-in.
type Server struct {
	Token string

	mu     sync.Mutex
	faults []Fault                   // guarded by mu: of the next requests
	held   map[string]map[string]any // guarded by mu: statements by puid
	asked  int                       // guarded by mu
	twice  []string                  // guarded by mu: puids that came again after they were taken
}

// New returns a stand-in that takes a token.
func New(token string) *Server { return &Server{Token: token, held: map[string]map[string]any{}} }

// Fail sets what goes wrong with the next requests.
func (s *Server) Fail(f ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f...)
}

// Held are the statements that were taken.
func (s *Server) Held() map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]map[string]any{}
	maps.Copy(out, s.held)
	return out
}

// Asked is how many requests came.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Server) next() Fault {
	s.asked++
	if len(s.faults) == 0 {
		return None
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path != "/api/v1/statements" || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Token {
		s.asked++
		answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthenticated."})
		return
	}
	fault := s.next()
	switch fault {
	case Busy:
		w.Header().Set("Retry-After", "7")
		answer(w, http.StatusTooManyRequests, map[string]any{"message": "Too Many Attempts."})
		return
	case Broken:
		http.Error(w, "<html>down</html>", http.StatusServiceUnavailable)
		return
	case HTML:
		page(w)
		return
	case Cut:
		panic(http.ErrAbortHandler)
	case Unnamed:
		http.Redirect(w, r, "/login", http.StatusFound)
		return
	}
	var body struct {
		Statements []map[string]any `json:"statements"`
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil || json.Unmarshal(text, &body) != nil || len(body.Statements) < 1 || len(body.Statements) > 100 {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "The statements field must have between 1 and 100 items.",
			"errors": map[string]any{"statements": []string{"The statements field must have between 1 and 100 items."}}})
		return
	}
	if fault == Impatient && len(body.Statements) > 1 {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if fault == Vague {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "The given data was invalid.", "errors": map[string]any{}})
		return
	}
	s.take(w, fault, body.Statements)
}

func (s *Server) take(w http.ResponseWriter, fault Fault, all []map[string]any) {
	wrong := map[string]any{}
	for i, st := range all {
		if bad := check(st); len(bad) > 0 {
			wrong[fmt.Sprintf("statement_%d", i)] = bad
		}
	}
	if len(wrong) > 0 {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"errors": wrong})
		return
	}
	var exist []string
	seen := map[string]bool{}
	for _, st := range all {
		puid := st["puid"].(string)
		if s.held[puid] != nil || seen[puid] {
			exist = append(exist, puid)
		}
		seen[puid] = true
	}
	if len(exist) > 0 {
		s.twice = append(s.twice, exist...)
		const message = "The platform identifier(s) are not all unique within this call."
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": message, "errors": map[string]any{"puid": []string{message}, "existing_puids": exist}})
		return
	}
	out := []map[string]any{}
	for _, st := range all {
		puid := st["puid"].(string)
		s.held[puid] = st
		out = append(out, map[string]any{"uuid": "uuid-" + puid, "puid": puid})
	}
	s.reply(w, fault, out)
}

func (s *Server) reply(w http.ResponseWriter, fault Fault, out []map[string]any) {
	switch fault {
	case Lost:
		panic(http.ErrAbortHandler)
	case HTMLAfter:
		page(w)
		return
	case Forgetful:
		out = out[:len(out)/2]
	case Truncated:
		text, _ := json.Marshal(map[string]any{"statements": out})
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(text[:len(text)/2])
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusCreated, map[string]any{"statements": out})
}

func page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<!doctype html><title>Maintenance</title>")
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// rule is what one field may hold.
type rule struct {
	list   bool
	needed bool
	most   int
	of     string         // values, by spaces; a prefix and ":" may stand before them
	match  *regexp.Regexp // of a text
	first  string         // of a day
	when   [2]string      // needed if that field has that value, and has no place otherwise
}

var rules = map[string]rule{
	"puid":                             {needed: true, most: 500, match: regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)},
	"decision_visibility":              {list: true, needed: true, of: "DECISION_VISIBILITY_:CONTENT_REMOVED CONTENT_DISABLED CONTENT_DEMOTED CONTENT_AGE_RESTRICTED CONTENT_INTERACTION_RESTRICTED CONTENT_LABELLED OTHER"},
	"decision_visibility_other":        {most: 500, when: [2]string{"decision_visibility", "DECISION_VISIBILITY_OTHER"}},
	"decision_ground":                  {needed: true, of: "DECISION_GROUND_:ILLEGAL_CONTENT INCOMPATIBLE_CONTENT"},
	"decision_ground_reference_url":    {most: 500, match: regexp.MustCompile(`^https?://`)},
	"illegal_content_legal_ground":     {most: 500, when: [2]string{"decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"}},
	"illegal_content_explanation":      {most: 2000, when: [2]string{"decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"}},
	"incompatible_content_ground":      {most: 500, when: [2]string{"decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"}},
	"incompatible_content_explanation": {most: 2000, when: [2]string{"decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"}},
	"incompatible_content_illegal":     {of: "Yes No"},
	"content_type":                     {list: true, needed: true, of: "CONTENT_TYPE_:APP AUDIO IMAGE PRODUCT SYNTHETIC_MEDIA TEXT VIDEO OTHER"},
	"content_type_other":               {most: 500, when: [2]string{"content_type", "CONTENT_TYPE_OTHER"}},
	"category":                         {needed: true, match: regexp.MustCompile(`^STATEMENT_CATEGORY_[A-Z_]+$`)},
	"category_addition":                {list: true, match: regexp.MustCompile(`^STATEMENT_CATEGORY_[A-Z_]+$`)},
	"category_specification":           {list: true, match: regexp.MustCompile(`^KEYWORD_[A-Z_]+$`)},
	"category_specification_other":     {most: 500, when: [2]string{"category_specification", "KEYWORD_OTHER"}},
	"territorial_scope":                {list: true, match: regexp.MustCompile(`^[A-Z]{2}$`)},
	"content_date":                     {needed: true, first: "2000-01-01"},
	"application_date":                 {needed: true, first: "2020-01-01"},
	"decision_facts":                   {needed: true, most: 5000},
	"source_type":                      {needed: true, of: "SOURCE_:ARTICLE_16 TRUSTED_FLAGGER TYPE_OTHER_NOTIFICATION VOLUNTARY"},
	"source_identity":                  {most: 500},
	"automated_detection":              {needed: true, of: "Yes No"},
	"automated_decision":               {needed: true, of: "AUTOMATED_DECISION_:FULLY PARTIALLY NOT_AUTOMATED"},
}

// check returns what is wrong, by field. The real database drops fields that it
// does not know; this one refuses them.
func check(st map[string]any) map[string][]string {
	bad := map[string][]string{}
	for field := range st {
		if _, ok := rules[field]; !ok {
			bad[field] = append(bad[field], "unknown field")
		}
	}
	for field, r := range rules {
		values, ok := texts(st[field], r.list)
		switch {
		case !ok:
			bad[field] = append(bad[field], "wrong type")
			continue
		case r.when[0] != "":
			other, _ := texts(st[r.when[0]], rules[r.when[0]].list)
			if here := slices.Contains(other, r.when[1]); here != (len(values) > 0) {
				bad[field] = append(bad[field], "needed in one case, and only there")
			}
		case r.needed && len(values) == 0:
			bad[field] = append(bad[field], "required")
		}
		for _, v := range values {
			if why := r.one(v); why != "" {
				bad[field] = append(bad[field], why)
			}
		}
	}
	if id, _ := st["source_identity"].(string); id != "" && st["source_type"] == "SOURCE_VOLUNTARY" {
		bad["source_identity"] = append(bad["source_identity"], "no place for it")
	}
	return bad
}

func texts(v any, list bool) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		if list {
			return nil, false
		}
		if v == "" {
			return nil, true
		}
		return []string{v}, true
	case []any:
		var out []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok || !list {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

func (r rule) one(v string) string {
	if r.most > 0 && utf8.RuneCountInString(v) > r.most {
		return "too long"
	}
	if r.match != nil && !r.match.MatchString(v) {
		return "wrong form"
	}
	if r.of != "" {
		prefix, words, ok := strings.Cut(r.of, ":")
		if !ok {
			prefix, words = "", r.of
		}
		if rest, has := strings.CutPrefix(v, prefix); !has || !slices.Contains(strings.Fields(words), rest) {
			return "not one of the values"
		}
	}
	if r.first != "" {
		if _, err := time.Parse(time.DateOnly, v); err != nil || v < r.first || v > "2038-01-01" {
			return "no such day"
		}
	}
	return ""
}

// Wrong names the fields that the stand-in would refuse, for tests that compare.
func Wrong(st any) []string {
	text, err := json.Marshal(st)
	if err != nil {
		return []string{err.Error()}
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		return []string{err.Error()}
	}
	out := []string{}
	for field := range check(m) {
		out = append(out, field)
	}
	slices.Sort(out)
	return out
}
