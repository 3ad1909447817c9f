package api

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/disclosure"
	"github.com/rowan-safety/rowan/internal/fetch"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/match/exchange"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/takedown"
	"github.com/rowan-safety/rowan/internal/transparency"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Deps are the rooms that the API opens to the outside.
type Deps struct {
	Store   *store.Store
	Access  *access.Desk
	Intake  *intake.Desk
	Lists   *match.Lists
	Index   *match.Index
	Pool    *media.Pool
	Fetch   *fetch.Fetcher
	Cases   *cases.Desk
	Reports *reporting.Desk
	// Exchanges bring lists from elsewhere.
	Exchanges *exchange.Desk
	// Measures and Transparency show what Rowan can show of its duties.
	Measures     *measures.Desk
	Transparency *transparency.Desk
	Statements   *statement.Desk
	Takedowns    *takedown.Desk
	// Remembered writes the uploads of the last moment, so that a notice about one
	// finds it.
	Remembered func(context.Context)
	Vault      *vault.Vault
	Custody    *custody.Desk
	Requests   *disclosure.Desk
	Ledger     *ledger.Log
	// LedgerPublic is what everybody may read of the ledger: off, hashes or all.
	LedgerPublic string
	Webhooks     *stream.Webhooks
	// Events takes in what happened; Conversations follows it.
	Events        *stream.Events
	Conversations *conversation.Desk
	Console       fs.FS // the console's built files; nil for none
	Metrics       http.Handler
	// Observe is told of every answer, by route pattern and never by path.
	Observe       func(pattern string, status int, took time.Duration)
	Now           func() time.Time
	Log           *slog.Logger
	Version       string
	PublicURL     string
	SecureCookies bool
	MaxFile       int64 // bytes of an uploaded file
}

// API answers HTTP requests.
type API struct {
	Deps
	mux  *http.ServeMux
	huma huma.API
}

// New builds the API.
func New(d Deps) *API {
	// huma keeps these in package variables; they are the same for every API.
	huma.NewError = humaProblem
	huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, msg, errs...)
	}
	huma.DefaultArrayNullable = false
	a := &API{Deps: d, mux: http.NewServeMux()}
	cfg := huma.DefaultConfig("Rowan", d.Version)
	cfg.CreateHooks = nil // no $schema member in answers
	cfg.DocsPath = ""     // the usual page loads scripts from elsewhere
	cfg.SchemasPath = ""
	cfg.Info.Description = "The child-safety layer that a service runs beside itself. Errors are RFC 9457 problem documents. Send an API key as a bearer token."
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "An API key"},
		"session": {Type: "apiKey", In: "cookie", Name: "rowan", Description: "The console's session"},
	}
	a.huma = humago.New(a.mux, cfg)
	a.routes()
	return a
}

func (a *API) routes() {
	a.checkRoutes()
	a.linkRoutes()
	a.accountRoutes()
	a.eventRoutes()
	a.quarantineRoutes()
	a.contactRoutes()
	a.conversationRoutes()
	a.signalRoutes()
	a.listRoutes()
	a.exchangeRoutes()
	a.caseRoutes()
	a.evidenceRoutes()
	a.keepRoutes()
	a.bundleRoutes()
	a.requestRoutes()
	a.reportRoutes()
	a.ledgerRoutes()
	a.tileRoutes()
	a.webhookRoutes()
	a.sessionRoutes()
	a.peopleRoutes()
	a.overviewRoutes()
	a.measureRoutes()
	a.statementRoutes()
	a.takedownRoutes()
	a.hmaRoutes()
	a.healthRoutes()
	a.consoleRoutes()
}

// OpenAPI is the OpenAPI 3.1 document as JSON.
func (a *API) OpenAPI() ([]byte, error) { return a.huma.OpenAPI().MarshalJSON() }

// Handler is the whole API with everything that every request passes: limits on
// what a browser may do with answers, protection from cross-site requests, and
// an access log without anything personal.
func (a *API) Handler() http.Handler {
	var h http.Handler = http.HandlerFunc(a.serve)
	h = http.NewCrossOriginProtection().Handler(h)
	return a.observed(h)
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	// Coop's default base URL ends in a slash, and ServeMux would answer the
	// doubled slash with a redirect, which breaks POST.
	for strings.Contains(r.URL.Path, "//") {
		r.URL.Path = strings.ReplaceAll(r.URL.Path, "//", "/")
	}
	secure(w.Header())
	// ServeMux would redirect a path with dots in it to the path that it took
	// it for, and so repeat it.
	if _, pattern := a.mux.Handler(r); pattern == "" || dotted(r.URL.Path) {
		writeProblem(w, newProblem(http.StatusNotFound, "there is nothing at this path"))
		return
	}
	a.mux.ServeHTTP(w, r)
}

func dotted(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// secure sets the headers that hold for every answer; the console's pages add
// their own Content-Security-Policy.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), display-capture=()")
	h.Set("Cache-Control", "no-store")
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (a *API) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			switch e := recover(); e {
			case nil:
			case http.ErrAbortHandler: // meant, and logged where it was thrown
				defer panic(e)
			default:
				// A panic is a bug, and its text may hold anything: only where it was is logged.
				a.Log.ErrorContext(r.Context(), "panic in a handler", "route", r.Pattern, "stack", string(debug.Stack()))
				if rec.status == 0 {
					writeProblem(rec, newProblem(http.StatusInternalServerError, "something went wrong on our side; the log has the cause"))
				}
			}
			a.observe(r, rec.status, time.Since(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (a *API) observe(r *http.Request, status int, took time.Duration) {
	_, pattern := a.mux.Handler(r)
	if pattern == "" {
		pattern = "none"
	}
	if a.Observe != nil {
		a.Observe(pattern, status, took)
	}
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelWarn
	}
	a.Log.Log(r.Context(), level, "request", "route", pattern, "status", status, "ms", took.Milliseconds())
}

// logged notes errors that are ours, with their cause, before they become a
// problem that hides it.
func (a *API) logged(ctx context.Context, op string, err error) {
	if k := safety.KindOf(err); k == safety.Internal || k == safety.Unavailable {
		if p, ok := errors.AsType[*Problem](err); !ok || p.Status >= 500 {
			a.Log.ErrorContext(ctx, "operation failed", "operation", op, "error", err)
		}
	}
}
