"""A SQLite file: one connection that writes, one that reads, a thread for each.

Within a process writers take turns in their one thread; across processes SQLite's lock decides, and waits
with its own back-off. Readers never wait for writers (write-ahead log). Source: https://sqlite.org/wal.html.
"""

import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from proofing.plugin import StoreUnavailableError
from proofing_local.files import FILE_MODE, make_private_directory
from proofing_local.threads import DiskThreads

T = TypeVar("T")
WorkT = TypeVar("WorkT")

#: Of the deadline, how much SQLite may spend waiting for another process's lock.
_LOCK_SHARE = 0.8
#: `returning` came with 3.35, and everything else here is older.
_OLDEST_SQLITE = (3, 35)


class Database:
    """Two connections to one file; every call runs off the event loop and under a deadline."""

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        timeout_seconds: float,
        schema: Sequence[str],
        synchronous: Literal["normal", "full"] = "normal",
    ) -> None:
        """Open nothing yet.

        Args:
            path: of the file.
            name: of the store, for messages and thread names.
            timeout_seconds: deadline of one call.
            schema: statements that make the tables when missing.
            synchronous: ``normal`` syncs the log at checkpoints only: a power cut may cost the last moments,
                a crash nothing. ``full`` syncs it at every commit, which takes milliseconds: transactions
                that wait meanwhile are committed together, and each still fails alone.
        """
        self._path = path
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._schema = schema
        self._synchronous = synchronous
        # Transactions that wait for the writer while it syncs; it commits them together.
        self._waiting: deque[_Work[Any]] | None = deque() if synchronous == "full" else None
        self._writing: _ConnectionThread | None = None
        self._reading: _ConnectionThread | None = None

    async def open(self) -> None:
        """Make file and tables when missing, and connect.

        Raises:
            StoreUnavailableError: the file cannot be used, or SQLite is older than 3.35.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreUnavailableError(f"{self._name}: SQLite must be 3.35 or newer")
        self._writing = _ConnectionThread(self._name, "writer", self._timeout_seconds)
        self._reading = _ConnectionThread(self._name, "reader", self._timeout_seconds)
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
            raise StoreUnavailableError(f"{self._name}: not open")
        if self._waiting is None:
            return await self._writing.run(_in_transaction, work)
        waiting = _Work(work)
        self._waiting.append(waiting)
        try:
            return await self._writing.run(self._commit_waiting, waiting)
        except BaseException:  # a cancellation, too: what has not begun must not be done for nobody
            waiting.is_wanted = False
            raise

    def _commit_waiting(self, connection: sqlite3.Connection, own: "_Work[T]") -> T:
        """Return what came of *own*, after a commit of everything that waits, unless that was done before."""
        if not own.is_done and self._waiting is not None:
            group = [self._waiting.popleft() for _ in range(len(self._waiting))]
            _commit_together(connection, group)
        return own.answer()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run *work*, which changes nothing.

        Raises:
            StoreUnavailableError: no answer within the deadline, or the disk failed.
        """
        if self._reading is None:
            raise StoreUnavailableError(f"{self._name}: not open")
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
        connection.execute(f"pragma synchronous = {self._synchronous}")
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
        _in_transaction(connection, lambda held: [held.execute(one) for one in self._schema])
        return connection

    def _truncate(self, connection: sqlite3.Connection) -> None:
        """Run a checkpoint that does not wait for anybody."""
        connection.execute("pragma busy_timeout = 0")
        try:
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        finally:
            connection.execute(f"pragma busy_timeout = {int(self._timeout_seconds * _LOCK_SHARE * 1000)}")


class _Work(Generic[T]):
    """A transaction that waits for the writer, and then what came of it."""

    def __init__(self, run: Callable[[sqlite3.Connection], T]) -> None:
        self.is_wanted = True
        self.is_done = False
        self._run = run
        self._answers: list[T] = []
        self._error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it, and keep what it returns. Raises whatever it raises."""
        self._answers.append(self._run(connection))

    def end(self, error: BaseException | None) -> None:
        """Keep how it ended; the first failure counts."""
        self.is_done = True
        self._error = self._error or error

    def answer(self) -> T:
        """Return what it returned, once it has ended. Raises why it was not committed."""
        if self._error is not None:
            raise self._error
        return self._answers[0]


class _ConnectionThread:
    """One connection and its thread."""

    def __init__(self, name: str, use: str, timeout_seconds: float) -> None:
        self._name = name
        self._threads = DiskThreads(f"{name} {use}", threads=1, timeout_seconds=timeout_seconds)
        self._connection: sqlite3.Connection | None = None

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Connect."""

        def keep() -> None:
            self._connection = connect()

        await self._threads.run(keep)

    async def run(self, mode: Callable[[sqlite3.Connection, WorkT], T], work: WorkT) -> T:
        """Run *work* in *mode*: how its statements share a transaction."""
        if self._connection is None:
            raise StoreUnavailableError(f"{self._name}: not open")
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


def _commit_together(connection: sqlite3.Connection, group: Sequence[_Work[Any]]) -> None:
    """Run all of *group* in one transaction; one that fails is rolled back alone. Raises nothing."""

    def run_all(held: sqlite3.Connection) -> None:
        for one in group:
            if not one.is_wanted:
                continue
            held.execute("savepoint one")
            try:
                one.run(held)
            except Exception as error:  # noqa: BLE001 - its caller gets it
                one.end(error)
                # What ends the whole transaction, as a full disk does, ends that of the others, too.
                held.execute("rollback to one")
            held.execute("release one")

    failure: BaseException | None = None
    try:
        _in_transaction(connection, run_all)
    except BaseException as error:  # noqa: BLE001 - nothing of the group was committed
        failure = error
    for one in group:
        one.end(failure)


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
