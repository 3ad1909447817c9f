// Package client is a Go client of Rowan's HTTP API: enough for a service to
// ask about pictures and to keep accounts and lists up to date.
//
//	c := client.New("https://rowan.internal.example", key)
//	got, err := c.CheckFile(ctx, client.Meta{ContentID: "p_1", AccountID: "u_1"}, picture)
//	if err != nil || got.Verdict != client.Allow {
//		// Hold the picture. An error is not "nothing found": ask again.
//	}
//
// Promises: the client never turns an error, a time-out or an answer that it
// does not understand into "allow"; it never follows redirects with the key;
// its errors never contain what was sent.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Verdict is what Rowan says to do.
type Verdict string

// The verdicts, from the mildest to the most severe.
const (
	Allow Verdict = "allow"
	Warn  Verdict = "warn"
	Limit Verdict = "limit"
	Hold  Verdict = "hold"
	Block Verdict = "block"
)

// Meta is what the service says of a piece of content. Only ContentID is
// needed.
type Meta struct {
	ContentID    string            `json:"content_id"`
	AccountID    string            `json:"account_id,omitempty"`
	Surface      string            `json:"surface,omitempty"` // public (default), private, encrypted
	Jurisdiction string            `json:"jurisdiction,omitempty"`
	CreatedAt    time.Time         `json:"created_at,omitzero"`
	IP           string            `json:"ip,omitempty"`
	Port         int               `json:"port,omitempty"`
	Filename     string            `json:"filename,omitempty"`
	URL          string            `json:"url,omitempty"`
	Hashes       map[string]string `json:"hashes,omitempty"` // for CheckHashes: hex by type (sha256, sha1, md5, pdq)
}

// Finding is one match.
type Finding struct {
	Detector string `json:"detector"`
	List     string `json:"list"`
	Kind     string `json:"kind"`
	Match    string `json:"match"` // exact or near
	Variant  string `json:"variant"`
	Frame    int    `json:"frame"`
	FromMS   int64  `json:"from_ms"` // in a video: when the match begins and ends
	ToMS     int64  `json:"to_ms"`
}

// Result is Rowan's answer. Only Scan == "scanned" supports the statement that
// nothing known was found.
type Result struct {
	ID            string    `json:"id"`
	Verdict       Verdict   `json:"verdict"`
	Scan          string    `json:"scan"`
	ScanReason    string    `json:"scan_reason"`
	Findings      []Finding `json:"findings"`
	CaseID        string    `json:"case_id"`
	PolicyVersion string    `json:"policy_version"`
}

// Problem is an error that Rowan answered with (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "rowan: %d %s", p.Status, p.Title)
	if p.Detail != "" {
		s.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		s.WriteString("; " + e.Location + ": " + e.Message)
	}
	return s.String()
}

// Temporary reports whether the same request may succeed later.
func (p *Problem) Temporary() bool {
	return p.Status >= 500 || p.Status == http.StatusTooManyRequests
}

// Client calls one Rowan with one key. It is safe for concurrent use.
type Client struct {
	base, key string
	http      *http.Client
}

// New returns a client of the Rowan at base.
func New(base, key string) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), key: key, http: &http.Client{Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// CheckFile asks about a picture.
func (c *Client) CheckFile(ctx context.Context, m Meta, file []byte) (Result, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return Result{}, err
	}
	body, kind, err := form(map[string]string{"meta": string(text)}, "upload", file)
	if err != nil {
		return Result{}, err
	}
	return c.check(ctx, body, kind)
}

// CheckHashes asks about a file that the service has hashed itself.
func (c *Client) CheckHashes(ctx context.Context, m Meta) (Result, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return Result{}, err
	}
	return c.check(ctx, text, "application/json")
}

func (c *Client) check(ctx context.Context, body []byte, kind string) (Result, error) {
	var r Result
	if err := c.do(ctx, http.MethodPost, "/v1/media/check", kind, body, &r); err != nil {
		return Result{}, err
	}
	if !r.Verdict.known() {
		return Result{}, errors.New("rowan: an answer without a known verdict")
	}
	return r, nil
}

// LinksResult is Rowan's answer to links: the strictest verdict, and a result for
// each link in the order of the question.
type LinksResult struct {
	Verdict Verdict  `json:"verdict"`
	Results []Result `json:"results"`
}

// CheckLinks asks about 1 to 100 links in a piece of content. Of m, the content,
// the account, the surface and the jurisdiction count.
func (c *Client) CheckLinks(ctx context.Context, m Meta, links ...string) (LinksResult, error) {
	var r LinksResult
	in := map[string]any{"links": links, "content_id": m.ContentID}
	for name, value := range map[string]string{"account_id": m.AccountID, "surface": m.Surface, "jurisdiction": m.Jurisdiction} {
		if value != "" {
			in[name] = value
		}
	}
	if err := c.json(ctx, http.MethodPost, "/v1/links/check", in, &r); err != nil {
		return LinksResult{}, err
	}
	if len(r.Results) != len(links) || !r.Verdict.known() {
		return LinksResult{}, errors.New("rowan: an answer that does not answer for every link")
	}
	for _, one := range r.Results {
		if !one.Verdict.known() {
			return LinksResult{}, errors.New("rowan: an answer without a known verdict")
		}
	}
	return r, nil
}

func (v Verdict) known() bool {
	return v == Allow || v == Warn || v == Limit || v == Hold || v == Block
}

// PutAccount says what the service knows of an account: an object with the
// members of the API's AccountModel.
func (c *Client) PutAccount(ctx context.Context, id string, account any) error {
	return c.json(ctx, http.MethodPut, "/v1/accounts/"+url.PathEscape(id), account, nil)
}

// CreateList makes a list of a kind: illegal, intimate_image, harmful, allow.
func (c *Client) CreateList(ctx context.Context, name, kind, source string) error {
	return c.json(ctx, http.MethodPost, "/v1/lists", map[string]string{"name": name, "kind": kind, "source": source}, nil)
}

// Imported is what an import did.
type Imported struct {
	Added   int64 `json:"added"`
	Already int64 `json:"already"`
	Version int64 `json:"version"`
}

// ImportList imports a file into a list. format is csv, hashes or vics.
func (c *Client) ImportList(ctx context.Context, name, format string, file []byte) (Imported, error) {
	body, kind, err := form(map[string]string{"format": format}, "list", file)
	if err != nil {
		return Imported{}, err
	}
	var out Imported
	err = c.do(ctx, http.MethodPost, "/v1/lists/"+url.PathEscape(name)+"/import", kind, body, &out)
	return out, err
}

func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, method, path, "application/json", text, out)
}

// form builds a multipart body of fields and one file.
func form(fields map[string]string, name string, file []byte) (body []byte, kind string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			return nil, "", err
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(file); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil { // writes the closing boundary
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

func (c *Client) do(ctx context.Context, method, path, kind string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("rowan: the base URL cannot be used")
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", kind)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("rowan: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("rowan: reading the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		p := &Problem{}
		if json.Unmarshal(answer, p) != nil || p.Status == 0 {
			p = &Problem{Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode}
		}
		return p
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("rowan: an answer that is not the expected JSON")
	}
	return nil
}
