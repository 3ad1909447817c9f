package match

import (
	"strings"

	"github.com/rowan-safety/rowan/internal/safety"
)

// KnownLinks is the detector that compares links with lists. Like [KnownMedia]
// it never runs on encrypted surfaces.
var KnownLinks = safety.Detector{Name: "known-links", Surfaces: []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}}

// Link is a link that somebody posted.
type Link struct {
	// Hashes are the signals under which it may be listed.
	Hashes []safety.Hash
	// Text is absolute, without white space and of at most 2083 characters, as
	// reports want it: what was posted where that will do, or else its canonical
	// form, cut off where it is longer.
	Text string
}

const maxLinkText = 2083

// ReadLink reads a link as a browser would: white space and control characters
// around it do not count, and neither does the number or the slant of the
// slashes after http: and https:. It is not ok for what leads to no host with a
// dot in its name and to no address, such as words, data: and javascript:.
func ReadLink(text string) (l Link, ok bool) {
	plain := strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimFunc(text, func(c rune) bool { return c <= ' ' }))
	rest, scheme := plain, "http"
	if name, after, found := strings.Cut(plain, ":"); found {
		switch name = strings.ToLower(name); {
		case name == "http" || name == "https":
			rest, scheme = after, name
		case strings.HasPrefix(after, "//") && !strings.ContainsAny(name, `/\?#.@`):
			rest = after
		case !strings.ContainsAny(name, `/\?#`) && !portOrUser(after):
			return l, false
		}
	}
	c, ok := canonical("http://"+strings.TrimLeft(rest, `/\`), false)
	if !ok || !c.isIP && !strings.Contains(c.host, ".") || strings.ContainsFunc(c.host, func(r rune) bool { return r <= ' ' || r >= 127 }) {
		return l, false
	}
	l.Text = plain
	if lower := strings.ToLower(plain); len(plain) > maxLinkText || !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") ||
		strings.ContainsFunc(plain, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 127 }) {
		host := c.host
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		l.Text = scheme + "://" + host + c.path + c.query
		l.Text = l.Text[:min(len(l.Text), maxLinkText)]
	}
	l.Hashes = URLHashes("http://" + strings.TrimLeft(rest, `/\`))
	return l, len(l.Hashes) > 0
}

// portOrUser reports whether what follows a colon is a port, or the end of a
// user's name and password.
func portOrUser(after string) bool {
	end := strings.IndexAny(after, `/\?#`)
	if end < 0 {
		end = len(after)
	}
	authority := after[:end]
	return strings.Trim(authority, "0123456789") == "" || strings.Contains(authority, "@")
}
