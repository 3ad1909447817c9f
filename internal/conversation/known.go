package conversation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/talk"
)

// Keys makes what stands for accounts and things where their names are not needed.
type Keys struct{ secret []byte }

// NewKeys takes a secret of at least 32 bytes. With another secret, nothing that was
// kept is recognised.
func NewKeys(secret []byte) (Keys, error) {
	if len(secret) < 32 {
		return Keys{}, safety.Errorf(safety.Invalid, "the key of accounts needs 32 bytes")
	}
	return Keys{secret}, nil
}

func (k Keys) mac(what, name string) []byte {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte(what + "\x00" + name))
	return m.Sum(nil)
}

// Of is the key of an account, a device, and so on. It is never zero, which would
// be no key.
func (k Keys) Of(what, name string) conduct.Key {
	return conduct.Key(max(1, binary.BigEndian.Uint64(k.mac(what, name))))
}

// thing is what is kept of a device or handle.
func (k Keys) thing(what, name string) string { return hex.EncodeToString(k.mac(what, name)[:16]) }

// person is one account in a batch.
type person struct {
	row     db.Actor
	conduct conduct.State
	moved   bool // something happened that bears on the assessment
}

// lower and upper are 0 and 0 when nothing is known.
func (p *person) lower() int { return int(p.row.AgeLower) }
func (p *person) upper() int { return int(p.row.AgeUpper) }

// mayBeChild says whether the account is looked after as one that may be a child's.
func (p *person) mayBeChild() bool { return p.upper() == 0 || p.lower() < conduct.Adulthood }

// ages are what conduct may go by: a person's own word that they are a child does
// not take them out of sight.
func (p *person) ages() conduct.Ages {
	if p.upper() == 0 || p.upper() < conduct.Adulthood && !p.row.AgeAssured {
		return conduct.Ages{}
	}
	return conduct.Ages{Lower: p.lower(), Upper: p.upper()}
}

// protectedAges are what protections go by: here a person's own word counts.
func (p *person) protectedAges() conduct.Ages {
	return conduct.Ages{Lower: p.lower(), Upper: p.upper()}
}

// inTalk is the person as package talk sees them.
func (p *person) inTalk() talk.Person {
	out := talk.Person{Assured: p.row.AgeAssured}
	switch low, up := p.lower(), p.upper(); {
	case up == 0:
		return talk.Person{}
	case low >= 18:
		out.Band = talk.Adult
	case up < 13:
		out.Band = talk.Under13
	case up < 16:
		out.Band = talk.From13
	case up < 18 && low >= 16:
		out.Band = talk.From16
	case up < 18:
		out.Band = talk.From13 // a stretch over several bands: the younger is the safer
	default:
		return talk.Person{}
	}
	if p.lower() == p.upper() {
		out.Age = p.lower()
	}
	return out
}

// learn takes over what an event says of an account.
func (p *person) learn(of Party) {
	low, up := -1, -1
	if b, ok := bands[of.AgeBand]; ok {
		low, up = b[0], b[1]
	}
	if of.Age != nil {
		low, up = *of.Age, *of.Age
	}
	if up >= 0 {
		p.age(low, max(up, 1), of.AgeSource == "estimated" || of.AgeSource == "verified")
	}
	if !of.CreatedAt.IsZero() {
		p.row.OpenedAt = store.Micros(of.CreatedAt)
	}
	if of.Jurisdiction != "" {
		p.row.Jurisdiction = string(of.Jurisdiction)
	}
}

// age weighs new evidence: what is more than a word replaces what is only a word;
// of two words, the one that protects stands.
func (p *person) age(low, up int, assured bool) {
	known := p.upper() > 0
	switch {
	case known && p.row.AgeAssured && !assured:
		return
	case known && !p.row.AgeAssured && !assured && p.upper() < conduct.Adulthood && up >= conduct.Adulthood:
		return
	}
	p.row.AgeLower, p.row.AgeUpper, p.row.AgeAssured = int64(low), int64(up), assured
}

// friction is what slows the account down, if anything.
func (p *person) friction(k Keys) *conduct.Friction {
	return friction(k, p.row)
}

func friction(k Keys, row db.Actor) *conduct.Friction {
	if row.FrictionFrom == 0 {
		return nil
	}
	var families []conduct.Family
	for f := range strings.FieldsSeq(row.FrictionWhy) {
		families = append(families, conduct.Family(f))
	}
	return conduct.RestoreFriction(k.Of("account", row.AccountID), store.Time(row.FrictionFrom), families, row.FrictionBy,
		store.Time(row.LiftedAt), row.LiftedBy)
}

// lock takes an account's row for the transaction.
func lock(ctx context.Context, tx *store.Tx, id string, now time.Time) (*person, error) {
	row, err := tx.LockActor(ctx, db.LockActorParams{AccountID: id, Conduct: []byte{}, UpdatedAt: store.Micros(now)})
	if err != nil {
		return nil, fmt.Errorf("locking account: %w", err)
	}
	p := &person{row: row}
	if len(row.Conduct) == 0 {
		return p, nil
	}
	if err := p.conduct.UnmarshalBinary(row.Conduct); err != nil {
		return nil, fmt.Errorf("stored conduct: %w", err)
	}
	return p, nil
}

func (p *person) save(ctx context.Context, tx *store.Tx) error {
	state, err := p.conduct.MarshalBinary()
	if err != nil {
		return err
	}
	r := p.row
	err = tx.SetActor(ctx, db.SetActorParams{AccountID: r.AccountID, AgeLower: r.AgeLower, AgeUpper: r.AgeUpper, AgeAssured: r.AgeAssured, OpenedAt: r.OpenedAt,
		Jurisdiction: r.Jurisdiction, Conduct: state, Score: r.Score, Assessment: r.Assessment, FrictionFrom: r.FrictionFrom, FrictionWhy: r.FrictionWhy,
		FrictionBy: r.FrictionBy, LiftedAt: r.LiftedAt, LiftedBy: r.LiftedBy, ReviewedAt: r.ReviewedAt})
	if err != nil {
		return fmt.Errorf("keeping account: %w", err)
	}
	return nil
}

// merge takes over what a new event says of what is between two.
func (r *Relation) merge(with *Relation) {
	if with == nil {
		return
	}
	set(&r.Connected, with.Connected)
	set(&r.Mutuals, with.Mutuals)
	set(&r.Family, with.Family)
	set(&r.Lobby, with.Lobby)
	if !with.KnownSince.IsZero() {
		r.KnownSince = with.KnownSince
	}
	if with.FirstContact != "" && r.FirstContact == "" {
		r.FirstContact = with.FirstContact
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

func is(b *bool) bool { return b != nil && *b }

// inTalk is the relation of an actor to a target as package talk sees it.
func (r *Relation) inTalk(actor, target *person, now time.Time) *talk.Relation {
	out := &talk.Relation{Actor: actor.inTalk(), Target: target.inTalk(), ChildFirst: r.FirstContact != "" && r.FirstContact == target.row.AccountID, Lobby: is(r.Lobby)}
	switch {
	case is(r.Family):
		out.Tie = talk.Family
	case is(r.Connected):
		out.Tie = talk.Connected
	case r.Connected != nil:
		out.Tie = talk.Stranger
	}
	if r.Mutuals != nil {
		out.Mutuals = *r.Mutuals
	}
	if !r.KnownSince.IsZero() && r.KnownSince.Before(now) {
		out.KnownDays = int(now.Sub(r.KnownSince).Hours() / 24)
	}
	return out
}

func (r *Relation) text() (string, error) {
	b, err := json.Marshal(r)
	return string(b), err
}

func relationOf(text string) (r Relation, err error) {
	if err = json.Unmarshal([]byte(text), &r); err != nil {
		return r, fmt.Errorf("stored relation: %w", err)
	}
	return r, nil
}

// places are where messages lie in the stream.
func places(b []byte) []uint64 {
	out := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, binary.BigEndian.Uint64(b))
	}
	return out
}

// remember adds a place, keeping the newest.
func remember(b []byte, seq uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, seq)
	return b[max(0, len(b)-8*around):]
}
