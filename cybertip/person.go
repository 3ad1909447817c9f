package cybertip

// Person is a person as far as known.
type Person struct {
	FirstName   string    `xml:"firstName,omitempty"` // at most 100
	LastName    string    `xml:"lastName,omitempty"`  // at most 100
	Phone       []Phone   `xml:"phone"`
	Email       []Email   `xml:"email"`
	Address     []Address `xml:"address"`
	Age         *int      `xml:"age"` // 0 to 150
	DateOfBirth *Date     `xml:"dateOfBirth"`
}

// ContactPerson is a [Person] without age and date of birth.
type ContactPerson struct {
	FirstName string    `xml:"firstName,omitempty"` // at most 100
	LastName  string    `xml:"lastName,omitempty"`  // at most 100
	Phone     []Phone   `xml:"phone"`
	Email     []Email   `xml:"email"`
	Address   []Address `xml:"address"`
}

// Address is a postal address.
type Address struct {
	Type        AddressType `xml:"type,attr,omitempty"`
	Address     string      `xml:"address,omitempty"`     // at most 255
	City        string      `xml:"city,omitempty"`        // at most 100
	ZipCode     string      `xml:"zipCode,omitempty"`     // at most 20
	State       State       `xml:"state,omitempty"`       // United States only
	NonUSAState string      `xml:"nonUsaState,omitempty"` // elsewhere; at most 100
	Country     Country     `xml:"country,omitempty"`
}

// Email is an email address with what the service knows of it.
type Email struct {
	Address          string    `xml:",chardata"` // at most 255 characters, 64 before the @
	Type             EmailType `xml:"type,attr,omitempty"`
	Verified         *bool     `xml:"verified,attr,omitempty"`
	VerificationDate *Time     `xml:"verificationDate,attr,omitempty"` // requires Verified true
}

// Phone is a phone number without its country calling code.
type Phone struct {
	Number             string    `xml:",chardata"` // at most 50 characters
	Type               PhoneType `xml:"type,attr,omitempty"`
	Verified           *bool     `xml:"verified,attr,omitempty"`
	VerificationDate   *Time     `xml:"verificationDate,attr,omitempty"`   // requires Verified true
	CountryCallingCode string    `xml:"countryCallingCode,attr,omitempty"` // "+" and 1 to 3 digits
	Extension          string    `xml:"extension,attr,omitempty"`          // at most 10 digits
}

// EstimatedLocation is a place guessed by the service, say from an address.
type EstimatedLocation struct {
	City        string  `xml:"city,omitempty"`   // at most 255
	Region      string  `xml:"region,omitempty"` // at most 255; a state code if the country is US
	CountryCode Country `xml:"countryCode,omitempty"`
	Verified    *bool   `xml:"verified,attr,omitempty"`
	Timestamp   *Time   `xml:"timestamp,attr,omitempty"`
}

// IPCaptureEvent is one sighting of an internet address. Behind carrier-grade
// NAT only address, port and time together identify a subscriber.
type IPCaptureEvent struct {
	IPAddress     string        `xml:"ipAddress"` // required: IPv4, IPv6 or IPv4-mapped IPv6
	EventName     IPCaptureType `xml:"eventName,omitempty"`
	DateTime      *Time         `xml:"dateTime"`
	PossibleProxy *bool         `xml:"possibleProxy"`
	Port          *int          `xml:"port"` // 1 to 65535
}

// DeviceID is one sighting of a device.
type DeviceID struct {
	IDType    string        `xml:"idType"`  // required, at most 255: IMEI, ICCID, SSID …
	IDValue   string        `xml:"idValue"` // required, at most 2083
	EventName IPCaptureType `xml:"eventName,omitempty"`
	DateTime  *Time         `xml:"dateTime"`
}

// AccountTemporarilyDisabled says whether and when an account was suspended.
type AccountTemporarilyDisabled struct {
	Disabled         bool  `xml:",chardata"`
	DisabledDate     *Time `xml:"disabledDate,attr,omitempty"`
	UserNotified     *bool `xml:"userNotified,attr,omitempty"`
	UserNotifiedDate *Time `xml:"userNotifiedDate,attr,omitempty"` // not before DisabledDate
	ReenabledDate    *Time `xml:"reenabledDate,attr,omitempty"`    // after DisabledDate
}

// AccountPermanentlyDisabled says whether and when an account was closed.
type AccountPermanentlyDisabled struct {
	Disabled         bool  `xml:",chardata"`
	DisabledDate     *Time `xml:"disabledDate,attr,omitempty"`
	UserNotified     *bool `xml:"userNotified,attr,omitempty"`
	UserNotifiedDate *Time `xml:"userNotifiedDate,attr,omitempty"` // not before DisabledDate
}
