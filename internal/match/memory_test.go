package match_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestMemory prints what a signal costs in memory, and how quickly a process
// loads a list. ROWAN_MATCH_MEMORY is how many signals, such as 1000000.
func TestMemory(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("ROWAN_MATCH_MEMORY"))
	if err != nil {
		t.Skip("ROWAN_MATCH_MEMORY is not set")
	}
	for _, typ := range []safety.HashType{safety.SHA256, safety.PDQ} {
		b := newBench(t, storetest.New(t))
		b.create("l", safety.ListIllegal)
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "%s:%s\n", typ, synthetic(typ, i).Value)
		}
		began := time.Now()
		b.imports("l", match.FormatHashes, s.String())
		imported := time.Since(began)
		s.Reset()
		before := heap()
		began = time.Now()
		x := match.NewIndex(b.store, time.Now, slog.New(slog.DiscardHandler))
		if err := x.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		loaded := time.Since(began)
		time.Sleep(5 * time.Second) // segments are merged in the background
		t.Logf("%d %s: imported in %v, loaded in %v, %d bytes a signal", n, typ, imported.Round(time.Millisecond), loaded.Round(time.Millisecond), (heap()-before)/uint64(n))
		runtime.KeepAlive(x)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
