-- name: CountSeen :one
insert into signal_scores (signal_id, seen, confirmed, refuted, first_seen_at, last_seen_at, hour, hour_seen, quarantined_at, released_at)
values ($1, 1, 0, 0, $2, $2, $3, 1, 0, 0)
on conflict (signal_id) do update set seen = signal_scores.seen + 1, last_seen_at = excluded.last_seen_at,
  hour_seen = case when signal_scores.hour = excluded.hour then signal_scores.hour_seen + 1 else 1 end, hour = excluded.hour
returning *;

-- name: CountJudged :exec
insert into signal_scores (signal_id, seen, confirmed, refuted, first_seen_at, last_seen_at, hour, hour_seen, quarantined_at, released_at)
values ($1, 0, $2, $3, 0, 0, 0, 0, 0, 0)
on conflict (signal_id) do update set confirmed = signal_scores.confirmed + excluded.confirmed, refuted = signal_scores.refuted + excluded.refuted;

-- name: QuarantineSignal :execrows
update signal_scores set quarantined_at = $2 where signal_id = $1 and quarantined_at = 0;

-- name: ReleaseSignal :execrows
update signal_scores set quarantined_at = 0, released_at = $2 where signal_id = $1 and quarantined_at > 0;

-- name: QuarantinedSignals :many
select signal_id from signal_scores where quarantined_at > 0 order by signal_id;

-- name: ScoresOfSignals :many
-- Of the signals of a list after an id, as LiveSignals pages them.
select c.* from signal_scores c join signals s on s.id = c.signal_id
where s.list_id = $1 and s.id > $2 and s.removed_version = 0 order by s.id limit $3;

-- name: SignalOnList :one
select s.id from signals s join lists l on l.id = s.list_id where s.id = $1 and l.name = $2 and l.deleted_at = 0;

-- name: AddRecent :exec
insert into recents (id, content_id, account_id, surface, jurisdiction, sha256, sha1, md5, pdq, quality, seen_at, turned, prints, size)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: RecentsAfter :many
select * from recents where id > $1 order by id limit $2;

-- name: RecentsSize :one
select cast(coalesce(sum(size), 0) as bigint) from recents;

-- name: OldestRecents :many
select id, size from recents order by id limit $1;

-- name: ForgetRecentsUpTo :execrows
delete from recents where id <= $1;

-- name: ForgetRecents :execrows
delete from recents where seen_at < $1;

-- name: SetRetroVersion :exec
update lists set retro_version = $2 where id = $1 and retro_version < $2;

-- name: DecidedBefore :many
-- Decisions that stand on other cases with the same file, the same picture or the
-- same signal as an item.
select i.id as item_id, d.case_id, d.at, d.outcome, d.ncmec_class, d.uk_class, d.incident_type, d.decided_name,
  cast(case when i.sha256 <> '' and i.sha256 = $2 then 'file' when i.picture_id <> '' and i.picture_id = (select own.picture_id from items own where own.id = $3) then 'picture' else 'signal' end as text) as same
from items i join decisions d on d.case_id = i.case_id
where d.undone_at = 0 and i.case_id <> $1
  and ((i.sha256 <> '' and i.sha256 = $2)
    or (i.picture_id <> '' and i.picture_id = (select own.picture_id from items own where own.id = $3))
    or i.id in (select f.item_id from findings f where f.signal_id in
    (select g.signal_id from findings g where g.item_id = $3 and g.signal_id <> '')))
order by d.at desc limit 5;
