package ncmec

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// longest: characters at most, by "type of parent/element" or "type/@attribute".
var longest = func() map[string]int {
	m := map[string]int{
		"incidentSummary/platform": 256, "incidentSummary/escalateToHighPriority": 3000,
		"incidentSummary/incidentDateTimeDescription": 3000,
		"newsgroupIncident/name":                      255, "chatImIncident/chatClient": 255, "chatImIncident/chatRoomName": 255,
		"onlineGamingIncident/gameName": 255, "onlineGamingIncident/console": 255,
		"nonInternetIncident/locationName": 255, "peer2peerIncident/client": 255,
		"lawEnforcement/agencyName": 255, "lawEnforcement/caseNumber": 100,
		"person/firstName": 100, "person/lastName": 100, "contactPerson/firstName": 100, "contactPerson/lastName": 100,
		"address/address": 255, "address/city": 100, "address/zipCode": 20, "address/nonUsaState": 100,
		"phone": 50, "phone/@extension": 10,
		"estimatedLocation/city": 255, "estimatedLocation/region": 255,
		"deviceId/idType": 255, "deviceId/idValue": 2083,
		"personOrUserReported/vehicleDescription": 300, "personOrUserReported/groupIdentifier": 255,
		"intendedRecipient/groupIdentifier": 255,
		"fileDetails/originalFileName":      2056, "hash/@hashType": 64, "nameValue/name": 64,
	}
	for _, role := range []string{"personOrUserReported", "intendedRecipient", "victim"} {
		m[role+"/espIdentifier"] = 255
		m[role+"/espService"] = 100
		m[role+"/screenName"] = 256
		m[role+"/displayName"] = 255
	}
	for e := range strings.FieldsSeq("espIdentifier espService platform firstName middleName lastName groupIdentifier screenName") {
		m["associatedAccount/"+e] = 256
	}
	return m
}()

// links are the elements that hold a URL, by name: the name means one
// everywhere.
var links = map[string]bool{"url": true, "profileUrl": true, "legalURL": true, "locationOfFile": true}

// pastElements and pastAttributes must lie in the past.
var (
	pastElements   = map[string]bool{"incidentDateTime": true, "dateTime": true, "uploadedToEspTimestamp": true, "dateOfBirth": true}
	pastAttributes = []string{"verificationDate", "disabledDate", "timestamp"}
)

// nonBlank must hold more than white space.
var nonBlank = map[string]bool{
	"ipCaptureEvent/ipAddress": true, "deviceId/idType": true, "deviceId/idValue": true,
	"incidentSummary/escalateToHighPriority": true, "lawEnforcement/agencyName": true,
	"fileDetails/fileId": true,
}

// rules judges a document that fits the schema. known tells whether a report
// number exists as a filed report.
func rules(root *node, now time.Time, known func(string) bool) faultList {
	var f faultList
	root.walk(func(n *node) {
		f.lengths(n)
		f.links(n)
		f.past(n, now)
		f.byType(n)
		if (n.name == "priorCTReports" || n.name == "priorCTReport") && !known(strings.TrimSpace(n.text)) {
			f.add(n, "is not a known report")
		}
	})
	switch root.name {
	case "report":
		f.report(root)
	case "fileDetails":
		f.fileDetails(root)
	}
	return f
}

func (f *faultList) lengths(n *node) {
	over := func(key, v string) bool { m, ok := longest[key]; return ok && utf8.RuneCountInString(v) > m }
	if over(n.key(), n.text) || n.typ == "phone" && over("phone", n.text) {
		f.add(n, "is too long")
	}
	for a, v := range n.attrs {
		if over(n.typ+"/@"+a, v) {
			f.add(n, "@"+a+" is too long")
		}
	}
	if nonBlank[n.key()] && strings.TrimSpace(n.text) == "" {
		f.add(n, "must not be blank")
	}
}

func (f *faultList) links(n *node) {
	if !links[n.name] {
		return
	}
	bad := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	u, err := url.Parse(n.text)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" ||
		strings.ContainsFunc(n.text, bad) || utf8.RuneCountInString(n.text) > 2083 {
		f.add(n, "is not a URL")
	}
}

func (f *faultList) past(n *node, now time.Time) {
	future := func(v string) bool {
		t, ok := instant(v)
		if !ok {
			var err error
			if t, err = time.Parse("2006-01-02", strings.TrimSpace(v)); err != nil {
				return false // the schema check has said so
			}
		}
		return !t.Before(now)
	}
	if pastElements[n.name] && future(n.text) {
		f.add(n, "must be in the past")
	}
	for _, a := range pastAttributes {
		if v, ok := n.attrs[a]; ok && future(v) {
			f.add(n, "@"+a+" must be in the past")
		}
	}
}

func (f *faultList) byType(n *node) {
	switch n.typ {
	case "ipCaptureEvent":
		// net.ParseIP knows no zones, which is what is wanted.
		if net.ParseIP(n.value("ipAddress")) == nil {
			f.add(n, "has no valid ipAddress")
		}
		f.within(n, "port", 1, 65535)
	case "email":
		f.email(n)
		f.verified(n)
	case "phone":
		f.phone(n)
		f.verified(n)
	case "address":
		f.address(n)
	case "person":
		f.within(n, "age", 0, 150)
	case "associatedAccount":
		f.within(n, "approximateAge", 0, 150)
		if n.has("approximateAge") && n.has("dateOfBirth") {
			f.add(n, "has both approximateAge and dateOfBirth")
		}
	case "estimatedLocation":
		f.location(n)
	case "accountTemporarilyDisabled", "accountPermanentlyDisabled":
		f.disabled(n)
	case "hash":
		if strings.TrimSpace(n.attrs["hashType"]) == "" || strings.TrimSpace(n.text) == "" {
			f.add(n, "must have a type and a value")
		}
	}
}

var reEmail = regexp.MustCompile(`^[^@\s<>()",;:]{1,64}@[^@\s<>()",;:]+$`)

func (f *faultList) email(n *node) {
	if !reEmail.MatchString(n.text) || utf8.RuneCountInString(n.text) > 255 {
		f.add(n, "is not an email address")
	}
}

func (f *faultList) verified(n *node) {
	if _, dated := n.attrs["verificationDate"]; dated && !truth(n.attrs["verified"]) {
		f.add(n, "has a verificationDate and is not verified")
	}
}

func (f *faultList) phone(n *node) {
	number, code := strings.TrimSpace(n.text), n.attrs["countryCallingCode"]
	if number == "" {
		f.add(n, "must not be blank")
	}
	if code != "" && (strings.HasPrefix(number, "+") || strings.HasPrefix(number, "00"+code[1:])) {
		f.add(n, "repeats its countryCallingCode")
	}
}

func (f *faultList) address(n *node) {
	country := n.value("country")
	if n.value("state") != "" && country != "" && country != "US" {
		f.add(n, "has a state outside the United States")
	}
	if n.value("nonUsaState") != "" && (country == "US" || n.value("state") != "") {
		f.add(n, "has a nonUsaState inside the United States")
	}
}

func (f *faultList) within(n *node, name string, low, high int) {
	if v, err := strconv.Atoi(n.value(name)); n.has(name) && (err != nil || v < low || v > high) {
		f.add(n, "has a "+name+" out of range")
	}
}

func (f *faultList) location(n *node) {
	region := n.value("region")
	switch country := n.value("countryCode"); {
	case country == "":
		f.add(n, "lacks countryCode")
	case country == "US" && region == "" && n.has("city"):
		f.add(n, "lacks region")
	case country == "US" && region != "" && !table()["state"].enum[region]:
		f.add(n, "has a region that is not a state")
	}
}

func (f *faultList) disabled(n *node) {
	when, ok := instant(n.attrs["disabledDate"])
	if !ok {
		return
	}
	if t, ok := instant(n.attrs["userNotifiedDate"]); ok && t.Before(when) {
		f.add(n, "was notified before it was disabled")
	}
	if t, ok := instant(n.attrs["reenabledDate"]); ok && !t.After(when) {
		f.add(n, "was enabled again before it was disabled")
	}
}

func (f *faultList) report(r *node) {
	if p := r.one("reporter").one("reportingPerson"); !p.has("email") {
		f.add(p, "lacks an email")
	}
	f.incidentEmails(r)
	if !r.has("batchedReport") {
		if len(r.all("personOrUserReported")) > 1 {
			f.add(r, "has several personOrUserReported and is not batched")
		}
		return
	}
	for _, name := range []string{"internetDetails", "lawEnforcement", "intendedRecipient", "victim", "additionalInfo"} {
		if r.has(name) {
			f.add(r, "is batched and has "+name)
		}
	}
	if r.one("incidentSummary").has("escalateToHighPriority") {
		f.add(r, "is batched and has escalateToHighPriority")
	}
	for _, p := range r.all("personOrUserReported") {
		if len(p.children) > 1 || len(p.children) == 1 && !p.has("espIdentifier") {
			f.add(p, "is in a batch and has more than espIdentifier")
		}
	}
}

// incidentEmails: an address of an incident must be one of a person.
func (f *faultList) incidentEmails(r *node) {
	var persons []string
	r.walk(func(n *node) {
		switch n.key() {
		case "personOrUserReported/personOrUserReportedPerson", "intendedRecipient/intendedRecipientPerson", "victim/victimPerson":
			for _, e := range n.all("email") {
				persons = append(persons, strings.ToLower(e.text))
			}
		}
	})
	r.walk(func(n *node) {
		if n.name == "emailAddress" && !slices.Contains(persons, strings.ToLower(n.text)) {
			f.add(n, "is not an email of a person of the report")
		}
	})
}

func (f *faultList) fileDetails(d *node) {
	if truth(d.value("exifViewedByEsp")) && !truth(d.value("fileViewedByEsp")) {
		f.add(d, "has exifViewedByEsp without fileViewedByEsp")
	}
	if d.value("fileRelevance") != "Supplemental Reported" {
		return
	}
	notes := d.one("fileAnnotations")
	if d.has("industryClassification") || d.has("potentialMeme") || notes != nil && notes.has("potentialMeme") {
		f.add(d, "is supplemental and classified")
	}
}

// batchedFile judges the details of a file of a batched report.
func (f *faultList) batchedFile(d *node) {
	for _, name := range []string{"originalFileName", "locationOfFile", "originalFileHash", "ipCaptureEvent",
		"deviceId", "details", "additionalInfo"} {
		if d.has(name) {
			f.add(d, "is in a batch and has "+name)
		}
	}
	notes := d.one("fileAnnotations")
	if notes == nil || len(notes.children) == 0 {
		f.add(d, "is in a batch and not annotated viral or potentialMeme")
		return
	}
	for _, c := range notes.children {
		if c.name != "viral" && c.name != "potentialMeme" {
			f.add(d, "is in a batch and has another annotation")
		}
	}
}
