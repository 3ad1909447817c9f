package safety

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// Account is what the platform knows of one of its accounts, as far as it
// chooses to tell. It is kept for reports and shown to reviewers.
type Account struct {
	ID           string    `json:"id"`
	Names        []string  `json:"names,omitempty"`
	ScreenName   string    `json:"screen_name,omitempty"`
	DisplayNames []string  `json:"display_names,omitempty"`
	ProfileURL   string    `json:"profile_url,omitempty"`
	ProfileBio   string    `json:"profile_bio,omitempty"`
	DateOfBirth  string    `json:"date_of_birth,omitempty"` // YYYY-MM-DD
	Emails       []Email   `json:"emails,omitempty"`
	Phones       []Phone   `json:"phones,omitempty"`
	IPEvents     []IPEvent `json:"ip_events,omitempty"`
	Devices      []Device  `json:"devices,omitempty"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Email is an address of an account.
type Email struct {
	Address  string `json:"address"`
	Verified *bool  `json:"verified,omitempty"`
}

// Phone is a number of an account, with or without calling code.
type Phone struct {
	Number   string `json:"number"`
	Verified *bool  `json:"verified,omitempty"`
}

// IPEvent is one sighting of an account at an internet address.
type IPEvent struct {
	IP    string    `json:"ip"`
	Port  int       `json:"port,omitempty"` // 1–65535, 0 when not known
	Event string    `json:"event,omitempty"`
	At    time.Time `json:"at"`
}

// Device is one identifier of a device that an account used.
type Device struct {
	Type  string `json:"type"`
	Value string `json:"value"`
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
	for i, e := range a.Emails {
		if m, err := mail.ParseAddress(e.Address); err != nil || m.Address != e.Address || len(e.Address) > 255 {
			bad(at("emails", i, "address"), "is not an e-mail address")
		}
	}
	for i, p := range a.Phones {
		if p.Number == "" || utf8.RuneCountInString(p.Number) > 50 {
			bad(at("phones", i, "number"), "must have 1 to 50 characters")
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
	}
	return out
}

func at(list string, i int, field string) string {
	return list + "[" + strconv.Itoa(i) + "]." + field
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= 2083
}
