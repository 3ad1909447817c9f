package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/eval"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// notice is printed before a corpus is opened.
const notice = `Conversations like these can hold descriptions of abuse, and so may be unlawful to keep, and hard to read.
Make sure that you may hold this data where you are, keep it encrypted and away from backups that others
read, and delete it when you are done. Nobody needs to read it for this measurement: no text of it is
printed, stored or sent, and ids are replaced as they are read. If you read it all the same, do not do so
alone or for long, and talk to somebody about it.
`

// measured are the flags that the commands of eval share.
type measured struct {
	corpus, out, html, weights string
	lexicons                   []string
	authors, lines             string
	budgets                    []int
	limit                      int
	filter, benign, fast       bool
}

func evalCommand() *cobra.Command {
	c := &cobra.Command{Use: "eval", Short: "Measure what the detectors say on judged conversations (docs/eval.md)"}
	for _, f := range []struct{ name, short string }{
		{"pan12", "The XML of PAN 2012, with its lists of authors and lines"},
		{"espd", "A datapack of eSPD"},
		{"jsonl", "One message a line, as JSON"},
	} {
		m := &measured{}
		x := &cobra.Command{Use: f.name, Short: f.short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return m.run(f.name, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}}
		m.shared(x)
		x.Flags().StringVar(&m.corpus, "corpus", "", "the file, on this machine and outside this repository")
		x.Flags().IntSliceVar(&m.budgets, "budget", []int{10, 50, 200}, "how many conversations or authors reviewers look at")
		x.Flags().IntVar(&m.limit, "limit", 0, "conversations to read; 0 for all")
		x.Flags().BoolVar(&m.filter, "vtpan", false, "leave out what VTPAN leaves out: fewer than two authors, an author with fewer than six messages, unreadable runs")
		x.Flags().BoolVar(&m.fast, "no-ablation", false, "leave out what each sign is worth")
		if f.name == "pan12" {
			x.Flags().StringVar(&m.authors, "authors", "", "the authors to be found, one a line")
			x.Flags().StringVar(&m.lines, "lines", "", "the lines to be found: conversation, tab, line")
		} else {
			x.Flags().BoolVar(&m.benign, "unlabelled-benign", false, "take conversations that nobody judged for ordinary ones")
		}
		_ = x.MarkFlagRequired("corpus")
		c.AddCommand(x)
	}
	c.AddCommand(evalSynthetic())
	return c
}

func (m *measured) shared(c *cobra.Command) {
	c.Flags().StringVar(&m.out, "out", "", "file for the report as JSON; - for standard output")
	c.Flags().StringVar(&m.html, "html", "", "file for the report as a page")
	c.Flags().StringVar(&m.weights, "weights", "", "other weights than the built-in ones")
	c.Flags().StringSliceVar(&m.lexicons, "lexicon", nil, "word lists instead of the built-in ones")
}

func evalSynthetic() *cobra.Command {
	m := &measured{}
	var seeds, streams int
	var rows string
	c := &cobra.Command{Use: "synthetic", Short: "Made-up conversations in neutral words: whether what worked still works", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seeds < 1 || streams < 1 {
				return errors.New("there must be at least one seed and one stream")
			}
			if rows != "" {
				if err := create(rows, func(w io.Writer) error { return eval.WriteSynthetic(w, seeds) }); err != nil {
					return err
				}
			}
			w, lookup, err := m.data()
			if err != nil {
				return err
			}
			g, err := eval.Synthetic(w, lookup, seeds, streams)
			if err != nil {
				return err
			}
			if err := m.write(cmd.OutOrStdout(), g.WriteJSON, g.WriteHTML); err != nil {
				return err
			}
			return sayGates(cmd.OutOrStdout(), g)
		}}
	m.shared(c)
	c.Flags().IntVar(&seeds, "seeds", 500, "conversations of each scenario in each language")
	c.Flags().IntVar(&streams, "streams", 3000, "streams of ordinary talk")
	c.Flags().StringVar(&rows, "write", "", "file for the corpus, as lines that `rowan eval jsonl` reads")
	return c
}

// data reads weights and word lists. lookup makes a new one each time.
func (m *measured) data() (w *talk.Weights, lookup func() (*talk.Lookup, error), err error) {
	if w, err = readWeights(m.weights); err != nil {
		return nil, nil, err
	}
	var lists []*talk.Lexicon
	for _, name := range m.lexicons {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		l, err := talk.ParseLexicon(string(text))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		lists = append(lists, l)
	}
	return w, func() (*talk.Lookup, error) { return talk.NewLookup(lists...) }, nil
}

// readWeights reads a table of weights, the built-in one without a name.
func readWeights(name string) (*talk.Weights, error) {
	if name == "" {
		return talk.StartingWeights()
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	w, err := talk.ParseWeights(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

func (m *measured) run(format string, out, log io.Writer) error {
	fmt.Fprintf(log, "%s", notice)
	w, lookup, err := m.data()
	if err != nil {
		return err
	}
	k, err := lookup()
	if err != nil {
		return err
	}
	key := make(eval.Key, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	truth, err := m.truth(key)
	if err != nil {
		return err
	}
	f, err := openCorpus(m.corpus)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var source eval.Source
	switch format {
	case "pan12":
		source = eval.PAN12(f, key, truth)
	case "espd":
		source = eval.ESPD(f, key)
	default:
		source = eval.JSONL(f, key)
	}
	r, err := eval.Evaluate(source, eval.Options{Weights: w, Lookup: k, Format: format, Made: time.Now().UTC().Truncate(time.Second),
		Budgets: m.budgets, Filter: m.filter, Assume: m.benign, Limit: m.limit, NoAblated: m.fast})
	if err != nil {
		return err
	}
	if err := m.write(out, r.WriteJSON, r.WriteHTML); err != nil {
		return err
	}
	if m.out == "-" {
		return nil
	}
	return sayReport(out, r)
}

// truth reads the answers to PAN 2012, if files are named.
func (m *measured) truth(key eval.Key) (*eval.Truth, error) {
	t := eval.NewTruth(key)
	for _, x := range []struct {
		name, what string
		read       func(io.Reader) (int, error)
	}{{m.authors, "authors", t.ReadAuthors}, {m.lines, "lines", t.ReadLines}} {
		if x.name == "" {
			continue
		}
		f, err := openCorpus(x.name)
		if err != nil {
			return nil, err
		}
		n, err := x.read(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", x.what, err)
		}
		if n == 0 {
			return nil, fmt.Errorf("the file of %s names none", x.what)
		}
	}
	return t, nil
}

// openCorpus opens a file of conversations: a regular file, not through a link, and
// not inside the repository that the command runs in, where it could be committed.
func openCorpus(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := outside(f, name); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func outside(f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", name)
	}
	root, err := repository()
	if err != nil || root == "" {
		return err
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return err
	}
	if folder == root || strings.HasPrefix(folder, root+string(filepath.Separator)) {
		return fmt.Errorf("%s is inside the repository %s, where it could be committed by mistake: move it elsewhere", name, root)
	}
	return nil
}

// repository is the git work tree that the command runs in, "" for none.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", nil
		}
		dir = up
	}
}

// write writes a report where the flags say.
func (m *measured) write(out io.Writer, asJSON, asPage func(io.Writer) error) error {
	if m.out == "-" {
		if err := asJSON(out); err != nil {
			return err
		}
	} else if m.out != "" {
		if err := create(m.out, asJSON); err != nil {
			return err
		}
	}
	if m.html == "" {
		return nil
	}
	return create(m.html, asPage)
}

// create writes a file that only its owner can read.
func create(name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}

func sayReport(out io.Writer, r *eval.Report) error {
	for _, l := range r.Limits {
		fmt.Fprintf(out, "! %s\n", l)
	}
	c := r.Corpus
	fmt.Fprintf(out, "\n%d conversations (%d harmful, %d ordinary, %d not judged), %d messages, %d authors; %d metadata only, %d filtered\n",
		c.Conversations, c.Harm, c.Benign, c.Unlabelled, c.Messages, c.Authors, c.Metadata, c.Filtered)
	fmt.Fprintf(out, "weights %s\n\n", r.Weights)
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "LEVEL\tTIER\tFOUND\tFALSE\tMISSED\tPRECISION\tRECALL\tF1\tF0.5\tF3\tFALSE IN 1,000\t95 %")
	for _, l := range r.Levels {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s to %s\n", l.Level, l.Tier, l.TP, l.FP, l.FN,
			figure(l.Precision), figure(l.Recall), figure(l.F1), figure(l.F05), figure(l.F3), figure(l.Per1000), figure(l.Per1000In.Low), figure(l.Per1000In.High))
	}
	fmt.Fprintln(w, "\nTIER\tALERTS\tMEDIAN MESSAGES\tF-LATENCY 0.01234\t0.0078\tERDE 5\tERDE 50")
	for _, l := range r.Latency {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", l.Tier, l.Alerts, figure(l.Median), figure(l.FLatency[0]), figure(l.FLatency[1]), figure(l.ERDE5), figure(l.ERDE50))
	}
	return w.Flush()
}

func figure(n eval.Num) string {
	if !n.Known() {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(n))
}

func sayGates(out io.Writer, g *eval.Gates) error {
	fmt.Fprintf(out, "! %s\n\n", synthetic.Warning)
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "GATE\tWANTED\tGOT\t")
	for _, c := range g.Checks {
		word := "passes"
		if !c.Gated {
			word = "shown only"
		} else if !c.Passed {
			word = "FAILS"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Name, c.Want, c.Got, word)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d seeds, %d scenarios, weights %s\ncorpus  sha256 %s\nresults sha256 %s\n", g.Seeds, len(g.Scenarios), g.Weights, g.Corpus, g.Results)
	if !g.Passed() {
		return errors.New("a gate of the synthetic corpus fails")
	}
	return nil
}
