"""A verification store that fails in the middle of changes: nothing is kept twice, by half, or lost."""

import asyncio
import contextlib
from collections import Counter

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.verifications import EventType, Mode, VerificationState
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.verification_basis import (
    GIVE_UP_SECONDS,
    PARTY,
    SEALED,
    make_answer,
    make_begun,
    make_end,
    make_event,
    make_verification,
    record_of,
)
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import running_postgres
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore

CASES = {"test_an_outage_doubles_and_loses_nothing": (24, 1000)}
#: Of the network to PostgreSQL, or of the server.
FAULTS = {
    "frozen": Fault(black_hole=True),
    "answers lost": Fault(answer_latency_seconds=60.0),
    "killed": None,
}
#: Clients at once.
BESIDE = 12
#: By when all clients are through; only a test that fails takes so long.
PATIENCE_SECONDS = 240.0
AGAIN_SECONDS = 0.1


@pytest.fixture(scope="module")
def postgres():
    """Run one PostgreSQL whose commits reach the disk; it is killed."""
    with running_postgres(durable=True) as server:
        yield server


class Client:
    """A relying party's back end and a worker, which ask again until there is an answer.

    Attributes:
        acknowledged: highest sequence that was answered, by verification; of all clients.
        failures: how many calls had no answer; of all clients.
    """

    def __init__(self, store, acknowledged, failures):
        self.store = store
        self.acknowledged = acknowledged
        self.failures = failures

    async def again(self, name, call):
        """Call until there is an answer; each try ends within the deadline."""
        while True:
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    return await call()
            except StoreUnavailableError:
                self.failures[name] += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def go(self, number):
        """Create under one idempotency key, begin a job, and record its end."""
        verification_id = await self.again("create", lambda: self.create(number))
        self.acknowledged[verification_id] = 1
        record = await self.again("load", lambda: record_of(self.store, verification_id))
        begun = make_begun(record)
        await self.again("begin", lambda: self.begin(verification_id, begun))
        self.acknowledged[verification_id] = 2
        await self.again("end", lambda: self.end(verification_id, begun))
        self.acknowledged[verification_id] = 3

    async def create(self, number):
        """Create, or learn what an earlier try has created."""
        record = make_verification(person=f"person-{number}")
        created = await self.store.create(
            record,
            sealed=SEALED,
            events=[make_event(endpoints=["hook"])],
            idempotency=make_answer(str(number), answer=record.id.encode()),
        )
        assert created.open is None, "an answer and its verification were not kept together"
        return created.replayed.answer.decode() if created.replayed else created.record.id

    async def begin(self, verification_id, begun):
        """Keep the job unless an earlier try has."""
        record = await record_of(self.store, verification_id)
        if record.state is VerificationState.CREATED:
            changed = record.changed(at=self.store.now(), state=VerificationState.PROCESSING)
            await self.store.change(changed, begun=begun, events=[make_event(EventType.PROCESSING)])

    async def end(self, verification_id, begun):
        """Record the end; the first that is recorded counts."""
        record = await record_of(self.store, verification_id)
        changed = record.changed(at=self.store.now(), state=VerificationState.VERIFIED)
        kept = await self.store.change(changed, end=make_end(begun), events=[make_event(EventType.VERIFIED)])
        assert kept.end is not None


@contextlib.asynccontextmanager
async def opened(dsn):
    """Open a store with short deadlines."""
    settings = {"dsn": dsn, "timeout_seconds": 1.5, "statement_seconds": 1.2}
    store = PostgresVerificationStore(PostgresSettings.model_validate(settings))
    try:
        yield store
    finally:
        await store.close()


async def break_and_heal(fault, proxy, server, failures):
    """Fail until some call had no answer, and heal."""
    before = failures.total()
    if FAULTS[fault] is None:
        server.kill()
    else:
        await proxy.set(FAULTS[fault])
    await eventually(lambda: failures.total() > before, within_seconds=60)
    if FAULTS[fault] is None:
        await asyncio.to_thread(server.start)
    await proxy.set(NO_FAULT)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_outage_doubles_and_loses_nothing(cases, claim, postgres, fault):
    """Network or server go in the middle of changes: each ends with one verification, end and set of events.

    What was answered before the outage is there after it, and calls fail within their deadline.
    """
    dsn = postgres.new_database()
    acknowledged, failures = {}, Counter()
    async with FaultProxy(postgres.host, postgres.port) as proxy:
        led = dsn.replace(f":{postgres.port}", f":{proxy.port}")
        async with opened(dsn) as direct, opened(led) as store:
            await direct.migrate()
            turns = asyncio.Semaphore(BESIDE)

            async def one(number):
                async with turns:
                    await Client(store, acknowledged, failures).go(number)

            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
                for number in range(cases):
                    group.create_task(one(number))
                await eventually(lambda: len(acknowledged) >= cases // 4, within_seconds=60)
                await break_and_heal(fault, proxy, postgres, failures)
            records = await direct.page(PARTY, Mode.LIVE, limit=cases * 2)
            events = await direct.events(PARTY, Mode.LIVE, after=0, limit=cases * 6)
            ends = [await direct.ends(record.id) for record in records]
    assert failures.total(), "nobody met the outage"
    assert sorted(record.person for record in records) == sorted(f"person-{n}" for n in range(cases))
    assert {record.id for record in records} == acknowledged.keys()
    assert {(record.sequence, record.state) for record in records} == {(3, VerificationState.VERIFIED)}
    assert [len(one) for one in ends] == [1] * cases
    assert [event.cursor for event in events] == list(range(1, 3 * cases + 1))
    assert set(Counter(event.verification_id for event in events).values()) == {3}
    claim(
        "S17",
        f"The way to the verification store fails in the middle of changes ({fault}) and heals: "
        "verifications, ends and events doubled or lost",
        f"0 of {cases} verifications, {failures.total()} calls without an answer",
    )
