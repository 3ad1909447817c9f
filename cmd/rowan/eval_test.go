package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/eval"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// rowan runs the real command.
func rowan(t *testing.T, args ...string) (out, log string, err error) {
	t.Helper()
	var o, l bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&o)
	c.SetErr(&l)
	err = c.ExecuteContext(t.Context())
	return o.String(), l.String(), err
}

func must(t *testing.T, args ...string) (out, log string) {
	t.Helper()
	out, log, err := rowan(t, args...)
	if err != nil {
		t.Fatalf("rowan %v: %v\n%s", args, err, log)
	}
	return out, log
}

func put(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const canary = "Zanzibarquux"

const pan12 = `<conversations><conversation id="` + canary + `"><message line="1"><author> ` + canary + `a </author><time>23:59</time><text>how old are you ` + canary + `</text></message>
<message line="2"><author>` + canary + `b</author><time>00:01</time><text/></message>
<message line="3"><author>` + canary + `a</author><time>00:02</time><text>don&amp;apos;t tell anyone</text></message>
<message line="4"><author>` + canary + `a</author><time>00:02</time><text>are you home alone</text></message></conversation></conversations>`

// TestEvalPAN12 goes from the command line to both reports, and looks for what must
// not come out in everything that does.
func TestEvalPAN12(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	corpus, authors, lines := put(t, "c.xml", pan12), put(t, "a.txt", "x\t"+canary+"a\r\n"), put(t, "l.txt", canary+"\t3\n")
	out, log := must(t, "eval", "pan12", "--corpus", corpus, "--authors", authors, "--lines", lines, "--budget", "1,7", "--out", "r.json", "--html", "r.html")
	if !strings.Contains(log, "unlawful to keep") || !strings.HasPrefix(out, "! PAN 2012") {
		t.Errorf("without its notice or limits:\n%s\n%s", log, out)
	}
	var r eval.Report
	if err := json.Unmarshal([]byte(read(t, "r.json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Corpus.Harm != 1 || r.Levels[0].TP != 1 || len(r.Budgets) != 6 || r.Budgets[0].Items != 1 || r.Corpus.Odd.NextDay != 1 {
		t.Errorf("%+v", r)
	}
	for name, text := range map[string]string{"output": out, "log": log, "JSON": read(t, "r.json"), "page": read(t, "r.html")} {
		if strings.Contains(text, canary) {
			t.Errorf("the %s repeats something of the corpus", name)
		}
	}
	for _, file := range []string{"r.json", "r.html"} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v, %v", file, info.Mode(), err)
		}
	}
	out, log, err := rowan(t, "eval", "pan12", "--corpus", put(t, "broken.xml", pan12[:len(pan12)-40]))
	if err == nil || strings.Contains(out+log+err.Error(), canary) {
		t.Errorf("a corpus that is cut off: %v", err)
	}
	if _, _, err := rowan(t, "eval", "pan12", "--corpus", corpus, "--authors", put(t, "none.txt", "\n")); err == nil {
		t.Error("a file of no authors makes everybody ordinary")
	}
}

func TestEvalOthers(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "d.json", `{"chats":{"a":{"className":"predator","content":[{"type":"message","author":"x","body":"how old are you","time":1,"isFromPredator":true}]}}}`)
	put(t, "d.jsonl", `{"conv_id":"a","ts":1793534460,"author":"x","text":"hello"}`)
	if out, _ := must(t, "eval", "espd", "--corpus", "d.json"); !strings.Contains(out, "1 conversations (1 harmful") || !strings.Contains(out, "must not be used in practice") {
		t.Error(out)
	}
	if out, _ := must(t, "eval", "jsonl", "--corpus", "d.jsonl", "--unlabelled-benign", "--no-ablation"); !strings.Contains(out, "(0 harmful, 1 ordinary, 0 not judged)") {
		t.Error(out)
	}
	out, _ := must(t, "eval", "jsonl", "--corpus", "d.jsonl", "--out", "-")
	var r eval.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Corpus.Unlabelled != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if _, _, err := rowan(t, "eval", "jsonl", "--corpus", "d.jsonl", "--weights", put(t, "w.txt", canary)); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("weights that are none: %v", err)
	}
	if _, _, err := rowan(t, "eval", "jsonl", "--corpus", "d.jsonl", "--lexicon", "w.txt"); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a word list that is none: %v", err)
	}
}

// TestCorpusStaysOut: nothing inside the repository that the command runs in, no
// links, nothing but files.
func TestCorpusStaysOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	inner := filepath.Join(dir, "a", "b")
	for _, d := range []string{inner, filepath.Join(dir, ".git")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	row := `{"conv_id":"a","ts":1793534460,"author":"x","text":"hello"}`
	put(t, filepath.Join(dir, "c.jsonl"), row)
	put(t, filepath.Join(inner, "c.jsonl"), row)
	put(t, filepath.Join(outside, "c.jsonl"), row)
	for from, to := range map[string]string{filepath.Join(outside, "link.jsonl"): filepath.Join(outside, "c.jsonl"), filepath.Join(outside, "way-in"): inner} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inner)
	for name, want := range map[string]bool{
		"c.jsonl": false, "../../c.jsonl": false, filepath.Join(dir, "c.jsonl"): false,
		filepath.Join(outside, "c.jsonl"):           true,
		filepath.Join(outside, "link.jsonl"):        false,
		filepath.Join(outside, "way-in", "c.jsonl"): false,
		outside:                                false,
		filepath.Join(outside, "no-such-file"): false,
	} {
		if _, _, err := rowan(t, "eval", "jsonl", "--corpus", name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEvalSynthetic: two runs print the same, the corpus is the one whose sum is
// printed and can be measured as lines, and a gate that fails is an error.
func TestEvalSynthetic(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"eval", "synthetic", "--seeds", "2", "--streams", "2000", "--write", "c.jsonl", "--out", "g.json", "--html", "g.html"}
	first, _ := must(t, args...)
	one, page := read(t, "g.json"), read(t, "g.html")
	second, _ := must(t, args...)
	if first != second || one != read(t, "g.json") || page != read(t, "g.html") {
		t.Error("two runs differ")
	}
	sum := sha256.Sum256([]byte(read(t, "c.jsonl")))
	if !strings.Contains(first, hex.EncodeToString(sum[:])) {
		t.Errorf("the printed sum is not that of the corpus:\n%s", first)
	}
	for line := range strings.Lines(read(t, "c.jsonl")) {
		if !strings.Contains(line, synthetic.Warning) {
			t.Fatal("a line without the warning")
		}
	}
	if out, _ := must(t, "eval", "jsonl", "--corpus", "c.jsonl", "--no-ablation"); !strings.HasPrefix(out, "! "+synthetic.Warning) {
		t.Errorf("the corpus as lines, without the warning: %s", out)
	}
	w, err := talk.StartingWeights()
	if err != nil {
		t.Fatal(err)
	}
	eager := put(t, "eager.txt", strings.NewReplacer("set tip 3\n", "set tip 1\n", "set friction 5\n", "set friction 1\n", "set review 6.5\n", "set review 1\n").Replace(w.Text()))
	if out, _, err := rowan(t, "eval", "synthetic", "--seeds", "1", "--streams", "50", "--weights", eager); err == nil || !strings.Contains(out, "FAILS") {
		t.Errorf("weights that flag everybody pass: %v", err)
	}
}

// outcomes are n conversations of each kind, of which those with harm ask for an age
// and for secrecy.
func outcomes(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	for i := range 2 * n {
		h := talk.History{ID: fmt.Sprint("case-", i), Harm: i%2 == 0, Weight: 1, Language: "en", Relation: talk.Relation{Actor: talk.Person{Band: talk.Adult}, Target: talk.Person{Band: talk.From13}, Tie: talk.Stranger}}
		if !h.Harm {
			h.Weight = 20 // drawn by an audit
		}
		for j := range 12 {
			m := talk.HistoryMessage{At: time.Date(2026, 11, 1, 12, j, 0, 0, time.UTC), FromTarget: j%2 == 1}
			if h.Harm && j == 4 {
				m.Found = talk.SetOf(talk.AsksAge, talk.AsksSecrecy)
			}
			if h.Harm && j == 8 {
				m.Found = talk.SetOf(talk.Threatens, talk.DemandsMoney)
			}
			h.Messages = append(h.Messages, m)
		}
		if err := e.Encode(&h); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestTalkFit: what would change is shown, and new weights are written only when
// somebody says so.
func TestTalkFit(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "o.jsonl", outcomes(t, 60))
	out, _ := must(t, "talk", "fit", "--outcomes", "o.jsonl", "--out", "new.txt", "--html", "d.html", "--version", "v2")
	if _, err := os.Stat("new.txt"); err == nil {
		t.Fatal("weights were written without --adopt")
	}
	for _, want := range []string{"Nothing was written", "asks_secrecy", "Kept back (30 %", "conversations come to another tier"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if page := read(t, "d.html"); !strings.Contains(page, "proposed") || strings.Contains(page, "<script") {
		t.Error("the page of what would change")
	}
	must(t, "talk", "fit", "--outcomes", "o.jsonl", "--out", "new.txt", "--version", "v2", "--adopt")
	w, err := talk.ParseWeights(read(t, "new.txt"))
	if err != nil || w.Version != "v2" {
		t.Fatal(err)
	}
	if out, _, _ := rowan(t, "eval", "synthetic", "--seeds", "1", "--streams", "50", "--weights", "new.txt"); !strings.Contains(out, "weights v2") {
		t.Error(out)
	}
	for name, args := range map[string][]string{
		"adopted to nowhere": {"--outcomes", "o.jsonl", "--adopt"},
		"the same name":      {"--outcomes", "o.jsonl", "--weights", "new.txt", "--version", "v2"},
		"no outcomes":        {"--outcomes", put(t, "empty.jsonl", "")},
		"text in outcomes":   {"--outcomes", put(t, "text.jsonl", strings.Replace(outcomes(t, 1), `"at"`, `"text":"`+canary+`","at"`, 1))},
	} {
		out, log, err := rowan(t, append([]string{"talk", "fit"}, args...)...)
		if err == nil || strings.Contains(out+log+err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBenchTalk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	out, _ := must(t, "bench", "talk")
	for _, want := range []string{"messages/s on one core", "target at most 512", "target at least 20000"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}
