-- name: PutContent :exec
insert into contents (number, list_id, note, metadata, off_until, updated_at) values ($1, $2, $3, $4, $5, $6)
on conflict (number) do update set note = excluded.note, metadata = excluded.metadata, off_until = excluded.off_until, updated_at = excluded.updated_at;

-- name: Content :one
select * from contents where number = $1 and list_id = $2;

-- name: ContentsOff :many
select number, off_until from contents where off_until > $1 order by number;

-- name: SignalsOfContent :many
select * from signals where content_number = $1 and list_id = $2 and removed_version = 0 order by id;

-- name: RemoveContentSignals :execrows
update signals set removed_version = $3 where content_number = $1 and list_id = $2 and removed_version = 0;

-- name: LiveSignal :one
select * from signals where list_id = $1 and hash_type = $2 and hash_value = $3 and removed_version = 0;

-- name: RenameList :exec
update lists set name = $2 where id = $1;

-- name: SignalsByType :many
select s.hash_type, count(*) as n, cast(max(s.created_at) as bigint) as newest from signals s join lists l on l.id = s.list_id
where l.deleted_at = 0 and s.removed_version = 0 and s.added_version <= l.version group by s.hash_type;

-- name: StampListVersion :exec
insert into list_versions (list_id, version, stamp) values ($1, $2, $3);

-- name: ListVersionStamp :one
select stamp from list_versions where list_id = $1 and version = $2;
