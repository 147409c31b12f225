"""Huey on a real Redis keeps the queue contract."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from proofing.queues import Queue
from proofing.testing.queues import QueueContract
from proofing.testing.redis import RedisServer, free_port, running_redis
from proofing_huey import HueySettings
from proofing_huey.backend import HueyQueue


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Give one Redis for the tests of this module."""
    with running_redis(password="synthetic") as server:
        yield server


class TestHueyOnRedis(QueueContract):
    """The queue with priorities on Redis."""

    @pytest.fixture(autouse=True)
    def _use_server(self, server: RedisServer) -> None:
        self.server = server
        server.command("FLUSHALL")

    def make_queue(self) -> Queue:
        return HueyQueue(
            HueySettings(storage="redis", url=SecretStr(self.server.url)), lambda _label: bytes(32)
        )

    def make_unreachable_queue(self) -> Queue:
        """Nobody listens there."""
        url = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
        return HueyQueue(HueySettings(storage="redis", url=url, timeout_seconds=1), lambda _label: bytes(32))

    async def stored_bytes(self) -> bytes:
        """Every key with what it holds."""
        import redis  # noqa: PLC0415 - needed here only

        with redis.Redis.from_url(self.server.url) as client:
            return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter("*"))
