package measures

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Answer is whether a measure applies.
type Answer string

// The answers.
const (
	Applies      Answer = "applies"
	DoesNot      Answer = "does_not_apply"
	Undetermined Answer = "undetermined"
)

// Large is how many monthly UK users make a service large: more than this.
const Large = 7_000_000

// Condition says when a measure applies. Exactly one member is set (AtLeast
// goes with Risk).
type Condition struct {
	Always      bool        `yaml:"always"`
	Unknown     string      `yaml:"unknown"` // why it cannot be told
	Is          string      `yaml:"is"`      // a fact of facts
	Risk        string      `yaml:"risk"`
	AtLeast     Level       `yaml:"at_least"`
	UKUsersOver int64       `yaml:"uk_users_over"`
	All         []Condition `yaml:"all"`
	Any         []Condition `yaml:"any"`
	Not         *Condition  `yaml:"not"`
}

func (c Condition) check(where string) []error {
	n := 0
	for _, set := range []bool{c.Always, c.Unknown != "", c.Is != "", c.Risk != "", c.UKUsersOver != 0, len(c.All) > 0, len(c.Any) > 0, c.Not != nil} {
		if set {
			n++
		}
	}
	var wrong []error
	if n != 1 {
		wrong = append(wrong, fmt.Errorf("%s: a condition says exactly one thing", where))
	}
	if _, ok := facts[c.Is]; c.Is != "" && !ok {
		wrong = append(wrong, fmt.Errorf("%s: there is no fact %q", where, c.Is))
	}
	if (c.Risk != "") != (c.AtLeast != "") || c.AtLeast != "" && c.AtLeast.rank() < 1 || c.Risk != "" && !slices.Contains(askedKinds, c.Risk) {
		wrong = append(wrong, fmt.Errorf("%s: a risk has a known kind and a level", where))
	}
	parts := slices.Concat(c.All, c.Any)
	if c.Not != nil {
		parts = append(parts, *c.Not)
	}
	for _, p := range parts {
		wrong = append(wrong, p.check(where)...)
	}
	return wrong
}

// verdict is a truth value and the clause that gives it.
type verdict struct {
	is  truth
	why string
}

type truth int

const (
	no truth = iota
	unknown
	yes
)

func (t truth) not() truth { return yes - t }

func said(b *bool, is, isNot, unsaid string) verdict {
	switch {
	case b == nil:
		return verdict{unknown, unsaid}
	case *b:
		return verdict{yes, is}
	}
	return verdict{no, isNot}
}

// eval is Kleene's logic: an unknown part decides nothing that another part does
// not decide by itself.
func (c Condition) eval(p *Profile) verdict {
	switch {
	case c.Always:
		return verdict{yes, ""}
	case c.Unknown != "":
		return verdict{unknown, c.Unknown}
	case c.Is != "":
		return facts[c.Is](p)
	case c.Risk != "":
		return p.risk(c.Risk, c.AtLeast)
	case c.UKUsersOver > 0:
		return p.usersOver(c.UKUsersOver)
	case c.Not != nil:
		v := c.Not.eval(p)
		return verdict{v.is.not(), v.why}
	case len(c.All) > 0:
		return join(c.All, p, no)
	}
	return join(c.Any, p, yes)
}

// join evaluates parts until one has the value that settles all of them: a no
// among "all", a yes among "any".
func join(parts []Condition, p *Profile, settles truth) verdict {
	var open, rest []string
	for _, c := range parts {
		v := c.eval(p)
		switch v.is {
		case settles:
			return v
		case unknown:
			open = append(open, v.why)
		default:
			rest = append(rest, v.why)
		}
	}
	if len(open) > 0 {
		return verdict{unknown, clauses(open)}
	}
	return verdict{settles.not(), clauses(rest)}
}

func clauses(all []string) string {
	var out []string
	for _, c := range all {
		if c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return strings.Join(out, ", and ")
}

func (p *Profile) usersOver(n int64) verdict {
	if p.UKUsers == nil {
		return verdict{unknown, "the number of monthly users in the UK is not in the profile"}
	}
	if *p.UKUsers > n {
		return verdict{yes, fmt.Sprintf("it has %s monthly users in the UK, more than %s", thousands(*p.UKUsers), thousands(n))}
	}
	return verdict{no, fmt.Sprintf("it has %s monthly users in the UK, not more than %s", thousands(*p.UKUsers), thousands(n))}
}

var kindWords = map[string]string{CSEA: "child sexual exploitation and abuse", Grooming: "grooming", CSAMImage: "CSAM images", CSAMURL: "CSAM URLs",
	"intimate_image": "intimate image abuse", "foreign_interference": "foreign interference"}

func (p *Profile) risk(kind string, least Level) verdict {
	word := kindWords[kind]
	if word == "" {
		word = strings.ReplaceAll(kind, "_", " ")
	}
	l, ok := p.Risks[kind]
	switch {
	case !ok:
		return verdict{unknown, "the risk of " + word + " is not in the profile"}
	case l.rank() >= least.rank():
		return verdict{yes, fmt.Sprintf("its risk of %s is %s", word, l)}
	}
	return verdict{no, fmt.Sprintf("its risk of %s is %s, under %s", word, l, least)}
}

// multiRisk: medium or high risk of two kinds of illegal harm or more, CSEA's
// parts not counted.
func (p *Profile) multiRisk() verdict {
	var kinds []string
	for kind, l := range p.Risks {
		if !slices.Contains(cseaParts, kind) && l.rank() >= Medium.rank() {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) >= 2 {
		return verdict{yes, fmt.Sprintf("it is multi-risk, with %d kinds of illegal harm at medium or high", len(kinds))}
	}
	if p.RisksComplete == nil || !*p.RisksComplete {
		return verdict{unknown, "whether it is multi-risk cannot be told, because not every kind of harm is in the profile"}
	}
	return verdict{no, fmt.Sprintf("it is not multi-risk, with %s of illegal harm at medium or high", plural(len(kinds), "kind"))}
}

func (p *Profile) anyMediumRisk() verdict {
	for _, l := range p.Risks {
		if l.rank() >= Medium.rank() {
			return verdict{yes, "it has a medium or high risk of a kind of illegal harm"}
		}
	}
	if p.RisksComplete == nil || !*p.RisksComplete {
		return verdict{unknown, "whether any risk is medium or high cannot be told, because not every kind of harm is in the profile"}
	}
	return verdict{no, "no kind of illegal harm is at medium or high risk"}
}

func (p *Profile) serves(t, name string) verdict {
	switch {
	case len(p.Serves) == 0:
		return verdict{unknown, "the profile does not say where it has users"}
	case slices.Contains(p.Serves, t):
		return verdict{yes, "it serves " + name}
	}
	return verdict{no, "it does not serve " + name}
}

func (p *Profile) provider(is bool, t, name string) verdict {
	if p.Provider == "" {
		return verdict{unknown, "the profile does not say where the provider is established"}
	}
	v := verdict{no, "the provider is not " + name}
	if p.Provider == t {
		v = verdict{yes, "the provider is " + name}
	}
	if !is {
		v.is = v.is.not()
	}
	return v
}

func function(get func(*Functions) *bool, what string) func(*Profile) verdict {
	return func(p *Profile) verdict {
		return said(get(&p.Functions), "it has "+what, "it has no "+what, "the profile does not say whether it has "+what)
	}
}

// facts are what conditions may ask by name.
var facts = map[string]func(*Profile) verdict{
	"large": func(p *Profile) verdict {
		v := p.usersOver(Large)
		switch v.is {
		case yes:
			v.why = "it is large: " + v.why
		case no:
			v.why = "it is not large: " + v.why
		}
		return v
	},
	"multi_risk":      (*Profile).multiRisk,
	"any_medium_risk": (*Profile).anyMediumRisk,
	"serves_uk":       func(p *Profile) verdict { return p.serves("UK", "the UK") },
	"serves_eu":       func(p *Profile) verdict { return p.serves("EU", "the EU") },
	"serves_us":       func(p *Profile) verdict { return p.serves("US", "the United States") },
	"provider_uk":     func(p *Profile) verdict { return p.provider(true, "UK", "a UK provider") },
	"provider_not_uk": func(p *Profile) verdict { return p.provider(false, "UK", "a UK provider") },
	"provider_us":     func(p *Profile) verdict { return p.provider(true, "US", "established in the United States") },
	"provider_not_us": func(p *Profile) verdict { return p.provider(false, "US", "established in the United States") },
	"uk_user_to_user": func(p *Profile) verdict {
		return both(p.serves("UK", "the UK"), userToUser(p))
	},
	"hosting": func(p *Profile) verdict { // inferred: storing what users give is hosting
		return either(userToUser(p), function(func(f *Functions) *bool { return f.FileSharing }, "storage or sharing of files")(p))
	},
	"user_to_user":      userToUser,
	"image_sharing":     function(func(f *Functions) *bool { return f.ImageSharing }, "sharing of images"),
	"file_sharing":      function(func(f *Functions) *bool { return f.FileSharing }, "storage or sharing of files"),
	"recommender":       function(func(f *Functions) *bool { return f.Recommender }, "a recommender"),
	"recommender_tests": function(func(f *Functions) *bool { return f.RecommenderTests }, "tests of its recommender on the platform"),
	"child_access": func(p *Profile) verdict {
		return said(p.ChildAccess, "children are likely to access it", "children are not likely to access it", "the profile does not say whether children are likely to access it")
	},
	"determines_age": func(p *Profile) verdict {
		return said(p.DeterminesAge, "it determines the age of users", "it does not determine the age of users", "the profile does not say whether it determines the age of users")
	},
	"uses_heaa": func(p *Profile) verdict {
		return said(p.UsesHEAA, "it uses highly effective age assurance", "it uses no highly effective age assurance", "the profile does not say whether it uses highly effective age assurance")
	},
	"adult_service": func(p *Profile) verdict {
		return said(p.AdultService, "it is a pornography service", "it is no pornography service", "the profile does not say whether it is a pornography service")
	},
	"category_1": func(p *Profile) verdict {
		return said(p.Category1, "it is in category 1", "it is not in category 1", "the profile does not say whether it is in category 1")
	},
	"micro_or_small": func(p *Profile) verdict {
		return said(p.MicroOrSmall, "it is a micro or small enterprise", "it is no micro or small enterprise", "the profile does not say whether it is a micro or small enterprise")
	},
}

func userToUser(p *Profile) verdict {
	return said(p.Functions.UserToUser, "users meet each other's content on it", "users do not meet each other's content on it", "the profile does not say whether users meet each other's content")
}

func both(a, b verdict) verdict {
	switch {
	case a.is == no || b.is == yes && a.is == unknown:
		return a
	case b.is == no || a.is == yes && b.is == unknown:
		return b
	}
	return verdict{a.is, clauses([]string{a.why, b.why})}
}

func either(a, b verdict) verdict {
	switch {
	case a.is == yes:
		return a
	case b.is == yes:
		return b
	case a.is == unknown && b.is == no:
		return a
	case b.is == unknown && a.is == no:
		return b
	}
	return verdict{a.is, clauses([]string{a.why, b.why})}
}

// Assessment is the answer on one measure.
type Assessment struct {
	Measure *Measure
	Answer  Answer
	Why     string // one sentence
}

// Assess answers every measure of c for p, in the catalogue's order.
func (c *Catalogue) Assess(p *Profile) []Assessment {
	out := make([]Assessment, len(c.Measures))
	for i := range c.Measures {
		m := &c.Measures[i]
		out[i] = Assessment{Measure: m}
		out[i].Answer, out[i].Why = m.assess(c.regime(m.Regime).Scope, p)
	}
	return out
}

func (m *Measure) assess(scope Condition, p *Profile) (Answer, string) {
	reach := scope.eval(p)
	if reach.is == no {
		return DoesNot, sentence("It does not apply, because", reach.why)
	}
	own := m.Applies.eval(p)
	v := both(reach, own)
	if reach.is == yes && own.is != unknown && own.why != "" {
		v.why = own.why // that it is in reach goes without saying
	}
	switch v.is {
	case yes:
		return Applies, sentence("It applies, because", v.why)
	case no:
		return DoesNot, sentence("It does not apply, because", v.why)
	}
	return Undetermined, sentence("It cannot be told:", v.why)
}

func sentence(begin, why string) string { return begin + " " + why + "." }

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Words is the condition for people.
func (c Condition) Words() string {
	list := func(parts []Condition, by string) string {
		out := make([]string, len(parts))
		for i, p := range parts {
			out[i] = p.Words()
			if len(p.All)+len(p.Any) > 0 {
				out[i] = "(" + out[i] + ")"
			}
		}
		return strings.Join(out, by)
	}
	switch {
	case c.Always:
		return "all"
	case c.Unknown != "":
		return "undetermined: " + c.Unknown
	case c.Is != "":
		return strings.ReplaceAll(c.Is, "_", " ")
	case c.Risk != "":
		return fmt.Sprintf("risk of %s at least %s", or(kindWords[c.Risk], strings.ReplaceAll(c.Risk, "_", " ")), c.AtLeast)
	case c.UKUsersOver > 0:
		return "over " + thousands(c.UKUsersOver) + " monthly UK users"
	case c.Not != nil:
		return "not (" + c.Not.Words() + ")"
	case len(c.All) > 0:
		return list(c.All, " and ")
	}
	return list(c.Any, " or ")
}
