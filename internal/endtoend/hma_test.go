package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// hmaClient speaks to Meta's Hasher-Matcher-Actioner as its public clients do:
// written against HMA's documented and observed behaviour, not against Rowan.
type hmaClient struct {
	t    *testing.T
	base string
	key  string // HMA itself needs none; its clients have a field for one
}

// call sends a request and decodes the JSON answer into out, if that is not nil.
func (c hmaClient) call(method, path string, kind string, body io.Reader, out any) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if out == nil {
		return res.StatusCode
	}
	if err := json.Unmarshal(text, out); err != nil {
		c.t.Fatalf("%s %s: %d %q is not what a client reads: %v", method, path, res.StatusCode, text, err)
	}
	return res.StatusCode
}

func (c hmaClient) json(method, path string, body, out any) int {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.call(method, path, "application/json", bytes.NewReader(text), out)
}

func (c hmaClient) file(path, field string, data []byte, fields map[string]string, out any) int {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	part, err := w.CreateFormFile(field, "upload")
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = part.Write(data)
	_ = w.Close()
	return c.call("POST", path, w.FormDataContentType(), &b, out)
}

// found is what /m/lookup answers for one signal type.
type found map[string][]struct {
	ID       int64  `json:"bank_content_id"`
	Distance string `json:"distance"`
}

type hmaBank struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"matching_enabled_ratio"`
}

type banked struct {
	ID      int64             `json:"id"`
	Signals map[string]string `json:"signals"`
}

type message struct {
	Message string `json:"message"`
}

// TestEndToEndHMA is the conformance suite of HMA's surface.
func TestEndToEndHMA(t *testing.T) {
	t.Parallel()
	picture, other := landscape(51), landscape(52)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".png") {
			_, _ = w.Write(picture)
			return
		}
		http.NotFound(w, r)
	}))
	defer files.Close()
	host, err := url.Parse(files.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, newAuthority(t), "ROWAN_FETCH_HOSTS="+host.Hostname(), "ROWAN_FETCH_ALLOW_HTTP=true", "ROWAN_FETCH_ALLOW_PRIVATE=true")
	c := hmaClient{t, s.base(), s.key("service", "lists:match", "lists:read", "lists:write")}
	t.Run("status", c.status)
	t.Run("authentication", func(t *testing.T) { c.authentication(t, s) })
	t.Run("banks", c.banks)
	t.Run("hash", func(t *testing.T) { c.hashes(t, picture, files.URL) })
	t.Run("content", func(t *testing.T) { c.contents(t, picture, other, files.URL) })
	t.Run("lookup", c.lookups)
	t.Run("compare and types", c.types)
	t.Run("traps", func(t *testing.T) { c.traps(t, picture) })
	t.Run("exchanges", c.exchanges)
}

func (c hmaClient) want(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: status %d, want %d", what, got, want)
	}
}

func (c hmaClient) status(t *testing.T) {
	for _, path := range []string{"/status", "/status/live"} {
		res, err := http.Get(c.base + path) // monitors have no key
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || string(text) != "I-AM-ALIVE" {
			t.Errorf("%s: %d %q", path, res.StatusCode, text)
		}
	}
}

// authentication is where Rowan is stricter than HMA, which has none.
func (c hmaClient) authentication(t *testing.T, s *server) {
	weak := hmaClient{t, c.base, s.key("service", "lists:read")}
	none := hmaClient{t, c.base, ""}
	for _, r := range [][2]string{{"GET", "/m/lookup?signal_type=pdq&signal="}, {"GET", "/m/raw_lookup"}, {"POST", "/m/lookup"}, {"POST", "/m/compare"},
		{"GET", "/h/hash"}, {"POST", "/c/banks"}, {"DELETE", "/c/bank/X"}, {"PUT", "/c/bank/X/content/1"}, {"POST", "/c/bank/X/signal"}} {
		var m message
		c.want(t, r[0]+" "+r[1]+" without a key", none.call(r[0], r[1], "", nil, &m), 401)
		if m.Message == "" {
			t.Errorf("%v: an error without a message", r)
		}
		c.want(t, r[0]+" "+r[1]+" with too little", weak.call(r[0], r[1], "", nil, &m), 403)
	}
	c.want(t, "reading banks", weak.call("GET", "/c/banks", "", nil, nil), 200)
}

func (c hmaClient) banks(t *testing.T) {
	var all []hmaBank
	c.want(t, "no banks", c.call("GET", "/c/banks", "", nil, &all), 200)
	if all == nil || len(all) != 0 {
		t.Errorf("at first there are %v", all)
	}
	var m message
	for _, bad := range []string{"01_TEST_BANK", "my_test_bank", "", "A B", "Ä"} {
		c.want(t, "bad name "+bad, c.json("POST", "/c/banks", map[string]any{"name": bad}, &m), 400)
	}
	var b hmaBank
	c.want(t, "new", c.json("POST", "/c/banks", map[string]any{"name": "MY_BANK_01"}, &b), 201)
	if b != (hmaBank{"MY_BANK_01", 1}) {
		t.Errorf("new bank %+v", b)
	}
	c.want(t, "again", c.json("POST", "/c/banks", map[string]any{"name": "MY_BANK_01"}, &m), 403)
	c.want(t, "ratio in a string, as Coop sends it", c.json("POST", "/c/banks", map[string]any{"name": "COOP", "enabled_ratio": "0.5"}, &b), 201)
	if b.Ratio != 0.5 {
		t.Errorf("ratio %v", b)
	}
	c.want(t, "off", c.json("POST", "/c/banks", map[string]any{"name": "OFF", "enabled": false}, &b), 201)
	if b.Ratio != 0 {
		t.Errorf("switched off: %v", b)
	}
	c.want(t, "list", c.call("GET", "/c/banks", "", nil, &all), 200)
	if want := []hmaBank{{"COOP", .5}, {"MY_BANK_01", 1}, {"OFF", 0}}; !reflect.DeepEqual(all, want) {
		t.Errorf("banks %v, want %v", all, want)
	}
	c.want(t, "rename", c.json("PUT", "/c/bank/MY_BANK_01", map[string]any{"name": "RENAMED"}, &b), 200)
	if b != (hmaBank{"RENAMED", 1}) {
		t.Errorf("renamed %+v", b)
	}
	c.want(t, "to a bad name", c.json("PUT", "/c/bank/RENAMED", map[string]any{"name": "1_BAD"}, &m), 400)
	c.want(t, "to a name that is taken", c.json("PUT", "/c/bank/RENAMED", map[string]any{"name": "COOP"}, &m), 403)
	c.want(t, "the old name", c.call("GET", "/c/bank/MY_BANK_01", "", nil, &m), 404)
	for _, step := range []struct {
		body map[string]any
		want float64
	}{{map[string]any{"enabled": false}, 0}, {map[string]any{"enabled": true}, 1}, {map[string]any{"enabled_ratio": .25}, .25}, {map[string]any{}, .25}} {
		c.want(t, "change", c.json("PUT", "/c/bank/RENAMED", step.body, &b), 200)
		if b.Ratio != step.want {
			t.Errorf("after %v the ratio is %v, want %v", step.body, b.Ratio, step.want)
		}
	}
	c.want(t, "unknown", c.json("PUT", "/c/bank/NONE", map[string]any{"enabled": true}, &m), 404)
	for range 2 { // a bank that is not there is deleted too
		c.want(t, "delete", c.call("DELETE", "/c/bank/RENAMED", "", nil, &m), 200)
		if m.Message != "Done" {
			t.Errorf("deleted: %+v", m)
		}
	}
	c.want(t, "one", c.call("GET", "/c/bank/COOP", "", nil, &b), 200)
}

func (c hmaClient) hashes(t *testing.T, picture []byte, files string) {
	byFile, byURL, video := map[string]string{}, map[string]string{}, map[string]string{}
	c.want(t, "file", c.file("/h/hash", "photo", picture, nil, &byFile), 200)
	c.want(t, "URL", c.call("GET", "/h/hash?content_type=photo&url="+url.QueryEscape(files+"/a.png"), "", nil, &byURL), 200)
	if len(byFile) != 1 || len(byFile["pdq"]) != 64 || !reflect.DeepEqual(byFile, byURL) {
		t.Errorf("by file %v, by URL %v", byFile, byURL)
	}
	c.want(t, "video", c.file("/h/hash", "video", []byte("any file"), nil, &video), 200)
	if want := map[string]string{"video_md5": "f4bb7a03055a5d8f67046ba8d796d5fe"}; !reflect.DeepEqual(video, want) {
		t.Errorf("video %v, want %v", video, want)
	}
	var m message
	c.want(t, "two files", c.call("POST", "/h/hash", "multipart/form-data; boundary=b",
		strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"b\"\r\n\r\ny\r\n--b--\r\n"), &m), 400)
	c.want(t, "another field", c.file("/h/hash", "audio", picture, nil, &m), 400)
	c.want(t, "no picture", c.file("/h/hash", "photo", []byte("text"), nil, &m), 400)
	c.want(t, "too large", c.file("/h/hash", "photo", make([]byte, 33<<20), nil, &m), 413)
	if got := c.call("GET", "/h/hash?url=http://elsewhere.example/x.png", "", nil, &m); got < 400 {
		t.Errorf("a host that the operator did not name: %d", got)
	}
}

func (c hmaClient) contents(t *testing.T, picture, other []byte, files string) {
	var b hmaBank
	c.want(t, "bank", c.json("POST", "/c/banks", map[string]any{"name": "CONTENT"}, &b), 201)
	var m message
	var one, two, three banked
	c.want(t, "by file", c.file("/c/bank/CONTENT/content", "photo", picture, map[string]string{"note": "first",
		"metadata": `{"content_id":"1197","content_uri":"https://x.example/1","json":{"asdf":{}}}`}, &one), 200)
	if one.ID <= 0 || len(one.Signals["pdq"]) != 64 {
		t.Errorf("added %+v", one)
	}
	var got struct {
		ID       int64             `json:"id"`
		Until    int64             `json:"disable_until_ts"`
		Bank     hmaBank           `json:"bank"`
		Signals  map[string]string `json:"signals"`
		Note     string            `json:"note"`
		Metadata *struct {
			ContentID  string         `json:"content_id"`
			ContentURI string         `json:"content_uri"`
			JSON       map[string]any `json:"json"`
		} `json:"metadata"`
	}
	path := fmt.Sprint("/c/bank/CONTENT/content/", one.ID)
	c.want(t, "get", c.call("GET", path, "", nil, &got), 200)
	if got.ID != one.ID || got.Signals != nil || got.Note != "first" || got.Metadata == nil || got.Metadata.ContentID != "1197" ||
		got.Metadata.ContentURI != "https://x.example/1" || got.Metadata.JSON["asdf"] == nil || got.Bank.Name != "CONTENT" || got.Until != 0 {
		t.Errorf("content %+v", got)
	}
	c.want(t, "with signals", c.call("GET", path+"?include_signals=true", "", nil, &got), 200)
	if !reflect.DeepEqual(got.Signals, one.Signals) {
		t.Errorf("signals %v, want %v", got.Signals, one.Signals)
	}
	got.Metadata = nil
	c.want(t, "without metadata", c.call("GET", path+"?include_metadata=false", "", nil, &got), 200)
	if got.Metadata != nil {
		t.Error("metadata although it was not wanted")
	}
	c.want(t, "the same by URL", c.json("POST", "/c/bank/CONTENT/content?content_type=photo&url="+url.QueryEscape(files+"/a.png"), map[string]any{}, &two), 200)
	if two.ID != one.ID {
		t.Errorf("the same picture again is content %d, and was %d", two.ID, one.ID)
	}
	c.want(t, "by signal", c.json("POST", "/c/bank/CONTENT/signal", map[string]string{"video_md5": strings.Repeat("0a", 16), "note": "n"}, &three), 200)
	for name, body := range map[string]map[string]string{"no such type": {"nope": "x"}, "bad hash": {"pdq": "xyz"}, "the zero hash": {"pdq": strings.Repeat("0", 64)},
		"nothing": {}, "long note": {"video_md5": strings.Repeat("0b", 16), "note": strings.Repeat("n", 256)}} {
		c.want(t, name, c.json("POST", "/c/bank/CONTENT/signal", body, &m), 400)
	}
	c.want(t, "bad metadata", c.json("POST", "/c/bank/CONTENT/content?content_type=photo&url="+url.QueryEscape(files+"/a.png"),
		map[string]any{"metadata": map[string]any{"invalid": 5}}, &m), 400)
	c.want(t, "neither URL nor file", c.json("POST", "/c/bank/CONTENT/content", map[string]any{}, &m), 400)
	c.want(t, "unknown bank", c.file("/c/bank/NONE/content", "photo", other, nil, &m), 404)
	c.want(t, "unknown content", c.call("GET", "/c/bank/CONTENT/content/1", "", nil, &m), 404)
	c.want(t, "content of another bank", c.call("GET", fmt.Sprint("/c/bank/COOP/content/", one.ID), "", nil, &m), 404)

	meets := func(query string) int {
		f := map[string]found{}
		c.want(t, "look-up", c.file("/m/lookup"+query, "photo", picture, nil, &f), 200)
		return len(f["pdq"]["CONTENT"])
	}
	until := time.Now().Add(time.Hour).Unix()
	if meets("") != 1 {
		t.Fatal("the banked picture is not found at once")
	}
	c.want(t, "disable", c.json("PUT", path, map[string]any{"disable_until_ts": until, "note": "off for now"}, &got), 200)
	if got.Until != until || got.Note != "off for now" {
		t.Errorf("disabled %+v", got)
	}
	untilTrue(t, func() bool { return meets("") == 0 })
	c.want(t, "over five years", c.json("PUT", path, map[string]any{"disable_until_ts": time.Now().Add(6 * 365 * 24 * time.Hour).Unix()}, &m), 400)
	c.want(t, "negative", c.json("PUT", path, map[string]any{"disable_until_ts": -1}, &m), 400)
	c.want(t, "enable", c.json("PUT", path, map[string]any{"disable_until_ts": 0}, &got), 200)
	untilTrue(t, func() bool { return meets("") == 1 })
	var deleted struct {
		Deleted int `json:"deleted"`
	}
	c.want(t, "delete", c.call("DELETE", path, "", nil, &deleted), 200)
	if deleted.Deleted != 1 || meets("") != 0 {
		t.Errorf("deleted %d, and the picture is found %d times", deleted.Deleted, meets(""))
	}
	c.want(t, "delete again", c.call("DELETE", path, "", nil, &deleted), 200)
	if deleted.Deleted != 0 {
		t.Errorf("deleted %d the second time", deleted.Deleted)
	}
}

// untilTrue waits for what is a matter of milliseconds.
func untilTrue(t *testing.T, ok func() bool) {
	t.Helper()
	until(t, "the index follows", ok)
}

func (c hmaClient) lookups(t *testing.T) {
	const p = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22" // of a bridge (facebook/ThreatExchange)
	near := "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b2d"   // 4 bits off
	for _, bank := range []string{"BANK_A", "BANK_B", "BANK_C"} {
		c.want(t, "bank", c.json("POST", "/c/banks", map[string]any{"name": bank}, nil), 201)
		c.want(t, "signal", c.json("POST", "/c/bank/"+bank+"/signal", map[string]string{"pdq": p}, nil), 200)
	}
	c.want(t, "second", c.json("POST", "/c/bank/BANK_A/signal", map[string]string{"pdq": near}, nil), 200)
	get := func(path string) (f found) {
		c.want(t, path, c.call("GET", path, "", nil, &f), 200)
		return f
	}
	q := "/m/lookup?signal_type=pdq&signal=" + p
	all := get(q)
	if len(all) != 3 || len(all["BANK_A"]) != 2 || all["BANK_A"][0].Distance != "0" || all["BANK_A"][1].Distance != "4" || len(all["BANK_C"]) != 1 {
		t.Errorf("look-up %v", all)
	}
	if f := get(q + "&banks=BANK_A,BANK_C"); len(f) != 2 || f["BANK_B"] != nil {
		t.Errorf("of two banks %v", f)
	}
	if f := get(q + "&banks=NON_EXISTENT"); f == nil || len(f) != 0 {
		t.Errorf("of none %v", f)
	}
	raw := func(path string, n int) {
		var plain struct{ Matches []int64 }
		c.want(t, path, c.call("GET", path, "", nil, &plain), 200)
		var with struct {
			Matches []struct {
				ID       int64  `json:"bank_content_id"`
				Distance string `json:"distance"`
			}
		}
		c.want(t, path, c.call("GET", path+"&include_distance=true", "", nil, &with), 200)
		if len(plain.Matches) != n || len(with.Matches) != n || plain.Matches == nil {
			t.Errorf("%s: %v and %v, want %d", path, plain.Matches, with.Matches, n)
		}
	}
	r := "/m/raw_lookup?signal_type=pdq&signal=" + p
	raw(r, 4)
	raw(r+"&banks=BANK_A", 2)
	raw(r+"&banks=NONE", 0)
	// A bank that is off is not found, but by raw_lookup and without the dice.
	c.want(t, "off", c.json("PUT", "/c/bank/BANK_C", map[string]any{"enabled": false}, nil), 200)
	if f := get(q); len(f) != 2 {
		t.Errorf("with a bank off %v", f)
	}
	raw(r, 4)
	// At half, a seed decides, and always the same way.
	c.want(t, "half", c.json("PUT", "/c/bank/BANK_B", map[string]any{"enabled_ratio": .5}, nil), 200)
	n := 0
	for i := range 200 {
		seeded := fmt.Sprint(q, "&seed=", i)
		first := len(get(seeded))
		if first != len(get(seeded)) {
			t.Fatalf("seed %d gives two answers", i)
		}
		n += first - 1
	}
	if n < 60 || n > 140 {
		t.Errorf("a bank at one half was found with %d of 200 seeds", n)
	}
	var f map[string]found
	c.want(t, "without the dice", c.file("/m/lookup?bypass_coinflip=true", "video", []byte("x"), nil, &f), 200)
	if _, ok := f["video_md5"]; !ok || len(f) != 1 {
		t.Errorf("a video looks up %v", f)
	}
	var m message
	for _, bad := range []string{"/m/lookup", "/m/lookup?signal_type=pdq", "/m/lookup?signal_type=nope&signal=x", "/m/lookup?signal_type=pdq&signal=xyz", "/m/raw_lookup?signal_type=pdq&signal=12"} {
		c.want(t, bad, c.call("GET", bad, "", nil, &m), 400)
		if m.Message == "" {
			t.Errorf("%s: no message", bad)
		}
	}
	var status map[string]struct {
		Present bool  `json:"present"`
		BuiltTo int64 `json:"built_to"`
		Size    int64 `json:"size"`
	}
	c.want(t, "index", c.call("GET", "/m/index/status", "", nil, &status), 200)
	if s := status["pdq"]; !s.Present || s.Size < 4 || s.BuiltTo < time.Now().Unix()-600 || status["video_md5"].Size != 1 {
		t.Errorf("index status %v", status)
	}
	c.want(t, "index of one", c.call("GET", "/m/index/status?signal_type=pdq", "", nil, &m), 200)
	c.want(t, "index of nothing", c.call("GET", "/m/index/status?signal_type=nope", "", nil, &m), 400)
}

func (c hmaClient) types(t *testing.T) {
	a, b := strings.Repeat("0", 63)+"1", strings.Repeat("0", 61)+"fff"
	var out map[string][2]any
	c.want(t, "compare", c.json("POST", "/m/compare", map[string]any{"pdq": []string{a, b}}, &out), 200)
	if want := map[string][2]any{"pdq": {true, map[string]any{"distance": 11.0}}}; !reflect.DeepEqual(out, want) {
		t.Errorf("compared %v, want %v", out, want)
	}
	c.want(t, "compare far", c.json("POST", "/m/compare", map[string]any{"pdq": []string{a, strings.Repeat("f", 64)}}, &out), 200)
	if out["pdq"][0] != false {
		t.Errorf("far ones %v", out)
	}
	var m message
	for name, body := range map[string]any{"one hash": map[string]any{"pdq": []string{a}}, "no list": map[string]any{"pdq": a}, "bad hash": map[string]any{"pdq": []string{a, "x"}},
		"bad type": map[string]any{"nope": []string{a, b}}, "no object": []string{a}} {
		c.want(t, name, c.json("POST", "/m/compare", body, &m), 400)
	}
	var signals, contents []map[string]any
	c.want(t, "signal types", c.call("GET", "/c/signal_type", "", nil, &signals), 200)
	c.want(t, "content types", c.call("GET", "/c/content_type", "", nil, &contents), 200)
	if signals[0]["name"] != "pdq" || signals[0]["enabled_ratio"] != 1.0 || contents[0]["name"] != "photo" || contents[0]["enabled"] != true {
		t.Errorf("types %v, %v", signals, contents)
	}
	c.want(t, "type on", c.json("PUT", "/c/signal_type/pdq", map[string]any{"enabled_ratio": 1.0}, nil), 204)
	c.want(t, "type off", c.json("PUT", "/c/signal_type/pdq", map[string]any{"enabled_ratio": 0}, &m), 400)
	c.want(t, "no such type", c.json("PUT", "/c/signal_type/nope", map[string]any{"enabled_ratio": 1}, &m), 404)
	var index map[string]map[string]any
	c.want(t, "index", c.call("GET", "/c/signal_type/index", "", nil, &index), 200)
	if index["pdq"]["index_out_of_date"] != false || index["pdq"]["db_size"] == nil {
		t.Errorf("index %v", index)
	}
}

// traps are what real clients do, each found in the code of one.
func (c hmaClient) traps(t *testing.T, picture []byte) {
	// Coop's base URL ends in a slash, and it appends a path that begins with one.
	var b hmaBank
	c.want(t, "doubled slash", c.json("POST", "//c/banks", map[string]any{"name": "SLASH"}, &b), 201)
	// policyserv takes every top-level key for a bank.
	var keys map[string]json.RawMessage
	c.want(t, "look-up", c.call("GET", "/m/lookup?signal_type=pdq&signal="+strings.Repeat("5", 64), "", nil, &keys), 200)
	if len(keys) != 0 {
		t.Errorf("nothing is found, and there are keys %v", keys)
	}
	// Clients send an empty PDQ hash for a picture that has none.
	c.want(t, "empty hash", c.call("GET", "/m/lookup?signal_type=pdq&signal=", "", nil, &keys), 200)
	// Coop sends metadata of what it adds by URL in the query: refused or taken,
	// but never an answer that says nothing.
	var m message
	if got := c.json("POST", "/c/bank/SLASH/content?content_type=photo&url=http%3A%2F%2Felsewhere.example%2Fa.png&metadata=%7B%22content_id%22%3A%221%22%7D", map[string]any{}, &m); got < 400 || m.Message == "" {
		t.Errorf("a URL that may not be fetched: %d %+v", got, m)
	}
	// A picture with nothing to see must not become a hash that every other meets.
	var added banked
	c.want(t, "featureless", c.file("/c/bank/SLASH/content", "photo", plainPicture(t), nil, &added), 200)
	if added.Signals["pdq"] != "" || len(added.Signals["sha256"]) != 64 {
		t.Errorf("a plain picture was banked as %v", added.Signals)
	}
	// A file that cannot be read is an error and never an empty answer.
	c.want(t, "cut file", c.file("/m/lookup", "photo", picture[:len(picture)/2], nil, &m), 400)
}

// plainPicture is one shade of grey.
func plainPicture(t *testing.T) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 200, 200))
	for i := range m.Pix {
		m.Pix[i] = 128
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
