package paper

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// face names a font.
type face string

const (
	regular face = "goregular"
	bold    face = "gobold"
	mono    face = "gomono"
)

var faces = map[face][]byte{regular: goregular.TTF, bold: gobold.TTF, mono: gomono.TTF}

// style is how a run is set: face, size and distance of lines in points, and
// how light it is (0 is black).
type style struct {
	face          face
	size, leading float64
	grey          float64
}

var (
	titleStyle     = style{bold, 19, 24, 0}
	subtitleStyle  = style{regular, 11, 15, 0.28}
	headingStyle   = style{bold, 11.5, 15, 0}
	bodyStyle      = style{regular, 9.5, 13.6, 0.05}
	noticeStyle    = style{bold, 9.5, 13.6, 0}
	labelStyle     = style{regular, 9.5, 13.6, 0.36}
	quietStyle     = style{regular, 9.5, 13.6, 0.45}
	monoStyle      = style{mono, 8.4, 13.6, 0.05}
	columnStyle    = style{bold, 8, 11.2, 0.15}
	cellStyle      = style{regular, 8.4, 11.4, 0.05}
	smallMonoStyle = style{mono, 7.2, 11.4, 0.05}
	classStyle     = style{bold, 7.6, 10, 0.1}
	aroundStyle    = style{regular, 7.6, 10, 0.3}
	digestStyle    = style{mono, 6.4, 9, 0.3}
)

// fonts knows what the faces can show and how wide it is.
type fonts struct {
	parsed map[face]*sfnt.Font
	buf    sfnt.Buffer
	widths map[face]map[rune]float64 // advance at size 1; -1 for no glyph
}

func newFonts() *fonts {
	t := &fonts{parsed: map[face]*sfnt.Font{}, widths: map[face]map[rune]float64{}}
	for f, ttf := range faces {
		parsed, err := sfnt.Parse(ttf)
		if err != nil {
			panic("paper: a font of this binary does not parse: " + err.Error()) // the bytes are compiled in
		}
		t.parsed[f], t.widths[f] = parsed, map[rune]float64{}
	}
	return t
}

// advance is the width of r at size 1, and -1 when f has no glyph for it.
func (t *fonts) advance(f face, r rune) float64 {
	if w, ok := t.widths[f][r]; ok {
		return w
	}
	w := -1.0
	p := t.parsed[f]
	if g, err := p.GlyphIndex(&t.buf, r); err == nil && g != 0 && r <= 0xffff {
		units := p.UnitsPerEm()
		if a, err := p.GlyphAdvance(&t.buf, g, fixed.I(int(units)), font.HintingNone); err == nil {
			w = float64(a) / 64 / float64(units)
		}
	}
	t.widths[f][r] = w
	return w
}

func (t *fonts) width(text string, s style) float64 {
	w := 0.0
	for _, r := range text {
		w += max(0, t.advance(s.face, r))
	}
	return w * s.size
}

// legible returns text with everything that f cannot show, and everything that
// would act instead of being seen, written out.
func (t *fonts) legible(text string, f face) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "[0x%02X]", text[i])
		case r == '\t':
			b.WriteString("    ")
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Mn, unicode.Me) || t.advance(f, r) < 0:
			fmt.Fprintf(&b, "[U+%04X]", r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// wrap returns the lines of text in a column of w points, at least one.
func (t *fonts) wrap(text string, s style, w float64) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		out = t.wrapLine(out, t.legible(line, s.face), s, w/s.size)
	}
	return out
}

// wrapLine breaks one line at spaces, and inside words that are wider than w.
func (t *fonts) wrapLine(out []string, line string, s style, w float64) []string {
	start, space := 0, -1 // of the line being filled; of the last space in it
	used, usedAtSpace := 0.0, 0.0
	for i, r := range line {
		a := max(0, t.advance(s.face, r))
		if used+a > w && i > start {
			if r == ' ' { // it ends the line and is not seen
				out = append(out, line[start:i])
				start, space, used = i+1, -1, 0
				continue
			}
			if space > start {
				out = append(out, line[start:space])
				start, used = space+1, used-usedAtSpace
			} else {
				out = append(out, line[start:i])
				start, used = i, 0
			}
			space = -1
		}
		used += a
		if r == ' ' {
			space, usedAtSpace = i, used
		}
	}
	return append(out, line[start:])
}

// newFile is an empty PDF with the fonts and the date of info.
func newFile(info Info) *fpdf.Fpdf {
	f := fpdf.New("P", "pt", "A4", "")
	f.SetCatalogSort(true)
	f.SetCreationDate(info.Made.UTC())
	f.SetModificationDate(info.Made.UTC())
	f.SetTitle(info.Title, true)
	f.SetSubject(info.Reference, true)
	f.SetCreator("Rowan", true)
	f.SetLang("en-GB")
	f.SetDisplayMode("fullpage", "single")
	f.SetMargins(0, 0, 0)
	f.SetAutoPageBreak(false, 0)
	for _, name := range []face{regular, bold, mono} {
		// A copy: fpdf renumbers the parts of accented letters in place.
		f.AddUTF8FontFromBytes(string(name), "", bytes.Clone(faces[name]))
	}
	return f
}
