package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// witnessMetrics reads how the ledger's witnesses stand when it is asked for.
type witnessMetrics struct{ a *App }

var (
	witnessAge      = prometheus.NewDesc("rowan_ledger_witness_age_seconds", "Time since a witness last cosigned a checkpoint.", []string{"witness"}, nil)
	witnessFailures = prometheus.NewDesc("rowan_ledger_witness_failures", "Failures of a witness since it last cosigned.", []string{"witness"}, nil)
	witnessQuorum   = prometheus.NewDesc("rowan_ledger_witness_quorum", "Witnesses that are expected to cosign.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m witnessMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{witnessAge, witnessFailures, witnessQuorum} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m witnessMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	states, err := m.a.Witnesses.States(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(witnessFailures, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(witnessQuorum, prometheus.GaugeValue, float64(m.a.Config.Ledger.Quorum))
	for _, s := range states {
		ch <- prometheus.MustNewConstMetric(witnessFailures, prometheus.GaugeValue, float64(s.Failures), s.Name)
		if !s.At.IsZero() {
			ch <- prometheus.MustNewConstMetric(witnessAge, prometheus.GaugeValue, time.Since(s.At).Seconds(), s.Name)
		}
	}
}
