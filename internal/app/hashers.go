package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// HasherConfig is a program of the operator that gives fingerprints of a type
// that Rowan cannot compute (package hasher).
type HasherConfig struct {
	Type        safety.HashType  `yaml:"type"`        // photodna and the like, or x_NAME
	URL         string           `yaml:"url"`         // https, or http on this machine
	TokenFile   string           `yaml:"token_file"`  // sent as a bearer token
	Timeout     time.Duration    `yaml:"timeout"`     // of one attempt; default 5s
	MaxBytes    int64            `yaml:"max_bytes"`   // of a file; default media.max_file_bytes' limit, 256 MiB
	Concurrency int              `yaml:"concurrency"` // files with it at once; default 4
	Surfaces    []safety.Surface `yaml:"surfaces"`    // where it may run; there is no default
	Media       []hasher.Media   `yaml:"media"`       // image, video; default image
	Bytes       int              `yaml:"bytes"`       // length of a fingerprint
	Distance    hasher.Distance  `yaml:"distance"`    // hamming, l1, l2_squared, equality
	Threshold   int              `yaml:"threshold"`   // greatest distance that is a match
	Lists       map[string]int   `yaml:"lists"`       // other thresholds, by name of the list

	token string
}

func (h *HasherConfig) spec() hasher.Spec {
	return hasher.Spec{Type: h.Type, Bytes: h.Bytes, Distance: h.Distance, Threshold: h.Threshold, Lists: h.Lists}
}

func completeHashers(hs []HasherConfig) []error {
	var problems []error
	seen := map[safety.HashType]bool{}
	for i := range hs {
		h := &hs[i]
		name := fmt.Sprintf("hashers[%d]", i)
		bad := func(err error) { problems = append(problems, fmt.Errorf("%s.%w", name, err)) }
		fillDuration(&h.Timeout, 5*time.Second)
		if h.MaxBytes == 0 {
			h.MaxBytes = 256 << 20
		}
		if h.Concurrency == 0 {
			h.Concurrency = 4
		}
		if len(h.Media) == 0 {
			h.Media = []hasher.Media{hasher.Image}
		}
		s := h.spec()
		if err := s.Check(); err != nil {
			bad(err)
		}
		if seen[h.Type] {
			bad(errors.New("type: has a hasher already"))
		}
		seen[h.Type] = true
		problems = append(problems, webURL(name+".url", h.URL)...)
		problems = append(problems, secretFile(name+".token_file", h.TokenFile, &h.token)...)
		if h.Timeout < 0 || h.Timeout > time.Minute || h.Concurrency < 1 || h.Concurrency > 1000 || h.MaxBytes < 1 {
			bad(errors.New("timeout: is a minute at most, concurrency 1 to 1000, max_bytes 1 or more"))
		}
		if len(h.Surfaces) == 0 || slices.ContainsFunc(h.Surfaces, func(s safety.Surface) bool { return !match.KnownMedia.MayRun(s) }) {
			bad(errors.New("surfaces: must say where it may run: public, private"))
		}
		if slices.ContainsFunc(h.Media, func(m hasher.Media) bool { return m != hasher.Image && m != hasher.Video }) {
			bad(errors.New("media: must be image or video"))
		}
	}
	return problems
}

func (a *App) openHashers() {
	var specs []hasher.Spec
	for _, h := range a.Config.Hashers {
		specs = append(specs, h.spec())
		a.Hashers = append(a.Hashers, hasher.New(hasher.Config{Spec: h.spec(), URL: h.URL, Token: h.token, Timeout: h.Timeout,
			MaxBytes: h.MaxBytes, Concurrency: h.Concurrency, Surfaces: h.Surfaces, Media: h.Media}, time.Now))
	}
	a.Index.SetSpecs(specs)
	a.Recents.SetSpecs(specs)
}

// tryHasher asks for the fingerprint of the canary, unless the hasher is for
// videos only, and looks for the lists that its thresholds name.
func (a *App) tryHasher(ctx context.Context, h *hasher.Hasher) error {
	var problems []error
	for name := range h.Lists {
		if _, err := a.Lists.Get(ctx, name); err != nil {
			problems = append(problems, fmt.Errorf("its threshold for the list %s: %w", name, err))
		}
	}
	if h.Takes("image/png") {
		if _, err := h.Hash(ctx, "image/png", match.Canary); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// hasherMetrics tells what the hashers have done in this process.
type hasherMetrics struct{ a *App }

var (
	hasherAnswers  = prometheus.NewDesc("rowan_hasher_answers_total", "Fingerprints that a hasher gave.", []string{"type"}, nil)
	hasherFailures = prometheus.NewDesc("rowan_hasher_failures_total", "Files that a hasher did not scan, by reason.", []string{"type", "reason"}, nil)
	hasherResting  = prometheus.NewDesc("rowan_hasher_resting", "1 when a hasher failed too often and is left alone for a while.", []string{"type"}, nil)
)

// Describe implements [prometheus.Collector].
func (m hasherMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- hasherAnswers
	ch <- hasherFailures
	ch <- hasherResting
}

// Collect implements [prometheus.Collector].
func (m hasherMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, h := range m.a.Hashers {
		s, t := h.Stats(), string(h.Type)
		resting := 0.0
		if s.Resting {
			resting = 1
		}
		ch <- prometheus.MustNewConstMetric(hasherAnswers, prometheus.CounterValue, float64(s.Answered), t)
		ch <- prometheus.MustNewConstMetric(hasherResting, prometheus.GaugeValue, resting, t)
		for _, r := range hasher.Reasons {
			ch <- prometheus.MustNewConstMetric(hasherFailures, prometheus.CounterValue, float64(s.Failures[r]), t, string(r))
		}
	}
}
