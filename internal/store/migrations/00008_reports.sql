-- Reports to more than one authority: how urgent, what they follow, by when they
-- are due, who carries them, and what people did for them by hand.

-- +goose Up
alter table reports add column priority text not null default '';
alter table reports add column supplements text not null default ''; -- the filed report that this one adds to
alter table reports add column sequence bigint not null default 0; -- of the reports of one decision to one authority
alter table reports add column carried boolean not null default false; -- a person takes it to the authority
alter table reports add column due_at bigint not null default 0;
alter table reports add column alarmed_at bigint not null default 0; -- somebody was told that it is late
drop index reports_decision;
create unique index reports_decision on reports (decision_id, authority, sequence);

-- Which items a report speaks of: one item goes to NCMEC or to the NCA, never both.
create table report_items (
    report_id text not null references reports (id),
    item_id   text not null references items (id),
    primary key (report_id, item_id)
);
create index report_items_item on report_items (item_id);
insert into report_items (report_id, item_id) select r.id, i.id from reports r join items i on i.case_id = r.case_id;

create table report_steps (
    id         text primary key,
    report_id  text not null references reports (id),
    at         bigint not null,
    actor      text not null,
    actor_name text not null,
    step       text not null,
    detail     text not null
);
create index report_steps_report on report_steps (report_id, at, id);

-- The schema that an authority publishes, as last seen.
create table schemas (
    authority text primary key,
    digest    text not null,
    seen_at   bigint not null,
    changed_at bigint not null
);

-- +goose Down
drop table schemas;
drop table report_steps;
drop table report_items;
drop index reports_decision;
create unique index reports_decision on reports (decision_id, authority);
alter table reports drop column alarmed_at;
alter table reports drop column due_at;
alter table reports drop column carried;
alter table reports drop column sequence;
alter table reports drop column supplements;
alter table reports drop column priority;
