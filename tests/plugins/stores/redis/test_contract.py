"""The Redis store keeps the result store contract: on one server, behind Sentinel, and on a cluster."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from proofing.contracts.stores import ResultStore
from proofing.testing.breaking import break_redis
from proofing.testing.processes import free_port, start_process
from proofing.testing.stores import ResultStoreContract
from proofing_devtools.redis import RedisServer, find_program, running_redis
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one Redis for this module."""
    with running_redis(password="synthetic") as server:
        yield server


class TestRedisResultStore(ResultStoreContract):
    """One server, with a password."""

    @pytest.fixture(autouse=True)
    def _empty(self, server: RedisServer) -> None:
        """Begin each test with an empty server."""
        server.command("FLUSHALL")
        self.url = server.url

    def make_store(self) -> ResultStore:
        """Return a store on the running server."""
        return RedisResultStore(RedisSettings.model_validate({"url": self.url, "deadline_seconds": 15.0}))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor send."""
        break_redis(monkeypatch, error)

    def make_unreachable_store(self) -> ResultStore:
        """Return a store where nobody listens."""
        return RedisResultStore(RedisSettings.model_validate({"url": f"redis://127.0.0.1:{free_port()}/0"}))


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisServer]:
    """Run a cluster of one, which holds all slots."""
    with running_redis(password="synthetic", config={"cluster-enabled": "yes"}) as server:
        if not server.is_ours:
            pytest.skip("needs a redis-server of our own")
        for slot in range(0, 16_384, 1_024):
            server.command("CLUSTER", "ADDSLOTS", *range(slot, slot + 1_024))
        deadline = time.monotonic() + 10
        while "cluster_state:ok" not in str(server.command("CLUSTER", "INFO")):
            assert time.monotonic() < deadline
        yield server


class TestRedisResultStoreOnCluster(ResultStoreContract):
    """A cluster: every script and transaction must stay in one slot."""

    @pytest.fixture(autouse=True)
    def _empty(self, cluster: RedisServer) -> None:
        """Begin each test with an empty cluster."""
        cluster.command("FLUSHALL")
        self.url = cluster.url.replace("redis://", "redis+cluster://")

    def make_store(self) -> ResultStore:
        """Return a store on the cluster."""
        return RedisResultStore(RedisSettings.model_validate({"url": self.url, "deadline_seconds": 15.0}))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor send."""
        break_redis(monkeypatch, error)

    def make_unreachable_store(self) -> ResultStore:
        """Return a store where nobody listens."""
        return RedisResultStore(
            RedisSettings.model_validate({"url": f"redis+cluster://127.0.0.1:{free_port()}"})
        )


@pytest.fixture(scope="module")
def sentinel(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a sentinel that watches the server, and give its port."""
    program = find_program()
    if program is None or not server.is_ours:
        pytest.skip("needs a redis-server of our own")
    port = free_port()
    config = tmp_path_factory.mktemp("sentinel") / "sentinel.conf"
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass watcher\n"
        f"sentinel monitor results 127.0.0.1 {server.port} 1\nsentinel auth-pass results synthetic\n"
    )
    process = start_process(
        [program, str(config), "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
    yield port
    process.terminate()
    process.wait(5)


class TestRedisResultStoreBehindSentinel(ResultStoreContract):
    """Sentinels say where the server is."""

    @pytest.fixture(autouse=True)
    def _empty(self, server: RedisServer, sentinel: int) -> None:
        """Begin each test with an empty server."""
        server.command("FLUSHALL")
        self.port = sentinel

    def make_store(self) -> ResultStore:
        """Return a store that asks the sentinel, and one sentinel that is not there."""
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{self.port}"
        return self._store(f"redis+sentinel://:synthetic@{hosts}/results/0")

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor send."""
        break_redis(monkeypatch, error)

    def make_unreachable_store(self) -> ResultStore:
        """Return a store with a sentinel that is not there."""
        return self._store(f"redis+sentinel://127.0.0.1:{free_port()}/results")

    def _store(self, url: str) -> ResultStore:
        return RedisResultStore(
            RedisSettings.model_validate(
                {"url": url, "sentinel_password": "watcher", "deadline_seconds": 15.0}
            )
        )
