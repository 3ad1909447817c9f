package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// EventsConfig says where events are kept between their arrival and long after
// they have been applied.
type EventsConfig struct {
	URL         string        // nats://… or tls://…; "" embeds a broker in this process
	Dir         string        // of the embedded broker
	Partitions  int           // 1 to 256; 0 is the number of the first start, then 16
	KeepFor     time.Duration // how long applied events can be read and replayed; 0 is 72 h
	MaxBytes    int64         // what the broker keeps at most; publishing fails beyond; 0 is 8 GiB
	Replicas    int           // copies in an external broker; 0 is 3, and 1 when embedded
	Credentials string        // file of an external broker's user
	TLS         EventsTLS
	Key         []byte        // 32 bytes
	Lease       time.Duration // after which a silent worker's partitions are taken over; 0 is 10 s
	ApplyLimit  time.Duration // for one transaction; 0 is Lease
	Window      time.Duration // in which the broker itself knows repetitions; 0 is 2 min. Later ones are known by the database
}

func (c EventsConfig) withDefaults() (EventsConfig, error) {
	if c.Partitions < 0 || c.Partitions > 256 {
		return c, safety.Errorf(safety.Invalid, "the event stream has 1 to 256 partitions")
	}
	if c.URL == "" && c.Dir == "" {
		return c, safety.Errorf(safety.Invalid, "the event stream needs a broker's URL or a folder")
	}
	if c.Replicas == 0 {
		c.Replicas = 3
		if c.URL == "" {
			c.Replicas = 1
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.KeepFor, 72 * time.Hour}, {&c.Lease, 10 * time.Second}, {&c.Window, 2 * time.Minute}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.ApplyLimit <= 0 {
		c.ApplyLimit = c.Lease
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 8 << 30
	}
	return c, nil
}

// defaultPartitions is the number of a first start that names none.
const defaultPartitions = 16

// Events is the durable stream of events: [Events.Publish] puts them on disk,
// [Events.Work] applies each exactly once. It is safe for concurrent use.
type Events struct {
	*broker
	store      *store.Store
	cfg        EventsConfig
	now        func() time.Time
	log        *slog.Logger
	keys       *keyring
	partitions int
	id         string
	stream     jetstream.Stream
	maxBody    int
	groups     bool // the broker stores groups of events atomically
	// high is the highest sequence known to exist. A fresh event below it means
	// that the broker has lost its history.
	high      atomic.Uint64
	regressed atomic.Bool
	working   atomic.Bool
	counts    counters
	recent    *recent
	turns     chan struct{}     // at most so many transactions at once
	mail      chan *publication // small calls of Publish, to be sent together
	closed    chan struct{}
	once      sync.Once // closes closed
}

// OpenEvents connects to the broker, or starts the embedded one, and makes sure
// that its stream is the one of this database. Errors of kind safety.Conflict
// name what does not fit and the way out: another number of partitions, another
// key, a broker that holds another database's events or has lost this one's.
func OpenEvents(ctx context.Context, s *store.Store, c EventsConfig, now func() time.Time, log *slog.Logger) (*Events, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(c.Key)
	if err != nil {
		return nil, err
	}
	e := &Events{store: s, cfg: c, now: now, log: log, keys: keys, recent: newRecent(), turns: make(chan struct{}, 1),
		mail: make(chan *publication), closed: make(chan struct{})}
	if s.Engine() == store.Postgres {
		e.turns = make(chan struct{}, 8) // half of the store's connections
	}
	settings, err := e.settings(ctx)
	if err != nil {
		return nil, err
	}
	e.id, e.partitions = settings.StreamID, int(settings.Partitions)
	if e.broker, err = dial(ctx, c, log); err != nil {
		return nil, err
	}
	e.maxBody = min(MaxBody, int(e.nc.MaxPayload())-4<<10)
	if err := e.settle(ctx); err != nil {
		return nil, errors.Join(err, e.broker.close())
	}
	e.groups = e.stream.CachedInfo().Config.AllowAtomicPublish
	go e.carry()
	return e, nil
}

// Close ends the connection and the embedded broker. End [Events.Work] first.
func (e *Events) Close() error {
	e.once.Do(func() { close(e.closed) })
	return e.broker.close()
}

// settings reads what the first start has decided, or decides it.
func (e *Events) settings(ctx context.Context) (db.StreamSetting, error) {
	n := e.cfg.Partitions
	if n == 0 {
		n = defaultPartitions
	}
	var set db.StreamSetting
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.InitStream(ctx, db.InitStreamParams{StreamID: safety.NewID("str", e.now()), Partitions: int64(n),
			KeyCheck: e.keys.check, CreatedAt: store.Micros(e.now())})
		if err != nil {
			return err
		}
		if set, err = tx.LockStreamSettings(ctx); err != nil {
			return err
		}
		for p := range set.Partitions {
			if err := tx.InitPartition(ctx, p, 0); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return set, fmt.Errorf("reading the event stream's settings: %w", err)
	case e.cfg.Partitions != 0 && set.Partitions != int64(e.cfg.Partitions):
		return set, safety.Errorf(safety.Conflict, "the event stream has %d partitions and the configuration says %d: "+
			"set it back, or let the workers apply everything, stop every process and rebase the stream", set.Partitions, e.cfg.Partitions)
	case set.KeyCheck != e.keys.check:
		return set, safety.Errorf(safety.Conflict, "the event stream was sealed with another key: "+
			"configure that one, or let the workers apply everything with it, stop every process and rebase the stream")
	}
	return set, nil
}

// settle finds the stream in the broker or makes it, and checks that it is ours
// and has not lost what this database knows of.
func (e *Events) settle(ctx context.Context) error {
	set, err := e.store.Read().StreamSettings(ctx)
	if err != nil {
		return fmt.Errorf("reading the event stream's settings: %w", err)
	}
	found, err := e.js.Stream(ctx, streamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && set.Placed:
		return safety.Errorf(safety.Conflict, "the broker does not hold this database's event stream: connect the broker that does "+
			"(several processes need one by URL); if it is lost for good, rebase the stream, which gives up what was not applied")
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return e.place(ctx)
	case err != nil:
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	info := found.CachedInfo()
	if info.Config.Metadata[metaStream] != set.StreamID {
		return safety.Errorf(safety.Conflict, "the broker's stream %s belongs to another database", streamName)
	}
	if err := e.adjust(ctx, info.Config, streamConfig(e.cfg, set.StreamID, e.partitions, 0)); err != nil {
		return err
	}
	e.stream = found
	if !set.Placed {
		if _, err := e.store.Read().PlaceStream(ctx, int64(firstHeld(info.State)-1)); err != nil {
			return fmt.Errorf("placing the event stream: %w", err)
		}
	}
	return e.checkHistory(ctx)
}

// place makes the stream, above every sequence that was ever applied.
func (e *Events) place(ctx context.Context) error {
	last, err := e.highestApplied(ctx)
	if err != nil {
		return err
	}
	e.stream, err = e.js.CreateStream(ctx, streamConfig(e.cfg, e.id, e.partitions, last+1))
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the broker does not make the event stream")
	}
	n, err := e.store.Read().PlaceStream(ctx, int64(last))
	if err != nil {
		return fmt.Errorf("placing the event stream: %w", err)
	}
	if n == 0 && e.server != nil {
		return errors.Join(safety.Errorf(safety.Conflict, "another process has just embedded a broker for this database: several processes need one by URL"),
			e.js.DeleteStream(ctx, streamName))
	}
	e.high.Store(last)
	return nil
}

func (e *Events) highestApplied(ctx context.Context) (uint64, error) {
	rows, err := e.store.Read().StreamPartitions(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading partitions: %w", err)
	}
	var last int64
	for _, r := range rows {
		last = max(last, r.AppliedSeq)
	}
	return uint64(last), nil
}

// firstHeld is the first sequence that the stream can still give.
func firstHeld(s jetstream.StreamState) uint64 {
	if s.Msgs == 0 {
		return s.LastSeq + 1
	}
	return s.FirstSeq
}

// Outgoing is an event to be published. Source and ID together name it: an event
// of the same name is applied once, however often it is published. Conversation
// decides the partition; events of one conversation are applied in the order of
// their acknowledgement. Without one the event stands alone.
type Outgoing struct {
	Source, ID   string // 1 to 1024 bytes each
	Conversation string
	Body         []byte // at most [MaxBody]
}

// Envelope is an event as it is applied.
type Envelope struct {
	Seq        uint64
	Partition  int
	Key        string // of source and id, see [Events.Key]
	Source, ID string
	Body       []byte
	At         time.Time // of its arrival, by the publisher's clock
}

// Key is the name under which an event answers, a function of source and id.
func (e *Events) Key(source, id string) string { return e.keys.eventKey(source, id) }

// PartitionOf is the partition of a conversation.
func (e *Events) PartitionOf(conversation string) int {
	return e.keys.partitionOf(conversation, e.partitions)
}

// Partitions is how many there are.
func (e *Events) Partitions() int { return e.partitions }

// Get reads an event again. It is safety.NotFound when it was forgotten or never
// was, safety.Invalid when it cannot be opened.
func (e *Events) Get(ctx context.Context, seq uint64) (Envelope, error) {
	m, err := e.stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || seq == 0 {
		return Envelope{}, safety.Errorf(safety.NotFound, "no such event is kept")
	}
	if err != nil {
		return Envelope{}, safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	it := e.unpack(m.Subject, m.Header, m.Data, m.Sequence)
	return it.Envelope, it.bad
}

// item is a message of the broker on its way to be applied.
type item struct {
	Envelope
	sealed []byte
	replay string // id of the quarantined event, "" for others
	bad    error  // it cannot be opened
}

func (e *Events) unpack(subject string, header map[string][]string, data []byte, seq uint64) item {
	first := func(name string) string {
		if v := header[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	// A replay's message id has the quarantine's id behind the key.
	key, _, _ := strings.Cut(first(idHeader), ".")
	partition, _ := strconv.Atoi(strings.TrimPrefix(subject, subjectPrefix))
	it := item{Envelope: Envelope{Seq: seq, Partition: partition, Key: key}, sealed: data, replay: first(headerReplay)}
	l, err := e.keys.open(key, data)
	if err != nil {
		it.bad = err
		return it
	}
	it.Source, it.ID, it.Body, it.At = l.Source, l.ID, l.Body, l.At
	return it
}
