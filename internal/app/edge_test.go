package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/edge"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects/objectstest"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestEdge runs a publisher and a replica as they are configured: the replica
// answers without a database, from lists that change under it, and only whom it
// should.
func TestEdge(t *testing.T) {
	t.Parallel()
	s := objectstest.Start(t)
	dir := t.TempDir()
	c := Config{Data: filepath.Join(dir, "main"), Listen: "127.0.0.1:0"}
	c.Objects = ObjectsConfig{Endpoint: s.Config.Endpoint, AccessKey: s.Config.AccessKey, SecretKey: s.Config.SecretKey}
	c.Edge = EdgeConfig{Bucket: "s3://" + s.Bucket + "/lists", KeyFile: configFile(t, strings.Repeat("0a", 32)), TokenFile: configFile(t, "word"), Publish: true}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a, err := Open(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	pub, err := a.publisher()
	if err != nil || pub == nil {
		t.Fatalf("%v, %v", pub, err)
	}
	wg.Go(func() { pub.Run(ctx) })
	replica := c
	replica.Data = filepath.Join(dir, "replica")
	addr := make(chan string, 1)
	wg.Go(func() {
		if err := ServeEdge(ctx, replica, log, func(a string) { addr <- a }); err != nil {
			t.Error(err)
		}
	})
	base := "http://" + <-addr
	ask := func(token, body string) (int, edge.Answer) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/lookup", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var out edge.Answer
		if resp.StatusCode == http.StatusOK {
			if err := json.Unmarshal(text, &out); err != nil {
				t.Fatal(err)
			}
		}
		return resp.StatusCode, out
	}
	sum := strings.Repeat("ab", 32)
	question := `{"surface":"public","hashes":{"sha256":"` + sum + `"}}`
	// Before it knows how old its lists are it gives no answer; then it does.
	status, polls := 0, 0
	for ; polls < 600 && status != http.StatusOK; polls++ {
		if status, _ = ask("word", question); status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Fatalf("status %d", status)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if status != http.StatusOK || polls == 1 {
		t.Fatalf("status %d after %d questions", status, polls)
	}
	if err := a.Lists.Create(ctx, "t", match.List{Name: "l", Kind: safety.ListIllegal, Threshold: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Lists.Import(ctx, "t", "l", match.FormatHashes, strings.NewReader(sum), false); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var got edge.Answer
	for range 600 {
		if status, got = ask("word", question); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if len(got.Findings) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("a change of a list is answered from by the replica after %v", time.Since(began))
	if len(got.Findings) != 1 || got.Findings[0] != (edge.Found{Detector: "sha256/1", List: "l", Kind: safety.ListIllegal, Match: safety.MatchExact}) || got.Scan != safety.ScanPartial {
		t.Errorf("%+v", got)
	}
	both := `{"surface":"public","pdq_quality":90,"hashes":{"sha256":"` + sum + `","pdq":"` + sum + `"}}`
	if status, got := ask("word", both); status != http.StatusOK || got.Scan != safety.ScanScanned {
		t.Errorf("%d, %+v", status, got)
	}
	for body, want := range map[string]int{"": 422, "{}": 422, question + question: 422, strings.Repeat(" ", 20_000): 400,
		strings.Replace(question, "public", "private", 1): 422, strings.Replace(question, "public", "encrypted", 1): 422,
		strings.Replace(question, sum, "ab", 1): 422, `{"surface":"public","hashes":{"pdq":"` + sum + `"}}`: 422,
		`{"surface":"public","hashes":{}}`: 422, strings.Replace(question, "sha256", "photodna", 1): 422} {
		if status, _ := ask("word", body); status != want {
			t.Errorf("%.60q: status %d, want %d", body, status, want)
		}
	}
	for _, token := range []string{"", "wor", "words"} {
		if status, _ := ask(token, question); status != http.StatusUnauthorized {
			t.Errorf("with the token %q: %d", token, status)
		}
	}
	if found, err := filepath.Glob(filepath.Join(replica.Data, "*.db")); err != nil || len(found) > 0 {
		t.Errorf("the replica has a database: %v", found)
	}
	if _, err := os.Stat(filepath.Join(replica.Data, "edge.beat")); err != nil {
		t.Error(err)
	}
}

func TestConfigEdge(t *testing.T) {
	good := EdgeConfig{Bucket: "s3://b/lists", KeyFile: configFile(t, strings.Repeat("0a", 32))}
	if p := good.complete(); len(p) > 0 || good.Oldest != 30*time.Second {
		t.Errorf("%v", p)
	}
	for name, change := range map[string]func(*EdgeConfig){
		"no bucket": func(e *EdgeConfig) { e.Bucket = "https://b" }, "no key": func(e *EdgeConfig) { e.KeyFile = "" },
		"a short key": func(e *EdgeConfig) { e.KeyFile = configFile(t, "0a") }, "too quick": func(e *EdgeConfig) { e.Oldest = time.Second },
		"no token": func(e *EdgeConfig) { e.TokenFile = "none" },
	} {
		e := good
		e.key = ""
		if change(&e); len(e.complete()) == 0 {
			t.Errorf("%s is taken", name)
		}
	}
}
