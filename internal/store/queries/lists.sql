-- name: CreateList :exec
insert into lists (id, name, kind, source, threshold, enabled, version, importing_until, created_at, updated_at, deleted_at)
values ($1, $2, $3, $4, $5, $6, 0, 0, $7, $7, 0);

-- name: ListByName :one
select * from lists where name = $1 and deleted_at = 0;

-- name: LiveLists :many
select * from lists where deleted_at = 0 order by name;

-- name: AllLists :many
select * from lists order by id;

-- name: BumpList :one
-- No row when the list is gone or an import holds it.
update lists set version = version + 1, importing_until = 0, updated_at = $2
where id = $1 and deleted_at = 0 and (importing_until < $2 or importing_until = $3) returning version;

-- name: HoldList :one
-- Begins ($3 = 0) or renews ($3 = the time held until) an import.
update lists set importing_until = $4
where id = $1 and deleted_at = 0 and (importing_until < $2 or importing_until = $3) returning version;

-- name: DropStagedSignals :execrows
delete from signals where list_id = $1 and added_version > $2;

-- name: SetListOptions :exec
update lists set enabled = $2, threshold = $3, ratio = $4, off_until = $5 where id = $1;

-- name: DeleteList :exec
update lists set deleted_at = $2 where id = $1;

-- name: AddSignal :execrows
insert into signals (id, list_id, hash_type, hash_value, note, source, classification, added_version, removed_version, created_at, content_number)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)
on conflict (list_id, hash_type, hash_value) where removed_version = 0 do nothing;

-- name: RemoveSignal :execrows
update signals set removed_version = $3 where id = $1 and list_id = $2 and removed_version = 0;

-- name: NextSignalVersion :one
-- The first version after one, up to another, with which signals came; 0 if none did.
select cast(coalesce(min(added_version), 0) as bigint) from signals where list_id = $1 and added_version > $2 and added_version <= $3;

-- name: SignalsOfVersion :many
select * from signals where list_id = $1 and added_version = $2 and id > $3 and removed_version = 0 order by id limit $4;

-- name: SignalsRemovedSince :many
select * from signals where list_id = $1 and removed_version > $2 and removed_version <= $3 order by removed_version, id;

-- name: LiveSignals :many
select s.* from signals s join lists l on l.id = s.list_id
where s.list_id = $1 and s.removed_version = 0 and s.added_version <= l.version and s.id > $2 order by s.id limit $3;

-- name: CountSignals :many
select s.list_id, s.hash_type, count(*) as n from signals s join lists l on l.id = s.list_id
where s.removed_version = 0 and s.added_version <= l.version group by s.list_id, s.hash_type;

-- name: SignalsOfType :many
select * from signals where list_id = $1 and hash_type = $2 and added_version <= $3 and hash_value > $4 and removed_version = 0
order by hash_value limit $5;
