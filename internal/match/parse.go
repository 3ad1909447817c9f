package match

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rowan-safety/rowan/internal/safety"
)

// maxText bounds the notes that an import carries along.
const maxText = 500

func clip(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// parseCSV reads rows under a header. A row may carry several hashes; each is
// a signal.
func parseCSV(r io.Reader, fn func(Row, error) error) error {
	cr := csv.NewReader(withoutBOM(r))
	cr.FieldsPerRecord = -1
	cr.ReuseRecord = true
	header, err := cr.Read()
	if err != nil {
		return safety.Errorf(safety.Invalid, "the file has no header line")
	}
	columns, err := csvColumns(header)
	if err != nil {
		return err
	}
	for {
		record, err := cr.Read()
		if err == io.EOF {
			return nil
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			if err := fn(Row{Line: e.StartLine}, safety.Errorf(safety.Invalid, "not well-formed CSV")); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return safety.Wrap(safety.Invalid, err, "the file cannot be read to its end")
		}
		line, _ := cr.FieldPos(0)
		if err := csvRow(line, columns, record, fn); err != nil {
			return err
		}
	}
}

func csvColumns(header []string) ([]string, error) {
	columns := make([]string, len(header))
	some := false
	for i, name := range header {
		columns[i] = strings.ToLower(strings.TrimSpace(name))
		some = some || safety.HashType(columns[i]).Known()
	}
	if !some {
		return nil, safety.Errorf(safety.Invalid, "the header names none of the columns sha256, sha1, md5, pdq, vpdq, url, photodna")
	}
	return columns, nil
}

func csvRow(line int, columns, record []string, fn func(Row, error) error) error {
	if len(record) != len(columns) {
		return fn(Row{Line: line}, safety.Errorf(safety.Invalid, "has %d fields, the header %d", len(record), len(columns)))
	}
	row := Row{Line: line}
	for i, c := range columns {
		switch c {
		case "note":
			row.Note = clip(record[i])
		case "source":
			row.Source = clip(record[i])
		case "classification":
			row.Classification = clip(record[i])
		}
	}
	var hashes []safety.Hash
	for i, c := range columns {
		t := safety.HashType(c)
		if !t.Known() || strings.TrimSpace(record[i]) == "" {
			continue
		}
		if t == safety.VPDQ {
			h, body, err := videoSignal([]byte(record[i]))
			if err != nil {
				return fn(row, err)
			}
			row.Body, hashes = body, append(hashes, h)
			continue
		}
		h, err := signal(t, record[i])
		if err != nil {
			return fn(row, err)
		}
		hashes = append(hashes, h)
	}
	return emit(row, hashes, fn)
}

// emit calls fn for each hash of a row; a row without one is malformed.
func emit(row Row, hashes []safety.Hash, fn func(Row, error) error) error {
	if len(hashes) == 0 {
		return fn(row, safety.Errorf(safety.Invalid, "has no hash that Rowan can match"))
	}
	body := row.Body
	for _, h := range hashes {
		row.Hash, row.Body = h, nil
		if h.Type == safety.VPDQ {
			row.Body = body
		}
		if err := fn(row, nil); err != nil {
			return err
		}
	}
	return nil
}

func parseHashes(r io.Reader, fn func(Row, error) error) error {
	sc := bufio.NewScanner(withoutBOM(r))
	for line := 1; sc.Scan(); line++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		h, err := bareHash(text)
		if err := fn(Row{Line: line, Hash: h}, err); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return safety.Wrap(safety.Invalid, err, "the file cannot be read to its end")
	}
	return nil
}

func bareHash(text string) (safety.Hash, error) {
	if t, value, ok := strings.Cut(text, ":"); ok {
		return signal(safety.HashType(strings.ToLower(strings.TrimSpace(t))), value)
	}
	for _, t := range []safety.HashType{safety.MD5, safety.SHA1, safety.SHA256} {
		if len(text) == 2*t.Size() {
			return signal(t, text)
		}
	}
	return safety.Hash{}, safety.Errorf(safety.Invalid, "has %d characters: not the length of MD5, SHA-1 or SHA-256", len(text))
}

// vicsMedia is the part of a VICS media record that Rowan uses
// (shared by versions 1.1 to 2.0 of the model). Only Category is trusted for
// the classification; its meaning depends on the national model, so it is kept
// as it is.
type vicsMedia struct {
	MD5, SHA1, PhotoDNA, Series string
	Category                    *int
	AlternativeHashes           []struct{ HashName, HashValue string }
}

// parseVICS streams OData-style VICS JSON: media records under "value" (a hash
// set), or under "Media" of cases under "value". Other keys are skipped.
func parseVICS(r io.Reader, fn func(Row, error) error) error {
	p := &vicsParser{dec: json.NewDecoder(withoutBOM(r)), fn: fn}
	if err := p.object(func(key string) error {
		if key != "value" {
			return p.skip()
		}
		return p.array(p.caseOrMedia)
	}); err != nil {
		if e, ok := errors.AsType[*safety.Error](err); ok {
			return e
		}
		if errors.Is(err, errStop) {
			return errors.Unwrap(err)
		}
		return safety.Wrap(safety.Invalid, err, "the file is not VICS JSON, or is cut short (after %d media records)", p.count)
	}
	return nil
}

// errStop marks an error of the consumer, to tell it from one of the syntax.
var errStop = errors.New("stopped")

type vicsParser struct {
	dec   *json.Decoder
	fn    func(Row, error) error
	count int
}

func (p *vicsParser) delim(want json.Delim) error {
	t, err := p.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("expected %q", want)
	}
	return nil
}

func (p *vicsParser) object(member func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if err := member(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p *vicsParser) array(element func() error) error {
	if err := p.delim('['); err != nil {
		return err
	}
	for p.dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return p.delim(']')
}

func (p *vicsParser) skip() error {
	var ignored json.RawMessage
	return p.dec.Decode(&ignored)
}

// caseOrMedia reads one element of "value", member by member, so that a case of
// any size is never held whole.
func (p *vicsParser) caseOrMedia() error {
	var m vicsMedia
	isCase := false
	err := p.object(func(key string) error {
		switch key {
		case "Media":
			isCase = true
			return p.array(func() error {
				var m vicsMedia
				if err := p.decode(&m); err != nil {
					return err
				}
				return p.media(m)
			})
		case "MD5":
			return p.decode(&m.MD5)
		case "SHA1":
			return p.decode(&m.SHA1)
		case "PhotoDNA":
			return p.decode(&m.PhotoDNA)
		case "Series":
			return p.decode(&m.Series)
		case "Category":
			return p.decode(&m.Category)
		case "AlternativeHashes":
			return p.decode(&m.AlternativeHashes)
		}
		return p.skip()
	})
	if err != nil || isCase {
		return err
	}
	return p.media(m)
}

// decode tolerates a value of an unexpected type (the record then lacks it),
// as tools disagree on types; broken syntax is an error.
func (p *vicsParser) decode(into any) error {
	err := p.dec.Decode(into)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

func (p *vicsParser) media(m vicsMedia) error {
	p.count++
	row := Row{Line: p.count, Note: clip(m.Series)}
	if m.Category != nil {
		row.Classification = fmt.Sprintf("category %d", *m.Category)
	}
	if err := emitVICS(row, m, p.fn); err != nil {
		return stopped{err}
	}
	return nil
}

func emitVICS(row Row, m vicsMedia, fn func(Row, error) error) error {
	named := []struct{ name, value string }{{"md5", m.MD5}, {"sha1", m.SHA1}, {"photodna", m.PhotoDNA}}
	for _, a := range m.AlternativeHashes {
		named = append(named, struct{ name, value string }{strings.ReplaceAll(strings.ToLower(a.HashName), "-", ""), a.HashValue})
	}
	var hashes []safety.Hash
	for _, n := range named {
		t := safety.HashType(n.name)
		if n.value == "" || !t.Known() || t == safety.URL || t == safety.VPDQ {
			continue
		}
		h, err := signal(t, n.value)
		if err != nil && t.Opaque() {
			continue // nothing here matches it, and it must not cost the others
		}
		if err != nil {
			return fn(row, err)
		}
		if !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	return emit(row, hashes, fn)
}

type stopped struct{ err error }

func (s stopped) Error() string        { return s.err.Error() }
func (s stopped) Unwrap() error        { return s.err }
func (s stopped) Is(target error) bool { return target == errStop }

func withoutBOM(r io.Reader) io.Reader {
	br := bufio.NewReaderSize(r, 1<<16)
	if b, err := br.Peek(3); err == nil && string(b) == "\ufeff" {
		_, _ = br.Discard(3)
	}
	return br
}
