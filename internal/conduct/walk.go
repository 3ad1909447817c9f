package conduct

import (
	"cmp"
	"slices"
)

// mass is a node's share of a walk.
type mass struct {
	node uint32
	p    float64
}

// walker computes personalised PageRank by forward push (Andersen, Chung, Lang
// 2006). What it returns is below the true value by no more than
// Plan.Residual × the node's weighted degree, and never above it. Its arrays are
// kept between walks.
type walker struct {
	g       *Graph
	p, r    []float64
	queued  []bool
	queue   []uint32
	touched []uint32
}

func newWalker(g *Graph) *walker {
	n := len(g.nodes)
	return &walker{g: g, p: make([]float64, n), r: make([]float64, n), queued: make([]bool, n)}
}

func (w *walker) from(seeds []uint32) []mass {
	g, alpha, eps := w.g, w.g.plan.Restart, w.g.plan.Residual
	w.queue, w.touched = w.queue[:0], w.touched[:0]
	put := func(i uint32, x float64) {
		if w.r[i] == 0 && w.p[i] == 0 {
			w.touched = append(w.touched, i)
		}
		w.r[i] += x
		if !w.queued[i] && w.r[i] >= eps*g.degree[i] {
			w.queued[i] = true
			w.queue = append(w.queue, i)
		}
	}
	for _, s := range seeds {
		put(s, 1/float64(len(seeds)))
	}
	for head := 0; head < len(w.queue); head++ {
		i := w.queue[head]
		w.queued[i] = false
		r := w.r[i]
		if g.degree[i] == 0 { // nowhere to go: the walk stays
			w.p[i] += r
			w.r[i] = 0
			continue
		}
		w.p[i] += alpha * r
		w.r[i] = 0
		for e := g.first[i]; e < g.first[i+1]; e++ {
			if g.weight[e] > 0 {
				put(g.to[e], (1-alpha)*r*float64(g.weight[e])/g.degree[i])
			}
		}
		if head > 1<<16 && head > len(w.queue)/2 { // what is done need not be kept
			w.queue = append(w.queue[:0], w.queue[head+1:]...)
			head = -1
		}
	}
	slices.Sort(w.touched)
	w.touched = slices.Compact(w.touched)
	var out []mass
	for _, i := range w.touched {
		if w.p[i] > 0 {
			out = append(out, mass{i, w.p[i]})
		}
		w.p[i], w.r[i] = 0, 0
	}
	return out
}

// cut orders what a walk reached by its share for each unit of degree and returns
// the start of that order which is best cut off from the rest (the lowest
// conductance), with no more accounts than the plan allows and at least as many as
// a ring has.
func (g *Graph) cut(reached []mass) []uint32 {
	for i, m := range reached {
		reached[i].p = m.p / max(g.degree[m.node], 1e-12)
	}
	slices.SortFunc(reached, func(a, b mass) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.node, b.node)) })
	in := map[uint32]bool{}
	var volume, out float64
	accounts, best, least := 0, 0, 2.0
	for n, m := range reached {
		if g.ranked(m.node) {
			if accounts++; accounts > g.plan.MaxMembers {
				break
			}
		}
		in[m.node] = true
		volume += g.degree[m.node]
		out += g.degree[m.node]
		for e := g.first[m.node]; e < g.first[m.node+1]; e++ {
			if in[g.to[e]] {
				out -= 2 * float64(g.weight[e])
			}
		}
		rest := g.volume[g.group[m.node]] - volume
		if accounts < g.plan.MinMembers {
			continue
		}
		phi := 0.0
		if rest > 1e-9 {
			phi = max(0, out) / min(volume, rest)
		}
		if phi < least-1e-12 {
			best, least = n+1, phi
		}
	}
	set := make([]uint32, 0, best)
	for _, m := range reached[:best] {
		set = append(set, m.node)
	}
	return set
}
