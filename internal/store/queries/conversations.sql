-- name: Conversation :one
select * from conversations where id = $1;

-- name: AddConversation :exec
insert into conversations (id, conversation_id, actor_id, target_id, surface, jurisdiction, mode, relation, state, started_at, last_at, messages, unscanned,
  score, tier, families, recent, case_id, item_id, capture, tipped_at, fast_at, audited_at, audit_weight, second_at, kept, forgotten)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 0, 0, $23, $24, $25);

-- name: SetConversation :exec
update conversations set surface = $2, jurisdiction = $3, mode = $4, relation = $5, state = $6, last_at = $7, messages = $8, unscanned = $9, score = $10, tier = $11,
  families = $12, recent = $13, case_id = $14, item_id = $15, capture = $16, tipped_at = $17, fast_at = $18, started_at = $19, second_at = $20, kept = $21, forgotten = $22 where id = $1;

-- name: ConversationsOfActor :many
-- The riskiest first.
select * from conversations where actor_id = $1 order by score desc, id limit $2;

-- name: ConversationsBetween :many
-- Those of an actor with a target, the newest first.
select * from conversations where actor_id = $1 and target_id = $2 order by last_at desc, id limit $3;

-- name: ConversationsOfCase :many
select * from conversations where case_id = $1 order by started_at, id;

-- name: AddMark :exec
insert into conversation_marks (conversation, seq, event_id, at, from_target, found, values_json, refuses, media, score, tier, fast, kept)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: KeepMark :exec
update conversation_marks set kept = $3 where conversation = $1 and seq = $2;

-- name: MarksOfConversation :many
-- The newest first.
select * from conversation_marks where conversation = $1 order by seq desc limit $2;

-- name: CountMarks :one
select count(*) from conversation_marks where conversation = $1;

-- name: AddAlert :exec
insert into conversation_alerts (id, conversation, case_id, item_id, at, cause, explanation) values ($1, $2, $3, $4, $5, $6, $7);

-- name: AlertOf :one
-- The newest of a cause on a case.
select * from conversation_alerts where conversation = $1 and case_id = $2 and cause = $3 order by at desc, id desc limit 1;

-- name: SetAlert :exec
update conversation_alerts set explanation = $2, at = $3 where id = $1;

-- name: AlertsOfCase :many
select * from conversation_alerts where case_id = $1 order by at, id;

-- name: AddStep :exec
insert into conversation_steps (id, conversation, account_id, kind, at, until_at, detail) values ($1, $2, $3, $4, $5, $6, $7);

-- name: StepsOfConversation :many
select * from conversation_steps where conversation = $1 order by at, id limit 200;

-- name: StepsOfAccount :many
select * from conversation_steps where account_id = $1 order by at desc, id limit $2;

-- name: CountSteps :many
select kind, count(*) as n from conversation_steps where at >= $1 group by kind;

-- name: LockActor :one
-- Makes the row where there is none, and keeps others from it until the end of the transaction.
insert into actors (account_id, age_lower, age_upper, age_assured, opened_at, jurisdiction, conduct, score, assessment, friction_from, friction_why, friction_by, lifted_at, lifted_by, reviewed_at, updated_at)
values ($1, 0, 0, $2, 0, '', $3, 0, '', 0, '', '', 0, '', 0, $4)
on conflict (account_id) do update set updated_at = excluded.updated_at returning *;

-- name: Actor :one
select * from actors where account_id = $1;

-- name: SetActor :exec
update actors set age_lower = $2, age_upper = $3, age_assured = $4, opened_at = $5, jurisdiction = $6, conduct = $7, score = $8, assessment = $9,
  friction_from = $10, friction_why = $11, friction_by = $12, lifted_at = $13, lifted_by = $14, reviewed_at = $15 where account_id = $1;

-- name: AddTie :exec
insert into ties (kind, account_id, other, at) values ($1, $2, $3, $4)
on conflict (kind, account_id, other) do update set at = case when excluded.at > ties.at then excluded.at else ties.at end;

-- name: Ties :many
-- All of them, page by page.
select * from ties where (kind > $1 or (kind = $1 and (account_id > $2 or (account_id = $2 and other > $3)))) order by kind, account_id, other limit $4;

-- name: HarmfulThrough :many
-- Accounts with a confirmed case that share a thing with an account.
select distinct t.account_id from ties t join cases c on c.account_id = t.account_id join decisions d on d.case_id = c.id
where t.kind = $1 and t.other = $2 and t.account_id <> $3 and c.state = 'decided' and d.outcome = 'confirmed' and d.undone_at = 0 limit 20;

-- name: ConfirmedAccounts :many
select distinct c.account_id from cases c join decisions d on d.case_id = c.id
where c.state = 'decided' and d.outcome = 'confirmed' and d.undone_at = 0 and c.account_id <> '' and c.canary = $1 order by c.account_id limit $2;

-- name: NewestCaseOfAccount :one
select id from cases where account_id = $1 order by opened_at desc, id limit 1;

-- name: ChildrenAmong :many
-- Accounts that are certainly children, page by page.
select account_id from actors where age_upper > 0 and age_upper < 18 and account_id > $1 order by account_id limit $2;

-- name: ConversationOutcomes :many
-- Conversations that a person has decided about, page by page: the decision that stands on their case.
select v.id, v.relation, v.audit_weight, d.outcome from conversations v join cases c on c.id = v.case_id join decisions d on d.case_id = c.id
where c.state = 'decided' and d.undone_at = 0 and v.id > $1 order by v.id limit $2;

-- name: ConversationsToAudit :many
-- Conversations that nobody was asked to look at, in a stretch of scores; the caller draws.
select * from conversations where case_id = '' and audited_at = 0 and mode = 'full' and score >= $1 and score < $2 and last_at >= $3 and id > $4 order by id limit $5;

-- name: CountToAudit :one
select count(*) from conversations where case_id = '' and audited_at = 0 and mode = 'full' and score >= $1 and score < $2 and last_at >= $3;

-- name: SetAudited :exec
update conversations set audited_at = $2, audit_weight = $3, case_id = $4, item_id = $5 where id = $1;

-- name: IdleConversations :many
-- Idle ones that no case holds.
select v.id from conversations v where v.last_at < $1 and not exists (select 1 from cases c where c.id = v.case_id and c.state = 'open') order by v.id limit $2;

-- name: ForgetMarks :exec
delete from conversation_marks where conversation = $1;

-- name: ForgetAlerts :exec
delete from conversation_alerts where conversation = $1;

-- name: ForgetSteps :exec
delete from conversation_steps where conversation = $1;

-- name: ForgetConversation :exec
delete from conversations where id = $1;

-- name: ConversationsOfAccount :many
select id from conversations where actor_id = $1 or target_id = $1 order by id;

-- name: ForgetActor :execrows
delete from actors where account_id = $1;

-- name: ForgetTies :execrows
delete from ties where account_id = $1 or (kind in ('victim', 'invite') and other = $1);

-- name: ForgetStepsOfAccount :execrows
delete from conversation_steps where account_id = $1;

-- name: ForgetOldTies :execrows
delete from ties where at < $1;

-- name: ForgetIdleActors :execrows
delete from actors where updated_at < $1;

-- name: CountConversations :many
select mode, tier, count(*) as n from conversations group by mode, tier;

-- name: CountFriction :one
select count(*) from actors where friction_from > $1 and lifted_at = 0;

-- name: AddOutgoing :exec
insert into outgoing_signals (id, case_id, type, value, hashing, key_id, harm, first_seen, expiry, provenance, confirmed_by, confirmed_at, state, changed_by, changed_why, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: Outgoing :one
select * from outgoing_signals where id = $1;

-- name: LockOutgoing :one
update outgoing_signals set id = id where id = $1 returning *;

-- name: SetOutgoing :exec
update outgoing_signals set state = $2, changed_by = $3, changed_why = $4, changed_at = $5 where id = $1;

-- name: OutgoingSince :many
-- What recipients must hear of, the oldest change first.
select * from outgoing_signals where changed_at > $1 or (changed_at = $1 and id > $2) order by changed_at, id limit $3;
