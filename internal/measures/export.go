package measures

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rowan-safety/rowan/internal/paper"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Form is how a register is exported.
type Form string

// The forms.
const (
	JSON     Form = "json"
	PDF      Form = "pdf"
	Markdown Form = "md"
	CSV      Form = "csv"
)

// Forms are the forms with their media types.
var Forms = map[Form]string{JSON: "application/json", PDF: "application/pdf", Markdown: "text/markdown; charset=utf-8", CSV: "text/csv; charset=utf-8"}

// Export writes the register in a form.
func (r *Register) Export(f Form) ([]byte, error) {
	switch f {
	case JSON:
		return r.json()
	case PDF:
		return r.pdf()
	case Markdown:
		return r.markdown(), nil
	case CSV:
		return r.csv()
	}
	return nil, safety.Errorf(safety.Invalid, "the form is json, pdf, md or csv")
}

func (r *Register) json() ([]byte, error) {
	out, err := json.MarshalIndent(r, "", "  ")
	return append(out, '\n'), err
}

var answerWords = map[Answer]string{Applies: "applies", DoesNot: "does not apply", Undetermined: "undetermined"}

var statusWords = map[Status]string{InEffect: "in effect", NotInEffect: "not in effect", NotAdopted: "not adopted", Alternative: "alternative measure"}

// held is what Rowan holds, as lines.
func (e *Entry) held() []string {
	var out []string
	if e.Gap != "" {
		out = append(out, "Gap: "+e.Gap)
	}
	for _, s := range e.Evidence {
		if s.Unread {
			out = append(out, "Could not be read: "+s.Probe+".")
		}
		for _, f := range s.Facts {
			out = append(out, f.Label+": "+f.Value)
		}
		if s.Gap != "" {
			out = append(out, "Gap: "+s.Gap)
		}
	}
	return out
}

func (e *Entry) force() string {
	switch {
	case e.Draft:
		return "a draft; not known to be in force"
	case e.InForce == "":
		return "date not in our sources"
	}
	return "since " + e.InForce + " [" + string(e.InForceTag) + "]"
}

func (e *Entry) recorded() []string {
	if e.Record == nil {
		return []string{"The operator has recorded nothing."}
	}
	c := e.Record
	out := []string{"Status: " + statusWords[c.Status]}
	add := func(label, value string) {
		if value != "" {
			out = append(out, label+": "+value)
		}
	}
	add("Since", c.EffectiveOn)
	add("Responsible", c.Responsible)
	add("Justification", c.Justification)
	add("Note", c.Note)
	add("Evidence", strings.Join(c.Links, " "))
	review := c.ReviewOn
	if e.ReviewDue {
		review += " (due)"
	}
	add("Review", review)
	add("Written", c.At.UTC().Format("2006-01-02 15:04 UTC")+" by "+c.By)
	return out
}

func (r *Register) in(regime string) []*Entry {
	var out []*Entry
	for i := range r.Measures {
		if r.Measures[i].Regime == regime {
			out = append(out, &r.Measures[i])
		}
	}
	return out
}

// service is the profile as facts.
func (r *Register) service() [][2]string {
	if r.Profile == nil {
		return [][2]string{{"Profile", "none; nothing can be determined"}}
	}
	p := &r.Profile.Profile
	users := "not said"
	if p.UKUsers != nil {
		users = thousands(*p.UKUsers)
	}
	out := [][2]string{{"Service", or(p.Name, "not named")}, {"Monthly users in the UK", users}, {"Serves", or(strings.Join(p.Serves, ", "), "not said")}, {"Provider", or(p.Provider, "not said")}}
	for _, f := range []struct {
		label string
		is    *bool
	}{{"Users meet each other's content", p.Functions.UserToUser}, {"Private messaging", p.Functions.PrivateMessaging}, {"Encrypted messaging", p.Functions.EncryptedMessaging},
		{"Livestream", p.Functions.Livestream}, {"Sharing of images", p.Functions.ImageSharing}, {"Storage or sharing of files", p.Functions.FileSharing},
		{"Recommender", p.Functions.Recommender}, {"Tests of the recommender", p.Functions.RecommenderTests}, {"Shared live spaces", p.Functions.Spaces},
		{"Comments", p.Functions.Comments}, {"Connections", p.Functions.Connections}, {"Likely accessed by children", p.ChildAccess}, {"Determines age", p.DeterminesAge},
		{"Highly effective age assurance", p.UsesHEAA}, {"Pornography service", p.AdultService}, {"Category 1", p.Category1}, {"Micro or small enterprise", p.MicroOrSmall},
		{"All kinds of harm are listed", p.RisksComplete}} {
		out = append(out, [2]string{f.label, yesNo(f.is)})
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Risks)) {
		out = append(out, [2]string{"Risk: " + strings.ReplaceAll(kind, "_", " "), string(p.Risks[kind])})
	}
	return append(out, [2]string{"Profile of", r.Profile.At.UTC().Format("2006-01-02 15:04 UTC") + ", " + r.Profile.By})
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return "not said"
	case *b:
		return "yes"
	}
	return "no"
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (r *Register) name() string {
	if r.Profile == nil {
		return ""
	}
	return r.Profile.Profile.Name
}

// pdf sets the register for people: the service, a table of each regime, then
// the details of what applies or cannot be told.
func (r *Register) pdf() ([]byte, error) {
	raw, err := r.json()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	doc := paper.New(paper.Info{Title: "Register of measures", Subtitle: r.name(), Classification: "Confidential: for the operator and its regulators",
		Reference: "Catalogue " + r.CatalogueVersion, Digest: "SHA-256 of the register as JSON: " + hex.EncodeToString(sum[:]), Made: r.Made})
	doc.Paragraph(r.Note)
	doc.Heading("The service")
	var facts []paper.Fact
	for _, f := range r.service() {
		facts = append(facts, paper.Fact{Label: f[0], Value: f[1]})
	}
	doc.Facts(facts...)
	for _, g := range r.Regimes {
		doc.Heading(g.Name)
		doc.Paragraph(fmt.Sprintf("%s [%s].", g.Source, g.SourceTag))
		var rows [][]string
		for _, e := range r.in(g.ID) {
			status := "not recorded"
			if e.Record != nil {
				status = statusWords[e.Record.Status]
			}
			rows = append(rows, []string{e.Code, e.Title, answerWords[e.Answer], string(e.Holding), status})
		}
		doc.Table([]paper.Column{{Title: "Code", Weight: 3}, {Title: "Measure", Weight: 5}, {Title: "Answer", Weight: 2}, {Title: "Rowan holds", Weight: 2}, {Title: "Operator", Weight: 2}}, rows)
		for _, e := range r.in(g.ID) {
			if e.Answer == Applies {
				e.paper(doc)
			}
		}
	}
	return doc.PDF()
}

func (e *Entry) paper(doc *paper.Doc) {
	doc.Heading(e.Code + ": " + e.Title)
	facts := []paper.Fact{{Label: "Asks", Value: e.Requirement + " [" + string(e.Tags.Requirement) + "]"}}
	if e.Note != "" {
		facts = append(facts, paper.Fact{Label: "Mind", Value: e.Note})
	}
	doc.Facts(append(facts, paper.Fact{Label: "Why here", Value: e.Why + " [" + string(e.Tags.Applies) + "]"},
		paper.Fact{Label: "In force", Value: e.force()},
		paper.Fact{Label: "Rowan holds", Value: strings.Join(e.held(), "\n")},
		paper.Fact{Label: "Operator", Value: strings.Join(e.recorded(), "\n")})...)
}

func (r *Register) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Register of measures\n\n%s\n\nCatalogue %s of %s. Made %s.\n\n## The service\n\n", r.Note, r.CatalogueVersion, r.CatalogueDate, r.Made.Format("2006-01-02 15:04 UTC"))
	for _, f := range r.service() {
		fmt.Fprintf(&b, "- %s: %s\n", f[0], line(f[1]))
	}
	for _, g := range r.Regimes {
		fmt.Fprintf(&b, "\n## %s\n\n%s [%s]\n", g.Name, g.Source, g.SourceTag)
		for _, e := range r.in(g.ID) {
			fmt.Fprintf(&b, "\n### %s %s: %s\n\n%s [%s]\n%s [%s]\nIn force: %s.\n", e.Code, e.Title, answerWords[e.Answer], e.Requirement, e.Tags.Requirement, e.Why, e.Tags.Applies, e.force())
			for _, l := range slices.Concat(e.held(), e.recorded()) {
				fmt.Fprintf(&b, "- %s\n", line(l))
			}
		}
	}
	return b.Bytes()
}

// line keeps an operator's text from breaking out of its list item.
func line(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", "<", "&lt;").Replace(s)
}

func (r *Register) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"code", "regime", "title", "requirement", "requirement_tag", "source", "source_tag", "in_force", "answer", "why", "applies_tag", "holding", "evidence", "status", "effective_on", "review_on", "responsible", "justification"}}
	for i := range r.Measures {
		e := &r.Measures[i]
		c := Record{}
		if e.Record != nil {
			c = *e.Record
		}
		rows = append(rows, []string{e.Code, e.Regime, e.Title, e.Requirement, string(e.Tags.Requirement), e.Source, string(e.SourceTag), e.force(), string(e.Answer), e.Why,
			string(e.Tags.Applies), string(e.Holding), strings.Join(e.held(), "\n"), string(c.Status), c.EffectiveOn, c.ReviewOn, plain(c.Responsible), plain(c.Justification)})
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// plain keeps a spreadsheet from taking a text for a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
