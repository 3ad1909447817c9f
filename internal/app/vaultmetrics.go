package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// vaultMetrics reads the state of the vault when it is asked for.
type vaultMetrics struct{ a *App }

var (
	vaultPaused = prometheus.NewDesc("rowan_vault_paused", "1 when destruction is paused until a person has looked at the clock.", nil, nil)
	vaultFree   = prometheus.NewDesc("rowan_vault_free_bytes", "Free space of the evidence store's disk.", nil, nil)
	vaultFull   = prometheus.NewDesc("rowan_vault_full", "1 when the free space is below the reserve, so that intake takes nothing new.", nil, nil)
	vaultHolds  = prometheus.NewDesc("rowan_vault_holds", "Holds that run.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (vaultMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{vaultPaused, vaultFree, vaultFull, vaultHolds} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m vaultMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, err error) {
		if err != nil {
			ch <- prometheus.NewInvalidMetric(d, err)
			return
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	p, err := m.a.Vault.Paused(ctx)
	gauge(vaultPaused, one(p.Paused), err)
	if free, known, err := m.a.Vault.Free(); known || err != nil {
		gauge(vaultFree, float64(free), err)
	}
	gauge(vaultFull, one(m.a.Vault.Room() != nil), nil)
	holds, err := m.a.Store.Read().HoldsRunning(ctx)
	gauge(vaultHolds, float64(len(holds)), err)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
