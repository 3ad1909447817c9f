package exchanges

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/bits"
	"mime"
	"net/http"
)

// shieldNear is in how many bits of a PDQ hash a match may differ. The service
// does not say; 31 is what the hash's authors use.
const shieldNear = 31

// arachnid answers questions about PDQ hashes as Project Arachnid's Shield does.
// Whoever gives it a file, or asks it about an address, is refused: Rowan must not.
// Entries are PDQ hashes, with their classification as the print "classification".
func (s *Server) arachnid(r *http.Request, f Fault) page {
	if !s.basic(r) {
		return refuse(http.StatusUnauthorized, "credentials")
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/pdq/" || r.URL.RawQuery != "" {
		return refuse(http.StatusNotFound, r.Method+" "+r.URL.Path)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "media type")
	}
	var q struct {
		Hashes []string `json:"hashes"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil || dec.More() || len(q.Hashes) == 0 || len(q.Hashes) > 1000 {
		return refuse(http.StatusBadRequest, "question")
	}
	answer, live := map[string]any{}, s.World.Live()
	for _, h := range q.Hashes {
		raw, err := base64.StdEncoding.DecodeString(h)
		if _, twice := answer[h]; err != nil || len(raw) != 32 || twice {
			return refuse(http.StatusBadRequest, "hash")
		}
		answer[h] = shielded(live, raw)
	}
	switch f {
	case Empty:
		clear(answer)
	case Older, Duplicate: // says what was not asked, or leaves something out
		delete(answer, q.Hashes[0])
		if f == Duplicate {
			answer[base64.StdEncoding.EncodeToString(make([]byte, 32))] = nil
		}
	}
	body, _ := json.Marshal(map[string]any{"scanned_hashes": answer})
	return page{status: http.StatusOK, kind: "application/json", body: body}
}

// shielded is what is said of one hash: of the nearest entry.
func shielded(live []Entry, hash []byte) any {
	nearest, class := shieldNear+1, ""
	for _, e := range live {
		known, err := hex.DecodeString(e.Prints["pdq"])
		if err != nil || len(known) != 32 {
			continue
		}
		d := 0
		for i := range known {
			d += bits.OnesCount8(known[i] ^ hash[i])
		}
		if d < nearest {
			if nearest, class = d, e.Prints["classification"]; class == "" {
				class = "csam"
			}
		}
	}
	if class == "" {
		if hash[0]%2 == 0 { // the client library reads both
			return nil
		}
		return map[string]any{"classification": "no-known-match", "match_type": nil, "near_match_details": nil}
	}
	return map[string]any{"classification": class, "match_type": "near", "near_match_details": map[string]any{"timestamp": 0,
		"sha1_base32": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "sha256_hex": hex.EncodeToString(make([]byte, 32)), "classification": class}}
}
