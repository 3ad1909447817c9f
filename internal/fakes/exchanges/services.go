package exchanges

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ncmecElements are the elements of fingerprints; an unknown type has its own
// name.
var ncmecElements = map[string]string{"md5": "md5", "sha1": "sha1", "pdq": "pdq", "photodna": "pdna", "netclean": "netclean"}

func (s *Server) ncmec(r *http.Request, f Fault) page {
	if !s.basic(r) {
		return refuse(http.StatusUnauthorized, "credentials")
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/v2/status":
		return page{status: 200, kind: "application/xml", body: []byte(`<status xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><ipAddress>127.0.0.1</ipAddress><username>` + s.cfg.Username + `</username><member id="1">Example Service</member></status>`)}
	case r.Method == http.MethodGet && r.URL.Path == "/v2/entries":
		return s.ncmecEntries(r, f)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v2/entries/"):
		id, kind, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/entries/"), "/fingerprints/")
		if !ok || kind != "TMK_PDQF" {
			return refuse(404, "no such fingerprint")
		}
		for _, e := range s.World.Live() {
			if e.ID == id && e.Prints["tmk_pdqf"] != "" {
				return page{status: 200, kind: "application/octet-stream", body: bytes.Repeat([]byte(e.Prints["tmk_pdqf"]), 64)}
			}
		}
		return refuse(404, "no such fingerprint")
	case r.Method == http.MethodPut:
		return s.ncmecVote(r)
	}
	return refuse(404, "no such path "+r.Method)
}

func (s *Server) ncmecEntries(r *http.Request, f Fault) page {
	q := r.URL.Query()
	if bad := only(r, "from", "to", "start", "size", "max"); bad != "" {
		return refuse(400, bad)
	}
	const form = "2006-01-02T15:04:05Z"
	from, err := time.Parse(form, q.Get("from"))
	to, err2 := time.Parse(form, q.Get("to"))
	if err != nil || err2 != nil || to.Before(from) {
		return refuse(400, "window")
	}
	if to.After(s.cfg.Now()) {
		return refuse(400, "a window that ends in the future")
	}
	start := 1
	if q.Has("start") {
		if !s.wasIssued(q.Encode()) {
			return refuse(400, "a page link that was not issued")
		}
		start, _ = strconv.Atoi(q.Get("start"))
	}
	if f == Older {
		to = from.Add(-time.Second)
		from = time.Time{}
		start = 1
	}
	rows := slices.DeleteFunc(s.World.all(), func(e Entry) bool { return e.Changed.Before(from) || e.Changed.After(to) })
	slices.SortFunc(rows, func(a, b Entry) int { return cmp.Compare(scatter(a.ID), scatter(b.ID)) }) // in no order of time
	if f == Empty {
		rows = nil
	}
	part, more := cut(rows, start-1, s.cfg.PageSize)
	if f == Duplicate && len(part) > 0 {
		part = append(slices.Clone(part), spoiled(part[0]))
	}
	next := ""
	if more {
		v := url.Values{"from": {q.Get("from")}, "to": {q.Get("to")}, "start": {strconv.Itoa(start + s.cfg.PageSize)},
			"size": {strconv.Itoa(s.cfg.PageSize)}, "max": {strconv.Itoa(len(rows))}}
		s.issue(v.Encode())
		next = "/v2/entries?" + v.Encode()
	}
	return page{status: 200, kind: "application/xml", body: ncmecXML(part, next)}
}

func scatter(id string) string { h := sha256.Sum256([]byte(id)); return string(h[:]) }

// member spreads entries over two members that use the same numbers.
func member(e Entry) string { return strconv.FormatInt(40+e.Number%2, 10) }

func ncmecXML(rows []Entry, next string) []byte {
	var b bytes.Buffer
	esc := func(s string) string {
		var e bytes.Buffer
		_ = xml.EscapeText(&e, []byte(s))
		return e.String()
	}
	b.WriteString(xml.Header + `<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">`)
	for _, set := range []string{"image", "video"} {
		n := 0
		var in bytes.Buffer
		for _, e := range rows {
			if (e.Number%3 == 0) != (set == "video") {
				continue
			}
			head := fmt.Sprintf(`<member id=%q>Member %s</member>`, member(e), member(e))
			at := e.Changed.UTC().Format(time.RFC3339)
			if e.Deleted {
				name := "deleted" + strings.ToUpper(set[:1]) + set[1:]
				fmt.Fprintf(&in, "<%s>%s<id>%s</id><timestamp>%s</timestamp></%s>", name, head, esc(e.ID), at, name)
				continue
			}
			n++
			fmt.Fprintf(&in, "<%s>%s<timestamp>%s</timestamp><id>%s</id><classification>A1</classification><fingerprints>", set, head, at, esc(e.ID))
			for _, t := range slices.Sorted(maps.Keys(e.Prints)) {
				if t == "tmk_pdqf" {
					fmt.Fprintf(&in, `<tmk-pdqf rel="self" href="/v2/entries/%s/fingerprints/TMK_PDQF"/>`, esc(e.ID))
					continue
				}
				name := cmp.Or(ncmecElements[t], t)
				fmt.Fprintf(&in, "<%s>%s</%s>", name, esc(e.Prints[t]), name)
			}
			fmt.Fprintf(&in, "</fingerprints></%s>", set)
		}
		fmt.Fprintf(&b, `<%ss count="%d" maxTimestamp="2026-01-01T00:00:00Z">%s</%ss>`, set, n, in.String(), set)
	}
	b.WriteString("<paging>")
	if next != "" {
		b.WriteString("<next>" + esc(next) + "</next>")
	}
	b.WriteString("</paging></queryResult>")
	return b.Bytes()
}

func (s *Server) ncmecVote(r *http.Request) page {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/entries/"), "/")
	if len(parts) != 4 || parts[3] != "feedback" {
		return refuse(404, "feedback path")
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	var v struct {
		XMLName     xml.Name  `xml:"https://hashsharing.ncmec.org/hashsharing/v2 feedbackSubmission"`
		Affirmative *struct{} `xml:"affirmative"`
		Negative    *struct {
			GUIDs []string `xml:"reasonIds>guid"`
		} `xml:"negative"`
	}
	if xml.Unmarshal(body, &v) != nil || (v.Affirmative == nil) == (v.Negative == nil) || (v.Negative != nil && len(v.Negative.GUIDs) == 0) {
		return refuse(400, "feedback body")
	}
	for _, e := range s.World.Live() {
		if e.ID == parts[1] && member(e) == parts[0] {
			b := Ballot{Entry: e.ID, Type: parts[2], Affirmative: v.Affirmative != nil}
			if v.Negative != nil {
				b.Reason = v.Negative.GUIDs[0]
			}
			s.vote(b)
			return page{status: 200}
		}
	}
	return refuse(404, "feedback on no entry")
}

func jsonPage(v any) page {
	body, _ := json.Marshal(v)
	return page{status: 200, kind: "application/json", body: body}
}

// keyset is the rows after a token of the form "time.number", since a time.
func (s *Server) keyset(since time.Time, token string, f Fault) (part []Entry, next string) {
	rows := s.World.since(since)
	if token != "" {
		at, n, _ := strings.Cut(token, ".")
		sec, _ := strconv.ParseInt(at, 10, 64)
		num, _ := strconv.ParseInt(n, 10, 64)
		rows = slices.DeleteFunc(rows, func(e Entry) bool {
			return e.Changed.Unix() < sec || (e.Changed.Unix() == sec && e.Number <= num)
		})
	}
	if f == Empty {
		return nil, ""
	}
	part, more := cut(rows, 0, s.cfg.PageSize)
	if more {
		e := part[len(part)-1]
		next = fmt.Sprintf("%d.%d", e.Changed.Unix(), e.Number)
	}
	if f == Duplicate && len(part) > 0 && part[0].Changed.After(since) {
		part = append(slices.Clone(part), spoiled(part[0]))
	}
	return part, next
}

func (s *Server) stopNCII(r *http.Request, f Fault) page {
	key := s.cfg.FunctionKey
	if r.URL.Path == "/SubmitFeedback" {
		key = s.cfg.FeedbackKey
	}
	if !same(r.Header.Get("x-functions-key"), key) || !same(r.Header.Get("Ocp-Apim-Subscription-Key"), s.cfg.SubscriptionKey) {
		return refuse(http.StatusUnauthorized, "credentials")
	}
	if r.Method == http.MethodPost && r.URL.Path == "/SubmitFeedback" {
		return s.stopNCIIVote(r)
	}
	if r.Method != http.MethodGet || r.URL.Path != "/FetchHashes" {
		return refuse(404, "no such path")
	}
	if bad := only(r, "startTimestamp", "pageSize", "nextPageToken"); bad != "" {
		return refuse(400, bad)
	}
	q := r.URL.Query()
	start, err := strconv.ParseInt(q.Get("startTimestamp"), 10, 64)
	if size, err2 := strconv.Atoi(q.Get("pageSize")); err != nil || err2 != nil || size < 1 || size > 1000 {
		return refuse(400, "parameters")
	}
	token := q.Get("nextPageToken")
	if token != "" && !s.wasIssued(q.Get("startTimestamp")+" "+token) {
		return refuse(400, "a page token that was not issued")
	}
	since := start
	if f == Older {
		since, token = 0, ""
	}
	part, next := s.keyset(time.Unix(since, 0), token, f)
	if next != "" {
		s.issue(q.Get("startTimestamp") + " " + next)
	}
	type record struct {
		Modified int64             `json:"lastModtimestamp"`
		Type     string            `json:"signalType"`
		Value    string            `json:"hashValue"`
		Status   string            `json:"hashStatus"`
		Cases    map[string]string `json:"caseNumbers"`
	}
	records := []record{}
	newest := start
	for _, e := range part {
		r := record{Modified: e.Changed.Unix(), Status: "Active", Cases: map[string]string{"1": "Active"}}
		if e.Deleted {
			r.Status = []string{"Withdrawn", "Deleted"}[e.Number%2]
		}
		for t, v := range e.Prints {
			r.Type, r.Value = cmp.Or(map[string]string{"pdq": "ImagePDQ", "md5": "VideoMD5"}[t], "Other"), v
		}
		newest = max(newest, r.Modified)
		records = append(records, r)
	}
	return jsonPage(map[string]any{"count": len(records), "nextPageToken": next, "nextSetTimestamp": newest, "hasMoreRecords": next != "", "hashRecords": records})
}

func (s *Server) stopNCIIVote(r *http.Request) page {
	var v struct {
		Count int `json:"count"`
		List  []struct {
			Value    string   `json:"hashValue"`
			Feedback string   `json:"feedbackValue"`
			Tags     []string `json:"tags"`
		} `json:"hashFeedbacks"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if dec.Decode(&v) != nil || v.Count != len(v.List) || v.Count == 0 {
		return refuse(400, "feedback body")
	}
	for _, x := range v.List {
		if x.Feedback != "Blocked" && x.Feedback != "NotBlocked" {
			return refuse(400, "feedback value")
		}
		found := false
		for _, e := range s.World.Live() {
			for t, value := range e.Prints {
				if value == x.Value {
					found = true
					s.vote(Ballot{Entry: e.ID, Type: t, Affirmative: x.Feedback == "Blocked"})
				}
			}
		}
		if !found {
			return refuse(404, "feedback on no entry")
		}
	}
	return page{status: 200}
}

func (s *Server) threatExchange(r *http.Request, f Fault) page {
	if err := r.ParseForm(); err != nil || !same(r.Form.Get("access_token"), s.cfg.Token) {
		return refuse(http.StatusUnauthorized, "credentials")
	}
	if r.Method == http.MethodPost {
		id, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/"), 10, 64)
		for _, e := range s.World.Live() {
			if e.Number == id-1000 {
				reaction := r.PostForm.Get("reactions")
				if reaction != "HELPFUL" && reaction != "DISAGREE_WITH_TAGS" {
					return refuse(400, "reaction")
				}
				s.vote(Ballot{Entry: e.ID, Affirmative: reaction == "HELPFUL"})
				return jsonPage(map[string]bool{"success": true})
			}
		}
		return refuse(404, "reaction to nothing")
	}
	if r.URL.Path != "/"+s.cfg.Group+"/threat_updates" {
		for _, e := range s.World.Live() {
			if r.URL.Path == "/"+strconv.FormatInt(e.Number, 10) {
				return jsonPage(map[string]any{"id": strconv.FormatInt(e.Number, 10), "descriptors": map[string]any{"data": []any{
					map[string]any{"id": strconv.FormatInt(1000+e.Number, 10), "status": "MALICIOUS"}, map[string]any{"id": "7", "status": "UNKNOWN"}}}})
			}
		}
		return refuse(404, "no such path")
	}
	if bad := only(r, "access_token", "fields", "limit", "start_time", "after"); bad != "" {
		return refuse(400, bad)
	}
	start, token := r.Form.Get("start_time"), r.Form.Get("after")
	if token != "" && !s.wasIssued(start+" "+token) {
		return refuse(400, "a cursor that was not issued")
	}
	sec, err := strconv.ParseInt(cmp.Or(start, "0"), 10, 64)
	if err != nil {
		return refuse(400, "start_time")
	}
	if f == Older {
		sec, token = 0, ""
	}
	part, next := s.keyset(time.Unix(sec, 0), token, f)
	data := []map[string]any{}
	for _, e := range part {
		u := map[string]any{"id": strconv.FormatInt(e.Number, 10), "last_updated": e.Changed.Unix(), "should_delete": e.Deleted,
			"descriptors": map[string]any{"data": []any{map[string]any{"id": "1", "owner": map[string]string{"id": "2"}, "status": "MALICIOUS", "tags": []string{"b", "a"}}}}}
		for t, v := range e.Prints {
			u["type"] = cmp.Or(map[string]string{"pdq": "HASH_PDQ", "md5": "HASH_MD5", "sha256": "HASH_SHA256", "url": "URI"}[t], "TREND_QUERY")
			u["indicator"] = v
		}
		data = append(data, u)
	}
	paging := map[string]any{}
	if next != "" {
		s.issue(start + " " + next)
		paging = map[string]any{"cursors": map[string]string{"after": next}, "next": "https://elsewhere.invalid/?access_token=leak"}
	}
	return jsonPage(map[string]any{"data": data, "paging": paging})
}

func (s *Server) tat(r *http.Request, f Fault) page {
	if r.Method == http.MethodPost && r.URL.Path == "/token-auth/tcap/" {
		if err := r.ParseForm(); err != nil || !same(r.PostForm.Get("username"), s.cfg.Username) || !same(r.PostForm.Get("password"), s.cfg.Password) {
			return refuse(http.StatusUnauthorized, "credentials")
		}
		if f == Older || f == Empty || f == Repeated {
			return jsonPage(map[string]any{"token": ""})
		}
		token := fmt.Sprintf("token-%d", s.Requests())
		s.mu.Lock()
		s.tokens[token] = true
		s.mu.Unlock()
		return jsonPage(map[string]any{"token": token, "user": map[string]any{}})
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	ok := s.tokens[token]
	s.mu.Unlock()
	if !ok {
		return refuse(http.StatusUnauthorized, "bearer token")
	}
	if r.Method != http.MethodGet || r.URL.Path != "/api/hash-list/v2/all" {
		return refuse(404, "no such path")
	}
	after := r.URL.Query().Get("after")
	if bad := only(r, "order", "after"); bad != "" || r.URL.Query().Get("order") != "asc" {
		return refuse(400, "parameters")
	}
	if after != "" && !s.wasIssued(after) {
		return refuse(400, "a checkpoint that was not issued")
	}
	if f == Older {
		after = ""
	}
	part, next := s.keyset(time.Unix(0, 0), strings.ReplaceAll(after, ",", "."), f)
	results := []map[string]any{}
	checkpoint := ""
	for _, e := range part {
		x := map[string]any{"ideology": "all", "file_type": "image", "deleted": e.Deleted, "updated_on": float64(e.Changed.Unix()), "id": e.Number}
		for t, v := range e.Prints {
			x["algorithm"], x["hash_digest"] = strings.ToUpper(t), v
		}
		results = append(results, x)
		if w := fmt.Sprintf("%d,%d", e.Changed.Unix(), e.Number); e.Changed.Unix() > 0 {
			checkpoint = w
			s.issue(w)
		}
	}
	out := map[string]any{"count": len(results), "next": nil, "previous": nil, "checkpoint": checkpoint, "results": results}
	if next != "" {
		out["next"] = "https://elsewhere.invalid/"
	}
	return jsonPage(out)
}

func (s *Server) list(r *http.Request, f Fault) page {
	if !s.basic(r) {
		return refuse(http.StatusUnauthorized, "credentials")
	}
	if r.Method != http.MethodGet || r.URL.Path != "/list" || r.URL.RawQuery != "" {
		return refuse(404, "no such path")
	}
	rows := s.World.Live()
	modified := time.Unix(0, 0)
	for _, e := range s.World.all() {
		if e.Changed.After(modified) {
			modified = e.Changed
		}
	}
	switch f {
	case Empty:
		rows = nil
	case Older:
		modified = modified.Add(-48 * time.Hour)
		rows, _ = cut(rows, 0, len(rows)*9/10)
	case Duplicate:
		if len(rows) > 0 {
			rows = append(rows, rows[0])
		}
	}
	var b bytes.Buffer
	if s.cfg.Service == CSV {
		w := csv.NewWriter(&b)
		_ = w.Write([]string{"Reference", "Algorithm", "Digest", "Grade"})
		for _, e := range rows {
			for _, t := range slices.Sorted(maps.Keys(e.Prints)) {
				_ = w.Write([]string{e.ID, strings.ToUpper(t), e.Prints[t], "A"})
			}
		}
		w.Flush()
	} else {
		type item struct {
			Ref    string            `json:"ref"`
			Hashes map[string]string `json:"hashes"`
		}
		items := []item{}
		for _, e := range rows {
			items = append(items, item{e.ID, e.Prints})
		}
		_ = json.NewEncoder(&b).Encode(map[string]any{"version": 1, "data": map[string]any{"items": items}})
	}
	sum := sha256.Sum256(b.Bytes())
	etag := fmt.Sprintf(`"%x"`, sum[:8])
	header := map[string]string{"ETag": etag, "Last-Modified": modified.UTC().Format(http.TimeFormat)}
	if r.Header.Get("If-None-Match") == etag {
		return page{status: http.StatusNotModified, header: header}
	}
	return page{status: 200, kind: "text/plain", header: header, body: b.Bytes()}
}
