"""The floor: what a bare asyncio program on psycopg reaches that claims and deletes, and guarantees no more.

One slim table, one task a job, one connection that claims, one that deletes, one that listens.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from psycopg import AsyncConnection

from bench.queue.systems.base import PAYLOAD, Body, System

_BATCH = 500
_TABLES = """
create table floor_job (id bigint generated always as identity primary key, state smallint not null default 0,
    payload bytea not null) with (fillfactor = 80, vacuum_truncate = off);
create index floor_ready on floor_job (id) where state = 0;
"""
_CLAIM = """
update floor_job set state = 1 where ctid = any(array(
    select ctid from floor_job where state = 0 order by id limit %s::int for no key update skip locked))
returning id, payload
"""
_INSERT = "insert into floor_job (payload) values (%s)"


class Floor(System):
    """No lease, no history, no result: claim, run, delete."""

    name = "asyncio floor"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._connection: AsyncConnection[Any] | None = None

    async def set_up(self) -> None:
        """Make the tables. See `System`."""
        connection = await self._connected()
        await connection.execute(_TABLES)

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        connection = await self._connected()
        async with (
            connection.cursor() as cursor,
            cursor.copy("copy floor_job (payload) from stdin (format binary)") as copy,
        ):
            copy.set_types(["bytea"])
            for _ in range(count):
                await copy.write_row((PAYLOAD,))

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        connection = await self._connected()
        await connection.execute(_INSERT, (PAYLOAD,), prepare=True)
        await connection.execute("select pg_notify('floor', '')", prepare=True)

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        run = _Run(slots, body, ended)
        connections = [await self._connect() for _ in range(3)]
        await run.until(stop, *connections)
        for connection in connections:
            await connection.close()

    async def close(self) -> None:
        """Close what was opened. See `System`."""
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(self.dsn, autocommit=True)


class _Run:
    """One worker: three loops around a counter of free slots."""

    def __init__(self, slots: int, body: Body | None, ended: Callable[[], None]) -> None:
        self._free = slots
        self._body = body
        self._ended = ended
        self._wake = asyncio.Event()
        self._wake.set()
        self._done: list[int] = []
        self._flush = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def until(self, stop: asyncio.Event, *connections: AsyncConnection[Any]) -> None:
        """Work until *stop*, and until every end is deleted."""
        claimer, deleter, listener = connections
        for connection in (claimer, deleter):
            await connection.execute("set enable_seqscan = off")
            await connection.execute("set jit = off")
        steps = (self._claim(claimer), self._delete(deleter), self._listen(listener))
        loops = [asyncio.create_task(step) for step in steps]
        await stop.wait()
        while self._done or self._flush.is_set():
            self._idle.clear()
            await self._idle.wait()
        # A statement that still runs holds the connection.
        await deleter.lock.acquire()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    async def _run(self, job_id: int) -> None:
        if self._body is not None:
            await self._body()
        self._ended()
        self._done.append(job_id)
        self._free += 1
        self._flush.set()
        self._wake.set()

    async def _claim(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._free > 0:
                cursor = connection.cursor(binary=True)
                await cursor.execute(_CLAIM, (min(self._free, _BATCH),), prepare=True)
                rows = await cursor.fetchall()
                self._free -= len(rows)
                for row in rows:
                    task = asyncio.create_task(self._run(row[0]))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                if not rows:
                    break

    async def _delete(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self._flush.wait()
            self._flush.clear()
            ids, self._done = sorted(self._done), []
            await connection.execute("delete from floor_job where id = any(%s)", (ids,), prepare=True)
            if not self._done:
                self._idle.set()

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute("listen floor")
        async for _ in connection.notifies():
            self._wake.set()
