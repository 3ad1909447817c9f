package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Source is where the entries of one exchange come from.
type Source interface {
	// Pages reads on from a checkpoint that an earlier page carried; "" is the
	// beginning. It ends when there is nothing more for now. An error ends it,
	// and is a [*Failure] when the source can say more than that it failed.
	Pages(ctx context.Context, checkpoint string) iter.Seq2[Page, error]
}

// Voter is a source that takes votes on its entries. The same vote again must
// change nothing.
type Voter interface {
	Vote(ctx context.Context, v Vote) error
}

// Vote is what a reviewer thinks of one fingerprint of an entry.
type Vote struct {
	Key         string // of the entry
	Print       safety.Hash
	Affirmative bool
}

// Page is a part of what a source has to say.
type Page struct {
	Changes    []Change
	Checkpoint string // where reading goes on after this page
	// Whole says that this page is part of a reading of the complete list; Begin
	// and End mark the first and the last one. After the last, entries that the
	// reading did not see are gone. A complete reading that is broken off goes on
	// from its last checkpoint, without another Begin.
	Whole, Begin, End bool
	Malformed         int // rows that could not be read, and are no changes
	// Of a source that is asked about uploads: how many it was, and how many it
	// could not be.
	Asked, Skipped int
}

// Change is the latest state of one entry.
type Change struct {
	Key            string    // the source's own, unique in the exchange
	At             time.Time // of the change, by the source's clock; zero when it does not say
	Deleted        bool
	Prints         []safety.Hash
	Bodies         map[string][]byte // of prints that are digests, by digest in hex
	Classification string
	Origin         string // who put it there
	Note           string
	Malformed      int // fingerprints that could not be read
	Unknown        int // fingerprints of types that Rowan does not know
}

// digest is over what the change says, to tell news from repetition.
func (c *Change) digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%t\x00%s\x00%s\x00%s\x00%d\x00", c.Deleted, c.Classification, c.Origin, c.Note, c.Malformed)
	for _, p := range c.Prints {
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00", p.Type, p.Value)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Failure is why a source could not be read, in a sentence for an operator: it
// never quotes what the source said.
type Failure struct {
	Why        string
	RetryAfter time.Duration // the source's wish; 0 for none
	// Refused says that the source takes what was sent neither now nor later.
	Refused bool
	// Restart, when not nil, is the checkpoint to go on from instead: the one at
	// hand is of no use any more.
	Restart *string
	Err     error // for logs; holds no answer and no address
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Why + ": " + f.Err.Error()
	}
	return f.Why
}

func (f *Failure) Unwrap() error { return f.Err }

func failure(format string, args ...any) *Failure { return &Failure{Why: fmt.Sprintf(format, args...)} }

// explain is err as an operator may read it.
func explain(err error) string {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Why
	}
	if e, ok := errors.AsType[*safety.Error](err); ok {
		return e.Detail
	}
	if errors.Is(err, context.Canceled) {
		return "the sync was stopped"
	}
	return "something went wrong on our side; the log has the cause"
}

// cursor is how far a paged feed was read. As JSON it is the checkpoint.
type cursor struct {
	Since   int64  `json:"since"`            // everything before this (Unix seconds) was read
	Until   int64  `json:"until,omitempty"`  // end of the window that is being read
	Latest  bool   `json:"latest,omitempty"` // the window ends as late as could be asked for
	Token   string `json:"token,omitempty"`  // of the next page in it
	Last    string `json:"last,omitempty"`   // digest of the page before
	Seen    int    `json:"seen,omitempty"`   // entries of the window so far
	Max     int    `json:"max,omitempty"`    // entries of the window, as the source said
	Moved   bool   `json:"moved,omitempty"`  // the window changed while it was read
	Newest  int64  `json:"newest,omitempty"`
	Limit   int64  `json:"limit,omitempty"` // the source's clock when the window was begun
	Empty   bool   `json:"empty,omitempty"` // the window was empty once
	Again   int    `json:"again,omitempty"` // how often it was begun again
	Whole   bool   `json:"whole,omitempty"` // part of a reading of everything
	Started bool   `json:"started,omitempty"`
}

func (c cursor) String() string {
	b, _ := json.Marshal(c) // plain fields
	return string(b)
}

func readCursor(checkpoint string) (cursor, error) {
	if checkpoint == "" {
		return cursor{Whole: true}, nil
	}
	var c cursor
	if err := json.Unmarshal([]byte(checkpoint), &c); err != nil {
		// Written by another version: reading everything again is always right.
		return c, &Failure{Why: "the checkpoint cannot be read; everything will be read again", Restart: new(string)}
	}
	return c, nil
}

// window is c at the beginning of its window.
func (c cursor) window() cursor {
	return cursor{Since: c.Since, Until: c.Until, Latest: c.Latest, Newest: c.Since, Empty: c.Empty, Again: c.Again, Whole: c.Whole, Started: c.Started}
}

// restart is a failure after which the window is read from its beginning.
func (c cursor) restart(why string) *Failure {
	w := c.window()
	w.Until = 0
	w.Again++
	text := w.String()
	return &Failure{Why: why, Restart: &text}
}
