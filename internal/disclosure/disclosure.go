// Package disclosure keeps the requests of law enforcement: what came, from whom,
// on what ground and until when; what was handed over, by whom, and that two people
// stood behind it; and what came of it.
//
// A request is open until a person answers, refuses or withdraws it. While it is
// open, nothing that it names is destroyed or erased, whatever the clocks say
// (package vault asks), also what comes later. Each case that it names gets a hold of
// its own, which outlives the request until two people release it: no single person
// can let go of what an authority has asked for. A law's limit can be made earlier
// by a person and never later.
//
// What is handed over is an evidence bundle of one case, sealed as it was prepared.
// Another person than the one who prepared it must approve it; then the same bytes
// are taken out, and the hand-over is recorded once: to whom, by what means, with
// length and SHA-256. Nothing is handed over on a request that has ended.
//
// The ledger gets ids, grounds and digests. Words that people write (what is asked,
// who the officer is, notes) stay in the tables, where they can be erased.
package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Basis is the ground of a request.
type Basis string

// The grounds.
const (
	NCAInformation Basis = "nca_information_request" // SI 2026/268: seven days
	CourtOrder     Basis = "court_order"             // also a warrant or a production order
	LegalProcess   Basis = "legal_process"           // a subpoena or the like, without a court's order
	Preservation   Basis = "preservation_request"    // nothing is handed over on it
	Emergency      Basis = "emergency"               // danger to a life
	Mutual         Basis = "mutual_assistance"       // through another state's authorities
	Voluntary      Basis = "voluntary"
	OtherBasis     Basis = "other"
)

// Ground is a basis with what is to be known of it.
type Ground struct {
	Basis Basis
	Words string
	Law   *vault.Law // with a limit; nil where a person sets the time
	// HandsOver is false for what only asks to keep.
	HandsOver bool
}

// Grounds lists every ground.
var Grounds = []Ground{
	{NCAInformation, "Information request of the NCA", &vault.UKInformationRequest, true},
	{CourtOrder, "Court order, warrant or production order", nil, true},
	{LegalProcess, "Legal process without a court's order", nil, true},
	{Preservation, "Request to preserve", nil, false},
	{Emergency, "Emergency: danger to a life", nil, true},
	{Mutual, "Mutual legal assistance", nil, true},
	{Voluntary, "Asked without compulsion", nil, true},
	{OtherBasis, "Another ground", nil, true},
}

func ground(b Basis) (Ground, bool) {
	i := slices.IndexFunc(Grounds, func(g Ground) bool { return g.Basis == b })
	if i < 0 {
		return Ground{}, false
	}
	return Grounds[i], true
}

// The kinds of authorities, the means by which requests come and hand-overs go,
// and what a request may name.
var (
	AuthorityKinds = []string{"police", "nca", "prosecutor", "court", "regulator", "other"}
	Means          = []string{"portal", "email", "letter", "phone", "in_person", "other"}
	SubjectKinds   = []string{"case", "account", "content", "report"}
)

// State is where a request is.
type State string

// The states. All but the first are final.
const (
	Open      State = "open"
	Answered  State = "answered"
	Refused   State = "refused"
	Withdrawn State = "withdrawn" // by the authority
)

// Subject is something that a request names.
type Subject struct{ Kind, ID string }

// New is a request as it came.
type New struct {
	Authority     string
	AuthorityKind string
	Country       string // ISO 3166-1 alpha-2, or empty
	Officer       string
	Contact       string
	Reference     string
	Means         string
	Basis         Basis
	Asks          string // what is asked, in words
	ReceivedAt    time.Time
	DueAt         time.Time // zero: the law's limit, and without one an error
	Subjects      []Subject
}

const maxSubjects = 200

func (n New) check(now time.Time) (Ground, error) {
	g, ok := ground(n.Basis)
	long := func(s string, max int) bool { return utf8.RuneCountInString(s) > max }
	switch {
	case !ok:
		return g, safety.Errorf(safety.Invalid, "basis is not one that is known")
	case strings.TrimSpace(n.Authority) == "" || long(n.Authority, 200):
		return g, safety.Errorf(safety.Invalid, "the authority needs a name of at most 200 characters")
	case !slices.Contains(AuthorityKinds, n.AuthorityKind):
		return g, safety.Errorf(safety.Invalid, "authority_kind must be one of %s", strings.Join(AuthorityKinds, ", "))
	case !slices.Contains(Means, n.Means):
		return g, safety.Errorf(safety.Invalid, "means must be one of %s", strings.Join(Means, ", "))
	case n.Country != "" && (len(n.Country) != 2 || strings.Trim(n.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return g, safety.Errorf(safety.Invalid, "country is two capital letters (ISO 3166-1), or empty")
	case long(n.Officer, 200) || long(n.Contact, 500) || long(n.Reference, 200) || long(n.Asks, 4000):
		return g, safety.Errorf(safety.Invalid, "officer and reference have at most 200 characters, contact 500, what is asked 4000")
	case n.ReceivedAt.IsZero() || n.ReceivedAt.After(now.Add(time.Minute)):
		return g, safety.Errorf(safety.Invalid, "received_at is when it came, and not in the future")
	case len(n.Subjects) == 0 || len(n.Subjects) > maxSubjects:
		return g, safety.Errorf(safety.Invalid, "a request names 1 to %d accounts, cases, contents or reports", maxSubjects)
	}
	for _, s := range n.Subjects {
		if !slices.Contains(SubjectKinds, s.Kind) || s.ID == "" || long(s.ID, 256) {
			return g, safety.Errorf(safety.Invalid, "a subject has a kind (%s) and an id of at most 256 characters", strings.Join(SubjectKinds, ", "))
		}
	}
	return g, nil
}

// due is the time by which the request must be answered.
func (n New) due(g Ground) (law, due time.Time, err error) {
	due = n.DueAt
	if g.Law != nil {
		law = g.Law.End(n.ReceivedAt)
		if due.IsZero() {
			due = law
		}
		if due.After(law) {
			return law, due, safety.Errorf(safety.Invalid, "%s: %s from %s; a time may be earlier than that and not later", g.Law.Name, g.Law.For, g.Law.From)
		}
	}
	if due.IsZero() {
		return law, due, safety.Errorf(safety.Invalid, "no law that Rowan knows of sets a time for this; say by when it is to be answered (due_at)")
	}
	if due.Before(n.ReceivedAt) {
		return law, due, safety.Errorf(safety.Invalid, "due_at is before the request came")
	}
	return law, due, nil
}

// Hooks are what other rooms do.
type Hooks struct {
	// Bundle makes the evidence bundle of a case and puts the export on record.
	Bundle func(ctx context.Context, who safety.Actor, caseID, reason, passphrase string, withoutContent bool) ([]byte, error)
}

// Desk works on requests.
type Desk struct {
	store *store.Store
	vault *vault.Vault
	now   func() time.Time
	hooks Hooks
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, v *vault.Vault, now func() time.Time, h Hooks) *Desk {
	return &Desk{store: s, vault: v, now: now, hooks: h}
}

var errPerson = safety.Errorf(safety.Forbidden, "only a person works on an authority's request")

// Receive records a request. From the same transaction on, what it names is kept.
func (d *Desk) Receive(ctx context.Context, who safety.Actor, n New) (db.Request, error) {
	if !who.Person {
		return db.Request{}, errPerson
	}
	now := d.now()
	g, err := n.check(now)
	if err != nil {
		return db.Request{}, err
	}
	law, due, err := n.due(g)
	if err != nil {
		return db.Request{}, err
	}
	id := safety.NewID("req", now)
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.AddRequest(ctx, db.AddRequestParams{ID: id, Authority: n.Authority, AuthorityKind: n.AuthorityKind, Country: n.Country,
			Officer: n.Officer, Contact: n.Contact, Reference: n.Reference, Means: n.Means, Basis: string(n.Basis), Asks: n.Asks,
			ReceivedAt: store.Micros(n.ReceivedAt), RecordedAt: store.Micros(now), RecordedBy: who.ID, RecordedName: who.Name,
			LawDueAt: store.Micros(law), DueAt: store.Micros(due)})
		if err != nil {
			return fmt.Errorf("recording request: %w", err)
		}
		for _, s := range n.Subjects {
			if err := d.name(ctx, tx, id, s); err != nil {
				return err
			}
		}
		if err := d.hold(ctx, tx, who, id, n.Basis); err != nil {
			return err
		}
		return d.tell(ctx, tx, who, id, "request.receive", fmt.Sprintf("%s from %s, %d subjects, due %s", n.Basis, n.AuthorityKind, len(n.Subjects),
			due.UTC().Format(time.RFC3339)))
	})
	if err != nil {
		return db.Request{}, err
	}
	return d.store.Read().RequestByID(ctx, id)
}

// name adds a subject. What is named is locked, so that a destruction or an erasure
// that is under way is either seen here or sees this.
func (d *Desk) name(ctx context.Context, tx *store.Tx, id string, s Subject) error {
	switch s.Kind {
	case "account":
		if err := tx.LockCases(ctx, "account "+s.ID); err != nil {
			return fmt.Errorf("locking account: %w", err)
		}
	case "case":
		if _, err := tx.CaseByID(ctx, s.ID); err != nil {
			return store.NotFound(err, "case "+s.ID)
		}
	case "report":
		if _, err := tx.Report(ctx, s.ID); err != nil {
			return store.NotFound(err, "report "+s.ID)
		}
	}
	if err := tx.AddRequestSubject(ctx, id, s.Kind, s.ID); err != nil {
		return fmt.Errorf("recording subject: %w", err)
	}
	cases, err := tx.CasesOfRequest(ctx, id)
	if err != nil {
		return fmt.Errorf("reading cases: %w", err)
	}
	for _, c := range cases {
		if _, err := tx.LockCaseRow(ctx, c.ID); err != nil {
			return fmt.Errorf("locking case: %w", err)
		}
	}
	return nil
}

// hold places a hold on each case that a request names and that has none of it. The
// words of a hold stand in the ledger, so they are fixed ones.
func (d *Desk) hold(ctx context.Context, tx *store.Tx, who safety.Actor, id string, basis Basis) error {
	kind := "disclosure"
	if g, _ := ground(basis); !g.HandsOver {
		kind = "preservation_request"
	}
	why := "named by the request " + id
	cases, err := tx.CasesOfRequest(ctx, id)
	if err != nil {
		return fmt.Errorf("reading cases: %w", err)
	}
	for _, c := range cases {
		holds, err := tx.HoldsOfCase(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("reading holds: %w", err)
		}
		if slices.ContainsFunc(holds, func(h db.Hold) bool { return h.Reason == why }) {
			continue // it runs, or two people have released it
		}
		if k, err := tx.CaseKey(ctx, c.ID); err == nil && k.DestroyedAt != 0 {
			continue // there is nothing left to hold
		} else if err != nil && !store.IsNotFound(err) {
			return fmt.Errorf("reading case key: %w", err)
		}
		if _, err := d.vault.Hold(ctx, tx, who, c.ID, vault.NewHold{Kind: kind, Reason: why}); err != nil {
			return err
		}
	}
	return nil
}

// tell writes a ledger row about a request.
func (d *Desk) tell(ctx context.Context, tx *store.Tx, who safety.Actor, subject, action, detail string) error {
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: action, Subject: subject, Detail: detail})
}

// change runs fn on the locked request, which must be open.
func (d *Desk) change(ctx context.Context, who safety.Actor, id string, fn func(*store.Tx, db.Request) error) (out db.Request, err error) {
	if !who.Person {
		return out, errPerson
	}
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockRequest(ctx, id)
		if err != nil {
			return store.NotFound(err, "request")
		}
		if r.State != string(Open) {
			return safety.Errorf(safety.Conflict, "this request is %s already", r.State)
		}
		if err := fn(tx, r); err != nil {
			return err
		}
		out, err = tx.RequestByID(ctx, id)
		return err
	})
	return out, err
}

// Hasten brings the time by which a request is to be answered forward. It is never
// put off.
func (d *Desk) Hasten(ctx context.Context, who safety.Actor, id string, due time.Time) (db.Request, error) {
	return d.change(ctx, who, id, func(tx *store.Tx, r db.Request) error {
		if store.Micros(due) < r.ReceivedAt {
			return safety.Errorf(safety.Invalid, "due_at is before the request came")
		}
		n, err := tx.SetRequestDue(ctx, id, store.Micros(due))
		if err != nil {
			return fmt.Errorf("setting time: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "the time can only be made earlier than %s", store.Time(r.DueAt).UTC().Format(time.RFC3339))
		}
		return d.tell(ctx, tx, who, id, "request.due", due.UTC().Format(time.RFC3339))
	})
}

// End is how a request ends.
type End struct {
	State       State
	NothingHeld bool   // answered, because there is nothing to hand over
	Note        string // why it is refused or what was answered; kept out of the ledger
}

// End ends a request. It is answered when something was handed over, when there is
// nothing to hand over, or when it asked for nothing. A hand-over that is prepared
// and not done must be dropped before.
func (d *Desk) End(ctx context.Context, who safety.Actor, id string, e End) (db.Request, error) {
	if e.State != Answered && e.State != Refused && e.State != Withdrawn {
		return db.Request{}, safety.Errorf(safety.Invalid, "a request is answered, refused or withdrawn")
	}
	if utf8.RuneCountInString(e.Note) > 4000 || e.State == Refused && strings.TrimSpace(e.Note) == "" {
		return db.Request{}, safety.Errorf(safety.Invalid, "a refusal needs a ground; notes have at most 4000 characters")
	}
	if e.NothingHeld && e.State != Answered {
		return db.Request{}, safety.Errorf(safety.Invalid, "nothing_held belongs to an answer")
	}
	return d.change(ctx, who, id, func(tx *store.Tx, r db.Request) error {
		all, err := tx.DisclosuresOfRequest(ctx, id)
		if err != nil {
			return fmt.Errorf("reading hand-overs: %w", err)
		}
		handed, waiting := 0, 0
		for _, x := range all {
			switch {
			case x.HandedAt != 0:
				handed++
			case x.DroppedAt == 0:
				waiting++
			}
		}
		g, _ := ground(Basis(r.Basis))
		switch {
		case waiting > 0:
			return safety.Errorf(safety.Conflict, "%d bundles are prepared and not handed over; hand them over or drop them first", waiting)
		case e.State == Answered && handed == 0 && !e.NothingHeld && g.HandsOver:
			return safety.Errorf(safety.Conflict, "nothing was handed over; say nothing_held if there is nothing")
		case e.NothingHeld && handed > 0:
			return safety.Errorf(safety.Conflict, "something was handed over, so something was held")
		}
		// Cases that came while it was open.
		if err := d.hold(ctx, tx, who, id, Basis(r.Basis)); err != nil {
			return err
		}
		n, err := tx.EndRequest(ctx, db.EndRequestParams{ID: id, State: string(e.State), NothingHeld: e.NothingHeld, EndedAt: store.Micros(d.now()),
			EndedBy: who.ID, EndedName: who.Name, EndedNote: e.Note})
		if err != nil {
			return fmt.Errorf("ending request: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this request has ended already")
		}
		return d.tell(ctx, tx, who, id, "request.end", fmt.Sprintf("%s, %d handed over, nothing held %t", e.State, handed, e.NothingHeld))
	})
}

// Waiting counts the open requests, and those of them that are late.
func (d *Desk) Waiting(ctx context.Context) (open, late int64, err error) {
	r, err := d.store.Read().CountOpenRequests(ctx, store.Micros(d.now()))
	if err != nil {
		return 0, 0, fmt.Errorf("counting requests: %w", err)
	}
	return r.N, r.Overdue, nil
}
