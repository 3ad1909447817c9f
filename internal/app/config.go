// Package app puts Rowan together: configuration, wiring, lifecycle, telemetry.
// It is the only package that sees everything.
package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Europe/London, on machines without a zone database

	"github.com/caarlos0/env/v11"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/vault"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// Config is everything that an operator can set. The zero value, completed by
// defaults, works. A file is strict YAML (an unknown key is an error); the
// environment goes over it, the command line over both.
type Config struct {
	Data        string `yaml:"data" env:"ROWAN_DATA"`                 // folder of everything that is kept; default ./data
	Listen      string `yaml:"listen" env:"ROWAN_LISTEN"`             // address and port; default 127.0.0.1:8080
	PublicURL   string `yaml:"public_url" env:"ROWAN_PUBLIC_URL"`     // where people reach the console; default http://localhost:PORT
	DatabaseURL string `yaml:"database_url" env:"ROWAN_DATABASE_URL"` // postgres://…; default SQLite in the data folder
	PolicyFile  string `yaml:"policy_file" env:"ROWAN_POLICY_FILE"`   // default: the built-in policy
	LogLevel    string `yaml:"log_level" env:"ROWAN_LOG_LEVEL"`       // debug, info, warn, error; default info

	Media     MediaConfig     `yaml:"media"`
	Match     MatchConfig     `yaml:"match"`
	Fetch     FetchConfig     `yaml:"fetch"`
	Evidence  EvidenceConfig  `yaml:"evidence"`
	Ledger    LedgerConfig    `yaml:"ledger"`
	Reporting ReportingConfig `yaml:"reporting"`
	DSA       DSAConfig       `yaml:"dsa"`
	Takedown  TakedownConfig  `yaml:"takedown"`
	Hashers   []HasherConfig  `yaml:"hashers"`
	Objects   ObjectsConfig   `yaml:"objects"`
	Edge      EdgeConfig      `yaml:"edge"`

	Events        EventsConfig        `yaml:"events"`
	Conversations ConversationsConfig `yaml:"conversations"`

	SecondOpinions []SecondConfig `yaml:"second_opinions"`
	Signals        SignalsConfig  `yaml:"signals"`
}

// TakedownConfig is about notices that ask for an intimate image to be taken down.
type TakedownConfig struct {
	TermsHours      int  `yaml:"terms_hours" env:"ROWAN_TAKEDOWN_TERMS_HOURS"`             // the time that your own terms promise; default 48. The law's hours are the law's
	WarnHours       int  `yaml:"warn_hours" env:"ROWAN_TAKEDOWN_WARN_HOURS"`               // before the end of the time; default 24
	Hold            bool `yaml:"hold" env:"ROWAN_TAKEDOWN_HOLD"`                           // a person may ask for a temporary limit before the decision
	KeepContactDays int  `yaml:"keep_contact_days" env:"ROWAN_TAKEDOWN_KEEP_CONTACT_DAYS"` // of who asked, after the end of the notice; default 30
}

// ObjectsConfig is the object store whose buckets rowan scan and edge replicas use.
type ObjectsConfig struct {
	Endpoint      string `yaml:"endpoint" env:"ROWAN_OBJECTS_ENDPOINT"`     // default https://s3.REGION.amazonaws.com
	Region        string `yaml:"region" env:"ROWAN_OBJECTS_REGION"`         // default us-east-1
	AccessKey     string `yaml:"access_key" env:"ROWAN_OBJECTS_ACCESS_KEY"` // none: without credentials
	SecretKey     string `yaml:"-" env:"ROWAN_OBJECTS_SECRET_KEY"`          // never in the file
	SecretKeyFile string `yaml:"secret_key_file" env:"ROWAN_OBJECTS_SECRET_KEY_FILE"`
}

func (o *ObjectsConfig) complete() []error {
	problems := secretFile("objects.secret_key_file", o.SecretKeyFile, &o.SecretKey)
	if o.Endpoint != "" {
		problems = append(problems, webURL("objects.endpoint", o.Endpoint)...)
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		problems = append(problems, errors.New("objects: access_key and secret_key_file are needed together"))
	}
	return problems
}

// Client is a client of the object store.
func (o *ObjectsConfig) Client() (*objects.Client, error) {
	return objects.New(objects.Config{Endpoint: o.Endpoint, Region: o.Region, AccessKey: o.AccessKey, SecretKey: o.SecretKey})
}

// DSAConfig is about the EU's Digital Services Act.
type DSAConfig struct {
	Statements StatementsConfig `yaml:"statements"`
}

// StatementsConfig says whether statements of reasons are drafted (when there
// are texts) and sent (when there is a url).
type StatementsConfig struct {
	URL       string                             `yaml:"url" env:"ROWAN_DSA_STATEMENTS_URL"` // of "…/api/v1/statements"; none: nothing is sent
	Token     string                             `yaml:"-" env:"ROWAN_DSA_STATEMENTS_TOKEN"` // never in the file
	TokenFile string                             `yaml:"token_file" env:"ROWAN_DSA_STATEMENTS_TOKEN_FILE"`
	Territory []string                           `yaml:"territory" env:"ROWAN_DSA_STATEMENTS_TERRITORY"` // EU and EEA codes
	Actions   map[safety.Verdict]string          `yaml:"actions"`                                        // what the platform does on a verdict
	Texts     map[safety.ListKind]statement.Text `yaml:"texts"`                                          // the operator's sentences, by kind of list
}

func (s *StatementsConfig) complete() error {
	if s.TokenFile != "" {
		text, err := os.ReadFile(s.TokenFile)
		if err != nil {
			return errors.New("dsa.statements.token_file: cannot be read")
		}
		s.Token = strings.TrimSpace(string(text))
	}
	return s.config().Check()
}

func (s *StatementsConfig) config() statement.Config {
	return statement.Config{Texts: s.Texts, Territory: s.Territory, Actions: s.Actions, URL: s.URL, Token: s.Token}
}

// MatchConfig is about what lists do.
type MatchConfig struct {
	RetroDays    int   `yaml:"retro_days" env:"ROWAN_MATCH_RETRO_DAYS"`         // the hashes of uploads are kept so long for lists that grow; default 7, -1 for not at all
	RetroBytes   int64 `yaml:"retro_bytes" env:"ROWAN_MATCH_RETRO_BYTES"`       // of hashes that are kept for that; the oldest go first; default 10 GiB
	FloodPerHour int64 `yaml:"flood_per_hour" env:"ROWAN_MATCH_FLOOD_PER_HOUR"` // contents that one signal may meet before it is put in quarantine; default 200
}

// MediaConfig bounds what a file may cost.
type MediaConfig struct {
	MaxFileBytes     int64 `yaml:"max_file_bytes" env:"ROWAN_MEDIA_MAX_FILE_BYTES"`         // default 32 MiB
	Children         int   `yaml:"children" env:"ROWAN_MEDIA_CHILDREN"`                     // decoding processes; default one a core
	ChildMemoryBytes int64 `yaml:"child_memory_bytes" env:"ROWAN_MEDIA_CHILD_MEMORY_BYTES"` // of each; default 256 MiB, at least 128 MiB
	// Undo says which edits are undone before a picture is looked up: none,
	// default or wide (package pdq/undo); docs/matching.md has what each wins.
	Undo             undo.Set `yaml:"undo" env:"ROWAN_MEDIA_UNDO"`
	FFmpeg           string   `yaml:"ffmpeg" env:"ROWAN_MEDIA_FFMPEG"`                       // the program that decodes videos: a path, or "off"; default the one in PATH
	RequireVideo     bool     `yaml:"require_video" env:"ROWAN_MEDIA_REQUIRE_VIDEO"`         // do not start where videos cannot be examined
	VideoSeconds     int      `yaml:"video_seconds" env:"ROWAN_MEDIA_VIDEO_SECONDS"`         // for one video; default 45
	AllowUnsandboxed bool     `yaml:"allow_unsandboxed" env:"ROWAN_MEDIA_ALLOW_UNSANDBOXED"` // run where the sandbox does not hold
}

// FetchConfig says which URLs the HMA-compatible lookups may fetch.
type FetchConfig struct {
	Hosts        []string `yaml:"hosts" env:"ROWAN_FETCH_HOSTS"`                 // names, or ".example.test" for all under a domain; none: fetching is off
	AllowHTTP    bool     `yaml:"allow_http" env:"ROWAN_FETCH_ALLOW_HTTP"`       // plain http too
	AllowPrivate bool     `yaml:"allow_private" env:"ROWAN_FETCH_ALLOW_PRIVATE"` // private addresses too, for a platform next door
}

// EvidenceConfig says how long things are kept.
type EvidenceConfig struct {
	KeepNotConfirmedDays int    `yaml:"keep_not_confirmed_days" env:"ROWAN_EVIDENCE_KEEP_NOT_CONFIRMED_DAYS"` // default 30
	KeyFile              string `yaml:"key_file" env:"ROWAN_EVIDENCE_KEY_FILE"`                               // default DATA/keys/vault.key
	ReserveBytes         int64  `yaml:"reserve_bytes" env:"ROWAN_EVIDENCE_RESERVE_BYTES"`                     // of the disk that intake leaves free; default 1 GiB, -1 for none
	TrustGapHours        int    `yaml:"trust_gap_hours" env:"ROWAN_EVIDENCE_TRUST_GAP_HOURS"`                 // Rowan may have been off for so long before a person must confirm the clock; default 72
	TimestampURL         string `yaml:"timestamp_url" env:"ROWAN_EVIDENCE_TIMESTAMP_URL"`                     // of an RFC 3161 timestamp authority, for evidence bundles; none
	TimestampCA          string `yaml:"timestamp_ca" env:"ROWAN_EVIDENCE_TIMESTAMP_CA"`                       // PEM file with its root, so that its answers are checked
}

// LedgerConfig says who outside may look at the ledger, and who watches it.
type LedgerConfig struct {
	// Public says what everybody may read at /ledger: off (nothing without the
	// scope ledger:read; the default), hashes (checkpoint and hash tiles), or all
	// (entries too, which name people and cases).
	Public    string          `yaml:"public" env:"ROWAN_LEDGER_PUBLIC"`
	Witnesses []WitnessConfig `yaml:"witnesses"`
	// Quorum is how many witnesses are expected to cosign. It stops nothing: the
	// doctor and the metrics tell when there are fewer. Default: all.
	Quorum int `yaml:"quorum" env:"ROWAN_LEDGER_QUORUM"`
}

// WitnessConfig is a witness of C2SP's tlog-witness protocol.
type WitnessConfig struct {
	URL string `yaml:"url"` // submission prefix
	Key string `yaml:"key"` // its vkey, of type 4 (Ed25519 cosignature)
}

func (l *LedgerConfig) complete() []error {
	fill(&l.Public, "off")
	var problems []error
	if !slices.Contains([]string{"off", "hashes", "all"}, l.Public) {
		problems = append(problems, errors.New("ledger.public: must be off, hashes or all"))
	}
	if l.Quorum == 0 {
		l.Quorum = len(l.Witnesses)
	}
	if l.Quorum < 0 || l.Quorum > len(l.Witnesses) {
		problems = append(problems, errors.New("ledger.quorum: must not be more than there are witnesses"))
	}
	seen := map[string]bool{}
	for i, w := range l.Witnesses {
		k, err := proof.ParseKey(w.Key)
		if err != nil || !k.Cosigns() || seen[k.String()] {
			problems = append(problems, fmt.Errorf("ledger.witnesses[%d].key: must be the vkey of a witness, and of one only", i))
		}
		seen[k.String()] = true
		problems = append(problems, webURL(fmt.Sprintf("ledger.witnesses[%d].url", i), w.URL)...)
	}
	return problems
}

// webURL checks an address that Rowan will call.
func webURL(name, text string) []error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return []error{fmt.Errorf("%s: must be an https URL", name)}
	}
	return nil
}

// timestampURL is webURL, and plain http too: the answer of a timestamp authority
// is signed, the question is a digest, and many offer nothing else.
func timestampURL(text string) []error {
	if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
		return []error{errors.New("evidence.timestamp_url: must be an http or https URL")}
	}
	return nil
}

// ReportingConfig says where reports go and who reports.
type ReportingConfig struct {
	Environment         reporting.Environment `yaml:"environment" env:"ROWAN_REPORTING_ENVIRONMENT"`                   // standin, test or production; default standin
	ProductionConfirmed bool                  `yaml:"production_confirmed" env:"ROWAN_REPORTING_PRODUCTION_CONFIRMED"` // must be true for production
	URL                 string                `yaml:"url" env:"ROWAN_REPORTING_URL"`                                   // of the stand-in only; default http://127.0.0.1:8089/ispws
	Username            string                `yaml:"username" env:"ROWAN_REPORTING_USERNAME"`                         // default for the stand-in: standin
	Password            string                `yaml:"-" env:"ROWAN_REPORTING_PASSWORD"`                                // never in the file
	PasswordFile        string                `yaml:"password_file" env:"ROWAN_REPORTING_PASSWORD_FILE"`
	TwoPerson           bool                  `yaml:"two_person" env:"ROWAN_REPORTING_TWO_PERSON"` // the approver must not be the decider
	Platform            string                `yaml:"platform" env:"ROWAN_REPORTING_PLATFORM"`     // name of the service
	FirstName           string                `yaml:"first_name" env:"ROWAN_REPORTING_FIRST_NAME"` // of the reporting person
	LastName            string                `yaml:"last_name" env:"ROWAN_REPORTING_LAST_NAME"`
	Email               string                `yaml:"email" env:"ROWAN_REPORTING_EMAIL"` // of the reporting person; the authority needs it
	Phone               string                `yaml:"phone" env:"ROWAN_REPORTING_PHONE"`
	CompanyTemplate     string                `yaml:"company_template" env:"ROWAN_REPORTING_COMPANY_TEMPLATE"`
	TermsURL            string                `yaml:"terms_url" env:"ROWAN_REPORTING_TERMS_URL"`
	LegalURL            string                `yaml:"legal_url" env:"ROWAN_REPORTING_LEGAL_URL"`
	Organisation        string                `yaml:"organisation" env:"ROWAN_REPORTING_ORGANISATION"`   // legal name of the provider; the NCA is told it
	ContactFirst        string                `yaml:"contact_first" env:"ROWAN_REPORTING_CONTACT_FIRST"` // whom law enforcement turns to, where that is another person
	ContactLast         string                `yaml:"contact_last" env:"ROWAN_REPORTING_CONTACT_LAST"`
	ContactEmail        string                `yaml:"contact_email" env:"ROWAN_REPORTING_CONTACT_EMAIL"`
	ContactPhone        string                `yaml:"contact_phone" env:"ROWAN_REPORTING_CONTACT_PHONE"`
	Route               reporting.Authority   `yaml:"route" env:"ROWAN_REPORTING_ROUTE"` // ncmec or nca: where a report goes unless a person routes it; default ncmec
	Due                 DueConfig             `yaml:"due"`
	UK                  UKConfig              `yaml:"uk"`
	NCA                 NCAConfig             `yaml:"nca"`
}

// DueConfig says how long after its draft a report of each priority may wait
// before an alarm goes off. The law names no hours.
type DueConfig struct {
	P1 time.Duration `yaml:"p1" env:"ROWAN_REPORTING_DUE_P1"` // default 15m
	P2 time.Duration `yaml:"p2" env:"ROWAN_REPORTING_DUE_P2"` // default 4h
	P3 time.Duration `yaml:"p3" env:"ROWAN_REPORTING_DUE_P3"` // default 24h
}

// UKConfig is what the law of the United Kingdom makes depend on the provider.
type UKConfig struct {
	Provider      bool     `yaml:"provider" env:"ROWAN_REPORTING_UK_PROVIDER"`           // formed under UK law, or resident there
	Arrangement   bool     `yaml:"arrangement" env:"ROWAN_REPORTING_UK_ARRANGEMENT"`     // content is reported to a foreign agency by arrangement
	Administrator string   `yaml:"administrator" env:"ROWAN_REPORTING_UK_ADMINISTRATOR"` // registered with the NCA
	Replacement   string   `yaml:"replacement" env:"ROWAN_REPORTING_UK_REPLACEMENT"`
	Registered    string   `yaml:"registered" env:"ROWAN_REPORTING_UK_REGISTERED"` // YYYY-MM-DD
	Holidays      []string `yaml:"holidays" env:"ROWAN_REPORTING_UK_HOLIDAYS"`     // YYYY-MM-DD: the NCA's office is closed, so that urgent reports need a call
}

// NCAConfig is the NCA's interface, whose specification is not public; without it
// people carry reports to the portal.
type NCAConfig struct {
	URL       string   `yaml:"url" env:"ROWAN_REPORTING_NCA_URL"`
	Token     string   `yaml:"-" env:"ROWAN_REPORTING_NCA_TOKEN"` // never in the file
	TokenFile string   `yaml:"token_file" env:"ROWAN_REPORTING_NCA_TOKEN_FILE"`
	Reference []string `yaml:"reference" env:"ROWAN_REPORTING_NCA_REFERENCE"` // members of the answer that lead to the reference, outermost first
}

// Load reads a configuration: the file (none if ""), then the environment. It
// does not complete or check it; see [Config.Complete].
func Load(file string) (Config, error) {
	var c Config
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("reading configuration: %w", err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
			return c, fmt.Errorf("configuration %s: %w", file, err)
		}
	}
	if err := env.Parse(&c); err != nil {
		return c, fmt.Errorf("configuration from the environment: %w", err)
	}
	return c, nil
}

// Complete fills in defaults and returns everything that is wrong at once.
func (c *Config) Complete() error {
	fill(&c.Data, "data")
	fill(&c.Listen, "127.0.0.1:8080")
	fill(&c.LogLevel, "info")
	fill(&c.DatabaseURL, "sqlite:"+filepath.Join(c.Data, "rowan.db"))
	fill(&c.Evidence.KeyFile, filepath.Join(c.Data, "keys", "vault.key"))
	if c.Media.MaxFileBytes == 0 {
		c.Media.MaxFileBytes = 32 << 20
	}
	if c.Media.ChildMemoryBytes == 0 {
		// A progressive JPEG of 12 megapixels, as the web is full of, needs 208 MiB.
		c.Media.ChildMemoryBytes = 256 << 20
	}
	if c.Match.RetroDays == 0 {
		c.Match.RetroDays = 7
	}
	if c.Match.RetroBytes == 0 {
		c.Match.RetroBytes = match.DefaultRoom
	}
	if c.Match.FloodPerHour == 0 {
		c.Match.FloodPerHour = match.DefaultFlood
	}
	if c.Evidence.KeepNotConfirmedDays == 0 {
		c.Evidence.KeepNotConfirmedDays = 30
	}
	if c.Evidence.ReserveBytes == 0 {
		c.Evidence.ReserveBytes = 1 << 30
	}
	if c.Evidence.TrustGapHours == 0 {
		c.Evidence.TrustGapHours = int(vault.DefaultGap / time.Hour)
	}
	var problems []error
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		problems = append(problems, fmt.Errorf("listen: %w", err))
	}
	fill(&c.PublicURL, "http://localhost:"+port)
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		problems = append(problems, errors.New("public_url: must be an http or https URL"))
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if c.Media.MaxFileBytes < 0 || c.Media.MaxFileBytes > 256<<20 {
		problems = append(problems, errors.New("media.max_file_bytes: must be 1 byte to 256 MiB"))
	}
	if c.Media.VideoSeconds < 0 || c.Media.VideoSeconds > 3600 {
		problems = append(problems, errors.New("media.video_seconds: must be 1 to 3600"))
	}
	if c.Match.RetroDays > 90 || c.Match.FloodPerHour < 0 || c.Match.RetroBytes < 0 {
		problems = append(problems, errors.New("match: retro_days is 90 at most, and retro_bytes and flood_per_hour are not negative"))
	}
	if c.Evidence.KeepNotConfirmedDays < 0 || c.Evidence.TrustGapHours < 1 || c.Evidence.TrustGapHours > 24*30 {
		problems = append(problems, errors.New("evidence: keep_not_confirmed_days is not negative, and trust_gap_hours is 1 to 720"))
	}
	t := c.Takedown
	if t.TermsHours < 0 || t.TermsHours > 24*30 || t.WarnHours < 0 || t.WarnHours > 47 || t.KeepContactDays < 0 {
		problems = append(problems, errors.New("takedown: terms_hours is 1 to 720, warn_hours 1 to 47, and keep_contact_days is not negative"))
	}
	problems = append(problems, c.Reporting.complete()...)
	problems = append(problems, c.Ledger.complete()...)
	problems = append(problems, timestampURL(c.Evidence.TimestampURL)...)
	problems = append(problems, completeHashers(c.Hashers)...)
	problems = append(problems, c.Objects.complete()...)
	problems = append(problems, c.Edge.complete()...)
	problems = append(problems, c.Events.complete(c.Data)...)
	problems = append(problems, c.Conversations.complete()...)
	problems = append(problems, c.Signals.complete()...)
	problems = append(problems, c.DSA.Statements.complete()) // nil is left out
	return errors.Join(problems...)
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func (r *ReportingConfig) complete() []error {
	var problems []error
	if r.Environment == "" {
		r.Environment = reporting.Standin
	}
	switch r.Environment {
	case reporting.Standin:
		fill(&r.URL, "http://127.0.0.1:8089/ispws")
		fill(&r.Username, "standin")
		fill(&r.Platform, "Example service")
		fill(&r.FirstName, "Trust")
		fill(&r.LastName, "Safety")
		fill(&r.Email, "reports@example.test")
		if r.PasswordFile == "" {
			fill(&r.Password, "standin")
		}
		if u, err := url.Parse(r.URL); err != nil || !loopback(u.Hostname()) {
			problems = append(problems, errors.New("reporting.url: the stand-in runs on this machine only"))
		}
	case reporting.Test, reporting.Production:
		if r.URL != "" {
			problems = append(problems, errors.New("reporting.url: the authority's own hosts are used; leave it out"))
		}
		r.URL = cybertip.TestURL
		if r.Environment == reporting.Production {
			r.URL = cybertip.ProductionURL
			if !r.ProductionConfirmed {
				problems = append(problems, errors.New("reporting.environment: production files real reports; set production_confirmed too"))
			}
		}
		if r.Username == "" || r.Email == "" || r.Platform == "" || (r.Password == "" && r.PasswordFile == "") {
			problems = append(problems, errors.New("reporting: username, password_file, platform and email are needed"))
		}
	default:
		problems = append(problems, errors.New("reporting.environment: must be standin, test or production"))
	}
	problems = append(problems, secretFile("reporting.password_file", r.PasswordFile, &r.Password)...)
	return append(problems, r.completeUK()...)
}

// secretFile reads a secret from a file, if one is named.
func secretFile(what, file string, to *string) []error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	*to = strings.TrimSpace(string(text))
	if err != nil {
		return []error{errors.New(what + ": cannot be read")}
	}
	return nil
}

// completeUK is about reports to the NCA.
func (r *ReportingConfig) completeUK() []error {
	if r.Route == "" {
		r.Route = reporting.NCMEC
	}
	fillDuration(&r.Due.P1, reporting.DefaultDue[safety.P1])
	fillDuration(&r.Due.P2, reporting.DefaultDue[safety.P2])
	fillDuration(&r.Due.P3, reporting.DefaultDue[safety.P3])
	var problems []error
	if r.Route != reporting.NCMEC && r.Route != reporting.NCA {
		problems = append(problems, errors.New("reporting.route: must be ncmec or nca"))
	}
	if r.Due.P1 < 0 || r.Due.P2 < 0 || r.Due.P3 < 0 {
		problems = append(problems, errors.New("reporting.due: must not be negative"))
	}
	for _, day := range append([]string{r.UK.Registered}, r.UK.Holidays...) {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			problems = append(problems, errors.New("reporting.uk: registered and holidays are days as YYYY-MM-DD"))
			break
		}
	}
	problems = append(problems, secretFile("reporting.nca.token_file", r.NCA.TokenFile, &r.NCA.Token)...)
	if r.NCA.URL == "" {
		return problems
	}
	u, err := url.Parse(r.NCA.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && !loopback(u.Hostname())):
		problems = append(problems, errors.New("reporting.nca.url: must be an https URL"))
	case r.Environment == reporting.Standin && !loopback(u.Hostname()):
		problems = append(problems, errors.New("reporting.nca.url: with the stand-in nothing leaves this machine"))
	case r.NCA.Token == "" || len(r.NCA.Reference) == 0:
		problems = append(problems, errors.New("reporting.nca: token_file and reference are needed"))
	}
	return problems
}

func fillDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// day reads a day that [ReportingConfig.completeUK] has checked; zero for none.
func day(s string) time.Time {
	t, _ := time.Parse(time.DateOnly, s)
	return t
}

// desk is the configuration as the reporting desk takes it.
func (r *ReportingConfig) desk(client *cybertip.Client, keep time.Duration) (reporting.Config, error) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return reporting.Config{}, fmt.Errorf("reporting: %w", err)
	}
	c := reporting.Config{Environment: r.Environment, Route: r.Route, Client: client, TwoPerson: r.TwoPerson, Keep: keep,
		Due: map[safety.Priority]time.Duration{safety.P1: r.Due.P1, safety.P2: r.Due.P2, safety.P3: r.Due.P3},
		UK: reporting.UK{Provider: r.UK.Provider, Arrangement: r.UK.Arrangement, Administrator: r.UK.Administrator, Replacement: r.UK.Replacement,
			RegisteredAt: day(r.UK.Registered), Zone: london},
		Reporter: reporting.Reporter{Platform: r.Platform, FirstName: r.FirstName, LastName: r.LastName, Email: r.Email, Phone: r.Phone,
			ContactFirst: r.ContactFirst, ContactLast: r.ContactLast, ContactEmail: r.ContactEmail, ContactPhone: r.ContactPhone,
			CompanyTemplate: r.CompanyTemplate, TermsURL: r.TermsURL, LegalURL: r.LegalURL, Organisation: r.Organisation}}
	for _, h := range r.UK.Holidays {
		c.UK.Holidays = append(c.UK.Holidays, day(h))
	}
	if r.NCA.URL != "" {
		c.NCA = &reporting.NCAInterface{URL: r.NCA.URL, Token: r.NCA.Token, Reference: r.NCA.Reference}
	}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// loadPolicy reads the operator's policy, or the built-in one.
func (c *Config) loadPolicy() (*policy.Policy, error) {
	text := policy.Default
	if c.PolicyFile != "" {
		var err error
		if text, err = os.ReadFile(c.PolicyFile); err != nil {
			return nil, fmt.Errorf("reading policy: %w", err)
		}
	}
	return policy.Parse(text)
}
