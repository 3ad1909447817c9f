package conversation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// A network is used for 50 times as long as it took to build, within these bounds:
// a small one follows decisions at once, a large one does not keep the machine busy.
const (
	leastNetwork = 2 * time.Second
	mostNetwork  = 10 * time.Minute
)

// maxSeeds bounds the confirmed accounts that rings are looked for around.
const maxSeeds = 2000

// Network is who is joined to whom by shared things, as of a time.
type Network struct {
	BuiltAt        time.Time
	Accounts, Ties int
	Partial        bool // there were more ties than are read
	rings          []conduct.Ring
	until          time.Time // when it is built again
	names          map[conduct.Key]string
	victims        map[conduct.Key]bool // whom somebody harmed: they are children to the graph
}

// networks keeps the newest.
type networks struct {
	mu  sync.Mutex // held while one is built, so that it is built once
	now *Network
}

// Member is one account of a ring. Children are in none.
type Member struct {
	AccountID string
	CaseID    string // its newest, or none
	Seed      bool   // a person has confirmed harm by it
	Score     float64
	X, Y      float64
	Why       []conduct.Why
}

// Ring is a group of accounts that hang together, with an account of interest in it.
type Ring struct {
	Members  []Member
	Links    []conduct.Link
	Children int
	Partial  bool
}

// RingsOf are the rings that an account is in. It is a question to a person; nothing
// follows from it.
func (d *Desk) RingsOf(ctx context.Context, account string) (*Network, []Ring, error) {
	n, err := d.network(ctx)
	if err != nil {
		return nil, nil, err
	}
	key := d.Keys.Of("account", account)
	var out []Ring
	for _, r := range n.rings {
		if !slices.ContainsFunc(r.Members, func(m conduct.Member) bool { return m.Account == key }) {
			continue
		}
		ring := Ring{Links: r.Links, Children: r.Children, Partial: r.Partial || n.Partial}
		for _, m := range r.Members {
			one := Member{AccountID: n.names[m.Account], Seed: m.Seed, Score: m.Score, X: m.X, Y: m.Y, Why: m.Why}
			if one.CaseID, err = d.Store.Read().NewestCaseOfAccount(ctx, one.AccountID); err != nil && !store.IsNotFound(err) {
				return nil, nil, fmt.Errorf("reading cases: %w", err)
			}
			ring.Members = append(ring.Members, one)
		}
		out = append(out, ring)
	}
	return n, out, nil
}

// network is the newest, built again when it is old.
func (d *Desk) network(ctx context.Context) (*Network, error) {
	d.nets.mu.Lock()
	defer d.nets.mu.Unlock()
	if n := d.nets.now; n != nil && d.Now().Before(n.until) {
		return n, nil
	}
	n, err := d.build(ctx)
	if err != nil {
		return nil, err
	}
	now := d.Now()
	n.until = now.Add(min(max(50*now.Sub(n.BuiltAt), leastNetwork), mostNetwork))
	d.nets.now = n
	return n, nil
}

// build reads all ties and looks for rings.
func (d *Desk) build(ctx context.Context) (*Network, error) {
	n := &Network{BuiltAt: d.Now(), names: map[conduct.Key]string{}, victims: map[conduct.Key]bool{}}
	b, err := conduct.NewBuilder(conduct.DefaultPlan())
	if err != nil {
		return nil, err
	}
	if err := d.children(ctx, b); err != nil {
		return nil, err
	}
	at := db.TiesParams{Limit: 2000}
	for {
		rows, err := d.Store.Read().Ties(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("reading ties: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if err := d.addTie(b, n, r); err != nil {
				n.Partial = true // the builder counts what it has no room for
			}
		}
		last := rows[len(rows)-1]
		at.Kind, at.AccountID, at.Other = last.Kind, last.AccountID, last.Other
	}
	seeds, err := d.seeds(ctx, n)
	if err != nil {
		return nil, err
	}
	g := b.Build()
	n.Accounts, _, n.Ties = g.Accounts()
	n.Partial = n.Partial || g.Refused() > 0
	n.rings, _, err = g.Rings(seeds)
	return n, err
}

func (d *Desk) children(ctx context.Context, b *conduct.Builder) error {
	for after := ""; ; {
		ids, err := d.Store.Read().ChildrenAmong(ctx, after, 2000)
		if err != nil {
			return fmt.Errorf("reading accounts: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		for _, id := range ids {
			b.Child(d.Keys.Of("account", id))
		}
		after = ids[len(ids)-1]
	}
}

func (d *Desk) addTie(b *conduct.Builder, n *Network, r db.Ty) error {
	kind, ok := conduct.TieKindOf(r.Kind)
	if !ok {
		return nil
	}
	what := kind.String()
	if kind == conduct.TieVictim || kind == conduct.TieInvite {
		what = "account"
	}
	a := d.Keys.Of("account", r.AccountID)
	n.names[a] = r.AccountID
	if kind == conduct.TieVictim {
		n.victims[d.Keys.Of("account", r.Other)] = true
	}
	if kind == conduct.TieInvite {
		n.names[d.Keys.Of("account", r.Other)] = r.Other
	}
	return b.Add(conduct.Tie{Kind: kind, Account: a, Other: d.Keys.Of(what, r.Other)})
}

// seeds are the accounts about which a person has confirmed harm. Children are not
// among them.
func (d *Desk) seeds(ctx context.Context, n *Network) ([]conduct.Key, error) {
	ids, err := d.Store.Read().ConfirmedAccounts(ctx, false, maxSeeds)
	if err != nil {
		return nil, fmt.Errorf("reading confirmed accounts: %w", err)
	}
	var out []conduct.Key
	for _, id := range ids {
		p, err := d.read(ctx, id)
		if err != nil {
			return nil, err
		}
		key := d.Keys.Of("account", id)
		child := n.victims[key] || p.upper() > 0 && p.upper() < conduct.Adulthood
		if _, tied := n.names[key]; tied && !child {
			out = append(out, key)
		}
	}
	return out, nil
}
