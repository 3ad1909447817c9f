package match

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Format is the form of an imported file.
type Format string

// The formats.
const (
	// FormatCSV has a header that names its columns: sha256, sha1, md5, pdq, url
	// (a link, see [URLSignal]), an opaque type of package safety, note, source,
	// classification, in any order and number; vpdq holds a video as FormatVPDQ has it.
	FormatCSV Format = "csv"
	// FormatHashes has one hash a line, "type:hex" or bare hex of 32 (MD5), 40
	// (SHA-1) or 64 digits (SHA-256); # begins a comment.
	FormatHashes Format = "hashes"
	// FormatVPDQ is one video as the reference's tools write it: a line for each
	// frame, or a JSON list of strings (package vpdq).
	FormatVPDQ Format = "vpdq"
	// FormatVICS is Project VIC's JSON, hash set or case, read as a stream.
	FormatVICS Format = "vics"
)

// Row is one signal as an import reads it. Line is where in the file it stands
// (for VICS, the number of the media record), counted from 1.
type Row struct {
	Line           int
	Hash           safety.Hash
	Note           string
	Source         string
	Classification string
	Body           []byte // of a video: see [VideoBody]
}

// RowProblem says what is wrong with one row, without repeating it.
type RowProblem struct {
	Line    int
	Problem string
}

// ImportError says that an import was refused because of its rows.
type ImportError struct{ Rows []RowProblem }

func (e *ImportError) Error() string {
	return fmt.Sprintf("%d rows cannot be read, the first at line %d: %s", len(e.Rows), e.Rows[0].Line, e.Rows[0].Problem)
}

// Unwrap gives the error its kind.
func (e *ImportError) Unwrap() error {
	return safety.Errorf(safety.Invalid, "the file has malformed rows; nothing was imported")
}

// ImportResult is what an import did.
type ImportResult struct {
	Added   int64        // new signals
	Already int64        // signals that the list had
	Skipped []RowProblem // malformed rows that were left out
	Version int64        // the list's version with the new signals
}

const (
	importBatch  = 2000            // rows a transaction: other writers wait for no longer than that
	importBodies = 8 << 20         // bytes of videos a transaction
	importHold   = 2 * time.Minute // a process that dies frees the list after this
	maxProblems  = 100             // rows reported
)

// Import reads a file into a list. The rows become live together, when all of
// them are in: a malformed row means that nothing is imported, unless skipBad
// asks to leave such rows out. The file is read as a stream.
func (ls *Lists) Import(ctx context.Context, actor, name string, format Format, r io.Reader, skipBad bool) (ImportResult, error) {
	l, err := ls.store.Read().ListByName(ctx, name)
	if err != nil {
		return ImportResult{}, store.NotFound(err, "list")
	}
	if err := byHand(ctx, ls.store.Read(), l.ID); err != nil {
		return ImportResult{}, err
	}
	im := &importing{ls: ls, list: l.ID, skipBad: skipBad}
	if err := im.begin(ctx); err != nil {
		return ImportResult{}, err
	}
	err = parse(format, r, func(row Row, bad error) error { return im.row(ctx, row, bad) })
	if err == nil {
		err = im.flush(ctx)
	}
	if err == nil && len(im.result.Skipped) > 0 && !skipBad {
		err = &ImportError{im.result.Skipped}
	}
	if err == nil {
		err = im.publish(ctx, actor, name)
	}
	if err != nil {
		return ImportResult{}, errors.Join(err, im.abandon(context.WithoutCancel(ctx)))
	}
	return im.result, nil
}

// importing is one import under way. Its rows are staged under a version that
// the list does not have yet, so that nobody sees them until publish.
type importing struct {
	ls      *Lists
	list    string
	skipBad bool
	version int64 // to be
	held    int64 // until when this import holds the list
	rows    []Row
	bodies  int // bytes in rows
	result  ImportResult
}

// errOvertaken: this import paused for longer than its hold, and the list was
// taken by others. What was staged before may be gone, and what would be staged
// now could be live at once.
var errOvertaken = safety.Errorf(safety.Conflict, "the list was changed while this import paused; nothing was imported")

func (im *importing) begin(ctx context.Context) error {
	until := store.Micros(im.ls.now().Add(importHold))
	err := im.ls.store.Tx(ctx, func(tx *store.Tx) error {
		current, err := tx.HoldList(ctx, db.HoldListParams{ID: im.list, ImportingUntil: store.Micros(im.ls.now()), ImportingUntil_3: until})
		if store.IsNotFound(err) {
			return safety.Errorf(safety.Conflict, "another import into this list is running")
		}
		if err != nil {
			return fmt.Errorf("holding list: %w", err)
		}
		im.version = current + 1
		_, err = tx.DropStagedSignals(ctx, im.list, current) // of an import that died
		return err
	})
	if err == nil {
		im.held = until
	}
	return err
}

// renew goes on holding the list, until the time that it returns. It fails when
// anybody else has held or changed the list since, however late this comes.
func (im *importing) renew(ctx context.Context, tx *store.Tx) (until int64, err error) {
	until = store.Micros(im.ls.now().Add(importHold))
	version, err := tx.HoldList(ctx, db.HoldListParams{ID: im.list, ImportingUntil_2: im.held, ImportingUntil_3: until})
	if store.IsNotFound(err) || (err == nil && version+1 != im.version) {
		return 0, errOvertaken
	}
	if err != nil {
		return 0, fmt.Errorf("holding list: %w", err)
	}
	return until, nil
}

func (im *importing) row(ctx context.Context, row Row, bad error) error {
	if bad != nil {
		im.bad(row.Line, bad)
		return nil
	}
	if len(im.result.Skipped) > 0 && !im.skipBad {
		return nil // already refused; read on for the other problems
	}
	im.rows = append(im.rows, row)
	im.bodies += len(row.Body)
	if len(im.rows) < importBatch && im.bodies < importBodies {
		return nil
	}
	return im.flush(ctx)
}

func (im *importing) bad(line int, err error) {
	if len(im.result.Skipped) >= maxProblems {
		return
	}
	problem := "cannot be read"
	if e, ok := errors.AsType[*safety.Error](err); ok {
		problem = e.Detail // made by us, and without the value
	}
	im.result.Skipped = append(im.result.Skipped, RowProblem{Line: line, Problem: problem})
}

// flush stages the collected rows in one transaction.
func (im *importing) flush(ctx context.Context) error {
	if len(im.rows) == 0 {
		return nil
	}
	var added, until int64
	err := im.ls.store.Tx(ctx, func(tx *store.Tx) (err error) {
		added = 0 // the transaction may run more than once
		if until, err = im.renew(ctx, tx); err != nil {
			return err
		}
		now := im.ls.now()
		for _, r := range im.rows {
			if err := putBody(ctx, tx, r); err != nil {
				return err
			}
			id := safety.NewID("sig", now)
			n, err := tx.AddSignal(ctx, db.AddSignalParams{ID: id, ContentNumber: contentNumber(id), ListID: im.list,
				HashType: string(r.Hash.Type), HashValue: r.Hash.Value, Note: r.Note, Source: r.Source,
				Classification: r.Classification, AddedVersion: im.version, CreatedAt: store.Micros(now)})
			if err != nil {
				return fmt.Errorf("staging signal: %w", err)
			}
			added += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	im.held = until
	im.result.Added += added
	im.result.Already += int64(len(im.rows)) - added
	im.rows, im.bodies = im.rows[:0], 0
	return nil
}

func (im *importing) publish(ctx context.Context, actor, name string) error {
	return im.ls.store.Tx(ctx, func(tx *store.Tx) error {
		until, err := im.renew(ctx, tx)
		if err != nil {
			return err
		}
		version, err := im.ls.bump(ctx, tx, im.list, until)
		if err != nil {
			return err
		}
		im.result.Version = version
		return ledger.Append(ctx, tx, ledger.Entry{At: im.ls.now(), Actor: actor, Action: "list.import", Subject: name,
			Detail: fmt.Sprintf("%d added, %d already there, %d rows skipped, version %d",
				im.result.Added, im.result.Already, len(im.result.Skipped), version)})
	})
}

// abandon removes what was staged and frees the list.
func (im *importing) abandon(ctx context.Context) error {
	return im.ls.store.Tx(ctx, func(tx *store.Tx) error {
		current, err := tx.HoldList(ctx, db.HoldListParams{ID: im.list, ImportingUntil_2: im.held, ImportingUntil_3: 0})
		if err != nil {
			if store.IsNotFound(err) {
				return nil // the hold was lost: whoever has it now cleans up
			}
			return err
		}
		_, err = tx.DropStagedSignals(ctx, im.list, current)
		return err
	})
}

// parse reads r and calls fn for each row, or with the problem of a malformed
// one. An error of fn, or one that makes the rest unreadable, ends it.
func parse(format Format, r io.Reader, fn func(Row, error) error) error {
	switch format {
	case FormatCSV:
		return parseCSV(r, fn)
	case FormatHashes:
		return parseHashes(r, fn)
	case FormatVPDQ:
		return parseVideo(r, fn)
	case FormatVICS:
		return parseVICS(r, fn)
	}
	return safety.Errorf(safety.Invalid, "unknown import format; use csv, hashes, vpdq or vics")
}

// signal checks a hash as a list entry: on top of its form, a PDQ hash must not
// be the zero hash, which every featureless picture matches.
func signal(t safety.HashType, text string) (safety.Hash, error) {
	if t == safety.URL {
		return URLSignal(text)
	}
	if t == safety.VPDQ {
		return safety.Hash{}, safety.Errorf(safety.Invalid, "a vpdq signal is imported with its frames, as format vpdq or csv")
	}
	h, err := safety.ParseSignal(t, text)
	if err != nil {
		return h, err
	}
	if t == safety.PDQ && strings.Trim(h.Value, "0") == "" {
		return h, safety.Errorf(safety.Invalid, "pdq is the zero hash, which matches every featureless picture")
	}
	return h, nil
}
