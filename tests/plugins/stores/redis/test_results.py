"""What only the Redis store does: start check, wake-ups, junk in the store, exact counters."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, StoreUnavailableError
from proofing.contracts.vendor_gates import BreakerTerms, CallLimits, Gate, GateOutcome
from proofing.testing.store_basis import make_ended, make_record
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisServer, running_redis
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one Redis for this module."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisResultStore]:
    """Give an open store on an empty Redis."""
    server.command("FLUSHALL")
    store = make_store(server)
    await store.open()
    yield store
    await store.close()


def make_store(server: RedisServer, **values: object) -> RedisResultStore:
    """Return a store with some settings changed; patient, since the machine may be busy."""
    return RedisResultStore(
        RedisSettings.model_validate({"url": server.url, "deadline_seconds": 15.0, **values})
    )


# The start check


async def test_a_server_that_forgets_is_fine(
    store: RedisResultStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No persistence, no slow log: nothing to say."""
    assert await store.check() == []
    with caplog.at_level(logging.WARNING):
        other = make_store(server, strict_config=True)
        await other.open()
        await other.close()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"save": "900 1"}, 'set save ""'),
        ({"appendonly": "yes"}, "set appendonly no"),
        ({"slowlog-max-len": "128"}, "set slowlog-max-len 0"),
        ({"maxmemory-policy": "allkeys-lru"}, "set maxmemory-policy noeviction"),
        ({"rename-command": 'CONFIG ""'}, "allow CONFIG GET"),
    ],
)
async def test_a_server_that_keeps_is_reported_or_refused(
    config: dict[str, str], advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning that says how, or with ``strict_config`` no start at all."""
    with running_redis(config=config) as server:
        store = make_store(server)
        with caplog.at_level(logging.WARNING):
            await store.open()
        assert [advice in risk for risk in await store.check()] == [True]
        await store.close()
        (line,) = caplog.records
        assert line.getMessage() == "result_store_risk"
        strict = make_store(server, strict_config=True)
        with pytest.raises(ConfigurationError, match=advice):
            await strict.open()
        with pytest.raises(StoreUnavailableError, match="not open"):
            await strict.status("id")


async def test_slow_log_that_logs_nothing_is_no_risk() -> None:
    """A negative threshold turns it off as well."""
    with running_redis(config={"slowlog-max-len": "128", "slowlog-log-slower-than": "-1"}) as server:
        store = make_store(server, strict_config=True)
        await store.open()
        await store.close()


# Waiting


async def test_five_hundred_waiters_share_one_connection(
    store: RedisResultStore, server: RedisServer
) -> None:
    """500 pages wait; each gets its own end by message alone, over a handful of connections."""
    patient = make_store(server, poll_seconds=30.0, max_connections=8)
    await patient.open()
    records = [make_record() for _ in range(500)]
    await asyncio.gather(*(store.begin(record, ttl_seconds=60) for record in records))
    waiters = [asyncio.create_task(patient.wait(record.result_id, timeout_seconds=25)) for record in records]
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    ended = [make_ended(record) for record in records]
    await asyncio.gather(*(store.finish(record, ttl_seconds=60) for record in ended))
    assert await asyncio.wait_for(asyncio.gather(*waiters), 15) == ended
    # 8 for calls, one that listens, those of the other store, and the one that asks here.
    assert len(str(server.command("CLIENT", "LIST")).splitlines()) <= 9 + 33 + 1
    await patient.close()


async def test_a_lost_message_is_made_up_by_polling(store: RedisResultStore, server: RedisServer) -> None:
    """Without any message the end is seen within the poll."""
    polling = make_store(server, poll_seconds=0.1, key_prefix="proofing")
    await polling.open()
    record = make_record()
    await store.begin(record, ttl_seconds=60)
    waiter = asyncio.create_task(polling.wait(record.result_id, timeout_seconds=20))
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    ended = make_ended(record)
    server.command("SET", f"proofing:{{{record.result_id}}}:status", "1" + ended.to_json())
    assert await asyncio.wait_for(waiter, 10) == ended
    await polling.close()


async def test_a_closed_store_begins_nothing_for_a_late_waiter(server: RedisServer) -> None:
    """Its subscription would outlive the process's stop; after the next opening there is one again."""
    store = make_store(server)
    await store.open()
    await store.close()
    with store._wakeups.waiting("late") as event:
        assert event.is_set()
        assert store._wakeups._tasks == []
    await store.open()
    with store._wakeups.waiting("next") as event:
        assert not event.is_set()
        assert store._wakeups._tasks
    await store.close()


async def test_a_listener_that_cannot_be_made_is_tried_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the library raises, the wake-ups come back."""
    store = make_store(server, poll_seconds=30.0)
    await store.open()
    listener = store._connection.listener

    def fail() -> Any:
        monkeypatch.setattr(store._connection, "listener", listener)
        raise AttributeError

    monkeypatch.setattr(store._connection, "listener", fail)
    record = make_record()
    await store.begin(record, ttl_seconds=60)
    waiter = asyncio.create_task(store.wait(record.result_id, timeout_seconds=20))
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    ended = make_ended(record)
    await store.finish(ended, ttl_seconds=60)
    assert await asyncio.wait_for(waiter, 10) == ended
    await store.close()


async def test_closing_wakes_the_waiters(server: RedisServer) -> None:
    """A page that waits while its process stops is not left hanging."""
    store = make_store(server)
    await store.open()
    waiter = asyncio.create_task(store.wait("id", timeout_seconds=60))
    await eventually(lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1])
    await store.close()
    with pytest.raises(StoreUnavailableError, match="not open"):
        await asyncio.wait_for(waiter, 5)


async def test_two_prefixes_do_not_meet(store: RedisResultStore, server: RedisServer) -> None:
    """Two environments may share a server."""
    other = make_store(server, key_prefix="other")
    await other.open()
    await store.save("key", b"ours", ttl_seconds=60)
    assert await other.load("key") is None
    assert (await other.count("limit", maximum=1, window_seconds=60)).counted
    assert (await store.count("limit", maximum=1, window_seconds=60)).counted
    await other.close()


# What an operator might do to the store


@pytest.mark.parametrize("junk", ["", "1", "0{}", "1{}", "junk", '1{"state": "done"}'])
async def test_junk_counts_as_no_record_and_gives_way(
    junk: str, store: RedisResultStore, server: RedisServer
) -> None:
    """What no version of Proofing wrote is neither believed nor in the way of the verdict."""
    record = make_record()
    server.command("SET", f"proofing:{{{record.result_id}}}:status", junk)
    assert await store.status(record.result_id) is None
    ended = make_ended(record)
    assert await store.finish(ended, ttl_seconds=60, sealed_result=b"sealed") == ended
    assert await store.status(record.result_id) == ended
    assert await store.result(record.result_id) == b"sealed"


async def test_a_record_in_progress_cannot_pose_as_an_end(
    store: RedisResultStore, server: RedisServer
) -> None:
    """Mark and record must agree."""
    record = make_record()
    server.command("SET", f"proofing:{{{record.result_id}}}:status", "1" + record.to_json())
    assert await store.status(record.result_id) is None


async def test_a_value_of_another_type_is_a_typed_error(store: RedisResultStore, server: RedisServer) -> None:
    """Even then nothing of redis-py comes through."""
    server.command("RPUSH", "proofing:kept:key", "x")
    with pytest.raises(StoreUnavailableError):
        await store.load("key")


async def test_everything_expires(store: RedisResultStore, server: RedisServer) -> None:
    """No key without an end: the alarm of the retention plan has nothing to find."""
    record = make_record()
    await store.begin(record, ttl_seconds=60)
    await store.finish(make_ended(make_record()), ttl_seconds=60, sealed_result=b"x")
    await store.save("a", b"x", ttl_seconds=60)
    await store.add("b", b"x", ttl_seconds=60)
    await store.count("c", maximum=5, window_seconds=60)
    await store.count("d", maximum=5, window_seconds=60)
    await store.refund("d")
    keys = server.command("KEYS", "*")
    assert isinstance(keys, list)
    assert len(keys) == 7
    assert all(int(str(server.command("PTTL", str(key)))) > 0 for key in keys)


# Limits


async def test_two_hundred_at_the_limit_count_exactly(store: RedisResultStore, server: RedisServer) -> None:
    """200 at once, over two processes' stores, for a limit of 5: five pass (S14)."""
    other = make_store(server)
    await other.open()
    usages = await asyncio.gather(
        *((store, other)[number % 2].count("limit", maximum=5, window_seconds=60) for number in range(200))
    )
    assert sum(usage.counted for usage in usages) == 5
    assert (await store.usage("limit")).count == 5
    await other.close()


async def test_a_counter_without_an_end_gets_one(store: RedisResultStore, server: RedisServer) -> None:
    """Nobody is locked out forever, whatever happened to the key."""
    server.command("SET", "proofing:count:limit", "5")
    usage = await store.count("limit", maximum=5, window_seconds=60)
    assert not usage.counted
    assert 0 < usage.seconds_left <= 60
    assert int(str(server.command("PTTL", "proofing:count:limit"))) > 0


# The gates before vendors


async def test_gates_after_the_clock_of_the_server_was_set_back(
    store: RedisResultStore, server: RedisServer
) -> None:
    """Nobody waits until the clock is where it was: the breaker has its probe, and the rate is as new."""
    terms = BreakerTerms(faults=1, open_seconds=30.0, probe_seconds=30.0)
    broken = Gate(name="phone/acme", breaker=terms)
    slow = Gate(name="phone/slow", limits=(CallLimits(scope="slow", per_second=0.01),))
    await store.leave(broken, entrant="e", outcome=GateOutcome.FAULT)
    for expected in (0, None):
        assert (await store.enter([slow], entrant="e", max_wait_seconds=1.0)).index == expected
    later = f"{await store.time() + 3_600.0:.6f}"
    server.command("HSET", "proofing:{gates}:breaker:phone/acme", "until", later)
    server.command("HSET", "proofing:{gates}:counts:slow", "at", later)
    assert (await store.gate_states([slow]))[0].limits[0].wait_seconds == 0
    assert (await store.enter([broken], entrant="e", max_wait_seconds=1.0)).is_probe
    assert (await store.enter([slow], entrant="e", max_wait_seconds=1.0)).index == 0


async def test_keys_of_gates_expire(store: RedisResultStore, server: RedisServer) -> None:
    """Every key of theirs expires, whatever happened to it."""
    limits = (CallLimits(scope="acme", per_second=0.001, concurrent=9, per_hour=9),)
    gate = Gate(
        name="phone/acme",
        breaker=BreakerTerms(faults=2, open_seconds=0.0, probe_seconds=9.0),
        limits=limits,
    )
    for number, outcome in enumerate((GateOutcome.FAULT, GateOutcome.FAULT, GateOutcome.NOTHING)):
        entry = await store.enter([gate], entrant=f"e{number}", max_wait_seconds=10_000.0)
        assert entry.index == 0
        if number < 2:
            await store.leave(gate, entrant=f"e{number}", outcome=outcome)
        keys = server.command("KEYS", "*")
        assert isinstance(keys, list)
        for key in map(str, keys):
            assert 0 < int(str(server.command("TTL", key))) <= 20_000, key
