package classify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/rowan-safety/rowan/internal/fetch"
)

// errRefused marks a connection that [Scorer.control] did not allow.
var errRefused = errors.New("this address may not be asked")

func (s *Scorer) newClient() *http.Client {
	dialer := &net.Dialer{Timeout: s.cfg.Timeout, Control: s.control}
	return &http.Client{
		// A redirect would carry people's messages to where the operator did not send
		// them. No proxy from the environment, for the same reason.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: s.cfg.Timeout, MaxIdleConnsPerHost: s.cfg.InFlight,
			IdleConnTimeout: time.Minute, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
	}
}

// control sees the address that is really dialled: a name that says "private" and
// leads elsewhere gets nothing.
func (s *Scorer) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !fetch.Reachable(ap.Addr(), true) || !s.cfg.SendsTextOffHost && fetch.Reachable(ap.Addr(), false) {
		return errRefused
	}
	return nil
}

// ask asks once.
func (s *Scorer) ask(ctx context.Context, w *Window, lines []Line) (o Opinion, why Reason) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	kind, body := s.schema.request(&s.cfg, w, lines)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return o, Unreachable
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Rowan")
	if key := s.key(); key != "" {
		req.Header.Set("Authorization", s.schema.scheme+" "+key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return o, broken(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if why := head(resp); why != "" {
		return o, why
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, s.schema.most+1))
	if err != nil {
		return o, broken(err)
	}
	if int64(len(text)) > s.schema.most {
		return o, TooLong
	}
	o, why = s.schema.decode(&s.cfg, lines, text)
	if why != "" {
		return Opinion{}, why
	}
	return o, ""
}

// head looks at an answer before its body.
func head(resp *http.Response) Reason {
	if resp.StatusCode/100 == 3 {
		return Redirected
	}
	if resp.StatusCode != http.StatusOK {
		return Status
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return Encoded
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return NotJSON
	}
	return ""
}

func broken(err error) Reason {
	if errors.Is(err, errRefused) {
		return Refused
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return Slow
	}
	return Unreachable
}
