package vault

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// machine is a computer whose wall clock can be set, in a bubble where the
// monotonic clock cannot.
type machine struct {
	set   time.Duration // by which the wall clock was moved
	row   db.Destroyer  // what the database holds
	watch *watch
}

func (m *machine) now() time.Time { return time.Now().Add(m.set) }

// start is a process that starts.
func (m *machine) start() {
	m.watch = &watch{}
	m.watch.complete()
}

// round is what [Vault.Look] does, without a database.
func (m *machine) round() string {
	now := m.now()
	why := m.watch.doubt(m.row, now)
	if why == "" {
		m.row.TrustedAt = max(m.row.TrustedAt, store.Micros(now))
		m.watch.believe(m.row, now)
	}
	return why
}

// TestDoubt moves clocks, lets processes sleep and start again, and says when a
// person must look.
func TestDoubt(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		name string
		do   func(m *machine) string
		want string // part of the reason; "" for none
	}{
		{"a year, hour by hour", func(m *machine) (why string) {
			for range 365 * 24 {
				time.Sleep(time.Hour)
				why += m.round()
			}
			return why
		}, ""},
		{"one round after a month asleep", func(m *machine) string { time.Sleep(30 * day); return m.round() }, ""},
		{"ten years ahead at once", func(m *machine) string { m.set += 3650 * day; return m.round() }, "went forward"},
		{"a day back at once", func(m *machine) string { m.set -= day; return m.round() }, "it has been"},
		{"a day back after two days", func(m *machine) string { time.Sleep(2 * day); m.set -= day; return m.round() }, "went back"},
		{"a little ahead, as clocks are set", func(m *machine) string { m.set += 59 * time.Minute; return m.round() }, ""},
		{"a little back, as clocks are set", func(m *machine) string { m.set -= 59 * time.Minute; return m.round() }, ""},
		{"a little ahead, again and again", func(m *machine) (why string) {
			for range 3 {
				time.Sleep(time.Hour)
				m.set += 30 * time.Minute
				why = m.round()
			}
			return why
		}, "went forward by 1h30m0s"},
		{"started again at once", func(m *machine) string { m.start(); return m.round() }, ""},
		{"started again after a weekend", func(m *machine) string { time.Sleep(70 * time.Hour); m.start(); return m.round() }, ""},
		{"started again after a week", func(m *machine) string { time.Sleep(7 * day); m.start(); return m.round() }, "after the last time that was trusted"},
		{"started again a year ahead", func(m *machine) string { m.set += 365 * day; m.start(); return m.round() }, "after the last time that was trusted"},
		{"started again a day back", func(m *machine) string { m.set -= day; m.start(); return m.round() }, "it has been"},
		{"started again within the gap and ahead, then wrong in the same process", func(m *machine) string {
			m.set += 2 * day
			m.start()
			if why := m.round(); why != "" {
				return "too soon: " + why
			}
			m.set += 2 * day
			return m.round()
		}, "went forward by 48h0m0s"},
		{"a person's word counts for the next round", func(m *machine) string {
			m.set += 3650 * day
			if m.round() == "" {
				return "no doubt"
			}
			m.row.TrustedAt, m.row.Epoch = store.Micros(m.now()), m.row.Epoch+1
			return m.round()
		}, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &machine{row: db.Destroyer{ID: 1, Epoch: 1}}
				m.start()
				if why := m.round(); why != "" {
					t.Fatalf("the first start of all: %s", why)
				}
				before := m.row.TrustedAt
				why := tc.do(m)
				if tc.want == "" && why != "" || !strings.Contains(why, tc.want) {
					t.Errorf("reason %q, want %q", why, tc.want)
				}
				if m.row.TrustedAt < before {
					t.Error("the trusted time went back")
				}
			})
		})
	}
}
