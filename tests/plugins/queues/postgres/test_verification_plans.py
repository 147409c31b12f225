"""Every statement of the verification store finds its rows by an index, at the size of a busy year."""

import re
from typing import Any

import pytest
from psycopg import AsyncConnection

from proofing.plugin.support import NamedQueries
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore

_QUERIES = NamedQueries("proofing_postgres.verifications")
#: A handful of rows each, which the planner may well read whole.
_SMALL = {"endpoint", "credential", "event_cursor"}
_OWN = {"relying_party": "party-1", "mode": "live"}
_RECORD = {
    **_OWN,
    "id": "ver_1",
    "policy": "p",
    "person": "person-1",
    "state": "created",
    "is_ended": "false",
    "sequence": "2",
    "created_at": "1",
    "due_at": "1",
    "link_digest": "d",
    "body": "{}",
}
_ANSWER = {"scope": "s", "key": "k", "fingerprint": "f", "status": "200", "answer": "x", "created_at": "1"}
_JOB = {"result_id": "job-1", "verification_id": "ver_1", "body": "{}", "give_up_at": "1"}
_PAGE = {
    **_OWN,
    "before_at": "9000",
    "before_id": "ver_9",
    "state": "created",
    "person": "person-1",
    "limit": "20",
}
_CLAIM = {"limit": "100", "per_endpoint": "10", "now": "9e9", "lease_end": "9.1e9"}
_FINISHED = {"event_id": "evt_1", "endpoint": "hook", "lease": "l", "now": "1", "state": "dead"}
_UNSET = ("status", "failure", "failures", "failing_since", "paused_until", "disabled_reason")
_LISTED = {"relying_party": "party-1", "state": "dead", "event_id": None, "limit": "50"}
#: Statement to the values that it is planned for. Those that only insert by a key are left out.
STATEMENTS: dict[str, dict[str, str | None]] = {
    "insert_verification": _RECORD,
    "open_verification": _RECORD,
    "update_verification": _RECORD,
    "load": {"id": "ver_1"},
    "find_link": {"digest": "d"},
    "delete_sealed": {"id": "ver_1", "names": "{claims}"},
    "overdue_verifications": {"before": "5", "limit": "100"},
    "page": _PAGE,
    "page_of_state": _PAGE,
    "page_of_person": _PAGE,
    "of_person": {"person": "person-1"},
    "delete_verification": {"id": "ver_1"},
    "insert_end": _JOB,
    "end_of": _JOB,
    "ends": {"id": "ver_1"},
    "insert_begun": _JOB,
    "begun_jobs": {"id": "ver_1"},
    "overdue_jobs": {"before": "5", "limit": "100"},
    "insert_answer": _ANSWER,
    "answer": _ANSWER,
    "purge_answers": {"before": "5", "limit": "100"},
    "events": {**_OWN, "after": "5", "limit": "100", "types": None},
    "purge_events": {"before": "5", "limit": "100"},
    "claim": _CLAIM,
    "finish_delivery": {**_FINISHED, "next_at": "1", **dict.fromkeys(_UNSET)},
    "next_delivery_at": {},
    "deliveries": _LISTED,
    "replay_deliveries": {**_LISTED, "endpoint": "hook", "now": "1", "since": "9000"},
}
_FILL = """
insert into proofing.verification (
    id, relying_party, mode, policy, person, state, is_ended, sequence, created_at, due_at, link_digest, body
)
select 'ver_' || n, 'party-' || n % 7, 'live', 'p', 'person-' || n,
    (array['created', 'verified', 'failed'])[n % 3 + 1], n % 3 > 0, 1, n, n, 'digest-' || n, '{}'
from generate_series(1, 20000) n;
insert into proofing.sealed_value select 'ver_' || n, 'subject', 'x' from generate_series(1, 20000) n;
insert into proofing.job_end (result_id, verification_id, body)
select 'job-' || n, 'ver_' || n, '{}' from generate_series(1, 20000) n;
insert into proofing.begun_job select n, 'begun-' || n, 'ver_' || n, '{}' from generate_series(1, 20000) n;
insert into proofing.idempotent_answer
select n, 200, 's', 'k-' || n, 'f', 'x' from generate_series(1, 20000) n;
insert into proofing.event
select n, n, 'evt_' || n, 'party-' || n % 7, 'live', 'ver_' || n, 't', 'x' from generate_series(1, 20000) n;
insert into proofing.delivery (created_at, cursor, next_at, event_id, endpoint, relying_party, mode, state)
select n, n, n, 'evt_' || n, 'hook', 'party-' || n % 7, 'live',
    case when n % 50 = 0 then 'due' when n % 50 = 1 then 'dead' else 'delivered' end
from generate_series(1, 20000) n;
analyze
"""


@pytest.fixture
async def filled(dsn: str) -> AsyncConnection[Any]:
    """Give a connection to tables with many rows and fresh statistics."""
    store = PostgresVerificationStore(PostgresSettings.model_validate({"dsn": dsn}))
    await store.migrate()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for statement in _FILL.split(";"):
            await connection.execute(statement)
        yield connection


async def test_no_statement_reads_a_whole_table(filled: AsyncConnection[Any]) -> None:
    """By an index, as the planner chooses for itself."""
    for name, values in STATEMENTS.items():
        text = _QUERIES.query(name)
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
        for place, parameter in enumerate(names, 1):
            text = text.replace(f"%({parameter})s", f"${place}")
        await filled.execute(f"prepare s_{name} as {text}")
        given = ", ".join("null" if values[one] is None else f"'{values[one]}'" for one in names)
        call = f"execute s_{name}({given})" if names else f"execute s_{name}"
        plan = "\n".join(row[0] for row in await (await filled.execute(f"explain {call}")).fetchall())
        assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= _SMALL, f"{name}\n{plan}"


def test_every_statement_that_looks_for_rows_is_among_them() -> None:
    """A new one gets its plan here."""
    left_out = {
        "ready",
        "ping",
        "durability",
        "claim_alone",
        "save_sealed",
        "insert_events",
        "endpoint_states",
    }
    of_keys = {name for name in _QUERIES._statements if "credential" in name} | {"note_use", "set_endpoint"}
    assert set(_QUERIES._statements) == STATEMENTS.keys() | left_out | of_keys
