-- Least rights for each kind of process. Run it once as the owner of the database, after `proofing migrate`,
-- and again after each later one; it is idempotent. Give each role to a login of your own:
--   create role web_login login password '…' in role proofing_web;
-- Payload, answers and notes are sealed, and still only the worker may read them. Values of verifications and keys
-- of relying parties are sealed, too; the key service decides who opens them.

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

-- Verifications. Web: creates and changes them, deletes them by their person, polls events, reads keys and notes their
-- use. It claims and finishes no delivery.
grant select, insert, update, delete on proofing.verification, proofing.sealed_value to proofing_web;
grant select, insert, delete on proofing.job_end, proofing.begun_job, proofing.event to proofing_web;
grant select, insert on proofing.idempotent_answer to proofing_web;
grant select, insert, update on proofing.event_cursor to proofing_web;
grant select, insert, delete on proofing.delivery to proofing_web;
grant select on proofing.endpoint, proofing.credential to proofing_web;
grant update (last_used_at) on proofing.credential to proofing_web;

-- Worker: changes them, records ends, expires and deletes, makes deliveries. It creates none, and no key.
grant select, update, delete on proofing.verification to proofing_worker;
grant select, insert, update, delete on proofing.sealed_value to proofing_worker;
grant select, insert, delete on proofing.job_end, proofing.begun_job, proofing.event to proofing_worker;
grant select (scope, key, created_at), delete on proofing.idempotent_answer to proofing_worker;
grant select, insert, update on proofing.event_cursor, proofing.endpoint to proofing_worker;
grant select, insert, update, delete on proofing.delivery to proofing_worker;
grant select on proofing.credential to proofing_worker;

-- Viewer: counts, states and times. No record, no person, no sealed value, no event's body, no digest.
grant select (
    id, relying_party, mode, policy, state, is_ended, sequence, created_at, due_at
) on proofing.verification to proofing_viewer;
grant select (result_id, verification_id, give_up_at) on proofing.begun_job to proofing_viewer;
grant select (
    id, relying_party, mode, verification_id, type, created_at, cursor
) on proofing.event to proofing_viewer;
grant select on proofing.event_cursor, proofing.delivery, proofing.endpoint to proofing_viewer;
grant select (
    id, relying_party, mode, kind, prefix, scopes, created_at, usable_at, retire_at, last_used_at
) on proofing.credential to proofing_viewer;

-- Operator: lists, changes (cancels, decides, redacts) and deletes verifications, replays deliveries, makes, retires
-- and deletes keys. It creates no verification, and writes no sealed value of one.
grant select, update, delete on proofing.verification to proofing_operator;
grant select, delete on proofing.sealed_value, proofing.begun_job to proofing_operator;
grant select, insert, delete on proofing.job_end, proofing.event to proofing_operator;
grant select, insert, update on proofing.event_cursor, proofing.endpoint to proofing_operator;
grant select, insert, update, delete on proofing.delivery, proofing.credential to proofing_operator;

-- Calls and routing decisions. Web: adds those of jobs inside a request, and reads nothing.
grant insert on proofing.call_record, proofing.routing_decision to proofing_web;

-- Worker: adds, deletes what is old, and decisions about a person who is erased. It reads no record.
grant insert, delete on proofing.call_record, proofing.routing_decision to proofing_worker;
grant select (id, at) on proofing.call_record to proofing_worker;
grant select (job, id, at, person) on proofing.routing_decision to proofing_worker;

-- Operator: reads. It adds, changes and deletes none.
grant select on proofing.call_record, proofing.routing_decision to proofing_operator;

commit;
