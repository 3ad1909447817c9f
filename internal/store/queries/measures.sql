-- name: AddMeasureProfile :exec
insert into measure_profiles (id, profile, at, actor, actor_name) values ($1, $2, $3, $4, $5);

-- name: MeasureProfiles :many
select * from measure_profiles order by at desc, id desc limit $1;

-- name: AddMeasureRecord :exec
insert into measure_records (id, code, status, effective_on, review_on, responsible, justification, note, links, at, actor, actor_name)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: MeasureRecords :many
select * from measure_records order by at, id;

-- name: MeasureRecordsOf :many
select * from measure_records where code = $1 order by at desc, id desc limit $2;

-- name: CountUsersByRole :many
select role, count(*) as n from users where disabled_at = 0 group by role order by role;

-- name: CountClocks :many
select law, count(*) as n, cast(max(until_at) as bigint) as latest from clocks group by law order by law;

-- name: CountEvidence :one
select cast(coalesce(sum(case when destroyed_at = 0 then 1 else 0 end), 0) as bigint) as kept,
  cast(coalesce(sum(case when destroyed_at > 0 then 1 else 0 end), 0) as bigint) as destroyed from evidence;

-- name: CountViewsSince :one
select count(*) from views where at >= $1;

-- name: DecisionTimes :many
-- When each case of a decision came, was first claimed, and was decided. Test pictures do not count.
select d.id, d.outcome, d.at, d.undone_at, c.opened_at, c.surface,
  cast(coalesce((select min(l.at) from ledger_entries l where l.subject = c.id and l.action = 'case.claim'), 0) as bigint) as claimed_at
from decisions d join cases c on c.id = d.case_id
where d.at >= $1 and d.at < $2 and c.canary = $3 order by d.at, d.id;

-- name: FindingCounts :many
-- Contents by kind and name of the list that they met.
select f.list_kind, f.list_name, count(distinct i.id) as n from findings f join items i on i.id = f.item_id
where i.received_at >= $1 and i.received_at < $2 group by f.list_kind, f.list_name order by f.list_kind, f.list_name;

-- name: ScanCounts :many
-- Contents that left a record, by what was seen of them. An allowed content leaves none.
select scan, verdict, count(*) as n from items where received_at >= $1 and received_at < $2 group by scan, verdict order by scan, verdict;

-- name: ListOutcomes :many
-- Cases by list and by how a person decided them; decisions that were taken back do not count.
select f.list_kind, f.list_name, d.outcome, count(distinct d.id) as n
from decisions d join items i on i.case_id = d.case_id join findings f on f.item_id = i.id
where d.at >= $1 and d.at < $2 and d.undone_at = 0 and f.list_kind <> 'canary' group by f.list_kind, f.list_name, d.outcome
order by f.list_kind, f.list_name, d.outcome;

-- name: LastCanary :one
select cast(coalesce(max(opened_at), 0) as bigint) from cases where canary = $1;

-- name: ReportsBetween :many
select r.authority, r.environment, r.incident_type, count(*) as n,
  cast(coalesce(sum((select count(*) from report_files f where f.report_id = r.id)), 0) as bigint) as files
from reports r where r.state = 'filed' and r.filed_at >= $1 and r.filed_at < $2
group by r.authority, r.environment, r.incident_type order by r.authority, r.environment, r.incident_type;

-- name: FilingTimes :many
select r.authority, r.filed_at, d.at as decided_at, c.opened_at from reports r
join decisions d on d.id = r.decision_id join cases c on c.id = r.case_id
where r.state = 'filed' and r.filed_at >= $1 and r.filed_at < $2 and c.canary = $3 order by r.filed_at, r.id;

-- name: CountItemsOfHash :one
select count(*) from signals where removed_version = 0 and hash_type = $1;

-- name: ActionCounts :many
-- Contents by the kind of list that they met and by the verdict that they got.
select f.list_kind, i.verdict, count(distinct i.id) as n from findings f join items i on i.id = f.item_id
where i.received_at >= $1 and i.received_at < $2 and f.list_kind <> 'canary' group by f.list_kind, i.verdict order by f.list_kind, i.verdict;
