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
	"strings"

	"github.com/caarlos0/env/v11"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
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
	Reporting ReportingConfig `yaml:"reporting"`
	DSA       DSAConfig       `yaml:"dsa"`
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
	if c.Match.FloodPerHour == 0 {
		c.Match.FloodPerHour = match.DefaultFlood
	}
	if c.Evidence.KeepNotConfirmedDays == 0 {
		c.Evidence.KeepNotConfirmedDays = 30
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
	if c.Match.RetroDays > 90 || c.Match.FloodPerHour < 0 {
		problems = append(problems, errors.New("match: retro_days is 90 at most and flood_per_hour is not negative"))
	}
	problems = append(problems, c.Reporting.complete()...)
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
	if r.PasswordFile != "" {
		text, err := os.ReadFile(r.PasswordFile)
		if err != nil {
			problems = append(problems, errors.New("reporting.password_file: cannot be read"))
		}
		r.Password = strings.TrimSpace(string(text))
	}
	return problems
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
