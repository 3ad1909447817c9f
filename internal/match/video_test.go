package match_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// frames are n frames, one a second, unlike those of every other seed.
func frames(seed uint64, n int) []vpdq.Frame {
	r := rand.New(rand.NewPCG(seed, 11))
	out := make([]vpdq.Frame, n)
	for i := range out {
		out[i] = vpdq.Frame{Number: i, At: time.Duration(i) * time.Second, Quality: 90}
		for j := range out[i].Hash {
			out[i].Hash[j] = byte(r.Uint32())
		}
	}
	return out
}

// spliced are frames one after the other, at new times.
func spliced(parts ...[]vpdq.Frame) (out []vpdq.Frame) {
	for _, p := range parts {
		for _, f := range p {
			f.Number, f.At = len(out), time.Duration(len(out))*time.Second
			out = append(out, f)
		}
	}
	return out
}

func textOf(fs []vpdq.Frame) string {
	var b bytes.Buffer
	if err := vpdq.Format(&b, fs); err != nil {
		panic(err)
	}
	return b.String()
}

func jsonOf(fs []vpdq.Frame) string { return string(must(vpdq.FormatJSON(fs))) }

// watch looks frames up as a video.
func (b *bench) watch(variant string, fs []vpdq.Frame) []safety.Finding {
	b.t.Helper()
	b.refresh()
	q := match.Query{Video: []match.Video{{Variant: variant, Frames: fs}}}
	for _, f := range fs {
		q.Near = append(q.Near, match.Near{Hash: f.Hash, Quality: f.Quality, Variant: variant, Frame: f.Number, At: f.At})
	}
	found, err := b.index.Lookup(q)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func TestVideo_Known(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("films", safety.ListIllegal)
	known, other := frames(1, 30), frames(2, 60)
	if got := b.imports("films", match.FormatVPDQ, textOf(known)); got.Added != 1 {
		t.Fatalf("%+v", got)
	}
	if got := b.imports("films", match.FormatVPDQ, jsonOf(known)); got.Added != 0 || got.Already != 1 {
		t.Errorf("the same video in the other form: %+v", got)
	}
	row := fmt.Sprintf("vpdq,note\n%q,a film\n%q,another\n", strings.ReplaceAll(jsonOf(frames(3, 20)), `"`, "'"), "x")
	row = strings.ReplaceAll(row, "'", `""`)
	if got, err := b.lists.Import(t.Context(), actor, "films", match.FormatCSV, strings.NewReader(row), true); err != nil || got.Added != 1 || len(got.Skipped) != 1 {
		t.Errorf("CSV: %+v, %v", got, err)
	}
	for _, c := range []struct {
		name     string
		query    []vpdq.Frame
		from, to int // seconds; 0, 0 if it is not found
		frame    int
	}{
		{"itself", known, 0, 30, 0},
		{"cut short", known[5:25], 5, 25, 5},
		{"inside a longer one", spliced(other[:40], known, other[40:]), 40, 70, 40},
		{"a third of it inside a longer one", spliced(other[:40], known[:10], other[40:]), 0, 0, 0},
		{"another", other, 0, 0, 0},
		{"the one from CSV", frames(3, 20), 0, 20, 0},
	} {
		got := b.watch("original", c.query)
		if c.to == 0 {
			if len(got) > 0 {
				t.Errorf("%s: found %+v", c.name, got[0])
			}
			continue
		}
		want := safety.Finding{Detector: "vpdq/1", List: "films", Kind: safety.ListIllegal, Match: safety.MatchNear, Variant: "original",
			Frame: c.frame, From: time.Duration(c.from) * time.Second, To: time.Duration(c.to) * time.Second}
		if len(got) != 1 {
			t.Errorf("%s: %d findings", c.name, len(got))
			continue
		}
		if want.SignalID = got[0].SignalID; got[0] != want || got[0].SignalID == "" {
			t.Errorf("%s: %+v", c.name, got[0])
		}
	}
	// Mirrored, as intake looks it up.
	if got := b.watch("flipY", known); len(got) != 1 || got[0].Variant != "flipY" {
		t.Errorf("another orientation: %+v", got)
	}
	// Recompressed.
	worn := frames(1, 30)
	for i := range worn {
		worn[i].Hash = flipped(worn[i].Hash, 20)
	}
	if got := b.watch("original", worn); len(got) != 1 {
		t.Errorf("at 20 bits: %+v", got)
	}
	for i := range worn {
		worn[i].Hash = flipped(known[i].Hash, 32)
	}
	if got := b.watch("original", worn); len(got) != 0 {
		t.Errorf("at 32 bits: %+v", got)
	}
	// A process that starts with a snapshot has the videos too.
	path := filepath.Join(t.TempDir(), "lists")
	if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
		t.Fatal(err)
	}
	second := match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
	if _, err := second.LoadSnapshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := second.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := must(second.Lookup(match.Query{Video: []match.Video{{Variant: "original", Frames: known}}})); len(got) != 1 {
		t.Errorf("a second process: %+v", got)
	}
	// Off the list.
	sigs := must(b.lists.Signals(t.Context(), "films", "", 10))
	for _, s := range sigs {
		if err := b.lists.RemoveSignal(t.Context(), actor, "films", s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.watch("original", known); len(got) != 0 {
		t.Errorf("after removal: %+v", got)
	}
	if n := b.index.Signals(); n != 0 {
		t.Errorf("%d signals left", n)
	}
}

func TestVideo_Refused(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("films", safety.ListIllegal)
	dull := frames(1, 5)
	for i := range dull {
		dull[i].Quality = 49
	}
	secret := frames(4, 1)[0].Hash.String()
	for name, c := range map[string]struct {
		format match.Format
		text   string
	}{
		"nothing": {match.FormatVPDQ, ""}, "no frames": {match.FormatVPDQ, "[]"}, "nothing to see": {match.FormatVPDQ, textOf(dull)},
		"garbage": {match.FormatVPDQ, "hello"}, "a line of three": {match.FormatVPDQ, "0,100," + secret},
		"quality of 101": {match.FormatVPDQ, "0,101," + secret + ",0.000"}, "cut": {match.FormatVPDQ, jsonOf(frames(4, 3))[:150]},
		// A digest without its frames could never be loaded, and nobody's lists with it.
		"a digest": {match.FormatHashes, "vpdq:sha256:" + strings.Repeat("0a", 32)},
	} {
		_, err := b.lists.Import(t.Context(), actor, "films", c.format, strings.NewReader(c.text), false)
		if safety.KindOf(err) != safety.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("%s: %v repeats a hash", name, err)
		}
	}
	_, err := b.lists.AddContent(t.Context(), actor, "films", match.ContentOnList{Signals: []safety.Hash{{Type: safety.VPDQ, Value: "sha256:" + strings.Repeat("0a", 32)}}})
	if safety.KindOf(err) != safety.Invalid {
		t.Errorf("a content of a digest: %v", err)
	}
	b.refresh()
	if b.index.Signals() != 0 {
		t.Error("something is on the list")
	}
}

// TestVideo_Pictures finds listed pictures in a video, with the stretch in which
// they are shown.
func TestVideo_Pictures(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("pictures", safety.ListIllegal)
	b.create("harmless", safety.ListAllow)
	fs := frames(7, 20)
	listed := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	for _, i := range []int{4, 12, 13, 14} {
		fs[i].Hash = flipped(listed, 6)
	}
	fs[13].Hash = flipped(listed, 2)
	b.imports("pictures", match.FormatHashes, "pdq:"+listed.String())
	// A harmless frame elsewhere in the video excuses nothing.
	b.imports("harmless", match.FormatHashes, "pdq:"+fs[2].Hash.String())
	got := b.watch("original", fs)
	want := map[string]safety.Finding{
		"pictures": {Kind: safety.ListIllegal, Frame: 13, Distance: 2, From: 12 * time.Second, To: 15 * time.Second},
		"harmless": {Kind: safety.ListAllow, Frame: 2, From: 2 * time.Second, To: 3 * time.Second},
	}
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for _, f := range got {
		w := want[f.List]
		w.Detector, w.List, w.Match, w.Variant, w.SignalID = "pdq/1", f.List, safety.MatchNear, "original", f.SignalID
		if f != w {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
	// The frame itself is harmless: now it is excused, and the other stretch is told.
	for _, i := range []int{12, 13, 14} {
		b.imports("harmless", match.FormatHashes, "pdq:"+fs[i].Hash.String())
	}
	for _, f := range b.watch("original", fs) {
		if f.List == "pictures" && (f.Frame != 4 || f.From != 4*time.Second || f.To != 5*time.Second) {
			t.Errorf("%+v", f)
		}
	}
	// Outside a video there are no times.
	q := match.Query{Near: []match.Near{{Hash: listed, Quality: 90, Variant: "original"}}}
	for _, f := range must(b.index.Lookup(q)) {
		if f.From != 0 || f.To != 0 {
			t.Errorf("a picture has times: %+v", f)
		}
	}
}
