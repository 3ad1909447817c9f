package reporting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// clipped cuts texts to the lengths that NCMEC takes and remembers which, so
// that the report itself says what is not whole in it.
type clipped struct{ fields []string }

func (c *clipped) to(field, s string, runes int) string {
	// NCMEC says "characters" and not which; cybertip counts UTF-16 units, the
	// most of the usual counts, and so a text of wide characters is cut to half.
	if utf8.RuneCountInString(s) <= runes && !wide(s) {
		return s
	}
	units := 0
	for i, r := range s {
		if units += utf16Len(r); units > runes {
			if !slices.Contains(c.fields, field) {
				c.fields = append(c.fields, field)
			}
			return s[:i]
		}
	}
	return s
}

func wide(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return r > 0xffff }) }

func utf16Len(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

func (c *clipped) list(field string, list []string, runes int) []string {
	var out []string
	for _, s := range list {
		out = append(out, c.to(field, s, runes))
	}
	return out
}

// compile makes the document that opens the report at NCMEC. It is pure: the
// same input and configuration give the same document.
func (d *Desk) compile(in *input) *cybertip.Report {
	c := &clipped{}
	b := &in.body
	r := &cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{
			IncidentType:                cybertip.IncidentType(in.report.IncidentType),
			Platform:                    c.to("platform", d.cfg.Reporter.Platform, 256),
			EscalateToHighPriority:      b.EscalateReason,
			ReportAnnotations:           annotations(b.Annotations),
			IncidentDateTime:            cybertip.Time{Time: b.IncidentAt},
			IncidentDateTimeDescription: b.IncidentNote,
		},
		InternetDetails: places(in),
		LawEnforcement:  lawEnforcement(b.Contact),
		Reporter:        reporter(d.cfg.Reporter),
	}
	if b.AccountID != "" || b.Account != nil {
		r.PersonOrUserReported = []cybertip.PersonOrUserReported{reported(in, c, d.cfg.Reporter.Platform)}
	}
	for _, p := range b.People {
		switch p.Role {
		case "victim":
			r.Victim = append(r.Victim, victim(p, c, d.cfg.Reporter.Platform))
		case "recipient":
			r.IntendedRecipient = append(r.IntendedRecipient, recipient(p, c, d.cfg.Reporter.Platform))
		}
	}
	r.AdditionalInfo = additionalInfo(in, c)
	return r
}

func annotations(words []string) *cybertip.ReportAnnotations {
	if len(words) == 0 {
		return nil
	}
	has := func(w string) cybertip.Flag { return cybertip.Flag(slices.Contains(words, w)) }
	return &cybertip.ReportAnnotations{Sextortion: has("sextortion"), CSAMSolicitation: has("solicitation"),
		MinorToMinorInteraction: has("minor_to_minor"), Spam: has("spam"), SadisticOnlineExploitation: has("sadistic_exploitation")}
}

func fileAnnotations(words []string) *cybertip.FileAnnotations {
	if len(words) == 0 {
		return nil
	}
	has := func(w string) cybertip.Flag { return cybertip.Flag(slices.Contains(words, w)) }
	return &cybertip.FileAnnotations{AnimeDrawingVirtualHentai: has("drawing"), PotentialMeme: has("meme"), Viral: has("viral"),
		PossibleSelfProduction: has("self_production"), PhysicalHarm: has("physical_harm"), ViolenceGore: has("violence"),
		Bestiality: has("animal"), LiveStreaming: has("live_streaming"), Infant: has("infant"), GenerativeAI: has("generative_ai")}
}

func lawEnforcement(c *Contact) *cybertip.LawEnforcement {
	if c == nil {
		return nil
	}
	out := &cybertip.LawEnforcement{AgencyName: c.Agency, CaseNumber: c.CaseNumber, ReportedToLE: c.Reported, ServedLegalProcessDomestic: c.Domestic}
	if c.Foreign != nil {
		out.ServedLegalProcessInternational = &cybertip.InternationalProcess{Served: *c.Foreign, FLEACountry: cybertip.Country(c.Country)}
	}
	if c.OfficerFirst != "" || c.OfficerLast != "" || c.OfficerEmail != "" || c.OfficerPhone != "" {
		out.OfficerContact = &cybertip.ContactPerson{FirstName: c.OfficerFirst, LastName: c.OfficerLast}
		if c.OfficerEmail != "" {
			out.OfficerContact.Email = []cybertip.Email{{Address: c.OfficerEmail}}
		}
		if c.OfficerPhone != "" {
			out.OfficerContact.Phone = []cybertip.Phone{{Number: c.OfficerPhone}}
		}
	}
	return out
}

func reporter(c Reporter) cybertip.Reporter {
	out := cybertip.Reporter{
		ReportingPerson: cybertip.Person{FirstName: c.FirstName, LastName: c.LastName},
		CompanyTemplate: c.CompanyTemplate, TermsOfService: c.TermsURL, LegalURL: c.LegalURL,
	}
	if c.Email != "" {
		out.ReportingPerson.Email = []cybertip.Email{{Address: c.Email}}
	}
	if c.Phone != "" {
		out.ReportingPerson.Phone = []cybertip.Phone{{Number: c.Phone}}
	}
	if c.ContactEmail != "" || c.ContactPhone != "" || c.ContactLast != "" {
		p := &cybertip.ContactPerson{FirstName: c.ContactFirst, LastName: c.ContactLast}
		if c.ContactEmail != "" {
			p.Email = []cybertip.Email{{Address: c.ContactEmail}}
		}
		if c.ContactPhone != "" {
			p.Phone = []cybertip.Phone{{Number: c.ContactPhone}}
		}
		out.ContactPerson = p
	}
	return out
}

// additionalInfo is the reviewer's text, after lines that say how the content
// was detected and before those that say what else there is to know.
func additionalInfo(in *input, c *clipped) string {
	var lines []string
	b := &in.body
	if b.Canary {
		lines = append(lines, "TEST: Rowan's canary picture. Not a real incident.")
	}
	if b.Supplement != "" {
		lines = append(lines, "Supplement to an earlier report: "+b.Supplement)
	}
	lines = append(lines, detection(in)...)
	if b.AdditionalInfo != "" {
		lines = append(lines, b.AdditionalInfo)
	}
	if b.Emergency != "" {
		lines = append(lines, "Done at once: "+b.Emergency)
	}
	for _, p := range b.People {
		if p.Role == "associated" {
			lines = append(lines, "Also involved: "+strings.Join(nonEmpty("account "+p.AccountID, p.Name, p.Note), ", "))
		}
	}
	for _, p := range b.Prior {
		if !strings.EqualFold(p.Body, string(NCMEC)) {
			lines = append(lines, fmt.Sprintf("Reported before to %s under %s.", p.Body, p.Number))
		}
	}
	if len(c.fields) > 0 {
		lines = append(lines, "Cut to the length that this form takes: "+strings.Join(c.fields, ", ")+". The whole is kept and can be asked for.")
	}
	lines = append(lines, "Case reference: "+in.report.CaseID)
	return strings.Join(lines, "\n")
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" || s == "account " })
}

// detection says how the content was found, a line for each way.
func detection(in *input) []string {
	var lines []string
	for _, f := range in.findings {
		how := "exact copy of"
		if f.Match == string(safety.MatchNear) {
			how = "near copy of"
		}
		line := fmt.Sprintf("Detected by hash matching: %s an entry on the list %q.", how, f.ListName)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(in.findings) == 0 {
		lines = append(lines, "Referred to review by the service or one of its users.")
	}
	return lines
}

// places are where the incident happened: the items' own URLs, and what people
// added. A malformed URL of an item would make NCMEC refuse the whole report;
// it is named in the file's details instead.
func places(in *input) []cybertip.InternetDetails {
	var urls []string
	for _, it := range in.items {
		if webURL(it.Url) && !slices.Contains(urls, it.Url) {
			urls = append(urls, it.Url)
		}
	}
	var out []cybertip.InternetDetails
	if len(urls) > 0 {
		out = append(out, cybertip.InternetDetails{WebPageIncident: &cybertip.WebPageIncident{URL: urls}})
	}
	for _, p := range in.body.Places {
		out = append(out, place(p))
	}
	return out
}

func place(p Place) cybertip.InternetDetails {
	emails := make([]cybertip.Email, len(p.Emails))
	for i, e := range p.Emails {
		emails[i] = cybertip.Email{Address: e}
	}
	switch p.Kind {
	case "email":
		return cybertip.InternetDetails{EmailIncident: &cybertip.EmailIncident{EmailAddress: emails, Content: p.Content, AdditionalInfo: p.Info}}
	case "newsgroup":
		return cybertip.InternetDetails{NewsgroupIncident: &cybertip.NewsgroupIncident{Name: p.Name, EmailAddress: emails, Content: p.Content, AdditionalInfo: p.Info}}
	case "chat":
		return cybertip.InternetDetails{ChatIMIncident: &cybertip.ChatIMIncident{ChatClient: p.Name, ChatRoomName: p.Room, Content: p.Content, AdditionalInfo: p.Info}}
	case "game":
		return cybertip.InternetDetails{OnlineGamingIncident: &cybertip.OnlineGamingIncident{GameName: p.Name, Console: p.Room, Content: p.Content, AdditionalInfo: p.Info}}
	case "phone":
		out := &cybertip.CellPhoneIncident{Latitude: p.Latitude, Longitude: p.Longitude, AdditionalInfo: p.Info}
		if p.Phone != "" {
			out.PhoneNumber = &cybertip.Phone{Number: p.Phone}
		}
		return cybertip.InternetDetails{CellPhoneIncident: out}
	case "offline":
		out := &cybertip.NonInternetIncident{LocationName: p.Name, AdditionalInfo: p.Info}
		for _, a := range p.Addresses {
			out.IncidentAddress = append(out.IncidentAddress, address(a))
		}
		return cybertip.InternetDetails{NonInternetIncident: out}
	case "peer_to_peer":
		out := &cybertip.Peer2PeerIncident{Client: p.Name, FileNames: p.FileNames, AdditionalInfo: p.Info}
		for _, e := range p.IPEvents {
			out.IPCaptureEvent = append(out.IPCaptureEvent, ipEvent(e))
		}
		return cybertip.InternetDetails{Peer2PeerIncident: out}
	}
	return cybertip.InternetDetails{WebPageIncident: &cybertip.WebPageIncident{URL: p.URLs, AdditionalInfo: p.Info, ThirdPartyHostedContent: p.ThirdParty}}
}

func reported(in *input, c *clipped, platform string) cybertip.PersonOrUserReported {
	p := cybertip.PersonOrUserReported{ESPIdentifier: c.to("account id", in.body.AccountID, 255), ESPService: c.to("service", platform, 100),
		ThirdPartyUserReported: in.body.ThirdParty, PriorCTReports: numbers(in.priorNumbers(NCMEC))}
	a := in.body.Account
	if a == nil {
		return p
	}
	p.Person, p.VehicleDescription = person(a, c), c.to("vehicle", a.Vehicle, 300)
	p.CompromisedAccount, p.AllEmailsReported, p.GroupIdentifier = a.Compromised, a.AllEmails, c.to("group", a.GroupID, 255)
	p.ScreenName, p.DisplayName, p.ProfileBio = c.to("screen name", a.ScreenName, 256), c.list("display name", a.DisplayNames, 255), a.ProfileBio
	p.ProfileURL, p.IPCaptureEvent, p.DeviceID = profile(a), ipEvents(a), devices(a)
	p.AccountTemporarilyDisabled, p.AccountPermanentlyDisabled = suspended(a.Suspended), closed(a.Closed)
	p.EstimatedLocation, p.AssociatedAccount = location(a.Location), linked(a, c)
	p.AdditionalInfo = strings.Join(rest(a), "\n")
	return p
}

// rest is what NCMEC's form has no place of its own for.
func rest(a *safety.Account) []string {
	var out []string
	if len(a.Names) > 1 {
		out = append(out, "Other names: "+strings.Join(a.Names[1:], "; "))
	}
	if len(a.Billing) > 0 {
		out = append(out, "Payment: "+strings.Join(a.Billing, "; "))
	}
	if len(a.Documents) > 0 {
		out = append(out, "Documents of identity are held: "+documents(a))
	}
	return out
}

func victim(who Person, c *clipped, platform string) cybertip.Victim {
	a := accountOf(who)
	v := cybertip.Victim{ESPIdentifier: c.to("victim's account id", who.AccountID, 255), SchoolName: who.School, AdditionalInfo: who.Note,
		ScreenName: c.to("victim's screen name", a.ScreenName, 256), DisplayName: c.list("victim's display name", a.DisplayNames, 255),
		CompromisedAccount: a.Compromised, AllEmailsReported: a.AllEmails, ProfileURL: profile(a), ProfileBio: a.ProfileBio,
		IPCaptureEvent: ipEvents(a), DeviceID: devices(a), AccountTemporarilyDisabled: suspended(a.Suspended),
		AccountPermanentlyDisabled: closed(a.Closed), EstimatedLocation: location(a.Location), AssociatedAccount: linked(a, c)}
	if who.AccountID != "" {
		v.ESPService = c.to("service", platform, 100)
	}
	if p := person(a, c); p != nil {
		v.Person = *p
	}
	return v
}

func recipient(who Person, c *clipped, platform string) cybertip.IntendedRecipient {
	a := accountOf(who)
	r := cybertip.IntendedRecipient{ESPIdentifier: c.to("recipient's account id", who.AccountID, 255), Person: person(a, c),
		ScreenName: c.to("recipient's screen name", a.ScreenName, 256), DisplayName: c.list("recipient's display name", a.DisplayNames, 255),
		CompromisedAccount: a.Compromised, AllEmailsReported: a.AllEmails, ProfileURL: profile(a), ProfileBio: a.ProfileBio,
		IPCaptureEvent: ipEvents(a), DeviceID: devices(a), AccountTemporarilyDisabled: suspended(a.Suspended),
		AccountPermanentlyDisabled: closed(a.Closed), EstimatedLocation: location(a.Location)}
	if who.AccountID != "" {
		r.ESPService = c.to("service", platform, 100)
	}
	if who.Note != "" {
		r.AdditionalInfo = []string{who.Note}
	}
	return r
}

// accountOf is what is known of a person, with what the reviewer said over it.
func accountOf(p Person) *safety.Account {
	a := safety.Account{}
	if p.Account != nil {
		a = *p.Account
	}
	if p.Age != nil {
		a.Age = p.Age
	}
	if p.Name != "" {
		a.Names = append([]string{p.Name}, a.Names...)
	}
	return &a
}

func numbers(list []string) []int64 {
	var out []int64
	for _, s := range list {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
			out = append(out, n)
		}
	}
	return out
}

func metadata(exif []cybertip.NameValue) []cybertip.Metadata {
	if len(exif) == 0 {
		return nil
	}
	return []cybertip.Metadata{{Type: cybertip.MetadataEXIF, NameValuePair: exif}}
}

// compileFile makes the details of one file that NCMEC has received.
func (d *Desk) compileFile(in *input, f file, remoteReport int64, remoteFile string, exif []cybertip.NameValue) *cybertip.FileDetails {
	c := &clipped{}
	out := &cybertip.FileDetails{ReportID: remoteReport, FileID: remoteFile, FileViewedByESP: new(f.row.Viewed)}
	notes := in.body.Files[f.row.EvidenceID]
	if notes.Note != "" {
		out.AdditionalInfo = append(out.AdditionalInfo, notes.Note)
	}
	if f.supplemental() {
		out.FileRelevance = cybertip.SupplementalReported
		out.OriginalFileName = supplementalName(f)
		out.AdditionalInfo = append(out.AdditionalInfo, "Context: "+supplementalWords[vault.Role(f.evidence.Role)])
		return out
	}
	public := f.item.Surface == string(safety.SurfacePublic)
	out.FileRelevance, out.PubliclyAvailable = cybertip.Reported, &public
	out.FileAnnotations = fileAnnotations(notes.Annotations)
	out.IndustryClassification = cybertip.FileClassification(f.class)
	out.OriginalFileName, out.OriginalFileHash, out.Details = c.to("file name", f.item.Filename, 2056), hashes(f.item), metadata(exif)
	if webURL(f.item.Url) {
		out.LocationOfFile = f.item.Url
	} else if f.item.Url != "" {
		out.AdditionalInfo = append(out.AdditionalInfo, "Location as the service gave it (not a web address): "+c.to("location", f.item.Url, 2083))
	}
	if t := store.Time(f.item.ContentAt); !t.IsZero() {
		out.UploadedToESPTimestamp = cybertip.At(t)
	}
	if f.item.Ip != "" {
		out.IPCaptureEvent = &cybertip.IPCaptureEvent{IPAddress: f.item.Ip, EventName: cybertip.EventUpload}
		if t := store.Time(f.item.ContentAt); !t.IsZero() {
			out.IPCaptureEvent.DateTime = cybertip.At(t)
		}
		if f.item.Port > 0 {
			port := int(f.item.Port)
			out.IPCaptureEvent.Port = &port
		}
	}
	if len(c.fields) > 0 {
		out.AdditionalInfo = append(out.AdditionalInfo, "Cut to the length that this form takes: "+strings.Join(c.fields, ", ")+".")
	}
	return out
}

func hashes(it db.Item) []cybertip.FileHash {
	var out []cybertip.FileHash
	for _, h := range []struct{ kind, value string }{{"MD5", it.Md5}, {"SHA1", it.Sha1}, {"SHA256", it.Sha256}, {"PDQ", it.Pdq}} {
		if h.value != "" {
			out = append(out, cybertip.FileHash{Type: h.kind, Value: h.value})
		}
	}
	return out
}

var supplementalWords = map[vault.Role]string{
	vault.Transcript: "transcript of the conversation, as comma-separated values with a row for each message",
}

func supplementalName(f file) string { return f.evidence.Role + "-" + f.evidence.ID + ".csv" }

// uploadName is the name that the bytes travel under: ours, with the ending of
// the media type. The user's own name for it goes into the file details.
func uploadName(f file) string {
	switch f.evidence.MediaType {
	case "image/jpeg":
		return f.evidence.ID + ".jpg"
	case "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff":
		return f.evidence.ID + "." + strings.TrimPrefix(f.evidence.MediaType, "image/")
	case "text/csv":
		return f.evidence.ID + ".csv"
	}
	return f.evidence.ID + ".bin"
}

// dateOf reads YYYY-MM-DD; nil for anything else.
func dateOf(s string) *cybertip.Date {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil
	}
	return &cybertip.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}
