-- The statements of the verification store. Each begins with its name and says what it is for.
-- :now is the wall clock of this machine in seconds.

-- name: schema
-- Records and ends are JSON; what statements look for is in columns of its own.
create table if not exists verification (
    id text primary key,
    relying_party text not null,
    mode text not null,
    policy text not null,
    person text not null,
    state text not null,
    is_ended integer not null,
    sequence integer not null,
    created_at real not null,
    due_at real,
    link_digest text,
    body text not null
);
create unique index if not exists verification_open
    on verification (person, policy, relying_party, mode) where is_ended = 0;
create index if not exists verification_list on verification (relying_party, mode, created_at, id);
create index if not exists verification_person on verification (person, created_at, id);
create index if not exists verification_due on verification (due_at) where due_at is not null;
create unique index if not exists verification_link
    on verification (link_digest) where link_digest is not null;
create table if not exists sealed_value (
    verification_id text not null,
    name text not null,
    body blob not null,
    primary key (verification_id, name)
);
create table if not exists job_end (
    number integer primary key autoincrement,
    result_id text not null unique,
    verification_id text not null,
    body text not null
);
create index if not exists job_end_verification on job_end (verification_id, number);
create table if not exists begun_job (
    result_id text primary key,
    verification_id text not null,
    give_up_at real not null,
    body text not null
) without rowid;
create index if not exists begun_job_verification on begun_job (verification_id);
create index if not exists begun_job_overdue on begun_job (give_up_at);
create table if not exists answer (
    scope text not null,
    key text not null,
    fingerprint text not null,
    status integer not null,
    answer blob not null,
    created_at real not null,
    primary key (scope, key)
);
create index if not exists answer_age on answer (created_at);
-- The last cursor of each relying party and mode; it outlives the events.
create table if not exists event_cursor (
    relying_party text not null,
    mode text not null,
    last integer not null,
    primary key (relying_party, mode)
) without rowid;
create table if not exists event (
    id text primary key,
    relying_party text not null,
    mode text not null,
    verification_id text not null,
    type text not null,
    created_at real not null,
    cursor integer not null,
    body blob not null,
    unique (relying_party, mode, cursor)
);
create index if not exists event_verification on event (verification_id);
create index if not exists event_age on event (created_at);
-- next_at of a claimed delivery is the end of its lease.
create table if not exists delivery (
    event_id text not null,
    endpoint text not null,
    relying_party text not null,
    mode text not null,
    state text not null,
    attempts integer not null default 0,
    next_at real not null,
    first_at real,
    status integer,
    failure text,
    lease text,
    copies integer not null default 1,
    primary key (event_id, endpoint)
);
create index if not exists delivery_due
    on delivery (relying_party, mode, endpoint, next_at) where state = 'due';
create table if not exists endpoint (
    relying_party text not null,
    mode text not null,
    endpoint text not null,
    failures integer not null,
    failing_since real,
    paused_until real,
    disabled_reason text,
    primary key (relying_party, mode, endpoint)
) without rowid;
create table if not exists credential (
    id text primary key,
    relying_party text not null,
    mode text not null,
    kind text not null,
    prefix text not null,
    digest blob not null,
    sealed blob not null,
    public text not null,
    scopes text not null,
    created_at real not null,
    usable_at real not null,
    retire_at real,
    last_used_at real
);

-- name: insert_verification
-- Keep a new verification unless the person has an open one of this policy. Returns a row when kept.
insert into verification (
    id, relying_party, mode, policy, person, state, is_ended, sequence, created_at, due_at, link_digest, body
)
values (
    :id, :relying_party, :mode, :policy, :person, :state, :is_ended, :sequence, :created_at, :due_at,
    :link_digest, :body
)
on conflict (person, policy, relying_party, mode) where is_ended = 0 do nothing
returning 1;

-- name: open_verification
-- The open verification of one person and policy.
select body from verification
where person = :person and policy = :policy and relying_party = :relying_party and mode = :mode
    and is_ended = 0;

-- name: update_verification
-- Keep the next record where the one before it is stored. Returns a row when kept.
update verification
set state = :state, is_ended = :is_ended, sequence = :sequence, due_at = :due_at,
    link_digest = :link_digest, body = :body
where id = :id and sequence = :sequence - 1
returning 1;

-- name: load
-- The record of one verification.
select body from verification where id = :id;

-- name: find_link
-- The record whose current link has a digest.
select body from verification where link_digest = :digest;

-- name: sealed_values
-- The sealed values of one verification.
select name, body from sealed_value where verification_id = :id;

-- name: save_sealed
-- Keep a sealed value in place of the one before.
insert into sealed_value (verification_id, name, body) values (:id, :name, :body)
on conflict (verification_id, name) do update set body = excluded.body;

-- name: delete_sealed
-- Delete a sealed value.
delete from sealed_value where verification_id = :id and name = :name;

-- name: overdue_verifications
-- Records to which time does something, oldest first.
select body from verification where due_at < :before order by due_at, id limit :limit;

-- name: page
-- Records of one relying party and mode, newest first.
select body from verification
where relying_party = :relying_party and mode = :mode
    and (created_at, id) < (:before_at, :before_id)
order by created_at desc, id desc limit :limit;

-- name: page_of_state
-- The same in one state.
select body from verification
where relying_party = :relying_party and mode = :mode and state = :state
    and (created_at, id) < (:before_at, :before_id)
order by created_at desc, id desc limit :limit;

-- name: page_of_person
-- The same of one person, in any state or one.
select body from verification
where person = :person and relying_party = :relying_party and mode = :mode
    and (created_at, id) < (:before_at, :before_id)
    and (:state is null or state = :state)
order by created_at desc, id desc limit :limit;

-- name: of_person
-- All records of one person, oldest first.
select body from verification where person = :person order by created_at, id;

-- name: delete_verification
-- Delete a verification. Returns a row when there was one.
delete from verification where id = :id returning 1;

-- name: delete_with_verification
-- Delete what belongs to a verification. The deliveries go before their events.
delete from sealed_value where verification_id = :id;
delete from job_end where verification_id = :id;
delete from begun_job where verification_id = :id;
delete from delivery where event_id in (select id from event where verification_id = :id);
delete from event where verification_id = :id;

-- name: insert_end
-- Keep the end of a job.
insert into job_end (result_id, verification_id, body) values (:result_id, :verification_id, :body);

-- name: end_of
-- The end of a job.
select body from job_end where result_id = :result_id;

-- name: ends
-- The ends of the jobs of a verification, in the order of their recording.
select body from job_end where verification_id = :id order by number;

-- name: insert_begun
-- Keep a job that is about to be enqueued, unless it is kept or has ended.
insert into begun_job (result_id, verification_id, give_up_at, body)
select :result_id, :verification_id, :give_up_at, :body
where not exists (select 1 from job_end where result_id = :result_id)
on conflict (result_id) do nothing;

-- name: delete_begun
-- Delete a begun job, because it has ended.
delete from begun_job where result_id = :result_id;

-- name: begun_jobs
-- The jobs of a verification that have no end.
select body from begun_job where verification_id = :id order by give_up_at, result_id;

-- name: overdue_jobs
-- Jobs without an end whose time is over, oldest first.
select body from begun_job where give_up_at < :before order by give_up_at, result_id limit :limit;

-- name: insert_answer
-- Keep an idempotent answer unless one is kept. Returns a row when kept.
insert into answer (scope, key, fingerprint, status, answer, created_at)
values (:scope, :key, :fingerprint, :status, :answer, :created_at)
on conflict (scope, key) do nothing
returning 1;

-- name: answer
-- The answer that is kept under a key.
select scope, key, fingerprint, status, answer, created_at from answer where scope = :scope and key = :key;

-- name: purge_answers
-- Delete some old answers.
delete from answer where (scope, key) in (
    select scope, key from answer where created_at < :before order by created_at limit :limit
);

-- name: next_cursor
-- Give the next cursor of a relying party and mode.
insert into event_cursor (relying_party, mode, last) values (:relying_party, :mode, 1)
on conflict (relying_party, mode) do update set last = event_cursor.last + 1
returning last;

-- name: insert_event
-- Keep an event.
insert into event (id, relying_party, mode, verification_id, type, created_at, cursor, body)
values (:id, :relying_party, :mode, :verification_id, :type, :created_at, :cursor, :body);

-- name: insert_delivery
-- Keep a delivery of an event.
insert into delivery (event_id, endpoint, relying_party, mode, state, next_at, copies)
values (:event_id, :endpoint, :relying_party, :mode, 'due', :due_at, :copies);

-- name: events
-- Events of one relying party and mode after a cursor, of all types or of a JSON list of types.
select id, relying_party, mode, verification_id, type, created_at, cursor, body from event
where relying_party = :relying_party and mode = :mode and cursor > :after
    and (:types is null or type in (select value from json_each(:types)))
order by cursor limit :limit;

-- name: old_events
-- Ids of old events whose deliveries have ended.
select id from event
where created_at < :before
    and not exists (select 1 from delivery where event_id = event.id and state = 'due');

-- name: delete_event
-- Delete an event with its deliveries.
delete from delivery where event_id = :id;
delete from event where id = :id;

-- name: claim
-- Claim due deliveries: as many of each endpoint as it has room for, in turns, the longest due first.
update delivery
set lease = lower(hex(randomblob(16))), next_at = :lease_end, attempts = attempts + 1,
    first_at = coalesce(first_at, :now)
where (event_id, endpoint) in (
    select event_id, endpoint from (
        select delivery.event_id, delivery.endpoint, delivery.next_at,
            row_number() over turn as turn,
            (
                select count(*) from delivery as held
                where held.state = 'due' and held.relying_party = delivery.relying_party
                    and held.mode = delivery.mode and held.endpoint = delivery.endpoint
                    and held.next_at > :now and held.lease is not null
            ) as held
        from delivery
        left join endpoint using (relying_party, mode, endpoint)
        where delivery.state = 'due' and delivery.next_at <= :now
            and endpoint.disabled_reason is null
            and (endpoint.paused_until is null or endpoint.paused_until <= :now)
        window turn as (
            partition by delivery.relying_party, delivery.mode, delivery.endpoint
            order by delivery.next_at, delivery.event_id
        )
    )
    where turn <= :per_endpoint - held
    order by turn, next_at limit :limit
)
returning event_id, endpoint, lease;

-- name: delivery
-- One delivery with its event.
select delivery.endpoint, delivery.state, delivery.attempts, delivery.next_at, delivery.first_at,
    delivery.status, delivery.failure,
    event.id, event.relying_party, event.mode, event.verification_id, event.type, event.created_at,
    event.cursor, event.body
from delivery join event on event.id = delivery.event_id
where delivery.event_id = :event_id and delivery.endpoint = :endpoint;

-- name: finish_delivery
-- Keep what came of a claimed delivery; of the last but one copy, it is due again. Returns a row when the
-- lease has not ended.
update delivery
set state = iif(:state = 'delivered' and copies > 1, 'due', :state), next_at = :next_at, status = :status,
    failure = :failure, lease = null, copies = iif(:state = 'delivered', max(1, copies - 1), copies)
where event_id = :event_id and endpoint = :endpoint and lease = :lease and next_at > :now and state = 'due'
returning 1;

-- name: next_delivery_at
-- When the next delivery may be claimed.
select min(max(delivery.next_at, coalesce(endpoint.paused_until, 0.0)))
from delivery left join endpoint using (relying_party, mode, endpoint)
where delivery.state = 'due' and endpoint.disabled_reason is null;

-- name: deliveries
-- Deliveries with their events, newest first.
select delivery.endpoint, delivery.state, delivery.attempts, delivery.next_at, delivery.first_at,
    delivery.status, delivery.failure,
    event.id, event.relying_party, event.mode, event.verification_id, event.type, event.created_at,
    event.cursor, event.body
from delivery join event on event.id = delivery.event_id
where (:relying_party is null or delivery.relying_party = :relying_party)
    and (:state is null or delivery.state = :state)
    and (:event_id is null or delivery.event_id = :event_id)
order by event.created_at desc, event.cursor desc, delivery.endpoint limit :limit;

-- name: replay_deliveries
-- Make ended deliveries due now.
update delivery
set state = 'due', next_at = :now, attempts = 0, first_at = null, lease = null
where relying_party = :relying_party and state <> 'due'
    and (:state is null or state = :state)
    and (:endpoint is null or endpoint = :endpoint)
    and (:event_id is null or event_id = :event_id)
    and exists (select 1 from event where event.id = delivery.event_id and event.created_at >= :since);

-- name: endpoint_states
-- What is remembered of endpoints.
select relying_party, mode, endpoint, failures, failing_since, paused_until, disabled_reason from endpoint
where :relying_party is null or relying_party = :relying_party
order by relying_party, mode, endpoint;

-- name: set_endpoint
-- Replace what is remembered of an endpoint.
insert into endpoint (
    relying_party, mode, endpoint, failures, failing_since, paused_until, disabled_reason
)
values (:relying_party, :mode, :endpoint, :failures, :failing_since, :paused_until, :disabled_reason)
on conflict (relying_party, mode, endpoint) do update
    set failures = excluded.failures, failing_since = excluded.failing_since,
        paused_until = excluded.paused_until, disabled_reason = excluded.disabled_reason;

-- name: insert_credential
-- Keep a new credential.
insert into credential (
    id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at, retire_at,
    last_used_at
)
values (
    :id, :relying_party, :mode, :kind, :prefix, :digest, :sealed, :public, :scopes, :created_at, :usable_at,
    :retire_at, :last_used_at
);

-- name: credential
-- One credential.
select id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at,
    retire_at, last_used_at
from credential where id = :id;

-- name: credentials
-- Credentials, oldest first.
select id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at,
    retire_at, last_used_at
from credential
where (:relying_party is null or relying_party = :relying_party)
    and (:kind is null or kind = :kind)
order by created_at, id;

-- name: retire_credential
-- Have a credential be refused from a time on.
update credential set retire_at = :at where id = :id;

-- name: note_use
-- Remember the latest use of a credential.
update credential set last_used_at = :at where id = :id and coalesce(last_used_at, 0.0) < :at;

-- name: delete_credential
-- Delete a credential.
delete from credential where id = :id;
