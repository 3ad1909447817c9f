package cybertip

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// ErrChoice is returned by [Marshal] for a document in which a choice of the
// schema is not made, or made twice.
var ErrChoice = errors.New("a choice of the schema is not made exactly once")

const (
	xsiNamespace   = "http://www.w3.org/2001/XMLSchema-instance"
	schemaLocation = ProductionURL + "/xsd"
)

// Marshal returns v, a pointer to a [Report], [FileDetails], [ReportResponse]
// or [ReportDoneResponse], as an XML document: UTF-8 with declaration,
// indented, and with the schema location of NCMEC's examples on reports and
// file details. The bytes are those to store and to send.
//
// Characters that XML 1.0 cannot carry (control characters other than tab,
// newline and carriage return, surrogates, U+FFFE, U+FFFF) are removed from all
// texts. Bytes that are not UTF-8 become U+FFFD, so that their place is seen.
// v itself is not changed.
//
// Marshal is not Validate: it refuses only what it cannot write, which is a
// choice not made exactly once ([ErrChoice]), a time outside the years 1..9999
// and a date that does not exist.
func Marshal(v any) ([]byte, error) {
	start, err := root(v)
	if err != nil {
		return nil, err
	}
	if err := choices(v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.EncodeElement(legal(reflect.ValueOf(v)).Interface(), start); err != nil {
		return nil, fmt.Errorf("cybertip: marshal %s: %w", start.Name.Local, err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("cybertip: marshal %s: %w", start.Name.Local, err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// root returns the root element of v.
func root(v any) (xml.StartElement, error) {
	located := []xml.Attr{
		{Name: xml.Name{Local: "xmlns:xsi"}, Value: xsiNamespace},
		{Name: xml.Name{Local: "xsi:noNamespaceSchemaLocation"}, Value: schemaLocation},
	}
	start := func(name string, attr []xml.Attr, isNil bool) (xml.StartElement, error) {
		if isNil {
			return xml.StartElement{}, fmt.Errorf("cybertip: marshal %s: nil", name)
		}
		return xml.StartElement{Name: xml.Name{Local: name}, Attr: attr}, nil
	}
	switch v := v.(type) {
	case *Report:
		return start("report", located, v == nil)
	case *FileDetails:
		return start("fileDetails", located, v == nil)
	case *ReportResponse:
		return start("reportResponse", nil, v == nil)
	case *ReportDoneResponse:
		return start("reportDoneResponse", nil, v == nil)
	}
	return xml.StartElement{}, fmt.Errorf("cybertip: marshal: %T is not a document", v)
}

// choices checks the two choices of the schema.
func choices(v any) error {
	switch v := v.(type) {
	case *Report:
		for i := range v.InternetDetails {
			if v.InternetDetails[i].chosen() != 1 {
				return fmt.Errorf("cybertip: marshal internetDetails[%d]: %w", i, ErrChoice)
			}
		}
	case *FileDetails:
		if v.PotentialMeme != nil && v.FileAnnotations != nil {
			return fmt.Errorf("cybertip: marshal potentialMeme, fileAnnotations: %w", ErrChoice)
		}
	}
	return nil
}

var textTypes = map[reflect.Type]bool{
	reflect.TypeFor[Time](): true,
	reflect.TypeFor[Date](): true,
}

// legal returns a copy of v in which every string is legal XML 1.0 text.
func legal(v reflect.Value) reflect.Value {
	if textTypes[v.Type()] {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(legal(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(legal(v.Field(i)))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(legal(v.Index(i)))
			}
		}
	case reflect.String:
		out.SetString(legalText(v.String()))
	default:
		out.Set(v)
	}
	return out
}

// legalText is s without the characters that XML 1.0 cannot carry.
func legalText(s string) string {
	return strings.Map(func(r rune) rune {
		if !isLegal(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// isLegal is production [2] Char of XML 1.0.
func isLegal(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0x10FFFF
}
