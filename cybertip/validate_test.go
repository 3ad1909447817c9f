package cybertip_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/cybertip"
)

// canary is put in broken values; no error may contain it.
const canary = "canary-7f3a"

// problems runs one of the validations and checks the kind of its error.
func problems(t *testing.T, err error) []cybertip.Problem {
	t.Helper()
	if err == nil {
		return nil
	}
	var v *cybertip.ValidationError
	if !errors.As(err, &v) {
		t.Fatalf("got %T", err)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error quotes a value: %v", err)
	}
	return v.Problems
}

func TestValidDocuments(t *testing.T) {
	for name, doc := range documents() {
		var err error
		switch v := doc.(type) {
		case *cybertip.Report:
			err = v.Validate(now)
		case *cybertip.FileDetails:
			if name == "file-batched" {
				err = v.ValidateBatched(now)
			} else {
				err = v.Validate(now)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReportValidate(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n+1) }
	future := cybertip.At(now.Add(time.Second))
	tests := []struct {
		path    string // "" for none
		problem string
		break_  func(*cybertip.Report)
	}{
		{"incidentSummary.incidentType", "is required", func(r *cybertip.Report) { r.IncidentSummary.IncidentType = "" }},
		{"incidentSummary.incidentType", "is not a value of the schema", func(r *cybertip.Report) { r.IncidentSummary.IncidentType = canary }},
		{"incidentSummary.platform", "must be at most 256 characters", func(r *cybertip.Report) { r.IncidentSummary.Platform = long(256) }},
		{"incidentSummary.platform", "must be at most 256 characters", func(r *cybertip.Report) { r.IncidentSummary.Platform = strings.Repeat("\U0001F333", 129) }},
		{"", "", func(r *cybertip.Report) { r.IncidentSummary.Platform = strings.Repeat("\U0001F333", 128) + "\x00" }},
		{"incidentSummary.escalateToHighPriority", "is required", func(r *cybertip.Report) { r.IncidentSummary.EscalateToHighPriority = " \x00" }},
		{"incidentSummary.escalateToHighPriority", "must be at most 3000 characters", func(r *cybertip.Report) { r.IncidentSummary.EscalateToHighPriority = long(3000) }},
		{"incidentSummary.incidentDateTime", "is required", func(r *cybertip.Report) { r.IncidentSummary.IncidentDateTime = cybertip.Time{} }},
		{"incidentSummary.incidentDateTime", "must be in the past", func(r *cybertip.Report) { r.IncidentSummary.IncidentDateTime = *cybertip.At(now) }},
		{"incidentSummary.incidentDateTime", "is not a time", func(r *cybertip.Report) {
			r.IncidentSummary.IncidentDateTime = *cybertip.At(now.AddDate(9000, 0, 0))
		}},
		{"incidentSummary.incidentDateTimeDescription", "must be at most 3000 characters", func(r *cybertip.Report) { r.IncidentSummary.IncidentDateTimeDescription = long(3000) }},
		{"internetDetails[0]", "must hold exactly one incident", func(r *cybertip.Report) { r.InternetDetails[0] = cybertip.InternetDetails{} }},
		{"internetDetails[0]", "must hold exactly one incident", func(r *cybertip.Report) { r.InternetDetails[0].ChatIMIncident = &cybertip.ChatIMIncident{} }},
		{"internetDetails[0].webPageIncident.url[1]", "must not contain whitespace or control characters", func(r *cybertip.Report) {
			r.InternetDetails[0].WebPageIncident.URL[1] = "https://example.test/ " + canary
		}},
		{"internetDetails[0].webPageIncident.url[1]", "must be an absolute URL", func(r *cybertip.Report) { r.InternetDetails[0].WebPageIncident.URL[1] = canary }},
		{"internetDetails[0].webPageIncident.url[0]", "must be at most 2083 characters", func(r *cybertip.Report) {
			r.InternetDetails[0].WebPageIncident.URL[0] = "https://example.test/" + long(2083)
		}},
		{"internetDetails[1].emailIncident.emailAddress[0]", "must also be an email of personOrUserReported, intendedRecipient or victim", func(r *cybertip.Report) {
			r.InternetDetails[1].EmailIncident.EmailAddress[0].Address = "nobody@example.test"
		}},
		{"internetDetails[2].newsgroupIncident.name", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[2].NewsgroupIncident.Name = long(255) }},
		{"internetDetails[3].chatImIncident.chatClient", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[3].ChatIMIncident.ChatClient = long(255) }},
		{"internetDetails[3].chatImIncident.chatRoomName", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[3].ChatIMIncident.ChatRoomName = long(255) }},
		{"internetDetails[4].onlineGamingIncident.gameName", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[4].OnlineGamingIncident.GameName = long(255) }},
		{"internetDetails[4].onlineGamingIncident.console", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[4].OnlineGamingIncident.Console = long(255) }},
		{"internetDetails[5].cellPhoneIncident.latitude", "must be -90 to 90", func(r *cybertip.Report) { r.InternetDetails[5].CellPhoneIncident.Latitude = new(math.NaN()) }},
		{"internetDetails[5].cellPhoneIncident.longitude", "must be -180 to 180", func(r *cybertip.Report) { r.InternetDetails[5].CellPhoneIncident.Longitude = new(math.Inf(1)) }},
		{"internetDetails[6].nonInternetIncident.locationName", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[6].NonInternetIncident.LocationName = long(255) }},
		{"internetDetails[7].peer2peerIncident.client", "must be at most 255 characters", func(r *cybertip.Report) { r.InternetDetails[7].Peer2PeerIncident.Client = long(255) }},
		{"lawEnforcement.agencyName", "is required", func(r *cybertip.Report) { r.LawEnforcement.AgencyName = " " }},
		{"lawEnforcement.caseNumber", "must be at most 100 characters", func(r *cybertip.Report) { r.LawEnforcement.CaseNumber = long(100) }},
		{"lawEnforcement.servedLegalProcessInternational.fleaCountry", "is not a value of the schema", func(r *cybertip.Report) {
			r.LawEnforcement.ServedLegalProcessInternational.FLEACountry = canary
		}},
		{"reporter.reportingPerson.email", "is required", func(r *cybertip.Report) { r.Reporter.ReportingPerson.Email = nil }},
		{"reporter.reportingPerson.email[0]", "must be an email address of at most 255 characters, 64 before the @", func(r *cybertip.Report) {
			r.Reporter.ReportingPerson.Email[0].Address = canary
		}},
		{"reporter.reportingPerson.email[0]", "must be an email address of at most 255 characters, 64 before the @", func(r *cybertip.Report) {
			r.Reporter.ReportingPerson.Email[0].Address = long(64) + "@example.test"
		}},
		{"reporter.reportingPerson.email[0].verified", "must be true when verificationDate is given", func(r *cybertip.Report) {
			r.Reporter.ReportingPerson.Email[0].Verified = nil
		}},
		{"reporter.reportingPerson.email[0].verificationDate", "must be in the past", func(r *cybertip.Report) { r.Reporter.ReportingPerson.Email[0].VerificationDate = future }},
		{"reporter.reportingPerson.email[0].type", "is not a value of the schema", func(r *cybertip.Report) { r.Reporter.ReportingPerson.Email[0].Type = canary }},
		{"reporter.legalURL", "must be an absolute URL", func(r *cybertip.Report) { r.Reporter.LegalURL = "/" + canary }},
		{"reporter.contactPerson.phone[0]", "must not repeat the country calling code", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].Number = "+442079460000" }},
		{"reporter.contactPerson.phone[0]", "must not repeat the country calling code", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].Number = "00442079460000" }},
		{"reporter.contactPerson.phone[0]", "is required", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].Number = "" }},
		{"reporter.contactPerson.phone[0]", "must be at most 50 characters", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].Number = long(50) }},
		{"reporter.contactPerson.phone[0].countryCallingCode", "must be + and 1 to 3 digits", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].CountryCallingCode = "44" }},
		{"reporter.contactPerson.phone[0].extension", "must be at most 10 digits", func(r *cybertip.Report) { r.Reporter.ContactPerson.Phone[0].Extension = "12345678901" }},
		{"reporter.contactPerson.phone[0].verified", "must be true when verificationDate is given", func(r *cybertip.Report) {
			r.Reporter.ContactPerson.Phone[0].Verified = new(false)
		}},
		{"reporter.contactPerson.address[0].zipCode", "must be at most 20 characters", func(r *cybertip.Report) { r.Reporter.ContactPerson.Address[0].ZipCode = long(20) }},
		{"reporter.contactPerson.address[1].state", "is for the United States only", func(r *cybertip.Report) { r.Reporter.ContactPerson.Address[1].Country = "GB" }},
		{"reporter.contactPerson.address[0].nonUsaState", "is not for the United States", func(r *cybertip.Report) { r.Reporter.ContactPerson.Address[0].Country = "US" }},
		{"reporter.contactPerson.address[0].country", "is not a value of the schema", func(r *cybertip.Report) { r.Reporter.ContactPerson.Address[0].Country = "ZZ" }},
		{"personOrUserReported", "must not repeat unless the report is batched", func(r *cybertip.Report) {
			r.PersonOrUserReported = append(r.PersonOrUserReported, cybertip.PersonOrUserReported{})
		}},
		{"personOrUserReported[0].personOrUserReportedPerson.age", "must be 0 to 150", func(r *cybertip.Report) { r.PersonOrUserReported[0].Person.Age = new(151) }},
		{"personOrUserReported[0].personOrUserReportedPerson.dateOfBirth", "must be in the past", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].Person.DateOfBirth = &cybertip.Date{Year: 2026, Month: 11, Day: 2}
		}},
		{"personOrUserReported[0].personOrUserReportedPerson.dateOfBirth", "is not a date", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].Person.DateOfBirth = &cybertip.Date{Year: 2025, Month: 2, Day: 29}
		}},
		{"personOrUserReported[0].vehicleDescription", "must be at most 300 characters", func(r *cybertip.Report) { r.PersonOrUserReported[0].VehicleDescription = long(300) }},
		{"personOrUserReported[0].espService", "must be at most 100 characters", func(r *cybertip.Report) { r.PersonOrUserReported[0].ESPService = long(100) }},
		{"personOrUserReported[0].displayName[1]", "must be at most 255 characters", func(r *cybertip.Report) { r.PersonOrUserReported[0].DisplayName[1] = long(255) }},
		{"personOrUserReported[0].ipCaptureEvent[1].ipAddress", "must be an IPv4 or IPv6 address", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].IPCaptureEvent[1].IPAddress = "fe80::1%" + canary
		}},
		{"personOrUserReported[0].ipCaptureEvent[1].port", "must be 1 to 65535", func(r *cybertip.Report) { r.PersonOrUserReported[0].IPCaptureEvent[1].Port = new(0) }},
		{"personOrUserReported[0].ipCaptureEvent[0].dateTime", "must be in the past", func(r *cybertip.Report) { r.PersonOrUserReported[0].IPCaptureEvent[0].DateTime = future }},
		{"personOrUserReported[0].deviceId[0].idValue", "is required", func(r *cybertip.Report) { r.PersonOrUserReported[0].DeviceID[0].IDValue = "" }},
		{"personOrUserReported[0].deviceId[0].eventName", "is not a value of the schema", func(r *cybertip.Report) { r.PersonOrUserReported[0].DeviceID[0].EventName = canary }},
		{"personOrUserReported[0].priorCTReports[1]", "must be the number of a report", func(r *cybertip.Report) { r.PersonOrUserReported[0].PriorCTReports[1] = 0 }},
		{"personOrUserReported[0].accountTemporarilyDisabled.reenabledDate", "must be after disabledDate", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].AccountTemporarilyDisabled.ReenabledDate = day(15)
		}},
		{"personOrUserReported[0].accountPermanentlyDisabled.userNotifiedDate", "must not be before disabledDate", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].AccountPermanentlyDisabled.UserNotifiedDate = day(17)
		}},
		{"personOrUserReported[0].estimatedLocation.countryCode", "is required", func(r *cybertip.Report) { r.PersonOrUserReported[0].EstimatedLocation.CountryCode = "" }},
		{"personOrUserReported[0].estimatedLocation.region", "must be a state code in the United States", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].EstimatedLocation.CountryCode = "US"
		}},
		{"personOrUserReported[0].estimatedLocation.region", "is required with a city in the United States", func(r *cybertip.Report) {
			*r.PersonOrUserReported[0].EstimatedLocation = cybertip.EstimatedLocation{City: "Springfield", CountryCode: "US"}
		}},
		{"personOrUserReported[0].associatedAccount[1].type", "is required", func(r *cybertip.Report) { r.PersonOrUserReported[0].AssociatedAccount[1].Type = "" }},
		{"personOrUserReported[0].associatedAccount[1].dateOfBirth", "excludes approximateAge", func(r *cybertip.Report) {
			r.PersonOrUserReported[0].AssociatedAccount[1].ApproximateAge = new(46)
		}},
		{"intendedRecipient[0].groupIdentifier", "must be at most 255 characters", func(r *cybertip.Report) { r.IntendedRecipient[0].GroupIdentifier = long(255) }},
		{"victim[0].profileUrl[0]", "must be an absolute URL", func(r *cybertip.Report) { r.Victim[0].ProfileURL[0] = canary }},
		{"victim[0].screenName", "must be at most 256 characters", func(r *cybertip.Report) { r.Victim[0].ScreenName = long(256) }},
	}
	for _, tt := range tests {
		t.Run(tt.path+" "+tt.problem, func(t *testing.T) {
			r := fullReport()
			tt.break_(r)
			var want []cybertip.Problem
			if tt.path != "" {
				want = []cybertip.Problem{{Path: tt.path, Problem: tt.problem}}
			}
			if d := cmp.Diff(want, problems(t, r.Validate(now))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestBatchedReportForbids(t *testing.T) {
	r := fullReport()
	r.BatchedReport = &cybertip.BatchedReport{Reason: canary}
	var paths []string
	for _, p := range problems(t, r.Validate(now)) {
		paths = append(paths, p.Path)
	}
	want := []string{"batchedReport.reason", "incidentSummary.escalateToHighPriority", "internetDetails",
		"lawEnforcement", "personOrUserReported[0]", "intendedRecipient", "victim", "additionalInfo"}
	if d := cmp.Diff(want, paths); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestFileValidate(t *testing.T) {
	tests := []struct {
		path, problem string
		break_        func(*cybertip.FileDetails)
	}{
		{"reportId", "is required", func(f *cybertip.FileDetails) { f.ReportID = 0 }},
		{"fileId", "is required", func(f *cybertip.FileDetails) { f.FileID = "" }},
		{"originalFileName", "must be at most 2056 characters", func(f *cybertip.FileDetails) { f.OriginalFileName = strings.Repeat("x", 2057) }},
		{"uploadedToEspTimestamp", "must be in the past", func(f *cybertip.FileDetails) { f.UploadedToESPTimestamp = cybertip.At(now) }},
		{"locationOfFile", "must be an absolute URL", func(f *cybertip.FileDetails) { f.LocationOfFile = canary }},
		{"exifViewedByEsp", "requires fileViewedByEsp", func(f *cybertip.FileDetails) { f.FileViewedByESP = nil }},
		{"exifViewedByEsp", "requires fileViewedByEsp", func(f *cybertip.FileDetails) { f.FileViewedByESP = new(false) }},
		{"fileRelevance", "is not a value of the schema", func(f *cybertip.FileDetails) { f.FileRelevance = canary }},
		{"potentialMeme", "excludes fileAnnotations", func(f *cybertip.FileDetails) { f.PotentialMeme = new(true) }},
		{"industryClassification", "is not a value of the schema", func(f *cybertip.FileDetails) { f.IndustryClassification = canary }},
		{"originalFileHash[0]", "is required", func(f *cybertip.FileDetails) { f.OriginalFileHash[0].Value = "" }},
		{"originalFileHash[1].hashType", "is required", func(f *cybertip.FileDetails) { f.OriginalFileHash[1].Type = "" }},
		{"originalFileHash[1].hashType", "must be at most 64 characters", func(f *cybertip.FileDetails) { f.OriginalFileHash[1].Type = strings.Repeat("x", 65) }},
		{"ipCaptureEvent.ipAddress", "must be an IPv4 or IPv6 address", func(f *cybertip.FileDetails) { f.IPCaptureEvent.IPAddress = canary }},
		{"deviceId[0].idType", "must be at most 255 characters", func(f *cybertip.FileDetails) { f.DeviceID[0].IDType = strings.Repeat("x", 256) }},
		{"details[0].nameValuePair", "is required", func(f *cybertip.FileDetails) { f.Details[0].NameValuePair = nil }},
		{"details[0].nameValuePair[1].name", "must be at most 64 characters", func(f *cybertip.FileDetails) {
			f.Details[0].NameValuePair[1].Name = strings.Repeat("x", 65)
		}},
		{"details[1].type", "is not a value of the schema", func(f *cybertip.FileDetails) { f.Details[1].Type = canary }},
	}
	for _, tt := range tests {
		t.Run(tt.path+" "+tt.problem, func(t *testing.T) {
			f := fullFile()
			tt.break_(f)
			want := []cybertip.Problem{{Path: tt.path, Problem: tt.problem}}
			if d := cmp.Diff(want, problems(t, f.Validate(now))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestSupplementalFileIsNotClassified(t *testing.T) {
	f := fullFile()
	f.FileRelevance = cybertip.SupplementalReported
	if got := len(problems(t, f.Validate(now))); got != 2 {
		t.Errorf("got %d problems, want 2", got)
	}
}

func TestBatchedFile(t *testing.T) {
	f := fullFile()
	if got := len(problems(t, f.ValidateBatched(now))); got != 8 {
		t.Errorf("got %d problems, want 8", got)
	}
	f = batchedFile()
	f.FileAnnotations = nil
	if got := len(problems(t, f.ValidateBatched(now))); got != 1 {
		t.Errorf("got %d problems, want 1", got)
	}
}

func TestTimePrints(t *testing.T) {
	for want, in := range map[string]time.Time{
		"2026-10-15T09:00:00+01:00": time.Date(2026, 10, 15, 9, 0, 0, 999999999, time.FixedZone("", 3600)),
		"2026-10-15T09:00:00Z":      time.Date(2026, 10, 15, 9, 0, 0, 0, time.UTC),
		"2026-10-15T08:59:30Z":      time.Date(2026, 10, 15, 9, 0, 0, 0, time.FixedZone("", 30)),
	} {
		got, err := cybertip.Time{Time: in}.MarshalText()
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
	var x cybertip.Time
	for _, bad := range []string{"", "2026-10-15", "2026-10-15T09:00:00", canary} {
		if err := x.UnmarshalText([]byte(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
