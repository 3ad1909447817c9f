package safety

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func TestParseSignal(t *testing.T) {
	raw := bytes.Repeat([]byte{1, 200, 0}, 48) // 144 bytes
	digits := make([]string, len(raw))
	for i, b := range raw {
		digits[i] = fmt.Sprint(b)
	}
	want := hex.EncodeToString(raw)
	sum := "sha256:" + strings.Repeat("0a", 32)
	for _, tt := range []struct {
		name string
		kind HashType
		text string
		want string // "" for an error
	}{
		{"photodna in base 64", PhotoDNA, base64.StdEncoding.EncodeToString(raw), want},
		{"photodna in decimals", PhotoDNA, strings.Join(digits, ", "), want},
		{"photodna in hexadecimal", PhotoDNA, strings.ToUpper(want), want},
		{"photodna too short", PhotoDNA, base64.StdEncoding.EncodeToString(raw[:143]), ""},
		{"photodna too many decimals", PhotoDNA, strings.Join(append(digits, "1"), ","), ""},
		{"photodna beyond a byte", PhotoDNA, strings.Join(append([]string{"256"}, digits[1:]...), ","), ""},
		{"decimals of another type", NetClean, strings.Join(digits, ","), ""},
		{"netclean", NetClean, "00ff", "00ff"},
		{"empty", NetClean, " ", ""},
		{"a digest", TMKPDQF, sum, sum},
		{"a digest in capitals", TMKPDQF, strings.Replace(sum, "a", "A", 1), ""},
		{"too long to be a value", TMKPDQF, strings.Repeat("00", MaxInline+1), ""},
		{"url", URL, strings.Repeat("0a", 32), strings.Repeat("0a", 32)},
		{"url too short", URL, "0a", ""},
		{"md5", MD5, "d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"},
		{"unknown", "crc32", "00", ""},
	} {
		h, err := ParseSignal(tt.kind, tt.text)
		if h.Value != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, h.Value, err)
		}
		if err != nil && len(tt.text) > 12 && strings.Contains(err.Error(), tt.text[4:12]) {
			t.Errorf("%s: %v repeats the value", tt.name, err)
		}
		if err == nil {
			if again, err := ParseSignal(tt.kind, h.Value); err != nil || again != h {
				t.Errorf("%s: the value does not come back: %v", tt.name, err)
			}
		}
	}
	for _, k := range OpaqueTypes {
		if k.Valid() || !k.Opaque() || !k.Known() {
			t.Errorf("%s is taken for a type that Rowan computes", k)
		}
	}
	for k, want := range map[HashType]bool{"x_a": true, "x_average_2": true, "x_": false, "x_A": false, "x-a": false, "y_a": false,
		HashType("x_" + strings.Repeat("a", 31)): false} {
		if k.Opaque() != want || k.Known() != want || k.Valid() {
			t.Errorf("%s is taken wrongly for an operator's own type", k)
		}
	}
	if URL.Valid() || URL.Opaque() || !URL.Known() || HashType("x").Known() {
		t.Error("the types are sorted wrongly")
	}
}

func FuzzParseSignal(f *testing.F) {
	f.Add("photodna", "1,2,3")
	f.Add("netclean", "AAEC")
	f.Add("tmk_pdqf", "sha256:00")
	f.Fuzz(func(t *testing.T, kind, text string) {
		h, err := ParseSignal(HashType(kind), text)
		if err != nil {
			return
		}
		if again, err := ParseSignal(h.Type, h.Value); err != nil || again != h {
			t.Errorf("%q is not stable: %v", h.Value, err)
		}
	})
}
