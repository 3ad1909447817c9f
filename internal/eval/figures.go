package eval

import (
	"cmp"
	"math"
	"slices"

	"github.com/rowan-safety/rowan/internal/talk"
)

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
