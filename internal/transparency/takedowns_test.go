package transparency_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// TestTakedowns counts notices of every kind, by lateness as it is when counted.
func TestTakedowns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s, ctx := open(t), t.Context()
		n := 0
		add := func(law, state string, received, ended time.Duration, late bool, reason string) {
			n++
			id := string(rune('a' + n))
			at := func(d time.Duration) int64 { return store.Micros(start.Add(d)) }
			p := db.AddTakedownParams{ID: id, State: state, Law: law, Contact: []byte{}, ReceivedAt: at(received), DueAt: at(received + 48*time.Hour), Late: late}
			if ended != 0 {
				p.EndedAt = at(received + ended)
			}
			q := s.Read()
			if err := q.AddTakedown(ctx, p); err != nil {
				t.Fatal(err)
			}
			if reason == "" {
				return
			}
			if err := q.AddTakedownDecision(ctx, db.AddTakedownDecisionParams{ID: "d" + id, TakedownID: id, Outcome: "refuse", Reason: reason}); err != nil {
				t.Fatal(err)
			}
		}
		add("uk", "removed", time.Hour, 10*time.Hour, false, "")
		add("uk", "removed", time.Hour, 60*time.Hour, true, "")
		add("uk", "refused", time.Hour, 2*time.Hour, false, "not_intimate_image")
		add("us", "decided", time.Hour, 0, false, "")     // past its time when counted
		add("us", "open", 200*time.Hour, 0, false, "")    // not yet
		add("us", "moved", time.Hour, 1, false, "")       // a case
		add("uk", "removed", 9999*time.Hour, 1, true, "") // of another period
		made := start.Add(210 * time.Hour)
		c, err := transparency.NewDesk(s, func() time.Time { return made }).Count(ctx, start, start.Add(300*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		seconds := int64(10 * 3600)
		want := transparency.Takedowns{Laws: []transparency.TakedownLaw{{Law: "uk", InTime: 2, Late: 1}, {Law: "us", Late: 1, Waiting: 1}},
			States: map[string]int64{"removed": 2, "refused": 1, "decided": 1, "open": 1, "moved": 1}, Refusals: map[string]int64{"not_intimate_image": 1},
			End: transparency.Median{N: 3, Seconds: &seconds}}
		if diff := cmp.Diff(want, c.Takedowns); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		out, err := c.Export(transparency.DefaultK)
		if err != nil {
			t.Fatal(err)
		}
		files := unzip(t, out)
		if got := files["takedown-notices.csv"]; !strings.Contains(got, "uk,<10,<10,<10,withheld") {
			t.Errorf("small counts are shown: %q", got)
		}
		for _, f := range []string{"takedown-states.csv", "takedown-exceptions.csv"} {
			if got := files[f]; got == "" || !strings.Contains(got, "withheld") || strings.Contains(got, ",1") {
				t.Errorf("%s beside small counts: %q", f, got)
			}
		}
		if got := files["median-times.csv"]; !strings.Contains(got, "takedown_receipt_to_end,withheld") {
			t.Errorf("a median of three is shown: %q", got)
		}
	})
}

func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}
