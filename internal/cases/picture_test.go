package cases_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

// looking is content that hashes so.
func looking(account, id string, looks ...pdq.Hash) cases.Content {
	c := content(account, id, safety.P2)
	c.Looks = cases.Looks(100, looks...)
	return c
}

// flipped is a hash with these bits turned over.
func flipped(h pdq.Hash, bits ...int) pdq.Hash {
	for _, b := range bits {
		h[b/8] ^= 1 << (b % 8)
	}
	return h
}

func (b *bench) pictureOf(o cases.Opened) string {
	b.t.Helper()
	items, err := b.store.Read().ItemsOfCase(context.Background(), o.CaseID)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, it := range items {
		if it.ID == o.ItemID {
			return it.PictureID
		}
	}
	b.t.Fatal("no such item")
	return ""
}

var someHash = pdq.Hash{1, 2, 3, 0xff, 0xaa, 9, 77, 200, 31: 5}

func TestPicture(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		every := func(n int) (out []int) { // n bits, in as many of the bands as there are
			for i := range n {
				out = append(out, (i*16+i/16)%256)
			}
			return out
		}
		first := b.pictureOf(b.open(looking("a", "first", someHash)))
		turned := pdq.Hash{0: 0x42, 9: 0x17, 20: 0xee}
		for _, c := range []struct {
			name string
			c    cases.Content
			same bool
		}{
			{"15 bits away, one in each of 15 bands", looking("b", "near", flipped(someHash, every(15)...)), true},
			{"16 bits away, one in each band", looking("c", "far", flipped(someHash, every(16)...)), false},
			{"16 bits away in one band", looking("d", "far in one band", flipped(someHash, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)), false},
			{"mirrored", looking("e", "mirrored", turned, flipped(someHash, 1, 2)), true},
			{"nothing alike", looking("f", "other", pdq.Hash{31: 0xff, 30: 0xff, 29: 0xff, 2: 0xf0, 8: 0xff}), false},
		} {
			if got := b.pictureOf(b.open(c.c)) == first; got != c.same {
				t.Errorf("%s: the same picture: %v, want %v", c.name, got, c.same)
			}
		}

		low := content("g", "low", safety.P2)
		if low.Looks = cases.Looks(49, someHash); low.Looks != nil {
			t.Error("a hash of low quality says which picture a file is")
		}
		if b.pictureOf(b.open(low)) == first {
			t.Error("a picture of low quality joined others")
		}
		film, copied := content("h", "film", safety.P2), content("i", "copied film", safety.P2)
		copied.SHA256 = film.SHA256
		if one, two := b.pictureOf(b.open(film)), b.pictureOf(b.open(copied)); one == "" || one != two {
			t.Errorf("the same bytes are %q and %q", one, two)
		}
		link := content("j", "", safety.P2)
		link.URL, link.SHA256 = "https://harmless.example/page", ""
		if got := b.pictureOf(b.open(link)); got != "" {
			t.Errorf("a link is the picture %s", got)
		}
	})
}

// TestPicture_AsBruteForce: the picture of a file is the nearest of the earlier
// ones within SamePicture, in any orientation that is given, and a new one else.
func TestPicture_AsBruteForce(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	joined := 0
	rapid.Check(t, func(rt *rapid.T) {
		type picture struct {
			id   string
			hash pdq.Hash
		}
		var known []picture
		b.n++
		base := pdq.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "base"))
		for i := range rapid.IntRange(2, 10).Draw(rt, "files") {
			bits := rapid.SliceOfNDistinct(rapid.IntRange(0, 255), 0, 36, rapid.ID[int]).Draw(rt, "bits")
			looks := []pdq.Hash{flipped(base, bits...)}
			if rapid.Bool().Draw(rt, "turned") {
				looks = append(looks, flipped(base, rapid.SliceOfNDistinct(rapid.IntRange(0, 255), 0, 24, rapid.ID[int]).Draw(rt, "turned bits")...))
			}
			got := b.pictureOf(b.open(looking(fmt.Sprint("p", b.n, "-", i), fmt.Sprint("c", b.n, "-", i), looks...)))
			nearest, want := cases.SamePicture+1, ""
			for _, h := range looks {
				for _, k := range known {
					if d := h.Distance(k.hash); d < nearest {
						nearest, want = d, k.id
					}
				}
			}
			switch {
			case want != "":
				joined++
				if got != want {
					rt.Fatalf("file %d is picture %s, want %s at %d bits", i, got, want, nearest)
				}
			case slices.ContainsFunc(known, func(k picture) bool { return k.id == got }):
				rt.Fatalf("file %d joined %s, which is farther than %d bits", i, got, cases.SamePicture)
			default:
				known = append(known, picture{got, looks[0]})
			}
		}
	})
	if joined == 0 {
		t.Error("no file ever joined a picture, so nothing was tested")
	}
}

// TestPicture_Concurrent: copies that come in at once are one picture.
func TestPicture_Concurrent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		opened := make([]cases.Opened, 8)
		var wg sync.WaitGroup
		for i := range opened {
			wg.Go(func() {
				err := b.store.Tx(context.Background(), func(tx *store.Tx) (err error) {
					opened[i], err = b.desk.Open(context.Background(), tx, looking(fmt.Sprint("acct-", i), fmt.Sprint(i), flipped(someHash, i)))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, o := range opened {
			if b.pictureOf(o) != b.pictureOf(opened[0]) {
				t.Fatal("copies that came in at once are different pictures")
			}
		}
	})
}

func (b *bench) follow(who safety.Actor, caseID, decisionID string) (db.Decision, error) {
	return b.desk.Follow(context.Background(), who, caseID, decisionID, 0)
}

func TestFollow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		ctx := t.Context()
		mine := b.open(looking("a", "first", someHash)).CaseID
		copies := []string{b.open(looking("b", "second", flipped(someHash, 3))).CaseID, b.open(looking("c", "third", flipped(someHash, 9))).CaseID}
		more := b.open(looking("d", "fourth", someHash)).CaseID
		b.open(looking("d", "something else", pdq.Hash{4: 0xff, 8: 0xff, 12: 0xff, 16: 0xff, 20: 0xff}))

		ids := func(cs []db.Case, err error) (out []string) {
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cs {
				out = append(out, c.ID)
			}
			return out
		}
		if got := ids(b.desk.Copies(ctx, b.row(mine))); !slices.Equal(got, copies) {
			t.Errorf("copies: %v, want %v: not the case that holds something else too", got, copies)
		}
		if _, found, err := b.desk.Precedent(ctx, b.row(copies[0])); err != nil || found {
			t.Errorf("a precedent before anything is decided (%v)", err)
		}
		// One that was decided together with something else says nothing of the picture.
		mixed := b.open(looking("e", "fifth", someHash)).CaseID
		b.open(looking("e", "and another", pdq.Hash{5: 0xff, 9: 0xff, 13: 0xff, 17: 0xff, 21: 0xff}))
		if _, err := b.desk.Decide(ctx, boris, mixed, reject, types); err != nil {
			t.Fatal(err)
		}
		if _, found, err := b.desk.Precedent(ctx, b.row(copies[0])); err != nil || found {
			t.Errorf("a precedent that is about another picture too (%v)", err)
		}
		made, err := b.desk.Decide(ctx, anna, mine, confirm, types)
		if err != nil {
			t.Fatal(err)
		}
		if p, found, err := b.desk.Precedent(ctx, b.row(copies[0])); err != nil || !found || p.ID != made.ID {
			t.Errorf("precedent %q %v (%v), want %s", p.ID, found, err, made.ID)
		}

		_, err = b.follow(robot, copies[0], made.ID)
		wantKind(t, "by a key", err, safety.Forbidden)
		_, err = b.follow(boris, more, made.ID)
		wantKind(t, "a case that holds something else too", err, safety.Conflict)
		_, err = b.follow(boris, copies[0], "dec_other")
		wantKind(t, "another decision", err, safety.Conflict)
		_, err = b.desk.Follow(ctx, boris, copies[0], made.ID, 2)
		wantKind(t, "other items than were seen", err, safety.Conflict)
		if _, err := b.desk.Claim(ctx, anna, copies[0]); err != nil {
			t.Fatal(err)
		}
		_, err = b.follow(boris, copies[0], made.ID)
		wantKind(t, "a case that somebody else holds", err, safety.Conflict)
		if _, err := b.desk.Release(ctx, anna, copies[0]); err != nil {
			t.Fatal(err)
		}

		got, err := b.follow(boris, copies[0], made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.RestsOn != made.ID || got.DecidedBy != boris.ID || got.Outcome != made.Outcome || got.NcmecClass != "B2" || got.IncidentType != made.IncidentType ||
			!strings.Contains(got.Reason, mine) || strings.Contains(got.Viewed, "original") {
			t.Errorf("the decision that follows: %+v", got)
		}
		if c := b.row(copies[0]); c.State != string(cases.Decided) || c.Priority != "P2" || !b.has("drafted "+copies[0]) {
			t.Errorf("the case that follows: %+v, drafted %v", c, b.has("drafted "+copies[0]))
		}
		_, err = b.follow(boris, copies[0], made.ID)
		wantKind(t, "twice", err, safety.Conflict)

		// What rests on another says nothing for a third, and nothing rests on what was taken back.
		if _, err := b.desk.Undo(ctx, anna, mine); err != nil {
			t.Fatal(err)
		}
		if _, found, err := b.desk.Precedent(ctx, b.row(copies[1])); err != nil || found {
			t.Errorf("a precedent after it was taken back (%v)", err)
		}
		_, err = b.follow(boris, copies[1], made.ID)
		wantKind(t, "a decision that was taken back", err, safety.Conflict)

		// Where people disagree, somebody looks.
		if _, err := b.desk.Decide(ctx, anna, mine, confirm, types); err != nil {
			t.Fatal(err)
		}
		if _, err := b.desk.Undo(ctx, boris, copies[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := b.desk.Decide(ctx, boris, copies[0], reject, types); err != nil {
			t.Fatal(err)
		}
		if _, found, err := b.desk.Precedent(ctx, b.row(copies[1])); err != nil || found {
			t.Errorf("a precedent where two people disagree (%v)", err)
		}
	})
}
