package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

func TestAsProblem(t *testing.T) {
	secret := errors.New("the secret cause")
	for _, tt := range []struct {
		name   string
		err    error
		status int
		detail string
	}{
		{"invalid", safety.Errorf(safety.Invalid, "bad thing"), 422, "bad thing"},
		{"wrapped", fmt.Errorf("doing: %w", safety.Wrap(safety.Conflict, secret, "taken")), 409, "taken"},
		{"ours", safety.Wrap(safety.Internal, secret, "evidence x does not open"), 500, "something went wrong on our side; the log has the cause"},
		{"untyped", secret, 500, "something went wrong on our side; the log has the cause"},
		{"unauthenticated", safety.Errorf(safety.Unauthenticated, "who?"), 401, "who?"},
		{"a problem already", newProblem(http.StatusTeapot, "tea"), 418, "tea"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := asProblem(tt.err)
			if p.Status != tt.status || p.Detail != tt.detail {
				t.Errorf("got %d %q, want %d %q", p.Status, p.Detail, tt.status, tt.detail)
			}
			if strings.Contains(p.Detail, "secret") {
				t.Error("the cause is told")
			}
		})
	}
}

func TestImportProblem(t *testing.T) {
	p := asProblem(&match.ImportError{Rows: []match.RowProblem{{Line: 7, Problem: "sha256 is not hexadecimal"}}})
	if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Location != "line 7" {
		t.Errorf("got %+v", p)
	}
}

// TestHumaProblem: what huma derives from a rejected value does not pass.
func TestHumaProblem(t *testing.T) {
	const canary = "CANARY"
	p := humaProblem(422, "validation failed",
		&huma.ErrorDetail{Message: "expected string to be RFC 3986 uri: parse \"CANARY\"", Location: "body.url", Value: canary},
		&huma.ErrorDetail{Message: "unexpected property", Location: "body.CANARY", Value: canary},
		&huma.ErrorDetail{Message: "expected integer", Location: "query.limit", Value: canary},
		errors.New("invalid character 'C' in CANARY"))
	text := fmt.Sprintf("%+v", p)
	if strings.Contains(text, canary) {
		t.Errorf("the value passes: %s", text)
	}
	if got := p.(*Problem).Errors; len(got) != 3 || got[1].Location != "body" {
		t.Errorf("got %+v", got)
	}
}
