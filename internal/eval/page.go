package eval

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
)

//go:embed pages/*.html
var pages embed.FS

// page parses the template of a page. Pages hold no script and ask for nothing from
// elsewhere.
func page(name string) (*template.Template, error) {
	return template.New(name).Funcs(template.FuncMap{
		"num":      func(n Num) string { return fixed(float64(n), 3) },
		"rate":     func(n Num) string { return fixed(float64(n), 2) },
		"share":    func(n Num) string { return percent(float64(n)) },
		"interval": func(i Interval) string { return span(i, 3) },
		"between":  func(i Interval) string { return span(i, 2) },
		"float":    func(v float64) string { return fixed(v, 2) },
		"day":      func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"curve":    curve,
		"bars":     bars,
		"tier":     func(n int) string { return talk.Tier(n).String() },
	}).ParseFS(pages, "pages/style.html", "pages/"+name)
}

func write(w io.Writer, name string, data any) error {
	t, err := page(name)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, data)
}

// WriteHTML writes the report as one page.
func (r *Report) WriteHTML(w io.Writer) error { return write(w, "report.html", r) }

// WriteHTML writes the gates as one page.
func (g *Gates) WriteHTML(w io.Writer) error { return write(w, "gates.html", g) }

// Fit is what a page about fitted weights shows.
type Fit struct {
	Made    time.Time
	Fitted  *talk.Fitted
	Diff    *talk.Difference
	HeldOut *talk.Backtested // on conversations that nothing was learned from
	Percent int
	All     *talk.Backtested
	Adopted bool
}

// WriteHTML writes it as one page. It names conversations as the outcomes did.
func (f *Fit) WriteHTML(w io.Writer) error { return write(w, "fit.html", f) }

// Kinds are the two tables of a backtest, with names.
func (f *Fit) Kinds() []Backtest {
	return []Backtest{
		{fmt.Sprintf("Kept back (%d %% of conversations, which nothing was learned from)", f.Percent), f.HeldOut},
		{"All, with those that were learned from: too good", f.All},
	}
}

// Backtest is a backtest with a name.
type Backtest struct {
	Name string
	Of   *talk.Backtested
}

// Rows are its lines: what reaches tip and review, then and now.
func (b Backtest) Rows() (out []BacktestRow) {
	for _, k := range []struct {
		name string
		of   *talk.Reached
	}{{"harm", &b.Of.Harm}, {"no harm", &b.Of.Benign}} {
		for _, t := range []talk.Tier{talk.Tip, talk.Review} {
			r := BacktestRow{Kind: k.name, Tier: t.String(), Conversations: k.of.Conversations}
			r.Old, r.New = k.of.AtLeast(t)
			old, next := k.of.Share(t)
			r.OldShare, r.NewShare = Num(old), Num(next)
			out = append(out, r)
		}
	}
	return out
}

// BacktestRow is one line of a backtest.
type BacktestRow struct {
	Kind, Tier         string
	Conversations      int
	Old, New           int
	OldShare, NewShare Num // weighted as an audit's sample is
}

func fixed(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// percent gives small shares enough digits not to be nought.
func percent(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v != 0 && v < .001:
		return fmt.Sprintf("%.4f %%", 100*v)
	case v < .1:
		return fmt.Sprintf("%.2f %%", 100*v)
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

func span(i Interval, digits int) string {
	if !i.Low.Known() || !i.High.Known() {
		return "–"
	}
	return fixed(float64(i.Low), digits) + " to " + fixed(float64(i.High), digits)
}

// drawn is a point of the reliability diagram, in units of the picture.
type drawn struct {
	X, Y, Low, High, Size float64
	Label                 string
}

// side is the length of the diagram's axes.
const side = 240

// curve are the points of the reliability diagram.
func curve(c Calibration) (out []drawn) {
	most := 1
	for _, b := range c.Table {
		most = max(most, b.N)
	}
	for _, b := range c.Table {
		if b.N == 0 {
			continue
		}
		out = append(out, drawn{X: side * float64(b.Predicted), Y: side * (1 - float64(b.Observed)), Low: side * (1 - float64(b.In.Low)),
			High: side * (1 - float64(b.In.High)), Size: 3 + 5*math.Sqrt(float64(b.N)/float64(most)),
			Label: fmt.Sprintf("%s: %d conversations, predicted %s, observed %s", b.Label, b.N, fixed(float64(b.Predicted), 3), fixed(float64(b.Observed), 3))})
	}
	return out
}

// bar is one bar of a histogram, in units of the picture.
type bar struct {
	Y, Width float64
	Bucket
}

// barsData are the bars of a histogram and how high they are together.
type barsData struct {
	Title  string
	Height float64
	Of     []bar
}

func bars(title string, of []Bucket) barsData {
	most := 1
	for _, b := range of {
		most = max(most, b.N)
	}
	d := barsData{Title: title, Height: 22 * float64(len(of))}
	for i, b := range of {
		d.Of = append(d.Of, bar{22 * float64(i), 200 * float64(b.N) / float64(most), b})
	}
	return d
}

// Name is a reader's name of the format.
func (r *Report) Name() string {
	switch r.Format {
	case "pan12":
		return "PAN 2012"
	case "espd":
		return "an eSPD datapack"
	}
	return strings.ToUpper(r.Format)
}
