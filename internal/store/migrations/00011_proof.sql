-- What witnesses have said of the ledger's checkpoints.

-- +goose Up
create table ledger_witnesses (
    witness text primary key, -- its vkey
    size    bigint not null,  -- of the last checkpoint that it is known to have cosigned
    at      bigint not null,  -- when it last cosigned
    failures bigint not null, -- since then
    last_error text not null,
    next_at bigint not null   -- not asked before
);

create table ledger_cosignatures (
    size    bigint not null,
    witness text not null,
    line    text not null, -- the signature line of the note
    at      bigint not null,
    primary key (size, witness)
);

-- +goose Down
drop table ledger_cosignatures;
drop table ledger_witnesses;
