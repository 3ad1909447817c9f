package reporting

import (
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Missing is something that would make a report more useful.
type Missing struct{ Field, Why string }

// completeness scores what an officer needs first, 0 to 100, after the list in
// reporting facts §1.8 (a recommendation, not a rule of the authority).
func (d *Desk) completeness(in *input) (score int, missing []Missing) {
	a := in.body.Account
	if a == nil {
		a = &safety.Account{}
	}
	checks := []struct {
		weight     int
		have       bool
		field, why string
	}{
		{15, in.body.AccountID != "", "account", "an officer needs to know which account to ask you about"},
		{15, len(a.IPEvents) > 0, "account.ip_events", "addresses with port and time are how a person is found"},
		{10, len(a.Emails) > 0 || len(a.Phones) > 0, "account.emails", "a verified e-mail or phone identifies a person"},
		{5, a.ScreenName != "" || len(a.DisplayNames) > 0, "account.screen_name", "the name that others saw"},
		{15, len(in.files) > 0, "files", "the content itself"},
		{10, everyItem(in.items, func(it db.Item) bool { return it.Ip != "" }), "items.ip", "the address of each upload"},
		{5, everyItem(in.items, func(it db.Item) bool { return it.Port > 0 }), "items.port", "behind shared addresses the port is needed too"},
		{10, everyItem(in.items, func(it db.Item) bool { return it.ContentAt > 0 }), "items.created_at", "when each item was uploaded"},
		{5, in.classified(), "class", "sorts the report for the analyst"},
		{5, d.cfg.Reporter.CompanyTemplate != "", "reporter.company_template", "how to serve legal process and whom to call in an emergency"},
		{5, d.cfg.Reporter.Phone != "", "reporter.phone", "a number to call back"},
	}
	for _, c := range checks {
		if c.have {
			score += c.weight
		} else {
			missing = append(missing, Missing{c.field, c.why})
		}
	}
	return score, missing
}

// classified says that the scheme of the authority's country was used.
func (in *input) classified() bool {
	if Authority(in.report.Authority) == NCMEC {
		return in.body.NCMECClass != ""
	}
	return in.body.UKClass != ""
}

func everyItem(items []db.Item, have func(db.Item) bool) bool {
	for _, it := range items {
		if !have(it) {
			return false
		}
	}
	return len(items) > 0
}
