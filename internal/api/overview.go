package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/takedown"
)

// Overview is what a supervisor wants to see first.
type Overview struct {
	Version       string          `json:"version"`
	PolicyVersion string          `json:"policy_version"`
	Cases         OverviewCases   `json:"cases"`
	Reports       OverviewReports `json:"reports"`
	Checks        OverviewChecks  `json:"checks" doc:"Since this process started"`
	Webhooks      OverviewHooks   `json:"webhooks"`
	Ledger        OverviewLedger  `json:"ledger"`
	Authority     AuthorityModel  `json:"authority"`
	Quotas        []QuotaModel    `json:"quotas"`

	Evidence OverviewEvidence `json:"evidence"`

	Requests  OverviewWaiting `json:"requests" doc:"Of law enforcement"`
	Takedowns OverviewWaiting `json:"takedowns" doc:"Notices of intimate images"`
}

// OverviewWaiting counts what waits for people and has a time.
type OverviewWaiting struct {
	Open int64 `json:"open"`
	Late bool  `json:"late" doc:"At least one waits past its time"`
}

// OverviewCases counts open cases.
type OverviewCases struct {
	Open           int64      `json:"open"`
	ByPriority     ByPriority `json:"by_priority"`
	OldestOpenedAt *time.Time `json:"oldest_opened_at,omitempty"`
}

// ByPriority counts by priority.
type ByPriority struct {
	P1 int64 `json:"P1"`
	P2 int64 `json:"P2"`
	P3 int64 `json:"P3"`
}

// OverviewReports counts reports.
type OverviewReports struct {
	Draft      int64 `json:"draft"`
	InProgress int64 `json:"in_progress"`
	Failing    int64 `json:"failing"`
	Filed      int64 `json:"filed"`
}

// OverviewChecks counts answers by scan state, and questions without an answer.
type OverviewChecks struct {
	Scanned     int64 `json:"scanned"`
	Partial     int64 `json:"partial"`
	Failed      int64 `json:"failed"`
	Unsupported int64 `json:"unsupported"`
	Errors      int64 `json:"errors"`
}

// OverviewHooks counts deliveries.
type OverviewHooks struct {
	Pending int64 `json:"pending"`
	Failing int64 `json:"failing"`
}

// OverviewLedger is the state of the ledger.
type OverviewLedger struct {
	Size     int64      `json:"size"`
	Pending  int64      `json:"pending"`
	SealedAt *time.Time `json:"sealed_at,omitempty"`
}

// AuthorityModel says where reports go.
type AuthorityModel struct {
	Name        string `json:"name"`
	Environment string `json:"environment" enum:"standin,test,production"`
}

// QuotaModel is a circuit breaker of the policy.
type QuotaModel struct {
	Name    string `json:"name"`
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit"`
	Tripped bool   `json:"tripped"`
}

type overviewOutput struct{ Body Overview }

func (a *API) overviewRoutes() {
	handle(a, op{method: "GET", path: "/v1/overview", id: "get-overview", tag: "Overview", scope: access.OverviewRead, summary: "Counts"}, a.getOverview)
}

func (a *API) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	scans := a.Intake.Scans()
	out := &overviewOutput{Overview{Version: a.Version, PolicyVersion: a.Intake.Policy().Version(),
		Checks:    OverviewChecks{scans[safety.ScanScanned], scans[safety.ScanPartial], scans[safety.ScanFailed], scans[safety.ScanUnsupported], a.Intake.Errors()},
		Authority: AuthorityModel{Name: string(a.Reports.Route()), Environment: string(a.Reports.Environment())}, Quotas: []QuotaModel{}}}
	q := a.Store.Read()
	for _, fill := range []func(context.Context, *db.Queries, *Overview) error{a.overviewCases, a.overviewReports, a.overviewRest, a.overviewEvidence} {
		if err := fill(ctx, q, &out.Body); err != nil {
			return nil, fmt.Errorf("reading overview: %w", err)
		}
	}
	return out, nil
}

func (a *API) overviewCases(ctx context.Context, q *db.Queries, o *Overview) error {
	rows, err := q.CountOpenCases(ctx)
	for _, r := range rows {
		o.Cases.Open += r.N
		switch safety.Priority(r.Priority) {
		case safety.P1:
			o.Cases.ByPriority.P1 = r.N
		case safety.P2:
			o.Cases.ByPriority.P2 = r.N
		case safety.P3:
			o.Cases.ByPriority.P3 = r.N
		}
		if t := store.Time(r.Oldest); o.Cases.OldestOpenedAt == nil || t.Before(*o.Cases.OldestOpenedAt) {
			o.Cases.OldestOpenedAt = &t
		}
	}
	return err
}

func (a *API) overviewReports(ctx context.Context, q *db.Queries, o *Overview) error {
	rows, err := q.CountReports(ctx)
	for _, r := range rows {
		switch reporting.State(r.State) {
		case reporting.Draft:
			o.Reports.Draft += r.N
		case reporting.Filed:
			o.Reports.Filed += r.N
		case reporting.Approved, reporting.Opening, reporting.Opened, reporting.Sealed:
			o.Reports.InProgress += r.N
			if r.Failing {
				o.Reports.Failing += r.N
			}
		}
	}
	return err
}

func (a *API) overviewRest(ctx context.Context, q *db.Queries, o *Overview) error {
	deliveries, err := q.CountDeliveries(ctx)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		switch d.State {
		case "pending":
			o.Webhooks.Pending = d.N
		case "failing":
			o.Webhooks.Failing = d.N
		}
	}
	if o.Ledger.Size, err = q.Head(ctx); err != nil {
		return err
	}
	if o.Ledger.Pending, err = q.CountPendingEntries(ctx); err != nil {
		return err
	}
	if c, err := q.LatestCheckpoint(ctx); err == nil {
		o.Ledger.SealedAt = timeOrNil(c.At)
	}
	requests, err := q.CountOpenRequests(ctx, store.Micros(a.Now()))
	if err != nil {
		return err
	}
	o.Requests = OverviewWaiting{requests.N, requests.Overdue > 0}
	notices, err := a.Takedowns.Count(ctx)
	if err != nil {
		return err
	}
	o.Takedowns = OverviewWaiting{notices.ByState[takedown.Open] + notices.ByState[takedown.Decided], notices.NextDue != 0 && notices.NextDue < store.Micros(a.Now())}
	used, err := q.QuotasOfDay(ctx, a.Now().UTC().Format(time.DateOnly))
	for _, quota := range a.Intake.Policy().Quotas() {
		m := QuotaModel{Name: quota.Name, Limit: quota.PerDay}
		for _, u := range used {
			if u.Name == quota.Name {
				m.Used, m.Tripped = u.Used, u.Used > quota.PerDay
			}
		}
		o.Quotas = append(o.Quotas, m)
	}
	return err
}

// healthRoutes are for whoever runs Rowan; they say nothing about content.
func (a *API) healthRoutes() {
	a.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	a.mux.HandleFunc("GET /readyz", a.readyz)
	if a.Metrics != nil {
		a.mux.Handle("GET /metrics", a.Metrics)
	}
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	for name, check := range map[string]func() error{
		"database": func() error { return a.Store.Ping(ctx) },
		"lists":    a.Index.Ready,
		// Not Ready: with a disk that is nearly full, intake says so by itself, and
		// people must still be able to work.
		"evidence": a.Vault.Writable,
	} {
		if err := check(); err != nil {
			a.logged(ctx, "readyz", err)
			http.Error(w, name+" is not ready", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = w.Write([]byte("ready\n"))
}
