// Package paper sets records that people print and read: reports to authorities
// and the summaries of evidence bundles, as PDF on A4.
//
// A [Doc] is built from the top: [New], then headings, paragraphs, facts, tables
// and notices in the order of reading, then [Doc.PDF]. Every page carries the
// classification, the reference, a digest and "n of m".
//
// Promises: the same calls give the same bytes, on every machine; no character is
// dropped: what the fonts lack, what controls a terminal or turns the direction of
// writing, is set as [U+XXXX], and what is not UTF-8 as [0xXX]; long words and rows
// are broken, never cut off; the text can be selected and searched.
//
// The fonts are Go Regular, Go Bold and Go Mono (golang.org/x/image/font/gofont):
// Latin, Greek and Cyrillic. Other scripts are legible only as code points, so a
// record that must show them keeps them in a machine-readable file beside the PDF.
// PDFs are not tagged for screen readers: the same facts are in that file.
package paper

import (
	"bytes"
	"fmt"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Info is what stands on the first page and around every page.
type Info struct {
	Title          string
	Subtitle       string
	Classification string    // top of every page, such as "Restricted: evidence in a criminal matter"
	Reference      string    // of the case or report, on every page
	Digest         string    // a line that ties the paper to its data, such as "SHA-256 of custody.json: …"; may be empty
	Made           time.Time // the document's date, kept in UTC; never read from a clock
}

// Fact is one labelled value.
type Fact struct {
	Label, Value string
	Mono         bool // digests, ids and other text in which every character counts
}

// Column is a column of a table.
type Column struct {
	Title  string
	Weight float64 // share of the width; 0 is 1
	Mono   bool
}

// Doc is a document in the making.
type Doc struct {
	info  Info
	fonts *fonts
	pages []page
	y     float64 // of the next line's top on the last page, in points from the top
}

// page is what is drawn on one page.
type page struct {
	runs  []run
	rules []rule
}

// run is text in one style, x and baseline in points from the top left.
type run struct {
	x, y  float64
	style style
	text  string
}

// rule is a filled rectangle: hairlines and grounds.
type rule struct{ x, y, w, h, grey float64 }

// The measures of the page, in points. A4 is 210 by 297 mm.
const (
	pageWidth   = 595.28
	pageHeight  = 841.89
	left        = 62.0
	right       = pageWidth - 56.0
	width       = right - left
	top         = 84.0
	bottom      = pageHeight - 70.0
	headerLine  = 44.0
	footerLine  = pageHeight - 38.0
	labelColumn = 128.0
	gutter      = 10.0
)

// New starts a document with its title.
func New(info Info) *Doc {
	d := &Doc{info: info, fonts: newFonts()}
	d.newPage()
	d.lines(d.fonts.wrap(info.Title, titleStyle, width), left, titleStyle)
	if info.Subtitle != "" {
		d.y += 3
		d.lines(d.fonts.wrap(info.Subtitle, subtitleStyle, width), left, subtitleStyle)
	}
	d.y += 9
	d.rule(d.y, width, 1.1, 0.1)
	d.y += 8
	return d
}

func (d *Doc) newPage() {
	d.pages = append(d.pages, page{})
	d.y = top
}

func (d *Doc) last() *page { return &d.pages[len(d.pages)-1] }

// room starts a new page unless h points are left on this one.
func (d *Doc) room(h float64) {
	if d.y+h > bottom && d.y > top {
		d.newPage()
	}
}

func (d *Doc) rule(y, w, h, grey float64) {
	p := d.last()
	p.rules = append(p.rules, rule{left, y, w, h, grey})
}

// text sets one line whose top is at y.
func (d *Doc) text(x, y float64, s style, text string) {
	if text == "" {
		return
	}
	p := d.last()
	p.runs = append(p.runs, run{x, y + s.leading*0.74, s, text})
}

// lines sets lines at x, going on over as many pages as they need.
func (d *Doc) lines(lines []string, x float64, s style) {
	for i, l := range lines {
		if i == 0 && len(lines) > 1 {
			d.room(2 * s.leading) // no first line alone at the foot of a page
		}
		d.room(s.leading)
		d.text(x, d.y, s, l)
		d.y += s.leading
	}
}

// Heading starts a section; it stays with what follows.
func (d *Doc) Heading(text string) {
	d.y += 13
	lines := d.fonts.wrap(text, headingStyle, width)
	d.room(float64(len(lines))*headingStyle.leading + 4*bodyStyle.leading)
	d.lines(lines, left, headingStyle)
	d.y += 2.5
	d.rule(d.y, width, 0.5, 0.62)
	d.y += 6
}

// Paragraph sets running text; a newline starts a new line.
func (d *Doc) Paragraph(text string) {
	d.lines(d.fonts.wrap(text, bodyStyle, width), left, bodyStyle)
	d.y += 5
}

// Literal sets text in the mono font on its own lines: statements, notes,
// checkpoints, where line breaks are part of the record.
func (d *Doc) Literal(text string) {
	d.lines(d.fonts.wrap(text, monoStyle, width-12), left+12, monoStyle)
	d.y += 5
}

// Facts sets labels and values in two columns. An empty value is set as "not
// recorded", so that a gap is seen.
func (d *Doc) Facts(facts ...Fact) {
	x := left + labelColumn + gutter
	for _, f := range facts {
		s := bodyStyle
		if f.Mono {
			s = monoStyle
		}
		value := f.Value
		if value == "" {
			s, value = quietStyle, "not recorded"
		}
		d.row([]cell{
			{left, d.fonts.wrap(f.Label, labelStyle, labelColumn), labelStyle},
			{x, d.fonts.wrap(value, s, right-x), s},
		}, nil)
		d.y += 1.5
	}
	d.y += 5
}

// Table sets rows under column titles, which are repeated on every page. Rows
// with fewer cells than columns are filled with empty ones, and cells beyond the
// columns are an error of the caller that is set in a row of its own.
func (d *Doc) Table(columns []Column, rows [][]string) {
	if len(columns) == 0 {
		return
	}
	xs, ws := spread(columns)
	head := func() {
		cells := make([]cell, len(columns))
		for i, c := range columns {
			cells[i] = cell{xs[i], d.fonts.wrap(c.Title, columnStyle, ws[i]), columnStyle}
		}
		d.row(cells, nil)
		d.y += 1.5
		d.rule(d.y, width, 0.7, 0.35)
		d.y += 3
	}
	d.room(6 * bodyStyle.leading)
	head()
	if len(rows) == 0 {
		d.lines([]string{"none"}, left, quietStyle)
	}
	for _, r := range rows {
		cells := make([]cell, 0, len(columns))
		for i, c := range columns {
			s := cellStyle
			if c.Mono {
				s = smallMonoStyle
			}
			text := ""
			if i < len(r) {
				text = r[i]
			}
			cells = append(cells, cell{xs[i], d.fonts.wrap(text, s, ws[i]), s})
		}
		d.row(cells, head)
		for _, extra := range r[min(len(r), len(columns)):] {
			d.lines(d.fonts.wrap(extra, cellStyle, width), left, cellStyle)
		}
		d.y += 2
		d.rule(d.y, width, 0.35, 0.82)
		d.y += 3
	}
	d.y += 6
}

// spread divides the width among columns.
func spread(columns []Column) (xs, ws []float64) {
	total := 0.0
	weight := func(c Column) float64 {
		if c.Weight <= 0 {
			return 1
		}
		return c.Weight
	}
	for _, c := range columns {
		total += weight(c)
	}
	free := width - gutter*float64(len(columns)-1)
	x := left
	for _, c := range columns {
		w := free * weight(c) / total
		xs, ws = append(xs, x), append(ws, w)
		x += w + gutter
	}
	return xs, ws
}

// cell is wrapped text in a column.
type cell struct {
	x     float64
	lines []string
	style style
}

// row sets cells side by side. A row that fits on a page is not divided; a
// taller one goes on over pages. again, if not nil, repeats a table's head.
func (d *Doc) row(cells []cell, again func()) {
	height := 0.0
	for _, c := range cells {
		height = max(height, float64(len(c.lines))*c.style.leading)
	}
	turn := func() {
		d.newPage()
		if again != nil {
			again()
		}
	}
	if d.y+height > bottom && height < (bottom-top)/2 {
		turn()
	}
	for {
		fit, whole := 0.0, true
		for i := range cells {
			c := &cells[i]
			n := max(0, min(len(c.lines), int((bottom-d.y)/c.style.leading)))
			for j, l := range c.lines[:n] {
				d.text(c.x, d.y+float64(j)*c.style.leading, c.style, l)
			}
			fit = max(fit, float64(n)*c.style.leading)
			c.lines = c.lines[n:]
			whole = whole && len(c.lines) == 0
		}
		d.y += fit
		if whole {
			return
		}
		turn()
	}
}

// Notice sets a boxed warning that is not overlooked.
func (d *Doc) Notice(text string) {
	const pad = 8
	lines := d.fonts.wrap(text, noticeStyle, width-2*pad-6)
	d.y += 2
	for len(lines) > 0 {
		d.room(2*pad + 2*noticeStyle.leading)
		n := min(len(lines), max(1, int((bottom-d.y-2*pad)/noticeStyle.leading)))
		h := float64(n)*noticeStyle.leading + 2*pad
		d.rule(d.y, width, h, 0.93)
		d.rule(d.y, 3, h, 0.1)
		for i, l := range lines[:n] {
			d.text(left+pad+6, d.y+pad+float64(i)*noticeStyle.leading, noticeStyle, l)
		}
		d.y += h
		lines = lines[n:]
	}
	d.y += 8
}

// Pages is how many pages there are so far.
func (d *Doc) Pages() int { return len(d.pages) }

// PDF draws the document. It may be called again, after more was added.
func (d *Doc) PDF() ([]byte, error) {
	f := newFile(d.info)
	for i, p := range d.pages {
		f.AddPage()
		for _, r := range p.rules {
			grey := int(r.grey * 255)
			f.SetFillColor(grey, grey, grey)
			f.Rect(r.x, r.y, r.w, r.h, "F")
		}
		for _, r := range p.runs {
			draw(f, r)
		}
		d.around(f, i+1)
	}
	var out bytes.Buffer
	if err := f.Output(&out); err != nil {
		return nil, fmt.Errorf("drawing PDF: %w", err)
	}
	return out.Bytes(), nil
}

// around draws what stands around page n.
func (d *Doc) around(f *fpdf.Fpdf, n int) {
	fit := func(text string, s style, w float64) string {
		lines := d.fonts.wrap(text, s, w)
		if len(lines) > 1 {
			return d.fonts.wrap(text, s, w-d.fonts.width("…", s))[0] + "…"
		}
		return lines[0]
	}
	numbers := fmt.Sprintf("%d of %d", n, len(d.pages))
	reference := fit(d.info.Reference, aroundStyle, width*0.5)
	draw(f, run{left, headerLine, classStyle, fit(d.info.Classification, classStyle, width*0.48)})
	draw(f, run{right - d.fonts.width(reference, aroundStyle), headerLine, aroundStyle, reference})
	f.SetFillColor(158, 158, 158)
	f.Rect(left, headerLine+7, width, 0.5, "F")
	f.Rect(left, footerLine-14, width, 0.5, "F")
	draw(f, run{left, footerLine, digestStyle, fit(d.info.Digest, digestStyle, width-50)})
	draw(f, run{right - d.fonts.width(numbers, aroundStyle), footerLine, aroundStyle, numbers})
}

// draw sets one run. fpdf's Text takes what the wrapping has made legible.
func draw(f *fpdf.Fpdf, r run) {
	if r.text == "" {
		return
	}
	f.SetFont(string(r.style.face), "", r.style.size)
	grey := int(r.style.grey * 255)
	f.SetTextColor(grey, grey, grey)
	f.Text(r.x, r.y, r.text)
}
