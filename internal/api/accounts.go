package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func isNotFound(err error) bool { return store.IsNotFound(err) }

// AccountModel is what the platform knows of one of its accounts.
type AccountModel struct {
	Names        []string       `json:"names,omitempty" maxItems:"20" doc:"Given and family name as one string, the current one first"`
	ScreenName   string         `json:"screen_name,omitempty" maxLength:"256"`
	DisplayNames []string       `json:"display_names,omitempty" maxItems:"50"`
	ProfileURL   string         `json:"profile_url,omitempty" maxLength:"2083"`
	ProfileBio   string         `json:"profile_bio,omitempty" maxLength:"10000"`
	DateOfBirth  string         `json:"date_of_birth,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Emails       []EmailModel   `json:"emails,omitempty" maxItems:"50"`
	Phones       []PhoneModel   `json:"phones,omitempty" maxItems:"50"`
	IPEvents     []IPEventModel `json:"ip_events,omitempty" maxItems:"1000"`
	Devices      []DeviceModel  `json:"devices,omitempty" maxItems:"200"`
}

// EmailModel is an address of an account.
type EmailModel struct {
	Address  string `json:"address" maxLength:"255"`
	Verified *bool  `json:"verified,omitempty"`
}

// PhoneModel is a number of an account.
type PhoneModel struct {
	Number   string `json:"number" maxLength:"50"`
	Verified *bool  `json:"verified,omitempty"`
}

// IPEventModel is one sighting of an account.
type IPEventModel struct {
	IP    string    `json:"ip" maxLength:"45"`
	Port  int       `json:"port,omitempty" minimum:"0" maximum:"65535"`
	Event string    `json:"event,omitempty" enum:"login,registration,purchase,upload,other,unknown"`
	At    time.Time `json:"at"`
}

// DeviceModel is one identifier of a device.
type DeviceModel struct {
	Type  string `json:"type" maxLength:"255"`
	Value string `json:"value" maxLength:"2083"`
}

// KnownAccount is an account as it is stored.
type KnownAccount struct {
	ID string `json:"id"`
	AccountModel
	UpdatedAt time.Time `json:"updated_at"`
}

type putAccountInput struct {
	ID   string `path:"id" minLength:"1" maxLength:"255"`
	Body AccountModel
}

func (a *API) accountRoutes() {
	handle(a, op{method: "PUT", path: "/v1/accounts/{id}", id: "put-account", tag: "Checking", scope: access.AccountsWrite,
		summary: "Say what is known of an account", status: http.StatusNoContent}, a.putAccount)
}

func (a *API) putAccount(ctx context.Context, in *putAccountInput) (*none, error) {
	account := in.Body.account(in.ID)
	if problems := account.Check(a.Now()); len(problems) > 0 {
		p := newProblem(http.StatusUnprocessableEntity, "the account has invalid members")
		for _, x := range problems {
			p.Errors = append(p.Errors, ProblemItem{Location: "body." + x[0], Message: x[1]})
		}
		return nil, p
	}
	text, err := json.Marshal(account)
	if err != nil {
		return nil, err
	}
	return nil, a.Store.Tx(ctx, func(tx *store.Tx) error {
		now := a.Now()
		if err := tx.PutAccount(ctx, in.ID, string(text), store.Micros(now)); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: caller(ctx).Actor.ID, Action: "account.put", Subject: "account:" + in.ID})
	})
}

func (m AccountModel) account(id string) *safety.Account {
	a := &safety.Account{ID: id, Names: m.Names, ScreenName: m.ScreenName, DisplayNames: m.DisplayNames,
		ProfileURL: m.ProfileURL, ProfileBio: m.ProfileBio, DateOfBirth: m.DateOfBirth}
	for _, e := range m.Emails {
		a.Emails = append(a.Emails, safety.Email(e))
	}
	for _, p := range m.Phones {
		a.Phones = append(a.Phones, safety.Phone(p))
	}
	for _, e := range m.IPEvents {
		a.IPEvents = append(a.IPEvents, safety.IPEvent(e))
	}
	for _, d := range m.Devices {
		a.Devices = append(a.Devices, safety.Device(d))
	}
	return a
}

// knownAccount is the reverse; nil for nil.
func knownAccount(a *safety.Account) *KnownAccount {
	if a == nil {
		return nil
	}
	out := &KnownAccount{ID: a.ID, UpdatedAt: a.UpdatedAt, AccountModel: AccountModel{Names: a.Names, ScreenName: a.ScreenName,
		DisplayNames: a.DisplayNames, ProfileURL: a.ProfileURL, ProfileBio: a.ProfileBio, DateOfBirth: a.DateOfBirth}}
	for _, e := range a.Emails {
		out.Emails = append(out.Emails, EmailModel(e))
	}
	for _, p := range a.Phones {
		out.Phones = append(out.Phones, PhoneModel(p))
	}
	for _, e := range a.IPEvents {
		out.IPEvents = append(out.IPEvents, IPEventModel(e))
	}
	for _, d := range a.Devices {
		out.Devices = append(out.Devices, DeviceModel(d))
	}
	return out
}
