"""Procrastinate on psycopg, woken by notifications."""

import asyncio
from collections.abc import Callable

import procrastinate

from bench.queue.systems.base import PAYLOAD, Body, System

_TEXT = PAYLOAD.hex()[: len(PAYLOAD)]


class ProcrastinateSystem(System):
    """`procrastinate`."""

    name = "Procrastinate"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=dsn, min_size=1, max_size=3)
        )
        self._is_open = False
        self._body: Body | None = None
        self._ended: Callable[[], None] = lambda: None

        @self._app.task(name="job")
        async def run(text: str) -> None:  # noqa: ARG001 - what a job carries
            if self._body is not None:
                await self._body()
            self._ended()

        self._task = run

    async def set_up(self) -> None:
        """Make the tables. See `System`."""
        await self._open()
        await self._app.schema_manager.apply_schema_async()

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        await self._open()
        for start in range(0, count, 1000):
            await self._task.batch_defer_async(*[{"text": _TEXT}] * min(1000, count - start))

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        await self._open()
        await self._task.defer_async(text=_TEXT)

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        self._body, self._ended = body, ended
        await self._open()
        running = asyncio.create_task(
            self._app.run_worker_async(
                concurrency=slots, install_signal_handlers=False, shutdown_graceful_timeout=5
            )
        )
        await stop.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def close(self) -> None:
        """Close what was opened. See `System`."""
        if self._is_open:
            await self._app.close_async()

    async def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            await self._app.open_async()
