package cybertip

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// Problem is one broken rule. Neither field ever holds a value of the document.
type Problem struct {
	Path    string // as in "personOrUserReported[0].ipCaptureEvent[1].port"
	Problem string // as in "must be 1 to 65535"
}

// ValidationError lists all that is wrong with a document, in document order.
type ValidationError struct{ Problems []Problem }

func (e *ValidationError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cybertip: %d problem(s)", len(e.Problems))
	for i, p := range e.Problems {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep + p.Path + " " + p.Problem)
	}
	return b.String()
}

// check collects problems below one path. Values are judged as Marshal would
// write them, so that a text of control characters counts as empty.
type check struct {
	now      time.Time
	path     string
	problems *[]Problem
}

func newCheck(now time.Time) check { return check{now: now, problems: new([]Problem)} }

func (c check) err() error {
	if len(*c.problems) == 0 {
		return nil
	}
	return &ValidationError{Problems: *c.problems}
}

// at returns c for the child name, or c itself for none. Attributes are named
// like children.
func (c check) at(name string) check {
	if name == "" {
		return c
	}
	if c.path != "" {
		name = c.path + "." + name
	}
	c.path = name
	return c
}

// nth returns c for the i-th of several children called name.
func (c check) nth(name string, i int) check { return c.at(name + "[" + strconv.Itoa(i) + "]") }

func (c check) fail(name, problem string) {
	*c.problems = append(*c.problems, Problem{c.at(name).path, problem})
}

func (c check) require(name string, ok bool, problem string) {
	if !ok {
		c.fail(name, problem)
	}
}

// length counts UTF-16 units, the largest of the usual counts: the
// documentation says "characters" and does not say which.
func length(s string) int { return len(utf16.Encode([]rune(legalText(s)))) }

func blank(s string) bool { return strings.TrimSpace(legalText(s)) == "" }

func (c check) max(name, s string, n int) {
	if length(s) > n {
		c.fail(name, fmt.Sprintf("must be at most %d characters", n))
	}
}

// text is a required text.
func (c check) text(name, s string, n int) {
	if blank(s) {
		c.fail(name, "is required")
		return
	}
	c.max(name, s, n)
}

func (c check) texts(name string, list []string, n int) {
	for i, s := range list {
		c.max(name+"["+strconv.Itoa(i)+"]", s, n)
	}
}

// past judges a time that must be in the past; nil is fine.
func (c check) past(name string, t *Time) {
	if t == nil {
		return
	}
	if y := t.printable().Year(); y < 1 || y > 9999 || t.IsZero() {
		c.fail(name, "is not a time")
		return
	}
	c.require(name, t.Before(c.now), "must be in the past")
}

// instant judges a time that may be in the future.
func (c check) instant(name string, t *Time) {
	if t != nil {
		y := t.printable().Year()
		c.require(name, y >= 1 && y <= 9999 && !t.IsZero(), "is not a time")
	}
}

func (c check) birth(d *Date) {
	switch {
	case d == nil:
	case !d.Valid():
		c.fail("dateOfBirth", "is not a date")
	case !d.midnight().Before(c.now):
		c.fail("dateOfBirth", "must be in the past")
	}
}

func (c check) age(name string, n *int) {
	c.require(name, n == nil || *n >= 0 && *n <= 150, "must be 0 to 150")
}

const maxURL = 2083

// url judges an absolute URL; empty is fine. That whitespace and control
// characters are refused by NCMEC is unverified, but no URL has them.
func (c check) url(name, s string) {
	if s == "" {
		return
	}
	c.max(name, s, maxURL)
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		c.fail(name, "must not contain whitespace or control characters")
		return
	}
	u, err := url.Parse(s)
	c.require(name, err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != ""), "must be an absolute URL")
}

func (c check) urls(name string, list []string) {
	for i, s := range list {
		if name := name + "[" + strconv.Itoa(i) + "]"; s == "" {
			c.fail(name, "must be an absolute URL")
		} else {
			c.url(name, s)
		}
	}
}

func (c check) reports(name string, ids []int64) {
	for i, id := range ids {
		c.require(name+"["+strconv.Itoa(i)+"]", id > 0, "must be the number of a report")
	}
}

// listed judges a value of an enumeration; the empty value means "absent".
func listed[T ~string](c check, name string, v T, all []T) {
	c.require(name, v == "" || slices.Contains(all, v), "is not a value of the schema")
}

// verified is the rule shared by email and phone.
func (c check) verified(verified *bool, date *Time) {
	c.past("verificationDate", date)
	c.require("verified", date == nil || verified != nil && *verified, "must be true when verificationDate is given")
}

func (c check) email(e *Email) {
	a := legalText(e.Address)
	c.require("", wellFormed(a), "must be an email address of at most 255 characters, 64 before the @")
	listed(c, "type", e.Type, EmailTypes())
	c.verified(e.Verified, e.VerificationDate)
}

func wellFormed(addr string) bool {
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || at > 64 || len(addr) > 255 || strings.ContainsAny(addr, " \t\r\n") {
		return false
	}
	p, err := mail.ParseAddress(addr)
	return err == nil && p.Name == "" && p.Address == addr
}

var (
	callingCode = regexp.MustCompile(`^\+[0-9]{1,3}$`)
	extension   = regexp.MustCompile(`^[0-9]{1,10}$`)
)

func (c check) phone(p *Phone) {
	number := strings.TrimSpace(legalText(p.Number))
	c.text("", p.Number, 50)
	listed(c, "type", p.Type, PhoneTypes())
	c.verified(p.Verified, p.VerificationDate)
	c.require("extension", p.Extension == "" || extension.MatchString(p.Extension), "must be at most 10 digits")
	if p.CountryCallingCode == "" {
		return
	}
	c.require("countryCallingCode", callingCode.MatchString(p.CountryCallingCode), "must be + and 1 to 3 digits")
	repeated := strings.HasPrefix(number, "+") ||
		strings.HasPrefix(number, "00"+strings.TrimPrefix(p.CountryCallingCode, "+"))
	c.require("", !repeated, "must not repeat the country calling code")
}

func (c check) address(a *Address) {
	listed(c, "type", a.Type, AddressTypes())
	c.max("address", a.Address, 255)
	c.max("city", a.City, 100)
	c.max("zipCode", a.ZipCode, 20)
	listed(c, "state", a.State, States())
	c.require("state", a.State == "" || a.Country == "" || a.Country == "US", "is for the United States only")
	c.max("nonUsaState", a.NonUSAState, 100)
	c.require("nonUsaState", a.NonUSAState == "" || a.Country != "US", "is not for the United States")
	c.require("nonUsaState", a.NonUSAState == "" || a.State == "", "excludes state")
	listed(c, "country", a.Country, Countries())
}

func (c check) ip(e *IPCaptureEvent) {
	addr, err := netip.ParseAddr(e.IPAddress)
	c.require("ipAddress", err == nil && addr.Zone() == "", "must be an IPv4 or IPv6 address")
	listed(c, "eventName", e.EventName, IPCaptureTypes())
	c.past("dateTime", e.DateTime)
	c.require("port", e.Port == nil || *e.Port >= 1 && *e.Port <= 65535, "must be 1 to 65535")
}

func (c check) device(d *DeviceID) {
	c.text("idType", d.IDType, 255)
	c.text("idValue", d.IDValue, 2083)
	listed(c, "eventName", d.EventName, IPCaptureTypes())
	c.past("dateTime", d.DateTime)
}
