package api

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// ServiceProfile is what the service is; see docs/measures.md.
type ServiceProfile measures.Profile

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
	if err := a.Measures.SetProfile(ctx, caller(ctx).Actor, measures.Profile(in.Body)); err != nil {
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
