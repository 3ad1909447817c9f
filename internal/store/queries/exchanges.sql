-- name: CreateExchange :exec
insert into exchanges (id, name, kind, list_id, settings, sealed, interval_us, enabled, feedback, checkpoint, generation, guard_live, guard_removed,
    held, allowed, epoch, lease_until, next_at, attempts, last_started_at, last_success_at, last_error, pages, changes, removals, malformed, unknown, outdated,
    created_at, updated_at, deleted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 0, 0, 0, 0, 0, 0, $10, 0, 0, 0, '', 0, 0, 0, 0, 0, 0, $11, $11, 0);

-- name: Exchange :one
select * from exchanges where id = $1 and deleted_at = 0;

-- name: ExchangeByName :one
select * from exchanges where name = $1 and deleted_at = 0;

-- name: ExchangeOfList :one
select * from exchanges where list_id = $1 and deleted_at = 0;

-- name: LiveExchanges :many
select * from exchanges where deleted_at = 0 order by name;

-- name: ExchangeList :one
select * from lists where id = $1;

-- name: ChangeExchange :exec
update exchanges set settings = $2, sealed = $3, interval_us = $4, enabled = $5, feedback = $6, updated_at = $7 where id = $1;

-- name: DeleteExchange :exec
update exchanges set deleted_at = $2, sealed = $3, enabled = false where id = $1;

-- name: RestartExchange :exec
-- Forgets how far the list has come, so that the next round reads all of it.
update exchanges set checkpoint = '', epoch = epoch + 1, lease_until = 0, guard_live = 0, guard_removed = 0, allowed = 0, next_at = $2 where id = $1;

-- name: ScheduleExchange :exec
update exchanges set next_at = $2 where id = $1;

-- name: AllowRemovals :execrows
update exchanges set allowed = held, held = 0, next_at = $2 where id = $1 and held > 0;

-- name: DueExchanges :many
select * from exchanges where deleted_at = 0 and enabled = true and next_at <= $1 and lease_until < $1 order by next_at, id;

-- name: ClaimExchange :one
-- No row when somebody holds it, or when it is not due: a job that waited in the
-- queue must not ask a source that wants to be left alone.
update exchanges set epoch = epoch + 1, lease_until = $3, last_started_at = $2
where id = $1 and deleted_at = 0 and enabled = true and next_at <= $2 and lease_until < $2 returning *;

-- name: AdvanceExchange :execrows
update exchanges set checkpoint = $3, generation = $4, guard_live = $5, guard_removed = $6, lease_until = $7, pages = pages + 1,
    changes = changes + $8, removals = removals + $9, malformed = malformed + $10, unknown = unknown + $11, outdated = outdated + $12,
    asked = asked + $13, skipped = skipped + $14
where id = $1 and epoch = $2 and deleted_at = 0;

-- name: FinishExchange :execrows
update exchanges set lease_until = 0, next_at = $3, attempts = $4, last_success_at = $5, last_error = $6, held = $7, allowed = $8,
    guard_live = $9, guard_removed = $10
where id = $1 and epoch = $2 and deleted_at = 0;

-- name: BreakExchangeLeases :exec
update exchanges set lease_until = 0, epoch = epoch + 1 where lease_until > 0;

-- name: ExchangeEntry :one
select * from exchange_entries where exchange_id = $1 and entry_key = $2;

-- name: PutExchangeEntry :exec
insert into exchange_entries (exchange_id, entry_key, stamp, digest, deleted, generation) values ($1, $2, $3, $4, $5, $6)
on conflict (exchange_id, entry_key) do update
set stamp = excluded.stamp, digest = excluded.digest, deleted = excluded.deleted, generation = excluded.generation;

-- name: CountEntries :one
select count(*) from exchange_entries where exchange_id = $1 and deleted = false;

-- name: EntriesAfter :many
select entry_key from exchange_entries where exchange_id = $1 and deleted = false and entry_key > $2 order by entry_key limit $3;

-- name: CountUnseen :one
select count(*) from exchange_entries where exchange_id = $1 and deleted = false and generation < $2;

-- name: UnseenEntries :many
select entry_key from exchange_entries where exchange_id = $1 and deleted = false and generation < $2 order by entry_key limit $3;

-- name: BuryEntry :exec
update exchange_entries set deleted = true, digest = '' where exchange_id = $1 and entry_key = $2;

-- name: EntryPrints :many
select * from exchange_prints where exchange_id = $1 and entry_key = $2 order by hash_type, hash_value;

-- name: AddPrint :exec
insert into exchange_prints (exchange_id, entry_key, hash_type, hash_value) values ($1, $2, $3, $4);

-- name: DropPrint :exec
delete from exchange_prints where exchange_id = $1 and entry_key = $2 and hash_type = $3 and hash_value = $4;

-- name: PrintHolders :many
-- In no order.
select entry_key from exchange_prints where exchange_id = $1 and hash_type = $2 and hash_value = $3;

-- name: AddPrintBody :exec
insert into print_bodies (digest, body) values ($1, $2) on conflict (digest) do nothing;

-- name: PrintBody :one
select body from print_bodies where digest = $1;

-- name: SignalOfPrint :one
select * from signals where list_id = $1 and hash_type = $2 and hash_value = $3 and removed_version = 0;

-- name: ExchangeSignal :one
select * from signals where id = $1;

-- name: PutVote :execrows
-- One vote for each entry and fingerprint: the same one again changes nothing.
insert into exchange_votes (id, exchange_id, entry_key, hash_type, hash_value, affirmative, case_id, state, attempts, next_at, sent_at, last_error, created_at)
values ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, $8, 0, '', $9)
on conflict (exchange_id, entry_key, hash_type, hash_value) do update
set affirmative = excluded.affirmative, case_id = excluded.case_id, state = 'waiting', attempts = 0, next_at = excluded.next_at, last_error = ''
where exchange_votes.affirmative <> excluded.affirmative;

-- name: WithdrawVotes :execrows
-- What was not sent yet of a decision that is taken back.
delete from exchange_votes where case_id = $1 and state = 'waiting' and attempts = 0 and sent_at = 0;

-- name: DueVotes :many
select v.* from exchange_votes v join exchanges e on e.id = v.exchange_id
where v.state = 'waiting' and v.next_at <= $1 and e.deleted_at = 0 and e.enabled = true and e.feedback = true
order by v.next_at, v.id limit $2;

-- name: ClaimVote :one
update exchange_votes set attempts = attempts + 1, next_at = $3 where id = $1 and state = 'waiting' and next_at <= $2 returning *;

-- name: VoteSent :execrows
update exchange_votes set state = 'sent', sent_at = $3, last_error = '' where id = $1 and attempts = $2 and state = 'waiting';

-- name: VoteFailed :execrows
update exchange_votes set state = $3, next_at = $4, last_error = $5 where id = $1 and attempts = $2 and state = 'waiting';

-- name: CountVotes :many
select exchange_id, state, count(*) as n from exchange_votes group by exchange_id, state order by exchange_id, state;

-- name: ExchangeCredentials :one
select sealed from exchange_credentials where kind = $1;

-- name: PutExchangeCredentials :exec
insert into exchange_credentials (kind, sealed, updated_at) values ($1, $2, $3)
on conflict (kind) do update set sealed = excluded.sealed, updated_at = excluded.updated_at;

-- name: DropExchangeCredentials :exec
delete from exchange_credentials where kind = $1;
