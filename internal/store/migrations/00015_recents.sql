-- What a list that grows is held against: every hash of an upload that a check
-- looks up, those of the orientations and of the frames of videos among them.
-- Null for uploads from before.

-- +goose Up
alter table recents add column prints bytea;
alter table recents add column size bigint not null default 0; -- bytes of prints

-- +goose Down
alter table recents drop column size;
alter table recents drop column prints;
