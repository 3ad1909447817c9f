package cybertip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The environments. Credentials differ; a number of one means nothing in the
// other; reports to the test environment are discarded.
const (
	ProductionURL = "https://report.cybertip.org/ispws"
	TestURL       = "https://exttest.cybertip.org/ispws"
)

// Config is what a [Client] needs.
type Config struct {
	BaseURL            string // [TestURL] or [ProductionURL]; there is no default
	Username, Password string // issued by NCMEC
	// HTTP is the client to use, nil for one without a time-out; its policy on
	// redirects is replaced. Use the context of each call for time limits: an
	// upload has no size limit, so a fixed one is wrong.
	HTTP      *http.Client
	UserAgent string           // empty: "rowan-cybertip"
	Now       func() time.Time // nil: time.Now; for the times in [Exchange]
}

// String leaves the password out, so that a logged Config does no harm.
func (c Config) String() string { return "cybertip.Config{" + c.BaseURL + ", " + c.Username + "}" }

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// Client makes the calls of the service. It is safe for concurrent use.
type Client struct {
	base               string
	username, password string
	http               *http.Client
	agent              string
	now                func() time.Time
}

// New returns a client, or an error if the configuration is incomplete or the
// base URL is neither https nor a loopback address.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case cfg.BaseURL == "":
		return nil, errors.New("cybertip: no base URL; choose TestURL or ProductionURL")
	case err != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("cybertip: the base URL must be a plain URL without credentials or query")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("cybertip: the base URL must be https, or http to a loopback address")
	case cfg.Username == "" || cfg.Password == "":
		return nil, errors.New("cybertip: no credentials")
	}
	c := &Client{base: strings.TrimRight(cfg.BaseURL, "/"), username: cfg.Username, password: cfg.Password,
		http: &http.Client{}, agent: cfg.UserAgent, now: cfg.Now}
	if cfg.HTTP != nil {
		h := *cfg.HTTP
		c.http = &h
	}
	// A redirect would carry a report to an address that nobody chose.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.agent == "" {
		c.agent = "rowan-cybertip"
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// String leaves the password out.
func (c *Client) String() string { return "cybertip.Client{" + c.base + ", " + c.username + "}" }

// GoString is String, for %#v.
func (c *Client) GoString() string { return c.String() }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Response is the outcome of a call. Its Exchange is filled in on errors too,
// as far as the call got.
type Response struct {
	Answer
	Exchange Exchange
}

// Status asks whether the service is up and the credentials work. It says
// nothing about any report: there is no such call.
func (c *Client) Status(ctx context.Context) (Response, error) {
	return c.call(ctx, request{op: "status", method: http.MethodGet})
}

// XSD returns the schema in force, as the body of the exchange.
func (c *Client) XSD(ctx context.Context) (Exchange, error) {
	x, err := c.do(ctx, request{op: "xsd", method: http.MethodGet})
	if err != nil {
		return x, err
	}
	if name, err := inspect(x.Body); err == nil && name == "schema" && x.HTTPStatus == http.StatusOK && !x.BodyTruncated {
		return x, nil
	}
	r := Response{Exchange: x}
	if r.Answer, err = judge(x); err == nil {
		err = r.malformed("not a schema")
	}
	return x, err
}

// Submit opens a report with doc, the exact bytes of a "report" that the
// caller has stored: see [Marshal]. ReportID of the response is the number.
func (c *Client) Submit(ctx context.Context, doc []byte) (Response, error) {
	r, err := c.call(ctx, document("submit", doc))
	if err == nil && r.ReportID <= 0 {
		err = r.malformed("no reportId")
	}
	return r, err
}

// SubmitReport marshals r and submits it. It does not validate: that needs the
// caller's clock.
func (c *Client) SubmitReport(ctx context.Context, r *Report) (Response, error) {
	doc, err := Marshal(r)
	if err != nil {
		return Response{}, err
	}
	return c.Submit(ctx, doc)
}

// FileInfo sends the details of an uploaded file, at most once for each file.
func (c *Client) FileInfo(ctx context.Context, f *FileDetails) (Response, error) {
	doc, err := Marshal(f)
	if err != nil {
		return Response{}, err
	}
	return c.FileInfoXML(ctx, doc)
}

// FileInfoXML is [Client.FileInfo] with the exact bytes of a "fileDetails".
func (c *Client) FileInfoXML(ctx context.Context, doc []byte) (Response, error) {
	return c.call(ctx, document("fileinfo", doc))
}

// Finish files the report. On success the body of the exchange is the receipt.
// An error of class [Finished] means that it was filed before.
func (c *Client) Finish(ctx context.Context, reportID int64) (Response, error) {
	r, err := c.call(ctx, form("finish", reportID))
	if err == nil && !r.Done {
		err = r.malformed("not a receipt")
	}
	if err == nil && r.ReportID != reportID {
		err = r.malformed("another report's number")
	}
	return r, err
}

// Retract withdraws a report that is not finished. Its error tells the state of
// a report whose last answer was lost: [Finished] or [Gone].
func (c *Client) Retract(ctx context.Context, reportID int64) (Response, error) {
	return c.checked(reportID)(c.call(ctx, form("retract", reportID)))
}

// checked refuses an answer about another report.
func (c *Client) checked(reportID int64) func(Response, error) (Response, error) {
	return func(r Response, err error) (Response, error) {
		if err == nil && r.ReportID != 0 && r.ReportID != reportID {
			err = r.malformed("another report's number")
		}
		return r, err
	}
}

// malformed is the error for an answer that says success and cannot mean it.
func (r *Response) malformed(why string) error {
	return &ResponseError{Op: r.Exchange.Op, HTTPStatus: r.Exchange.HTTPStatus, Description: r.Description,
		RequestID: r.Exchange.RequestID, class: Ambiguous, cause: unusable(why)}
}

func document(op string, doc []byte) request {
	return request{op: op, method: http.MethodPost, contentType: "text/xml; charset=utf-8",
		document: doc, body: bytes.NewReader(doc), size: int64(len(doc))}
}

// form is the multipart form with an id, as in the documentation's examples.
func form(op string, reportID int64) request {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	// Writes to a bytes.Buffer do not fail.
	_ = w.WriteField("id", strconv.FormatInt(reportID, 10))
	_ = w.Close()
	return request{op: op, method: http.MethodPost, contentType: w.FormDataContentType(),
		document: b.Bytes(), body: bytes.NewReader(b.Bytes()), size: int64(b.Len())}
}

// call makes a call whose answer is a document of ours.
func (c *Client) call(ctx context.Context, q request) (Response, error) {
	x, err := c.do(ctx, q)
	if err != nil {
		return Response{Exchange: x}, err
	}
	a, err := judge(x)
	return Response{Answer: a, Exchange: x}, err
}

// judge reads an answer. Success is HTTP 200 and code 0 and nothing else.
func judge(x Exchange) (Answer, error) {
	e := &ResponseError{Op: x.Op, HTTPStatus: x.HTTPStatus, RequestID: x.RequestID, RetryAfter: x.retryAfter}
	if x.BodyTruncated {
		e.class, e.cause = statusClass(x.HTTPStatus), unusable("longer than 1 MiB or cut short")
		return Answer{}, e
	}
	a, err := ParseResponse(x.Body)
	switch {
	case err != nil:
		e.class, e.cause = statusClass(x.HTTPStatus), err
	case a.Code != 0:
		e.class, e.Code, e.Description = ClassOf(a.Code), a.Code, a.Description
	case x.HTTPStatus != http.StatusOK:
		e.class, e.cause = Ambiguous, unusable("code 0 without HTTP 200")
	default:
		return a, nil
	}
	return a, e
}

// statusClass sorts an answer without a code by its HTTP status. That a refused
// login may be 401 with an empty body is unverified.
func statusClass(status int) Class {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Credentials
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return Transient
	case status >= 400 && status < 500:
		return Terminal
	}
	return Ambiguous // 5xx of some proxy, a page with 200, a redirect
}

// request is one call to make.
type request struct {
	op, method, contentType string
	document                []byte // what to keep in the exchange; nil for uploads
	body                    io.Reader
	size                    int64
}

// do sends q and reads the answer. The exchange is valid in all cases.
func (c *Client) do(ctx context.Context, q request) (x Exchange, err error) {
	x = Exchange{Op: q.op, Method: q.method, URL: c.base + "/" + q.op, Started: c.now(), RequestXML: q.document}
	defer func() { x.Duration = c.now().Sub(x.Started) }()
	if q.document != nil {
		x.RequestBytes = q.size
		sum := sha256.Sum256(q.document)
		x.RequestSHA256 = hex.EncodeToString(sum[:])
	}
	req, err := http.NewRequestWithContext(ctx, q.method, x.URL, q.body)
	if err != nil {
		return x, fmt.Errorf("cybertip: %s: %w", q.op, err)
	}
	if q.body != nil {
		req.ContentLength = q.size
		req.Header.Set("Content-Type", q.contentType)
	}
	req.SetBasicAuth(c.username, c.password)
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "text/xml, application/xml")
	res, err := c.http.Do(req)
	if err != nil {
		return x, transport(q, err)
	}
	defer func() { _ = res.Body.Close() }()
	return x, x.read(q, res, c.now())
}

// transport wraps an error of the network. Only a connection that was never
// made proves that nothing was carried out.
func transport(q request, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which the exchange has
	}
	var op *net.OpError
	class := Ambiguous
	if q.method == http.MethodGet || errors.As(err, &op) && op.Op == "dial" {
		class = Transient
	}
	return &TransportError{Op: q.op, Err: err, class: class}
}
