-- What people who answer for a list need: staged roll-out, a pause that ends by
-- itself, what each signal has done, and the hashes of recent uploads for lists
-- that grow later.

-- +goose Up
alter table lists add column ratio bigint not null default 10000; -- of 10000 contents, for how many the list counts
alter table lists add column off_until bigint not null default 0; -- paused until then
alter table lists add column retro_version bigint not null default 0; -- recent uploads were held against it up to here

create table signal_scores (
    signal_id      text primary key,
    seen           bigint not null, -- contents that met it and left a record
    confirmed      bigint not null, -- by people
    refuted        bigint not null,
    first_seen_at  bigint not null,
    last_seen_at   bigint not null,
    hour           bigint not null, -- the hour that hour_seen counts
    hour_seen      bigint not null,
    quarantined_at bigint not null, -- it flooded: no automatic block on its account
    released_at    bigint not null  -- by a person, who knows that it is right
);
create index signal_scores_quarantined on signal_scores (quarantined_at);

-- Hashes of what was uploaded lately, never content.
create table recents (
    id           text primary key,
    content_id   text not null,
    account_id   text not null,
    surface      text not null,
    jurisdiction text not null,
    sha256       text not null,
    sha1         text not null,
    md5          text not null,
    pdq          text not null,
    quality      bigint not null,
    seen_at      bigint not null
);
create index recents_seen on recents (seen_at);

create index findings_signal on findings (signal_id);
create index items_sha256 on items (sha256);

-- +goose Down
drop index items_sha256;
drop index findings_signal;
drop table recents;
drop table signal_scores;
alter table lists drop column retro_version;
alter table lists drop column off_until;
alter table lists drop column ratio;
