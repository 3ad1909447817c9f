-- name: InitStream :exec
insert into stream_settings (id, stream_id, partitions, key_check, placed, trimmed_to, lost, created_at)
values (1, $1, $2, $3, false, 0, 0, $4) on conflict (id) do nothing;

-- name: StreamSettings :one
select * from stream_settings where id = 1;

-- name: LockStreamSettings :one
update stream_settings set lost = lost where id = 1 returning *;

-- name: PlaceStream :execrows
update stream_settings set placed = true, trimmed_to = $1 where id = 1 and not placed;

-- name: RebaseStream :exec
update stream_settings set stream_id = $1, partitions = $2, key_check = $3, placed = $4, lost = lost + $5 where id = 1;

-- name: TrimmedStream :execrows
update stream_settings set trimmed_to = $1 where id = 1 and trimmed_to < $1;

-- name: LostFromStream :execrows
update stream_settings set lost = lost + $1, trimmed_to = $2 where id = 1 and trimmed_to = $3;

-- name: RewindStream :exec
update stream_settings set trimmed_to = $1 where id = 1;

-- name: InitPartition :exec
insert into stream_partitions (partition, owner, epoch, beat, applied_seq, applied_at) values ($1, '', 0, 0, $2, 0) on conflict (partition) do nothing;

-- name: StreamPartitions :many
select * from stream_partitions order by partition;

-- name: StreamPartition :one
select * from stream_partitions where partition = $1;

-- name: DeletePartitions :exec
delete from stream_partitions;

-- name: ClaimPartition :one
update stream_partitions set owner = $2, epoch = epoch + 1, beat = beat + 1
where partition = $1 and epoch = $3 and beat = $4 returning *;

-- name: RenewPartitions :execrows
update stream_partitions set beat = beat + 1 where owner = $1;

-- name: ReleasePartition :execrows
update stream_partitions set owner = '', epoch = epoch + 1, beat = beat + 1 where partition = $1 and owner = $2 and epoch = $3;

-- name: AdvancePartition :execrows
update stream_partitions set applied_seq = $1, applied_at = $2
where partition = $3 and owner = $4 and epoch = $5 and applied_seq = $6;

-- name: RewindPartitions :execrows
update stream_partitions set applied_seq = $1, owner = '', epoch = epoch + 1, beat = beat + 1 where applied_seq > $1;

-- name: BeatWorker :exec
insert into stream_workers (id, beat) values ($1, 1) on conflict (id) do update set beat = stream_workers.beat + 1;

-- name: StreamWorkers :many
select * from stream_workers order by id;

-- name: DeleteWorker :exec
delete from stream_workers where id = $1;

-- name: SeeEvent :execrows
insert into stream_seen (event_key, seq, seen_at) values ($1, $2, $3) on conflict (event_key) do nothing;

-- name: SeenEvent :one
select * from stream_seen where event_key = $1;

-- name: CountSeenEvents :one
select count(*) from stream_seen where seq > $1 and seq <= $2;

-- name: ForgetSeen :execrows
delete from stream_seen where event_key in (
    select s.event_key from stream_seen s where s.seen_at < $1 and s.seq < $2 order by s.seen_at limit $3);

-- name: QuarantineEvent :exec
insert into event_quarantine (id, event_key, source, partition, seq, at, reason, body, state, tries, decided_by, decided_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'held', 1, '', 0);

-- name: QuarantinedEvent :one
select * from event_quarantine where id = $1;

-- name: QuarantinedByKey :one
select * from event_quarantine where event_key = $1 and state in ('held', 'replaying') order by id limit 1;

-- name: QuarantinedEvents :many
select id, event_key, source, partition, seq, at, reason, state, tries, decided_by, decided_at from event_quarantine
where state = $1 and id > $2 order by id limit $3;

-- name: CountQuarantined :one
select count(*) from event_quarantine where state in ('held', 'replaying');

-- name: DecideQuarantined :execrows
update event_quarantine set state = $2, decided_by = $3, decided_at = $4 where id = $1 and state = 'held';

-- name: DiscardQuarantined :execrows
update event_quarantine set state = 'discarded', body = $2, decided_by = $3, decided_at = $4 where id = $1 and state = 'held';

-- name: ReplayingEvents :many
select * from event_quarantine where state = 'replaying' and decided_at < $1 order by id limit 100;

-- name: ReplayedEvent :execrows
update event_quarantine set state = 'replayed', body = $2, seq = $3, tries = tries + 1 where id = $1 and event_key = $4 and state = 'replaying';

-- name: HoldAgain :execrows
update event_quarantine set state = 'held', reason = $2, seq = $3, tries = tries + 1 where id = $1 and event_key = $4 and state = 'replaying';
