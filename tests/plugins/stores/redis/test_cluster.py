"""One node of a cluster goes silent or fails over: the calls to the others do not notice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.stores import Count, Mark, Usage
from proofing.testing.store_basis import make_ended, make_record
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisNodes, RedisServer, running_cluster
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings

DEADLINE_SECONDS = 1.5
CHANNEL = "proofing:ended"


@pytest.fixture(scope="module")
def nodes() -> Iterator[RedisNodes]:
    """Run three primaries that stay what they are, also when one of them is silent."""
    config = {"cluster-node-timeout": "60000", "cluster-require-full-coverage": "no"}
    with running_cluster(config=config) as nodes:
        yield nodes


@pytest.fixture
async def store(nodes: RedisNodes) -> AsyncIterator[RedisResultStore]:
    """Give an open store on the cluster, which hears of ends by message only."""
    store = make_store(nodes)
    await store.open()
    yield store
    await store.close()


def make_store(nodes: RedisNodes) -> RedisResultStore:
    """Return a store that asks the cluster."""
    return RedisResultStore(
        RedisSettings.model_validate(
            {
                "url": f"redis+cluster://{nodes.hosts}",
                "deadline_seconds": DEADLINE_SECONDS,
                "poll_seconds": 30.0,
            }
        )
    )


def keys_of(nodes: RedisNodes, server: RedisServer, *, count: int) -> list[str]:
    """Return keys of the store's that lie on *server*."""
    names = (f"key-{number}" for number in range(1000))
    found = (name for name in names if nodes.owner(f"proofing:kept:{name}") is server)
    return [next(found) for _ in range(count)]


@pytest.mark.parametrize("given_up", [False, True])
async def test_an_admission_that_breaks_off_is_taken_back(
    store: RedisResultStore, monkeypatch: pytest.MonkeyPatch, *, given_up: bool
) -> None:
    """A later step fails, or is canceled, after its own command has worked: no mark and no count is left."""
    name = f"broken-{given_up}"
    marks = [Mark(key=f"{name}-{number}", value=b"mine", ttl_seconds=60) for number in range(2)]
    counts = [Count(counter=f"{name}-{number}", maximum=5, window_seconds=60) for number in range(2)]
    add, count = store.add, store.count

    async def fail(counter: str, **what: Any) -> Usage:
        if counter == counts[1].counter:
            raise asyncio.CancelledError if given_up else StoreUnavailableError("away")
        return await count(counter, **what)

    async def lose_the_answer(key: str, value: bytes, *, ttl_seconds: float) -> bool:
        await add(key, value, ttl_seconds=ttl_seconds)
        raise StoreUnavailableError("the answer is lost")

    for step, replacement in (("count", fail), ("add", lose_the_answer)):
        with monkeypatch.context() as outage:
            outage.setattr(store, step, replacement)
            with pytest.raises((StoreUnavailableError, asyncio.CancelledError)):
                await store.admit(marks=marks, counts=counts)
        assert [await store.load(mark.key) for mark in marks] == [None, None]
        assert [(await store.usage(one.counter)).count for one in counts] == [0, 0]
    assert (await store.admit(marks=marks, counts=counts)).granted


async def test_a_silent_node_fails_only_its_own_calls(nodes: RedisNodes, store: RedisResultStore) -> None:
    """Over several deadlines each call to the other nodes is answered, and the wake-ups continue."""
    silent = next(server for server in nodes.primaries if server is not nodes.owner(CHANNEL))
    lost = keys_of(nodes, silent, count=4)
    healthy = [
        key for server in nodes.primaries if server is not silent for key in keys_of(nodes, server, count=4)
    ]
    await asyncio.gather(*(store.save(key, b"value", ttl_seconds=60) for key in (*lost, *healthy)))
    record = make_record()
    while nodes.owner(f"proofing:{{{record.result_id}}}:status") is silent:
        record = make_record()
    await store.begin(record, ttl_seconds=60)
    waiter = asyncio.create_task(store.wait(record.result_id, timeout_seconds=20))
    listening = nodes.owner(CHANNEL)
    await eventually(lambda: listening.command("PUBSUB", "NUMSUB", CHANNEL) == [CHANNEL, 1])
    listener = str(listening.command("CLIENT", "LIST", "TYPE", "pubsub")).split()[0]
    is_over = asyncio.Event()
    served = 0

    async def use(key: str) -> None:
        nonlocal served
        while not is_over.is_set():
            assert await store.load(key) == b"value"
            served += 1

    silent.pause()
    try:
        users = [asyncio.create_task(use(key)) for key in healthy]
        for _ in range(4):
            failures = await asyncio.gather(*(store.load(key) for key in lost), return_exceptions=True)
            assert {type(failure) for failure in failures} == {StoreUnavailableError}
        is_over.set()
        await asyncio.gather(*users)
        assert served > len(healthy)
        assert str(listening.command("CLIENT", "LIST", "TYPE", "pubsub")).split()[0] == listener
        ended = make_ended(record)
        await store.finish(ended, ttl_seconds=60)
        assert await asyncio.wait_for(waiter, 5) == ended
    finally:
        silent.resume()

    async def is_healed() -> bool:
        try:
            return [await store.load(key) for key in lost] == [b"value"] * len(lost)
        except StoreUnavailableError:
            return False

    await eventually(is_healed)


async def test_a_failover_is_followed() -> None:
    """When a replica takes the place of a primary that went silent, the store asks it, without a restart."""
    with running_cluster(replicas=1, config={"cluster-node-timeout": "500"}) as nodes:
        store = make_store(nodes)
        await store.open()
        (key,) = keys_of(nodes, nodes.primaries[0], count=1)
        await store.save(key, b"value", ttl_seconds=60)
        nodes.primaries[0].pause()
        await eventually(
            lambda: "role:master" in str(nodes.replicas[0].command("INFO", "replication")),
            within_seconds=30,
        )

        async def is_served() -> bool:
            try:
                return await store.load(key) is not None
            except StoreUnavailableError:
                return False

        await eventually(is_served, within_seconds=15)
        await store.close()
