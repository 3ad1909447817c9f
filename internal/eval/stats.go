package eval

import (
	"encoding/json"
	"math"
)

// Num is a figure that may not exist: where it is not a number, JSON has null.
type Num float64

// MarshalJSON gives the number, or null.
func (n Num) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON gives.
func (n *Num) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Num(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Known says whether there is a figure.
func (n Num) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

func ratio(a, b float64) Num {
	if b == 0 {
		return Num(math.NaN())
	}
	return Num(a / b)
}

// Interval is an exact 95 % confidence interval of a share (Clopper and Pearson,
// Biometrika 26, 1934): quantiles of beta distributions, so that it is never too
// short, also where nothing was seen.
type Interval struct {
	Low  Num `json:"low"`
	High Num `json:"high"`
}

// share95 is the interval of a share of which k of n were seen.
func share95(k, n int) Interval {
	const alpha = .05
	if n <= 0 || k < 0 || k > n {
		return Interval{Num(math.NaN()), Num(math.NaN())}
	}
	low, high := 0.0, 1.0
	if k > 0 {
		low = betaQuantile(alpha/2, float64(k), float64(n-k+1))
	}
	if k < n {
		high = betaQuantile(1-alpha/2, float64(k+1), float64(n-k))
	}
	return Interval{Num(low), Num(high)}
}

// times is the interval of n times the share.
func (i Interval) times(n float64) Interval { return Interval{i.Low * Num(n), i.High * Num(n)} }

// betaQuantile is x with I_x(a, b) = p, by halving: the function grows, and 200
// halvings reach the last bit of a float64 anywhere between nought and one.
func betaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 200 {
		middle := (low + high) / 2
		if betaRegularised(middle, a, b) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// betaRegularised is the regularised incomplete beta function I_x(a, b), by the
// continued fraction DLMF 8.17.22, evaluated as Lentz proposed, on the side of the
// mean where it converges quickly.
func betaRegularised(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaRegularised(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	const tiny = 1e-300
	c, d, f := 1.0, 0.0, 1.0
	for i := range 100_000 {
		m := float64(i / 2)
		var term float64
		switch {
		case i == 0:
			term = 1
		case i%2 == 0:
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + term*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + term/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(c*d-1) < 1e-14 {
			break
		}
	}
	return front * (f - 1) / a
}

// counts are right and wrong answers.
type counts struct{ tp, fp, fn, tn int }

func (c counts) precision() Num { return ratio(float64(c.tp), float64(c.tp+c.fp)) }
func (c counts) recall() Num    { return ratio(float64(c.tp), float64(c.tp+c.fn)) }

// f is the F measure in which recall weighs beta times as much as precision.
func (c counts) f(beta float64) Num {
	b := beta * beta
	return ratio((1+b)*float64(c.tp), (1+b)*float64(c.tp)+b*float64(c.fn)+float64(c.fp))
}

// penalty is that of eSPD and eRisk for an alert after d messages: nought at the
// first, towards one with time.
func penalty(p float64, d int) float64 { return -1 + 2/(1+math.Exp(-p*float64(d-1))) }

// speed is one less the median of the penalties of alerts that were right. It is no
// number without any.
func speed(p float64, delays []int) Num {
	if len(delays) == 0 {
		return Num(math.NaN())
	}
	of := make([]float64, len(delays))
	for i, d := range delays {
		of[i] = penalty(p, d)
	}
	return Num(1 - median(of))
}

// erdeCost is what an alert that is right costs after k messages (Losada and
// Crestani 2016): nothing at once, one if it comes long after o.
func erdeCost(o float64, k int) float64 { return 1 - 1/(1+math.Exp(float64(k)-o)) }
