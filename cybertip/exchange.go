package cybertip

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Exchange is the record of one call: what was sent and what came back, to the
// byte. It is evidence and holds personal data: store it, do not log it. It
// holds no credentials.
type Exchange struct {
	Op, Method, URL string
	Started         time.Time
	Duration        time.Duration // until the answer was read, or the error

	// RequestXML is the body sent: the document of submit and fileinfo, the
	// small form of finish and retract, nil for upload. Do not change it.
	RequestXML    []byte
	RequestSHA256 string // of the whole body, hex; of an upload: as far as it was sent
	RequestBytes  int64

	// The file of an upload, as far as it was read; hashes in hex.
	FileBytes  int64
	FileMD5    string
	FileSHA256 string

	HTTPStatus    int    // 0: no answer
	RequestID     string // the Request-ID header: NCMEC asks for it
	Body          []byte // the exact answer, at most [MaxAnswer] bytes
	BodyTruncated bool   // the answer was longer or was cut off

	retryAfter time.Duration
}

// read takes the answer into x. A body that breaks off is kept as far as it
// came, and is a transport error.
func (x *Exchange) read(q request, res *http.Response, now time.Time) error {
	x.HTTPStatus = res.StatusCode
	x.RequestID = res.Header.Get("Request-ID")
	x.retryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	x.Body = body
	if err != nil {
		x.BodyTruncated = true
		return transport(q, err)
	}
	if len(body) > MaxAnswer {
		x.Body, x.BodyTruncated = body[:MaxAnswer:MaxAnswer], true
	}
	return nil
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
