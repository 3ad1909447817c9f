package franking_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/franking"
)

// history sends and receives n messages, a minute apart.
func (w *world) history(t *testing.T, n int) (out []franking.Evidence) {
	for i := range n {
		c := message("hello")
		c.ID = [16]byte{byte(i + 1)}
		out = append(out, w.receive(t, w.send(t, c, now.Add(time.Duration(i)*time.Minute))).Evidence)
	}
	return out
}

func TestReportIsProved(t *testing.T) {
	w := newWorld(t)
	for _, key := range []franking.ReportKey{reportKey(t), x25519Key(t)} {
		w.reporter.To, w.moderator.Keys = teamOf(key), []franking.ReportKey{key}
		r, err := w.reporter.Compose(w.history(t, 40), 3, true, "please help")
		check(t, err)
		sealed, err := w.reporter.Seal(r)
		check(t, err)
		opened, err := w.moderator.Open(sealed, "acct:bob")
		check(t, err)
		if diff := cmp.Diff(r, opened); diff != "" {
			t.Error(diff)
		}
		review := w.moderator.Review(opened, now.Add(time.Hour))
		if len(review.Findings) != franking.MaxMessages {
			t.Errorf("%d messages", len(review.Findings))
		}
		for _, f := range review.Findings {
			if f.Outcome != franking.Proved || f.Cause != nil || f.Content.Sender != "acct:alice" {
				t.Errorf("%s: %v", f.Outcome, f.Cause)
			}
		}
	}
}

func TestReportShowsGaps(t *testing.T) {
	w := newWorld(t)
	h := w.history(t, 9) // numbers 17 to 25
	w.seq = 29
	resent := message("hello")
	resent.ID = [16]byte{9}
	h = append(h, w.receive(t, w.send(t, resent, now)).Evidence) // 30, eight minutes before 25
	pick := []franking.Evidence{h[0], h[1], h[4], h[4], h[8], h[9]}
	review := w.moderator.Review(&franking.Report{Reporter: "acct:bob", Messages: pick}, now.Add(time.Hour))
	want := []franking.Thread{{Conversation: "conv:42", First: 17, Last: 30,
		Gaps: []franking.Gap{{After: 18, Before: 21}, {After: 21, Before: 25}, {After: 25, Before: 30}}, Repeated: []uint64{21, 30}, Reordered: true}}
	if diff := cmp.Diff(want, review.Conversations); diff != "" {
		t.Error(diff)
	}
	if n := want[0].Gaps[0].Missing(); n != 2 {
		t.Errorf("%d missing", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	r, err := w.reporter.Compose(w.history(t, 1), 0, false, "")
	check(t, err)
	sealed, err := w.reporter.Seal(r)
	check(t, err)
	alter := func(i int, v byte) []byte {
		b := bytes.Clone(sealed)
		b[i] = v
		return b
	}
	for _, c := range []struct {
		name, reporter string
		sealed         []byte
		want           error
	}{
		{"another account", "acct:mallory", sealed, franking.ErrReporter},
		{"version", "acct:bob", alter(1, 2), franking.ErrVersion},
		{"kem", "acct:bob", alter(3, 1), franking.ErrSuite},
		{"team", "acct:bob", alter(5, 'x'), franking.ErrAudience},
		{"key id", "acct:bob", alter(5+23, 'y'), franking.ErrReportKey},
		{"body", "acct:bob", alter(len(sealed)-1, sealed[len(sealed)-1]^1), franking.ErrOpen},
		{"cut", "acct:bob", sealed[:40], franking.ErrOpen},
		{"empty", "acct:bob", nil, franking.ErrTruncated},
		{"too large", "acct:bob", make([]byte, franking.MaxSealed+1), franking.ErrReportSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := w.moderator.Open(c.sealed, c.reporter); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// A report keeps the newest messages when not all fit.
func TestComposeFits(t *testing.T) {
	w := newWorld(t)
	var h []franking.Evidence
	for range franking.MaxMessages {
		h = append(h, w.receive(t, w.send(t, message(string(make([]byte, franking.MaxBody))), now)).Evidence)
	}
	r, err := w.reporter.Compose(h, 0, false, "")
	check(t, err)
	if n := len(r.Messages); n != 15 || !cmp.Equal(r.Messages[n-1], h[len(h)-1]) {
		t.Errorf("%d messages", n)
	}
	if _, err := w.reporter.Compose(nil, 0, false, ""); !errors.Is(err, franking.ErrReportSize) {
		t.Errorf("an empty report: %v", err)
	}
	if _, err := (&franking.Report{Reporter: "acct:bob", Messages: h}).Encode(); !errors.Is(err, franking.ErrReportSize) {
		t.Errorf("all of it: %v", err)
	}
}

func TestCheckFile(t *testing.T) {
	w := newWorld(t)
	file := []byte("a harmless file")
	c := message("see this")
	c.Attachments = []franking.Attachment{attach(file, []byte("cipher"))}
	got := w.receive(t, w.send(t, c, now))
	check(t, got.Content.Attachments[0].CheckCipher(bytes.NewReader([]byte("cipher")), 100))
	f := w.moderator.Prove(got.Evidence, now)
	check(t, f.CheckFile(0, bytes.NewReader(file)))
	if f.Outcome != franking.Proved || !f.Checked[0] {
		t.Error(f.Outcome)
	}
	for _, bad := range [][]byte{nil, file[1:], append(bytes.Clone(file), 0)} {
		g := w.moderator.Prove(got.Evidence, now)
		if err := g.CheckFile(0, bytes.NewReader(bad)); !errors.Is(err, franking.ErrAttachment) || g.Outcome != franking.AttachmentMismatch || g.Checked[0] {
			t.Errorf("%v, %s", err, g.Outcome)
		}
	}
	if err := f.CheckFile(1, nil); !errors.Is(err, franking.ErrAttachmentN) {
		t.Error(err)
	}
	got.Evidence.Attachments = []franking.AttachmentKey{{Index: 1, Key: []byte{1}, Locator: "l"}}
	if f := w.moderator.Prove(got.Evidence, now); f.Outcome != franking.AttachmentMismatch {
		t.Error(f.Outcome)
	}
}

func TestDestroyedKeysAreGone(t *testing.T) {
	w := newWorld(t)
	e := w.receive(t, w.send(t, message("hello"), now)).Evidence
	id := franking.WeekKey(now)
	digest, err := w.ring.Digest(id)
	check(t, err)
	_, until, err := id.Week()
	check(t, err)
	last := until.Add(franking.DefaultWindow - time.Millisecond)
	if f := w.moderator.Prove(e, last); f.Outcome != franking.Proved {
		t.Errorf("in the last millisecond: %s, %v", f.Outcome, f.Cause)
	}
	if gone := w.ring.Destroy(last); gone != nil {
		t.Errorf("%v gone too early", gone)
	}
	if f := w.moderator.Prove(e, last.Add(time.Millisecond)); f.Outcome != franking.KeyExpired {
		t.Errorf("past the window, not destroyed: %s", f.Outcome)
	}
	before := w.ring.Encode()
	if diff := cmp.Diff([]franking.KeyID{id}, w.ring.Destroy(last.Add(time.Millisecond))); diff != "" {
		t.Error(diff)
	}
	stored := w.ring.Encode()
	secret := before[2+8+2+8+32+1:][:32]
	if bytes.Contains(stored, secret) || len(stored) != len(before)-32 {
		t.Error("the stored form still holds the key")
	}
	again, err := franking.ParseKeyRing(stored)
	check(t, err)
	if d, err := again.Digest(id); err != nil || d != digest {
		t.Error("the digest is gone, too")
	}
	for _, ring := range []*franking.KeyRing{w.ring, again} {
		w.moderator.Ring = ring
		if f := w.moderator.Prove(e, now); f.Outcome != franking.KeyExpired || !errors.Is(f.Cause, franking.ErrKeyExpired) {
			t.Errorf("with the clock set back: %s, %v", f.Outcome, f.Cause)
		}
	}
}

func TestReplace(t *testing.T) {
	w := newWorld(t)
	old := w.receive(t, w.send(t, message("hello"), now)).Evidence
	id, err := w.ring.Replace(rand.NewChaCha8([32]byte{2}), now)
	check(t, err)
	fresh := w.receive(t, w.send(t, message("hello"), now))
	if fresh.Context.Key != id || id[7] != '2' {
		t.Errorf("stamped with %s, not %s", fresh.Context.Key, id)
	}
	if f := w.moderator.Prove(old, now); f.Outcome != franking.KeyExpired {
		t.Error(f.Outcome)
	}
	if f := w.moderator.Prove(fresh.Evidence, now); f.Outcome != franking.Proved {
		t.Error(f.Outcome)
	}
}

func TestNoKeyNoStamp(t *testing.T) {
	w := newWorld(t)
	if _, err := w.hub.Stamp(franking.Submission{Sender: "a", Conversation: "c"}, now.AddDate(0, 0, 14)); !errors.Is(err, franking.ErrKeyUnknown) {
		t.Error(err)
	}
	w.moderator.Ring = nil
	e := w.receive(t, w.send(t, message("hello"), now)).Evidence
	if f := w.moderator.Prove(e, now); f.Outcome != franking.NotOurs || !errors.Is(f.Cause, franking.ErrKeyUnknown) {
		t.Errorf("%s, %v", f.Outcome, f.Cause)
	}
}

// Every moment lies in the week of its key, and only there.
func TestWeeks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(4*86400000, 100*365*86400000).Draw(t, "ms")).UTC()
		from, until, err := franking.WeekKey(at).Week()
		if err != nil || at.Before(from) || !at.Before(until) || from.Weekday() != time.Monday || until.Sub(from) != 7*24*time.Hour {
			t.Fatalf("%s: %s to %s, %v", at, from, until, err)
		}
	})
	for _, id := range []string{"2025w531", "2025w001", "2025w480", "2025W481", "+025w481", "2025w4a1"} {
		if _, _, err := franking.KeyID([]byte(id)).Week(); !errors.Is(err, franking.ErrKeyUnknown) {
			t.Errorf("%s is a week", id)
		}
	}
}

// TestSequence compares the window with a plain set.
func TestSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s franking.Sequence
		seen := map[uint64]bool{}
		var highest uint64
		for _, n := range rapid.SliceOfN(rapid.Uint64Range(1000, 1700), 1, 300).Draw(t, "numbers") {
			got, err := s.Accept(franking.Context{Seq: n, AcceptedAt: now})
			switch {
			case len(seen) > 0 && n+franking.SequenceWindow <= highest:
				if !errors.Is(err, franking.ErrReordered) {
					t.Fatalf("%d after %d: %v", n, highest, err)
				}
				continue
			case seen[n]:
				if !errors.Is(err, franking.ErrReplayed) {
					t.Fatalf("%d again: %v", n, err)
				}
				continue
			}
			want := franking.Arrival{Late: n < highest}
			if len(seen) > 0 && n > highest {
				want.Missing = n - highest - 1
			}
			if err != nil || got != want {
				t.Fatalf("%d after %d: %+v, %v", n, highest, got, err)
			}
			seen[n], highest = true, max(highest, n)
		}
		if again, err := franking.ParseSequence(s.Encode()); err != nil || !bytes.Equal(again.Encode(), s.Encode()) {
			t.Fatal(err)
		}
	})
}

func TestSequenceTime(t *testing.T) {
	var s franking.Sequence
	at := func(seq uint64, d time.Duration) error {
		_, err := s.Accept(franking.Context{Seq: seq, AcceptedAt: now.Add(d)})
		return err
	}
	check(t, at(10, 0))
	check(t, at(11, -franking.MaxSkew))
	check(t, at(13, time.Hour))
	if err := at(14, 0); !errors.Is(err, franking.ErrReordered) {
		t.Errorf("a later number at an earlier time: %v", err)
	}
	if err := at(12, 2*time.Hour); !errors.Is(err, franking.ErrReordered) {
		t.Errorf("an earlier number at a later time: %v", err)
	}
	if n := s.Missing(); n != 1 {
		t.Errorf("%d missing", n)
	}
}

func TestSenderRefuses(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*franking.Content)
		want   error
	}{
		"another account": {func(c *franking.Content) { c.Sender = "acct:carol" }, franking.ErrSender},
		"no conversation": {func(c *franking.Content) { c.Conversation = "" }, franking.ErrEmpty},
		"before 1970":     {func(c *franking.Content) { c.SentAt = time.UnixMilli(-1) }, franking.ErrRange},
		"long body":       {func(c *franking.Content) { c.Body = make([]byte, franking.MaxBody+1) }, franking.ErrLength},
		"long type":       {func(c *franking.Content) { c.Type = string(make([]byte, 256)) }, franking.ErrLength},
		"not UTF-8":       {func(c *franking.Content) { c.Type = "\xff" }, franking.ErrText},
		"many files":      {func(c *franking.Content) { c.Attachments = make([]franking.Attachment, 101) }, franking.ErrLength},
	} {
		m := message("hello")
		c.change(&m)
		if _, _, err := w.sender.Frank(m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSizes(t *testing.T) {
	w := newWorld(t)
	m := w.send(t, message("hello"), now)
	if n := len(m.stamp.Encode()); n != 155 {
		t.Errorf("a stamp of %d bytes", n)
	}
	var got []uint8
	for _, n := range []int{0, 128, 129, 256, 257, 65536} {
		got = append(got, franking.SizeClass(n))
	}
	if !slices.Equal(got, []uint8{0, 0, 1, 1, 2, 9}) {
		t.Error(got)
	}
}
