package safety

import "time"

// MatchKind says how a finding's signal met the content.
type MatchKind string

// The kinds of match.
const (
	// MatchExact: a cryptographic hash of the file is on the list.
	MatchExact MatchKind = "exact"
	// MatchNear: a perceptual hash is within the list's threshold.
	MatchNear MatchKind = "near"
)

// Finding is what one detector saw. It is never a decision.
type Finding struct {
	Detector string    // name and version, such as "pdq/1"
	List     string    // name of the list that matched
	Kind     ListKind  // kind of that list
	Match    MatchKind // exact or near
	Variant  string    // which form of the picture matched: "original", "rotate90", …
	Frame    int       // index of the frame that matched, 0 for a still picture
	SignalID string    // the signal on the list; for people who may see lists
	// Quarantined: the signal matched so much lately that it is more likely wrong
	// than right; until a person releases it, it causes no automatic block.
	Quarantined bool
	// Distance is for people who may see lists: bits (0–256) for near, 0 for
	// exact; for a known video (vpdq/1), how many percent of it do not match.
	Distance int
	// From and To are the stretch of a video in which the match is; both 0 for a
	// picture. To is when the first frame is shown that does not match.
	From, To time.Duration
}
