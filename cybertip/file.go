package cybertip

// FileDetails is the document "fileDetails": what fileinfo sends, at most once
// for each uploaded file.
type FileDetails struct {
	ReportID int64  `xml:"reportId"` // required: the number that submit returned
	FileID   string `xml:"fileId"`   // required: the number that upload returned
	// FileName is in the schema but not in the documentation. Leave it empty;
	// it is here so that a stored document can be read back whole.
	FileName               string `xml:"fileName,omitempty"`
	OriginalFileName       string `xml:"originalFileName,omitempty"` // at most 2056
	UploadedToESPTimestamp *Time  `xml:"uploadedToEspTimestamp"`
	LocationOfFile         string `xml:"locationOfFile,omitempty"` // a URL, at most 2083
	// FileViewedByESP states that a person at the company viewed the entire
	// contents of the file. It must come from a record of that viewing, never
	// from a default: whether a warrant is needed may turn on it.
	FileViewedByESP *bool `xml:"fileViewedByEsp"`
	// ExifViewedByESP true requires FileViewedByESP true.
	ExifViewedByESP   *bool         `xml:"exifViewedByEsp"`
	PubliclyAvailable *bool         `xml:"publiclyAvailable"`
	FileRelevance     FileRelevance `xml:"fileRelevance,omitempty"` // absent means Reported
	// PotentialMeme is the older form of FileAnnotations.PotentialMeme. The
	// schema permits one of the two fields; use FileAnnotations.
	PotentialMeme          *bool              `xml:"potentialMeme"`
	FileAnnotations        *FileAnnotations   `xml:"fileAnnotations"`
	IndustryClassification FileClassification `xml:"industryClassification,omitempty"`
	OriginalFileHash       []FileHash         `xml:"originalFileHash"`
	IPCaptureEvent         *IPCaptureEvent    `xml:"ipCaptureEvent"` // at most one
	DeviceID               []DeviceID         `xml:"deviceId"`
	Details                []Metadata         `xml:"details"`
	AdditionalInfo         []string           `xml:"additionalInfo"`
}

// FileAnnotations are the flags of a file.
type FileAnnotations struct {
	AnimeDrawingVirtualHentai Flag `xml:"animeDrawingVirtualHentai,omitempty"`
	PotentialMeme             Flag `xml:"potentialMeme,omitempty"` // no malicious intent seen
	Viral                     Flag `xml:"viral,omitempty"`
	PossibleSelfProduction    Flag `xml:"possibleSelfProduction,omitempty"`
	PhysicalHarm              Flag `xml:"physicalHarm,omitempty"`
	ViolenceGore              Flag `xml:"violenceGore,omitempty"`
	Bestiality                Flag `xml:"bestiality,omitempty"`
	LiveStreaming             Flag `xml:"liveStreaming,omitempty"` // streamed live when uploaded
	Infant                    Flag `xml:"infant,omitempty"`
	GenerativeAI              Flag `xml:"generativeAi,omitempty"`
}

// FileHash is fileDetails/originalFileHash: a hash of the file as the service
// first had it, if what is uploaded is not those bytes.
type FileHash struct {
	Value string `xml:",chardata"`
	Type  string `xml:"hashType,attr"` // required, at most 64: MD5, SHA1, SHA256, PDQ …
}

// Metadata is fileDetails/details.
type Metadata struct {
	NameValuePair []NameValue  `xml:"nameValuePair"` // at least one
	Type          MetadataType `xml:"type,attr,omitempty"`
}

// NameValue is one pair of [Metadata].
type NameValue struct {
	Name  string `xml:"name"` // at most 64
	Value string `xml:"value"`
}
