package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var kills = flag.Int("kills", 20, "how often the crash tests kill a process")

// process is a child of this test.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	ready chan struct{} // closed when it has said so
	gone  chan struct{} // closed when it has ended
	mu    sync.Mutex
	n     int
	asked map[int]chan reply // guarded by mu
}

func spawn(t testing.TB, what task) *process {
	t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0]), ready: make(chan struct{}), gone: make(chan struct{}), asked: map[int]chan reply{}}
	p.cmd.Env = append(os.Environ(), envChild+"="+string(text))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	return p
}

func (p *process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // a line cut by the kill
		}
		if r.N == 0 {
			close(p.ready)
			continue
		}
		p.mu.Lock()
		c := p.asked[r.N]
		delete(p.asked, r.N)
		p.mu.Unlock()
		if c != nil {
			c <- r
		}
	}
	_ = p.cmd.Wait()
	close(p.gone)
}

// ask is false when the process ended before it answered.
func (p *process) ask(a ask) (reply, bool) {
	c := make(chan reply, 1)
	p.mu.Lock()
	p.n++
	a.N = p.n
	p.asked[a.N] = c
	line, _ := json.Marshal(a)
	_, err := p.in.Write(append(line, '\n'))
	p.mu.Unlock()
	if err != nil {
		return reply{}, false
	}
	select {
	case r := <-c:
		return r, true
	case <-p.gone:
		select { // it may have answered just before
		case r := <-c:
			return r, true
		default:
			return reply{}, false
		}
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // SIGKILL
	<-p.gone
}

// stop asks it to end by itself.
func (p *process) stop() {
	_ = p.in.Close()
	<-p.gone
}

// fleet is the processes that the load goes to; a killed one is replaced.
type fleet struct {
	mu      sync.Mutex
	workers []*process // guarded by mu
}

func (f *fleet) any() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.workers[rand.IntN(len(f.workers))]
}

func (f *fleet) at(i int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.workers[i]
}

func (f *fleet) replace(i int, p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers[i] = p
}

// load publishes for some conversations and remembers what was acknowledged.
type load struct {
	conversations    []string
	steady           map[string]bool // each event is repeated until it is acknowledged
	next             map[string]int  // number of the next event
	acked            map[string]bool // by id
	maybe            map[string]bool // published, never acknowledged, given up
	old              []numbered      // acknowledged ones, to be repeated
	repeated, failed int
}

func newLoad(name string, n int) *load {
	l := &load{steady: map[string]bool{}, next: map[string]int{}, acked: map[string]bool{}, maybe: map[string]bool{}}
	for i := range n {
		c := fmt.Sprintf("%s-%d", name, i)
		l.conversations = append(l.conversations, c)
		l.steady[c], l.next[c] = i%3 != 0, 1
	}
	return l
}

// run publishes until stop is closed.
func (l *load) run(f *fleet, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		l.once(f.any())
	}
}

func (l *load) once(p *process) {
	var batch []numbered
	for _, c := range l.conversations {
		for k := range rand.IntN(4) {
			batch = append(batch, numbered{c, l.next[c] + k})
		}
	}
	if len(l.old) > 0 && rand.IntN(4) == 0 {
		batch = append(batch, l.old[rand.IntN(len(l.old))])
		l.repeated++
	}
	if len(batch) == 0 {
		return
	}
	r, ok := p.ask(ask{Events: batch})
	if !ok || r.Err != "" {
		l.failed++
		time.Sleep(5 * time.Millisecond) // it is away for a moment
	}
	for i, n := range batch {
		l.note(n, ok && i < len(r.Seqs) && r.Seqs[i] != 0)
	}
}

func (l *load) note(n numbered, acked bool) {
	if n.Number < l.next[n.Conversation] {
		return // a repetition, or behind one that was given up
	}
	switch {
	case acked:
		l.acked[n.id()] = true
		delete(l.maybe, n.id())
		l.next[n.Conversation] = n.Number + 1
		if rand.IntN(50) == 0 {
			l.old = append(l.old, n)
		}
	case !l.steady[n.Conversation]:
		l.maybe[n.id()] = true
		l.next[n.Conversation] = n.Number + 1
	}
}

// figures are what a crash test prints.
type figures struct{ acked, applied, unacked, repeated, failed, owners int }

// check holds what was applied against what was acknowledged.
func check(t *testing.T, d *storetest.Database, loads []*load) figures {
	t.Helper()
	rows, err := d.SQL(t).QueryContext(context.Background(), "select id, subject, detail, actor from ledger_entries where action = 'test.apply' order by id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var f figures
	times, last, owners, unsure := map[string]int{}, map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, l := range loads {
		maps.Copy(unsure, l.maybe)
	}
	for rows.Next() {
		var id, conversation, event, owner string
		if err := rows.Scan(&id, &conversation, &event, &owner); err != nil {
			t.Fatal(err)
		}
		if times[event]++; times[event] > 1 {
			t.Errorf("%s was applied %d times", event, times[event])
		}
		if !unsure[event] { // nothing is promised of what was never acknowledged
			if event <= last[conversation] {
				t.Errorf("%s was applied after %s", event, last[conversation])
			}
			last[conversation] = event
		}
		owners[owner] = true
		f.applied++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	f.owners = len(owners)
	for _, l := range loads {
		for id := range l.acked {
			if times[id] != 1 {
				t.Errorf("%s was acknowledged and applied %d times", id, times[id])
			}
			delete(times, id)
		}
		for id := range l.maybe {
			f.unacked += times[id]
			delete(times, id)
		}
		f.acked += len(l.acked)
		f.repeated += l.repeated
		f.failed += l.failed
	}
	for id := range times {
		if n := strings.Count(id, "/"); n != 1 {
			t.Errorf("applied from nowhere: %s", id)
		}
	}
	return f
}

// drain waits until a worker says that nothing is left to apply.
func drain(t *testing.T, p *process) reply {
	t.Helper()
	select {
	case <-p.ready:
	case <-p.gone:
		t.Fatal("the worker ended by itself")
	}
	var last reply
	eventually(t, "everything applied", func() bool {
		r, ok := p.ask(ask{Lag: true})
		last = r
		return ok && r.Err == "" && r.Pending == 0
	})
	return last
}

func running(loads []*load, f *fleet) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	for _, l := range loads {
		wg.Go(func() { l.run(f, end) })
	}
	return func() { close(end); wg.Wait() }
}

// TestCrash_Embedded kills a process that holds everything, worker, embedded
// broker and SQLite, again and again under load.
func TestCrash_Embedded(t *testing.T) {
	d := storetest.New(t)
	what := task{DB: d.URL, Dir: filepath.Join(t.TempDir(), "stream"), Partitions: 8, Lease: 2 * time.Second}
	f := &fleet{workers: []*process{spawn(t, what)}}
	<-f.at(0).ready
	loads := []*load{newLoad("a", 12), newLoad("b", 12), newLoad("c", 12)}
	stop := running(loads, f)
	early := 0
	began := time.Now()
	for k := range *kills {
		if rand.IntN(5) > 0 {
			<-f.at(0).ready // or else it dies while it starts
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
			early++
		}
		f.at(0).kill()
		f.replace(0, spawn(t, what))
		if (k+1)%100 == 0 {
			t.Logf("%d kills in %v", k+1, time.Since(began).Round(time.Second))
		}
	}
	<-f.at(0).ready
	stop()
	last := drain(t, f.at(0))
	f.at(0).stop()
	got := check(t, d, loads)
	if last.Counts.SetBack != 0 || last.Counts.Lost != 0 {
		t.Errorf("the broker is said to have lost something: %+v", last.Counts)
	}
	if got.acked < *kills {
		t.Errorf("only %d events were acknowledged: the load was too small to show anything", got.acked)
	}
	t.Logf("killed %d times (about %d of them while starting) in %v: %d events acknowledged, all applied once and in order; %d applied in all, %d of them without an acknowledgement; %d published again after it; %d calls failed",
		*kills, early, time.Since(began).Round(time.Second), got.acked, got.applied, got.unacked, got.repeated, got.failed)
}

// TestCrash_Shared kills an external broker and two workers on PostgreSQL, one
// at a time, while they share partitions and hand them over.
func TestCrash_Shared(t *testing.T) {
	server := os.Getenv(storetest.EnvPostgres)
	if server == "" {
		if os.Getenv(storetest.EnvRequire) != "" {
			t.Fatal("PostgreSQL must be tested here")
		}
		t.Skip("no PostgreSQL; scripts/with-postgres starts one")
	}
	d := storetest.NewPostgres(t, server)
	port := freePort(t)
	brokerTask := task{Broker: t.TempDir(), Port: port}
	broker := spawn(t, brokerTask)
	<-broker.ready
	what := task{DB: d.URL, URL: fmt.Sprintf("nats://127.0.0.1:%d", port), Partitions: 8, Lease: time.Second}
	f := &fleet{workers: []*process{spawn(t, what), spawn(t, what)}}
	<-f.at(0).ready
	<-f.at(1).ready
	loads := []*load{newLoad("a", 12), newLoad("b", 12), newLoad("c", 12)}
	stop := running(loads, f)
	var brokers, workers, stops int
	began := time.Now()
	for range *kills {
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		i := rand.IntN(5)
		switch {
		case i == 0:
			brokers++
			broker.kill()
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
			broker = spawn(t, brokerTask)
			<-broker.ready
		case i == 1:
			stops++
			f.at(0).stop()
			f.replace(0, spawn(t, what))
		default:
			workers++
			f.at(i % 2).kill()
			f.replace(i%2, spawn(t, what))
		}
	}
	stop()
	drain(t, f.at(0))
	f.at(0).stop()
	f.at(1).stop()
	broker.stop()
	got := check(t, d, loads)
	if got.acked < *kills || got.owners < 2 {
		t.Errorf("too little happened to show anything: %+v", got)
	}
	t.Logf("killed the broker %d times and a worker %d times, stopped one %d times, in %v: %d events acknowledged, all applied once and in order by %d processes; %d applied in all, %d of them without an acknowledgement; %d published again after it; %d calls failed",
		brokers, workers, stops, time.Since(began).Round(time.Second), got.acked, got.owners, got.applied, got.unacked, got.repeated, got.failed)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
