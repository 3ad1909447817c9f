package cybertip_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

func newClient(t *testing.T, base string) *cybertip.Client {
	t.Helper()
	c, err := cybertip.New(cybertip.Config{BaseURL: base + "/ispws/", Username: "standin", Password: "standin"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func standin(t *testing.T) (*ncmec.Server, *cybertip.Client) {
	t.Helper()
	s, err := ncmec.New(ncmec.Config{Username: "standin", Password: "standin", Now: func() time.Time { return now },
		PriorReports: []int64{4564654, 4564655}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, newClient(t, web.URL)
}

// at makes a fault strike at one op and phase.
func at(op string, phase ncmec.Phase, f ncmec.Fault) ncmec.Faults {
	return func(o string, p ncmec.Phase) ncmec.Fault {
		if o == op && p == phase {
			return f
		}
		return ncmec.Fault{}
	}
}

// TestFile files one report with everything, and one with files.
func TestFile(t *testing.T) {
	s, c := standin(t)
	ctx := t.Context()
	if r, err := c.Status(ctx); err != nil || r.Exchange.RequestID == "" {
		t.Fatal(err)
	}
	if x, err := c.XSD(ctx); err != nil || !bytes.Contains(x.Body, []byte("schema")) {
		t.Fatal(err)
	}
	doc := marshal(t, fullReport())
	opened, err := c.Submit(ctx, doc)
	if err != nil {
		t.Fatal(err, opened.Description)
	}
	sum := sha256.Sum256(doc)
	if opened.Exchange.RequestSHA256 != hex.EncodeToString(sum[:]) || !bytes.Equal(opened.Exchange.RequestXML, doc) {
		t.Error("the exchange does not hold the request")
	}
	content := strings.Repeat("example ", 1<<17) // 1 MiB
	up, err := c.Upload(ctx, opened.ReportID, "bei\"spiel\r\n.bin", strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	md, sha := md5.Sum([]byte(content)), sha256.Sum256([]byte(content))
	if x := up.Exchange; x.FileMD5 != hex.EncodeToString(md[:]) || x.FileSHA256 != hex.EncodeToString(sha[:]) ||
		x.FileBytes != int64(len(content)) || x.RequestBytes <= x.FileBytes || up.Hash != x.FileMD5 {
		t.Errorf("exchange of upload: %+v", x)
	}
	f := fullFile()
	f.ReportID, f.FileID = opened.ReportID, up.FileID
	if r, err := c.FileInfo(ctx, f); err != nil {
		t.Fatal(err, r.Description)
	}
	empty, err := c.Upload(ctx, opened.ReportID, "", strings.NewReader(""), 0)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Finish(ctx, opened.ReportID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{up.FileID, empty.FileID}, done.Files); d != "" || !done.Done {
		t.Errorf("receipt: %s", d)
	}
	got := s.Reports()
	if len(got) != 1 || got[0].State != ncmec.Finished || !bytes.Equal(got[0].XML, doc) ||
		got[0].Files[0].SHA256 != hex.EncodeToString(sha[:]) || !bytes.Equal(got[0].Files[0].Info, marshal(t, f)) {
		t.Error("the stand-in holds something else")
	}
	if _, err := c.Finish(ctx, opened.ReportID); !isClass(err, cybertip.Finished) {
		t.Errorf("finish again: %v", err)
	}
	if _, err := c.Retract(ctx, 1); !isClass(err, cybertip.Gone) {
		t.Errorf("retract of nothing: %v", err)
	}
}

// TestStandinAcceptsEveryDocument: the strict stand-in, whose table is its own,
// takes every document of the optional-part tests. It needs no schema file.
func TestStandinAcceptsEveryDocument(t *testing.T) {
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			_, c := standin(t)
			switch v := doc.(type) {
			case *cybertip.Report:
				if r, err := c.SubmitReport(t.Context(), v); err != nil {
					t.Error(err, r.Description)
				}
			case *cybertip.FileDetails:
				about := smallReport()
				if name == "file-batched" {
					about = batchedReport()
				}
				r, err := c.SubmitReport(t.Context(), about)
				if err != nil {
					t.Fatal(err)
				}
				up, err := c.Upload(t.Context(), r.ReportID, "file.bin", strings.NewReader("x"), 1)
				if err != nil {
					t.Fatal(err)
				}
				v.ReportID, v.FileID = r.ReportID, up.FileID
				if r, err := c.FileInfo(t.Context(), v); err != nil {
					t.Error(err, r.Description)
				}
			}
		})
	}
}

func isClass(err error, want cybertip.Class) bool {
	got, ok := cybertip.Classify(err)
	return ok && got == want
}

func TestFaults(t *testing.T) {
	type fault = ncmec.Fault
	tests := []struct {
		name    string
		phase   ncmec.Phase
		f       fault
		class   cybertip.Class
		retry   bool
		reports int // at the stand-in afterwards
	}{
		{"reply lost before commit", ncmec.Before, fault{Kind: ncmec.Drop}, cybertip.Ambiguous, true, 0},
		{"reply lost after commit", ncmec.After, fault{Kind: ncmec.Drop}, cybertip.Ambiguous, true, 1},
		{"500", ncmec.After, fault{Kind: ncmec.Status, Status: 500}, cybertip.Ambiguous, true, 1},
		{"502", ncmec.Before, fault{Kind: ncmec.Status, Status: 502}, cybertip.Ambiguous, true, 0},
		{"503", ncmec.Before, fault{Kind: ncmec.Status, Status: 503}, cybertip.Ambiguous, true, 0},
		{"429", ncmec.Before, fault{Kind: ncmec.Status, Status: 429, RetryAfter: 7 * time.Second}, cybertip.Transient, true, 0},
		{"408", ncmec.Before, fault{Kind: ncmec.Status, Status: 408}, cybertip.Transient, true, 0},
		{"401", ncmec.Before, fault{Kind: ncmec.Status, Status: 401}, cybertip.Credentials, false, 0},
		{"404", ncmec.Before, fault{Kind: ncmec.Status, Status: 404}, cybertip.Terminal, false, 0},
		{"redirect", ncmec.Before, fault{Kind: ncmec.Status, Status: 302}, cybertip.Ambiguous, true, 0},
		{"empty 200", ncmec.After, fault{Kind: ncmec.Status, Status: 200}, cybertip.Ambiguous, true, 1},
		{"HTML", ncmec.After, fault{Kind: ncmec.HTML}, cybertip.Ambiguous, true, 1},
		{"truncated XML", ncmec.After, fault{Kind: ncmec.TruncatedXML}, cybertip.Ambiguous, true, 1},
		{"cut body", ncmec.After, fault{Kind: ncmec.CutBody}, cybertip.Ambiguous, true, 1},
		{"stall", ncmec.Before, fault{Kind: ncmec.Stall, Wait: time.Second}, cybertip.Ambiguous, true, -1},
		{"1000", ncmec.Before, fault{Kind: ncmec.Code, Code: 1000}, cybertip.Transient, true, 0},
		{"3100", ncmec.Before, fault{Kind: ncmec.Code, Code: 3100}, cybertip.Credentials, false, 0},
		{"4100", ncmec.Before, fault{Kind: ncmec.Code, Code: 4100}, cybertip.Terminal, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := standin(t)
			s.SetFaults(at("submit", tt.phase, tt.f))
			limit := 30 * time.Second
			if tt.f.Kind == ncmec.Stall {
				limit = tt.f.Wait / 4
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			r, err := c.SubmitReport(ctx, smallReport())
			if !isClass(err, tt.class) {
				t.Fatalf("got %v", err)
			}
			if got := errors.Is(err, cybertip.ErrAmbiguous); got != (tt.class == cybertip.Ambiguous) {
				t.Errorf("ErrAmbiguous: %v", got)
			}
			var retry interface{ Retry() bool }
			if !errors.As(err, &retry) || retry.Retry() != tt.retry {
				t.Error("Retry is wrong")
			}
			if r.Exchange.RequestSHA256 == "" || r.Exchange.Duration <= 0 {
				t.Error("no exchange")
			}
			var e *cybertip.ResponseError
			if errors.As(err, &e) && (e.RequestID == "" || e.RequestID != r.Exchange.RequestID || e.RetryAfter != tt.f.RetryAfter) {
				t.Errorf("got %+v", e)
			}
			if n := len(s.Reports()); n != tt.reports && tt.reports >= 0 {
				t.Errorf("%d reports, want %d", n, tt.reports)
			}
		})
	}
}

// TestLostFinish: after a lost receipt, finish again says that it is filed.
func TestLostFinish(t *testing.T) {
	s, c := standin(t)
	r, err := c.SubmitReport(t.Context(), smallReport())
	if err != nil {
		t.Fatal(err)
	}
	s.SetFaults(at("finish", ncmec.After, ncmec.Fault{Kind: ncmec.Drop}))
	if _, err := c.Finish(t.Context(), r.ReportID); !errors.Is(err, cybertip.ErrAmbiguous) {
		t.Fatal(err)
	}
	s.SetFaults(nil)
	if _, err := c.Finish(t.Context(), r.ReportID); !isClass(err, cybertip.Finished) {
		t.Fatal(err)
	}
}

func TestNotConnectedIsTransient(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	_, err := newClient(t, web.URL).SubmitReport(t.Context(), smallReport())
	if !isClass(err, cybertip.Transient) {
		t.Errorf("got %v", err)
	}
}

func TestUploadFailures(t *testing.T) {
	s, c := standin(t)
	r, err := c.SubmitReport(t.Context(), smallReport())
	if err != nil {
		t.Fatal(err)
	}
	up := func(f io.Reader, n int64) error {
		x, err := c.Upload(t.Context(), r.ReportID, "file.bin", f, n)
		if x.Exchange.Op != "upload" && n >= 0 {
			t.Error("no exchange")
		}
		return err
	}
	if err := up(strings.NewReader("four"), 5); !errors.Is(err, cybertip.ErrFileSize) {
		t.Errorf("short file: %v", err)
	}
	if err := up(strings.NewReader("four"), 3); !errors.Is(err, cybertip.ErrFileSize) {
		t.Errorf("long file: %v", err)
	}
	broken := errors.New("broken disk")
	if err := up(io.MultiReader(strings.NewReader("fo"), iotest.ErrReader(broken)), 4); !errors.Is(err, broken) {
		t.Errorf("broken file: %v", err)
	}
	if err := up(strings.NewReader(""), -1); err == nil {
		t.Error("negative size")
	}
	if n := len(s.Reports()[0].Files); n != 0 {
		t.Errorf("%d files at the stand-in", n)
	}
	if err := up(iotest.OneByteReader(strings.NewReader("four")), 4); err != nil {
		t.Errorf("slow file: %v", err)
	}
	s.SetFaults(at("upload", ncmec.After, ncmec.Fault{Kind: ncmec.WrongMD5}))
	if err := up(strings.NewReader("four"), 4); !errors.Is(err, cybertip.ErrHashMismatch) {
		t.Errorf("wrong hash: %v", err)
	}
}

// TestUploadStreams: 256 MiB pass without being held.
func TestUploadStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("256 MiB")
	}
	s, c := standin(t)
	r, err := c.SubmitReport(t.Context(), smallReport())
	if err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Upload(t.Context(), r.ReportID, "big.bin", io.LimitReader(zeros{}, size), size); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// Client and stand-in together, all that was ever allocated.
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d bytes allocated", n)
	} else {
		t.Logf("%d bytes allocated for %d bytes of file", n, size)
	}
	if n := s.Reports()[0].Files[0].Bytes; n != size {
		t.Errorf("%d bytes arrived", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestAnswers are answers that the stand-in never gives.
func TestAnswers(t *testing.T) {
	const ok = "<responseCode>0</responseCode>"
	tests := []struct {
		name, body string
		class      cybertip.Class
	}{
		{"no code", "<reportResponse><reportId>1</reportId></reportResponse>", cybertip.Ambiguous},
		{"empty code", "<reportResponse><responseCode/><reportId>1</reportId></reportResponse>", cybertip.Ambiguous},
		{"two codes", "<reportResponse><responseCode>0</responseCode><responseCode>0</responseCode><reportId>1</reportId></reportResponse>", cybertip.Ambiguous},
		{"no report", "<reportResponse>" + ok + "</reportResponse>", cybertip.Ambiguous},
		{"document type", "<!DOCTYPE r [<!ENTITY a '0'>]><reportResponse><responseCode>&a;</responseCode><reportId>1</reportId></reportResponse>", cybertip.Ambiguous},
		{"deep", "<reportResponse>" + ok + "<reportId>1</reportId>" + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + "</reportResponse>", cybertip.Ambiguous},
		{"long", "<reportResponse>" + ok + "<reportId>1</reportId>" + strings.Repeat(" ", cybertip.MaxAnswer) + "</reportResponse>", cybertip.Ambiguous},
		{"other root", "<report>" + ok + "<reportId>1</reportId></report>", cybertip.Ambiguous},
		{"trailing", "<reportResponse>" + ok + "<reportId>1</reportId></reportResponse><x/>", cybertip.Ambiguous},
		{"unknown 1xxx", "<reportResponse><responseCode>1999</responseCode></reportResponse>", cybertip.Transient},
		{"unknown 5xxx", "<reportResponse><responseCode>5999</responseCode></reportResponse>", cybertip.Terminal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.body) }))
			defer web.Close()
			r, err := newClient(t, web.URL).SubmitReport(t.Context(), smallReport())
			if !isClass(err, tt.class) {
				t.Errorf("got %v", err)
			}
			if !strings.HasPrefix(tt.body, string(r.Exchange.Body)) || len(r.Exchange.Body) == 0 {
				t.Error("the exchange does not hold the answer")
			}
		})
	}
}

func TestFinishNeedsAReceipt(t *testing.T) {
	for _, body := range []string{
		"<reportResponse><responseCode>0</responseCode><reportId>7</reportId></reportResponse>",
		"<reportDoneResponse><responseCode>0</responseCode><reportId>8</reportId><files/></reportDoneResponse>",
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		if _, err := newClient(t, web.URL).Finish(t.Context(), 7); !errors.Is(err, cybertip.ErrAmbiguous) {
			t.Errorf("%s: %v", body, err)
		}
		web.Close()
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		fmt.Fprint(w, "<reportResponse><responseCode>4100</responseCode><responseDescription>"+canary+"</responseDescription></reportResponse>")
	}))
	defer web.Close()
	r := smallReport()
	r.AdditionalInfo = canary
	_, err := newClient(t, web.URL).SubmitReport(t.Context(), r)
	var e *cybertip.ResponseError
	if !errors.As(err, &e) || e.Description != canary || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
	for _, doc := range []string{"<" + canary + "/>", "<reportResponse><responseCode>" + canary + "</responseCode></reportResponse>",
		"<reportResponse><responseCode>0</responseCode><reportId>" + canary + "</reportId></reportResponse>"} {
		if _, err := cybertip.ParseResponse([]byte(doc)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", doc, err)
		}
	}
	bad := "<report><incidentSummary><incidentDateTime>" + canary + "</incidentDateTime></incidentSummary></report>"
	if _, err := cybertip.ParseReport([]byte(bad)); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("report: %v", err)
	}
}

func TestNew(t *testing.T) {
	for base, ok := range map[string]bool{
		cybertip.TestURL: true, cybertip.ProductionURL: true, "http://127.0.0.1:8089/ispws": true,
		"http://[::1]:8089/ispws": true, "http://localhost/ispws": true, "": false, "http://example.test/ispws": false,
		"ftp://127.0.0.1/": false, "https://user:pass@example.test": false, "https://example.test/?a": false, "example.test": false,
	} {
		_, err := cybertip.New(cybertip.Config{BaseURL: base, Username: "a", Password: "b"})
		if ok != (err == nil) {
			t.Errorf("%q: %v", base, err)
		}
	}
	if _, err := cybertip.New(cybertip.Config{BaseURL: cybertip.TestURL}); err == nil {
		t.Error("no credentials, no error")
	}
}

func TestPasswordIsNotPrinted(t *testing.T) {
	cfg := cybertip.Config{BaseURL: cybertip.TestURL, Username: "a", Password: canary}
	c, err := cybertip.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format+format, cfg, c); strings.Contains(s, canary) {
			t.Errorf("%s prints the password", format)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	followed := false
	to := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer to.Close()
	web := httptest.NewServer(http.RedirectHandler(to.URL, http.StatusTemporaryRedirect))
	defer web.Close()
	_, err := newClient(t, web.URL).SubmitReport(t.Context(), smallReport())
	if !errors.Is(err, cybertip.ErrAmbiguous) || followed {
		t.Errorf("followed %v, %v", followed, err)
	}
}

func TestClassOf(t *testing.T) {
	for code, want := range map[int]cybertip.Class{1000: cybertip.Transient, 1100: cybertip.Transient, 1110: cybertip.Transient,
		1111: cybertip.Transient, 1210: cybertip.Terminal, 1300: cybertip.Transient, 2000: cybertip.Credentials,
		3000: cybertip.Credentials, 3100: cybertip.Credentials, 3300: cybertip.Credentials, 4000: cybertip.Terminal,
		4100: cybertip.Terminal, 4110: cybertip.Terminal, 4200: cybertip.Terminal, 5001: cybertip.Gone,
		5002: cybertip.FileUnknown, 5101: cybertip.Gone, 5102: cybertip.Finished, -1: cybertip.Terminal} {
		if got := cybertip.ClassOf(code); got != want {
			t.Errorf("%d is %s, want %s", code, got, want)
		}
	}
}
