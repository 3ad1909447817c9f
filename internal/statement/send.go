package statement

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

const (
	batchSize = 100
	lease     = 5 * time.Minute // longer than a call may take
	maxAnswer = 4 << 20
)

// pause is how long a statement waits after its nth try; the last for ever.
func pause(attempts int64) time.Duration {
	steps := []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
	return steps[max(0, min(int(attempts), len(steps)-1))]
}

// Send sends what is due, batch by batch, until nothing is or the database does
// not answer as it should.
func (d *Desk) Send(ctx context.Context) error {
	if d.cfg.URL == "" {
		return nil
	}
	if exempt, err := d.exempt(ctx, d.store.Read()); err != nil || exempt {
		return err
	}
	for {
		batch, err := d.take(ctx)
		if err != nil || len(batch) == 0 {
			return err
		}
		more, err := d.send(ctx, batch)
		if err != nil || !more {
			return err
		}
	}
}

// take leases a batch. What a dead process had on its way comes back when its
// lease ends.
func (d *Desk) take(ctx context.Context) (batch []db.Statement, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		batch = nil
		due, err := tx.DueStatements(ctx, store.Micros(d.now()), batchSize)
		if err != nil {
			return fmt.Errorf("reading statements: %w", err)
		}
		until := store.Micros(d.now().Add(lease))
		for _, s := range due {
			n, err := tx.LeaseStatement(ctx, s.Puid, s.NextAttemptAt, until)
			if err != nil {
				return fmt.Errorf("leasing statement: %w", err)
			}
			if n == 1 {
				batch = append(batch, s)
			}
		}
		return nil
	})
	return batch, err
}

// send carries one batch to its end: what the database takes, has, or refuses is
// settled, and the rest is sent again, without what was settled. more is false
// when the rest must wait.
func (d *Desk) send(ctx context.Context, batch []db.Statement) (more bool, err error) {
	for len(batch) > 0 {
		a := d.post(ctx, batch)
		settled, err := d.settle(ctx, batch, a)
		if err != nil {
			return false, err
		}
		rest := slices.DeleteFunc(slices.Clone(batch), func(s db.Statement) bool { return settled[s.Puid] })
		switch {
		case len(rest) == 0:
			return true, nil
		case len(settled) > 0:
			batch = rest
		case a.invalid && len(batch) > 1: // it does not say which: halves find it
			half := len(batch) / 2
			if more, err := d.send(ctx, batch[:half]); err != nil || !more {
				return false, d.later(ctx, batch[half:], a, err)
			}
			batch = batch[half:]
		default:
			return false, d.later(ctx, rest, a, nil)
		}
	}
	return true, nil
}

// answer is what the database said of a batch.
type answer struct {
	filed   map[string]string // puid to its id; "" when it existed
	refused map[string][]Flaw // by puid
	invalid bool              // refused as a whole, without saying which
	err     string            // why nothing is known
	wait    time.Duration     // that it asks for
}

func (d *Desk) post(ctx context.Context, batch []db.Statement) answer {
	bodies := make([]json.RawMessage, len(batch))
	for i, s := range batch {
		bodies[i] = json.RawMessage(s.Body)
	}
	body, err := json.Marshal(map[string]any{"statements": bodies})
	if err != nil {
		return answer{err: "a statement is no JSON"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return answer{err: "the address cannot be used"}
	}
	req.Header.Set("Authorization", "Bearer "+d.cfg.Token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := d.cfg.Client.Do(req)
	if err != nil {
		return answer{err: "no answer"}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(text) > maxAnswer {
		return answer{err: fmt.Sprintf("an answer (%d) that ends too early or never", resp.StatusCode)}
	}
	return read(batch, resp, text)
}

// read makes sense of an answer. What it does not understand is "not known".
func read(batch []db.Statement, resp *http.Response, text []byte) answer {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
		return accepted(batch, resp.StatusCode, text)
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return rejected(batch, resp.StatusCode, text)
	case http.StatusUnauthorized, http.StatusForbidden:
		return answer{err: fmt.Sprintf("the token is refused (%d)", resp.StatusCode), wait: 30 * time.Minute}
	case http.StatusRequestEntityTooLarge:
		return answer{invalid: len(batch) > 1, err: "too large (413)"}
	}
	return answer{err: fmt.Sprintf("status %d", resp.StatusCode), wait: retryAfter(resp)}
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, 24*time.Hour)
}

// accepted believes only what names a puid of ours.
func accepted(batch []db.Statement, status int, text []byte) answer {
	var body struct {
		Statements []struct {
			UUID string `json:"uuid"`
			PUID string `json:"puid"`
		} `json:"statements"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return answer{err: fmt.Sprintf("an answer (%d) that is no JSON", status)}
	}
	a := answer{filed: map[string]string{}, err: fmt.Sprintf("an answer (%d) that does not name the statement", status)}
	for _, s := range body.Statements {
		if slices.ContainsFunc(batch, func(b db.Statement) bool { return b.Puid == s.PUID }) {
			a.filed[s.PUID] = trimmed(s.UUID)
		}
	}
	return a
}

// rejected reads which statements of the batch exist already and which are wrong.
// Nothing of the batch was taken.
func rejected(batch []db.Statement, status int, text []byte) answer {
	var body struct {
		Message string                     `json:"message"`
		Errors  map[string]json.RawMessage `json:"errors"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return answer{err: fmt.Sprintf("a refusal (%d) that is no JSON", status)}
	}
	a := answer{filed: map[string]string{}, refused: map[string][]Flaw{}, invalid: true, err: trimmed(body.Message)}
	for key, raw := range body.Errors {
		if key == "existing_puids" {
			for _, puid := range existing(raw) {
				if slices.ContainsFunc(batch, func(b db.Statement) bool { return b.Puid == puid }) {
					a.filed[puid] = ""
				}
			}
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(key, "statement_"))
		if err != nil || n < 0 || n >= len(batch) || !strings.HasPrefix(key, "statement_") {
			continue
		}
		var fields map[string][]string
		if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
			fields = map[string][]string{"statement": {"was refused"}}
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			a.refused[batch[n].Puid] = append(a.refused[batch[n].Puid], Flaw{trimmed(field), trimmed(strings.Join(fields[field], " "))})
		}
	}
	return a
}

// existing reads a list, or an object whose values are the list, as PHP writes
// an array with gaps.
func existing(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var object map[string]string
	_ = json.Unmarshal(raw, &object)
	return slices.Collect(maps.Values(object))
}

// settle writes down what is known, each with its ledger row, and returns which
// statements need nothing more.
func (d *Desk) settle(ctx context.Context, batch []db.Statement, a answer) (map[string]bool, error) {
	settled := map[string]bool{}
	if a.invalid && len(batch) == 1 && len(a.filed) == 0 && len(a.refused) == 0 {
		a.refused = map[string][]Flaw{batch[0].Puid: {{"statement", or(a.err, "was refused without a reason")}}}
	}
	if len(a.filed) == 0 && len(a.refused) == 0 {
		return settled, nil
	}
	ctx = context.WithoutCancel(ctx) // what is known is not forgotten because Rowan stops
	now := d.now()
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		clear(settled)
		for _, s := range batch {
			remote, filed := a.filed[s.Puid]
			problems := a.refused[s.Puid]
			var n int64
			var err error
			action := "statement.filed"
			switch {
			case filed:
				n, err = tx.FileStatement(ctx, s.Puid, remote, store.Micros(now))
			case len(problems) > 0:
				text, _ := json.Marshal(problems) // texts always marshal
				action = "statement.refused"
				n, err = tx.RefuseStatement(ctx, s.Puid, string(text))
			default:
				continue
			}
			if err != nil {
				return fmt.Errorf("settling statement: %w", err)
			}
			settled[s.Puid] = true
			if n == 0 {
				continue
			}
			if err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: action, Subject: or(s.CaseID, s.Puid), Detail: s.Puid}); err != nil {
				return err
			}
		}
		return nil
	})
	return settled, err
}

// later puts statements off.
func (d *Desk) later(ctx context.Context, batch []db.Statement, a answer, err error) error {
	if err != nil {
		return err // their lease ends by itself
	}
	ctx = context.WithoutCancel(ctx)
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		for _, s := range batch {
			next := d.now().Add(max(a.wait, pause(s.Attempts)))
			if _, err := tx.DelayStatement(ctx, s.Puid, store.Micros(next), a.err); err != nil {
				return fmt.Errorf("delaying statement: %w", err)
			}
		}
		return nil
	})
}
