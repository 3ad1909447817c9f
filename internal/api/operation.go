package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/safety"
)

type contextKey int

const principalKey contextKey = iota

// caller is who sent the request; nil only in operations without a scope.
func caller(ctx context.Context) *access.Principal {
	p, _ := ctx.Value(principalKey).(*access.Principal)
	return p
}

// op describes an operation.
type op struct {
	method, path string
	id           string // of the OpenAPI document
	summary      string
	tag          string
	scope        access.Scope // what the caller needs; "" for nothing
	status       int          // of success, when it is not the usual
	maxBody      int64        // bytes; 0 for 1 MiB
	more         func(*huma.Operation)
	// body documents the body of an operation that reads it by itself. huma would
	// read a body that it knows of, so it is told after the registration.
	body func() *huma.RequestBody
}

// handle registers an operation. Its errors become problems here.
func handle[I, O any](a *API, o op, fn func(context.Context, *I) (*O, error)) {
	operation := huma.Operation{Method: o.method, Path: o.path, OperationID: o.id, Summary: o.summary, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: o.maxBody, BodyReadTimeout: -1}
	if o.scope != "" {
		operation.Security = []map[string][]string{{"key": {string(o.scope)}}, {"session": {string(o.scope)}}}
		operation.Description = "Needs the scope `" + string(o.scope) + "`."
	}
	operation.Middlewares = huma.Middlewares{a.authenticate(o.scope)}
	if o.more != nil {
		o.more(&operation)
	}
	huma.Register(a.huma, operation, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			a.logged(ctx, o.id, err)
			return nil, retryable(asProblem(err))
		}
		return out, nil
	})
	if o.body != nil {
		a.huma.OpenAPI().Paths[o.path].Post.RequestBody = o.body()
	}
}

// retryable tells a caller that is sent away for now when to come back.
func retryable(p *Problem) error {
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {"1"}})
	}
	return p
}

// authenticate finds the caller and checks the scope before anything of the
// request is read. An operation without a scope takes anybody, but still learns
// who it is if they say.
func (a *API) authenticate(scope access.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		p, err := a.principal(r, scope)
		if err != nil {
			a.logged(ctx.Context(), "authenticate", err)
			challenge(w, err)
			return
		}
		next(huma.WithValue(ctx, principalKey, p))
	}
}

func challenge(w http.ResponseWriter, err error) {
	problem := asProblem(err)
	if problem.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeProblem(w, problem)
}

// principal finds the caller of r and checks that they have scope.
func (a *API) principal(r *http.Request, scope access.Scope) (*access.Principal, error) {
	p, err := a.identify(r)
	if scope == "" {
		if err != nil {
			p = nil
		}
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if !p.Can(scope) {
		return nil, safety.Errorf(safety.Forbidden, "this needs the scope %s", scope)
	}
	return p, nil
}

func (a *API) identify(r *http.Request) (*access.Principal, error) {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return a.Access.ByKey(r.Context(), strings.TrimSpace(key))
	}
	if c, err := r.Cookie(cookieName(a.SecureCookies)); err == nil {
		return a.Access.BySession(r.Context(), c.Value)
	}
	return nil, safety.Errorf(safety.Unauthenticated, "send an API key as a bearer token, or sign in")
}

// Raw is the input of an operation that reads its own body.
type Raw struct{ r *http.Request }

// Resolve implements huma.Resolver.
func (in *Raw) Resolve(ctx huma.Context) []error {
	in.r, _ = humago.Unwrap(ctx)
	return nil
}

// Page is how lists are paged.
type Page struct {
	Cursor string `query:"cursor" maxLength:"500" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items on the page"`
}

// position reads a cursor that mark made; an empty cursor leaves into as it is.
func position(cursor string, into any) error {
	if cursor == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return safety.Errorf(safety.Invalid, "this cursor did not come from a page before")
	}
	return nil
}

func mark(at any) string {
	b, _ := json.Marshal(at) // of our own plain types
	return base64.RawURLEncoding.EncodeToString(b)
}

// none is the output of an operation that has nothing to say.
type none struct{}
