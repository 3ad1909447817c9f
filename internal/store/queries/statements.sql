-- name: AddStatement :execrows
insert into statements (puid, cause, case_id, state, body, problems, remote_id, attempts, next_attempt_at, last_error, created_at, filed_at, undone_at)
values ($1, $2, $3, $4, $5, $6, '', 0, $7, '', $8, 0, 0) on conflict (cause) do nothing;

-- name: Statement :one
select * from statements where puid = $1;

-- name: StatementsByState :many
select * from statements where (state = $1 or $1 = '') and (created_at < $2 or (created_at = $2 and puid < $3))
order by created_at desc, puid desc limit $4;

-- name: DueStatements :many
select * from statements where state in ('waiting', 'sending') and next_attempt_at <= $1 order by next_attempt_at, puid limit $2;

-- name: LeaseStatement :execrows
-- Nobody else takes it before the lease ends.
update statements set state = 'sending', next_attempt_at = $3, attempts = attempts + 1
where puid = $1 and state in ('waiting', 'sending') and next_attempt_at = $2;

-- name: FileStatement :execrows
update statements set state = 'filed', remote_id = $2, filed_at = $3, last_error = '', problems = '[]' where puid = $1 and state <> 'filed';

-- name: RefuseStatement :execrows
update statements set state = 'refused', problems = $2, last_error = '' where puid = $1 and state = 'sending';

-- name: DelayStatement :execrows
update statements set state = 'waiting', next_attempt_at = $2, last_error = $3 where puid = $1 and state = 'sending';

-- name: RetryStatement :execrows
update statements set state = 'waiting', next_attempt_at = $2, body = $3, problems = '[]' where puid = $1 and state in ('waiting', 'refused', 'kept');

-- name: WithdrawStatement :execrows
-- Only what can never have been sent.
update statements set state = 'withdrawn', undone_at = $2 where puid = $1 and attempts = 0 and state in ('waiting', 'refused', 'kept');

-- name: UndoStatement :execrows
update statements set undone_at = $2 where puid = $1 and state <> 'withdrawn' and undone_at = 0;

-- name: CountStatements :many
select state, count(*) as n from statements group by state order by state;
