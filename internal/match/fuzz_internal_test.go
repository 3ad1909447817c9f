package match

import (
	"errors"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/safety"
)

const (
	fuzzMD5 = "00112233445566778899aabbccddeeff"
	fuzzPDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
)

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"md5,note\n" + fuzzMD5 + ",n\n", "\ufeffMD5\r\n\"" + fuzzMD5 + "\"\r\n", "pdq,md5\n" + fuzzPDQ + "," + fuzzMD5,
		"md5\n\"", "md5\na\"b\n", "md5,md5\n,\n", "", "\"", "md5\n" + strings.Repeat("0", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { parseAny(t, FormatCSV, text) })
}

func FuzzHashes(f *testing.F) {
	for _, s := range []string{fuzzMD5, "md5:" + fuzzMD5 + " # c\n\npdq: " + fuzzPDQ, ":\n::\nmd5:", "\ufeff\r\n", strings.Repeat("0", 64), "pdq:" + strings.Repeat("0", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { parseAny(t, FormatHashes, text) })
}

func FuzzVICS(f *testing.F) {
	for _, s := range []string{`{"value":[{"MD5":"` + fuzzMD5 + `","Category":1}]}`, `{"value":[{"Media":[{"MD5":"` + fuzzMD5 + `"}]}]}`,
		`{"value":[{"AlternativeHashes":[{"HashName":"PDQ","HashValue":"` + fuzzPDQ + `"}]}]}`, `{"value":[{"MD5":7,"Media":null}]}`, `{"value":null}`, `{`, `[]`,
		`{"a":[[[[{}]]]],"value":[1]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { parseAny(t, FormatVICS, text) })
}

// parseAny checks what holds for any input: rows have valid hashes, problems
// and errors are ours, and what the consumer says ends the reading.
func parseAny(t *testing.T, format Format, text string) {
	t.Helper()
	rows := 0
	err := parse(format, strings.NewReader(text), func(r Row, bad error) error {
		rows++
		if bad != nil {
			wantOurs(t, bad, text)
			return nil
		}
		h, err := safety.ParseSignal(r.Hash.Type, r.Hash.Value)
		if err != nil || h != r.Hash {
			t.Errorf("hash %v of %q is not valid: %v", r.Hash.Type, r.Hash.Value, err)
		}
		if r.Hash.Type == safety.PDQ && strings.Trim(r.Hash.Value, "0") == "" {
			t.Error("the zero PDQ hash came out")
		}
		if r.Line < 1 || len(r.Note) > maxText || len(r.Source) > maxText || len(r.Classification) > maxText {
			t.Errorf("line %d, note of %d bytes", r.Line, len(r.Note))
		}
		return nil
	})
	if err != nil {
		wantOurs(t, err, text)
	}
	if rows == 0 {
		return
	}
	stop := errors.New("stop")
	if err := parse(format, strings.NewReader(text), func(Row, error) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the consumer's error came back as %v", err)
	}
}

func wantOurs(t *testing.T, err error, text string) {
	t.Helper()
	e, ok := errors.AsType[*safety.Error](err)
	if !ok || e.Kind != safety.Invalid {
		t.Errorf("error is not ours: %v", err)
		return
	}
	for _, secret := range []string{fuzzMD5, fuzzPDQ} {
		if strings.Contains(text, secret) && strings.Contains(err.Error(), secret) {
			t.Errorf("an error repeats a value: %v", err)
		}
	}
}
