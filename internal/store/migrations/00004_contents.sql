-- A content is what one or several signals of a list were made from, under the
-- number by which HMA's clients know it. Only what somebody has said about one
-- has a row in contents.

-- +goose Up
alter table signals add column content_number bigint not null default 0;
create index signals_content on signals (content_number);

-- What tells two histories of a list apart that have the same version, such as
-- before and after a backup was put back: a random stamp for each version.
create table list_versions (
    list_id text not null references lists (id),
    version bigint not null,
    stamp   text not null,
    primary key (list_id, version)
);

-- An index follows a list of millions in pages.
drop index signals_added;
create index signals_added on signals (list_id, added_version, id);

create table contents (
    number     bigint primary key,
    list_id    text not null references lists (id),
    note       text not null,
    metadata   text not null, -- JSON object: content_id, content_uri, json; or ''
    off_until  bigint not null,
    updated_at bigint not null
);
create index contents_off on contents (off_until);

-- +goose Down
drop table list_versions;
drop table contents;
drop index signals_added;
create index signals_added on signals (list_id, added_version);
drop index signals_content;
alter table signals drop column content_number;
