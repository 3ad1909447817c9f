package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// exchangeMetrics reads the state of exchanges when it is asked for, so that
// every replica tells the same.
type exchangeMetrics struct{ a *App }

var (
	exchangeEntries  = prometheus.NewDesc("rowan_exchange_entries", "Entries of an exchange.", []string{"exchange"}, nil)
	exchangeAge      = prometheus.NewDesc("rowan_exchange_age_seconds", "Time since an exchange was last synced with success.", []string{"exchange"}, nil)
	exchangeStale    = prometheus.NewDesc("rowan_exchange_stale", "1 when an exchange had no success for three intervals.", []string{"exchange"}, nil)
	exchangeFailures = prometheus.NewDesc("rowan_exchange_failures", "Failures of an exchange since its last success.", []string{"exchange"}, nil)
	exchangeHeld     = prometheus.NewDesc("rowan_exchange_held_removals", "Removals of an exchange that wait for a person.", []string{"exchange"}, nil)
	exchangeSkipped  = prometheus.NewDesc("rowan_exchange_skipped_total", "What an exchange sent and was left out, by reason.", []string{"exchange", "reason"}, nil)
)

// Describe implements [prometheus.Collector].
func (m exchangeMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{exchangeEntries, exchangeAge, exchangeStale, exchangeFailures, exchangeHeld, exchangeSkipped} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m exchangeMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := m.a.Exchanges.All(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(exchangeEntries, err)
		return
	}
	for _, e := range all {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, e.Name)
		}
		gauge(exchangeEntries, float64(e.Entries))
		gauge(exchangeFailures, float64(e.Failures))
		gauge(exchangeHeld, float64(e.Held))
		since := e.LastSuccess
		if since.IsZero() {
			since = e.CreatedAt
		}
		gauge(exchangeAge, time.Since(since).Seconds())
		stale := 0.0
		if e.Stale {
			stale = 1
		}
		gauge(exchangeStale, stale)
		for reason, n := range map[string]int64{"malformed": e.Malformed, "unknown": e.Unknown, "outdated": e.Outdated, "upload": e.Skipped} {
			ch <- prometheus.MustNewConstMetric(exchangeSkipped, prometheus.CounterValue, float64(n), e.Name, reason)
		}
	}
}
