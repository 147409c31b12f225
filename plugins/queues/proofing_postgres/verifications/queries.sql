-- The statements of the verification store. Each begins with its name and says what it is for.
-- %(now)s is the server's clock in seconds, as the process knows it.

-- name: ready
-- Whether the tables are there.
select to_regclass('proofing.credential') is not null;

-- name: ping
-- Read a table that every change writes.
select 1 from proofing.event_cursor limit 1;

-- name: insert_verification
-- Keep a new verification unless the person has an open one of this policy. Returns a row when kept.
insert into proofing.verification (
    id, relying_party, mode, policy, person, state, is_ended, sequence, created_at, due_at, link_digest, body
)
values (
    %(id)s, %(relying_party)s, %(mode)s, %(policy)s, %(person)s, %(state)s, %(is_ended)s, %(sequence)s,
    %(created_at)s, %(due_at)s, %(link_digest)s, %(body)s
)
on conflict (person, policy, relying_party, mode) where not is_ended do nothing
returning 1;

-- name: open_verification
-- The open verification of one person and policy.
select body from proofing.verification
where person = %(person)s and policy = %(policy)s and relying_party = %(relying_party)s and mode = %(mode)s
    and not is_ended;

-- name: update_verification
-- Keep the next record where the one before it is stored. Returns a row when kept.
update proofing.verification
set state = %(state)s, is_ended = %(is_ended)s, sequence = %(sequence)s, due_at = %(due_at)s,
    link_digest = %(link_digest)s, body = %(body)s
where id = %(id)s and sequence = %(sequence)s - 1
returning 1;

-- name: load
-- One verification with its sealed values, which are of the same moment: one row for each, or one without.
select verification.body, sealed_value.name, sealed_value.body
from proofing.verification
left join proofing.sealed_value on sealed_value.verification_id = verification.id
where verification.id = %(id)s;

-- name: find_link
-- The same by the digest of its current link.
select verification.body, sealed_value.name, sealed_value.body
from proofing.verification
left join proofing.sealed_value on sealed_value.verification_id = verification.id
where verification.link_digest = %(digest)s;

-- name: save_sealed
-- Keep sealed values in place of those before.
insert into proofing.sealed_value (verification_id, name, body)
select %(id)s, name, body from unnest(%(names)s::text[], %(bodies)s::bytea[]) as given (name, body)
on conflict (verification_id, name) do update set body = excluded.body;

-- name: delete_sealed
-- Delete sealed values.
delete from proofing.sealed_value where verification_id = %(id)s and name = any(%(names)s::text[]);

-- name: durability
-- What the server promises about a commit that was answered, for this login.
select current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync');

-- name: overdue_verifications
-- Records to which time does something, oldest first.
select body from proofing.verification where due_at < %(before)s order by due_at, id limit %(limit)s;

-- name: page
-- Records of one relying party and mode, newest first.
select body from proofing.verification
where relying_party = %(relying_party)s and mode = %(mode)s
    and (created_at, id) < (%(before_at)s, %(before_id)s)
order by created_at desc, id desc limit %(limit)s;

-- name: page_of_state
-- The same in one state.
select body from proofing.verification
where relying_party = %(relying_party)s and mode = %(mode)s and state = %(state)s
    and (created_at, id) < (%(before_at)s, %(before_id)s)
order by created_at desc, id desc limit %(limit)s;

-- name: page_of_person
-- The same of one person, in any state or one.
select body from proofing.verification
where person = %(person)s and relying_party = %(relying_party)s and mode = %(mode)s
    and (created_at, id) < (%(before_at)s, %(before_id)s)
    and (%(state)s::text is null or state = %(state)s)
order by created_at desc, id desc limit %(limit)s;

-- name: of_person
-- All records of one person, oldest first.
select body from proofing.verification where person = %(person)s order by created_at, id;

-- name: delete_verification
-- Delete a verification with all that belongs to it. Returns a row when there was one.
with events as (
    delete from proofing.event where verification_id = %(id)s returning id
), deliveries as (
    delete from proofing.delivery where event_id in (select id from events)
), sealed_values as (
    delete from proofing.sealed_value where verification_id = %(id)s
), ends as (
    delete from proofing.job_end where verification_id = %(id)s
), begun as (
    delete from proofing.begun_job where verification_id = %(id)s
)
delete from proofing.verification where id = %(id)s returning 1;

-- name: insert_end
-- Keep the end of a job unless it has one. Returns a row when kept.
with gone as (
    delete from proofing.begun_job where result_id = %(result_id)s
)
insert into proofing.job_end (result_id, verification_id, body)
values (%(result_id)s, %(verification_id)s, %(body)s)
on conflict (result_id) do nothing
returning 1;

-- name: end_of
-- The end of a job.
select body from proofing.job_end where result_id = %(result_id)s;

-- name: ends
-- The ends of the jobs of a verification, in the order of their recording.
select body from proofing.job_end where verification_id = %(id)s order by number;

-- name: insert_begun
-- Keep a job that is about to be enqueued, unless it is kept or has ended.
insert into proofing.begun_job (result_id, verification_id, give_up_at, body)
select %(result_id)s, %(verification_id)s, %(give_up_at)s, %(body)s
where not exists (select from proofing.job_end where result_id = %(result_id)s)
on conflict (result_id) do nothing;

-- name: begun_jobs
-- The jobs of a verification that have no end.
select body from proofing.begun_job where verification_id = %(id)s order by give_up_at, result_id;

-- name: overdue_jobs
-- Jobs without an end whose time is over, oldest first.
select body from proofing.begun_job where give_up_at < %(before)s
order by give_up_at, result_id limit %(limit)s;

-- name: insert_answer
-- Keep an idempotent answer unless one is kept; waits for a twin. Returns a row when kept.
insert into proofing.idempotent_answer (scope, key, fingerprint, status, answer, created_at)
values (%(scope)s, %(key)s, %(fingerprint)s, %(status)s, %(answer)s, %(created_at)s)
on conflict (scope, key) do nothing
returning 1;

-- name: answer
-- The answer that is kept under a key.
select scope, key, fingerprint, status, answer, created_at from proofing.idempotent_answer
where scope = %(scope)s and key = %(key)s;

-- name: purge_answers
-- Delete some old answers.
delete from proofing.idempotent_answer
where (scope, key) in (
    select scope, key from proofing.idempotent_answer where created_at < %(before)s
    order by created_at limit %(limit)s
);

-- name: insert_events
-- Keep events, with their cursors, and a delivery for each endpoint. The row of the cursor stays locked until
-- the commit, so this is the last statement before it.
with counted as (
    insert into proofing.event_cursor (relying_party, mode, last)
    values (%(relying_party)s, %(mode)s, cardinality(%(ids)s::text[]))
    on conflict (relying_party, mode) do update
        set last = event_cursor.last + cardinality(%(ids)s::text[])
    returning last - cardinality(%(ids)s::text[]) as before
), kept as (
    insert into proofing.event (
        id, relying_party, mode, verification_id, type, created_at, cursor, body
    )
    select given.id, %(relying_party)s, %(mode)s, %(verification_id)s, given.type, given.created_at,
        counted.before + given.number, given.body
    from counted, unnest(
        %(ids)s::text[], %(types)s::text[], %(created)s::double precision[], %(bodies)s::bytea[]
    ) with ordinality as given (id, type, created_at, body, number)
    returning id, created_at, cursor
)
insert into proofing.delivery (
    event_id, endpoint, relying_party, mode, state, next_at, copies, created_at, cursor
)
select kept.id, given.endpoint, %(relying_party)s, %(mode)s, 'due', given.due_at, given.copies,
    kept.created_at, kept.cursor
from kept join unnest(
    %(event_ids)s::text[], %(endpoints)s::text[], %(due)s::double precision[], %(copies)s::integer[]
) as given (id, endpoint, due_at, copies) using (id);

-- name: events
-- Events of one relying party and mode after a cursor, of all types or some.
select id, relying_party, mode, verification_id, type, created_at, cursor, body from proofing.event
where relying_party = %(relying_party)s and mode = %(mode)s and cursor > %(after)s
    and (%(types)s::text[] is null or type = any(%(types)s::text[]))
order by cursor limit %(limit)s;

-- name: purge_events
-- Delete some old events whose deliveries have ended, with these. Returns a row for each event.
with old as (
    select id from proofing.event
    where created_at < %(before)s
        and not exists (
            select from proofing.delivery where event_id = event.id and delivery.state = 'due'
        )
    order by created_at limit %(limit)s
), deliveries as (
    delete from proofing.delivery where event_id in (select id from old)
)
delete from proofing.event where id in (select id from old) returning 1;

-- name: claim_alone
-- Wait until no other process claims, so that an endpoint gets no more than its share. The commit does not wait for
-- the disk: a claim that a crash of the server takes back is made again.
select pg_advisory_xact_lock(%(key)s), set_config('synchronous_commit', 'off', true);

-- name: claim
-- Claim due deliveries: as many of each endpoint as it has room for, in turns, the longest due first.
with recursive found as (
    (
        select relying_party, mode, endpoint from proofing.delivery where state = 'due'
        order by relying_party, mode, endpoint limit 1
    )
    union all
    select later.relying_party, later.mode, later.endpoint
    from found cross join lateral (
        select relying_party, mode, endpoint from proofing.delivery
        where state = 'due'
            and (relying_party, mode, endpoint) > (found.relying_party, found.mode, found.endpoint)
        order by relying_party, mode, endpoint limit 1
    ) as later
), usable as (
    select found.relying_party, found.mode, found.endpoint, %(per_endpoint)s - (
        select count(*) from proofing.delivery as held
        where held.lease is not null and held.relying_party = found.relying_party
            and held.mode = found.mode and held.endpoint = found.endpoint and held.next_at > %(now)s
    ) as room
    from found left join proofing.endpoint using (relying_party, mode, endpoint)
    where endpoint.disabled_reason is null
        and (endpoint.paused_until is null or endpoint.paused_until <= %(now)s)
), ranked as (
    select due.event_id, due.endpoint, due.next_at, row_number() over (
        partition by usable.relying_party, usable.mode, usable.endpoint order by due.next_at, due.event_id
    ) as turn
    from usable cross join lateral (
        select event_id, endpoint, next_at from proofing.delivery
        where state = 'due' and relying_party = usable.relying_party and mode = usable.mode
            and endpoint = usable.endpoint and next_at <= %(now)s
        order by next_at, event_id limit least(greatest(usable.room, 0), %(limit)s)
    ) as due
), picked as (
    select event_id, endpoint from ranked order by turn, next_at limit %(limit)s
), claimed as (
    update proofing.delivery
    set lease = gen_random_uuid()::text, next_at = %(lease_end)s, attempts = attempts + 1,
        first_at = coalesce(first_at, %(now)s)
    from picked
    where delivery.event_id = picked.event_id and delivery.endpoint = picked.endpoint
        and delivery.state = 'due' and delivery.next_at <= %(now)s
    returning delivery.*
)
select claimed.lease, claimed.endpoint, claimed.state, claimed.attempts, claimed.next_at, claimed.first_at,
    claimed.status, claimed.failure,
    event.id, event.relying_party, event.mode, event.verification_id, event.type, event.created_at,
    event.cursor, event.body
from claimed join proofing.event on event.id = claimed.event_id
order by event.created_at, event.cursor;

-- name: finish_delivery
-- Keep what came of a claimed delivery, and the state of its endpoint, if any; of the last but one copy, it is due
-- again. Returns a row when the lease has not ended. The commit does not wait for the disk: what a crash of the server
-- takes back is delivered again.
with finished as (
    update proofing.delivery
    set state = case when %(state)s = 'delivered' and copies > 1 then 'due' else %(state)s end,
        copies = case when %(state)s = 'delivered' then greatest(1, copies - 1) else copies end,
        next_at = %(next_at)s, status = %(status)s, failure = %(failure)s, lease = null
    where event_id = %(event_id)s and endpoint = %(endpoint)s and lease = %(lease)s and next_at > %(now)s
    returning relying_party, mode, endpoint
), remembered as (
    insert into proofing.endpoint (
        relying_party, mode, endpoint, failures, failing_since, paused_until, disabled_reason
    )
    select relying_party, mode, endpoint, %(failures)s::integer, %(failing_since)s::double precision,
        %(paused_until)s::double precision, %(disabled_reason)s::text
    from finished where %(failures)s::integer is not null
    on conflict (relying_party, mode, endpoint) do update
        set failures = excluded.failures, failing_since = excluded.failing_since,
            paused_until = excluded.paused_until, disabled_reason = excluded.disabled_reason
)
select set_config('synchronous_commit', 'off', true) from finished;

-- name: next_delivery_at
-- When the next delivery may be claimed.
with recursive found as (
    (
        select relying_party, mode, endpoint, next_at from proofing.delivery where state = 'due'
        order by relying_party, mode, endpoint, next_at limit 1
    )
    union all
    select later.relying_party, later.mode, later.endpoint, later.next_at
    from found cross join lateral (
        select relying_party, mode, endpoint, next_at from proofing.delivery
        where state = 'due'
            and (relying_party, mode, endpoint) > (found.relying_party, found.mode, found.endpoint)
        order by relying_party, mode, endpoint, next_at limit 1
    ) as later
)
select min(greatest(found.next_at, endpoint.paused_until))
from found left join proofing.endpoint using (relying_party, mode, endpoint)
where endpoint.disabled_reason is null;

-- name: deliveries
-- Deliveries with their events, newest first.
select delivery.endpoint, delivery.state, delivery.attempts, delivery.next_at, delivery.first_at,
    delivery.status, delivery.failure,
    event.id, event.relying_party, event.mode, event.verification_id, event.type, event.created_at,
    event.cursor, event.body
from proofing.delivery join proofing.event on event.id = delivery.event_id
where (%(relying_party)s::text is null or delivery.relying_party = %(relying_party)s)
    and (%(state)s::text is null or delivery.state = %(state)s)
    and (%(event_id)s::text is null or delivery.event_id = %(event_id)s)
order by delivery.created_at desc, delivery.cursor desc, delivery.endpoint limit %(limit)s;

-- name: replay_deliveries
-- Make ended deliveries due now.
update proofing.delivery
set state = 'due', next_at = %(now)s, attempts = 0, first_at = null, lease = null
where relying_party = %(relying_party)s and state <> 'due' and created_at >= %(since)s
    and (%(state)s::text is null or state = %(state)s)
    and (%(endpoint)s::text is null or endpoint = %(endpoint)s)
    and (%(event_id)s::text is null or event_id = %(event_id)s);

-- name: endpoint_states
-- What is remembered of endpoints.
select relying_party, mode, endpoint, failures, failing_since, paused_until, disabled_reason
from proofing.endpoint
where %(relying_party)s::text is null or relying_party = %(relying_party)s
order by relying_party, mode, endpoint;

-- name: set_endpoint
-- Replace what is remembered of an endpoint.
insert into proofing.endpoint (
    relying_party, mode, endpoint, failures, failing_since, paused_until, disabled_reason
)
values (
    %(relying_party)s, %(mode)s, %(endpoint)s, %(failures)s, %(failing_since)s, %(paused_until)s,
    %(disabled_reason)s
)
on conflict (relying_party, mode, endpoint) do update
    set failures = excluded.failures, failing_since = excluded.failing_since,
        paused_until = excluded.paused_until, disabled_reason = excluded.disabled_reason;

-- name: insert_credential
-- Keep a new credential.
insert into proofing.credential (
    id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at, retire_at,
    last_used_at
)
values (
    %(id)s, %(relying_party)s, %(mode)s, %(kind)s, %(prefix)s, %(digest)s, %(sealed)s, %(public)s, %(scopes)s,
    %(created_at)s, %(usable_at)s, %(retire_at)s, %(last_used_at)s
);

-- name: credential
-- One credential.
select id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at,
    retire_at, last_used_at
from proofing.credential where id = %(id)s;

-- name: credentials
-- Credentials, oldest first.
select id, relying_party, mode, kind, prefix, digest, sealed, public, scopes, created_at, usable_at,
    retire_at, last_used_at
from proofing.credential
where (%(relying_party)s::text is null or relying_party = %(relying_party)s)
    and (%(kind)s::text is null or kind = %(kind)s)
order by created_at, id;

-- name: retire_credential
-- Have a credential be refused from a time on.
update proofing.credential set retire_at = %(at)s where id = %(id)s;

-- name: note_use
-- Remember the latest use of a credential.
update proofing.credential set last_used_at = %(at)s
where id = %(id)s and (last_used_at is null or last_used_at < %(at)s);

-- name: delete_credential
-- Delete a credential.
delete from proofing.credential where id = %(id)s;
