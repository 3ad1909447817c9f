-- Notices of intimate images: who may ask, what was found, what was decided, and
-- by when it had to be gone. Whoever asked is only in contact, sealed.

-- +goose Up
create table takedowns (
    id              text primary key,
    state           text not null,   -- open, decided, removed, refused, moved
    law             text not null,   -- uk, us or terms
    asked_by        text not null,   -- subject or agent
    under_age       text not null,   -- no, yes or maybe
    signed          boolean not null,
    good_faith      boolean not null,
    contact         bytea not null,  -- sealed; empty when none was given or it was forgotten
    reference       text not null,   -- the platform's own number
    received_at     bigint not null, -- by the platform
    recorded_at     bigint not null, -- by Rowan
    old_reason      text not null,   -- why it was handed in late
    due_at          bigint not null,
    recorded_by     text not null,
    outcome         text not null,   -- '' until decided; take_down or refuse
    decided_at      bigint not null, -- the decision that stands
    ended_at        bigint not null, -- removed, refused or moved
    late            boolean not null, -- it had not ended by due_at; never set back
    held_at         bigint not null, -- a temporary limit was asked of the platform
    case_ids        text not null,   -- on the child-safety path, separated by spaces
    listed_at       bigint not null, -- its hashes are on the list since; 0: they are not
    searched_to     bigint not null, -- uploads until then were compared; 0: none
    full_at         bigint not null, -- everything that is kept was last compared; the counts are of then, and what came since
    compared        bigint not null, -- uploads
    exact_only      bigint not null, -- of those, without a hash for nearness
    not_searched    bigint not null, -- contents without a hash, or without an id to name them by
    kept_since      bigint not null, -- the oldest upload that was compared
    warned_at       bigint not null,
    overdue_at      bigint not null, -- when the alarm went off
    updated_at      bigint not null
);
create index takedowns_state on takedowns (state, due_at, id);
create index takedowns_due on takedowns (due_at, id);
create index takedowns_received on takedowns (received_at, id);

create table takedown_contents (
    id           text primary key,
    takedown_id  text not null references takedowns (id),
    content_id   text not null,
    url          text not null,
    relation     text not null,    -- reported, same or similar
    known        boolean not null, -- its hashes are kept
    left_up      boolean not null, -- a person looked and it is another thing
    found_at     bigint not null,
    removed_at   bigint not null,  -- as the platform says
    confirmed_at bigint not null,  -- when it said so
    confirmed_by text not null
);
create unique index takedown_contents_what on takedown_contents (takedown_id, content_id, url);

create table takedown_hashes (
    takedown_id text not null references takedowns (id),
    hash_type   text not null,
    hash_value  text not null,
    quality     bigint not null, -- of a PDQ hash; -1 when nobody said
    turned      text not null,   -- of a PDQ hash: as in recents
    on_list     boolean not null,
    primary key (takedown_id, hash_type, hash_value)
);
create index takedown_hashes_value on takedown_hashes (hash_type, hash_value);

create table takedown_decisions (
    id           text primary key,
    takedown_id  text not null references takedowns (id),
    complaint_id text not null, -- '' for the first
    outcome      text not null, -- take_down or refuse
    reason       text not null, -- of a refusal
    note         text not null,
    decided_by   text not null,
    decided_name text not null,
    at           bigint not null
);
create unique index takedown_decisions_once on takedown_decisions (takedown_id, complaint_id);
create index takedown_decisions_at on takedown_decisions (at, id);

create table takedown_complaints (
    id           text primary key,
    takedown_id  text not null references takedowns (id),
    party        text not null, -- reporter or uploader
    text         text not null,
    received_at  bigint not null,
    recorded_at  bigint not null,
    recorded_by  text not null,
    outcome      text not null, -- '' until decided; upheld or rejected
    note         text not null,
    decided_by   text not null,
    decided_name text not null,
    decided_at   bigint not null
);
create index takedown_complaints_of on takedown_complaints (takedown_id, recorded_at, id);
create unique index takedown_complaints_open on takedown_complaints (takedown_id) where outcome = '';

alter table recents add column turned text not null default ''; -- the PDQ hashes of the other seven orientations, base64; '' where only a hash was given
create index recents_content on recents (content_id);
create index items_content on items (content_id);

-- +goose Down
drop index items_content;
drop index recents_content;
alter table recents drop column turned;
drop table takedown_complaints;
drop table takedown_decisions;
drop table takedown_hashes;
drop table takedown_contents;
drop table takedowns;
