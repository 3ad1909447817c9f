-- name: AddRequest :exec
insert into requests (id, authority, authority_kind, country, officer, contact, reference, means, basis, asks, received_at, recorded_at, recorded_by,
    recorded_name, law_due_at, due_at, state, nothing_held, ended_at, ended_by, ended_name, ended_note, revision)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'open', false, 0, '', '', '', 1);

-- name: RequestByID :one
select * from requests where id = $1;

-- name: LockRequest :one
update requests set revision = revision + 1 where id = $1 returning *;

-- name: OpenRequests :many
-- By time left.
select * from requests where state = 'open' and (due_at > $1 or (due_at = $1 and id > $2)) order by due_at, id limit $3;

-- name: EndedRequests :many
select * from requests where state <> 'open' and (ended_at < $1 or (ended_at = $1 and id < $2))
order by ended_at desc, id desc limit $3;

-- name: SetRequestDue :execrows
update requests set due_at = $2 where id = $1 and state = 'open' and due_at > $2;

-- name: EndRequest :execrows
update requests set state = $2, nothing_held = $3, ended_at = $4, ended_by = $5, ended_name = $6, ended_note = $7 where id = $1 and state = 'open';

-- name: AddRequestSubject :exec
insert into request_subjects (request_id, kind, subject_id) values ($1, $2, $3) on conflict (request_id, kind, subject_id) do nothing;

-- name: SubjectsOfRequest :many
select * from request_subjects where request_id = $1 order by kind, subject_id;

-- name: CasesOfRequest :many
-- The cases that a request names, directly or through an account, a content or a
-- report.
select c.* from cases c where c.id in (select s.subject_id from request_subjects s where s.request_id = $1 and s.kind = 'case')
  or (c.account_id <> '' and c.account_id in (select a.subject_id from request_subjects a where a.request_id = $1 and a.kind = 'account'))
  or c.id in (select i.case_id from items i where i.content_id in (select t.subject_id from request_subjects t where t.request_id = $1 and t.kind = 'content'))
  or c.id in (select r.case_id from reports r where r.id in (select p.subject_id from request_subjects p where p.request_id = $1 and p.kind = 'report'))
order by c.opened_at, c.id;

-- name: OpenRequestsOfCase :many
select q.id from requests q join request_subjects s on s.request_id = q.id
where q.state = 'open' and ((s.kind = 'case' and s.subject_id = $1)
  or (s.kind = 'account' and s.subject_id = $2 and $2 <> '')
  or (s.kind = 'content' and s.subject_id in (select i.content_id from items i where i.case_id = $1))
  or (s.kind = 'report' and s.subject_id in (select r.id from reports r where r.case_id = $1)))
order by q.id;

-- name: OpenRequestsOfAccount :many
select q.id from requests q join request_subjects s on s.request_id = q.id
where q.state = 'open' and s.kind = 'account' and s.subject_id = $1 order by q.id;

-- name: RequestsOfCase :many
-- Open or ended, latest first.
select distinct q.* from requests q join request_subjects s on s.request_id = q.id
where (s.kind = 'case' and s.subject_id = $1)
  or (s.kind = 'account' and s.subject_id = $2 and $2 <> '')
  or (s.kind = 'content' and s.subject_id in (select i.content_id from items i where i.case_id = $1))
  or (s.kind = 'report' and s.subject_id in (select r.id from reports r where r.case_id = $1))
order by q.received_at desc, q.id desc;

-- name: CountOpenRequests :one
select count(*) as n, cast(coalesce(sum(case when due_at < $1 then 1 else 0 end), 0) as bigint) as overdue from requests where state = 'open';

-- name: RequestsEnded :many
-- For counts: those that came in a period.
select basis, state, received_at, due_at, ended_at from requests where received_at >= $1 and received_at < $2 order by id;

-- name: AddDisclosure :exec
insert into disclosures (id, request_id, case_id, evidence_id, sha256, size, with_content, prepared_by, prepared_name, prepared_at, approved_by, approved_name,
    approved_at, taken_at, handed_by, handed_name, handed_at, handed_to, handed_means, dropped_by, dropped_name, dropped_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', 0, 0, '', '', 0, '', '', '', '', 0);

-- name: DisclosureByID :one
select * from disclosures where id = $1;

-- name: DisclosuresOfRequest :many
select * from disclosures where request_id = $1 order by prepared_at, id;

-- name: HandOversOfCase :many
select d.id, d.sha256, d.handed_at, q.authority from disclosures d join requests q on q.id = d.request_id
where d.case_id = $1 and d.handed_at <> 0 order by d.handed_at, d.id;

-- name: ApproveDisclosure :execrows
update disclosures set approved_by = $2, approved_name = $3, approved_at = $4 where id = $1 and approved_at = 0 and dropped_at = 0;

-- name: TakeDisclosure :execrows
update disclosures set taken_at = case when taken_at = 0 then $2 else taken_at end where id = $1 and approved_at <> 0 and handed_at = 0 and dropped_at = 0;

-- name: HandDisclosure :execrows
update disclosures set handed_by = $2, handed_name = $3, handed_at = $4, handed_to = $5, handed_means = $6
where id = $1 and approved_at <> 0 and taken_at <> 0 and handed_at = 0 and dropped_at = 0;

-- name: DropDisclosure :execrows
update disclosures set dropped_by = $2, dropped_name = $3, dropped_at = $4 where id = $1 and handed_at = 0 and dropped_at = 0;

-- name: AddOutcome :exec
insert into outcomes (id, request_id, report_id, case_id, kind, at, source, note, recorded_by, recorded_name, recorded_at, withdrawn_by, withdrawn_name, withdrawn_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '', 0);

-- name: OutcomeByID :one
select * from outcomes where id = $1;

-- name: WithdrawOutcome :execrows
update outcomes set withdrawn_by = $2, withdrawn_name = $3, withdrawn_at = $4 where id = $1 and withdrawn_at = 0;

-- name: OutcomesOfRequest :many
select * from outcomes where request_id = $1 order by at, id;

-- name: OutcomesOfCase :many
select * from outcomes where case_id = $1 order by at, id;

-- name: CountOutcomes :many
select kind, count(*) as n from outcomes where withdrawn_at = 0 and at >= $1 and at < $2 group by kind order by kind;
