package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/takedown"
)

func (t TakedownConfig) config() takedown.Config {
	return takedown.Config{TermsLimit: time.Duration(t.TermsHours) * time.Hour, Warn: time.Duration(t.WarnHours) * time.Hour, MayHold: t.Hold,
		KeepContact: time.Duration(t.KeepContactDays) * 24 * time.Hour}
}

// openTakedowns makes the desk of takedown notices.
func (a *App) openTakedowns() {
	a.Takedowns = takedown.NewDesk(a.Store, a.Vault, time.Now, a.Config.Takedown.config(), takedown.Hooks{Announce: a.Webhooks.Announce,
		Keep: a.Lists.Keep, Drop: a.Lists.Drop, Case: a.childNotice})
}

// childQueue is where notices go that are or may be about a child.
const childQueue = "takedown-child"

// childNotice gives each content of a notice to the child-safety path. A content
// that was checked lately comes with its account and hashes; Rowan has not looked
// at the content for this, and the item says so.
func (a *App) childNotice(ctx context.Context, tx *store.Tx, c takedown.Child) ([]string, error) {
	var ids []string
	seen := map[string]bool{}
	for _, n := range c.Contents {
		content := cases.Content{ContentID: n.ContentID, URL: n.URL, Surface: safety.SurfacePublic, ReceivedAt: time.Now(), Verdict: safety.VerdictHold,
			Scan: safety.ScanFailed, ScanReason: "named_in_takedown_notice", PolicyVersion: a.Policy.Version(), Queue: childQueue, Priority: safety.P1, Reason: c.Why, Notice: c.NoticeID}
		if n.ContentID != "" {
			if err := fillUpload(ctx, tx, &content); err != nil {
				return nil, err
			}
		}
		opened, err := a.Cases.Open(ctx, tx, content)
		if err != nil {
			return nil, err
		}
		if !seen[opened.CaseID] {
			seen[opened.CaseID] = true
			ids = append(ids, opened.CaseID)
		}
	}
	return ids, nil
}

func fillUpload(ctx context.Context, tx *store.Tx, c *cases.Content) error {
	rows, err := tx.RecentsOfContent(ctx, c.ContentID)
	if err != nil || len(rows) == 0 {
		return fillItem(ctx, tx, c, err)
	}
	r := rows[len(rows)-1]
	c.AccountID, c.Surface, c.Jurisdiction = r.AccountID, safety.Surface(r.Surface), safety.Jurisdiction(r.Jurisdiction)
	c.SHA256, c.SHA1, c.MD5, c.PDQ = r.Sha256, r.Sha1, r.Md5, r.Pdq
	return nil
}

func fillItem(ctx context.Context, tx *store.Tx, c *cases.Content, err error) error {
	if err != nil {
		return err
	}
	items, err := tx.ItemsOfContent(ctx, c.ContentID)
	if err != nil || len(items) == 0 {
		return err
	}
	it := items[len(items)-1]
	c.AccountID, c.Surface, c.Jurisdiction = it.AccountID, safety.Surface(it.Surface), safety.Jurisdiction(it.Jurisdiction)
	c.SHA256, c.SHA1, c.MD5, c.PDQ = it.Sha256, it.Sha1, it.Md5, it.Pdq
	return nil
}

func (a *App) searchTakedowns(ctx context.Context) error {
	n, err := a.Takedowns.Search(ctx)
	if n > 0 {
		a.Log.InfoContext(ctx, "copies found for takedown notices", "contents", n)
	}
	return err
}

// takedownMetrics reads the state of notices when it is asked for.
type takedownMetrics struct{ a *App }

var (
	takedownNotices     = prometheus.NewDesc("rowan_takedown_notices", "Takedown notices, by state.", []string{"state"}, nil)
	takedownLate        = prometheus.NewDesc("rowan_takedown_late", "Takedown notices that ended after their time, or wait past it.", nil, nil)
	takedownUnconfirmed = prometheus.NewDesc("rowan_takedown_unconfirmed", "Contents that are to be removed and not confirmed to be.", nil, nil)
	takedownComplaints  = prometheus.NewDesc("rowan_takedown_complaints", "Complaints about takedown decisions that wait.", nil, nil)
	takedownLeft        = prometheus.NewDesc("rowan_takedown_seconds_left", "Until the most urgent waiting notice is due; below zero when it is late; absent when none waits.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (takedownMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{takedownNotices, takedownLate, takedownUnconfirmed, takedownComplaints, takedownLeft} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m takedownMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := m.a.Takedowns.Count(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(takedownNotices, err)
		return
	}
	for _, s := range takedown.States {
		ch <- prometheus.MustNewConstMetric(takedownNotices, prometheus.GaugeValue, float64(c.ByState[s]), string(s))
	}
	for d, n := range map[*prometheus.Desc]int64{takedownLate: c.Late, takedownUnconfirmed: c.Unconfirmed, takedownComplaints: c.Complaints} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	if c.NextDue != 0 {
		ch <- prometheus.MustNewConstMetric(takedownLeft, prometheus.GaugeValue, time.Until(store.Time(c.NextDue)).Seconds())
	}
}
