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
	Names        []string        `json:"names,omitempty" maxItems:"20" doc:"Given and family name as one string, the current one first"`
	ScreenName   string          `json:"screen_name,omitempty" maxLength:"256"`
	DisplayNames []string        `json:"display_names,omitempty" maxItems:"50"`
	ProfileURL   string          `json:"profile_url,omitempty" maxLength:"2083"`
	ProfileBio   string          `json:"profile_bio,omitempty" maxLength:"10000"`
	DateOfBirth  string          `json:"date_of_birth,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Age          *int            `json:"age,omitempty" minimum:"0" maximum:"150"`
	AgeSource    string          `json:"age_source,omitempty" enum:"self_declared,inferred,estimated,verified"`
	Emails       []EmailModel    `json:"emails,omitempty" maxItems:"50"`
	AllEmails    *bool           `json:"all_emails,omitempty" doc:"These are all the addresses that the platform has"`
	Phones       []PhoneModel    `json:"phones,omitempty" maxItems:"50"`
	Addresses    []AddressModel  `json:"addresses,omitempty" maxItems:"20"`
	IPEvents     []IPEventModel  `json:"ip_events,omitempty" maxItems:"1000"`
	Devices      []DeviceModel   `json:"devices,omitempty" maxItems:"200"`
	GroupID      string          `json:"group_id,omitempty" maxLength:"255" doc:"A group that the account acted in"`
	Vehicle      string          `json:"vehicle,omitempty" maxLength:"300"`
	Compromised  *bool           `json:"compromised,omitempty" doc:"Somebody else may have used the account"`
	Suspended    *ClosureModel   `json:"suspended,omitempty"`
	Closed       *ClosureModel   `json:"closed,omitempty"`
	Location     *LocationModel  `json:"location,omitempty" doc:"As estimated by the platform"`
	Linked       []LinkedModel   `json:"linked,omitempty" maxItems:"50" doc:"Other accounts of the same person"`
	Connections  []string        `json:"connections,omitempty" maxItems:"5000" doc:"Ids of accounts that it is connected to"`
	Billing      []string        `json:"billing,omitempty" maxItems:"20" doc:"Payment details in words"`
	Documents    []DocumentModel `json:"documents,omitempty" maxItems:"20" doc:"Documents of identity that the platform holds"`
}

// EmailModel is an address of an account.
type EmailModel struct {
	Address    string     `json:"address" maxLength:"255"`
	Type       string     `json:"type,omitempty" enum:"home,work,business,recovery"`
	Verified   *bool      `json:"verified,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
}

// PhoneModel is a number of an account.
type PhoneModel struct {
	Number      string     `json:"number" maxLength:"50" doc:"Without the calling code where that is given"`
	CallingCode string     `json:"calling_code,omitempty" maxLength:"4"`
	Extension   string     `json:"extension,omitempty" maxLength:"10"`
	Type        string     `json:"type,omitempty" enum:"mobile,home,business,work,fax,internet,recovery"`
	Verified    *bool      `json:"verified,omitempty"`
	VerifiedAt  *time.Time `json:"verified_at,omitempty"`
}

// AddressModel is a postal address.
type AddressModel struct {
	Type       string `json:"type,omitempty" enum:"home,business,billing,shipping,technical"`
	Street     string `json:"street,omitempty" maxLength:"255"`
	City       string `json:"city,omitempty" maxLength:"100"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"20"`
	Region     string `json:"region,omitempty" maxLength:"100" doc:"State or county; in the US its two letters"`
	Country    string `json:"country,omitempty" maxLength:"2"`
}

// IPEventModel is one sighting of an account.
type IPEventModel struct {
	IP    string    `json:"ip" maxLength:"45"`
	Port  int       `json:"port,omitempty" minimum:"0" maximum:"65535"`
	Event string    `json:"event,omitempty" enum:"login,registration,purchase,upload,other,unknown"`
	At    time.Time `json:"at"`
	Proxy *bool     `json:"proxy,omitempty" doc:"The address may be a proxy's"`
}

// DeviceModel is one identifier of a device.
type DeviceModel struct {
	Type  string     `json:"type" maxLength:"255"`
	Value string     `json:"value" maxLength:"2083"`
	Event string     `json:"event,omitempty" enum:"login,registration,purchase,upload,other,unknown"`
	At    *time.Time `json:"at,omitempty"`
}

// ClosureModel says that an account was suspended or closed.
type ClosureModel struct {
	At         *time.Time `json:"at,omitempty"`
	Notified   *bool      `json:"notified,omitempty"`
	NotifiedAt *time.Time `json:"notified_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

// LocationModel is where the platform thinks that an account is.
type LocationModel struct {
	City     string     `json:"city,omitempty" maxLength:"255"`
	Region   string     `json:"region,omitempty" maxLength:"255"`
	Country  string     `json:"country" maxLength:"2"`
	Verified *bool      `json:"verified,omitempty"`
	At       *time.Time `json:"at,omitempty"`
}

// LinkedModel is another account of the same person.
type LinkedModel struct {
	Type       string `json:"type" enum:"billing,linked,business,creator,parent/guardian,other"`
	Platform   string `json:"platform,omitempty" maxLength:"256" doc:"Another service; left out for this one"`
	ThirdParty *bool  `json:"third_party,omitempty"`
	ID         string `json:"id,omitempty" maxLength:"256"`
	ScreenName string `json:"screen_name,omitempty" maxLength:"256"`
	ProfileURL string `json:"profile_url,omitempty" maxLength:"2083"`
	Email      string `json:"email,omitempty" maxLength:"255"`
	Note       string `json:"note,omitempty" maxLength:"2000"`
}

// DocumentModel is a document of identity.
type DocumentModel struct {
	Kind   string `json:"kind" maxLength:"100"`
	Issuer string `json:"issuer,omitempty" maxLength:"200"`
	Note   string `json:"note,omitempty" maxLength:"2000"`
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
	return &safety.Account{ID: id, Names: m.Names, ScreenName: m.ScreenName, DisplayNames: m.DisplayNames,
		ProfileURL: m.ProfileURL, ProfileBio: m.ProfileBio, DateOfBirth: m.DateOfBirth, Age: m.Age, AgeSource: m.AgeSource,
		Emails:    each(m.Emails, func(e EmailModel) safety.Email { return safety.Email(e) }),
		AllEmails: m.AllEmails, Phones: each(m.Phones, func(p PhoneModel) safety.Phone { return safety.Phone(p) }),
		Addresses: each(m.Addresses, func(x AddressModel) safety.Address { return safety.Address(x) }),
		IPEvents:  each(m.IPEvents, func(e IPEventModel) safety.IPEvent { return safety.IPEvent(e) }),
		Devices:   each(m.Devices, func(d DeviceModel) safety.Device { return safety.Device(d) }),
		GroupID:   m.GroupID, Vehicle: m.Vehicle, Compromised: m.Compromised,
		Suspended: (*safety.Closure)(m.Suspended), Closed: (*safety.Closure)(m.Closed), Location: (*safety.Location)(m.Location),
		Linked:      each(m.Linked, func(l LinkedModel) safety.Linked { return safety.Linked(l) }),
		Connections: m.Connections, Billing: m.Billing,
		Documents: each(m.Documents, func(d DocumentModel) safety.IdentityDocument { return safety.IdentityDocument(d) })}
}

// knownAccount is the reverse; nil for nil.
func knownAccount(a *safety.Account) *KnownAccount {
	if a == nil {
		return nil
	}
	return &KnownAccount{ID: a.ID, UpdatedAt: a.UpdatedAt, AccountModel: AccountModel{Names: a.Names, ScreenName: a.ScreenName,
		DisplayNames: a.DisplayNames, ProfileURL: a.ProfileURL, ProfileBio: a.ProfileBio, DateOfBirth: a.DateOfBirth,
		Age: a.Age, AgeSource: a.AgeSource, Emails: each(a.Emails, func(e safety.Email) EmailModel { return EmailModel(e) }),
		AllEmails: a.AllEmails, Phones: each(a.Phones, func(p safety.Phone) PhoneModel { return PhoneModel(p) }),
		Addresses: each(a.Addresses, func(x safety.Address) AddressModel { return AddressModel(x) }),
		IPEvents:  each(a.IPEvents, func(e safety.IPEvent) IPEventModel { return IPEventModel(e) }),
		Devices:   each(a.Devices, func(d safety.Device) DeviceModel { return DeviceModel(d) }),
		GroupID:   a.GroupID, Vehicle: a.Vehicle, Compromised: a.Compromised,
		Suspended: (*ClosureModel)(a.Suspended), Closed: (*ClosureModel)(a.Closed), Location: (*LocationModel)(a.Location),
		Linked:      each(a.Linked, func(l safety.Linked) LinkedModel { return LinkedModel(l) }),
		Connections: a.Connections, Billing: a.Billing,
		Documents: each(a.Documents, func(d safety.IdentityDocument) DocumentModel { return DocumentModel(d) })}}
}

// each turns every member of a list into another type; nil stays nil.
func each[A, B any](list []A, to func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for i, x := range list {
		out[i] = to(x)
	}
	return out
}
