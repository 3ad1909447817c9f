package conduct

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Ring is a group of accounts that hang together closely and near to accounts that
// people have confirmed. It is a question to a person, never an answer: no step
// follows from it by itself.
type Ring struct {
	Plan    string
	Members []Member // the nearest to the seeds first; no child
	Links   []Link   // between members, for a picture
	// Children is how many children join members. They are not named.
	Children int
	// Partial: the graph did not take in all ties.
	Partial bool
}

// Member is one account of a ring.
type Member struct {
	Account Key
	Seed    bool
	Score   float64 // nearness to the seeds, 0 to 1, against the nearest member
	Why     []Why   // never empty
	X, Y    float64 // where to draw it, 0 to 1
}

// Why says by which kind of tie a member belongs.
type Why struct {
	Kind    TieKind
	Shared  int     // things (or children) shared with other members
	With    int     // other members who share them
	Weight  float64 // after the discount of hubs
	Through []Key   // the things; empty for children
}

// Link joins two members, by their places in Ring.Members.
type Link struct {
	A, B   int
	Weight float64
}

// Rings finds rings around confirmed accounts. A ring is reported only with two
// seeds in it or a thing of a strong kind shared; an account may be in two. Seeds
// that are children are refused; those that are not in the graph are returned.
func (g *Graph) Rings(seeds []Key) (rings []Ring, unknown []Key, err error) {
	var at []uint32
	for _, k := range seeds {
		i, ok := g.find(k)
		switch {
		case !ok:
			unknown = append(unknown, k)
		case g.child[i]:
			return nil, nil, safety.Errorf(safety.Invalid, "conduct: a child is no seed")
		default:
			at = append(at, i)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	w := newWalker(g)
	var sets [][]uint32
	for _, s := range at {
		for _, part := range g.parts(g.prune(g.accounts(g.cut(w.from([]uint32{s}))))) {
			if slices.Contains(part, s) { // what does not hold the seed is somebody else's
				sets = append(sets, part)
			}
		}
	}
	for _, set := range merge(sets) {
		for _, part := range g.parts(g.prune(set)) {
			if len(part) < g.plan.MinMembers {
				continue
			}
			if r, ok := g.ring(w, part, at); ok {
				rings = append(rings, r)
			}
		}
	}
	slices.SortStableFunc(rings, func(a, b Ring) int {
		return cmp.Or(cmp.Compare(len(b.Members), len(a.Members)), cmp.Compare(a.Members[0].Account, b.Members[0].Account))
	})
	return rings, unknown, nil
}

func (g *Graph) accounts(set []uint32) []uint32 {
	return slices.DeleteFunc(set, func(i uint32) bool { return !g.ranked(i) })
}

// shared returns, for members, what joins each to others: the edges of its row
// that end at another member, or at a thing or child that another member has too.
func (g *Graph) shared(members map[uint32]bool) (edges map[uint32][]uint32, holders map[uint32][]uint32) {
	holders, edges = map[uint32][]uint32{}, map[uint32][]uint32{}
	sorted := slices.Sorted(maps.Keys(members))
	for _, m := range sorted {
		for e := g.first[m]; e < g.first[m+1]; e++ {
			if x := g.to[e]; g.weight[e] > 0 && !g.ranked(x) && !slices.Contains(holders[x], m) {
				holders[x] = append(holders[x], m)
			}
		}
	}
	for _, m := range sorted {
		for e := g.first[m]; e < g.first[m+1]; e++ {
			if g.weight[e] > 0 && (members[g.to[e]] || len(holders[g.to[e]]) > 1) {
				edges[m] = append(edges[m], e)
			}
		}
	}
	return edges, holders
}

// prune drops accounts that share too little with the others, until none does: the
// largest set in which everybody shares enough.
func (g *Graph) prune(set []uint32) []uint32 {
	members := map[uint32]bool{}
	for _, i := range set {
		members[i] = true
	}
	for again := true; again; {
		again = false
		edges, holders := g.shared(members)
		for _, m := range set {
			if members[m] && !g.holds(m, edges[m], holders) {
				delete(members, m)
				again = true
			}
		}
	}
	return slices.Sorted(maps.Keys(members))
}

// holds reports whether a member shares enough.
func (g *Graph) holds(m uint32, edges []uint32, holders map[uint32][]uint32) bool {
	const rounding = 1e-6
	joins, weight, pairs := map[uint32]bool{}, 0.0, map[uint32]float64{}
	for _, e := range edges {
		x, w := g.to[e], float64(g.weight[e])
		joins[x] = true
		weight += w
		if g.ranked(x) {
			pairs[x] += w
		}
		for _, o := range holders[x] {
			pairs[o] += w
		}
	}
	with := 0
	for o, w := range pairs {
		if o != m && w >= g.plan.PairWeight-rounding {
			with++
		}
	}
	return len(joins) >= g.plan.MinJoins && weight >= g.plan.MinWeight-rounding && with >= g.plan.MinWith
}

// parts splits members into those who hang together.
func (g *Graph) parts(set []uint32) (parts [][]uint32) {
	members := map[uint32]bool{}
	for _, i := range set {
		members[i] = true
	}
	edges, holders := g.shared(members)
	seen := map[uint32]bool{}
	for _, m := range set {
		if seen[m] {
			continue
		}
		seen[m] = true
		part := []uint32{m}
		for n := 0; n < len(part); n++ {
			for _, e := range edges[part[n]] {
				for _, o := range append([]uint32{g.to[e]}, holders[g.to[e]]...) {
					if members[o] && !seen[o] {
						seen[o] = true
						part = append(part, o)
					}
				}
			}
		}
		slices.Sort(part)
		parts = append(parts, part)
	}
	return parts
}

// merge unites sets of which one shares at least half of itself with another.
func merge(sets [][]uint32) [][]uint32 {
	for again := true; again; {
		again = false
	pairs:
		for i := range sets {
			for j := i + 1; j < len(sets); j++ {
				both := 0
				for _, x := range sets[i] {
					if _, ok := slices.BinarySearch(sets[j], x); ok {
						both++
					}
				}
				if 2*both >= min(len(sets[i]), len(sets[j])) {
					u := append(slices.Clone(sets[i]), sets[j]...)
					slices.Sort(u)
					sets[i] = slices.Compact(u)
					sets = slices.Delete(sets, j, j+1)
					again = true
					break pairs
				}
			}
		}
	}
	return sets
}

// ring describes a set of members; ok is false where the evidence is too thin.
func (g *Graph) ring(w *walker, part, seeds []uint32) (r Ring, ok bool) {
	members := map[uint32]bool{}
	var inside []uint32
	for _, m := range part {
		members[m] = true
		if _, seed := slices.BinarySearch(seeds, m); seed {
			inside = append(inside, m)
		}
	}
	if len(inside) == 0 {
		return Ring{}, false
	}
	edges, holders := g.shared(members)
	near, most := map[uint32]float64{}, 0.0
	for _, m := range w.from(inside) {
		if members[m.node] {
			near[m.node] = m.p / g.degree[m.node]
			most = max(most, near[m.node])
		}
	}
	slices.SortFunc(part, func(a, b uint32) int { return cmp.Or(cmp.Compare(near[b], near[a]), cmp.Compare(a, b)) })
	strong := len(inside) > 1
	children := map[uint32]bool{}
	for _, m := range part {
		_, seed := slices.BinarySearch(seeds, m)
		v := Member{Account: g.nodes[m].key, Seed: seed, Score: math.Round(near[m]/most*1e6) / 1e6}
		for k := range tieKinds {
			if y, some := g.why(m, k, edges[m], holders, children); some {
				v.Why = append(v.Why, y)
				strong = strong || k.Strong()
			}
		}
		r.Members = append(r.Members, v)
	}
	r.Plan, r.Partial, r.Children = g.plan.Version, g.refused > 0, len(children)
	r.Links = g.links(part, edges, holders)
	place(&r)
	return r, strong
}

func (g *Graph) why(m uint32, k TieKind, edges []uint32, holders map[uint32][]uint32, children map[uint32]bool) (Why, bool) {
	y := Why{Kind: k}
	with := map[uint32]bool{}
	for _, e := range edges {
		if g.kind[e] != k {
			continue
		}
		x := g.to[e]
		y.Shared++
		y.Weight += float64(g.weight[e])
		if g.ranked(x) {
			with[x] = true
		}
		for _, o := range holders[x] {
			if o != m {
				with[o] = true
			}
		}
		if g.child[x] {
			children[x] = true
		} else {
			y.Through = append(y.Through, g.nodes[x].key)
		}
	}
	y.With = len(with)
	slices.Sort(y.Through)
	return y, y.Shared > 0
}

// links are the pairs of members, weighted by what they share; a thing's weight is
// spread over the pairs that have it.
func (g *Graph) links(part []uint32, edges, holders map[uint32][]uint32) (links []Link) {
	index := map[uint32]int{}
	for i, m := range part {
		index[m] = i
	}
	pairs := map[[2]int]float64{}
	for i, m := range part {
		for _, e := range edges[m] {
			others := holders[g.to[e]]
			if g.ranked(g.to[e]) {
				others = []uint32{g.to[e]}
			}
			for _, o := range others {
				if j := index[o]; i < j {
					pairs[[2]int{i, j}] += float64(g.weight[e]) / float64(max(1, len(others)-1))
				}
			}
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(pairs), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) }) {
		links = append(links, Link{p[0], p[1], math.Round(pairs[p]*1e6) / 1e6})
	}
	return links
}
