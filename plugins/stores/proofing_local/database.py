"""The SQLite file of the result store: one connection that writes, one that reads, a thread for each.

Within a process writers take turns in their one thread; across processes SQLite's lock decides, and waits
with its own back-off. Readers never wait for writers (write-ahead log). Source: https://sqlite.org/wal.html.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from proofing.plugin import StoreUnavailableError
from proofing_local.files import FILE_MODE, make_private_directory
from proofing_local.queries import script
from proofing_local.threads import DiskThreads

T = TypeVar("T")

#: Of the deadline, how much SQLite may spend waiting for another process's lock.
_LOCK_SHARE = 0.8
#: `returning` came with 3.35, and everything else here is older.
_OLDEST_SQLITE = (3, 35)


class Database:
    """Two connections to one file; every call runs off the event loop and under a deadline."""

    def __init__(self, path: Path, *, timeout_seconds: float) -> None:
        """Open nothing yet."""
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._writing: _ConnectionThread | None = None
        self._reading: _ConnectionThread | None = None

    async def open(self) -> None:
        """Make file and tables when missing, and connect.

        Raises:
            StoreUnavailableError: the file cannot be used, or SQLite is older than 3.35.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreUnavailableError("local results: SQLite must be 3.35 or newer")
        self._writing = _ConnectionThread("local results writer", self._timeout_seconds)
        self._reading = _ConnectionThread("local results reader", self._timeout_seconds)
        try:
            await self._writing.open(self._connect_writer)
            await self._reading.open(self._connect)
        except BaseException:  # a cancellation too: nothing stays open behind an open that failed
            await self.close()
            raise

    async def close(self) -> None:
        """Close both connections. Harmless when not open."""
        opened, self._writing, self._reading = (self._reading, self._writing), None, None
        for connection in opened:
            if connection is not None:
                await connection.close()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work* in a transaction that has the write lock from its beginning.

        Raises:
            StoreUnavailableError: no lock within the deadline, or the disk failed.
        """
        if self._writing is None:
            raise StoreUnavailableError("local results: not open")
        return await self._writing.run(_in_transaction, work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work*, which changes nothing.

        Raises:
            StoreUnavailableError: no answer within the deadline, or the disk failed.
        """
        if self._reading is None:
            raise StoreUnavailableError("local results: not open")
        return await self._reading.run(_autocommit, work)

    async def empty_log(self) -> None:
        """Overwrite the write-ahead log, which still holds deleted rows, unless somebody is using it."""
        if self._writing is not None:
            await self._writing.run(_autocommit, self._truncate)

    def _connect(self) -> sqlite3.Connection:
        """Return a connection."""
        connection = sqlite3.connect(
            self._path,
            timeout=self._timeout_seconds * _LOCK_SHARE,
            isolation_level=None,  # transactions are ours to begin and end
            check_same_thread=False,  # close() may come from a later thread of the pool
        )
        # The log is synced at checkpoints only: a power cut may cost the last moments, a crash nothing.
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma secure_delete = on")
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        """Make file and tables when missing and return a connection."""
        make_private_directory(self._path.parent)
        # Made by us for its mode; SQLite gives its log and index the mode of the database.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, FILE_MODE))
        connection = self._connect()
        deadline = time.monotonic() + self._timeout_seconds * _LOCK_SHARE
        while True:
            try:
                connection.execute("pragma journal_mode = wal")
                break
            except sqlite3.OperationalError:
                # Another process is doing the same; SQLite does not wait for this lock by itself.
                if time.monotonic() > deadline:
                    connection.close()
                    raise
                time.sleep(0.01)
        _in_transaction(connection, lambda held: [held.execute(one) for one in script("schema")])
        return connection

    def _truncate(self, connection: sqlite3.Connection) -> None:
        """Run a checkpoint that does not wait for anybody."""
        connection.execute("pragma busy_timeout = 0")
        try:
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        finally:
            connection.execute(f"pragma busy_timeout = {int(self._timeout_seconds * _LOCK_SHARE * 1000)}")


class _ConnectionThread:
    """One connection and its thread."""

    def __init__(self, name: str, timeout_seconds: float) -> None:
        self._threads = DiskThreads(name, threads=1, timeout_seconds=timeout_seconds)
        self._connection: sqlite3.Connection | None = None

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Connect."""

        def keep() -> None:
            self._connection = connect()

        await self._threads.run(keep)

    async def run(
        self,
        mode: Callable[[sqlite3.Connection, Callable[[sqlite3.Connection], T]], T],
        work: Callable[[sqlite3.Connection], T],
    ) -> T:
        """Run *work* in *mode*: how its statements share a transaction."""
        if self._connection is None:
            raise StoreUnavailableError("local results: not open")
        return await self._threads.run(mode, self._connection, work)

    async def close(self) -> None:
        """Close the connection after what is running."""
        with contextlib.suppress(StoreUnavailableError):
            await self._threads.run(self._disconnect)
        self._threads.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _autocommit(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run *work*; each statement is a transaction of its own."""
    return work(connection)


def _in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run *work* between begin and commit, or roll back."""
    connection.execute("begin immediate")
    try:
        answer = work(connection)
        connection.execute("commit")
    except BaseException:  # whatever ended the work, its transaction must not stay open
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return answer
