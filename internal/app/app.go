package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/api"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/classify"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/disclosure"
	"github.com/rowan-safety/rowan/internal/fetch"
	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/match/exchange"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/takedown"
	"github.com/rowan-safety/rowan/internal/transparency"
	"github.com/rowan-safety/rowan/internal/vault"
	"github.com/rowan-safety/rowan/web"
)

// App is Rowan with everything opened. What a command does not need costs
// little: child processes and jobs start only in [App.Serve].
type App struct {
	Config   Config
	Log      *slog.Logger
	Store    *store.Store
	Ledger   *ledger.Log
	Vault    *vault.Vault
	Lists    *match.Lists
	Index    *match.Index
	Recents  *match.Recents
	Hashers  []*hasher.Hasher
	Policy   *policy.Policy
	Access   *access.Desk
	Cases    *cases.Desk
	Reports  *reporting.Desk
	Webhooks *stream.Webhooks

	Exchanges *exchange.Desk
	Custody   *custody.Desk
	Requests  *disclosure.Desk
	Witnesses *ledger.Witnesses
	Version   string // of this program
	LedgerKey string // the public one, as outsiders need it

	Measures     *measures.Desk
	Transparency *transparency.Desk
	Statements   *statement.Desk
	Takedowns    *takedown.Desk

	Events        *stream.Events // of a process that serves
	Conversations *conversation.Desk
	Scorers       []*classify.Scorer // who gives second opinions

	blobs *vault.Folder
	lock  *os.File
}

// Open opens the data folder and the database, making both when needed.
func Open(ctx context.Context, c Config, log *slog.Logger) (_ *App, err error) {
	a := &App{Config: c, Log: log, Version: buildVersion()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making data folder: %w", err)
	}
	if a.Policy, err = c.loadPolicy(); err != nil {
		return nil, err
	}
	if a.Store, err = store.Open(ctx, c.DatabaseURL, log); err != nil {
		return nil, err
	}
	signer, err := ledgerKeys(c.Data)
	if err != nil {
		return nil, err
	}
	a.Ledger = ledger.NewLog(a.Store, signer, time.Now, func(checkpoint string) error {
		return writeFile(filepath.Join(c.Data, "ledger.checkpoint"), checkpoint)
	})
	if err := a.openVault(); err != nil {
		return nil, err
	}
	a.Lists, a.Index = match.NewLists(a.Store, time.Now), match.NewIndex(a.Store, time.Now, log)
	a.Lists.SetFlood(c.Match.FloodPerHour)
	a.Recents = match.NewRecents(a.Store, time.Duration(c.Match.RetroDays)*24*time.Hour, time.Now, log)
	a.Recents.SetRoom(c.Match.RetroBytes)
	a.openHashers()
	if err := a.Lists.EnsureCanary(ctx); err != nil {
		return nil, err
	}
	if a.Access, err = access.NewDesk(a.Store, time.Now, c.PublicURL); err != nil {
		return nil, err
	}
	a.Webhooks = stream.NewWebhooks(a.Store, time.Now)
	return a, a.openDesks()
}

func (a *App) openVault() error {
	master, err := vault.LoadMaster(a.Config.Evidence.KeyFile)
	if err != nil {
		return err
	}
	if a.blobs, err = vault.OpenFolder(filepath.Join(a.Config.Data, "evidence")); err != nil {
		return err
	}
	a.Vault = vault.New(a.Store, master, a.blobs, time.Now)
	a.Vault.SetReserve(max(a.Config.Evidence.ReserveBytes, 0))
	a.Vault.SetTrust(vault.Trust{Gap: time.Duration(a.Config.Evidence.TrustGapHours) * time.Hour})
	return nil
}

func (a *App) openDesks() error {
	a.Exchanges = exchange.NewDesk(a.Store, a.Lists, a.Vault, filepath.Join(a.Config.Data, "imports"), time.Now, a.Log)
	a.Exchanges.NoUploads = a.Config.Match.RetroDays <= 0
	r := a.Config.Reporting
	client, err := cybertip.New(cybertip.Config{BaseURL: r.URL, Username: r.Username, Password: r.Password})
	if err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	keep := time.Duration(a.Config.Evidence.KeepNotConfirmedDays) * 24 * time.Hour
	desk, err := r.desk(client, keep)
	if err != nil {
		return err
	}
	a.Reports = reporting.NewDesk(a.Store, a.Vault, time.Now, desk, reporting.Hooks{Announce: a.Webhooks.Announce})
	a.Cases = cases.NewDesk(a.Store, a.Vault, time.Now, keep, cases.Hooks{Announce: a.announceCase, Retract: a.retractCase,
		Draft: a.Reports.Draft, Withdraw: a.Reports.Withdraw, Judged: a.Lists.Judged, Vote: a.vote, Unvote: a.Exchanges.Withdraw})
	a.Transparency = transparency.NewDesk(a.Store, time.Now)
	if a.Measures, err = measures.NewDesk(a.Store, time.Now, a.Log, a.probes()); err != nil {
		return err
	}
	a.openStatements()
	a.openTakedowns()
	if err := a.openConversations(); err != nil {
		return err
	}
	return a.openCustody()
}

// openCustody opens the desk of evidence bundles.
func (a *App) openCustody() error {
	key, err := os.ReadFile(filepath.Join(a.Config.Data, "keys", "ledger.pub"))
	if err != nil {
		return fmt.Errorf("reading ledger's public key: %w", err)
	}
	a.LedgerKey = strings.TrimSpace(string(key))
	cfg := custody.Config{Platform: a.Config.Reporting.Platform, Version: a.Version, Key: a.LedgerKey}
	if e := a.Config.Evidence; e.TimestampURL != "" {
		authority := &custody.Authority{URL: e.TimestampURL}
		if e.TimestampCA != "" {
			text, err := os.ReadFile(e.TimestampCA)
			if err != nil {
				return fmt.Errorf("evidence.timestamp_ca: %w", err)
			}
			if authority.Roots = x509.NewCertPool(); !authority.Roots.AppendCertsFromPEM(text) {
				return errors.New("evidence.timestamp_ca: holds no certificate")
			}
		}
		cfg.Stamp = authority.Stamp
	}
	var list []ledger.Witness
	for _, w := range a.Config.Ledger.Witnesses {
		k, err := proof.ParseKey(w.Key)
		if err != nil {
			return fmt.Errorf("ledger.witnesses: %w", err)
		}
		list = append(list, ledger.Witness{URL: w.URL, Key: k})
	}
	a.Witnesses = ledger.NewWitnesses(a.Ledger, list, nil)
	if len(list) > 0 {
		cfg.Witness = func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := a.Witnesses.AskNow(ctx); err != nil {
				a.Log.WarnContext(ctx, "witnesses were not asked for a bundle", "error", err)
			}
		}
	}
	a.Custody = custody.NewDesk(a.Store, a.Vault, a.Ledger, time.Now, cfg)
	a.Requests = disclosure.NewDesk(a.Store, a.Vault, time.Now, disclosure.Hooks{Bundle: a.bundle})
	return nil
}

// Close releases everything.
func (a *App) Close() error {
	var errs error
	if a.Events != nil {
		errs = errors.Join(errs, a.Events.Close())
	}
	if a.blobs != nil {
		errs = errors.Join(errs, a.blobs.Close())
	}
	if a.Store != nil {
		errs = errors.Join(errs, a.Store.Close())
	}
	if a.lock != nil {
		errs = errors.Join(errs, a.lock.Close())
	}
	return errs
}

// NewPool starts the decoding children.
func (a *App) NewPool(ctx context.Context) (*media.Pool, error) {
	m := a.Config.Media
	return media.NewPool(ctx, media.Config{Children: m.Children, AllowUnsandboxed: m.AllowUnsandboxed,
		Video: media.VideoConfig{Program: m.FFmpeg, Require: m.RequireVideo},
		// Every distinct frame of an ordinary animation is looked up.
		Limits: media.Limits{MaxBytes: m.MaxFileBytes, ChildData: m.ChildMemoryBytes, MaxHashed: 256, Undo: m.Undo,
			VideoTimeout: time.Duration(m.VideoSeconds) * time.Second}})
}

// NewIntake returns the desk that checks content.
func (a *App) NewIntake(pool *media.Pool) *intake.Desk {
	return intake.NewDesk(intake.Parts{Store: a.Store, Index: a.Index, Lists: a.Lists, Recents: a.Recents, Pool: pool, Rules: a.Policy, Hashers: a.Hashers,
		Cases: a.Cases, Announce: a.Webhooks.Announce, Acted: a.acted, Room: a.Vault.Room, Now: time.Now, Log: a.Log})
}

// Serve answers requests and works on jobs until ctx ends. started is called
// once with the address that is listened on, when Rowan is ready.
func (a *App) Serve(ctx context.Context, version string, started func(addr string)) error {
	if err := a.takeLock(); err != nil {
		return err
	}
	if err := a.openEvents(ctx); err != nil {
		return err
	}
	pool, err := a.NewPool(ctx)
	if err != nil {
		return fmt.Errorf("starting decoders: %w", err)
	}
	defer pool.Close()
	a.Log.Info("decoders run confined", "sandbox", pool.Sandbox())
	if note, ok := pool.Video(ctx); ok {
		a.Log.Info("videos are decoded", "by", note)
	} else {
		a.Log.Warn("videos are answered unsupported", "reason", note)
	}
	if n, err := a.Index.LoadSnapshot(ctx, a.snapshot()); err == nil {
		a.Log.Info("lists begin with a snapshot", "signals", n)
	} else if !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("the snapshot of the lists is not used", "error", err)
	}
	if err := a.Index.Refresh(ctx); err != nil {
		return err
	}
	publisher, err := a.publisher()
	if err != nil {
		return err
	}
	a.Reports.UseMetadata(pictureMetadata(pool))
	in := a.NewIntake(pool)
	metrics := newTelemetry(a, in, pool)
	handler := api.New(a.deps(version, pool, in, metrics)).Handler()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	stop, err := a.startJobs(ctx, in)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if p, err := a.Vault.Look(ctx); err == nil && p.Paused { // an error comes back with the first round
		a.Log.Warn("destruction is paused until a person has looked at the clock", "reason", p.Reason)
	}
	background, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if publisher != nil {
		wg.Go(func() { publisher.Run(background) })
	}
	wg.Go(func() { a.follow(background) })
	wg.Go(func() { a.ingest(background) })
	wg.Go(func() { a.Index.Run(background) })
	wg.Go(func() { a.sealLoop(background) })
	wg.Go(func() { a.witnessLoop(background) })
	wg.Go(func() { a.Recents.Run(background) })
	wg.Go(func() { a.snapshots(background) })
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	started(listener.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	done, end := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer end()
	err = errors.Join(err, ignoreClosed(server.Shutdown(done)), stop(done))
	cancel()
	wg.Wait()
	_, sealErr := a.Ledger.Seal(done)
	return errors.Join(err, sealErr)
}

// pictureMetadata reads what pictures say of themselves, in confined children.
func pictureMetadata(pool *media.Pool) reporting.Metadata {
	return func(ctx context.Context, file []byte) ([]reporting.NamedValue, error) {
		tags, err := pool.Metadata(ctx, file)
		if errors.Is(err, media.ErrNoMetadata) {
			return nil, nil
		}
		out := make([]reporting.NamedValue, len(tags))
		for i, t := range tags {
			out[i] = reporting.NamedValue{Name: t.Name, Value: t.Value}
		}
		return out, err
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (a *App) deps(version string, pool *media.Pool, in *intake.Desk, t *telemetry) api.Deps {
	f := a.Config.Fetch
	return api.Deps{Store: a.Store, Fetch: fetch.New(fetch.Config{Hosts: f.Hosts, AllowHTTP: f.AllowHTTP,
		AllowPrivate: f.AllowPrivate, MaxBytes: a.Config.Media.MaxFileBytes}),
		Access: a.Access, Intake: in, Lists: a.Lists, Index: a.Index, Pool: pool, Cases: a.Cases,
		Reports: a.Reports, Exchanges: a.Exchanges, Measures: a.Measures, Transparency: a.Transparency, Statements: a.Statements, Takedowns: a.Takedowns, Remembered: a.Recents.Flush,
		Custody: a.Custody, Requests: a.Requests, Events: a.Events, Conversations: a.Conversations, LedgerPublic: a.Config.Ledger.Public, Vault: a.Vault, Ledger: a.Ledger, Webhooks: a.Webhooks, Console: web.Console(), Metrics: t.handler(),
		Observe: t.observe, Now: time.Now, Log: a.Log, Version: version, PublicURL: a.Config.PublicURL,
		SecureCookies: strings.HasPrefix(a.Config.PublicURL, "https:"), MaxFile: a.Config.Media.MaxFileBytes}
}

// expireArgs is the job that destroys what no clock keeps any more.
type expireArgs struct{}

// Kind names the job.
func (expireArgs) Kind() string { return "vault_expire" }

func (a *App) startJobs(ctx context.Context, in *intake.Desk) (stop func(context.Context) error, err error) {
	jobs := store.NewJobs()
	store.Handle(jobs, func(ctx context.Context, args reporting.FileArgs) error { return a.Reports.File(ctx, args.ReportID) })
	store.Handle(jobs, func(ctx context.Context, _ reporting.SweepArgs) error { return a.Reports.Sweep(ctx) })
	store.Handle(jobs, func(ctx context.Context, args stream.DeliverArgs) error {
		return a.Webhooks.Deliver(ctx, args.DeliveryID)
	})
	store.Handle(jobs, func(ctx context.Context, _ stream.SweepArgs) error { return a.Webhooks.Sweep(ctx) })
	store.Handle(jobs, func(ctx context.Context, args exchange.SyncArgs) error { return a.Exchanges.Sync(ctx, args.ExchangeID) })
	store.Handle(jobs, func(ctx context.Context, _ exchange.DueArgs) error { return a.Exchanges.Due(ctx) })
	store.Handle(jobs, func(ctx context.Context, _ exchange.VoteArgs) error { return a.Exchanges.Send(ctx) })
	store.Handle(jobs, func(ctx context.Context, _ expireArgs) error { return a.expire(ctx) })
	store.Handle(jobs, func(ctx context.Context, _ retroArgs) error { return a.retro(ctx, in) })
	store.Handle(jobs, func(ctx context.Context, _ reporting.LateArgs) error { _, err := a.Reports.Late(ctx); return err })
	store.Handle(jobs, func(ctx context.Context, _ reporting.SchemaArgs) error {
		_, err := a.Reports.CheckSchema(ctx)
		return err
	})
	jobs.Every(time.Minute, reporting.LateArgs{})
	jobs.Every(24*time.Hour, reporting.SchemaArgs{})
	jobs.Every(5*time.Second, retroArgs{})
	jobs.Every(time.Minute, reporting.SweepArgs{})
	jobs.Every(time.Minute, stream.SweepArgs{})
	jobs.Every(30*time.Second, exchange.DueArgs{})
	jobs.Every(time.Minute, exchange.VoteArgs{})
	store.Handle(jobs, func(ctx context.Context, _ statement.SendArgs) error { return a.Statements.Send(ctx) })
	jobs.Every(30*time.Second, statement.SendArgs{})
	store.Handle(jobs, func(ctx context.Context, _ takedown.SearchArgs) error { return a.searchTakedowns(ctx) })
	store.Handle(jobs, func(ctx context.Context, _ takedown.WatchArgs) error { _, err := a.Takedowns.Watch(ctx); return err })
	jobs.Every(5*time.Second, takedown.SearchArgs{})
	jobs.Every(time.Minute, takedown.WatchArgs{})
	jobs.Every(time.Hour, expireArgs{})
	a.conversationJobs(jobs)
	// With SQLite the lock on the data folder says that nobody else is at work.
	alone := a.Store.Engine() == store.SQLite
	if err := errors.Join(a.Reports.Resume(ctx, alone), a.Exchanges.Resume(ctx, alone)); err != nil {
		return nil, err
	}
	return a.Store.Start(context.WithoutCancel(ctx), jobs)
}

// vote carries a reviewer's judgement to the exchanges of the signals that had
// matched.
func (a *App) vote(ctx context.Context, tx *store.Tx, caseID string, signals []string, confirmed bool) error {
	v := exchange.Verdict{CaseID: caseID, Affirmative: confirmed, NotBefore: time.Now().Add(exchange.VoteDelay)}
	for _, s := range signals {
		if err := a.Exchanges.Feedback(ctx, tx, s, v); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) snapshot() string { return filepath.Join(a.Config.Data, "lists.snapshot") }

// snapshots keeps a snapshot of large lists, for the next start.
func (a *App) snapshots(ctx context.Context) {
	const worth = 20_000 // signals: fewer are read at once
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for last := 0; ; {
		if n := a.Index.Signals(); n != last && n >= worth {
			if err := match.WriteSnapshot(ctx, a.Store, a.snapshot()); err != nil && ctx.Err() == nil {
				a.Log.ErrorContext(ctx, "no snapshot of the lists", "error", err)
			} else {
				last = n
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// retroArgs is the job that holds recent uploads against lists that have grown.
type retroArgs struct{}

// Kind names the job.
func (retroArgs) Kind() string { return "retro_match" }

func (a *App) retro(ctx context.Context, in *intake.Desk) error {
	if err := a.Index.Refresh(ctx); err != nil { // what is found must be found again by the check
		return err
	}
	n, err := a.Recents.Retro(ctx, in.Again)
	if n > 0 {
		a.Log.InfoContext(ctx, "uploads found again after a list grew", "uploads", n)
	}
	return err
}

func (a *App) expire(ctx context.Context) error {
	if p, err := a.Vault.Look(ctx); err != nil {
		return err
	} else if p.Paused {
		a.Log.WarnContext(ctx, "destruction is paused until a person has looked at the clock", "reason", p.Reason)
	}
	// One that fails does not keep the others from their work.
	cases, err := a.Vault.Expire(ctx)
	bodies, sweepErr := a.Vault.Sweep(ctx)
	erased, eraseErr := a.Vault.Erasures(ctx)
	if cases > 0 || bodies > 0 || erased > 0 {
		a.Log.InfoContext(ctx, "evidence destroyed", "cases", cases, "orphans", bodies, "accounts", erased)
	}
	if err := errors.Join(err, sweepErr, eraseErr); err != nil {
		return fmt.Errorf("destroying what no clock keeps: %w", err)
	}
	if _, err := a.Recents.Forget(ctx); err != nil {
		return err
	}
	_, err = a.Store.Read().ForgetIdempotent(ctx, store.Micros(time.Now().Add(-24*time.Hour)))
	return err
}

// sealLoop keeps the time short in which an entry is not yet in the tree.
func (a *App) sealLoop(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := a.Ledger.Seal(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "ledger cannot be sealed", "error", err)
		}
	}
}

// witnessLoop shows the newest checkpoint to the witnesses.
func (a *App) witnessLoop(ctx context.Context) {
	if len(a.Config.Ledger.Witnesses) == 0 {
		return
	}
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		if err := a.Witnesses.Ask(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "witnesses cannot be asked", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// buildVersion is what the build says of itself; serve's own stamp is finer.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// NewLogger writes structured logs without personal data.
func NewLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}
