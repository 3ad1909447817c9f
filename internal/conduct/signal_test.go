package conduct

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
)

var update = flag.Bool("update", false, "write the golden file of signals")

var shared = SignalKey{ID: "partners-1", Secret: bytes.Repeat([]byte{7}, 32)}

func draft() Draft {
	return Draft{ID: "sig_1", Type: SignalAccount, Value: " Some.Name@example.org ", Harm: HarmExtortion,
		FirstSeen: day0.AddDate(0, 0, -3), Expiry: day0.AddDate(0, 6, 0), Provenance: "example-platform"}
}

func confirmed() Confirmation { return Confirmation{anna, "cas_1", day0} }

func TestSignalGolden(t *testing.T) {
	var out []Signal
	for i, d := range []Draft{
		draft(),
		{Type: SignalPayment, Value: "handle-9", Harm: HarmExtortion},
		{Type: SignalHash, Value: strings.Repeat("AB", 32), Harm: HarmMaterial},
		{Type: SignalURL, Value: "https://example.org/room/7", Harm: HarmSolicitation},
		{Type: SignalKeyword, Value: "neutral word", Harm: HarmSolicitation},
	} {
		base := draft()
		base.ID, base.Type, base.Value, base.Harm = "sig_"+string(rune('1'+i)), d.Type, d.Value, d.Harm
		s, err := NewSignal(base, shared, confirmed())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	out[3], _ = out[3].Move(SignalDisputed, ben, "the holder objects", day0.Add(time.Hour))
	got, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/signals.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("signals are written otherwise than in %s (%v):\n%s", file, err, got)
	}
	for _, secret := range []string{"some.name", "handle-9", anna.ID, ben.ID, "cas_1", "the holder objects", hex.EncodeToString(shared.Secret)} {
		if strings.Contains(strings.ToLower(string(got)), secret) {
			t.Errorf("%q leaves the house", secret)
		}
	}
}

// TestSignalHash: the value is the HMAC of type, zero byte and the trimmed value in
// lower case, worked out here by hand.
func TestSignalHash(t *testing.T) {
	s, err := NewSignal(draft(), shared, confirmed())
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, shared.Secret)
	h.Write([]byte("account\x00some.name@example.org"))
	if want := hex.EncodeToString(h.Sum(nil)); s.draft.Value != want || s.hashing != HashingHMAC || s.keyID != "partners-1" {
		t.Errorf("hashed to %s (%s, %s), want %s", s.draft.Value, s.hashing, s.keyID, want)
	}
}

func TestSignalRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Draft, *SignalKey, *Confirmation){
		"nobody":             func(_ *Draft, _ *SignalKey, c *Confirmation) { c.Person = safety.Actor{} },
		"a key of the API":   func(_ *Draft, _ *SignalKey, c *Confirmation) { c.Person = safety.Actor{ID: "key:1"} },
		"the system":         func(_ *Draft, _ *SignalKey, c *Confirmation) { c.Person = safety.System },
		"no case":            func(_ *Draft, _ *SignalKey, c *Confirmation) { c.Case = "" },
		"no time":            func(_ *Draft, _ *SignalKey, c *Confirmation) { c.At = time.Time{} },
		"no id":              func(d *Draft, _ *SignalKey, _ *Confirmation) { d.ID = "" },
		"no platform":        func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Provenance = "" },
		"no value":           func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Value = "  " },
		"no type":            func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Type = "" },
		"no harm":            func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Harm = "other" },
		"a weak key":         func(_ *Draft, k *SignalKey, _ *Confirmation) { k.Secret = k.Secret[:31] },
		"a nameless key":     func(_ *Draft, k *SignalKey, _ *Confirmation) { k.ID = "" },
		"a hash that is not": func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Type = SignalHash },
		"no expiry":          func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Expiry = time.Time{} },
		"too late an expiry": func(d *Draft, _ *SignalKey, _ *Confirmation) { d.Expiry = day0.Add(SignalFor + 1) },
		"seen afterwards":    func(d *Draft, _ *SignalKey, _ *Confirmation) { d.FirstSeen = day0.Add(1) },
	} {
		d, k, c := draft(), shared, confirmed()
		spoil(&d, &k, &c)
		s, err := NewSignal(d, k, c)
		if err == nil || s.Usable(day0) {
			t.Errorf("%s: a signal is made", name)
		}
	}
	if _, err := json.Marshal(Signal{}); err == nil {
		t.Error("a signal that nobody confirmed is written")
	}
	for f := range reflect.TypeFor[Signal]().Fields() {
		if f.IsExported() {
			t.Errorf("%s of a signal can be set without a person", f.Name)
		}
	}
}

// TestSignalStates walks through states: only people move it, withdrawn is the end,
// and it is usable only where it stands and has not expired.
func TestSignalStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := NewSignal(draft(), shared, confirmed())
		if err != nil {
			t.Fatal(err)
		}
		now := day0
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			to := rapid.SampledFrom([]SignalState{SignalStands, SignalDisputed, SignalWithdrawn, "other"}).Draw(t, "to")
			who := rapid.SampledFrom([]safety.Actor{anna, ben, safety.System, {}}).Draw(t, "who")
			why := rapid.SampledFrom([]string{"a reason", " "}).Draw(t, "why")
			now = now.Add(time.Duration(rapid.IntRange(-1, 48).Draw(t, "hours")) * time.Hour)
			before := s
			next, err := s.Move(to, who, why, now)
			may := who.Person && why == "a reason" && !now.Before(before.changed) && to != before.state && before.state != SignalWithdrawn && to != "other"
			if (err == nil) != may {
				t.Fatalf("from %s to %s by %q with %q: %v", before.state, to, who.ID, why, err)
			}
			if err != nil && !reflect.DeepEqual(next, before) {
				t.Fatal("a refused move changed the signal")
			}
			s = next
			if s.Usable(now) != (s.State() == SignalStands && now.Before(s.draft.Expiry)) {
				t.Fatal("usable in the wrong state")
			}
		}
		if s.Usable(s.draft.Expiry) || !slices.Contains([]SignalState{SignalStands, SignalDisputed, SignalWithdrawn}, s.State()) {
			t.Fatal("usable after it expired, or in no state")
		}
	})
}
