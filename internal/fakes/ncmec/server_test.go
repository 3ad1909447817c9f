package ncmec_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// clock is a clock that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type reply struct {
	status int
	header http.Header
	body   string
	Code   int      `xml:"responseCode"`
	ID     int64    `xml:"reportId"`
	FileID string   `xml:"fileId"`
	Hash   string   `xml:"hash"`
	Desc   string   `xml:"responseDescription"`
	Files  []string `xml:"files>fileId"`
}

// site is a stand-in with the raw calls of a test. It uses nothing of cybertip.
type site struct {
	t   *testing.T
	srv *ncmec.Server
	url string
}

func newSite(t *testing.T, cfg ncmec.Config) *site {
	t.Helper()
	cfg.Username, cfg.Password = "standin", "standin"
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return start }
	}
	s, err := ncmec.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() { web.Close(); _ = s.Close() })
	return &site{t, s, web.URL}
}

func (s *site) do(method, op, contentType string, body io.Reader, with ...func(*http.Request)) reply {
	s.t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), method, s.url+"/ispws/"+op, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	q.SetBasicAuth("standin", "standin")
	for _, f := range with {
		f(q)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, body: string(b), Code: -1}
	_ = xml.Unmarshal(b, &r)
	if res.Header.Get("X-Rowan-Standin") != "true" || res.Header.Get("Request-ID") == "" {
		s.t.Error("an answer without its headers")
	}
	return r
}

const xmlType = "text/xml; charset=utf-8"

func (s *site) submit(doc string) reply {
	s.t.Helper()
	return s.do("POST", "submit", xmlType, strings.NewReader(doc))
}

func (s *site) fileinfo(doc string) reply {
	s.t.Helper()
	return s.do("POST", "fileinfo", xmlType, strings.NewReader(doc))
}

func (s *site) id(op string, id int64) reply {
	s.t.Helper()
	return s.do("POST", op, "application/x-www-form-urlencoded", strings.NewReader("id="+strconv.FormatInt(id, 10)))
}

func (s *site) upload(id int64, content string) reply {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("id", strconv.FormatInt(id, 10))
	f, _ := w.CreateFormFile("file", "file.bin")
	_, _ = f.Write([]byte(content))
	_ = w.Close()
	return s.do("POST", "upload", w.FormDataContentType(), &b)
}

func want(t *testing.T, r reply, code int) reply {
	t.Helper()
	if r.Code != code {
		t.Fatalf("code %d, want %d: HTTP %d %s", r.Code, code, r.status, r.body)
	}
	return r
}

// minimal is a valid report; %s marks the places where tests add to it.
func minimal() string { return fill("", "", "", "") }

func fill(batch, summary, before, after string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><report>` + batch + `<incidentSummary><incidentType>Misleading Domain Name</incidentType>` + summary +
		`<incidentDateTime>2026-10-15T08:00:00Z</incidentDateTime></incidentSummary>` + before +
		`<reporter><reportingPerson><email>reports@example.test</email></reportingPerson></reporter>` + after + `</report>`
}

func summary(s string) string { return fill("", s, "", "") }
func before(s string) string  { return fill("", "", s, "") }
func after(s string) string   { return fill("", "", "", s) }
func person(s string) string {
	return after("<personOrUserReported>" + s + "</personOrUserReported>")
}
func human(s string) string {
	return person("<personOrUserReportedPerson>" + s + "</personOrUserReportedPerson>")
}
func batched(summary, before, after string) string {
	return fill(`<batchedReport reason="VIRAL_POTENTIAL_MEME"/>`, summary, before, after)
}
func swap(old, new string) string { return strings.Replace(minimal(), old, new, 1) }

func TestSubmitRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n+1) }
	tests := []struct {
		name string
		code int
		doc  string
	}{
		{"minimal", 0, minimal()},
		{"flag empty", 0, summary("<reportAnnotations><spam/><sextortion>true</sextortion></reportAnnotations>")},
		{"not XML", 4110, "hello"},
		{"empty", 4110, ""},
		{"cut short", 4110, minimal()[:150]},
		{"document type", 4110, "<!DOCTYPE report>" + swap(`<?xml version="1.0" encoding="UTF-8"?>`, "")},
		{"two roots", 4110, minimal() + "<report/>"},
		{"text after the root", 4110, minimal() + "x"},
		{"too deep", 4110, strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)},
		{"wrong root", 4100, "<fileDetails/>"},
		{"foreign namespace", 4100, `<report xmlns="urn:example"/>`},
		{"no incidentSummary", 4100, "<report><reporter><reportingPerson><email>a@example.test</email></reportingPerson></reporter></report>"},
		{"no reporter", 4100, "<report><incidentSummary><incidentType>Misleading Domain Name</incidentType><incidentDateTime>2026-10-15T08:00:00Z</incidentDateTime></incidentSummary></report>"},
		{"out of order", 4100, after("<lawEnforcement><agencyName>Example</agencyName></lawEnforcement>")},
		{"out of order in the summary", 4100, summary("<escalateToHighPriority>example</escalateToHighPriority><platform>Example</platform>")},
		{"once too often", 4100, after("<additionalInfo/><additionalInfo/>")},
		{"unknown element", 4100, after("<extra/>")},
		{"unknown attribute", 4100, swap("<reporter>", `<reporter kind="x">`)},
		{"text between children", 4100, swap("<reporter>", "<reporter>x")},
		{"child in a text", 4100, summary("<platform><b/></platform>")},
		{"incident type", 4100, swap("Misleading Domain Name", "Online Enticement of Children for Sexual Act")},
		{"flag false", 4100, summary("<reportAnnotations><spam>false</spam></reportAnnotations>")},
		{"flag twice", 4100, summary("<reportAnnotations><spam/><spam/></reportAnnotations>")},
		{"flag unknown", 4100, summary("<reportAnnotations><informational/></reportAnnotations>")},
		{"time without offset", 4100, swap("08:00:00Z", "08:00:00")},
		{"time in the future", 4100, swap("2026-10-15T08:00:00Z", "2026-11-01T12:00:00Z")},
		{"platform too long", 4100, summary("<platform>" + long(256) + "</platform>")},
		{"escalation blank", 4100, summary("<escalateToHighPriority> </escalateToHighPriority>")},
		{"escalation too long", 4100, summary("<escalateToHighPriority>" + long(3000) + "</escalateToHighPriority>")},
		{"reporter without email", 4100, swap("<email>reports@example.test</email>", "<firstName>Example</firstName>")},
		{"reporter email malformed", 4100, swap("reports@example.test", "reports")},
		{"no incident", 4100, before("<internetDetails/>")},
		{"two incidents", 4100, before("<internetDetails><chatImIncident/><webPageIncident/></internetDetails>")},
		{"url with space", 4100, before("<internetDetails><webPageIncident><url>https://example.test/a b</url></webPageIncident></internetDetails>")},
		{"third party as child", 4100, before("<internetDetails><webPageIncident><thirdPartyHostedContent>true</thirdPartyHostedContent></webPageIncident></internetDetails>")},
		{"third party as attribute", 0, before(`<internetDetails><webPageIncident thirdPartyHostedContent="true"/></internetDetails>`)},
		{"email of nobody", 4100, before("<internetDetails><emailIncident><emailAddress>a@example.test</emailAddress></emailIncident></internetDetails>")},
		{"chat client too long", 4100, before("<internetDetails><chatImIncident><chatClient>" + long(255) + "</chatClient></chatImIncident></internetDetails>")},
		{"latitude", 4100, before("<internetDetails><cellPhoneIncident><latitude>north</latitude></cellPhoneIncident></internetDetails>")},
		{"agency blank", 4100, before("<lawEnforcement><agencyName> </agencyName></lawEnforcement>")},
		{"agency country", 4100, before(`<lawEnforcement><agencyName>Example</agencyName><servedLegalProcessInternational fleaCountry="ZZ">true</servedLegalProcessInternational></lawEnforcement>`)},
		{"two suspects", 4100, after("<personOrUserReported/><personOrUserReported/>")},
		{"victim without person", 4100, after("<victim/>")},
		{"address not IP", 4100, person("<ipCaptureEvent><ipAddress>example.test</ipAddress></ipCaptureEvent>")},
		{"address with zone", 4100, person("<ipCaptureEvent><ipAddress>fe80::1%eth0</ipAddress></ipCaptureEvent>")},
		{"address mapped", 0, person("<ipCaptureEvent><ipAddress>::ffff:192.0.2.1</ipAddress><port>65535</port></ipCaptureEvent>")},
		{"port 0", 4100, person("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress><port>0</port></ipCaptureEvent>")},
		{"port 65536", 4100, person("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress><port>65536</port></ipCaptureEvent>")},
		{"event name", 4100, person("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress><eventName>Logout</eventName></ipCaptureEvent>")},
		{"event in the future", 4100, person("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress><dateTime>2027-01-01T00:00:00Z</dateTime></ipCaptureEvent>")},
		{"device without value", 4100, person("<deviceId><idType>IMEI</idType><idValue/></deviceId>")},
		{"boolean", 4100, person("<compromisedAccount>no</compromisedAccount>")},
		{"service too long", 4100, person("<espService>" + long(100) + "</espService>")},
		{"profile not URL", 4100, person("<profileUrl>example</profileUrl>")},
		{"prior report unknown", 4100, person("<priorCTReports>12</priorCTReports>")},
		{"prior report known", 0, person("<priorCTReports>4564654</priorCTReports>")},
		{"disabled in the future", 4100, person(`<accountPermanentlyDisabled disabledDate="2027-01-01T00:00:00Z">true</accountPermanentlyDisabled>`)},
		{"notified before disabled", 4100, person(`<accountPermanentlyDisabled disabledDate="2026-10-02T00:00:00Z" userNotifiedDate="2026-10-01T00:00:00Z">true</accountPermanentlyDisabled>`)},
		{"enabled when disabled", 4100, person(`<accountTemporarilyDisabled disabledDate="2026-10-02T00:00:00Z" reenabledDate="2026-10-02T00:00:00Z">true</accountTemporarilyDisabled>`)},
		{"location without country", 4100, person("<estimatedLocation><city>Example</city></estimatedLocation>")},
		{"location without state", 4100, person("<estimatedLocation><city>Example</city><countryCode>US</countryCode></estimatedLocation>")},
		{"location with false state", 4100, person("<estimatedLocation><region>Example</region><countryCode>US</countryCode></estimatedLocation>")},
		{"associated without type", 4100, person("<associatedAccount/>")},
		{"associated age and birth", 4100, person(`<associatedAccount type="Linked"><approximateAge>20</approximateAge><dateOfBirth>2000-01-01</dateOfBirth></associatedAccount>`)},
		{"associated name too long", 4100, person(`<associatedAccount type="Linked"><middleName>` + long(256) + `</middleName></associatedAccount>`)},
		{"age", 4100, human("<age>151</age>")},
		{"born tomorrow", 4100, human("<dateOfBirth>2026-11-02</dateOfBirth>")},
		{"name too long", 4100, human("<firstName>" + long(100) + "</firstName>")},
		{"phone blank", 4100, human("<phone/>")},
		{"phone too long", 4100, human("<phone>" + long(50) + "</phone>")},
		{"phone repeats its code", 4100, human(`<phone countryCallingCode="+44">+442079460000</phone>`)},
		{"phone code", 4100, human(`<phone countryCallingCode="44">2079460000</phone>`)},
		{"phone extension", 4100, human(`<phone extension="12345678901">2079460000</phone>`)},
		{"email dated and not verified", 4100, human(`<email verificationDate="2026-10-01T00:00:00Z">a@example.test</email>`)},
		{"email verified in the future", 4100, human(`<email verified="true" verificationDate="2027-10-01T00:00:00Z">a@example.test</email>`)},
		{"email too long", 4100, human("<email>a@" + long(250) + ".test</email>")},
		{"state abroad", 4100, human("<address><state>VA</state><country>GB</country></address>")},
		{"other state at home", 4100, human("<address><nonUsaState>Example</nonUsaState><country>US</country></address>")},
		{"address type", 4100, human(`<address type="Work"/>`)},
		{"batched", 0, batched("", "", "<personOrUserReported><espIdentifier>a</espIdentifier></personOrUserReported><personOrUserReported><espIdentifier>b</espIdentifier></personOrUserReported>")},
		{"batched without reason", 4100, fill("<batchedReport/>", "", "", "")},
		{"batched and escalated", 4100, batched("<escalateToHighPriority>example</escalateToHighPriority>", "", "")},
		{"batched with incident", 4100, batched("", "<internetDetails><chatImIncident/></internetDetails>", "")},
		{"batched with more", 4100, batched("", "", "<personOrUserReported><espIdentifier>a</espIdentifier><espService>b</espService></personOrUserReported>")},
		{"batched with victim", 4100, batched("", "", "<victim><victimPerson/></victim>")},
		{"batched with text", 4100, batched("", "", "<additionalInfo>x</additionalInfo>")},
	}
	s := newSite(t, ncmec.Config{PriorReports: []int64{4564654}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := want(t, s.submit(tt.doc), tt.code)
			if !strings.HasPrefix(r.Desc, "ROWAN STAND-IN") {
				t.Error("no banner")
			}
			if (r.ID != 0) != (tt.code == 0) {
				t.Errorf("reportId %d", r.ID)
			}
		})
	}
}

func details(id int64, file, more string) string {
	return fmt.Sprintf("<fileDetails><reportId>%d</reportId><fileId>%s</fileId>%s</fileDetails>", id, file, more)
}

func TestFileInfoRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n+1) }
	tests := []struct {
		name string
		code int
		more string
	}{
		{"nothing", 0, ""},
		{"viewed", 0, "<fileViewedByEsp>true</fileViewedByEsp><exifViewedByEsp>true</exifViewedByEsp>"},
		{"exif without viewed", 4100, "<exifViewedByEsp>true</exifViewedByEsp>"},
		{"exif and not viewed", 4100, "<fileViewedByEsp>false</fileViewedByEsp><exifViewedByEsp>1</exifViewedByEsp>"},
		{"both memes", 4100, "<potentialMeme>true</potentialMeme><fileAnnotations><viral/></fileAnnotations>"},
		{"flag false", 4100, "<fileAnnotations><viral>false</viral></fileAnnotations>"},
		{"class", 4100, "<industryClassification>C1</industryClassification>"},
		{"supplemental", 0, "<fileRelevance>Supplemental Reported</fileRelevance>"},
		{"supplemental and classified", 4100, "<fileRelevance>Supplemental Reported</fileRelevance><industryClassification>B2</industryClassification>"},
		{"supplemental meme", 4100, "<fileRelevance>Supplemental Reported</fileRelevance><potentialMeme>false</potentialMeme>"},
		{"supplemental annotated meme", 4100, "<fileRelevance>Supplemental Reported</fileRelevance><fileAnnotations><potentialMeme/></fileAnnotations>"},
		{"relevance", 4100, "<fileRelevance>Supplemental</fileRelevance>"},
		{"uploaded in the future", 4100, "<uploadedToEspTimestamp>2027-01-01T00:00:00Z</uploadedToEspTimestamp>"},
		{"location", 4100, "<locationOfFile>here</locationOfFile>"},
		{"name too long", 4100, "<originalFileName>" + long(2056) + "</originalFileName>"},
		{"hash without type", 4100, "<originalFileHash>00</originalFileHash>"},
		{"hash type too long", 4100, `<originalFileHash hashType="` + long(64) + `">00</originalFileHash>`},
		{"two sightings", 4100, strings.Repeat("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress></ipCaptureEvent>", 2)},
		{"details empty", 4100, "<details/>"},
		{"details name too long", 4100, "<details><nameValuePair><name>" + long(64) + "</name><value/></nameValuePair></details>"},
		{"details type", 4100, `<details type="XMP"><nameValuePair><name>a</name><value/></nameValuePair></details>`},
	}
	s := newSite(t, ncmec.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := want(t, s.submit(minimal()), 0).ID
			f := want(t, s.upload(id, "example"), 0)
			want(t, s.fileinfo(details(id, f.FileID, tt.more)), tt.code)
		})
	}
}

func TestLife(t *testing.T) {
	s := newSite(t, ncmec.Config{})
	id := want(t, s.submit(minimal()), 0).ID
	f := want(t, s.upload(id, "example"), 0)
	sum := md5.Sum([]byte("example"))
	if f.Hash != hex.EncodeToString(sum[:]) || len(f.FileID) != 32 {
		t.Errorf("hash %s, file %s", f.Hash, f.FileID)
	}
	other := want(t, s.submit(minimal()), 0).ID
	want(t, s.fileinfo(details(other, f.FileID, "")), 5002)
	want(t, s.fileinfo(details(id, "0000", "")), 5002)
	want(t, s.fileinfo(details(1, f.FileID, "")), 5001)
	want(t, s.fileinfo(details(id, f.FileID, "")), 0)
	want(t, s.fileinfo(details(id, f.FileID, "")), 4100)
	for _, op := range []string{"finish", "retract"} {
		want(t, s.id(op, 1), 5001)
	}
	want(t, s.upload(1, "example"), 5001)

	r := want(t, s.id("finish", id), 0)
	if d := cmp.Diff([]string{f.FileID}, r.Files); d != "" || r.ID != id {
		t.Errorf("receipt of %d: %s", r.ID, d)
	}
	want(t, s.id("finish", id), 5102)
	want(t, s.id("retract", id), 5102)
	want(t, s.upload(id, "more"), 5102)
	want(t, s.fileinfo(details(id, f.FileID, "")), 5102)

	want(t, s.id("retract", other), 0)
	want(t, s.id("retract", other), 5101)
	want(t, s.id("finish", other), 5101)
	want(t, s.upload(other, "more"), 5101)
	// A finished report may be named by the next one.
	want(t, s.submit(person(fmt.Sprintf("<priorCTReports>%d</priorCTReports>", id))), 0)
	want(t, s.submit(person(fmt.Sprintf("<priorCTReports>%d</priorCTReports>", other))), 4100)
}

func TestBatchedFiles(t *testing.T) {
	s := newSite(t, ncmec.Config{})
	for more, code := range map[string]int{
		"": 4100, "<fileAnnotations><viral/></fileAnnotations>": 0,
		"<fileAnnotations><viral/><infant/></fileAnnotations>":                                           4100,
		"<fileAnnotations><viral/></fileAnnotations><industryClassification>A1</industryClassification>": 0,
		"<originalFileName>a</originalFileName><fileAnnotations><viral/></fileAnnotations>":              4100,
	} {
		id := want(t, s.submit(batched("", "", "")), 0).ID
		want(t, s.fileinfo(details(id, want(t, s.upload(id, "a"), 0).FileID, more)), code)
		want(t, s.id("finish", id), 0)
	}
	id := want(t, s.submit(batched("", "", "")), 0).ID
	want(t, s.upload(id, "a"), 0)
	want(t, s.upload(id, "b"), 0)
	want(t, s.id("finish", id), 4100)
	want(t, s.id("retract", id), 0)
}

func TestRequests(t *testing.T) {
	s := newSite(t, ncmec.Config{})
	refused := s.do("GET", "status", "", nil, func(q *http.Request) { q.SetBasicAuth("standin", "wrong") })
	if refused.status != 401 || refused.body != "" {
		t.Errorf("refused credentials: HTTP %d, body %q", refused.status, refused.body)
	}
	if r := s.do("GET", "status", "", nil, func(q *http.Request) { q.Header.Del("Authorization") }); r.status != 401 {
		t.Errorf("no credentials: HTTP %d", r.status)
	}
	if r := want(t, s.do("GET", "status", "", nil), 0); !strings.Contains(r.Desc, "Remote User : standin, Remote Ip : 127.0.0.1") {
		t.Errorf("status says %q", r.Desc)
	}
	if r := s.do("GET", "xsd", "", nil); r.status != 200 || !strings.Contains(r.body, "xs:schema") {
		t.Errorf("xsd: HTTP %d", r.status)
	}
	body := func(s string) io.Reader { return strings.NewReader(s) }
	want(t, s.do("GET", "submit", "", nil), 4000)
	want(t, s.do("POST", "status", "", nil), 4000)
	want(t, s.do("POST", "submit", "application/json", body(minimal())), 4000)
	want(t, s.do("POST", "submit", "text/xml", body(after("<additionalInfo>ü</additionalInfo>"))), 4110)
	want(t, s.do("POST", "submit", xmlType, body(after("<additionalInfo>ü</additionalInfo>"))), 0)
	want(t, s.do("POST", "finish", "application/x-www-form-urlencoded", body("id=x")), 4000)
	want(t, s.do("POST", "finish", "text/plain", body("id=1")), 4000)
	want(t, s.do("POST", "retract", "application/x-www-form-urlencoded", body(url.Values{}.Encode())), 4000)
	want(t, s.do("POST", "upload", "text/plain", body("x")), 4000)
	want(t, s.do("POST", "upload", "multipart/form-data; boundary=x",
		body("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ncut")), 4200)
	want(t, s.do("POST", "upload", "multipart/form-data; boundary=x",
		body("--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1\r\n--x--\r\n")), 4200)
	want(t, s.do("POST", "upload", "multipart/form-data; boundary=x",
		body("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n1\r\n--x--\r\n")), 4000)
	if r := s.do("GET", "other", "", nil); r.status != 404 || r.Code != 1210 {
		t.Errorf("other path: HTTP %d, code %d", r.status, r.Code)
	}
}

func TestExpiry(t *testing.T) {
	c := &clock{start}
	s := newSite(t, ncmec.Config{Now: c.now})
	early := want(t, s.submit(minimal()), 0).ID
	late := want(t, s.submit(minimal()), 0).ID

	c.t = start.Add(23*time.Hour + 30*time.Minute)
	want(t, s.upload(early, "a"), 0) // now expires 1 h from here: later than 24 h
	c.t = start.Add(24*time.Hour - time.Second)
	want(t, s.fileinfo(details(late, "0", "")), 5002) // still open
	c.t = start.Add(24 * time.Hour)
	want(t, s.id("finish", late), 5001)
	c.t = start.Add(24*time.Hour + 30*time.Minute - time.Second)
	want(t, s.upload(early, "b"), 0)
	c.t = c.t.Add(time.Hour)
	want(t, s.id("retract", early), 5001)
	states := map[int64]ncmec.State{}
	for _, r := range s.srv.Reports() {
		states[r.ID] = r.State
	}
	if d := cmp.Diff(map[int64]ncmec.State{early: ncmec.Expired, late: ncmec.Expired}, states); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestInspect(t *testing.T) {
	s := newSite(t, ncmec.Config{})
	id := want(t, s.submit(minimal()), 0).ID
	want(t, s.upload(id, "a"), 0)
	for from, status := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "192.0.2.1:1": 403, "": 403} {
		q := httptest.NewRequest("GET", "/standin/reports", nil)
		q.RemoteAddr = from
		w := httptest.NewRecorder()
		s.srv.Inspect().ServeHTTP(w, q)
		if w.Code != status {
			t.Errorf("%s: HTTP %d", from, w.Code)
		}
		if status != 200 {
			continue
		}
		var got struct {
			Reports []struct {
				ID    int64
				State string
				XML   string
				Files []struct{ SHA256 string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Reports) != 1 || got.Reports[0].XML != minimal() || len(got.Reports[0].Files) != 1 || got.Reports[0].State != "open" {
			t.Errorf("got %+v", got)
		}
	}
}

// TestCodes: every response code can be had by fault injection.
func TestCodes(t *testing.T) {
	s := newSite(t, ncmec.Config{})
	for _, code := range []int{1000, 1100, 1110, 1111, 1210, 1300, 2000, 3000, 3100, 3300, 4000, 4100, 4110, 4200, 5001, 5002, 5101, 5102} {
		for _, phase := range []ncmec.Phase{ncmec.Before, ncmec.After} {
			s.srv.SetFaults(func(_ string, p ncmec.Phase) ncmec.Fault {
				if p == phase {
					return ncmec.Fault{Kind: ncmec.Code, Code: code}
				}
				return ncmec.Fault{}
			})
			n := len(s.srv.Reports())
			want(t, s.submit(minimal()), code)
			if got := len(s.srv.Reports()) - n; got != int(phase) {
				t.Errorf("code %d, phase %d: %d reports more", code, phase, got)
			}
		}
	}
}
