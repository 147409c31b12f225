-- The statements of the SQLite storage that are ours; Huey has its own. Seconds since the epoch are those of the
-- Julian day, since unixepoch() knows no fractions before SQLite 3.42.

-- name: schema
-- Keys that are taken by a job until they expire.
create table if not exists taken_key (
    name text primary key,
    holder text not null,
    expires real not null
) without rowid;
create index if not exists taken_key_expires on taken_key (expires);

-- Pauses of the queues, open while until is null.
create table if not exists pause (
    queue text not null,
    since real not null,
    until real,
    primary key (queue, since)
) without rowid;
create unique index if not exists pause_open on pause (queue) where until is null;

-- name: pauses
-- The pauses of a queue.
select since, until from pause where queue = :queue;

-- name: pause
-- Begin a pause; changes no row when one is open.
insert into pause (queue, since) values (:queue, :now) on conflict do nothing;

-- name: resume
-- End the open pause.
update pause set until = max(since, :now) where queue = :queue and until is null;

-- name: prune_pauses
-- Delete all pauses of a queue but the last ones.
delete from pause where queue = :queue and since not in (
    select since from pause where queue = :queue order by since desc limit :kept
);

-- name: delete_expired
-- Delete what has expired.
delete from taken_key where expires <= (julianday('now') - 2440587.5) * 86400.0;

-- name: take
-- Take a key; changes no row when it is taken.
insert into taken_key (name, holder, expires)
values (:name, :holder, (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds)
on conflict (name) do nothing;

-- name: release
-- Free a key that its holder has taken.
delete from taken_key where name = :name and holder = :holder;

-- name: holder
-- Who has taken a key.
select holder from taken_key where name = :name;

-- name: put
-- Keep a job.
insert into task (queue, data) values (:queue, :data);

-- name: park
-- Keep a job until its time.
insert into schedule (queue, data, timestamp) values (:queue, :data, :ready_at);

-- name: keep
-- Have a taken key stay taken.
update taken_key set expires = (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds
where name = :name and holder = :holder;

-- name: all_task
-- The jobs of a queue that are ready.
select id, data from task where queue = :queue;

-- name: all_scheduled
-- The jobs of a queue that wait for their time.
select id, data from schedule where queue = :queue;

-- name: drop_task
-- Delete a job that is ready.
delete from task where id = :id;

-- name: drop_scheduled
-- Delete a job that waits for its time.
delete from schedule where id = :id;

-- name: empty_log
-- Write the log back and cut it to nothing.
pragma wal_checkpoint(truncate);

-- name: waiting
-- How many jobs of a queue may start, counted no further than needed.
select count(*) from (
    select 1 from task
    where queue = :queue and not exists (select 1 from pause where queue = :queue and until is null)
    limit :most
);

-- name: is_due
-- Whether a scheduled task of a queue is due.
select 1 from schedule where queue = :queue and timestamp <= :now limit 1;
