-- name: CreateUser :exec
insert into users (id, name, role, created_at, disabled_at) values ($1, $2, $3, $4, 0);

-- name: User :one
select * from users where id = $1;

-- name: Users :many
select u.id, u.name, u.role, u.created_at, u.disabled_at, (select count(*) from passkeys p where p.user_id = u.id) as passkeys
from users u order by u.created_at, u.id;

-- name: SetUser :exec
update users set role = $2, disabled_at = $3 where id = $1;

-- name: CreateKey :exec
insert into api_keys (id, name, role, scopes, hash, created_by, created_at, last_used_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, 0, 0);

-- name: KeyByHash :one
select * from api_keys where hash = $1;

-- name: Keys :many
select * from api_keys order by created_at, id;

-- name: TouchKey :exec
update api_keys set last_used_at = $2 where id = $1;

-- name: RevokeKey :execrows
update api_keys set revoked_at = $2 where id = $1 and revoked_at = 0;

-- name: CreateSignInLink :exec
insert into sign_in_links (hash, user_id, created_at, expires_at, used_at) values ($1, $2, $3, $4, 0);

-- name: UseSignInLink :one
update sign_in_links set used_at = $2 where hash = $1 and used_at = 0 and expires_at > $2 returning user_id;

-- name: CreateSession :exec
insert into sessions (hash, user_id, created_at, expires_at, seen_at) values ($1, $2, $3, $4, $3);

-- name: SessionByHash :one
select s.hash, s.user_id, s.created_at, s.expires_at, s.seen_at, u.name, u.role, u.disabled_at
from sessions s join users u on u.id = s.user_id where s.hash = $1;

-- name: TouchSession :exec
update sessions set seen_at = $2 where hash = $1;

-- name: DeleteSession :exec
delete from sessions where hash = $1;

-- name: DeleteSessionsOfUser :exec
delete from sessions where user_id = $1;

-- name: AddPasskey :exec
insert into passkeys (id, user_id, credential, created_at) values ($1, $2, $3, $4);

-- name: PasskeysOfUser :many
select * from passkeys where user_id = $1 order by created_at, id;

-- name: Passkey :one
select * from passkeys where id = $1;

-- name: SetPasskey :exec
update passkeys set credential = $2 where id = $1;
