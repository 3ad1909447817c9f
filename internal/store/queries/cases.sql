-- name: PutAccount :exec
insert into accounts (id, profile, updated_at) values ($1, $2, $3)
on conflict (id) do update set profile = excluded.profile, updated_at = excluded.updated_at;

-- name: Account :one
select * from accounts where id = $1;

-- name: CreateCase :exec
insert into cases (id, state, queue, priority, account_id, reason, surface, jurisdiction, canary, assigned_to, lease_until, revision, opened_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 1, $10, $10);

-- name: CaseByID :one
select * from cases where id = $1;

-- name: LockCase :one
update cases set revision = revision + 1, updated_at = $2 where id = $1 returning *;

-- name: OpenCaseOfAccount :one
select * from cases where account_id = $1 and state = 'open' and canary = $2 and account_id <> '' order by opened_at limit 1;

-- name: UpdateCase :exec
update cases set state = $2, queue = $3, priority = $4, reason = $5, assigned_to = $6, lease_until = $7, updated_at = $8 where id = $1;

-- name: CasesByState :many
select * from cases
where state = $1 and (queue = $2 or $2 = '')
  and (priority > $3 or (priority = $3 and opened_at > $4) or (priority = $3 and opened_at = $4 and id > $5))
order by priority, opened_at, id limit $6;

-- name: NextCase :one
select * from cases
where state = 'open' and (assigned_to = '' or assigned_to = $1 or lease_until < $2)
order by priority, opened_at, id limit 1;

-- name: CountOpenCases :many
select priority, count(*) as n, cast(min(opened_at) as bigint) as oldest from cases where state = 'open' group by priority;

-- name: ItemCounts :many
select case_id, count(*) as n from items group by case_id;

-- name: CountItems :one
select count(*) from items where case_id = $1;

-- name: AddItem :exec
insert into items (id, case_id, content_id, account_id, surface, jurisdiction, filename, url, ip, port, content_at, received_at, verdict, scan, scan_reason, policy_version, format, width, height, frames, size, sha256, sha1, md5, pdq, dedupe_key)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26);

-- name: ItemByDedupeKey :one
select * from items where dedupe_key = $1;

-- name: ItemsOfCase :many
select * from items where case_id = $1 order by received_at, id;

-- name: AddFinding :exec
insert into findings (id, item_id, detector, list_name, list_kind, match, variant, frame, distance, signal_id, from_ms, to_ms)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: FindingsOfCase :many
select f.* from findings f join items i on i.id = f.item_id where i.case_id = $1 order by f.id;

-- name: AddDecision :exec
insert into decisions (id, case_id, decided_by, decided_name, at, outcome, ncmec_class, uk_class, incident_type, reason, note, viewed, undone_at, rests_on)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13);

-- name: DecisionsOfCase :many
select * from decisions where case_id = $1 order by at, id;

-- name: Decision :one
select * from decisions where id = $1;

-- name: UndoDecision :execrows
update decisions set undone_at = $2 where id = $1 and undone_at = 0;

-- name: UseQuota :one
insert into quotas (day, name, used) values ($1, $2, 1)
on conflict (day, name) do update set used = quotas.used + 1
returning used;

-- name: QuotasOfDay :many
select * from quotas where day = $1;

-- name: SetIdempotent :execrows
insert into idempotency (key, request, status, response, created_at) values ($1, $2, $3, $4, $5)
on conflict (key) do nothing;

-- name: Idempotent :one
select * from idempotency where key = $1;

-- name: ForgetIdempotent :execrows
delete from idempotency where created_at < $1;

-- name: LockCases :exec
insert into case_locks (id) values ($1) on conflict (id) do update set id = excluded.id;
