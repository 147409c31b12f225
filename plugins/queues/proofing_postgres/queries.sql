-- The statements of the queue, by name. Rules they keep (docs/explanation/queue-postgres.md):
-- only the database's clock judges; states are literals, so that the partial indexes apply; every write to a
-- job that is owned names id, lease and worker; batches come sorted by id; channels carry a queue's name. What is
-- to be found by an index is compared with statement_timestamp(): clock_timestamp() is volatile, so every row of
-- the index would be read.

-- name: enqueue
-- Persist jobs in one statement, unless it arrives so late that its sender has stopped waiting: after a cut of the
-- network it may still be on its way. A result id that already exists, here or in the history, is left alone, and
-- so is a unique key that is taken. Places in the batch become microseconds of run_at, so that jobs of one
-- batch keep their order.
insert into proofing.job (
    id, submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, queue, owner,
    trace_id, traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload,
    enqueued_at, run_at, expires_at, state
)
select
    g.id, g.submitted_at, g.stale_after_seconds, g.deadline_seconds, g.delay_seconds, g.schema_version, g.kind,
    g.queue, g.owner, g.trace_id, g.traceparent, g.partner, g.verification, g.unique_key, g.object_keys,
    g.counter_keys, g.metadata, g.payload,
    statement_timestamp(),
    statement_timestamp() + make_interval(secs => g.delay_seconds + g.place * 0.000001),
    statement_timestamp() + make_interval(secs => g.stale_after_seconds),
    case when g.delay_seconds > 0 then 'scheduled' else 'ready' end
from unnest(
    %s::text[]::uuid[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::int4[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::bytea[], %s::int4[]
) as g (
    id, submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, queue, owner,
    trace_id, traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload, place
)
where not exists (select from proofing.job_done d where d.id = g.id)
    and statement_timestamp() <= to_timestamp(%s::float8)
on conflict do nothing

-- name: enqueue_one
-- The same for a single job, without arrays: the common case of a web request.
insert into proofing.job (
    id, submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, queue, owner,
    trace_id, traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload,
    enqueued_at, run_at, expires_at, state
)
select
    g.id, g.submitted_at, g.stale_after_seconds, g.deadline_seconds, g.delay_seconds, g.schema_version, g.kind,
    g.queue, g.owner, g.trace_id, g.traceparent, g.partner, g.verification, g.unique_key, g.object_keys,
    g.counter_keys, g.metadata, g.payload,
    statement_timestamp(),
    statement_timestamp() + make_interval(secs => g.delay_seconds),
    statement_timestamp() + make_interval(secs => g.stale_after_seconds),
    case when g.delay_seconds > 0 then 'scheduled' else 'ready' end
from (values (
    %s::uuid, %s::float8, %s::float8, %s::float8, %s::float8, %s::int4, %s::text, %s::text, %s::text,
    %s::text, %s::text, %s::text, %s::text, %s::text, %s::text, %s::text, %s::text, %s::bytea
)) as g (
    id, submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, queue, owner,
    trace_id, traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload
)
where not exists (select from proofing.job_done d where d.id = g.id)
    and statement_timestamp() <= to_timestamp(%s::float8)
on conflict do nothing

-- name: count_standing
-- How many of these ids exist, live or ended (a withdrawn one does not), and whether it is too late for others.
select
    (select count(*) from proofing.job where id = any(%(ids)s::text[]::uuid[]))
    + (select count(*) from proofing.job_done where id = any(%(ids)s::text[]::uuid[]) and final_status <> ''),
    statement_timestamp() > to_timestamp(%(until)s::float8)

-- name: transaction
-- The id of the transaction that this runs in; 64 bits, so it never comes again.
select pg_current_xact_id()::text

-- name: transaction_status
-- Whether a transaction is 'in progress', 'committed' or 'aborted'; null when that is long ago.
select pg_xact_status(%s::text::xid8)

-- name: notify
-- Wake listeners; always a transaction of its own, because a commit that notifies holds a lock that all
-- databases of the server share.
select pg_notify(%s, %s)

-- name: claim
-- Take ready jobs of one queue from a moment on: dead index entries before it, which an old
-- transaction keeps from being removed, are not read. `is true` hides the expiry from its own index.
update proofing.job
set state = 'executing', worker = %(worker)s::bigint, lease = lease + 1, attempts = attempts + 1,
    started_at = clock_timestamp(),
    deadline_at = clock_timestamp() + make_interval(secs => deadline_seconds + %(grace)s::float8)
where ctid = any(array(
    select ctid from proofing.job
    where state = 'ready' and queue = %(queue)s::text
        and run_at >= to_timestamp(%(since)s::float8)
        and (expires_at > statement_timestamp()) is true
        and not exists (select from proofing.paused_queue where name = %(queue)s::text)
    order by run_at
    limit %(limit)s::int4
    for no key update skip locked
))
returning
    id::text, lease, date_part('epoch', run_at), attempts,
    date_part('epoch', clock_timestamp() - coalesce(due_at, enqueued_at)),
    submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, owner, trace_id,
    traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload,
    due_at is not null, notes, intents, answers

-- name: claim_any
-- The same without bound: at start, at every poll, and when a bounded claim that was requested found nothing.
-- It finds what was committed late.
update proofing.job
set state = 'executing', worker = %(worker)s::bigint, lease = lease + 1, attempts = attempts + 1,
    started_at = clock_timestamp(),
    deadline_at = clock_timestamp() + make_interval(secs => deadline_seconds + %(grace)s::float8)
where ctid = any(array(
    select ctid from proofing.job
    where state = 'ready' and queue = %(queue)s::text
        and (expires_at > statement_timestamp()) is true
        and not exists (select from proofing.paused_queue where name = %(queue)s::text)
    order by run_at
    limit %(limit)s::int4
    for no key update skip locked
))
returning
    id::text, lease, date_part('epoch', run_at), attempts,
    date_part('epoch', clock_timestamp() - coalesce(due_at, enqueued_at)),
    submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, owner, trace_id,
    traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, payload,
    due_at is not null, notes, intents, answers

-- name: lock_queue
-- Serialize the claims of a queue with a global limit, for the length of a transaction.
select pg_advisory_xact_lock(hashtextextended('proofing:' || %(queue)s::text, 0))

-- name: count_executing
-- How many jobs of a queue run in all workers.
select count(*) from proofing.job where state = 'executing' and queue = %(queue)s::text

-- name: complete
-- Move ended jobs to the history, without payload, and count the ends. What is no longer ours is not touched.
-- Each row is looked up by its primary key and then joined by its place (`offset 0` keeps the planner out of
-- the look-up), so that no statistics can turn the join around; a plan once made for an empty table would stay.
with given as (
    select * from unnest(
        string_to_array(%(ids)s::text, ',')::uuid[], string_to_array(%(leases)s::text, ',')::bigint[],
        string_to_array(%(ends)s::text, ','), string_to_array(%(final_statuses)s::text, E'\x1f')
    ) as g (id, lease, ended_as, final_status)
), found as (
    select g.*, t.place
    from given g cross join lateral (select ctid as place from proofing.job where id = g.id offset 0) t
), gone as (
    delete from proofing.job j using found g
    where j.ctid = g.place and j.lease = g.lease and j.worker = %(worker)s::bigint
    returning j.id, j.enqueued_at, j.started_at, j.attempts, j.crashes, g.ended_as, j.queue, j.kind,
        j.trace_id, coalesce(j.intent, j.waits_for) as vendor, g.final_status
), kept as (
    insert into proofing.job_done (
        id, enqueued_at, started_at, ended_at, attempts, crashes, end_state, queue, kind, trace_id, vendor, final_status
    )
    select id, enqueued_at, started_at, clock_timestamp(), attempts, crashes, ended_as, queue, kind, trace_id,
        vendor, final_status
    from gone
    on conflict (id) do nothing
    returning end_state
)
select end_state, count(*) from kept group by end_state

-- name: checkpoint
-- Write intents, each with the number of its question, and answers; returns the jobs that were still ours and are not
-- to stop. No vendor and no number: there are answers alone. A job in the history was enqueued again while its end was
-- on the way, or withdrawn: it must call nobody.
update proofing.job j
set intent = coalesce(j.intent, nullif(g.vendor, '')),
    intents = case when g.question is null then j.intents else array_append(j.intents, g.question) end,
    answers = coalesce(g.answers, j.answers)
from unnest(
    string_to_array(%(ids)s::text, ',')::uuid[], string_to_array(%(leases)s::text, ',')::bigint[],
    string_to_array(%(vendors)s::text, E'\x1f'), string_to_array(%(questions)s::text, ',', '')::bigint[],
    %(answers)s::bytea[]
) as g (id, lease, vendor, question, answers)
cross join lateral (select ctid as place from proofing.job where id = g.id offset 0) t
where j.ctid = t.place and j.lease = g.lease and j.worker = %(worker)s::bigint and j.wanted_end is null
    and not exists (select from proofing.job_done d where d.id = g.id)
returning j.id::text

-- name: hand_back
-- Give jobs up: to run again, uncharged, or with an end that another worker is to publish. Returns what each
-- is now, and its queue.
update proofing.job j
set worker = null, started_at = null, deadline_at = null,
    state = case when g.ended_as = '-' and j.wanted_end is null then 'ready' else 'ending' end,
    wanted_end = coalesce(j.wanted_end, nullif(g.ended_as, '-')),
    attempts = j.attempts - case when g.ended_as = '-' and j.wanted_end is null then 1 else 0 end
from unnest(
    string_to_array(%(ids)s::text, ',')::uuid[], string_to_array(%(leases)s::text, ',')::bigint[],
    string_to_array(%(ends)s::text, ',')
) as g (id, lease, ended_as)
cross join lateral (select ctid as place from proofing.job where id = g.id offset 0) t
where j.ctid = t.place and j.lease = g.lease and j.worker = %(worker)s::bigint
returning j.state, j.queue

-- name: park
-- Have jobs wait for their vendors: as ones without intents, with new arguments, until their time, and without the notes that their run has read; one that holds others is ready at once. One that was canceled meanwhile
-- gets its end. Returns what each is now, and its queue.
update proofing.job j
set worker = null, started_at = null, deadline_at = null, intent = null, intents = null, answers = null,
    payload = g.payload, object_keys = null, waits_for = g.vendor, delay_seconds = 0,
    notes = case when cardinality(j.notes) > g.read then j.notes[g.read + 1:] end,
    state = case
        when j.wanted_end is not null then 'ending'
        when cardinality(j.notes) > g.read then 'ready'
        else 'scheduled'
    end,
    run_at = clock_timestamp()
        + make_interval(secs => case when cardinality(j.notes) > g.read then 0 else g.run_in end),
    due_at = clock_timestamp()
        + make_interval(secs => case when cardinality(j.notes) > g.read then 0 else g.run_in end),
    expires_at = clock_timestamp()
        + make_interval(
            secs => j.stale_after_seconds + case when cardinality(j.notes) > g.read then 0 else g.run_in end
        )
from unnest(
    %(ids)s::text[]::uuid[], %(leases)s::int8[], %(vendors)s::text[], %(run_in)s::float8[], %(payloads)s::bytea[],
    %(read)s::int4[]
) as g (id, lease, vendor, run_in, payload, read)
cross join lateral (select ctid as place from proofing.job where id = g.id offset 0) t
where j.ctid = t.place and j.lease = g.lease and j.worker = %(worker)s::bigint
returning j.state, j.queue

-- name: still_owned
-- Which of these jobs are ours still, and whether each may call vendors. A write that finds a row by its place passes
-- over one that a wake or a cancel is writing at that moment.
select j.id::text,
    j.wanted_end is null and not exists (select from proofing.job_done d where d.id = j.id)
from unnest(
    string_to_array(%(ids)s::text, ',')::uuid[], string_to_array(%(leases)s::text, ',')::bigint[]
) as g (id, lease)
cross join lateral (
    select id, wanted_end from proofing.job
    where id = g.id and lease = g.lease and worker = %(worker)s::bigint offset 0
) j

-- name: owned
-- The jobs that the database takes for ours, with the lease number of each and the end wanted of them.
select id::text, lease, wanted_end from proofing.job
where state = 'executing' and worker = %(worker)s::bigint

-- name: inspect
-- What is there to do? One cheap statement, so that an idle worker asks little. `offset 0` has each queue looked
-- up for itself, and the order leaves only the index that begins with the queue.
select
    array(
        select q from unnest(%(queues)s::text[]) as q
        where exists (
            select from proofing.job
            where state = 'ready' and queue = q and (expires_at > statement_timestamp()) is true
            order by run_at offset 0
        ) and not exists (select from proofing.paused_queue where name = q)
    ),
    (select date_part('epoch', min(run_at) - clock_timestamp()) from proofing.job where state = 'scheduled'),
    exists (
        select from unnest(%(all_queues)s::text[]) as q
        where exists (
            select from proofing.job where state in ('ready', 'scheduled') and queue = q and expires_at <= now()
            order by expires_at offset 0
        ) and not exists (select from proofing.paused_queue where name = q)
    ),
    exists (select from proofing.job where state = 'executing' and deadline_at <= now()),
    exists (
        select from (select distinct worker from proofing.job where state = 'executing') j
        where not exists (select from proofing.worker w where w.id = j.worker)
    ) or exists (select from proofing.worker where lease_until < now()),
    exists (select from proofing.job where state = 'ending' order by queue offset 0),
    exists (
        select from proofing.job
        where state = 'executing' and worker = %(worker)s::bigint and wanted_end is not null
    ),
    exists (select from proofing.paused_queue where resumed_at is not null)

-- name: promote
-- Scheduled jobs whose time has come become ready; returns their queues.
with due as (
    update proofing.job set state = 'ready'
    where ctid = any(array(
        select ctid from proofing.job where state = 'scheduled' and run_at <= statement_timestamp()
        order by run_at limit 500 for no key update skip locked
    ))
    returning queue
)
select distinct queue from due

-- name: next_due
-- Seconds until the next scheduled job; null when there is none.
select date_part('epoch', min(run_at) - clock_timestamp()) from proofing.job where state = 'scheduled'

-- name: expire
-- Waiting jobs beyond their stale limit get their end; no vendor will be called. In a paused queue no clock
-- runs. Queue by queue: what a paused one holds is not read.
update proofing.job set state = 'ending', wanted_end = 'stale'
where ctid = any(array(
    select stale.place
    from (
        select q from unnest(%(all_queues)s::text[]) as q
        where not exists (select from proofing.paused_queue where name = q) offset 0
    ) as open
    cross join lateral (
        select ctid as place from proofing.job
        where state in ('ready', 'scheduled') and queue = open.q and expires_at <= statement_timestamp()
        order by expires_at limit 500 for no key update skip locked
    ) as stale
))

-- name: overdue
-- Running jobs beyond their deadline are taken from their worker, however alive it is.
update proofing.job
set state = 'ending', worker = null, wanted_end = coalesce(wanted_end, 'timed_out')
where ctid = any(array(
    select ctid from proofing.job
    where state = 'executing' and deadline_at <= clock_timestamp()
    limit 500 for no key update skip locked
))

-- name: lock_dead
-- Workers whose lease has run out, locked so that they cannot renew while their jobs are taken.
select id from proofing.worker where lease_until < clock_timestamp() order by id for update skip locked

-- name: rescue
-- Take the jobs of dead or missing workers: they run again. One that has lost too many workers ends as lost and a stale
-- one as stale, or both as unknown when a vendor may have been called.
with orphans as materialized (
    select ctid as place,
        case
            when wanted_end is not null then wanted_end
            when crashes + 1 >= %(max_crashes)s::int4
                then case when intent is null then 'worker_lost' else 'unknown_outcome' end
            when expires_at <= clock_timestamp()
                and not exists (select from proofing.paused_queue p where p.name = job.queue offset 0)
                then case when intent is null then 'stale' else 'unknown_outcome' end
        end as ends_as
    from proofing.job
    where state = 'executing' and (
        worker = any(%(dead)s::bigint[])
        or not exists (select from proofing.worker w where w.id = job.worker offset 0)
    )
    limit 500
    for no key update skip locked
), taken as (
    update proofing.job j
    set worker = null, started_at = null, deadline_at = null, crashes = crashes + 1,
        wanted_end = o.ends_as,
        state = case when o.ends_as is null then 'ready' else 'ending' end
    from orphans o
    where j.ctid = o.place
    returning j.queue
)
select queue, count(*) from taken group by queue

-- name: delete_dead_workers
-- Remove the rows of dead workers that own no job anymore, keeping what they counted.
with buried as (
    delete from proofing.worker w
    where w.id = any(%(dead)s::bigint[])
        and not exists (select from proofing.job where state = 'executing' and worker = w.id)
    returning w.numbers
), counted as (
    select n.key, sum(n.value::float8) as value
    from buried, jsonb_each_text(buried.numbers) as n
    group by n.key
    order by n.key
)
insert into proofing.tally as t (name, value) select key, value from counted
on conflict (name) do update set value = t.value + excluded.value

-- name: claim_endings
-- Take jobs whose end must be published. Their payload, notes and answers are not read.
update proofing.job
set state = 'executing', worker = %(worker)s::bigint, lease = lease + 1,
    deadline_at = clock_timestamp() + make_interval(secs => 30 + %(grace)s::float8)
where ctid = any(array(
    select ctid from proofing.job where state = 'ending'
    order by queue
    limit %(limit)s::int4
    for no key update skip locked
))
returning
    id::text, lease, date_part('epoch', run_at), attempts,
    date_part('epoch', clock_timestamp() - coalesce(due_at, enqueued_at)),
    submitted_at, stale_after_seconds, deadline_seconds, delay_seconds, schema_version, kind, owner, trace_id,
    traceparent, partner, verification, unique_key, object_keys, counter_keys, metadata, ''::bytea,
    due_at is not null, null::bytea[], null::bigint[], null::bytea, wanted_end

-- name: cancel
-- A waiting job gets its end; a running one is marked, and its worker notified.
update proofing.job
set wanted_end = 'canceled', state = case when state = 'executing' then 'executing' else 'ending' end
where id = %(id)s::uuid and wanted_end is null
returning state, queue

-- name: wake
-- Keep a note with a job; returns what became of it, and the queue of a job that is ready now.
select outcome, ready_queue
from proofing.wake(%(id)s::text::uuid, %(note)s::bytea, %(most_notes)s::int4, %(most_bytes)s::int8)

-- name: purge_waiting
-- Drop a person's jobs that do not run; no end is published.
delete from proofing.job where owner = %(owner)s::text and state in ('ready', 'scheduled', 'ending')

-- name: stop_running
-- Mark a person's running jobs as canceled, once each; returns the queue of every one that still runs.
with marked as (
    update proofing.job set wanted_end = 'canceled'
    where owner = %(owner)s::text and state = 'executing' and wanted_end is null
)
select queue from proofing.job where owner = %(owner)s::text and state = 'executing'

-- name: history_pages
-- How many pages the history has.
select pg_relation_size('proofing.job_done') / current_setting('block_size')::bigint

-- name: purge_history
-- Delete a person's ends on some pages of the history. It has no index by person, which every job would pay
-- for; an erasure reads it all, some pages a statement.
delete from proofing.job_done
where ctid >= %(first)s::text::tid and ctid < %(after)s::text::tid and strpos(final_status, %(mark)s::text) > 0

-- name: final_status
-- The durable end of a job.
select final_status from proofing.job_done where id = %(id)s::uuid

-- name: clock
-- The server's time in seconds since the epoch.
select extract(epoch from clock_timestamp())::float8

-- name: register
-- A worker begins to live.
insert into proofing.worker (name, lease_until)
values (%(name)s::text, clock_timestamp() + make_interval(secs => %(lease)s::float8))
returning id

-- name: renew
-- A worker lives on. No row comes back: its lease had run out, and its jobs are others'.
update proofing.worker
set lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), numbers = %(numbers)s::jsonb
where id = %(worker)s::bigint and lease_until > clock_timestamp()
returning id

-- name: save_numbers
-- What a worker has counted, once more before it leaves.
update proofing.worker set numbers = %(numbers)s::jsonb where id = %(worker)s::bigint

-- name: queue_depth
-- Jobs by queue and state, each counted up to a limit, and the age of the oldest that could start: the first in
-- the index. A long backlog is read no further, vacuumed or not.
select q.name, counted.state, counted.count, coalesce(oldest.age, 0)
from unnest(%(queues)s::text[]) as q (name)
cross join lateral (
    select 'ready' as state, (select count(*) from (
        select from proofing.job where state = 'ready' and queue = q.name
        order by run_at limit %(most)s::int4
    ) as found) as count
    union all
    select 'ending', (select count(*) from (
        select from proofing.job where state = 'ending' and queue = q.name
        order by queue limit %(most)s::int4
    ) as found)
) as counted
left join lateral (
    select date_part('epoch', clock_timestamp() - j.run_at) as age from proofing.job j
    where j.state = 'ready' and j.queue = q.name
    order by j.run_at limit 1
) as oldest on counted.state = 'ready'
union all
select queue, case when is_parked then 'parked' else 'scheduled' end, count(*), 0 from (
    select queue, due_at is not null as is_parked
    from proofing.job where state = 'scheduled' order by run_at limit %(most)s::int4
) as found group by queue, is_parked
union all
select queue, state, count(*), 0 from (
    select queue, state from proofing.job where state = 'executing' order by worker limit %(most)s::int4
) as found group by queue, state

-- name: sample
-- Jobs by queue and state, estimated from some pages of the table, for what is too much to be counted.
select queue, case when state = 'scheduled' and due_at is not null then 'parked' else state end,
    round(count(*) * 100 / %(percent)s::float8)::bigint
from proofing.job tablesample system (%(percent)s::float8)
group by queue, state, due_at is not null

-- name: parked_by_vendor
-- How many jobs are parked for each vendor. It reads them all, for somebody who asks once.
select waits_for, count(*) from proofing.job where state = 'scheduled' and due_at is not null
group by waits_for order by waits_for

-- name: table_pages
-- How many pages the table of jobs has.
select pg_relation_size('proofing.job') / current_setting('block_size')::bigint

-- name: paused
-- Queues that are paused, and for how many seconds; one that is being resumed too.
select name, date_part('epoch', clock_timestamp() - paused_at) from proofing.paused_queue

-- name: living_workers
-- Workers with a lease.
select count(*) from proofing.worker where lease_until >= clock_timestamp()

-- name: counters
-- What all workers, alive and gone, have counted.
select n.name, sum(n.value) from (
    select name, value from proofing.tally
    union all
    select e.key, e.value::float8 from proofing.worker, jsonb_each_text(numbers) as e
) as n
group by n.name

-- name: database_health
-- Dead rows of the live table, and the age of the oldest transaction of this server, which keeps them.
select
    coalesce((select n_dead_tup from pg_stat_user_tables where schemaname = 'proofing' and relname = 'job'), 0),
    coalesce((
        select max(date_part('epoch', clock_timestamp() - xact_start))
        from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid()
    ), 0)

-- name: oldest_end
-- Age of the oldest end in the history, from where the last pruning stopped.
select date_part('epoch', clock_timestamp() - ended_at) from proofing.job_done
where ended_at >= (
    select to_timestamp(coalesce(max(value), 0) - 1) from proofing.tally where name = 'history_pruned_until'
)
order by ended_at limit 1

-- name: take_turn
-- Whether this transaction is the only one that does this chore now.
select pg_try_advisory_xact_lock(hashtextextended('proofing:' || %(chore)s::text, 0))

-- name: prune
-- Delete the oldest history that is over its age, one batch. Where the last batch stopped is remembered, so that
-- dead entries before it, which an old transaction keeps from being removed, are not read.
with old as (
    delete from proofing.job_done
    where ctid = any(array(
        select ctid from proofing.job_done
        where ended_at < statement_timestamp() - make_interval(secs => %(seconds)s::float8)
            and ended_at >= (
                select to_timestamp(coalesce(max(value), 0) - 1)
                from proofing.tally where name = 'history_pruned_until'
            )
        order by ended_at
        limit %(limit)s::int4
    ))
    returning ended_at
), reached as (
    select count(*) as count, date_part('epoch', max(ended_at)) as until from old
), marked as (
    insert into proofing.tally (name, value)
    select 'history_pruned_until', until from reached where count > 0
    on conflict (name) do update set value = excluded.value
)
select count from reached

-- name: resuming
-- A queue to be resumed, for one worker: its jobs up to an id have their new times.
select name, shifted_to::text from proofing.paused_queue
where resumed_at is not null
order by name limit 1 for update skip locked

-- name: shift
-- Move the times of waiting jobs by as long as they waited in the pause, the next ones by id.
update proofing.job j
set enqueued_at = j.enqueued_at + t.waited, expires_at = j.expires_at + t.waited, due_at = j.due_at + t.waited
from (
    select w.ctid as place,
        greatest(interval '0', clock_timestamp() - greatest(coalesce(w.due_at, w.enqueued_at), (
            select paused_at from proofing.paused_queue where name = %(queue)s::text
        ))) as waited
    from proofing.job w
    where w.id > %(after)s::text::uuid and w.queue = %(queue)s::text and w.state in ('ready', 'scheduled')
    order by w.id limit %(limit)s::int4
) as t
where j.ctid = t.place
returning j.id::text

-- name: shifted
-- Remember how far the jobs of a queue have their new times.
update proofing.paused_queue set shifted_to = %(last)s::text::uuid where name = %(queue)s::text

-- name: unpause
-- All waiting jobs have their new times: the queue continues, unless it was paused again meanwhile.
with renewed as (
    update proofing.paused_queue
    set paused_at = clock_timestamp(), resumed_at = null, again = false,
        shifted_to = '00000000-0000-0000-0000-000000000000'
    where name = %(queue)s::text and again
)
delete from proofing.paused_queue where name = %(queue)s::text and not again

-- name: pause
-- Start no waiting job of a queue; returns nothing when it was paused already.
insert into proofing.paused_queue as p (name) values (%(queue)s::text)
on conflict (name) do update set again = true where p.resumed_at is not null and not p.again
returning name

-- name: resume
-- Have the jobs of a queue start again; a worker does the rest.
update proofing.paused_queue set resumed_at = coalesce(resumed_at, clock_timestamp()), again = false
where name = %(queue)s::text and (resumed_at is null or again)
returning name

-- name: withdraw
-- Stop a job, or bar its id when it is not there. Returns the queue of a job that was stopped, and whether the
-- job will call no vendor.
with stopped as (
    update proofing.job
    set wanted_end = coalesce(wanted_end, 'canceled'),
        state = case when state = 'executing' then 'executing' else 'ending' end
    where id = %(id)s::text::uuid
    returning queue, intent
), barred as (
    insert into proofing.job_done (
        id, enqueued_at, ended_at, attempts, crashes, end_state, queue, kind, trace_id
    )
    select %(id)s::text::uuid, statement_timestamp(), statement_timestamp(), 0, 0, 'canceled', '', '', ''
    where not exists (select from stopped)
    on conflict (id) do nothing
    returning id
)
select queue, intent is null from stopped
union all
select null, true from barred
union all
select null, final_status = '' from proofing.job_done where id = %(id)s::text::uuid

-- name: live_jobs
-- Jobs without an end, in order of their id, from one id to another.
select id::text, queue, case when state = 'scheduled' and due_at is not null then 'parked' else state end,
    date_part('epoch', clock_timestamp() - enqueued_at),
    case when state = 'executing' then date_part('epoch', clock_timestamp() - started_at) end,
    null::float8, attempts, wanted_end, trace_id, coalesce(intent, waits_for)
from proofing.job
where id >= %(first)s::text::uuid and id <= %(last)s::text::uuid
    and (
        %(state)s::text is null
        or case when state = 'scheduled' and due_at is not null then 'parked' else state end = %(state)s::text
    )
    and (%(queue)s::text is null or queue = %(queue)s::text)
order by id limit %(limit)s::int4

-- name: ready_jobs
-- Jobs of a queue that may start, the next first.
select id::text, queue, state, date_part('epoch', clock_timestamp() - enqueued_at), null::float8, null::float8,
    attempts, wanted_end, trace_id, coalesce(intent, waits_for)
from proofing.job where state = 'ready' and queue = %(queue)s::text
order by run_at limit %(limit)s::int4

-- name: scheduled_jobs
-- Jobs that wait for their time, the next first.
select id::text, queue, state, date_part('epoch', clock_timestamp() - enqueued_at), null::float8, null::float8,
    attempts, wanted_end, trace_id, null
from proofing.job
where state = 'scheduled' and due_at is null and (%(queue)s::text is null or queue = %(queue)s::text)
order by run_at limit %(limit)s::int4

-- name: parked_jobs
-- Jobs that wait for their vendors, the next to be due first.
select id::text, queue, 'parked', date_part('epoch', clock_timestamp() - enqueued_at), null::float8, null::float8,
    attempts, wanted_end, trace_id, waits_for
from proofing.job
where state = 'scheduled' and due_at is not null and (%(queue)s::text is null or queue = %(queue)s::text)
order by run_at limit %(limit)s::int4

-- name: running_jobs
-- Jobs that run, or whose end is being published by a worker.
select id::text, queue, state, date_part('epoch', clock_timestamp() - enqueued_at),
    date_part('epoch', clock_timestamp() - started_at), null::float8, attempts, wanted_end, trace_id,
    coalesce(intent, waits_for)
from proofing.job where state = 'executing' and (%(queue)s::text is null or queue = %(queue)s::text)
order by worker limit %(limit)s::int4

-- name: ending_jobs
-- Jobs whose end is decided and waits for a worker.
select id::text, queue, state, date_part('epoch', clock_timestamp() - enqueued_at), null::float8, null::float8,
    attempts, wanted_end, trace_id, coalesce(intent, waits_for)
from proofing.job where state = 'ending' and (%(queue)s::text is null or queue = %(queue)s::text)
order by queue limit %(limit)s::int4

-- name: ended_jobs
-- The history, the latest first.
select id::text, queue, 'ended', date_part('epoch', clock_timestamp() - enqueued_at),
    date_part('epoch', ended_at - started_at), date_part('epoch', clock_timestamp() - ended_at), attempts,
    end_state, trace_id, vendor
from proofing.job_done where (%(queue)s::text is null or queue = %(queue)s::text)
order by ended_at desc limit %(limit)s::int4

-- name: ended_by_id
-- Ends in order of their id, from one id to another.
select id::text, queue, 'ended', date_part('epoch', clock_timestamp() - enqueued_at),
    date_part('epoch', ended_at - started_at), date_part('epoch', clock_timestamp() - ended_at), attempts,
    end_state, trace_id, vendor
from proofing.job_done
where id >= %(first)s::text::uuid and id <= %(last)s::text::uuid
    and (%(queue)s::text is null or queue = %(queue)s::text)
order by id limit %(limit)s::int4

-- name: durability
-- What the server promises about a commit that was answered, for this login.
select current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync')
