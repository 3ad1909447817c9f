package conduct

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genTies draws small networks: accounts 1 to 9 (7 to 9 are the victims of ties),
// things 1 to 5 of each kind.
func genTies(least, most int) *rapid.Generator[[]Tie] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Tie {
		e := Tie{Kind: TieKind(rapid.IntRange(0, int(tieKinds)-1).Draw(t, "kind")), Account: Key(rapid.IntRange(1, 6).Draw(t, "account"))}
		switch e.Kind {
		case TieVictim:
			e.Other = Key(rapid.IntRange(7, 9).Draw(t, "child"))
		case TieInvite:
			e.Other = e.Account%6 + 1
		default:
			e.Other = Key(rapid.IntRange(1, 5).Draw(t, "thing"))
		}
		return e
	}), least, most)
}

func smallPlan() Plan {
	p := DefaultPlan()
	p.HubFrom, p.HubDrop = 2, 4
	return p
}

func build(t interface {
	Helper()
	Fatal(...any)
}, p Plan, ties []Tie) *Graph {
	t.Helper()
	b, err := NewBuilder(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ties {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

// matrix is the same network as a table of weights, worked out without the graph's code.
func matrix(g *Graph, ties []Tie) [][]float64 {
	type pair struct {
		a, b node
		kind TieKind
	}
	other := func(e Tie) node {
		if e.Kind == TieVictim || e.Kind == TieInvite {
			return node{0, e.Other}
		}
		return node{uint8(e.Kind) + 1, e.Other}
	}
	set, all, invites := map[pair]bool{}, map[node]int{}, map[node]int{}
	children := map[node]bool{}
	for _, e := range ties {
		a, b := node{0, e.Account}, other(e)
		if e.Kind == TieVictim {
			children[b] = true
		}
		if set[pair{a, b, e.Kind}] || set[pair{b, a, e.Kind}] {
			continue
		}
		set[pair{a, b, e.Kind}] = true
		all[a]++
		all[b]++
		if e.Kind == TieInvite {
			invites[a]++
			invites[b]++
		}
	}
	m := make([][]float64, len(g.nodes))
	for i := range m {
		m[i] = make([]float64, len(g.nodes))
	}
	for e := range set {
		size := 0
		for _, n := range []node{e.a, e.b} {
			switch {
			case e.kind == TieInvite:
				size = max(size, invites[n])
			case n.class != 0 || children[n]:
				size = max(size, all[n])
			}
		}
		w := float64(g.plan.Weights[e.kind])
		if size > g.plan.HubDrop {
			w = 0
		} else if size > g.plan.HubFrom {
			w *= float64(g.plan.HubFrom) / float64(size)
		}
		i, j := slices.Index(g.nodes, e.a), slices.Index(g.nodes, e.b)
		m[i][j] += w
		m[j][i] += w
	}
	return m
}

// TestGraphAgainstMatrix: rows, components and walks say what a table of all pairs
// says.
func TestGraphAgainstMatrix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ties := genTies(0, 40).Draw(t, "ties")
		g := build(t, smallPlan(), ties)
		m := matrix(g, ties)
		n := len(g.nodes)
		reach := make([][]bool, n)
		for i := range n {
			row := make([]float64, n)
			for e := g.first[i]; e < g.first[i+1]; e++ {
				row[g.to[e]] += float64(g.weight[e])
			}
			reach[i] = make([]bool, n)
			reach[i][i] = true
			for j := range n {
				if math.Abs(row[j]-m[i][j]) > 1e-5 {
					t.Fatalf("the tie of %v and %v weighs %g, want %g", g.nodes[i], g.nodes[j], row[j], m[i][j])
				}
				reach[i][j] = reach[i][j] || m[i][j] > 0
			}
		}
		for k := range n { // Warshall
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		for i := range n {
			for j := range n {
				if same := g.group[i] == g.group[j]; same != reach[i][j] {
					t.Fatalf("%v and %v in one component: %v, want %v", g.nodes[i], g.nodes[j], same, reach[i][j])
				}
			}
		}
		if n == 0 {
			return
		}
		seed := rapid.IntRange(0, n-1).Draw(t, "seed")
		want := power(m, seed, g.plan.Restart)
		got := make([]float64, n)
		for _, x := range newWalker(g).from([]uint32{uint32(seed)}) {
			got[x.node] = x.p
		}
		for i := range n {
			if d := want[i] - got[i]; d < -1e-9 || d > g.plan.Residual*g.degree[i]+1e-9 {
				t.Fatalf("the walk gives %v %g, the power iteration %g; the stated error is %g", g.nodes[i], got[i], want[i], g.plan.Residual*g.degree[i])
			}
		}
	})
}

// power is personalised PageRank by power iteration over a table.
func power(m [][]float64, seed int, alpha float64) []float64 {
	n := len(m)
	p := make([]float64, n)
	p[seed] = 1
	for range 300 {
		next := make([]float64, n)
		next[seed] = alpha
		for i := range n {
			d := 0.0
			for _, w := range m[i] {
				d += w
			}
			if d == 0 {
				next[i] += (1 - alpha) * p[i]
				continue
			}
			for j := range n {
				next[j] += (1 - alpha) * p[i] * m[i][j] / d
			}
		}
		p = next
	}
	return p
}

// TestPruneAgainstSubsets: pruning leaves the union of all subsets in which
// everybody shares enough with the others.
func TestPruneAgainstSubsets(t *testing.T) {
	nonempty := 0
	defer func() {
		t.Logf("%d networks had something left", nonempty)
		if nonempty < 10 {
			t.Errorf("only %d networks had anything left: the property was not tested", nonempty)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		ties := genTies(20, 40).Draw(t, "ties")
		g := build(t, smallPlan(), ties)
		var accounts []uint32
		for i := range uint32(len(g.nodes)) {
			if g.ranked(i) {
				accounts = append(accounts, i)
			}
		}
		m := matrix(g, ties)
		var want []uint32
		for bits := range 1 << len(accounts) {
			in := map[int]bool{}
			for i, a := range accounts {
				if bits>>i&1 == 1 {
					in[int(a)] = true
				}
			}
			good := true
			for a := range in {
				joins, weight, pairs := 0, 0.0, map[int]float64{}
				for x, w := range m[a] {
					if w == 0 {
						continue
					}
					common := in[x]
					for b := range in {
						if b != a && (b == x || !g.ranked(uint32(x)) && m[b][x] > 0) {
							common = true
							pairs[b] += w
						}
					}
					if common {
						joins++
						weight += w
					}
				}
				with := 0
				for _, w := range pairs {
					if w >= g.plan.PairWeight-1e-5 {
						with++
					}
				}
				good = good && with >= g.plan.MinWith && joins >= g.plan.MinJoins && weight >= g.plan.MinWeight-1e-5
			}
			if good {
				for a := range in {
					want = append(want, uint32(a))
				}
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		nonempty += min(1, len(want))
		if got := g.prune(accounts); !slices.Equal(got, want) {
			t.Fatalf("pruned to %v, all subsets say %v", got, want)
		}
	})
}

// TestRingsHold: whatever the network, no child is ranked or named, every member
// has a reason, the order of the stream and duplicates do not matter.
func TestRingsHold(t *testing.T) {
	found, joined := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ties := genTies(20, 60).Draw(t, "ties")
		kid := Key(rapid.IntRange(1, 9).Draw(t, "kid"))
		grow := func(ties []Tie) *Graph {
			b, _ := NewBuilder(DefaultPlan())
			b.Child(kid)
			for _, e := range ties {
				if err := b.Add(e); err != nil {
					t.Fatal(err)
				}
			}
			return b.Build()
		}
		g := grow(ties)
		seeds := []Key{kid%6 + 1, (kid+1)%6 + 1, 99}
		if slices.Contains(seeds, kid) {
			t.Skip()
		}
		rings, unknown, err := g.Rings(seeds)
		if err != nil || !slices.Contains(unknown, 99) {
			t.Fatal("unknown seeds are lost", unknown, err)
		}
		again, _, _ := grow(rapid.Permutation(append(slices.Clone(ties), ties...)).Draw(t, "order")).Rings(seeds)
		if diff := cmp.Diff(rings, again); diff != "" {
			t.Fatal("order or duplicates matter", diff)
		}
		for _, r := range rings {
			found++
			joined += r.Children
			if len(r.Members) < g.plan.MinMembers {
				t.Fatal("a ring of", len(r.Members))
			}
			for _, m := range r.Members {
				if m.Account == kid || m.Account >= 7 {
					t.Fatal("a child is a member")
				}
				if len(m.Why) == 0 || m.Score < 0 || m.Score > 1 || m.X < 0 || m.X > 1 || m.Y < 0 || m.Y > 1 {
					t.Fatalf("a member without reason, score or place: %+v", m)
				}
				for _, y := range m.Why {
					if slices.Contains(y.Through, kid) && (y.Kind == TieInvite || y.Kind == TieVictim) || y.Kind == TieVictim && len(y.Through) > 0 {
						t.Fatalf("a child is named: %+v", y)
					}
					if y.With == 0 || y.Shared == 0 {
						t.Fatalf("an empty reason: %+v", y)
					}
				}
			}
		}
	})
	if found == 0 || joined == 0 {
		t.Errorf("%d rings, %d children: the property was not tested", found, joined)
	}
}

func TestBuilderBounds(t *testing.T) {
	p := DefaultPlan()
	p.MaxTies = 16
	b, err := NewBuilder(p)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // duplicates take no place
		for k := range Key(10) {
			if err := b.Add(Tie{TieDevice, k + 1, 1}); err != nil {
				t.Fatal("duplicates fill the builder:", err)
			}
		}
	}
	refused := 0
	for k := range Key(100) {
		if b.Add(Tie{TieDevice, k + 100, 1}) != nil {
			refused++
		}
	}
	g := b.Build()
	if _, _, ties := g.Accounts(); ties > 16 || refused == 0 || g.Refused() != refused {
		t.Errorf("%d ties are kept, %d refused, the graph says %d", ties, refused, g.Refused())
	}
	for name, e := range map[string]Tie{"kind": {99, 1, 2}, "account": {TieDevice, 0, 2}, "other": {TieDevice, 1, 0}, "itself": {TieInvite, 1, 1}} {
		if b.Add(e) == nil {
			t.Errorf("no %s: taken in", name)
		}
	}
	if g := build(t, p, []Tie{{TieVictim, 1, 2}, {TieVictim, 3, 2}}); true {
		if _, _, err := g.Rings([]Key{2}); err == nil {
			t.Error("a child is a seed")
		}
		a, ok := g.Component(1)
		b, _ := g.Component(3)
		if _, no := g.Component(77); !ok || a != b || no {
			t.Error("components of accounts are wrong")
		}
	}
	if _, err := NewBuilder(Plan{}); err == nil {
		t.Error("no plan is a plan")
	}
}

// TestHubs: a device that very many share joins nobody; one that a few too many
// share counts less.
func TestHubs(t *testing.T) {
	with := func(n int) *Graph {
		var ties []Tie
		for k := range Key(n) {
			ties = append(ties, Tie{TieDevice, k + 1, 1})
		}
		return build(t, DefaultPlan(), ties)
	}
	for n, want := range map[int]float64{20: 2, 40: 1, 200: 0.2, 201: 0} {
		g := with(n)
		if d := g.degree[0]; math.Abs(d-want) > 1e-6 {
			t.Errorf("a device of %d accounts weighs %g, want %g", n, d, want)
		}
		a, _ := g.Component(1)
		b, _ := g.Component(2)
		if (a == b) != (want > 0) {
			t.Errorf("a device of %d accounts joins them: %v", n, a == b)
		}
	}
}
