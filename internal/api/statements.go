package api

import (
	"context"
	"fmt"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// StatementModel is a statement of reasons and where it is.
type StatementModel statement.View

type (
	statementsInput struct {
		State string `query:"state" enum:"kept,waiting,sending,filed,refused,withdrawn"`
		Page
	}
	statementsOutput struct {
		Body struct {
			Items      []StatementModel `json:"items"`
			NextCursor string           `json:"next_cursor,omitempty"`
		}
	}
	statementID struct {
		PUID string `path:"puid" maxLength:"64"`
	}
	statementOutput struct{ Body StatementModel }
)

func (a *API) statementRoutes() {
	const tag = "Statements"
	handle(a, op{method: "GET", path: "/v1/statements", id: "get-statements", tag: tag, scope: access.ReportsRead,
		summary: "Statements of reasons (DSA), newest first"}, a.getStatements)
	handle(a, op{method: "GET", path: "/v1/statements/{puid}", id: "get-statement", tag: tag, scope: access.ReportsRead,
		summary: "One statement of reasons"}, a.getStatement)
	handle(a, op{method: "POST", path: "/v1/statements/{puid}/retry", id: "retry-statement", tag: tag, scope: access.ReportsApprove,
		summary: "Send a statement again, with today's sentences"}, a.retryStatement)
}

func (a *API) getStatements(ctx context.Context, in *statementsInput) (*statementsOutput, error) {
	at := newest()
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	rows, err := a.Store.Read().StatementsByState(ctx, db.StatementsByStateParams{State: in.State, CreatedAt: at.At, Puid: at.ID, Limit: int32(in.Limit)})
	if err != nil {
		return nil, fmt.Errorf("reading statements: %w", err)
	}
	out := &statementsOutput{}
	out.Body.Items = make([]StatementModel, len(rows))
	for i, r := range rows {
		v, err := statement.Show(r)
		if err != nil {
			return nil, err
		}
		out.Body.Items[i] = StatementModel(v)
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Body.NextCursor = mark(timeMark{last.CreatedAt, last.Puid})
	}
	return out, nil
}

func (a *API) getStatement(ctx context.Context, in *statementID) (*statementOutput, error) {
	r, err := a.Store.Read().Statement(ctx, in.PUID)
	if err != nil {
		return nil, store.NotFound(err, "statement")
	}
	v, err := statement.Show(r)
	return &statementOutput{StatementModel(v)}, err
}

func (a *API) retryStatement(ctx context.Context, in *statementID) (*statementOutput, error) {
	if err := a.Statements.Retry(ctx, caller(ctx).Actor, in.PUID); err != nil {
		return nil, err
	}
	return a.getStatement(ctx, in)
}
