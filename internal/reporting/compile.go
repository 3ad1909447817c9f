package reporting

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// input is everything that a report is made of, read in one go.
type input struct {
	report   db.Report
	body     Body
	decision db.Decision
	items    []db.Item
	findings []db.Finding
	files    []file
	prior    []int64 // numbers of earlier reports on the account
}

type file struct {
	row      db.ReportFile
	evidence db.Evidence
	item     db.Item
	viewed   bool // by a person, in full, by the view log as it stands
	class    string
}

func load(ctx context.Context, q *db.Queries, reportID string) (*input, error) {
	r, err := q.Report(ctx, reportID)
	if err != nil {
		return nil, store.NotFound(err, "report")
	}
	in := &input{report: r}
	if in.body, err = body(r); err != nil {
		return nil, err
	}
	if in.decision, err = q.Decision(ctx, r.DecisionID); err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	if in.items, err = q.ItemsOfCase(ctx, r.CaseID); err != nil {
		return nil, fmt.Errorf("reading items: %w", err)
	}
	if in.findings, err = q.FindingsOfCase(ctx, r.CaseID); err != nil {
		return nil, fmt.Errorf("reading findings: %w", err)
	}
	if err := in.loadFiles(ctx, q); err != nil {
		return nil, err
	}
	return in, in.loadPrior(ctx, q)
}

func (in *input) loadFiles(ctx context.Context, q *db.Queries) error {
	rows, err := q.ReportFiles(ctx, in.report.ID)
	if err != nil {
		return fmt.Errorf("reading files: %w", err)
	}
	seen, err := seenByDecider(in.decision)
	if err != nil {
		return err
	}
	views, err := q.ViewsOfCase(ctx, in.report.CaseID)
	if err != nil {
		return fmt.Errorf("reading views: %w", err)
	}
	for _, row := range rows {
		f := file{row: row}
		if f.evidence, err = q.Evidence(ctx, row.EvidenceID); err != nil {
			return fmt.Errorf("reading evidence: %w", err)
		}
		for _, it := range in.items {
			if it.ID == f.evidence.ItemID {
				f.item = it
			}
		}
		for _, v := range views {
			f.viewed = f.viewed || (v.EvidenceID == row.EvidenceID && v.Mode == string(vault.ViewOriginal))
		}
		if seen[row.EvidenceID] {
			f.class = in.body.NCMECClass
		}
		in.files = append(in.files, f)
	}
	return nil
}

// seenByDecider says which files the person who classified the case had looked
// at. The class is said of those only: of the others it would be a guess.
func seenByDecider(made db.Decision) (map[string]bool, error) {
	var viewed []struct {
		EvidenceID string `json:"evidence_id"`
		Mode       string `json:"mode"`
	}
	if err := json.Unmarshal([]byte(made.Viewed), &viewed); err != nil {
		return nil, fmt.Errorf("stored decision %s: %w", made.ID, err)
	}
	out := map[string]bool{}
	for _, v := range viewed {
		out[v.EvidenceID] = v.Mode == string(vault.ViewOriginal)
	}
	return out, nil
}

func (in *input) loadPrior(ctx context.Context, q *db.Queries) error {
	if in.body.AccountID == "" {
		return nil
	}
	rows, err := q.FiledReportsOfAccount(ctx, in.body.AccountID, Authority, in.report.Environment)
	if err != nil {
		return fmt.Errorf("reading earlier reports: %w", err)
	}
	for _, r := range rows {
		if n, err := strconv.ParseInt(r.RemoteID, 10, 64); err == nil && r.ID != in.report.ID {
			in.prior = append(in.prior, n)
		}
	}
	return nil
}

// compile makes the document that opens the report. It is pure: the same input
// and configuration give the same document.
func (d *Desk) compile(in *input) *cybertip.Report {
	c := d.cfg.Reporter
	r := &cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{
			IncidentType:           cybertip.IncidentType(in.report.IncidentType),
			Platform:               c.Platform,
			EscalateToHighPriority: in.body.EscalateReason,
			IncidentDateTime:       cybertip.Time{Time: in.body.IncidentAt},
		},
		Reporter:       reporter(c),
		AdditionalInfo: additionalInfo(in),
	}
	if urls := webURLs(in.items); len(urls) > 0 {
		r.InternetDetails = []cybertip.InternetDetails{{WebPageIncident: &cybertip.WebPageIncident{URL: urls}}}
	}
	if in.body.AccountID != "" {
		r.PersonOrUserReported = []cybertip.PersonOrUserReported{reported(in, c.Platform)}
	}
	return r
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
	return out
}

// additionalInfo is the reviewer's text, after a line that says how the
// content was detected and where the report comes from.
func additionalInfo(in *input) string {
	var lines []string
	if in.body.Canary {
		lines = append(lines, "TEST: Rowan's canary picture. Not a real incident.")
	}
	seen := map[string]bool{}
	for _, f := range in.findings {
		how := "exact copy of"
		if f.Match == string(safety.MatchNear) {
			how = "near copy of"
		}
		line := fmt.Sprintf("Detected by hash matching: %s an entry on the list %q.", how, f.ListName)
		if !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	if in.body.AdditionalInfo != "" {
		lines = append(lines, in.body.AdditionalInfo)
	}
	lines = append(lines, "Case reference: "+in.report.CaseID)
	return strings.Join(lines, "\n")
}

func webURLs(items []db.Item) []string {
	var urls []string
	for _, it := range items {
		if it.Url != "" {
			urls = append(urls, it.Url)
		}
	}
	return urls
}

func reported(in *input, platform string) cybertip.PersonOrUserReported {
	p := cybertip.PersonOrUserReported{ESPIdentifier: in.body.AccountID, ESPService: clip(platform, 100), PriorCTReports: in.prior}
	a := in.body.Account
	if a == nil {
		return p
	}
	p.ScreenName, p.DisplayName, p.ProfileBio = a.ScreenName, a.DisplayNames, a.ProfileBio
	if a.ProfileURL != "" {
		p.ProfileURL = []string{a.ProfileURL}
	}
	p.Person = person(a)
	for _, e := range a.IPEvents {
		p.IPCaptureEvent = append(p.IPCaptureEvent, ipEvent(e))
	}
	for _, dev := range a.Devices {
		p.DeviceID = append(p.DeviceID, cybertip.DeviceID{IDType: dev.Type, IDValue: dev.Value})
	}
	return p
}

func person(a *safety.Account) *cybertip.Person {
	var p cybertip.Person
	if len(a.Names) > 0 {
		// A name is one string on most platforms; the last word goes to lastName.
		first, last, ok := cutLast(a.Names[0], " ")
		p.FirstName = clip(first, 100)
		if ok {
			p.LastName = clip(last, 100)
		}
	}
	for _, e := range a.Emails {
		p.Email = append(p.Email, cybertip.Email{Address: e.Address, Verified: e.Verified})
	}
	for _, ph := range a.Phones {
		p.Phone = append(p.Phone, cybertip.Phone{Number: ph.Number, Verified: ph.Verified})
	}
	if t, err := time.Parse(time.DateOnly, a.DateOfBirth); err == nil {
		p.DateOfBirth = &cybertip.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
	}
	if p.FirstName == "" && p.Email == nil && p.Phone == nil && p.DateOfBirth == nil {
		return nil
	}
	return &p
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func clip(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes])
	}
	return s
}

func ipEvent(e safety.IPEvent) cybertip.IPCaptureEvent {
	out := cybertip.IPCaptureEvent{IPAddress: e.IP, EventName: eventName(e.Event), DateTime: cybertip.At(e.At)}
	if e.Port > 0 {
		out.Port = &e.Port
	}
	return out
}

// eventName maps our words, which are NCMEC's in lower case, to NCMEC's.
func eventName(s string) cybertip.IPCaptureType {
	for _, t := range cybertip.IPCaptureTypes() {
		if strings.EqualFold(string(t), s) {
			return t
		}
	}
	return cybertip.EventUnknown
}

// compileFile makes the details of one file that the authority has received.
func (d *Desk) compileFile(f file, remoteReport int64, remoteFile string) *cybertip.FileDetails {
	public := f.item.Surface == string(safety.SurfacePublic)
	out := &cybertip.FileDetails{ReportID: remoteReport, FileID: remoteFile,
		OriginalFileName: clip(f.item.Filename, 2056), LocationOfFile: f.item.Url,
		FileViewedByESP: new(f.row.Viewed), PubliclyAvailable: &public, FileRelevance: cybertip.Reported,
		IndustryClassification: cybertip.FileClassification(f.class),
		OriginalFileHash:       hashes(f.item)}
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

// uploadName is the name that the bytes travel under: ours, with the ending of
// the media type. The user's own name for it goes into the file details.
func uploadName(f file) string {
	switch f.evidence.MediaType {
	case "image/jpeg":
		return f.evidence.ID + ".jpg"
	case "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff":
		return f.evidence.ID + "." + strings.TrimPrefix(f.evidence.MediaType, "image/")
	}
	return f.evidence.ID + ".bin"
}

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
		{5, in.body.NCMECClass != "", "ncmec_class", "sorts the report for the analyst"},
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

func everyItem(items []db.Item, have func(db.Item) bool) bool {
	for _, it := range items {
		if !have(it) {
			return false
		}
	}
	return len(items) > 0
}
