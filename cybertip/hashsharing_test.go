package cybertip_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/cybertip"
)

const (
	hashHead = `<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">`
	hashPage = hashHead + `
  <images count="1" maxTimestamp="2017-10-24T15:10:00Z">
    <image><member id="42">Example</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>image1</id><classification>A1</classification>
      <fingerprints><md5>d41d8cd98f00b204e9800998ecf8427e</md5><future-type>x</future-type></fingerprints>
      <feedback lastUpdateTimestamp="2017-10-24T15:10:00Z"><affirmativeFeedback type="Md5"><members timestamp="2017-10-24T15:10:00Z"><member id="42">Example</member></members></affirmativeFeedback></feedback>
    </image>
    <deletedImage><member id="43">Other</member><id>image4</id><timestamp>2017-10-24T15:10:00Z</timestamp></deletedImage>
  </images>
  <videos count="1"><video><member id="42">Example</member><timestamp>2017-10-24T15:05:00Z</timestamp><id>video1</id>
      <fingerprints><tmk-pdqf rel="self" href="/v2/entries/1/fingerprints/TMK_PDQF"/></fingerprints></video></videos>
  <paging><next>/v2/entries?from=2017-10-20T00:00:00Z&amp;to=2017-10-30T00:00:00Z&amp;start=2001&amp;size=1000&amp;max=3000</next></paging>
</queryResult>`
)

var hashFrom, hashTo = time.Date(2017, 10, 20, 0, 0, 0, 0, time.UTC), time.Date(2017, 10, 30, 0, 0, 0, 0, time.UTC)

// hashServer answers every request alike and keeps the last one.
func hashServer(t *testing.T, status int, body string) (*cybertip.HashSharing, *http.Request, *string) {
	t.Helper()
	last, sent := new(http.Request), new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r.Clone(t.Context())
		b, _ := io.ReadAll(r.Body)
		*sent = string(b)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	h, err := cybertip.NewHashSharing(cybertip.Config{BaseURL: s.URL + "/hashsharing", Username: "user", Password: "secret word"})
	if err != nil {
		t.Fatal(err)
	}
	return h, last, sent
}

func TestHashSharing_Entries(t *testing.T) {
	h, asked, _ := hashServer(t, 200, hashPage)
	p, err := h.Entries(t.Context(), hashFrom, hashTo)
	if err != nil {
		t.Fatal(err)
	}
	user, pass, _ := asked.BasicAuth()
	if asked.URL.Path != "/hashsharing/v2/entries" || asked.URL.Query().Get("from") != "2017-10-20T00:00:00Z" || user != "user" || pass != "secret word" {
		t.Errorf("asked %s", asked.URL)
	}
	at := time.Date(2017, 10, 24, 15, 0, 0, 0, time.UTC)
	want := []cybertip.Entry{
		{MemberID: "42", Member: "Example", ID: "image1", Timestamp: at, Classification: "A1", Fingerprints: []cybertip.Fingerprint{
			{Type: cybertip.FingerprintMD5, Value: "d41d8cd98f00b204e9800998ecf8427e"}, {Type: "FUTURE_TYPE", Value: "x"}}},
		{MemberID: "43", Member: "Other", ID: "image4", Deleted: true, Timestamp: at.Add(10 * time.Minute)},
		{MemberID: "42", Member: "Example", ID: "video1", Video: true, Timestamp: at.Add(5 * time.Minute), Fingerprints: []cybertip.Fingerprint{
			{Type: cybertip.FingerprintTMKPDQF, Href: "/v2/entries/1/fingerprints/TMK_PDQF"}}},
	}
	if diff := cmp.Diff(want, p.Entries); diff != "" || p.Max != 3000 || p.Date.IsZero() {
		t.Errorf("max %d, %s", p.Max, diff)
	}
	if _, err := h.NextEntries(t.Context(), p.Next, hashFrom, hashTo); err != nil || asked.URL.Query().Get("start") != "2001" {
		t.Errorf("next: %v, asked %s", err, asked.URL)
	}
	if _, err := h.NextEntries(t.Context(), "https://elsewhere.invalid"+p.Next, hashFrom, hashTo); err != nil || asked.URL.Path != "/hashsharing/v2/entries" {
		t.Errorf("a link to another host: %v, asked %s", err, asked.URL)
	}
	asked.URL = &url.URL{}
	if _, err := h.NextEntries(t.Context(), p.Next, hashFrom, hashTo.Add(time.Hour)); err == nil || asked.URL.Path != "" {
		t.Errorf("a link of another window: %v, asked %s", err, asked.URL)
	}
}

func TestHashSharing_Refused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		class  cybertip.Class
	}{
		{"a login", 401, "", cybertip.Credentials},
		{"slow down", 429, "", cybertip.Transient},
		{"a fault", 500, hashPage, cybertip.Transient},
		{"a redirect", 302, "", cybertip.Transient},
		{"a bad request", 400, "", cybertip.Terminal},
		{"a page of a proxy", 200, "<html><body>back soon</body></html>", cybertip.Transient},
		{"nothing", 200, "", cybertip.Transient},
		{"cut short", 200, hashPage[:len(hashPage)-30], cybertip.Transient},
		{"a declaration", 200, `<!DOCTYPE x [<!ENTITY a "b">]>` + hashPage, cybertip.Transient},
		{"fewer than counted", 200, strings.Replace(hashPage, `count="1"`, `count="3"`, 1), cybertip.Transient},
		{"an entry without id", 200, strings.Replace(hashPage, "<id>image1</id>", "", 1), cybertip.Transient},
		{"an entry without time", 200, strings.Replace(hashPage, "<timestamp>2017-10-24T15:00:00Z</timestamp>", "<timestamp>soon</timestamp>", 1), cybertip.Transient},
		{"a link of another window", 200, strings.Replace(hashPage, "to=2017-10-30", "to=2018-10-30", 1), cybertip.Transient},
	} {
		h, _, _ := hashServer(t, tt.status, tt.body)
		p, err := h.Entries(t.Context(), hashFrom, hashTo)
		class, ok := cybertip.Classify(err)
		if err == nil || !ok || class != tt.class || len(p.Entries) > 0 {
			t.Errorf("%s: %v, class %s, %d entries", tt.name, err, class, len(p.Entries))
			continue
		}
		if e, ok := errors.AsType[*cybertip.ResponseError](err); ok && tt.status == 429 && e.RetryAfter != 7*time.Second {
			t.Errorf("%s: Retry-After %s", tt.name, e.RetryAfter)
		}
		for _, secret := range []string{"d41d8", "image1", "secret word", "elsewhere"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells %q", tt.name, secret)
			}
		}
	}
}

func TestHashSharing_Feedback(t *testing.T) {
	h, asked, sent := hashServer(t, 200, "")
	if err := h.Feedback(t.Context(), "42", "a/b", cybertip.FingerprintMD5, false, []string{"g<1>"}); err != nil {
		t.Fatal(err)
	}
	if asked.Method != http.MethodPut || asked.URL.EscapedPath() != "/hashsharing/v2/entries/42/a%2Fb/MD5/feedback" || !strings.Contains(*sent, "<negative><reasonIds><guid>g&lt;1&gt;</guid></reasonIds></negative>") {
		t.Errorf("%s %s %s", asked.Method, asked.URL.EscapedPath(), *sent)
	}
	if err := h.Feedback(t.Context(), "42", "1", cybertip.FingerprintPDQ, true, nil); err != nil || !strings.Contains(*sent, "<affirmative/>") {
		t.Errorf("%v %s", err, *sent)
	}
	for name, err := range map[string]error{
		"no reason":       h.Feedback(t.Context(), "42", "1", cybertip.FingerprintPDQ, false, nil),
		"a needless one":  h.Feedback(t.Context(), "42", "1", cybertip.FingerprintPDQ, true, []string{"g"}),
		"no entry":        h.Feedback(t.Context(), "42", "", cybertip.FingerprintPDQ, true, nil),
		"a type of a way": h.Feedback(t.Context(), "42", "1", "MD5/../x", true, nil),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestHashSharing_Others(t *testing.T) {
	h, _, _ := hashServer(t, 200, `<status><ipAddress>192.0.2.1</ipAddress><username>user</username><member id="1">Us</member></status>`)
	if s, err := h.Status(t.Context()); err != nil || s != (cybertip.HashSharingStatus{Username: "user", MemberID: "1", Member: "Us"}) {
		t.Errorf("%+v, %v", s, err)
	}
	h, asked, _ := hashServer(t, 200, `<availableFeedbackReasons><reason guid="g1" name="Not right"/></availableFeedbackReasons>`)
	if r, err := h.Reasons(t.Context(), cybertip.FingerprintMD5); err != nil || len(r) != 1 || r[0].GUID != "g1" || asked.URL.Path != "/hashsharing/v2/feedback/MD5/reasons" {
		t.Errorf("%+v, %v", r, err)
	}
	h, asked, _ = hashServer(t, 200, "\x00\x01binary")
	if b, err := h.Fingerprint(t.Context(), "/v2/entries/1/fingerprints/TMK_PDQF"); err != nil || string(b) != "\x00\x01binary" {
		t.Errorf("%q, %v", b, err)
	}
	asked.URL = &url.URL{}
	for _, href := range []string{"", "/v1/x", "/v2/entries/../../admin", "/v2/entries/1?x=1", "/v2/entries/%2e%2e/x", "https://elsewhere.invalid/x"} {
		if _, err := h.Fingerprint(t.Context(), href); err == nil || asked.URL.Path != "" {
			t.Errorf("%q was followed", href)
		}
	}
}

func FuzzHashSharing(f *testing.F) {
	f.Add(hashPage)
	f.Add(hashHead + "</queryResult>")
	body := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	f.Cleanup(s.Close)
	h, err := cybertip.NewHashSharing(cybertip.Config{BaseURL: s.URL, Username: "u", Password: "p"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body = text
		p, err := h.Entries(t.Context(), hashFrom, hashTo)
		for _, e := range p.Entries {
			if err != nil || e.ID == "" || e.MemberID == "" || e.Timestamp.IsZero() && !strings.Contains(text, "0001") {
				t.Errorf("%+v, %v", e, err)
			}
		}
	})
}
