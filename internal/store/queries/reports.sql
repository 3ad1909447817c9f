-- name: CreateReport :exec
insert into reports (id, case_id, decision_id, authority, environment, state, incident_type, draft, approved_by, approved_name, approved_at, remote_id, receipt, opened_at, touched_at, filed_at, attempts, next_attempt_at, last_error, epoch, lease_until, created_at, updated_at, priority, supplements, sequence, carried, due_at, alarmed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, '', '', 0, '', $9, 0, 0, 0, 0, 0, '', 1, 0, $10, $10, $11, $12, $13, $14, $15, 0);

-- name: Report :one
select * from reports where id = $1;

-- name: ReportsOfDecision :many
select * from reports where decision_id = $1 order by created_at, id;

-- name: ReportsByState :many
select * from reports where (state = $1 or $1 = '') and (created_at < $2 or (created_at = $2 and id < $3))
order by created_at desc, id desc limit $4;

-- name: ReportsOfCase :many
select * from reports where case_id = $1 order by created_at, id;

-- name: UnfinishedReports :many
-- Those that Rowan files by itself; people carry the others.
select * from reports where state in ('approved', 'opening', 'open', 'sealed') and carried = $1 order by created_at, id;

-- name: FiledReportsOfCase :many
select * from reports where case_id = $1 and state = 'filed' order by filed_at, id;

-- name: CountReports :many
select state, cast(last_error <> '' as boolean) as failing, count(*) as n from reports group by state, last_error <> '';

-- name: FiledReportsOfAccount :many
select r.* from reports r join cases c on c.id = r.case_id
where c.account_id = $1 and r.authority = $2 and r.environment = $3 and r.state = 'filed' order by r.filed_at, r.id;

-- name: ClaimReport :one
update reports set epoch = epoch + 1, lease_until = $3, updated_at = $2
where id = $1 and lease_until < $2 and carried = $4 and state in ('approved', 'opening', 'open', 'sealed')
returning *;

-- name: ReleaseReport :exec
update reports set lease_until = 0 where id = $1 and epoch = $2;

-- name: BreakReportLeases :exec
update reports set lease_until = 0 where lease_until > 0;

-- name: SetReportDraft :execrows
update reports set draft = $2, incident_type = $3, priority = $4, due_at = $5, updated_at = $6 where id = $1 and state = 'draft';

-- name: RouteReport :execrows
update reports set authority = $2, carried = $3, updated_at = $4 where id = $1 and state = 'draft';

-- name: CarryReport :execrows
-- A person's step with a report that people carry: from one state to the next.
update reports set state = $3, remote_id = $4, receipt = $5, opened_at = $6, filed_at = $7, last_error = '', next_attempt_at = 0, updated_at = $8
where id = $1 and state = $2 and carried = $9;

-- name: LateReports :many
select * from reports where state not in ('filed', 'withdrawn') and due_at > 0 and due_at <= $1 and alarmed_at = 0 order by due_at, id;

-- name: AlarmReport :execrows
update reports set alarmed_at = $2 where id = $1 and alarmed_at = 0;

-- name: CountLateReports :many
select priority, count(*) as n from reports where state not in ('filed', 'withdrawn') and due_at > 0 and due_at <= $1 group by priority;

-- name: AddReportItem :exec
insert into report_items (report_id, item_id) values ($1, $2);

-- name: ReportItems :many
select item_id from report_items where report_id = $1 order by item_id;

-- name: OtherReportsOfItems :many
-- Reports, withdrawn ones aside, that share an item with a report.
select distinct r.* from reports r join report_items a on a.report_id = r.id join report_items b on b.item_id = a.item_id
where b.report_id = $1 and r.id <> $1 and r.state <> 'withdrawn' order by r.created_at, r.id;

-- name: LockCaseOfReport :exec
update cases set updated_at = updated_at where id = $1;

-- name: AddReportStep :exec
insert into report_steps (id, report_id, at, actor, actor_name, step, detail) values ($1, $2, $3, $4, $5, $6, $7);

-- name: ReportSteps :many
select * from report_steps where report_id = $1 order by at, id;

-- name: Schema :one
select * from schemas where authority = $1;

-- name: PutSchema :exec
insert into schemas (authority, digest, seen_at, changed_at) values ($1, $2, $3, $4)
on conflict (authority) do update set digest = excluded.digest, seen_at = excluded.seen_at, changed_at = excluded.changed_at;

-- name: ApproveReport :execrows
update reports set state = 'approved', approved_by = $2, approved_name = $3, approved_at = $4, environment = $5, draft = $6, carried = $7, updated_at = $4
where id = $1 and state = 'draft';

-- name: AdvanceReport :execrows
update reports set state = $3, remote_id = $4, receipt = $5, opened_at = $6, touched_at = $7, filed_at = $8, last_error = '', next_attempt_at = 0, updated_at = $9, lease_until = $10
where id = $1 and epoch = $2;

-- name: ReportFailed :execrows
update reports set attempts = attempts + 1, last_error = $3, next_attempt_at = $4, updated_at = $5, lease_until = 0 where id = $1 and epoch = $2;

-- name: WithdrawReport :execrows
-- The epoch rises: a worker that claimed the approved report has lost it.
update reports set state = 'withdrawn', epoch = epoch + 1, last_error = '', next_attempt_at = 0, updated_at = $2 where id = $1 and state in ('draft', 'approved');

-- name: AddReportFile :exec
insert into report_files (report_id, evidence_id, position, viewed, md5, remote_file_id, state) values ($1, $2, $3, $4, $5, '', 'waiting');

-- name: ReportFiles :many
select * from report_files where report_id = $1 order by position, evidence_id;

-- name: SetReportFile :exec
update report_files set viewed = $3, md5 = $4, remote_file_id = $5, state = $6 where report_id = $1 and evidence_id = $2;

-- name: ForgetReportFiles :exec
update report_files set remote_file_id = '', state = 'waiting' where report_id = $1;

-- name: AddExchange :exec
insert into report_exchanges (id, report_id, at, operation, request, http_status, code, request_id, response, error)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: ExchangesOfReport :many
select * from report_exchanges where report_id = $1 order by at, id;

-- name: LockReport :one
update reports set updated_at = updated_at where id = $1 returning *;
