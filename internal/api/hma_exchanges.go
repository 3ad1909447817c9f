package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/match/exchange"
	"github.com/rowan-safety/rowan/internal/safety"
)

// hmaExchangeRoutes are HMA's exchanges. HMA makes a bank with each exchange and
// keeps credentials for each API; so an exchange that is made here gets a list
// of its own and uses the shared credentials of its kind.
func (a *API) hmaExchangeRoutes() {
	for pattern, fn := range map[string]hmaFunc{
		"GET /c/exchanges/apis": a.hmaGetAPIs, "GET /c/exchanges/api/{api}": a.hmaGetAPI,
		"GET /c/exchanges/api/{api}/schema": a.hmaGetAPISchema, "GET /c/exchanges": a.hmaGetExchanges,
		"GET /c/exchange/{name}": a.hmaGetExchange, "GET /c/exchange/{name}/status": a.hmaExchangeStatus,
	} {
		a.mux.HandleFunc(pattern, a.hma(access.ListsRead, fn))
	}
	for pattern, fn := range map[string]hmaFunc{
		"POST /c/exchanges/api/{api}": a.hmaPostAPI, "POST /c/exchanges": a.hmaPostExchange,
		"PUT /c/exchange/{name}": a.hmaPutExchange, "DELETE /c/exchange/{name}": a.hmaDeleteExchange,
	} {
		a.mux.HandleFunc(pattern, a.hma(access.ListsWrite, fn))
	}
}

// hmaField describes a member for a client's form.
type hmaField struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required"`
	Default  any      `json:"default"`
	Help     string   `json:"help"`
	Choices  []string `json:"choices"` // null when there are none
}

// hmaAPI is one of HMA's exchange APIs.
type hmaAPI struct {
	name        string
	kind        exchange.Kind
	list        safety.ListKind // of the list that an exchange feeds
	config      []hmaField
	credentials []hmaField
}

// ncmecEnvironments are those that HMA offers.
var ncmecEnvironments = []string{
	"https://report.cybertip.org/hashsharing", "https://report.cybertip.org/exploitative-hashsharing",
	"https://lesp.ncmec.org/csam-hashsharing", "https://hashsharing.ncmec.org/npo", "https://hashsharing.ncmec.org/exploitative",
	"https://hashsharing.ncmec.org/generative-ai-csam", "https://hashsharing.ncmec.org/generative-ai-exploitative",
	"https://exttest.cybertip.org/hashsharing", "https://exttest.cybertip.org/exploitative-hashsharing",
	"https://betalesp.ncmec.org/csam-hashsharing", "https://hashsharing-test.ncmec.org/npo",
	"https://hashsharing-test.ncmec.org/exploitative", "https://hashsharing-test.ncmec.org/generative-ai-csam",
	"https://hashsharing-test.ncmec.org/generative-ai-exploitative",
}

// hmaAPIs have the names and members of python-threatexchange, which HMA is
// built on. The name stop_ncii follows from the name of a class there and is
// what Coop sends; it was not seen in a running HMA (unverified).
var hmaAPIs = []hmaAPI{
	{"ncmec", exchange.NCMEC, safety.ListIllegal,
		[]hmaField{{Name: "environment", Type: "enum", Required: true, Help: "Which of NCMEC's databases to read", Choices: ncmecEnvironments},
			{Name: "only_esp_ids", Type: "set_of_number", Default: []int64{}, Help: "Must be empty: Rowan takes the entries of every member"}},
		[]hmaField{text("user", "User name at NCMEC Hash Sharing"), text("password", "Password at NCMEC Hash Sharing")}},
	{"fb_threatexchange", exchange.ThreatExchange, safety.ListIllegal,
		[]hmaField{{Name: "privacy_group", Type: "number", Required: true, Help: "Number of the privacy group"}},
		[]hmaField{text("api_token", "Access token, APPID|SECRET")}},
	{"stop_ncii", exchange.StopNCII, safety.ListIntimateImage, []hmaField{},
		[]hmaField{text("fetch_function_key", "Key of the call that fetches hashes"), text("subscription_key", "Subscription key"),
			{Name: "base_url_override", Type: "string", Help: "Another base address, for tests"}}},
	{"tat", exchange.TAT, safety.ListTerrorism, []hmaField{},
		[]hmaField{text("username", "User name at Tech Against Terrorism"), text("password", "Password at Tech Against Terrorism")}},
}

func text(name, help string) hmaField {
	return hmaField{Name: name, Type: "string", Required: true, Help: help}
}

func hmaAPIByName(name string) (hmaAPI, bool) {
	i := slices.IndexFunc(hmaAPIs, func(x hmaAPI) bool { return x.name == name })
	if i < 0 {
		return hmaAPI{}, false
	}
	return hmaAPIs[i], true
}

// hmaAPIOf is the name of a kind. A list at an address has none in HMA.
func hmaAPIOf(k exchange.Kind) string {
	for _, x := range hmaAPIs {
		if x.kind == k {
			return x.name
		}
	}
	return "rowan_" + string(k)
}

func (a *API) hmaGetAPIs(*http.Request) (any, error) {
	out := []string{}
	for _, x := range hmaAPIs {
		out = append(out, x.name)
	}
	return out, nil
}

// hmaOneAPI answers 400 to an unknown name, as HMA does.
func hmaOneAPI(r *http.Request) (hmaAPI, error) {
	x, ok := hmaAPIByName(r.PathValue("api"))
	if !ok {
		return x, safety.Errorf(safety.Invalid, "no such exchange API")
	}
	return x, nil
}

func (a *API) hmaGetAPI(r *http.Request) (any, error) {
	x, err := hmaOneAPI(r)
	if err != nil {
		return nil, err
	}
	set, err := a.Exchanges.Shares(r.Context(), x.kind)
	return map[string]bool{"supports_authentification": true, "has_set_authentification": set}, err
}

func (a *API) hmaGetAPISchema(r *http.Request) (any, error) {
	x, ok := hmaAPIByName(r.PathValue("api"))
	if !ok {
		return nil, safety.Errorf(safety.NotFound, "no such exchange API")
	}
	type fields struct {
		Fields []hmaField `json:"fields"`
	}
	return map[string]fields{"config_schema": {x.config}, "credentials_schema": {x.credentials}}, nil
}

// hmaPostAPI sets or, given an empty object, ends the credentials of an API.
func (a *API) hmaPostAPI(r *http.Request) (any, error) {
	x, err := hmaOneAPI(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Credentials map[string]json.RawMessage `json:"credential_json"`
	}
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	if in.Credentials != nil {
		c, err := x.shared(in.Credentials)
		if err != nil {
			return nil, err
		}
		if err := a.Exchanges.Share(r.Context(), caller(r.Context()).Actor.ID, x.kind, c); err != nil {
			return nil, err
		}
	}
	return a.hmaGetAPI(r)
}

// shared reads credentials. Errors name members and never quote values.
func (x hmaAPI) shared(in map[string]json.RawMessage) (c exchange.Shared, err error) {
	if len(in) == 0 {
		return c, nil
	}
	if err := known(in, x.credentials, "credential_json"); err != nil {
		return c, err
	}
	into := map[string]*string{"user": &c.Username, "username": &c.Username, "password": &c.Password, "api_token": &c.Token,
		"fetch_function_key": &c.FunctionKey, "subscription_key": &c.SubscriptionKey, "base_url_override": &c.URL}
	for name, value := range in {
		if string(value) == "null" && name == "base_url_override" {
			continue
		}
		if err := json.Unmarshal(value, into[name]); err != nil {
			return c, safety.Errorf(safety.Invalid, "credential_json: %s must be a string", name)
		}
	}
	return c, nil
}

// known insists on the members that fields describe, and on the required ones.
func known(in map[string]json.RawMessage, fields []hmaField, where string) error {
	for _, f := range fields {
		if v, ok := in[f.Name]; f.Required && (!ok || string(v) == "null" || string(v) == `""`) {
			return safety.Errorf(safety.Invalid, "%s: %s is required", where, f.Name)
		}
	}
	for name := range in {
		if !slices.ContainsFunc(fields, func(f hmaField) bool { return f.Name == name }) {
			return safety.Errorf(safety.Invalid, "%s has a member that this API does not know", where)
		}
	}
	return nil
}

// settings reads api_json. Its name and api count for nothing, as with HMA.
func (x hmaAPI) settings(in map[string]json.RawMessage) (s exchange.Settings, enabled bool, err error) {
	s, enabled = exchange.Settings{SharedCredentials: true}, true
	rest := map[string]json.RawMessage{}
	for name, value := range in {
		if name != "name" && name != "api" && name != "enabled" {
			rest[name] = value
		}
	}
	if v, ok := in["enabled"]; ok {
		if err := json.Unmarshal(v, &enabled); err != nil {
			return s, false, safety.Errorf(safety.Invalid, "api_json: enabled must be true or false")
		}
	}
	if err := known(rest, x.config, "api_json"); err != nil {
		return s, false, err
	}
	if v, ok := rest["environment"]; ok {
		if err := json.Unmarshal(v, &s.URL); err != nil {
			return s, false, safety.Errorf(safety.Invalid, "api_json: environment must be a string")
		}
	}
	if v, ok := rest["only_esp_ids"]; ok {
		var ids []json.Number
		if err := json.Unmarshal(v, &ids); err != nil {
			return s, false, safety.Errorf(safety.Invalid, "api_json: only_esp_ids must be a list of numbers")
		}
		if len(ids) > 0 { // to take more than was asked for would be worse than to refuse
			return s, false, safety.Errorf(safety.Invalid, "api_json: only_esp_ids is not supported; every member's entries are taken")
		}
	}
	if v, ok := rest["privacy_group"]; ok {
		n, err := strconv.ParseUint(string(v), 10, 64)
		if err != nil {
			return s, false, safety.Errorf(safety.Invalid, "api_json: privacy_group must be a number")
		}
		s.Group = strconv.FormatUint(n, 10)
	}
	return s, enabled, nil
}

// hmaExchangeName is what HMA takes as the name of an exchange and its bank. The
// first character may not be an underscore here: Rowan's exchanges have none.
var hmaExchangeName = regexp.MustCompile(`^[A-Z0-9][A-Z0-9_]{0,63}$`)

func (a *API) hmaPostExchange(r *http.Request) (any, error) {
	var in struct {
		Bank string                     `json:"bank"`
		API  string                     `json:"api"`
		JSON map[string]json.RawMessage `json:"api_json"`
	}
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	if !hmaExchangeName.MatchString(in.Bank) {
		return nil, safety.Errorf(safety.Invalid, "bank must match ^[A-Z0-9][A-Z0-9_]{0,63}$")
	}
	x, ok := hmaAPIByName(in.API)
	if !ok {
		return nil, safety.Errorf(safety.Invalid, "no such exchange API")
	}
	settings, enabled, err := x.settings(in.JSON)
	if err != nil {
		return nil, err
	}
	ctx, actor, name := r.Context(), caller(r.Context()).Actor.ID, listOfBank(in.Bank)
	err = a.Lists.Create(ctx, actor, match.List{Name: name, Kind: x.list, Source: "HMA client, exchange " + x.name, Threshold: -1})
	if safety.KindOf(err) == safety.Conflict {
		return nil, safety.Errorf(safety.Invalid, "a bank of this name exists; an exchange makes its own")
	}
	if err != nil {
		return nil, err
	}
	err = a.Exchanges.Create(ctx, actor, name, x.kind, name, exchange.Config{Settings: &settings, Enabled: &enabled})
	if err != nil {
		if undo := a.Lists.Delete(ctx, actor, name); undo != nil {
			a.logged(ctx, "hma", undo) // an empty list is left, which does no harm
		}
		if safety.KindOf(err) == safety.Conflict {
			err = safety.Errorf(safety.Invalid, "an exchange of this name exists")
		}
		return nil, err
	}
	return hmaReply{http.StatusCreated, map[string]string{"message": "Created successfully"}}, a.Index.Refresh(ctx)
}

func (a *API) hmaGetExchanges(r *http.Request) (any, error) {
	all, err := a.Exchanges.All(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]string, len(all))
	for i, e := range all {
		out[i] = bankOfList(e.Name)
	}
	return out, nil
}

func (a *API) hmaGetExchange(r *http.Request) (any, error) {
	e, err := a.Exchanges.Get(r.Context(), listOfBank(r.PathValue("name")))
	if err != nil {
		return nil, err
	}
	out := map[string]any{"name": bankOfList(e.Name), "api": hmaAPIOf(e.Kind), "enabled": e.Enabled}
	switch e.Kind {
	case exchange.NCMEC:
		out["environment"], out["only_esp_ids"] = e.Settings.URL, []int64{}
	case exchange.ThreatExchange:
		out["privacy_group"] = json.Number(strings.TrimLeft(e.Settings.Group, "0"))
	case exchange.StopNCII, exchange.TAT, exchange.Arachnid, exchange.File:
	}
	return out, nil
}

// hmaExchangeStatus: a time that there is none of is null.
func (a *API) hmaExchangeStatus(r *http.Request) (any, error) {
	e, err := a.Exchanges.Get(r.Context(), listOfBank(r.PathValue("name")))
	if err != nil {
		return nil, err
	}
	unix := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.Unix()
	}
	out := map[string]any{"checkpoint_ts": unix(e.Through), "running_fetch_start_ts": nil, "last_fetch_complete_ts": unix(e.LastSuccess),
		"last_fetch_succeeded": nil, "up_to_date": e.Enabled && !e.LastSuccess.IsZero() && e.LastError == "" && e.Held == 0 && !e.Stale,
		"fetched_items": e.Entries}
	if e.Running {
		out["running_fetch_start_ts"] = unix(e.LastStarted)
	}
	if !e.LastSuccess.IsZero() || e.LastError != "" {
		out["last_fetch_succeeded"] = e.LastError == ""
	}
	return out, nil
}

func (a *API) hmaPutExchange(r *http.Request) (any, error) {
	var in struct {
		Enabled *bool `json:"enabled"`
	}
	if err := hmaBody(r, &in); err != nil {
		return nil, err
	}
	if in.Enabled != nil {
		err := a.Exchanges.Change(r.Context(), caller(r.Context()).Actor.ID, listOfBank(r.PathValue("name")), exchange.Config{Enabled: in.Enabled})
		if err != nil {
			return nil, err
		}
	}
	return a.hmaGetExchange(r)
}

// hmaDeleteExchange succeeds for one that is not there, as HMA's does. The list
// stays: what is known does not vanish with where it came from.
func (a *API) hmaDeleteExchange(r *http.Request) (any, error) {
	err := a.Exchanges.Delete(r.Context(), caller(r.Context()).Actor.ID, listOfBank(r.PathValue("name")))
	if err != nil && safety.KindOf(err) != safety.NotFound {
		return nil, err
	}
	return map[string]string{"message": "Exchange deleted"}, nil
}
