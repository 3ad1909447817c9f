package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// Targets of the first stage. They are printed beside what was measured.
const (
	wantMessages = 20_000
	wantUpdate   = time.Microsecond
)

// talkBench are messages to measure with: lines of synthetic conversations in three
// languages, with more words after each so that they are as long as messages are.
type talkBench struct {
	w        *talk.Weights
	r        *talk.Reader
	lines    []synthetic.Line
	readings []talk.Reading
	bytes    int
	relation talk.Relation
}

var padding = map[talk.Language]string{
	talk.English: ", and then we talked about the weather and the new map",
	talk.Spanish: ", y luego hablamos del tiempo y del mapa nuevo",
	talk.German:  ", und dann ging es um das Wetter und die neue Karte",
}

func newTalkBench() (*talkBench, error) {
	w, err := talk.StartingWeights()
	if err != nil {
		return nil, err
	}
	k, err := talk.NewLookup()
	if err != nil {
		return nil, err
	}
	b := &talkBench{w: w, r: talk.NewReader(k), relation: talk.Relation{Actor: talk.Person{Band: talk.Adult}, Target: talk.Person{Band: talk.From13}, Tie: talk.Stranger}}
	for i := range synthetic.Scenarios {
		for _, l := range synthetic.Languages {
			for _, line := range synthetic.Make(&synthetic.Scenarios[i], l, 1).Lines {
				if line.Text == "" {
					continue
				}
				line.Text += padding[l]
				line.ID = "conversation-" + strconv.Itoa(i) + "/" + line.ID
				b.bytes += len(line.Text)
				b.lines = append(b.lines, line)
				b.readings = append(b.readings, *b.r.Read(line.Text))
			}
		}
	}
	return b, nil
}

// each is how long one of many calls takes, measured for about a second on one core.
func each(fn func(n int)) time.Duration {
	n, began := 0, time.Now()
	for time.Since(began) < time.Second {
		for range 1000 {
			fn(n)
			n++
		}
	}
	return time.Since(began) / time.Duration(n)
}

// benchTalk prints what the first stage of the conversation detectors takes.
func benchTalk(w io.Writer) error {
	b, err := newTalkBench()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s/%s, %s, %d cores; figures of one core\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())
	fmt.Fprintf(w, "%d synthetic messages in English, Spanish and German, %d bytes each on average\n\n", len(b.lines), b.bytes/len(b.lines))
	text := talk.Normalise("")
	states, start := make([]talk.State, 1024), time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	line := func(name string, took time.Duration) { fmt.Fprintf(w, "%-52s %10s\n", name, took) }
	line("normal form alone", each(func(n int) { text.Read(b.lines[n%len(b.lines)].Text) }))
	line("read: normal form, word lists, facts, language", each(func(n int) { b.r.Read(b.lines[n%len(b.lines)].Text) }))
	update := each(func(n int) { b.update(&states[n%len(states)], n, start, &b.readings[n%len(b.lines)]) })
	line("update: score and tier", update)
	clear(states)
	whole := each(func(n int) { b.update(&states[n%len(states)], n, start, b.r.Read(b.lines[n%len(b.lines)].Text)) })
	line("all of it, a message", whole)
	stored, err := states[0].AppendBinary(nil)
	if err != nil {
		return err
	}
	var s talk.State
	round := each(func(int) {
		if stored, err = states[0].AppendBinary(stored[:0]); err == nil {
			err = s.UnmarshalBinary(stored)
		}
	})
	if err != nil {
		return err
	}
	line("state to its stored form and back", round)
	rate := float64(time.Second) / float64(whole)
	fmt.Fprintf(w, "\n%-28s %12.0f   target at least %d   %s\n", "messages/s on one core", rate, wantMessages, met(rate >= wantMessages))
	fmt.Fprintf(w, "%-28s %12s   target at most %s     %s\n", "an update", update, wantUpdate, met(update <= wantUpdate))
	fmt.Fprintf(w, "%-28s %12d   target at most %d     %s\n", "bytes of a stored state", len(stored), talk.MaxState, met(len(stored) <= talk.MaxState))
	return nil
}

func (b *talkBench) update(s *talk.State, n int, start time.Time, r *talk.Reading) {
	l := &b.lines[n%len(b.lines)]
	m := talk.Message{ID: l.ID, At: start.Add(time.Duration(n) * time.Second), FromTarget: l.FromTarget, Reading: r}
	s.Update(b.w, &b.relation, &m, m.At)
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "MISSED"
}
