package conduct

import (
	"cmp"
	"math"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
)

// TieKind says what joins an account to something.
type TieKind uint8

// The kinds of tie. The other side of TieVictim is a child, that of TieInvite
// another account; all others are things: a picture, a device, a handle, a group.
const (
	TieVictim  TieKind = iota // contacted in a way that people or scores found harmful
	TieMedia                  // sent or held a confirmed picture
	TieDevice                 // signed in from it
	TiePayment                // a payment handle
	TieInvite                 // invited the other account
	TieMember                 // of a group
	tieKinds
)

var tieNames = [tieKinds]string{"victim", "media", "device", "payment", "invite", "member"}

func (k TieKind) String() string {
	if k < tieKinds {
		return tieNames[k]
	}
	return "unknown"
}

// Strong reports whether a shared thing of this kind is evidence on its own that
// accounts belong together.
func (k TieKind) Strong() bool { return k == TieMedia || k == TieDevice || k == TiePayment }

// Tie joins an account to something, once however often it is given.
type Tie struct {
	Kind    TieKind
	Account Key
	Other   Key
}

// Plan is how networks are read: data with a version. Weights and limits are
// guesses [K] but for HubDrop, Restart and Residual, which our notes give [M].
type Plan struct {
	Version  string
	Weights  [tieKinds]float32
	HubFrom  int     // a thing or child with more ties than this is discounted by HubFrom/ties
	HubDrop  int     // and above this it joins nobody (a public device, an address behind which thousands sit)
	MaxTies  int     // kept; further ones are refused and counted
	Restart  float64 // of the walk
	Residual float64 // error of the walk, for each unit of weighted degree
	// A member shares at least MinJoins things with other members, whose weights
	// add up to at least MinWeight; and with each of at least MinWith other members it
	// shares at least PairWeight: else a household of one member would be in the ring.
	MinJoins   int
	MinWeight  float64
	MinWith    int
	PairWeight float64
	MinMembers int
	MaxMembers int
}

// DefaultPlan is the plan that Rowan ships.
func DefaultPlan() Plan {
	return Plan{
		Version: "1", Weights: [tieKinds]float32{TieVictim: 1, TieMedia: 2, TieDevice: 2, TiePayment: 3, TieInvite: 1, TieMember: 0.25},
		HubFrom: 20, HubDrop: 200, MaxTies: 5_000_000, Restart: 0.15, Residual: 1e-5,
		MinJoins: 2, MinWeight: 2, MinWith: 2, PairWeight: 1, MinMembers: 3, MaxMembers: 64,
	}
}

// Check reports what is wrong with a plan.
func (p Plan) Check() error {
	bad := p.Version == "" || p.HubFrom < 2 || p.HubDrop < p.HubFrom || p.MaxTies < 1 || p.MaxTies > math.MaxInt32/2 || !(p.Restart > 0 && p.Restart < 1) ||
		!(p.Residual > 0 && p.Residual < 1) || p.MinJoins < 1 || !(p.MinWeight >= 0) || p.MinWith < 1 || !(p.PairWeight >= 0) || p.MinMembers < 2 || p.MaxMembers < p.MinMembers || p.MaxMembers > 200
	for _, w := range p.Weights {
		bad = bad || !(w >= 0 && w <= 1000)
	}
	if bad {
		return safety.Errorf(safety.Invalid, "conduct: the plan for networks is not usable")
	}
	return nil
}

// node is one point of the graph: an account (a child is one), or a thing of a kind.
type node struct {
	class uint8 // 0 for accounts, else the kind of tie plus one
	key   Key
}

type tie struct {
	a, b uint32
	kind TieKind
}

// Builder takes in a stream of ties in any order. It is not for several
// goroutines at once.
type Builder struct {
	plan     Plan
	ids      map[node]uint32
	nodes    []node
	children map[Key]bool
	ties     []tie
	full     bool
	refused  int
}

// NewBuilder makes an empty builder.
func NewBuilder(p Plan) (*Builder, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &Builder{plan: p, ids: map[node]uint32{}, children: map[Key]bool{}}, nil
}

// Child says that an account is a child's: it joins others, and is never ranked or
// named. The other side of a TieVictim is a child without it.
func (b *Builder) Child(account Key) { b.children[account] = true }

// Add takes in one tie. Above the plan's limit it is an error and counted: the
// graph then says that it is partial.
func (b *Builder) Add(t Tie) error {
	if t.Kind >= tieKinds || t.Account == 0 || t.Other == 0 || (t.Kind == TieInvite || t.Kind == TieVictim) && t.Account == t.Other {
		return safety.Errorf(safety.Invalid, "conduct: a tie needs a known kind and two different sides")
	}
	if len(b.ties) >= b.plan.MaxTies && !b.full {
		b.ties = distinct(b.ties)
		// Compacting again and again for a few places would cost more than they are worth.
		b.full = len(b.ties) > b.plan.MaxTies-b.plan.MaxTies/8
	}
	if b.full && len(b.ties) >= b.plan.MaxTies {
		b.refused++
		return safety.Errorf(safety.TooLarge, "conduct: more ties than the plan allows")
	}
	other := node{uint8(t.Kind) + 1, t.Other}
	if t.Kind == TieVictim || t.Kind == TieInvite {
		other.class = 0
	}
	if t.Kind == TieVictim {
		b.children[t.Other] = true
	}
	x, y := b.id(node{0, t.Account}), b.id(other)
	b.ties = append(b.ties, tie{min(x, y), max(x, y), t.Kind})
	return nil
}

func (b *Builder) id(n node) uint32 {
	i, ok := b.ids[n]
	if !ok {
		i = uint32(len(b.nodes))
		b.ids[n] = i
		b.nodes = append(b.nodes, n)
	}
	return i
}

func distinct(ties []tie) []tie {
	slices.SortFunc(ties, func(x, y tie) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(x.kind, y.kind))
	})
	return slices.Compact(ties)
}

// Graph is a network that does not change any more: for each node its neighbours
// in one row of three parallel arrays (compressed sparse rows).
type Graph struct {
	plan    Plan
	nodes   []node // sorted, so that a node's number says nothing of the stream's order
	child   []bool
	first   []uint32 // row i is first[i] to first[i+1]
	to      []uint32
	weight  []float32
	kind    []TieKind
	degree  []float64 // sum of a row's weights
	group   []uint32  // connected component: the lowest node of it
	volume  map[uint32]float64
	refused int
}

// Build makes the graph and empties the builder.
func (b *Builder) Build() *Graph {
	g := &Graph{plan: b.plan, refused: b.refused}
	order := make([]uint32, len(b.nodes))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(b.nodes[x].class, b.nodes[y].class), cmp.Compare(b.nodes[x].key, b.nodes[y].key))
	})
	number := make([]uint32, len(order))
	for i, old := range order {
		number[old] = uint32(i)
		g.nodes = append(g.nodes, b.nodes[old])
		g.child = append(g.child, b.nodes[old].class == 0 && b.children[b.nodes[old].key])
	}
	for i, t := range b.ties {
		x, y := number[t.a], number[t.b]
		b.ties[i] = tie{min(x, y), max(x, y), t.kind}
	}
	ties := distinct(b.ties)
	*b = Builder{plan: b.plan, ids: map[node]uint32{}, children: map[Key]bool{}}
	g.rows(ties)
	g.join()
	return g
}

// rows fills the arrays: two entries for each tie, with the weight of its kind
// less the discount of the larger hub of its two ends.
func (g *Graph) rows(ties []tie) {
	n := len(g.nodes)
	all, invites := make([]int, n), make([]int, n)
	g.first = make([]uint32, n+1)
	for _, t := range ties {
		for _, i := range [2]uint32{t.a, t.b} {
			all[i]++
			g.first[i+1]++
			if t.kind == TieInvite {
				invites[i]++
			}
		}
	}
	// An account with many ties is no hub by that; a thing, a child and an inviter are.
	many := func(i uint32, k TieKind) int {
		switch {
		case k == TieInvite:
			return invites[i]
		case g.nodes[i].class != 0 || g.child[i]:
			return all[i]
		}
		return 0
	}
	for i := range n {
		g.first[i+1] += g.first[i]
	}
	g.to, g.weight, g.kind = make([]uint32, 2*len(ties)), make([]float32, 2*len(ties)), make([]TieKind, 2*len(ties))
	g.degree = make([]float64, n)
	next := slices.Clone(g.first)
	for _, t := range ties {
		w := g.plan.Weights[t.kind] * float32(g.plan.damp(max(many(t.a, t.kind), many(t.b, t.kind))))
		for _, e := range [2][2]uint32{{t.a, t.b}, {t.b, t.a}} {
			at := next[e[0]]
			next[e[0]]++
			g.to[at], g.weight[at], g.kind[at] = e[1], w, t.kind
			g.degree[e[0]] += float64(w)
		}
	}
}

// damp is what is left of a hub's weight.
func (p Plan) damp(ties int) float64 {
	switch {
	case ties > p.HubDrop:
		return 0
	case ties > p.HubFrom:
		return float64(p.HubFrom) / float64(ties)
	}
	return 1
}

// join finds the connected components over ties of some weight.
func (g *Graph) join() {
	parent := make([]uint32, len(g.nodes))
	for i := range parent {
		parent[i] = uint32(i)
	}
	find := func(i uint32) uint32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for i := range uint32(len(g.nodes)) {
		for e := g.first[i]; e < g.first[i+1]; e++ {
			if x, y := find(i), find(g.to[e]); g.weight[e] > 0 && x != y {
				parent[max(x, y)] = min(x, y)
			}
		}
	}
	g.group, g.volume = parent, map[uint32]float64{}
	for i := range uint32(len(g.nodes)) {
		g.group[i] = find(i)
		g.volume[g.group[i]] += g.degree[i]
	}
}

// Accounts counts accounts, children among them, and ties.
func (g *Graph) Accounts() (accounts, children, ties int) {
	for i, n := range g.nodes {
		if n.class == 0 {
			accounts++
		}
		if g.child[i] {
			children++
		}
	}
	return accounts, children, len(g.to) / 2
}

// Refused is how many ties were not taken in; above 0 the graph is partial, and
// "no ring" means "none in what was kept".
func (g *Graph) Refused() int { return g.refused }

// Component returns a number that two accounts share if and only if ties join
// them; ok is false for an account that is not in the graph.
func (g *Graph) Component(account Key) (component int, ok bool) {
	i, ok := g.find(account)
	if !ok {
		return 0, false
	}
	return int(g.group[i]), true
}

func (g *Graph) find(account Key) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(g.nodes, node{0, account}, func(x, y node) int {
		return cmp.Or(cmp.Compare(x.class, y.class), cmp.Compare(x.key, y.key))
	})
	return uint32(i), ok
}

// ranked reports whether a node is an account that may be ranked and named.
func (g *Graph) ranked(i uint32) bool { return g.nodes[i].class == 0 && !g.child[i] }

// TieKindOf finds a kind by its name.
func TieKindOf(name string) (TieKind, bool) {
	i := slices.Index(tieNames[:], name)
	return TieKind(max(i, 0)), i >= 0
}
