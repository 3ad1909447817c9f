// Package fetch gets a file from a URL that somebody else chose, without
// letting them reach what only this machine can reach.
//
// It is off until an operator names the hosts that may be asked. Every address
// is checked when it is dialled, after name resolution, so that a name that
// changes its answer (DNS rebinding) gains nothing; redirects are checked like
// the first URL; nothing of ours is sent along.
package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Config says what may be fetched. The zero value permits nothing.
type Config struct {
	Hosts        []string // names that may be asked, or ".example.test" for all under a domain
	AllowHTTP    bool     // plain http too
	AllowPrivate bool     // private addresses and this machine's own, for a platform next door
	MaxBytes     int64
}

// Fetcher gets files.
type Fetcher struct {
	cfg  Config
	http *http.Client
}

// New returns a fetcher.
func New(c Config) *Fetcher {
	f := &Fetcher{cfg: c}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: f.control}
	f.http = &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			DisableCompression: true, ResponseHeaderTimeout: 10 * time.Second, MaxIdleConns: 8},
		CheckRedirect: f.redirect,
	}
	return f
}

// errBlocked is what a caller learns of a refused address: nothing about it.
var errBlocked = errors.New("this address may not be fetched")

// Get returns the bytes at a URL.
func (f *Fetcher) Get(ctx context.Context, target string) ([]byte, error) {
	if len(f.cfg.Hosts) == 0 {
		return nil, safety.Errorf(safety.Forbidden, "fetching URLs is off; post the file, or have an operator set fetch.hosts")
	}
	u, err := url.Parse(target)
	if err != nil || !f.permitted(u) {
		return nil, safety.Errorf(safety.Invalid, "this URL may not be fetched")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "this URL may not be fetched")
	}
	req.Header.Set("User-Agent", "Rowan")
	resp, err := f.http.Do(req)
	if errors.Is(err, errBlocked) {
		return nil, safety.Errorf(safety.Invalid, "this URL may not be fetched")
	}
	if err != nil {
		return nil, safety.Errorf(safety.Unavailable, "the URL cannot be reached")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, safety.Errorf(safety.Unavailable, "the URL answered %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, f.cfg.MaxBytes+1))
	if err != nil {
		return nil, safety.Errorf(safety.Unavailable, "the URL's answer was cut short")
	}
	if int64(len(data)) > f.cfg.MaxBytes {
		return nil, safety.Errorf(safety.TooLarge, "the file is over %d bytes", f.cfg.MaxBytes)
	}
	return data, nil
}

// permitted checks what can be seen in the URL itself.
func (f *Fetcher) permitted(u *url.URL) bool {
	if u.Scheme != "https" && (u.Scheme != "http" || !f.cfg.AllowHTTP) || u.User != nil || u.Opaque != "" {
		return false
	}
	port := u.Port()
	if !f.cfg.AllowPrivate && port != "" && port != "443" && (port != "80" || !f.cfg.AllowHTTP) {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(f.cfg.Hosts, func(h string) bool {
		return host == h || (strings.HasPrefix(h, ".") && strings.HasSuffix(host, h))
	})
}

func (f *Fetcher) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > 3 || !f.permitted(req.URL) || (via[0].URL.Scheme == "https" && req.URL.Scheme != "https") {
		return errBlocked
	}
	return nil
}

// control sees the address that is really dialled.
func (f *Fetcher) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !f.reachable(ap.Addr()) {
		return errBlocked
	}
	return nil
}

// never lists ranges that are dialled under no setting: where clouds serve
// credentials, and what stands for other addresses.
var never = prefixes("0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/3",
	"::/128", "fe80::/10", "fd00:ec2::254/128", "ff00::/8", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")

// private lists ranges that Config.AllowPrivate opens.
var private = prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

func (f *Fetcher) reachable(a netip.Addr) bool { return Reachable(a, f.cfg.AllowPrivate) }

// Reachable reports whether an address may be dialled at all, private addresses and
// this machine's own included or not.
func Reachable(a netip.Addr, allowPrivate bool) bool {
	a = a.Unmap().WithZone("")
	in := func(ps []netip.Prefix) bool {
		return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return !in(never) && (allowPrivate || !in(private))
}
