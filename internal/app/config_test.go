package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/cybertip"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rowan.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestConfigDefaults(t *testing.T) {
	c, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	if c.Reporting.Environment != "standin" || c.Reporting.URL != "http://127.0.0.1:8089/ispws" {
		t.Errorf("by default reports go to %s at %s", c.Reporting.Environment, c.Reporting.URL)
	}
	if c.PublicURL != "http://localhost:8080" || c.DatabaseURL != "sqlite:data/rowan.db" {
		t.Errorf("got %s, %s", c.PublicURL, c.DatabaseURL)
	}
}

func TestConfigUnknownKey(t *testing.T) {
	if _, err := Load(configFile(t, "lisen: 127.0.0.1:1\n")); err == nil || !strings.Contains(err.Error(), "lisen") {
		t.Errorf("an unknown key gave %v", err)
	}
}

func TestConfigEnvironmentOverFile(t *testing.T) {
	t.Setenv("ROWAN_LISTEN", "127.0.0.1:2")
	c, err := Load(configFile(t, "listen: 127.0.0.1:1\npublic_url: https://rowan.example.test/\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:2" || c.PublicURL != "https://rowan.example.test" {
		t.Errorf("got %s, %s", c.Listen, c.PublicURL)
	}
}

func TestConfigReporting(t *testing.T) {
	password := configFile(t, "word\n")
	account := ReportingConfig{Username: "u", PasswordFile: password, Platform: "p", Email: "e@example.test"}
	with := func(change func(*ReportingConfig)) ReportingConfig { r := account; change(&r); return r }
	for _, tt := range []struct {
		name, problem, url string
		cfg                ReportingConfig
	}{
		{"test", "", cybertip.TestURL, with(func(r *ReportingConfig) { r.Environment = "test" })},
		{"production without the switch", "production_confirmed", "", with(func(r *ReportingConfig) { r.Environment = "production" })},
		{"production", "", cybertip.ProductionURL, with(func(r *ReportingConfig) { r.Environment = "production"; r.ProductionConfirmed = true })},
		{"another host for the real thing", "reporting.url", "", with(func(r *ReportingConfig) { r.Environment = "test"; r.URL = "https://elsewhere.example.test" })},
		{"a stand-in elsewhere", "on this machine only", "", ReportingConfig{URL: "http://203.0.113.9/ispws"}},
		{"nobody", "are needed", "", ReportingConfig{Environment: "test"}},
		{"no such environment", "must be standin", "", ReportingConfig{Environment: "prod"}},
		{"no such route", "reporting.route", "", with(func(r *ReportingConfig) { r.Environment = "test"; r.Route = "police" })},
		{"a day that is none", "YYYY-MM-DD", "", with(func(r *ReportingConfig) { r.Environment = "test"; r.UK.Registered = "soon" })},
		{"the NCA's interface without a token", "reporting.nca", "", with(func(r *ReportingConfig) {
			r.Environment, r.NCA.URL = "test", "https://nca.example.test/"
		})},
		{"the NCA's interface without TLS", "https", "", with(func(r *ReportingConfig) {
			r.Environment, r.NCA = "test", NCAConfig{URL: "http://nca.example.test/", Token: "t", Reference: []string{"r"}}
		})},
		{"a real interface beside the stand-in", "nothing leaves this machine", "", with(func(r *ReportingConfig) {
			r.PasswordFile, r.NCA = "", NCAConfig{URL: "https://nca.example.test/", Token: "t", Reference: []string{"r"}}
		})},
		{"the NCA", "", cybertip.TestURL, with(func(r *ReportingConfig) {
			r.Environment, r.Route = "test", "nca"
			r.UK = UKConfig{Provider: true, Registered: "2026-04-07", Holidays: []string{"2026-12-25"}}
			r.NCA = NCAConfig{URL: "https://nca.example.test/", Token: "t", Reference: []string{"r"}}
		})},
		{"no password file", "password_file", "", with(func(r *ReportingConfig) { r.Environment = "test"; r.PasswordFile = "/does/not/exist" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Reporting: tt.cfg}
			err := c.Complete()
			if tt.problem == "" && (err != nil || c.Reporting.URL != tt.url) {
				t.Errorf("got %s, %v", c.Reporting.URL, err)
			}
			if tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("got %v, want a problem with %s", err, tt.problem)
			}
		})
	}
}

// TestConfigAllProblems: an operator sees everything that is wrong at once.
func TestConfigAllProblems(t *testing.T) {
	c := Config{Listen: "nonsense", PublicURL: "ftp://x", Media: MediaConfig{MaxFileBytes: 1 << 40}, Reporting: ReportingConfig{Environment: "x"}}
	err := c.Complete()
	for _, want := range []string{"listen", "public_url", "max_file_bytes", "reporting.environment"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the problems do not name %s: %v", want, err)
		}
	}
}

func TestConfigLedger(t *testing.T) {
	const (
		witness = "witness.example/w1+3bdccbc5+BAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
		log     = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	)
	for name, tt := range map[string]struct{ text, problem string }{
		"nothing":             {"", ""},
		"open":                {"ledger: {public: hashes}", ""},
		"another word":        {"ledger: {public: everything}", "ledger.public"},
		"a log's key":         {"ledger: {witnesses: [{url: 'https://w.example', key: " + log + "}]}", "witnesses[0].key"},
		"not a key":           {"ledger: {witnesses: [{url: 'https://w.example', key: " + witness + "}]}", "witnesses[0].key"},
		"plain http":          {"ledger: {witnesses: [{url: 'http://w.example', key: x}]}", "witnesses[0].url"},
		"a quorum of nobody":  {"ledger: {quorum: 1}", "ledger.quorum"},
		"no timestamp URL":    {"evidence: {timestamp_url: 'ftp://tsa.example'}", "evidence.timestamp_url"},
		"a timestamp by http": {"evidence: {timestamp_url: 'http://tsa.example/tsr'}", ""},
	} {
		c, err := Load(configFile(t, tt.text))
		if err != nil {
			t.Fatal(err)
		}
		err = c.Complete()
		if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigHashers(t *testing.T) {
	token := configFile(t, "word\n")
	good := "hashers:\n- {type: photodna, url: 'http://127.0.0.1:9', token_file: " + token + ", surfaces: [public], bytes: 144, distance: l2_squared, threshold: 9, lists: {a: 3}}\n"
	c, err := Load(configFile(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	if h := c.Hashers[0]; h.token != "word" || h.Timeout <= 0 || h.MaxBytes <= 0 || h.Concurrency <= 0 || len(h.Media) != 1 || h.Media[0] != "image" {
		t.Errorf("completed to %+v", h)
	}
	for from, to := range map[string]string{
		"type: photodna": "type: pdq", "'http://127.0.0.1:9'": "'http://hasher.example.test'", token: token + ".none", "[public]": "[]",
		"public": "encrypted", "bytes: 144": "bytes: 10", "l2_squared": "cosine", "threshold: 9": "threshold: -1",
		"lists: {a: 3}": "media: [sound]", "threshold: 9,": "threshold: 9, timeout: 2h,",
	} {
		text := strings.Replace(good, from, to, 1)
		c, err := Load(configFile(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), "hashers[0]") {
			t.Errorf("%s: %v", to, err)
		}
	}
	twice := good + strings.TrimPrefix(good, "hashers:\n")
	if c, err := Load(configFile(t, twice)); err != nil {
		t.Fatal(err)
	} else if err := c.Complete(); err == nil {
		t.Error("two hashers of one type are taken")
	}
}
