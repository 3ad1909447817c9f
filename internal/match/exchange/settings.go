package exchange

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Kind says which service an exchange speaks to.
type Kind string

// The kinds.
const (
	NCMEC          Kind = "ncmec"          // NCMEC Hash Sharing, version 2
	StopNCII       Kind = "stopncii"       // StopNCII.org
	ThreatExchange Kind = "threatexchange" // Meta's ThreatExchange, also Lantern's transport
	TAT            Kind = "tat"            // Tech Against Terrorism's hash list
	Arachnid       Kind = "arachnid"       // Project Arachnid's Shield
	File           Kind = "list"           // a whole list at an address or in a file
)

// Kinds lists every kind.
var Kinds = []Kind{NCMEC, StopNCII, ThreatExchange, TAT, Arachnid, File}

// Settings is what an operator chooses for an exchange. Which members count
// depends on the kind.
type Settings struct {
	// URL is the base address of a service, or where a list is: https, http to
	// this machine only, or "file:NAME" in the folder of imports.
	URL string `json:"url,omitempty"`
	// MaxRemovalPercent is the greatest share of entries that one round may take
	// off without a person's consent; 0 for 20.
	MaxRemovalPercent int `json:"max_removal_percent,omitempty"`
	// Start is the earliest time to ask NCMEC for; zero for 2014.
	Start time.Time `json:"start,omitzero"`
	// FetchLarge also fetches fingerprints that NCMEC gives by reference, one
	// request each.
	FetchLarge bool `json:"fetch_large,omitempty"`
	// Reasons are the GUIDs that negative votes give NCMEC, by fingerprint type
	// (md5, sha1, pdq, photodna). Without one, no negative vote is sent.
	Reasons map[string]string `json:"reasons,omitempty"`
	// Group is the number of ThreatExchange's privacy group.
	Group string `json:"group,omitempty"`
	// SharedCredentials uses those of the kind ([Desk.Share]) and none of its own.
	SharedCredentials bool `json:"shared_credentials,omitempty"`

	// Of Arachnid Shield.

	// Surfaces are those whose uploads it is asked about; empty for public alone.
	Surfaces []safety.Surface `json:"surfaces,omitempty"`
	// Classifications are what belongs on the list; empty for csam alone.
	Classifications []string `json:"classifications,omitempty"`

	// Of a list.

	Format string `json:"format,omitempty"` // csv, json, urls, hashes, vics
	// Columns says which column (CSV) or member (JSON, dots lead inwards) holds a
	// thing: keys are fingerprint types and id, note, source, classification,
	// removed, updated. Empty: the columns are called so.
	Columns map[string]string `json:"columns,omitempty"`
	Items   string            `json:"items,omitempty"` // JSON: member that holds the array; empty for the document itself
	// Categories names a map of VICS categories (see categories.json), or is
	// "custom" for CategoryMap.
	Categories  string              `json:"categories,omitempty"`
	CategoryMap map[string]Category `json:"category_map,omitempty"`
}

// Category says what a VICS category means in one country's model.
type Category struct {
	Label   string `json:"label"`
	Include bool   `json:"include"` // its entries belong on the list
}

// Credentials are what an exchange asks for. They are stored sealed and never
// shown.
type Credentials struct {
	Username        string `json:"username,omitempty"` // NCMEC, TAT, Arachnid, a list with basic authentication
	Password        string `json:"password,omitempty"`
	Token           string `json:"token,omitempty"`            // ThreatExchange: APPID|SECRET; a list: bearer token
	FunctionKey     string `json:"function_key,omitempty"`     // StopNCII: x-functions-key of FetchHashes
	FeedbackKey     string `json:"feedback_key,omitempty"`     // StopNCII: x-functions-key of SubmitFeedback
	SubscriptionKey string `json:"subscription_key,omitempty"` // StopNCII: Ocp-Apim-Subscription-Key
}

// String hides everything.
func (Credentials) String() string { return "exchange.Credentials{…}" }

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.String() }

func (c Credentials) empty() bool { return c == Credentials{} }

// defaults are the addresses of the services' production systems. NCMEC has
// none: an operator chooses an environment.
var defaults = map[Kind]string{
	StopNCII:       "https://api.stopncii.org/v1",
	ThreatExchange: "https://graph.facebook.com/v22.0", // the version is unverified
	TAT:            "https://beta.terrorismanalytics.org",
	Arachnid:       "https://shield.projectarachnid.com",
}

// check completes s and says what is wrong.
func (s *Settings) check(k Kind, c Credentials) error {
	if !slices.Contains(Kinds, k) {
		return safety.Errorf(safety.Invalid, "kind must be one of ncmec, stopncii, threatexchange, tat, arachnid, list")
	}
	if s.URL == "" {
		s.URL = defaults[k]
	}
	s.URL = strings.TrimSuffix(s.URL, "/")
	if s.MaxRemovalPercent < 0 || s.MaxRemovalPercent > 100 {
		return safety.Errorf(safety.Invalid, "max_removal_percent must be 0 to 100")
	}
	if err := checkURL(s.URL, k == File); err != nil {
		return err
	}
	if s.SharedCredentials {
		if !c.empty() {
			return safety.Errorf(safety.Invalid, "an exchange with shared_credentials has none of its own")
		}
		if err := s.checkShared(k); err != nil {
			return err
		}
	} else if missing(k, c) {
		return safety.Errorf(safety.Invalid, "%s needs credentials; see docs/exchanges.md", k)
	}
	if k == ThreatExchange && (s.Group == "" || strings.Trim(s.Group, "0123456789") != "") {
		return safety.Errorf(safety.Invalid, "group must be the number of the privacy group")
	}
	if k == Arachnid {
		return s.checkArachnid()
	}
	if len(s.Surfaces)+len(s.Classifications) > 0 {
		return safety.Errorf(safety.Invalid, "surfaces and classifications are settings of arachnid")
	}
	if k == File {
		_, err := newListReader(*s)
		return err
	}
	return nil
}

// missing reports whether c lacks what k asks for.
func missing(k Kind, c Credentials) bool {
	switch k {
	case NCMEC, TAT, Arachnid:
		return c.Username == "" || c.Password == ""
	case StopNCII:
		return c.FunctionKey == "" || c.SubscriptionKey == ""
	case ThreatExchange:
		return c.Token == ""
	}
	return false
}

// checkURL keeps credentials and lists off the open network.
func checkURL(text string, file bool) error {
	if name, ok := strings.CutPrefix(text, "file:"); ok && file {
		if name == "" || strings.HasPrefix(name, "/") {
			return safety.Errorf(safety.Invalid, "file: names a file in the folder of imports, such as file:list.csv")
		}
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(text) > 2000:
		return safety.Errorf(safety.Invalid, "url must be an https address without credentials in it")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return safety.Errorf(safety.Invalid, "url must be https; plain http is for this machine only")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// parseSettings reads settings strictly: an unknown member is a mistake.
func parseSettings(text string) (Settings, error) {
	var s Settings
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, safety.Errorf(safety.Invalid, "the exchange's settings cannot be read")
	}
	return s, nil
}
