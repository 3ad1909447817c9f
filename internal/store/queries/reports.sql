-- name: CreateReport :exec
insert into reports (id, case_id, decision_id, authority, environment, state, incident_type, draft, approved_by, approved_name, approved_at, remote_id, receipt, opened_at, touched_at, filed_at, attempts, next_attempt_at, last_error, epoch, lease_until, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, '', '', 0, '', $9, 0, 0, 0, 0, 0, '', 1, 0, $10, $10);

-- name: Report :one
select * from reports where id = $1;

-- name: ReportOfDecision :one
select * from reports where decision_id = $1 and authority = $2;

-- name: ReportsByState :many
select * from reports where (state = $1 or $1 = '') and (created_at < $2 or (created_at = $2 and id < $3))
order by created_at desc, id desc limit $4;

-- name: ReportsOfCase :many
select * from reports where case_id = $1 order by created_at, id;

-- name: UnfinishedReports :many
select * from reports where state in ('approved', 'opening', 'open', 'sealed') order by created_at, id;

-- name: CountReports :many
select state, cast(last_error <> '' as boolean) as failing, count(*) as n from reports group by state, last_error <> '';

-- name: FiledReportsOfAccount :many
select r.* from reports r join cases c on c.id = r.case_id
where c.account_id = $1 and r.authority = $2 and r.environment = $3 and r.state = 'filed' order by r.filed_at, r.id;

-- name: ClaimReport :one
update reports set epoch = epoch + 1, lease_until = $3, updated_at = $2
where id = $1 and lease_until < $2 and state in ('approved', 'opening', 'open', 'sealed')
returning *;

-- name: ReleaseReport :exec
update reports set lease_until = 0 where id = $1 and epoch = $2;

-- name: BreakReportLeases :exec
update reports set lease_until = 0 where lease_until > 0;

-- name: SetReportDraft :execrows
update reports set draft = $2, incident_type = $3, updated_at = $4 where id = $1 and state = 'draft';

-- name: ApproveReport :execrows
update reports set state = 'approved', approved_by = $2, approved_name = $3, approved_at = $4, environment = $5, updated_at = $4
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
