// Package statement drafts statements of reasons (DSA Art. 17) from decisions and
// sends them to the Commission's Transparency Database (Art. 24(5)).
//
// A [Statement] is built from coded fields and from sentences that the operator
// has written once for each kind of list. Nothing that a reviewer or a user wrote
// and no account or content id can get into it, because nothing of the kind is
// ever read.
//
// Sending: batches of at most 100. The database takes a batch wholly or not at
// all, so what it finds wrong goes to a person and the rest is sent again. A
// statement counts as filed when the database says so, or says that its puid
// exists: a lost answer is cleared up by sending again. Everything else (no
// answer, HTML, an answer cut short, 429, 5xx, a refused token) is "not known",
// and is tried again for ever.
//
// Fields, lengths and values are those of the Commission's own repository
// (digital-services-act/transparency-database, read 24 June 2026 [P]); so are the
// answers to a batch. The sandbox's address was not verified.
package statement

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Statement is one statement of reasons in the database's form. Monetary,
// provision and account decisions are left out: Rowan takes none.
type Statement struct {
	PUID                       string   `json:"puid"`
	DecisionVisibility         []string `json:"decision_visibility"`
	DecisionVisibilityOther    string   `json:"decision_visibility_other,omitempty"`
	DecisionGround             string   `json:"decision_ground"`
	DecisionGroundReferenceURL string   `json:"decision_ground_reference_url,omitempty"`
	IllegalLegalGround         string   `json:"illegal_content_legal_ground,omitempty"`
	IllegalExplanation         string   `json:"illegal_content_explanation,omitempty"`
	IncompatibleGround         string   `json:"incompatible_content_ground,omitempty"`
	IncompatibleExplanation    string   `json:"incompatible_content_explanation,omitempty"`
	IncompatibleIllegal        string   `json:"incompatible_content_illegal,omitempty"`
	ContentType                []string `json:"content_type"`
	ContentTypeOther           string   `json:"content_type_other,omitempty"`
	Category                   string   `json:"category"`
	CategoryAddition           []string `json:"category_addition,omitempty"`
	CategorySpecification      []string `json:"category_specification,omitempty"`
	CategorySpecificationOther string   `json:"category_specification_other,omitempty"`
	TerritorialScope           []string `json:"territorial_scope,omitempty"`
	ContentDate                string   `json:"content_date"`
	ApplicationDate            string   `json:"application_date"`
	DecisionFacts              string   `json:"decision_facts"`
	SourceType                 string   `json:"source_type"`
	SourceIdentity             string   `json:"source_identity,omitempty"`
	AutomatedDetection         string   `json:"automated_detection"`
	AutomatedDecision          string   `json:"automated_decision"`
}

// The values that Rowan uses by name.
const (
	Illegal      = "DECISION_GROUND_ILLEGAL_CONTENT"
	Incompatible = "DECISION_GROUND_INCOMPATIBLE_CONTENT"
	Voluntary    = "SOURCE_VOLUNTARY"
	Fully        = "AUTOMATED_DECISION_FULLY"
	Partially    = "AUTOMATED_DECISION_PARTIALLY"
	visibility   = "DECISION_VISIBILITY_"
	contentType  = "CONTENT_TYPE_"
)

// The values of the fields.
var (
	visibilities = prefixed(visibility, "CONTENT_REMOVED CONTENT_DISABLED CONTENT_DEMOTED CONTENT_AGE_RESTRICTED CONTENT_INTERACTION_RESTRICTED CONTENT_LABELLED OTHER")
	contentTypes = prefixed(contentType, "APP AUDIO IMAGE PRODUCT SYNTHETIC_MEDIA TEXT VIDEO OTHER")
	categories   = prefixed("STATEMENT_CATEGORY_", "ANIMAL_WELFARE CONSUMER_INFORMATION CYBER_VIOLENCE CYBER_VIOLENCE_AGAINST_WOMEN DATA_PROTECTION_AND_PRIVACY_VIOLATIONS ILLEGAL_OR_HARMFUL_SPEECH INTELLECTUAL_PROPERTY_INFRINGEMENTS NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS NOT_SPECIFIED_NOTICE OTHER_VIOLATION_TC PROTECTION_OF_MINORS RISK_FOR_PUBLIC_SECURITY SCAMS_AND_FRAUD SELF_HARM UNSAFE_AND_PROHIBITED_PRODUCTS VIOLENCE")
	sources      = prefixed("SOURCE_", "ARTICLE_16 TRUSTED_FLAGGER TYPE_OTHER_NOTIFICATION VOLUNTARY")
	automated    = prefixed("AUTOMATED_DECISION_", "FULLY PARTIALLY NOT_AUTOMATED")
	// keywords are the child-safety ones, as far as our sources list them.
	keywords = prefixed("KEYWORD_", "CHILD_SEXUAL_ABUSE_MATERIAL CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE GROOMING_SEXUAL_ENTICEMENT_MINORS AGE_SPECIFIC_RESTRICTIONS_MINORS UNSAFE_CHALLENGES BULLYING_AGAINST_GIRLS HUMAN_EXPLOITATION HUMAN_TRAFFICKING OTHER")
	// eea are the codes of the member states and of the EEA, as countries are
	// commonly coded; the fact that the list is theirs is [M].
	eea     = strings.Fields("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK")
	puidRE  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	yesNo   = []string{"Yes", "No"}
	firstOf = map[string]string{"content_date": "2000-01-01", "application_date": "2020-01-01"}
)

const lastDay = "2038-01-01"

func prefixed(prefix, words string) []string {
	out := strings.Fields(words)
	for i := range out {
		out[i] = prefix + out[i]
	}
	return out
}

// Flaw is one thing that is wrong with a statement.
type Flaw struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Validate returns everything that the database would refuse.
func (s *Statement) Validate() []Flaw {
	v := &validation{}
	v.text("puid", s.PUID, 500, true)
	if !puidRE.MatchString(s.PUID) {
		v.bad("puid", "has other signs than letters, digits, - and _")
	}
	v.some("decision_visibility", s.DecisionVisibility, visibilities, true)
	v.goes("decision_visibility_other", s.DecisionVisibilityOther, 500, slices.Contains(s.DecisionVisibility, visibility+"OTHER"))
	v.one("decision_ground", s.DecisionGround, []string{Illegal, Incompatible})
	v.goes("illegal_content_legal_ground", s.IllegalLegalGround, 500, s.DecisionGround == Illegal)
	v.goes("illegal_content_explanation", s.IllegalExplanation, 2000, s.DecisionGround == Illegal)
	v.goes("incompatible_content_ground", s.IncompatibleGround, 500, s.DecisionGround == Incompatible)
	v.goes("incompatible_content_explanation", s.IncompatibleExplanation, 2000, s.DecisionGround == Incompatible)
	if s.IncompatibleIllegal != "" {
		v.one("incompatible_content_illegal", s.IncompatibleIllegal, yesNo)
	}
	if u, err := url.Parse(s.DecisionGroundReferenceURL); s.DecisionGroundReferenceURL != "" && (err != nil || u.Host == "" || len(s.DecisionGroundReferenceURL) > 500) {
		v.bad("decision_ground_reference_url", "is no address of at most 500 characters")
	}
	v.some("content_type", s.ContentType, contentTypes, true)
	v.goes("content_type_other", s.ContentTypeOther, 500, slices.Contains(s.ContentType, contentType+"OTHER"))
	v.one("category", s.Category, categories)
	v.some("category_addition", s.CategoryAddition, categories, false)
	v.some("category_specification", s.CategorySpecification, keywords, false)
	v.goes("category_specification_other", s.CategorySpecificationOther, 500, slices.Contains(s.CategorySpecification, "KEYWORD_OTHER"))
	v.some("territorial_scope", s.TerritorialScope, eea, false)
	v.day("content_date", s.ContentDate)
	v.day("application_date", s.ApplicationDate)
	v.text("decision_facts", s.DecisionFacts, 5000, true)
	v.one("source_type", s.SourceType, sources)
	v.text("source_identity", s.SourceIdentity, 500, false)
	if s.SourceType == Voluntary && s.SourceIdentity != "" {
		v.bad("source_identity", "has no place where the source is the service itself")
	}
	v.one("automated_detection", s.AutomatedDetection, yesNo)
	v.one("automated_decision", s.AutomatedDecision, automated)
	return v.found
}

type validation struct{ found []Flaw }

func (v *validation) bad(field, problem string) {
	v.found = append(v.found, Flaw{field, problem})
}

func (v *validation) text(field, s string, most int, needed bool) {
	switch {
	case needed && strings.TrimSpace(s) == "":
		v.bad(field, "is missing")
	case utf8.RuneCountInString(s) > most:
		v.bad(field, fmt.Sprintf("is over %d characters", most))
	}
}

// goes is a text that is needed in one case and has no place in any other.
func (v *validation) goes(field, s string, most int, here bool) {
	if !here && s != "" {
		v.bad(field, "has no place here")
		return
	}
	v.text(field, s, most, here)
}

func (v *validation) one(field, s string, of []string) {
	if !slices.Contains(of, s) {
		v.bad(field, "is not one of the values")
	}
}

func (v *validation) some(field string, all, of []string, needed bool) {
	if needed && len(all) == 0 {
		v.bad(field, "is missing")
	}
	for _, s := range all {
		v.one(field, s, of)
	}
}

func (v *validation) day(field, s string) {
	if _, err := time.Parse(time.DateOnly, s); err != nil || s < firstOf[field] || s > lastDay {
		v.bad(field, "is no day between "+firstOf[field]+" and "+lastDay)
	}
}
