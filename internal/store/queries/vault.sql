-- name: AddCaseKey :exec
insert into case_keys (case_id, recipient, wrapped, created_at, destroyed_at) values ($1, $2, $3, $4, 0);

-- name: CaseKey :one
select * from case_keys where case_id = $1;

-- name: DestroyCaseKey :execrows
update case_keys set wrapped = $2, destroyed_at = $3 where case_id = $1 and destroyed_at = 0;

-- name: AddEvidence :exec
insert into evidence (id, case_id, item_id, role, media_type, size, sha256, header, blob, created_at, destroyed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0);

-- name: Evidence :one
select * from evidence where id = $1;

-- name: EvidenceOfCase :many
select * from evidence where case_id = $1 order by id;

-- name: EvidenceOfItem :one
select * from evidence where item_id = $1 and role = $2;

-- name: DestroyEvidence :execrows
update evidence set header = $2, destroyed_at = $3 where id = $1 and destroyed_at = 0;

-- name: AllEvidence :many
select * from evidence where id > $1 order by id limit $2;

-- name: AddView :exec
insert into views (id, case_id, evidence_id, viewer, viewer_name, mode, reason, at) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: ViewsOfCase :many
select * from views where case_id = $1 order by at, id;

-- name: SetClock :exec
insert into clocks (id, case_id, law, basis, until_at, created_at, keeps) values ($1, $2, $3, $4, $5, $6, $7);

-- name: ClocksOfCase :many
select * from clocks where case_id = $1 order by until_at, id;

-- name: ExpiredCases :many
select c.id from cases c
join case_keys k on k.case_id = c.id
where c.state <> 'open' and k.destroyed_at = 0
  and exists (select 1 from clocks x where x.case_id = c.id and x.keeps <> 'record')
  and not exists (select 1 from clocks x where x.case_id = c.id and x.keeps <> 'record' and x.until_at > $1)
  and not exists (select 1 from holds h where h.case_id = c.id and h.released_at = 0)
  and not exists (select 1 from reports r where r.case_id = c.id and r.state not in ('filed', 'withdrawn'))
and c.id > $2 order by c.id limit 100;
