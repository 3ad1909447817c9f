package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
)

// What the broker knows: one stream with a subject for each partition.
const (
	streamName        = "ROWAN_EVENTS"
	subjectPrefix     = "rowan.events."
	metaStream        = "rowan.stream"  // which database the stream belongs to
	headerReplay      = "Rowan-Replay"  // id of the quarantined event that this replays
	headerGroup       = "Nats-Batch-Id" // of an atomic publication
	headerGroupSeq    = "Nats-Batch-Sequence"
	headerGroupCommit = "Nats-Batch-Commit"
	idHeader          = jetstream.MsgIDHeader // the event's key
)

// MaxBody is the largest body of an event in bytes. A broker of one's own may
// take less: max_payload less 4 KiB.
const MaxBody = 1 << 20

func subjectOf(partition int) string { return subjectPrefix + strconv.Itoa(partition) }

// broker is a connection, and the server behind it when that is embedded.
type broker struct {
	server *server.Server // nil when external
	nc     *nats.Conn
	js     jetstream.JetStream
}

func dial(ctx context.Context, c EventsConfig, log *slog.Logger) (*broker, error) {
	b := &broker{}
	opts := []nats.Option{
		nats.Name("rowan"), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.Timeout(5 * time.Second),
		// What cannot be sent now fails now: a publisher that waits must be told.
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("event broker", "err", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("event broker went away", "err", err)
			}
		}),
	}
	if c.URL == "" {
		srv, err := embed(ctx, c, log)
		if err != nil {
			return nil, err
		}
		b.server = srv
		opts = append(opts, nats.InProcessServer(srv))
	}
	if c.Credentials != "" {
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	opts = append(opts, c.TLS.options()...)
	var err error
	if b.nc, err = nats.Connect(c.URL, opts...); err != nil {
		return nil, errors.Join(safety.Wrap(safety.Unavailable, err, "the event broker does not answer"), b.close())
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(8192), jetstream.WithPublishAsyncTimeout(publishLimit),
		jetstream.WithDefaultTimeout(5*time.Second)); err != nil {
		return nil, errors.Join(fmt.Errorf("event broker: %w", err), b.close())
	}
	return b, nil
}

// publishLimit is how long an acknowledgement is waited for.
const publishLimit = 10 * time.Second

// EventsTLS are files in PEM for a connection by TLS: who signed the broker's
// certificate (the system's roots when empty), and the client's own.
type EventsTLS struct{ CA, Cert, Key string }

func (t EventsTLS) options() []nats.Option {
	var out []nats.Option
	if t.CA != "" {
		out = append(out, nats.RootCAs(t.CA))
	}
	if t.Cert != "" || t.Key != "" {
		out = append(out, nats.ClientCert(t.Cert, t.Key))
	}
	return out
}

// embed starts a server inside this process that nothing else can reach.
func embed(ctx context.Context, c EventsConfig, log *slog.Logger) (*server.Server, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the event stream: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "rowan", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: filepath.Clean(c.Dir),
		// Without it an acknowledged event may be only in memory.
		SyncAlways: true,
		MaxPayload: MaxBody + 64<<10, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: c.MaxBytes + c.MaxBytes/8 + 64<<20,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded event broker: %w", err)
	}
	srv.SetLoggerV2(serverLog{log}, false, false, false)
	srv.Start()
	for !srv.ReadyForConnections(100 * time.Millisecond) {
		if ctx.Err() != nil || !srv.Running() {
			srv.Shutdown()
			return nil, safety.Errorf(safety.Unavailable, "the embedded event broker did not start")
		}
	}
	if !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, safety.Errorf(safety.Unavailable, "the embedded event broker cannot use its folder")
	}
	return srv, nil
}

func (b *broker) close() error {
	if b.nc != nil {
		b.nc.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return nil
}

// serverLog passes on what an operator must know of the embedded server.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}
func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("embedded event broker", "message", fmt.Sprintf(format, v...))
}
func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("embedded event broker", "message", fmt.Sprintf(format, v...))
}
func (l serverLog) Fatalf(format string, v ...any) {
	l.log.Error("embedded event broker", "message", fmt.Sprintf(format, v...))
}

// streamConfig is how the stream must be. There is no limit of age: the broker
// would apply it to what nobody has applied yet ([Events.trim] does it instead).
func streamConfig(c EventsConfig, id string, partitions int, first uint64) jetstream.StreamConfig {
	subjects := make([]string, partitions)
	for p := range subjects {
		subjects[p] = subjectOf(p)
	}
	return jetstream.StreamConfig{
		Name: streamName, Subjects: subjects, Storage: jetstream.FileStorage, Replicas: c.Replicas,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, MaxBytes: c.MaxBytes,
		Duplicates: c.Window, DenyDelete: true, AllowAtomicPublish: true, FirstSeq: first,
		Metadata: map[string]string{metaStream: id},
	}
}

// sameConfig reports whether have is how the stream must be, as far as a
// running stream can be changed.
func sameConfig(have, want jetstream.StreamConfig) bool {
	return fmt.Sprint(have.Subjects) == fmt.Sprint(want.Subjects) && have.Replicas == want.Replicas && have.MaxBytes == want.MaxBytes &&
		have.Discard == want.Discard && have.Duplicates == want.Duplicates && have.MaxAge == want.MaxAge && have.AllowAtomicPublish == want.AllowAtomicPublish
}

// adjust brings an existing stream to its configuration.
func (b *broker) adjust(ctx context.Context, have, want jetstream.StreamConfig) error {
	if sameConfig(have, want) {
		return nil
	}
	next := have
	next.Subjects, next.Replicas, next.MaxBytes = want.Subjects, want.Replicas, want.MaxBytes
	next.Discard, next.Duplicates, next.MaxAge = want.Discard, want.Duplicates, want.MaxAge
	next.AllowAtomicPublish = want.AllowAtomicPublish
	next.Metadata = maps.Clone(have.Metadata)
	if _, err := b.js.UpdateStream(ctx, next); err != nil {
		return safety.Wrap(safety.Unavailable, err, "the broker does not change the event stream")
	}
	return nil
}
