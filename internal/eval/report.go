package eval

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"math"
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

func (k *collector) count() Corpus {
	c := k.corpus
	c.Conversations, c.Authors = len(k.verdicts), len(k.authors)
	for i := range k.verdicts {
		v := &k.verdicts[i]
		switch v.label {
		case Harm:
			c.Harm++
		case Benign:
			c.Benign++
		default:
			c.Unlabelled++
		}
		c.Tiers[v.tier]++
		if v.fast {
			c.Fast++
		}
	}
	for _, a := range k.authors {
		switch a.label {
		case Harm:
			c.HarmAuthors++
		case Benign:
			c.BenignAuthors++
		}
	}
	at := 0
	for t := talk.Review; t > talk.None; t-- {
		at += c.Tiers[t]
		c.Flagged[t] = ratio(1000*float64(at), float64(c.Conversations))
	}
	c.Flagged[talk.None] = Num(math.NaN())
	return c
}

func (k *collector) conversations(t talk.Tier) (c counts) {
	for i := range k.verdicts {
		if v := &k.verdicts[i]; v.label != Unlabelled {
			c.count(v.label == Harm, v.tier >= t)
		}
	}
	return c
}

func (k *collector) byAuthor(t talk.Tier) (c counts) {
	for _, a := range k.authors {
		if a.label != Unlabelled {
			c.count(a.label == Harm, a.tier >= t)
		}
	}
	return c
}

func level(name string, t talk.Tier, c counts) Level {
	benign := c.fp + c.tn
	return Level{Level: name, Tier: t.String(), TP: c.tp, FP: c.fp, FN: c.fn, TN: c.tn,
		Precision: c.precision(), Recall: c.recall(), RecallIn: share95(c.tp, c.tp+c.fn), F1: c.f(1), F05: c.f(.5), F3: c.f(3),
		Per1000: ratio(1000*float64(c.fp), float64(benign)), Per1000In: share95(c.fp, benign).times(1000), Conclusive: benign >= 30_000}
}

// Penalties of F-latency: eSPD halves at 90 messages, eRisk is milder.
const (
	penaltyESPD  = 0.01234
	penaltyERisk = 0.0078
)

func (k *collector) latency(t talk.Tier) Latency {
	c := k.conversations(t)
	l := Latency{Tier: t.String(), Alerts: c.tp, Messages: buckets(messageBounds), Time: buckets(timeBounds)}
	var delays []int
	var waited, lead []float64
	e5, e50, n := 0.0, 0.0, float64(c.tp+c.fp+c.fn+c.tn)
	prevalence := float64(c.tp+c.fn) / n
	for i := range k.verdicts {
		v := &k.verdicts[i]
		if v.label == Harm && v.severe > 0 {
			l.WithSevere++
		}
		d := v.after[t]
		switch {
		case v.label == Harm && d == 0:
			e5, e50 = e5+1, e50+1
		case v.label == Benign && d > 0:
			e5, e50 = e5+prevalence, e50+prevalence
		case v.label == Harm:
			e5, e50 = e5+erdeCost(5, d), e50+erdeCost(50, d)
			delays, waited = append(delays, d), append(waited, v.waited[t].Seconds())
			into(l.Messages, messageBounds, float64(d))
			into(l.Time, timeBounds, v.waited[t].Seconds())
			if v.severe > d {
				l.BeforeSevere++
				lead = append(lead, float64(v.severe-d))
			}
		}
	}
	of := make([]float64, len(delays))
	for i, d := range delays {
		of[i] = float64(d)
	}
	l.Median, l.MedianSeconds, l.Lead = Num(median(of)), Num(median(waited)), Num(median(lead))
	l.ERDE5, l.ERDE50 = ratio(e5, n), ratio(e50, n)
	for i, p := range []float64{penaltyESPD, penaltyERisk} {
		l.Speed[i] = speed(p, delays)
		l.FLatency[i] = c.f(1) * l.Speed[i]
	}
	return l
}

// bound is the upper bound of a bar of a histogram.
type bound struct {
	most  float64
	label string
}

var (
	messageBounds = []bound{{5, "1 to 5"}, {10, "6 to 10"}, {25, "11 to 25"}, {50, "26 to 50"}, {90, "51 to 90"}, {150, "91 to 150"}, {300, "151 to 300"}, {math.Inf(1), "over 300"}}
	timeBounds    = []bound{{60, "1 minute"}, {300, "5 minutes"}, {900, "15 minutes"}, {3600, "1 hour"}, {6 * 3600, "6 hours"}, {24 * 3600, "1 day"}, {7 * 24 * 3600, "7 days"}, {math.Inf(1), "longer"}}
)

func buckets(bounds []bound) (out []Bucket) {
	for _, b := range bounds {
		out = append(out, Bucket{Label: b.label})
	}
	return out
}

func into(b []Bucket, bounds []bound, v float64) {
	for i := range bounds {
		if v <= bounds[i].most {
			b[i].N++
			return
		}
	}
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	of = slices.Sorted(slices.Values(of))
	n := len(of)
	return (of[(n-1)/2] + of[n/2]) / 2
}

// ranked is one item of a reviewer's queue.
type ranked struct {
	tier  talk.Tier
	score float64
	harm  bool
}

func (k *collector) budgets() (out []Budget) {
	var conversations, authors, sums []ranked
	for i := range k.verdicts {
		if v := &k.verdicts[i]; v.label != Unlabelled {
			conversations = append(conversations, ranked{v.tier, v.score, v.label == Harm})
		}
	}
	for _, a := range k.authors {
		if a.label != Unlabelled {
			authors = append(authors, ranked{a.tier, float64(a.top[0]), a.label == Harm})
			sums = append(sums, ranked{0, float64(a.top[0]) + float64(a.top[1]) + float64(a.top[2]), a.label == Harm})
		}
	}
	items := slices.Clone(k.o.Budgets)
	slices.Sort(items)
	for _, n := range slices.Compact(items) {
		for _, q := range []struct {
			level, by string
			of        []ranked
		}{{"conversation", "highest score", conversations}, {"author", "highest score", authors}, {"author", "sum of three", sums}} {
			found, all, looked := atBudget(q.of, n)
			out = append(out, Budget{q.level, q.by, n, ratio(found, all), ratio(found, looked)})
		}
	}
	return out
}

// atBudget is how many harmful ones are expected among the first n of a queue by tier
// and then score, all that there are, and how many are looked at. Nothing without
// any sign is in the queue.
func atBudget(queue []ranked, n int) (found, all, looked float64) {
	for _, x := range queue {
		if x.harm {
			all++
		}
	}
	queue = slices.DeleteFunc(slices.Clone(queue), func(x ranked) bool { return x.score <= 0 && x.tier == talk.None })
	slices.SortFunc(queue, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.tier, a.tier), cmp.Compare(b.score, a.score)) })
	for i := 0; i < len(queue) && int(looked) < n; {
		j, harm := i, 0
		for ; j < len(queue) && queue[j].tier == queue[i].tier && queue[j].score == queue[i].score; j++ {
			if queue[j].harm {
				harm++
			}
		}
		take := min(j-i, n-int(looked))
		found += float64(harm) * float64(take) / float64(j-i)
		looked += float64(take)
		i = j
	}
	return found, all, looked
}

func (k *collector) calibration() (c Calibration) {
	all := k.conversations(talk.Tip)
	harm, n := all.tp+all.fn, all.tp+all.fp+all.fn+all.tn
	c.Prior, c.ECE, c.Brier = ratio(float64(harm), float64(n)), Num(math.NaN()), Num(math.NaN())
	if harm == 0 || harm == n {
		return c
	}
	odds := math.Log(float64(harm)) - math.Log(float64(n-harm))
	const bins = 10
	var count, hit [bins]int
	var sum [bins]float64
	brier := 0.0
	for i := range k.verdicts {
		v := &k.verdicts[i]
		if v.label == Unlabelled {
			continue
		}
		p := 1 / (1 + math.Exp(-odds-v.score))
		y := 0.0
		b := min(int(p*bins), bins-1)
		if v.label == Harm {
			y = 1
			hit[b]++
		}
		count[b]++
		sum[b] += p
		brier += (p - y) * (p - y)
	}
	ece := 0.0
	for b := range bins {
		x := Reliabilities{From: float64(b) / bins, To: float64(b+1) / bins, Label: binNames[b], N: count[b],
			Predicted: ratio(sum[b], float64(count[b])), Observed: ratio(float64(hit[b]), float64(count[b])), In: share95(hit[b], count[b])}
		if count[b] > 0 {
			ece += math.Abs(sum[b]-float64(hit[b])) / float64(n)
		}
		c.Table = append(c.Table, x)
	}
	c.ECE, c.Brier = Num(ece), Num(brier/float64(n))
	return c
}

var binNames = [10]string{"0 to 0.1", "0.1 to 0.2", "0.2 to 0.3", "0.3 to 0.4", "0.4 to 0.5", "0.5 to 0.6", "0.6 to 0.7", "0.7 to 0.8", "0.8 to 0.9", "0.9 to 1"}

func (k *collector) ablation() (out []Ablation) {
	if k.o.NoAblated {
		return nil
	}
	base := [2]counts{k.conversations(talk.Tip), k.conversations(talk.Review)}
	harm, benign := float64(base[0].tp+base[0].fn), float64(base[0].fp+base[0].tn)
	for i := range talk.Indicators {
		a := &k.ablated[i]
		out = append(out, Ablation{Indicator: i.String(),
			TipRecall: ratio(float64(a.harm[talk.Tip]), harm), ReviewRecall: ratio(float64(a.harm[talk.Review]), harm),
			TipFP: ratio(1000*float64(a.benign[talk.Tip]), benign), ReviewFP: ratio(1000*float64(a.benign[talk.Review]), benign),
			Lost:  [2]int{base[0].tp - a.harm[talk.Tip], base[1].tp - a.harm[talk.Review]},
			Fewer: [2]int{base[0].fp - a.benign[talk.Tip], base[1].fp - a.benign[talk.Review]}})
	}
	return out
}

func baseRates(t talk.Tier, c counts) (out []BaseRate) {
	in := share95(c.fp, c.fp+c.tn)
	for _, n := range []int{1_000, 10_000, 100_000} {
		p := 1 / float64(n)
		b := BaseRate{Tier: t.String(), Prevalence: p, OneIn: n, Recall: c.recall(), FPR: ratio(float64(c.fp), float64(c.fp+c.tn)), FPRHigh: in.High}
		right := func(fpr Num) Num { return ratio(p*float64(b.Recall), p*float64(b.Recall)+(1-p)*float64(fpr)) }
		b.PPV, b.PPVLow = right(b.FPR), right(b.FPRHigh)
		if c.fp == 0 { // that none was seen does not make every alert right
			b.PPV = Num(math.NaN())
		}
		out = append(out, b)
	}
	return out
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
