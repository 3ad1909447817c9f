package classify_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/classify"
	"github.com/rowan-safety/rowan/internal/fakes/opinions"
)

func TestChatContent(t *testing.T) {
	sign := func(id, msgs, conf string) string {
		return fmt.Sprintf(`{"indicators":[{"id":%q,"msg_ids":%s,"confidence":%s}],"counter_evidence":[],"insufficient":false}`, id, msgs, conf)
	}
	for name, c := range map[string]struct {
		content string
		finish  string
		want    classify.Reason
	}{
		"prose":                    {content: "There is nothing to worry about.", want: classify.Malformed},
		"fenced":                   {content: "```json\n" + fine + "\n```", want: classify.Malformed},
		"prose behind":             {content: fine + " I hope this helps.", want: classify.Malformed},
		"two objects":              {content: fine + fine, want: classify.Malformed},
		"a list":                   {content: "[" + fine + "]", want: classify.Malformed},
		"null":                     {content: "null", want: classify.Malformed},
		"member missing":           {content: `{"indicators":[],"insufficient":false}`, want: classify.Malformed},
		"member null":              {content: `{"indicators":null,"counter_evidence":[],"insufficient":false}`, want: classify.Malformed},
		"member added":             {content: `{"indicators":[],"counter_evidence":[],"insufficient":false,"verdict":"ban"}`, want: classify.Malformed},
		"name twice":               {content: `{"indicators":[],"counter_evidence":[],"insufficient":true,"insufficient":false}`, want: classify.Malformed},
		"name twice, other case":   {content: `{"indicators":[],"counter_evidence":[],"insufficient":true,"Insufficient":false}`, want: classify.Malformed},
		"name folds to another":    {content: `{"indicator\u017f":[],"counter_evidence":[],"insufficient":false}`, want: classify.Malformed},
		"deep":                     {content: `{"indicators":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"counter_evidence":[],"insufficient":false}`, want: classify.Malformed},
		"not UTF-8":                {content: fine[:len(fine)-1] + "\xff}", want: classify.Malformed},
		"unknown indicator":        {content: sign("is_evil", `["m1"]`, "0.9"), want: classify.Unknown},
		"indicator of the house":   {content: sign("external_score", `["m1"]`, "0.9"), want: classify.Unknown},
		"unknown message":          {content: sign("asks_age", `["m9"]`, "0.9"), want: classify.Unknown},
		"message twice":            {content: sign("asks_age", `["m1","m1"]`, "0.9"), want: classify.Unknown},
		"indicator twice":          {content: `{"indicators":[{"id":"asks_age","msg_ids":["m1"],"confidence":0},{"id":"asks_age","msg_ids":["m1"],"confidence":1}],"counter_evidence":[],"insufficient":false}`, want: classify.Unknown},
		"without message":          {content: sign("asks_age", `[]`, "0.9"), want: classify.Unfounded},
		"message of the child":     {content: sign("asks_age", `["m2"]`, "0.9"), want: classify.Unfounded},
		"distress of the actor":    {content: sign("target_distress", `["m1"]`, "0.9"), want: classify.Unfounded},
		"over one":                 {content: sign("asks_age", `["m1"]`, "1.01"), want: classify.OutOfRange},
		"below nought":             {content: sign("asks_age", `["m1"]`, "-0.01"), want: classify.OutOfRange},
		"beyond any number":        {content: sign("asks_age", `["m1"]`, "1e999"), want: classify.Malformed},
		"not a number":             {content: sign("asks_age", `["m1"]`, "NaN"), want: classify.Malformed},
		"a number as text":         {content: sign("asks_age", `["m1"]`, `"0.9"`), want: classify.Malformed},
		"confidence null":          {content: sign("asks_age", `["m1"]`, `null`), want: classify.Malformed},
		"quotes a message":         {content: sign("Zanzibar, turnip -- lighthouse umbrella quartz!", `["m1"]`, "0.9"), want: classify.Quotes},
		"quotes without the gaps":  {content: sign("zanzibarturniplighthouseumbrella", `["m1"]`, "0.9"), want: classify.Quotes},
		"quotes in a message id":   {content: sign("asks_age", `["do not want that, zanzibar turnip lighthouse umbrella quartz"]`, "0.9"), want: classify.Quotes},
		"stopped before the end":   {content: fine, finish: "length", want: classify.CutShort},
		"stopped by a filter":      {content: fine, finish: "content_filter", want: classify.CutShort},
		"wants to call a function": {content: fine, finish: "tool_calls", want: classify.CutShort},
	} {
		t.Run(name, func(t *testing.T) {
			fake := standIn(classify.Chat)
			fake.Content, fake.Finish = c.content, c.finish
			s := start(t, classify.Chat, fake, nil)
			_, err := s.Ask(t.Context(), window())
			if err == nil {
				t.Fatal("taken for an opinion")
			}
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("%s, want %s; %v", got, c.want, fake.Wrong())
			}
			quiet(t, fmt.Sprintf("%+v %#v", err, err), "127.0.0.1")
		})
	}
}

func TestLabelContent(t *testing.T) {
	edit := func(in map[string]float64, fn func(map[string]float64)) map[string]float64 {
		out := maps.Clone(in)
		fn(out)
		return out
	}
	for name, c := range map[string]struct {
		labels map[string]float64
		want   classify.Reason
	}{
		"a label that nobody knows":    {edit(thorn, func(m map[string]float64) { m["new_label"] = .1 }), classify.Unknown},
		"a label that counts is gone":  {edit(thorn, func(m map[string]float64) { delete(m, "sextortion") }), classify.Incomplete},
		"none at all":                  {nil, classify.Incomplete},
		"over one":                     {edit(thorn, func(m map[string]float64) { m["csam"] = 2 }), classify.OutOfRange},
		"below nought":                 {edit(thorn, func(m map[string]float64) { m["not_pertinent"] = -1 }), classify.OutOfRange},
		"one that is only shown, gone": {edit(thorn, func(m map[string]float64) { delete(m, "has_minor") }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake := standIn(classify.Hive)
			fake.Labels = c.labels
			_, err := start(t, classify.Hive, fake, nil).Ask(t.Context(), window())
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("%s, want %s; %v", got, c.want, fake.Wrong())
			}
		})
	}
}

func TestPlainContent(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   classify.Reason
	}{
		"another format":      {strings.Replace(plainAnswer, "opinion-1", "opinion-2", 1), classify.Malformed},
		"no probability":      {strings.Replace(plainAnswer, `"p":0.75,`, "", 1), classify.Malformed},
		"a member more":       {strings.Replace(plainAnswer, `"p"`, `"action":"ban","p"`, 1), classify.Malformed},
		"over one":            {strings.Replace(plainAnswer, "0.75", "1.5", 1), classify.OutOfRange},
		"indicator unknown":   {strings.Replace(plainAnswer, "asks_place", "asks", 1), classify.Unknown},
		"indicator over one":  {strings.Replace(plainAnswer, "0.6", "6", 1), classify.OutOfRange},
		"indicator null":      {strings.Replace(plainAnswer, "0.6", "null", 1), classify.Malformed},
		"version with spaces": {strings.Replace(plainAnswer, `"7"`, `"7 of 9"`, 1), classify.Malformed},
		"version quotes":      {strings.Replace(plainAnswer, `"7"`, `"`+strings.ReplaceAll(canary, " ", "-")+`"`, 1), classify.Quotes},
	} {
		t.Run(name, func(t *testing.T) {
			fake := standIn(classify.Plain)
			fake.Answer = c.answer
			_, err := start(t, classify.Plain, fake, nil).Ask(t.Context(), window())
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestInsufficient(t *testing.T) {
	for kind, fake := range map[classify.Kind]*opinions.Server{
		classify.Chat:  {Kind: "chat", Content: strings.Replace(fine, "false", "true", 1)},
		classify.Plain: {Kind: "plain", Answer: strings.Replace(plainAnswer, "false", "true", 1)},
	} {
		s := start(t, kind, fake, func(c *classify.Config) { c.KeyFile = "" })
		o, err := s.Ask(t.Context(), window())
		if err != nil || !o.Insufficient || o.P != 0 || o.Counts() || s.Stats().Insufficient != 1 {
			t.Errorf("%s: %+v, %v, %v", kind, o, err, fake.Wrong())
		}
	}
}
