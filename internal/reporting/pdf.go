package reporting

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/paper"
	"github.com/rowan-safety/rowan/internal/safety"
)

// PDF sets a document for people: first what an officer acts on (how urgent, who,
// from where, what was seen), then everything else. raw is the document as JSON,
// whose digest stands on every page.
func (doc *Document) PDF(raw []byte) ([]byte, error) {
	sum := sha256.Sum256(raw)
	p := paper.New(paper.Info{Title: doc.title(), Subtitle: doc.Reporter.Organisation + ", " + doc.Incident.Platform,
		Classification: "Confidential: for law enforcement only", Reference: "Report " + doc.ReportID,
		Digest: "SHA-256 of report.json: " + hex.EncodeToString(sum[:]), Made: doc.Made})
	if doc.Test {
		p.Notice("TEST. This is not a report of a real incident.")
	}
	doc.first(p)
	doc.users(p)
	doc.content(p)
	doc.rest(p)
	return p.PDF()
}

func (doc *Document) title() string {
	switch doc.Authority {
	case NCA:
		return "Report of child sexual exploitation and abuse content"
	case Referral:
		return "Referral to " + doc.Addressee.Name
	}
	return "Report"
}

var priorityWords = map[string]string{
	"P1": "P1: current or imminent danger",
	"P2": "P2: risk in the near future, or another reason for swift action",
	"P3": "P3: neither imminent nor near",
}

// first is the page that is read when there is time for one page.
func (doc *Document) first(p *paper.Doc) {
	if doc.Emergency != "" {
		p.Notice("Done already: " + doc.Emergency)
	}
	files, viewed := doc.count()
	facts := []paper.Fact{{Label: "Priority", Value: strings.Join(nonEmpty(priorityWords[doc.Priority], doc.PriorityWhy), ". ")}}
	if doc.Escalate != "" {
		facts = append(facts, paper.Fact{Label: "Why now", Value: doc.Escalate})
	}
	facts = append(facts, doc.suspect()...)
	facts = append(facts, paper.Fact{Label: "What", Value: strings.Join(nonEmpty(doc.Incident.Type, strings.Join(doc.Incident.Annotations, ", ")), ": ")},
		paper.Fact{Label: "When", Value: strings.Join(nonEmpty(utc(doc.Incident.At), doc.Incident.Note), ". ")},
		paper.Fact{Label: "Where", Value: doc.Incident.Platform + " (" + doc.Incident.Surface + ")"},
		paper.Fact{Label: "Content", Value: counted(len(doc.Content), "item") + ", " + counted(files, "file") + fmt.Sprintf(", of which staff viewed %d in full", viewed)},
		paper.Fact{Label: "Judged by", Value: doc.Judgement.By + ", " + utc(doc.Judgement.At) + class(doc.Judgement)},
		paper.Fact{Label: "Found by", Value: strings.Join(doc.Detection.How, "\n")},
		paper.Fact{Label: "Reported by", Value: strings.Join(nonEmpty(doc.Reporter.FirstName+" "+doc.Reporter.LastName, doc.Reporter.Email, doc.Reporter.Phone), ", ")})
	if doc.Addressee != nil {
		facts = append(facts, paper.Fact{Label: "Ground", Value: doc.Addressee.Reason})
	}
	for _, r := range doc.Prior {
		facts = append(facts, paper.Fact{Label: "Reported before", Value: strings.ToUpper(r.Body) + " " + r.Number})
	}
	if doc.Supplement != "" {
		facts = append(facts, paper.Fact{Label: "Adds to it", Value: doc.Supplement})
	}
	p.Facts(facts...)
	if doc.Other != "" {
		p.Paragraph(doc.Other)
	}
}

// suspect is who is reported, and where the account was seen last.
func (doc *Document) suspect() []paper.Fact {
	for _, u := range doc.Users {
		if u.Role != "suspect" {
			continue
		}
		name := u.Name
		if a := u.Account; a != nil {
			name = strings.Join(nonEmpty(strings.Join(a.Names, ", "), a.ScreenName), ", ")
		}
		out := []paper.Fact{{Label: "Who", Value: strings.Join(nonEmpty("account "+u.ID, name), ", ")}}
		if a := u.Account; a != nil && len(a.IPEvents) > 0 {
			last := slices.MaxFunc(a.IPEvents, func(x, y safety.IPEvent) int { return x.At.Compare(y.At) })
			out = append(out, paper.Fact{Label: "Seen last", Value: address2(last.IP, int64(last.Port)) + ", " + utc(last.At)})
		}
		return out
	}
	return []paper.Fact{{Label: "Who", Value: "no account is known"}}
}

func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func class(j DocumentJudgement) string {
	var out []string
	if j.UKClass != "" {
		out = append(out, "UK category "+j.UKClass)
	}
	if j.NCMECClass != "" {
		out = append(out, "NCMEC class "+j.NCMECClass)
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func (doc *Document) count() (files, viewed int) {
	for _, c := range doc.Content {
		for _, f := range c.Files {
			files++
			if f.Viewed {
				viewed++
			}
		}
	}
	return files, viewed
}

func (doc *Document) users(p *paper.Doc) {
	titles := map[string]string{"suspect": "Reported account", "victim": "Child at risk", "recipient": "Intended recipient", "associated": "Also involved"}
	for _, u := range doc.Users {
		p.Heading(titles[u.Role])
		facts := []paper.Fact{{Label: "Account", Value: u.ID, Mono: true}, {Label: "Name", Value: u.Name}, {Label: "School", Value: u.School}, {Label: "Note", Value: u.Note}}
		if u.Age != nil {
			facts = append(facts, paper.Fact{Label: "Age", Value: fmt.Sprint(*u.Age)})
		}
		if u.Account != nil {
			facts = append(facts, accountFacts(u.Account)...)
		}
		p.Facts(slices.DeleteFunc(facts, func(f paper.Fact) bool { return strings.TrimSpace(f.Value) == "" })...)
		if u.Account != nil && len(u.Account.IPEvents) > 0 {
			sightings(p, u.Account.IPEvents)
		}
	}
}

func accountFacts(a *safety.Account) []paper.Fact {
	var emails, phones, addresses, devices, others []string
	for _, e := range a.Emails {
		emails = append(emails, e.Address+verifiedWord(e.Verified, e.VerifiedAt))
	}
	for _, ph := range a.Phones {
		phones = append(phones, strings.TrimSpace(ph.CallingCode+" "+ph.Number)+verifiedWord(ph.Verified, ph.VerifiedAt))
	}
	for _, x := range a.Addresses {
		addresses = append(addresses, strings.Join(nonEmpty(x.Type, x.Street, x.City, x.PostalCode, x.Region, x.Country), ", "))
	}
	for _, d := range a.Devices {
		devices = append(devices, d.Type+" "+d.Value)
	}
	for _, l := range a.Linked {
		others = append(others, strings.Join(nonEmpty(l.Type, l.Platform, l.ID, l.ScreenName, l.ProfileURL, l.Email), ", "))
	}
	out := []paper.Fact{{Label: "Names", Value: strings.Join(a.Names, "\n")}, {Label: "Screen name", Value: a.ScreenName},
		{Label: "Display names", Value: strings.Join(a.DisplayNames, "\n")}, {Label: "Born", Value: a.DateOfBirth}, {Label: "E-mail", Value: strings.Join(emails, "\n")},
		{Label: "Phone", Value: strings.Join(phones, "\n")}, {Label: "Address", Value: strings.Join(addresses, "\n")}, {Label: "Profile", Value: a.ProfileURL},
		{Label: "Devices", Value: strings.Join(devices, "\n"), Mono: true}, {Label: "Other accounts", Value: strings.Join(others, "\n")},
		{Label: "Payment", Value: strings.Join(a.Billing, "\n")}, {Label: "Identity papers", Value: documents(a)}, {Label: "Group", Value: a.GroupID},
		{Label: "Vehicle", Value: a.Vehicle}}
	if a.Age != nil {
		out = append(out, paper.Fact{Label: "Age", Value: strings.TrimSpace(fmt.Sprint(*a.Age, " ", strings.ReplaceAll(a.AgeSource, "_", " ")))})
	}
	if l := a.Location; l != nil {
		out = append(out, paper.Fact{Label: "Estimated place", Value: strings.Join(nonEmpty(l.City, l.Region, l.Country), ", ")})
	}
	if a.Suspended != nil {
		out = append(out, paper.Fact{Label: "Suspended", Value: closureWords(a.Suspended)})
	}
	if a.Closed != nil {
		out = append(out, paper.Fact{Label: "Closed", Value: closureWords(a.Closed)})
	}
	if n := len(a.Connections); n > 0 {
		out = append(out, paper.Fact{Label: "Connections", Value: fmt.Sprintf("%d accounts, listed in report.json", n)})
	}
	return out
}

func closureWords(c *safety.Closure) string {
	var out []string
	if c.At != nil {
		out = append(out, utc(*c.At))
	}
	if c.Notified != nil && *c.Notified {
		out = append(out, "the user was told")
	} else if c.Notified != nil {
		out = append(out, "the user was not told")
	}
	if len(out) == 0 {
		return "yes"
	}
	return strings.Join(out, ", ")
}

func verifiedWord(yes *bool, when *time.Time) string {
	switch {
	case yes == nil:
		return ""
	case !*yes:
		return " (not verified)"
	case when != nil:
		return " (verified " + utc(*when) + ")"
	}
	return " (verified)"
}

func sightings(p *paper.Doc, events []safety.IPEvent) {
	rows := make([][]string, len(events))
	for i, e := range events {
		port := ""
		if e.Port > 0 {
			port = fmt.Sprint(e.Port)
		}
		event := e.Event
		if e.Proxy != nil && *e.Proxy {
			event += " (perhaps a proxy)"
		}
		rows[i] = []string{utc(e.At), e.IP, port, event}
	}
	p.Table([]paper.Column{{Title: "Seen at", Weight: 2}, {Title: "Address", Weight: 3, Mono: true}, {Title: "Port", Weight: 1, Mono: true}, {Title: "Event", Weight: 2}}, rows)
}

func (doc *Document) content(p *paper.Doc) {
	for i, c := range doc.Content {
		p.Heading(fmt.Sprintf("Content %d of %d", i+1, len(doc.Content)))
		facts := []paper.Fact{{Label: "Id", Value: c.ContentID, Mono: true}, {Label: "Place", Value: c.URL, Mono: true}, {Label: "File name", Value: c.Filename},
			{Label: "Sent from", Value: address2(c.IP, c.Port), Mono: true}, {Label: "Received", Value: utc(c.Received)}, {Label: "Open to all", Value: yesNo(c.Public)}}
		if c.Uploaded != nil {
			facts = append(facts, paper.Fact{Label: "Uploaded", Value: utc(*c.Uploaded)})
		}
		for _, kind := range []string{"SHA256", "SHA1", "MD5", "PDQ"} {
			facts = append(facts, paper.Fact{Label: kind, Value: c.Hashes[kind], Mono: true})
		}
		for _, f := range c.Files {
			facts = append(facts, fileFacts(f)...)
		}
		p.Facts(slices.DeleteFunc(facts, func(f paper.Fact) bool { return strings.TrimSpace(f.Value) == "" })...)
	}
	if len(doc.Context) > 0 {
		p.Heading("Context that goes with it")
		for _, f := range doc.Context {
			p.Facts(fileFacts(f)...)
		}
	}
}

func fileFacts(f DocumentFile) []paper.Fact {
	out := []paper.Fact{{Label: "File", Value: "files/" + f.Name, Mono: true},
		{Label: "", Value: fmt.Sprintf("%s, %s, %d bytes; %s", f.Kind, f.MediaType, f.Size, viewedWord(f.Viewed))},
		{Label: "Its SHA-256", Value: f.SHA256, Mono: true}}
	if more := strings.Join(nonEmpty(strings.Join(f.Annotations, ", "), f.Note), ". "); more != "" {
		out = append(out, paper.Fact{Label: "Said of it", Value: more})
	}
	for _, v := range f.EXIF {
		out = append(out, paper.Fact{Label: "EXIF", Value: v.Name + ": " + v.Value})
	}
	return out
}

func viewedWord(yes bool) string {
	if yes {
		return "viewed in full by staff"
	}
	return "not viewed in full by staff"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func address2(ip string, port int64) string {
	if ip == "" || port == 0 {
		return ip
	}
	return fmt.Sprintf("%s, port %d", ip, port)
}

func (doc *Document) rest(p *paper.Doc) {
	for _, pl := range doc.Incident.Places {
		p.Heading("Place of the incident: " + strings.ReplaceAll(pl.Kind, "_", " "))
		p.Facts(slices.DeleteFunc([]paper.Fact{{Label: "Name", Value: pl.Name}, {Label: "Room", Value: pl.Room}, {Label: "Pages", Value: strings.Join(pl.URLs, "\n"), Mono: true},
			{Label: "E-mail", Value: strings.Join(pl.Emails, "\n")}, {Label: "Phone", Value: pl.Phone}, {Label: "Files", Value: pl.FileNames},
			{Label: "Content", Value: pl.Content}, {Label: "More", Value: pl.Info}}, func(f paper.Fact) bool { return f.Value == "" })...)
	}
	if len(doc.UKLinks) > 0 {
		p.Heading("Link with the United Kingdom")
		for _, l := range doc.UKLinks {
			p.Facts(paper.Fact{Label: strings.ReplaceAll(l.Ground, "_", " "), Value: l.Evidence})
		}
	}
	if c := doc.Contact; c != nil {
		p.Heading("Law enforcement that knows already")
		p.Facts(paper.Fact{Label: "Agency", Value: strings.Join(nonEmpty(c.Agency, c.Country), ", ")}, paper.Fact{Label: "Reference", Value: c.CaseNumber},
			paper.Fact{Label: "Officer", Value: strings.Join(nonEmpty(c.OfficerFirst+" "+c.OfficerLast, c.OfficerEmail, c.OfficerPhone), ", ")})
	}
	p.Heading("Judgement")
	p.Paragraph(doc.Judgement.Reason)
	p.Facts(paper.Fact{Label: "Case", Value: doc.CaseID, Mono: true})
	if doc.Reporter.Legal != "" {
		p.Heading("Legal process and emergencies")
		p.Paragraph(doc.Reporter.Legal)
	}
	if d := doc.Declaration; d != nil {
		p.Heading("Declaration")
		p.Paragraph(d.Text)
		p.Paragraph(d.Name + ", " + utc(d.At))
	}
}

// utc is a time as people read it, never without its zone.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}
