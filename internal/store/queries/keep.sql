-- name: LockCaseRow :one
-- Serialises what is set, held and destroyed on a case, without counting a revision.
update cases set updated_at = updated_at where id = $1 returning *;

-- name: AddHold :exec
insert into holds (id, case_id, kind, reason, authority, reference, placed_by, placed_name, placed_at, asked_by, asked_name, asked_at, asked_reason, released_by, released_name, released_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', '', 0, '', '', '', 0);

-- name: Hold :one
select * from holds where id = $1;

-- name: HoldsOfCase :many
select * from holds where case_id = $1 order by placed_at, id;

-- name: HoldsRunning :many
select * from holds where released_at = 0 order by placed_at, id;

-- name: AskRelease :execrows
update holds set asked_by = $2, asked_name = $3, asked_at = $4, asked_reason = $5 where id = $1 and released_at = 0;

-- name: ReleaseHold :execrows
update holds set released_by = $2, released_name = $3, released_at = $4 where id = $1 and released_at = 0 and asked_at > 0 and asked_by <> $2;

-- name: KeyMaker :one
select created_by from api_keys where id = $1;

-- name: UnfinishedReportsOfCase :many
select * from reports where case_id = $1 and state not in ('filed', 'withdrawn') order by created_at, id;

-- name: AddCertificate :exec
insert into certificates (id, case_id, at, actor, reason, pieces, bytes, roles, clocks, deleted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0);

-- name: CertificateOfCase :one
select * from certificates where case_id = $1;

-- name: Certificates :many
select * from certificates where id > $1 order by id limit $2;

-- name: CloseCertificates :execrows
update certificates set deleted_at = $1 where deleted_at = 0
  and not exists (select 1 from evidence e where e.case_id = certificates.case_id and e.deleted_at = 0);

-- name: BodiesToDelete :many
select * from evidence where destroyed_at <> 0 and deleted_at = 0 and id > $1 order by id limit $2;

-- name: BodyDeleted :exec
update evidence set deleted_at = $2 where id = $1 and destroyed_at <> 0;

-- name: CaseKeys :many
select * from case_keys where case_id > $1 order by case_id limit $2;

-- name: Destroyer :one
select * from destroyer where id = 1;

-- name: LockDestroyer :one
update destroyer set epoch = epoch where id = 1 returning *;

-- name: TrustTime :exec
update destroyer set trusted_at = $1 where id = 1 and trusted_at < $1;

-- name: PauseDestroyer :execrows
update destroyer set paused_at = $1, reason = $2 where id = 1 and paused_at = 0;

-- name: ResumeDestroyer :execrows
update destroyer set trusted_at = $1, paused_at = 0, reason = '', epoch = epoch + 1 where id = 1 and paused_at <> 0;

-- name: EntriesOfActions :many
select * from ledger_entries where action in ($1, $2, $3, $4) and id > $5 order by id limit $6;

-- name: LostPieces :many
-- Evidence that a view or a report speaks of and that has no record.
select v.evidence_id as id, 'a view' as spoken_of_by from views v where not exists (select 1 from evidence e where e.id = v.evidence_id)
union
select f.evidence_id as id, 'a report' as spoken_of_by from report_files f where not exists (select 1 from evidence e where e.id = f.evidence_id)
order by id limit 1000;

-- name: AddRelevantWant :execrows
insert into relevant_wants (id, case_id, item_id, account_id, from_at, to_at, asked_at, due_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (item_id) do nothing;

-- name: RelevantWantsOfCase :many
select * from relevant_wants where case_id = $1 order by asked_at, id;

-- name: AddRelevantData :exec
insert into relevant_data (evidence_id, case_id, kind, from_at, to_at, given_by, given_at, late, outside) values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: RelevantDataOfCase :many
select r.*, e.media_type, e.size, e.sha256, e.destroyed_at from relevant_data r join evidence e on e.id = r.evidence_id
where r.case_id = $1 order by r.given_at, r.evidence_id;

-- name: AskErasure :exec
insert into erasures (account_id, asked_by, asked_at, completed_at) values ($1, $2, $3, 0)
on conflict (account_id) do nothing;

-- name: Erasure :one
select * from erasures where account_id = $1;

-- name: LockErasure :one
update erasures set asked_at = asked_at where account_id = $1 returning *;

-- name: CompleteErasure :exec
update erasures set completed_at = $2 where account_id = $1;

-- name: OpenErasures :many
select * from erasures where completed_at = 0 and account_id > $1 order by account_id limit $2;

-- name: CasesOfAccount :many
-- Also those on which it is one of several accounts.
select * from cases where id in (select c.id from cases c where c.account_id = $1 and $1 <> '' union select i.case_id from items i where i.account_id = $1 and $1 <> '') order by id;

-- name: ForgetAccount :execrows
delete from accounts where id = $1;

-- name: ForgetRecentsOfAccount :execrows
delete from recents where account_id = $1;

-- name: ForgetItems :execrows
-- dedupe_key is a hash of the account and the content, so it goes too.
update items set account_id = '', filename = '', url = '', ip = '', port = 0, sha256 = '', sha1 = '', md5 = '', pdq = '', dedupe_key = 'erased ' || id
where case_id = $1 and account_id = $2;

-- name: ForgetCaseAccount :execrows
update cases set account_id = '' where id = $1 and account_id = $2;

-- name: ForgetReportContents :execrows
-- The row, its number, times and receipt stay: they show that it was reported.
update reports set draft = '{}' where case_id = $1 and draft <> '{}';

-- name: ForgetReportRequests :execrows
update report_exchanges set request = $2 where report_id in (select r.id from reports r where r.case_id = $1) and length(request) > 0;

-- name: ForgetWants :execrows
update relevant_wants set account_id = '' where case_id = $1 and account_id = $2;
