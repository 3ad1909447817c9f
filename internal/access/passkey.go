package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// passkeyDesk keeps the WebAuthn ceremonies that are under way. They live in
// this process for five minutes; behind several replicas, a ceremony must end
// where it began.
type passkeyDesk struct {
	web *webauthn.WebAuthn // nil when passkeys are off

	mu    sync.Mutex
	flows map[string]flow // owned under mu
}

type flow struct {
	data  webauthn.SessionData
	until time.Time
}

const flowLife = 5 * time.Minute

func (k *passkeyDesk) init(publicURL string) error {
	k.flows = map[string]flow{}
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return safety.Errorf(safety.Invalid, "public_url is not a URL")
	}
	if net.ParseIP(u.Hostname()) != nil {
		return nil // WebAuthn §5.1.3: a relying party's id is a domain
	}
	k.web, err = webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: "Rowan", RPOrigins: []string{u.Scheme + "://" + u.Host}})
	if err != nil {
		return fmt.Errorf("passkeys: %w", err)
	}
	return nil
}

func (k *passkeyDesk) put(name string, data *webauthn.SessionData, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n, f := range k.flows {
		if now.After(f.until) {
			delete(k.flows, n)
		}
	}
	k.flows[name] = flow{*data, now.Add(flowLife)}
}

func (k *passkeyDesk) take(name string, now time.Time) (webauthn.SessionData, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.flows[name]
	delete(k.flows, name)
	if !ok || now.After(f.until) {
		return f.data, safety.Errorf(safety.Conflict, "this passkey dialogue has expired; begin again")
	}
	return f.data, nil
}

func (k *passkeyDesk) ready() error {
	if k.web == nil {
		return safety.Errorf(safety.Conflict, "passkeys need a public_url with a domain name (localhost is one)")
	}
	return nil
}

// webUser is a user as the WebAuthn library wants to see it.
type webUser struct {
	id, name    string
	credentials []webauthn.Credential
}

func (u *webUser) WebAuthnID() []byte                         { return []byte(u.id) }
func (u *webUser) WebAuthnName() string                       { return u.name }
func (u *webUser) WebAuthnDisplayName() string                { return u.name }
func (u *webUser) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func (d *Desk) webUser(ctx context.Context, userID string) (*webUser, error) {
	u, err := d.store.Read().User(ctx, userID)
	if err != nil {
		return nil, store.NotFound(err, "user")
	}
	rows, err := d.store.Read().PasskeysOfUser(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("reading passkeys: %w", err)
	}
	w := &webUser{id: u.ID, name: u.Name}
	for _, r := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(r.Credential), &c); err != nil {
			return nil, fmt.Errorf("stored passkey: %w", err)
		}
		w.credentials = append(w.credentials, c)
	}
	return w, nil
}

// Passkeys counts a user's passkeys.
func (d *Desk) Passkeys(ctx context.Context, userID string) (int, error) {
	rows, err := d.store.Read().PasskeysOfUser(ctx, userID)
	return len(rows), err
}

// BeginPasskey starts the making of a passkey for a signed-in person. The
// answer goes to navigator.credentials.create.
func (d *Desk) BeginPasskey(ctx context.Context, p *Principal) (*protocol.CredentialCreation, error) {
	if err := d.passkeys.ready(); err != nil {
		return nil, err
	}
	if p.UserID == "" {
		return nil, safety.Errorf(safety.Forbidden, "passkeys belong to people who sign in")
	}
	u, err := d.webUser(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	creation, data, err := d.passkeys.web.BeginRegistration(u,
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("beginning passkey: %w", err)
	}
	d.passkeys.put("register "+p.UserID, data, d.now())
	return creation, nil
}

// FinishPasskey stores the passkey that the browser made. response is the JSON
// of its PublicKeyCredential.
func (d *Desk) FinishPasskey(ctx context.Context, p *Principal, response []byte) error {
	data, err := d.passkeys.take("register "+p.UserID, d.now())
	if err != nil {
		return err
	}
	u, err := d.webUser(ctx, p.UserID)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBody(bytes.NewReader(response))
	if err != nil {
		return safety.Wrap(safety.Invalid, err, "this is not a passkey registration")
	}
	c, err := d.passkeys.web.CreateCredential(u, data, parsed)
	if err != nil {
		return safety.Wrap(safety.Invalid, err, "the passkey was not accepted")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.AddPasskey(ctx, db.AddPasskeyParams{ID: passkeyID(c.ID), UserID: p.UserID, Credential: string(text), CreatedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("storing passkey: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: p.Actor.ID, Action: "passkey.add", Subject: p.UserID})
	})
}

func passkeyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// BeginPasskeyLogin starts a sign-in by passkey. The answer goes to
// navigator.credentials.get; flow comes back with its result.
func (d *Desk) BeginPasskeyLogin() (flow string, a *protocol.CredentialAssertion, err error) {
	if err := d.passkeys.ready(); err != nil {
		return "", nil, err
	}
	a, data, err := d.passkeys.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", nil, fmt.Errorf("beginning sign-in: %w", err)
	}
	flow, _ = secret("flow_")
	d.passkeys.put(flow, data, d.now())
	return flow, a, nil
}

// FinishPasskeyLogin checks the browser's answer and begins a session.
func (d *Desk) FinishPasskeyLogin(ctx context.Context, flow string, response []byte) (session string, err error) {
	data, err := d.passkeys.take(flow, d.now())
	if err != nil {
		return "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBody(bytes.NewReader(response))
	if err != nil {
		return "", safety.Wrap(safety.Invalid, err, "this is not a passkey answer")
	}
	user, c, err := d.passkeys.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		return d.webUser(ctx, string(handle))
	}, data, parsed)
	if err != nil {
		return "", safety.Wrap(safety.Unauthenticated, err, "the passkey was not accepted")
	}
	if c.Authenticator.CloneWarning {
		return "", safety.Errorf(safety.Unauthenticated, "this passkey seems to exist twice; ask an administrator for a link")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.SetPasskey(ctx, passkeyID(c.ID), string(text)); err != nil {
			return fmt.Errorf("updating passkey: %w", err)
		}
		session, err = d.signIn(ctx, tx, string(user.WebAuthnID()), "passkey")
		return err
	})
	return session, err
}
