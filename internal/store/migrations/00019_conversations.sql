-- Conversations: what one account (the actor) writes to one that is or may be a
-- child (the target), as numbers; no text is here. Rows are forgotten when nothing
-- has happened in them for a time, unless a case holds them.

-- +goose Up
create table conversations (
    id              text primary key, -- of (conversation_id, actor_id, target_id)
    conversation_id text not null,
    actor_id        text not null,
    target_id       text not null,
    surface         text not null,
    jurisdiction    text not null,
    mode            text not null,    -- full or metadata: how the newest message was looked at
    relation        text not null,    -- JSON: what is known of what is between the two
    state           bytea not null,
    started_at      bigint not null,
    last_at         bigint not null,
    messages        bigint not null,  -- of both
    unscanned       bigint not null,  -- of those, not looked at
    score           double precision not null, -- as of last_at
    tier            bigint not null,
    families        text not null,    -- of signs, separated by spaces
    recent          bytea not null,   -- places in the stream of the newest messages, 8 bytes each
    case_id         text not null,
    item_id         text not null,
    capture         bigint not null,  -- messages to come that the case still wants
    kept            bigint not null,  -- messages that were sealed for cases
    forgotten       bigint not null,  -- messages that a case wanted and the stream no longer held
    tipped_at       bigint not null,
    fast_at         bigint not null,  -- when the help screen was last shown
    audited_at      bigint not null,  -- drawn for the audit of what was not flagged
    audit_weight    double precision not null, -- one over the chance of being drawn; 0: not drawn
    second_at       bigint not null   -- when a second opinion was last asked for
);
create index conversations_actor on conversations (actor_id, score);
create index conversations_target on conversations (target_id);
create index conversations_case on conversations (case_id);
create index conversations_last on conversations (last_at, id);

-- One row for each message that changed something.
create table conversation_marks (
    conversation text not null references conversations (id),
    seq          bigint not null,   -- place in the stream
    event_id     text not null,
    at           bigint not null,
    from_target  boolean not null,
    found        bigint not null,   -- set of indicators
    values_json  text not null,     -- JSON: what each added
    refuses      boolean not null,
    media        boolean not null,
    score        double precision not null, -- after it
    tier         bigint not null,
    fast         bigint not null,
    kept         boolean not null,  -- sealed for a case
    primary key (conversation, seq)
);

-- What a person was asked to look at, as it was then.
create table conversation_alerts (
    id           text primary key,
    conversation text not null references conversations (id),
    case_id      text not null,
    item_id      text not null,
    at           bigint not null,
    cause        text not null,  -- review, fast, conduct or audit
    explanation  text not null   -- JSON
);
create index conversation_alerts_case on conversation_alerts (case_id, at, id);
create index conversation_alerts_of on conversation_alerts (conversation);

-- What was done without a person: all of it can be taken back.
create table conversation_steps (
    id           text primary key,
    conversation text not null,  -- '' for a step on an account
    account_id   text not null,  -- whom it concerns
    kind         text not null,  -- tip, help_screen, channel_pause, friction
    at           bigint not null,
    until_at     bigint not null,
    detail       text not null
);
create index conversation_steps_of on conversation_steps (conversation, at);
create index conversation_steps_account on conversation_steps (account_id, at);

-- What is known of accounts that events have named.
create table actors (
    account_id    text primary key,
    age_lower     bigint not null,  -- years; 0 and 0: nothing is known
    age_upper     bigint not null,
    age_assured   boolean not null, -- by more than the person's own word
    opened_at     bigint not null,
    jurisdiction  text not null,
    conduct       bytea not null,
    score         bigint not null,  -- thousandths; -1: a child, who has none
    assessment    text not null,    -- JSON of the last one
    friction_from bigint not null,
    friction_why  text not null,    -- families, separated by spaces; or of a person
    friction_by   text not null,    -- the person, if one imposed it
    lifted_at     bigint not null,
    lifted_by     text not null,
    reviewed_at   bigint not null,  -- when conduct last asked for a person
    updated_at    bigint not null
);

-- What joins accounts. Other is an account, or an HMAC of a thing.
create table ties (
    kind       text not null,
    account_id text not null,
    other      text not null,
    at         bigint not null,
    primary key (kind, account_id, other)
);
create index ties_other on ties (kind, other);

-- Signals to other platforms. Nothing leaves that a person has not confirmed.
create table outgoing_signals (
    id           text primary key,
    case_id      text not null,
    type         text not null,
    value        text not null,   -- as it leaves: an HMAC, a hash, a URL
    hashing      text not null,
    key_id       text not null,
    harm         text not null,
    first_seen   bigint not null,
    expiry       bigint not null,
    provenance   text not null,
    confirmed_by text not null,
    confirmed_at bigint not null,
    state        text not null,
    changed_by   text not null,
    changed_why  text not null,
    changed_at   bigint not null
);
create index outgoing_signals_case on outgoing_signals (case_id);

-- +goose Down
drop table outgoing_signals;
drop table ties;
drop table actors;
drop table conversation_steps;
drop table conversation_alerts;
drop table conversation_marks;
drop table conversations;
