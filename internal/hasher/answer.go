package hasher

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/rowan-safety/rowan/internal/safety"
)

// maxAnswer bounds an answer: the longest fingerprint in hexadecimal and room.
const maxAnswer = 2*safety.MaxInline + 1024

// parseAnswer reads an answer as strictly as the package comment says. ok is
// false when the hasher has declined. The failure never repeats the text.
func parseAnswer(s *Spec, text []byte) (h safety.Hash, ok bool, why Reason) {
	if len(text) > maxAnswer {
		return h, false, TooLong
	}
	m, sound := members(text)
	if !sound {
		return h, false, Malformed
	}
	if kind, isText := m["type"].(string); !isText {
		return h, false, Malformed
	} else if kind != string(s.Type) {
		return h, false, WrongType
	}
	if len(m) != 2 {
		return h, false, Malformed
	}
	if declined, there := m["declined"]; there {
		if declined != true {
			return h, false, Malformed
		}
		return h, false, ""
	}
	var raw []byte
	var err error
	if text, is := m["hex"].(string); is {
		raw, err = hex.DecodeString(text)
	} else if text, is := m["base64"].(string); is {
		raw, err = base64.StdEncoding.Strict().DecodeString(text)
	} else {
		return h, false, Malformed
	}
	if err != nil {
		return h, false, Malformed
	}
	if len(raw) != s.Bytes {
		return h, false, WrongLength
	}
	return safety.Hash{Type: s.Type, Value: hex.EncodeToString(raw)}, true, ""
}

// members reads one flat object with nothing behind it and no name twice.
// Package json would fold the case of names and take the last of two.
func members(text []byte) (map[string]any, bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	out := map[string]any{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		value, err := dec.Token()
		if err != nil {
			return nil, false
		}
		if _, nested := value.(json.Delim); nested {
			return nil, false
		}
		key := name.(string) // the decoder gives nothing else here
		if _, twice := out[key]; twice {
			return nil, false
		}
		out[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	_, err := dec.Token()
	return out, err == io.EOF
}
