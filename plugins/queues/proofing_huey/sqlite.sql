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

-- Notes for jobs without an end, oldest first.
create table if not exists note (
    id integer primary key,
    result_id text not null,
    note blob not null
);
create index if not exists note_result_id on note (result_id);

-- Where in Huey's schedule a parked job is. Once it was due, there is nothing or another job.
create table if not exists parked (
    result_id text primary key,
    queue text not null,
    schedule_id integer not null
) without rowid;

-- Jobs that were taken out of the queue and have neither ended nor come back, as they were there.
create table if not exists started (
    id integer primary key,
    queue text not null,
    data blob not null,
    expires real not null
);

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

-- name: delete_expired_notes
-- Delete the notes of jobs that nobody has ended, such as those of a killed worker.
delete from note where not exists (select 1 from taken_key where name = 'job:' || note.result_id);

-- name: delete_expired_parked
-- The same for where they were parked.
delete from parked where not exists (select 1 from taken_key where name = 'job:' || parked.result_id);

-- name: take
-- Take a key; changes no row when it is taken.
insert into taken_key (name, holder, expires)
values (:name, :holder, (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds)
on conflict (name) do nothing;

-- name: release
-- Free a key that its holder has taken.
delete from taken_key where name = :name and holder = :holder;

-- name: end
-- Have the key of a job stay taken for a while by nobody's job.
update taken_key
set holder = :ended, expires = (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds
where name = :name and holder = :holder;

-- name: bar
-- Have a key stay taken by nobody's job, from whichever job had it.
insert or replace into taken_key (name, holder, expires)
values (:name, :holder, (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds);

-- name: revoked
-- Whether a job was canceled, in Huey's own table.
select 1 from kv where key = :revoke_id;

-- name: delete_revocation
-- Forget that a job was canceled.
delete from kv where key = :revoke_id;

-- name: notes
-- The notes of a job, oldest first.
select note from note where result_id = :id order by id;

-- name: note_sizes
-- How many bytes each note of a job has.
select length(note) from note where result_id = :id;

-- name: put_note
-- Keep a note.
insert into note (result_id, note) values (:id, :note);

-- name: delete_notes
-- Delete the oldest notes of a job; all, for a negative number.
delete from note where id in (select id from note where result_id = :id order by id limit :read);

-- name: parked_at
-- A parked job: its queue, its place in the schedule and its data.
select p.queue, s.id, s.data from parked p join schedule s on s.id = p.schedule_id and s.queue = p.queue
where p.result_id = :id;

-- name: put_parked
-- Remember where a job is parked.
insert or replace into parked (result_id, queue, schedule_id) values (:id, :queue, :schedule_id);

-- name: delete_parked
-- Forget where a job was parked.
delete from parked where result_id = :id;

-- name: holder
-- Who has taken a key.
select holder from taken_key where name = :name;

-- name: put
-- Keep a job.
insert into task (queue, data) values (:queue, :data);

-- name: schedule
-- Keep a job until its time.
insert into schedule (queue, data, timestamp) values (:queue, :data, :ready_at);

-- name: keep
-- Have a taken key stay taken.
update taken_key set expires = (julianday('now') - 2440587.5) * 86400.0 + :ttl_seconds
where name = :name and holder = :holder;

-- name: next
-- The next job of a queue that may start.
select id, data from task
where queue = :queue and not exists (select 1 from pause where queue = :queue and until is null)
order by priority desc, id limit 1;

-- name: start
-- Remember that a job was taken out of the queue.
insert into started (queue, data, expires) values (:queue, :data, (julianday('now') - 2440587.5) * 86400.0 + :lease_seconds);

-- name: forget_started
-- Forget that again.
delete from started where queue = :queue and data = :data;

-- name: is_started
-- Whether a job was started.
select 1 from started where queue = :queue and data = :data;

-- name: all_started
-- The jobs of a queue that were started.
select data from started where queue = :queue;

-- name: renew
-- Begin the lease of a started job again.
update started set expires = (julianday('now') - 2440587.5) * 86400.0 + :lease_seconds
where queue = :queue and data = :data;

-- name: lost
-- The started jobs of a queue whose lease is over.
select data from started where queue = :queue and expires <= (julianday('now') - 2440587.5) * 86400.0;

-- name: renew_lost
-- Begin their leases again.
update started set expires = (julianday('now') - 2440587.5) * 86400.0 + :lease_seconds
where queue = :queue and expires <= (julianday('now') - 2440587.5) * 86400.0;

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

-- name: put_due
-- Make ready the jobs of a queue that are due, the first due first.
insert into task (queue, data)
select queue, data from schedule where queue = :queue and timestamp <= :now order by timestamp, id;

-- name: drop_due
-- Delete them from the schedule.
delete from schedule where queue = :queue and timestamp <= :now;
