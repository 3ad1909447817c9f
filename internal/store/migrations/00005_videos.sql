-- Where in a video a match is: milliseconds from its beginning, both 0 for a picture.

-- +goose Up
alter table findings add column from_ms bigint not null default 0;
alter table findings add column to_ms bigint not null default 0;

-- +goose Down
alter table findings drop column to_ms;
alter table findings drop column from_ms;
