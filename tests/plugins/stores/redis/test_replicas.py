"""The start check asks the replicas too: anyone who lists them, and whatever state they are in."""

import contextlib
import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofing.base.errors import ConfigurationError
from proofing.testing.processes import free_port, start_process_async
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisServer, find_program, running_cluster, running_redis
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings

PASSWORD = "synthetic-canary"
KEEPS = {"appendonly": "yes", "save": "900 1", "slowlog-max-len": "128"}
FAULTS = ("set save", "set appendonly no", "set slowlog-max-len 0")


@pytest.fixture
def primary() -> Iterator[RedisServer]:
    """Run one Redis without persistence."""
    with running_redis(password=PASSWORD) as server:
        if not server.is_ours:
            pytest.skip("needs a redis-server of our own")
        yield server


@contextlib.contextmanager
def replica_of(primary: RedisServer, **config: str) -> Iterator[RedisServer]:
    """Run a replica that has begun to follow *primary*; underscores in *config* stand for hyphens."""
    lines = {
        "replicaof": f"{primary.host} {primary.port}",
        "masterauth": PASSWORD,
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": "0",
        **{key.replace("_", "-"): value for key, value in config.items()},
    }
    with running_redis(password=PASSWORD, config=lines) as replica:
        yield replica


async def follows(primary: RedisServer, *replicas: RedisServer) -> None:
    """Wait until *primary* lists the replicas."""
    await eventually(
        lambda: all(
            f"port={replica.port}," in str(primary.command("INFO", "replication")) for replica in replicas
        )
    )


def make_store(url: str, **values: object) -> RedisResultStore:
    """Return a store with some settings changed; patient, since the machine may be busy."""
    return RedisResultStore(RedisSettings.model_validate({"url": url, "deadline_seconds": 15.0, **values}))


async def advice_of(store: RedisResultStore) -> list[str]:
    """Return what the start check says."""
    await store.open()
    try:
        return list(await store.check())
    finally:
        await store.close()


def assert_told(advice: list[str], server: RedisServer) -> None:
    """Assert that *server*, and no other, is reported as persisting data, and that no password is shown."""
    assert len(advice) == len(FAULTS)
    for fault in FAULTS:
        assert any(line.startswith(f"127.0.0.1:{server.port}: ") and fault in line for line in advice)
    assert "canary" not in str(advice)


async def test_a_replica_that_keeps_is_reported_or_refused(primary: RedisServer) -> None:
    """The primary is clean, the replica is not: each risk names it, and ``strict_config`` refuses."""
    with replica_of(primary, **{key.replace("-", "_"): value for key, value in KEEPS.items()}) as replica:
        await follows(primary, replica)
        assert_told(await advice_of(make_store(primary.url)), replica)
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{replica.port}: .*set appendonly no"):
            await make_store(primary.url, strict_config=True).open()


async def test_servers_with_the_same_fault_stand_in_one_line(primary: RedisServer) -> None:
    """Primary and replica persist: one sentence names both."""
    primary.command("CONFIG", "SET", "save", "900 1")
    with replica_of(primary, save="900 1") as replica:
        await follows(primary, replica)
        (line,) = await advice_of(make_store(primary.url))
        assert line.startswith(f"127.0.0.1:{primary.port}, 127.0.0.1:{replica.port}: snapshots")


async def test_a_replica_of_a_replica_is_asked(primary: RedisServer) -> None:
    """A replica of a replica holds the data as well."""
    with replica_of(primary) as first, replica_of(first, appendonly="yes") as second:
        await follows(primary, first)
        await follows(first, second)
        (line,) = await advice_of(make_store(primary.url))
        assert line.startswith(f"127.0.0.1:{second.port}: ")


async def test_replicas_that_forget_are_fine(primary: RedisServer) -> None:
    """Nothing to say, and nothing to refuse."""
    with replica_of(primary) as replica:
        await follows(primary, replica)
        assert await advice_of(make_store(primary.url, strict_config=True)) == []


async def test_silent_replicas_are_reported_within_one_deadline(
    primary: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Two frozen replicas cost one deadline, and do not refuse the start."""
    with replica_of(primary) as one, replica_of(primary) as two:
        await follows(primary, one, two)
        one.pause()
        two.pause()
        store = make_store(primary.url, deadline_seconds=2.0)
        await store.open()
        started = time.monotonic()
        (line,) = await store.check()
        assert time.monotonic() - started < 3.5  # of 4.0, which two deadlines would take
        await store.close()
        assert "could not look at 2 replicas" in line
        for replica in (one, two):
            assert f"127.0.0.1:{replica.port}" in line
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert await advice_of(make_store(primary.url, deadline_seconds=1.0, strict_config=True)) == []
        assert {record.getMessage() for record in caplog.records} == {"result_store_risk"}
        assert "canary" not in caplog.text


async def test_a_replica_that_refuses_us_could_not_be_looked_at(primary: RedisServer) -> None:
    """A replica with another password counts as not seen."""
    with replica_of(primary) as replica:
        replica.command("CONFIG", "SET", "requirepass", "another")
        await follows(primary, replica)
        (line,) = await advice_of(make_store(primary.url))
        assert f"could not look at 1 replica (127.0.0.1:{replica.port}):" in line


async def test_a_server_that_hides_its_replicas_is_reported(primary: RedisServer) -> None:
    """Without the right to INFO nobody knows where the data goes."""
    rights = ("resetchannels", "~*", "&*", "+@all", "-info")
    primary.command("ACL", "SETUSER", "store", "on", ">synthetic", *rights)
    url = f"redis://store:synthetic@{primary.host}:{primary.port}"
    (line,) = await advice_of(make_store(url))
    assert line.startswith(f"127.0.0.1:{primary.port}: ")
    assert "allow INFO" in line


async def test_replicas_that_only_the_sentinels_know_are_asked(primary: RedisServer, tmp_path: Path) -> None:
    """One that went away is still listed by the sentinel, and reported; one that is there is checked."""
    program = find_program()
    assert program is not None
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nsentinel monitor results 127.0.0.1 {primary.port} 1\n"
        f"sentinel auth-pass results {PASSWORD}\n"
    )
    with replica_of(primary, appendonly="yes") as here, replica_of(primary) as gone:
        await follows(primary, here, gone)
        process = await start_process_async(
            program, str(config), "--sentinel", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            watcher = RedisServer(port=port)

            def is_known() -> bool:
                with contextlib.suppress(OSError):
                    listed = str(watcher.command("SENTINEL", "REPLICAS", "results"))
                    return all(str(replica.port) in listed for replica in (here, gone))
                return False

            await eventually(is_known, within_seconds=20)
            gone.kill()
            await eventually(lambda: f"port={gone.port}," not in str(primary.command("INFO", "replication")))
            url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{free_port()},127.0.0.1:{port}/results/0"
            kept, unseen = await advice_of(make_store(url))
            assert kept == f"127.0.0.1:{here.port}: commands are written to disk: set appendonly no"
            assert f"could not look at 1 replica (127.0.0.1:{gone.port}):" in unseen
        finally:
            process.terminate()
            await process.wait()


async def test_replicas_of_a_cluster_are_asked() -> None:
    """The cluster lists them; they are asked, and the primaries are named too."""
    with running_cluster(replicas=1) as nodes:
        replica = nodes.replicas[0]
        replica.command("CONFIG", "SET", "appendonly", "yes")
        nodes.primaries[1].command("CONFIG", "SET", "slowlog-max-len", "7")
        slow, kept = sorted(await advice_of(make_store(f"redis+cluster://{nodes.hosts}")), key=len)[::-1]
        assert kept == f"127.0.0.1:{replica.port}: commands are written to disk: set appendonly no"
        assert slow.startswith(f"127.0.0.1:{nodes.primaries[1].port}: the slow log")
