package conversation

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/vault"
)

// markedToo is how many of the messages that showed something a case gets beside
// those around the alert.
const markedToo = 60

// columns are the head of a transcript. The form is one that an officer can open.
var columns = []string{"event_id", "at", "from", "account_id", "text", "media", "signs"}

// want asks for the messages round an alert, those that showed something, and some
// that are to come. What was sealed before is not asked for again.
func (b *batch) want(ctx context.Context, t *dialogue) error {
	if err := t.saveMarks(ctx, b.tx); err != nil {
		return err
	}
	t.row.Capture = around
	t.wanted = append(t.wanted, places(t.row.Recent)...)
	marks, err := b.tx.MarksOfConversation(ctx, t.row.ID, markedToo)
	if err != nil {
		return fmt.Errorf("reading marks: %w", err)
	}
	for _, m := range marks {
		t.wanted = append(t.wanted, uint64(m.Seq))
	}
	for _, m := range marks {
		if m.Kept {
			t.wanted = slices.DeleteFunc(t.wanted, func(seq uint64) bool { return seq == uint64(m.Seq) })
		}
	}
	return nil
}

// capture seals the messages that cases want. Each piece is a transcript of its own.
func (b *batch) capture(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(b.talks)) {
		t := b.talks[id]
		if len(t.wanted) == 0 || t.row.ItemID == "" {
			continue
		}
		c, err := b.tx.CaseByID(ctx, t.row.CaseID)
		if err != nil {
			return fmt.Errorf("reading case: %w", err)
		}
		if c.State != string(cases.Open) { // decided: nothing more is taken
			t.row.Capture = 0
			if err := t.save(ctx, b.tx); err != nil {
				return err
			}
			continue
		}
		if err := b.seal(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) seal(ctx context.Context, t *dialogue) error {
	slices.Sort(t.wanted)
	var out bytes.Buffer
	w, n := csv.NewWriter(&out), 0
	_ = w.Write(columns) // a bytes.Buffer takes everything
	for _, seq := range slices.Compact(t.wanted) {
		e, err := b.event(ctx, seq)
		if k := safety.KindOf(err); k == safety.NotFound || k == safety.Invalid {
			t.row.Forgotten++ // by the stream, or it cannot be opened: no fault of this batch
			continue
		}
		if err != nil {
			return err
		}
		if row := b.row(e, t); row != nil {
			_ = w.Write(row)
			n++
			if err := b.tx.KeepMark(ctx, t.row.ID, int64(seq), true); err != nil {
				return fmt.Errorf("marking what is kept: %w", err)
			}
		}
	}
	t.wanted = nil
	w.Flush()
	t.row.Kept += int64(n)
	if err := errors.Join(w.Error(), t.save(ctx, b.tx)); err != nil || n == 0 {
		return err
	}
	_, err := b.Vault.Seal(ctx, b.tx, vault.Piece{CaseID: t.row.CaseID, ItemID: t.row.ItemID, Role: vault.Transcript, MediaType: "text/csv", Data: out.Bytes()})
	return err
}

// event is an event of this batch, or one from the stream.
func (b *batch) event(ctx context.Context, seq uint64) (*Event, error) {
	if e, ok := b.byEvent[seq]; ok {
		return e, nil
	}
	v, err := b.Fetch(ctx, seq)
	if err != nil {
		return nil, err
	}
	e, err := Parse(v.Body)
	if err != nil {
		return nil, err
	}
	b.byEvent[seq] = &e
	return &e, nil
}

// row is a line of a transcript; nil for what may not be read or does not belong here.
func (b *batch) row(e *Event, t *dialogue) []string {
	if e.Kind != Message && e.Kind != MediaSent || e.ConversationID != t.row.ConversationID {
		return nil
	}
	from := "actor"
	switch e.From.ID {
	case t.row.ActorID:
	case t.row.TargetID:
		from = "target"
	default:
		from = "other"
	}
	text, signs := "", ""
	if e.Text != nil && b.may(e, t.actor, t.target).text {
		text = *e.Text
		signs = names(b.reader.Read(text).Found)
	}
	return []string{e.ID, e.at(b.now).UTC().Format(time.RFC3339Nano), from, e.From.ID, text, strconv.FormatBool(e.Media || e.Kind == MediaSent), signs}
}

func names(s talk.Set) string {
	var out []string
	for _, i := range s.All() {
		out = append(out, i.String())
	}
	return strings.Join(out, " ")
}
