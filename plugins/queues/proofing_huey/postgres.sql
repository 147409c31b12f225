-- The statements of the PostgreSQL storage that are ours; Huey has its own.

-- name: lock
-- Let one migration run at a time; held until the transaction ends. The number is of our own choosing.
select pg_advisory_xact_lock(5061990441);

-- name: missing
-- Which of our tables are not there.
select name from unnest(%(names)s::text[]) as name where to_regclass(name) is null;

-- name: schema
-- Keys that are taken by a job until they expire.
create table if not exists proofing_huey_taken_key (
    name text primary key,
    holder text not null,
    expires timestamptz not null
);
create index if not exists proofing_huey_taken_key_expires on proofing_huey_taken_key (expires);

-- Pauses of the queues, open while until is null.
create table if not exists proofing_huey_pause (
    queue text not null,
    since double precision not null,
    until double precision,
    primary key (queue, since)
);
create unique index if not exists proofing_huey_pause_open on proofing_huey_pause (queue) where until is null;

-- name: pauses
-- The pauses of a queue.
select since, until from proofing_huey_pause where queue = %(queue)s;

-- name: pause
-- Begin a pause; changes no row when one is open.
insert into proofing_huey_pause (queue, since) values (%(queue)s, %(now)s) on conflict do nothing;

-- name: resume
-- End the open pause.
update proofing_huey_pause set until = greatest(since, %(now)s) where queue = %(queue)s and until is null;

-- name: forget_pauses
-- Delete all pauses of a queue but the last ones.
delete from proofing_huey_pause where queue = %(queue)s and since not in (
    select since from proofing_huey_pause where queue = %(queue)s order by since desc limit %(kept)s
);

-- name: check
-- Fails when the tables are missing or we may not read them.
select 1 from proofing_huey_task, proofing_huey_taken_key, proofing_huey_pause limit 0;

-- name: forget
-- Delete what has expired.
delete from proofing_huey_taken_key where name in (
    select name from proofing_huey_taken_key where expires <= now() limit 1000 for update skip locked
);

-- name: take
-- Take a key; changes no row when it is taken.
insert into proofing_huey_taken_key (name, holder, expires)
values (%(name)s, %(holder)s, now() + make_interval(secs => %(ttl_seconds)s))
on conflict (name) do nothing;

-- name: release
-- Free a key that its holder has taken.
delete from proofing_huey_taken_key where name = %(name)s and holder = %(holder)s;

-- name: holder
-- Who has taken a key.
select holder from proofing_huey_taken_key where name = %(name)s;

-- name: put
-- Keep a job.
insert into proofing_huey_task (queue, data, priority) values (%(queue)s, %(data)s, %(priority)s);

-- name: all_task
-- The jobs of a queue that are ready, held against workers.
select id, data from proofing_huey_task where queue = %(queue)s for update skip locked;

-- name: all_scheduled
-- The jobs of a queue that wait for their time.
select id, data from proofing_huey_schedule where queue = %(queue)s for update skip locked;

-- name: drop_task
-- Delete a job that is ready.
delete from proofing_huey_task where id = %(id)s;

-- name: drop_scheduled
-- Delete a job that waits for its time.
delete from proofing_huey_schedule where id = %(id)s;

-- name: notify
-- Wake the listeners of one queue.
select pg_notify(%(channel)s, '');

-- name: waiting
-- How many jobs of each queue may start, counted no further than needed.
select name, (
    select count(*)
    from (select 1 from proofing_huey_task where queue = name limit %(most)s) as counted
)
from unnest(%(names)s::text[]) as name
where not exists (select from proofing_huey_pause where queue = name and until is null);
