package cybertip

// Report is the document "report": what submit sends. Fields stand in schema
// order, which is significant. Everything but the incident type, the incident
// time and the reporter's email is voluntary under the API; a string that is
// empty and a pointer that is nil are left out.
type Report struct {
	// BatchedReport marks a batch of otherwise separate reports. It forbids
	// most other parts: see [Report.Validate].
	BatchedReport   *BatchedReport  `xml:"batchedReport"`
	IncidentSummary IncidentSummary `xml:"incidentSummary"`
	// InternetDetails: one element for each place; each holds one incident.
	InternetDetails []InternetDetails `xml:"internetDetails"`
	LawEnforcement  *LawEnforcement   `xml:"lawEnforcement"`
	Reporter        Reporter          `xml:"reporter"`
	// PersonOrUserReported is shown as the suspect. The documentation permits
	// one unless the report is batched; the schema permits many.
	PersonOrUserReported []PersonOrUserReported `xml:"personOrUserReported"`
	IntendedRecipient    []IntendedRecipient    `xml:"intendedRecipient"`
	Victim               []Victim               `xml:"victim"`
	AdditionalInfo       string                 `xml:"additionalInfo,omitempty"`
}

// BatchedReport is report/batchedReport.
type BatchedReport struct {
	Reason BatchedReportReason `xml:"reason,attr"` // required
}

// IncidentSummary is report/incidentSummary.
type IncidentSummary struct {
	IncidentType IncidentType `xml:"incidentType"`       // required
	Platform     string       `xml:"platform,omitempty"` // at most 256 characters
	// EscalateToHighPriority escalates by being there: it is the reason, 1 to
	// 3000 characters, for an immediate risk to a child. It is not a boolean.
	EscalateToHighPriority      string             `xml:"escalateToHighPriority,omitempty"`
	ReportAnnotations           *ReportAnnotations `xml:"reportAnnotations"`
	IncidentDateTime            Time               `xml:"incidentDateTime"`                      // required, past
	IncidentDateTimeDescription string             `xml:"incidentDateTimeDescription,omitempty"` // at most 3000
}

// ReportAnnotations are the flags of a report.
type ReportAnnotations struct {
	Sextortion                 Flag `xml:"sextortion,omitempty"`
	CSAMSolicitation           Flag `xml:"csamSolicitation,omitempty"`
	MinorToMinorInteraction    Flag `xml:"minorToMinorInteraction,omitempty"` // only if both ages are established
	Spam                       Flag `xml:"spam,omitempty"`
	SadisticOnlineExploitation Flag `xml:"sadisticOnlineExploitation,omitempty"`
}

// LawEnforcement is report/lawEnforcement: contact that already happened.
type LawEnforcement struct {
	AgencyName                      string                `xml:"agencyName"`           // required, at most 255
	CaseNumber                      string                `xml:"caseNumber,omitempty"` // at most 100
	OfficerContact                  *ContactPerson        `xml:"officerContact"`
	ReportedToLE                    *bool                 `xml:"reportedToLe"`
	ServedLegalProcessDomestic      *bool                 `xml:"servedLegalProcessDomestic"`
	ServedLegalProcessInternational *InternationalProcess `xml:"servedLegalProcessInternational"`
}

// InternationalProcess is lawEnforcement/servedLegalProcessInternational.
type InternationalProcess struct {
	Served      bool    `xml:",chardata"`
	FLEACountry Country `xml:"fleaCountry,attr,omitempty"` // of the foreign agency
}

// Reporter is report/reporter: the company, and whom to ask.
type Reporter struct {
	ReportingPerson Person         `xml:"reportingPerson"` // an email is required
	ContactPerson   *ContactPerson `xml:"contactPerson"`   // for law enforcement
	CompanyTemplate string         `xml:"companyTemplate,omitempty"`
	TermsOfService  string         `xml:"termsOfService,omitempty"`
	LegalURL        string         `xml:"legalURL,omitempty"` // at most 2083
}

// ReportResponse is the document "reportResponse", the answer to every call
// but a successful finish. The client reads answers with [ParseResponse],
// which insists on a code; this type is for writing them.
type ReportResponse struct {
	ResponseCode        int    `xml:"responseCode"`
	ResponseDescription string `xml:"responseDescription"`
	ReportID            *int64 `xml:"reportId"`
	FileID              string `xml:"fileId,omitempty"`
	Hash                string `xml:"hash,omitempty"` // MD5 of the bytes received, hex
}

// ReportDoneResponse is the document "reportDoneResponse": the receipt of
// finish. Keep its exact bytes: in the United States it is the notification
// that starts the provider's duty of preservation (18 USC 2258A(h)(1)).
type ReportDoneResponse struct {
	ResponseCode int      `xml:"responseCode"`
	ReportID     int64    `xml:"reportId"`
	Files        FileList `xml:"files"`
}

// FileList is reportDoneResponse/files.
type FileList struct {
	FileID []string `xml:"fileId"`
}
