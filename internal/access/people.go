package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// How long things last.
const (
	LinkLife    = 24 * time.Hour   // a sign-in link that nobody uses
	SessionLife = 8 * time.Hour    // a session, at most
	SessionIdle = 30 * time.Minute // a session without a request
)

// CreateUser makes a person's account and a one-time sign-in token for it.
func (d *Desk) CreateUser(ctx context.Context, actor, name string, role Role) (u db.User, token string, err error) {
	if !role.Person() {
		return u, "", safety.Errorf(safety.Invalid, "a person's role is reviewer, supervisor or admin")
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return u, "", safety.Errorf(safety.Invalid, "a person needs a name of at most 100 characters")
	}
	now := d.now()
	u = db.User{ID: safety.NewID("usr", now), Name: name, Role: string(role), CreatedAt: store.Micros(now)}
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.CreateUser(ctx, db.CreateUserParams{ID: u.ID, Name: u.Name, Role: u.Role, CreatedAt: u.CreatedAt}); err != nil {
			return fmt.Errorf("creating user: %w", err)
		}
		if token, err = d.link(ctx, tx, u.ID); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "user.create", Subject: u.ID,
			Detail: fmt.Sprintf("role %s", role)})
	})
	return u, token, err
}

func (d *Desk) link(ctx context.Context, tx *store.Tx, userID string) (string, error) {
	token, hash := secret("link_")
	now := d.now()
	err := tx.CreateSignInLink(ctx, db.CreateSignInLinkParams{Hash: hash, UserID: userID, CreatedAt: store.Micros(now),
		ExpiresAt: store.Micros(now.Add(LinkLife))})
	if err != nil {
		return "", fmt.Errorf("creating sign-in link: %w", err)
	}
	return token, nil
}

// Link makes a new one-time sign-in token for a user.
func (d *Desk) Link(ctx context.Context, actor, userID string) (token string, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		u, err := tx.User(ctx, userID)
		if err != nil {
			return store.NotFound(err, "user")
		}
		if u.DisabledAt != 0 {
			return safety.Errorf(safety.Conflict, "this user is disabled")
		}
		if token, err = d.link(ctx, tx, userID); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "user.link", Subject: userID})
	})
	return token, err
}

// FirstAdmin makes sure that somebody can administer: when no user exists it
// creates one. It returns a one-time sign-in token for the oldest administrator.
func (d *Desk) FirstAdmin(ctx context.Context) (token string, err error) {
	users, err := d.Users(ctx)
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if Role(u.Role) == Admin && u.DisabledAt == 0 {
			return d.Link(ctx, "cli", u.ID)
		}
	}
	_, token, err = d.CreateUser(ctx, "cli", "Administrator", Admin)
	return token, err
}

// Users lists everybody.
func (d *Desk) Users(ctx context.Context) ([]db.UsersRow, error) {
	users, err := d.store.Read().Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading users: %w", err)
	}
	return users, nil
}

// SetUser changes a user's role or disables them; nil keeps what is there.
// Their sessions end, so that the change holds from now on.
func (d *Desk) SetUser(ctx context.Context, actor, id string, role *Role, disabled *bool) error {
	if role != nil && !role.Person() {
		return safety.Errorf(safety.Invalid, "a person's role is reviewer, supervisor or admin")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		u, err := tx.User(ctx, id)
		if err != nil {
			return store.NotFound(err, "user")
		}
		if "user:"+id == actor {
			return safety.Errorf(safety.Conflict, "somebody else must change your own account")
		}
		if role != nil {
			u.Role = string(*role)
		}
		if disabled != nil && *disabled && u.DisabledAt == 0 {
			u.DisabledAt = store.Micros(d.now())
		} else if disabled != nil && !*disabled {
			u.DisabledAt = 0
		}
		if err := tx.SetUser(ctx, id, u.Role, u.DisabledAt); err != nil {
			return fmt.Errorf("changing user: %w", err)
		}
		if err := tx.DeleteSessionsOfUser(ctx, id); err != nil {
			return fmt.Errorf("ending sessions: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "user.change", Subject: id,
			Detail: fmt.Sprintf("role %s, disabled %t", u.Role, u.DisabledAt != 0)})
	})
}

// Redeem turns a one-time token into a session. A token works once.
func (d *Desk) Redeem(ctx context.Context, token string) (session string, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		userID, err := tx.UseSignInLink(ctx, digest(token), store.Micros(d.now()))
		if store.IsNotFound(err) {
			return safety.Errorf(safety.Unauthenticated, "this link was used already, has expired or never existed")
		}
		if err != nil {
			return fmt.Errorf("using sign-in link: %w", err)
		}
		session, err = d.signIn(ctx, tx, userID, "link")
		return err
	})
	return session, err
}

// signIn begins a session in tx.
func (d *Desk) signIn(ctx context.Context, tx *store.Tx, userID, how string) (string, error) {
	u, err := tx.User(ctx, userID)
	if err != nil {
		return "", store.NotFound(err, "user")
	}
	if u.DisabledAt != 0 {
		return "", safety.Errorf(safety.Unauthenticated, "this user is disabled")
	}
	session, hash := secret("ses_")
	now := d.now()
	err = tx.CreateSession(ctx, db.CreateSessionParams{Hash: hash, UserID: userID, CreatedAt: store.Micros(now),
		ExpiresAt: store.Micros(now.Add(SessionLife))})
	if err != nil {
		return "", fmt.Errorf("creating session: %w", err)
	}
	return session, ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: "user:" + userID, Action: "session.begin", Subject: userID, Detail: "by " + how})
}

// BySession finds the caller of a session cookie.
func (d *Desk) BySession(ctx context.Context, session string) (*Principal, error) {
	hash := digest(session)
	s, err := d.store.Read().SessionByHash(ctx, hash)
	if store.IsNotFound(err) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, safety.Wrap(safety.Unavailable, err, "sessions cannot be checked at the moment")
	}
	now := d.now()
	seen := store.Time(s.SeenAt)
	if s.DisabledAt != 0 || now.After(store.Time(s.ExpiresAt)) || now.Sub(seen) > SessionIdle {
		return nil, errUnknown
	}
	if now.Sub(seen) > time.Minute {
		if err := d.store.Read().TouchSession(ctx, hash, store.Micros(now)); err != nil {
			return nil, safety.Wrap(safety.Unavailable, err, "sessions cannot be checked at the moment")
		}
	}
	role := Role(s.Role)
	return &Principal{Actor: safety.Actor{ID: "user:" + s.UserID, Name: s.Name, Person: true}, UserID: s.UserID, Role: role,
		Scopes: role.Scopes(), Expires: store.Time(s.ExpiresAt), session: hash}, nil
}

// SignOut ends a session.
func (d *Desk) SignOut(ctx context.Context, p *Principal) error {
	if p.session == nil {
		return safety.Errorf(safety.Conflict, "a key has no session to end")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteSession(ctx, p.session); err != nil {
			return fmt.Errorf("ending session: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: p.Actor.ID, Action: "session.end", Subject: p.UserID})
	})
}
