package talk_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/talk"
)

// TestRelationJSON: what is written is what is read, for every relation and set of
// signs, and what is not known is left out.
func TestRelationJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := *relation().Draw(t, "relation")
		set := talk.Set(rapid.Uint32Range(0, 1<<talk.Indicators-1).Draw(t, "set"))
		b, err := json.Marshal(struct {
			R talk.Relation
			S talk.Set
		}{r, set})
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			R talk.Relation
			S talk.Set
		}
		if err := json.Unmarshal(b, &back); err != nil || back.R != r || back.S != set {
			t.Fatalf("%s: %+v, %v", b, back, err)
		}
	})
	if b, err := json.Marshal(talk.Relation{}); string(b) != "{}" || err != nil {
		t.Errorf("nothing known is %s, %v", b, err)
	}
}

// TestWordsThatAreNone: a word that is not known is an error that does not repeat it,
// and leaves nothing behind.
func TestWordsThatAreNone(t *testing.T) {
	const canary = "Zanzibarquux"
	var (
		band talk.Band
		tie  talk.Tie
		set  talk.Set
	)
	for name, err := range map[string]error{
		"band": band.UnmarshalText([]byte(canary)), "tie": tie.UnmarshalText([]byte(canary)),
		"sign": set.UnmarshalJSON([]byte(`["asks_age","` + canary + `"]`)), "no list": set.UnmarshalJSON([]byte(`"asks_age"`)),
	} {
		if !errors.Is(err, talk.ErrWord) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := talk.SetOf(talk.AsksAge, talk.Threatens).String(); got != "asks_age threatens_to_share" {
		t.Error(got)
	}
}
