package takedown_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/takedown"
	"github.com/rowan-safety/rowan/pdq"
)

// kept is an upload of the model.
type kept struct {
	content string
	sha     string
	pdq     pdq.Hash
	turned  []pdq.Hash // of the pixels; nil where only a hash was given
	quality int
	at      time.Time
}

// modelled is a notice of the model.
type modelled struct {
	id        string
	reported  string
	due       time.Time
	state     takedown.State
	ended     bool
	late      bool
	last      time.Time // of its last change
	deciders  []string
	complaint string
	confirmed map[string]bool
	hashes    []kept // of the reported content, once known
	known     bool
	listed    time.Time
}

type machine struct {
	*bench
	uploads []kept
	notices []*modelled
	n       int
	jumped  bool // a clock that was set back may hide uploads for an hour
}

var people = []safety.Actor{ada, ben, cleo}

// likeness is what the search should say, by nothing but counting bits.
func likeness(h, u kept) bool {
	if h.sha != "" && h.sha == u.sha {
		return true
	}
	if u.quality < pdq.MinQuality || h.quality < pdq.MinQuality {
		return false
	}
	turned, other := h, u
	if turned.turned == nil && other.turned != nil {
		turned, other = other, turned
	}
	all := turned.pdq.Orientations()
	if turned.turned != nil {
		copy(all[1:], turned.turned)
	}
	for _, t := range all {
		bits := 0
		for i := range t {
			for x := t[i] ^ other.pdq[i]; x != 0; x &= x - 1 {
				bits++
			}
		}
		if bits <= pdq.MatchThreshold {
			return true
		}
	}
	return false
}

// expected are the contents that a notice should have found.
func (m *machine) expected(n *modelled) map[string]bool {
	out := map[string]bool{}
	for _, u := range m.uploads {
		if u.content == n.reported || !n.listed.IsZero() && u.at.After(n.listed.Add(time.Minute)) {
			continue
		}
		for _, h := range n.hashes {
			if likeness(h, u) {
				out[u.content] = true
			}
		}
	}
	return out
}

func (m *machine) upload(t *rapid.T) {
	m.n++
	u := kept{content: fmt.Sprintf("c%d", rapid.IntRange(0, 40).Draw(t, "content")), at: m.now, quality: rapid.SampledFrom([]int{0, 49, 50, 100}).Draw(t, "quality")}
	h := base(byte(rapid.IntRange(1, 3).Draw(t, "picture")))
	u.pdq = flip(h.Orientations()[rapid.IntRange(0, 7).Draw(t, "turn")], rapid.SampledFrom([]int{0, 5, 15, 16, 30, 31, 32, 60}).Draw(t, "bits"))
	if rapid.Bool().Draw(t, "pixels") {
		all := u.pdq.Orientations()
		for i := range all {
			all[i] = flip(all[i], i) // as pixels differ from what the hash says
		}
		u.turned = all[1:]
	}
	if rapid.Bool().Draw(t, "exact") {
		u.sha = sha(rapid.IntRange(0, 4).Draw(t, "file"))
	}
	m.uploads = append(m.uploads, u)
	m.bench.upload(upload{ContentID: u.content, SHA256: u.sha, PDQ: u.pdq.String(), Turned: u.turned, Quality: u.quality})
}

func (m *machine) learn(n *modelled) {
	if n.known {
		return
	}
	for _, u := range m.uploads {
		if u.content == n.reported {
			n.hashes = append(n.hashes, u)
			n.known = true
		}
	}
	if n.known && (n.state == takedown.Decided || n.state == takedown.Removed) {
		n.list(m.now)
	}
}

// list notes when the hashes of a notice came onto the list, if there are any
// that a list takes.
func (n *modelled) list(at time.Time) {
	for _, h := range n.hashes {
		if h.sha != "" || h.quality >= pdq.MinQuality {
			n.listed = at
		}
	}
}

func (m *machine) receive(t *rapid.T) {
	n := notice(fmt.Sprintf("c%d", rapid.IntRange(0, 50).Draw(t, "content")))
	n.ReceivedAt = m.now.Add(-rapid.SampledFrom([]time.Duration{0, time.Hour, 23 * time.Hour}).Draw(t, "ago"))
	x := &modelled{reported: n.Contents[0].ContentID, due: n.ReceivedAt.Add(48 * time.Hour), state: takedown.Open, last: m.now, confirmed: map[string]bool{}}
	if rapid.IntRange(0, 7).Draw(t, "child") == 0 {
		n.UnderAge, x.state, x.ended, x.late = "maybe", takedown.Moved, true, m.now.After(x.due)
	}
	x.id = m.bench.receive(n)
	if x.state == takedown.Open {
		m.learn(x)
	}
	m.notices = append(m.notices, x)
}

// touch is what every change of a notice does to its clock.
func (n *modelled) touch(now time.Time) {
	if now.After(n.last) {
		n.last = now
	}
	n.late = n.late || !n.ended && n.last.After(n.due)
}

func (m *machine) pick(t *rapid.T) *modelled {
	if len(m.notices) == 0 {
		t.Skip("no notice yet")
	}
	return rapid.SampledFrom(m.notices).Draw(t, "notice")
}

func (m *machine) decideOne(t *rapid.T) {
	n, who := m.pick(t), rapid.SampledFrom(people).Draw(t, "who")
	x := takedown.Decision{Outcome: takedown.TakeDown}
	if rapid.Bool().Draw(t, "refuse") {
		x = takedown.Decision{Outcome: takedown.Refuse, Reason: takedown.NotIntimate}
	}
	err := m.decide(n.id, who, x)
	if (err == nil) != (n.state == takedown.Open) {
		t.Fatalf("deciding a notice that is %s: %v", n.state, err)
	}
	if err == nil {
		m.settled(n, who, x.Outcome)
	}
}

func (m *machine) settled(n *modelled, who safety.Actor, x takedown.Outcome) {
	n.touch(m.now)
	n.deciders = append(n.deciders, who.ID)
	if x == takedown.Refuse {
		n.state, n.ended, n.listed = takedown.Refused, true, time.Time{}
		clear(n.confirmed)
		return
	}
	n.list(m.now)
	n.state, n.ended = takedown.Decided, false
	m.end(n)
}

// end makes a notice removed when every content is confirmed.
func (m *machine) end(n *modelled) {
	for _, c := range m.view(n.id).Contents {
		if !n.confirmed[c.ContentID] {
			return
		}
	}
	n.state, n.ended = takedown.Removed, true
}

func (m *machine) confirm(t *rapid.T) {
	n := m.pick(t)
	c := rapid.SampledFrom(m.view(n.id).Contents).Draw(t, "content").ContentID
	err := m.tx(func(tx *store.Tx) error {
		return m.Confirm(m.t.Context(), tx, platform, n.id, []takedown.Removal{{Named: takedown.Named{ContentID: c}}})
	})
	may := n.state == takedown.Open || n.state == takedown.Decided || n.state == takedown.Removed
	if (err == nil) != may {
		t.Fatalf("confirming for a notice that is %s: %v", n.state, err)
	}
	if err != nil || n.confirmed[c] {
		return
	}
	n.touch(m.now)
	n.confirmed[c] = true
	if n.state == takedown.Decided {
		m.end(n)
	}
}

func (m *machine) complain(t *rapid.T) {
	n, party := m.pick(t), rapid.SampledFrom(takedown.Parties).Draw(t, "party")
	var id string
	err := m.tx(func(tx *store.Tx) (err error) {
		id, err = m.Complain(m.t.Context(), tx, platform, n.id, takedown.Complaint{Party: party})
		return err
	})
	may := n.complaint == "" && (party == "reporter" && n.state == takedown.Refused || party == "uploader" && (n.state == takedown.Decided || n.state == takedown.Removed))
	if (err == nil) != may {
		t.Fatalf("complaint of the %s about a notice that is %s: %v", party, n.state, err)
	}
	if err == nil {
		n.complaint = id
	}
}

func (m *machine) judge(t *rapid.T) {
	n, who, upheld := m.pick(t), rapid.SampledFrom(people).Draw(t, "who"), rapid.Bool().Draw(t, "upheld")
	if n.complaint == "" {
		return
	}
	x, j := takedown.TakeDown, takedown.Judgement{Upheld: upheld}
	if n.state == takedown.Decided || n.state == takedown.Removed {
		x, j.Reason = takedown.Refuse, takedown.NotIntimate
	}
	err := m.tx(func(tx *store.Tx) error { return m.Judge(m.t.Context(), tx, who, n.id, n.complaint, j) })
	may := !slices.Contains(n.deciders, who.ID) && (!upheld || n.state != takedown.Moved)
	if (err == nil) != may {
		t.Fatalf("%s, who decided: %t, judges (upheld %t) a notice that is %s: %v", who.ID, slices.Contains(n.deciders, who.ID), upheld, n.state, err)
	}
	if err != nil {
		return
	}
	n.complaint = ""
	if upheld {
		m.settled(n, who, x)
	}
}

func (m *machine) move(t *rapid.T) {
	n := m.pick(t)
	if m.view(n.id).CaseIds != "" || rapid.IntRange(0, 3).Draw(t, "rarely") != 0 {
		return
	}
	m.must(func(tx *store.Tx) error { return m.Move(m.t.Context(), tx, ada, n.id) })
	n.touch(m.now)
	if n.state == takedown.Open || n.state == takedown.Refused {
		n.state, n.ended = takedown.Moved, true
	}
}

func (m *machine) find(t *rapid.T) {
	before := map[string]int{}
	for _, n := range m.notices {
		before[n.id] = len(m.view(n.id).Contents)
	}
	searched := map[string]bool{}
	for _, n := range m.notices {
		v := m.view(n.id)
		searched[n.id] = v.State == "open" || v.State == "decided" || v.State == "removed" && v.SearchedTo < v.ListedAt+(11*time.Minute).Microseconds()
	}
	m.search()
	for _, n := range m.notices {
		if searched[n.id] {
			m.learn(n)
		}
		if v := m.view(n.id); len(v.Contents) > before[n.id] {
			n.touch(m.now)
			if n.state == takedown.Removed {
				n.state, n.ended = takedown.Decided, false
			}
		}
		m.checkFound(t, n, searched[n.id])
	}
}

func (m *machine) checkFound(t *rapid.T, n *modelled, whole bool) {
	got := map[string]bool{}
	for _, c := range m.view(n.id).Contents {
		if c.Relation != string(takedown.Reported) {
			got[c.ContentID] = true
		}
	}
	want := m.expected(n)
	for c := range got {
		if !want[c] && n.listed.IsZero() {
			t.Fatalf("%s found %s, which is another picture", n.id, c)
		}
	}
	if !whole || m.jumped {
		return
	}
	for c := range want {
		if !got[c] {
			t.Fatalf("%s (%s) has not found %s; found %v, want %v", n.id, n.state, c, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

func (m *machine) wait(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 20 * time.Minute, 3 * time.Hour, 20 * time.Hour, -time.Second, -2 * time.Hour}).Draw(t, "wait")
	m.jumped = m.jumped || d < 0
	m.now = m.now.Add(d)
}

// check holds every notice against the model.
func (m *machine) check(t *rapid.T) {
	late := int64(0)
	for _, n := range m.notices {
		v := m.view(n.id)
		isLate := n.late || !n.ended && m.now.After(n.due)
		if takedown.State(v.State) != n.state || (v.EndedAt != 0) != n.ended || v.Late != isLate {
			t.Fatalf("%s is %s (ended %t, late %t), want %s (%t, %t)", n.id, v.State, v.EndedAt != 0, v.Late, n.state, n.ended, isLate)
		}
		if v.Left > 48*time.Hour {
			t.Fatalf("%s has %v left", n.id, v.Left)
		}
		if isLate {
			late++
		}
		seen := map[string]bool{}
		for _, d := range v.Decisions {
			if seen[d.DecidedBy] {
				t.Fatalf("%s was decided twice by %s", n.id, d.DecidedBy)
			}
			seen[d.DecidedBy] = true
		}
	}
	if c, err := m.Count(m.t.Context()); err != nil || c.Late != late {
		t.Fatalf("%d notices count as late, want %d (%v)", c.Late, late, err)
	}
}

// finish brings every notice to its end.
func (m *machine) finish(t *rapid.T) {
	m.now = m.now.Add(5 * time.Hour) // past every jump of the clock
	m.jumped = false
	m.find(t)
	for _, n := range m.notices {
		if n.state == takedown.Open {
			if err := m.decide(n.id, ada, takedown.Decision{Outcome: takedown.TakeDown}); err != nil {
				t.Fatal(err)
			}
			m.settled(n, ada, takedown.TakeDown)
		}
		if n.state == takedown.Decided {
			var all []takedown.Removal
			for _, c := range m.view(n.id).Contents {
				all = append(all, takedown.Removal{Named: takedown.Named{ContentID: c.ContentID}})
				n.confirmed[c.ContentID] = true
			}
			m.must(func(tx *store.Tx) error { return m.Confirm(m.t.Context(), tx, platform, n.id, all) })
			n.touch(m.now)
			n.state, n.ended = takedown.Removed, true
		}
	}
	m.check(t)
	for _, n := range m.notices {
		if !n.ended {
			t.Fatalf("%s has no end: it is %s", n.id, n.state)
		}
	}
	if _, err := m.Watch(m.t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestProperty runs random operations by people, the platform and a clock that
// jumps, against a model that knows no database.
func TestProperty(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			m := &machine{bench: newBench(t, open(t), takedown.Config{})}
			rt.Repeat(map[string]func(*rapid.T){
				"upload": m.upload, "receive": m.receive, "decide": m.decideOne, "confirm": m.confirm, "complain": m.complain,
				"judge": m.judge, "move": m.move, "search": m.find, "wait": m.wait, "": m.check,
				"watch": func(t *rapid.T) {
					if _, err := m.Watch(m.t.Context()); err != nil {
						t.Fatal(err)
					}
				},
			})
			m.finish(rt)
		})
	})
}
