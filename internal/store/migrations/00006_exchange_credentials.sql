-- Credentials that several exchanges of a kind share.

-- +goose Up
create table exchange_credentials (
    kind       text primary key,
    sealed     bytea not null, -- encrypted to the vault's master key
    updated_at bigint not null
);

-- +goose Down
drop table exchange_credentials;
