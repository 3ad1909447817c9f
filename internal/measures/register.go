package measures

import (
	"context"
	"fmt"
	"time"
)

// Shown is the evidence of one probe as the register shows it.
type Shown struct {
	Probe string `json:"probe"`
	Facts []Fact `json:"facts"`
	Gap   string `json:"gap,omitempty"`
	// Unread says that it could not be read, which is not evidence and not a gap.
	Unread bool `json:"unread,omitempty"`
}

// Holding is what Rowan holds on a measure.
type Holding string

// The holdings.
const (
	HasEvidence Holding = "evidence"
	HasGap      Holding = "gap"    // nothing, or something is missing
	Unreadable  Holding = "unread" // something could not be read
)

// Entry is a measure with its answer, its evidence and the operator's record.
type Entry struct {
	Code        string  `json:"code"`
	Regime      string  `json:"regime"`
	Title       string  `json:"title"`
	Requirement string  `json:"requirement"`
	Note        string  `json:"note,omitempty"`
	Source      string  `json:"source"`
	SourceTag   Tag     `json:"source_tag"`
	Tags        Tags    `json:"tags"`
	InForce     string  `json:"in_force,omitempty"`
	InForceTag  Tag     `json:"in_force_tag,omitempty"`
	Draft       bool    `json:"draft,omitempty"`
	Capability  string  `json:"capability,omitempty"`
	Answer      Answer  `json:"answer" enum:"applies,does_not_apply,undetermined"`
	Why         string  `json:"why"`
	Holding     Holding `json:"holding" enum:"evidence,gap,unread"`
	Evidence    []Shown `json:"evidence"`
	Gap         string  `json:"gap,omitempty"`
	Record      *Record `json:"record,omitempty"`
	ReviewDue   bool    `json:"review_due,omitempty"` // its day has come
}

// Register is the whole register at one moment.
type Register struct {
	CatalogueVersion string    `json:"catalogue_version"`
	CatalogueDate    string    `json:"catalogue_date"`
	Made             time.Time `json:"made"`
	Note             string    `json:"note"`
	Profile          *Version  `json:"profile,omitempty"`
	Regimes          []Regime  `json:"regimes"`
	Measures         []Entry   `json:"measures"`
}

// Note stands on every register.
const Note = "This register shows which measures may apply to the service, what Rowan can show on each, and where it can show nothing. It does not judge whether a duty is met. Statements of law carry a tag: P read in a primary source, S in a secondary source, M from memory and not verified, I inferred."

// View makes the register: answers from the profile, evidence from the probes,
// the operator's records. Every probe runs once.
func (d *Desk) View(ctx context.Context) (*Register, error) {
	versions, err := d.Profiles(ctx, 1)
	if err != nil {
		return nil, err
	}
	rows, err := d.store.Read().MeasureRecords(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading records: %w", err)
	}
	all, err := eachRecord(rows)
	if err != nil {
		return nil, err
	}
	latest := map[string]*Record{}
	for i := range all { // in the order of time
		latest[all[i].Code] = &all[i]
	}
	r := &Register{CatalogueVersion: d.catalogue.Version, CatalogueDate: d.catalogue.Date, Made: d.now().UTC(), Note: Note, Regimes: d.catalogue.Regimes}
	p := &Profile{}
	if len(versions) > 0 {
		r.Profile, p = &versions[0], &versions[0].Profile
	}
	seen := map[string]Shown{}
	for _, a := range d.catalogue.Assess(p) {
		e := entry(a)
		for _, name := range a.Measure.Probes {
			if _, ok := seen[name]; !ok {
				seen[name] = d.probe(ctx, name)
			}
			e.Evidence = append(e.Evidence, seen[name])
		}
		e.hold()
		if e.Record = latest[e.Code]; e.Record != nil {
			e.ReviewDue = e.Record.ReviewOn != "" && e.Record.ReviewOn <= r.Made.Format(time.DateOnly)
		}
		r.Measures = append(r.Measures, e)
	}
	return r, ctx.Err()
}

func (d *Desk) probe(ctx context.Context, name string) Shown {
	e, err := d.probes[name](ctx)
	s := Shown{Probe: name, Facts: []Fact{}}
	switch {
	case err != nil: // what went wrong may name things: the log has it
		d.log.ErrorContext(ctx, "evidence of measures could not be read", "probe", name, "error", err)
		s.Unread = true
	case len(e.Facts) == 0 && e.Gap == "":
		s.Gap = "There is nothing to show."
	default:
		s.Facts, s.Gap = append(s.Facts, e.Facts...), e.Gap
	}
	return s
}

func entry(a Assessment) Entry {
	m := a.Measure
	return Entry{Code: m.Code, Regime: m.Regime, Title: m.Title, Requirement: m.Requirement, Note: m.Note, Source: m.Source, SourceTag: m.SourceTag,
		Tags: *m.Tags, InForce: *m.InForce, InForceTag: m.InForceTag, Draft: m.NotInForce, Capability: m.Capability,
		Answer: a.Answer, Why: a.Why, Evidence: []Shown{}, Gap: gaps[m.Gap]}
}

// hold says what Rowan holds: one unread or missing part is enough to say so.
func (e *Entry) hold() {
	e.Holding = HasEvidence
	if e.Gap != "" {
		e.Holding = HasGap
	}
	for _, s := range e.Evidence {
		if s.Gap != "" && e.Holding == HasEvidence {
			e.Holding = HasGap
		}
		if s.Unread {
			e.Holding = Unreadable
		}
	}
}
