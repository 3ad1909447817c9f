package measures_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/measures"
)

func load(t testing.TB) *measures.Catalogue {
	t.Helper()
	c, err := measures.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCatalogue(t *testing.T) {
	c := load(t)
	if len(c.Measures) < 80 {
		t.Errorf("%d measures; did some get lost?", len(c.Measures))
	}
	for _, text := range []string{
		"version: x\ndate: 2026-01-01\nunheard: 1\n",
		"version: x\ndate: soon\n",
		"version: x\ndate: 2026-01-01\nregimes: [{id: a, name: A, source: S, source_tag: X, tags: {title: S, applies: S, requirement: S}, scope: {always: true}}]\n",
		"version: x\ndate: 2026-01-01\nregimes: [{id: a, name: A, source: S, source_tag: S, tags: {title: S, applies: S, requirement: S}, scope: {is: unheard}}]\n",
		"version: x\ndate: 2026-01-01\nregimes: [{id: a, name: A, source: S, source_tag: S, tags: {title: S, applies: S, requirement: S}, scope: {always: true}}]\nmeasures: [{code: A1, regime: a, title: t, requirement: r, applies: {always: true}}]\n",
		"version: x\ndate: 2026-01-01\nregimes: [{id: a, name: A, source: S, source_tag: S, tags: {title: S, applies: S, requirement: S}, scope: {always: true}}]\nmeasures: [{code: A1, regime: a, title: t, requirement: r, applies: {always: true, is: large}, gap: people}]\n",
	} {
		if _, err := measures.Parse([]byte(text)); err == nil {
			t.Errorf("this was taken:\n%s", text)
		}
	}
}

func answer(t *testing.T, p measures.Profile, code string) (measures.Answer, string) {
	t.Helper()
	for _, a := range load(t).Assess(&p) {
		if a.Measure.Code == code {
			return a.Answer, a.Why
		}
	}
	t.Fatalf("there is no measure %s", code)
	return "", ""
}

// uk is a user-to-user service in the UK of so many users.
func uk(users int64, risks map[string]measures.Level) measures.Profile {
	return measures.Profile{UKUsers: &users, Functions: measures.Functions{UserToUser: new(true)}, Serves: []string{"UK"}, Provider: "UK", Risks: risks}
}

func TestAssess(t *testing.T) {
	files := uk(10, map[string]measures.Level{"csam_image": "high"})
	files.Functions.FileSharing = new(true)
	noFiles := uk(700_000, map[string]measures.Level{"csam_image": "high"})
	noFiles.Functions.FileSharing = new(false)
	whole := uk(10, map[string]measures.Level{"csea": "low", "grooming": "high", "csam_image": "high", "csam_url": "high", "hate": "high"})
	whole.RisksComplete = new(true)
	micro := measures.Profile{Functions: measures.Functions{UserToUser: new(true)}, Serves: []string{"EU"}, MicroOrSmall: new(true)}
	big := micro
	big.MicroOrSmall = new(false)
	for name, c := range map[string]struct {
		p    measures.Profile
		code string
		want measures.Answer
	}{
		"all":                                       {uk(10, nil), "ICU C1", measures.Applies},
		"nothing is known":                          {measures.Profile{}, "ICU C1", measures.Undetermined},
		"not in the UK":                             {measures.Profile{Serves: []string{"US"}}, "ICU C1", measures.DoesNot},
		"seven million is not large":                {uk(7_000_000, nil), "ICU A1", measures.DoesNot},
		"one more is":                               {uk(7_000_001, nil), "ICU A1", measures.Applies},
		"large or multi-risk, risks not given":      {uk(10, nil), "ICU A3", measures.Undetermined},
		"large or multi-risk, large":                {uk(8_000_000, nil), "ICU A3", measures.Applies},
		"two kinds":                                 {uk(10, map[string]measures.Level{"hate": "medium", "fraud": "high"}), "ICU A3", measures.Applies},
		"parts of CSEA do not count":                {whole, "ICU A3", measures.DoesNot},
		"hash matching, files of any size":          {files, "ICU C9", measures.Applies},
		"hash matching, 700,000 is not over":        {noFiles, "ICU C9", measures.DoesNot},
		"hash matching, 700,001":                    {uk(700_001, map[string]measures.Level{"csam_image": "high"}), "ICU C9", measures.Applies},
		"hash matching, medium and not large":       {uk(700_001, map[string]measures.Level{"csam_image": "medium"}), "ICU C9", measures.DoesNot},
		"hash matching, medium and large":           {uk(7_000_001, map[string]measures.Level{"csam_image": "medium"}), "ICU C9", measures.Applies},
		"hash matching, risk not given":             {uk(10_000_000, nil), "ICU C9", measures.Undetermined},
		"URLs, medium and not large":                {uk(700_001, map[string]measures.Level{"csam_url": "medium"}), "ICU C10", measures.DoesNot},
		"no source says when":                       {uk(10, nil), "OSA s.23", measures.Undetermined},
		"children's Code, not said":                 {uk(10, nil), "PCU A2", measures.Undetermined},
		"UK provider":                               {uk(10, nil), "OSA s.66(1)", measures.Applies},
		"UK provider, the other subsection":         {uk(10, nil), "OSA s.66(2)", measures.DoesNot},
		"micro enterprise, the database":            {micro, "DSA Art. 24(5)", measures.DoesNot},
		"micro enterprise, the user's statement":    {micro, "DSA Art. 17", measures.Applies},
		"micro enterprise, the report is left open": {micro, "DSA Art. 15", measures.Undetermined},
		"no micro enterprise, the database":         {big, "DSA Art. 24(5)", measures.Applies},
		"no micro enterprise, the report":           {big, "DSA Art. 15", measures.Applies},
	} {
		t.Run(name, func(t *testing.T) {
			if got, why := answer(t, c.p, c.code); got != c.want {
				t.Errorf("%s: %s, want %s (%s)", c.code, got, c.want, why)
			}
		})
	}
}

// tri draws yes, no or not said.
func tri() *rapid.Generator[*bool] {
	return rapid.SampledFrom([]*bool{nil, new(true), new(false)})
}

func drawProfile(t *rapid.T) measures.Profile {
	p := measures.Profile{ChildAccess: tri().Draw(t, "children"), DeterminesAge: tri().Draw(t, "age"), UsesHEAA: tri().Draw(t, "heaa"), AdultService: tri().Draw(t, "adult"),
		Category1: tri().Draw(t, "category"), MicroOrSmall: tri().Draw(t, "micro"), RisksComplete: tri().Draw(t, "complete"), Risks: map[string]measures.Level{},
		Serves:   rapid.SliceOfDistinct(rapid.SampledFrom([]string{"UK", "EU", "US"}), rapid.ID).Draw(t, "serves"),
		Provider: rapid.SampledFrom([]string{"", "UK", "EU", "US", "other"}).Draw(t, "provider")}
	f := &p.Functions
	for _, b := range []**bool{&f.UserToUser, &f.ImageSharing, &f.FileSharing, &f.Recommender, &f.RecommenderTests} {
		*b = tri().Draw(t, "function")
	}
	if rapid.Bool().Draw(t, "users known") {
		p.UKUsers = new(rapid.SampledFrom([]int64{0, 700_000, 700_001, 7_000_000, 7_000_001}).Draw(t, "users"))
	}
	for _, kind := range []string{"csea", "grooming", "csam_image", "csam_url", "hate", "terrorism", "fraud", "intimate_image", "other_kind"} {
		if l := rapid.SampledFrom([]measures.Level{"", "negligible", "low", "medium", "high"}).Draw(t, kind); l != "" {
			p.Risks[kind] = l
		}
	}
	return p
}

// TestMoreKnowledge: learning more about a service may settle what was
// undetermined, and never turns a yes into a no or back.
func TestMoreKnowledge(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t)
		if p.RisksComplete != nil && *p.RisksComplete {
			t.Skip("a complete assessment has nothing to learn of")
		}
		before := c.Assess(&p)
		more := p
		more.Risks = maps.Clone(p.Risks)
		learn := drawProfile(t)
		fill := func(into **bool, from *bool) {
			if *into == nil {
				*into = from
			}
		}
		fill(&more.ChildAccess, learn.ChildAccess)
		fill(&more.MicroOrSmall, learn.MicroOrSmall)
		fill(&more.Category1, learn.Category1)
		fill(&more.DeterminesAge, learn.DeterminesAge)
		fill(&more.AdultService, learn.AdultService)
		fill(&more.Functions.UserToUser, learn.Functions.UserToUser)
		fill(&more.Functions.FileSharing, learn.Functions.FileSharing)
		fill(&more.Functions.ImageSharing, learn.Functions.ImageSharing)
		fill(&more.Functions.Recommender, learn.Functions.Recommender)
		if more.UKUsers == nil {
			more.UKUsers = learn.UKUsers
		}
		if len(more.Serves) == 0 {
			more.Serves = learn.Serves
		}
		if more.Provider == "" {
			more.Provider = learn.Provider
		}
		for kind, l := range learn.Risks {
			if _, ok := more.Risks[kind]; !ok {
				more.Risks[kind] = l
			}
		}
		if p.RisksComplete == nil {
			more.RisksComplete = learn.RisksComplete
		}
		for i, a := range c.Assess(&more) {
			if was := before[i].Answer; was != measures.Undetermined && a.Answer != was {
				t.Fatalf("%s: %s became %s (%s)", a.Measure.Code, was, a.Answer, a.Why)
			}
			if !strings.HasSuffix(a.Why, ".") || strings.Contains(a.Why, "because .") || strings.Contains(a.Why, ": .") {
				t.Fatalf("%s: %q is no sentence with a reason", a.Measure.Code, a.Why)
			}
		}
	})
}

// TestUnknownIsNeverNo: with nothing known, nothing is answered no.
func TestUnknownIsNeverNo(t *testing.T) {
	for _, a := range load(t).Assess(&measures.Profile{}) {
		if a.Answer != measures.Undetermined {
			t.Errorf("%s: %s (%s)", a.Measure.Code, a.Answer, a.Why)
		}
	}
}

func TestProfileCheck(t *testing.T) {
	bad := measures.Profile{Name: strings.Repeat("n", 101), UKUsers: new(int64(-1)), Serves: []string{"Mars"}, Provider: "Moon", Risks: map[string]measures.Level{"x y": "high", "hate": "grave"}}
	err := bad.Check()
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"name", "uk_monthly_users", "serves", "provider", "risk"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not speak of %s", err, want)
		}
	}
	if slices.Contains([]string{"Mars", "Moon"}, err.Error()) {
		t.Error("what was sent is repeated")
	}
}
