"""The database roles of ``roles.sql`` over calls and decisions, and the plans of their statements."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from psycopg import AsyncConnection
from tests.plugins.queues.postgres.store_roles import opened_as_roles, owned, refused

from proofing.contracts.call_records import CostGroup
from proofing.plugin.support import NamedQueries
from proofing.testing.call_basis import DECEMBER, NOVEMBER, make_call, make_decision
from proofing_postgres.calls.store import PostgresCallStore

_QUERIES = NamedQueries("proofing_postgres.calls")
#: Role to the rights on both tables as a whole.
EXPECTED = {
    "proofing_web": {"INSERT"},
    "proofing_worker": {"INSERT", "DELETE"},
    "proofing_viewer": set(),
    "proofing_operator": {"SELECT"},
}
#: Role to the columns that it may read.
READ = {
    "proofing_web": set(),
    "proofing_worker": {
        *("call_record.id", "call_record.at"),
        *("routing_decision.job", "routing_decision.id", "routing_decision.at", "routing_decision.person"),
    },
    "proofing_viewer": set(),
}
#: Statement to the values that it is planned for.
STATEMENTS: dict[str, dict[str, str]] = {
    "calls": {"begin": "100", "end": "200", "after_at": "150", "after_id": "x", "limit": "10"},
    "costs": {"by": "vendor", "begin": "100", "end": "200"},
    "latest_decisions": {"before_at": "9000", "before_job": "j", "before_id": "x", "limit": "10"},
    "decisions_of_jobs": {"jobs": "{job-1,job-2}"},
    "decisions_of": {"person": "person-1", "until": "9000", "limit": "10"},
    "forget": {"person": "person-1"},
    "forget_jobs": {"jobs": "{job-1,job-2}"},
    "sweep_decisions": {"before": "5", "limit": "10"},
    "sweep_calls": {"before": "5", "limit": "10"},
}
_FILL = """
insert into proofing.call_record
select n, 0.45, false, false, 'call-' || n, 'acme', 'resolution', 't', 'agency', 'passed', null, 'USD'
from generate_series(1, 20000) n;
insert into proofing.routing_decision
select n, 'job-' || n, 'resolution:0', 'resolution', 'person-' || n, '{}' from generate_series(1, 20000) n;
analyze
"""


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[PostgresCallStore]:
    """Give the store of the owner, with tables, roles and logins."""
    async with owned(PostgresCallStore, dsn, EXPECTED) as store:
        yield store


@pytest.fixture
async def as_role(owner: PostgresCallStore, dsn: str) -> AsyncIterator[Callable[[str], Any]]:
    """Give a maker of open stores with the login of a role."""
    async with opened_as_roles(PostgresCallStore, dsn) as make:
        yield make


@pytest.mark.parametrize("role", list(EXPECTED))
async def test_rights_are_exactly_those(owner: Any, sql: Callable[..., Any], role: str) -> None:
    """No right on a table or column that is not expected, none missing."""
    rows = await sql(
        "select table_name, privilege_type from information_schema.table_privileges"
        " where table_schema = 'proofing' and grantee = %s",
        role,
    )
    for wanted in ("call_record", "routing_decision"):
        assert {privilege for table, privilege in rows if table == wanted} == EXPECTED[role]
    columns = await sql(
        "select table_name || '.' || column_name from information_schema.columns"
        " where table_schema = 'proofing' and table_name in ('call_record', 'routing_decision')"
        " and has_column_privilege(%s, format('proofing.%%I', table_name), column_name, 'select')",
        role,
    )
    if role in READ:
        assert {name for (name,) in columns} == READ[role]


async def test_web_adds_and_reads_nothing(owner: Any, as_role: Any) -> None:
    """Also what is known already; neither costs nor decisions."""
    web = await as_role("proofing_web")
    call, decision = make_call(), make_decision(person="one")
    for _ in range(2):
        await web.add([call], [decision])
    assert len(await owner.calls(begin=NOVEMBER, end=DECEMBER, limit=9)) == 1
    await refused(web.calls(begin=NOVEMBER, end=DECEMBER, limit=9))
    await refused(web.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.VENDOR))
    await refused(web.latest_decisions(limit=1))
    await refused(web.decisions_of("one"))
    await refused(web.forget("one"))
    await refused(web.forget_jobs(["job"]))
    await refused(web.sweep(decisions_before=1.0, calls_before=1.0))


async def test_a_worker_adds_and_deletes_and_reads_nothing(owner: Any, as_role: Any) -> None:
    """It forgets people and jobs, and sweeps what is old."""
    worker = await as_role("proofing_worker")
    for _ in range(2):
        await worker.add([make_call(at=1.0)], [make_decision(person="one")])
    assert await worker.forget("one") == 2
    await worker.add([], [make_decision(job="job")])
    assert await worker.forget_jobs(["job"]) == 1
    await worker.add([], [make_decision(at=1.0)])
    assert await worker.sweep(decisions_before=2.0, calls_before=2.0) == 3
    await refused(worker.calls(begin=NOVEMBER, end=DECEMBER, limit=9))
    await refused(worker.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.VENDOR))
    await refused(worker.decisions_of("one"))


async def test_an_operator_reads_and_changes_nothing(owner: Any, as_role: Any) -> None:
    """Costs, calls and decisions."""
    await owner.add([make_call()], [make_decision(person="one")])
    operator = await as_role("proofing_operator")
    assert len(await operator.calls(begin=NOVEMBER, end=DECEMBER, limit=9)) == 1
    assert len(await operator.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.DAY)) == 1
    assert len(await operator.decisions_of("one")) == 1
    assert len(await operator.latest_decisions(limit=9)) == 1
    await refused(operator.add([make_call()], []))
    await refused(operator.forget("one"))
    await refused(operator.forget_jobs(["job"]))
    await refused(operator.sweep(decisions_before=1.0, calls_before=1.0))


async def test_a_viewer_sees_nothing(owner: Any, as_role: Any) -> None:
    """What was paid is not for dashboards."""
    viewer = await as_role("proofing_viewer")
    await refused(viewer.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.VENDOR))
    await refused(viewer.latest_decisions(limit=1))


async def test_no_statement_reads_a_whole_table(owner: Any, dsn: str) -> None:
    """By an index, as the planner chooses for itself; a new statement gets its plan here."""
    added = {"ready", "insert_calls", "insert_decisions"}
    assert set(_QUERIES._statements) == STATEMENTS.keys() | added
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for statement in _FILL.split(";"):
            await connection.execute(statement)
        for name, values in STATEMENTS.items():
            text = _QUERIES.query(name)
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
            for place, parameter in enumerate(names, 1):
                text = text.replace(f"%({parameter})s", f"${place}")
            await connection.execute(f"prepare s_{name} as {text}")
            given = ", ".join(f"'{values[one]}'" for one in names)
            cursor = await connection.execute(f"explain execute s_{name}({given})")
            plan = "\n".join(row[0] for row in await cursor.fetchall())
            assert "Seq Scan" not in plan, f"{name}\n{plan}"
