-- The tables of the call store. Times are seconds since the epoch. No foreign keys: a ledger outlives what it is about.

-- One row for each call that a vendor bills, or may bill. It names no person and no job.
create table if not exists proofing.call_record (
    at double precision not null,
    price numeric,
    is_uncertain boolean not null,
    is_shadow boolean not null,
    id text collate "C" primary key,
    vendor text collate "C" not null,
    kind text collate "C" not null,
    transaction_id text collate "C",
    relying_party text collate "C",
    outcome text collate "C" not null,
    permissible_purpose text,
    currency text collate "C"
);
create index if not exists call_record_at on proofing.call_record (at, id);

-- Which vendor was chosen, and why: kept for days. The person is a keyed hash.
create table if not exists proofing.routing_decision (
    at double precision not null,
    job text collate "C" not null,
    id text collate "C" not null,
    step text collate "C" not null,
    person text collate "C" not null,
    -- JSON.
    body text not null,
    primary key (job, id)
);
create index if not exists routing_decision_at on proofing.routing_decision (at, job, id);
create index if not exists routing_decision_person on proofing.routing_decision (person, at);
