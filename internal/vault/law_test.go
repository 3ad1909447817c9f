package vault_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/vault"
)

func place(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones on this machine: %v", err)
	}
	return l
}

// TestLaws has every row of the table, each with the moments where counting goes
// wrong. A new row without a line here fails.
func TestLaws(t *testing.T) {
	t.Parallel()
	london, la, auckland := place(t, "Europe/London"), place(t, "America/Los_Angeles"), place(t, "Pacific/Auckland")
	utc := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	type line struct {
		name string
		from time.Time
		end  time.Time
	}
	policy := vault.OperatorPolicy(30 * 24 * time.Hour)
	tests := map[string]struct {
		law   vault.Law
		keeps vault.Keeps
		lines []line
	}{
		"18 USC 2258A(h)": {vault.USPreserve, vault.KeepsEvidence, []line{
			{"an ordinary day", utc("2026-11-02 09:00"), utc("2027-11-02 09:00")},
			{"29 February", utc("2028-02-29 23:30"), utc("2029-03-01 23:30")},
			{"28 February before a leap year", utc("2027-02-28 12:00"), utc("2028-02-28 12:00")},
			{"1 March of a leap year", utc("2028-03-01 00:00"), utc("2029-03-01 00:00")},
			{"over a leap day: 366 days", utc("2027-06-01 00:00"), utc("2028-06-01 00:00")},
			{"another year here than in UTC", time.Date(2027, 12, 31, 20, 0, 0, 0, la), utc("2029-01-01 04:00")},
			{"29 February here, 1 March in UTC", time.Date(2028, 2, 29, 20, 0, 0, 0, la), utc("2029-03-01 04:00")},
			{"29 February in UTC, 1 March here", time.Date(2028, 3, 1, 8, 0, 0, 0, auckland), utc("2029-02-28 19:00").AddDate(0, 0, 1)},
			{"the hour that is twice", time.Date(2026, 10, 25, 1, 30, 0, 0, london), time.Date(2026, 10, 25, 1, 30, 0, 0, london).UTC().AddDate(1, 0, 0)},
		}},
		"SI 2026/268 reg. 8(1)(b)": {vault.UKContent, vault.KeepsEvidence, []line{
			{"until the anniversary is over everywhere", utc("2026-11-02 09:00"), utc("2027-11-03 09:00")},
			{"29 February", utc("2028-02-29 10:00"), utc("2029-03-02 10:00")},
			{"in summer time, where the date is another in London", utc("2026-07-01 23:30"), utc("2027-07-02 23:30")},
		}},
		"SI 2026/268 reg. 8(1)(a)": {vault.UKReference, vault.KeepsRecord, []line{
			{"five years", utc("2026-11-02 09:00"), utc("2031-11-03 09:00")},
			{"29 February", utc("2028-02-29 09:00"), utc("2033-03-02 09:00")},
		}},
		"SI 2026/268 information request": {vault.UKInformationRequest, vault.Due, []line{
			{"seven days", utc("2026-11-02 09:00"), utc("2026-11-09 09:00")},
			{"clocks go forward in between", time.Date(2027, 3, 25, 9, 0, 0, 0, london), time.Date(2027, 4, 1, 10, 0, 0, 0, london)},
			{"clocks go back in between", time.Date(2026, 10, 22, 9, 0, 0, 0, london), time.Date(2026, 10, 29, 8, 0, 0, 0, london)},
			{"over a leap day", utc("2028-02-25 09:00"), utc("2028-03-03 09:00")},
		}},
		"OSA 2023 s.10(3A)": {vault.UKIntimateImage, vault.Due, []line{
			{"48 hours", utc("2026-11-02 09:00"), utc("2026-11-04 09:00")},
			{"clocks go forward in between", time.Date(2027, 3, 27, 12, 0, 0, 0, london), time.Date(2027, 3, 29, 13, 0, 0, 0, london)},
			{"clocks go back in between", time.Date(2026, 10, 24, 12, 0, 0, 0, london), time.Date(2026, 10, 26, 11, 0, 0, 0, london)},
			{"into a leap day", utc("2028-02-27 12:00"), utc("2028-02-29 12:00")},
		}},
		"TAKE IT DOWN Act s.3": {vault.USIntimateImage, vault.Due, []line{
			{"48 hours", utc("2026-11-02 09:00"), utc("2026-11-04 09:00")},
			{"clocks go forward in between", time.Date(2027, 3, 13, 12, 0, 0, 0, la), time.Date(2027, 3, 15, 13, 0, 0, 0, la)},
			{"clocks go back in between", time.Date(2026, 10, 31, 12, 0, 0, 0, la), time.Date(2026, 11, 2, 11, 0, 0, 0, la)},
			{"out of a leap day", utc("2028-02-29 12:00"), utc("2028-03-02 12:00")},
		}},
		"operator policy": {policy, vault.KeepsEvidence, []line{
			{"thirty days", utc("2026-11-02 09:00"), utc("2026-12-02 09:00")},
			{"over a leap day", utc("2028-02-15 09:00"), utc("2028-03-16 09:00")},
		}},
	}
	for _, law := range vault.Laws(30 * 24 * time.Hour) {
		t.Run(law.Name, func(t *testing.T) {
			tc, ok := tests[law.Name]
			if !ok {
				t.Fatal("this row of the table has no test")
			}
			if law != tc.law || law.Keeps != tc.keeps || law.Basis == "" || law.Source == "" || law.From == "" || law.For == "" || law.Tag == "" {
				t.Errorf("row is %+v", law)
			}
			for _, l := range tc.lines {
				if got := law.End(l.from); !got.Equal(l.end) {
					t.Errorf("%s: from %v ends %v, want %v", l.name, l.from, got, l.end.UTC())
				}
				c := law.Clock(l.from, "of a thing")
				if !c.Until.Equal(l.end) || c.Law != law.Name || c.Keeps != law.Keeps || c.Basis != law.For+" from "+law.From+" of a thing" {
					t.Errorf("%s: clock %+v", l.name, c)
				}
			}
		})
	}
	if len(tests) != len(vault.Laws(time.Hour)) {
		t.Errorf("%d rows are tested, and the table has %d", len(tests), len(vault.Laws(time.Hour)))
	}
}

// TestLaws_NeverShort holds every row against the calendar of places all over the
// world: a period of years is never over before its anniversary is, there.
func TestLaws_NeverShort(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{time.UTC, place(t, "Europe/London"), place(t, "America/Los_Angeles"), place(t, "Pacific/Kiritimati"), time.FixedZone("west", -12*3600)}
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(1_700_000_000, 4_000_000_000).Draw(t, "from"), 0)
		zone := zones[rapid.IntRange(0, len(zones)-1).Draw(t, "zone")]
		for law, years := range map[*vault.Law]int{&vault.UKContent: 1, &vault.UKReference: 5} {
			y, m, d := from.In(zone).Date()
			if m == time.February && d == 29 && from.UTC().Day() != 29 {
				d = 28 // only in UTC does a 29 February count as 1 March
			}
			midnight := time.Date(y+years, m, d+1, 0, 0, 0, 0, zone) // the end of the anniversary, there
			if law.End(from).Before(midnight) {
				t.Fatalf("%s: from %v ends %v, and there it is over at %v", law.Name, from.In(zone), law.End(from), midnight)
			}
			if law.End(from).After(midnight.Add(48 * time.Hour)) {
				t.Fatalf("%s: from %v ends only %v", law.Name, from, law.End(from))
			}
		}
		if end := vault.USPreserve.End(from); end.Before(from.Add(365 * 24 * time.Hour)) {
			t.Fatalf("a year from %v is over at %v", from, end)
		}
	})
}

// TestLaws_Asleep lets the time pass in which a clock runs.
func TestLaws_Asleep(t *testing.T) {
	t.Parallel()
	for _, law := range vault.Laws(30 * 24 * time.Hour) {
		synctest.Test(t, func(t *testing.T) {
			end := law.End(time.Now())
			time.Sleep(time.Until(end) - time.Nanosecond)
			if !time.Now().Before(end) {
				t.Errorf("%s: over before its time", law.Name)
			}
			time.Sleep(time.Nanosecond)
			if time.Now().Before(end) {
				t.Errorf("%s: not over in its time", law.Name)
			}
		})
	}
}
