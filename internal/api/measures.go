package api

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// ServiceProfile is what the service is; see docs/measures.md. What is left out is
// "not said", which is never taken for a no.
type ServiceProfile struct {
	Name          string             `json:"name" maxLength:"100"`
	UKUsers       *int64             `json:"uk_monthly_users,omitempty" minimum:"0"`
	Functions     measures.Functions `json:"functions"`
	ChildAccess   *bool              `json:"child_access,omitempty" doc:"Likely accessed by children"`
	DeterminesAge *bool              `json:"determines_age,omitempty"`
	UsesHEAA      *bool              `json:"uses_heaa,omitempty" doc:"Highly effective age assurance aims measures"`
	AdultService  *bool              `json:"adult_service,omitempty"`
	Category1     *bool              `json:"category_1,omitempty" doc:"Of Ofcom's register"`
	MicroOrSmall  *bool              `json:"micro_or_small,omitempty" doc:"Enterprise, for the DSA"`
	Serves        []string           `json:"serves" maxItems:"3" enum:"UK,EU,US"`
	Provider      string             `json:"provider,omitempty" enum:"UK,EU,US,other" doc:"Where it is established"`
	// A list and no map: a problem document would repeat a key.
	Risks         []RiskModel `json:"risks" maxItems:"50"`
	RisksComplete *bool       `json:"risks_complete,omitempty" doc:"Every kind of harm of the risk assessment is there"`
}

// RiskModel is the level of one kind of illegal harm.
type RiskModel struct {
	Kind  string         `json:"kind" maxLength:"40" doc:"csea, grooming, csam_image, csam_url, terrorism, hate, harassment, foreign_interference, fraud, intimate_image, or another in small letters"`
	Level measures.Level `json:"level" enum:"negligible,low,medium,high"`
}

func (p *ServiceProfile) profile() (measures.Profile, error) {
	out := measures.Profile{Name: p.Name, UKUsers: p.UKUsers, Functions: p.Functions, ChildAccess: p.ChildAccess, DeterminesAge: p.DeterminesAge,
		UsesHEAA: p.UsesHEAA, AdultService: p.AdultService, Category1: p.Category1, MicroOrSmall: p.MicroOrSmall, Serves: p.Serves,
		Provider: p.Provider, Risks: map[string]measures.Level{}, RisksComplete: p.RisksComplete}
	for _, r := range p.Risks {
		if _, twice := out.Risks[r.Kind]; twice {
			return out, safety.Errorf(safety.Invalid, "a kind of harm is there twice")
		}
		out.Risks[r.Kind] = r.Level
	}
	return out, nil
}

// MeasureRecord is what the operator says of a measure.
type MeasureRecord struct {
	Code          string          `json:"code" minLength:"1" maxLength:"60" doc:"Of the measure, as the register writes it"`
	Status        measures.Status `json:"status" enum:"in_effect,not_in_effect,not_adopted,alternative"`
	EffectiveOn   string          `json:"effective_on,omitempty" maxLength:"10" doc:"YYYY-MM-DD; needed when in effect"`
	ReviewOn      string          `json:"review_on,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Responsible   string          `json:"responsible,omitempty" maxLength:"200"`
	Justification string          `json:"justification,omitempty" maxLength:"4000" doc:"Needed for an alternative measure"`
	Note          string          `json:"note,omitempty" maxLength:"4000"`
	Links         []string        `json:"links,omitempty" maxItems:"20" doc:"Where the operator's own evidence is"`
}

type (
	registerOutput struct{ Body *measures.Register }
	exportInput    struct {
		Format string `query:"format" enum:"pdf,json,md,csv" default:"pdf"`
	}
	profilesOutput struct {
		Body struct {
			Items []measures.Version `json:"items"`
		}
	}
	profileInput struct{ Body ServiceProfile }
	recordInput  struct{ Body MeasureRecord }
	historyInput struct {
		Code string `query:"code" required:"true" maxLength:"60"`
	}
	historyOutput struct {
		Body struct {
			Items []measures.Record `json:"items"`
		}
	}
	fileOutput struct {
		ContentType string `header:"Content-Type"`
		Disposition string `header:"Content-Disposition"`
		Body        []byte
	}
	periodInput struct {
		From string `query:"from" required:"true" maxLength:"10" doc:"First day, YYYY-MM-DD, UTC"`
		To   string `query:"to" required:"true" maxLength:"10" doc:"Last day, YYYY-MM-DD, UTC"`
	}
	countsOutput struct{ Body *transparency.Counts }
)

func (a *API) measureRoutes() {
	const tag = "Measures"
	handle(a, op{method: "GET", path: "/v1/measures", id: "get-measures", tag: tag, scope: access.MeasuresRead,
		summary: "The register: which measures may apply, what Rowan holds on each, and where it holds nothing"}, a.getMeasures)
	handle(a, op{method: "GET", path: "/v1/measures/export", id: "export-measures", tag: tag, scope: access.MeasuresRead,
		summary: "The register as a record to hand over", more: answersWith("application/pdf")}, a.exportMeasures)
	handle(a, op{method: "GET", path: "/v1/measures/profile", id: "get-measures-profile", tag: tag, scope: access.MeasuresRead,
		summary: "Every version of what the service is, the latest first"}, a.getProfiles)
	handle(a, op{method: "PUT", path: "/v1/measures/profile", id: "put-measures-profile", tag: tag, scope: access.MeasuresWrite,
		summary: "Say what the service is; earlier versions are kept"}, a.putProfile)
	handle(a, op{method: "GET", path: "/v1/measures/record", id: "get-measure-record", tag: tag, scope: access.MeasuresRead,
		summary: "Every version of what the operator says of a measure, the latest first"}, a.getRecord)
	handle(a, op{method: "PUT", path: "/v1/measures/record", id: "put-measure-record", tag: tag, scope: access.MeasuresWrite,
		summary: "Say what is done of a measure; earlier versions are kept"}, a.putRecord)
	handle(a, op{method: "GET", path: "/v1/transparency", id: "get-transparency", tag: tag, scope: access.LedgerRead,
		summary: "What was done in a period, small counts too; not for publishing"}, a.getTransparency)
	handle(a, op{method: "GET", path: "/v1/transparency/export", id: "export-transparency", tag: tag, scope: access.LedgerRead,
		summary: "Tables to publish (ZIP of CSV), small counts withheld", more: answersWith("application/zip")}, a.exportTransparency)
}

func (a *API) getMeasures(ctx context.Context, _ *struct{}) (*registerOutput, error) {
	r, err := a.Measures.View(ctx)
	return &registerOutput{r}, err
}

func (a *API) exportMeasures(ctx context.Context, in *exportInput) (*fileOutput, error) {
	r, err := a.Measures.View(ctx)
	if err != nil {
		return nil, err
	}
	form := measures.Form(in.Format)
	body, err := r.Export(form)
	name := fmt.Sprintf("attachment; filename=\"measures-%s.%s\"", r.Made.Format(time.DateOnly), form)
	return &fileOutput{measures.Forms[form], name, body}, err
}

func (a *API) getProfiles(ctx context.Context, _ *struct{}) (*profilesOutput, error) {
	versions, err := a.Measures.Profiles(ctx, 200)
	out := &profilesOutput{}
	out.Body.Items = versions
	return out, err
}

// putProfile answers with the register as it is then.
func (a *API) putProfile(ctx context.Context, in *profileInput) (*registerOutput, error) {
	p, err := in.Body.profile()
	if err != nil {
		return nil, err
	}
	if err := a.Measures.SetProfile(ctx, caller(ctx).Actor, p); err != nil {
		return nil, err
	}
	return a.getMeasures(ctx, nil)
}

func (a *API) getRecord(ctx context.Context, in *historyInput) (*historyOutput, error) {
	history, err := a.Measures.History(ctx, in.Code)
	out := &historyOutput{}
	out.Body.Items = history
	return out, err
}

func (a *API) putRecord(ctx context.Context, in *recordInput) (*historyOutput, error) {
	b := in.Body
	err := a.Measures.SetRecord(ctx, caller(ctx).Actor, measures.Record{Code: b.Code, Status: b.Status, EffectiveOn: b.EffectiveOn, ReviewOn: b.ReviewOn,
		Responsible: b.Responsible, Justification: b.Justification, Note: b.Note, Links: b.Links})
	if err != nil {
		return nil, err
	}
	return a.getRecord(ctx, &historyInput{b.Code})
}

func (a *API) getTransparency(ctx context.Context, in *periodInput) (*countsOutput, error) {
	from, to, err := transparency.Days(in.From, in.To)
	if err != nil {
		return nil, err
	}
	c, err := a.Transparency.Count(ctx, from, to)
	return &countsOutput{c}, err
}

func (a *API) exportTransparency(ctx context.Context, in *periodInput) (*fileOutput, error) {
	from, to, err := transparency.Days(in.From, in.To)
	if err != nil {
		return nil, err
	}
	c, err := a.Transparency.Count(ctx, from, to)
	if err != nil {
		return nil, err
	}
	body, err := a.Transparency.Export(c)
	return &fileOutput{"application/zip", fmt.Sprintf("attachment; filename=\"transparency-%s-%s.zip\"", in.From, in.To), body}, err
}
