"""The database roles of ``roles.sql`` over verifications: each does its work, and nothing else."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import AsyncConnection
from tests.plugins.queues.postgres.store_roles import opened_as_roles, owned, refused

from proofing.contracts.verification_store import DeliveryState, EndpointState
from proofing.contracts.verifications import Mode, Sealed, VerificationState
from proofing.testing.verification_basis import (
    PARTY,
    add,
    make_answer,
    make_begun,
    make_credential,
    make_end,
    make_event,
    make_verification,
)
from proofing_postgres.verifications.store import PostgresVerificationStore

_ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
_KEPT = {"SELECT", "INSERT", "DELETE"}
_SEEN = {"SELECT"}
#: Role to the rights on whole tables.
EXPECTED = {
    "proofing_web": {
        "verification": _ALL,
        "sealed_value": _ALL,
        "job_end": _KEPT,
        "begun_job": _KEPT,
        "idempotent_answer": {"SELECT", "INSERT"},
        "event_cursor": {"SELECT", "INSERT", "UPDATE"},
        "event": _KEPT,
        "delivery": _KEPT,
        "endpoint": _SEEN,
        "credential": _SEEN,
    },
    "proofing_worker": {
        "verification": {"SELECT", "UPDATE", "DELETE"},
        "sealed_value": _ALL,
        "job_end": _KEPT,
        "begun_job": _KEPT,
        "idempotent_answer": {"DELETE"},
        "event_cursor": {"SELECT", "INSERT", "UPDATE"},
        "event": _KEPT,
        "delivery": _ALL,
        "endpoint": {"SELECT", "INSERT", "UPDATE"},
        "credential": _SEEN,
    },
    "proofing_viewer": {"event_cursor": _SEEN, "delivery": _SEEN, "endpoint": _SEEN},
    "proofing_operator": {
        "verification": {"SELECT", "UPDATE", "DELETE"},
        "sealed_value": {"SELECT", "DELETE"},
        "job_end": _KEPT,
        "begun_job": {"SELECT", "DELETE"},
        "event_cursor": {"SELECT", "INSERT", "UPDATE"},
        "event": _KEPT,
        "delivery": _ALL,
        "endpoint": {"SELECT", "INSERT", "UPDATE"},
        "credential": _ALL,
    },
}
#: What the viewer may not read, by table.
HIDDEN = {
    "verification": {"person", "body", "link_digest"},
    "sealed_value": {"verification_id", "name", "body"},
    "job_end": {"number", "result_id", "verification_id", "body"},
    "begun_job": {"body"},
    "idempotent_answer": {"created_at", "status", "scope", "key", "fingerprint", "answer"},
    "event": {"body"},
    "credential": {"public", "digest", "sealed"},
}


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[PostgresVerificationStore]:
    """Give the store of the owner, with tables, roles and logins."""
    async with owned(PostgresVerificationStore, dsn, EXPECTED) as store:
        yield store


@pytest.fixture
async def as_role(owner: PostgresVerificationStore, dsn: str) -> AsyncIterator[Callable[[str], Any]]:
    """Give a maker of open stores with the login of a role."""
    async with opened_as_roles(PostgresVerificationStore, dsn) as make:
        yield make


@pytest.mark.parametrize("role", list(EXPECTED))
async def test_rights_are_exactly_those(owner: Any, sql: Callable[..., Any], role: str) -> None:
    """No right on a table of verifications that is not expected, none missing."""
    rows = await sql(
        "select table_name, privilege_type from information_schema.table_privileges"
        " where table_schema = 'proofing' and grantee = %s",
        role,
    )
    found: dict[str, set[str]] = {}
    for table, privilege in rows:
        if table in EXPECTED["proofing_web"]:
            found.setdefault(table, set()).add(privilege)
    assert found == EXPECTED[role]


async def test_what_a_viewer_does_not_see(owner: Any, sql: Callable[..., Any]) -> None:
    """No record, no reference of a person, nothing sealed, no digest."""
    rows = await sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'proofing'"
        " and not has_column_privilege('proofing_viewer', format('proofing.%%I', table_name), column_name,"
        " 'select')"
    )
    hidden: dict[str, set[str]] = {}
    for table, column in rows:
        if table in EXPECTED["proofing_web"]:
            hidden.setdefault(table, set()).add(column)
    assert hidden == HIDDEN


async def test_web_does_its_work_and_no_more(owner: Any, as_role: Any) -> None:
    """It creates, changes, redacts, deletes, polls and notes uses; it delivers nothing and makes no key."""
    await owner.add_credential(credential := make_credential())
    web = await as_role("proofing_web")
    record = make_verification()
    await web.create(
        record,
        sealed={Sealed.SUBJECT: b"x"},
        events=[make_event(endpoints=["hook"])],
        idempotency=make_answer("key"),
    )
    changed = record.changed(at=time.time(), state=VerificationState.PROCESSING)
    begun = make_begun(record)
    assert (await web.change(changed, sealed={Sealed.SUBJECT: None}, begun=begun)).is_kept
    ended = changed.changed(at=time.time(), state=VerificationState.VERIFIED)
    assert (await web.change(ended, end=make_end(begun), events=[make_event()])).is_kept
    assert await web.keep_answer(make_answer("refusal")) is None
    assert len(await web.events(PARTY, Mode.LIVE, after=0, limit=9)) == 2
    assert await web.credential(credential.id) is not None
    await web.note_use(credential.id, at=5.0)
    await web.ping()
    await refused(web.claim_deliveries(limit=1, per_endpoint=1, lease_seconds=1.0))
    await refused(web.set_endpoint(EndpointState(relying_party=PARTY, mode=Mode.LIVE, endpoint="hook")))
    await refused(web.replay_deliveries(relying_party=PARTY))
    await refused(web.add_credential(make_credential()))
    await refused(web.retire_credential(credential.id, at=1.0))
    await refused(web.delete_credential(credential.id))
    assert await web.delete(record.id)


async def test_a_worker_does_its_work_and_no_more(owner: Any, as_role: Any) -> None:
    """It records ends, seals claims, expires, purges and delivers; it creates nothing and makes no key."""
    record = await add(owner, make_event(endpoints=["hook"]))
    await owner.keep_answer(make_answer("old", created_at=1.0))
    worker = await as_role("proofing_worker")
    assert await worker.load(record.id) is not None
    ended = record.changed(at=time.time(), state=VerificationState.VERIFIED)
    kept = await worker.change(
        ended, end=make_end(make_begun(record)), sealed={Sealed.CLAIMS: b"x"}, events=[make_event()]
    )
    assert kept.is_kept
    await worker.overdue_jobs(before=1.0, limit=1)
    await worker.overdue_verifications(before=1.0, limit=1)
    (claimed,) = await worker.claim_deliveries(limit=9, per_endpoint=9, lease_seconds=60.0)
    state = EndpointState(relying_party=PARTY, mode=Mode.LIVE, endpoint="hook")
    done = replace(claimed.delivery, state=DeliveryState.DELIVERED)
    assert await worker.finish_delivery(claimed, done, state)
    assert await worker.purge_answers(before=2.0) == 1
    assert await worker.purge_events(before=time.time() + 60) == 2
    await worker.credentials()
    await worker.ping()
    await refused(worker.create(make_verification(), sealed={}))
    await refused(worker.add_credential(make_credential()))
    await refused(worker.note_use("key", at=1.0))
    await refused(worker.idempotent_answer("scope", "key"))
    assert await worker.delete(record.id)


async def test_an_operator_does_its_work_and_no_more(owner: Any, as_role: Any) -> None:
    """Lists, ends and redacts verifications, replays deliveries, makes keys; creates and seals nothing."""
    record = await add(owner, make_event(endpoints=["hook"]))
    operator = await as_role("proofing_operator")
    assert await operator.page(PARTY, Mode.LIVE, limit=5) == [record]
    canceled = record.changed(at=time.time(), state=VerificationState.CANCELED)
    kept = await operator.change(
        canceled, sealed={Sealed.SUBJECT: None}, events=[make_event(endpoints=["x"])]
    )
    assert kept.is_kept
    # The job that ran is canceled with it.
    ended = canceled.changed(at=time.time())
    assert (await operator.change(ended, end=make_end(make_begun(record)))).is_kept
    await operator.deliveries()
    await operator.replay_deliveries(relying_party=PARTY)
    await operator.set_endpoint(EndpointState(relying_party=PARTY, mode=Mode.LIVE, endpoint="hook"))
    credential = make_credential()
    await operator.add_credential(credential)
    assert await operator.retire_credential(credential.id, at=5.0)
    assert await operator.delete_credential(credential.id)
    await operator.ping()
    await refused(operator.create(make_verification(), sealed={}))
    again = ended.changed(at=time.time())
    await refused(operator.change(again, sealed={Sealed.CLAIMS: b"x"}))
    await refused(operator.keep_answer(make_answer("key")))


async def test_a_viewer_reads_no_record(owner: Any, as_role: Any, dsn: str) -> None:
    """Neither by the store nor by statements that look for a way round."""
    await add(owner)
    viewer = await as_role("proofing_viewer")
    await viewer.endpoint_states()
    for call in (viewer.load("x"), viewer.credentials(), viewer.of_person("x"), viewer.ends("x")):
        await refused(call)
    parts = urlsplit(dsn)
    own = urlunsplit(parts._replace(netloc=f"test_proofing_viewer@{parts.hostname}:{parts.port}"))
    async with await AsyncConnection.connect(own, autocommit=True) as connection:
        await connection.execute("select state, count(*) from proofing.verification group by state")
        for statement in (
            "select * from proofing.verification",
            "select v::text from proofing.verification v",
            "select body from proofing.sealed_value",
            "select body from proofing.event",
            "delete from proofing.delivery",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
