-- name: AppendEntry :exec
insert into ledger_entries (id, at, actor, action, subject, detail, leaf_index) values ($1, $2, $3, $4, $5, $6, -1);

-- name: PendingEntries :many
select * from ledger_entries where leaf_index = -1 order by id limit $1;

-- name: CountPendingEntries :one
select count(*) from ledger_entries where leaf_index = -1;

-- name: SealEntry :exec
update ledger_entries set leaf_index = $2 where id = $1;

-- name: LockHead :one
update ledger_head set size = size where id = 1 returning size;

-- name: SetHead :exec
update ledger_head set size = $1 where id = 1;

-- name: Head :one
select size from ledger_head where id = 1;

-- name: AddLedgerHash :exec
insert into ledger_hashes (id, hash) values ($1, $2);

-- name: LedgerHash :one
select hash from ledger_hashes where id = $1;

-- name: AddCheckpoint :exec
insert into ledger_checkpoints (size, note, at) values ($1, $2, $3);

-- name: LatestCheckpoint :one
select * from ledger_checkpoints order by size desc limit 1;

-- name: Checkpoints :many
select * from ledger_checkpoints where size > $1 order by size limit $2;

-- name: Entry :one
select * from ledger_entries where id = $1;

-- name: SealedEntries :many
select * from ledger_entries where leaf_index >= $1 order by leaf_index, id limit $2;

-- name: Entries :many
select * from ledger_entries where id < $1 order by id desc limit $2;

-- name: EntriesOfSubject :many
select * from ledger_entries where subject = $1 and id < $2 order by id desc limit $3;

-- name: LedgerHashes :many
select * from ledger_hashes where id >= $1 and id < $2 order by id;

-- name: CheckpointOf :one
select * from ledger_checkpoints where size = $1;

-- name: WitnessState :one
select * from ledger_witnesses where witness = $1;

-- name: PutWitness :exec
insert into ledger_witnesses (witness, size, at, failures, last_error, next_at) values ($1, $2, $3, $4, $5, $6)
on conflict (witness) do update set size = excluded.size, at = excluded.at, failures = excluded.failures, last_error = excluded.last_error, next_at = excluded.next_at;

-- name: AddCosignature :exec
insert into ledger_cosignatures (size, witness, line, at) values ($1, $2, $3, $4)
on conflict (size, witness) do update set line = excluded.line, at = excluded.at;

-- name: Cosignatures :many
select * from ledger_cosignatures where size = $1 order by witness;

-- name: CosignedSizes :many
select size, count(*) as n from ledger_cosignatures group by size order by size desc limit 50;
