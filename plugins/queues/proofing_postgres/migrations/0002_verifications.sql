-- The tables of the verification store. Records and ends are JSON; what statements look for is in columns of
-- its own. Times are seconds since the epoch. No foreign keys: every end of a job would pay for them.

create table if not exists proofing.verification (
    created_at double precision not null,
    -- When time does something to it next; null for never.
    due_at double precision,
    sequence integer not null,
    is_ended boolean not null,
    id text collate "C" primary key,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    policy text collate "C" not null,
    person text collate "C" not null,
    state text collate "C" not null,
    link_digest text collate "C",
    body text not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create unique index if not exists verification_open
    on proofing.verification (person, policy, relying_party, mode) where not is_ended;
create index if not exists verification_list on proofing.verification (relying_party, mode, created_at, id);
create index if not exists verification_state
    on proofing.verification (relying_party, mode, state, created_at, id);
create index if not exists verification_person on proofing.verification (person, created_at, id);
create index if not exists verification_due on proofing.verification (due_at, id) where due_at is not null;
create unique index if not exists verification_link
    on proofing.verification (link_digest) where link_digest is not null;

-- Ciphertext, apart from the record, so that roles may see one without the other.
create table if not exists proofing.sealed_value (
    verification_id text collate "C" not null,
    name text collate "C" not null,
    body bytea not null,
    primary key (verification_id, name)
);

create table if not exists proofing.job_end (
    number bigint generated always as identity,
    result_id text collate "C" primary key,
    verification_id text collate "C" not null,
    body text not null
);
create index if not exists job_end_verification on proofing.job_end (verification_id, number);

-- Jobs that were submitted and have no end.
create table if not exists proofing.begun_job (
    give_up_at double precision not null,
    result_id text collate "C" primary key,
    verification_id text collate "C" not null,
    body text not null
);
create index if not exists begun_job_verification on proofing.begun_job (verification_id, give_up_at);
create index if not exists begun_job_overdue on proofing.begun_job (give_up_at, result_id);

create table if not exists proofing.idempotent_answer (
    created_at double precision not null,
    status integer not null,
    scope text collate "C" not null,
    key text collate "C" not null,
    fingerprint text collate "C" not null,
    answer bytea not null,
    primary key (scope, key)
);
create index if not exists idempotent_answer_age on proofing.idempotent_answer (created_at);

-- The last cursor of each relying party and mode. Its row is locked from the event to the commit, so that
-- cursors become visible in their order; it outlives the events.
create table if not exists proofing.event_cursor (
    last bigint not null,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    primary key (relying_party, mode)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

create table if not exists proofing.event (
    created_at double precision not null,
    cursor bigint not null,
    id text collate "C" primary key,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    verification_id text collate "C" not null,
    type text collate "C" not null,
    body bytea not null,
    unique (relying_party, mode, cursor)
);
create index if not exists event_verification on proofing.event (verification_id);
create index if not exists event_age on proofing.event (created_at);

create table if not exists proofing.delivery (
    -- Of the event.
    created_at double precision not null,
    cursor bigint not null,
    -- Of a claimed delivery, the end of its lease.
    next_at double precision not null,
    first_at double precision,
    attempts integer not null default 0,
    status integer,
    -- How often the endpoint still has to take it.
    copies integer not null default 1,
    event_id text collate "C" not null,
    endpoint text collate "C" not null,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    -- due, delivered or dead.
    state text collate "C" not null,
    failure text collate "C",
    lease text collate "C",
    primary key (event_id, endpoint)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index if not exists delivery_due
    on proofing.delivery (relying_party, mode, endpoint, next_at, event_id) where state = 'due';
create index if not exists delivery_held
    on proofing.delivery (relying_party, mode, endpoint, next_at) where lease is not null;
create index if not exists delivery_list on proofing.delivery (created_at, cursor);
create index if not exists delivery_party on proofing.delivery (relying_party, created_at, cursor);
create index if not exists delivery_state on proofing.delivery (state, created_at, cursor);

create table if not exists proofing.endpoint (
    failing_since double precision,
    paused_until double precision,
    failures integer not null,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    endpoint text collate "C" not null,
    disabled_reason text collate "C",
    primary key (relying_party, mode, endpoint)
);

-- Keys of relying parties and of the provider: digests, or ciphertext.
create table if not exists proofing.credential (
    created_at double precision not null,
    usable_at double precision not null,
    retire_at double precision,
    last_used_at double precision,
    id text collate "C" primary key,
    relying_party text collate "C" not null,
    mode text collate "C" not null,
    kind text collate "C" not null,
    prefix text collate "C" not null,
    public text not null,
    -- A JSON list.
    scopes text not null,
    digest bytea not null,
    sealed bytea not null
);
create index if not exists credential_party on proofing.credential (relying_party, kind, created_at);
