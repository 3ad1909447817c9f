package reporting

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Authority is where a report goes.
type Authority string

// The authorities.
const (
	// NCMEC is the US National Center for Missing & Exploited Children, reached
	// by its ISP web service.
	NCMEC Authority = "ncmec"
	// NCA is the UK National Crime Agency's industry reporting portal. A person
	// carries the report there, unless an interface was configured.
	NCA Authority = "nca"
	// Referral is a police force or another body that a person turns to.
	Referral Authority = "referral"
)

// Authorities lists them.
var Authorities = []Authority{NCMEC, NCA, Referral}

func (a Authority) name() string {
	switch a {
	case NCMEC:
		return "NCMEC"
	case NCA:
		return "the NCA"
	}
	return "law enforcement"
}

// Record is what a report says, whoever it goes to: a superset of what the
// authorities take. Each authority's adapter renders what that authority can
// read. It is made when a decision drafts a report, and people complete it.
type Record struct {
	IncidentAt     time.Time       `json:"incident_at"`
	IncidentNote   string          `json:"incident_note,omitempty"` // what the time means
	Annotations    []string        `json:"annotations,omitempty"`   // of Annotations
	Places         []Place         `json:"places,omitempty"`        // beside the items' own URLs
	EscalateReason string          `json:"escalate_reason,omitempty"`
	AdditionalInfo string          `json:"additional_info,omitempty"`
	NCMECClass     string          `json:"ncmec_class,omitempty"`
	UKClass        string          `json:"uk_class,omitempty"`
	Account        *safety.Account `json:"account,omitempty"` // as known when drafted
	AccountID      string          `json:"account_id,omitempty"`
	ThirdParty     *bool           `json:"third_party,omitempty"` // the account is on a service that the reporter does not run
	Surface        safety.Surface  `json:"surface"`
	Canary         bool            `json:"canary,omitempty"`

	People  []Person             `json:"people,omitempty"`  // victims, recipients, others
	Contact *Contact             `json:"contact,omitempty"` // with law enforcement that already took place
	Prior   []Reference          `json:"prior,omitempty"`   // earlier reports that Rowan does not know of
	Files   map[string]FileNotes `json:"files,omitempty"`   // by evidence id

	PriorityBy     string `json:"priority_by,omitempty"` // the person who chose the priority; empty: nobody has
	PriorityReason string `json:"priority_reason,omitempty"`

	UKLinks     []UKLink     `json:"uk_links,omitempty"`
	Emergency   string       `json:"emergency,omitempty"` // what was done to protect somebody at once
	Agency      *Agency      `json:"agency,omitempty"`    // whom a referral goes to
	Declaration *Declaration `json:"declaration,omitempty"`

	Supplement string `json:"supplement,omitempty"` // why there is more to say after an earlier report
}

// Annotations are flags of a report: NCMEC's, in our spelling. See reporting
// facts §1.7 for what they mean.
var Annotations = []string{"sextortion", "solicitation", "minor_to_minor", "spam", "sadistic_exploitation"}

// FileAnnotations are flags of a file: NCMEC's, in our spelling.
var FileAnnotations = []string{"drawing", "meme", "viral", "self_production", "physical_harm", "violence", "animal", "live_streaming", "infant", "generative_ai"}

// FileNotes is what a person says of one file.
type FileNotes struct {
	Annotations []string `json:"annotations,omitempty"`
	Note        string   `json:"note,omitempty" maxLength:"2000"`
}

// Place is where the incident happened. Kind says which fields count.
type Place struct {
	Kind       string           `json:"kind" enum:"web,email,newsgroup,chat,game,phone,offline,peer_to_peer"`
	Name       string           `json:"name,omitempty" maxLength:"255" doc:"Chat client, game, newsgroup, program or location"`
	Room       string           `json:"room,omitempty" maxLength:"255" doc:"Chat room, or the console of a game"`
	URLs       []string         `json:"urls,omitempty" maxItems:"100"`
	ThirdParty *bool            `json:"third_party,omitempty" doc:"The page is on another company's server"`
	Emails     []string         `json:"emails,omitempty" maxItems:"50"`
	Phone      string           `json:"phone,omitempty" maxLength:"50"`
	Latitude   *float64         `json:"latitude,omitempty" minimum:"-90" maximum:"90"`
	Longitude  *float64         `json:"longitude,omitempty" minimum:"-180" maximum:"180"`
	Addresses  []safety.Address `json:"addresses,omitempty" maxItems:"10"`
	IPEvents   []safety.IPEvent `json:"ip_events,omitempty" maxItems:"100"`
	FileNames  string           `json:"file_names,omitempty" maxLength:"4000"`
	Content    string           `json:"content,omitempty" maxLength:"20000"`
	Info       string           `json:"info,omitempty" maxLength:"4000"`
}

// Person is somebody beside the reported account.
type Person struct {
	Role      string          `json:"role" enum:"victim,recipient,associated"`
	AccountID string          `json:"account_id,omitempty" maxLength:"255"`
	Name      string          `json:"name,omitempty" maxLength:"200"`
	Age       *int            `json:"age,omitempty" minimum:"0" maximum:"150"`
	School    string          `json:"school,omitempty" maxLength:"255"`
	Note      string          `json:"note,omitempty" maxLength:"4000"`
	Account   *safety.Account `json:"account,omitempty"` // as known when the person was added; Rowan fills it in
}

// Contact is what law enforcement knows already.
type Contact struct {
	Agency       string `json:"agency" minLength:"1" maxLength:"255"`
	CaseNumber   string `json:"case_number,omitempty" maxLength:"100"`
	OfficerFirst string `json:"officer_first,omitempty" maxLength:"100"`
	OfficerLast  string `json:"officer_last,omitempty" maxLength:"100"`
	OfficerEmail string `json:"officer_email,omitempty" maxLength:"255"`
	OfficerPhone string `json:"officer_phone,omitempty" maxLength:"50"`
	Reported     *bool  `json:"reported,omitempty" doc:"The incident was reported to the agency"`
	Domestic     *bool  `json:"domestic,omitempty" doc:"Legal process of the reporter's own country was served"`
	Foreign      *bool  `json:"foreign,omitempty" doc:"Legal process of another country was served"`
	Country      string `json:"country,omitempty" maxLength:"2" doc:"Of the foreign agency"`
}

// Reference is the number of a report made elsewhere.
type Reference struct {
	Body   string `json:"body" minLength:"1" maxLength:"100" doc:"ncmec, nca, police or another name"`
	Number string `json:"number" minLength:"1" maxLength:"100"`
}

// UKLink is evidence of a link with the United Kingdom (Online Safety Act 2023
// s.70(6) [P]).
type UKLink struct {
	Ground   string `json:"ground" enum:"place,nationality,suspect_location,victim_location"`
	Evidence string `json:"evidence" minLength:"1" maxLength:"2000"`
}

// UKGrounds are s.70(6)(a) to (d).
var UKGrounds = []string{"place", "nationality", "suspect_location", "victim_location"}

// Agency is the addressee of a referral.
type Agency struct {
	Name    string `json:"name" minLength:"1" maxLength:"255"`
	Contact string `json:"contact,omitempty" maxLength:"500"`
	Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
}

// Declaration is a person's word that the report is complete and true.
type Declaration struct {
	Text string    `json:"text"`
	By   string    `json:"by"`
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// DeclarationText is what the person who approves a report to the NCA declares.
// The wording is ours: the facts hold only that a declaration is asked for
// (SI 2026/268 Schedule 1 [S]).
const DeclarationText = "To the best of my knowledge the information in this report is true, and all of the required information that is reasonably available to the provider is included."

func record(r db.Report) (Record, error) {
	var b Record
	if err := json.Unmarshal([]byte(r.Draft), &b); err != nil {
		return b, fmt.Errorf("stored draft of %s: %w", r.ID, err)
	}
	return b, nil
}

// Edit is a person's change to a draft; what is nil stays.
type Edit struct {
	IncidentType   *cybertip.IncidentType
	IncidentAt     *time.Time
	IncidentNote   *string
	Annotations    *[]string
	Places         *[]Place
	EscalateReason *string
	AdditionalInfo *string
	ThirdParty     *bool
	People         *[]Person
	Contact        **Contact
	Prior          *[]Reference
	Files          map[string]FileNotes // those that are named are replaced
	Priority       *safety.Priority     // with PriorityReason
	PriorityReason *string
	UKLinks        *[]UKLink
	Emergency      *string
	Agency         *Agency
}

// apply changes b and names what it changed.
func (e Edit) apply(b *Record) []string {
	var changed []string
	add := func(name string, is bool) {
		if is {
			changed = append(changed, name)
		}
	}
	add("incident_at", set(&b.IncidentAt, e.IncidentAt))
	add("incident_note", set(&b.IncidentNote, e.IncidentNote))
	add("annotations", set(&b.Annotations, e.Annotations))
	add("places", set(&b.Places, e.Places))
	add("escalate_reason", set(&b.EscalateReason, e.EscalateReason))
	add("additional_info", set(&b.AdditionalInfo, e.AdditionalInfo))
	if e.ThirdParty != nil {
		b.ThirdParty = e.ThirdParty
		add("third_party", true)
	}
	add("people", set(&b.People, e.People))
	add("contact", set(&b.Contact, e.Contact))
	add("prior", set(&b.Prior, e.Prior))
	for id, n := range e.Files {
		if b.Files == nil {
			b.Files = map[string]FileNotes{}
		}
		b.Files[id] = n
	}
	add("files", len(e.Files) > 0)
	add("priority_reason", set(&b.PriorityReason, e.PriorityReason))
	add("uk_links", set(&b.UKLinks, e.UKLinks))
	add("emergency", set(&b.Emergency, e.Emergency))
	if e.Agency != nil {
		b.Agency = e.Agency
		add("agency", true)
	}
	return changed
}

func set[T any](to *T, from *T) bool {
	if from == nil {
		return false
	}
	*to = *from
	return true
}

// Wrong is one thing that an authority would refuse, or that the law asks for
// first. Problem never repeats a value.
type Wrong struct{ Path, Problem string }

// check finds what no authority could read. The authority's own rules come on top.
func (b *Record) check(now time.Time) []Wrong {
	var out []Wrong
	bad := func(path, problem string, args ...any) { out = append(out, Wrong{path, fmt.Sprintf(problem, args...)}) }
	if b.IncidentAt.IsZero() || b.IncidentAt.After(now) {
		bad("incident_at", "must be in the past")
	}
	for _, a := range b.Annotations {
		if !slices.Contains(Annotations, a) {
			bad("annotations", "holds a word that is not known")
		}
	}
	for id, f := range b.Files {
		for _, a := range f.Annotations {
			if !slices.Contains(FileAnnotations, a) {
				bad("files."+id, "holds a word that is not known")
			}
		}
	}
	for i, p := range b.Places {
		p.check(fmt.Sprintf("places[%d]", i), now, bad)
	}
	for i, p := range b.People {
		if p.AccountID == "" && p.Name == "" && p.Age == nil && p.Note == "" {
			bad(fmt.Sprintf("people[%d]", i), "says nothing of the person")
		}
	}
	for i, l := range b.UKLinks {
		if !slices.Contains(UKGrounds, l.Ground) || strings.TrimSpace(l.Evidence) == "" {
			bad(fmt.Sprintf("uk_links[%d]", i), "needs one of the grounds, and the evidence for it")
		}
	}
	for _, t := range []struct{ path, text string }{{"escalate_reason", b.EscalateReason}, {"incident_note", b.IncidentNote}} {
		if utf8.RuneCountInString(t.text) > 3000 {
			bad(t.path, "is over 3000 characters")
		}
	}
	return out
}

func (p *Place) check(path string, now time.Time, bad func(path, problem string, args ...any)) {
	for i, u := range p.URLs {
		if !webURL(u) {
			bad(fmt.Sprintf("%s.urls[%d]", path, i), "is not an http or https URL of at most 2083 characters")
		}
	}
	for i, e := range p.Emails {
		if m, err := mail.ParseAddress(e); err != nil || m.Address != e {
			bad(fmt.Sprintf("%s.emails[%d]", path, i), "is not an e-mail address")
		}
	}
	for i, e := range p.IPEvents {
		if _, err := netip.ParseAddr(e.IP); err != nil || e.Port < 0 || e.Port > 65535 || e.At.After(now) {
			bad(fmt.Sprintf("%s.ip_events[%d]", path, i), "needs an IP address, a port up to 65535 and a time in the past")
		}
	}
}

// webURL reports whether NCMEC would take s: absolute, no white space or control
// characters, at most 2083 characters (reporting facts §1.5).
func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && utf8.RuneCountInString(s) <= 2083 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
