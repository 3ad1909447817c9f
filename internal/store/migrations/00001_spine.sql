-- Portable SQL: the same file runs on SQLite and PostgreSQL. Types are text,
-- bigint, bytea and boolean only; times are Unix microseconds; JSON is text;
-- 0 or '' stands for "not (yet)". Booleans compare against parameters.

-- +goose Up
create table accounts (
    id         text primary key,
    profile    text not null,
    updated_at bigint not null
);

create table lists (
    id         text primary key,
    name       text not null,
    kind       text not null,
    source     text not null,
    threshold  bigint not null,
    enabled    boolean not null,
    version    bigint not null, -- signals with a greater added_version are staged, not live
    importing_until bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint not null
);
create unique index lists_live_name on lists (name) where deleted_at = 0;

create table signals (
    id              text primary key,
    list_id         text not null references lists (id),
    hash_type       text not null,
    hash_value      text not null,
    note            text not null,
    source          text not null,
    classification  text not null,
    added_version   bigint not null,
    removed_version bigint not null,
    created_at      bigint not null
);
create unique index signals_live on signals (list_id, hash_type, hash_value) where removed_version = 0;
create index signals_added on signals (list_id, added_version);
create index signals_removed on signals (list_id, removed_version);

create table cases (
    id           text primary key,
    state        text not null,
    queue        text not null,
    priority     text not null,
    account_id   text not null,
    reason       text not null,
    surface      text not null,
    jurisdiction text not null,
    canary       boolean not null,
    assigned_to  text not null,
    lease_until  bigint not null,
    revision     bigint not null,
    opened_at    bigint not null,
    updated_at   bigint not null
);
create index cases_queue on cases (state, priority, opened_at, id);
create index cases_account on cases (account_id, state);

-- One row for each account (or lone content) that ever opened a case: its lock
-- makes first contents that arrive together open one case and not several.
create table case_locks (
    id text primary key
);

create table items (
    id             text primary key,
    case_id        text not null references cases (id),
    content_id     text not null,
    account_id     text not null,
    surface        text not null,
    jurisdiction   text not null,
    filename       text not null,
    url            text not null,
    ip             text not null,
    port           bigint not null,
    content_at     bigint not null,
    received_at    bigint not null,
    verdict        text not null,
    scan           text not null,
    scan_reason    text not null,
    policy_version text not null,
    format         text not null,
    width          bigint not null,
    height         bigint not null,
    frames         bigint not null,
    size           bigint not null,
    sha256         text not null,
    sha1           text not null,
    md5            text not null,
    pdq            text not null,
    dedupe_key     text not null
);
create unique index items_dedupe on items (dedupe_key);
create index items_case on items (case_id, received_at, id);

create table findings (
    id        text primary key,
    item_id   text not null references items (id),
    detector  text not null,
    list_name text not null,
    list_kind text not null,
    match     text not null,
    variant   text not null,
    frame     bigint not null,
    distance  bigint not null,
    signal_id text not null
);
create index findings_item on findings (item_id, id);

create table case_keys (
    case_id      text primary key,
    recipient    text not null,
    wrapped      bytea not null,
    created_at   bigint not null,
    destroyed_at bigint not null
);

create table evidence (
    id           text primary key,
    case_id      text not null references cases (id),
    item_id      text not null references items (id),
    role         text not null,
    media_type   text not null,
    size         bigint not null,
    sha256       text not null,
    header       bytea not null,
    blob         text not null,
    created_at   bigint not null,
    destroyed_at bigint not null
);
create index evidence_case on evidence (case_id, id);
create index evidence_item on evidence (item_id, role);

create table views (
    id          text primary key,
    case_id     text not null,
    evidence_id text not null,
    viewer      text not null,
    viewer_name text not null,
    mode        text not null,
    reason      text not null,
    at          bigint not null
);
create index views_case on views (case_id, at, id);
create index views_evidence on views (evidence_id, mode);

create table clocks (
    id         text primary key,
    case_id    text not null,
    law        text not null,
    basis      text not null,
    until_at   bigint not null,
    created_at bigint not null
);
create index clocks_case on clocks (case_id);

create table decisions (
    id            text primary key,
    case_id       text not null references cases (id),
    decided_by    text not null,
    decided_name  text not null,
    at            bigint not null,
    outcome       text not null,
    ncmec_class   text not null,
    uk_class      text not null,
    incident_type text not null,
    reason        text not null,
    note          text not null,
    viewed        text not null,
    undone_at     bigint not null
);
create index decisions_case on decisions (case_id, at, id);

create table reports (
    id              text primary key,
    case_id         text not null references cases (id),
    decision_id     text not null,
    authority       text not null,
    environment     text not null,
    state           text not null,
    incident_type   text not null,
    draft           text not null,
    approved_by     text not null,
    approved_name   text not null,
    approved_at     bigint not null,
    remote_id       text not null,
    receipt         bytea not null,
    opened_at       bigint not null,
    touched_at      bigint not null,
    filed_at        bigint not null,
    attempts        bigint not null,
    next_attempt_at bigint not null,
    last_error      text not null,
    epoch           bigint not null,
    lease_until     bigint not null,
    created_at      bigint not null,
    updated_at      bigint not null
);
create unique index reports_decision on reports (decision_id, authority);
create index reports_state on reports (state, created_at, id);
create index reports_case on reports (case_id);

create table report_files (
    report_id      text not null references reports (id),
    evidence_id    text not null,
    position       bigint not null,
    viewed         boolean not null,
    md5            text not null,
    remote_file_id text not null,
    state          text not null,
    primary key (report_id, evidence_id)
);

create table report_exchanges (
    id          text primary key,
    report_id   text not null references reports (id),
    at          bigint not null,
    operation   text not null,
    request     bytea not null,
    http_status bigint not null,
    code        bigint not null,
    request_id  text not null,
    response    bytea not null,
    error       text not null
);
create index report_exchanges_report on report_exchanges (report_id, at, id);

create table users (
    id          text primary key,
    name        text not null,
    role        text not null,
    created_at  bigint not null,
    disabled_at bigint not null
);

create table api_keys (
    id           text primary key,
    name         text not null,
    role         text not null,
    scopes       text not null,
    hash         bytea not null,
    created_by   text not null,
    created_at   bigint not null,
    last_used_at bigint not null,
    revoked_at   bigint not null
);
create unique index api_keys_hash on api_keys (hash);

create table sign_in_links (
    hash       bytea primary key,
    user_id    text not null references users (id),
    created_at bigint not null,
    expires_at bigint not null,
    used_at    bigint not null
);

create table sessions (
    hash       bytea primary key,
    user_id    text not null references users (id),
    created_at bigint not null,
    expires_at bigint not null,
    seen_at    bigint not null
);

create table passkeys (
    id         text primary key,
    user_id    text not null references users (id),
    credential text not null,
    created_at bigint not null
);
create index passkeys_user on passkeys (user_id);

create table idempotency (
    key        text primary key,
    request    bytea not null,
    status     bigint not null,
    response   bytea not null,
    created_at bigint not null
);

create table quotas (
    day  text not null,
    name text not null,
    used bigint not null,
    primary key (day, name)
);

create table webhooks (
    id         text primary key,
    url        text not null,
    secret     text not null,
    events     text not null,
    created_at bigint not null,
    deleted_at bigint not null
);

create table deliveries (
    id              text primary key,
    webhook_id      text not null references webhooks (id),
    event_id        text not null,
    event_type      text not null,
    subject         text not null,
    body            text not null,
    state           text not null,
    attempts        bigint not null,
    next_attempt_at bigint not null,
    last_status     bigint not null,
    last_error      text not null,
    created_at      bigint not null,
    delivered_at    bigint not null
);
create index deliveries_state on deliveries (state, created_at);
create index deliveries_subject on deliveries (subject, state);

create table ledger_entries (
    id         text primary key,
    at         bigint not null,
    actor      text not null,
    action     text not null,
    subject    text not null,
    detail     text not null,
    leaf_index bigint not null
);
create index ledger_entries_leaf on ledger_entries (leaf_index, id);
create index ledger_entries_subject on ledger_entries (subject, id);

create table ledger_hashes (
    id   bigint primary key,
    hash bytea not null
);

create table ledger_checkpoints (
    size bigint primary key,
    note text not null,
    at   bigint not null
);

create table ledger_head (
    id   bigint primary key,
    size bigint not null
);
insert into ledger_head (id, size) values (1, 0);

-- +goose Down
drop table ledger_head;
drop table ledger_checkpoints;
drop table ledger_hashes;
drop table ledger_entries;
drop table deliveries;
drop table webhooks;
drop table quotas;
drop table idempotency;
drop table passkeys;
drop table sessions;
drop table sign_in_links;
drop table api_keys;
drop table users;
drop table report_exchanges;
drop table report_files;
drop table reports;
drop table decisions;
drop table clocks;
drop table views;
drop table evidence;
drop table case_keys;
drop table findings;
drop table items;
drop table case_locks;
drop table cases;
drop table signals;
drop table lists;
drop table accounts;
