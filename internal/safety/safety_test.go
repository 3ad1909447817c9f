package safety

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseHash(t *testing.T) {
	const md5 = "d41d8cd98f00b204e9800998ecf8427e"
	for _, tt := range []struct {
		name string
		kind HashType
		text string
		ok   bool
	}{
		{"md5", MD5, md5, true},
		{"upper case and spaces", MD5, " " + strings.ToUpper(md5) + "\n", true},
		{"too short", MD5, md5[:30], false},
		{"wrong type for its length", SHA1, md5, false},
		{"not hexadecimal", MD5, "z" + md5[1:], false},
		{"odd", MD5, md5[:31], false},
		{"empty", SHA256, "", false},
		{"unknown type", "crc32", "00000000", false},
	} {
		h, err := ParseHash(tt.kind, tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && (KindOf(err) != Invalid || (len(tt.text) > 8 && strings.Contains(err.Error(), tt.text[1:8]))) {
			t.Errorf("%s: %v is of the wrong kind or repeats the hash", tt.name, err)
		}
		if err == nil && h.Value != md5 {
			t.Errorf("%s: got another value", tt.name)
		}
	}
	h, err := ParseHash(MD5, md5)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %s", h, h); strings.Contains(s, md5[:8]) {
		t.Errorf("printing a hash tells its value: %s", s)
	}
}

// TestNewID: ids are unique, have the prefix, and sort by time.
func TestNewID(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		a := time.Duration(rapid.Int64Range(0, 1<<45).Draw(t, "a")) * time.Millisecond / 1000
		b := a + time.Duration(rapid.Int64Range(1, 1<<30).Draw(t, "later"))*time.Millisecond
		x, y := NewID("cas", base.Add(a)), NewID("cas", base.Add(b))
		if x >= y || len(x) != len("cas_")+26 || !strings.HasPrefix(x, "cas_") {
			t.Errorf("%s and %s, %s apart", x, y, b-a)
		}
	})
	seen := map[string]bool{}
	for range 10_000 {
		seen[NewID("x", base)] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different ids of 10000", len(seen))
	}
}

// TestStrictest: the order is total, and what is unknown is never milder.
func TestStrictest(t *testing.T) {
	all := append(slices.Clone(Verdicts), "nonsense")
	for i, a := range all {
		for j, b := range all {
			if got, want := Strictest(a, b), all[max(i, j)]; got != want {
				t.Errorf("strictest of %s and %s is %s", a, b, got)
			}
		}
	}
	for _, tt := range [][3]Priority{{P1, P3, P1}, {P3, P2, P2}, {"", P3, P3}, {P2, "", P2}, {"x", "", ""}} {
		if got := Highest(tt[0], tt[1]); got != tt[2] {
			t.Errorf("highest of %q and %q is %q", tt[0], tt[1], got)
		}
	}
}

func TestAccountCheck(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	good := Account{ProfileURL: "https://x.example.test/u", DateOfBirth: "1990-02-28", Emails: []Email{{Address: "a@example.test"}},
		Phones: []Phone{{Number: "7000000000"}}, IPEvents: []IPEvent{{IP: "2001:db8::1", Port: 65535, At: now}}, Devices: []Device{{Type: "t", Value: "v"}}}
	if p := good.Check(now); p != nil {
		t.Errorf("a good account has problems %v", p)
	}
	bad := Account{ProfileURL: "javascript:x", DateOfBirth: "2026-02-30", Emails: []Email{{}, {Address: "CANARY <a@b.test>"}},
		Phones: []Phone{{}}, IPEvents: []IPEvent{{IP: "CANARY", Port: 70000, At: now.Add(time.Hour)}, {IP: "203.0.113.1"}}, Devices: []Device{{}}}
	var paths []string
	for _, p := range bad.Check(now) {
		paths = append(paths, p[0])
		if strings.Contains(p[0]+p[1], "CANARY") {
			t.Errorf("a problem repeats the value: %v", p)
		}
	}
	want := []string{"profile_url", "date_of_birth", "emails[0].address", "emails[1].address", "phones[0].number",
		"ip_events[0].ip", "ip_events[0].port", "ip_events[0].at", "ip_events[1].at", "devices[0].type"}
	if !slices.Equal(paths, want) {
		t.Errorf("problems at %v,\nwant %v", paths, want)
	}
}

// TestParseID: an identifier's bits give it back, and nothing else is one.
func TestParseID(t *testing.T) {
	for range 1000 {
		id := NewID("sig", time.Unix(rand.Int64N(1<<33), 0))
		bits, err := ParseID("sig", id)
		if err != nil || FormatID("sig", bits) != id {
			t.Fatalf("%s became %s, %v", id, FormatID("sig", bits), err)
		}
	}
	id := NewID("sig", time.Unix(1, 0))
	for _, bad := range []string{"", "sig_", "cas" + id[3:], id[:29], id + "0", id[:29] + "u", id[:29] + "A"} {
		if _, err := ParseID("sig", bad); KindOf(err) != Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
