package reporting_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// TestEdit_BadValues: what no authority could read is refused by name, changes
// nothing, and is not repeated in the answer.
func TestEdit_BadValues(t *testing.T) {
	t.Parallel()
	const mark = "zzqx-mark"
	ages := []reporting.Person{{Role: "victim"}}
	place := func(p reporting.Place) *[]reporting.Place { return &[]reporting.Place{p} }
	tests := map[string]struct {
		edit reporting.Edit
		path string
	}{
		"an incident in the future": {reporting.Edit{IncidentAt: new(start.AddDate(1, 0, 0))}, "incident_at"},
		"no time at all":            {reporting.Edit{IncidentAt: new(time.Time{})}, "incident_at"},
		"an impossible address": {reporting.Edit{Places: place(reporting.Place{Kind: "peer_to_peer",
			IPEvents: []safety.IPEvent{{IP: "999.0.2.1 " + mark, At: start}}})}, "places[0].ip_events[0]"},
		"an impossible port":       {reporting.Edit{Places: place(reporting.Place{Kind: "peer_to_peer", IPEvents: []safety.IPEvent{{IP: "192.0.2.1", Port: 70000, At: start}}})}, "places[0].ip_events[0]"},
		"seen in the future":       {reporting.Edit{Places: place(reporting.Place{Kind: "peer_to_peer", IPEvents: []safety.IPEvent{{IP: "192.0.2.1", At: start.AddDate(1, 0, 0)}}})}, "places[0].ip_events[0]"},
		"a link with a line break": {reporting.Edit{Places: place(reporting.Place{Kind: "web", URLs: []string{"https://example.test/\n" + mark}})}, "places[0].urls[0]"},
		"no e-mail address":        {reporting.Edit{Places: place(reporting.Place{Kind: "email", Emails: []string{mark}})}, "places[0].emails[0]"},
		"an over-long escalation":  {reporting.Edit{EscalateReason: new(strings.Repeat(mark, 500))}, "escalate_reason"},
		"an unknown flag":          {reporting.Edit{Annotations: &[]string{mark}}, "annotations"},
		"a person of no account":   {reporting.Edit{People: &ages}, "people[0]"},
		"a file of another report": {reporting.Edit{Files: map[string]reporting.FileNotes{mark: {Note: "x"}}}, "files"},
		"an unknown ground":        {reporting.Edit{UKLinks: &[]reporting.UKLink{{Ground: mark, Evidence: "x"}}}, "uk_links[0]"},
	}
	b := newBench(t)
	for name, tc := range tests {
		c := b.confirm(material{})
		before := b.report(c.reportID).Draft
		err := b.desk(nil).EditDraft(t.Context(), anna, c.reportID, tc.edit)
		if safety.KindOf(err) != safety.Invalid || !strings.Contains(err.Error(), tc.path) {
			t.Errorf("%s: %v, want invalid at %s", name, err, tc.path)
		}
		if err != nil && strings.Contains(err.Error(), mark) {
			t.Errorf("%s: the answer repeats the value", name)
		}
		if b.report(c.reportID).Draft != before {
			t.Errorf("%s: the draft was changed", name)
		}
	}
}

// TestCompile_WhatFormsDoNotTake: text that NCMEC's form cannot hold does not keep
// a report from being filed: it is cut or left out, and the report says so.
func TestCompile_WhatFormsDoNotTake(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	long := strings.Repeat("é", 3000)
	account := safety.Account{Names: []string{"A\x00 B\x1b[2J"}, ScreenName: "tab\there " + long, ProfileBio: "\ufffe control \x07"}
	b.account("acct-bad", account)
	c := b.confirm(material{account: "acct-bad", files: []string{"harmless"}})
	info := "line one\x00\x0b\u0085 <tag> & \"quotes\" ]]> " + strings.Repeat("word ", 3000)
	if err := b.desk(nil).EditDraft(t.Context(), anna, c.reportID, reporting.Edit{AdditionalInfo: &info}); err != nil {
		t.Fatal(err)
	}
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID) // the stand-in checks every length and the well-formedness
	b.verify(c, false)
	doc := string(b.finished(c.caseID)[0].XML)
	if regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f]`).MatchString(doc) || strings.Contains(doc, "\ufffe") {
		t.Error("the document holds characters that XML cannot carry")
	}
	if !strings.Contains(doc, "Cut to the length that this form takes: screen name") {
		t.Error("the report does not say what was cut")
	}
	// People read all of it, with every character that acts made visible.
	full, pdf, err := b.desk(nil).Document(t.Context(), c.reportID)
	if err != nil || len(pdf) == 0 {
		t.Fatal(err)
	}
	if full.Users[0].Account.ScreenName != account.ScreenName {
		t.Error("the full record was cut too")
	}
}

func (b *bench) account(id string, a safety.Account) {
	b.t.Helper()
	a.ID = id
	text, err := json.Marshal(a)
	if err != nil {
		b.t.Fatal(err)
	}
	b.tx(func(tx *store.Tx) error {
		return tx.PutAccount(b.t.Context(), id, string(text), store.Micros(b.clock.now()))
	})
}

// TestHugeTranscript: a conversation of any size goes as a file of its own, whole.
func TestHugeTranscript(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var csv bytes.Buffer
	for i := range 200_000 {
		fmt.Fprintf(&csv, "2026-11-02T09:00:00Z,account-a,account-b,message %d of harmless words\n", i)
	}
	c := b.confirm(material{})
	id := ""
	b.tx(func(tx *store.Tx) error {
		items, err := tx.ItemsOfCase(t.Context(), c.caseID)
		if err != nil {
			return err
		}
		id, err = b.vault.Seal(t.Context(), tx, vault.Piece{CaseID: c.caseID, ItemID: items[0].ID, Role: vault.Transcript, MediaType: "text/csv", Data: csv.Bytes()})
		return err
	})
	e, err := b.store.Read().Evidence(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b.tx(func(tx *store.Tx) error {
		return tx.AddReportFile(t.Context(), dbFile(c.reportID, id))
	})
	c.evidence, c.sha256[id] = []string{id}, e.Sha256
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
	got := b.finished(c.caseID)[0]
	info := string(got.Files[0].Info)
	if !strings.Contains(info, "Supplemental Reported") || strings.Contains(info, "industryClassification") || len(got.XML) > 20_000 {
		t.Errorf("a transcript of %d bytes: document of %d bytes, details %s", csv.Len(), len(got.XML), info)
	}
}

// TestBadAnswers: each answer of an authority that is no answer has its named
// handling, none is read as success, and the report is filed once all the same.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	answers := []struct {
		name  string
		fault ncmec.Fault
		says  string // in the exchange's record
	}{
		{"empty", ncmec.Fault{Kind: ncmec.Empty}, "cut short"},
		{"truncated", ncmec.Fault{Kind: ncmec.TruncatedXML}, "not well-formed"},
		{"cut", ncmec.Fault{Kind: ncmec.CutBody}, "unexpected EOF"},
		{"a page", ncmec.Fault{Kind: ncmec.HTML}, "document type declaration"},
		{"slow", ncmec.Fault{Kind: ncmec.Stall, Wait: time.Minute}, "deadline exceeded"},
		{"another digest", ncmec.Fault{Kind: ncmec.WrongMD5}, "MD5"},
	}
	for _, a := range answers {
		for _, op := range []string{"submit", "upload", "fileinfo", "finish"} {
			if a.fault.Kind == ncmec.WrongMD5 && op != "upload" {
				continue
			}
			t.Run(a.name+" to "+op, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.cfg.CallLimit = 2 * time.Second
				c := b.confirm(material{files: []string{"harmless"}, viewed: []int{0}})
				b.approve(c.reportID)
				b.fake.SetFaults(faults(op, 1, ncmec.After, a.fault))
				b.drive(b.desk(nil), c.reportID)
				b.verify(c, false)
				x, err := b.store.Read().ExchangesOfReport(t.Context(), c.reportID)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range x {
					if e.Operation == op && strings.Contains(e.Error, a.says) {
						return
					}
				}
				t.Errorf("the record does not say %q of the answer to %s", a.says, op)
			})
		}
	}
}

// TestReplicaLagDoesNotDuplicate: a worker that acts on what it read long ago (the
// list of unfinished reports, a job that was queued twice, a copy of the row)
// files nothing again: what counts is claimed in the one primary database.
func TestReplicaLagDoesNotDuplicate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var all []confirmed
	for i := range 5 {
		c := b.confirm(material{files: []string{fmt.Sprint("harmless ", i)}})
		b.approve(c.reportID)
		all = append(all, c)
	}
	stale, err := b.store.Read().UnfinishedReports(t.Context(), false)
	if err != nil || len(stale) != 5 {
		t.Fatalf("%d unfinished reports: %v", len(stale), err)
	}
	for _, c := range all {
		b.drive(b.desk(nil), c.reportID)
	}
	calls := 0
	late := b.desk(func(string, moment) { calls++ })
	for _, r := range stale {
		for range 2 {
			if _, err := b.file(late, r.ID); err != nil {
				t.Error(err)
			}
		}
		// The decision too is drafted once, however often the event comes.
		err := b.store.Tx(t.Context(), func(tx *store.Tx) error {
			made, err := tx.Decision(t.Context(), r.DecisionID)
			if err != nil {
				return err
			}
			row, err := tx.CaseByID(t.Context(), r.CaseID)
			if err != nil {
				return err
			}
			return late.Draft(t.Context(), tx, row, made)
		})
		if err == nil {
			t.Error("a second draft of one decision to one authority was made")
		}
	}
	if calls != 0 {
		t.Errorf("%d calls to the authority on stale knowledge", calls)
	}
	for _, c := range all {
		b.verify(c, false)
	}
}

func dbFile(report, evidence string) db.AddReportFileParams {
	return db.AddReportFileParams{ReportID: report, EvidenceID: evidence}
}
