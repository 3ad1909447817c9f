package reporting

import (
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Of accounts: from our words to NCMEC's.

func person(a *safety.Account, c *clipped) *cybertip.Person {
	var p cybertip.Person
	if len(a.Names) > 0 {
		// A name is one string on most platforms; the last word goes to lastName.
		first, last, ok := cutLast(a.Names[0], " ")
		p.FirstName = c.to("name", first, 100)
		if ok {
			p.LastName = c.to("name", last, 100)
		}
	}
	for _, e := range a.Emails {
		p.Email = append(p.Email, cybertip.Email{Address: e.Address, Type: word(cybertip.EmailTypes(), e.Type), Verified: e.Verified, VerificationDate: at(e.VerifiedAt)})
	}
	for _, ph := range a.Phones {
		p.Phone = append(p.Phone, cybertip.Phone{Number: ph.Number, Type: word(cybertip.PhoneTypes(), ph.Type), Verified: ph.Verified,
			VerificationDate: at(ph.VerifiedAt), CountryCallingCode: ph.CallingCode, Extension: ph.Extension})
	}
	for _, x := range a.Addresses {
		p.Address = append(p.Address, address(x))
	}
	p.Age, p.DateOfBirth = a.Age, dateOf(a.DateOfBirth)
	if p.FirstName == "" && p.LastName == "" && p.Email == nil && p.Phone == nil && p.Address == nil && p.Age == nil && p.DateOfBirth == nil {
		return nil
	}
	return &p
}

// address puts a region into the element for it: NCMEC keeps US states apart.
func address(a safety.Address) cybertip.Address {
	out := cybertip.Address{Type: word(cybertip.AddressTypes(), a.Type), Address: a.Street, City: a.City, ZipCode: a.PostalCode, Country: cybertip.Country(a.Country)}
	if s := cybertip.State(strings.ToUpper(a.Region)); a.Country == "US" && s.Valid() {
		out.State = s
	} else {
		out.NonUSAState = a.Region
	}
	return out
}

func profile(a *safety.Account) []string {
	if a.ProfileURL == "" {
		return nil
	}
	return []string{a.ProfileURL}
}

func ipEvents(a *safety.Account) []cybertip.IPCaptureEvent {
	var out []cybertip.IPCaptureEvent
	for _, e := range a.IPEvents {
		out = append(out, ipEvent(e))
	}
	return out
}

func ipEvent(e safety.IPEvent) cybertip.IPCaptureEvent {
	out := cybertip.IPCaptureEvent{IPAddress: e.IP, EventName: eventName(e.Event), DateTime: cybertip.At(e.At), PossibleProxy: e.Proxy}
	if e.Port > 0 {
		out.Port = &e.Port
	}
	return out
}

func devices(a *safety.Account) []cybertip.DeviceID {
	var out []cybertip.DeviceID
	for _, d := range a.Devices {
		out = append(out, cybertip.DeviceID{IDType: d.Type, IDValue: d.Value, EventName: word(cybertip.IPCaptureTypes(), d.Event), DateTime: at(d.At)})
	}
	return out
}

func suspended(c *safety.Closure) *cybertip.AccountTemporarilyDisabled {
	if c == nil {
		return nil
	}
	return &cybertip.AccountTemporarilyDisabled{Disabled: true, DisabledDate: at(c.At), UserNotified: c.Notified, UserNotifiedDate: at(c.NotifiedAt), ReenabledDate: at(c.EndedAt)}
}

func closed(c *safety.Closure) *cybertip.AccountPermanentlyDisabled {
	if c == nil {
		return nil
	}
	return &cybertip.AccountPermanentlyDisabled{Disabled: true, DisabledDate: at(c.At), UserNotified: c.Notified, UserNotifiedDate: at(c.NotifiedAt)}
}

func location(l *safety.Location) *cybertip.EstimatedLocation {
	if l == nil {
		return nil
	}
	return &cybertip.EstimatedLocation{City: l.City, Region: l.Region, CountryCode: cybertip.Country(l.Country), Verified: l.Verified, Timestamp: at(l.At)}
}

func linked(a *safety.Account, c *clipped) []cybertip.AssociatedAccount {
	var out []cybertip.AssociatedAccount
	for _, l := range a.Linked {
		x := cybertip.AssociatedAccount{Type: word(cybertip.AssociatedAccountTypes(), l.Type), ESPIdentifier: c.to("linked account", l.ID, 256),
			ScreenName: c.to("linked account", l.ScreenName, 256), AdditionalInfo: l.Note}
		if l.Platform != "" || l.ThirdParty != nil {
			x.Platform = &cybertip.Platform{Name: c.to("linked account", l.Platform, 256), ThirdPartyUser: l.ThirdParty}
		}
		if l.ProfileURL != "" {
			x.ProfileURL = []string{l.ProfileURL}
		}
		if l.Email != "" {
			x.Email = []cybertip.Email{{Address: l.Email}}
		}
		out = append(out, x)
	}
	return out
}

func documents(a *safety.Account) string {
	var out []string
	for _, d := range a.Documents {
		out = append(out, strings.Join(nonEmpty(d.Kind, d.Issuer, d.Note), ", "))
	}
	return strings.Join(out, "; ")
}

func at(t *time.Time) *cybertip.Time {
	if t == nil {
		return nil
	}
	return cybertip.At(*t)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// word finds NCMEC's spelling of one of our words, which are NCMEC's in lower
// case; empty where nothing is known.
func word[T ~string](theirs []T, ours string) T {
	for _, t := range theirs {
		if strings.EqualFold(string(t), ours) {
			return t
		}
	}
	return ""
}

func eventName(s string) cybertip.IPCaptureType {
	if t := word(cybertip.IPCaptureTypes(), s); t != "" {
		return t
	}
	return cybertip.EventUnknown
}
