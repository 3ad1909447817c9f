package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

func options(t testing.TB, format string) Options {
	t.Helper()
	w, err := talk.StartingWeights()
	if err != nil {
		t.Fatal(err)
	}
	k, err := talk.NewLookup()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Weights: w, Lookup: k, Format: format, Made: time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)}
}

// both is the report as JSON and as a page.
func both(t testing.TB, r *Report) (out string, page string) {
	t.Helper()
	var j, h bytes.Buffer
	if err := r.WriteJSON(&j); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteHTML(&h); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(j.Bytes()) {
		t.Fatal("the report is no JSON")
	}
	return j.String(), h.String()
}

// TestEvaluatePAN12 goes from a file to a report. In the first conversation an
// author of whom nothing is known asks for an age, for secrecy and who is near: three
// signs, one of them of the families risk and isolation each, which is a tip.
func TestEvaluatePAN12(t *testing.T) {
	r, err := Evaluate(PAN12(strings.NewReader(file(t, "quirks.xml")), testKey, truth(t)), options(t, "pan12"))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Corpus
	if c.Conversations != 3 || c.Harm != 1 || c.Benign != 1 || c.Unlabelled != 1 || c.Authors != 4 || c.HarmAuthors != 1 || c.BenignAuthors != 3 || c.Messages != 7 {
		t.Errorf("%+v", c)
	}
	want := map[string][4]int{"conversation tip": {1, 0, 0, 1}, "author tip": {1, 0, 0, 3}, "line tip": {2, 1, 0, 4}}
	for _, l := range r.Levels {
		if w, ok := want[l.Level+" "+l.Tier]; ok && w != [4]int{l.TP, l.FP, l.FN, l.TN} {
			t.Errorf("%s at %s: %+v, want %v", l.Level, l.Tier, l, w)
		}
		delete(want, l.Level+" "+l.Tier)
	}
	if len(want) > 0 {
		t.Errorf("no figures for %v", want)
	}
	if !strings.Contains(r.Limits[0], "decoys") || len(r.Limits) < 5 {
		t.Errorf("a report that does not begin with its limits: %v", r.Limits)
	}
	for _, a := range r.Ablation {
		if a.Indicator == "asks_secrecy" && a.Lost[0] != 0 && a.Lost[0] != 1 || a.Indicator == "threatens_to_share" && a.Lost != [2]int{} {
			t.Errorf("%+v", a)
		}
	}
	_, page := both(t, r)
	limits, figures := strings.Index(page, "What this does not show"), strings.Index(page, "What was read")
	if limits < 0 || limits > figures {
		t.Error("the page does not begin with its limits")
	}
	if m := regexp.MustCompile(`(?i)<script|\bsrc=|https?://|@import|url\(|\son[a-z]+=`).FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
}

// TestAblation: without the threat or without the demand there is no fast signal.
func TestAblation(t *testing.T) {
	var b strings.Builder
	for i := range 3 {
		fmt.Fprintf(&b, `{"conv_id":"c%d","ts":1793534460,"author":"a%d","text":"i will post it everywhere","harm":true}`+"\n", i, i)
		fmt.Fprintf(&b, `{"conv_id":"c%d","ts":1793534490,"author":"b%d","text":"ok","harm":false}`+"\n", i, i)
		fmt.Fprintf(&b, `{"conv_id":"c%d","ts":1793534500,"author":"a%d","text":"you have to pay me"}`+"\n", i, i)
	}
	r, err := Evaluate(JSONL(strings.NewReader(b.String()), testKey), options(t, "jsonl"))
	if err != nil || r.Corpus.Fast != 3 {
		t.Fatalf("%+v, %v", r.Corpus, err)
	}
	for _, a := range r.Ablation {
		want := 0
		if a.Indicator == "threatens_to_share" || a.Indicator == "demands_money" {
			want = 3
		}
		if a.Lost[1] != want {
			t.Errorf("without %s %d of 3 reviews are lost, want %d", a.Indicator, a.Lost[1], want)
		}
	}
}

func TestOptions(t *testing.T) {
	row := func(c string, author, text string) string {
		return fmt.Sprintf(`{"conv_id":%q,"ts":1793534460,"author":%q,"text":%q}`+"\n", c, author, text)
	}
	var text strings.Builder
	text.WriteString(row("a", "x", "hello") + row("a", "y", "hello"))
	for i := range 12 {
		text.WriteString(row("b", fmt.Sprint("x", i%2), "hello"))
	}
	text.WriteString(row("c", "x", "hello"))
	source := func() Source { return JSONL(strings.NewReader(text.String()), testKey) }
	o := options(t, "jsonl")
	r, err := Evaluate(source(), o)
	if err != nil || r.Corpus.Unlabelled != 3 || r.Corpus.Benign != 0 {
		t.Errorf("%+v, %v", r.Corpus, err)
	}
	o.Assume = true
	if r, err = Evaluate(source(), o); err != nil || r.Corpus.Benign != 3 {
		t.Errorf("taken for ordinary: %+v, %v", r.Corpus, err)
	}
	o.Filter = true
	if r, err = Evaluate(source(), o); err != nil || r.Corpus.Conversations != 1 || r.Corpus.Filtered != 2 {
		t.Errorf("filtered: %+v, %v", r.Corpus, err)
	}
	o.Filter, o.Limit = false, 2
	if r, err = Evaluate(source(), o); err != nil || r.Corpus.Conversations != 2 || !r.Corpus.Cut || !strings.Contains(strings.Join(r.Limits, " "), "Only the first") {
		t.Errorf("cut: %+v, %v", r.Corpus, err)
	}
	if !unreadable("hello "+strings.Repeat("#", 31)) || unreadable("hello "+strings.Repeat("#", 30)+" #") {
		t.Error("what is unreadable")
	}
}

// TestBothDirections: of two of whom nothing is known, the one who asks is flagged,
// whoever writes first; an adult is nobody's target.
func TestBothDirections(t *testing.T) {
	text := func(asks, other, bands string) string {
		var out strings.Builder
		for i, line := range []string{"i have maths homework to do", "how old are you", "ok", "don't tell anyone", "yes", "are you home alone"} {
			author := []string{other, asks}[i%2]
			fmt.Fprintf(&out, `{"conv_id":"c","ts":%d,"author":%q,"text":%q,"harm":%v%s}`+"\n", 1793534460+60*i, author, line, author == asks, bands)
		}
		return out.String()
	}
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		r, err := Evaluate(JSONL(strings.NewReader(text(names[0], names[1], "")), testKey), options(t, "jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Levels {
			if l.Level == "author" && l.Tier == "tip" && (l.TP != 1 || l.FP != 0) {
				t.Errorf("%v: %+v", names, l)
			}
		}
	}
	r, err := Evaluate(JSONL(strings.NewReader(text("a", "b", `,"age_band":"adult"`)), testKey), options(t, "jsonl"))
	if err != nil || r.Corpus.Tiers != [4]int{1, 0, 0, 0} {
		t.Errorf("two adults: %+v, %v", r.Corpus.Tiers, err)
	}
}

// canaries are words that must not come out. Each is put into every place of a corpus
// where somebody's text or name could be.
var canaries = []string{"Zanzibarquux", "Plughxyzzy", "Frobnitzel"}

// TestNothingGetsOut fills every field of every format with canaries, also in
// corpora that are broken in many places, and looks for them in reports and errors.
func TestNothingGetsOut(t *testing.T) {
	z, p, f := canaries[0], canaries[1], canaries[2]
	pan := fmt.Sprintf(`<conversations><conversation id="%s"><message line="%s"><author>%s</author><time>%s</time><text>how old are you %s &amp;amp;</text></message><message line="2"><author>other</author><time>12:00</time><text>%s</text></message></conversation></conversations>`, z, p, f, z, p, f)
	espd := fmt.Sprintf(`{"%s":"%s","chats":{"%s":{"className":"%s","content":[{"type":"message","author":"%s","body":"how old are you %s","time":1,"isFromPredator":true},{"type":"%s"}]}}}`, z, p, f, z, p, f, z)
	rows := fmt.Sprintf(`{"conv_id":"%[1]s","ts":1793534460,"author":"%[2]s","target":"%[3]s","text":"how old are you %[1]s","harm":true,"language":"%[1]s","dialect":"%[2]s","region":"%[3]s","surface":"%[1]s","warning":"%[2]s","%[3]s":"%[1]s"}
{"conv_id":"%[1]s","ts":1793534461,"author":"%[3]s","text":"%[2]s","harm":false}`, z, p, f)
	o := options(t, "jsonl")
	tr := NewTruth(testKey)
	if _, err := tr.ReadAuthors(strings.NewReader(z + "\t" + f)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		text string
		open func(string) Source
	}{
		{"pan12", pan, func(s string) Source { return PAN12(strings.NewReader(s), testKey, tr) }},
		{"espd", espd, func(s string) Source { return ESPD(strings.NewReader(s), testKey) }},
		{"jsonl", rows, func(s string) Source { return JSONL(strings.NewReader(s), testKey) }},
	} {
		o.Format = c.name
		r, err := Evaluate(c.open(c.text), o)
		if err != nil || r.Corpus.Conversations != 1 || r.Corpus.Messages < 1 {
			t.Fatalf("%s: %+v, %v", c.name, r, err)
		}
		j, h := both(t, r)
		silent(t, c.name, j+h)
		failed := 0
		for i := range c.text { // cut off, or with one byte that does not belong
			for _, broken := range []string{c.text[:i], c.text[:i] + "\x00<{" + c.text[i:], c.text[:i] + "\"" + c.text[i:]} {
				if _, err := collect(c.open(broken)); err != nil {
					failed++
					silent(t, c.name, fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)))
				}
			}
		}
		if failed < len(c.text) {
			t.Errorf("%s: only %d of %d broken corpora are errors", c.name, failed, 3*len(c.text))
		}
	}
}

func silent(t *testing.T, where, out string) {
	t.Helper()
	for _, c := range canaries {
		if strings.Contains(strings.ToLower(out), strings.ToLower(c)) {
			t.Fatalf("%s: something of the corpus got out:\n%s", where, out)
		}
	}
}

// TestSameReport: the same corpus makes the same report under any key.
func TestSameReport(t *testing.T) {
	var corpus bytes.Buffer
	if err := WriteSynthetic(&corpus, 2); err != nil {
		t.Fatal(err)
	}
	report := func(key string) string {
		r, err := Evaluate(JSONL(bytes.NewReader(corpus.Bytes()), Key(key)), options(t, "jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		j, h := both(t, r)
		return j + h
	}
	if report("one key") != report("another") {
		t.Error("the report depends on the key")
	}
}

// TestSyntheticRows: the synthetic corpus, written as lines and read again, comes to
// the tiers that it comes to directly, and brings its warning along.
func TestSyntheticRows(t *testing.T) {
	const seeds = 3
	var corpus bytes.Buffer
	if err := WriteSynthetic(&corpus, seeds); err != nil {
		t.Fatal(err)
	}
	o := options(t, "jsonl")
	r, err := Evaluate(JSONL(&corpus, testKey), o)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Synthetic(o.Weights, func() (*talk.Lookup, error) { return o.Lookup, nil }, seeds, 1)
	if err != nil {
		t.Fatal(err)
	}
	var tiers [4]int
	fast, n := 0, 0
	for _, s := range g.Scenarios {
		for i, v := range s.Tiers {
			tiers[i] += v
			n += v
		}
		fast += s.Fast
	}
	if r.Corpus.Tiers != tiers || r.Corpus.Fast != fast || r.Corpus.Conversations != n {
		t.Errorf("as lines %v and %d fast of %d, directly %v and %d of %d", r.Corpus.Tiers, r.Corpus.Fast, r.Corpus.Conversations, tiers, fast, n)
	}
	if r.Limits[0] != synthetic.Warning || r.Corpus.Ours != r.Corpus.Messages {
		t.Errorf("the warning did not come along: %q", r.Limits[0])
	}
	_, page := both(t, r)
	if !strings.Contains(page, synthetic.Warning) || len(r.Slices) == 0 {
		t.Error("a page without the warning, or without slices")
	}
}

// TestSynthetic runs the gates of `rowan eval synthetic`, all 500 seeds of them.
func TestSynthetic(t *testing.T) {
	o := options(t, "")
	seeds, streams := 500, 3000
	if testing.Short() || raceEnabled {
		seeds, streams = 5, 1500
	}
	g, err := Synthetic(o.Weights, func() (*talk.Lookup, error) { return talk.NewLookup() }, seeds, streams)
	if err != nil {
		t.Fatal(err)
	}
	harm, left := 0, 0
	for _, s := range g.Scenarios {
		if s.Harm {
			harm++
		} else {
			left++
		}
		t.Logf("%-42s %v fast %d, highest score %.2f", s.Name, s.Tiers, s.Fast, s.Highest)
	}
	for _, c := range g.Checks {
		t.Logf("%-80s %s", c.Name, c.Got)
		if c.Gated && !c.Passed {
			t.Errorf("%s: %s, wanted %s", c.Name, c.Got, c.Want)
		}
	}
	if harm < 24 || left < 17 || !g.Passed() || g.Warning != synthetic.Warning {
		t.Errorf("%d scenarios to be found, %d to be left alone", harm, left)
	}
	var page bytes.Buffer
	if err := g.WriteHTML(&page); err != nil || !strings.Contains(page.String(), synthetic.Warning) {
		t.Errorf("the page: %v", err)
	}
}

// TestGatesCanFail: weights that see nothing, or everything, do not pass.
func TestGatesCanFail(t *testing.T) {
	o := options(t, "")
	for name, change := range map[string]*strings.Replacer{
		"blind": strings.NewReplacer("set tip 3\n", "set tip 15\n", "set friction 5\n", "set friction 15\n", "set review 6.5\n", "set review 15\n", "cap 4", ""),
		"eager": strings.NewReplacer("set tip 3\n", "set tip 1\n", "set friction 5\n", "set friction 1\n", "set review 6.5\n", "set review 1\n"),
	} {
		text := change.Replace(o.Weights.Text())
		if name == "blind" { // what must reach review by itself is made to
			text = regexp.MustCompile(`(threatens_to_share|demands_money) +coercion +(\S+) (\S+) \S+ \S+`).ReplaceAllString(text, "$1 coercion 9999 0 8 16")
		}
		w, err := talk.ParseWeights(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g, err := Synthetic(w, func() (*talk.Lookup, error) { return o.Lookup, nil }, 2, 50)
		if err != nil {
			t.Fatal(err)
		}
		if g.Passed() || g.Checks[0].Passed == (name == "eager") || g.Checks[1].Passed == (name == "blind") {
			t.Errorf("%s: %+v", name, g.Checks[:2])
		}
	}
}

// TestTwoBuildsAreOne compares with bytes that another build made. Where the corpus or
// the detectors change on purpose, ROWAN_UPDATE_SYNTHETIC=1 writes them anew.
func TestTwoBuildsAreOne(t *testing.T) {
	o := options(t, "")
	g, err := Synthetic(o.Weights, func() (*talk.Lookup, error) { return talk.NewLookup() }, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("corpus %s\nresults %s\n", g.Corpus, g.Results)
	const name = "testdata/synthetic.sha256"
	if os.Getenv("ROWAN_UPDATE_SYNTHETIC") != "" {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := file(t, "synthetic.sha256"); got != want {
		t.Errorf("%s/%s gives\n%swhere another build gave\n%s", runtime.GOOS, runtime.GOARCH, got, want)
	}
}
