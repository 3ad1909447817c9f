package measures

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue.yaml
var builtIn []byte

// Tag says how well a statement of the catalogue is founded.
type Tag string

// The tags.
const (
	Primary   Tag = "P"
	Secondary Tag = "S"
	Memory    Tag = "M"
	Inferred  Tag = "I"
)

// Words is the tag for people.
func (t Tag) Words() string {
	switch t {
	case Primary:
		return "read in a primary source"
	case Secondary:
		return "read in a secondary source"
	case Memory:
		return "from memory, not verified"
	case Inferred:
		return "inferred by us"
	}
	return "without a source"
}

func (t Tag) valid() bool {
	return t == Primary || t == Secondary || t == Memory || t == Inferred
}

// Tags are the tags of a measure's parts.
type Tags struct {
	Title       Tag `yaml:"title" json:"title"`
	Applies     Tag `yaml:"applies" json:"applies"`
	Requirement Tag `yaml:"requirement" json:"requirement"`
}

// Regime is a body of rules that measures belong to.
type Regime struct {
	ID         string    `yaml:"id" json:"id"`
	Name       string    `yaml:"name" json:"name"`
	Source     string    `yaml:"source" json:"source"`
	SourceTag  Tag       `yaml:"source_tag" json:"source_tag"`
	InForce    string    `yaml:"in_force" json:"in_force,omitempty"`
	InForceTag Tag       `yaml:"in_force_tag" json:"in_force_tag,omitempty"`
	Tags       Tags      `yaml:"tags" json:"-"`
	Scope      Condition `yaml:"scope" json:"-"` // holds for every measure of the regime
}

// Measure is one entry of the catalogue. Empty members are the regime's.
type Measure struct {
	Code        string    `yaml:"code"`
	Regime      string    `yaml:"regime"`
	Title       string    `yaml:"title"`
	Requirement string    `yaml:"requirement"`
	Note        string    `yaml:"note"`
	Applies     Condition `yaml:"applies"`
	Tags        *Tags     `yaml:"tags"`
	Source      string    `yaml:"source"`
	SourceTag   Tag       `yaml:"source_tag"`
	InForce     *string   `yaml:"in_force"`
	InForceTag  Tag       `yaml:"in_force_tag"`
	NotInForce  bool      `yaml:"not_in_force"` // a draft, as far as our sources go
	Capability  string    `yaml:"capability"`   // of Rowan, that bears on it
	Probes      []string  `yaml:"probes"`
	Gap         string    `yaml:"gap"` // a key of gaps, when there is no probe
}

// gaps say why Rowan holds nothing on a measure.
var gaps = map[string]string{
	"governance": "Rowan holds no evidence for this: it is about the service's own governance.",
	"people":     "Rowan holds no evidence for this: it is about how the service trains and equips people.",
	"service":    "Rowan holds no evidence for this: the service does it outside Rowan.",
	"product":    "Rowan holds no evidence for this: it is about the service's own product.",
	"complaints": "Rowan holds no evidence for this: it takes in no complaints of users.",
	"appeals":    "Rowan holds no evidence for this: appeals are not a feature yet.",
	"age":        "Rowan holds no evidence for this: it assures no ages.",
}

// Catalogue is the register's data.
type Catalogue struct {
	Version  string    `yaml:"version"`
	Date     string    `yaml:"date"`
	Regimes  []Regime  `yaml:"regimes"`
	Measures []Measure `yaml:"measures"`
}

// Load is the built-in catalogue.
func Load() (*Catalogue, error) { return Parse(builtIn) }

// Parse reads a catalogue strictly and reports everything that is wrong.
func Parse(text []byte) (*Catalogue, error) {
	c := &Catalogue{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("catalogue of measures: %w", err)
	}
	var wrong []error
	if _, err := time.Parse(time.DateOnly, c.Date); err != nil || c.Version == "" {
		wrong = append(wrong, errors.New("catalogue: needs a version and a date"))
	}
	regimes := map[string]Regime{}
	for _, r := range c.Regimes {
		wrong = append(wrong, r.check()...)
		regimes[r.ID] = r
	}
	seen := map[string]bool{}
	for i := range c.Measures {
		m := &c.Measures[i]
		r, ok := regimes[m.Regime]
		if !ok || seen[m.Code] {
			wrong = append(wrong, fmt.Errorf("%q: unknown regime or a code twice", m.Code))
			continue
		}
		seen[m.Code] = true
		m.inherit(r)
		wrong = append(wrong, m.check()...)
	}
	return c, errors.Join(wrong...)
}

func (m *Measure) inherit(r Regime) {
	if m.Tags == nil {
		m.Tags = new(r.Tags)
	}
	if m.Source == "" {
		m.Source, m.SourceTag = r.Source, r.SourceTag
	}
	if m.InForce == nil {
		m.InForce, m.InForceTag = new(r.InForce), r.InForceTag
		if m.NotInForce {
			m.InForce, m.InForceTag = new(""), ""
		}
	}
}

func (r Regime) check() []error {
	var wrong []error
	if r.ID == "" || r.Name == "" || r.Source == "" || !r.SourceTag.valid() || (r.InForce != "" && !r.InForceTag.valid()) {
		wrong = append(wrong, fmt.Errorf("regime %q: needs id, name, source and tags", r.ID))
	}
	return append(wrong, r.Scope.check("regime "+r.ID)...)
}

func (m *Measure) check() []error {
	var wrong []error
	bad := func(what string) { wrong = append(wrong, fmt.Errorf("%s: %s", m.Code, what)) }
	if m.Code == "" || m.Title == "" || m.Requirement == "" {
		bad("needs code, title and requirement")
	}
	if !m.Tags.Title.valid() || !m.Tags.Applies.valid() || !m.Tags.Requirement.valid() || !m.SourceTag.valid() {
		bad("every statement has a tag: P, S, M or I")
	}
	if *m.InForce != "" {
		if _, err := time.Parse(time.DateOnly, *m.InForce); err != nil || !m.InForceTag.valid() {
			bad("in_force is a date with a tag")
		}
	}
	if _, known := gaps[m.Gap]; (len(m.Probes) == 0) == (m.Gap == "") || m.Gap != "" && !known {
		bad("names probes, or else a known gap")
	}
	return append(wrong, m.Applies.check(m.Code)...)
}

// ProbeNames are all the probes that measures name.
func (c *Catalogue) ProbeNames() []string {
	var out []string
	for _, m := range c.Measures {
		out = append(out, m.Probes...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Find is a measure by its code; nil when there is none.
func (c *Catalogue) Find(code string) *Measure {
	for i := range c.Measures {
		if c.Measures[i].Code == code {
			return &c.Measures[i]
		}
	}
	return nil
}

func (c *Catalogue) regime(id string) Regime {
	for _, r := range c.Regimes {
		if r.ID == id {
			return r
		}
	}
	return Regime{}
}
