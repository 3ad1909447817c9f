package eval

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// Report is what a measurement found. It holds no text and no ids of the corpus.
type Report struct {
	Limits      []string    `json:"limits"` // come first: what this does not show
	Format      string      `json:"format"`
	Made        time.Time   `json:"made"`
	Weights     string      `json:"weights"`  // version
	Lexicons    string      `json:"lexicons"` // versions
	Corpus      Corpus      `json:"corpus"`
	Levels      []Level     `json:"levels"`
	Latency     []Latency   `json:"latency"`
	Budgets     []Budget    `json:"budgets"`
	Calibration Calibration `json:"calibration"`
	Slices      []Slices    `json:"slices"`
	Ablation    []Ablation  `json:"ablation,omitempty"`
	BaseRates   []BaseRate  `json:"base_rates"`
}

// Corpus counts what was read.
type Corpus struct {
	Conversations int      `json:"conversations"` // measured
	Filtered      int      `json:"filtered"`      // read and left out
	Messages      int      `json:"messages"`
	Authors       int      `json:"authors"`
	Harm          int      `json:"harmful_conversations"`
	Benign        int      `json:"ordinary_conversations"`
	Unlabelled    int      `json:"not_judged_conversations"`
	HarmAuthors   int      `json:"harmful_authors"`
	BenignAuthors int      `json:"ordinary_authors"`
	Metadata      int      `json:"metadata_only"` // in no language that is read: not "safe"
	Warned        int      `json:"lines_with_a_warning"`
	Ours          int      `json:"lines_of_the_synthetic_corpus"`
	Cut           bool     `json:"cut_by_limit"`
	Odd           Oddities `json:"oddities"`
	Tiers         [4]int   `json:"conversations_by_tier"` // none, tip, friction, review
	Flagged       [4]Num   `json:"per_1000_at_least"`     // of all conversations, judged or not
	Fast          int      `json:"fast"`                  // conversations in which the fast detector spoke
}

// Level are right and wrong answers at one tier and level.
type Level struct {
	Level      string   `json:"level"` // "conversation", "author" or "line"
	Tier       string   `json:"tier"`  // what counts as an answer: this tier or higher
	TP         int      `json:"true_positives"`
	FP         int      `json:"false_positives"`
	FN         int      `json:"false_negatives"`
	TN         int      `json:"true_negatives"`
	Precision  Num      `json:"precision"`
	Recall     Num      `json:"recall"`
	RecallIn   Interval `json:"recall_95"`
	F1         Num      `json:"f1"`
	F05        Num      `json:"f0_5"`
	F3         Num      `json:"f3"`
	Per1000    Num      `json:"false_per_1000"` // of ordinary ones
	Per1000In  Interval `json:"false_per_1000_95"`
	Conclusive bool     `json:"enough_for_0_1_per_1000"` // 30,000 ordinary ones or more
}

// Latency is how late alerts come in conversations where they are right.
type Latency struct {
	Tier          string   `json:"tier"`
	Alerts        int      `json:"alerts"`
	Median        Num      `json:"median_messages"`
	MedianSeconds Num      `json:"median_seconds"`
	Speed         [2]Num   `json:"speed"`     // with p = 0.01234 and 0.0078
	FLatency      [2]Num   `json:"f_latency"` // F1 times speed
	ERDE5         Num      `json:"erde_5"`
	ERDE50        Num      `json:"erde_50"`
	Messages      []Bucket `json:"messages"`
	Time          []Bucket `json:"time"`
	BeforeSevere  int      `json:"before_the_first_severe_sign"`
	WithSevere    int      `json:"conversations_with_a_severe_sign"`
	Lead          Num      `json:"median_lead_messages"` // of those before
}

// Bucket is one bar of a histogram.
type Bucket struct {
	Label string `json:"label"`
	N     int    `json:"n"`
}

// Budget is what reviewers would find who looked at so many, the highest first.
// Where several have the same score, it is what they would find on average.
type Budget struct {
	Level     string `json:"level"`
	By        string `json:"by"` // "highest score" or "sum of three"
	Items     int    `json:"items"`
	Recall    Num    `json:"recall"`
	Precision Num    `json:"precision"`
}

// Calibration compares scores with what was judged. A score is read as the log of a
// likelihood ratio, and the share of harm in the corpus as what was believed before.
type Calibration struct {
	Prior Num             `json:"prior"`
	ECE   Num             `json:"expected_calibration_error"`
	Brier Num             `json:"brier"`
	Table []Reliabilities `json:"table"`
}

// Reliabilities are conversations of about one probability.
type Reliabilities struct {
	From, To  float64  `json:"-"`
	Label     string   `json:"from_to"`
	N         int      `json:"n"`
	Predicted Num      `json:"predicted"`
	Observed  Num      `json:"observed"`
	In        Interval `json:"observed_95"`
}

// Ablation is what is lost without an indicator.
type Ablation struct {
	Indicator    string `json:"indicator"`
	TipRecall    Num    `json:"tip_recall_without"`
	ReviewRecall Num    `json:"review_recall_without"`
	TipFP        Num    `json:"tip_false_per_1000_without"`
	ReviewFP     Num    `json:"review_false_per_1000_without"`
	Lost         [2]int `json:"found_lost"`  // conversations with harm, at tip and at review
	Fewer        [2]int `json:"fewer_false"` // ordinary conversations, at tip and at review
}

// BaseRate is what share of alerts would be right where harm is rare.
type BaseRate struct {
	Tier       string  `json:"tier"`
	Prevalence float64 `json:"prevalence"` // of harmful conversations
	OneIn      int     `json:"-"`
	Recall     Num     `json:"recall"`
	FPR        Num     `json:"false_positive_rate"`
	FPRHigh    Num     `json:"false_positive_rate_95_high"`
	PPV        Num     `json:"share_right"`
	PPVLow     Num     `json:"share_right_with_95_high"` // with the upper bound of the false positive rate
}

// shown are the tiers that a report speaks of.
var shown = []talk.Tier{talk.Tip, talk.Friction, talk.Review}

// Evaluate measures a corpus. It stops at the first error of the source.
func Evaluate(source Source, o Options) (*Report, error) {
	if len(o.Budgets) == 0 {
		o.Budgets = []int{10, 50, 200}
	}
	k := newCollector(&o)
	for c, err := range source {
		if err != nil {
			return nil, err
		}
		if o.Limit > 0 && len(k.verdicts)+k.corpus.Filtered >= o.Limit {
			k.corpus.Cut = true
			break
		}
		k.take(c)
	}
	return k.report(), nil
}

func (k *collector) report() *Report {
	r := &Report{Format: k.o.Format, Made: k.o.Made, Weights: k.o.Weights.Version, Lexicons: k.o.Lookup.Version(), Corpus: k.count()}
	r.Limits = limits(k.o, &r.Corpus)
	for _, t := range shown {
		r.Levels = append(r.Levels, level("conversation", t, k.conversations(t)))
	}
	for _, t := range shown {
		r.Levels = append(r.Levels, level("author", t, k.byAuthor(t)))
	}
	if k.anyLine {
		for _, t := range shown {
			r.Levels = append(r.Levels, level("line", t, k.lines[t]))
		}
	}
	for _, t := range shown {
		r.Latency = append(r.Latency, k.latency(t))
	}
	r.Budgets = k.budgets()
	r.Calibration = k.calibration()
	r.Slices = k.slices()
	r.Ablation = k.ablation()
	for _, t := range shown {
		r.BaseRates = append(r.BaseRates, baseRates(t, k.conversations(t))...)
	}
	return r
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// limits are what a report begins with: what it does not show.
func limits(o *Options, c *Corpus) (out []string) {
	if c.Ours > 0 {
		out = append(out, synthetic.Warning)
	}
	if c.Warned > c.Ours {
		out = append(out, "Lines of this corpus carry a warning of those who made it. It is not repeated here, since nothing of a corpus is: read it there.")
	}
	out = append(out, ofFormat[o.Format]...)
	if o.Assume {
		out = append(out, "Conversations that nobody judged were taken for ordinary ones. Each that is not counts as a false alarm, or hides one that was missed.")
	}
	if o.Filter {
		out = append(out, "Conversations were filtered as for VTPAN. What is left is easier than what a service sees.")
	}
	if c.Cut {
		out = append(out, "Only the first conversations of the corpus were read.")
	}
	if c.Metadata > 0 {
		out = append(out, "Some conversations are in no language that is read (\"metadata only\"). That nothing was found in them says nothing.")
	}
	return append(out, always...)
}

var ofFormat = map[string][]string{
	"pan12": {
		"PAN 2012: those to be found wrote to decoys, adults who played children. Decoys may not write first or propose anything, and answer so as to gather evidence: their conversations are not those of children (Ringenberg 2021). F measures of 0.93 to 0.99 have been reported on this corpus, and none of them is evidence of what happens on a service.",
		"PAN 2012: ordinary conversations are mostly technical chat of adults. No teenagers, no families, no classmates: false alarms are far fewer here than among children.",
		"PAN 2012 has times of day without dates. What goes back is taken for the next day, so times to an alert are lower bounds.",
	},
	"espd": {
		"eSPD: the authors of this data say that it is biased, that systems measured on it will not be able to detect real attempts, and that they must not be used in practice.",
		"eSPD has times of day without dates. What goes back is taken for the next day, so times to an alert are lower bounds.",
	},
	"jsonl": {
		"Public chat that people use as ordinary conversations holds no talk of children with their families, friends and teachers, which is where false alarms come from. Rates measured on it are too low.",
	},
}

var always = []string{
	"Recall is that of this corpus: of the harm that somebody knew of. What nobody found is not in it.",
	"The weights are guesses until they are fitted to decisions of an operator's own reviewers; fitted to the conversations measured here, they flatter themselves.",
	"Where the corpus does not say who might harm whom, everybody is taken for the actor once, and a conversation counts as found also when the wrong one of the two was flagged.",
	"To claim at most 0.1 false alarms in 1,000 conversations takes 30,000 ordinary conversations without a single one.",
}

// sortedValues are the values of a dimension in a fixed order.
func sortedValues(of map[string]uint8) []string { return slices.Sorted(maps.Keys(of)) }
