package app

import (
	"context"
	"crypto/hkdf"
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
)

// ConversationsConfig is about what people write to children, and what accounts do.
type ConversationsConfig struct {
	// Private names the places where text of private conversations may be read, and
	// on which legal ground. It is read only where both sides' places are named. Default: nowhere.
	Private           map[string]string `yaml:"private" env:"ROWAN_CONVERSATIONS_PRIVATE"`                       // by country code: the legal ground
	Shadow            bool              `yaml:"shadow" env:"ROWAN_CONVERSATIONS_SHADOW"`                         // work everything out, do nothing
	DeviceIndicators  bool              `yaml:"device_indicators" env:"ROWAN_CONVERSATIONS_DEVICE_INDICATORS"`   // take indicators that apps have seen on a device
	AuditPerStratum   int               `yaml:"audit_per_stratum" env:"ROWAN_CONVERSATIONS_AUDIT_PER_STRATUM"`   // unflagged conversations drawn each day from each of four stretches of scores, for a person to look at; default 0
	UnknownIsNotChild bool              `yaml:"unknown_is_not_child" env:"ROWAN_CONVERSATIONS_UNKNOWN_NO_CHILD"` // contact checks treat accounts of unknown age as adults
	YoungUntil        *int              `yaml:"young_until"`                                                     // strangers of age cannot ask children under this age at all; default 13
	WordsDir          string            `yaml:"words_dir" env:"ROWAN_CONVERSATIONS_WORDS_DIR"`                   // word lists (*.txt) in place of the built-in ones
	WeightsFile       string            `yaml:"weights_file" env:"ROWAN_CONVERSATIONS_WEIGHTS_FILE"`             // in place of the built-in weights; see rowan talk fit
	Thresholds        *struct {
		Version  string `yaml:"version"`
		Tip      int64  `yaml:"tip"` // thousandths
		Friction int64  `yaml:"friction"`
		Review   int64  `yaml:"review"`
	} `yaml:"conduct_thresholds"`
}

// EventsConfig is the stream of events.
type EventsConfig struct {
	URL             string `yaml:"url" env:"ROWAN_EVENTS_URL"` // nats://… or tls://…; default: a broker in this process
	CredentialsFile string `yaml:"credentials_file" env:"ROWAN_EVENTS_CREDENTIALS_FILE"`
	Replicas        int    `yaml:"replicas" env:"ROWAN_EVENTS_REPLICAS"`     // of the stream, in a cluster; default 3, and 1 when embedded
	Partitions      int    `yaml:"partitions" env:"ROWAN_EVENTS_PARTITIONS"` // fixed at the first start; default 16
	KeepHours       int    `yaml:"keep_hours" env:"ROWAN_EVENTS_KEEP_HOURS"` // events, with their text, encrypted; default 72
	MaxBytes        int64  `yaml:"max_bytes" env:"ROWAN_EVENTS_MAX_BYTES"`   // of the stream; default 8 GiB
	KeyFile         string `yaml:"key_file" env:"ROWAN_EVENTS_KEY_FILE"`     // default DATA/keys/events.key
	CAFile          string `yaml:"ca_file" env:"ROWAN_EVENTS_CA_FILE"`       // who signed the broker's certificate
	Ingest          struct {
		URL             string `yaml:"url" env:"ROWAN_EVENTS_INGEST_URL"`       // of your own broker; none: events come over HTTP only
		Stream          string `yaml:"stream" env:"ROWAN_EVENTS_INGEST_STREAM"` // a JetStream stream with a CloudEvent in each message
		Subject         string `yaml:"subject" env:"ROWAN_EVENTS_INGEST_SUBJECT"`
		CredentialsFile string `yaml:"credentials_file" env:"ROWAN_EVENTS_INGEST_CREDENTIALS_FILE"`
	} `yaml:"ingest"`
}

// SignalsConfig is what signals to other platforms are made with.
type SignalsConfig struct {
	Provenance string `yaml:"provenance" env:"ROWAN_SIGNALS_PROVENANCE"` // the name under which you speak; none: nothing is shared
	KeyID      string `yaml:"key_id" env:"ROWAN_SIGNALS_KEY_ID"`         // of the key that recipients share
	KeyFile    string `yaml:"key_file" env:"ROWAN_SIGNALS_KEY_FILE"`     // at least 32 bytes
	key        []byte
}

func (c *SignalsConfig) complete() []error {
	if c.Provenance == "" {
		return nil
	}
	key, err := os.ReadFile(c.KeyFile)
	if c.key = key; err != nil || len(key) < 32 || c.KeyID == "" {
		return []error{errors.New("signals: key_id and a key_file of at least 32 bytes are needed")}
	}
	return nil
}

func (c *SignalsConfig) sharing() conversation.Sharing {
	return conversation.Sharing{Provenance: c.Provenance, Key: conduct.SignalKey{ID: c.KeyID, Secret: c.key}}
}

func (c *ConversationsConfig) complete() []error {
	var problems []error
	for place, ground := range c.Private {
		if place == "" || !safety.Jurisdiction(place).Valid() || strings.TrimSpace(ground) == "" {
			problems = append(problems, errors.New("conversations.private: needs a legal ground for each country code"))
		}
	}
	if c.AuditPerStratum < 0 || c.AuditPerStratum > 1000 {
		problems = append(problems, errors.New("conversations.audit_per_stratum: must be 0 to 1000"))
	}
	if c.YoungUntil != nil && (*c.YoungUntil < 0 || *c.YoungUntil > conduct.Adulthood) {
		problems = append(problems, errors.New("conversations.young_until: must be 0 to 18"))
	}
	if err := c.thresholds().Check(); err != nil {
		problems = append(problems, fmt.Errorf("conversations.conduct_thresholds: %w", err))
	}
	return problems
}

func (e *EventsConfig) complete(data string) []error {
	fill(&e.KeyFile, filepath.Join(data, "keys", "events.key"))
	if e.KeepHours == 0 {
		e.KeepHours = 72
	}
	if e.MaxBytes == 0 {
		e.MaxBytes = 8 << 30
	}
	if (e.Ingest.URL == "") != (e.Ingest.Stream == "") {
		return []error{errors.New("events.ingest: url and stream are needed together")}
	}
	if e.KeepHours < 1 || e.MaxBytes < 64<<20 || e.Partitions < 0 || e.Partitions > 256 || e.Replicas < 0 || e.Replicas > 5 {
		return []error{errors.New("events: keep_hours at least 1, max_bytes at least 64 MiB, at most 256 partitions and 5 replicas")}
	}
	return nil
}

func (c *ConversationsConfig) thresholds() conduct.Thresholds {
	if t := c.Thresholds; t != nil {
		return conduct.Thresholds{Version: t.Version, Tip: conduct.Points(t.Tip), Friction: conduct.Points(t.Friction), Review: conduct.Points(t.Review)}
	}
	return conduct.DefaultThresholds()
}

func (c *ConversationsConfig) switches() conduct.Switches {
	s := conduct.DefaultSwitches()
	s.UnknownIsChild = !c.UnknownIsNotChild
	if c.YoungUntil != nil {
		s.YoungUntil = *c.YoungUntil
	}
	s.Private = map[safety.Jurisdiction]conduct.Private{}
	for place, ground := range c.Private {
		s.Private[safety.Jurisdiction(place)] = conduct.Private{On: true, LegalGround: ground}
	}
	if len(c.Private) > 0 {
		s.Version += "+configured"
	}
	return s
}

// lexicons are the operator's word lists, or the built-in ones.
func (c *ConversationsConfig) lookup() (*talk.Lookup, error) {
	if c.WordsDir == "" {
		return talk.NewLookup()
	}
	files, err := filepath.Glob(filepath.Join(c.WordsDir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, errors.New("conversations.words_dir: holds no word list (*.txt)")
	}
	slices.Sort(files)
	var lists []*talk.Lexicon
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("conversations.words_dir: %w", err)
		}
		l, err := talk.ParseLexicon(string(text))
		if err != nil {
			return nil, fmt.Errorf("word list %s: %w", filepath.Base(f), err)
		}
		lists = append(lists, l)
	}
	return talk.NewLookup(lists...)
}

func (c *ConversationsConfig) weights() (*talk.Weights, error) {
	if c.WeightsFile == "" {
		return talk.StartingWeights()
	}
	text, err := os.ReadFile(c.WeightsFile)
	if err != nil {
		return nil, fmt.Errorf("conversations.weights_file: %w", err)
	}
	return talk.ParseWeights(string(text))
}

// eventKey derives a key from the secret of events.
func (a *App) eventKey(label string) ([]byte, error) {
	secret, err := loadSecret(a.Config.Events.KeyFile)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, secret, nil, label, 32)
}

// openEvents opens the stream of events. An embedded broker has its folder for
// itself, so only a process that serves opens it.
func (a *App) openEvents(ctx context.Context) (err error) {
	key, err := a.eventKey("rowan events seal")
	if err != nil {
		return err
	}
	c := a.Config.Events
	a.Events, err = stream.OpenEvents(ctx, a.Store, stream.EventsConfig{URL: c.URL, Dir: filepath.Join(a.Config.Data, "events"), Partitions: c.Partitions,
		KeepFor: time.Duration(c.KeepHours) * time.Hour, MaxBytes: c.MaxBytes, Replicas: c.Replicas, Credentials: c.CredentialsFile, TLS: stream.EventsTLS{CA: c.CAFile}, Key: key}, time.Now, a.Log)
	return err
}

// openConversations opens the desk that follows conversations.
func (a *App) openConversations() error {
	secret, err := a.eventKey("rowan accounts")
	if err != nil {
		return err
	}
	keys, err := conversation.NewKeys(secret)
	if err != nil {
		return err
	}
	c := &a.Config.Conversations
	lookup, err := c.lookup()
	if err != nil {
		return err
	}
	weights, err := c.weights()
	if err != nil {
		return err
	}
	if err := a.openSecond(); err != nil {
		return err
	}
	parts := conversation.Parts{Store: a.Store, Vault: a.Vault, Cases: a.Cases, Keys: keys, Lookup: lookup, Weights: weights,
		Announce: a.Webhooks.Announce, Now: time.Now, Log: a.Log, Fetch: a.fetchEvent, Second: a.wantSecond()}
	a.Conversations, err = conversation.NewDesk(parts, conversation.Config{Switches: c.switches(), Card: conduct.DefaultCard(),
		Thresholds: c.thresholds(), Sharing: a.Config.Signals.sharing(), Devices: c.DeviceIndicators, Shadow: c.Shadow, Permits: a.Policy.Permits})
	a.Vault.AlsoErase(conversation.Erase)
	return err
}

func (a *App) fetchEvent(ctx context.Context, seq uint64) (stream.Envelope, error) {
	if a.Events == nil {
		return stream.Envelope{}, safety.Errorf(safety.Unavailable, "the stream of events is open in the serving process only")
	}
	return a.Events.Get(ctx, seq)
}

// loadSecret reads a secret of 32 bytes, making the file (mode 0600) when it is not
// there.
func loadSecret(file string) ([]byte, error) {
	secret, err := os.ReadFile(file)
	if err == nil && len(secret) == 32 {
		return secret, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s: not a key of 32 bytes", file)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading key: %w", err)
	}
	secret = make([]byte, 32)
	_, _ = crand.Read(secret) // never fails
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) { // another process was quicker
		return loadSecret(file)
	}
	if err != nil {
		return nil, fmt.Errorf("making key: %w", err)
	}
	_, err = f.Write(secret)
	return secret, errors.Join(err, f.Sync(), f.Close())
}

// audit draws conversations once a day.
func (a *App) audit(ctx context.Context) error {
	//nolint:gosec // a draw that nobody needs to foresee; it guards nothing
	n, err := a.Conversations.Audit(ctx, a.Config.Conversations.AuditPerStratum, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	if n > 0 {
		a.Log.InfoContext(ctx, "conversations drawn for the audit", "drawn", n)
	}
	return err
}

func (a *App) conversationJobs(jobs *store.Jobs) {
	store.Handle(jobs, func(ctx context.Context, _ conversation.ForgetArgs) error {
		_, err := a.Conversations.Forget(ctx)
		return err
	})
	store.Handle(jobs, func(ctx context.Context, _ conversation.AuditArgs) error { return a.audit(ctx) })
	store.Handle(jobs, func(ctx context.Context, args conversation.SecondArgs) error { return a.second(ctx, args.Conversation) })
	jobs.Every(time.Hour, conversation.ForgetArgs{})
	if a.Config.Conversations.AuditPerStratum > 0 {
		jobs.Every(24*time.Hour, conversation.AuditArgs{})
	}
}

// follow applies events until ctx ends. What stops it is tried again: events wait in
// the stream meanwhile.
func (a *App) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.Events.Work(ctx, a.Conversations.Apply); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "events are not applied; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// ingest takes events from the platform's own broker, if one is configured.
func (a *App) ingest(ctx context.Context) {
	c := a.Config.Events.Ingest
	for c.URL != "" && ctx.Err() == nil {
		err := a.Events.Ingest(ctx, stream.IngestConfig{URL: c.URL, Stream: c.Stream, Subject: c.Subject, Credentials: c.CredentialsFile,
			TLS: stream.EventsTLS{CA: a.Config.Events.CAFile}}, conversation.Outgoing)
		if err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "no events come from the platform's broker; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}
