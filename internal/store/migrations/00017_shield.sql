-- Exchanges that give no list out are asked about uploads, and say of each round
-- how many they were asked about and how many they could not be.

-- +goose Up
alter table exchanges add column asked bigint not null default 0;
alter table exchanges add column skipped bigint not null default 0;

-- +goose Down
alter table exchanges drop column skipped;
alter table exchanges drop column asked;
