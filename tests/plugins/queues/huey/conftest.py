"""An open queue on each storage of Huey, and a worker for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from proofing.contracts.records import JobKind
from proofing.testing.queues import RecordingHandler
from proofing_devtools.redis import RedisServer, running_redis
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings

Working = Callable[..., contextlib.AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Give one Redis for the tests of a module."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> HueySettings:
    """Give the settings of an empty queue."""
    if request.param == "sqlite":
        return HueySettings(path=str(tmp_path / "huey.db"))
    server: RedisServer = request.getfixturevalue("server")
    server.command("FLUSHALL")
    return HueySettings(storage="redis", url=SecretStr(server.url))


@pytest.fixture
async def queue(settings: HueySettings) -> AsyncIterator[HueyQueue]:
    """Give an open, empty queue."""
    queue = HueyQueue(settings, lambda _label: bytes(32))
    await queue.open()
    yield queue
    await queue.close()


@pytest.fixture
def working() -> Working:
    """Return what works for the length of a block, then drains."""

    @contextlib.asynccontextmanager
    async def work(
        queue: HueyQueue, handler: RecordingHandler, *, slots: int = 2, drain_seconds: float = 5.0
    ) -> AsyncIterator[None]:
        stop = asyncio.Event()
        every = {kind.queue_name: slots for kind in JobKind}
        task = asyncio.create_task(queue.work(handler, slots=every, stop=stop, drain_seconds=drain_seconds))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 30.0)

    return work
