"""The result store of one machine, on SQLite: records, sealed results, values and limit counters."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from proofing.plugin import (
    Admission,
    Count,
    Mark,
    StatusRecord,
    StoreError,
    StoreUnavailableError,
    Usage,
    get_logger,
    log,
)
from proofing.plugin.support import seam
from proofing_local.database import Database
from proofing_local.gates import LocalVendorGates
from proofing_local.queries import query, script
from proofing_local.settings import LocalSettings
from proofing_local.watch import CompletionWatcher

#: How long an expired row may lie until it is deleted; nobody can read it meanwhile.
_PURGE_SECONDS = 10.0

_logger = get_logger(__name__)


@seam(StoreUnavailableError, "local results")
class LocalResultStore(LocalVendorGates):
    """Keeps everything in ``results.db``; the wall clock of the machine decides about expiry."""

    def __init__(self, settings: LocalSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Use the directory of *settings*; *clock* gives seconds since the epoch."""
        self._database = Database(
            Path(settings.directory) / "results.db",
            name="local results",
            timeout_seconds=settings.timeout_seconds,
            schema=script("schema"),
        )
        super().__init__(self._database, clock)
        self._clock = clock
        self._watcher = CompletionWatcher(self._database, clock)
        self._purging: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and begin to purge. Raises `StoreUnavailableError`."""
        await self._database.open()
        self._purging = asyncio.create_task(self._purge_now_and_then())

    async def close(self) -> None:
        """Stop purging and disconnect. Harmless when not open."""
        purging, self._purging = self._purging, None
        if purging is not None:
            purging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await purging
        await self._watcher.close()
        await self._database.close()

    def now(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def time(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def begin(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep a record in progress; False when an unexpired one exists."""
        values = {"result_id": record.result_id, "body": record.to_json()}
        return await self._database.write(
            lambda db: self._one(db, "begin", {**values, **self._life(ttl_seconds)}) is not None
        )

    async def finish(
        self,
        record: StatusRecord,
        *,
        ttl_seconds: float,
        sealed_result: bytes | None = None,
        result_ttl_seconds: float = 60.0,
    ) -> StatusRecord:
        """Keep a terminal record and its result in one transaction, unless one already exists."""
        name = {"result_id": record.result_id}
        body = record.to_json()

        def work(db: sqlite3.Connection) -> str | None:
            kept = self._one(db, "replace", {**name, "done": 1, "body": body, **self._life(ttl_seconds)})
            if kept is None:
                standing = self._one(db, "status", {**name, "now": self._clock()})
                return str(standing[0]) if standing else None
            # An older result under this id belonged to a record that has expired.
            db.execute(query("drop_result"), {**name, "now": self._clock()}).fetchall()
            if sealed_result is not None:
                result = {**name, "body": sealed_result, **self._life(result_ttl_seconds)}
                db.execute(query("keep_result"), result)
            return None

        standing = await self._database.write(work)
        current = record if standing is None else _decode(standing)
        self._watcher.notify(current)
        return current

    async def update(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep a record in progress, unless an unexpired terminal one exists."""
        values = {
            "result_id": record.result_id,
            "done": 2 if record.needs_person else 0,
            "body": record.to_json(),
        }
        kept = await self._write("replace", {**values, **self._life(ttl_seconds)}) is not None
        if kept:
            self._watcher.notify(record)
        return kept

    async def status(self, result_id: str) -> StatusRecord | None:
        """Return the record, or None."""
        row = await self._read("status", {"result_id": result_id})
        return None if row is None else _decode(row[0])

    async def wait(
        self, result_id: str, *, timeout_seconds: float, ends_only: bool = False
    ) -> StatusRecord | None:
        """Return the record as soon as there is something to say, or in its current state later."""
        with self._watcher.waiter(result_id, ends_only=ends_only) as announced:
            record = await self.status(result_id)
            if record is not None and record.ends_wait(ends_only=ends_only):
                return record
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await announced
            except TimeoutError:
                return await self.status(result_id)

    async def result(self, result_id: str) -> bytes | None:
        """Return the sealed result, leaving it."""
        row = await self._read("result", {"result_id": result_id})
        return None if row is None else bytes(row[0])

    async def drop_result(self, result_id: str) -> bool:
        """Delete the sealed result; return whether it still lived."""
        row = await self._write("drop_result", {"result_id": result_id, "now": self._clock()})
        return row is not None and bool(row[0])

    async def save(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep *value* under *key*."""
        await self._write("save", {"name": key, "body": value, **self._life(ttl_seconds)})

    async def load(self, key: str) -> bytes | None:
        """Return the value under *key*, or None."""
        row = await self._read("load", {"name": key})
        return None if row is None else bytes(row[0])

    async def delete(self, key: str) -> None:
        """Delete the value under *key*."""
        await self._write("delete", {"name": key})

    async def add(self, key: str, value: bytes, *, ttl_seconds: float) -> bool:
        """Store *value* only when *key* does not exist."""
        row = await self._write("add", {"name": key, "body": value, **self._life(ttl_seconds)})
        return row is not None

    async def compare_and_set(
        self,
        key: str,
        value: bytes,
        *,
        expected: bytes,
        ttl_seconds: float,
        consumes: str | None = None,
    ) -> bytes | None:
        """Keep *value* only in place of one that begins with *expected*; return the value stored then."""

        def work(db: sqlite3.Connection) -> bytes | None:
            row = self._one(db, "load", {"name": key, "now": self._clock()})
            if row is None or not bytes(row[0]).startswith(expected):
                return None if row is None else bytes(row[0])
            db.execute(query("save"), {"name": key, "body": value, **self._life(ttl_seconds)})
            if consumes is not None:
                self._one(db, "drop_result", {"result_id": consumes, "now": self._clock()})
            return value

        return await self._database.write(work)

    async def admit(self, *, marks: Sequence[Mark] = (), counts: Sequence[Count] = ()) -> Admission:
        """Keep all marks and count all attempts, or change nothing."""

        def work(db: sqlite3.Connection) -> Admission:
            now = {"now": self._clock()}
            taken = frozenset(mark.key for mark in marks if self._one(db, "load", {"name": mark.key, **now}))
            if taken:
                return Admission(taken=taken)
            for count in counts:
                usage = self._usage(db, count.counter, counted=False)
                if usage.count >= count.maximum:
                    return Admission(full=(count.counter, usage))
            for mark in marks:
                db.execute(
                    query("save"), {"name": mark.key, "body": mark.value, **self._life(mark.ttl_seconds)}
                )
            for count in counts:
                values = {"name": count.counter, "maximum": count.maximum, **self._life(count.window_seconds)}
                self._one(db, "count", values)
            return Admission()

        return await self._database.write(work)

    async def add_member(self, key: str, member: bytes, *, ttl_seconds: float) -> None:
        """Add *member* to the set under *key*."""
        values = {"name": key, "member": member, **self._life(ttl_seconds)}

        def work(db: sqlite3.Connection) -> None:
            db.execute(query("add_member"), values)
            db.execute(query("keep_members"), values)

        await self._database.write(work)

    async def members(self, key: str) -> frozenset[bytes]:
        """Return the set under *key*."""
        values = {"name": key, "now": self._clock()}
        rows = await self._database.read(lambda db: db.execute(query("members"), values).fetchall())
        return frozenset(bytes(row[0]) for row in rows)

    async def drop_members(self, key: str) -> int:
        """Delete the set under *key* and return how many members it had."""
        values = {"name": key, "now": self._clock()}
        rows = await self._database.write(lambda db: db.execute(query("drop_members"), values).fetchall())
        return sum(bool(row[0]) for row in rows)

    async def erase(self, result_id: str) -> bool:
        """Delete record and result; return whether one of them still lived."""
        values = {"result_id": result_id, "now": self._clock()}

        def work(db: sqlite3.Connection) -> bool:
            record = self._one(db, "erase_record", values)
            result = self._one(db, "drop_result", values)
            return bool((record and record[0]) or (result and result[0]))

        return await self._database.write(work)

    async def count(self, counter: str, *, maximum: int, window_seconds: float) -> Usage:
        """Add one and restart the window, unless *maximum* is reached."""
        name = {"name": counter, "maximum": maximum}

        def work(db: sqlite3.Connection) -> Usage:
            counted = self._one(db, "count", {**name, **self._life(window_seconds)}) is not None
            return self._usage(db, counter, counted=counted)

        return await self._database.write(work)

    async def usage(self, counter: str) -> Usage:
        """Return how far *counter* has come."""
        return await self._database.read(lambda db: self._usage(db, counter, counted=False))

    async def refund(self, counter: str) -> Usage:
        """Take one counted attempt back."""

        def work(db: sqlite3.Connection) -> Usage:
            db.execute(query("refund"), {"name": counter, "now": self._clock()})
            return self._usage(db, counter, counted=False)

        return await self._database.write(work)

    async def reset(self, counter: str) -> bool:
        """Delete a counter; return whether it still ran."""
        row = await self._write("reset", {"name": counter, "now": self._clock()})
        return row is not None and bool(row[0])

    def _life(self, seconds: float) -> dict[str, float]:
        """Return the present moment and the one that is *seconds* later."""
        now = self._clock()
        return {"now": now, "expires": now + seconds}

    def _one(self, db: sqlite3.Connection, name: str, values: Mapping[str, Any]) -> Any:
        """Run a statement to its end and return its first row, or None."""
        rows = db.execute(query(name), values).fetchall()
        return rows[0] if rows else None

    def _usage(self, db: sqlite3.Connection, counter: str, *, counted: bool) -> Usage:
        """Read a counter."""
        row = self._one(db, "usage", {"name": counter, "now": self._clock()})
        if row is None:
            return Usage(count=0, seconds_left=0)
        return Usage(count=row[0], seconds_left=row[1], counted=counted)

    async def _read(self, name: str, values: Mapping[str, Any]) -> Any:
        """Run a statement that reads and return its first row, or None."""
        bound = {**values, "now": self._clock()}
        return await self._database.read(lambda db: self._one(db, name, bound))

    async def _write(self, name: str, values: Mapping[str, Any]) -> Any:
        """Run a statement that writes and return its first row, or None."""
        return await self._database.write(lambda db: self._one(db, name, values))

    async def _purge_now_and_then(self) -> None:
        """Delete what has expired, and its traces in the log, until canceled."""
        while True:
            try:
                if await self._database.write(self._purge):
                    await self._database.empty_log()
            except StoreUnavailableError:
                log(_logger, "purge_failed", level=logging.WARNING, store="local")
            await asyncio.sleep(_PURGE_SECONDS)

    def _purge(self, db: sqlite3.Connection) -> int:
        """Delete what has expired and return how many rows that were."""
        now = {"now": self._clock()}
        return sum(db.execute(statement, now).rowcount for statement in script("purge"))


def _decode(body: str) -> StatusRecord:
    """Return the record that *body* spells."""
    try:
        return StatusRecord.from_json(body)
    except ValueError:
        raise StoreError("local results: a record is damaged") from None
