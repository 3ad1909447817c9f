package talk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"strings"
	"time"
	"unicode"
)

// Bounds of a history in its stored form.
const (
	MaxHistoryBytes    = 64 << 20
	MaxHistoryMessages = 100_000
	maxHistoryID       = 200
)

// ErrHistory says that a line is not a history. It does not repeat the line.
var ErrHistory = errors.New("history: not one conversation in the form that is known")

// History is a conversation in one direction that people have judged, message by
// message, as indicators and times without text. Its JSON form is one line of an
// outcomes file; a field that is not known is refused there, so that no text comes in
// by mistake.
type History struct {
	ID       string           `json:"id"`                 // of the operator's own records; printed by a backtest
	Harm     bool             `json:"harm"`               // harm was being prepared, as a person judged
	Weight   float64          `json:"weight"`             // 1, or 1 / the probability that an audit drew it
	Relation Relation         `json:"relation,omitzero"`  // of the actor to the target
	Language string           `json:"language,omitempty"` // "en", "es", "de"; without one, ordinary talk takes nothing off
	Messages []HistoryMessage `json:"messages"`
}

// HistoryMessage is one message of a History.
type HistoryMessage struct {
	At         time.Time `json:"at"`
	FromTarget bool      `json:"from_target,omitzero"`
	Found      Set       `json:"found,omitzero"`    // as Outcome.Found; pushes_after_refusal is worked out again
	Refuses    bool      `json:"refuses,omitzero"`  // as Reading.Refuses
	Media      bool      `json:"media,omitzero"`    // a picture or video was sent
	Unread     bool      `json:"unread,omitzero"`   // there was no text, or nobody read it
	External   *float64  `json:"external,omitzero"` // of the operator's classifier, 0 to 1
}

// Check says whether a history can be used: an id, a weight above nought, at least
// one message, each with a time.
func (h *History) Check() error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) } // ids are printed to terminals
	if h.ID == "" || len(h.ID) > maxHistoryID || strings.ContainsFunc(h.ID, odd) || !(h.Weight > 0) || h.Weight > 1e6 || len(h.Messages) == 0 || len(h.Messages) > MaxHistoryMessages {
		return ErrHistory
	}
	for i := range h.Messages {
		m := &h.Messages[i]
		if m.At.IsZero() || m.At.Unix() < 0 || m.Found >= 1<<Indicators || m.External != nil && !(*m.External >= 0 && *m.External <= 1) {
			return ErrHistory
		}
	}
	return nil
}

// Histories reads an outcomes file: one JSON object a line, one at a time. "harm"
// must be there, since what is missing must not pass for "no harm"; "weight" is 1
// where it is missing. It stops at the first error, a [LineError].
func Histories(r io.Reader) iter.Seq2[*History, error] {
	return func(yield func(*History, error) bool) {
		s, n := bufio.NewScanner(r), 0
		s.Buffer(nil, MaxHistoryBytes)
		for s.Scan() {
			n++
			if len(bytes.TrimSpace(s.Bytes())) == 0 {
				continue
			}
			h, err := readHistory(s.Bytes())
			if err != nil {
				yield(nil, &LineError{n, err})
				return
			}
			if !yield(h, nil) {
				return
			}
		}
		if errors.Is(s.Err(), bufio.ErrTooLong) {
			yield(nil, &LineError{n + 1, ErrTooLarge})
		} else if s.Err() != nil {
			yield(nil, s.Err())
		}
	}
}

func readHistory(line []byte) (*History, error) {
	var x struct {
		History
		Harm   *bool    `json:"harm"`
		Weight *float64 `json:"weight"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil || x.Harm == nil { // the error would repeat what was written
		return nil, ErrHistory
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrHistory
	}
	h := x.History
	h.Harm, h.Weight = *x.Harm, 1
	if x.Weight != nil {
		h.Weight = *x.Weight
	}
	return &h, h.Check()
}

// Replay takes a history through the detectors, message by message, and calls each
// with what came of it. Where the messages of a state came with text, their ordinary
// talk takes as much off as it did then.
func (h *History) Replay(w *Weights, each func(m *HistoryMessage, o Outcome)) State {
	var s State
	reading := Reading{}
	language := languageOf(h.Language)
	for i := range h.Messages {
		m := &h.Messages[i]
		x := Message{At: m.At, FromTarget: m.FromTarget, Found: m.Found, Media: m.Media, External: m.External}
		if !m.Unread || m.Refuses {
			reading = Reading{Refuses: m.Refuses}
			if language != Unknown && !m.Unread {
				reading.votes[language] = 2
			}
			x.Reading = &reading
		}
		o := s.Update(w, &h.Relation, &x, m.At)
		if each != nil {
			each(m, o)
		}
	}
	return s
}

// share is where a history stands between 0 and 99, by its id.
func (h *History) share() int { return int(hash(h.ID) % 100) }

// HeldOut are the histories of seq that percent of all, chosen by their ids, would
// be kept back for: with keep, those; without, the others.
func HeldOut(seq iter.Seq2[*History, error], percent int, keep bool) iter.Seq2[*History, error] {
	return func(yield func(*History, error) bool) {
		for h, err := range seq {
			if err != nil || (h.share() < percent) == keep {
				if !yield(h, err) {
					return
				}
			}
		}
	}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
