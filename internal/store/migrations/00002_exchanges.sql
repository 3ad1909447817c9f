-- Exchanges: where lists come from, and where votes on their entries go.

-- +goose Up
create table exchanges (
    id              text primary key,
    name            text not null,
    kind            text not null,
    list_id         text not null references lists (id),
    settings        text not null,  -- JSON
    sealed          bytea not null, -- credentials, encrypted to the vault's master key
    interval_us     bigint not null,
    enabled         boolean not null,
    feedback        boolean not null,
    checkpoint      text not null,   -- the source's own words for how far the list has come
    generation      bigint not null, -- of the complete reading under way, or the last one
    guard_live      bigint not null, -- entries when this round began
    guard_removed   bigint not null, -- of them, removed in this round
    held            bigint not null, -- removals that wait for a person; 0 for none
    allowed         bigint not null, -- removals that a person has allowed for this round
    epoch           bigint not null, -- rises whenever a worker takes the exchange
    lease_until     bigint not null,
    next_at         bigint not null,
    attempts        bigint not null, -- failures since the last success
    last_started_at bigint not null,
    last_success_at bigint not null,
    last_error      text not null,
    pages           bigint not null,
    changes         bigint not null,
    removals        bigint not null,
    malformed       bigint not null,
    unknown         bigint not null,
    outdated        bigint not null,
    created_at      bigint not null,
    updated_at      bigint not null,
    deleted_at      bigint not null
);
create unique index exchanges_live_name on exchanges (name) where deleted_at = 0;
create unique index exchanges_live_list on exchanges (list_id) where deleted_at = 0;

-- One row for each entry that an exchange ever told of. A deleted one stays as
-- a tombstone, so that an older copy of it does not come back to life.
create table exchange_entries (
    exchange_id text not null references exchanges (id),
    entry_key   text not null,
    stamp       bigint not null, -- the source's time of the last change, 0 when it gives none
    digest      text not null,   -- of what the source said
    deleted     boolean not null,
    generation  bigint not null, -- of the last complete reading that saw it
    primary key (exchange_id, entry_key)
);
create index exchange_entries_generation on exchange_entries (exchange_id, deleted, generation);

-- An entry may carry several fingerprints, and several entries the same one: a
-- signal leaves the list when the last of them does.
create table exchange_prints (
    exchange_id text not null,
    entry_key   text not null,
    hash_type   text not null,
    hash_value  text not null,
    primary key (exchange_id, entry_key, hash_type, hash_value),
    foreign key (exchange_id, entry_key) references exchange_entries (exchange_id, entry_key)
);
-- With the entry in it, or SQLite prefers to go through the whole primary key.
create index exchange_prints_value on exchange_prints (exchange_id, hash_type, hash_value, entry_key);

-- Fingerprints that are too long to be a signal's value, by digest.
create table print_bodies (
    digest text primary key,
    body   bytea not null
);

create table exchange_votes (
    id          text primary key,
    exchange_id text not null references exchanges (id),
    entry_key   text not null,
    hash_type   text not null,
    hash_value  text not null,
    affirmative boolean not null,
    case_id     text not null, -- whose decision this is
    state       text not null, -- waiting, sent, refused
    attempts    bigint not null,
    next_at     bigint not null,
    sent_at     bigint not null,
    last_error  text not null,
    created_at  bigint not null
);
create unique index exchange_votes_entry on exchange_votes (exchange_id, entry_key, hash_type, hash_value);
create index exchange_votes_state on exchange_votes (state, next_at);

-- +goose Down
drop table exchange_votes;
drop table print_bodies;
drop table exchange_prints;
drop table exchange_entries;
drop table exchanges;
