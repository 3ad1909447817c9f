package rowan_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPolicy keeps the rules of the house (docs/architecture.md). Each subtest
// says in its failure why the rule is there.
func TestPolicy(t *testing.T) {
	t.Run("floors", testFloors)
	t.Run("owners", testOwners)
	t.Run("public packages stand alone", testPublic)
	t.Run("production links no stand-in", testNoFakes)
	t.Run("every package has a doc and a place on the map", testMap)
	t.Run("no replace", testNoReplace)
	t.Run("dependencies", testDependencies)
	t.Run("content", testContent)
	t.Run("go fix", testGoFix)
}

const module = "github.com/rowan-safety/rowan/"

// floor is the height of a package: it imports only from floors below its own.
// Rooms on one floor do not know each other.
var floor = map[string]int{
	"cmd/rowan":               7,
	"internal/app":            6,
	"internal/api":            5,
	"internal/scan":           5,
	"internal/match/exchange": 4, // fills match's lists with what vault's credentials open
	"internal/intake":         4, // brings match, policy and cases together for api, and later for stream
	"internal/cases":          3, "internal/reporting": 3, "internal/policy": 3, "internal/match": 3, "internal/access": 3,
	"internal/measures": 3, "internal/transparency": 3, "internal/statement": 3, "internal/takedown": 3, "internal/disclosure": 3,
	"internal/conduct": 3,
	"internal/stream":  3, // webhooks out, and events to whoever applies them
	"internal/fetch":   1, "internal/paper": 1, "internal/hasher": 1, "internal/objects": 1, "internal/objects/objectstest": 2,
	"internal/vault": 2, "internal/media": 1, "internal/ledger": 1, // vault writes its own ledger rows
	"internal/store": 0, "internal/store/db": -1,
	"internal/safety":         -2,
	"internal/proof":          -2, // checks what others hold against us: standard library only
	"internal/edge":           4,  // carries match's lists through objects' buckets
	"internal/talk":           3,  // pure: the standard library and x/text only
	"internal/talk/synthetic": 4,  // conversations for tests, made from a seed
	"internal/conversation":   4,  // brings talk, conduct and cases together for the stream's events
	"internal/classify":       3,  // asks operators' scorers; meets talk in app
	"internal/eval":           5,  // measures talk, also with what synthetic makes
	"internal/custody":        4,  // reads what the rooms have written of one case
	"internal/sealedzip":      1,
	// Beside the house: made from public packages only.
	"internal/sample": 1, "web": -2,
}

func testFloors(t *testing.T) {
	eachImport(t, false, func(pkg, file, imp string) {
		rel, ours := strings.CutPrefix(imp, module)
		from, known := floor[pkg]
		if !ours || !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "internal/fakes") {
			return
		}
		if !known {
			if !strings.HasSuffix(pkg, "storetest") && !strings.HasPrefix(pkg, "internal/endtoend") {
				t.Errorf("%s: package %s has no floor. Give it one in policy_test.go and docs/architecture.md", file, pkg)
			}
			return
		}
		to, ok := floor[rel]
		if ok && to >= from {
			t.Errorf("%s: %s (floor %d) imports %s (floor %d). Data moves down: a package imports only from floors below, and rooms on one floor meet in internal/app", file, pkg, from, rel, to)
		}
	})
}

// owner names the one package that may import a heavy dependency, so that
// replacing it is the work of an afternoon.
var owner = map[string][]string{
	"modernc.org/sqlite":                {"internal/store", "internal/store/storetest"},
	"github.com/jackc/pgx":              {"internal/store", "internal/store/storetest"},
	"github.com/pressly/goose":          {"internal/store"},
	"github.com/riverqueue/river":       {"internal/store"},
	"database/sql":                      {"internal/store", "internal/store/db", "internal/store/storetest"},
	"filippo.io/age":                    {"internal/vault"},
	"golang.org/x/image":                {"internal/media", "internal/paper"}, // paper: fonts only
	"github.com/minio":                  {"internal/objects", "internal/objects/objectstest"},
	"codeberg.org/go-pdf/fpdf":          {"internal/paper"},
	"image/jpeg":                        {"internal/media", "internal/sample"}, // sample only encodes
	"image/png":                         {"internal/media", "internal/sample"},
	"image/gif":                         {"internal/media"},
	"cel.dev/cel-go":                    {"internal/policy"},
	"github.com/go-webauthn":            {"internal/access"},
	"github.com/danielgtaylor/huma":     {"internal/api"},
	"github.com/prometheus":             {"internal/app"},
	"golang.org/x/mod/sumdb":            {"internal/ledger", "internal/app"}, // app reads the key files
	"github.com/landlock-lsm":           {"internal/media"},
	"github.com/elastic/go-seccomp-bpf": {"internal/media"},
	"github.com/tetratelabs/wazero":     {"internal/media"},
	"github.com/ebitengine/purego":      {}, // opens shared libraries: nobody's
	"github.com/gen2brain":              {}, // likewise; its Wasm modules are in internal/media/wasm
	"github.com/caarlos0/env":           {"internal/app"},
	"github.com/nats-io":                {"internal/stream"},
	"github.com/spf13/cobra":            {"cmd/rowan"},
	"go.yaml.in/yaml":                   {"internal/app", "internal/policy", "internal/measures"},
	module + "internal/store/db":        nil, // any room may name rows
}

func testOwners(t *testing.T) {
	eachImport(t, false, func(pkg, file, imp string) {
		for dep, owners := range owner {
			if owners != nil && (imp == dep || strings.HasPrefix(imp, dep+"/")) && !slices.Contains(owners, pkg) {
				t.Errorf("%s: %s imports %s, which belongs to %v. One owner for each heavy dependency", file, pkg, imp, owners)
			}
		}
	})
}

func testPublic(t *testing.T) {
	eachImport(t, false, func(pkg, file, imp string) {
		public := map[string]bool{"pdq": true, "pdq/undo": true, "vpdq": true, "hamming": true, "cybertip": true, "client": true, "franking": true}
		if rel, ours := strings.CutPrefix(imp, module); !public[pkg] || ours && public[rel] {
			return
		}
		if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !strings.HasPrefix(imp, "golang.org/x/crypto") {
			t.Errorf("%s: the public package %s imports %s. Public packages need only the standard library and x/crypto, so that anybody can take them out and use them alone", file, pkg, imp)
		}
	})
}

func testNoFakes(t *testing.T) {
	for dep := range strings.FieldsSeq(run(t, "go", "list", "-deps", "./cmd/rowan")) {
		if strings.Contains(dep, "/internal/fakes") || strings.HasSuffix(dep, "/storetest") {
			t.Errorf("the binary links %s. Stand-ins of authorities are programs of their own and never ship", dep)
		}
	}
}

func testMap(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.FieldsSeq(run(t, "go", "list", "./...")) {
		rel := strings.TrimPrefix(dir, module)
		if rel == strings.TrimSuffix(module, "/") {
			continue
		}
		if !bytes.Contains(text, []byte("`"+rel+"`")) {
			t.Errorf("docs/architecture.md does not mention `%s`. The map shows every package", rel)
		}
	}
	docs := run(t, "go", "list", "-f", "{{.ImportPath}}\t{{.Doc}}", "./...")
	for line := range strings.Lines(docs) {
		pkg, doc, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if doc == "" && pkg != strings.TrimSuffix(module, "/") && !strings.HasSuffix(pkg, "/store/db") {
			t.Errorf("%s has no package comment. It is the package's manual", pkg)
		}
	}
}

func testNoReplace(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(text) {
		t.Error("go.mod has a replace directive, which breaks go install for everybody else")
	}
}

// testDependencies keeps deps.txt, so that a new dependency is a visible diff.
func testDependencies(t *testing.T) {
	want := run(t, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/rowan")
	lines := strings.Split(strings.TrimSpace(want), "\n")
	slices.Sort(lines)
	want = strings.Join(slices.Compact(lines), "\n") + "\n"
	// The Wasm modules inside the binary are dependencies too, one of them under
	// the LGPL: internal/media/wasm/README.md.
	modules, err := os.ReadFile("internal/media/wasm/modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	want += string(modules)
	if os.Getenv("ROWAN_UPDATE_DEPS") != "" {
		if err := os.WriteFile("deps.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("deps.txt")
	if err != nil || string(got) != want {
		t.Error("deps.txt is not what the binary links. Look at what is new, then run make generate")
	}
}

// testContent looks for words that have no place in fixtures. It cannot prove
// that content is clean; it catches a slip.
func testContent(t *testing.T) {
	// Written in parts, so that this file does not hold them.
	words := regexp.MustCompile(`(?i)\b(` + strings.Join([]string{"na" + "ked", "nu" + "des?", "por" + "no?", "ero" + "tic", "un" + "dress\\w*", "under" + "wear"}, "|") + `)\b`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "node_modules", "build", "data", ".tools", "dist"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".ts", ".svelte", ".json", ".yaml", ".csv", ".xml", ".txt", ".md", ".sql"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if m := words.Find(text); m != nil {
			t.Errorf("%s holds a word that has no place here. Fixtures name indicators in neutral words only", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testGoFix(t *testing.T) {
	if out := run(t, "go", "fix", "-diff", "./..."); strings.TrimSpace(out) != "" {
		t.Errorf("go fix would change this; run it:\n%s", out)
	}
}

// eachImport calls fn for every import of every Go file.
func eachImport(t *testing.T, tests bool, fn func(pkg, file, imp string)) {
	t.Helper()
	files := strings.Fields(run(t, "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.go"))
	if len(files) < 50 {
		t.Fatalf("found only %d Go files", len(files))
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") && !tests {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			fn(filepath.ToSlash(filepath.Dir(file)), file, strings.Trim(imp.Path.Value, `"`))
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}
