package api

import (
	"context"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// RestsOnModel is the decision that another one rests on.
type RestsOnModel struct {
	DecisionID string `json:"decision_id"`
	CaseID     string `json:"case_id"`
	Undone     bool   `json:"undone" doc:"It was taken back since: nothing is filed on its ground"`
}

// PrecedentModel is a decision that a case with the same pictures can take over.
type PrecedentModel struct {
	DecisionID   string    `json:"decision_id"`
	CaseID       string    `json:"case_id"`
	At           time.Time `json:"at"`
	By           string    `json:"by"`
	Outcome      string    `json:"outcome" enum:"confirmed,not_confirmed"`
	NCMECClass   string    `json:"ncmec_class,omitempty" enum:"A1,A2,B1,B2"`
	UKClass      string    `json:"uk_class,omitempty" enum:"A,B,C"`
	IncidentType string    `json:"incident_type,omitempty"`
}

type followInput struct {
	CaseID
	Body struct {
		DecisionID string `json:"decision_id" minLength:"1" maxLength:"64" doc:"The precedent of this case"`
		Items      int64  `json:"items,omitempty" minimum:"0" doc:"How many items this case had when you decided so; 409 when there are others by now"`
	}
}

func (a *API) followDecision(ctx context.Context, in *followInput) (*decideOutput, error) {
	made, err := a.Cases.Follow(ctx, caller(ctx).Actor, in.ID, in.Body.DecisionID, in.Body.Items)
	if err != nil {
		return nil, err
	}
	m, err := a.decision(ctx, made, nil)
	return &decideOutput{m}, err
}

// fillCopies says what there is of the same pictures on other cases.
func (a *API) fillCopies(ctx context.Context, _ *db.Queries, c db.Case, names map[string]string, out *CaseDetail) error {
	others, err := a.Cases.Copies(ctx, c)
	if err != nil {
		return err
	}
	out.Copies = make([]CaseSummary, len(others))
	for i, o := range others {
		if out.Copies[i], err = a.summary(ctx, o, names); err != nil {
			return err
		}
	}
	if c.State != string(cases.Open) {
		return nil
	}
	d, found, err := a.Cases.Precedent(ctx, c)
	if err != nil || !found {
		return err
	}
	out.Precedent = &PrecedentModel{DecisionID: d.ID, CaseID: d.CaseID, At: store.Time(d.At), By: d.DecidedName, Outcome: d.Outcome,
		NCMECClass: d.NcmecClass, UKClass: d.UkClass, IncidentType: d.IncidentType}
	return nil
}
