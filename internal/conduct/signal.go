package conduct

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// SignalVersion is the version of a signal's JSON form. It is ours: the fields
// follow what our notes have of Lantern's kinds of signal from secondary sources
// [S]; the programme's own specification is not public.
const SignalVersion = "rowan-signal/1"

// SignalFor is the longest time for which a signal may stand.
const SignalFor = 365 * 24 * time.Hour

// SignalType is what a signal is about.
type SignalType string

// The types.
const (
	SignalAccount SignalType = "account" // a user name or address on some service
	SignalURL     SignalType = "url"
	SignalHash    SignalType = "hash"
	SignalKeyword SignalType = "keyword"
	SignalPayment SignalType = "payment"
)

// Harm is the kind of harm that a person confirmed.
type Harm string

// The kinds of harm.
const (
	HarmSolicitation Harm = "solicitation"
	HarmExtortion    Harm = "extortion"
	HarmMaterial     Harm = "material"
)

// Hashing says how a signal's value was hashed before it left.
type Hashing string

// The ways. Accounts and payment handles are few enough to guess, so they leave
// under a key shared with the recipients and never bare or under a plain hash.
const (
	HashingHMAC Hashing = "hmac-sha256" // key named by KeyID
	HashingNone Hashing = "none"        // hashes already, addresses of pages, words
)

// SignalState is whether a signal stands.
type SignalState string

// The states. Withdrawn is final.
const (
	SignalStands    SignalState = "stands"
	SignalDisputed  SignalState = "disputed"
	SignalWithdrawn SignalState = "withdrawn"
)

// SignalKey is a key shared with the recipients.
type SignalKey struct {
	ID     string
	Secret []byte // at least 32 bytes
}

// Draft is what a person fills in.
type Draft struct {
	ID         string // of the record, made by the caller
	Type       SignalType
	Value      string
	Harm       Harm
	FirstSeen  time.Time
	Expiry     time.Time
	Provenance string // the platform that speaks
}

// Signal is a clue for other platforms, never proof: a recipient looks for itself.
// [NewSignal] is the only way to one, and takes a person's confirmation. The plain
// value of an account or handle is not in it.
type Signal struct {
	draft    Draft // Value as it leaves
	hashing  Hashing
	keyID    string
	by       Confirmation
	state    SignalState
	changed  time.Time
	changer  string
	standing string // why it is disputed or withdrawn
}

var (
	hexHash = regexp.MustCompile(`^[0-9a-f]{32,128}$`)
	tagName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// NewSignal makes a signal from what a person has confirmed in a case. Values are
// trimmed, and accounts and handles lower-cased, before they are hashed.
func NewSignal(d Draft, key SignalKey, by Confirmation) (Signal, error) {
	if err := by.check(); err != nil {
		return Signal{}, err
	}
	d.Value = strings.TrimSpace(d.Value)
	switch {
	case !tagName.MatchString(d.ID) || !tagName.MatchString(d.Provenance):
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal needs an id and the name of the platform")
	case d.Harm != HarmSolicitation && d.Harm != HarmExtortion && d.Harm != HarmMaterial:
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal names a known kind of harm")
	case d.Value == "" || len(d.Value) > 2048:
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal needs a value of at most 2048 bytes")
	case d.FirstSeen.IsZero() || d.FirstSeen.After(by.At):
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal was first seen before it was confirmed")
	case !d.Expiry.After(by.At) || d.Expiry.After(by.At.Add(SignalFor)):
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal expires within a year of its confirmation")
	}
	s := Signal{draft: d, hashing: HashingNone, by: by, state: SignalStands, changed: by.At, changer: by.Person.ID}
	switch d.Type {
	case SignalAccount, SignalPayment:
		if !tagName.MatchString(key.ID) || len(key.Secret) < 32 {
			return Signal{}, safety.Errorf(safety.Invalid, "conduct: accounts and handles are hashed with a named key of at least 32 bytes")
		}
		h := hmac.New(sha256.New, key.Secret)
		h.Write([]byte(string(d.Type) + "\x00" + strings.ToLower(d.Value)))
		s.draft.Value, s.hashing, s.keyID = hex.EncodeToString(h.Sum(nil)), HashingHMAC, key.ID
	case SignalHash:
		if s.draft.Value = strings.ToLower(d.Value); !hexHash.MatchString(s.draft.Value) {
			return Signal{}, safety.Errorf(safety.Invalid, "conduct: a hash is 16 to 64 bytes in hexadecimal")
		}
	case SignalURL, SignalKeyword:
	default:
		return Signal{}, safety.Errorf(safety.Invalid, "conduct: a signal of no known type")
	}
	return s, nil
}

// moves are the changes of state that people may make.
var moves = map[SignalState][]SignalState{
	SignalStands:   {SignalDisputed, SignalWithdrawn},
	SignalDisputed: {SignalStands, SignalWithdrawn},
}

// Move returns s in another state, by a person with a reason: disputed by the
// account holder's complaint or a recipient's doubt, standing again, or withdrawn.
func (s Signal) Move(to SignalState, who safety.Actor, why string, at time.Time) (Signal, error) {
	switch {
	case !slices.Contains(moves[s.state], to):
		return s, safety.Errorf(safety.Conflict, "conduct: a signal that is %s does not become %s", s.state, to)
	case !person(who) || strings.TrimSpace(why) == "" || at.Before(s.changed):
		return s, safety.Errorf(safety.Forbidden, "conduct: a person changes a signal, with a reason, after its last change")
	}
	s.state, s.changer, s.standing, s.changed = to, who.ID, why, at
	return s, nil
}

// State is whether the signal stands.
func (s Signal) State() SignalState { return s.state }

// Usable reports whether a signal may be sent or acted on: it stands and has not
// expired. The zero value is not usable.
func (s Signal) Usable(now time.Time) bool {
	return s.state == SignalStands && now.Before(s.draft.Expiry)
}

// ConfirmedBy is the confirmation, for the ledger. It does not leave the house.
func (s Signal) ConfirmedBy() Confirmation { return s.by }

// LastChange says who changed the state last, when and why. It does not leave the house.
func (s Signal) LastChange() (who, why string, at time.Time) { return s.changer, s.standing, s.changed }

// MarshalJSON writes what leaves the house. Who confirmed it, in which case and why
// it is disputed stay here. A withdrawn one still has its value, so that
// recipients know what to forget.
func (s Signal) MarshalJSON() ([]byte, error) {
	if s.state == "" {
		return nil, safety.Errorf(safety.Invalid, "conduct: nobody has confirmed this signal")
	}
	return json.Marshal(struct {
		Version    string      `json:"version"`
		ID         string      `json:"id"`
		Type       SignalType  `json:"type"`
		Value      string      `json:"value"`
		Hashing    Hashing     `json:"hashing"`
		KeyID      string      `json:"key_id,omitempty"`
		Harm       Harm        `json:"abuse_type"`
		FirstSeen  string      `json:"first_seen"` // the day
		Confirmed  string      `json:"confirmed"`
		Expiry     string      `json:"expiry"`
		Provenance string      `json:"provenance"`
		Reviewed   bool        `json:"reviewed"`
		State      SignalState `json:"state"`
		Changed    string      `json:"changed"`
		Notice     string      `json:"notice"`
	}{
		SignalVersion, s.draft.ID, s.draft.Type, s.draft.Value, s.hashing, s.keyID, s.draft.Harm,
		s.draft.FirstSeen.UTC().Format(time.DateOnly), stamp(s.by.At), stamp(s.draft.Expiry), s.draft.Provenance, true,
		s.state, stamp(s.changed), "A clue, not proof. A person looks before anything is done.",
	})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Stored is a signal as it is kept. It goes to the house's own database only.
type Stored struct {
	Draft   // Value as it leaves
	Hashing Hashing
	KeyID   string
	By      Confirmation
	State   SignalState
	Changer string
	Why     string
	Changed time.Time
}

// Stored is what to keep of a signal.
func (s Signal) Stored() Stored {
	return Stored{s.draft, s.hashing, s.keyID, s.by, s.state, s.changer, s.standing, s.changed}
}

// Restored is the signal that [Signal.Stored] was kept of. Like [NewSignal], it makes
// none without a person's confirmation.
func (k Stored) Restored() (Signal, error) {
	if err := k.By.check(); err != nil {
		return Signal{}, err
	}
	if _, known := moves[k.State]; !known && k.State != SignalWithdrawn {
		return Signal{}, safety.Errorf(safety.Internal, "conduct: a stored signal in no known state")
	}
	return Signal{k.Draft, k.Hashing, k.KeyID, k.By, k.State, k.Changed, k.Changer, k.Why}, nil
}
