package safety

import (
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Account is what the platform knows of one of its accounts, as far as it
// chooses to tell. It is kept for reports and shown to reviewers. Everything but
// the id is optional, and nothing here is derived or guessed by Rowan.
type Account struct {
	ID           string             `json:"id"`
	Names        []string           `json:"names,omitempty"`
	ScreenName   string             `json:"screen_name,omitempty"`
	DisplayNames []string           `json:"display_names,omitempty"`
	ProfileURL   string             `json:"profile_url,omitempty"`
	ProfileBio   string             `json:"profile_bio,omitempty"`
	DateOfBirth  string             `json:"date_of_birth,omitempty"` // YYYY-MM-DD
	Age          *int               `json:"age,omitempty"`           // in years, 0 to 150
	AgeSource    string             `json:"age_source,omitempty"`    // one of AgeSources
	Emails       []Email            `json:"emails,omitempty"`
	AllEmails    *bool              `json:"all_emails,omitempty"` // these are all the addresses that the platform has
	Phones       []Phone            `json:"phones,omitempty"`
	Addresses    []Address          `json:"addresses,omitempty"`
	IPEvents     []IPEvent          `json:"ip_events,omitempty"`
	Devices      []Device           `json:"devices,omitempty"`
	GroupID      string             `json:"group_id,omitempty"`    // of a group that the account acted in
	Vehicle      string             `json:"vehicle,omitempty"`     // description, where one is known
	Compromised  *bool              `json:"compromised,omitempty"` // somebody else may have used it
	Suspended    *Closure           `json:"suspended,omitempty"`   // for a time
	Closed       *Closure           `json:"closed,omitempty"`      // for good
	Location     *Location          `json:"location,omitempty"`    // as estimated by the platform
	Linked       []Linked           `json:"linked,omitempty"`      // other accounts of the same person
	Connections  []string           `json:"connections,omitempty"` // ids of accounts that it is connected to
	Billing      []string           `json:"billing,omitempty"`     // payment details in words
	Documents    []IdentityDocument `json:"documents,omitempty"`   // of identity, that the platform holds
	UpdatedAt    time.Time          `json:"updated_at"`
}

// AgeSources say how an age is known.
var AgeSources = []string{"self_declared", "inferred", "estimated", "verified"}

// Email is an address of an account.
type Email struct {
	Address    string     `json:"address"`
	Type       string     `json:"type,omitempty"` // one of EmailTypes
	Verified   *bool      `json:"verified,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"` // only where verified
}

// EmailTypes, PhoneTypes, AddressTypes and LinkTypes are NCMEC's words in lower case.
var (
	EmailTypes   = []string{"home", "work", "business", "recovery"}
	PhoneTypes   = []string{"mobile", "home", "business", "work", "fax", "internet", "recovery"}
	AddressTypes = []string{"home", "business", "billing", "shipping", "technical"}
	LinkTypes    = []string{"billing", "linked", "business", "creator", "parent/guardian", "other"}
)

// Phone is a number of an account.
type Phone struct {
	Number      string     `json:"number"`                 // without the calling code where that is given
	CallingCode string     `json:"calling_code,omitempty"` // "+" and 1 to 3 digits
	Extension   string     `json:"extension,omitempty"`    // at most 10 digits
	Type        string     `json:"type,omitempty"`         // one of PhoneTypes
	Verified    *bool      `json:"verified,omitempty"`
	VerifiedAt  *time.Time `json:"verified_at,omitempty"`
}

// Address is a postal address.
type Address struct {
	Type       string `json:"type,omitempty"` // one of AddressTypes
	Street     string `json:"street,omitempty"`
	City       string `json:"city,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Region     string `json:"region,omitempty"` // state or county; in the US its two letters
	Country    string `json:"country,omitempty"`
}

// IPEvent is one sighting of an account at an internet address.
type IPEvent struct {
	IP    string    `json:"ip"`
	Port  int       `json:"port,omitempty"` // 1–65535, 0 when not known
	Event string    `json:"event,omitempty"`
	At    time.Time `json:"at"`
	Proxy *bool     `json:"proxy,omitempty"` // the address may be a proxy's
}

// Device is one identifier of a device that an account used.
type Device struct {
	Type  string     `json:"type"`
	Value string     `json:"value"`
	Event string     `json:"event,omitempty"` // one of IPEventNames
	At    *time.Time `json:"at,omitempty"`
}

// Closure says that an account was suspended or closed.
type Closure struct {
	At         *time.Time `json:"at,omitempty"`
	Notified   *bool      `json:"notified,omitempty"` // the user was told
	NotifiedAt *time.Time `json:"notified_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"` // of a suspension
}

// Location is where the platform thinks that an account is.
type Location struct {
	City     string     `json:"city,omitempty"`
	Region   string     `json:"region,omitempty"`
	Country  string     `json:"country"`
	Verified *bool      `json:"verified,omitempty"`
	At       *time.Time `json:"at,omitempty"`
}

// Linked is another account of the same person, here or elsewhere.
type Linked struct {
	Type       string `json:"type"`                  // one of LinkTypes
	Platform   string `json:"platform,omitempty"`    // name of another service; empty for this one
	ThirdParty *bool  `json:"third_party,omitempty"` // it is on a service that the reporter does not run
	ID         string `json:"id,omitempty"`
	ScreenName string `json:"screen_name,omitempty"`
	ProfileURL string `json:"profile_url,omitempty"`
	Email      string `json:"email,omitempty"`
	Note       string `json:"note,omitempty"`
}

// IdentityDocument is a document of identity that the platform holds; the document
// itself is handed over apart.
type IdentityDocument struct {
	Kind   string `json:"kind"`
	Issuer string `json:"issuer,omitempty"`
	Note   string `json:"note,omitempty"`
}

// IPEventNames are the events at which an address may have been seen. They are
// NCMEC's words in lower case.
var IPEventNames = []string{"login", "registration", "purchase", "upload", "other", "unknown"}

// Check returns what is wrong with an account as (path, problem) pairs, which
// never repeat a value.
func (a *Account) Check(now time.Time) [][2]string {
	var out [][2]string
	bad := func(path, problem string) { out = append(out, [2]string{path, problem}) }
	if a.ProfileURL != "" && !isWebURL(a.ProfileURL) {
		bad("profile_url", "is not an http or https URL")
	}
	if a.DateOfBirth != "" {
		if d, err := time.Parse(time.DateOnly, a.DateOfBirth); err != nil || d.After(now) {
			bad("date_of_birth", "is not a past day as YYYY-MM-DD")
		}
	}
	if a.Age != nil && (*a.Age < 0 || *a.Age > 150) {
		bad("age", "must be 0 to 150")
	}
	if !oneOf(AgeSources, a.AgeSource) {
		bad("age_source", "is not a known word")
	}
	for i, e := range a.Emails {
		if m, err := mail.ParseAddress(e.Address); err != nil || m.Address != e.Address || len(e.Address) > 255 {
			bad(at("emails", i, "address"), "is not an e-mail address")
		}
		if !oneOf(EmailTypes, e.Type) {
			bad(at("emails", i, "type"), "is not a known word")
		}
		if !verification(e.Verified, e.VerifiedAt, now) {
			bad(at("emails", i, "verified_at"), "must be in the past, and only where verified")
		}
	}
	for i, p := range a.Phones {
		if p.Number == "" || utf8.RuneCountInString(p.Number) > 50 {
			bad(at("phones", i, "number"), "must have 1 to 50 characters")
		}
		if p.CallingCode != "" && !callingCode.MatchString(p.CallingCode) {
			bad(at("phones", i, "calling_code"), "is not + and one to three digits")
		}
		if p.CallingCode != "" && strings.HasPrefix(p.Number, "+") {
			bad(at("phones", i, "number"), "repeats the calling code")
		}
		if p.Extension != "" && !extension.MatchString(p.Extension) {
			bad(at("phones", i, "extension"), "is not one to ten digits")
		}
		if !oneOf(PhoneTypes, p.Type) {
			bad(at("phones", i, "type"), "is not a known word")
		}
		if !verification(p.Verified, p.VerifiedAt, now) {
			bad(at("phones", i, "verified_at"), "must be in the past, and only where verified")
		}
	}
	for i, d := range a.Addresses {
		if !oneOf(AddressTypes, d.Type) {
			bad(at("addresses", i, "type"), "is not a known word")
		}
		if d.Country != "" && !Jurisdiction(d.Country).Valid() {
			bad(at("addresses", i, "country"), "is not a country code")
		}
	}
	for i, l := range a.Linked {
		if l.Type == "" || !oneOf(LinkTypes, l.Type) {
			bad(at("linked", i, "type"), "is not a known word")
		}
		if l.ProfileURL != "" && !isWebURL(l.ProfileURL) {
			bad(at("linked", i, "profile_url"), "is not an http or https URL")
		}
		if m, err := mail.ParseAddress(l.Email); l.Email != "" && (err != nil || m.Address != l.Email) {
			bad(at("linked", i, "email"), "is not an e-mail address")
		}
	}
	if a.Location != nil && (a.Location.Country == "" || !Jurisdiction(a.Location.Country).Valid()) {
		bad("location.country", "is not a country code")
	}
	for _, c := range []struct {
		path string
		c    *Closure
	}{{"suspended", a.Suspended}, {"closed", a.Closed}} {
		if c.c != nil {
			c.c.check(c.path, now, bad)
		}
	}
	for i, e := range a.IPEvents {
		if _, err := netip.ParseAddr(e.IP); err != nil {
			bad(at("ip_events", i, "ip"), "is not an IP address")
		}
		if e.Port < 0 || e.Port > 65535 {
			bad(at("ip_events", i, "port"), "must be 1 to 65535")
		}
		if e.At.IsZero() || e.At.After(now.Add(time.Minute)) {
			bad(at("ip_events", i, "at"), "must be a time in the past")
		}
	}
	for i, d := range a.Devices {
		if d.Type == "" || d.Value == "" || len(d.Type) > 255 || len(d.Value) > 2083 {
			bad(at("devices", i, "type"), "type (at most 255) and value (at most 2083 characters) are needed")
		}
		if !oneOf(IPEventNames, d.Event) {
			bad(at("devices", i, "event"), "is not a known word")
		}
		if future(d.At, now) {
			bad(at("devices", i, "at"), "must be a time in the past")
		}
	}
	return out
}

var (
	callingCode = regexp.MustCompile(`^\+[0-9]{1,3}$`)
	extension   = regexp.MustCompile(`^[0-9]{1,10}$`)
)

func (c *Closure) check(path string, now time.Time, bad func(path, problem string)) {
	if future(c.At, now) || future(c.NotifiedAt, now) || future(c.EndedAt, now) {
		bad(path, "must be in the past")
	}
	if c.At != nil && ((c.NotifiedAt != nil && c.NotifiedAt.Before(*c.At)) || (c.EndedAt != nil && !c.EndedAt.After(*c.At))) {
		bad(path, "ends, or was told to the user, before it began")
	}
}

// oneOf takes the empty word, which says that nothing is known.
func oneOf(words []string, w string) bool { return w == "" || slices.Contains(words, w) }

// future allows a minute for clocks that differ.
func future(t *time.Time, now time.Time) bool { return t != nil && t.After(now.Add(time.Minute)) }

func verification(verified *bool, when *time.Time, now time.Time) bool {
	return when == nil || (verified != nil && *verified && !future(when, now))
}

func at(list string, i int, field string) string {
	return list + "[" + strconv.Itoa(i) + "]." + field
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= 2083
}
