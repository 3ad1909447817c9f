package match

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Links are compared by the SHA-256 of an expression: host, path and query in
// canonical form, much as Google Safe Browsing does it
// (https://developers.google.com/safe-browsing/reference/URLs.and.Hashing).
// Scheme, port, credentials and fragment do not count: they do not change what
// is shown. A list may widen an entry at either end:
//
//	example.test/a?b=1      that page
//	example.test/a          that page, with any query
//	example.test/a/*        everything under that path
//	*.example.test/*        the host and every host under it
//
// The host of a wildcard has two labels at least, and * stands nowhere else.
const (
	maxURL      = 8 << 10
	maxSegments = 32 // of a path that are looked up as prefixes, counted from its beginning
	maxLabels   = 8  // of a host that are looked up as suffixes, counted from its end
)

// link is a link in canonical form.
type link struct {
	host     string
	path     string // begins with a slash
	query    string // with its question mark; empty when there is none
	anyHost  bool   // this host and every host under it
	anyChild bool   // everything that begins with path
	isIP     bool
}

// URLSignal is a list's entry as a signal of type [safety.URL]. It also accepts
// the 64 hexadecimal digits of such a signal.
func URLSignal(text string) (safety.Hash, error) {
	text = strings.TrimSpace(text)
	if len(text) == 64 {
		if h, err := safety.ParseSignal(safety.URL, text); err == nil {
			return h, nil
		}
	}
	l, ok := canonical(text, true)
	if !ok {
		return safety.Hash{}, safety.Errorf(safety.Invalid, "url cannot be read as a link")
	}
	return l.hash(), nil
}

// URLHashes are the signals under which a link may be listed, for
// [Query.Exact]; none for what is not a link.
func URLHashes(text string) []safety.Hash {
	l, ok := canonical(text, false)
	if !ok {
		return nil
	}
	var out []safety.Hash
	add := func(host string, anyHost bool) {
		v := link{host: host, anyHost: anyHost, path: l.path}
		out = append(out, v.hash()) // with any query
		if l.query != "" {
			v.query = l.query
			out = append(out, v.hash())
			v.query = ""
		}
		v.anyChild = true
		for _, p := range prefixes(l.path) {
			v.path = p
			out = append(out, v.hash())
		}
	}
	add(l.host, false)
	add(l.host, true)
	if labels := strings.Split(l.host, "."); !l.isIP {
		for i := max(1, len(labels)-maxLabels); i <= len(labels)-2; i++ {
			add(strings.Join(labels[i:], "."), true)
		}
	}
	return out
}

// prefixes are the folders that a path is in, the root first, and the path.
func prefixes(p string) []string {
	out := []string{}
	for i, c := range p {
		if c == '/' {
			if out = append(out, p[:i+1]); len(out) == maxSegments {
				return out
			}
		}
	}
	if !strings.HasSuffix(p, "/") {
		out = append(out, p)
	}
	return out
}

func (l link) hash() safety.Hash {
	var b strings.Builder
	if l.anyHost {
		b.WriteString("*.")
	}
	b.WriteString(l.host)
	b.WriteString(l.path)
	if l.anyChild {
		b.WriteString("*")
	}
	b.WriteString(l.query)
	sum := sha256.Sum256([]byte(b.String()))
	return safety.Hash{Type: safety.URL, Value: hex.EncodeToString(sum[:])}
}

// canonical reads a link, with wildcards when it is a list's entry.
func canonical(text string, entry bool) (l link, ok bool) {
	text = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimSpace(text))
	text, _, _ = strings.Cut(text, "#")
	if text == "" || len(text) > maxURL {
		return l, false
	}
	if scheme, rest, found := strings.Cut(text, "://"); found && !strings.ContainsAny(scheme, "/?.") {
		text = rest
	}
	if l.anyChild = entry && strings.HasSuffix(text, "*"); l.anyChild {
		text = strings.TrimSuffix(text, "*")
	}
	if l.anyHost = entry && strings.HasPrefix(text, "*."); l.anyHost {
		text = strings.TrimPrefix(text, "*.")
	}
	if entry && strings.Contains(text, "*") && (l.anyChild || l.anyHost || strings.HasPrefix(text, "*")) {
		return l, false
	}
	end := strings.IndexAny(text, "/?\\")
	if end < 0 {
		end = len(text)
	}
	if l.anyChild && (end == len(text) || strings.Contains(text, "?")) {
		return l, false // a wildcard stands after a path
	}
	if !l.setHost(text[:end]) || (l.anyHost && l.isIP) {
		return l, false
	}
	rest, query, asked := strings.Cut(text[end:], "?")
	l.path = cleanPath(rest)
	if asked && query != "" {
		l.query = "?" + escape(unescape(query))
	}
	return l, true
}

// setHost reads user:password@host:port.
func (l *link) setHost(text string) bool {
	if i := strings.LastIndex(text, "@"); i >= 0 {
		text = text[i+1:]
	}
	host := unescape(text)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(strings.ToLower(strings.Trim(host, "[]")), ".")
	for strings.Contains(host, "..") {
		host = strings.ReplaceAll(host, "..", ".")
	}
	if ip, ok := address(host); ok {
		l.host, l.isIP = ip, true
		return true
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil { // underscores and the like are in use
		ascii = host
	}
	labels := strings.Count(ascii, ".") + 1
	if ascii == "" || len(ascii) > 253 || strings.ContainsAny(ascii, " /?#@:%") || (l.anyHost && labels < 2) {
		return false
	}
	l.host = ascii
	return true
}

// address reads an IP address in the forms that browsers take: dotted parts or
// one number, decimal, octal or hexadecimal.
func address(host string) (string, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String(), true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return "", false
	}
	var v uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 0, 32)
		last := i == len(parts)-1
		if err != nil || strings.ContainsAny(p, "_") || (!last && n > 255) {
			return "", false
		}
		if last {
			width := uint(8 * (5 - len(parts)))
			if n>>width != 0 {
				return "", false
			}
			v = v<<width | n
		} else {
			v = v<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}).String(), true
}

func cleanPath(p string) string {
	p = strings.ReplaceAll(unescape(p), "\\", "/")
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return escape(clean)
}

// unescape takes percent escapes off until none is left: nesting them is a way
// to hide a link.
func unescape(s string) string {
	for range 8 {
		u, err := url.PathUnescape(s)
		if err != nil {
			u = lenient(s)
		}
		if u == s {
			return s
		}
		s = u
	}
	return s
}

// lenient takes off the escapes that are well formed and leaves the others.
func lenient(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if raw, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.WriteByte(raw[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escape puts the escapes of Safe Browsing back: bytes up to space, from DEL,
// and # and %.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 127 || c == '#' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
