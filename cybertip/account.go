package cybertip

// PersonOrUserReported is report/personOrUserReported: shown as the suspect.
type PersonOrUserReported struct {
	Person                     *Person                     `xml:"personOrUserReportedPerson"`
	VehicleDescription         string                      `xml:"vehicleDescription,omitempty"` // at most 300
	ESPIdentifier              string                      `xml:"espIdentifier,omitempty"`      // at most 255
	ESPService                 string                      `xml:"espService,omitempty"`         // at most 100
	CompromisedAccount         *bool                       `xml:"compromisedAccount"`
	ScreenName                 string                      `xml:"screenName,omitempty"` // at most 256
	DisplayName                []string                    `xml:"displayName"`          // at most 255 each
	ProfileURL                 []string                    `xml:"profileUrl"`           // at most 2083 each
	ProfileBio                 string                      `xml:"profileBio,omitempty"`
	IPCaptureEvent             []IPCaptureEvent            `xml:"ipCaptureEvent"`
	DeviceID                   []DeviceID                  `xml:"deviceId"`
	ThirdPartyUserReported     *bool                       `xml:"thirdPartyUserReported"`
	PriorCTReports             []int64                     `xml:"priorCTReports"`            // numbers of finished reports, same environment
	GroupIdentifier            string                      `xml:"groupIdentifier,omitempty"` // at most 255
	AccountTemporarilyDisabled *AccountTemporarilyDisabled `xml:"accountTemporarilyDisabled"`
	AccountPermanentlyDisabled *AccountPermanentlyDisabled `xml:"accountPermanentlyDisabled"`
	EstimatedLocation          *EstimatedLocation          `xml:"estimatedLocation"`
	AllEmailsReported          *bool                       `xml:"allEmailsReported"`
	AssociatedAccount          []AssociatedAccount         `xml:"associatedAccount"`
	AdditionalInfo             string                      `xml:"additionalInfo,omitempty"`
}

// IntendedRecipient is report/intendedRecipient. Limits are as for
// [PersonOrUserReported]; additionalInfo may repeat here.
type IntendedRecipient struct {
	Person                     *Person                     `xml:"intendedRecipientPerson"`
	ESPIdentifier              string                      `xml:"espIdentifier,omitempty"`
	ESPService                 string                      `xml:"espService,omitempty"`
	CompromisedAccount         *bool                       `xml:"compromisedAccount"`
	ScreenName                 string                      `xml:"screenName,omitempty"`
	DisplayName                []string                    `xml:"displayName"`
	ProfileURL                 []string                    `xml:"profileUrl"`
	ProfileBio                 string                      `xml:"profileBio,omitempty"`
	IPCaptureEvent             []IPCaptureEvent            `xml:"ipCaptureEvent"`
	DeviceID                   []DeviceID                  `xml:"deviceId"`
	PriorCTReports             []int64                     `xml:"priorCTReports"`
	GroupIdentifier            string                      `xml:"groupIdentifier,omitempty"`
	AccountTemporarilyDisabled *AccountTemporarilyDisabled `xml:"accountTemporarilyDisabled"`
	AccountPermanentlyDisabled *AccountPermanentlyDisabled `xml:"accountPermanentlyDisabled"`
	EstimatedLocation          *EstimatedLocation          `xml:"estimatedLocation"`
	AllEmailsReported          *bool                       `xml:"allEmailsReported"`
	AdditionalInfo             []string                    `xml:"additionalInfo"`
}

// Victim is report/victim. Limits are as for [PersonOrUserReported].
type Victim struct {
	Person                     Person                      `xml:"victimPerson"` // required, may be empty
	ESPIdentifier              string                      `xml:"espIdentifier,omitempty"`
	ESPService                 string                      `xml:"espService,omitempty"`
	CompromisedAccount         *bool                       `xml:"compromisedAccount"`
	ScreenName                 string                      `xml:"screenName,omitempty"`
	DisplayName                []string                    `xml:"displayName"`
	ProfileURL                 []string                    `xml:"profileUrl"`
	ProfileBio                 string                      `xml:"profileBio,omitempty"`
	IPCaptureEvent             []IPCaptureEvent            `xml:"ipCaptureEvent"`
	DeviceID                   []DeviceID                  `xml:"deviceId"`
	SchoolName                 string                      `xml:"schoolName,omitempty"`
	PriorCTReports             []int64                     `xml:"priorCTReports"`
	AccountTemporarilyDisabled *AccountTemporarilyDisabled `xml:"accountTemporarilyDisabled"`
	AccountPermanentlyDisabled *AccountPermanentlyDisabled `xml:"accountPermanentlyDisabled"`
	EstimatedLocation          *EstimatedLocation          `xml:"estimatedLocation"`
	AllEmailsReported          *bool                       `xml:"allEmailsReported"`
	AssociatedAccount          []AssociatedAccount         `xml:"associatedAccount"`
	AdditionalInfo             string                      `xml:"additionalInfo,omitempty"`
}

// AssociatedAccount is another account of the same person. Texts are at most
// 256 characters. ApproximateAge and DateOfBirth exclude each other.
type AssociatedAccount struct {
	Type                       AssociatedAccountType       `xml:"type,attr"` // required
	Platform                   *Platform                   `xml:"platform"`
	FirstName                  string                      `xml:"firstName,omitempty"`
	MiddleName                 string                      `xml:"middleName,omitempty"`
	LastName                   string                      `xml:"lastName,omitempty"`
	ApproximateAge             *int                        `xml:"approximateAge"` // 0 to 150
	DateOfBirth                *Date                       `xml:"dateOfBirth"`
	Phone                      []Phone                     `xml:"phone"`
	Email                      []Email                     `xml:"email"`
	AllEmailsReported          *bool                       `xml:"allEmailsReported"`
	Address                    []Address                   `xml:"address"`
	ESPService                 string                      `xml:"espService,omitempty"`
	ESPIdentifier              string                      `xml:"espIdentifier,omitempty"`
	ProfileURL                 []string                    `xml:"profileUrl"`
	ScreenName                 string                      `xml:"screenName,omitempty"`
	DisplayName                []string                    `xml:"displayName"`
	ProfileBio                 string                      `xml:"profileBio,omitempty"`
	GroupIdentifier            string                      `xml:"groupIdentifier,omitempty"`
	CompromisedAccount         *bool                       `xml:"compromisedAccount"`
	AccountTemporarilyDisabled *AccountTemporarilyDisabled `xml:"accountTemporarilyDisabled"`
	AccountPermanentlyDisabled *AccountPermanentlyDisabled `xml:"accountPermanentlyDisabled"`
	IPCaptureEvent             []IPCaptureEvent            `xml:"ipCaptureEvent"`
	DeviceID                   []DeviceID                  `xml:"deviceId"`
	PriorCTReport              []int64                     `xml:"priorCTReport"` // singular in the schema, here only
	AdditionalInfo             string                      `xml:"additionalInfo,omitempty"`
}

// Platform is associatedAccount/platform.
type Platform struct {
	Name           string `xml:",chardata"` // at most 256
	ThirdPartyUser *bool  `xml:"thirdPartyUser,attr,omitempty"`
}
