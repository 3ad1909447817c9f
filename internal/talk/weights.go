package talk

import (
	_ "embed" // the starting weights
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrWeights says that a table of weights cannot be used.
var ErrWeights = errors.New("weights: not in a format that is known, or out of bounds")

// Weights is the whole of what the detectors believe: data with a version. It does
// not change after it is read.
type Weights struct {
	Version string
	settings
	prior [relations]float64
	of    [Indicators]weight
	drift float64 // what one message without a sign takes off
	off   Set     // indicators that are not looked at
}

type weight struct {
	family            family
	n1, n0, cap       float64 // what llr comes from
	llr, most         float64
	peer, late, lobby float64
}

type settings struct {
	unit, halfLife, memory, lateAfter, llrFloor       float64
	diversity, diversityFamilies, externalCap         float64
	tip, friction, review                             float64
	fastMessages, fastMinutes, leverage, prMin, prMax float64
}

type family uint8

const (
	access family = iota
	risk
	trust
	isolation
	approach
	coercion
	victim
	outside
	families
)

var familyNames = [families]string{"access", "risk", "trust", "isolation", "approach", "coercion", "victim", "outside"}

// counted families are the ones of which a restriction needs two.
var counted = [families]bool{risk: true, isolation: true, approach: true, coercion: true}

// relation terms, in the order of their names.
const (
	adultStranger = iota
	ageGap
	childFirst
	mutualFriends
	longKnown
	nearInAge
	familyTie
	relations
)

var relationNames = [relations]string{"adult_stranger", "age_gap", "child_wrote_first", "mutual_friends", "long_known", "near_in_age", "family"}

//go:embed weights.txt
var startingWeights string

// StartingWeights are the guesses of experts that this package comes with.
func StartingWeights() (*Weights, error) { return ParseWeights(startingWeights) }

// ParseWeights reads a table of weights. All settings, relations and indicators must
// be there, once.
func ParseWeights(text string) (*Weights, error) {
	if len(text) > MaxLexiconBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrWeights, len(text))
	}
	w, counts, seen, format := &Weights{}, [Indicators][2]float64{}, map[string]bool{}, ""
	var caps [Indicators]float64
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		err := ErrWeights
		if len(f) >= 2 && !seen[f[0]+" "+f[1]] {
			seen[f[0]+" "+f[1]] = true
			switch {
			case f[0] == "format" && len(f) == 2 && f[1] == "1":
				format, err = "1", nil
			case f[0] == "version" && len(f) == 2 && w.Version == "":
				w.Version, err = f[1], nil
			case f[0] == "set" && len(f) == 3:
				err = number(f[2], w.setting(f[1]))
			case f[0] == "prior" && len(f) == 3:
				err = number(f[2], w.relation(f[1]))
			case f[0] == "indicator":
				err = w.indicator(f[1:], &counts, &caps)
			}
		}
		if err != nil {
			return nil, &LineError{n, err}
		}
	}
	want := 2 + 16 + relations + int(Indicators)
	if format == "" || w.Version == "" || len(seen) != want {
		return nil, fmt.Errorf("%w: %d of %d lines", ErrWeights, len(seen), want)
	}
	return w, w.finish(&counts, &caps)
}

// finish works out likelihood ratios and the drift, and checks bounds.
func (w *Weights) finish(counts *[Indicators][2]float64, caps *[Indicators]float64) error {
	if w.unit < 100 || w.halfLife <= 0 || w.memory < 1 || w.tip <= 0 || w.friction < w.tip || w.review < w.friction ||
		w.prMin > 0 || w.prMax < 0 || w.fastMessages < 1 || w.fastMinutes < 1 || w.externalCap < 0 {
		return fmt.Errorf("%w: settings contradict each other", ErrWeights)
	}
	for i := range Indicators {
		k, n1, n0 := &w.of[i], counts[i][0], counts[i][1]
		k.n1, k.n0, k.cap = n1, n0, caps[i]
		if n1 < 0 || n0 < 0 || n1 >= w.unit || n0 >= w.unit || k.most < 0 || k.most > 16 || caps[i] < 0 ||
			k.peer < 0 || k.peer > 1 || k.late < 0 || k.late > 1 || k.lobby < 0 || k.lobby > 1 {
			return fmt.Errorf("%w: %s", ErrWeights, i)
		}
		// Two bands, there or not there: half a count each.
		k.llr = math.Log((n1+.5)/(w.unit+1)) - math.Log((n0+.5)/(w.unit+1))
		k.llr = min(max(k.llr, w.llrFloor), caps[i])
		// What words cannot show is not missing when words do not show it; and the
		// actor's messages say nothing about what the target would write.
		if i.spoken() && i != Distress {
			w.drift += math.Log(1-n1/w.unit) - math.Log(1-n0/w.unit)
		}
	}
	if w.drift > 0 {
		return fmt.Errorf("%w: ordinary messages would raise the score", ErrWeights)
	}
	if w.of[Threatens].llr+w.of[DemandsMoney].llr < w.review {
		return fmt.Errorf("%w: a threat and a demand must reach review by themselves", ErrWeights)
	}
	return nil
}

func number(s string, to *float64) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || to == nil || math.IsNaN(v) || math.Abs(v) > 1e6 {
		return ErrWeights
	}
	*to = v
	return nil
}

func (w *Weights) setting(name string) *float64 {
	return map[string]*float64{
		"unit": &w.unit, "half_life_days": &w.halfLife, "memory_days": &w.memory, "late_after": &w.lateAfter,
		"llr_floor": &w.llrFloor, "diversity": &w.diversity, "diversity_families": &w.diversityFamilies,
		"external_cap": &w.externalCap, "tip": &w.tip, "friction": &w.friction, "review": &w.review,
		"fast_messages": &w.fastMessages, "fast_minutes": &w.fastMinutes, "leverage_hours": &w.leverage,
		"prior_min": &w.prMin, "prior_max": &w.prMax,
	}[name]
}

func (w *Weights) relation(name string) *float64 {
	for i, n := range relationNames {
		if n == name {
			return &w.prior[i]
		}
	}
	return nil
}

func (w *Weights) indicator(f []string, counts *[Indicators][2]float64, caps *[Indicators]float64) error {
	i, ok := Indicator(0), false
	if len(f) == 9 {
		i, ok = IndicatorOf(f[0])
	}
	if !ok {
		return ErrWeights
	}
	k, found := &w.of[i], false
	for n, name := range familyNames {
		if name == f[1] {
			k.family, found = family(n), true
		}
	}
	if !found {
		return ErrWeights
	}
	for n, to := range []*float64{&counts[i][0], &counts[i][1], &caps[i], &k.most, &k.peer, &k.late, &k.lobby} {
		if err := number(f[n+2], to); err != nil {
			return err
		}
	}
	return nil
}
