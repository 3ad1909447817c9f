package exchange

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// categoriesJSON holds VICS categories by national model. They differ between
// countries; those of the United States beyond 0, 1 and 5, and all of the United
// Kingdom's, are unverified.
//
//go:embed categories.json
var categoriesJSON []byte

// fields are the keys of [Settings.Columns] beside fingerprint types.
var fields = []string{"id", "note", "source", "classification", "removed", "updated", "type", "value"}

func newListReader(s Settings) (listReader, error) {
	for k := range s.Columns {
		if !slices.Contains(fields, k) && !safety.HashType(k).Known() {
			return nil, safety.Errorf(safety.Invalid, "columns has an unknown key; use fingerprint types and %s", strings.Join(fields, ", "))
		}
	}
	switch s.Format {
	case "csv":
		return func(r io.Reader, row func(Change, bool) error) error { return readCSV(r, s.Columns, row) }, nil
	case "json":
		return func(r io.Reader, row func(Change, bool) error) error { return readJSON(r, s.Items, s.Columns, row) }, nil
	case "urls":
		return readURLs, nil
	case "hashes":
		return readHashes, nil
	case "vics":
		m, err := categoryMap(s)
		if err != nil {
			return nil, err
		}
		return func(r io.Reader, row func(Change, bool) error) error { return readVICS(r, m, row) }, nil
	}
	return nil, safety.Errorf(safety.Invalid, "format must be csv, json, urls, hashes or vics")
}

func categoryMap(s Settings) (map[string]Category, error) {
	if s.Categories == "custom" {
		if len(s.CategoryMap) == 0 {
			return nil, safety.Errorf(safety.Invalid, "category_map is empty")
		}
		return s.CategoryMap, nil
	}
	var all map[string]map[string]Category
	if err := json.Unmarshal(categoriesJSON, &all); err != nil {
		return nil, fmt.Errorf("built-in categories: %w", err)
	}
	m, ok := all[s.Categories]
	if !ok {
		// A hash set also holds harmless pictures; without the meaning of its
		// numbers none of it may go on a list.
		return nil, safety.Errorf(safety.Invalid, "a vics list needs categories: us, uk, or custom with category_map")
	}
	return m, nil
}

// record is a row of a table: what stands under a name.
type record func(name string) string

// tableRow turns a row into a change by the column map.
func tableRow(columns map[string]string, get record) (c Change, ok bool) {
	at := func(field string) string {
		name := field
		if mapped, ok := columns[field]; ok {
			name = mapped
		} else if len(columns) > 0 && !slices.Contains(fields, field) {
			return "" // a map names every fingerprint column that counts
		}
		return strings.TrimSpace(get(name))
	}
	c = Change{Note: at("note"), Origin: at("source"), Classification: at("classification"), Deleted: yes(at("removed"))}
	var kinds []string
	take := func(t safety.HashType, value string) {
		kinds = append(kinds, string(t))
		c.print(t, value)
	}
	for _, t := range slices.Concat(safety.HashTypes, []safety.HashType{safety.URL}, safety.OpaqueTypes) {
		if v := at(string(t)); v != "" {
			take(t, v)
		}
	}
	if kind, value := at("type"), at("value"); kind != "" && value != "" {
		if t := hashType(kind); t.Known() {
			take(t, value)
		} else {
			c.Unknown++
		}
	}
	if text := at("updated"); text != "" {
		if when, err := time.Parse(time.RFC3339, text); err == nil {
			c.At = when
		}
	}
	if len(c.Prints) == 0 && !c.Deleted && c.Unknown == 0 {
		return c, false
	}
	// One entry may stand in several rows, one for each fingerprint.
	if id := at("id"); id != "" {
		c.Key = id + "\x1f" + strings.Join(kinds, " ")
	} else {
		c.Key = keyOf(c.Prints)
	}
	return c, c.Key != ""
}

// keyOf is the key of an entry that has none of its own.
func keyOf(prints []safety.Hash) string {
	if len(prints) == 0 {
		return ""
	}
	h := sha256.New()
	for _, p := range prints {
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00", p.Type, p.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashType reads a type's name as people write it: SHA-256, PhotoDNA, TMK+PDQF.
func hashType(name string) safety.HashType {
	t := safety.HashType(strings.NewReplacer("+", "_", " ", "_").Replace(strings.ToLower(name)))
	if t.Known() {
		return t
	}
	return safety.HashType(strings.ReplaceAll(string(t), "-", ""))
}

func yes(s string) bool {
	return slices.Contains([]string{"true", "1", "yes", "y", "removed", "deleted", "withdrawn"}, strings.ToLower(s))
}

func readCSV(r io.Reader, columns map[string]string, row func(Change, bool) error) error {
	cr := csv.NewReader(bufio.NewReaderSize(r, 1<<16))
	cr.FieldsPerRecord, cr.ReuseRecord = -1, true
	header, err := cr.Read()
	if err != nil {
		return safety.Errorf(safety.Invalid, "it has no header line")
	}
	place := map[string]int{}
	for i, name := range header {
		place[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	width, some := len(header), false
	for name := range place {
		some = some || safety.HashType(name).Known() || name == "value"
	}
	for field, name := range columns {
		if _, ok := place[strings.ToLower(name)]; !ok {
			return safety.Errorf(safety.Invalid, "it has no column for %s", field)
		}
		some = some || safety.HashType(field).Known() || field == "value"
	}
	if !some {
		return safety.Errorf(safety.Invalid, "no column holds a fingerprint")
	}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		_, syntax := errors.AsType[*csv.ParseError](err)
		if err != nil && !syntax {
			return safety.Errorf(safety.Invalid, "it cannot be read to its end")
		}
		if syntax || len(rec) != width {
			err = row(Change{}, false)
		} else {
			err = row(tableRow(columns, func(name string) string {
				if i, ok := place[strings.ToLower(name)]; ok {
					return rec[i]
				}
				return ""
			}))
		}
		if err != nil {
			return err
		}
	}
}

// readJSON reads an array of objects, at the member items of the document, or
// one object a line.
func readJSON(r io.Reader, items string, columns map[string]string, row func(Change, bool) error) error {
	br := bufio.NewReaderSize(r, 1<<16)
	if b, err := br.Peek(3); err == nil && string(b) == "\ufeff" {
		_, _ = br.Discard(3)
	}
	dec := json.NewDecoder(br)
	dec.UseNumber()
	lines := false
	if items == "" {
		lines = !startsArray(br)
	}
	found := lines
	element := func() error {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return errJSON
		}
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return row(Change{}, false)
		}
		return row(tableRow(columns, func(name string) string { return member(v, name) }))
	}
	for lines && dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	if !lines {
		var path []string
		if items != "" {
			path = strings.Split(items, ".")
		}
		if err := walk(dec, path, element, &found); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || !found {
		return errJSON
	}
	return nil
}

var errJSON = safety.Errorf(safety.Invalid, "it is not the JSON that the settings describe, or is cut short")

func startsArray(br *bufio.Reader) bool {
	for n := 1; n < 1<<12; n++ {
		b, err := br.Peek(n)
		if err != nil {
			return false
		}
		if c := b[n-1]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c == '['
		}
	}
	return false
}

// walk goes down path and calls element at each element of the array there.
func walk(dec *json.Decoder, path []string, element func() error, found *bool) error {
	t, err := dec.Token()
	if err != nil {
		return errJSON
	}
	if len(path) == 0 {
		if t != json.Delim('[') {
			return errJSON
		}
		*found = true
		for dec.More() {
			if err := element(); err != nil {
				return err
			}
		}
	} else {
		if t != json.Delim('{') {
			return errJSON
		}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return errJSON
			}
			if key == path[0] && !*found {
				err = walk(dec, path[1:], element, found)
			} else {
				var skip json.RawMessage
				if dec.Decode(&skip) != nil {
					err = errJSON
				}
			}
			if err != nil {
				return err
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return errJSON
	}
	return nil
}

// member is the value at a dotted name, as text.
func member(v map[string]any, name string) string {
	head, rest, deeper := strings.Cut(name, ".")
	switch x := v[head].(type) {
	case map[string]any:
		if deeper {
			return member(x, rest)
		}
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		return fmt.Sprint(x)
	}
	return ""
}

// readURLs reads one link, or the SHA-256 of one, a line; # begins a comment at
// the beginning of a line or after a space.
func readURLs(r io.Reader, row func(Change, bool) error) error {
	sc := bufio.NewScanner(r)
	for first := true; sc.Scan(); first = false {
		text := sc.Text()
		if first {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if strings.HasPrefix(text, "#") {
			continue
		}
		text, _, _ = strings.Cut(text, " #")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		h, err := match.URLSignal(text)
		c := Change{Prints: []safety.Hash{h}}
		c.Key = keyOf(c.Prints)
		if err := row(c, err == nil && !strings.ContainsAny(text, " <>\"")); err != nil {
			return err
		}
	}
	if sc.Err() != nil {
		return safety.Errorf(safety.Invalid, "it cannot be read to its end")
	}
	return nil
}

func readHashes(r io.Reader, row func(Change, bool) error) error {
	return match.ReadFile(match.FormatHashes, r, func(m match.Row, bad error) error {
		c := Change{Prints: []safety.Hash{m.Hash}}
		c.Key = keyOf(c.Prints)
		return row(c, bad == nil)
	})
}

// readVICS reads VICS JSON. Only media whose category the map includes are on
// the list. A medium's fingerprints come one after the other.
func readVICS(r io.Reader, categories map[string]Category, row func(Change, bool) error) error {
	var c Change
	line := 0
	flush := func() error {
		if len(c.Prints) == 0 {
			return nil
		}
		c.Key = keyOf(c.Prints)
		done := c
		c = Change{}
		return row(done, true)
	}
	err := match.ReadFile(match.FormatVICS, r, func(m match.Row, bad error) error {
		if m.Line != line || bad != nil {
			if err := flush(); err != nil {
				return err
			}
		}
		line = m.Line
		if bad != nil {
			return row(Change{}, false)
		}
		number, ok := strings.CutPrefix(m.Classification, "category ")
		if cat := categories[number]; ok && cat.Include {
			c.Prints, c.Note, c.Classification = append(c.Prints, m.Hash), m.Note, cat.Label
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
