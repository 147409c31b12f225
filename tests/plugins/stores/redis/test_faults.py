"""Redis slow, reset, silent or down: a typed error by the deadline, and healed without a restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.stores import Mark
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.store_basis import make_ended, make_record
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisServer, running_redis
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings

DEADLINE_SECONDS = 0.8
HEALED_SECONDS = 10.0

FAULTS = {
    "slow": Fault(latency_seconds=1.0),
    "dripping": Fault(slice_bytes=1, bytes_per_second=3),
    "reset": Fault(reset=True),
    "cut": Fault(cut_after_bytes=1),
    "black hole": Fault(black_hole=True),
    "down": Fault(is_down=True),
}

CALLS: dict[str, Callable[[RedisResultStore], Awaitable[object]]] = {
    "begin": lambda store: store.begin(make_record(), ttl_seconds=60),
    "finish": lambda store: store.finish(make_ended(make_record()), ttl_seconds=60),
    "update": lambda store: store.update(make_record(), ttl_seconds=60),
    "status": lambda store: store.status("id"),
    "wait": lambda store: store.wait("id", timeout_seconds=60),
    "result": lambda store: store.result("id"),
    "drop_result": lambda store: store.drop_result("id"),
    "save": lambda store: store.save("key", b"value", ttl_seconds=60),
    "load": lambda store: store.load("key"),
    "delete": lambda store: store.delete("key"),
    "add": lambda store: store.add("key", b"value", ttl_seconds=60),
    "compare_and_set": lambda store: store.compare_and_set(
        "key", b"value", expected=b"", ttl_seconds=60, consumes="id"
    ),
    "admit": lambda store: store.admit(marks=[Mark(key="key", value=b"value", ttl_seconds=60)]),
    "add_member": lambda store: store.add_member("key", b"member", ttl_seconds=60),
    "members": lambda store: store.members("key"),
    "drop_members": lambda store: store.drop_members("key"),
    "time": lambda store: store.time(),
    "erase": lambda store: store.erase("id"),
    "count": lambda store: store.count("limit", maximum=3, window_seconds=60),
    "usage": lambda store: store.usage("limit"),
    "refund": lambda store: store.refund("limit"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one Redis for this module."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[FaultProxy]:
    """Give a healthy proxy before an empty Redis."""
    server.command("FLUSHALL")
    async with FaultProxy(server.host, server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: FaultProxy) -> AsyncIterator[RedisResultStore]:
    """Give an open store behind the proxy, with connections that have been used."""
    store = make_store(proxy)
    await store.open()
    await asyncio.gather(*(store._connection.call(lambda client: client.ping()) for _ in range(8)))
    yield store
    await proxy.set(NO_FAULT)
    await store.close()


def make_store(proxy: FaultProxy) -> RedisResultStore:
    """Return a store that reaches Redis through the proxy."""
    return RedisResultStore(
        RedisSettings.model_validate(
            {
                "url": f"redis://{proxy.host}:{proxy.port}/0",
                "deadline_seconds": DEADLINE_SECONDS,
                "poll_seconds": 0.1,
            }
        )
    )


async def seconds_until_error(call: Awaitable[object]) -> float:
    """Return how long *call* took to say that the store is not available."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        await asyncio.wait_for(call, 10.0)
    assert caught.value.__cause__ is None
    assert "127.0.0.1" not in str(caught.value)
    return time.monotonic() - started


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_call_ends_by_its_deadline_and_heals(
    fault: str, store: RedisResultStore, proxy: FaultProxy
) -> None:
    """All calls at once fail typed; afterward the same store serves again."""
    await proxy.set(FAULTS[fault])
    seconds = await asyncio.gather(*(seconds_until_error(call(store)) for call in CALLS.values()))
    assert max(seconds) < DEADLINE_SECONDS + 1.0  # room for a busy machine
    await proxy.set(NO_FAULT)

    async def is_healed() -> bool:
        try:
            await asyncio.gather(*(store.load(f"key-{number}") for number in range(8)))
        except StoreUnavailableError:
            return False
        return True

    await eventually(is_healed, within_seconds=HEALED_SECONDS)
    assert (await store.count("healed", maximum=1, window_seconds=60)).counted


@pytest.mark.parametrize("fault", FAULTS)
async def test_opening_ends_by_its_deadline(fault: str, proxy: FaultProxy) -> None:
    """A process that starts while Redis is down gets an error that says so."""
    await proxy.set(FAULTS[fault])
    store = make_store(proxy)
    assert await seconds_until_error(store.open()) < 3 * DEADLINE_SECONDS + 1.0
    await proxy.set(NO_FAULT)
    await eventually(lambda: opens(store), within_seconds=HEALED_SECONDS)
    await store.close()


async def opens(store: RedisResultStore) -> bool:
    """Return whether the store can be opened."""
    try:
        await store.open()
    except StoreUnavailableError:
        return False
    return True


@pytest.mark.parametrize("fault", FAULTS)
async def test_waiters_survive_an_outage(
    fault: str, store: RedisResultStore, proxy: FaultProxy, server: RedisServer
) -> None:
    """A caller that waits while Redis is down gets the result when it is back."""
    record = make_record()
    await store.begin(record, ttl_seconds=60)
    waiters = [asyncio.create_task(store.wait(record.result_id, timeout_seconds=30)) for _ in range(5)]
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    # What a waiter asks first may fail; these later calls are answered only after the waiters' own.
    for _ in range(3):
        await asyncio.gather(*(store.status(record.result_id) for _ in range(10)))
    await proxy.set(FAULTS[fault])
    await seconds_until_error(store.status(record.result_id))
    worker = RedisResultStore(RedisSettings.model_validate({"url": server.url}))
    await worker.open()
    ended = make_ended(record)
    await worker.finish(ended, ttl_seconds=60)
    await worker.close()
    await proxy.set(NO_FAULT)
    assert await asyncio.wait_for(asyncio.gather(*waiters), HEALED_SECONDS) == [ended] * 5


async def test_a_restarted_redis_serves_again(server: RedisServer, store: RedisResultStore) -> None:
    """After a crash Redis is empty; scripts, wake-ups and calls work without restarting Proofing."""
    record = make_record()
    await store.begin(record, ttl_seconds=60)
    server.command("CONFIG", "RESETSTAT")
    waiter = asyncio.create_task(store.wait(record.result_id, timeout_seconds=30))
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    # It has read the record for the first time, which must succeed; only what comes later is waited out.
    await eventually(lambda: "cmdstat_get:" in str(server.command("INFO", "commandstats")))
    server.kill()
    await seconds_until_error(store.count("limit", maximum=3, window_seconds=60))
    server.start()

    async def counts() -> bool:
        try:
            return (await store.count("limit", maximum=3, window_seconds=60)).counted
        except StoreUnavailableError:
            return False

    await eventually(counts, within_seconds=HEALED_SECONDS)
    ended = make_ended(record)
    assert await store.finish(ended, ttl_seconds=60) == ended
    assert await asyncio.wait_for(waiter, HEALED_SECONDS) == ended


async def test_a_frozen_redis_is_reported_by_the_deadline(
    server: RedisServer, store: RedisResultStore
) -> None:
    """A stopped process keeps its connections open and says nothing."""
    server.pause()
    try:
        assert await seconds_until_error(store.status("id")) < DEADLINE_SECONDS + 1.0
    finally:
        server.resume()

    async def is_healed() -> bool:
        try:
            return await store.status("id") is None
        except StoreUnavailableError:
            return False

    await eventually(is_healed, within_seconds=HEALED_SECONDS)


async def test_counters_are_exact_in_an_outage(store: RedisResultStore, proxy: FaultProxy) -> None:
    """A call that failed may have counted or not, but never twice: nothing is retried behind its back."""
    await proxy.set(Fault(latency_seconds=0.5))  # the answer comes after the deadline, the command does not
    failures = await asyncio.gather(
        *(store.count("limit", maximum=1000, window_seconds=60) for _ in range(20)), return_exceptions=True
    )
    assert all(isinstance(failure, StoreUnavailableError) for failure in failures)
    await proxy.set(NO_FAULT)

    async def usage() -> object:
        try:
            return await store.usage("limit")
        except StoreUnavailableError:
            return None

    assert (await eventually(usage)).count <= 20
