package franking_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpu reports the thread's own time for each round, which is what can be compared on a
// machine that others use too.
func cpu(b *testing.B) func() {
	runtime.LockOSThread()
	start := threadTime()
	return func() {
		b.ReportMetric(float64((threadTime()-start).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		runtime.UnlockOSThread()
	}
}

func threadTime() time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
