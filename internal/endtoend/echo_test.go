package endtoend

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// mark is the text that must never come back. It is a legal host name, file
// name and identifier, so that nothing refuses it for its letters alone.
const mark = "zqxcanary7f3a9e"

// traces are the forms in which mark would be recognised.
var traces = []string{mark, hex.EncodeToString([]byte(mark)),
	strings.ToLower(base64.RawStdEncoding.EncodeToString([]byte(mark)))}

func trace(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(traces, func(m string) bool { return strings.Contains(text, m) })
}

// echo sends requests that hold mark where it is invalid and looks for it in
// the answers.
type echo struct {
	t      *testing.T
	s      *server
	cookie string
	ids    []filled // paths of things that exist
	sent   int
	status map[int]int
}

// filled is the beginning of a path, with and without its parameter.
type filled struct{ template, path string }

// try sends one request and looks at the whole answer.
func (e *echo) try(req *http.Request) int {
	e.t.Helper()
	if req.Header.Get("Cookie") == "" && req.Header.Get("Authorization") == "" {
		req.Header.Set("Cookie", e.cookie)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		e.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	e.sent++
	e.status[resp.StatusCode]++
	head, _ := json.Marshal(resp.Header)
	if trace(string(body)) || trace(string(head)) || trace(resp.Status) {
		e.t.Errorf("%s %s: %d repeats what was sent: %.500s %s", req.Method, req.URL, resp.StatusCode, body, head)
	}
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
		e.t.Errorf("%s %s: %d %.300s", req.Method, req.URL, resp.StatusCode, body)
	}
	return resp.StatusCode
}

func (e *echo) send(method, path, kind string, body []byte) int {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.s.base()+path, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return e.try(req)
}

func (e *echo) json(method, path string, doc any) {
	e.t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		e.t.Fatal(err)
	}
	e.send(method, path, "application/json", text)
}

// The parts of the OpenAPI document that the walk needs.
type (
	openAPI struct {
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]*schema `json:"schemas"`
		} `json:"components"`
	}
	operation struct {
		Parameters []struct {
			Name string `json:"name"`
			In   string `json:"in"`
		} `json:"parameters"`
		RequestBody *struct {
			Content map[string]struct {
				Schema *schema `json:"schema"`
			} `json:"content"`
		} `json:"requestBody"`
	}
	schema struct {
		Ref        string             `json:"$ref"`
		Type       string             `json:"type"`
		Format     string             `json:"format"`
		Enum       []any              `json:"enum"`
		MaxLength  *int               `json:"maxLength"`
		MaxItems   *int               `json:"maxItems"`
		Minimum    *float64           `json:"minimum"`
		Required   []string           `json:"required"`
		Properties map[string]*schema `json:"properties"`
		Items      *schema            `json:"items"`
		Additional json.RawMessage    `json:"additionalProperties"`
	}
)

func (d *openAPI) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	return s
}

// valid is a small value that the schema takes.
func (d *openAPI) valid(s *schema) any {
	s = d.resolve(s)
	switch {
	case s == nil:
		return map[string]any{}
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == "integer" || s.Type == "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case s.Type == "boolean":
		return true
	case s.Type == "array":
		return []any{}
	case s.Type == "object":
		out := map[string]any{}
		for _, name := range s.Required {
			out[name] = d.valid(s.Properties[name])
		}
		return out
	case s.Format == "date-time":
		return "2026-01-02T03:04:05Z"
	}
	return "x"
}

// wrong is every way of putting mark into a value so that the schema refuses
// it, one document each.
func (d *openAPI) wrong(s *schema) []any {
	s = d.resolve(s)
	object, array := map[string]any{mark: mark}, []any{mark}
	if s == nil {
		return nil
	}
	switch {
	case s.Type == "string" && (len(s.Enum) > 0 || s.Format == "date-time"):
		return []any{mark, object, array, strings.Repeat(mark, 2000)}
	case s.Type == "string":
		out := []any{object, array}
		if s.MaxLength != nil {
			out = append(out, strings.Repeat(mark, 1+*s.MaxLength/len(mark)))
		}
		return out
	case s.Type == "integer", s.Type == "number", s.Type == "boolean":
		return []any{mark, object, array, "1" + mark}
	case s.Type == "array":
		out := []any{mark, object}
		for _, w := range d.wrong(s.Items) {
			out = append(out, []any{w})
		}
		if s.MaxItems != nil {
			out = append(out, slices.Repeat([]any{mark}, *s.MaxItems+1))
		}
		return out
	case s.Type == "object":
		return d.wrongObject(s)
	}
	return nil
}

func (d *openAPI) wrongObject(s *schema) []any {
	out := []any{mark, []any{mark}}
	with := func(name string, v any) map[string]any {
		m := maps.Clone(d.valid(s).(map[string]any))
		m[name] = v
		return m
	}
	if string(s.Additional) == "false" {
		out = append(out, with(mark, mark), with(mark, map[string]any{mark: mark}))
	} else if extra := (&schema{}); json.Unmarshal(s.Additional, extra) == nil && extra.Type != "" {
		for _, w := range d.wrong(extra) {
			out = append(out, with(mark, w))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		for _, w := range d.wrong(s.Properties[name]) {
			out = append(out, with(name, w))
		}
	}
	return out
}

// malformed are bodies that are not JSON, or not quite.
func malformed() [][]byte {
	deep := strings.Repeat(`{"`+mark+`":`, 200)
	var out [][]byte
	for _, text := range []string{mark, `"` + mark, `{"` + mark, `{"a":"` + mark + `",}`, `{"a":"` + mark + `"`, `{'a':'` + mark + `'}`,
		`[` + mark + `]`, `{"a":` + mark + `}`, `{"a":"\u12` + mark + `"}`, "{\"a\":\"" + mark + "\xff\xfe\"}", "{\"a\":\"" + mark + "\x00\"}",
		"\xef\xbb\xbf{\"" + mark + "\":1}", `{"a":1}` + mark, `{"` + mark + `":1,"` + mark + `":2}`, deep, `null` + mark, `1e` + mark} {
		out = append(out, []byte(text))
	}
	return out
}

var wrongTypes = []string{mark + "/" + mark, mark, "application/" + mark, "text/html; charset=" + mark, "application/json; charset=" + mark + "; " + mark,
	"multipart/form-data; boundary=" + mark, "multipart/form-data", "multipart/form-data; boundary=\"" + mark, "application/x-www-form-urlencoded", "application/cbor"}

// fill puts identifiers into a path.
func (e *echo) fill(path string) string {
	for _, in := range e.ids {
		if rest, ok := strings.CutPrefix(path, in.template); ok {
			path = in.path + rest
		}
	}
	return path
}

func (e *echo) operation(d *openAPI, method, path string, op operation) {
	e.t.Helper()
	base := e.fill(path)
	for _, p := range op.Parameters {
		e.parameter(method, path, base, p.Name, p.In)
	}
	if op.RequestBody == nil {
		return
	}
	for _, text := range malformed() {
		e.send(method, base, "application/json", text)
	}
	for _, kind := range wrongTypes {
		e.send(method, base, kind, []byte(mark))
		e.send(method, base, kind, []byte(`{"`+mark+`":"`+mark+`"}`))
		e.send(method, base, kind, []byte("--"+mark+"\r\nContent-Disposition: form-data; name=\""+mark+"\"\r\n\r\n"+mark))
	}
	s := op.RequestBody.Content["application/json"].Schema
	for _, doc := range d.wrong(s) {
		e.json(method, base, doc)
		if _, form := op.RequestBody.Content["multipart/form-data"]; form {
			text, _ := json.Marshal(doc)
			e.form(base, field{name: "meta", body: text}, field{name: "file", file: "x.png", body: landscape(1)})
		}
	}
}

// parameter sends mark in one parameter where it is wrong, or unknown.
func (e *echo) parameter(method, path, base, name, in string) {
	e.t.Helper()
	long := strings.Repeat(mark, 400)
	values := []string{mark, mark + "!", long, `{"` + mark + `":1}`, "%" + mark, mark + "\x00", mark + "\xff", "../" + mark, "'" + mark + "\"<>"}
	if name == "cursor" {
		for _, c := range []string{mark, `"` + mark, `{"` + mark + `":"` + mark + `"}`, `{"At":"` + mark + `"}`, `["` + mark + `"]`, `{"ID":7,"id":["` + mark + `"]}`} {
			values = append(values, base64.RawURLEncoding.EncodeToString([]byte(c)), base64.StdEncoding.EncodeToString([]byte(c)))
		}
	}
	for _, v := range values {
		switch in {
		case "query":
			e.send(method, base+"?"+url.Values{name: {v}}.Encode(), "", nil)
			e.send(method, base+"?"+url.Values{name: {"1", v}, mark: {mark}}.Encode(), "", nil)
		case "path":
			// The body is malformed too: an identifier alone may be a good one.
			at := strings.Replace(path, "{"+name+"}", url.PathEscape(v), 1)
			e.send(method, e.fill(at), "application/json", []byte(mark))
		case "header":
			if strings.ContainsAny(v, "\x00") {
				continue // Go's client does not send it
			}
			req, err := http.NewRequestWithContext(e.t.Context(), method, e.s.base()+base, strings.NewReader(mark))
			if err != nil {
				e.t.Fatal(err)
			}
			req.Header.Set(name, v)
			req.Header.Set("Content-Type", "application/json")
			e.try(req)
		}
	}
}

// field is one part of a form.
type field struct {
	name, file string
	body       []byte
}

func (e *echo) form(path string, fields ...field) int {
	e.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		p, err := w.CreateFormField(f.name)
		if f.file != "" {
			p, err = w.CreateFormFile(f.name, f.file)
		}
		if err == nil {
			_, err = p.Write(f.body)
		}
		if err != nil {
			e.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		e.t.Fatal(err)
	}
	return e.send("POST", path, w.FormDataContentType(), b.Bytes())
}

// TestEndToEndCanaryString posts a distinctive text wherever it is invalid. No
// answer, no line of the log at level debug and no metric may hold it.
func TestEndToEndCanaryString(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t), "ROWAN_LOG_LEVEL=debug")
	admin := s.key("admin")
	picture := landscape(301)
	s.knowing(admin, picture)
	res := s.upload(s.key("service"), "echo", picture)
	c := caller{t, s.base(), admin}
	v := c.caseOf(res.CaseID)
	report := c.confirm(s.upload(s.key("service"), "echo-2", picture).CaseID)
	e := &echo{t: t, s: s, status: map[int]int{}, cookie: s.session(), ids: []filled{
		{"/v1/accounts/{id}", "/v1/accounts/acct-echo"}, {"/v1/cases/{id}", "/v1/cases/" + res.CaseID},
		{"/v1/evidence/{id}", "/v1/evidence/" + v.Content[0].Evidence.ID}, {"/v1/reports/{id}", "/v1/reports/" + report},
		{"/v1/lists/{name}", "/v1/lists/" + knownList}, {"/v1/lists/" + knownList + "/signals/{id}", "/v1/lists/" + knownList + "/signals/sig_none"},
		{"/v1/exchanges/{name}", "/v1/exchanges/none"}, {"/v1/users/{id}", "/v1/users/usr_none"}, {"/v1/keys/{id}", "/v1/keys/key_none"}, {"/v1/webhooks/{id}", "/v1/webhooks/whk_none"},
		{"/v1/webhooks/deliveries/{id}", "/v1/webhooks/deliveries/dlv_none"}}}
	var d openAPI
	c.send("GET", "/openapi.json", nil, &d)
	if len(d.Paths) < 30 {
		t.Fatalf("the document has %d paths", len(d.Paths))
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, op := range d.Paths[path] {
			if path == "/v1/session" && method == "delete" {
				continue // would sign the test out
			}
			e.operation(&d, strings.ToUpper(method), path, op)
		}
	}
	walked := e.sent
	e.particular()
	e.imports()
	e.hma()
	e.hmaExchanges()
	e.transport()
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if trace(line) {
			t.Errorf("the log repeats what was sent: %.400s", line)
		}
	}
	if !strings.Contains(s.log.String(), "level=DEBUG") {
		t.Error("the log is not at level debug; the test looks at nothing")
	}
	if m := c.do("GET", "/metrics", "", nil); m.status != 200 || trace(string(m.body)) {
		t.Errorf("metrics: %d, repeats what was sent: %v", m.status, trace(string(m.body)))
	}
	if !s.alive() {
		t.Error("the server is gone")
	}
	t.Logf("%d requests (%d from the OpenAPI document), answers by status: %v", e.sent, walked, e.status)
}

// session signs in with the printed link and returns the cookie.
func (s *server) session() string {
	s.t.Helper()
	_, token, _ := strings.Cut(s.link, "#link=")
	text, _ := json.Marshal(map[string]string{"token": token})
	a := caller{t: s.t, base: s.base()}.do("POST", "/v1/session/link", "application/json", text)
	if a.status != 200 {
		s.t.Fatalf("signing in: %d %s", a.status, a.body)
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return cookie
}

// particular is what passes the schemas and is refused behind them.
func (e *echo) particular() {
	e.t.Helper()
	acct, one := e.fill("/v1/accounts/{id}"), func(k string, v any) map[string]any { return map[string]any{k: v} }
	for _, doc := range []any{one("profile_url", mark), one("profile_url", "ftp://"+mark), one("date_of_birth", mark[:10]),
		one("emails", []any{one("address", mark)}), one("emails", []any{one("address", mark+"@@"+mark)}), one("phones", []any{one("number", strings.Repeat(mark, 5))}),
		one("ip_events", []any{map[string]any{"ip": mark, "event": "login", "at": "2026-01-02T03:04:05Z"}}),
		one("ip_events", []any{map[string]any{"ip": "203.0.113.7", "event": mark, "at": "2026-01-02T03:04:05Z"}}),
		one("devices", []any{map[string]any{"type": "", "value": mark}}), one("devices", []any{map[string]any{"type": strings.Repeat(mark, 20), "value": mark}})} {
		e.json("PUT", acct, doc)
	}
	for _, u := range []string{mark, "ftp://" + mark, "http://" + mark + "%zz/", "http://" + mark + ":" + mark,
		"http://user:" + mark + "@127.0.0.1/", "https://[" + mark + "]/", "http://" + mark + "\x00/", "//" + mark, "https:" + mark,
		"https://" + mark + "@10.0.0.1/", "javascript:" + mark} {
		e.json("POST", "/v1/webhooks", one("url", u))
	}
	e.json("POST", "/v1/webhooks", map[string]any{"url": "https://hooks.example.test/", "events": []string{mark}})
	for _, name := range []string{mark + "!", strings.ToUpper(mark), "../" + mark, mark + " ", mark + "/" + mark} {
		e.json("POST", "/v1/lists", map[string]any{"name": name, "kind": "illegal"})
	}
	e.json("POST", "/v1/lists", map[string]any{"name": knownList, "kind": "illegal", "source": mark}) // taken
	e.json("POST", e.fill("/v1/cases/{id}/decision"), map[string]any{"outcome": "confirmed", "reason": mark, "incident_type": mark})
	e.json("POST", e.fill("/v1/cases/{id}/decision"), map[string]any{"outcome": "confirmed", "reason": " ", "incident_type": mark, "note": mark})
	e.json("PUT", e.fill("/v1/reports/{id}/draft"), map[string]any{"incident_at": "2999-01-01T00:00:00Z", "additional_info": strings.Repeat(mark, 2000)})
	e.json("POST", "/v1/session/link", one("token", mark))
	e.json("POST", "/v1/session/passkey/login/finish", map[string]any{"flow": mark, "response": one(mark, mark)})
	e.json("POST", "/v1/session/passkey/register/begin", map[string]any{})
	for _, doc := range []any{one(mark, mark), map[string]any{"id": mark, "rawId": mark, "type": mark, "response": map[string]any{"clientDataJSON": mark, "attestationObject": mark}},
		map[string]any{"id": mark, "rawId": "enF4", "type": "public-key", "response": map[string]any{"clientDataJSON": base64.RawURLEncoding.EncodeToString([]byte(`{"type":"` + mark + `"}`)), "attestationObject": "o2Nm"}}} {
		e.json("POST", "/v1/session/passkey/register/finish", doc)
		e.json("POST", "/v1/session/passkey/login/finish", map[string]any{"flow": mark, "response": doc})
	}
	e.checks()
}

// checks are forms and metas that are refused, or held.
func (e *echo) checks() {
	e.t.Helper()
	const path = "/v1/media/check"
	meta := func(k string, v any) []byte {
		text, _ := json.Marshal(map[string]any{"content_id": "c", k: v})
		return text
	}
	file := field{name: "file", file: mark + ".png", body: landscape(302)}
	for _, m := range [][]byte{meta("jurisdiction", mark[:2]), meta("created_at", mark), meta("ip", mark), meta("url", mark), meta("url", "ftp://"+mark),
		meta("hashes", map[string]string{mark: mark}), meta("hashes", map[string]string{"sha256": mark}), meta("hashes", map[string]string{"pdq": mark}), meta(mark, mark), []byte(mark)} {
		e.send("POST", path, "application/json", m)
		e.form(path, field{name: "meta", body: m}, file)
		e.form(path, field{name: "meta", body: m})
	}
	for _, links := range [][]string{{mark}, {"https://" + mark + ".example/" + mark}, {"javascript:" + mark, "data:" + mark}, slices.Repeat([]string{mark}, 101)} {
		for _, surface := range []string{"public", "encrypted", mark} {
			e.json("POST", "/v1/links/check", map[string]any{"content_id": "c", "links": links, "surface": surface})
		}
	}
	good := field{name: "meta", body: []byte(`{"content_id":"c"}`)}
	e.form(path, good, field{name: mark, body: []byte(mark)}, file)
	e.form(path, field{name: mark, file: mark, body: []byte(mark)})
	e.form(path, good, field{name: "file", file: mark + ".png", body: []byte(mark)})                          // text: held
	e.form(path, good, field{name: "file", file: mark + ".png", body: append(landscape(303)[:900], mark...)}) // cut: held
	for _, doc := range []string{`{"content_id":"c","hashes":{"md5":"00000000000000000000000000000001"}}`, `{"content_id":"c","hashes":{"md5":"00000000000000000000000000000002"}}`} {
		req, err := http.NewRequestWithContext(e.t.Context(), "POST", e.s.base()+path, strings.NewReader(doc))
		if err != nil {
			e.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", mark)
		e.try(req) // the second is a conflict
	}
}

// imports are files with malformed rows in every format.
func (e *echo) imports() {
	e.t.Helper()
	path := e.fill("/v1/lists/{name}/import")
	rows := map[string][]string{
		"csv": {"sha256\n" + mark + "\n", mark + "\n" + mark + "\n", "sha256," + mark + "\nx," + mark + "\n", "sha256,note\n\"" + mark + "\n", "sha256\n\"" + mark + "\"\"x\"\n",
			"md5,sha1,pdq\n" + mark + "," + mark + "," + mark + "\n", mark, "sha256\n" + mark + "\xff\n", "sha256,sha256\n" + mark + "," + mark + "\n", "sha256\n" + strings.Repeat(mark, 10000) + "\n",
			"sha256,note\n" + sum(nil) + "," + strings.Repeat(mark, 10000) + "\n", "sha256,classification\n" + sum(nil) + "," + strings.Repeat(mark, 500) + ",x\n"},
		"hashes": {mark + "\n", mark + " " + mark + "\n", sum(nil) + mark + "\n", strings.Repeat(mark, 20000), mark + "\x00\n", "sha256:" + mark + "\n"},
		"vics": {mark, `{"` + mark + `":1}`, `{"@odata.context":"` + mark + `","value":[{"MD5":"` + mark + `"}]}`, `{"value":[{"MediaID":"` + mark + `","SHA1":"` + mark + `"}]}`,
			`{"value":["` + mark + `"]}`, `{"value":"` + mark + `"}`, `[{"MD5":"` + mark + `"}]`, `{"value":[{"MD5":` + mark + `}]}`, `{"value":[{"MD5":"` + sum(nil)[:32] + `","Category":"` + mark + `"}`},
		mark: {mark},
		"":   {mark},
	}
	for _, format := range slices.Sorted(maps.Keys(rows)) {
		for _, text := range rows[format] {
			file := field{name: "file", file: mark + ".csv", body: []byte(text)}
			e.form(path, field{name: "format", body: []byte(format)}, file)
			e.form(path, file, field{name: "format", body: []byte(format)}, field{name: "skip_bad", body: []byte("true")}, field{name: mark, body: []byte(mark)})
			e.form(path, field{name: "format", body: []byte(format)}, field{name: "skip_bad", body: []byte(mark)}, file)
		}
	}
	e.form(path, field{name: "format", body: []byte(strings.Repeat(mark, 100))})
	e.form(path, field{name: "format", body: []byte("csv")})
	e.form("/v1/lists/"+mark+"/import", field{name: "format", body: []byte("csv")}, field{name: "file", file: "x", body: []byte("sha256\n" + mark + "\n")})
}

// hma are the routes for clients of Meta's HMA, which the document leaves out.
func (e *echo) hma() {
	e.t.Helper()
	for _, q := range []string{"", "?url=http://" + mark + "/", "?url=" + mark, "?signal_type=" + mark + "&signal=" + mark, "?signal_type=pdq&signal=" + mark,
		"?signal_type=video_md5&signal=" + mark, "?signal_type=md5&signal=" + mark + "&banks=" + mark, "?signal_type=pdq&signal=&banks=" + mark,
		"?signal_type=pdq&signal=" + strings.Repeat("0", 64) + "&banks=" + mark, "?" + mark + "=" + mark, "?a;b=" + mark, "?%" + mark} {
		for _, path := range []string{"/m/lookup", "/h/hash", "/h//hash", "/status"} {
			e.send("GET", path+q, "", nil)
			if path != "/status" {
				e.send("POST", path+q, "application/json", []byte(`{"`+mark+`":"`+mark+`"}`))
				e.form(path+q, field{name: "photo", file: mark, body: []byte(mark)})
				e.form(path+q, field{name: mark, file: mark, body: landscape(304)})
				e.form(path+q, field{name: "photo", file: mark, body: landscape(304)}, field{name: mark, body: []byte(mark)})
			}
		}
	}
}

// hmaExchanges are HMA's exchanges, with credentials that are refused.
func (e *echo) hmaExchanges() {
	e.t.Helper()
	for _, api := range []string{"ncmec", "stop_ncii", mark} {
		path := "/c/exchanges/api/" + api
		e.send("GET", path, "", nil)
		e.send("GET", path+"/schema", "", nil)
		for _, doc := range []string{mark, `"` + mark + `"`, `{"credential_json":"` + mark + `"}`, `{"credential_json":{"` + mark + `":1}}`, `{"credential_json":{"user":"` + mark + `"}}`,
			`{"credential_json":{"user":["` + mark + `"],"password":"` + mark + `"}}`, `{"credential_json":{"fetch_function_key":"` + mark + `","subscription_key":"` + mark + `","base_url_override":"` + mark + `"}}`} {
			e.send("POST", path, "application/json", []byte(doc))
		}
	}
	for _, doc := range []string{mark, `{"bank":"` + mark + `"}`, `{"bank":"A","api":"` + mark + `"}`, `{"bank":"A","api":"ncmec","api_json":"` + mark + `"}`,
		`{"bank":"A","api":"ncmec","api_json":{"` + mark + `":1}}`, `{"bank":"A","api":"ncmec","api_json":{"environment":"https://` + mark + `.example"}}`,
		`{"bank":"A","api":"ncmec","api_json":{"environment":"` + mark + `","only_esp_ids":["` + mark + `"]}}`,
		`{"bank":"A","api":"fb_threatexchange","api_json":{"privacy_group":"` + mark + `"}}`} {
		e.send("POST", "/c/exchanges", "application/json", []byte(doc))
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		e.send(method, "/c/exchange/"+mark, "application/json", []byte(`{"enabled":"`+mark+`"}`))
	}
	e.send("GET", "/c/exchange/"+mark+"/status", "", nil)
}

// transport is what goes wrong before an operation is found.
func (e *echo) transport() {
	e.t.Helper()
	for _, path := range []string{"/" + mark, "/v1/" + mark, "/console/" + mark, "/console/assets/" + mark + ".js", "/v1/cases/../" + mark, "/v1//" + mark, "/./" + mark,
		"/%2e%2e/" + mark, "/v1/cases/" + mark + "/" + mark, "/console/../" + mark, "/console/assets/../" + mark, "/console/" + mark + "/index.html", "/console/index.html?" + mark,
		"/openapi.json/" + mark, "/openapi-" + mark + ".json", "/schemas/" + mark, "/metrics/" + mark, "/" + mark + "%00", "/?" + mark} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", strings.ToUpper(mark)} {
			e.send(method, path, "", nil)
		}
	}
	for _, path := range []string{"/v1/cases", "/v1/session", "/v1/media/check", "/console/", "/m/lookup"} {
		for name, value := range map[string]string{"Authorization": "Bearer " + mark, "Cookie": "rowan=" + mark, "Origin": "https://" + mark + ".example", "Sec-Fetch-Site": mark,
			"Accept": mark + "/" + mark, "X-Forwarded-For": mark, "X-Request-Id": mark, "Accept-Encoding": mark, "Traceparent": mark, "Range": mark, "If-Match": mark, "Referer": "https://" + mark} {
			for _, method := range []string{"GET", "POST"} {
				req, err := http.NewRequestWithContext(e.t.Context(), method, e.s.base()+path, nil)
				if err != nil {
					e.t.Fatal(err)
				}
				req.Header.Set(name, value)
				req.Host = "localhost"
				e.try(req)
			}
		}
	}
	for _, head := range []string{mark, "GET " + mark + " HTTP/1.1", "GET / HTTP/" + mark, "GET / HTTP/1.1\r\n" + mark, "GET / HTTP/1.1\r\nHost: " + mark + " " + mark, mark + " / HTTP/1.1\r\nHost: x",
		"GET / HTTP/1.1\r\nHost: x\r\n" + mark + " : " + mark, "POST /v1/lists HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + mark, "POST /v1/lists HTTP/1.1\r\nHost: x\r\nContent-Length: " + mark,
		"GET /%" + mark + " HTTP/1.1\r\nHost: x", "GET / HTTP/1.1\r\nHost: x\r\nExpect: " + mark, "GET http://" + mark + "/v1/cases HTTP/1.1\r\nHost: " + mark,
		"GET /" + strings.Repeat(mark, 8000) + " HTTP/1.1\r\nHost: x"} {
		e.raw(head)
	}
}

// raw sends bytes that no client sends.
func (e *echo) raw(head string) {
	e.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", e.s.port))
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, head+"\r\nConnection: close\r\n\r\n") // it may have hung up already
	answer, _ := io.ReadAll(conn)
	e.sent++
	if trace(string(answer)) {
		e.t.Errorf("%.80q: repeats what was sent: %.400s", head, answer)
	}
}
