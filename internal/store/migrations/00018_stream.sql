-- The event stream: how far each partition has been applied and by whom, which
-- events were, and those that a person must look at. The events themselves are in
-- the broker.

-- +goose Up
create table stream_settings (
    id         bigint primary key, -- always 1
    stream_id  text not null,      -- what the broker's stream says it is
    partitions bigint not null,
    key_check  text not null,      -- tells another key
    placed     boolean not null,   -- the stream was made in a broker
    trimmed_to bigint not null,    -- the last sequence that Rowan let the broker forget
    lost       bigint not null,    -- events gone from the broker before they were applied, at most
    created_at bigint not null
);

create table stream_partitions (
    partition   bigint primary key,
    owner       text not null,   -- '' when nobody's
    epoch       bigint not null, -- grows with each change of owner: what an earlier owner commits is refused
    beat        bigint not null, -- grows while the owner lives
    applied_seq bigint not null,
    applied_at  bigint not null
);

create table stream_workers (
    id   text primary key,
    beat bigint not null
);

create table stream_seen (
    event_key text primary key, -- HMAC of source and id
    seq       bigint not null,
    seen_at   bigint not null
);
create index stream_seen_at on stream_seen (seen_at);
create index stream_seen_seq on stream_seen (seq);

create table event_quarantine (
    id         text primary key,
    event_key  text not null,
    source     text not null,   -- '' when it could not be opened
    partition  bigint not null,
    seq        bigint not null, -- of the last attempt
    at         bigint not null,
    reason     text not null,
    body       bytea not null,  -- sealed as in the broker; empty once decided
    state      text not null,   -- held, replaying, replayed, discarded
    tries      bigint not null,
    decided_by text not null,
    decided_at bigint not null
);
create index event_quarantine_state on event_quarantine (state, id);
create index event_quarantine_key on event_quarantine (event_key);

-- +goose Down
drop table event_quarantine;
drop table stream_seen;
drop table stream_workers;
drop table stream_partitions;
drop table stream_settings;
