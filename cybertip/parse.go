package cybertip

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits on a document that comes from outside.
const (
	// MaxAnswer is the most that is read of an answer, in bytes.
	MaxAnswer = 1 << 20
	// MaxDocument is the largest report or file details that is parsed.
	MaxDocument = 16 << 20
	// MaxDepth is the deepest nesting. The schema itself needs 6.
	MaxDepth = 32
)

// ErrDocument is the cause of every refusal to parse: a document that is not
// well-formed, cut short, too large, too deep, with a document type
// declaration, or not one of ours. The text says which, and quotes nothing.
var ErrDocument = errors.New("cybertip: unusable document")

func unusable(why string) error { return fmt.Errorf("%w: %s", ErrDocument, why) }

// ParseReport reads a "report" back, say one that was stored. It does not
// check the order of elements and passes over unknown ones, so it is not a
// validator: see [Report.Validate].
func ParseReport(doc []byte) (*Report, error) {
	r := new(Report)
	return r, parse(doc, "report", r)
}

// ParseFileDetails reads a "fileDetails" back; see [ParseReport].
func ParseFileDetails(doc []byte) (*FileDetails, error) {
	f := new(FileDetails)
	return f, parse(doc, "fileDetails", f)
}

func parse(doc []byte, want string, v any) error {
	if len(doc) > MaxDocument {
		return unusable("too large")
	}
	name, err := inspect(doc)
	if err != nil {
		return err
	}
	if name != want {
		return unusable("root element is not " + want)
	}
	if err := xml.Unmarshal(doc, v); err != nil {
		return unusable("a value does not fit its element") // the cause may quote it
	}
	return nil
}

// Answer is what a "reportResponse" or a "reportDoneResponse" says.
type Answer struct {
	// Done: it was a reportDoneResponse, the receipt of finish.
	Done        bool
	Code        int      // responseCode; 0 is success
	Description string   // responseDescription; may quote the request
	ReportID    int64    // 0 if absent
	FileID      string   // of upload
	Hash        string   // of upload: MD5 of the bytes received, lower-case hex
	Files       []string // of finish
}

// wireAnswer reads the leaves as text: encoding/xml would turn an empty
// responseCode into 0, which means success.
type wireAnswer struct {
	Code        []string `xml:"responseCode"`
	Description []string `xml:"responseDescription"`
	ReportID    []string `xml:"reportId"`
	FileID      []string `xml:"fileId"`
	Hash        []string `xml:"hash"`
	Files       []struct {
		FileID []string `xml:"fileId"`
	} `xml:"files"`
}

// ParseResponse reads an answer of the authority. It is an [ErrDocument]
// unless there is exactly one response code and it is a number.
func ParseResponse(doc []byte) (Answer, error) {
	if len(doc) > MaxAnswer {
		return Answer{}, unusable("too large")
	}
	name, err := inspect(doc)
	if err != nil {
		return Answer{}, err
	}
	if name != "reportResponse" && name != "reportDoneResponse" {
		return Answer{}, unusable("root element is not an answer")
	}
	var w wireAnswer
	if err := xml.Unmarshal(doc, &w); err != nil {
		return Answer{}, unusable("not an answer")
	}
	return w.answer(name == "reportDoneResponse")
}

func (w *wireAnswer) answer(done bool) (Answer, error) {
	a := Answer{Done: done}
	if len(w.Code) != 1 {
		return a, unusable("not exactly one responseCode")
	}
	code, err := strconv.ParseInt(strings.TrimSpace(w.Code[0]), 10, 32)
	if err != nil {
		return a, unusable("responseCode is not a number")
	}
	a.Code = int(code)
	if len(w.ReportID) > 1 || len(w.FileID) > 1 || len(w.Hash) > 1 || len(w.Files) > 1 {
		return a, unusable("an element is repeated")
	}
	if id := strings.TrimSpace(first(w.ReportID)); id != "" {
		if a.ReportID, err = strconv.ParseInt(id, 10, 64); err != nil {
			return a, unusable("reportId is not a number")
		}
	}
	a.Description = strings.TrimSpace(first(w.Description))
	a.FileID = strings.TrimSpace(first(w.FileID))
	a.Hash = strings.ToLower(strings.TrimSpace(first(w.Hash)))
	if len(w.Files) == 1 {
		for _, id := range w.Files[0].FileID {
			a.Files = append(a.Files, strings.TrimSpace(id))
		}
	}
	return a, nil
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// inspect reads doc once without building anything and returns the name of its
// root element. Declarations are refused because nothing in this protocol
// needs one and entities are the way XML parsers are attacked.
func inspect(doc []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var name string
	depth := 0
	for {
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", unusable("not well-formed")
		}
		switch t := tok.(type) {
		case xml.Directive:
			return "", unusable("has a document type declaration")
		case xml.StartElement:
			if depth == 0 && name != "" {
				return "", unusable("has two root elements")
			}
			if depth == 0 {
				name = t.Name.Local
			}
			if depth++; depth > MaxDepth {
				return "", unusable("too deep")
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return "", unusable("has text outside the root element")
			}
		}
		if depth < 0 {
			return "", unusable("not well-formed")
		}
	}
	if name == "" || depth != 0 {
		return "", unusable("cut short")
	}
	return name, nil
}
