package cybertip

// InternetDetails is report/internetDetails: a choice. Exactly one field must
// be set; [Report.Validate] reports, and [Marshal] refuses, any other number.
type InternetDetails struct {
	WebPageIncident      *WebPageIncident      `xml:"webPageIncident"`
	EmailIncident        *EmailIncident        `xml:"emailIncident"`
	NewsgroupIncident    *NewsgroupIncident    `xml:"newsgroupIncident"`
	ChatIMIncident       *ChatIMIncident       `xml:"chatImIncident"`
	OnlineGamingIncident *OnlineGamingIncident `xml:"onlineGamingIncident"`
	CellPhoneIncident    *CellPhoneIncident    `xml:"cellPhoneIncident"`
	NonInternetIncident  *NonInternetIncident  `xml:"nonInternetIncident"`
	Peer2PeerIncident    *Peer2PeerIncident    `xml:"peer2peerIncident"`
}

// chosen counts the fields that are set.
func (d *InternetDetails) chosen() int {
	n := 0
	for _, set := range [...]bool{d.WebPageIncident != nil, d.EmailIncident != nil,
		d.NewsgroupIncident != nil, d.ChatIMIncident != nil, d.OnlineGamingIncident != nil,
		d.CellPhoneIncident != nil, d.NonInternetIncident != nil, d.Peer2PeerIncident != nil} {
		if set {
			n++
		}
	}
	return n
}

// WebPageIncident is an incident on a web page.
type WebPageIncident struct {
	URL            []string `xml:"url"` // absolute, no whitespace, at most 2083 characters
	AdditionalInfo string   `xml:"additionalInfo,omitempty"`
	// ThirdPartyHostedContent: the URL is on another company's server and the
	// reporter knows no more. It is an attribute.
	ThirdPartyHostedContent *bool `xml:"thirdPartyHostedContent,attr,omitempty"`
}

// EmailIncident is an incident over email. Each address must also stand as an
// email of a personOrUserReported, intendedRecipient or victim.
type EmailIncident struct {
	EmailAddress   []Email `xml:"emailAddress"`
	Content        string  `xml:"content,omitempty"`
	AdditionalInfo string  `xml:"additionalInfo,omitempty"`
}

// NewsgroupIncident is an incident in a newsgroup; addresses as for
// [EmailIncident].
type NewsgroupIncident struct {
	Name           string  `xml:"name,omitempty"` // at most 255
	EmailAddress   []Email `xml:"emailAddress"`
	Content        string  `xml:"content,omitempty"`
	AdditionalInfo string  `xml:"additionalInfo,omitempty"`
}

// ChatIMIncident is an incident in a chat or by instant message.
type ChatIMIncident struct {
	ChatClient     string `xml:"chatClient,omitempty"`   // at most 255
	ChatRoomName   string `xml:"chatRoomName,omitempty"` // at most 255
	Content        string `xml:"content,omitempty"`
	AdditionalInfo string `xml:"additionalInfo,omitempty"`
}

// OnlineGamingIncident is an incident during an online game.
type OnlineGamingIncident struct {
	GameName       string `xml:"gameName,omitempty"` // at most 255
	Console        string `xml:"console,omitempty"`  // at most 255
	Content        string `xml:"content,omitempty"`
	AdditionalInfo string `xml:"additionalInfo,omitempty"`
}

// CellPhoneIncident is an incident by phone. Latitude and longitude are in
// degrees; that they must be within ±90 and ±180 is our check, unverified.
type CellPhoneIncident struct {
	PhoneNumber    *Phone   `xml:"phoneNumber"`
	Latitude       *float64 `xml:"latitude"`
	Longitude      *float64 `xml:"longitude"`
	AdditionalInfo string   `xml:"additionalInfo,omitempty"`
}

// NonInternetIncident is an incident without a computer or a phone.
type NonInternetIncident struct {
	LocationName    string    `xml:"locationName,omitempty"` // at most 255
	IncidentAddress []Address `xml:"incidentAddress"`
	AdditionalInfo  string    `xml:"additionalInfo,omitempty"`
}

// Peer2PeerIncident is an incident on a file-sharing network.
type Peer2PeerIncident struct {
	Client         string           `xml:"client,omitempty"` // at most 255
	IPCaptureEvent []IPCaptureEvent `xml:"ipCaptureEvent"`
	FileNames      string           `xml:"fileNames,omitempty"`
	AdditionalInfo string           `xml:"additionalInfo,omitempty"`
}
