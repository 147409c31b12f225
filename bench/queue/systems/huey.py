"""Huey on PostgreSQL, with threads; it alone of the systems here loses jobs when the worker dies."""

import asyncio
import threading
from collections.abc import Callable

from huey import PostgresHuey

from bench.queue.systems.base import PAYLOAD, Body, System

_TEXT = PAYLOAD.hex()[: len(PAYLOAD)]
#: More threads than these make it slower, and each takes a connection.
_MOST_THREADS = 40


class HueySystem(System):
    """`huey.PostgresHuey`."""

    name = "Huey"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._huey = PostgresHuey("bench", dsn=dsn, results=False)
        self._body: Body | None = None
        self._ended: Callable[[], None] = lambda: None

        @self._huey.task(name="job")
        def run(text: str) -> None:  # noqa: ARG001 - what a job carries
            if self._body is not None:
                asyncio.run(self._body())
            self._ended()

        self._task = run

    async def set_up(self) -> None:
        """Huey makes its tables when it is made."""

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        for _ in range(count):
            self._task(_TEXT)

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        self._task(_TEXT)

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        loop = asyncio.get_running_loop()
        self._body, self._ended = body, lambda: loop.call_soon_threadsafe(ended)
        consumer = self._huey.create_consumer(
            workers=min(slots, _MOST_THREADS), periodic=False, check_worker_health=False, initial_delay=0.01
        )
        consumer._set_signal_handlers = lambda: None  # noqa: SLF001 - it is not a main thread
        thread = threading.Thread(target=consumer.start)
        thread.start()
        await stop.wait()
        await asyncio.to_thread(consumer.stop, graceful=True)
        await asyncio.to_thread(thread.join)
