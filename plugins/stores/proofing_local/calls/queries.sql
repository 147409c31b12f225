-- The statements of the call store. Each begins with its name and says what it is for.

-- name: schema
-- Prices are text: SQLite has no exact fractions. Decisions are JSON, with what statements look for in columns.
create table if not exists call_record (
    id text primary key,
    at real not null,
    vendor text not null,
    kind text not null,
    transaction_id text,
    relying_party text,
    outcome text not null,
    is_uncertain integer not null,
    is_shadow integer not null,
    permissible_purpose text,
    price text,
    currency text
) without rowid;
create index if not exists call_record_at on call_record (at, id);
create table if not exists routing_decision (
    job text not null,
    id text not null,
    step text not null,
    at real not null,
    person text not null,
    body text not null,
    primary key (job, id)
) without rowid;
create index if not exists routing_decision_at on routing_decision (at, job, id);
create index if not exists routing_decision_person on routing_decision (person, at);

-- name: insert_call
-- Keep a call record unless it is known.
insert or ignore into call_record (
    id, at, vendor, kind, transaction_id, relying_party, outcome, is_uncertain, is_shadow, permissible_purpose,
    price, currency
)
values (
    :id, :at, :vendor, :kind, :transaction_id, :relying_party, :outcome, :is_uncertain, :is_shadow,
    :permissible_purpose, :price, :currency
);

-- name: insert_decision
-- Keep a decision unless it is known.
insert or ignore into routing_decision (job, id, step, at, person, body)
values (:job, :id, :step, :at, :person, :body);

-- name: calls
-- A page of call records, the oldest first.
select
    id, at, vendor, kind, transaction_id, relying_party, outcome, is_uncertain, is_shadow, permissible_purpose,
    price, currency
from call_record
where at >= :begin and at < :end and (at, id) > (:after_at, :after_id)
order by at, id limit :limit;

-- name: costs
-- The number of equal calls of a day, or of a part of one.
select
    case :by when 'vendor' then vendor when 'relying_party' then relying_party when 'kind' then kind else '' end,
    currency, price, is_uncertain, count(*)
from call_record
where at >= :begin and at < :end
group by 1, 2, 3, 4;

-- name: latest_decisions
-- A page of decisions, the newest first.
select id, job, step, body from routing_decision
where (at, job, id) < (:before_at, :before_job, :before_id)
order by at desc, job desc, id desc limit :limit;

-- name: decisions_of_jobs
-- The decisions of some jobs, given as a JSON list, the newest first.
select id, job, step, body from routing_decision
where job in (select value from json_each(:jobs)) order by at desc, job desc, id desc;

-- name: decisions_of
-- The decisions about a person, the newest first.
select id, job, step, body from routing_decision
where person = :person and at <= :until order by at desc, job desc, id desc limit :limit;

-- name: forget
-- Delete the decisions about a person.
delete from routing_decision where person = :person;

-- name: forget_jobs
-- Delete the decisions of some jobs, given as a JSON list.
delete from routing_decision where job in (select value from json_each(:jobs));

-- name: sweep_decisions
-- Delete some old decisions.
delete from routing_decision where (job, id) in (
    select job, id from routing_decision where at < :before order by at limit :limit
);

-- name: sweep_calls
-- Delete some old call records.
delete from call_record where id in (
    select id from call_record where at < :before order by at limit :limit
);
