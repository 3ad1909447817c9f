package app

import (
	"context"
	"time"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// openStatements makes the desk of statements of reasons. Whether the enterprise
// is exempt from sending them is said in the profile of the service.
func (a *App) openStatements() {
	c := a.Config.DSA.Statements.config()
	c.Exempt = func(ctx context.Context, q *db.Queries) (bool, error) {
		versions, err := measures.Profiles(ctx, q, 1)
		if err != nil || len(versions) == 0 {
			return false, err
		}
		is := versions[0].Profile.MicroOrSmall
		return is != nil && *is, nil
	}
	a.Statements = statement.NewDesk(a.Store, time.Now, c, statement.Hooks{Announce: a.Webhooks.Announce})
}

// announceCase tells the platform of what happened to a case, with the statement
// of reasons that a confirmed decision has.
func (a *App) announceCase(ctx context.Context, tx *store.Tx, e safety.Event) error {
	if e.Type == "case.decided" {
		if err := a.Statements.Decided(ctx, tx, e.Subject, e.After); err != nil {
			return err
		}
	}
	return a.Webhooks.Announce(ctx, tx, e)
}

// retractCase takes back what the platform was to be told of a case whose
// decision was undone, and the statement. The decision is marked as undone
// already, in this transaction.
func (a *App) retractCase(ctx context.Context, tx *store.Tx, caseID string) (int64, error) {
	made, err := tx.DecisionsOfCase(ctx, caseID)
	if err != nil {
		return 0, err
	}
	for _, m := range made {
		if m.UndoneAt == 0 {
			continue
		}
		if err := a.Statements.Undone(ctx, tx, m.ID); err != nil {
			return 0, err
		}
	}
	return a.Webhooks.Retract(ctx, tx, caseID)
}

func (a *App) acted(ctx context.Context, tx *store.Tx, v intake.Acted) error {
	return a.Statements.Acted(ctx, tx, statement.Act{CheckID: v.CheckID, ContentID: v.ContentID, AccountID: v.AccountID, Kinds: v.Kinds,
		Verdict: v.Verdict, Format: v.Format, ContentAt: v.CreatedAt})
}
