package classify

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/fetch"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Kind is what a scorer speaks.
type Kind string

// The kinds.
const (
	Chat   Kind = "chat"   // chat completions as OpenAI's interface has them: vLLM, llama.cpp, Ollama and others
	Hive   Kind = "hive"   // Hive's synchronous text tasks, which Thorn's text classifier is offered through
	Labels Kind = "labels" // a list of labels and probabilities for one text, as servers of open classifiers give
	Plain  Kind = "plain"  // Rowan's own format
)

// Use says what a label or an indicator of a scorer stands for.
type Use struct {
	As     string  `yaml:"as"`     // the name under which a reviewer sees it; its own if empty
	Weight float64 `yaml:"weight"` // 0 to 1: how much of its probability counts. 0: shown, not counted
}

// Config is one scorer.
type Config struct {
	Name    string // lower-case letters, digits and dashes
	Kind    Kind
	URL     string // the whole address that is asked
	KeyFile string // holds a key, sent in the Authorization header; may be empty
	Model   string // chat: which model; otherwise the version to show beside an opinion

	// SendsTextOffHost says that people's messages may leave the operator's own
	// network. Without it, only this machine and private addresses are dialled.
	SendsTextOffHost bool
	Surfaces         []safety.Surface      // on which it may be asked; never encrypted
	Jurisdictions    []safety.Jurisdiction // for which it may be asked; there is no "all"

	Uses        map[string]Use // what its labels mean; empty: [Kind.Uses]
	Timeout     time.Duration  // of one question, whole; 0: 3 seconds
	MaxChars    int            // of all lines together; 0: 8,000, for hive 1,024 and no more
	MaxTokens   int            // chat: of the answer, with its reasoning; 0: 1,024
	PerMinute   int            // questions; 0: 60
	InFlight    int            // questions at once; 0: 4
	Tolerance   int            // failures one after the other until it rests; 0: 5
	Rest        time.Duration  // 0: 30 seconds
	CostPerCall float64        // in the operator's currency, to count; may be 0

	Now func() time.Time // nil: time.Now
}

// Uses is what the labels of a kind mean unless the operator says otherwise. The
// weights are guesses: nobody has measured what an answer of these is worth.
func (k Kind) Uses() map[string]Use {
	switch k {
	case Hive:
		// As listed for the text classifier of Thorn and Hive. That somebody is a
		// child is no sign of harm to them.
		return map[string]Use{"csa_discussion": {Weight: 1}, "child_access": {Weight: 1}, "csam": {Weight: 1}, "self_generated_content": {Weight: 1},
			"sextortion": {Weight: 1}, "has_minor": {}, "not_pertinent": {}}
	case Labels:
		// Roblox's open classifier of personal information. Children ask each other
		// for it all day, so by themselves these stay below what package talk counts.
		return map[string]Use{"asking_for_pii": {Weight: .5}, "giving_pii": {Weight: .5}}
	case Chat, Plain:
		out := map[string]Use{}
		for _, s := range signs {
			out[s.id] = Use{Weight: s.weight}
		}
		return out
	}
	return nil
}

// schemas is how each kind is asked and read.
func (k Kind) schema() (schema, bool) {
	s, ok := map[Kind]schema{
		Chat:   {scheme: "Bearer", request: chatRequest, decode: chatAnswer, most: 256 << 10},
		Hive:   {scheme: "Token", actorOnly: true, request: hiveRequest, decode: hiveAnswer, most: 64 << 10},
		Labels: {scheme: "Bearer", actorOnly: true, request: labelsRequest, decode: labelsAnswer, most: 64 << 10},
		Plain:  {scheme: "Bearer", request: plainRequest, decode: plainAnswer, most: 64 << 10},
	}[k]
	return s, ok
}

var (
	scorerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	modelName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$`)
	labelName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_ -]{0,59}$`)
)

// hiveChars is the most that Hive's text classifier takes.
const hiveChars = 1024

// complete fills in what is not set.
func (c *Config) complete() {
	fill(&c.Timeout, 3*time.Second)
	fill(&c.Rest, 30*time.Second)
	fill(&c.MaxChars, 8000)
	if c.Kind == Hive {
		c.MaxChars = min(c.MaxChars, hiveChars)
	}
	fill(&c.MaxTokens, 1024)
	fill(&c.PerMinute, 60)
	fill(&c.InFlight, 4)
	fill(&c.Tolerance, 5)
	if len(c.Uses) == 0 {
		c.Uses = c.Kind.Uses()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func fill[T comparable](to *T, with T) {
	var zero T
	if *to == zero {
		*to = with
	}
}

// check names everything that is wrong. It does not repeat addresses or keys.
func (c *Config) check() error {
	var all []error
	bad := func(wrong bool, say string) {
		if wrong {
			all = append(all, errors.New(say))
		}
	}
	_, known := c.Kind.schema()
	bad(!scorerName.MatchString(c.Name), "name: lower-case letters, digits and dashes, 40 at most")
	bad(!known, "kind: chat, hive, labels or plain")
	bad(!modelName.MatchString(c.Model), "model: which model or version it is, 100 characters without spaces")
	bad(len(c.Surfaces) == 0 || slices.ContainsFunc(c.Surfaces, func(s safety.Surface) bool { return s != safety.SurfacePublic && s != safety.SurfacePrivate }),
		"surfaces: must say where it may be asked: public, private")
	bad(len(c.Jurisdictions) == 0 || slices.ContainsFunc(c.Jurisdictions, func(j safety.Jurisdiction) bool { return j == "" || !j.Valid() }),
		"jurisdictions: must name the countries for which it may be asked, as GB")
	bad(c.Timeout < 0 || c.Timeout > time.Minute || c.Rest < 0 || c.Rest > time.Hour, "timeout: a minute at most; rest: an hour at most")
	bad(c.MaxChars < 1 || c.MaxChars > 100_000 || c.MaxTokens < 64 || c.MaxTokens > 32_768, "max_chars: 1 to 100,000; max_tokens: 64 to 32,768")
	bad(c.PerMinute < 1 || c.InFlight < 1 || c.InFlight > 1000 || c.Tolerance < 1, "per_minute, in_flight and tolerance: 1 or more")
	bad(math.IsNaN(c.CostPerCall) || c.CostPerCall < 0 || math.IsInf(c.CostPerCall, 0), "cost_per_call: 0 or more")
	all = append(all, c.checkUses(), c.checkURL())
	return errors.Join(all...)
}

func (c *Config) checkUses() error {
	counts := false
	for label, u := range c.Uses {
		if !labelName.MatchString(label) || u.As != "" && !labelName.MatchString(u.As) || math.IsNaN(u.Weight) || u.Weight < 0 || u.Weight > 1 {
			return errors.New("uses: names of 60 characters at most, weights from 0 to 1")
		}
		if (c.Kind == Chat || c.Kind == Plain) && !isSign(label) {
			return fmt.Errorf("uses: %s is no indicator", label)
		}
		counts = counts || u.Weight > 0
	}
	if !counts {
		return errors.New("uses: nothing would count")
	}
	return nil
}

// checkURL holds what can be known of an address before it is dialled. What a name
// stands for is checked each time that it is dialled ([Scorer.control]).
func (c *Config) checkURL() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(c.URL) > 2000 {
		return errors.New("url: an http or https address without a password or a query; keys belong into key_file")
	}
	near := nearby(u.Hostname())
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !fetch.Reachable(a, true) {
		return errors.New("url: this address may not be asked")
	}
	if !near && !c.SendsTextOffHost {
		return errors.New("url: is not on this machine or a private network. Set sends_text_off_host to true if people's messages may go there")
	}
	if !near && u.Scheme != "https" {
		return errors.New("url: what leaves the private network goes over https")
	}
	return nil
}

// nearby reports whether a host is this machine or on a private network as far as
// its name says: an address of such a kind, a name without dots (as containers
// have), or one under a domain that is kept for private use.
func nearby(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return fetch.Reachable(a, true) && !fetch.Reachable(a, false)
	}
	return !strings.Contains(host, ".") || slices.ContainsFunc([]string{".localhost", ".internal", ".local", ".home.arpa"},
		func(s string) bool { return strings.HasSuffix(host, s) })
}

const maxKey = 4 << 10

// key reads the key file. What is wrong with it is said without its path or content.
func (c *Config) key() (string, error) {
	if c.KeyFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return "", errors.New("key_file: cannot be read")
	}
	key := strings.TrimSpace(string(text))
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("key_file: must hold one key in one line of plain characters")
	}
	return key, nil
}
