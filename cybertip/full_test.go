package cybertip_test

import (
	"time"

	"github.com/rowan-safety/rowan/cybertip"
)

// now is the clock of all tests; everything in the documents is before it.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func day(d int) *cybertip.Time {
	return cybertip.At(time.Date(2026, 10, d, 8, 30, 0, 0, time.FixedZone("", 3600)))
}

func fullIP() cybertip.IPCaptureEvent {
	return cybertip.IPCaptureEvent{IPAddress: "203.0.113.7", EventName: cybertip.EventLogin,
		DateTime: day(14), PossibleProxy: new(true), Port: new(51515)}
}

func fullDevice() cybertip.DeviceID {
	return cybertip.DeviceID{IDType: "IMEI", IDValue: "000000000000000", EventName: cybertip.EventRegistration, DateTime: day(13)}
}

func fullEmail(addr string) cybertip.Email {
	return cybertip.Email{Address: addr, Type: cybertip.EmailHome, Verified: new(true), VerificationDate: day(1)}
}

func fullPhone() cybertip.Phone {
	return cybertip.Phone{Number: "2079460000", Type: cybertip.PhoneMobile, Verified: new(true),
		VerificationDate: day(2), CountryCallingCode: "+44", Extension: "12"}
}

func fullAddresses() []cybertip.Address {
	return []cybertip.Address{
		{Type: cybertip.AddressBilling, Address: "1 Test Street", City: "London", ZipCode: "N1", NonUSAState: "Greater London", Country: "GB"},
		{Type: cybertip.AddressHome, Address: "2 Test Street", City: "Springfield", ZipCode: "00000", State: "VA", Country: "US"},
	}
}

func fullPerson(addr string) *cybertip.Person {
	return &cybertip.Person{FirstName: "Example", LastName: "Person", Phone: []cybertip.Phone{fullPhone()},
		Email: []cybertip.Email{fullEmail(addr)}, Address: fullAddresses(), Age: new(30),
		DateOfBirth: &cybertip.Date{Year: 1996, Month: time.February, Day: 29}}
}

func fullContact() *cybertip.ContactPerson {
	return &cybertip.ContactPerson{FirstName: "Legal", LastName: "Desk", Phone: []cybertip.Phone{fullPhone()},
		Email: []cybertip.Email{fullEmail("legal@example.test")}, Address: fullAddresses()}
}

func fullLocation() *cybertip.EstimatedLocation {
	return &cybertip.EstimatedLocation{City: "London", Region: "England", CountryCode: "GB", Verified: new(false), Timestamp: day(14)}
}

func fullTemporarily() *cybertip.AccountTemporarilyDisabled {
	return &cybertip.AccountTemporarilyDisabled{Disabled: true, DisabledDate: day(15), UserNotified: new(true),
		UserNotifiedDate: day(16), ReenabledDate: day(17)}
}

func fullPermanently() *cybertip.AccountPermanentlyDisabled {
	return &cybertip.AccountPermanentlyDisabled{Disabled: true, DisabledDate: day(18), UserNotified: new(false), UserNotifiedDate: day(19)}
}

// fullAssociated returns two accounts, because age and birth exclude each other.
func fullAssociated() []cybertip.AssociatedAccount {
	a := cybertip.AssociatedAccount{Type: cybertip.AccountLinked,
		Platform:  &cybertip.Platform{Name: "Other App", ThirdPartyUser: new(true)},
		FirstName: "Example", MiddleName: "Middle", LastName: "Person", ApproximateAge: new(30),
		Phone: []cybertip.Phone{fullPhone()}, Email: []cybertip.Email{fullEmail("alt@example.test")},
		AllEmailsReported: new(true), Address: fullAddresses(), ESPService: "Other App", ESPIdentifier: "o_1",
		ProfileURL: []string{"https://other.example.test/u/1"}, ScreenName: "alt", DisplayName: []string{"Alt", "Alt Two"},
		ProfileBio: "an example", GroupIdentifier: "g_1", CompromisedAccount: new(false),
		AccountTemporarilyDisabled: fullTemporarily(), AccountPermanentlyDisabled: fullPermanently(),
		IPCaptureEvent: []cybertip.IPCaptureEvent{fullIP()}, DeviceID: []cybertip.DeviceID{fullDevice()},
		PriorCTReport: []int64{4564654}, AdditionalInfo: "a second account"}
	return []cybertip.AssociatedAccount{a, {Type: cybertip.AccountGuardian,
		DateOfBirth: &cybertip.Date{Year: 1980, Month: time.May, Day: 4}}}
}

func fullReported() cybertip.PersonOrUserReported {
	return cybertip.PersonOrUserReported{Person: fullPerson("user@example.test"), VehicleDescription: "a blue van",
		ESPIdentifier: "u_123", ESPService: "Example Chat", CompromisedAccount: new(false), ScreenName: "user123",
		DisplayName: []string{"User", "Üser & <Co>"}, ProfileURL: []string{"https://chat.example.test/u/123"},
		ProfileBio: "bio", IPCaptureEvent: []cybertip.IPCaptureEvent{fullIP(), {IPAddress: "2001:db8::1"}, {IPAddress: "::ffff:192.0.2.1"}},
		DeviceID: []cybertip.DeviceID{fullDevice()}, ThirdPartyUserReported: new(false), PriorCTReports: []int64{4564654, 4564655},
		GroupIdentifier: "grp-1", AccountTemporarilyDisabled: fullTemporarily(), AccountPermanentlyDisabled: fullPermanently(),
		EstimatedLocation: fullLocation(), AllEmailsReported: new(true), AssociatedAccount: fullAssociated(), AdditionalInfo: "case c_1"}
}

func fullRecipient() cybertip.IntendedRecipient {
	return cybertip.IntendedRecipient{Person: fullPerson("other@example.test"), ESPIdentifier: "u_456", ESPService: "Example Chat",
		CompromisedAccount: new(false), ScreenName: "other", DisplayName: []string{"Other"},
		ProfileURL: []string{"https://chat.example.test/u/456"}, ProfileBio: "bio",
		IPCaptureEvent: []cybertip.IPCaptureEvent{fullIP()}, DeviceID: []cybertip.DeviceID{fullDevice()},
		PriorCTReports: []int64{4564654}, GroupIdentifier: "grp-1", AccountTemporarilyDisabled: fullTemporarily(),
		AccountPermanentlyDisabled: fullPermanently(), EstimatedLocation: fullLocation(), AllEmailsReported: new(false),
		AdditionalInfo: []string{"one", "two"}}
}

func fullVictim() cybertip.Victim {
	return cybertip.Victim{Person: *fullPerson("third@example.test"), ESPIdentifier: "u_789", ESPService: "Example Chat",
		CompromisedAccount: new(false), ScreenName: "third", DisplayName: []string{"Third"},
		ProfileURL: []string{"https://chat.example.test/u/789"}, ProfileBio: "bio",
		IPCaptureEvent: []cybertip.IPCaptureEvent{fullIP()}, DeviceID: []cybertip.DeviceID{fullDevice()}, SchoolName: "Example School",
		PriorCTReports: []int64{4564654}, AccountTemporarilyDisabled: fullTemporarily(),
		AccountPermanentlyDisabled: fullPermanently(), EstimatedLocation: fullLocation(), AllEmailsReported: new(false),
		AssociatedAccount: fullAssociated(), AdditionalInfo: "see file"}
}

func fullIncidents() []cybertip.InternetDetails {
	return []cybertip.InternetDetails{
		{WebPageIncident: &cybertip.WebPageIncident{URL: []string{"https://chat.example.test/m/1", "https://chat.example.test/m/2"},
			AdditionalInfo: "a page", ThirdPartyHostedContent: new(false)}},
		{EmailIncident: &cybertip.EmailIncident{EmailAddress: []cybertip.Email{fullEmail("user@example.test")},
			Content: "example message", AdditionalInfo: "a mail"}},
		{NewsgroupIncident: &cybertip.NewsgroupIncident{Name: "example.group", EmailAddress: []cybertip.Email{fullEmail("user@example.test")},
			Content: "example post", AdditionalInfo: "a post"}},
		{ChatIMIncident: &cybertip.ChatIMIncident{ChatClient: "Example Chat", ChatRoomName: "room-1", Content: "example chat", AdditionalInfo: "a chat"}},
		{OnlineGamingIncident: &cybertip.OnlineGamingIncident{GameName: "Example Game", Console: "Example Console",
			Content: "example chat", AdditionalInfo: "a game"}},
		{CellPhoneIncident: &cybertip.CellPhoneIncident{PhoneNumber: new(fullPhone()), Latitude: new(51.5), Longitude: new(-0.125), AdditionalInfo: "a call"}},
		{NonInternetIncident: &cybertip.NonInternetIncident{LocationName: "Example Hall", IncidentAddress: fullAddresses(), AdditionalInfo: "a place"}},
		{Peer2PeerIncident: &cybertip.Peer2PeerIncident{Client: "Example Share", IPCaptureEvent: []cybertip.IPCaptureEvent{fullIP()},
			FileNames: "file.bin", AdditionalInfo: "a share"}},
	}
}

// fullReport has every optional part at once, each internetDetails variant in
// an element of its own.
func fullReport() *cybertip.Report {
	return &cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{IncidentType: cybertip.IncidentOnlineEnticement, Platform: "Example Chat",
			EscalateToHighPriority: "example reason",
			ReportAnnotations: &cybertip.ReportAnnotations{Sextortion: true, CSAMSolicitation: true,
				MinorToMinorInteraction: true, Spam: true, SadisticOnlineExploitation: true},
			IncidentDateTime: *day(15), IncidentDateTimeDescription: "time of the last message"},
		InternetDetails: fullIncidents(),
		LawEnforcement: &cybertip.LawEnforcement{AgencyName: "Example Police", CaseNumber: "EX-1", OfficerContact: fullContact(),
			ReportedToLE: new(true), ServedLegalProcessDomestic: new(false),
			ServedLegalProcessInternational: &cybertip.InternationalProcess{Served: true, FLEACountry: "GB"}},
		Reporter: cybertip.Reporter{ReportingPerson: *fullPerson("reports@example.test"), ContactPerson: fullContact(),
			CompanyTemplate: "Example Ltd", TermsOfService: "https://example.test/terms", LegalURL: "https://example.test/legal"},
		PersonOrUserReported: []cybertip.PersonOrUserReported{fullReported()},
		IntendedRecipient:    []cybertip.IntendedRecipient{fullRecipient()},
		Victim:               []cybertip.Victim{fullVictim()},
		AdditionalInfo:       "free text",
	}
}

// smallReport has nothing but what is required.
func smallReport() *cybertip.Report {
	return &cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{IncidentType: cybertip.IncidentImagery, IncidentDateTime: *day(15)},
		Reporter: cybertip.Reporter{ReportingPerson: cybertip.Person{
			Email: []cybertip.Email{{Address: "reports@example.test"}}}},
	}
}

func batchedReport() *cybertip.Report {
	r := smallReport()
	r.BatchedReport = &cybertip.BatchedReport{Reason: cybertip.ViralPotentialMeme}
	r.PersonOrUserReported = []cybertip.PersonOrUserReported{{ESPIdentifier: "u_1"}, {ESPIdentifier: "u_2"}}
	return r
}

func fullFile() *cybertip.FileDetails {
	return &cybertip.FileDetails{ReportID: 4564654, FileID: "b0754af766b426f2928a02c651ed4b99", FileName: "file.bin",
		OriginalFileName: "file.bin", UploadedToESPTimestamp: day(15), LocationOfFile: "https://chat.example.test/media/1",
		FileViewedByESP: new(true), ExifViewedByESP: new(true), PubliclyAvailable: new(false), FileRelevance: cybertip.Reported,
		FileAnnotations: &cybertip.FileAnnotations{AnimeDrawingVirtualHentai: true, PotentialMeme: true, Viral: true,
			PossibleSelfProduction: true, PhysicalHarm: true, ViolenceGore: true, Bestiality: true, LiveStreaming: true,
			Infant: true, GenerativeAI: true},
		IndustryClassification: cybertip.ClassB2,
		OriginalFileHash: []cybertip.FileHash{{Value: "fafa5efeaf3cbe3b23b2748d13e629a1", Type: "MD5"},
			{Value: "da39a3ee5e6b4b0d3255bfef95601890afd80709", Type: "SHA1"}},
		IPCaptureEvent: new(fullIP()), DeviceID: []cybertip.DeviceID{fullDevice()},
		Details: []cybertip.Metadata{
			{Type: cybertip.MetadataEXIF, NameValuePair: []cybertip.NameValue{{Name: "Make", Value: "X"}, {Name: "Model", Value: "Y"}}},
			{Type: cybertip.MetadataHash, NameValuePair: []cybertip.NameValue{{Name: "source", Value: "example list"}}}},
		AdditionalInfo: []string{"matched an example list", "more"}}
}

func batchedFile() *cybertip.FileDetails {
	return &cybertip.FileDetails{ReportID: 4564654, FileID: "b0754af766b426f2928a02c651ed4b99",
		FileAnnotations: &cybertip.FileAnnotations{Viral: true, PotentialMeme: true}, IndustryClassification: cybertip.ClassA1}
}

func supplementalFile() *cybertip.FileDetails {
	return &cybertip.FileDetails{ReportID: 4564654, FileID: "b0754af766b426f2928a02c651ed4b99",
		FileRelevance: cybertip.SupplementalReported, AdditionalInfo: []string{"transcript"}}
}

// documents are all documents of the tests of optional parts, by golden name.
func documents() map[string]any {
	docs := map[string]any{
		"report-full": fullReport(), "report-small": smallReport(), "report-batched": batchedReport(),
		"file-full": fullFile(), "file-batched": batchedFile(), "file-supplemental": supplementalFile(),
		"file-old-meme": &cybertip.FileDetails{ReportID: 1, FileID: "0", PotentialMeme: new(true)},
		"response": &cybertip.ReportResponse{ResponseDescription: "Success", ReportID: new(int64(4564654)),
			FileID: "b0754af766b426f2928a02c651ed4b99", Hash: "fafa5efeaf3cbe3b23b2748d13e629a1"},
		"receipt": &cybertip.ReportDoneResponse{ReportID: 4564654,
			Files: cybertip.FileList{FileID: []string{"b0754af766b426f2928a02c651ed4b99"}}},
	}
	return docs
}
