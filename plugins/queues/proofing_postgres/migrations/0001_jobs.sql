-- The tables of the queue. Facts behind each choice: docs/explanation/queue-postgres.md.
-- No foreign keys, triggers, enum types, and no functions that an unparked job calls: every job would pay for each.

create schema if not exists proofing;

-- Workers that live, or did until a moment ago. Ids are never reused; a job whose worker has no row here is
-- an orphan.
create table if not exists proofing.worker (
    id bigint generated always as identity primary key,
    name text not null,
    started_at timestamptz not null default now(),
    lease_until timestamptz not null,
    -- What this worker counted: rescued, lease_lost, ends, pick-up times.
    numbers jsonb not null default '{}'
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- What workers counted that are gone.
create table if not exists proofing.tally (
    name text primary key,
    value double precision not null
) with (fillfactor = 50);

-- Jobs without an end. Fixed widths first, so that no row is padded.
create table if not exists proofing.job (
    id uuid not null,
    -- +1 at every claim, never reset: the fence of every later write.
    lease bigint not null default 0,
    worker bigint,
    enqueued_at timestamptz not null,
    run_at timestamptz not null,
    expires_at timestamptz not null,
    -- Of a job that was parked: when it is ready again. Its age counts from then.
    due_at timestamptz,
    started_at timestamptz,
    deadline_at timestamptz,
    submitted_at double precision not null,
    stale_after_seconds double precision not null,
    deadline_seconds double precision not null,
    delay_seconds double precision not null,
    attempts integer not null default 0,
    crashes integer not null default 0,
    schema_version integer not null,
    -- ready, scheduled, executing, or ending (waits for its end to be published).
    state text collate "C" not null,
    queue text collate "C" not null,
    kind text collate "C" not null,
    owner text collate "C" not null,
    trace_id text collate "C" not null,
    traceparent text collate "C",
    partner text collate "C",
    -- Which verification it is for, and by which link its session began.
    verification text collate "C",
    unique_key text collate "C",
    -- The first vendor whose call has begun, and the questions of all whose calls have begun.
    intent text collate "C",
    intents bigint[],
    -- The vendor that a parked job waits for, or last waited for.
    waits_for text collate "C",
    wanted_end text collate "C",
    -- Lists in JSON: what to delete in the image store at the end, and what to refund when there is no answer.
    object_keys text,
    counter_keys text,
    metadata text,
    -- Sealed by core; nothing here can open it, and only the worker's role may read it.
    payload bytea not null,
    -- What its questions came to while it runs; sealed, and read by the worker's role alone.
    answers bytea,
    -- What `proofing.wake` has kept for the job, oldest first; sealed, and read by the worker's role alone.
    notes bytea[],
    constraint job_pkey primary key (id)
) with (
    fillfactor = 80,
    vacuum_truncate = off,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

create index if not exists job_ready on proofing.job (queue, run_at) where state = 'ready';
create index if not exists job_due on proofing.job (run_at) where state = 'scheduled';
create index if not exists job_executing on proofing.job (worker) where state = 'executing';
create index if not exists job_ending on proofing.job (queue) where state = 'ending';
create index if not exists job_expiry on proofing.job (queue, expires_at) where state in ('ready', 'scheduled');
-- Erasure. A running job is found among the running ones, so a claim need not write here.
create index if not exists job_waiting_owner on proofing.job (owner)
    where state in ('ready', 'scheduled', 'ending');
create unique index if not exists job_unique_key on proofing.job (unique_key) where unique_key is not null;

-- Jobs with an end: no payload, no text of any error. `final_status` is the status record with its MAC; it names
-- the owner, an opaque reference, which has no column and no index of its own here.
create table if not exists proofing.job_done (
    id uuid not null,
    enqueued_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz not null,
    attempts integer not null,
    crashes integer not null,
    end_state text collate "C" not null,
    queue text collate "C" not null,
    kind text collate "C" not null,
    trace_id text collate "C" not null,
    vendor text collate "C",
    -- Empty: the id was withdrawn, and must never be enqueued again.
    final_status text not null default '',
    constraint job_done_pkey primary key (id)
) with (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000);

-- Rows arrive in the order of their end, so an entry is appended to the last page of the index. A block range
-- index would cost less until deleted rows leave room: then rows of all days share pages, and each range
-- matches every age (docs/adr/0023).
create index if not exists job_done_ended_at on proofing.job_done (ended_at);

-- Queues whose waiting jobs do not start. A row with resumed_at is worked off by a worker, which moves the times
-- of the jobs that waited and then removes the row.
create table if not exists proofing.paused_queue (
    name text collate "C" primary key,
    paused_at timestamptz not null default clock_timestamp(),
    resumed_at timestamptz,
    -- Whether the queue was paused again while it was being resumed.
    again boolean not null default false,
    -- Jobs up to this id have their new times.
    shifted_to uuid not null default '00000000-0000-0000-0000-000000000000'
);

-- Keep a note with a job, and have one that is parked become ready. A function, because `notes || note` in a
-- statement needs the right to read the notes: web has the right to call this, and reads none (docs/adr/0036).
-- Answers 'kept', 'full' or 'gone', and the queue of a job that is ready now, whose claims may have skipped it
-- meanwhile. The row is locked first, so that what is decided still holds when it is written; and before it the pause
-- of its queue, because `shift`, which moves the times of waiting jobs, passes over a row that changes meanwhile.
create or replace function proofing.wake(
    job_id uuid, note bytea, most_notes integer, most_bytes bigint, out outcome text, out ready_queue text
)
language plpgsql security definer
set search_path = '' set enable_seqscan = off
as $$
declare
    held bytea[];
    job_state text;
    job_queue text;
    is_parked boolean;
begin
    perform from proofing.paused_queue p
    where p.name = (select j.queue from proofing.job j where j.id = job_id)
    for share;
    select j.notes, j.state, j.queue, j.due_at is not null
    into held, job_state, job_queue, is_parked
    from proofing.job j
    where j.id = job_id and j.state <> 'ending' and j.wanted_end is null
    for no key update;
    if not found then
        outcome := 'gone';
        return;
    end if;
    if cardinality(held) >= most_notes
        or octet_length(note) + (select coalesce(sum(octet_length(h)), 0) from unnest(held) as h) > most_bytes
    then
        outcome := 'full';
    else
        outcome := 'kept';
        if job_state = 'scheduled' and is_parked then
            job_state := 'ready';
            update proofing.job j
            set notes = array_append(held, note), state = 'ready', run_at = clock_timestamp(),
                due_at = clock_timestamp(),
                expires_at = clock_timestamp() + make_interval(secs => j.stale_after_seconds)
            where j.id = job_id;
        else
            update proofing.job j set notes = array_append(held, note) where j.id = job_id;
        end if;
    end if;
    if job_state = 'ready' then
        ready_queue := job_queue;
    end if;
end
$$;
