package endtoend

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// moment is a place in a filing where rowan is killed.
type moment struct {
	op string
	at when
	// first kills rowan at an earlier place too, so that op is reached.
	first *moment
}

type when int

const (
	asked    when = iota // the request has arrived and is not carried out
	done                 // it is carried out and not answered
	stored               // the answer has arrived and its consequence is stored
	approved             // the approval has been answered
)

func (m moment) String() string {
	s := m.op + " " + []string{"asked", "done, not answered", "stored", "answered"}[m.at]
	if m.first != nil {
		s = m.first.String() + ", then " + s
	}
	return s
}

// reached tells from the API that the answer to op is stored.
func reached(op string, r reportView) bool {
	file := func(states ...string) bool { return len(r.Files) == 1 && slices.Contains(states, r.Files[0].State) }
	switch op {
	case "submit":
		return r.RemoteID != ""
	case "upload":
		return file("uploaded", "describing", "described")
	case "fileinfo":
		return file("described")
	case "finish":
		return r.State == "filed"
	}
	return false
}

func moments() []moment {
	out := []moment{{op: "approve", at: approved}}
	for _, op := range []string{"submit", "upload", "fileinfo", "finish"} {
		for _, at := range []when{asked, done, stored} {
			out = append(out, moment{op: op, at: at})
		}
	}
	// A file whose fate is unknown makes Rowan take the report back: that can
	// be cut off as well.
	for _, at := range []when{asked, done} {
		out = append(out, moment{op: "retract", at: at, first: &moment{op: "upload", at: done}},
			moment{op: "retract", at: at, first: &moment{op: "fileinfo", at: done}})
	}
	return out
}

// TestEndToEndKilled kills rowan at every step of a filing and expects that the
// report is filed, once, after a restart.
func TestEndToEndKilled(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := serve(t, a)
	admin, service := s.key("admin"), s.key("service")
	all := moments()
	pictures := make([][]byte, len(all))
	for i := range pictures {
		pictures[i] = landscape(1000 + i)
	}
	s.knowing(admin, pictures...)
	table := strings.Builder{}
	kills := 0
	for i, m := range all {
		n := a.killing(t, s, m, func() (caller, string) {
			c := caller{t, s.base(), admin}
			id := c.confirm(s.upload(service, fmt.Sprint("killed-", i), pictures[i]).CaseID)
			return c, id
		})
		kills += n
		got := a.oneReport(t, pictures[i])
		fmt.Fprintf(&table, "%2d  %-45s %d killed, filed once as %d\n", i+1, m, n, got.ID)
	}
	states := map[ncmec.State]int{}
	for _, r := range a.Reports() {
		states[r.State]++
	}
	if states[ncmec.Finished] != len(all) {
		t.Errorf("the authority has %v, want %d finished", states, len(all))
	}
	s.stop()
	s.verifyLedger()
	t.Logf("%d kills in %d filings; reports at the authority: %v\n%s", kills, len(all), states, table.String())
}

// killing files one report with kills at m and returns how many there were.
func (a *authority) killing(t *testing.T, s *server, m moment, prepare func() (caller, string)) int {
	t.Helper()
	plan := []moment{m}
	if m.first != nil {
		plan = []moment{*m.first, m}
	}
	c, id := prepare()
	var killed atomic.Int32
	for i, now := range plan {
		a.SetFaults(a.killer(s, now, &killed))
		if i == 0 {
			// The server may be dead before it has answered.
			_ = c.do("POST", "/v1/reports/"+id+"/approve", "application/json", []byte("{}"))
		} else {
			s.launch() // and dies before long, perhaps before it answers
		}
		switch now.at {
		case approved:
			s.kill()
			killed.Add(1)
		case stored:
			until(t, now.String(), func() bool { return reached(now.op, c.report(id)) })
			s.kill()
			killed.Add(1)
		}
		until(t, now.String(), func() bool { return !s.alive() })
		if int(killed.Load()) != i+1 {
			t.Fatalf("%s: %d kills", now, killed.Load())
		}
	}
	a.SetFaults(nil)
	s.start()
	c.filed(id)
	s.verifyLedger()
	return int(killed.Load())
}

// killer is the fault injection that kills rowan at m. A request that comes
// after the moment finds nobody: it waits for the death and is dropped.
func (a *authority) killer(s *server, m moment, killed *atomic.Int32) ncmec.Faults {
	var passed atomic.Bool // the answer to m.op is on its way
	return func(op string, phase ncmec.Phase) ncmec.Fault {
		switch {
		case m.at == approved || (m.at == stored && passed.Load()):
			s.wait()
			return ncmec.Fault{Kind: ncmec.Drop}
		case op != m.op:
		case m.at == stored && phase == ncmec.After:
			passed.Store(true)
		case (m.at == asked && phase == ncmec.Before) || (m.at == done && phase == ncmec.After):
			killed.Add(1)
			s.kill()
			return ncmec.Fault{Kind: ncmec.Drop}
		}
		return ncmec.Fault{}
	}
}

// TestEndToEndAuthorityAway stops the stand-in instead, before the filing and
// in the middle of it.
func TestEndToEndAuthorityAway(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := serve(t, a)
	admin, service := s.key("admin"), s.key("service")
	c := caller{t, s.base(), admin}
	before, middle := landscape(1100), landscape(1101)
	s.knowing(admin, before, middle)

	id := c.confirm(s.upload(service, "before", before).CaseID)
	a.stop()
	c.send("POST", "/v1/reports/"+id+"/approve", map[string]any{}, nil)
	a.awaited(t, c, id)
	a.start()
	c.filed(id)
	a.oneReport(t, before)

	id = c.confirm(s.upload(service, "middle", middle).CaseID)
	away := make(chan struct{})
	var once atomic.Bool
	a.SetFaults(func(op string, phase ncmec.Phase) ncmec.Fault {
		if op != "upload" || phase != ncmec.Before {
			return ncmec.Fault{}
		}
		if once.CompareAndSwap(false, true) {
			close(away)
		}
		return ncmec.Fault{Kind: ncmec.Drop}
	})
	c.send("POST", "/v1/reports/"+id+"/approve", map[string]any{}, nil)
	<-away
	a.stop()
	a.awaited(t, c, id)
	a.start()
	c.filed(id)
	a.oneReport(t, middle)
	s.stop()
	s.verifyLedger()
}

// awaited waits until the API shows that the filing fails and when it is tried
// again.
func (a *authority) awaited(t *testing.T, c caller, id string) {
	t.Helper()
	var r reportView
	until(t, "report shows last_error and next_attempt_at", func() bool {
		r = c.report(id)
		return r.LastError != "" && r.NextAttemptAt != "" && r.Attempts > 0
	})
	if r.State == "filed" || r.Receipt != "" {
		t.Fatalf("filed without an authority: %+v", r)
	}
	t.Logf("while the authority is away: state %s, attempt %d, %q, next %s", r.State, r.Attempts, r.LastError, r.NextAttemptAt)
}
