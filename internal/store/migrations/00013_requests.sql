-- Requests of law enforcement, what was handed over on them, and what came of it.
-- What people write in words stands here and not in the ledger.

-- +goose Up
create table requests (
    id             text primary key,
    authority      text not null, -- its name
    authority_kind text not null,
    country        text not null,
    officer        text not null,
    contact        text not null,
    reference      text not null, -- the authority's own
    means          text not null, -- by which it came
    basis          text not null,
    asks           text not null, -- in words
    received_at    bigint not null,
    recorded_at    bigint not null,
    recorded_by    text not null,
    recorded_name  text not null,
    law_due_at     bigint not null, -- 0: the law names no time
    due_at         bigint not null,
    state          text not null,   -- open, answered, refused, withdrawn
    nothing_held   boolean not null,
    ended_at       bigint not null,
    ended_by       text not null,
    ended_name     text not null,
    ended_note     text not null,
    revision       bigint not null
);
create index requests_state on requests (state, due_at, id);

create table request_subjects (
    request_id text not null references requests (id),
    kind       text not null, -- case, account, content, report
    subject_id text not null,
    primary key (request_id, kind, subject_id)
);
create index request_subjects_subject on request_subjects (kind, subject_id);

-- One bundle of one case, sealed as it was prepared: what is handed over are these
-- bytes.
create table disclosures (
    id            text primary key,
    request_id    text not null references requests (id),
    case_id       text not null references cases (id),
    evidence_id   text not null references evidence (id),
    sha256        text not null,
    size          bigint not null,
    with_content  boolean not null,
    prepared_by   text not null,
    prepared_name text not null,
    prepared_at   bigint not null,
    approved_by   text not null,
    approved_name text not null,
    approved_at   bigint not null,
    taken_at      bigint not null, -- when the bytes were first taken out to be handed over
    handed_by     text not null,
    handed_name   text not null,
    handed_at     bigint not null,
    handed_to     text not null,
    handed_means  text not null,
    dropped_by    text not null,
    dropped_name  text not null,
    dropped_at    bigint not null
);
create index disclosures_request on disclosures (request_id, prepared_at, id);
create index disclosures_case on disclosures (case_id);

create table outcomes (
    id             text primary key,
    request_id     text not null, -- or empty
    report_id      text not null, -- or empty
    case_id        text not null, -- or empty, when a request names no case
    kind           text not null,
    at             bigint not null,
    source         text not null, -- who told
    note           text not null,
    recorded_by    text not null,
    recorded_name  text not null,
    recorded_at    bigint not null,
    withdrawn_by   text not null,
    withdrawn_name text not null,
    withdrawn_at   bigint not null
);
create index outcomes_request on outcomes (request_id);
create index outcomes_case on outcomes (case_id);
create index outcomes_at on outcomes (at);

-- +goose Down
drop table outcomes;
drop table disclosures;
drop table request_subjects;
drop table requests;
