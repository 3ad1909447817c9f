package hamming_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var planFlag = flag.Bool("hamming.plan", false, "print the table of docs/design/scale.md")

// layout is a way to cut a key into slots and how far each is probed.
type layout struct {
	name              string
	slots, bits, flip int
}

// cost is what one query at 31 bits costs among n keys, and the memory of a key,
// by counting what is read: the offsets and the first line of each bucket as
// independent cache misses, the postings (2 bytes each) as a stream, and the few
// keys that are left as misses. The constants are measured (docs/design/scale.md).
func (l layout) cost(n float64) (query time.Duration, bytesPerKey float64) {
	const (
		miss   = 14e-9 // s, an independent line from memory
		stream = 25e9  // B/s of one core
		// slack is measured over counted at 10 million keys with 16 slots, as it
		// was when the plan was made; prefetching has since brought it to 1.5.
		slack = 2.1
	)
	probes := 0.0
	for k := range l.flip + 1 {
		probes += choose(l.bits, k)
	}
	probes *= float64(l.slots)
	postings := probes * n / math.Exp2(float64(l.bits))
	// The next slot lets through what differs little there too: of random slots
	// the part within flip+1 bits more than their share.
	pass := 0.0
	for k := range 2*l.flip + 2 {
		pass += choose(l.bits, k)
	}
	pass /= math.Exp2(float64(l.bits))
	s := probes*2*miss + postings*2/stream + postings*pass*2*miss
	// Positions of four bytes: with three, as today's segments have them, every 16
	// million keys need tables of their own.
	table := float64(l.slots) * math.Exp2(float64(l.bits)) * 4
	return time.Duration(slack * s * 1e9), float64(l.slots*6+32+8) + table/n
}

func choose(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// fleet plays queries that arrive at random at shards with c cores each, every
// query going to all shards, and returns the median and the 99th percentile of
// the slowest shard's answer.
func fleet(shards, cores int, service time.Duration, perSecond float64, queries int) (p50, p99 time.Duration) {
	r := rand.New(rand.NewPCG(1, uint64(shards*cores)))
	free := make([][]float64, shards) // when each core is free
	for i := range free {
		free[i] = make([]float64, cores)
	}
	now := 0.0
	took := make([]float64, 0, queries)
	for range queries {
		now += r.ExpFloat64() / perSecond
		worst := 0.0
		for _, cores := range free {
			// The network adds 50 µs and a tail; the service time varies by a third.
			at := now + 25e-6*(1+r.ExpFloat64())
			i := 0
			for j := range cores {
				if cores[j] < cores[i] {
					i = j
				}
			}
			begin := max(at, cores[i])
			cores[i] = begin + service.Seconds()*(0.8+0.4*r.Float64())
			worst = max(worst, cores[i]+25e-6*(1+r.ExpFloat64())-now)
		}
		took = append(took, worst)
	}
	slices.Sort(took)
	at := func(q float64) time.Duration { return time.Duration(took[int(q*float64(len(took)))] * 1e9) }
	return at(.5), at(.99)
}

// TestPlan checks the model against measurements at smaller sizes, and
// with -hamming.plan prints the plan for a billion keys and a million queries a
// second.
func TestPlan(t *testing.T) {
	now := layout{"16 slots of 16 bits", 16, 16, 1}
	// Measured: 9 to 17 µs at 1M, 36 to 57 µs at 10M; 0.33 ms at 100M was a
	// prototype's, and this package has not been measured there.
	for _, c := range []struct {
		keys     float64
		low, top time.Duration
	}{{1e6, 10 * time.Microsecond, 35 * time.Microsecond}, {1e7, 35 * time.Microsecond, 65 * time.Microsecond}, {1e8, 200 * time.Microsecond, 500 * time.Microsecond}} {
		if q, b := now.cost(c.keys); q < c.low || q > c.top {
			t.Errorf("%.0e keys: the model says %v and %.0f B, measured is %v to %v", c.keys, q, b, c.low, c.top)
		}
	}
	if !*planFlag {
		return
	}
	const keys, rate = 1e9, 1e6
	for _, l := range []layout{now, {"11 slots of 23 bits", 11, 23, 2}, {"8 slots of 32 bits", 8, 32, 3}} {
		for _, shards := range []int{1, 4, 16} {
			q, b := l.cost(keys / float64(shards))
			cores := math.Ceil(rate * q.Seconds() / 0.6) // of each shard's replicas together, 60 % busy
			t.Logf("%-20s %2d shards: %8v a query and shard, %3.0f B a key, %6.1f GB a shard, %6.0f cores in all", l.name, shards,
				q.Round(time.Microsecond), b, b*keys/float64(shards)/1e9, cores*float64(shards))
		}
	}
	best := layout{"11 slots of 23 bits", 11, 23, 2}
	for _, shards := range []int{1, 4} {
		q, _ := best.cost(keys / float64(shards))
		const cores = 64 // of one machine: the fleet is many of these side by side
		for _, busy := range []float64{0.5, 0.6, 0.8, 0.95} {
			each := busy * cores / q.Seconds()
			p50, p99 := fleet(shards, cores, q, each, 200_000)
			t.Logf("%d shard(s), machines of %d cores %2.0f %% busy: %7.0f queries a second each, %3.0f machines for a million, p50 %v, p99 %v", shards, cores, 100*busy,
				each, math.Ceil(rate/each)*float64(shards), p50.Round(time.Microsecond), p99.Round(time.Microsecond))
		}
	}
}
