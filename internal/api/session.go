package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/safety"
)

// SessionModel says who is signed in.
type SessionModel struct {
	User      SessionUser `json:"user"`
	Scopes    []string    `json:"scopes"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty" doc:"Absent for an API key"`
}

// SessionUser is the person, or the key, that asks.
type SessionUser struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role" enum:"service,reviewer,supervisor,admin"`
	Passkeys int    `json:"passkeys"`
}

type (
	sessionOutput struct {
		SetCookie http.Cookie `header:"Set-Cookie"`
		Body      SessionModel
	}
	whoOutput struct{ Body SessionModel }
	linkInput struct {
		Body struct {
			Token string `json:"token" minLength:"1" maxLength:"100"`
		}
	}
	signOutOutput struct {
		SetCookie     http.Cookie `header:"Set-Cookie"`
		ClearSiteData string      `header:"Clear-Site-Data"`
	}
	passkeyBegin struct {
		Body struct {
			PublicKey json.RawMessage `json:"publicKey" doc:"For navigator.credentials.create"`
		}
	}
	passkeyAnswer struct {
		Body    json.RawMessage
		RawBody []byte
	}
	loginBegin struct {
		Body struct {
			Flow      string          `json:"flow"`
			PublicKey json.RawMessage `json:"publicKey" doc:"For navigator.credentials.get"`
		}
	}
	loginFinish struct {
		Body struct {
			Flow     string         `json:"flow" maxLength:"100"`
			Response map[string]any `json:"response"`
		}
	}
)

// cookieName: the __Host- prefix makes browsers insist on a secure origin and on
// this host alone, and so works with TLS only.
func cookieName(isSecure bool) string {
	if isSecure {
		return "__Host-rowan"
	}
	return "rowan"
}

func (a *API) cookie(value string, life time.Duration) http.Cookie {
	//nolint:gosec // Secure is off only where the operator serves plain HTTP, as `make run` does on this machine
	return http.Cookie{Name: cookieName(a.SecureCookies), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.SecureCookies}
}

func (a *API) sessionRoutes() {
	const tag = "Session"
	handle(a, op{method: "GET", path: "/v1/session", id: "get-session", tag: tag, summary: "Who am I?"}, a.getSession)
	handle(a, op{method: "POST", path: "/v1/session/link", id: "redeem-link", tag: tag, summary: "Sign in with a one-time link"}, a.redeemLink)
	handle(a, op{method: "DELETE", path: "/v1/session", id: "sign-out", tag: tag, summary: "Sign out", status: http.StatusNoContent}, a.signOut)
	handle(a, op{method: "POST", path: "/v1/session/passkey/register/begin", id: "begin-passkey", tag: tag, scope: access.OverviewRead,
		summary: "Begin making a passkey"}, a.beginPasskey)
	handle(a, op{method: "POST", path: "/v1/session/passkey/register/finish", id: "finish-passkey", tag: tag, scope: access.OverviewRead,
		summary: "Store a new passkey", status: http.StatusNoContent, more: anyBody}, a.finishPasskey)
	handle(a, op{method: "POST", path: "/v1/session/passkey/login/begin", id: "begin-passkey-login", tag: tag, summary: "Begin signing in with a passkey"}, a.beginLogin)
	handle(a, op{method: "POST", path: "/v1/session/passkey/login/finish", id: "finish-passkey-login", tag: tag, summary: "Sign in with a passkey"}, a.finishLogin)
}

// anyBody leaves the checking of a body to the library that understands it.
func anyBody(o *huma.Operation) { o.SkipValidateBody = true }

func (a *API) who(ctx context.Context, p *access.Principal) (SessionModel, error) {
	if p == nil {
		return SessionModel{}, safety.Errorf(safety.Unauthenticated, "you are not signed in")
	}
	out := SessionModel{User: SessionUser{ID: p.Actor.ID, Name: p.Actor.Name, Role: string(p.Role)}, Scopes: []string{}}
	for _, s := range p.Scopes {
		out.Scopes = append(out.Scopes, string(s))
	}
	if p.UserID == "" {
		return out, nil
	}
	n, err := a.Access.Passkeys(ctx, p.UserID)
	out.User.Passkeys = n
	out.ExpiresAt = &p.Expires
	return out, err
}

func (a *API) getSession(ctx context.Context, _ *struct{}) (*whoOutput, error) {
	m, err := a.who(ctx, caller(ctx))
	return &whoOutput{m}, err
}

func (a *API) redeemLink(ctx context.Context, in *linkInput) (*sessionOutput, error) {
	session, err := a.Access.Redeem(ctx, in.Body.Token)
	return a.signedIn(ctx, session, err)
}

func (a *API) signedIn(ctx context.Context, session string, err error) (*sessionOutput, error) {
	if err != nil {
		return nil, err
	}
	p, err := a.Access.BySession(ctx, session)
	if err != nil {
		return nil, err
	}
	m, err := a.who(ctx, p)
	return &sessionOutput{SetCookie: a.cookie(session, access.SessionLife), Body: m}, err
}

func (a *API) signOut(ctx context.Context, _ *struct{}) (*signOutOutput, error) {
	p := caller(ctx)
	if p == nil {
		return nil, safety.Errorf(safety.Unauthenticated, "you are not signed in")
	}
	if err := a.Access.SignOut(ctx, p); err != nil {
		return nil, err
	}
	return &signOutOutput{SetCookie: a.cookie("", -time.Second), ClearSiteData: `"cache", "storage"`}, nil
}

func (a *API) beginPasskey(ctx context.Context, _ *struct{}) (*passkeyBegin, error) {
	creation, err := a.Access.BeginPasskey(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	out := &passkeyBegin{}
	out.Body.PublicKey, err = json.Marshal(creation.Response)
	return out, err
}

func (a *API) finishPasskey(ctx context.Context, in *passkeyAnswer) (*none, error) {
	return nil, a.Access.FinishPasskey(ctx, caller(ctx), in.RawBody)
}

func (a *API) beginLogin(context.Context, *struct{}) (*loginBegin, error) {
	flow, assertion, err := a.Access.BeginPasskeyLogin()
	if err != nil {
		return nil, err
	}
	out := &loginBegin{}
	out.Body.Flow = flow
	out.Body.PublicKey, err = json.Marshal(assertion.Response)
	return out, err
}

func (a *API) finishLogin(ctx context.Context, in *loginFinish) (*sessionOutput, error) {
	text, err := json.Marshal(in.Body.Response)
	if err != nil {
		return nil, err
	}
	session, err := a.Access.FinishPasskeyLogin(ctx, in.Body.Flow, text)
	return a.signedIn(ctx, session, err)
}
