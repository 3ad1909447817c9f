package cybertip

import (
	"slices"
	"strings"
)

// IncidentType is incidentSummary/incidentType. The texts are NCMEC's own and
// must match to the letter. There is no type for extortion or solicitation:
// those are flags of [ReportAnnotations].
type IncidentType string

// The eight incident types of the schema.
const (
	IncidentImagery            IncidentType = "Child Pornography (possession, manufacture, and distribution)"
	IncidentTrafficking        IncidentType = "Child Sex Trafficking"
	IncidentTourism            IncidentType = "Child Sex Tourism"
	IncidentMolestation        IncidentType = "Child Sexual Molestation"
	IncidentMisleadingDomain   IncidentType = "Misleading Domain Name"
	IncidentMisleadingWords    IncidentType = "Misleading Words or Digital Images on the Internet"
	IncidentOnlineEnticement   IncidentType = "Online Enticement of Children for Sexual Acts" // ends in "Acts"
	IncidentUnsolicitedObscene IncidentType = "Unsolicited Obscene Material Sent to a Child"
)

// IncidentTypes returns all incident types, in schema order.
func IncidentTypes() []IncidentType {
	return []IncidentType{IncidentImagery, IncidentTrafficking, IncidentTourism, IncidentMolestation,
		IncidentMisleadingDomain, IncidentMisleadingWords, IncidentOnlineEnticement, IncidentUnsolicitedObscene}
}

// IPCaptureType is the event at which an address or a device was seen.
type IPCaptureType string

// The events of the schema.
const (
	EventLogin        IPCaptureType = "Login"
	EventRegistration IPCaptureType = "Registration"
	EventPurchase     IPCaptureType = "Purchase"
	EventUpload       IPCaptureType = "Upload"
	EventOther        IPCaptureType = "Other"
	EventUnknown      IPCaptureType = "Unknown"
)

// IPCaptureTypes returns all events, in schema order.
func IPCaptureTypes() []IPCaptureType {
	return []IPCaptureType{EventLogin, EventRegistration, EventPurchase, EventUpload, EventOther, EventUnknown}
}

// FileClassification is fileDetails/industryClassification: a letter for the
// apparent age (A younger, B older) and a digit for the rank of the content.
type FileClassification string

// The four classes of the industry scheme.
const (
	ClassA1 FileClassification = "A1"
	ClassA2 FileClassification = "A2"
	ClassB1 FileClassification = "B1"
	ClassB2 FileClassification = "B2"
)

// FileClassifications returns all classes, in schema order.
func FileClassifications() []FileClassification {
	return []FileClassification{ClassA1, ClassA2, ClassB1, ClassB2}
}

// FileRelevance says whether a file is what is reported or only its context.
type FileRelevance string

// The two relevances. Absent means [Reported].
const (
	Reported             FileRelevance = "Reported"
	SupplementalReported FileRelevance = "Supplemental Reported" // transcripts, logs, screenshots
)

// FileRelevances returns both relevances, in schema order.
func FileRelevances() []FileRelevance { return []FileRelevance{Reported, SupplementalReported} }

// AddressType is address/@type.
type AddressType string

// The address types of the schema.
const (
	AddressHome      AddressType = "Home"
	AddressBusiness  AddressType = "Business"
	AddressBilling   AddressType = "Billing"
	AddressShipping  AddressType = "Shipping"
	AddressTechnical AddressType = "Technical"
)

// AddressTypes returns all address types, in schema order.
func AddressTypes() []AddressType {
	return []AddressType{AddressHome, AddressBusiness, AddressBilling, AddressShipping, AddressTechnical}
}

// EmailType is email/@type.
type EmailType string

// The email types of the schema.
const (
	EmailHome     EmailType = "Home"
	EmailWork     EmailType = "Work"
	EmailBusiness EmailType = "Business"
	EmailRecovery EmailType = "Recovery"
)

// EmailTypes returns all email types, in schema order.
func EmailTypes() []EmailType {
	return []EmailType{EmailHome, EmailWork, EmailBusiness, EmailRecovery}
}

// PhoneType is phone/@type.
type PhoneType string

// The phone types of the schema.
const (
	PhoneMobile   PhoneType = "Mobile"
	PhoneHome     PhoneType = "Home"
	PhoneBusiness PhoneType = "Business"
	PhoneWork     PhoneType = "Work"
	PhoneFax      PhoneType = "Fax"
	PhoneInternet PhoneType = "Internet"
	PhoneRecovery PhoneType = "Recovery"
)

// PhoneTypes returns all phone types, in schema order.
func PhoneTypes() []PhoneType {
	return []PhoneType{PhoneMobile, PhoneHome, PhoneBusiness, PhoneWork, PhoneFax, PhoneInternet, PhoneRecovery}
}

// AssociatedAccountType is associatedAccount/@type, which is required.
type AssociatedAccountType string

// The kinds of associated account of the schema.
const (
	AccountBilling  AssociatedAccountType = "Billing"
	AccountLinked   AssociatedAccountType = "Linked"
	AccountBusiness AssociatedAccountType = "Business"
	AccountCreator  AssociatedAccountType = "Creator"
	AccountGuardian AssociatedAccountType = "Parent/Guardian"
	AccountOther    AssociatedAccountType = "Other"
)

// AssociatedAccountTypes returns all kinds, in schema order.
func AssociatedAccountTypes() []AssociatedAccountType {
	return []AssociatedAccountType{AccountBilling, AccountLinked, AccountBusiness,
		AccountCreator, AccountGuardian, AccountOther}
}

// BatchedReportReason is batchedReport/@reason.
type BatchedReportReason string

// ViralPotentialMeme is the only reason for a batch.
const ViralPotentialMeme BatchedReportReason = "VIRAL_POTENTIAL_MEME"

// BatchedReportReasons returns all reasons.
func BatchedReportReasons() []BatchedReportReason { return []BatchedReportReason{ViralPotentialMeme} }

// MetadataType is details/@type.
type MetadataType string

// The metadata types of the schema.
const (
	MetadataEXIF MetadataType = "EXIF"
	MetadataHash MetadataType = "HASH"
)

// MetadataTypes returns both metadata types, in schema order.
func MetadataTypes() []MetadataType { return []MetadataType{MetadataEXIF, MetadataHash} }

// Country is an ISO 3166 alpha-2 code or one of the pseudo-codes of address
// databases that the schema also lists (A1, A2, O1, AP, EU, FX, XK, AN). The
// empty value of the schema is expressed by leaving the element out.
type Country string

// Countries returns all country codes of the schema, in its order.
func Countries() []Country { return split[Country](countryCodes) }

// Valid reports whether the schema lists c.
func (c Country) Valid() bool { return slices.Contains(Countries(), c) }

// State is the postal code of a state or territory of the United States.
type State string

// States returns all state codes of the schema, in its order.
func States() []State { return split[State](stateCodes) }

// Valid reports whether the schema lists s.
func (s State) Valid() bool { return slices.Contains(States(), s) }

func split[T ~string](list string) []T {
	fields := strings.Fields(list)
	out := make([]T, len(fields))
	for i, f := range fields {
		out[i] = T(f)
	}
	return out
}

const countryCodes = `
A1 A2 O1 AD AE AF AG AI AL AM AN AO AP AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ
BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CX CW CY
CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET EU FI FJ FK FM FO FR FX GA GB GD GE GF GG GH GI
GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH
MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA
PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL
SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW`

const stateCodes = `
AK AL AR AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND
NE NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY`
