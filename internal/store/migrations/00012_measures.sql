-- The register of measures: what the service is and what its operator says of
-- each measure, every version kept; and statements of reasons (DSA Arts 17, 24(5)).

-- +goose Up
create table measure_profiles (
    id         text primary key,
    profile    text not null, -- JSON
    at         bigint not null,
    actor      text not null,
    actor_name text not null
);
create index measure_profiles_at on measure_profiles (at, id);

create table measure_records (
    id            text primary key,
    code          text not null,
    status        text not null,
    effective_on  text not null, -- a date, or ''
    review_on     text not null,
    responsible   text not null,
    justification text not null,
    note          text not null,
    links         text not null, -- JSON array
    at            bigint not null,
    actor         text not null,
    actor_name    text not null
);
create index measure_records_code on measure_records (code, at, id);

create table statements (
    puid            text primary key, -- the platform's id of a statement
    cause           text not null,    -- what it was drafted for, once
    case_id         text not null,    -- '' when no case was opened
    state           text not null,
    body            text not null,    -- JSON of the template's fields
    problems        text not null,    -- JSON array: why a person is needed
    remote_id       text not null,
    attempts        bigint not null,
    next_attempt_at bigint not null,
    last_error      text not null,
    created_at      bigint not null,
    filed_at        bigint not null,
    undone_at       bigint not null   -- the decision was taken back after it may have been sent
);
create unique index statements_cause on statements (cause);
create index statements_state on statements (state, next_attempt_at, puid);
create index statements_created on statements (created_at, puid);
create index statements_case on statements (case_id);

create index decisions_at on decisions (at, id);

-- +goose Down
drop index decisions_at;
drop table statements;
drop table measure_records;
drop table measure_profiles;
