package talk

// Indicator is one of eighteen signs. Most are things that the actor does; Distress
// is something that the target does.
type Indicator uint8

// The indicators, with the codes of the research notes that they come from.
const (
	AsksAge            Indicator = iota // A1
	AgeMismatch                         // A2: claims of one's own age that do not agree
	AsksPlace                           // A3
	AsksWhoIsNear                       // R1
	AsksSecrecy                         // R2
	Flatters                            // T1: "only you", "so mature"
	OffersGift                          // T2
	Undermines                          // I1: speaks against friends and parents
	AsksMoveApp                         // I2
	MovesChannel                        // I3: an event of the platform, not of the text
	ProposesMeeting                     // P1
	AsksPicture                         // P2
	PushesAfterRefusal                  // P3: a request, a no, the request again
	Threatens                           // C1: to share or to show
	DemandsMoney                        // C2
	NamesContacts                       // C3
	Distress                            // V1: of the target
	External                            // X1: a score of the operator's own classifier
	Indicators                          // how many there are
)

var indicatorNames = [Indicators]string{
	"asks_age", "age_mismatch", "asks_place", "asks_who_is_near", "asks_secrecy",
	"flatters_exclusively", "offers_gift", "undermines_others", "asks_move_app",
	"moves_channel", "proposes_meeting", "asks_picture", "pushes_after_refusal",
	"threatens_to_share", "demands_money", "names_contacts", "target_distress", "external_score",
}

func (i Indicator) String() string {
	if i < Indicators {
		return indicatorNames[i]
	}
	return "unknown"
}

// IndicatorOf finds an indicator by its name.
func IndicatorOf(name string) (Indicator, bool) {
	for i, n := range indicatorNames {
		if n == name {
			return Indicator(i), true
		}
	}
	return 0, false
}

// spoken says whether words can show the indicator. The others come from events,
// from sequences or from outside.
func (i Indicator) spoken() bool {
	switch i {
	case AgeMismatch, MovesChannel, PushesAfterRefusal, External:
		return false
	}
	return i < Indicators
}

// asks says whether the indicator is a request, which a target can refuse.
func (i Indicator) asks() bool {
	switch i {
	case AsksAge, AsksPlace, AsksWhoIsNear, AsksSecrecy, AsksMoveApp, ProposesMeeting, AsksPicture, DemandsMoney:
		return true
	}
	return false
}

// Set is a set of indicators.
type Set uint32

// SetOf makes a set.
func SetOf(is ...Indicator) Set {
	var s Set
	for _, i := range is {
		s |= 1 << i
	}
	return s
}

// Has says whether i is in s.
func (s Set) Has(i Indicator) bool { return s&(1<<i) != 0 }
