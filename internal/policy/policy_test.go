package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
)

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func found(kinds ...safety.ListKind) (out []safety.Finding) {
	for _, k := range kinds {
		out = append(out, safety.Finding{Detector: "pdq/1", List: "list", Kind: k, Match: safety.MatchNear, Distance: 7})
	}
	return out
}

// TestDefault_Verdicts is the whole table of one list's kind and the scan state.
func TestDefault_Verdicts(t *testing.T) {
	t.Parallel()
	p := parse(t, string(policy.Default))
	const a, l, h, b = safety.VerdictAllow, safety.VerdictLimit, safety.VerdictHold, safety.VerdictBlock
	states := []safety.ScanState{safety.ScanScanned, safety.ScanPartial, safety.ScanFailed, safety.ScanUnsupported, "", "odd"}
	tests := []struct {
		name  string
		found []safety.Finding
		want  []safety.Verdict // by state
		queue string
	}{
		{"nothing found", nil, []safety.Verdict{a, h, h, h, h, h}, ""},
		{"illegal", found(safety.ListIllegal), []safety.Verdict{b, b, b, b, b, b}, "known"},
		{"intimate image", found(safety.ListIntimateImage), []safety.Verdict{b, b, b, b, b, b}, "intimate-image"},
		{"taken down after a notice", []safety.Finding{{Kind: safety.ListIntimateImage, List: "takedown-notices"}}, []safety.Verdict{b, b, b, b, b, b}, ""},
		{"taken down, and on another list", append(found(safety.ListIntimateImage), safety.Finding{Kind: safety.ListIntimateImage, List: "takedown-notices"}), []safety.Verdict{b, b, b, b, b, b}, "intimate-image"},
		{"terrorism", found(safety.ListTerrorism), []safety.Verdict{b, b, b, b, b, b}, ""},
		{"harmful", found(safety.ListHarmful), []safety.Verdict{l, h, h, h, l, l}, ""},
		{"allow", found(safety.ListAllow), []safety.Verdict{a, h, h, h, h, h}, ""},
		{"canary", found(safety.ListCanary), []safety.Verdict{b, b, b, b, b, b}, "canary"},
		{"harmful and illegal", found(safety.ListHarmful, safety.ListIllegal), []safety.Verdict{b, b, b, b, b, b}, "known"},
		{"canary and illegal", found(safety.ListCanary, safety.ListIllegal), []safety.Verdict{b, b, b, b, b, b}, "known"},
		{"allow and illegal", found(safety.ListAllow, safety.ListIllegal), []safety.Verdict{b, b, b, b, b, b}, "known"},
	}
	covered := map[safety.ListKind]bool{}
	for _, tc := range tests {
		for _, f := range tc.found {
			covered[f.Kind] = true
		}
		for i, s := range states {
			out := p.Decide(policy.Facts{Surface: safety.SurfacePublic, Scan: s, Findings: tc.found})
			if out.Verdict != tc.want[i] || len(out.Errors) != 0 {
				t.Errorf("%s, %q: %s (%v), want %s", tc.name, s, out.Verdict, out.Errors, tc.want[i])
			}
			if queue := queueOf(out); queue != tc.queue {
				t.Errorf("%s, %q: queue %q, want %q", tc.name, s, queue, tc.queue)
			}
			if out.Verdict != a && len(out.Rules) == 0 {
				t.Errorf("%s, %q: a verdict without a rule", tc.name, s)
			}
		}
	}
	for _, k := range safety.ListKinds {
		if !covered[k] {
			t.Errorf("the table lacks lists of kind %s", k)
		}
	}
}

func queueOf(o policy.Outcome) string {
	if o.Case == nil {
		return ""
	}
	return o.Case.Queue
}

// conditions are pieces of which random policies are made: true, false, of the
// facts, and failing when run.
var conditions = []string{"true", "false", `surface == "public"`, `scan == "scanned"`, `scan != "scanned"`, `jurisdiction == ""`,
	`findings.exists(f, f.kind == "illegal")`, `findings.exists(f, f.distance < 5)`, `size(findings) > 2`,
	`findings[99].kind == "x"`, `findings.exists(f, f.nothing == 1)`, `1 / size(findings) == 1`, `findings.all(f, f.match == "exact")`}

type randomRule struct {
	When    string
	Verdict safety.Verdict
	P       safety.Priority
}

func rules(rt *rapid.T) []randomRule {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) randomRule {
		return randomRule{rapid.SampledFrom(conditions).Draw(rt, "when"), rapid.SampledFrom(safety.Verdicts).Draw(rt, "verdict"),
			rapid.SampledFrom(append(safety.Priorities, "")).Draw(rt, "priority")}
	}), 1, 5).Draw(rt, "rules")
}

func yamlOf(rs []randomRule) string {
	var b strings.Builder
	b.WriteString("version: random\nrules:\n")
	for i, r := range rs {
		fmt.Fprintf(&b, "- name: r%d\n  when: '%s'\n  verdict: %s\n", i, r.When, r.Verdict)
		if r.P != "" {
			fmt.Fprintf(&b, "  case: {queue: q%d, priority: %s, reason: because}\n", i, r.P)
		}
	}
	return b.String()
}

func facts(rt *rapid.T) policy.Facts {
	return policy.Facts{
		Surface:      rapid.SampledFrom(safety.Surfaces).Draw(rt, "surface"),
		Jurisdiction: rapid.SampledFrom([]safety.Jurisdiction{"", "GB", "US"}).Draw(rt, "jurisdiction"),
		Scan:         rapid.SampledFrom(append([]safety.ScanState{"", "odd"}, safety.ScanStates...)).Draw(rt, "scan"),
		Findings: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) safety.Finding {
			return safety.Finding{Kind: rapid.SampledFrom(safety.ListKinds).Draw(rt, "kind"), Distance: rapid.IntRange(0, 64).Draw(rt, "distance"),
				Match: rapid.SampledFrom([]safety.MatchKind{safety.MatchExact, safety.MatchNear}).Draw(rt, "match")}
		}), 0, 4).Draw(rt, "findings"),
	}
}

// TestDecide_Promises checks, for random policies and facts, what no rule can
// change, against each rule run alone.
func TestDecide_Promises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rs, f := rules(rt), facts(rt)
		p := parse(t, yamlOf(rs))
		out := p.Decide(f)
		if out.Verdict == safety.VerdictAllow && f.Scan != safety.ScanScanned {
			rt.Fatalf("allowed what was %q", f.Scan)
		}
		if len(out.Errors) > 0 && out.Verdict.Severity() < safety.VerdictHold.Severity() {
			rt.Fatalf("a rule failed and the verdict is %s", out.Verdict)
		}
		strictest, failed := safety.VerdictAllow, 0
		var urgent safety.Priority
		for i, r := range rs {
			alone := parse(t, yamlOf([]randomRule{r})).Decide(policy.Facts{Surface: f.Surface, Jurisdiction: f.Jurisdiction, Scan: f.Scan, Findings: f.Findings})
			failed += len(alone.Errors)
			if len(alone.Errors) > 0 {
				strictest = safety.Strictest(strictest, safety.VerdictHold)
			}
			hit := slices.Contains(alone.Rules, "r0")
			if hit != slices.Contains(out.Rules, fmt.Sprint("r", i)) {
				rt.Fatalf("rule %d applies alone: %t, among others: %t", i, hit, !hit)
			}
			if hit {
				strictest = safety.Strictest(strictest, r.Verdict)
			}
			if hit && r.P != "" {
				urgent = safety.Highest(urgent, r.P)
			}
		}
		if strictest == safety.VerdictAllow && f.Scan != safety.ScanScanned {
			strictest = safety.VerdictHold
		}
		if out.Verdict != strictest || len(out.Errors) != failed {
			rt.Fatalf("verdict %s, the strictest of the rules is %s; %d errors, alone %d", out.Verdict, strictest, len(out.Errors), failed)
		}
		if (out.Case == nil) != (urgent == "") || out.Case != nil && out.Case.Priority != urgent {
			rt.Fatalf("case %+v, the most urgent rule says %q", out.Case, urgent)
		}
		byText := cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })
		if diff := cmp.Diff(out, p.Decide(f), byText, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("the same facts gave another outcome:\n%s", diff)
		}
	})
}

func TestDecide_LeavesFactsAlone(t *testing.T) {
	t.Parallel()
	p := parse(t, string(policy.Default))
	f := policy.Facts{Scan: safety.ScanScanned, Findings: found(safety.ListIllegal)}
	p.Decide(f).Case.Priority = safety.P3
	if out := p.Decide(f); out.Case.Priority != safety.P2 {
		t.Error("a caller's change to an outcome changed the policy")
	}
	if diff := cmp.Diff(found(safety.ListIllegal), f.Findings); diff != "" {
		t.Error(diff)
	}
}

func TestDecide_CostLimit(t *testing.T) {
	t.Parallel()
	p := parse(t, `
version: costly
rules:
- name: costly
  when: findings.exists(a, findings.exists(b, findings.exists(c, a.kind + b.kind + c.kind == "never")))
  verdict: warn
- name: after
  when: scan == "scanned"
  verdict: warn
`)
	f := policy.Facts{Scan: safety.ScanScanned, Findings: found(slices.Repeat([]safety.ListKind{safety.ListHarmful}, 200)...)}
	out := p.Decide(f)
	if out.Verdict != safety.VerdictHold || len(out.Errors) != 1 || !strings.Contains(out.Errors[0].Error(), "cost") {
		t.Errorf("%s with errors %v, want hold for the cost", out.Verdict, out.Errors)
	}
	if diff := cmp.Diff([]string{"after"}, out.Rules); diff != "" {
		t.Errorf("rules after the costly one (-want +got):\n%s", diff)
	}
	f.Findings = f.Findings[:5]
	if out := p.Decide(f); out.Verdict != safety.VerdictWarn || len(out.Errors) != 0 {
		t.Errorf("with few findings: %s, %v", out.Verdict, out.Errors)
	}
	many := policy.Facts{Scan: safety.ScanScanned, Findings: found(slices.Repeat([]safety.ListKind{safety.ListHarmful}, 1000)...)}
	if out := parse(t, string(policy.Default)).Decide(many); len(out.Errors) != 0 || out.Verdict != safety.VerdictLimit {
		t.Errorf("the default policy on 1,000 findings: %s, %v", out.Verdict, out.Errors)
	}
}

func TestParse_AllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse([]byte(`
colour: red
rules:
- name: one
  when: no_such_variable == 1
- name: two
  when: 1 + 1
- name: two
  when: "true"
  verdict: perhaps
- name: three
  when: "true"
  urgency: high
- when: "true"
- name: four
  when: "true"
  case: {queue: q, priority: P9, reason: r}
- name: five
  when: '(('
- name: five
  when: "true"
quotas:
- name: q
  verdict: block
  per_day: many
  then: allow
---
version: second document
`))
	if err == nil {
		t.Fatal("took it")
	}
	for _, want := range []string{"colour", "urgency", "many", "version", "(one)", "no_such_variable", "(two)", "condition", "unknown verdict", "needs a name",
		"(four)", "priority", "(five)", "used twice", "quota 1", "more than one"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the problems do not name %q:\n%v", want, err)
		}
	}
}

func TestParse_Refused(t *testing.T) {
	t.Parallel()
	const rule = "\nrules: [{name: a, when: 'true'}]"
	for name, text := range map[string]string{
		"empty": "", "no rules": "version: v", "not YAML": "version: [", "a list": "- a", "a text": "hello",
		"unknown key": "version: v\nextra: 1" + rule, "empty condition": "version: v\nrules: [{name: a}]",
		"condition of unknown type": "version: v\nrules: [{name: a, when: 'findings[0].kind'}]",
		"milder quota":              "version: v" + rule + "\nquotas: [{name: q, verdict: block, per_day: 1, then: warn}]",
		"quota of none":             "version: v" + rule + "\nquotas: [{name: q, verdict: block, per_day: 0, then: hold}]",
		"off of an unknown surface": "version: v" + rule + "\noff: [{detector: d, surface: moon, jurisdictions: [GB]}]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := policy.Parse([]byte(text)); err == nil {
				t.Error("took it")
			}
		})
	}
}

func TestVersion_ChangesWithContent(t *testing.T) {
	t.Parallel()
	const text = "version: v\nrules: [{name: a, when: 'true'}]\n"
	p := parse(t, text)
	if p.Version() != parse(t, text).Version() {
		t.Error("the same text has two versions")
	}
	if p.Version() == parse(t, text+"# a comment\n").Version() {
		t.Error("another text has the same version")
	}
	if out := p.Decide(policy.Facts{}); out.Version != p.Version() || !strings.HasPrefix(out.Version, "v+") {
		t.Errorf("an outcome of version %q, policy %q", out.Version, p.Version())
	}
}

// TestQuarantined: what only a signal in quarantine found is held, in a queue of
// its own; another finding acts as ever.
func TestQuarantined(t *testing.T) {
	t.Parallel()
	p, err := policy.Parse(policy.Default)
	if err != nil {
		t.Fatal(err)
	}
	flooding := safety.Finding{Kind: safety.ListIllegal, List: "l", Quarantined: true}
	sure := safety.Finding{Kind: safety.ListIllegal, List: "m"}
	mild := safety.Finding{Kind: safety.ListHarmful, List: "h"}
	for _, c := range []struct {
		name     string
		findings []safety.Finding
		verdict  safety.Verdict
		queue    string
	}{
		{"alone", []safety.Finding{flooding}, safety.VerdictHold, "quarantine"},
		{"beside a sure one", []safety.Finding{flooding, sure}, safety.VerdictBlock, "known"},
		{"beside a mild one", []safety.Finding{flooding, mild}, safety.VerdictHold, "quarantine"},
		{"sure alone", []safety.Finding{sure}, safety.VerdictBlock, "known"},
	} {
		out := p.Decide(policy.Facts{Surface: safety.SurfacePublic, Scan: safety.ScanScanned, Findings: c.findings})
		if out.Verdict != c.verdict || out.Case == nil || out.Case.Queue != c.queue {
			t.Errorf("%s: %s, case %+v", c.name, out.Verdict, out.Case)
		}
	}
}
