package reporting

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// FileArgs is the durable job that carries one approved report to filed.
type FileArgs struct {
	ReportID string `json:"report_id"`
}

// Kind names the job.
func (FileArgs) Kind() string { return "report_file" }

// SweepArgs is the durable job that finds reports which nobody is working on.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "report_sweep" }

const (
	// lease is how long one worker holds a report without a sign of life. Every
	// stored step renews it. It must exceed the longest single call.
	lease = 5 * time.Minute
	// callLimit bounds one call to the authority.
	callLimit = 4 * time.Minute
	// openFor is how long after its last change an open report may still be
	// added to. The authority deletes it an hour after (or 24 hours after it
	// was opened, whichever is later); this stays well inside.
	openFor = 50 * time.Minute
)

// File states. An intent ("uploading") that is found after a crash means that
// nobody knows whether the call was carried out, and so the report is retracted
// and begun again: a file sent twice would stand in it twice.
type fileState string

const (
	fileWaiting    fileState = "waiting"
	fileUploading  fileState = "uploading"
	fileUploaded   fileState = "uploaded"
	fileDescribing fileState = "describing"
	fileDescribed  fileState = "described"
)

// errLost says that another worker has taken the report over.
var errLost = errors.New("another worker holds this report now")

// filing is one worker's turn at one report.
type filing struct {
	d       *Desk
	r       db.Report
	epoch   int64
	refusal error // why the report goes back to a person
}

// File takes a report as far as it gets. It returns nil when the report needs
// no more work or somebody else is at it, and a pause (store.Later) when it
// must be tried again.
func (d *Desk) File(ctx context.Context, reportID string) error {
	now := d.now()
	r, err := d.store.Read().ClaimReport(ctx, db.ClaimReportParams{ID: reportID, UpdatedAt: store.Micros(now), LeaseUntil: store.Micros(now.Add(lease)), Carried: false})
	if store.IsNotFound(err) {
		return nil // done, withdrawn, a draft again, or in other hands
	}
	if err != nil {
		return fmt.Errorf("claiming report: %w", err)
	}
	f := &filing{d: d, r: r, epoch: r.Epoch}
	for err == nil && f.r.State != string(Filed) && f.r.State != string(Draft) {
		err = f.step(ctx)
	}
	switch {
	case err == nil:
		return d.store.Read().ReleaseReport(ctx, r.ID, f.epoch)
	case errors.Is(err, errLost):
		return nil
	case errors.Is(err, errOnItsWay):
		// Nobody knows whether it arrived. A person must look; trying again could
		// file twice.
		return f.stuck(context.WithoutCancel(ctx), err)
	}
	return f.failed(context.WithoutCancel(ctx), err)
}

// step makes one call, or one decision, and stores what follows from it.
func (f *filing) step(ctx context.Context) error {
	if f.r.Environment != string(f.d.cfg.Environment) {
		return safety.Errorf(safety.Conflict, "this report was approved for %s, and Rowan now reports to %s", f.r.Environment, f.d.cfg.Environment)
	}
	if Authority(f.r.Authority) == NCA {
		return f.stepNCA(ctx)
	}
	if f.d.cfg.Client == nil {
		return safety.Errorf(safety.Unavailable, "no authority is configured")
	}
	switch State(f.r.State) {
	case Approved:
		return f.to(ctx, Opening, nil, nil)
	case Opening:
		return f.open(ctx)
	case Opened:
		return f.send(ctx)
	case Sealed:
		return f.finish(ctx)
	}
	return fmt.Errorf("report is in unknown state %q", f.r.State)
}

// open submits the document. No number is known here, so whatever an earlier
// turn may have opened was not and will not be finished, and expires at the
// authority.
func (f *filing) open(ctx context.Context) error {
	in, err := load(ctx, f.d.store.Read(), f.r.ID)
	if err != nil {
		return err
	}
	doc, err := cybertip.Marshal(f.d.compile(in))
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	resp, err := f.d.cfg.Client.Submit(call, doc)
	if err != nil {
		if refused(err) {
			f.refusal = err
			return f.to(ctx, Draft, &resp.Exchange, err)
		}
		if errors.Is(err, cybertip.ErrAmbiguous) {
			return errors.Join(f.to(ctx, Opening, &resp.Exchange, err), err)
		}
		return errors.Join(f.to(ctx, Approved, &resp.Exchange, err), err)
	}
	f.r.RemoteID = strconv.FormatInt(resp.ReportID, 10)
	f.r.OpenedAt = store.Micros(f.d.now())
	f.r.TouchedAt = f.r.OpenedAt
	return f.to(ctx, Opened, &resp.Exchange, nil)
}

// send uploads and describes the files one by one, and seals the report.
func (f *filing) send(ctx context.Context) error {
	remote, err := f.remote()
	if err != nil {
		return err
	}
	in, err := load(ctx, f.d.store.Read(), f.r.ID)
	if err != nil {
		return err
	}
	if f.d.now().Sub(store.Time(f.r.TouchedAt)) > openFor {
		return f.retract(ctx, Approved)
	}
	for _, file := range in.files {
		switch fileState(file.row.State) {
		case fileDescribed:
			continue
		case fileUploading, fileDescribing:
			return f.retract(ctx, Approved)
		case fileWaiting:
			return f.upload(ctx, remote, file)
		case fileUploaded:
			return f.describe(ctx, in, remote, file)
		}
	}
	return f.to(ctx, Sealed, nil, nil)
}

func (f *filing) upload(ctx context.Context, remote int64, file file) error {
	data, e, err := f.d.vault.Open(ctx, file.row.EvidenceID)
	if err != nil {
		return err
	}
	file.row.State = string(fileUploading)
	if err := f.setFile(ctx, file.row, nil); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	resp, err := f.d.cfg.Client.Upload(call, remote, uploadName(file), bytes.NewReader(data), e.Size)
	if err != nil {
		return f.fileTrouble(ctx, &resp.Exchange, err)
	}
	file.row.State, file.row.RemoteFileID, file.row.Md5 = string(fileUploaded), resp.FileID, resp.Hash
	return f.setFile(ctx, file.row, &resp.Exchange)
}

func (f *filing) describe(ctx context.Context, in *input, remote int64, file file) error {
	exif, err := f.exif(ctx, file)
	if err != nil {
		return err
	}
	details := f.d.compileFile(in, file, remote, file.row.RemoteFileID, exif)
	if err := details.Validate(f.d.now()); err != nil {
		return f.fileTrouble(ctx, nil, err)
	}
	file.row.State = string(fileDescribing)
	if err := f.setFile(ctx, file.row, nil); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	resp, err := f.d.cfg.Client.FileInfo(call, details)
	if err != nil {
		return f.fileTrouble(ctx, &resp.Exchange, err)
	}
	file.row.State = string(fileDescribed)
	return f.setFile(ctx, file.row, &resp.Exchange)
}

// fileTrouble stores a failed call and takes the report back: to be begun again
// when that may help, to a person when the authority refuses what we send.
func (f *filing) fileTrouble(ctx context.Context, ex *cybertip.Exchange, cause error) error {
	if ex != nil {
		if err := f.note(ctx, *ex, cause); err != nil {
			return err
		}
	}
	next := Approved
	if _, invalid := errors.AsType[*cybertip.ValidationError](cause); invalid || refused(cause) {
		next, f.refusal = Draft, cause
	}
	if err := f.retract(ctx, next); err != nil {
		return errors.Join(cause, err)
	}
	if next == Draft || f.r.State == string(Filed) {
		return nil
	}
	return cause
}

// retract withdraws the open report, or learns what became of it.
func (f *filing) retract(ctx context.Context, next State) error {
	remote, err := f.remote()
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	resp, err := f.d.cfg.Client.Retract(call, remote)
	class, _ := cybertip.Classify(err)
	switch {
	case err == nil, class == cybertip.Gone:
		f.r.RemoteID = ""
		return f.to(ctx, next, &resp.Exchange, err)
	case class == cybertip.Finished:
		// Ours, because nobody else knows the number; the answer stands for the
		// receipt that was lost.
		f.r.Receipt = resp.Exchange.Body
		return f.to(ctx, Filed, &resp.Exchange, err)
	}
	return errors.Join(f.note(ctx, resp.Exchange, err), err)
}

// finish files the report. The state says that this may have been done before.
func (f *filing) finish(ctx context.Context) error {
	remote, err := f.remote()
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	resp, err := f.d.cfg.Client.Finish(call, remote)
	class, _ := cybertip.Classify(err)
	switch {
	case err == nil, class == cybertip.Finished:
		f.r.Receipt = resp.Exchange.Body
		return f.to(ctx, Filed, &resp.Exchange, err)
	case class == cybertip.Gone:
		f.r.RemoteID = ""
		return f.to(ctx, Approved, &resp.Exchange, err)
	case refused(err):
		f.refusal = err
		return errors.Join(f.note(ctx, resp.Exchange, err), f.retract(ctx, Draft))
	}
	return errors.Join(f.note(ctx, resp.Exchange, err), err)
}

// refused reports whether the authority will never take this as it is.
func refused(err error) bool {
	class, ok := cybertip.Classify(err)
	return ok && class == cybertip.Terminal
}

func (f *filing) remote() (int64, error) {
	n, err := strconv.ParseInt(f.r.RemoteID, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("report in state %s has no number", f.r.State)
	}
	return n, nil
}

// to stores the next state together with the exchange that led to it.
func (f *filing) to(ctx context.Context, next State, ex *cybertip.Exchange, cause error) error {
	if !allowed(State(f.r.State), next) {
		return fmt.Errorf("report may not go from %s to %s", f.r.State, next)
	}
	ctx = context.WithoutCancel(ctx) // an answer that has arrived must be stored
	return f.d.store.Tx(ctx, func(tx *store.Tx) error {
		now := f.d.now()
		r := f.r
		r.State = string(next)
		switch next {
		case Filed:
			r.FiledAt = store.Micros(now)
		case Approved, Draft:
			r.RemoteID, r.OpenedAt, r.TouchedAt = "", 0, 0
			if err := tx.ForgetReportFiles(ctx, r.ID); err != nil {
				return fmt.Errorf("forgetting sent files: %w", err)
			}
		}
		if err := f.advance(ctx, tx, r); err != nil {
			return err
		}
		if err := f.refuse(ctx, tx, r); err != nil {
			return err
		}
		if err := f.keep(ctx, tx, ex, cause); err != nil {
			return err
		}
		if err := f.announce(ctx, tx, r, cause); err != nil {
			return err
		}
		f.r = r
		return nil
	})
}

// refuse puts the authority's refusal on a draft that goes back to a person, so
// that it is seen where failures are seen.
func (f *filing) refuse(ctx context.Context, tx *store.Tx, r db.Report) error {
	if r.State != string(Draft) || f.refusal == nil {
		return nil
	}
	_, err := tx.ReportFailed(ctx, db.ReportFailedParams{ID: r.ID, Epoch: f.epoch, LastError: explain(f.refusal), UpdatedAt: store.Micros(f.d.now())})
	if err != nil {
		return fmt.Errorf("storing refusal: %w", err)
	}
	return nil
}

// advance writes r if this worker still holds the report.
func (f *filing) advance(ctx context.Context, tx *store.Tx, r db.Report) error {
	now := f.d.now()
	n, err := tx.AdvanceReport(ctx, db.AdvanceReportParams{ID: r.ID, Epoch: f.epoch, State: r.State, RemoteID: r.RemoteID,
		Receipt: notNil(r.Receipt), OpenedAt: r.OpenedAt, TouchedAt: r.TouchedAt, FiledAt: r.FiledAt,
		UpdatedAt: store.Micros(now), LeaseUntil: store.Micros(now.Add(lease))})
	if err != nil {
		return fmt.Errorf("storing report: %w", err)
	}
	if n == 0 {
		return errLost
	}
	return nil
}

func (f *filing) setFile(ctx context.Context, row db.ReportFile, ex *cybertip.Exchange) error {
	ctx = context.WithoutCancel(ctx)
	return f.d.store.Tx(ctx, func(tx *store.Tx) error {
		r := f.r
		if ex != nil {
			r.TouchedAt = store.Micros(f.d.now())
		}
		if err := f.advance(ctx, tx, r); err != nil {
			return err
		}
		err := tx.SetReportFile(ctx, db.SetReportFileParams{ReportID: row.ReportID, EvidenceID: row.EvidenceID,
			Viewed: row.Viewed, Md5: row.Md5, RemoteFileID: row.RemoteFileID, State: row.State})
		if err != nil {
			return fmt.Errorf("storing file state: %w", err)
		}
		if err := f.keep(ctx, tx, ex, nil); err != nil {
			return err
		}
		f.r = r
		return nil
	})
}

// note stores an exchange that changed nothing.
func (f *filing) note(ctx context.Context, ex cybertip.Exchange, cause error) error {
	ctx = context.WithoutCancel(ctx)
	return f.d.store.Tx(ctx, func(tx *store.Tx) error { return f.keep(ctx, tx, &ex, cause) })
}

// keep stores exactly what was sent and what came back, as evidence of the
// filing itself.
func (f *filing) keep(ctx context.Context, tx *store.Tx, ex *cybertip.Exchange, cause error) error {
	if ex == nil {
		return nil
	}
	code, text := -1, ""
	if a, err := cybertip.ParseResponse(ex.Body); err == nil {
		code = a.Code
	}
	if cause != nil {
		text = cause.Error() // of package cybertip: never holds what was sent
	}
	err := tx.AddExchange(ctx, db.AddExchangeParams{ID: safety.NewID("exc", f.d.now()), ReportID: f.r.ID, At: store.Micros(ex.Started),
		Operation: ex.Op, Request: notNil(ex.RequestXML), HttpStatus: int64(ex.HTTPStatus), Code: int64(code),
		RequestID: ex.RequestID, Response: notNil(ex.Body), Error: text})
	if err != nil {
		return fmt.Errorf("storing exchange: %w", err)
	}
	return nil
}

// notNil makes b fit for a column that is not null; SQLite reads an empty value
// back as nil.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// announce writes the ledger row of a change of state and, at the end, starts
// the legal clock and tells the platform.
func (f *filing) announce(ctx context.Context, tx *store.Tx, r db.Report, cause error) error {
	detail := fmt.Sprintf("%s: %s", r.ID, r.State)
	if r.RemoteID != "" {
		detail += ", number " + r.RemoteID
	}
	if cause != nil {
		detail += " (" + cause.Error() + ")"
	}
	now := f.d.now()
	err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "report." + r.State, Subject: r.CaseID, Detail: detail})
	if err != nil || r.State != string(Filed) {
		return err
	}
	return f.d.filed(ctx, tx, r)
}

// filed starts the clocks of a filed report and tells the platform.
func (d *Desk) filed(ctx context.Context, tx *store.Tx, r db.Report) error {
	for _, c := range clocks(r, d.now()) {
		if err := d.vault.SetClock(ctx, tx, r.CaseID, c); err != nil {
			return err
		}
	}
	return d.hooks.Announce(ctx, tx, safety.Event{Type: "report.filed", Subject: r.CaseID,
		Data: map[string]any{"case_id": r.CaseID, "report_id": r.ID, "authority": r.Authority, "environment": r.Environment}})
}

// clocks are what the law keeps after a filing, from now. The table of laws is in
// package vault.
func clocks(r db.Report, now time.Time) []vault.Clock {
	what := "of report " + r.RemoteID
	switch Authority(r.Authority) {
	case NCMEC:
		return []vault.Clock{vault.USPreserve.Clock(now, what)}
	case NCA:
		// The second is the clock of the report's own row, which nothing deletes.
		return []vault.Clock{vault.UKContent.Clock(now, what), vault.UKReference.Clock(now, what)}
	}
	return nil
}

// failed records why a turn ended early and when the next one begins. There is
// no last attempt.
func (f *filing) failed(ctx context.Context, cause error) error {
	pause := backoff(f.r.Attempts, cause)
	now := f.d.now()
	n, err := f.d.store.Read().ReportFailed(ctx, db.ReportFailedParams{ID: f.r.ID, Epoch: f.epoch, LastError: explain(cause),
		NextAttemptAt: store.Micros(now.Add(pause)), UpdatedAt: store.Micros(now)})
	if err != nil {
		return errors.Join(cause, err)
	}
	if n == 0 {
		return nil // lost to another worker, who reports for itself
	}
	return store.Later(pause)
}

// backoff doubles from one second to ten minutes, and honours the authority's
// Retry-After.
func backoff(attempts int64, cause error) time.Duration {
	pause := min(time.Second<<min(attempts, 10), 10*time.Minute)
	if e, ok := errors.AsType[*cybertip.ResponseError](cause); ok && e.RetryAfter > pause {
		pause = min(e.RetryAfter, time.Hour)
	}
	return pause
}

// explain is the cause in words for the console: our own sentences and those
// of package cybertip, neither of which quotes what was sent.
func explain(cause error) string {
	class, ok := cybertip.Classify(cause)
	if ok && class == cybertip.Credentials {
		return "the authority refuses our credentials; an operator must act: " + cause.Error()
	}
	return cause.Error()
}

// Retry asks for an immediate attempt.
func (d *Desk) Retry(ctx context.Context, who safety.Actor, reportID string) error {
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.Report(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		switch State(r.State) {
		case Draft, Filed, Withdrawn:
			return safety.Errorf(safety.Conflict, "a report that is %s is not being filed", r.State)
		}
		if err := tx.Enqueue(ctx, FileArgs{ReportID: r.ID}, time.Time{}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.retry", Subject: r.CaseID, Detail: r.ID})
	})
}

// Resume puts every unfinished report back to work when a process starts. alone
// says that no other process can be at work on this database, so that leases
// left by a process that was killed need not run out.
func (d *Desk) Resume(ctx context.Context, alone bool) error {
	if alone {
		if err := d.store.Read().BreakReportLeases(ctx); err != nil {
			return fmt.Errorf("breaking leases: %w", err)
		}
	}
	return d.Sweep(ctx)
}

// Sweep enqueues every unfinished report that is due and that nobody holds: the
// net under the job queue.
func (d *Desk) Sweep(ctx context.Context) error {
	reports, err := d.store.Read().UnfinishedReports(ctx, false)
	if err != nil {
		return fmt.Errorf("looking for unfinished reports: %w", err)
	}
	now := store.Micros(d.now())
	for _, r := range reports {
		if r.LeaseUntil >= now || r.NextAttemptAt > now {
			continue
		}
		err := d.store.Tx(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, FileArgs{ReportID: r.ID}, time.Time{}) })
		if err != nil {
			return err
		}
	}
	return nil
}
