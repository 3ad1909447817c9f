// Package intake takes one piece of content from question to answer: digest and
// examine it, look it up, let policy decide, and, where the decision needs it,
// open a case with the evidence sealed, before the platform hears the answer.
//
// It never fails open. What could not be read is not scanned and says so; lists
// that are not loaded, evidence that cannot be written and a database that does
// not commit are errors, and an error is never "no match". Content in which
// nothing is found leaves no record but a count.
package intake

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/pdq"
)

// Content is what the platform asks about: a file, or the hashes of one.
type Content struct {
	ContentID    string
	AccountID    string
	Surface      safety.Surface
	Jurisdiction safety.Jurisdiction
	CreatedAt    time.Time // on the platform; zero when not said
	IP           string
	Port         int
	Filename     string
	URL          string

	File   []byte        // nil when only hashes are given
	Hashes []safety.Hash // given instead of a file
	// PDQQuality is the quality (0–100) of a given PDQ hash.
	PDQQuality int
}

// Answer is what the platform is told.
type Answer struct {
	ID            string
	Verdict       safety.Verdict
	Scan          safety.ScanState
	ScanReason    string
	Findings      []safety.Finding
	CaseID        string
	PolicyVersion string
}

// Desk answers questions about content. Its methods may be called from many
// goroutines.
type Desk struct {
	Parts

	scans   [4]atomic.Int64 // by place in safety.ScanStates
	errors  atomic.Int64
	waiting atomic.Int64 // files being examined or waiting for a decoder
}

// maxWaiting bounds the files held in memory for the decoders. Beyond it the
// platform is told to come back, which is better than to let everybody wait.
const maxWaiting = 256

// Parts are what a desk works with; all are needed.
type Parts struct {
	Store   *store.Store
	Index   *match.Index
	Lists   *match.Lists
	Recents *match.Recents
	Pool    *media.Pool
	// Hashers are the operator's; there may be none.
	Hashers []*hasher.Hasher
	Rules   *policy.Policy
	Cases   *cases.Desk
	// Announce queues an event for the platform.
	Announce func(context.Context, *store.Tx, safety.Event) error
	// Room fails when there is not enough of the disk left to take new things in.
	// Nil: nobody looks.
	Room func() error
	// Acted is told of a verdict that no person will review, in the transaction
	// that makes it durable. It may be nil.
	Acted func(context.Context, *store.Tx, Acted) error
	Now   func() time.Time
	Log   *slog.Logger
}

// Acted is a verdict without a case.
type Acted struct {
	CheckID, ContentID, AccountID string
	Kinds                         []safety.ListKind // of the lists that it met
	Verdict                       safety.Verdict
	Format                        string
	CreatedAt                     time.Time // of the content, on the platform
}

// NewDesk returns a desk.
func NewDesk(p Parts) *Desk { return &Desk{Parts: p} }

// Policy is the policy in force.
func (d *Desk) Policy() *policy.Policy { return d.Rules }

// Scans counts the answers given since the process started, by scan state.
func (d *Desk) Scans() map[safety.ScanState]int64 {
	out := map[safety.ScanState]int64{}
	for i, s := range safety.ScanStates {
		out[s] = d.scans[i].Load()
	}
	return out
}

// Errors counts the questions that could not be answered.
func (d *Desk) Errors() int64 { return d.errors.Load() }

// Check answers one question. An error means that there is no answer; the
// platform must treat the content as not checked and ask again.
func (d *Desk) Check(ctx context.Context, c Content) (Answer, error) {
	if err := d.room(); err != nil {
		return d.count(Answer{}, err)
	}
	return d.count(d.check(ctx, c))
}

// room says whether new things are taken in. It stops intake while there is still
// room for the cases that are open.
func (d *Desk) room() error {
	if d.Room == nil {
		return nil
	}
	return d.Room()
}

// Look examines content and says what a check would answer, and the SHA-256 of
// the file, without any effect: no case, no event, no count, and nothing is
// remembered.
func (d *Desk) Look(ctx context.Context, c Content) (a Answer, sum string, err error) {
	s, _, a, err := d.decide(ctx, c)
	return a, s.digests.SHA256.Value, err
}

// Again checks an upload of some time ago by the hashes that its check looked up,
// because a list has grown. What is found opens a case and is announced, as with
// any check. Where known media may no longer be looked for, nothing is.
func (d *Desk) Again(ctx context.Context, u match.Upload) error {
	if !d.Rules.Permits(match.KnownMedia, u.Surface, u.Jurisdiction) {
		return nil
	}
	c := Content{ContentID: u.ContentID, AccountID: u.AccountID, Surface: u.Surface, Jurisdiction: u.Jurisdiction}
	s := seen{exact: u.Query.Exact, near: u.Query.Near, video: u.Query.Video, prints: u.Query.Prints, scan: u.Scan, reason: u.Reason}
	s.report.Format = u.Format
	for _, h := range s.exact {
		s.digest(h)
	}
	if len(s.video) == 0 && len(s.near) > 0 {
		s.pdq = s.near[0].Hash.String()
	}
	_, err := d.count(d.again(ctx, c, s))
	return err
}

func (d *Desk) again(ctx context.Context, c Content, s seen) (Answer, error) {
	out, a, err := d.judge(ctx, c, s)
	if err != nil || out.Verdict == safety.VerdictAllow && out.Case == nil {
		return a, err
	}
	return d.commit(ctx, c, s, a, out)
}

// count counts an answer, or that there is none.
func (d *Desk) count(a Answer, err error) (Answer, error) {
	if err != nil {
		d.errors.Add(1)
		return a, err
	}
	for i, s := range safety.ScanStates {
		if s == a.Scan {
			d.scans[i].Add(1)
		}
	}
	return a, nil
}

// check answers, and remembers the upload.
func (d *Desk) check(ctx context.Context, c Content) (Answer, error) {
	seen, out, a, err := d.decide(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	if len(seen.exact)+len(seen.near)+len(seen.prints) > 0 {
		d.Recents.Note(c.upload(seen, d.Now()))
	}
	if out.Verdict == safety.VerdictAllow && out.Case == nil {
		return a, nil
	}
	return d.commit(ctx, c, seen, a, out)
}

// decide examines, looks up and asks the policy.
func (d *Desk) decide(ctx context.Context, c Content) (seen, policy.Outcome, Answer, error) {
	s, err := d.examine(ctx, c)
	if err != nil {
		return s, policy.Outcome{}, Answer{}, err
	}
	out, a, err := d.judge(ctx, c, s)
	return s, out, a, err
}

// judge looks up what was seen and asks the policy.
func (d *Desk) judge(ctx context.Context, c Content, s seen) (policy.Outcome, Answer, error) {
	found, err := d.Index.Lookup(s.query())
	if err != nil {
		return policy.Outcome{}, Answer{}, err
	}
	out := d.Rules.Decide(policy.Facts{Surface: c.Surface, Jurisdiction: c.Jurisdiction, Scan: s.scan,
		ScanReason: s.reason, Findings: found})
	for _, err := range out.Errors {
		d.Log.ErrorContext(ctx, "policy rule failed; holding", "error", err)
	}
	return out, Answer{ID: safety.NewID("chk", d.Now()), Verdict: out.Verdict, Scan: s.scan, ScanReason: s.reason,
		Findings: found, PolicyVersion: out.Version}, nil
}

func (c Content) upload(s seen, now time.Time) match.Upload {
	return match.Upload{ContentID: c.ContentID, AccountID: c.AccountID, Surface: c.Surface, Jurisdiction: c.Jurisdiction, At: now,
		Query: s.query(), Scan: s.scan, Reason: s.reason, Format: s.report.Format}
}

// seen is what examination found out.
type seen struct {
	exact   []safety.Hash
	near    []match.Near
	video   []match.Video
	prints  []safety.Hash // from the operator's hashers
	scan    safety.ScanState
	reason  string
	digests media.Digests
	report  media.Report
	pdq     string
}

func (s *seen) query() match.Query {
	return match.Query{Exact: s.exact, Near: s.near, Video: s.video, Prints: s.prints}
}

func (s *seen) digest(h safety.Hash) {
	switch h.Type {
	case safety.MD5:
		s.digests.MD5 = h
	case safety.SHA1:
		s.digests.SHA1 = h
	case safety.SHA256:
		s.digests.SHA256 = h
	}
}

func (d *Desk) examine(ctx context.Context, c Content) (seen, error) {
	if !d.Rules.Permits(match.KnownMedia, c.Surface, c.Jurisdiction) {
		return seen{scan: safety.ScanUnsupported, reason: "surface_not_permitted"}, nil
	}
	if c.File == nil {
		return d.given(c), nil
	}
	defer d.waiting.Add(-1)
	if d.waiting.Add(1) > maxWaiting {
		return seen{}, safety.Errorf(safety.RateLimited, "too many files wait to be examined; send this one again in a moment")
	}
	digests, err := media.Digest(bytes.NewReader(c.File))
	if err != nil {
		return seen{}, err
	}
	report, err := d.Pool.Examine(ctx, c.File)
	if err != nil {
		return seen{}, safety.Wrap(safety.Unavailable, err, "the file cannot be examined at the moment")
	}
	s := seen{exact: []safety.Hash{digests.SHA256, digests.SHA1, digests.MD5}, scan: report.Scan, reason: report.Reason,
		digests: digests, report: report, near: near(report)}
	if report.Streams > 0 {
		s.video = video(report)
	} else if len(report.Hashes) > 0 {
		s.pdq = report.Hashes[0].PDQ.String()
	}
	d.askHashers(ctx, c, &s)
	return s, ctx.Err()
}

func near(r media.Report) []match.Near {
	out := make([]match.Near, 0, len(r.Hashes)+len(r.Undone))
	for _, h := range slices.Concat(r.Hashes, r.Undone) {
		out = append(out, match.Near{Hash: h.PDQ, Quality: h.Quality, Variant: h.Variant, Frame: h.Frame, At: h.At})
	}
	return out
}

// video is a video's frames in all eight orientations: mirroring one is the
// cheapest of edits.
func video(r media.Report) []match.Video {
	var out []match.Video
	for _, v := range pdq.VariantNames() {
		out = append(out, match.Video{Variant: v, Frames: r.Video(v)})
	}
	return out
}

// given is for services that hash themselves. Only a perceptual and an exact
// hash together, with what an operator's hashers of pictures would give, are a
// complete examination.
func (d *Desk) given(c Content) seen {
	s := seen{scan: safety.ScanScanned}
	exact := false
	for _, h := range c.Hashes {
		switch h.Type {
		case safety.PDQ:
			s.pdq = h.Value
			s.near = []match.Near{{Hash: pdq.Hash(h.Bytes()), Quality: c.PDQQuality, Variant: "original"}}
		default:
			s.digest(h)
		}
		if h.Type.Opaque() {
			s.prints = append(s.prints, h)
		} else if h.Type != safety.PDQ {
			exact = true
			s.exact = append(s.exact, h)
		}
	}
	if !exact || s.pdq == "" || d.lacksPrint(c, s.prints) {
		s.scan, s.reason = safety.ScanPartial, "hashes_incomplete"
	}
	return s
}

// commit makes the effects of a decision durable before it is answered.
func (d *Desk) commit(ctx context.Context, c Content, s seen, a Answer, out policy.Outcome) (Answer, error) {
	verdict := a.Verdict
	err := d.Store.Tx(ctx, func(tx *store.Tx) error {
		var err error
		a.CaseID = ""
		if a.Verdict, err = d.withinQuota(ctx, tx, verdict); err != nil {
			return err
		}
		fresh := true
		if out.Case != nil {
			opened, err := d.Cases.Open(ctx, tx, caseContent(c, s, a, *out.Case, d.Now()))
			if err != nil {
				return err
			}
			a.CaseID, fresh = opened.CaseID, opened.New
		}
		if !fresh {
			return nil // the platform was told when this came the first time
		}
		flooded, err := d.Lists.Seen(ctx, tx, a.Findings)
		if err != nil {
			return err
		}
		for _, s := range flooded {
			if err := d.Announce(ctx, tx, safety.Event{Type: "signal.quarantined", Subject: s,
				Data: map[string]any{"signal_id": s}}); err != nil {
				return err
			}
		}
		if err := d.acted(ctx, tx, c, s, a); err != nil {
			return err
		}
		return d.Announce(ctx, tx, safety.Event{Type: "verdict.made", Subject: a.CaseID, Data: map[string]any{
			"check_id": a.ID, "content_id": c.ContentID, "account_id": c.AccountID, "verdict": string(a.Verdict),
			"scan": string(a.Scan), "case_id": a.CaseID, "policy_version": a.PolicyVersion}})
	})
	return a, err
}

// acted tells of a verdict that opened no case.
func (d *Desk) acted(ctx context.Context, tx *store.Tx, c Content, s seen, a Answer) error {
	if d.Acted == nil || a.CaseID != "" {
		return nil
	}
	act := Acted{CheckID: a.ID, ContentID: c.ContentID, AccountID: c.AccountID, Verdict: a.Verdict, Format: s.report.Format, CreatedAt: c.CreatedAt}
	for _, f := range a.Findings {
		act.Kinds = append(act.Kinds, f.Kind)
	}
	return d.Acted(ctx, tx, act)
}

// withinQuota spends the circuit breakers on a verdict and returns what is
// given: the verdict, or what the policy wants once a breaker has tripped.
func (d *Desk) withinQuota(ctx context.Context, tx *store.Tx, v safety.Verdict) (safety.Verdict, error) {
	day := d.Now().UTC().Format(time.DateOnly)
	out := v
	for _, q := range d.Rules.Quotas() {
		if q.Verdict != v {
			continue
		}
		used, err := tx.UseQuota(ctx, day, q.Name)
		if err != nil {
			return v, fmt.Errorf("counting quota: %w", err)
		}
		if used > q.PerDay {
			out = q.Then
		}
	}
	return out, nil
}

func caseContent(c Content, s seen, a Answer, e policy.CaseEffect, now time.Time) cases.Content {
	out := cases.Content{ContentID: c.ContentID, AccountID: c.AccountID, Surface: c.Surface, Jurisdiction: c.Jurisdiction,
		Filename: c.Filename, URL: c.URL, IP: c.IP, Port: c.Port, CreatedAt: c.CreatedAt, ReceivedAt: now,
		Verdict: a.Verdict, Scan: a.Scan, ScanReason: a.ScanReason, PolicyVersion: a.PolicyVersion, Findings: a.Findings,
		Format: s.report.Format, Width: s.report.Width, Height: s.report.Height, Frames: s.report.Frames,
		Size: int64(len(c.File)), SHA256: s.digests.SHA256.Value, SHA1: s.digests.SHA1.Value, MD5: s.digests.MD5.Value, PDQ: s.pdq, Looks: looks(s),
		Original: c.File, MediaType: MediaType(s.report.Format), Preview: s.report.PreviewPNG,
		Queue: e.Queue, Priority: e.Priority, Reason: e.Reason, Canary: onlyCanary(a.Findings)}
	return out
}

// looks are the hashes that say which picture this is. A film or an animation has
// many frames, of which the first says little.
func looks(s seen) []pdq.Hash {
	if s.pdq == "" || s.report.Frames > 1 || len(s.near) == 0 {
		return nil
	}
	out := []pdq.Hash{s.near[0].Hash}
	for _, n := range s.near[1:] {
		if n.Frame == 0 && slices.Contains(orientations, n.Variant) {
			out = append(out, n.Hash)
		}
	}
	return cases.Looks(s.near[0].Quality, out...)
}

// orientations are the variants that are the same picture turned or mirrored.
var orientations = func() []string { v := pdq.VariantNames(); return v[1:] }()

// onlyCanary reports whether nothing but the canary was found: one real finding
// makes it a real case.
func onlyCanary(fs []safety.Finding) bool {
	for _, f := range fs {
		if f.Kind != safety.ListCanary {
			return false
		}
	}
	return len(fs) > 0
}

// MediaType is the media type (RFC 6838) of a format that package media knows.
func MediaType(format string) string {
	switch format {
	case "":
		return "application/octet-stream"
	case "avi":
		return "video/x-msvideo"
	case "mp4", "quicktime", "webm", "matroska":
		return "video/" + format
	}
	return "image/" + format
}
