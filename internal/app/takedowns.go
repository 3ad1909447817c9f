package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/measures"
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

// probeTakedowns tells of notices and of their time.
func (a *App) probeTakedowns(ctx context.Context) (measures.Evidence, error) {
	c, err := a.Takedowns.Count(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	all := int64(0)
	for _, n := range c.ByState {
		all += n
	}
	if all == 0 {
		return measures.Evidence{Gap: "No notice has been handed in: the platform sends none, or nobody has asked."}, nil
	}
	now := time.Now()
	counts, err := a.Transparency.Count(ctx, now.AddDate(0, 0, -evidenceDays), now)
	if err != nil {
		return measures.Evidence{}, err
	}
	e := holds("Notices of intimate images", fmt.Sprint(all), "Waiting", fmt.Sprint(c.ByState[takedown.Open]+c.ByState[takedown.Decided]),
		"Late, of all time", fmt.Sprint(c.Late), "Removals that are not confirmed", fmt.Sprint(c.Unconfirmed),
		inDays("Median from receipt to the end of a notice"), span(counts.Takedowns.End))
	for _, l := range counts.Takedowns.Laws {
		e.Facts = append(e.Facts, measures.Fact{Label: inDays("Notices by the law " + l.Law), Value: fmt.Sprintf("%d ended in time, %d late, %d wait", l.InTime, l.Late, l.Waiting)})
	}
	if c.Late > 0 {
		e.Gap = "Some notices ended after their time, or wait past it."
	}
	return e, nil
}

// probeComplaints tells of complaints about takedown decisions.
func (a *App) probeComplaints(ctx context.Context) (measures.Evidence, error) {
	c, err := a.Takedowns.Count(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	people, err := a.deciders(ctx)
	e := holds("Complaints that wait", fmt.Sprint(c.Complaints), "A complaint is decided by", "another person than those who decided before")
	if people < 2 {
		e.Gap = "Fewer than two people may decide notices, so that nobody can decide a complaint about the other."
	}
	return e, err
}

// deciders counts the people who may decide notices.
func (a *App) deciders(ctx context.Context) (int64, error) {
	rows, err := a.Store.Read().CountUsersByRole(ctx)
	n := int64(0)
	for _, r := range rows {
		if slices.Contains(access.Role(r.Role).Scopes(), access.TakedownsDecide) {
			n += r.N
		}
	}
	return n, err
}
