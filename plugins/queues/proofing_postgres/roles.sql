-- Least rights for each kind of process. Run it once as the owner of the database, after `proofing migrate`,
-- and again after each later one; it is idempotent. Give each role to a login of your own:
--   create role web_login login password '…' in role proofing_web;
-- Payload, answers and notes are sealed, and still only the worker may read them.

-- Rights are taken and given again in one transaction: processes that work meanwhile keep them.
begin;

do $$
declare
    name text;
begin
    foreach name in array array['proofing_web', 'proofing_worker', 'proofing_viewer', 'proofing_operator'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
        execute format('revoke all on all tables in schema proofing from %I', name);
        execute format('revoke all on all functions in schema proofing from %I', name);
        execute format('grant usage on schema proofing to %I', name);
        execute format('grant select on proofing.migration to %I', name);
    end loop;
end
$$;

-- Web: enqueues, cancels, withdraws, wakes, deletes by owner, reads final statuses and counts. It writes payload and
-- notes and cannot read them back, and it bars an id in the history without being able to write a final status there.
grant insert on proofing.job to proofing_web;
grant select (
    id, lease, worker, enqueued_at, run_at, expires_at, due_at, started_at, deadline_at, submitted_at,
    stale_after_seconds, deadline_seconds, delay_seconds, attempts, crashes, schema_version, state,
    queue, kind, owner, trace_id, traceparent, partner, unique_key, intent, waits_for, wanted_end
) on proofing.job to proofing_web;
grant update (state, wanted_end) on proofing.job to proofing_web;
grant delete on proofing.job to proofing_web;
-- Everybody may call a new function, until told otherwise.
revoke all on function proofing.wake from public;
grant execute on function proofing.wake to proofing_web;
grant select, delete on proofing.job_done to proofing_web;
grant insert (
    id, enqueued_at, ended_at, attempts, crashes, end_state, queue, kind, trace_id
) on proofing.job_done to proofing_web;
grant select on proofing.worker, proofing.tally, proofing.paused_queue to proofing_web;

-- Worker: everything that claiming and ending needs, and resuming a paused queue; it enqueues nothing.
grant select, update, delete on proofing.job to proofing_worker;
grant select, insert, delete on proofing.job_done to proofing_worker;
grant select, insert, update, delete on proofing.worker to proofing_worker;
grant select, insert, update on proofing.tally to proofing_worker;
grant select, insert, update, delete on proofing.paused_queue to proofing_worker;

-- Viewer: counts and states for dashboards, and the vendors of parked jobs. No payload, no notes, no owner, no final status.
grant select (
    id, lease, worker, enqueued_at, run_at, expires_at, due_at, started_at, deadline_at, attempts, crashes,
    schema_version, state, queue, kind, trace_id, waits_for, wanted_end
) on proofing.job to proofing_viewer;
grant select (
    id, enqueued_at, started_at, ended_at, attempts, crashes, end_state, queue, kind, trace_id
) on proofing.job_done to proofing_viewer;
grant select on proofing.worker, proofing.tally, proofing.paused_queue to proofing_viewer;

-- Operator: lists and cancels jobs, pauses and resumes queues. No payload, no notes, no owner, no final status.
grant select (
    id, lease, worker, enqueued_at, run_at, expires_at, due_at, started_at, deadline_at, attempts, crashes,
    schema_version, state, queue, kind, trace_id, intent, waits_for, wanted_end
) on proofing.job to proofing_operator;
grant update (state, wanted_end) on proofing.job to proofing_operator;
grant select (
    id, enqueued_at, started_at, ended_at, attempts, crashes, end_state, queue, kind, trace_id, vendor
) on proofing.job_done to proofing_operator;
grant select on proofing.worker, proofing.tally to proofing_operator;
grant select, insert, update on proofing.paused_queue to proofing_operator;

commit;
