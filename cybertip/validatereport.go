package cybertip

import (
	"reflect"
	"strings"
	"time"
)

// Validate checks r against the schema and against the rules of the
// documentation that the schema cannot express: lengths, well-formed
// addresses and URLs, times in the past of now, the reporter's email, what may
// stand together. It returns nil or a [*ValidationError] that lists everything.
//
// What only NCMEC can know is not checked: whether priorCTReports exist, and
// that a batched report has at most one file.
func (r *Report) Validate(now time.Time) error {
	c := newCheck(now)
	r.batched(c)
	r.IncidentSummary.validate(c.at("incidentSummary"))
	for i := range r.InternetDetails {
		r.InternetDetails[i].validate(c.nth("internetDetails", i), r.emails())
	}
	if r.LawEnforcement != nil {
		r.LawEnforcement.validate(c.at("lawEnforcement"))
	}
	r.Reporter.validate(c.at("reporter"))
	for i := range r.PersonOrUserReported {
		r.PersonOrUserReported[i].validate(c.nth("personOrUserReported", i))
	}
	for i := range r.IntendedRecipient {
		r.IntendedRecipient[i].validate(c.nth("intendedRecipient", i))
	}
	for i := range r.Victim {
		r.Victim[i].validate(c.nth("victim", i))
	}
	return c.err()
}

// batched checks what a batched report may hold, and that only a batched
// report names several suspects.
func (r *Report) batched(c check) {
	if r.BatchedReport == nil {
		c.require("personOrUserReported", len(r.PersonOrUserReported) <= 1,
			"must not repeat unless the report is batched")
		return
	}
	c.require("batchedReport.reason", r.BatchedReport.Reason == ViralPotentialMeme, "is not a value of the schema")
	const no = "is not allowed in a batched report"
	c.require("incidentSummary.escalateToHighPriority", r.IncidentSummary.EscalateToHighPriority == "", no)
	c.require("internetDetails", len(r.InternetDetails) == 0, no)
	c.require("lawEnforcement", r.LawEnforcement == nil, no)
	for i, p := range r.PersonOrUserReported {
		p.ESPIdentifier = ""
		c.nth("personOrUserReported", i).require("", empty(p), "may hold only espIdentifier in a batched report")
	}
	c.require("intendedRecipient", len(r.IntendedRecipient) == 0, no)
	c.require("victim", len(r.Victim) == 0, no)
	c.require("additionalInfo", r.AdditionalInfo == "", no)
}

// emails returns the addresses of the persons of the report, in lower case.
func (r *Report) emails() map[string]bool {
	all := map[string]bool{}
	add := func(p *Person) {
		if p != nil {
			for _, e := range p.Email {
				all[strings.ToLower(e.Address)] = true
			}
		}
	}
	for i := range r.PersonOrUserReported {
		add(r.PersonOrUserReported[i].Person)
	}
	for i := range r.IntendedRecipient {
		add(r.IntendedRecipient[i].Person)
	}
	for i := range r.Victim {
		add(&r.Victim[i].Person)
	}
	return all
}

func (s *IncidentSummary) validate(c check) {
	if s.IncidentType == "" {
		c.fail("incidentType", "is required")
	}
	listed(c, "incidentType", s.IncidentType, IncidentTypes())
	c.max("platform", s.Platform, 256)
	if s.EscalateToHighPriority != "" {
		c.text("escalateToHighPriority", s.EscalateToHighPriority, 3000)
	}
	if s.IncidentDateTime.IsZero() {
		c.fail("incidentDateTime", "is required")
	} else {
		c.past("incidentDateTime", &s.IncidentDateTime)
	}
	c.max("incidentDateTimeDescription", s.IncidentDateTimeDescription, 3000)
}

func (l *LawEnforcement) validate(c check) {
	c.text("agencyName", l.AgencyName, 255)
	c.max("caseNumber", l.CaseNumber, 100)
	if l.OfficerContact != nil {
		l.OfficerContact.validate(c.at("officerContact"))
	}
	if p := l.ServedLegalProcessInternational; p != nil {
		listed(c.at("servedLegalProcessInternational"), "fleaCountry", p.FLEACountry, Countries())
	}
}

func (r *Reporter) validate(c check) {
	r.ReportingPerson.validate(c.at("reportingPerson"))
	c.require("reportingPerson.email", len(r.ReportingPerson.Email) > 0, "is required")
	if r.ContactPerson != nil {
		r.ContactPerson.validate(c.at("contactPerson"))
	}
	c.url("legalURL", r.LegalURL)
}

func (d *InternetDetails) validate(c check, known map[string]bool) {
	if d.chosen() != 1 {
		c.fail("", "must hold exactly one incident")
	}
	if w := d.WebPageIncident; w != nil {
		c.at("webPageIncident").urls("url", w.URL)
	}
	if e := d.EmailIncident; e != nil {
		c.at("emailIncident").incidentEmails(e.EmailAddress, known)
	}
	if n := d.NewsgroupIncident; n != nil {
		c := c.at("newsgroupIncident")
		c.max("name", n.Name, 255)
		c.incidentEmails(n.EmailAddress, known)
	}
	if i := d.ChatIMIncident; i != nil {
		c := c.at("chatImIncident")
		c.max("chatClient", i.ChatClient, 255)
		c.max("chatRoomName", i.ChatRoomName, 255)
	}
	if g := d.OnlineGamingIncident; g != nil {
		c := c.at("onlineGamingIncident")
		c.max("gameName", g.GameName, 255)
		c.max("console", g.Console, 255)
	}
	if p := d.CellPhoneIncident; p != nil {
		p.validate(c.at("cellPhoneIncident"))
	}
	if n := d.NonInternetIncident; n != nil {
		c := c.at("nonInternetIncident")
		c.max("locationName", n.LocationName, 255)
		for i := range n.IncidentAddress {
			c.nth("incidentAddress", i).address(&n.IncidentAddress[i])
		}
	}
	if p := d.Peer2PeerIncident; p != nil {
		c := c.at("peer2peerIncident")
		c.max("client", p.Client, 255)
		for i := range p.IPCaptureEvent {
			c.nth("ipCaptureEvent", i).ip(&p.IPCaptureEvent[i])
		}
	}
}

func (c check) incidentEmails(list []Email, known map[string]bool) {
	for i := range list {
		c := c.nth("emailAddress", i)
		c.email(&list[i])
		c.require("", known[strings.ToLower(list[i].Address)],
			"must also be an email of personOrUserReported, intendedRecipient or victim")
	}
}

func (p *CellPhoneIncident) validate(c check) {
	if p.PhoneNumber != nil {
		c.at("phoneNumber").phone(p.PhoneNumber)
	}
	// NaN fails both comparisons.
	within := func(f *float64, n float64) bool { return f == nil || *f >= -n && *f <= n }
	c.require("latitude", within(p.Latitude, 90), "must be -90 to 90")
	c.require("longitude", within(p.Longitude, 180), "must be -180 to 180")
}

// empty reports whether p has no field that would be written. IsZero alone
// would be misled by an empty slice.
func empty(p PersonOrUserReported) bool {
	v := reflect.ValueOf(p)
	for _, f := range v.Fields() {
		if f.Kind() == reflect.Slice && f.Len() == 0 {
			continue
		}
		if !f.IsZero() {
			return false
		}
	}
	return true
}
