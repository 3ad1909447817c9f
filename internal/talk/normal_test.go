package talk_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/talk"
	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ name, in, plain string }{
		{"case and space", "  How   OLD\tare\nyou ", "how old are you"},
		{"zero width", "how\u200b ol\u200dd", "how old"},
		{"bidi controls", "\u202ehow\u202c old", "how old"},
		{"full width", "ｈｏｗ ｏｌｄ", "how old"},
		{"mathematical letters", "𝐡𝐨𝐰 𝕠𝕝𝕕", "how old"},
		{"stacked marks", "h\u0301\u0302\u0303\u0304\u0305\u0306o\u0307w", "how"},
		{"marks of Spanish and German", "Señor Müßig", "senor mussig"},
		{"look-alikes in a mixed word", "hоw оld аre yоu", "how old are you"},
		{"a Russian word stays", "сосна", "сосна"},
		{"a Greek word stays", "νερό", "νερο"},
		{"a word of look-alikes among Latin words", "і will be а bit late", "i will be a bit late"},
		{"a Russian word beside one English word", "сосна pine сосна", "сосна pine сосна"},
		{"repeated letters", "hoooooow", "hoow"},
		{"digits stay", "i am 14 and 1000", "i am 14 and 1000"},
		{"letters in squares", "🅷🅾🆆", "how"},
		{"small capitals", "ʜᴏᴡ ᴏʟᴅ", "how old"},
		{"not UTF-8", "how\xff\xfeold", "how old"},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := talk.Normalise(c.in).Plain(); got != c.plain {
				t.Errorf("plain = %q, want %q", got, c.plain)
			}
		})
	}
}

func TestKey(t *testing.T) {
	want := talk.Normalise("how old are you").Key()
	for _, in := range []string{"h0w 0ld are y0u", "how o1d are you", "h0w 01d 4re y0u", "hоw оld аrе yоu", "How... old - are, you?!", "hooow olddd aaare you", "h@w old"} {
		got := talk.Normalise(in).Key()
		if in == "h@w old" {
			if got == want {
				t.Error("different words have one key")
			}
			continue
		}
		if got != want {
			t.Errorf("Key(%q) = %q, want %q", in, got, want)
		}
	}
	if got := talk.Normalise("i am 14").Key(); !strings.Contains(got, " 14 ") {
		t.Errorf("a number by itself was read as letters: %q", got)
	}
	if a, b := talk.Normalise("don't tell").Key(), talk.Normalise("dont tell").Key(); a != b {
		t.Errorf("an apostrophe parts a word: %q, %q", a, b)
	}
}

func TestEvasion(t *testing.T) {
	if e := talk.Normalise("an ordinary line").Evasion(); e != 0 {
		t.Errorf("ordinary text: %v", e)
	}
	if e := talk.Normalise("h\u200bo\u200bw 0ld").Evasion(); e <= 0 || e > 1 {
		t.Errorf("evading text: %v", e)
	}
}

func TestBounds(t *testing.T) {
	long := talk.Normalise(strings.Repeat("a b", 1<<20))
	if !long.Truncated() || len(long.Plain()) > talk.MaxBytes {
		t.Errorf("a long message: truncated %v, %d bytes", long.Truncated(), len(long.Plain()))
	}
	binary := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range binary {
		binary[i] = byte(r.Uint32())
	}
	if x := talk.Normalise(string(binary)); !utf8.ValidString(x.Plain()) {
		t.Error("binary input gives invalid UTF-8")
	}
	// One sign that becomes eighteen: the longest growth that NFKC knows.
	if x := talk.Normalise(strings.Repeat("\ufdfa", 1<<18)); utf8.RuneCountInString(x.Plain()) > talk.MaxBytes {
		t.Errorf("growth to %d runes", utf8.RuneCountInString(x.Plain()))
	}
	if x := talk.Normalise("e" + strings.Repeat("\u0301", 1<<16)); x.Plain() != "e" {
		t.Errorf("a tower of marks left %d bytes", len(x.Plain()))
	}
}

func TestNormaliseProperties(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9 '!@$]{0,12}`),
		rapid.SampledFrom([]string{"\u200b", "\u0301", "а", "ӑ", "ά", "ᄀ", "ᅡ", "ᆨ", "İ", "ß", "\u0338", "\U000e0041", "ﷺ"}))
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
		checkNormal(t, in)
	})
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"how old", "h\u200bоw", "\xff", "가\u1160", "e\u0301\u0302", "s e c r e t", "ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) { checkNormal(t, in) })
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func checkNormal(t failer, in string) {
	t.Helper()
	once := talk.Normalise(in)
	if twice := talk.Normalise(once.Plain()); !once.Truncated() && len(once.Plain()) < talk.MaxBytes && twice.Plain() != once.Plain() {
		t.Fatalf("not idempotent: %+q gives %+q, then %+q", in, once.Plain(), twice.Plain())
	}
	if n := utf8.RuneCountInString(once.Plain()); n > 18*len(in)+1 || n > talk.MaxBytes {
		t.Fatalf("%d bytes grew to %d runes", len(in), n)
	}
	if n, m := utf8.RuneCountInString(once.Key()), utf8.RuneCountInString(once.Plain()); n > m+2 {
		t.Fatalf("key of %d runes from %d", n, m)
	}
	if e := once.Evasion(); e < 0 || e > 1 {
		t.Fatalf("evasion %v", e)
	}
	talk.Identify(once)
}
