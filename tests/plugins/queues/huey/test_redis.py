"""Huey on a real Redis keeps the queue contract."""

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.queues import ClaimedJob, Queue
from proofing.contracts.records import JobKind
from proofing.testing.breaking import break_redis
from proofing.testing.processes import free_port
from proofing.testing.queues import QueueContract, RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisServer, running_redis
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Give one Redis for the tests of this module."""
    with running_redis(password="synthetic") as server:
        yield server


class TestHueyOnRedis(QueueContract):
    """The queue with priorities on Redis."""

    has_schema = False

    @pytest.fixture(autouse=True)
    def _use_server(self, server: RedisServer) -> None:
        self.server = server
        server.command("FLUSHALL")

    def make_queue(self) -> Queue:
        return HueyQueue(
            HueySettings(storage="redis", url=SecretStr(self.server.url)), lambda _label: bytes(32)
        )

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor send."""
        break_redis(monkeypatch, error)

    def make_unreachable_queue(self) -> Queue:
        """Nobody listens there."""
        url = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
        return HueyQueue(HueySettings(storage="redis", url=url, timeout_seconds=1), lambda _label: bytes(32))

    async def stored_bytes(self) -> bytes:
        """Every key with what it holds."""
        import redis  # noqa: PLC0415 - needed here only

        with redis.Redis.from_url(self.server.url) as client:
            return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter("*"))


async def test_more_jobs_at_once_than_the_clients_usual_connections(server: RedisServer) -> None:
    """With 130 threads every job runs: no pop is left without a connection."""
    server.command("FLUSHALL")
    settings = HueySettings(storage="redis", url=SecretStr(server.url), max_threads=130)
    queue = HueyQueue(settings, lambda _label: bytes(32))
    await queue.open()
    release, stop = asyncio.Event(), asyncio.Event()

    async def hold(_job: ClaimedJob) -> None:
        await release.wait()

    handler = RecordingHandler(hold)
    sent = [make_message(JobKind.PHONE) for _ in range(390)]
    slots = {JobKind.PHONE.queue_name: 130}
    work = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=10.0))
    await queue.enqueue(sent)
    await eventually(lambda: handler.running == 130, within_seconds=20.0)
    release.set()
    await handler.until_ended(*sent)
    stop.set()
    await asyncio.wait_for(work, 30.0)
    assert len(handler.started) == len(sent)
    await queue.close()


async def test_worker_survives_a_restart_of_redis() -> None:
    """When Redis is killed and comes back, enqueueing fails typed meanwhile and jobs run afterward."""
    with running_redis() as server:
        if not server.is_ours:
            pytest.skip("the Redis is not ours to kill")
        settings = HueySettings(storage="redis", url=SecretStr(server.url), timeout_seconds=1)
        queue = HueyQueue(settings, lambda _label: bytes(32))
        await queue.open()
        handler, stop = RecordingHandler(), asyncio.Event()
        slots = {kind.queue_name: 2 for kind in JobKind}
        work = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=5.0))
        first, second = make_message(), make_message()
        await queue.enqueue([first])
        await handler.until_ended(first)
        server.kill()
        with pytest.raises(QueueUnavailableError):
            await queue.enqueue([second])
        await asyncio.to_thread(server.start)

        async def is_enqueued() -> bool:
            try:
                return await queue.enqueue([second]) == 1
            except QueueUnavailableError:
                return False

        await eventually(is_enqueued)
        await handler.until_ended(second)
        stop.set()
        await asyncio.wait_for(work, 30.0)
        await queue.close()
