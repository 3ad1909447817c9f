package conversation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/vault"
)

var (
	start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	anna  = safety.Actor{ID: "user:usr_anna", Name: "Anna", Person: true}
	robot = safety.Actor{ID: "key:key_robot", Name: "robot"}
)

// bench is a desk on a database and a vault of its own. What it has applied can be
// fetched again, as from the stream, until forgotten says otherwise.
type bench struct {
	t         testing.TB
	store     *store.Store
	vault     *vault.Vault
	cases     *cases.Desk
	desk      *conversation.Desk
	now       time.Time
	seq       uint64
	log       map[uint64]stream.Envelope
	events    []safety.Event // announced
	forgotten bool
	seconds   []string // conversations about which a second opinion was asked for
}

func gb() conduct.Switches {
	s := conduct.DefaultSwitches()
	s.Private = map[safety.Jurisdiction]conduct.Private{"GB": {On: true, LegalGround: "for tests"}}
	return s
}

func config() conversation.Config {
	return conversation.Config{Switches: gb(), Card: conduct.DefaultCard(), Thresholds: conduct.DefaultThresholds(),
		Permits: func(d safety.Detector, s safety.Surface, _ safety.Jurisdiction) bool { return d.MayRun(s) }}
}

func newBench(t testing.TB, s *store.Store, c conversation.Config) *bench {
	t.Helper()
	master, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	b := &bench{t: t, store: s, now: start, log: map[uint64]stream.Envelope{}}
	clock := func() time.Time { return b.now }
	b.vault = vault.New(s, master, blobs, clock)
	announce := func(_ context.Context, _ *store.Tx, e safety.Event) error { b.events = append(b.events, e); return nil }
	b.cases = cases.NewDesk(s, b.vault, clock, 30*24*time.Hour, cases.Hooks{Announce: announce,
		Retract: func(context.Context, *store.Tx, string) (int64, error) { return 0, nil },
		Draft:   func(context.Context, *store.Tx, db.Case, db.Decision) error { return nil }})
	lookup, err := talk.NewLookup()
	if err != nil {
		t.Fatal(err)
	}
	weights, err := talk.StartingWeights()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := conversation.NewKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b.desk, err = conversation.NewDesk(conversation.Parts{Store: s, Vault: b.vault, Cases: b.cases, Keys: keys, Lookup: lookup, Weights: weights,
		Announce: announce, Now: clock, Log: slog.New(slog.DiscardHandler),
		Fetch: func(_ context.Context, seq uint64) (stream.Envelope, error) {
			e, ok := b.log[seq]
			if !ok || b.forgotten {
				return e, safety.Errorf(safety.NotFound, "the stream has forgotten this event")
			}
			return e, nil
		},
		Second: func(_ context.Context, _ *store.Tx, id string) error { b.seconds = append(b.seconds, id); return nil },
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, c conversation.Config) *bench { return newBench(t, storetest.Open(t), c) }

// event is a CloudEvent.
type event struct {
	kind string
	data conversation.Data
	at   time.Time
}

func (b *bench) envelope(e event) stream.Envelope {
	b.t.Helper()
	b.seq++
	data, err := json.Marshal(e.data)
	if err != nil {
		b.t.Fatal(err)
	}
	at := e.at
	if at.IsZero() {
		at = b.now
	}
	id := fmt.Sprintf("e%d", b.seq)
	body, err := json.Marshal(map[string]any{"specversion": "1.0", "id": id, "source": "test", "type": e.kind, "time": at.Format(time.RFC3339Nano), "data": json.RawMessage(data)})
	if err != nil {
		b.t.Fatal(err)
	}
	v := stream.Envelope{Seq: b.seq, Key: "test " + id, Source: "test", ID: id, Body: body, At: b.now}
	b.log[b.seq] = v
	return v
}

// apply takes events as one batch and returns the answers in their order.
func (b *bench) apply(events ...event) []conversation.Answer {
	b.t.Helper()
	var batch []stream.Envelope
	for _, e := range events {
		batch = append(batch, b.envelope(e))
	}
	var answers map[string][]byte
	err := b.store.Tx(b.t.Context(), func(tx *store.Tx) (err error) {
		answers, err = b.desk.Apply(b.t.Context(), tx, 0, batch)
		return err
	})
	if err != nil {
		b.t.Fatalf("applying: %v", err)
	}
	out := make([]conversation.Answer, len(batch))
	for i, v := range batch {
		if err := json.Unmarshal(answers[v.Key], &out[i]); err != nil {
			b.t.Fatal(err)
		}
	}
	return out
}

// say makes a message and lets a minute pass.
func (b *bench) say(conversationID string, from, to conversation.Party, text string) event {
	b.now = b.now.Add(time.Minute)
	return event{kind: "message", at: b.now, data: conversation.Data{ConversationID: conversationID, Surface: safety.SurfacePrivate, Jurisdiction: "GB",
		From: from, To: []conversation.Party{to}, Text: &text}}
}

func (b *bench) announced(kind string) (out []safety.Event) {
	for _, e := range b.events {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

func (b *bench) caseOf(account string) db.Case {
	b.t.Helper()
	c, err := b.store.Read().OpenCaseOfAccount(b.t.Context(), account, false)
	if err != nil {
		b.t.Fatalf("the open case of %s: %v", account, err)
	}
	return c
}

var (
	child    = conversation.Party{ID: "kim", AgeBand: "13-15", AgeSource: "self_declared"}
	adult    = conversation.Party{ID: "mr-x", AgeBand: "adult", AgeSource: "verified"}
	unknown  = conversation.Party{ID: "who"}
	stranger = &conversation.Relation{Connected: new(false)}
)
