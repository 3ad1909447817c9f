// Package access knows who is asking and what they may do: API keys for
// programs and people, sessions for the console, one-time sign-in links and
// passkeys (WebAuthn).
//
// Secrets are random, shown once, and kept as SHA-256 only; their entropy (130
// bits) makes a slow hash pointless. A role is a set of scopes; every operation
// names the one scope that it needs.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Scope is one thing that a caller may do.
type Scope string

// The scopes.
const (
	MediaCheck      Scope = "media:check"      // send content and get a verdict
	AccountsWrite   Scope = "accounts:write"   // say what the platform knows of an account
	ListsRead       Scope = "lists:read"       // see lists, never their values
	ListsWrite      Scope = "lists:write"      // create, import, change, delete
	ListsMatch      Scope = "lists:match"      // look hashes up and see distances: a list oracle
	CasesRead       Scope = "cases:read"       // see the queue and cases
	CasesDecide     Scope = "cases:decide"     // claim and decide
	EvidenceView    Scope = "evidence:view"    // see previews, and originals after a recorded reveal
	EvidenceHold    Scope = "evidence:hold"    // place holds, release them two by two, let destruction go on
	EvidenceAdd     Scope = "evidence:add"     // hand in relevant data of an account
	AccountsErase   Scope = "accounts:erase"   // ask that an account be erased
	EvidenceExport  Scope = "evidence:export"  // take evidence bundles of cases
	ReportsRead     Scope = "reports:read"     // see reports
	ReportsApprove  Scope = "reports:approve"  // file reports
	LedgerRead      Scope = "ledger:read"      // read the ledger and its proofs
	WebhooksManage  Scope = "webhooks:manage"  // where events go
	PeopleManage    Scope = "people:manage"    // users and keys
	OverviewRead    Scope = "overview:read"    // counts
	MeasuresRead    Scope = "measures:read"    // the register of measures
	MeasuresWrite   Scope = "measures:write"   // say what the service is, and what is done of each measure
	TakedownsWrite  Scope = "takedowns:write"  // hand in notices, complaints and confirmations
	TakedownsRead   Scope = "takedowns:read"   // see notices
	TakedownsDecide Scope = "takedowns:decide" // decide them, and see who asked

	EventsWrite     Scope = "events:write"     // say what happened, ask whether a contact may be
	EventsManage    Scope = "events:manage"    // see events in quarantine, send them again, discard them
	SignalsShare    Scope = "signals:share"    // confirm signals for other platforms, and take them back
	RequestsRead    Scope = "requests:read"    // see requests of law enforcement
	RequestsWrite   Scope = "requests:write"   // record them, prepare and hand over, end them, record outcomes
	RequestsApprove Scope = "requests:approve" // be the second person of a hand-over
)

// Role is a named set of scopes.
type Role string

// The roles.
const (
	Service    Role = "service"    // the platform's servers
	Reviewer   Role = "reviewer"   // decides cases
	Supervisor Role = "supervisor" // also files reports and keeps lists
	Admin      Role = "admin"      // also manages people and keys
)

var (
	serviceScopes    = []Scope{MediaCheck, AccountsWrite, EvidenceAdd, AccountsErase, TakedownsWrite, EventsWrite}
	reviewerScopes   = []Scope{ListsRead, CasesRead, CasesDecide, EvidenceView, ReportsRead, LedgerRead, OverviewRead, MeasuresRead}
	supervisorScopes = slices.Concat(reviewerScopes, []Scope{ReportsApprove, EvidenceExport, ListsWrite, ListsMatch, WebhooksManage, EvidenceHold, AccountsErase, MeasuresWrite, TakedownsRead, TakedownsDecide, RequestsRead, RequestsWrite, RequestsApprove, EventsManage, SignalsShare})
	adminScopes      = slices.Concat(supervisorScopes, []Scope{PeopleManage, MediaCheck, AccountsWrite, EvidenceAdd, TakedownsWrite, EventsWrite})
)

// Scopes are what a role may do; nil for an unknown role.
func (r Role) Scopes() []Scope {
	switch r {
	case Service:
		return serviceScopes
	case Reviewer:
		return reviewerScopes
	case Supervisor:
		return supervisorScopes
	case Admin:
		return adminScopes
	}
	return nil
}

// Person reports whether holders of the role are human beings: only they decide
// and file.
func (r Role) Person() bool { return r == Reviewer || r == Supervisor || r == Admin }

// Principal is a caller whom we know.
type Principal struct {
	Actor   safety.Actor
	UserID  string // of a session; empty for a key
	Role    Role
	Scopes  []Scope
	Expires time.Time // of a session; zero for a key
	session []byte    // hash; nil for a key
}

// Can reports whether the caller has a scope.
func (p *Principal) Can(s Scope) bool { return p != nil && slices.Contains(p.Scopes, s) }

// Desk keeps keys, users and sessions.
type Desk struct {
	store    *store.Store
	now      func() time.Time
	keys     cache
	passkeys passkeyDesk
}

// NewDesk returns a desk. publicURL is where people reach the console; passkeys
// are bound to its host and are off when that is an IP address.
func NewDesk(s *store.Store, now func() time.Time, publicURL string) (*Desk, error) {
	d := &Desk{store: s, now: now, keys: cache{m: map[string]cached{}}}
	return d, d.passkeys.init(publicURL)
}

// secret makes a random text and what is stored of it.
func secret(prefix string) (text string, hash []byte) {
	text = prefix + strings.ToLower(rand.Text())
	return text, digest(text)
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// CreateKey makes an API key for a role. The key is returned once and never
// again. Extra scopes go beyond the role's.
func (d *Desk) CreateKey(ctx context.Context, actor, name string, role Role, extra ...Scope) (id, key string, err error) {
	if role.Scopes() == nil {
		return "", "", safety.Errorf(safety.Invalid, "unknown role; use service, reviewer, supervisor or admin")
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return "", "", safety.Errorf(safety.Invalid, "a key needs a name of at most 100 characters")
	}
	key, hash := secret("rowan_")
	now := d.now()
	id = safety.NewID("key", now)
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.CreateKey(ctx, db.CreateKeyParams{ID: id, Name: name, Role: string(role), Scopes: joinScopes(extra), Hash: hash,
			CreatedBy: actor, CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("creating key: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "key.create", Subject: id,
			Detail: fmt.Sprintf("role %s", role)})
	})
	return id, key, err
}

func joinScopes(ss []Scope) string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}

// RevokeKey ends a key at once in this process, and within [keyCache] in others.
func (d *Desk) RevokeKey(ctx context.Context, actor, id string) error {
	d.keys.clear()
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.RevokeKey(ctx, id, store.Micros(d.now()))
		if err != nil {
			return fmt.Errorf("revoking key: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.NotFound, "no such key")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "key.revoke", Subject: id})
	})
	d.keys.clear()
	return err
}

// Keys lists all keys, without their secrets.
func (d *Desk) Keys(ctx context.Context) ([]db.ApiKey, error) { return d.store.Read().Keys(ctx) }

// keyCache is how long a key is believed without asking the database, so that
// checks do not wait for SQL.
const keyCache = 5 * time.Second

type cached struct {
	p     *Principal
	until time.Time
}

type cache struct {
	mu sync.Mutex
	m  map[string]cached // by hex hash; owned under mu
}

func (c *cache) get(hash string, now time.Time) *Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.m[hash]; ok && now.Before(e.until) {
		return e.p
	}
	return nil
}

func (c *cache) put(hash string, p *Principal, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) > 10_000 {
		clear(c.m)
	}
	c.m[hash] = cached{p, until}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
}

var errUnknown = safety.Errorf(safety.Unauthenticated, "no or unknown credentials")

// ByKey finds the caller of a bearer token.
func (d *Desk) ByKey(ctx context.Context, key string) (*Principal, error) {
	hash := digest(key)
	name := hex.EncodeToString(hash)
	if p := d.keys.get(name, d.now()); p != nil {
		return p, nil
	}
	k, err := d.store.Read().KeyByHash(ctx, hash)
	if store.IsNotFound(err) || (err == nil && k.RevokedAt != 0) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, safety.Wrap(safety.Unavailable, err, "keys cannot be checked at the moment")
	}
	role := Role(k.Role)
	p := &Principal{Actor: safety.Actor{ID: "key:" + k.ID, Name: k.Name, Person: role.Person()}, Role: role,
		Scopes: role.Scopes()}
	for s := range strings.FieldsSeq(k.Scopes) {
		p.Scopes = append(slices.Clone(p.Scopes), Scope(s))
	}
	now := d.now()
	d.keys.put(name, p, now.Add(keyCache))
	if store.Time(k.LastUsedAt).Add(time.Minute).Before(now) {
		_ = d.store.Read().TouchKey(ctx, k.ID, store.Micros(now)) // a nicety, not worth failing a check for
	}
	return p, nil
}
