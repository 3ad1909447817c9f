package measures

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Level is a risk as the service's own risk assessment found it.
type Level string

// The levels. No level at all is "not assessed", which is never taken for low.
const (
	Negligible Level = "negligible"
	Low        Level = "low"
	Medium     Level = "medium"
	High       Level = "high"
)

var levels = []Level{Negligible, Low, Medium, High}

func (l Level) rank() int { return slices.Index(levels, l) }

// The kinds of harm that measures ask about. A profile may hold others, which
// count for "multi-risk".
const (
	CSEA      = "csea" // as a whole; the next three are its parts and count apart
	Grooming  = "grooming"
	CSAMImage = "csam_image"
	CSAMURL   = "csam_url"
)

// csea are the sub-assessments, which do not count for "multi-risk".
var cseaParts = []string{Grooming, CSAMImage, CSAMURL}

// askedKinds are the kinds that conditions name.
var askedKinds = []string{CSEA, Grooming, CSAMImage, CSAMURL, "terrorism", "hate", "harassment", "foreign_interference", "fraud", "intimate_image"}

// Functions are what the service lets users do. Nil is "not said".
type Functions struct {
	UserToUser         *bool `json:"user_to_user,omitempty"`
	PrivateMessaging   *bool `json:"private_messaging,omitempty"`
	EncryptedMessaging *bool `json:"encrypted_messaging,omitempty"`
	Livestream         *bool `json:"livestream,omitempty"`
	ImageSharing       *bool `json:"image_sharing,omitempty"`
	FileSharing        *bool `json:"file_sharing,omitempty"` // stores or shares files
	Recommender        *bool `json:"recommender,omitempty"`
	RecommenderTests   *bool `json:"recommender_tests,omitempty"` // on the platform itself
	Spaces             *bool `json:"spaces,omitempty"`            // VR and other shared live places
	Comments           *bool `json:"comments,omitempty"`
	Connections        *bool `json:"connections,omitempty"` // friends, followers
}

// Profile is what the answers rest on.
type Profile struct {
	Name          string           `json:"name" maxLength:"100"`
	UKUsers       *int64           `json:"uk_monthly_users,omitempty"`
	Functions     Functions        `json:"functions"`
	ChildAccess   *bool            `json:"child_access,omitempty"` // likely accessed by children
	DeterminesAge *bool            `json:"determines_age,omitempty"`
	UsesHEAA      *bool            `json:"uses_heaa,omitempty"`     // highly effective age assurance aims measures
	AdultService  *bool            `json:"adult_service,omitempty"` // a pornography service
	Category1     *bool            `json:"category_1,omitempty"`    // of Ofcom's register
	MicroOrSmall  *bool            `json:"micro_or_small,omitempty"`
	Serves        []string         `json:"serves" enum:"UK,EU,US"`                   // UK, EU, US; empty is "not said"
	Provider      string           `json:"provider,omitempty" enum:"UK,EU,US,other"` // UK, EU, US or other
	Risks         map[string]Level `json:"risks"`                                    // by kind of illegal harm
	RisksComplete *bool            `json:"risks_complete,omitempty"`                 // every kind of the risk assessment is there
}

var (
	territories = []string{"UK", "EU", "US"}
	providers   = []string{"", "UK", "EU", "US", "other"}
	kindName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// Check reports everything that is wrong with p.
func (p *Profile) Check() error {
	var wrong []string
	if utf8.RuneCountInString(p.Name) > 100 {
		wrong = append(wrong, "the name is over 100 characters")
	}
	if p.UKUsers != nil && (*p.UKUsers < 0 || *p.UKUsers > 1e10) {
		wrong = append(wrong, "uk_monthly_users is no number of people")
	}
	for _, s := range p.Serves {
		if !slices.Contains(territories, s) {
			wrong = append(wrong, "serves takes UK, EU and US")
		}
	}
	if !slices.Contains(providers, p.Provider) {
		wrong = append(wrong, "provider is UK, EU, US, other or nothing")
	}
	if len(p.Risks) > 50 {
		wrong = append(wrong, "there are more than 50 kinds of harm")
	}
	for kind, l := range p.Risks {
		if !kindName.MatchString(kind) || !slices.Contains(levels, l) {
			wrong = append(wrong, "a risk is a kind of harm, in small letters, with negligible, low, medium or high")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return safety.Errorf(safety.Invalid, "%s", strings.Join(slices.Compact(wrong), "; "))
}
