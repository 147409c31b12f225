"""The Redis store keeps the result store contract, on a single server and on a cluster."""

from collections.abc import Iterator

import pytest

from proofing.stores import ResultStore
from proofing.testing.redis import RedisServer, free_port, running_redis
from proofing.testing.stores import ResultStoreContract
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
        return RedisResultStore(RedisSettings.model_validate({"url": self.url}))

    def make_unreachable_store(self) -> ResultStore:
        """Return a store where nobody listens."""
        return RedisResultStore(RedisSettings.model_validate({"url": f"redis://127.0.0.1:{free_port()}/0"}))
