package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxPage = 64 << 20 // bytes of one page of a service
	maxList = 8 << 30  // bytes of a whole list
)

// newHTTP is the client of every exchange. An answer begins within limit; no proxy from the environment, no
// addresses where clouds serve credentials, no redirect to another host or to
// plain http.
func newHTTP(limit time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: refuseMetadata}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 4,
			IdleConnTimeout: time.Minute, ResponseHeaderTimeout: limit, ForceAttemptHTTP2: true},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				return errRedirect
			}
			return nil
		},
	}
}

var errRedirect = errors.New("redirect to another host")

func refuseMetadata(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := ap.Addr().Unmap()
	if a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.MustParseAddr("fd00:ec2::254") || a == netip.MustParseAddr("100.100.100.200") {
		return errors.New("address is not allowed for exchanges")
	}
	return nil
}

// caller calls one service.
type caller struct {
	http   *http.Client
	base   string
	header http.Header // sent with every request
	limit  time.Duration
	now    func() time.Time
}

func newCaller(base string, limit time.Duration, now func() time.Time) *caller {
	return &caller{http: newHTTP(limit), base: base, header: http.Header{"User-Agent": {"Rowan"}, "Accept": {"application/json"}}, limit: limit, now: now}
}

// get fetches JSON into v and returns a digest of the body.
func (c *caller) get(ctx context.Context, path string, q url.Values, header http.Header, v any) (string, error) {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, "", header, v)
}

// post sends JSON.
func (c *caller) post(ctx context.Context, path string, header http.Header, body, v any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, http.MethodPost, path, text, "application/json", header, v)
	return err
}

// call makes a request and reads the JSON of the answer into v, if v is not nil.
func (c *caller) call(ctx context.Context, method, path string, body []byte, contentType string, header http.Header, v any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return "", failure("the address of the source is malformed")
	}
	maps.Copy(req.Header, c.header)
	maps.Copy(req.Header, header)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		return "", statusFailure(res, c.now())
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxPage+1))
	if err != nil {
		return "", &Failure{Why: "the answer was cut short", Err: plain(err)}
	}
	if len(text) > maxPage {
		return "", failure("the answer is over %d MiB", maxPage>>20)
	}
	sum := sha256.Sum256(text)
	if v == nil {
		return "", nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(v); err != nil {
		return "", failure("the answer is not the JSON that was expected")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", failure("the answer is more than one document")
	}
	return hex.EncodeToString(sum[:12]), nil
}

// unreachable is a call without an answer. The address stays out: it may hold a
// token.
func unreachable(err error) *Failure {
	if errors.Is(err, errRedirect) {
		return failure("the source sends us to another host, which is not followed")
	}
	if n, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || (ok && n.Timeout()) {
		return failure("the source does not answer in time")
	}
	return &Failure{Why: "the source cannot be reached", Err: plain(err)}
}

// plain takes the address out of an error of net/http.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func statusFailure(res *http.Response, now time.Time) *Failure {
	f := failure("the source answered %d", res.StatusCode)
	f.RetryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		f.Why = "the source refuses our credentials (" + strconv.Itoa(res.StatusCode) + "); an operator must act"
	case res.StatusCode == http.StatusTooManyRequests:
		f.Why = "the source asks us to slow down (429)"
	case res.StatusCode/100 == 3:
		f.Why = "the source sends us elsewhere, which is not followed"
	case res.StatusCode/100 == 4 && res.StatusCode != http.StatusRequestTimeout:
		f.Refused = true
	}
	return f
}

// retryAfter reads a Retry-After header: seconds, or a date.
func retryAfter(h string, now time.Time) time.Duration {
	h = strings.TrimSpace(h)
	if n, err := strconv.Atoi(h); err == nil && n >= 0 && n <= 7*24*3600 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}
