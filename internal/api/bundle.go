package api

import (
	"bytes"
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/custody"
)

type bundleInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason         string `json:"reason" minLength:"1" maxLength:"200" doc:"Why the bundle is made; kept in the ledger"`
		Passphrase     string `json:"passphrase,omitempty" minLength:"20" maxLength:"200" doc:"Of the AES ZIP file around the bundle; not kept. Needed unless without_content is true"`
		WithoutContent bool   `json:"without_content,omitempty" doc:"Hashes and custody only, no evidence files"`
	}
}

func (a *API) bundleRoutes() {
	handle(a, op{method: "POST", path: "/v1/cases/{id}/bundle", id: "make-evidence-bundle", tag: "Evidence", scope: access.EvidenceExport,
		summary: "Put an export on record, then get the evidence bundle of a case", more: func(o *huma.Operation) {
			answersWith("application/zip")(o)
			o.Description += " For people only. The bundle proves itself; see docs/evidence-bundle.md."
		}}, a.makeBundle)
}

func (a *API) makeBundle(ctx context.Context, in *bundleInput) (*bytesOutput, error) {
	b, err := a.Custody.Export(ctx, custody.Request{CaseID: in.ID, Who: caller(ctx).Actor, Reason: in.Body.Reason,
		Passphrase: in.Body.Passphrase, WithoutContent: in.Body.WithoutContent})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer // in whole: half a bundle must not look like one
	if err := b.WriteTo(ctx, &out); err != nil {
		return nil, err
	}
	return &bytesOutput{ContentType: "application/zip", Disposition: `attachment; filename="` + b.Name() + `"`, Body: out.Bytes()}, nil
}
