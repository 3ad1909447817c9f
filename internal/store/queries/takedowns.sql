-- name: AddTakedown :exec
insert into takedowns (id, state, law, asked_by, under_age, signed, good_faith, contact, reference, received_at, recorded_at, old_reason, due_at, recorded_by,
  outcome, decided_at, ended_at, late, held_at, case_ids, listed_at, searched_to, full_at, compared, exact_only, not_searched, kept_since, warned_at, overdue_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', 0, $15, $16, 0, $17, 0, 0, 0, 0, 0, 0, 0, 0, 0, $11);

-- name: Takedown :one
select * from takedowns where id = $1;

-- name: LockTakedown :one
update takedowns set updated_at = updated_at where id = $1 returning *;

-- name: SetTakedown :exec
-- What changes when people or the platform act.
update takedowns set state = $2, outcome = $3, decided_at = $4, ended_at = $5, late = $6, held_at = $7, case_ids = $8, updated_at = $9 where id = $1;

-- name: SetTakedownListed :exec
update takedowns set listed_at = $2 where id = $1;

-- name: TakedownSearched :exec
update takedowns set searched_to = $2, compared = $3, exact_only = $4, not_searched = $5, kept_since = $6, full_at = $7 where id = $1;

-- name: TakedownsByDue :many
-- Those that wait, the most urgent first; $1 is a state or '' for open and decided.
select * from takedowns where (state = $1 or ($1 = '' and state in ('open', 'decided')))
  and (due_at > $2 or (due_at = $2 and id > $3)) order by due_at, id limit $4;

-- name: TakedownsNewest :many
-- Those that have ended, the newest first; $1 is a state or '' for all.
select * from takedowns where (state = $1 or $1 = '') and (received_at < $2 or (received_at = $2 and id < $3)) order by received_at desc, id desc limit $4;

-- name: TakedownsToSearch :many
-- $2 is how long after the listing uploads may still be written that no list knew of.
select * from takedowns where id > $1 and (state in ('open', 'decided') or (state = 'removed' and searched_to < listed_at + $2)) order by id limit $3;

-- name: TakedownsToWarn :many
select * from takedowns where state in ('open', 'decided') and warned_at = 0 and due_at <= $1 order by due_at, id;

-- name: TakedownsOverdue :many
select * from takedowns where state in ('open', 'decided') and overdue_at = 0 and due_at < $1 order by due_at, id;

-- name: WarnTakedown :execrows
update takedowns set warned_at = $2 where id = $1 and warned_at = 0;

-- name: AlarmTakedown :execrows
update takedowns set overdue_at = $2 where id = $1 and overdue_at = 0;

-- name: CountTakedowns :many
select state, count(*) as n, cast(min(due_at) as bigint) as due from takedowns group by state;

-- name: CountLateTakedowns :one
-- Those that ended late, and those that wait past their time.
select count(*) from takedowns where late = $2 or (state in ('open', 'decided') and due_at < $1);

-- name: CountUnconfirmedRemovals :one
select count(*) from takedown_contents c join takedowns t on t.id = c.takedown_id where t.state = 'decided' and c.confirmed_at = 0 and c.left_up = $1;

-- name: CountOpenTakedownComplaints :one
select count(*) from takedown_complaints where outcome = '';

-- name: TakedownContactsToForget :many
select id from takedowns where contact <> $1 and ended_at <> 0 and ended_at < $2
  and not exists (select 1 from takedown_complaints c where c.takedown_id = takedowns.id and c.outcome = '') order by id limit 500;

-- name: ForgetTakedownContact :execrows
update takedowns set contact = $2 where id = $1;

-- name: AddTakedownContent :execrows
insert into takedown_contents (id, takedown_id, content_id, url, relation, known, left_up, found_at, removed_at, confirmed_at, confirmed_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '') on conflict (takedown_id, content_id, url) do nothing;

-- name: TakedownContents :many
select * from takedown_contents where takedown_id = $1 order by relation, found_at, id;

-- name: KnowTakedownContent :execrows
update takedown_contents set known = $2 where id = $1;

-- name: LeaveTakedownContent :execrows
update takedown_contents set left_up = $3 where id = $1 and takedown_id = $2;

-- name: ConfirmRemoval :execrows
update takedown_contents set removed_at = $2, confirmed_at = $3, confirmed_by = $4 where id = $1 and confirmed_at = 0;

-- name: ResetRemovals :exec
-- What was put back is to be confirmed again when it goes again.
update takedown_contents set removed_at = 0, confirmed_at = 0, confirmed_by = '' where takedown_id = $1;

-- name: AddTakedownHash :exec
insert into takedown_hashes (takedown_id, hash_type, hash_value, quality, turned, on_list) values ($1, $2, $3, $4, $5, $6)
on conflict (takedown_id, hash_type, hash_value) do update set
  quality = case when excluded.quality > takedown_hashes.quality then excluded.quality else takedown_hashes.quality end,
  turned = case when takedown_hashes.turned = '' then excluded.turned else takedown_hashes.turned end;

-- name: TakedownHashes :many
select * from takedown_hashes where takedown_id = $1 order by hash_type, hash_value;

-- name: ListTakedownHash :exec
update takedown_hashes set on_list = $4 where takedown_id = $1 and hash_type = $2 and hash_value = $3;

-- name: OthersWithHash :one
-- How many other notices keep a hash on the list.
select count(*) from takedown_hashes where hash_type = $1 and hash_value = $2 and takedown_id <> $3 and on_list = $4;

-- name: AddTakedownDecision :exec
insert into takedown_decisions (id, takedown_id, complaint_id, outcome, reason, note, decided_by, decided_name, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: TakedownDecisions :many
select * from takedown_decisions where takedown_id = $1 order by at, id;

-- name: AddTakedownComplaint :exec
insert into takedown_complaints (id, takedown_id, party, text, received_at, recorded_at, recorded_by, outcome, note, decided_by, decided_name, decided_at)
values ($1, $2, $3, $4, $5, $6, $7, '', '', '', '', 0);

-- name: TakedownComplaint :one
select * from takedown_complaints where id = $1 and takedown_id = $2;

-- name: TakedownComplaints :many
select * from takedown_complaints where takedown_id = $1 order by recorded_at, id;

-- name: JudgeTakedownComplaint :execrows
update takedown_complaints set outcome = $2, note = $3, decided_by = $4, decided_name = $5, decided_at = $6 where id = $1 and outcome = '';

-- name: RecentsOfContent :many
select * from recents where content_id = $1 order by id limit 100;

-- name: ItemsOfContent :many
select * from items where content_id = $1 order by id limit 100;

-- name: ItemsAfter :many
select * from items where id > $1 order by id limit $2;

-- name: TakedownsBetween :many
select * from takedowns where received_at >= $1 and received_at < $2 order by received_at, id;

-- name: TakedownRefusalsBetween :many
-- Refusals that stand, by reason, of notices that came in a time.
select d.reason, count(*) as n from takedown_decisions d join takedowns t on t.id = d.takedown_id
where t.received_at >= $1 and t.received_at < $2 and t.state = 'refused' and d.outcome = 'refuse'
  and not exists (select 1 from takedown_decisions e where e.takedown_id = d.takedown_id and (e.at > d.at or (e.at = d.at and e.id > d.id)))
group by d.reason order by d.reason;
