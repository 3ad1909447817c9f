package talk_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
)

func TestFast(t *testing.T) {
	w := weights(t)
	type step struct {
		minute int
		target bool
		media  bool
		found  talk.Set
		filler int // ordinary messages after it
	}
	threat, demand, contacts, ask := talk.SetOf(talk.Threatens), talk.SetOf(talk.DemandsMoney), talk.SetOf(talk.NamesContacts), talk.SetOf(talk.AsksPicture)
	for _, c := range []struct {
		name  string
		steps []step
		want  talk.Fast
	}{
		{"in one message", []step{{found: threat | demand}}, talk.ThreatAndDemand},
		{"demand, then threat", []step{{found: demand}, {minute: 5, found: threat}}, talk.ThreatAndDemand},
		{"slow, but few messages between", []step{{found: threat, filler: 10}, {minute: 60 * 24 * 3, found: demand}}, talk.ThreatAndDemand},
		{"many messages, but within two hours", []step{{found: threat, filler: 90}, {minute: 110, found: demand}}, talk.ThreatAndDemand},
		{"far apart", []step{{found: threat, filler: 90}, {minute: 60 * 24 * 3, found: demand}}, 0},
		{"a threat alone", []step{{found: threat}, {minute: 1, found: threat}}, 0},
		{"a demand alone", []step{{found: demand}, {minute: 1, found: demand}}, 0},
		{"the child says both", []step{{target: true, found: threat | demand}}, 0},
		{"threat and contacts", []step{{found: contacts}, {minute: 60, found: threat}}, talk.ThreatAndContacts},
		{"threat and contacts, days apart", []step{{found: contacts}, {minute: 60 * 24 * 3, found: threat}}, 0},
		{"picture asked, sent, threat", []step{{found: ask}, {minute: 3, target: true, media: true}, {minute: 9, found: threat}}, talk.PictureThenThreat},
		{"picture sent before it was asked for", []step{{target: true, media: true}, {minute: 3, found: ask}, {minute: 9, found: threat}}, 0},
		{"picture sent unasked", []step{{target: true, media: true}, {minute: 9, found: threat}}, 0},
		{"threat days later", []step{{found: ask}, {minute: 3, target: true, media: true}, {minute: 60 * 24 * 3, found: threat}}, 0},
	} {
		for _, r := range []talk.Relation{stranger, friends, related, {}} {
			var s talk.State
			var got talk.Fast
			n := 0
			for _, x := range c.steps {
				for i := range x.filler + 1 {
					m := &talk.Message{ID: fmt.Sprint(n), At: start.Add(time.Duration(x.minute) * time.Minute), FromTarget: x.target, Media: x.media}
					if i == 0 {
						m.Found = x.found
					}
					n++
					o := s.Update(w, &r, m, start.Add(30*24*time.Hour))
					got |= o.Fast
					if o.Fast != 0 && (o.Tier != talk.Review || !o.FastNew || !o.Rose) {
						t.Errorf("%s: fast, but tier %v, new %v, rose %v", c.name, o.Tier, o.FastNew, o.Rose)
					}
				}
			}
			if got != c.want {
				t.Errorf("%s, %+v: %b, want %b", c.name, r, got, c.want)
			}
		}
	}
}

// TestFarApart: a threat and a demand reach review also where they are too far apart
// for the fast detector, with ordinary talk between and whatever the relation.
func TestFarApart(t *testing.T) {
	w, read := weights(t), talk.NewReader(lookup(t))
	for _, r := range []talk.Relation{stranger, friends, related, {}} {
		var s talk.State
		s.Update(w, &r, found(0, start, talk.Threatens), start)
		for i := range 90 {
			s.Update(w, &r, &talk.Message{ID: fmt.Sprint("f", i), At: start, Reading: read.Read("what do you think of the new map, it is huge")}, start)
		}
		next := start.Add(24 * time.Hour)
		if o := s.Update(w, &r, found(1, next, talk.DemandsMoney), next); o.Fast != 0 || o.Tier != talk.Review {
			t.Errorf("%+v: fast %b, tier %v, score %v", r, o.Fast, o.Tier, o.Score)
		}
	}
}

func TestFastSaysItOnce(t *testing.T) {
	w := weights(t)
	var s talk.State
	both := []talk.Indicator{talk.Threatens, talk.DemandsMoney}
	first := s.Update(w, &stranger, found(1, start, both...), start)
	second := s.Update(w, &stranger, found(2, start.Add(time.Minute), both...), start.Add(time.Minute))
	next := start.Add(49 * time.Hour)
	third := s.Update(w, &stranger, found(3, next, both...), next)
	if !first.FastNew || second.FastNew || !third.FastNew || second.Rose {
		t.Errorf("new: %v, %v, %v; rose again: %v", first.FastNew, second.FastNew, third.FastNew, second.Rose)
	}
}

func TestTiers(t *testing.T) {
	w := weights(t)
	var s talk.State
	now, tiers := start, []talk.Tier{}
	for i, k := range []talk.Indicator{talk.AsksAge, talk.AsksWhoIsNear, talk.AsksSecrecy, talk.ProposesMeeting} {
		o := s.Update(w, &stranger, found(i, now, k), now)
		if o.Rose {
			tiers = append(tiers, o.Tier)
		}
		now = now.Add(time.Hour)
	}
	if len(tiers) < 2 || tiers[len(tiers)-1] != talk.Review || !slices.IsSorted(tiers) {
		t.Errorf("tiers rose through %v", tiers)
	}
	// Ordinary talk lowers the score, and takes back nothing that was proposed.
	r, high := talk.NewReader(lookup(t)), s.Score(w, &stranger)
	for i := range 80 {
		now = now.Add(time.Minute)
		o := s.Update(w, &stranger, &talk.Message{ID: fmt.Sprint("f", i), At: now, Reading: r.Read("what do you think of the new map, it is huge")}, now)
		if o.Rose {
			t.Fatal("ordinary talk raised a tier")
		}
	}
	a := s.Explain(w, &stranger)
	if a.Score >= high || a.Peak < high-1e-5 {
		t.Errorf("score %v after %v, peak %v", a.Score, high, a.Peak)
	}
}

func TestExplain(t *testing.T) {
	w, r := weights(t), talk.NewReader(lookup(t))
	var s talk.State
	known := talk.Relation{Actor: talk.Person{Band: talk.Adult}, Target: talk.Person{Band: talk.From13}, Tie: talk.Stranger, ChildFirst: true}
	for i, text := range []string{"how are you, what do you think of the map", "how old are you", "dont tell anyone, it is our secret", "the map is huge and the boats are fast"} {
		s.Update(w, &known, &talk.Message{ID: fmt.Sprint(i), At: start, Reading: r.Read(text)}, start)
	}
	a := s.Explain(w, &known)
	has := func(parts []talk.Part, name string) bool {
		return slices.ContainsFunc(parts, func(p talk.Part) bool { return p.Name == name })
	}
	if !has(a.Parts, "asks_age") || !has(a.Parts, "asks_secrecy") || !has(a.Parts, "adult_stranger") {
		t.Errorf("parts: %+v", a.Parts)
	}
	if !has(a.Against, "child_wrote_first") || !has(a.Against, "ordinary_messages") {
		t.Errorf("against: %+v", a.Against)
	}
	if len(a.Signs) != 2 || a.Signs[1].Indicator != talk.AsksSecrecy || a.Signs[1].Without >= a.Score || a.Signs[1].Count != 1 || !a.Signs[1].Last.Equal(start) {
		t.Errorf("signs: %+v", a.Signs)
	}
	if a.Coverage != talk.CoverageText || a.Language != talk.English || len(a.Missing) != 0 || a.Version == "" || !a.Looked {
		t.Errorf("%+v", a)
	}
}

// TestNotReadIsNotSafe: what cannot be read does not lower a score, and is said.
func TestNotReadIsNotSafe(t *testing.T) {
	w, r := weights(t), talk.NewReader(lookup(t))
	var s talk.State
	unknown := talk.Relation{}
	before := s.Update(w, &unknown, found(0, start, talk.AsksSecrecy), start).Score
	for i, x := range []*talk.Reading{nil, r.Read("что ты думаешь о новой карте")} {
		for j := range 50 {
			s.Update(w, &unknown, &talk.Message{ID: fmt.Sprint(i, j), At: start, Reading: x}, start)
		}
	}
	a := s.Explain(w, &unknown)
	if math.Abs(a.Score-before) > 1e-9 {
		t.Errorf("unread messages moved the score from %v to %v", before, a.Score)
	}
	if a.Coverage != talk.CoverageMetadata || a.Unread != 51 || len(a.Missing) != 5 || !strings.Contains(strings.Join(a.Missing, ";"), "51 messages") {
		t.Errorf("coverage %v, %d unread, missing %q", a.Coverage, a.Unread, a.Missing)
	}
}
