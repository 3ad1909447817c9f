package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/match/exchange"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// evidenceDays is how far back the counts go that stand as live evidence.
const evidenceDays = 90

// probes read what Rowan holds on measures, each by the name that the catalogue
// uses. They tell settings and counts: never content, hashes, signals or accounts.
func (a *App) probes() map[string]measures.Probe {
	return map[string]measures.Probe{
		"reporting": a.probeReporting, "nca": a.probeNCA, "people": a.probePeople, "ledger": a.probeLedger, "canary": a.probeCanary, "policy": a.probePolicy,
		"webhooks": a.probeWebhooks, "queue": a.probeQueue, "exchanges": a.probeExchanges, "thresholds": a.probeThresholds, "clocks": a.probeClocks,
		"evidence": a.probeEvidence, "register": a.probeRegister, "urls": a.probeURLs, "statements": a.probeStatements,
		"contacts": a.probeContacts,
		"requests": a.probeRequests, "takedowns": a.probeTakedowns, "complaints": a.probeComplaints,
		"lists":    a.probeLists(safety.ListIllegal, safety.ListIntimateImage, safety.ListTerrorism, safety.ListHarmful),
		"intimate": a.probeLists(safety.ListIntimateImage), "harmful": a.probeLists(safety.ListHarmful),
		"review": a.counted(reviewFacts), "accuracy": a.counted(accuracyFacts), "findings": a.counted(findingFacts), "scans": a.counted(scanFacts),
		"filed": a.counted(filedFacts), "transparency": a.counted(transparencyFacts),
	}
}

// holds is evidence from label and value in turn.
func holds(pairs ...string) measures.Evidence {
	var e measures.Evidence
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Facts = append(e.Facts, measures.Fact{Label: pairs[i], Value: pairs[i+1]})
	}
	return e
}

func (a *App) probeReporting(context.Context) (measures.Evidence, error) {
	r := a.Config.Reporting
	rule := "off: the decider may also approve"
	if r.TwoPerson {
		rule = "on: the approver is not the decider"
	}
	e := holds("Reports go to", strings.ToUpper(string(a.Reports.Route()))+", "+string(r.Environment)+" environment", "Two-person rule", rule, "Reporting person", strings.TrimSpace(r.FirstName+" "+r.LastName))
	if r.Environment != reporting.Production {
		e.Gap = "Nothing is reported to a real authority: the environment is not production."
	}
	return e, nil
}

// probeNCA tells what the operator has set of the registration with the NCA, which
// is made outside Rowan: the setting is the operator's word.
func (a *App) probeNCA(context.Context) (measures.Evidence, error) {
	u, way := a.Config.Reporting.UK, "people carry reports to the portal"
	if a.Config.Reporting.NCA.URL != "" {
		way = "the interface that the operator has described"
	}
	e := holds("Reports to the NCA go by", way)
	for _, f := range []struct{ label, value string }{{"Organisation administrator", u.Administrator}, {"Replacement", u.Replacement}, {"Registered on", u.Registered}} {
		if f.value == "" {
			e.Gap = "The registration with the NCA, its administrator and the replacement are not all set."
			continue
		}
		e.Facts = append(e.Facts, measures.Fact{Label: f.label + ", as set", Value: f.value})
	}
	return e, nil
}

func (a *App) probePeople(ctx context.Context) (measures.Evidence, error) {
	rows, err := a.Store.Read().CountUsersByRole(ctx)
	var e measures.Evidence
	for _, r := range rows {
		e.Facts = append(e.Facts, measures.Fact{Label: "People with the role " + r.Role, Value: fmt.Sprint(r.N)})
	}
	if len(rows) == 0 {
		e.Gap = "No person has an account."
	}
	return e, err
}

func (a *App) probeLedger(ctx context.Context) (measures.Evidence, error) {
	size, err := a.Store.Read().Head(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	c, err := a.Store.Read().LatestCheckpoint(ctx)
	if store.IsNotFound(err) {
		return measures.Evidence{Gap: "Nothing is sealed yet."}, nil
	}
	return holds("Entries in the ledger", fmt.Sprint(size), "Last sealed", stamp(store.Time(c.At)),
		"Last verified", "not recorded; rowan verify ledger proves it at any time"), err
}

func (a *App) probeCanary(ctx context.Context) (measures.Evidence, error) {
	at, err := a.Store.Read().LastCanary(ctx, true)
	if err != nil || at == 0 {
		return measures.Evidence{Gap: "The canary picture has never been sent through the whole path."}, err
	}
	return holds("Canary picture last went through the whole path", stamp(store.Time(at))), nil
}

func (a *App) probePolicy(context.Context) (measures.Evidence, error) {
	file := "built in"
	if a.Config.PolicyFile != "" {
		file = "the operator's own"
	}
	e := holds("Policy version", a.Policy.Version()+", "+file, "Content that was not wholly scanned", "is never allowed")
	for _, q := range a.Policy.Quotas() {
		e.Facts = append(e.Facts, measures.Fact{Label: "Circuit breaker " + q.Name, Value: fmt.Sprintf("%d a day", q.PerDay)})
	}
	return e, nil
}

func (a *App) probeWebhooks(ctx context.Context) (measures.Evidence, error) {
	hooks, err := a.Store.Read().Webhooks(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	rows, err := a.Store.Read().CountDeliveries(ctx)
	e := holds("Endpoints that are told", fmt.Sprint(len(hooks)))
	for _, r := range rows {
		e.Facts = append(e.Facts, measures.Fact{Label: "Deliveries " + r.State, Value: fmt.Sprint(r.N)})
	}
	if len(hooks) == 0 {
		e.Gap = "No endpoint of the platform is told of decisions."
	}
	return e, err
}

func (a *App) probeQueue(ctx context.Context) (measures.Evidence, error) {
	rows, err := a.Store.Read().CountOpenCases(ctx)
	e := holds("Order of the queue", "priority P1 to P3, then age")
	for _, r := range rows {
		e.Facts = append(e.Facts, measures.Fact{Label: "Waiting, " + r.Priority, Value: fmt.Sprintf("%d, the oldest since %s", r.N, stamp(store.Time(r.Oldest)))})
	}
	return e, err
}

func (a *App) probeLists(kinds ...safety.ListKind) measures.Probe {
	return func(ctx context.Context) (measures.Evidence, error) {
		all, err := a.Lists.All(ctx)
		var e measures.Evidence
		for _, k := range kinds {
			var on, signals int64
			var changed time.Time
			for _, l := range all {
				if l.Kind != k || !counts(l) {
					continue
				}
				on++
				for _, n := range l.Signals {
					signals += n
				}
				if l.UpdatedAt.After(changed) {
					changed = l.UpdatedAt
				}
			}
			if on > 0 {
				e.Facts = append(e.Facts, measures.Fact{Label: "Lists of kind " + words(string(k)), Value: fmt.Sprintf("%d in use, %d signals, last changed %s", on, signals, stamp(changed))})
			}
			if signals == 0 && e.Gap == "" && (len(kinds) == 1 || k == safety.ListIllegal) {
				e.Gap = "No signal of kind " + words(string(k)) + " is in use."
			}
		}
		return e, err
	}
}

// counts reports whether a list is in use now.
func counts(l match.List) bool { return l.Enabled && l.OffUntil.Before(time.Now()) }

func (a *App) probeThresholds(ctx context.Context) (measures.Evidence, error) {
	all, err := a.Lists.All(ctx)
	var e measures.Evidence
	for _, l := range all {
		if !counts(l) || l.Kind == safety.ListCanary || l.Kind == safety.ListAllow {
			continue
		}
		e.Facts = append(e.Facts, measures.Fact{Label: "List " + l.Name, Value: fmt.Sprintf("near matches up to %d of 256 bits, for %.0f %% of contents", l.Threshold, l.Ratio*100)})
	}
	if len(e.Facts) == 0 {
		e.Gap = "No list has a threshold, because none is in use."
	}
	return e, err
}

func (a *App) probeExchanges(ctx context.Context) (measures.Evidence, error) {
	all, err := a.Exchanges.All(ctx)
	var e measures.Evidence
	for _, x := range all {
		e.Facts = append(e.Facts, measures.Fact{Label: "Exchange " + x.Name, Value: synced(x)})
		if x.Enabled && (x.Stale || x.LastError != "") {
			e.Gap = "An exchange has not synced as it should."
		}
	}
	if len(all) == 0 {
		e.Gap = "No exchange keeps lists current; they are changed by hand."
	}
	return e, err
}

func synced(x exchange.Exchange) string {
	switch {
	case !x.Enabled:
		return "off"
	case x.LastSuccess.IsZero():
		return string(x.Kind) + ", never synced"
	}
	return fmt.Sprintf("%s, every %s, %d entries, last synced %s", x.Kind, x.Interval, x.Entries, stamp(x.LastSuccess))
}

func (a *App) probeURLs(ctx context.Context) (measures.Evidence, error) {
	n, err := a.Store.Read().CountItemsOfHash(ctx, string(safety.URL))
	if err != nil || n == 0 {
		return measures.Evidence{Gap: "No list holds a URL."}, err
	}
	return holds("URLs on lists", fmt.Sprint(n), "Compared in", "normal forms (docs/matching.md)"), nil
}

func (a *App) probeClocks(ctx context.Context) (measures.Evidence, error) {
	rows, err := a.Store.Read().CountClocks(ctx)
	var e measures.Evidence
	for _, r := range rows {
		e.Facts = append(e.Facts, measures.Fact{Label: "Clocks by " + r.Law, Value: fmt.Sprintf("%d, the last until %s", r.N, store.Time(r.Latest).Format(time.DateOnly))})
	}
	e.Facts = append(e.Facts, measures.Fact{Label: "Kept after a decision of not confirmed", Value: fmt.Sprintf("%d days", a.Config.Evidence.KeepNotConfirmedDays)})
	if len(rows) == 0 {
		e.Gap = "No clock is set yet: nothing was reported."
	}
	return e, err
}

func (a *App) probeEvidence(ctx context.Context) (measures.Evidence, error) {
	n, err := a.Store.Read().CountEvidence(ctx)
	if err != nil {
		return measures.Evidence{}, err
	}
	views, err := a.Store.Read().CountViewsSince(ctx, store.Micros(time.Now().AddDate(0, 0, -evidenceDays)))
	return holds("Pieces of evidence, encrypted", fmt.Sprint(n.Kept), "Destroyed", fmt.Sprint(n.Destroyed),
		fmt.Sprintf("Views in %d days, each recorded with who and why", evidenceDays), fmt.Sprint(views)), err
}

func (a *App) probeRegister(ctx context.Context) (measures.Evidence, error) {
	versions, err := a.Measures.Profiles(ctx, 200)
	if err != nil || len(versions) == 0 {
		return measures.Evidence{Gap: "The profile of the service has not been written."}, err
	}
	records, err := a.Store.Read().MeasureRecords(ctx)
	return holds("Versions of the profile", fmt.Sprint(len(versions)), "Profile last changed", stamp(versions[0].At),
		"Versions of the operator's records", fmt.Sprint(len(records)), "What is replaced", "is never deleted"), err
}

func (a *App) probeStatements(ctx context.Context) (measures.Evidence, error) {
	rows, err := a.Store.Read().CountStatements(ctx)
	var e measures.Evidence
	for _, r := range rows {
		e.Facts = append(e.Facts, measures.Fact{Label: "Statements of reasons " + r.State, Value: fmt.Sprint(r.N)})
	}
	if len(rows) == 0 {
		e.Gap = "No statement of reasons was drafted."
	}
	return e, err
}

// counted is a probe that reads the counts of the last days.
func (a *App) counted(fn func(*transparency.Counts) measures.Evidence) measures.Probe {
	return func(ctx context.Context) (measures.Evidence, error) {
		now := time.Now()
		c, err := a.Transparency.Count(ctx, now.AddDate(0, 0, -evidenceDays), now)
		if err != nil {
			return measures.Evidence{}, err
		}
		return fn(c), nil
	}
}

func inDays(what string) string { return fmt.Sprintf("%s in %d days", what, evidenceDays) }

func reviewFacts(c *transparency.Counts) measures.Evidence {
	if c.Reviewed() == 0 {
		return measures.Evidence{Gap: fmt.Sprintf("No decision was made in %d days.", evidenceDays)}
	}
	return holds(inDays("Decisions"), fmt.Sprint(c.Reviewed()), "Median from case to first look", span(c.FirstLook), "Median from case to decision", span(c.Decision))
}

func accuracyFacts(c *transparency.Counts) measures.Evidence {
	if c.Reviewed() == 0 {
		return measures.Evidence{Gap: fmt.Sprintf("No decision was made in %d days, so nothing is known of accuracy.", evidenceDays)}
	}
	e := holds(inDays("Decisions taken back"), fmt.Sprintf("%d of %d", c.Undone, c.Reviewed()))
	for _, p := range c.Precision {
		if p.Rate != nil {
			e.Facts = append(e.Facts, measures.Fact{Label: "List " + p.List, Value: fmt.Sprintf("%d of %d reviewed were confirmed (%.0f %%, 95 %% interval %.0f to %.0f)",
				p.Confirmed, p.Confirmed+p.NotConfirmed, *p.Rate*100, *p.Low*100, *p.High*100)})
		}
	}
	return e
}

func findingFacts(c *transparency.Counts) measures.Evidence {
	by := map[string]int64{}
	var kinds []string
	for _, f := range c.Findings {
		if _, ok := by[f.Kind]; !ok {
			kinds = append(kinds, f.Kind)
		}
		by[f.Kind] += f.Contents
	}
	var e measures.Evidence
	for _, k := range kinds {
		e.Facts = append(e.Facts, measures.Fact{Label: inDays("Contents on lists of kind " + words(k)), Value: fmt.Sprint(by[k])})
	}
	if len(kinds) == 0 {
		e.Gap = fmt.Sprintf("Nothing was found in %d days.", evidenceDays)
	}
	return e
}

func scanFacts(c *transparency.Counts) measures.Evidence {
	var whole, other int64
	for _, s := range c.Scans {
		if s.Scan == string(safety.ScanScanned) {
			whole += s.Contents
		} else {
			other += s.Contents
		}
	}
	if whole+other == 0 {
		return measures.Evidence{Gap: fmt.Sprintf("No check left a record in %d days.", evidenceDays)}
	}
	return holds(inDays("Contents with a case, wholly scanned"), fmt.Sprint(whole), inDays("Contents with a case, not wholly scanned"), fmt.Sprint(other))
}

func filedFacts(c *transparency.Counts) measures.Evidence {
	var e measures.Evidence
	tests := false
	for _, f := range c.Filed {
		e.Facts = append(e.Facts, measures.Fact{Label: inDays("Reports filed with " + strings.ToUpper(f.Authority) + ", " + f.Environment), Value: fmt.Sprintf("%d with %d files, %s", f.Reports, f.Files, f.IncidentType)})
		tests = tests || f.Environment != string(reporting.Production)
	}
	switch {
	case len(c.Filed) == 0:
		return measures.Evidence{Gap: fmt.Sprintf("No report was filed in %d days.", evidenceDays)}
	case tests:
		e.Gap = "Some of these reports went to a test environment and are not real."
	}
	if c.Filing.Seconds != nil {
		e.Facts = append(e.Facts, measures.Fact{Label: "Median from decision to receipt", Value: span(c.Filing)})
	}
	return e
}

func transparencyFacts(c *transparency.Counts) measures.Evidence {
	e := holds("Counts for the template", "rowan transparency export, at any time", inDays("Decisions"), fmt.Sprint(c.Reviewed()))
	e.Gap = "Orders, notices and complaints other than about intimate images, staff by language and recipients are not held by Rowan."
	return e
}

func span(m transparency.Median) string {
	if m.Seconds == nil {
		return "nothing was measured"
	}
	return fmt.Sprintf("%s (of %d)", time.Duration(*m.Seconds)*time.Second, m.N)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// probeContacts tells what conversations and contact checks did.
func (a *App) probeContacts(ctx context.Context) (measures.Evidence, error) {
	steps, err := a.Store.Read().CountSteps(ctx, store.Micros(time.Now().AddDate(0, 0, -evidenceDays)))
	if err != nil {
		return measures.Evidence{}, err
	}
	n := a.Conversations.Counts()
	e := holds("Contact checks answered since the start", fmt.Sprint(n["contacts"]), "Messages looked at since the start", fmt.Sprint(n["scanned"]),
		"Messages not looked at since the start", fmt.Sprint(n["unscanned"]))
	for _, s := range steps {
		e.Facts = append(e.Facts, measures.Fact{Label: inDays("Steps of the kind " + s.Kind), Value: fmt.Sprint(s.N)})
	}
	switch {
	case a.Config.Conversations.Shadow:
		e.Gap = "Conversations are followed in shadow: nothing is done."
	case n["contacts"] == 0:
		e.Gap = "No contact check was asked since the start."
	}
	return e, nil
}
