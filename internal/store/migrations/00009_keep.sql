-- What is kept as long as the law asks: clocks that say what they keep, holds,
-- certificates of destruction, the time that the destroyer trusts, the data of an
-- account around an incident, and requests for erasure.

-- +goose Up
alter table clocks add column keeps text not null default 'evidence'; -- or 'record': the row of a report, and no evidence
alter table evidence add column deleted_at bigint not null default 0; -- its body is confirmed to be gone

create table holds (
    id            text primary key,
    case_id       text not null references cases (id),
    kind          text not null,
    reason        text not null,
    authority     text not null,
    reference     text not null,
    placed_by     text not null,
    placed_name   text not null,
    placed_at     bigint not null,
    asked_by      text not null, -- to release it; another person confirms
    asked_name    text not null,
    asked_at      bigint not null,
    asked_reason  text not null,
    released_by   text not null,
    released_name text not null,
    released_at   bigint not null
);
create index holds_case on holds (case_id, released_at);

create table certificates (
    id         text primary key,
    case_id    text not null references cases (id),
    at         bigint not null,
    actor      text not null,
    reason     text not null,
    pieces     bigint not null,
    bytes      bigint not null,
    roles      text not null, -- JSON: how many pieces of each
    clocks     text not null, -- JSON: those that had run out
    deleted_at bigint not null -- every body is confirmed to be gone
);
create unique index certificates_case on certificates (case_id);
insert into certificates (id, case_id, at, actor, reason, pieces, bytes, roles, clocks, deleted_at)
select 'cer_' || k.case_id, k.case_id, k.destroyed_at, 'system', 'destroyed before certificates were kept',
    (select count(*) from evidence e where e.case_id = k.case_id), (select cast(coalesce(sum(e.size), 0) as bigint) from evidence e where e.case_id = k.case_id),
    '{}', '[]', 0
from case_keys k where k.destroyed_at <> 0;

-- One row: the time up to which the clock is believed, and whether a person must
-- look at it before anything is destroyed.
create table destroyer (
    id         bigint primary key,
    trusted_at bigint not null,
    paused_at  bigint not null,
    reason     text not null,
    epoch      bigint not null -- rises when a person lets it go on
);
insert into destroyer (id, trusted_at, paused_at, reason, epoch) select 1, coalesce(max(at), 0), 0, '', 1 from ledger_entries;

-- What the platform was asked for about an account, and what it gave.
create table relevant_wants (
    id         text primary key,
    case_id    text not null references cases (id),
    item_id    text not null references items (id),
    account_id text not null,
    from_at    bigint not null,
    to_at      bigint not null,
    asked_at   bigint not null,
    due_at     bigint not null
);
create unique index relevant_wants_item on relevant_wants (item_id);
create index relevant_wants_case on relevant_wants (case_id);

create table relevant_data (
    evidence_id text primary key references evidence (id),
    case_id     text not null references cases (id),
    kind        text not null,
    from_at     bigint not null,
    to_at       bigint not null,
    given_by    text not null,
    given_at    bigint not null,
    late        boolean not null, -- after it was due
    outside     boolean not null  -- reaches out of every window that was asked for
);
create index relevant_data_case on relevant_data (case_id);

create table erasures (
    account_id   text primary key,
    asked_by     text not null,
    asked_at     bigint not null,
    completed_at bigint not null
);
create index erasures_open on erasures (completed_at);

-- +goose Down
drop table erasures;
drop table relevant_data;
drop table relevant_wants;
drop table destroyer;
drop table certificates;
drop table holds;
alter table evidence drop column deleted_at;
alter table clocks drop column keeps;
