package safety

import (
	"slices"
	"strings"
)

// Surface says who could see a piece of content on the platform. Detectors
// declare the surfaces that they may run on.
type Surface string

// The surfaces.
const (
	SurfacePublic    Surface = "public"
	SurfacePrivate   Surface = "private"
	SurfaceEncrypted Surface = "encrypted"
)

// Surfaces lists every surface, the least private first.
var Surfaces = []Surface{SurfacePublic, SurfacePrivate, SurfaceEncrypted}

// Valid reports whether s is one of [Surfaces].
func (s Surface) Valid() bool { return slices.Contains(Surfaces, s) }

// Verdict is what policy tells the platform to do with a piece of content.
type Verdict string

// The verdicts, from the mildest to the most severe.
const (
	VerdictAllow Verdict = "allow"
	VerdictWarn  Verdict = "warn"
	VerdictLimit Verdict = "limit"
	VerdictHold  Verdict = "hold"
	VerdictBlock Verdict = "block"
)

// Verdicts lists every verdict in order of severity.
var Verdicts = []Verdict{VerdictAllow, VerdictWarn, VerdictLimit, VerdictHold, VerdictBlock}

// Valid reports whether v is one of [Verdicts].
func (v Verdict) Valid() bool { return slices.Contains(Verdicts, v) }

// Severity is v's place in [Verdicts]; an unknown verdict is the most severe,
// so that a mistake never becomes permission.
func (v Verdict) Severity() int {
	if i := slices.Index(Verdicts, v); i >= 0 {
		return i
	}
	return len(Verdicts)
}

// Strictest returns the more severe of two verdicts.
func Strictest(a, b Verdict) Verdict {
	if b.Severity() > a.Severity() {
		return b
	}
	return a
}

// ScanState says how much of a piece of content was examined. Only
// [ScanScanned] supports the statement "nothing known was found".
type ScanState string

// The scan states, from complete to none.
const (
	// ScanScanned: everything that the enabled detectors need was read.
	ScanScanned ScanState = "scanned"
	// ScanPartial: some of it was examined (some frames, or exact hashes only).
	ScanPartial ScanState = "partial"
	// ScanFailed: an error or a limit stopped the examination; it may be tried again.
	ScanFailed ScanState = "failed"
	// ScanUnsupported: no detector can read this kind of content.
	ScanUnsupported ScanState = "unsupported"
)

// ScanStates lists every scan state.
var ScanStates = []ScanState{ScanScanned, ScanPartial, ScanFailed, ScanUnsupported}

// ListKind says what membership of a list means.
type ListKind string

// The kinds of list.
const (
	// ListIllegal: material that is a crime to share; a match is reportable.
	ListIllegal ListKind = "illegal"
	// ListIntimateImage: intimate pictures shared without consent (StopNCII and the like).
	ListIntimateImage ListKind = "intimate_image"
	// ListTerrorism: terrorist content, such as Tech Against Terrorism's list.
	ListTerrorism ListKind = "terrorism"
	// ListHarmful: lawful but kept from children or from the service.
	ListHarmful ListKind = "harmful"
	// ListAllow: known to be harmless; suppresses near matches with other lists.
	// Also the list of false positives.
	ListAllow ListKind = "allow"
	// ListCanary: test signals which drive the whole path and are never reported
	// to a real authority.
	ListCanary ListKind = "canary"
)

// ListKinds lists every kind of list.
var ListKinds = []ListKind{ListIllegal, ListIntimateImage, ListTerrorism, ListHarmful, ListAllow, ListCanary}

// Valid reports whether k is one of [ListKinds].
func (k ListKind) Valid() bool { return slices.Contains(ListKinds, k) }

// Priority is how soon a person must look at a case. P1 is immediate danger.
type Priority string

// The priorities. Code may raise a priority; only a person may lower one.
const (
	P1 Priority = "P1"
	P2 Priority = "P2"
	P3 Priority = "P3"
)

// Priorities lists every priority, the most urgent first.
var Priorities = []Priority{P1, P2, P3}

// Valid reports whether p is one of [Priorities].
func (p Priority) Valid() bool { return slices.Contains(Priorities, p) }

// Highest returns the more urgent of two priorities.
func Highest(a, b Priority) Priority {
	if !a.Valid() || (b.Valid() && b < a) {
		return b
	}
	return a
}

// Jurisdiction is an ISO 3166-1 alpha-2 country code in upper case, or empty
// when the platform did not say.
type Jurisdiction string

// Valid reports whether j is empty or has the shape of a country code.
func (j Jurisdiction) Valid() bool {
	if j == "" {
		return true
	}
	return len(j) == 2 && strings.ToUpper(string(j)) == string(j) && isAlpha(string(j))
}

func isAlpha(s string) bool {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}

// ShownWhole reports whether a person who is given a file of this type in a
// browser sees all of it: pictures that browsers draw. A video, a document and
// what browsers do not draw are not; that somebody took such a file says nothing
// of what they saw.
func ShownWhole(mediaType string) bool {
	switch mediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}
