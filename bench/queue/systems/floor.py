"""The floor: what a bare asyncio program on psycopg reaches that claims and deletes, and guarantees nothing else.

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
        connection = await self._connected()
        await connection.execute(_TABLES)

    async def fill(self, count: int) -> None:
        connection = await self._connected()
        async with (
            connection.cursor() as cursor,
            cursor.copy("copy floor_job (payload) from stdin (format binary)") as copy,
        ):
            copy.set_types(["bytea"])
            for _ in range(count):
                await copy.write_row((PAYLOAD,))

    async def enqueue(self) -> None:
        connection = await self._connected()
        await connection.execute(_INSERT, (PAYLOAD,), prepare=True)
        await connection.execute("select pg_notify('floor', '')", prepare=True)

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        claimer, deleter, listener = [await self._connect() for _ in range(3)]
        for connection in (claimer, deleter):
            await connection.execute("set enable_seqscan = off")
            await connection.execute("set jit = off")
        wake = asyncio.Event()
        wake.set()
        done: list[int] = []
        flush = asyncio.Event()
        running = 0

        async def run(job_id: int) -> None:
            nonlocal running
            if body is not None:
                await body()
            ended()
            done.append(job_id)
            running -= 1
            flush.set()
            wake.set()

        async def claim() -> None:
            nonlocal running
            tasks = set()
            while True:
                await wake.wait()
                wake.clear()
                while (free := slots - running) > 0:
                    cursor = claimer.cursor(binary=True)
                    await cursor.execute(_CLAIM, (min(free, _BATCH),), prepare=True)
                    rows = await cursor.fetchall()
                    running += len(rows)
                    for row in rows:
                        task = asyncio.create_task(run(row[0]))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                    if not rows:
                        break

        async def delete() -> None:
            while True:
                await flush.wait()
                flush.clear()
                ids, done[:] = sorted(done), []
                await deleter.execute("delete from floor_job where id = any(%s)", (ids,), prepare=True)
                if not done:
                    idle.set()

        async def listen() -> None:
            await listener.execute("listen floor")
            async for _ in listener.notifies():
                wake.set()

        idle = asyncio.Event()
        loops = [asyncio.create_task(step()) for step in (claim, delete, listen)]
        await stop.wait()
        while done or flush.is_set():
            idle.clear()
            await idle.wait()
        async with asyncio.timeout(5):
            await deleter.lock.acquire()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        for connection in (claimer, deleter, listener):
            await connection.close()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(self.dsn, autocommit=True)
