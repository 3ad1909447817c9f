package media

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
)

// TestBreakerExpires: a file is remembered for as long as holdFor, not longer.
func TestBreakerExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		bad, other := []byte("bad"), []byte("other")
		want := verdict(safety.ScanFailed, ReasonTimeout)
		if _, known := b.look(bad); known {
			t.Error("known before it was held")
		}
		b.hold(bad, want)
		for _, c := range []struct {
			wait time.Duration
			held bool
		}{{0, true}, {holdFor - time.Nanosecond, true}, {time.Nanosecond, false}} {
			time.Sleep(c.wait)
			r, known := b.look(bad)
			if known != c.held || known && (r.Scan != want.Scan || r.Reason != want.Reason) {
				t.Errorf("%v later: %v %s %s", c.wait, known, r.Scan, r.Reason)
			}
			if _, known := b.look(other); known {
				t.Error("a file that did nothing is known")
			}
		}
		if len(b.held) != 0 {
			t.Error("it is still in memory")
		}
	})
}

// TestBreakerBounded: the table never grows beyond its bound, whatever comes,
// and forgets the oldest first.
func TestBreakerBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pauses := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Second)), 5, 20).Draw(rt, "pauses")
		synctest.Test(t, func(t *testing.T) {
			var b breaker
			last := []byte(nil)
			for i := range mostHeld + 200 {
				time.Sleep(time.Duration(pauses[i%len(pauses)] / 100))
				last = binary.BigEndian.AppendUint32(nil, uint32(i))
				b.hold(last, verdict(safety.ScanFailed, ReasonDecoderCrashed))
				if len(b.held) > mostHeld {
					t.Fatalf("%d files are held", len(b.held))
				}
			}
			moved := false
			for _, p := range pauses {
				moved = moved || p >= 100
			}
			if _, known := b.look(last); moved && !known {
				t.Error("the newest is not held")
			}
		})
	})
}
