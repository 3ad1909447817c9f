package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// EntryModel is one row of the ledger.
type EntryModel struct {
	ID      string    `json:"id"`
	Index   *int64    `json:"index,omitempty" doc:"Place in the tree; absent until sealed"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
}

// ProofModel is an inclusion proof (RFC 6962 §2.1.1). Hashes are base 64.
type ProofModel struct {
	Index      int64    `json:"index"`
	Size       int64    `json:"size"`
	Leaf       string   `json:"leaf" doc:"Hash of the entry"`
	Path       []string `json:"path"`
	Checkpoint string   `json:"checkpoint" doc:"Signed note (C2SP tlog-checkpoint) of the tree of this size or larger"`
}

type (
	entriesInput struct {
		Subject string `query:"subject" maxLength:"300"`
		Page
	}
	entriesOutput struct {
		Body struct {
			Items      []EntryModel `json:"items"`
			NextCursor string       `json:"next_cursor,omitempty"`
		}
	}
	textOutput struct {
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
	proofInput struct {
		Entry string `query:"entry" required:"true" maxLength:"64" doc:"Id of the entry"`
	}
	proofOutput struct{ Body ProofModel }
)

func (a *API) ledgerRoutes() {
	const tag = "Ledger"
	handle(a, op{method: "GET", path: "/v1/ledger/entries", id: "get-ledger-entries", tag: tag, scope: access.LedgerRead,
		summary: "Who did what, newest first"}, a.getEntries)
	handle(a, op{method: "GET", path: "/v1/ledger/checkpoint", id: "get-ledger-checkpoint", tag: tag, scope: access.LedgerRead,
		summary: "The signed checkpoint of everything so far", more: answersWith("text/plain")}, a.getCheckpoint)
	handle(a, op{method: "GET", path: "/v1/ledger/proof", id: "get-ledger-proof", tag: tag, scope: access.LedgerRead,
		summary: "Prove that an entry is in the ledger"}, a.getProof)
}

func (a *API) getEntries(ctx context.Context, in *entriesInput) (*entriesOutput, error) {
	before := "~" // after every id
	if err := position(in.Cursor, &before); err != nil {
		return nil, err
	}
	var rows []db.LedgerEntry
	var err error
	if in.Subject == "" {
		rows, err = a.Store.Read().Entries(ctx, before, int32(in.Limit))
	} else {
		rows, err = a.Store.Read().EntriesOfSubject(ctx, in.Subject, before, int32(in.Limit))
	}
	if err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	out := &entriesOutput{}
	out.Body.Items = make([]EntryModel, len(rows))
	for i, e := range rows {
		m := EntryModel{ID: e.ID, At: store.Time(e.At), Actor: nameOr(names, e.Actor), Action: e.Action, Subject: e.Subject, Detail: e.Detail}
		if e.LeafIndex >= 0 {
			m.Index = &rows[i].LeafIndex
		}
		out.Body.Items[i] = m
	}
	if len(rows) == in.Limit {
		out.Body.NextCursor = mark(rows[len(rows)-1].ID)
	}
	return out, nil
}

func (a *API) getCheckpoint(ctx context.Context, _ *struct{}) (*textOutput, error) {
	text, err := a.Ledger.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return &textOutput{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}, nil
}

func (a *API) getProof(ctx context.Context, in *proofInput) (*proofOutput, error) {
	p, err := a.Ledger.Prove(ctx, in.Entry)
	if err != nil {
		return nil, err
	}
	out := &proofOutput{ProofModel{Index: p.Index, Size: p.Size, Leaf: base64.StdEncoding.EncodeToString(p.Leaf[:]),
		Path: []string{}, Checkpoint: p.Checkpoint}}
	for _, h := range p.Path {
		out.Body.Path = append(out.Body.Path, base64.StdEncoding.EncodeToString(h[:]))
	}
	return out, nil
}
