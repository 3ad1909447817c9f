package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type   string        `json:"type" doc:"Always about:blank: the status says what kind of problem this is"`
	Title  string        `json:"title" doc:"The status in words"`
	Status int           `json:"status" doc:"HTTP status"`
	Detail string        `json:"detail,omitempty" doc:"What is wrong, in a sentence. Never repeats what was sent"`
	Errors []ProblemItem `json:"errors,omitempty" doc:"Each thing that is wrong"`
}

// ProblemItem is one of several things that are wrong.
type ProblemItem struct {
	Location string `json:"location" doc:"Where, as in body.emails[0].address or line 7"`
	Message  string `json:"message" doc:"What, without the value"`
}

func (p *Problem) Error() string  { return p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes huma answer with the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

var statusOf = map[safety.Kind]int{
	safety.Internal: http.StatusInternalServerError, safety.Invalid: http.StatusUnprocessableEntity,
	safety.NotFound: http.StatusNotFound, safety.Unauthenticated: http.StatusUnauthorized,
	safety.Forbidden: http.StatusForbidden, safety.Conflict: http.StatusConflict,
	safety.TooLarge: http.StatusRequestEntityTooLarge, safety.Unavailable: http.StatusServiceUnavailable,
	safety.RateLimited: http.StatusTooManyRequests,
}

// asProblem maps any error to what the caller is told. The cause of an error
// that is ours stays in the log.
func asProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*safety.Error](err)
	if !ok {
		return newProblem(http.StatusInternalServerError, "something went wrong on our side; the log has the cause")
	}
	p := newProblem(statusOf[e.Kind], e.Detail)
	if e.Kind == safety.Internal {
		p.Detail = "something went wrong on our side; the log has the cause"
	}
	if rows, ok := errors.AsType[*match.ImportError](err); ok {
		for _, r := range rows.Rows {
			p.Errors = append(p.Errors, ProblemItem{Location: fmt.Sprintf("line %d", r.Line), Message: r.Problem})
		}
	}
	if w, ok := errors.AsType[*reporting.WrongError](err); ok {
		for _, x := range w.Wrong {
			p.Errors = append(p.Errors, ProblemItem{Location: x.Path, Message: x.Problem})
		}
	}
	return p
}

// writeProblem answers outside huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone if this fails
}

// humaProblem replaces huma's error model, which repeats rejected values.
func humaProblem(status int, detail string, errs ...error) huma.StatusError {
	if len(errs) == 1 {
		if p, ok := errors.AsType[*Problem](errs[0]); ok {
			return p
		}
	}
	p := newProblem(status, plain(detail))
	for _, err := range errs {
		d, ok := err.(huma.ErrorDetailer)
		if !ok || d.ErrorDetail() == nil {
			continue // free text of a decoder may quote the body
		}
		p.Errors = append(p.Errors, item(d.ErrorDetail()))
	}
	return p
}

// item drops the value, and what else huma derives from it: the parse errors
// after a colon, the name of a property that we do not know, and the key of a
// map, which is the caller's own text.
func item(d *huma.ErrorDetail) ProblemItem {
	out := ProblemItem{Location: d.Location, Message: plain(d.Message)}
	for _, m := range []string{".hashes", ".columns", ".reasons", ".category_map"} {
		if before, _, ok := strings.Cut(out.Location, m+"."); ok {
			out.Location = before + m
		}
	}
	if out.Message == "unexpected property" {
		if i := strings.LastIndex(out.Location, "."); i >= 0 {
			out.Location = out.Location[:i]
		}
	}
	return out
}

func plain(s string) string {
	s, _, _ = strings.Cut(s, ": ")
	return s
}
