package cybertip_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rowan-safety/rowan/cybertip"
	"pgregory.net/rapid"
)

// legalRune draws a character that XML 1.0 can carry, often an awkward one.
func legalRune(t *rapid.T) rune {
	return rapid.OneOf(
		rapid.SampledFrom([]rune("<>&'\"\t\n\r ]\u0085\u2028\uFFFD\U0001F333")),
		rapid.Rune().Filter(func(r rune) bool {
			return r >= 0x20 && !(r >= 0xD800 && r <= 0xDFFF) && r != 0xFFFE && r != 0xFFFF
		}),
	).Draw(t, "rune")
}

// fill draws a value for v: any shape that the types allow, valid or not.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[cybertip.Time]():
		sec := rapid.Int64Range(0, 4e9).Draw(t, "time")
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
		v.Set(reflect.ValueOf(cybertip.Time{Time: time.Unix(sec, 0).In(zone)}))
		return
	case reflect.TypeFor[cybertip.Date]():
		y, m, d := time.Unix(rapid.Int64Range(-2e9, 4e9).Draw(t, "date"), 0).UTC().Date()
		v.Set(reflect.ValueOf(cybertip.Date{Year: y, Month: m, Day: d}))
		return
	case reflect.TypeFor[cybertip.InternetDetails]():
		f := v.Field(rapid.IntRange(0, v.NumField()-1).Draw(t, "incident"))
		f.Set(reflect.New(f.Type().Elem()))
		fill(t, f.Elem())
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 2).Draw(t, "count")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString(rapid.StringOfN(rapid.Custom(legalRune), 0, 8, -1).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "long"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-180, 180).Draw(t, "double"))
	default:
		t.Fatalf("no values for %s", v.Type())
	}
}

// TestReportRoundTrip: what Marshal writes, ParseReport reads back.
func TestReportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := new(cybertip.Report)
		fill(t, reflect.ValueOf(want).Elem())
		doc, err := cybertip.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cybertip.ParseReport(doc)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		_ = want.Validate(now) // must not panic on anything
	})
}

func TestFileDetailsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := new(cybertip.FileDetails)
		fill(t, reflect.ValueOf(want).Elem())
		if want.FileAnnotations != nil {
			want.PotentialMeme = nil
		}
		doc, err := cybertip.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cybertip.ParseFileDetails(doc)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		_ = want.ValidateBatched(now)
	})
}

// TestMarshalIsStable: marshalling twice gives the same bytes, which is what
// makes a stored hash of a document worth anything.
func TestMarshalIsStable(t *testing.T) {
	for name, doc := range documents() {
		if !bytes.Equal(marshal(t, doc), marshal(t, doc)) {
			t.Errorf("%s differs", name)
		}
	}
}

func FuzzParseResponse(f *testing.F) {
	for _, doc := range []string{
		"<reportResponse><responseCode>0</responseCode><responseDescription>Success</responseDescription><reportId>4564654</reportId></reportResponse>",
		"<reportDoneResponse><responseCode>0</responseCode><reportId>1</reportId><files><fileId>a</fileId></files></reportDoneResponse>",
		"<reportResponse><responseCode/></reportResponse>", "<!DOCTYPE x><x/>", "<html>",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := cybertip.ParseResponse(b)
		if err == nil && a.Code == 0 && !bytes.Contains(b, []byte("0")) && !bytes.Contains(b, []byte("&#")) {
			t.Error("success out of nothing")
		}
	})
}

// FuzzParseReport: whatever parses marshals (unless a choice is broken), and
// what is marshalled parses to the same again.
func FuzzParseReport(f *testing.F) {
	for _, doc := range documents() {
		if r, ok := doc.(*cybertip.Report); ok {
			f.Add(marshal(f, r))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := cybertip.ParseReport(b)
		if err != nil {
			return
		}
		_ = r.Validate(now)
		doc, err := cybertip.Marshal(r)
		if err != nil {
			return // a choice, or a time that cannot be written
		}
		again, err := cybertip.ParseReport(doc)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("-first +second:\n%s", d)
		}
	})
}
