package paper

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var made = time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)

func info() Info {
	return Info{Title: "Evidence summary", Subtitle: "Case cas_01 · confirmed by two people", Classification: "RESTRICTED · evidence in a criminal matter",
		Reference: "cas_01JEXAMPLE", Digest: "custody.json SHA-256 " + strings.Repeat("0123456789abcdef", 4), Made: made}
}

func sample() *Doc {
	d := New(info())
	d.Notice("This paper describes evidence; it does not hold it. Handle the files beside it under the rules of the investigation.")
	d.Heading("What this is")
	d.Paragraph("A record of what was found, kept and done, in the order in which an officer needs it. Źdźbło, Ωμέγα, Щука: names keep their letters.")
	d.Facts(Fact{Label: "Opened", Value: "29 March 2026, 01:30:00 UTC"}, Fact{Label: "Account", Value: "acct-77 “Ann O’Example”"},
		Fact{Label: "SHA-256", Value: strings.Repeat("9f86d081884c7d65", 4), Mono: true}, Fact{Label: "Handed over by"})
	d.Heading("Who had access")
	rows := [][]string{}
	for i := range 60 {
		rows = append(rows, []string{fmt.Sprintf("2026-03-%02d 10:%02d:00Z", i%28+1, i), "reviewer " + strconv.Itoa(i), "viewed the original: " + strings.Repeat("to tell whether it is what the list says ", i%4+1), "evi_" + strings.Repeat("a1", 10)})
	}
	d.Table([]Column{{Title: "When", Weight: 1.2}, {Title: "Who"}, {Title: "What", Weight: 2}, {Title: "Piece", Mono: true, Weight: 1.3}}, rows)
	d.Heading("Nothing here")
	d.Table([]Column{{Title: "When"}, {Title: "Who"}}, nil)
	return d
}

func pdf(t testing.TB, d *Doc) []byte {
	t.Helper()
	b, err := d.PDF()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// text is what pdftotext (poppler) reads from a PDF.
func text(t testing.TB, b []byte, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Skip("needs pdftotext (Debian's poppler-utils)")
	}
	cmd := exec.Command("pdftotext", append(args, "-enc", "UTF-8", "-", "-")...)
	cmd.Stdin = bytes.NewReader(b)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("pdftotext: %v: %s", err, stderr.String())
	}
	return string(out)
}

func TestTheSameCallsGiveTheSameBytes(t *testing.T) {
	a := pdf(t, sample())
	for range 5 {
		if !bytes.Equal(a, pdf(t, sample())) {
			t.Fatal("two makings differ")
		}
	}
	other := info()
	other.Made = made.Add(time.Hour)
	if bytes.Equal(pdf(t, New(info())), pdf(t, New(other))) {
		t.Error("the date of making is not in the document")
	}
	inLondon := info()
	inLondon.Made = made.In(time.FixedZone("BST", 3600))
	if !bytes.Equal(pdf(t, New(info())), pdf(t, New(inLondon))) {
		t.Error("the zone of the caller changes the document")
	}
}

// TestFontsStayAsTheyAre: fpdf writes into the font that it is given.
func TestFontsStayAsTheyAre(t *testing.T) {
	before := map[face][]byte{}
	for f, b := range faces {
		before[f] = bytes.Clone(b)
	}
	pdf(t, sample())
	for f, b := range faces {
		if !bytes.Equal(b, before[f]) {
			t.Errorf("%s is not what it was", f)
		}
	}
}

// TestPicture writes the sample for a person to look at.
func TestPicture(t *testing.T) {
	dir := os.Getenv("ROWAN_SCREENSHOTS")
	if dir == "" {
		t.Skip("ROWAN_SCREENSHOTS names no folder")
	}
	if err := os.WriteFile(filepath.Join(dir, "paper.pdf"), pdf(t, sample()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTextCanBeRead(t *testing.T) {
	got := text(t, pdf(t, sample()), "-layout")
	for _, want := range []string{"Evidence summary", "Źdźbło, Ωμέγα, Щука", "acct-77 “Ann O’Example”", "not recorded", "none",
		strings.Repeat("9f86d081884c7d65", 4), "evi_" + strings.Repeat("a1", 10), "reviewer 59"} {
		if !strings.Contains(got, want) {
			t.Errorf("text lacks %q", want)
		}
	}
	pages := strings.Split(strings.TrimSuffix(got, "\f"), "\f")
	if len(pages) < 3 || len(pages) != sample().Pages() {
		t.Fatalf("%d pages read, %d made", len(pages), sample().Pages())
	}
	for i, p := range pages {
		for _, want := range []string{fmt.Sprintf("%d of %d", i+1, len(pages)), "RESTRICTED", "cas_01JEXAMPLE", "custody.json SHA-256"} {
			if !strings.Contains(p, want) {
				t.Errorf("page %d lacks %q", i+1, want)
			}
		}
		if i < len(pages)-1 && strings.Contains(p, "reviewer") && !strings.Contains(p, "Piece") {
			t.Errorf("page %d goes on with the table without its head", i+1)
		}
	}
}

func TestHostileTextIsSeenAndDoesNothing(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"control characters", "a\x00b\x1b[31mc\x7f", "a[U+0000]b[U+001B][31mc[U+007F]"},
		{"bidi override", "invoice\u202egnp.exe", "invoice[U+202E]gnp.exe"},
		{"isolates", "\u2066x\u2069", "[U+2066]x[U+2069]"},
		{"zero width", "pay\u200bload\ufeff", "pay[U+200B]load[U+FEFF]"},
		{"not UTF-8", "a\xff\xfeb", "a[0xFF][0xFE]b"},
		{"replacement character itself", "a\ufffdb", ""},
		{"combining", "e\u0301\u0336", "e[U+0301][U+0336]"},
		{"emoji", "x\U0001f600y", "x[U+1F600]y"},
		{"private use", "\ue000", "[U+E000]"},
		{"line separator", "a\u2028b", "a[U+2028]b"},
		{"PDF syntax", `) Tj ET (\ endstream %%EOF`, `) Tj ET (\ endstream %%EOF`},
		{"lone carriage return", "a\rb", "a[U+000D]b"},
		{"page alias", "{nb}", "{nb}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := New(info())
			d.Facts(Fact{Label: c.in, Value: c.in}, Fact{Label: "m", Value: c.in, Mono: true})
			d.Table([]Column{{Title: c.in}}, [][]string{{c.in}})
			d.Notice(c.in)
			got := text(t, pdf(t, d))
			if n := strings.Count(got, c.want); n < 4 {
				t.Errorf("%q is found %d times in\n%s", c.want, n, got)
			}
		})
	}
}

func TestLongTextIsBrokenAndNothingIsLost(t *testing.T) {
	long := strings.Repeat("abcdefghij", 10_000) // 100,000 characters without a space
	words := strings.TrimSpace(strings.Repeat("evidence of what was done ", 4000))
	d := New(info())
	d.Paragraph(long)
	d.Table([]Column{{Title: "A"}, {Title: "B", Mono: true}}, [][]string{{words, long}, {"end", "of it"}})
	d.Notice(words)
	b := pdf(t, d)
	got := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghij", r) {
			return r
		}
		return -1
	}, text(t, b))
	if n := strings.Count(got, "fghij"); n < 19_000 {
		t.Errorf("only %d of 20,000 pieces of the long word are there", n)
	}
	for i, p := range d.pages {
		for _, r := range p.runs {
			if end := r.x + d.fonts.width(r.text, r.style); end > right+0.01 || r.y > bottom+1 || r.y < headerLine {
				t.Fatalf("page %d: text leaves the page at (%.1f, %.1f), ends at %.1f", i+1, r.x, r.y, end)
			}
		}
	}
}

// TestWrapLosesNothing: whatever the text and the width, the lines hold all
// characters but the spaces at which they were broken, and no line is too wide.
func TestWrapLosesNothing(t *testing.T) {
	f := newFonts()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("ab W.\n\r\t\u202e€ж")), rapid.Rune())).Draw(t, "text")
		w := rapid.Float64Range(40, 400).Draw(t, "width")
		s := rapid.SampledFrom([]style{bodyStyle, monoStyle, titleStyle, columnStyle}).Draw(t, "style")
		lines := f.wrap(in, s, w)
		var want strings.Builder
		for line := range strings.SplitSeq(strings.ReplaceAll(in, "\r\n", "\n"), "\n") {
			want.WriteString(f.legible(line, s.face))
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := strings.Join(lines, ""); squeeze(got) != squeeze(want.String()) {
			t.Fatalf("%q became %q", in, lines)
		}
		for _, l := range lines {
			if f.width(l, s) > w+0.01 && len([]rune(l)) > 1 {
				t.Fatalf("line %q is %.1f wide in %.1f", l, f.width(l, s), w)
			}
		}
	})
}
