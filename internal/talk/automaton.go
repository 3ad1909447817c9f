package talk

import "slices"

// automaton finds all phrases of a list in one pass (Aho and Corasick, 1975). It is
// a table: no steps back at run time, so hostile text costs no more than ordinary
// text. It does not change after it is made and may be used by many at once.
type automaton struct {
	next []int32 // node*classes + class
	out  []int32 // for each node: its first phrase + 1, 0 for none
	link []int32 // for each node: the nearest shorter node with a phrase, 0 for none
	size []int32 // for each phrase: its length in runes
}

// classes are space, letters, digits, and 0 for everything else.
const classes = 38

func classOf(r rune) int32 {
	switch {
	case 'a' <= r && r <= 'z':
		return r - 'a' + 2
	case r == ' ':
		return 1
	case '0' <= r && r <= '9':
		return r - '0' + 28
	}
	return 0
}

// build makes the automaton of distinct phrases.
func build(phrases []string) (*automaton, error) {
	a := &automaton{next: make([]int32, classes), out: make([]int32, 1)}
	for i, p := range phrases {
		node := int32(0)
		for _, r := range p {
			to := &a.next[node*classes+classOf(r)]
			if *to == 0 {
				if len(a.out) >= maxNodes {
					return nil, ErrTooLarge
				}
				*to = int32(len(a.out))
				node = *to
				a.out = append(a.out, 0)
				a.next = append(a.next, make([]int32, classes)...)
				continue
			}
			node = *to
		}
		if node == 0 {
			return nil, ErrEmpty
		}
		a.out[node] = int32(i) + 1
		a.size = append(a.size, int32(len(p)))
	}
	a.complete()
	a.next, a.out = slices.Clip(a.next), slices.Clip(a.out)
	return a, nil
}

// complete turns the tree into a table, breadth first.
func (a *automaton) complete() {
	fail := make([]int32, len(a.out))
	a.link = make([]int32, len(a.out))
	var queue []int32
	for c := range int32(classes) {
		if to := a.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		f := fail[node]
		if a.link[node] = f; a.out[f] == 0 {
			a.link[node] = a.link[f]
		}
		for c := range int32(classes) {
			to := &a.next[node*classes+c]
			if *to == 0 {
				*to = a.next[f*classes+c]
				continue
			}
			fail[*to] = a.next[f*classes+c]
			queue = append(queue, *to)
		}
	}
}

// each calls found for every phrase in text, with the runes that it covers.
func (a *automaton) each(text []rune, found func(phrase, from, to int)) {
	node := int32(0)
	for i, r := range text {
		node = a.next[node*classes+classOf(r)]
		for n := node; n != 0; n = a.link[n] {
			if p := a.out[n]; p != 0 {
				found(int(p-1), i+1-int(a.size[p-1]), i+1)
			}
		}
	}
}

// bytes is the memory of the table.
func (a *automaton) bytes() int { return 4 * (len(a.next) + len(a.out) + len(a.link) + len(a.size)) }
