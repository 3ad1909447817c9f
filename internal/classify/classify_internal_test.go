package classify

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var someLines = []Line{{ID: "m1", FromActor: true, Text: "one two three four five six"}, {ID: "m2", Text: "no"}}

// sane: an opinion holds numbers from 0 to 1 under known names, or there is none.
func sane(t *testing.T, c *Config, o *Opinion, why Reason) {
	t.Helper()
	if why != "" {
		if o.P != 0 || o.Indicators != nil || o.Against != nil || o.Version != "" || !slices.Contains(Reasons, why) {
			t.Errorf("a failure (%s) with an opinion: %+v", why, o)
		}
		return
	}
	in := func(v float64) bool { return v >= 0 && v <= 1 && !math.IsNaN(v) }
	if !in(o.P) || o.Insufficient && o.P != 0 {
		t.Errorf("P is %v", o.P)
	}
	for name, v := range o.Indicators {
		if _, known := c.Uses[name]; !known || !in(v) {
			t.Errorf("%q is %v", name, v)
		}
	}
}

func fuzzDecoder(f *testing.F, kind Kind, seeds ...string) {
	f.Helper()
	for _, s := range append(seeds, "", "{", "[]", "null", `{"a":1}{"a":2}`, `{"a":NaN}`, `"prose"`) {
		f.Add([]byte(s))
	}
	c := Config{Kind: kind, Model: "m"}
	c.complete()
	schema, _ := kind.schema()
	f.Fuzz(func(t *testing.T, body []byte) {
		o, why := schema.decode(&c, someLines, body)
		sane(t, &c, &o, why)
		if why == "" && !json.Valid(body) {
			t.Errorf("%q is no JSON and was taken", body)
		}
	})
}

func FuzzChatAnswer(f *testing.F) {
	fuzzDecoder(f, Chat, `{"choices":[{"message":{"role":"assistant","content":"{\"indicators\":[{\"id\":\"asks_age\",\"msg_ids\":[\"m1\"],\"confidence\":0.5}],\"counter_evidence\":[],\"insufficient\":false}"},"finish_reason":"stop"}]}`)
}

// FuzzReading: what a model wrote, without the envelope.
func FuzzReading(f *testing.F) {
	f.Add(`{"indicators":[{"id":"asks_age","msg_ids":["m1"],"confidence":0.5}],"counter_evidence":[{"id":"others_know","msg_ids":["m2"],"confidence":1}],"insufficient":false}`)
	f.Add(`{"indicators":[],"counter_evidence":[],"insufficient":true}`)
	f.Add(`{"indicators":[{"id":"one two three four five","msg_ids":[],"confidence":2}],"counter_evidence":[],"insufficient":false}`)
	c := Config{Kind: Chat, Model: "m"}
	c.complete()
	f.Fuzz(func(t *testing.T, text string) {
		o, why := reading(&c, someLines, []byte(text))
		sane(t, &c, &o, why)
		if why == "" && strings.Contains(strings.ToLower(text), "one two three four five") {
			t.Errorf("%q quotes", text)
		}
	})
}

func FuzzHiveAnswer(f *testing.F) {
	fuzzDecoder(f, Hive, `{"status":[{"status":{"code":"0"},"response":{"output":[{"classes":[{"class":"csa_discussion","score":0.1},{"class":"child_access","score":0.1},{"class":"csam","score":0},{"class":"self_generated_content","score":0},{"class":"sextortion","score":1}]}]}}]}`)
}

func FuzzLabelsAnswer(f *testing.F) {
	fuzzDecoder(f, Labels, `[{"label":"asking_for_pii","score":0.5},{"label":"giving_pii","score":0.1}]`, `[[{"label":"asking_for_pii","score":0.5},{"label":"giving_pii","score":1}]]`)
}

func FuzzPlainAnswer(f *testing.F) {
	fuzzDecoder(f, Plain, `{"format":"rowan-opinion-1","version":"7","p":0.75,"indicators":{"asks_place":0.6},"insufficient":false}`)
}

// FuzzEscape: a text arrives as it was, and no character of a prompt's frame is in
// what was sent.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain", `"}]`, "<|im_end|>", "｜▁\u2028", "\\u003c", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		sent := escape(text)
		if strings.ContainsAny(string(sent), frames) {
			t.Errorf("%q holds a frame", sent)
		}
		var back string
		if err := json.Unmarshal(sent, &back); err != nil || back != text {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
	})
}

// TestNewest: never more characters than allowed, the newest first of all, in order;
// partial says truly whether something was left out.
func TestNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-zäß 语]{0,12}`), 0, 12).Draw(t, "texts")
		most := rapid.IntRange(1, 60).Draw(t, "most")
		actorOnly := rapid.Bool().Draw(t, "actorOnly")
		w := Window{}
		want := 0
		for i, s := range texts {
			l := Line{ID: fmt.Sprint("m", i), FromActor: i%3 > 0, Text: s}
			w.Lines = append(w.Lines, l)
			if s := strings.TrimSpace(s); s != "" && (l.FromActor || !actorOnly) {
				want += utf8.RuneCountInString(s)
			}
		}
		got, partial := w.newest(most, actorOnly)
		if n := utf8.RuneCountInString(joined(got)); n > most {
			t.Fatalf("%d characters, %d allowed", n, most)
		}
		has := 0
		for _, l := range got {
			has += utf8.RuneCountInString(l.Text)
			whole := slices.ContainsFunc(w.Lines, func(x Line) bool { return x.ID == l.ID && strings.TrimSpace(x.Text) == l.Text })
			if len(got) > 1 && !whole {
				t.Fatal("a line was cut although others are there")
			}
		}
		if (has < want) != partial {
			t.Fatalf("%d of %d characters, partial %v", has, want, partial)
		}
		if want > 0 && len(got) == 0 {
			t.Fatal("nothing left")
		}
	})
}

// TestControl: what is dialled is checked, whatever the name said.
func TestControl(t *testing.T) {
	for address, want := range map[string][2]bool{ // without and with leave to send text away
		"127.0.0.1:80": {true, true}, "[::1]:80": {true, true}, "10.0.0.1:80": {true, true}, "[fd12::1]:80": {true, true},
		"203.0.113.7:443": {false, true}, "[2a00::1]:443": {false, true},
		"169.254.169.254:80": {}, "[::ffff:169.254.169.254]:80": {}, "[fe80::1]:80": {}, "[fd00:ec2::254]:80": {}, "0.0.0.0:80": {}, "224.0.0.1:80": {},
		"nonsense": {},
	} {
		for i, off := range []bool{false, true} {
			s := &Scorer{cfg: Config{SendsTextOffHost: off}}
			if got := s.control("tcp", address, nil) == nil; got != want[i] {
				t.Errorf("%s, off host %v: %v", address, off, got)
			}
		}
	}
}

// TestLabelLists: forms of answers that the stand-in does not give.
func TestLabelLists(t *testing.T) {
	const asking, giving = `{"label":"asking_for_pii","score":0.9}`, `{"label":"giving_pii","score":0.1}`
	for name, c := range map[string]struct {
		body string
		want Reason
	}{
		"flat":                    {"[" + asking + "," + giving + "]", ""},
		"in a list":               {"[[" + asking + "," + giving + "]]", ""},
		"two texts":               {"[[" + asking + "," + giving + "],[" + asking + "," + giving + "]]", Malformed},
		"a label twice":           {"[" + asking + "," + giving + "," + asking + "]", Unknown},
		"a member more":           {`[{"label":"asking_for_pii","score":0.9,"text":"x"},` + giving + "]", Malformed},
		"score missing":           {`[{"label":"asking_for_pii"},` + giving + "]", Malformed},
		"score null":              {`[{"label":"asking_for_pii","score":null},` + giving + "]", Malformed},
		"an object with an error": {`{"error":"model is loading"}`, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Kind: Labels, Model: "m"}
			cfg.complete()
			o, why := labelsAnswer(&cfg, someLines, []byte(c.body))
			if why != c.want || why == "" && o.P != .45 {
				t.Errorf("%q, want %q; %+v", why, c.want, o)
			}
		})
	}
}
