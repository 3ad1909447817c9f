package exchange

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestShare: an exchange without credentials of its own fails until its kind has
// some, which are sealed and go to the service's own addresses only.
func TestShare(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.NCMEC), 5)
	g.mutate()
	ctx := t.Context()
	g.ok(g.lists.Create(ctx, "test", match.List{Name: "second", Kind: safety.ListIllegal, Threshold: -1}))
	for _, bad := range []Settings{{SharedCredentials: true, URL: "https://example.test"}, {SharedCredentials: true, URL: "https://report.cybertip.org.example.test"}, {}} {
		if err := g.desk.Create(ctx, "test", "second", NCMEC, "second", Config{Settings: &bad}); safety.KindOf(err) != safety.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	settings, own := Settings{SharedCredentials: true, URL: g.url}, testCredentials
	if err := g.desk.Create(ctx, "test", "second", NCMEC, "second", Config{Settings: &settings, Credentials: &own}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("credentials of both sorts: %v", err)
	}
	g.ok(g.desk.Create(ctx, "test", "second", NCMEC, "second", Config{Settings: &settings}))
	sync := func(has bool) Exchange {
		t.Helper()
		g.ok(g.desk.SyncNamed(ctx, "second"))
		e, err := g.desk.Get(ctx, "second")
		g.ok(err)
		if shares, err := g.desk.Shares(ctx, NCMEC); err != nil || shares != has || e.Credentials != has {
			t.Fatalf("there are credentials: %t and %t (%v), want %t", shares, e.Credentials, err, has)
		}
		return e
	}
	if e := sync(false); !strings.Contains(e.LastError, "no credentials") || g.server.Requests() != 0 {
		t.Errorf("without credentials: %+v, asked %d times", e, g.server.Requests())
	}
	for _, bad := range []Shared{{URL: "https://example.test"}, {Credentials: Credentials{Username: "u"}}} {
		if err := g.desk.Share(ctx, "test", NCMEC, bad); safety.KindOf(err) != safety.Invalid {
			t.Errorf("bad credentials: %v", err)
		}
	}
	if err := g.desk.Share(ctx, "test", File, Shared{Credentials: testCredentials}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("credentials of all lists: %v", err)
	}
	c := Shared{Credentials: testCredentials}
	g.ok(g.desk.Share(ctx, "test", NCMEC, c))
	if text := fmt.Sprintf("%v %+v %#v", c, &c, c); strings.Contains(text, testCredentials.Password) {
		t.Error("printing shared credentials tells them")
	}
	sealed, err := g.store.Read().ExchangeCredentials(ctx, "ncmec")
	g.ok(err)
	if bytes.Contains(sealed, []byte(testCredentials.Password)) {
		t.Error("shared credentials are not sealed")
	}
	if e := sync(true); e.LastError != "" || e.Changes == 0 && g.server.Requests() == 0 {
		t.Errorf("with credentials: %+v", e)
	}
	row, err := g.store.Read().ExchangeByName(ctx, "second")
	g.ok(err)
	row.Settings = strings.Replace(row.Settings, g.url, "https://example.test", 1)
	if _, err := g.desk.open(ctx, row); safety.KindOf(err) != safety.Invalid {
		t.Errorf("shared credentials would go elsewhere: %v", err)
	}
	g.ok(g.desk.Change(ctx, "test", "second", Config{Enabled: new(true)})) // keeps them
	g.ok(g.desk.Share(ctx, "test", NCMEC, Shared{}))
	if e := sync(false); !strings.Contains(e.LastError, "no credentials") {
		t.Errorf("after the credentials were cleared: %+v", e)
	}
}
