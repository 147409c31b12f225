"""Oban for Python on psycopg, woken by notifications; its releases need Python 3.12."""

import asyncio
from collections.abc import Callable

from oban import Oban, job
from oban.schema import install
from psycopg_pool import AsyncConnectionPool

from bench.queue.systems.base import PAYLOAD, Body, System

_TEXT = PAYLOAD.hex()[: len(PAYLOAD)]


class ObanSystem(System):
    """`oban`, with its own default pool and intervals, on the loop that its command line prefers."""

    name = "Oban"
    uses_uvloop = True

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._pool: AsyncConnectionPool | None = None
        self._client: Oban | None = None
        self._body: Body | None = None
        self._ended: Callable[[], None] = lambda: None

        @job(queue="default")
        async def run(text: str) -> None:  # noqa: ARG001 - what a job carries
            if self._body is not None:
                await self._body()
            self._ended()

        self._job = run

    async def set_up(self) -> None:
        """Make the tables. See `System`."""
        await install(await self._open())

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        client = await self._caller()
        for start in range(0, count, 1000):
            await client.enqueue_many(self._job.new(_TEXT) for _ in range(min(1000, count - start)))

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        await (await self._caller()).enqueue(self._job.new(_TEXT))

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        self._body, self._ended = body, ended
        async with Oban(pool=await self._open(), queues={"default": slots}):
            await stop.wait()

    async def close(self) -> None:
        """Close what was opened. See `System`."""
        if self._client is not None:
            await self._client.stop()
        if self._pool is not None:
            await self._pool.close()

    async def _open(self) -> AsyncConnectionPool:
        if self._pool is None:
            self._pool = await Oban.create_pool(self.dsn)
        return self._pool

    async def _caller(self) -> Oban:
        """Return an instance that only enqueues."""
        if self._client is None:
            self._client = await Oban(pool=await self._open()).start()
        return self._client
