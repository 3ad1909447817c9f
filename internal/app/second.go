package app

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/classify"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
)

// SecondConfig is a program that is asked for a second opinion about conversations
// (docs/second-opinions.md).
type SecondConfig struct {
	Name             string                  `yaml:"name"`
	Kind             classify.Kind           `yaml:"kind"` // chat, hive, labels or plain
	URL              string                  `yaml:"url"`
	KeyFile          string                  `yaml:"key_file"`
	Model            string                  `yaml:"model"`
	SendsTextOffHost bool                    `yaml:"sends_text_off_host"` // needed for an address that is not this machine or private
	Surfaces         []safety.Surface        `yaml:"surfaces"`
	Jurisdictions    []safety.Jurisdiction   `yaml:"jurisdictions"`
	Uses             map[string]classify.Use `yaml:"uses"`
	TimeoutMS        int                     `yaml:"timeout_ms"`
	PerMinute        int                     `yaml:"per_minute"`
	CostPerCall      float64                 `yaml:"cost_per_call"`
}

func (c SecondConfig) config() classify.Config {
	return classify.Config{Name: c.Name, Kind: c.Kind, URL: c.URL, KeyFile: c.KeyFile, Model: c.Model, SendsTextOffHost: c.SendsTextOffHost, Surfaces: c.Surfaces,
		Jurisdictions: c.Jurisdictions, Uses: c.Uses, Timeout: time.Duration(c.TimeoutMS) * time.Millisecond, PerMinute: c.PerMinute, CostPerCall: c.CostPerCall}
}

// openSecond makes the scorers.
func (a *App) openSecond() error {
	seen := map[string]bool{}
	for i, c := range a.Config.SecondOpinions {
		s, err := classify.New(c.config())
		if err == nil && seen[c.Name] {
			err = safety.Errorf(safety.Invalid, "the name is taken")
		}
		if err != nil {
			return fmt.Errorf("second_opinions[%d]: %w", i, err)
		}
		seen[c.Name] = true
		a.Scorers = append(a.Scorers, s)
	}
	return nil
}

// wantSecond asks, in the transaction of what made it wanted, for a second opinion
// later. Nil where nobody could be asked.
func (a *App) wantSecond() func(context.Context, *store.Tx, string) error {
	if len(a.Scorers) == 0 {
		return nil
	}
	return func(ctx context.Context, tx *store.Tx, id string) error {
		return tx.Enqueue(ctx, conversation.SecondArgs{Conversation: id}, time.Now())
	}
}

// second asks every scorer that may be asked, and sends the strongest opinion into
// the conversation as an event, so that it is applied in its order. A failure is
// counted and is no opinion; what was known before stands.
func (a *App) second(ctx context.Context, id string) error {
	w, err := a.Conversations.Recent(ctx, id)
	if safety.KindOf(err) == safety.NotFound {
		return nil // forgotten meanwhile
	}
	if err != nil {
		return err
	}
	best, asked := 0.0, false
	for _, s := range a.Scorers {
		if len(w.Lines) == 0 || !s.May(w.Surface, w.Jurisdictions[0]) || !s.May(w.Surface, w.Jurisdictions[1]) {
			continue
		}
		o, err := s.Ask(ctx, window(w))
		if err != nil {
			a.Log.WarnContext(ctx, "no second opinion", "scorer", s.Name(), "error", err)
			continue
		}
		if o.Counts() {
			best, asked = max(best, o.P), true
		}
	}
	if !asked {
		return nil
	}
	now := time.Now()
	eventID := fmt.Sprintf("opinion-%s-%s", id, now.UTC().Format(time.DateOnly)) // one a day: a job that runs twice speaks once
	body, err := conversation.Opinion(eventID, w, best, now)
	if err != nil {
		return err
	}
	_, err = a.Events.Publish(ctx, []stream.Outgoing{{Source: "rowan", ID: eventID, Conversation: w.ConversationID, Body: body}})
	return err
}

func window(w conversation.Window) classify.Window {
	out := classify.Window{Surface: w.Surface, Jurisdiction: w.Jurisdictions[0], Actor: band(w.Relation.Actor.Band), Target: band(w.Relation.Target.Band), Tie: tie(w.Relation.Tie)}
	if w.Language != talk.Unknown.String() {
		out.Language = w.Language
	}
	for i, l := range w.Lines {
		out.Lines = append(out.Lines, classify.Line{ID: fmt.Sprintf("m%d", i+1), FromActor: l.From == "actor", Text: l.Text, After: max(0, l.At.Sub(w.Lines[0].At))})
	}
	return out
}

func band(b talk.Band) classify.Band {
	switch b {
	case talk.Under13:
		return classify.Under13
	case talk.From13:
		return classify.From13
	case talk.From16:
		return classify.From16
	case talk.Adult:
		return classify.Adult
	}
	return classify.BandUnknown
}

func tie(t talk.Tie) classify.Tie {
	switch t {
	case talk.Stranger:
		return classify.Stranger
	case talk.Connected:
		return classify.Connected
	case talk.Family:
		return classify.Family
	}
	return classify.TieUnknown
}
