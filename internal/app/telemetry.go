package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
)

// telemetry is what /metrics shows. Labels are routes, states and statuses:
// never an identifier of anything on the platform.
type telemetry struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
}

func newTelemetry(a *App, in *intake.Desk, pool *media.Pool) *telemetry {
	t := &telemetry{registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rowan_http_seconds", Help: "Time to answer, by route and status.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"route", "status"})}
	t.registry.MustRegister(t.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, s := range safety.ScanStates {
		t.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_checks_total",
			Help: "Checks answered, by how much was scanned.", ConstLabels: prometheus.Labels{"scan": string(s)}},
			func() float64 { return float64(in.Scans()[s]) }))
	}
	t.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_check_errors_total", Help: "Checks that could not be answered."},
			func() float64 { return float64(in.Errors()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_decoders_died_total", Help: "Decoding children that died or were killed over a file."},
			func() float64 { return float64(pool.Stats().Died) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_decoders_spared_total", Help: "Files answered without decoding, because they had killed a child."},
			func() float64 { return float64(pool.Stats().Spared) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rowan_signals", Help: "Signals in the index."},
			func() float64 { return float64(a.Index.Signals()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rowan_lists_age_seconds", Help: "Since the index was last in step with the database."},
			func() float64 { return a.Index.Age().Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_uploads_not_remembered_total", Help: "Uploads that a list which grows later will not find."},
			func() float64 { return float64(a.Recents.Dropped()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_uploads_remembered_in_part_total", Help: "Uploads with too many hashes to remember all."},
			func() float64 { return float64(a.Recents.Partial()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rowan_uploads_forgotten_early_total", Help: "Uploads forgotten before their time, for want of room."},
			func() float64 { return float64(a.Recents.Early()) }),
	)
	t.registry.MustRegister(exchangeMetrics{a}, vaultMetrics{a}, witnessMetrics{a}, takedownMetrics{a}, requestMetrics{a}, hasherMetrics{a}, conversationMetrics{a})
	return t
}

func (t *telemetry) observe(pattern string, status int, took time.Duration) {
	t.seconds.WithLabelValues(pattern, strconv.Itoa(status)).Observe(took.Seconds())
}

func (t *telemetry) handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{})
}
