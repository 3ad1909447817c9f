package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Contact asks whether one account may contact another. What the platform says of
// the two here is used for this answer, over what is known, and not kept.
type Contact struct {
	Actor, Target Party
	Relation      Relation
	Encrypted     bool
}

// Check answers whether the contact may take place. It reads and changes nothing.
func (d *Desk) Check(ctx context.Context, c Contact) (conduct.Answer, error) {
	d.counts[countContacts].Add(1)
	now := d.Now()
	var sides [2]conduct.Side
	for i, of := range []Party{c.Actor, c.Target} {
		if err := of.check([...]string{"actor", "target"}[i]); err != nil {
			return conduct.Answer{}, err
		}
		p, err := d.read(ctx, of.ID)
		if err != nil {
			return conduct.Answer{}, err
		}
		p.learn(of)
		// The target is protected by their own word; the actor's word does not
		// make a child of them.
		sides[i] = conduct.Side{Ages: p.ages(), Jurisdiction: safety.Jurisdiction(p.row.Jurisdiction)}
		if i == 0 {
			sides[i].Friction = p.friction(d.Keys)
		} else {
			sides[i].Ages = p.protectedAges()
		}
	}
	r := c.Relation
	return conduct.Check(sides[0], sides[1], conduct.Relation{Connected: is(r.Connected), Mutuals: r.Mutuals != nil && *r.Mutuals > 0, Family: is(r.Family)},
		c.Encrypted, d.cfg.Switches, now)
}

// read is what is known of an account; nothing is known of one that no event named.
func (d *Desk) read(ctx context.Context, id string) (*person, error) {
	row, err := d.Store.Read().Actor(ctx, id)
	if store.IsNotFound(err) {
		return &person{row: db.Actor{AccountID: id}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading account: %w", err)
	}
	return &person{row: row}, nil
}

// FrictionState is the friction on an account.
type FrictionState struct {
	AccountID string
	Active    bool
	From      time.Time
	Until     time.Time
	Why       []conduct.Family // none where a person imposed it
	By        string
	LiftedAt  time.Time
	LiftedBy  string
}

func (d *Desk) frictionState(row db.Actor) FrictionState {
	out := FrictionState{AccountID: row.AccountID, By: row.FrictionBy, From: store.Time(row.FrictionFrom), LiftedAt: store.Time(row.LiftedAt), LiftedBy: row.LiftedBy}
	if f := friction(d.Keys, row); f != nil {
		out.Active, out.Until, out.Why = f.Active(d.Now()), f.Until(), f.Families()
	}
	return out
}

// Friction tells what slows an account down; safety.NotFound for an account that no
// event has named.
func (d *Desk) Friction(ctx context.Context, account string) (FrictionState, error) {
	row, err := d.Store.Read().Actor(ctx, account)
	if err != nil {
		return FrictionState{}, store.NotFound(err, "account in any event")
	}
	return d.frictionState(row), nil
}

// Impose slows an account down for 72 hours, by a person with a reason.
func (d *Desk) Impose(ctx context.Context, who safety.Actor, account, reason string) (FrictionState, error) {
	return d.changeFriction(ctx, account, func(tx *store.Tx, p *person, now time.Time) error {
		f, err := conduct.Impose(d.Keys.Of("account", account), who, now)
		if err != nil {
			return err
		}
		p.row.FrictionFrom, p.row.FrictionWhy, p.row.FrictionBy, p.row.LiftedAt, p.row.LiftedBy = store.Micros(now), "", who.ID, 0, ""
		return d.step(ctx, tx, now, who, db.AddStepParams{AccountID: account, Kind: StepFriction, UntilAt: store.Micros(f.Until()), Detail: reason},
			"account.friction", frictionData(account, f.Until()))
	})
}

// Lift ends friction early, by a person with a reason, as after an appeal.
func (d *Desk) Lift(ctx context.Context, who safety.Actor, account, reason string) (FrictionState, error) {
	return d.changeFriction(ctx, account, func(tx *store.Tx, p *person, now time.Time) error {
		f := p.friction(d.Keys)
		if !f.Active(now) {
			return safety.Errorf(safety.Conflict, "nothing slows this account down now")
		}
		if _, err := f.Lift(who, now); err != nil {
			return err
		}
		p.row.LiftedAt, p.row.LiftedBy = store.Micros(now), who.ID
		if err := d.Announce(ctx, tx, safety.Event{Type: "account.friction_ended", Subject: "account:" + account, Data: map[string]any{"account_id": account}}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "conversation.lift", Subject: "account:" + account, Detail: reason})
	})
}

func (d *Desk) changeFriction(ctx context.Context, account string, fn func(*store.Tx, *person, time.Time) error) (out FrictionState, err error) {
	err = d.Store.Tx(ctx, func(tx *store.Tx) error {
		now := d.Now()
		p, err := lock(ctx, tx, account, now)
		if err != nil {
			return err
		}
		if err := fn(tx, p, now); err != nil {
			return err
		}
		out = d.frictionState(p.row)
		return p.save(ctx, tx)
	})
	return out, err
}
