-- The statements of the result store. Each begins with its name and says what it is for.
-- :now is the wall clock of this machine in seconds, the one clock that decides about expiry.

-- name: schema
-- Eight tables, each with its own expiry. The index serves the purge. Tables of few rows need none.
create table if not exists record (
    result_id text primary key,
    -- 0 in progress, 1 ended, 2 in progress and in need of its person
    done integer not null,
    body text not null,
    expires real not null
) without rowid;
create index if not exists record_expires on record (expires);
create table if not exists sealed_result (
    result_id text primary key,
    body blob not null,
    expires real not null
);
create index if not exists sealed_result_expires on sealed_result (expires);
create table if not exists item (
    name text primary key,
    body blob not null,
    expires real not null
);
create index if not exists item_expires on item (expires);
create table if not exists counter (
    name text primary key,
    count integer not null,
    expires real not null
) without rowid;
create index if not exists counter_expires on counter (expires);
create table if not exists member (
    name text not null,
    body blob not null,
    expires real not null,
    primary key (name, body)
) without rowid;
create index if not exists member_expires on member (expires);
create table if not exists breaker (
    name text primary key,
    -- who met the faults in a row, separated by blanks
    faults text not null,
    -- when an open one lets a probe through, null while it is closed
    opened_until real,
    probe text,
    probe_until real,
    expires real not null
) without rowid;
create table if not exists call_count (
    scope text primary key,
    tokens real,
    counted_at real,
    hour integer,
    calls integer,
    expires real not null
) without rowid;
create table if not exists call_lease (
    scope text not null,
    entrant text not null,
    expires real not null,
    primary key (scope, entrant)
) without rowid;

-- name: begin
-- Keep a record in progress; an unexpired one exists. Returns a row when kept.
insert into record (result_id, done, body, expires)
values (:result_id, 0, :body, :expires)
on conflict (result_id) do update
    set done = 0, body = excluded.body, expires = excluded.expires
    where record.expires <= :now
returning 1;

-- name: replace
-- Keep a record, terminal or not; an unexpired terminal one is left alone. Returns a row when kept.
insert into record (result_id, done, body, expires)
values (:result_id, :done, :body, :expires)
on conflict (result_id) do update
    set done = excluded.done, body = excluded.body, expires = excluded.expires
    where record.done <> 1 or record.expires <= :now
returning 1;

-- name: keep_result
-- Keep the sealed result of a record that was just finished.
insert into sealed_result (result_id, body, expires)
values (:result_id, :body, :expires)
on conflict (result_id) do update set body = excluded.body, expires = excluded.expires;

-- name: status
-- The record of one job.
select body from record where result_id = :result_id and expires > :now;

-- name: to_announce
-- Which of many jobs (a JSON list of ids) have ended, or need their person.
select record.result_id, record.body
from json_each(:result_ids) as wanted
join record on record.result_id = wanted.value
where record.done > 0 and record.expires > :now;

-- name: result
-- The sealed result of a job.
select body from sealed_result where result_id = :result_id and expires > :now;

-- name: drop_result
-- Delete the sealed result and return whether it still lived.
delete from sealed_result where result_id = :result_id returning expires > :now;

-- name: erase_record
-- Delete the record and return whether it still lived.
delete from record where result_id = :result_id returning expires > :now;

-- name: save
-- Keep a value, replacing any previous value.
insert into item (name, body, expires) values (:name, :body, :expires)
on conflict (name) do update set body = excluded.body, expires = excluded.expires;

-- name: add
-- Keep a value unless an unexpired one exists. Returns a row when kept.
insert into item (name, body, expires) values (:name, :body, :expires)
on conflict (name) do update set body = excluded.body, expires = excluded.expires
    where item.expires <= :now
returning 1;

-- name: load
-- The value under a name.
select body from item where name = :name and expires > :now;

-- name: delete
-- Delete the value under a name.
delete from item where name = :name;

-- name: add_member
-- Add to a set.
insert into member (name, body, expires) values (:name, :member, :expires)
on conflict (name, body) do update set expires = max(member.expires, excluded.expires);

-- name: keep_members
-- Let all of a set live at least as long as what was just added.
update member set expires = :expires where name = :name and expires > :now and expires < :expires;

-- name: members
-- A set.
select body from member where name = :name and expires > :now;

-- name: drop_members
-- Delete a set and return of each member whether it still lived.
delete from member where name = :name returning expires > :now;

-- name: count
-- Add one and restart the window unless the maximum is reached. Returns a row when counted.
insert into counter (name, count, expires)
select :name, 1, :expires where :maximum > 0
on conflict (name) do update
    set count = case when counter.expires <= :now then 1 else counter.count + 1 end,
        expires = excluded.expires
    where counter.expires <= :now or counter.count < :maximum
returning count;

-- name: usage
-- How far a counter has come, and the seconds left of its window.
select count, expires - :now from counter where name = :name and expires > :now;

-- name: refund
-- Take one attempt back, never below zero; the window stays.
update counter set count = max(count - 1, 0) where name = :name and expires > :now;

-- name: reset
-- Delete a counter and return whether it still ran.
delete from counter where name = :name returning expires > :now;

-- name: breaker
-- The breaker of a vendor's product. One that is not there is closed.
select faults, opened_until, probe, probe_until from breaker where name = :name and expires > :now;

-- name: keep_breaker
-- Keep a breaker that has faults, or has opened.
insert into breaker (name, faults, opened_until, probe, probe_until, expires)
values (:name, :faults, :opened_until, :probe, :probe_until, :expires)
on conflict (name) do update
    set faults = excluded.faults, opened_until = excluded.opened_until, probe = excluded.probe,
        probe_until = excluded.probe_until, expires = excluded.expires;

-- name: close_breaker
-- Forget the faults of a breaker and return whether they still counted.
delete from breaker where name = :name returning expires > :now;

-- name: call_count
-- The rate and the budget of a vendor.
select tokens, counted_at, hour, calls from call_count where scope = :scope and expires > :now;

-- name: keep_call_count
-- Keep the rate and the budget of a vendor. One that is null is not limited now, and left as it is.
insert into call_count (scope, tokens, counted_at, hour, calls, expires)
values (:scope, :tokens, :now, :hour, :calls, :expires)
on conflict (scope) do update
    set tokens = coalesce(excluded.tokens, iif(call_count.expires > :now, call_count.tokens, null)),
        counted_at = iif(excluded.tokens is null, call_count.counted_at, excluded.counted_at),
        hour = coalesce(excluded.hour, iif(call_count.expires > :now, call_count.hour, null)),
        calls = coalesce(excluded.calls, call_count.calls),
        expires = excluded.expires;

-- name: running_calls
-- How many calls to a vendor are in progress.
select count(*) from call_lease where scope = :scope and expires > :now;

-- name: keep_lease
-- Count a call as one in progress.
insert into call_lease (scope, entrant, expires) values (:scope, :entrant, :expires)
on conflict (scope, entrant) do update set expires = excluded.expires;

-- name: release_lease
-- Count a call as ended.
delete from call_lease where scope = :scope and entrant = :entrant;

-- name: purge
-- Delete what has expired.
delete from record where expires <= :now;
delete from sealed_result where expires <= :now;
delete from item where expires <= :now;
delete from counter where expires <= :now;
delete from member where expires <= :now;
delete from breaker where expires <= :now;
delete from call_count where expires <= :now;
delete from call_lease where expires <= :now;
