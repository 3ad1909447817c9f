package talk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/internal/talk"
)

const head = "format 1\nlanguage en\nversion t\n"

func TestPoisonedLexicons(t *testing.T) {
	many := &strings.Builder{}
	many.WriteString(head + "[asks_age]\n")
	for i := range talk.MaxPhrases + 1 {
		fmt.Fprintf(many, "word %d number %d\n", i, i)
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"wrong version of the format", strings.Replace(head, "format 1", "format 2", 1) + "[asks_age]\nhow old are you\n", talk.ErrFormat},
		{"no format", "language en\nversion t\n[asks_age]\nhow old are you\n", talk.ErrFormat},
		{"no version", "format 1\nlanguage en\n[asks_age]\nhow old are you\n", talk.ErrFormat},
		{"no phrases", head, talk.ErrFormat},
		{"a variant of nothing", "format 1\nlanguage en\nvariant you\n", talk.ErrFormat},
		{"a variant that is the same", "format 1\nlanguage en\nvariant you yoou\n", talk.ErrFormat},
		{"too many variants", head + strings.Repeat("variant you u\n", 17) + "[asks_age]\nhow old are you\n", talk.ErrTooLarge},
		{"unknown line", "format 1\nsurprise\n", talk.ErrFormat},
		{"another language", "format 1\nlanguage tlh\n", talk.ErrLanguage},
		{"too many bytes", head + "[asks_age]\n" + strings.Repeat("x", talk.MaxLexiconBytes), talk.ErrTooLarge},
		{"too many phrases", many.String(), talk.ErrTooLarge},
		{"a phrase too long", head + "[asks_age]\n" + strings.Repeat("ab ", 80) + "\n", talk.ErrTooLarge},
		{"an empty phrase", head + "[asks_age]\n***\n", talk.ErrEmpty},
		{"only what cannot be seen", head + "[asks_age]\n\u200b\u200d\n", talk.ErrEmpty},
		{"matches everything", head + "[asks_age]\n.*\n", talk.ErrEmpty},
		{"one letter", head + "[asks_age]\na\n", talk.ErrBroad},
		{"a word that is everywhere", head + "[asks_age]\nthe\n", talk.ErrBroad},
		{"two such words", head + "[asks_age]\nthat you\n", talk.ErrBroad},
		{"one short word", head + "[asks_age]\nwant\n", talk.ErrBroad},
		{"one phrase, two meanings", head + "[asks_age]\nhow old are you\n[asks_place]\nH0w old are you?\n", talk.ErrConflict},
		{"another script", head + "[asks_age]\nсколько тебе лет\n", talk.ErrFormat},
		{"no such indicator", head + "[asks_anything]\n", talk.ErrSection},
		{"an indicator that is no matter of words", head + "[external_score]\n", talk.ErrSection},
		{"an open section", head + "[asks_age\n", talk.ErrSection},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := talk.ParseLexicon(c.text); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	_, err := talk.ParseLexicon(head + "[asks_age]\nhow old are you\n\n???\n")
	if e, ok := errors.AsType[*talk.LineError](err); !ok || e.Line != 7 {
		t.Errorf("the line is not named: %v", err)
	}
}

func FuzzParseLexicon(f *testing.F) {
	f.Add(head + "[asks_age]\nhow old are you\n")
	f.Add("format 1\n[x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := talk.ParseLexicon(text)
		if err != nil {
			return
		}
		k, err := talk.NewLookup(l)
		if err != nil && !errors.Is(err, talk.ErrTooLarge) {
			t.Fatalf("a list that was read gives no lookup: %v", err)
		}
		if err == nil {
			talk.NewReader(k).Read(text)
		}
	})
}

func TestBuiltIn(t *testing.T) {
	lists, err := talk.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) != 3 {
		t.Fatalf("%d word lists", len(lists))
	}
	n := 0
	for _, l := range lists {
		n += l.Len()
		if l.Len() < 80 || l.Version == "" {
			t.Errorf("%v: %d phrases, version %q", l.Language, l.Len(), l.Version)
		}
	}
	k := lookup(t)
	t.Logf("%d phrases, %d with all their spellings, tables of %d bytes", n, k.Len(), k.Bytes())
	if k.Bytes() > 8<<20 {
		t.Errorf("tables take %d bytes", k.Bytes())
	}
	if again := lookup(t); again.Version() != k.Version() || again.Bytes() != k.Bytes() {
		t.Error("two builds differ")
	}
}

func lookup(t testing.TB) *talk.Lookup {
	t.Helper()
	k, err := talk.NewLookup()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestHits(t *testing.T) {
	r := talk.NewReader(lookup(t))
	for _, c := range []struct {
		in   string
		want talk.Set
		span string // of the first hit
	}{
		{"hey, How old are you?", talk.SetOf(talk.AsksAge), "How old are you"},
		{"so h0w \u200bоld аre you?", talk.SetOf(talk.AsksAge), "h0w \u200bоld аre you"},
		{"ok h o w o l d a r e y o u ok", talk.SetOf(talk.AsksAge), "h o w o l d a r e y o u"},
		{"d.e.l.e.t.e this chat", talk.SetOf(talk.AsksSecrecy), "d.e.l.e.t.e this chat"},
		{"dooon't teeell anyone", talk.SetOf(talk.AsksSecrecy), "dooon't teeell anyone"},
		{"¿Cuántos años tienes?", talk.SetOf(talk.AsksAge), "Cuántos años tienes"},
		{"Erzähl es niemandem!", talk.SetOf(talk.AsksSecrecy), "Erzähl es niemandem"},
		{"send me a picture, dont tell anyone", talk.SetOf(talk.AsksPicture, talk.AsksSecrecy), "send me a picture"},
		{"wat is ur age, wer do u live", talk.SetOf(talk.AsksAge, talk.AsksPlace), "wat is ur age"},
		{"qué edad tenés", talk.SetOf(talk.AsksAge), "qué edad tenés"},
		{"somehow old are youth games", 0, ""},
		{"my grandma asked how the game went", 0, ""},
		{"", 0, ""},
	} {
		got := r.Read(c.in)
		if got.Found != c.want {
			t.Errorf("Read(%q).Found = %b, want %b", c.in, got.Found, c.want)
		}
		if len(got.Hits) > 0 {
			if h := got.Hits[0]; c.in[h.From:h.To] != c.span {
				t.Errorf("Read(%q): span %q, want %q", c.in, c.in[h.From:h.To], c.span)
			}
		}
	}
	if r.Read("nope, not today").Refuses == false || r.Read("nobody knows").Refuses {
		t.Error("a plain no is not told from other words")
	}
}

// TestAutomaton compares with the plainest search there is.
func TestAutomaton(t *testing.T) {
	lists, err := talk.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	k := lookup(t)
	r := talk.NewReader(k)
	var phrases []talk.Phrase
	for _, l := range lists {
		phrases = append(phrases, talk.Phrases(l)...)
	}
	for i, p := range phrases {
		q := phrases[(i*7+3)%len(phrases)]
		in := "so " + strings.TrimSpace(p.Key) + " and " + strings.TrimSpace(q.Key) + strings.TrimSpace(p.Key)
		key := talk.Normalise(in).Key()
		var want talk.Set
		for _, p := range phrases {
			if strings.Contains(key, p.Key) {
				want |= talk.SetOf(p.Indicator)
			}
		}
		if got := r.Read(in).Found; got != want || !got.Has(p.Indicator) {
			t.Errorf("%q: found %b, want %b", in, got, want)
		}
	}
}

func TestFacts(t *testing.T) {
	r := talk.NewReader(lookup(t))
	type f struct {
		Kind  talk.FactKind
		Value int64
		Name  string
	}
	for _, c := range []struct {
		in   string
		want []f
	}{
		{"i am 14", []f{{talk.OwnAge, 14, ""}}},
		{"I'm fourteen", []f{{talk.OwnAge, 14, ""}}},
		{"14f here", []f{{talk.OwnAge, 14, ""}}},
		{"16yo", []f{{talk.OwnAge, 16, ""}}},
		{"tengo quince años", []f{{talk.OwnAge, 15, ""}}},
		{"ich bin zwölf", []f{{talk.OwnAge, 12, ""}}},
		{"ich bin 13 jahre alt", []f{{talk.OwnAge, 13, ""}}},
		{"15 years old", []f{{talk.OwnAge, 15, ""}}},
		{"15 years ago", nil},
		{"i am 10 minutes late", nil},
		{"i am 20 km away", nil},
		{"i am 3", nil},
		{"we won 14 to 9", nil},
		{"my number is +1 555 010 0199", []f{{talk.Phone, 11, ""}}},
		{"call 555-0100-22 now", []f{{talk.Phone, 9, ""}}},
		{"pay $50", []f{{talk.Amount, 5000, "USD"}}},
		{"12,50€ please", []f{{talk.Amount, 1250, "EUR"}}},
		{"50 euros", []f{{talk.Amount, 5000, "EUR"}}},
		{"400 coins", []f{{talk.Amount, 40000, "coins"}}},
		{"a gift card", []f{{talk.Payment, 0, "gift_card"}}},
		{"add @somebody on AppX", []f{{talk.Handle, 0, ""}, {talk.App, 0, "appx"}}},
		{"player#1234", []f{{talk.Handle, 0, ""}}},
		{"see https://example.org/x", []f{{talk.Link, 0, ""}}},
		{"at the park at 17:30", []f{{talk.Place, 0, "park"}, {talk.Hour, 1050, ""}}},
		{"5pm tomorrow", []f{{talk.Hour, 1020, ""}, {talk.Hour, -1, ""}}},
		{"25:99", nil},
	} {
		var got []f
		for _, x := range r.Read(c.in).Facts {
			got = append(got, f{x.Kind, x.Value, x.Name})
			if x.From < 0 || x.To > len(c.in) || x.From >= x.To {
				t.Errorf("%q: span %d to %d", c.in, x.From, x.To)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.in, d)
		}
	}
}

// TestFactsKeepNoText: a name of a fact is a word of ours, never of the message.
func TestFactsKeepNoText(t *testing.T) {
	const canary = "zanzibarquux"
	r := talk.NewReader(lookup(t))
	got := r.Read("add @" + canary + " or " + canary + "#1234 at https://" + canary + ".example i am 14 " + canary)
	if len(got.Facts) < 4 {
		t.Fatalf("%d facts", len(got.Facts))
	}
	if strings.Contains(fmt.Sprintf("%+v", *got), canary) {
		t.Error("text of the message is in the reading")
	}
	if !slices.ContainsFunc(got.Facts, func(f talk.Fact) bool { return f.Kind == talk.OwnAge }) {
		t.Error("the age is missing")
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"i am 14", "h o w o l d a r e y o u", "+1 555", "$", "@", "12:", "a#1234"} {
		f.Add(s)
	}
	k := lookup(f)
	f.Fuzz(func(t *testing.T, in string) {
		got := talk.NewReader(k).Read(in)
		for _, h := range got.Hits {
			if h.From < 0 || h.To > len(in) || h.From >= h.To {
				t.Fatalf("hit %d to %d of %d", h.From, h.To, len(in))
			}
		}
		for _, x := range got.Facts {
			if x.From < 0 || x.To > len(in) || x.From >= x.To {
				t.Fatalf("fact %d to %d of %d", x.From, x.To, len(in))
			}
		}
	})
}
