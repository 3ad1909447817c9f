package api

import (
	"context"
	"net/http"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/store"
)

// UserModel is a person with an account.
type UserModel struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"reviewer,supervisor,admin"`
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
	Passkeys  int64     `json:"passkeys"`
}

// KeyModel is an API key, without its secret.
type KeyModel struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role" enum:"service,reviewer,supervisor,admin"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	Revoked    bool       `json:"revoked"`
}

// NewKeyModel is a key just made.
type NewKeyModel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	Key  string `json:"key" doc:"Shown once"`
}

type (
	usersOutput struct {
		Body struct {
			Items []UserModel `json:"items"`
		}
	}
	newUserInput struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"100"`
			Role string `json:"role" enum:"reviewer,supervisor,admin"`
		}
	}
	newUserOutput struct {
		Body struct {
			User UserModel `json:"user"`
			Link string    `json:"link" doc:"One-time sign-in link; shown once"`
		}
	}
	linkOutput struct {
		Body struct {
			Link string `json:"link"`
		}
	}
	patchUserInput struct {
		IDInput
		Body struct {
			Role     *string `json:"role,omitempty" enum:"reviewer,supervisor,admin"`
			Disabled *bool   `json:"disabled,omitempty"`
		}
	}
	keysOutput struct {
		Body struct {
			Items []KeyModel `json:"items"`
		}
	}
	newKeyInput struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"100"`
			Role string `json:"role" enum:"service,reviewer,supervisor,admin"`
		}
	}
	newKeyOutput struct{ Body NewKeyModel }
)

func (a *API) peopleRoutes() {
	const tag = "People"
	scope := access.PeopleManage
	handle(a, op{method: "GET", path: "/v1/users", id: "get-users", tag: tag, scope: scope, summary: "Everybody"}, a.getUsers)
	handle(a, op{method: "POST", path: "/v1/users", id: "create-user", tag: tag, scope: scope, summary: "Add a person", status: http.StatusCreated}, a.createUser)
	handle(a, op{method: "POST", path: "/v1/users/{id}/link", id: "create-link", tag: tag, scope: scope, summary: "A new one-time sign-in link"}, a.createLink)
	handle(a, op{method: "PATCH", path: "/v1/users/{id}", id: "change-user", tag: tag, scope: scope, summary: "Change the role, disable", status: http.StatusNoContent}, a.patchUser)
	handle(a, op{method: "GET", path: "/v1/keys", id: "get-keys", tag: tag, scope: scope, summary: "All API keys"}, a.getKeys)
	handle(a, op{method: "POST", path: "/v1/keys", id: "create-key", tag: tag, scope: scope, summary: "Make an API key", status: http.StatusCreated}, a.createKey)
	handle(a, op{method: "DELETE", path: "/v1/keys/{id}", id: "revoke-key", tag: tag, scope: scope, summary: "Revoke a key", status: http.StatusNoContent}, a.revokeKey)
}

func (a *API) getUsers(ctx context.Context, _ *struct{}) (*usersOutput, error) {
	rows, err := a.Access.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Items = make([]UserModel, len(rows))
	for i, u := range rows {
		out.Body.Items[i] = UserModel{u.ID, u.Name, u.Role, store.Time(u.CreatedAt), u.DisabledAt != 0, u.Passkeys}
	}
	return out, nil
}

// SignInLink is where a one-time token is redeemed. The token is in the
// fragment, which browsers do not send to servers or put into Referer.
func SignInLink(publicURL, token string) string { return publicURL + "/console/#link=" + token }

func (a *API) createUser(ctx context.Context, in *newUserInput) (*newUserOutput, error) {
	u, token, err := a.Access.CreateUser(ctx, caller(ctx).Actor.ID, in.Body.Name, access.Role(in.Body.Role))
	if err != nil {
		return nil, err
	}
	out := &newUserOutput{}
	out.Body.User = UserModel{ID: u.ID, Name: u.Name, Role: u.Role, CreatedAt: store.Time(u.CreatedAt)}
	out.Body.Link = SignInLink(a.PublicURL, token)
	return out, nil
}

func (a *API) createLink(ctx context.Context, in *IDInput) (*linkOutput, error) {
	token, err := a.Access.Link(ctx, caller(ctx).Actor.ID, in.ID)
	if err != nil {
		return nil, err
	}
	out := &linkOutput{}
	out.Body.Link = SignInLink(a.PublicURL, token)
	return out, nil
}

func (a *API) patchUser(ctx context.Context, in *patchUserInput) (*none, error) {
	var role *access.Role
	if in.Body.Role != nil {
		role = new(access.Role(*in.Body.Role))
	}
	return nil, a.Access.SetUser(ctx, caller(ctx).Actor.ID, in.ID, role, in.Body.Disabled)
}

func (a *API) getKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	rows, err := a.Access.Keys(ctx)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	out.Body.Items = make([]KeyModel, len(rows))
	for i, k := range rows {
		out.Body.Items[i] = KeyModel{ID: k.ID, Name: k.Name, Role: k.Role, CreatedAt: store.Time(k.CreatedAt), LastUsedAt: timeOrNil(k.LastUsedAt),
			Revoked: k.RevokedAt != 0}
	}
	return out, nil
}

func (a *API) createKey(ctx context.Context, in *newKeyInput) (*newKeyOutput, error) {
	id, key, err := a.Access.CreateKey(ctx, caller(ctx).Actor.ID, in.Body.Name, access.Role(in.Body.Role))
	if err != nil {
		return nil, err
	}
	return &newKeyOutput{NewKeyModel{id, in.Body.Name, in.Body.Role, key}}, nil
}

func (a *API) revokeKey(ctx context.Context, in *IDInput) (*none, error) {
	return nil, a.Access.RevokeKey(ctx, caller(ctx).Actor.ID, in.ID)
}
