package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/vault"
)

type (
	EvidenceID struct {
		ID string `path:"id" maxLength:"64"`
	}
	revealInput struct {
		EvidenceID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why you need to see it; kept in the ledger"`
		}
	}
	bytesOutput struct {
		ContentType string `header:"Content-Type"`
		Disposition string `header:"Content-Disposition"`
		Body        []byte
	}
)

func (a *API) evidenceRoutes() {
	const tag = "Evidence"
	handle(a, op{method: "GET", path: "/v1/evidence/{id}/preview", id: "preview-evidence", tag: tag, scope: access.EvidenceView,
		summary: "The small blurred grey derivative", more: answersWith("image/png")}, a.previewEvidence)
	handle(a, op{method: "POST", path: "/v1/evidence/{id}/reveal", id: "reveal-evidence", tag: tag, scope: access.EvidenceView,
		summary: "Record a view, then get the original", more: answersWith("application/octet-stream")}, a.revealEvidence)
}

// answersWith documents a body that is not JSON.
func answersWith(mediaType string) func(*huma.Operation) {
	return func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"200": {Description: "The bytes", Content: map[string]*huma.MediaType{
			mediaType: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}}
	}
}

func (a *API) previewEvidence(ctx context.Context, in *EvidenceID) (*bytesOutput, error) {
	original, err := a.Store.Read().Evidence(ctx, in.ID)
	if err != nil {
		return nil, store.NotFound(err, "evidence")
	}
	preview, err := a.Store.Read().EvidenceOfItem(ctx, original.ItemID, string(vault.Preview))
	if err != nil {
		return nil, store.NotFound(err, "preview of this evidence")
	}
	return a.view(ctx, preview.ID, vault.ViewPreview, "case page")
}

func (a *API) revealEvidence(ctx context.Context, in *revealInput) (*bytesOutput, error) {
	e, err := a.Store.Read().Evidence(ctx, in.ID)
	if err != nil {
		return nil, store.NotFound(err, "evidence")
	}
	if e.Role != string(vault.Original) && e.Role != string(vault.Relevant) {
		return nil, safety.Errorf(safety.NotFound, "no such evidence")
	}
	return a.view(ctx, in.ID, vault.ViewOriginal, in.Body.Reason)
}

// view gets bytes for a person's eyes, after the view is on record.
func (a *API) view(ctx context.Context, id string, mode vault.Mode, reason string) (*bytesOutput, error) {
	who := caller(ctx).Actor
	if !who.Person {
		return nil, safety.Errorf(safety.Forbidden, "evidence is shown to people only")
	}
	data, e, err := a.Vault.Reveal(ctx, vault.Viewer{ID: who.ID, Name: who.Name}, who.ID, id, mode, reason)
	if err != nil {
		return nil, err
	}
	if e.Role == string(vault.Relevant) { // the platform says what it is, so nothing shows it
		return &bytesOutput{ContentType: "application/octet-stream", Disposition: "attachment", Body: data}, nil
	}
	return &bytesOutput{ContentType: shown(e.MediaType), Disposition: "inline", Body: data}, nil
}

// shown is the media type for a browser: its own for pictures that browsers
// draw, none that could run or be embedded for anything else.
func shown(mediaType string) string {
	if safety.ShownWhole(mediaType) {
		return mediaType
	}
	return "application/octet-stream"
}
