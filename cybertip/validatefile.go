package cybertip

import "time"

// Validate checks f like [Report.Validate] checks a report. Files of a batched
// report have rules of their own: see [FileDetails.ValidateBatched].
func (f *FileDetails) Validate(now time.Time) error {
	c := newCheck(now)
	f.validate(c)
	return c.err()
}

// ValidateBatched checks f as the one file of a batched report: annotated
// viral or potentialMeme or both and nothing else, and without most of the
// optional parts.
func (f *FileDetails) ValidateBatched(now time.Time) error {
	c := newCheck(now)
	f.validate(c)
	a := f.FileAnnotations
	if a == nil {
		a = &FileAnnotations{}
	}
	rest := *a
	rest.Viral, rest.PotentialMeme = false, false
	c.require("fileAnnotations", bool(a.Viral || a.PotentialMeme) && rest == FileAnnotations{},
		"must be viral, potentialMeme or both in a batched report")
	const no = "is not allowed in a batched report"
	c.require("originalFileName", f.OriginalFileName == "", no)
	c.require("locationOfFile", f.LocationOfFile == "", no)
	c.require("originalFileHash", len(f.OriginalFileHash) == 0, no)
	c.require("ipCaptureEvent", f.IPCaptureEvent == nil, no)
	c.require("deviceId", len(f.DeviceID) == 0, no)
	c.require("details", len(f.Details) == 0, no)
	c.require("additionalInfo", len(f.AdditionalInfo) == 0, no)
	return c.err()
}

func (f *FileDetails) validate(c check) {
	c.require("reportId", f.ReportID > 0, "is required")
	c.require("fileId", !blank(f.FileID), "is required")
	c.max("originalFileName", f.OriginalFileName, 2056)
	c.past("uploadedToEspTimestamp", f.UploadedToESPTimestamp)
	c.url("locationOfFile", f.LocationOfFile)
	c.require("exifViewedByEsp", !yes(f.ExifViewedByESP) || yes(f.FileViewedByESP), "requires fileViewedByEsp")
	listed(c, "fileRelevance", f.FileRelevance, FileRelevances())
	c.require("potentialMeme", f.PotentialMeme == nil || f.FileAnnotations == nil, "excludes fileAnnotations")
	f.supplemental(c)
	listed(c, "industryClassification", f.IndustryClassification, FileClassifications())
	for i, h := range f.OriginalFileHash {
		c := c.nth("originalFileHash", i)
		c.require("", !blank(h.Value), "is required")
		c.text("hashType", h.Type, 64)
	}
	if f.IPCaptureEvent != nil {
		c.at("ipCaptureEvent").ip(f.IPCaptureEvent)
	}
	c.sightings(nil, f.DeviceID)
	for i := range f.Details {
		f.Details[i].validate(c.nth("details", i))
	}
}

// supplemental: context may not be classified.
func (f *FileDetails) supplemental(c check) {
	if f.FileRelevance != SupplementalReported {
		return
	}
	const no = "is not allowed on a supplemental file"
	c.require("potentialMeme", f.PotentialMeme == nil, no)
	c.require("fileAnnotations.potentialMeme", f.FileAnnotations == nil || !bool(f.FileAnnotations.PotentialMeme), no)
	c.require("industryClassification", f.IndustryClassification == "", no)
}

func (m *Metadata) validate(c check) {
	listed(c, "type", m.Type, MetadataTypes())
	c.require("nameValuePair", len(m.NameValuePair) > 0, "is required")
	for i, p := range m.NameValuePair {
		c.nth("nameValuePair", i).text("name", p.Name, 64)
	}
}

func yes(b *bool) bool { return b != nil && *b }
