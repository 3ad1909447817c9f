package classify

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Line is one message of a window.
type Line struct {
	ID        string        // short and local: m1, m2 and so on
	FromActor bool          // otherwise from the target
	Text      string        //
	After     time.Duration // since the first line of the window
}

// Band is what a scorer is told of somebody's age. Empty is unknown.
type Band string

// The bands.
const (
	BandUnknown Band = ""
	Under13     Band = "under_13"
	From13      Band = "13_to_15"
	From16      Band = "16_to_17"
	Adult       Band = "adult"
)

// Tie is what a scorer is told of how the two are connected. Empty is unknown.
type Tie string

// The ties.
const (
	TieUnknown Tie = ""
	Stranger   Tie = "stranger"
	Connected  Tie = "connected"
	Family     Tie = "family"
)

// Window is what is asked about: some lines of one conversation, the oldest first,
// and nothing that says whose they are.
type Window struct {
	Surface       safety.Surface      // decides whether it may be asked; not sent
	Jurisdiction  safety.Jurisdiction // likewise
	Language      string              // "en", or empty
	Actor, Target Band
	Tie           Tie
	Lines         []Line
}

const (
	maxLines = 200
	hour     = int64(time.Hour / time.Second)
)

var lineID = regexp.MustCompile(`^m[0-9]{1,4}$`)

var languageTag = regexp.MustCompile(`^([a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2})?$`)

// sound reports whether a window has the shape that [Window] promises.
func (w *Window) sound() bool {
	if len(w.Lines) > maxLines || !languageTag.MatchString(w.Language) || !w.Actor.known() || !w.Target.known() || !w.Tie.known() {
		return false
	}
	seen := map[string]bool{}
	for _, l := range w.Lines {
		if !lineID.MatchString(l.ID) || seen[l.ID] {
			return false
		}
		seen[l.ID] = true
	}
	return true
}

func (b Band) known() bool {
	switch b {
	case BandUnknown, Under13, From13, From16, Adult:
		return true
	}
	return false
}

func (t Tie) known() bool {
	return t == TieUnknown || t == Stranger || t == Connected || t == Family
}

// newest returns as many of the last lines as fit into most characters, in their
// order, and whether something was left out. A line that does not fit by itself
// loses its beginning. Empty lines say nothing and are not sent.
func (w *Window) newest(most int, actorOnly bool) (lines []Line, partial bool) {
	left := most
	for i := len(w.Lines) - 1; i >= 0; i-- {
		l := w.Lines[i]
		if actorOnly && !l.FromActor {
			continue
		}
		l.Text = strings.TrimSpace(strings.ToValidUTF8(l.Text, "\uFFFD"))
		n := utf8.RuneCountInString(l.Text)
		switch {
		case n == 0:
			continue
		case n > left && len(lines) > 0, left <= 0:
			return lines, true
		case n > left:
			r := []rune(l.Text)
			l.Text, partial = string(r[n-left:]), true
			n = left
		}
		left -= n + 1 // a line feed between two
		lines = append([]Line{l}, lines...)
	}
	return lines, partial
}

// seconds is a line's time as a scorer learns it: whole seconds, a year at most.
func (l *Line) seconds() int64 { return max(0, min(int64(l.After/time.Second), 366*24*hour)) }

func (l *Line) role() string {
	if l.FromActor {
		return "A"
	}
	return "B"
}
