package endtoend

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
)

type hmaAPIState struct {
	Supports bool `json:"supports_authentification"` // spelled so
	Has      bool `json:"has_set_authentification"`
}

type hmaSchemaField struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required"`
	Default  any      `json:"default"`
	Help     string   `json:"help"`
	Choices  []string `json:"choices"`
}

// exchanges is HMA's own tests of exchanges and what its documentation says, and
// then one exchange that really reads a service's stand-in.
func (c hmaClient) exchanges(t *testing.T) {
	var names []string
	c.want(t, "APIs", c.call("GET", "/c/exchanges/apis", "", nil, &names), 200)
	if want := []string{"ncmec", "fb_threatexchange", "stop_ncii", "tat"}; !reflect.DeepEqual(names, want) {
		t.Errorf("APIs %v, want %v", names, want)
	}
	credentials := map[string]map[string]any{"ncmec": {"user": "u", "password": "secret-password"}, "fb_threatexchange": {"api_token": "12345789|000000000000"},
		"stop_ncii": {"fetch_function_key": "f", "subscription_key": "s"}, "tat": {"username": "u", "password": "p"}}
	for _, name := range names {
		c.credentials(t, name, credentials[name])
	}
	var m message
	c.want(t, "unknown API", c.call("GET", "/c/exchanges/api/nope", "", nil, &m), 400)
	c.want(t, "schema of an unknown API", c.call("GET", "/c/exchanges/api/nope/schema", "", nil, &m), 404)
	c.want(t, "credentials of the wrong form", c.json("POST", "/c/exchanges/api/ncmec", map[string]any{"credential_json": map[string]any{"user": 5, "password": "secret"}}, &m), 400)
	if strings.Contains(m.Message, "secret") {
		t.Errorf("an error tells credentials: %q", m.Message)
	}
	c.want(t, "half of the credentials", c.json("POST", "/c/exchanges/api/ncmec", map[string]any{"credential_json": map[string]any{"user": "u"}}, &m), 400)
	c.want(t, "credentials of another API", c.json("POST", "/c/exchanges/api/tat", map[string]any{"credential_json": map[string]any{"api_token": "x"}}, &m), 400)
	c.want(t, "no object", c.json("POST", "/c/exchanges/api/ncmec", []string{"x"}, &m), 400)
	weak := hmaClient{t, c.base, ""}
	for _, r := range [][2]string{{"GET", "/c/exchanges"}, {"GET", "/c/exchanges/apis"}, {"POST", "/c/exchanges"}, {"POST", "/c/exchanges/api/ncmec"}, {"DELETE", "/c/exchange/X"}} {
		c.want(t, r[1]+" without a key", weak.call(r[0], r[1], "", nil, &m), 401)
	}

	// NCMEC is asked for what is older than a while, so the entry is from yesterday.
	ago := 24 * time.Hour
	world := exchanges.New(exchanges.Config{Service: exchanges.NCMEC, Username: "u", Password: "p", PageSize: 5, Now: func() time.Time { return time.Now().Add(-ago) }})
	const p = "a8d5a8d5a8d5a8d557a857a857a857a8c3c3c3c3c3c33c3c3c3c3c3c5a5aa5a5"
	world.World.Put("e1", map[string]string{"pdq": p})
	ago = 0
	service := httptest.NewServer(world)
	defer service.Close()
	create := func(bank, api string, config any) map[string]any {
		return map[string]any{"bank": bank, "api": api, "api_json": config}
	}
	environment := map[string]any{"environment": service.URL}
	c.want(t, "bank", c.json("POST", "/c/banks", map[string]any{"name": "TAKEN"}, nil), 201)
	for name, body := range map[string]any{"lower case": create("fed", "ncmec", environment), "dash": create("FE-D", "ncmec", environment), "no bank": create("", "ncmec", environment),
		"unknown API": create("FED", "nope", environment), "no API": map[string]any{"bank": "FED", "api_json": environment},
		"no object": create("FED", "ncmec", "x"), "unknown member": create("FED", "ncmec", map[string]any{"environment": service.URL, "x": 1}),
		"no environment": create("FED", "ncmec", map[string]any{}), "somebody else's address": create("FED", "ncmec", map[string]any{"environment": "https://example.test/"}),
		"only some members": create("FED", "ncmec", map[string]any{"environment": service.URL, "only_esp_ids": []int{1}}),
		"group in words":    create("FED", "fb_threatexchange", map[string]any{"privacy_group": "some"}),
		"an existing bank":  create("TAKEN", "ncmec", environment)} {
		c.want(t, name, c.json("POST", "/c/exchanges", body, &m), 400)
	}
	c.want(t, "nothing was left", c.call("GET", "/c/bank/FED", "", nil, &m), 404)
	c.want(t, "create", c.json("POST", "/c/exchanges", create("FED", "ncmec", map[string]any{"environment": service.URL, "only_esp_ids": []int{}}), &m), 201)
	if m.Message == "" {
		t.Error("created without a message")
	}
	c.want(t, "create ThreatExchange", c.json("POST", "/c/exchanges", create("GROUP_1", "fb_threatexchange", map[string]any{"privacy_group": 303, "enabled": false}), &m), 201)
	c.want(t, "create again", c.json("POST", "/c/exchanges", create("FED", "ncmec", environment), &m), 400)
	c.want(t, "all", c.call("GET", "/c/exchanges", "", nil, &names), 200)
	if want := []string{"FED", "GROUP_1"}; !reflect.DeepEqual(names, want) {
		t.Errorf("exchanges %v, want %v", names, want)
	}
	var b hmaBank
	c.want(t, "its bank", c.call("GET", "/c/bank/FED", "", nil, &b), 200)
	var one map[string]any
	c.want(t, "get", c.call("GET", "/c/exchange/FED", "", nil, &one), 200)
	if want := map[string]any{"name": "FED", "api": "ncmec", "enabled": true, "environment": service.URL, "only_esp_ids": []any{}}; !reflect.DeepEqual(one, want) {
		t.Errorf("exchange %v, want %v", one, want)
	}
	c.want(t, "get another", c.call("GET", "/c/exchange/GROUP_1", "", nil, &one), 200)
	if one["privacy_group"] != 303.0 || one["enabled"] != false {
		t.Errorf("exchange %v", one)
	}
	c.want(t, "switch on", c.json("PUT", "/c/exchange/GROUP_1", map[string]any{"enabled": true}, &one), 200)
	if one["enabled"] != true {
		t.Errorf("switched on %v", one)
	}
	c.want(t, "switch off", c.json("PUT", "/c/exchange/GROUP_1", map[string]any{"enabled": false}, &one), 200)
	for _, r := range [][2]string{{"GET", ""}, {"GET", "/status"}, {"PUT", ""}} {
		c.want(t, "unknown exchange", c.json(r[0], "/c/exchange/NONE"+r[1], map[string]any{"enabled": true}, &m), 404)
	}
	c.fetched(t, world)
	for range 2 { // one that is not there is deleted too
		c.want(t, "delete", c.call("DELETE", "/c/exchange/FED", "", nil, &m), 200)
		if m.Message != "Exchange deleted" {
			t.Errorf("deleted: %+v", m)
		}
	}
	c.want(t, "deleted", c.call("GET", "/c/exchange/FED", "", nil, &m), 404)
	var f found
	c.want(t, "look-up", c.call("GET", "/m/lookup?signal_type=pdq&signal="+p, "", nil, &f), 200)
	if len(f["FED"]) != 1 {
		t.Error("what is known vanished with the exchange")
	}
}

// credentials are set, never told, and cleared by an empty object.
func (c hmaClient) credentials(t *testing.T, name string, set map[string]any) {
	path := "/c/exchanges/api/" + name
	var raw map[string]json.RawMessage
	c.want(t, name, c.call("GET", path, "", nil, &raw), 200)
	if len(raw) != 2 || string(raw["supports_authentification"]) != "true" || string(raw["has_set_authentification"]) != "false" {
		t.Errorf("%s: %s", name, raw)
	}
	for _, step := range []struct {
		body map[string]any
		has  bool
	}{{map[string]any{"credential_json": set}, true}, {map[string]any{}, true}, {map[string]any{"credential_json": map[string]any{}}, false}} {
		for _, method := range []string{"POST", "GET"} {
			var state hmaAPIState
			var got int
			if method == "POST" {
				got = c.json(method, path, step.body, &state)
			} else {
				got = c.call(method, path, "", nil, &state)
			}
			c.want(t, name, got, 200)
			if state != (hmaAPIState{true, step.has}) {
				t.Errorf("%s after %s: %+v, want %t", name, method, state, step.has)
			}
		}
	}
	var schema struct {
		Config struct {
			Fields []hmaSchemaField `json:"fields"`
		} `json:"config_schema"`
		Credentials struct {
			Fields []hmaSchemaField `json:"fields"`
		} `json:"credentials_schema"`
	}
	c.want(t, "schema", c.call("GET", path+"/schema", "", nil, &schema), 200)
	for _, f := range schema.Credentials.Fields {
		if _, ok := set[f.Name]; f.Type != "string" || f.Required && !ok || f.Help == "" {
			t.Errorf("%s: credentials have %+v", name, f)
		}
	}
	if len(schema.Credentials.Fields) < len(set) || schema.Config.Fields == nil {
		t.Errorf("%s: schema %+v", name, schema)
	}
	want := map[string]hmaSchemaField{"ncmec": {Name: "environment", Type: "enum", Required: true}, "fb_threatexchange": {Name: "privacy_group", Type: "number", Required: true}}
	if w, ok := want[name]; ok {
		f := schema.Config.Fields[0]
		if f.Name != w.Name || f.Type != w.Type || !f.Required || (f.Type == "enum") != (len(f.Choices) > 0) {
			t.Errorf("%s: configuration %+v", name, f)
		}
	}
}

// fetched: without credentials the exchange fails and says so; once the API has
// some, it reads the service and what it brought is found.
func (c hmaClient) fetched(t *testing.T, world *exchanges.Server) {
	type status struct {
		Checkpoint *int64 `json:"checkpoint_ts"`
		Running    *int64 `json:"running_fetch_start_ts"`
		Complete   *int64 `json:"last_fetch_complete_ts"`
		Succeeded  *bool  `json:"last_fetch_succeeded"`
		UpToDate   *bool  `json:"up_to_date"`
		Items      *int64 `json:"fetched_items"`
	}
	get := func() (s status) {
		var raw map[string]json.RawMessage
		c.want(t, "status", c.call("GET", "/c/exchange/FED/status", "", nil, &raw), 200)
		if len(raw) != 6 {
			t.Errorf("status has members %v", raw)
		}
		c.want(t, "status", c.call("GET", "/c/exchange/FED/status", "", nil, &s), 200)
		return s
	}
	sync := func(done func(status) bool) {
		c.want(t, "sync", c.call("POST", "/v1/exchanges/fed/sync", "", nil, nil), 202)
		until(t, "the exchange was asked", func() bool { return done(get()) })
	}
	if s := get(); s.UpToDate == nil || *s.UpToDate || s.Items == nil || *s.Items != 0 || s.Complete != nil {
		t.Errorf("at first %+v", s)
	}
	sync(func(s status) bool { return s.Succeeded != nil && !*s.Succeeded })
	if n := world.Requests(); n != 0 {
		t.Errorf("the service was asked %d times without credentials", n)
	}
	var state hmaAPIState
	c.want(t, "credentials", c.json("POST", "/c/exchanges/api/ncmec", map[string]any{"credential_json": map[string]any{"user": "u", "password": "p"}}, &state), 200)
	sync(func(s status) bool {
		return s.Succeeded != nil && *s.Succeeded && *s.UpToDate && *s.Items == 1 && s.Complete != nil
	})
	untilTrue(t, func() bool {
		var f found
		c.want(t, "look-up", c.call("GET", "/m/lookup?signal_type=pdq&signal=a8d5a8d5a8d5a8d557a857a857a857a8c3c3c3c3c3c33c3c3c3c3c3c5a5aa5a5", "", nil, &f), 200)
		return len(f["FED"]) == 1 && f["FED"][0].Distance == "0"
	})
	if v := world.Violations(); len(v) > 0 {
		t.Errorf("asked what must not be asked: %q", v)
	}
}
