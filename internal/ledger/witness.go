package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Witness is somebody outside who keeps the last checkpoint that they saw and
// cosigns only what grows from it (c2sp.org/tlog-witness). A log that somebody has
// rewritten or shows in two versions finds no witness.
type Witness struct {
	URL string // submission prefix
	Key proof.Key
}

// Witnesses ask for cosignatures.
type Witnesses struct {
	log    *Log
	list   []Witness
	client *http.Client
}

// NewWitnesses returns the witnesses of l. client may be nil.
func NewWitnesses(l *Log, list []Witness, client *http.Client) *Witnesses {
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Witnesses{log: l, list: list, client: client}
}

// Ask shows the newest checkpoint to every witness that has not cosigned it and
// is due. What each answers is kept, failures too, so that any process goes on
// from there. The error is of the database only: a witness that fails is asked
// again, later and later up to an hour.
func (w *Witnesses) Ask(ctx context.Context) error { return w.ask(ctx, false) }

// AskNow is Ask without waiting for those that have failed.
func (w *Witnesses) AskNow(ctx context.Context) error { return w.ask(ctx, true) }

func (w *Witnesses) ask(ctx context.Context, now bool) error {
	if len(w.list) == 0 {
		return nil
	}
	if _, err := w.log.Seal(ctx); err != nil {
		return err
	}
	c, err := w.log.store.Read().LatestCheckpoint(ctx)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading checkpoint: %w", err)
	}
	var errs error
	for _, wit := range w.list {
		state, err := w.log.store.Read().WitnessState(ctx, wit.Key.String())
		if err != nil && !store.IsNotFound(err) {
			return fmt.Errorf("reading witness: %w", err)
		}
		if state.Size == c.Size && state.Failures == 0 || !now && state.NextAt > store.Micros(w.log.now()) {
			continue
		}
		errs = errors.Join(errs, w.one(ctx, wit, state, c))
	}
	return errs
}

// one asks one witness and keeps the answer.
func (w *Witnesses) one(ctx context.Context, wit Witness, state db.LedgerWitness, c db.LedgerCheckpoint) error {
	line, known, failed := w.add(ctx, wit, state.Size, c)
	at := w.log.now()
	next := db.PutWitnessParams{Witness: wit.Key.String(), Size: known, At: state.At}
	if failed != nil {
		next.Failures = state.Failures + 1
		next.LastError = failed.Error()[:min(300, len(failed.Error()))]
		next.NextAt = store.Micros(at.Add(min(time.Hour, 15*time.Second<<min(state.Failures, 8))))
	} else {
		next.Size, next.At = c.Size, store.Micros(at)
	}
	return w.log.store.Tx(ctx, func(tx *store.Tx) error {
		if failed == nil {
			if err := tx.AddCosignature(ctx, db.AddCosignatureParams{Size: c.Size, Witness: wit.Key.String(), Line: line, At: store.Micros(at)}); err != nil {
				return err
			}
		}
		return tx.PutWitness(ctx, next)
	})
}

// add speaks add-checkpoint. known is the size that the witness is at, as far as
// it has said; a 409 tells it, and the call is made once more from there.
func (w *Witnesses) add(ctx context.Context, wit Witness, known int64, c db.LedgerCheckpoint) (line string, size int64, err error) {
	if known > c.Size {
		known = 0 // a database that was put back; the witness will tell
	}
	for range 2 {
		status, body, err := w.post(ctx, wit, known, c)
		if err != nil {
			return "", known, err
		}
		switch status {
		case http.StatusOK:
			line, err := cosigned(wit.Key, c.Note, body)
			return line, known, err
		case http.StatusConflict:
			at, err := strconv.ParseInt(strings.TrimSuffix(body, "\n"), 10, 64)
			if err != nil || at < 0 {
				return "", known, errors.New("the witness answered a conflict without a size")
			}
			if at > c.Size {
				// Ours is not the newest: another process is ahead, or entries are lost.
				return "", known, fmt.Errorf("the witness has seen %d entries and there are %d: was the database put back to an earlier state?", at, c.Size)
			}
			known = at
		default:
			return "", known, fmt.Errorf("the witness refused: HTTP %d", status)
		}
	}
	return "", known, errors.New("the witness keeps answering a conflict")
}

func (w *Witnesses) post(ctx context.Context, wit Witness, known int64, c db.LedgerCheckpoint) (int, string, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", known)
	if known > 0 && known < c.Size {
		path, err := tlog.ProveTree(c.Size, known, &hashReader{ctx: ctx, q: w.log.store.Read()})
		if err != nil {
			return 0, "", fmt.Errorf("proving consistency: %w", err)
		}
		for _, h := range path {
			fmt.Fprintln(&body, h)
		}
	}
	body.WriteString("\n" + c.Note)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(wit.URL, "/")+"/add-checkpoint", &body)
	if err != nil {
		return 0, "", errors.New("the witness's address is not a URL")
	}
	res, err := w.client.Do(r)
	if err != nil {
		return 0, "", errors.New("the witness does not answer")
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<10+1))
	if err = errors.Join(err, res.Body.Close()); err != nil || len(text) > 16<<10 {
		return 0, "", errors.New("the witness's answer cannot be read")
	}
	return res.StatusCode, string(text), nil
}

// cosigned picks the witness's own line out of an answer and checks it. Lines of
// other keys are left out.
func cosigned(key proof.Key, checkpoint, answer string) (string, error) {
	n, err := proof.ParseNote(checkpoint)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(answer) {
		one, err := proof.ParseNote(n.Text + "\n" + line)
		if err != nil {
			return "", errors.New("the witness's answer is not signature lines")
		}
		_, err = one.SignedBy(key)
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, proof.ErrNotSigned) {
			return "", err
		}
	}
	return "", errors.New("the witness's answer bears no signature of its key")
}

// State is how a witness stands.
type State struct {
	Name      string
	Behind    int64 // entries that it has not seen
	At        time.Time
	Failures  int64
	LastError string
}

// States are those of all witnesses.
func (w *Witnesses) States(ctx context.Context) ([]State, error) {
	q := w.log.store.Read()
	head, err := q.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading ledger head: %w", err)
	}
	out := make([]State, len(w.list))
	for i, wit := range w.list {
		s, err := q.WitnessState(ctx, wit.Key.String())
		if err != nil && !store.IsNotFound(err) {
			return nil, fmt.Errorf("reading witness: %w", err)
		}
		out[i] = State{Name: wit.Key.Name, Behind: head - s.Size, Failures: s.Failures, LastError: s.LastError}
		if s.At != 0 {
			out[i].At = store.Time(s.At)
		}
	}
	return out, nil
}

// fresh is how far behind the newest a checkpoint with more cosignatures may be
// and still be the one that is published.
const fresh = 5 * time.Minute

// Published is the checkpoint for outsiders: of those of the last minutes the one
// with the most cosignatures, and the newest of these, so that who asks a minute
// after the last entry finds a witnessed one.
func (l *Log) Published(ctx context.Context) (string, error) {
	if _, err := l.Seal(ctx); err != nil {
		return "", err
	}
	return l.published(ctx, 0)
}

// published is Published among the checkpoints of at least so many entries.
func (l *Log) published(ctx context.Context, least int64) (string, error) {
	q := l.store.Read()
	newest, err := q.LatestCheckpoint(ctx)
	if err != nil {
		return "", store.NotFound(err, "checkpoint")
	}
	sizes, err := q.CosignedSizes(ctx)
	if err != nil {
		return "", fmt.Errorf("reading cosignatures: %w", err)
	}
	best, most := newest, int64(0)
	for _, s := range sizes {
		c, err := q.CheckpointOf(ctx, s.Size)
		if err != nil {
			return "", store.NotFound(err, "cosigned checkpoint")
		}
		if s.N > most && s.Size >= least && newest.At-c.At <= fresh.Microseconds() {
			best, most = c, s.N
		}
	}
	return l.withCosignatures(ctx, best)
}

// withCosignatures adds the lines of witnesses to a checkpoint.
func (l *Log) withCosignatures(ctx context.Context, c db.LedgerCheckpoint) (string, error) {
	rows, err := l.store.Read().Cosignatures(ctx, c.Size)
	if err != nil {
		return "", fmt.Errorf("reading cosignatures: %w", err)
	}
	var text strings.Builder
	text.WriteString(c.Note)
	for _, r := range rows {
		text.WriteString(r.Line)
	}
	return text.String(), nil
}
