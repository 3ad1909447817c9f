package app

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/safety"
)

// bundle makes the evidence bundle of a case for an authority.
func (a *App) bundle(ctx context.Context, who safety.Actor, caseID, reason, passphrase string, withoutContent bool) ([]byte, error) {
	b, err := a.Custody.Export(ctx, custody.Request{CaseID: caseID, Who: who, Reason: reason, Passphrase: passphrase, WithoutContent: withoutContent})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := b.WriteTo(ctx, &out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var (
	requestsOpen = prometheus.NewDesc("rowan_requests_open", "Requests of law enforcement that wait for an answer.", nil, nil)
	requestsLate = prometheus.NewDesc("rowan_requests_late", "Open requests of law enforcement whose time is over.", nil, nil)
)

// requestMetrics counts the requests that wait.
type requestMetrics struct{ a *App }

// Describe implements [prometheus.Collector].
func (requestMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- requestsOpen; ch <- requestsLate }

// Collect implements [prometheus.Collector].
func (m requestMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	open, late, err := m.a.Requests.Waiting(ctx)
	for d, n := range map[*prometheus.Desc]int64{requestsOpen: open, requestsLate: late} {
		if err != nil {
			ch <- prometheus.NewInvalidMetric(d, err)
			continue
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
}

// probeRequests tells of requests of law enforcement.
func (a *App) probeRequests(ctx context.Context) (measures.Evidence, error) {
	open, late, err := a.Requests.Waiting(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	now := time.Now()
	c, err := a.Transparency.Count(ctx, now.AddDate(0, 0, -evidenceDays), now)
	if err != nil {
		return measures.Evidence{}, err
	}
	e := holds("Requests that wait", fmt.Sprint(open), "Of them late", fmt.Sprint(late), inDays("Median from the receipt to the end of a request"), span(c.Requests.End))
	for _, g := range c.Requests.Grounds {
		e.Facts = append(e.Facts, measures.Fact{Label: inDays("Requests on the ground " + g.Basis),
			Value: fmt.Sprintf("%d open, %d answered, %d refused, %d withdrawn; %d of them late", g.Open, g.Answered, g.Refused, g.Withdrawn, g.Late)})
	}
	switch {
	case late > 0:
		e.Gap = "Some requests wait past their time."
	case len(c.Requests.Grounds) == 0 && open == 0:
		e.Gap = "No request was recorded: none came, or none was written down."
	}
	return e, nil
}
