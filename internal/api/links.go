package api

import (
	"context"
	"net/http"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/safety"
)

// LinksCheck is what the platform says of the links in a piece of content.
type LinksCheck struct {
	Links        []string `json:"links" minItems:"1" maxItems:"100" doc:"As they were posted"`
	ContentID    string   `json:"content_id" minLength:"1" maxLength:"255" doc:"The platform's id of the content that they are in"`
	AccountID    string   `json:"account_id,omitempty" maxLength:"255" doc:"The platform's id of the account that sent it"`
	Surface      string   `json:"surface,omitempty" enum:"public,private,encrypted" doc:"Who could see it; public when left out"`
	Jurisdiction string   `json:"jurisdiction,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2, upper case"`
}

// LinksResult is the answer.
type LinksResult struct {
	Verdict string        `json:"verdict" enum:"allow,warn,limit,hold,block" doc:"The strictest of all"`
	Results []CheckResult `json:"results" doc:"One for each link, in the order of the request"`
}

type (
	linksInput  struct{ Body LinksCheck }
	linksOutput struct{ Body LinksResult }
)

func (a *API) linkRoutes() {
	handle(a, op{method: "POST", path: "/v1/links/check", id: "check-links", tag: "Checking", scope: access.MediaCheck,
		summary: "Ask about the links in a piece of content"}, a.checkLinks)
}

func (a *API) checkLinks(ctx context.Context, in *linksInput) (*linksOutput, error) {
	b := in.Body
	c := intake.Content{ContentID: b.ContentID, AccountID: b.AccountID, Surface: safety.Surface(b.Surface), Jurisdiction: safety.Jurisdiction(b.Jurisdiction)}
	if c.Surface == "" {
		c.Surface = safety.SurfacePublic
	}
	if !c.Jurisdiction.Valid() {
		p := newProblem(http.StatusUnprocessableEntity, "the body has invalid members")
		p.Errors = append(p.Errors, ProblemItem{Location: "body.jurisdiction", Message: "must be two upper-case letters"})
		return nil, p
	}
	answers, err := a.Intake.CheckLinks(ctx, c, b.Links)
	if err != nil {
		return nil, err
	}
	out := &linksOutput{LinksResult{Results: make([]CheckResult, len(answers))}}
	strictest := safety.VerdictAllow
	for i, got := range answers {
		out.Body.Results[i] = checkResult(got)
		strictest = safety.Strictest(strictest, got.Verdict)
	}
	out.Body.Verdict = string(strictest)
	return out, nil
}
