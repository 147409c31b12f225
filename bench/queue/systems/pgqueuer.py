"""PgQueuer on asyncpg and uvloop, with the batch size at which it drains fastest."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.queue.systems.base import PAYLOAD, Body, System

_NAME = "job"


class PgQueuerSystem(System):
    """`pgqueuer`."""

    name = "PgQueuer"
    uses_uvloop = True

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._connection: asyncpg.Connection | None = None

    async def set_up(self) -> None:
        """Make the tables. See `System`."""
        await (await self._queries()).install()

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        queries = await self._queries()
        for start in range(0, count, 1000):
            size = min(1000, count - start)
            await queries.enqueue([_NAME] * size, [PAYLOAD] * size, [0] * size)

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        await (await self._queries()).enqueue([_NAME], [PAYLOAD], [0])

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        connection = await asyncpg.connect(self.dsn)
        worker = PgQueuer(AsyncpgDriver(connection))

        @worker.entrypoint(_NAME)
        async def run(_job: Job) -> None:
            if body is not None:
                await body()
            ended()

        batch = max(1, min(500, slots // 2))
        running = asyncio.create_task(
            worker.run(dequeue_timeout=timedelta(seconds=5), batch_size=batch, max_concurrent_tasks=slots)
        )
        await stop.wait()
        worker.shutdown.set()
        await running
        await connection.close()

    async def close(self) -> None:
        """Close what was opened. See `System`."""
        if self._connection is not None:
            await self._connection.close()

    async def _queries(self) -> Queries:
        if self._connection is None:
            self._connection = await asyncpg.connect(self.dsn)
        return Queries(AsyncpgDriver(self._connection))
