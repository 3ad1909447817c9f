-- One picture is reviewed once. A picture is what the copies of one file, and the
-- files that hash nearly like it, have in common; it is the first of them. A band
-- is a sixteenth of its PDQ hash: the number of the sixteenth times 65536 and its
-- value. Two hashes that differ in fewer than 16 bits have a band in common.

-- +goose Up
create table pictures (
    id      text primary key,
    pdq     text not null, -- hex; empty where only the same bytes are the same picture
    seen_at bigint not null
);
create table picture_bands (
    band       bigint not null,
    picture_id text not null references pictures (id),
    primary key (band, picture_id)
);
alter table items add column picture_id text not null default '';
create index items_picture on items (picture_id);
alter table decisions add column rests_on text not null default ''; -- the decision on another case that was taken over

-- +goose Down
alter table decisions drop column rests_on;
drop index items_picture;
alter table items drop column picture_id;
drop table picture_bands;
drop table pictures;
