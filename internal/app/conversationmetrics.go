package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-safety/rowan/internal/talk"
)

// conversationMetrics tells how events and conversations do.
type conversationMetrics struct{ a *App }

var (
	eventCounts   = prometheus.NewDesc("rowan_events_total", "Events in this process, by what became of them.", []string{"what"}, nil)
	eventPending  = prometheus.NewDesc("rowan_events_pending", "Events that were acknowledged and are not applied yet.", nil, nil)
	eventOldest   = prometheus.NewDesc("rowan_events_oldest_seconds", "Age of the oldest event that is not applied yet.", nil, nil)
	eventWaiting  = prometheus.NewDesc("rowan_events_quarantined", "Events that wait for a person.", nil, nil)
	eventLost     = prometheus.NewDesc("rowan_events_lost", "Events gone from the broker before they were applied, at most, ever.", nil, nil)
	eventBytes    = prometheus.NewDesc("rowan_events_bytes", "What the stream holds.", nil, nil)
	talkCounts    = prometheus.NewDesc("rowan_conversation_total", "What conversations led to in this process.", []string{"what"}, nil)
	talkTiers     = prometheus.NewDesc("rowan_conversations", "Conversations that are followed, by how they were looked at and the tier that they are on.", []string{"mode", "tier"}, nil)
	secondAnswers = prometheus.NewDesc("rowan_second_opinions_total", "Questions to a scorer, by what came of them.", []string{"scorer", "what"}, nil)
	secondCost    = prometheus.NewDesc("rowan_second_opinions_cost", "What the questions to a scorer cost, in the operator's currency.", []string{"scorer"}, nil)
)

// Describe implements [prometheus.Collector].
func (m conversationMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{eventCounts, eventPending, eventOldest, eventWaiting, eventLost, eventBytes, talkCounts, talkTiers, secondAnswers, secondCost} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m conversationMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for what, n := range m.a.Conversations.Counts() {
		send(talkCounts, prometheus.CounterValue, float64(n), what)
	}
	rows, err := m.a.Store.Read().CountConversations(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(talkTiers, err)
	}
	for _, r := range rows {
		send(talkTiers, prometheus.GaugeValue, float64(r.N), r.Mode, talk.Tier(r.Tier).String())
	}
	for _, s := range m.a.Scorers {
		st := s.Stats()
		send(secondAnswers, prometheus.CounterValue, float64(st.Answered), s.Name(), "answered")
		send(secondAnswers, prometheus.CounterValue, float64(st.Raised), s.Name(), "raised")
		for why, n := range st.Failures {
			send(secondAnswers, prometheus.CounterValue, float64(n), s.Name(), "failed_"+string(why))
		}
		send(secondCost, prometheus.CounterValue, st.Cost, s.Name())
	}
	if m.a.Events != nil {
		m.events(ctx, ch, send)
	}
}

func (m conversationMetrics) events(ctx context.Context, ch chan<- prometheus.Metric, send func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	c := m.a.Events.Counts()
	for what, n := range map[string]uint64{"published": c.Published, "repeated": c.Repeated, "refused": c.Refused, "applied": c.Applied, "duplicate": c.Duplicates,
		"retried": c.Retries, "quarantined": c.Quarantined, "fenced": c.Fenced, "stuck": c.Stuck, "set_back": c.SetBack} {
		send(eventCounts, prometheus.CounterValue, float64(n), what)
	}
	l, err := m.a.Events.Lag(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(eventPending, err)
		return
	}
	send(eventPending, prometheus.GaugeValue, float64(l.Pending))
	send(eventOldest, prometheus.GaugeValue, l.Oldest.Seconds())
	send(eventWaiting, prometheus.GaugeValue, float64(l.Quarantined))
	send(eventLost, prometheus.GaugeValue, float64(l.Lost))
	send(eventBytes, prometheus.GaugeValue, float64(l.Bytes))
}
