// Package policy turns what detectors found, and the context, into a verdict
// and effects. Rules are data: one YAML file of CEL expressions
// (https://cel.dev), type-checked when loaded and bounded in cost when run.
//
// Deciding is pure: no I/O, no clock, no state. The same [Policy] decides live,
// in shadow and in replay. One place, the caller, commits effects, and
// daily quotas there act as circuit breakers.
//
// Three things no rule can change: content that was not wholly scanned is
// never allowed; a rule that fails to run makes the verdict at least hold; and
// when several rules apply, the strictest verdict stands.
package policy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Default is the policy that Rowan uses when the operator gives none.
//
//go:embed default.yaml
var Default []byte

// Facts is what rules can see.
type Facts struct {
	Surface      safety.Surface
	Jurisdiction safety.Jurisdiction
	Scan         safety.ScanState
	ScanReason   string
	Findings     []safety.Finding
}

// CaseEffect asks for a person to look.
type CaseEffect struct {
	Queue    string
	Priority safety.Priority
	Reason   string // one plain sentence: why it is here
}

// Outcome is what the rules made of the facts.
type Outcome struct {
	Verdict safety.Verdict
	Rules   []string    // names of the rules that applied, in file order
	Case    *CaseEffect // nil when no rule asks for a case
	Version string      // of the policy
	Errors  []error     // rules that failed to run
}

// Quota is a circuit breaker: once an automatic verdict has been given PerDay
// times in a UTC day, Then is given instead.
type Quota struct {
	Name    string         `yaml:"name"`
	Verdict safety.Verdict `yaml:"verdict"`
	PerDay  int64          `yaml:"per_day"`
	Then    safety.Verdict `yaml:"then"`
}

// Off keeps a detector from a surface in some jurisdictions. An empty
// jurisdiction in the list stands for content whose jurisdiction the platform
// did not say.
type Off struct {
	Detector      string                `yaml:"detector"`
	Surface       safety.Surface        `yaml:"surface"`
	Jurisdictions []safety.Jurisdiction `yaml:"jurisdictions"`
	Why           string                `yaml:"why"`
}

// Policy is a loaded set of rules. It is immutable.
type Policy struct {
	version string
	rules   []rule
	quotas  []Quota
	off     []Off
}

type rule struct {
	name    string
	program cel.Program
	verdict safety.Verdict
	effect  *CaseEffect
}

// file is the form of the YAML.
type file struct {
	Version string  `yaml:"version"`
	Rules   []entry `yaml:"rules"`
	Quotas  []Quota `yaml:"quotas"`
	Off     []Off   `yaml:"off"`
}

type entry struct {
	Name    string         `yaml:"name"`
	When    string         `yaml:"when"`
	Verdict safety.Verdict `yaml:"verdict"`
	Case    *struct {
		Queue    string          `yaml:"queue"`
		Priority safety.Priority `yaml:"priority"`
		Reason   string          `yaml:"reason"`
	} `yaml:"case"`
}

// costLimit bounds one evaluation, in CEL cost units (about one per step). A
// rule over 1,000 findings costs some 10,000.
const costLimit = 200_000

// Parse loads a policy. All problems are reported at once.
func Parse(text []byte) (*Policy, error) {
	var f file
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var problems []error
	err := dec.Decode(&f)
	if _, wrong := errors.AsType[*yaml.TypeError](err); wrong { // unknown keys and wrong types; the rest was read
		problems = append(problems, fmt.Errorf("policy is not the expected YAML: %w", err))
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("policy is not the expected YAML: %w", err)
	}
	if dec.Decode(new(any)) != io.EOF {
		problems = append(problems, errors.New("policy is more than one YAML document"))
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("policy environment: %w", err)
	}
	sum := sha256.Sum256(text)
	p := &Policy{version: f.Version + "+" + hex.EncodeToString(sum[:4]), quotas: f.Quotas, off: f.Off}
	if f.Version == "" {
		problems = append(problems, errors.New("policy needs a version"))
	}
	if len(f.Rules) == 0 {
		problems = append(problems, errors.New("policy has no rules"))
	}
	names := map[string]bool{}
	for i, e := range f.Rules {
		r, err := compile(env, e)
		if err == nil && names[e.Name] {
			err = errors.New("name is used twice")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("rule %d (%s): %w", i+1, e.Name, err))
		}
		names[e.Name] = true
		p.rules = append(p.rules, r)
	}
	for i, q := range f.Quotas {
		if q.Name == "" || !q.Verdict.Valid() || q.PerDay <= 0 || (q.Then != safety.VerdictHold && q.Then != safety.VerdictBlock) {
			problems = append(problems, fmt.Errorf("quota %d: needs a name, a verdict, per_day > 0, and then: hold or block", i+1))
		}
	}
	for i, o := range f.Off {
		valid := o.Detector != "" && o.Surface.Valid() && len(o.Jurisdictions) > 0
		for _, j := range o.Jurisdictions {
			valid = valid && j.Valid()
		}
		if !valid {
			problems = append(problems, fmt.Errorf("off %d: needs a detector, a surface, and jurisdictions as two upper-case letters", i+1))
		}
	}
	return p, errors.Join(problems...)
}

func environment() (*cel.Env, error) {
	finding := cel.MapType(cel.StringType, cel.DynType)
	return cel.NewEnv(
		cel.Variable("surface", cel.StringType),
		cel.Variable("jurisdiction", cel.StringType),
		cel.Variable("scan", cel.StringType),
		cel.Variable("scan_reason", cel.StringType),
		cel.Variable("findings", cel.ListType(finding)),
	)
}

func compile(env *cel.Env, e entry) (rule, error) {
	r := rule{name: e.Name, verdict: e.Verdict}
	if e.Name == "" {
		return r, errors.New("needs a name")
	}
	if e.Verdict == "" {
		r.verdict = safety.VerdictAllow
	} else if !e.Verdict.Valid() {
		return r, errors.New("unknown verdict; use allow, warn, limit, hold or block")
	}
	if c := e.Case; c != nil {
		if !c.Priority.Valid() || c.Queue == "" || c.Reason == "" {
			return r, errors.New("case needs queue, priority (P1, P2, P3) and reason")
		}
		r.effect = &CaseEffect{Queue: c.Queue, Priority: c.Priority, Reason: c.Reason}
	}
	ast, issues := env.Compile(e.When)
	if issues != nil && issues.Err() != nil {
		return r, issues.Err()
	}
	if ast.OutputType() != cel.BoolType {
		return r, errors.New("when must be a condition (true or false)")
	}
	var err error
	r.program, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	return r, err
}

// Version identifies the policy: the operator's label and the first bytes of
// the file's SHA-256.
func (p *Policy) Version() string { return p.version }

// Permits reports whether a detector may look at content of a surface in a
// jurisdiction: it was made for the surface, and the policy does not keep it
// away.
func (p *Policy) Permits(d safety.Detector, s safety.Surface, j safety.Jurisdiction) bool {
	return d.MayRun(s) && !slices.ContainsFunc(p.off, func(o Off) bool {
		return o.Detector == d.Name && o.Surface == s && slices.Contains(o.Jurisdictions, j)
	})
}

// Quotas are the policy's circuit breakers.
func (p *Policy) Quotas() []Quota { return p.quotas }

// Decide applies every rule to the facts. What signals in quarantine found can
// hold content, never block it, and sends the case to a queue of its own: a flood
// of matches with one signal is more likely one wrong signal.
func (p *Policy) Decide(f Facts) Outcome {
	out := p.decide(f)
	sure := f
	sure.Findings = slices.DeleteFunc(slices.Clone(f.Findings), func(x safety.Finding) bool { return x.Quarantined })
	if len(sure.Findings) == len(f.Findings) {
		return out
	}
	without := p.decide(sure)
	if out.Verdict == safety.VerdictBlock && without.Verdict != safety.VerdictBlock {
		out.Verdict = safety.Strictest(without.Verdict, safety.VerdictHold)
	}
	if out.Case != nil && without.Case == nil {
		out.Case = &CaseEffect{Queue: "quarantine", Priority: safety.P3,
			Reason: "Matches a signal that floods: perhaps the signal is wrong. Look at the signal first."}
	}
	return out
}

func (p *Policy) decide(f Facts) Outcome {
	out := Outcome{Verdict: safety.VerdictAllow, Version: p.version}
	vars := variables(f)
	for _, r := range p.rules {
		v, _, err := r.program.Eval(vars)
		if err != nil {
			out.Errors = append(out.Errors, fmt.Errorf("rule %s: %w", r.name, err))
			out.Verdict = safety.Strictest(out.Verdict, safety.VerdictHold)
			continue
		}
		if hit, ok := v.Value().(bool); ok && hit {
			out.apply(r)
		}
	}
	if f.Scan != safety.ScanScanned && out.Verdict == safety.VerdictAllow {
		out.Verdict = safety.VerdictHold
		out.Rules = append(out.Rules, "not-scanned")
	}
	return out
}

func (o *Outcome) apply(r rule) {
	o.Rules = append(o.Rules, r.name)
	o.Verdict = safety.Strictest(o.Verdict, r.verdict)
	if r.effect == nil {
		return
	}
	if o.Case == nil {
		e := *r.effect
		o.Case = &e
		return
	}
	if h := safety.Highest(o.Case.Priority, r.effect.Priority); h != o.Case.Priority {
		e := *r.effect
		o.Case = &e
	}
}

func variables(f Facts) map[string]any {
	findings := make([]map[string]any, len(f.Findings))
	for i, x := range f.Findings {
		findings[i] = map[string]any{"detector": x.Detector, "list": x.List, "kind": string(x.Kind), "match": string(x.Match),
			"variant": x.Variant, "frame": int64(x.Frame), "distance": int64(x.Distance)}
	}
	return map[string]any{"surface": string(f.Surface), "jurisdiction": string(f.Jurisdiction),
		"scan": string(f.Scan), "scan_reason": f.ScanReason, "findings": findings}
}
