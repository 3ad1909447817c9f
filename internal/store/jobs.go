package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
)

// Jobs is the set of workers and schedules that a process runs. Rooms add to
// it; package app starts it.
type Jobs struct {
	workers  *river.Workers
	periodic []*river.PeriodicJob
}

// NewJobs returns an empty set.
func NewJobs() *Jobs { return &Jobs{workers: river.NewWorkers()} }

// Handle registers fn for jobs with args of type T. fn may return [Later] to
// be called again after a pause without counting as a failure; any other error
// counts, and is retried with growing pauses.
func Handle[T river.JobArgs](j *Jobs, fn func(ctx context.Context, args T) error) {
	river.AddWorker(j.workers, river.WorkFunc(func(ctx context.Context, job *river.Job[T]) error {
		return fn(ctx, job.Args)
	}))
}

// Every runs a job of the given args now and then once each interval, on one
// process of the fleet.
func (j *Jobs) Every(interval time.Duration, args river.JobArgs) {
	j.periodic = append(j.periodic, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) {
			// One at a time: a slow run must not pile up behind itself.
			return args, &river.InsertOpts{MaxAttempts: 1}
		}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// Later asks for the job to run again after d.
func Later(d time.Duration) error { return river.JobSnooze(d) }

// quiet lets only warnings through: River counts its jobs at level info, every
// few seconds.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(as []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(as)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// Start begins working on jobs. The returned function stops, waiting for
// running jobs until its context ends.
func (s *Store) Start(ctx context.Context, j *Jobs) (stop func(context.Context) error, err error) {
	c, err := river.NewClient(s.driver, &river.Config{
		Logger:            slog.New(quiet{s.log.Handler()}),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		Workers:           j.workers,
		PeriodicJobs:      j.periodic,
		FetchPollInterval: 250 * time.Millisecond, // neither engine's driver is told of new jobs
		JobTimeout:        10 * time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("starting job queue: %w", err)
	}
	return func(ctx context.Context) error {
		if err := c.Stop(ctx); err != nil {
			return c.StopAndCancel(context.WithoutCancel(ctx))
		}
		return nil
	}, nil
}
