-- The statements of the call store. Each begins with its name and says what it is for.

-- name: ready
-- Whether the tables are there.
select to_regclass('proofing.routing_decision') is not null;

-- name: insert_calls
-- Keep call records, given as a JSON list; those that are known stay as they are. No column is read, so that a
-- role may add who must not read.
insert into proofing.call_record (
    at, price, is_uncertain, is_shadow, id, vendor, kind, transaction_id, relying_party, outcome,
    permissible_purpose, currency
)
select
    at, price, is_uncertain, is_shadow, id, vendor, kind, transaction_id, relying_party, outcome,
    permissible_purpose, currency
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    at double precision, price numeric, is_uncertain boolean, is_shadow boolean, id text, vendor text, kind text,
    transaction_id text, relying_party text, outcome text, permissible_purpose text, currency text
)
on conflict do nothing;

-- name: insert_decisions
-- Keep decisions, given as a JSON list; those that are known stay as they are.
insert into proofing.routing_decision (at, job, id, step, person, body)
select at, job, id, step, person, body
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    at double precision, job text, id text, step text, person text, body text
)
on conflict do nothing;

-- name: calls
-- A page of call records, the oldest first.
select
    id, at, vendor, kind, transaction_id, relying_party, outcome, is_uncertain, is_shadow, permissible_purpose,
    price, currency
from proofing.call_record
where at >= %(begin)s and at < %(end)s and (at, id) > (%(after_at)s, %(after_id)s)
order by at, id limit %(limit)s;

-- name: costs
-- The number of equal calls of a day, or of a part of one.
select
    case %(by)s::text
        when 'vendor' then vendor when 'relying_party' then relying_party when 'kind' then kind else ''
    end as value,
    currency, price, is_uncertain, count(*)
from proofing.call_record
where at >= %(begin)s and at < %(end)s
group by 1, 2, 3, 4;

-- name: latest_decisions
-- A page of decisions, the newest first.
select id, job, step, body from proofing.routing_decision
where (at, job, id) < (%(before_at)s, %(before_job)s, %(before_id)s)
order by at desc, job desc, id desc limit %(limit)s;

-- name: decisions_of_jobs
-- The decisions of some jobs, the newest first.
select id, job, step, body from proofing.routing_decision
where job = any(%(jobs)s::text[]) order by at desc, job desc, id desc;

-- name: decisions_of
-- The decisions about a person, the newest first.
select id, job, step, body from proofing.routing_decision
where person = %(person)s and at <= %(until)s order by at desc, job desc, id desc limit %(limit)s;

-- name: forget
-- Delete the decisions about a person.
delete from proofing.routing_decision where person = %(person)s;

-- name: forget_jobs
-- Delete the decisions of some jobs.
delete from proofing.routing_decision where job = any(%(jobs)s::text[]);

-- name: sweep_decisions
-- Delete some old decisions.
delete from proofing.routing_decision where (job, id) in (
    select job, id from proofing.routing_decision where at < %(before)s order by at limit %(limit)s
);

-- name: sweep_calls
-- Delete some old call records.
delete from proofing.call_record where id in (
    select id from proofing.call_record where at < %(before)s order by at limit %(limit)s
);
