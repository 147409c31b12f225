"""Jobs in an SQLite file that web and worker processes of one machine share.

Huey's own storage polls with a growing delay: after some quiet the first job waits for seconds. Here threads
sleep until this process wakes them itself, or `SQLiteWatcher` for other processes.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huey.storage import SqliteStorage

from proofing.plugin import QueueUnavailableError, Wake, notes_room
from proofing.plugin.support import os_error_reason
from proofing_huey import storages
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.pauses import KEPT_PAUSES, Pause
from proofing_huey.queries import QUERIES
from proofing_huey.settings import HueySettings
from proofing_huey.sqlite_watcher import SQLiteWatcher
from proofing_huey.storages import (
    ENDED,
    IDLE_SECONDS,
    WITHDRAWN,
    Entry,
    JobStorage,
    Rewrite,
    job_name,
    revoke_id,
    unique_name,
)

#: 8 MB.
_CACHE = "cache_size = -8000"


class SQLiteJobStorage(JobStorage, SqliteStorage):  # type: ignore[misc]
    """Huey's storage, with sleeping threads instead of polling, and with keys that are taken."""

    #: `dequeue` waits by itself; Huey must not sleep after it.
    blocking = True
    begin_sql = "begin immediate"

    def __init__(self, name: str, settings: HueySettings) -> None:
        """Use the file of *settings* for the queue *name*. No table is made."""
        self.idle_threads = IdleThreads()
        super().__init__(name, create_tables=False, filename=settings.path, timeout=settings.timeout_seconds)

    def dequeue(self) -> bytes | None:
        """Return the next job, sleeping while there is none."""
        generation = self.idle_threads.generation
        data = self._take()
        if data is None:
            self.idle_threads.wait(generation, IDLE_SECONDS)
            data = self._take()
        return data

    def pauses(self) -> Sequence[Pause]:
        """Return the pauses of this queue."""
        found = self.sql(QUERIES.query("pauses"), {"queue": self.name}, results=True)
        return [Pause(*row) for row in found]

    def pause(self, now: float) -> bool:
        """Begin a pause."""
        with self.db(commit=True) as cursor:
            cursor.execute(QUERIES.query("pause"), {"queue": self.name, "now": now})
            begun: bool = cursor.rowcount > 0
            cursor.execute(QUERIES.query("prune_pauses"), {"queue": self.name, "kept": KEPT_PAUSES})
        return begun

    def resume(self, now: float) -> bool:
        """End the open pause."""
        with self.db(commit=True) as cursor:
            cursor.execute(QUERIES.query("resume"), {"queue": self.name, "now": now})
            ended: bool = cursor.rowcount > 0
        return ended

    def bar(self, result_id: str, ttl_seconds: float, *, is_dropped: bool = False) -> bool:
        """Take the key of a job that was never kept, or was dropped."""
        name = job_name(result_id)
        with self.db(commit=True) as cursor:
            taken = {"name": name, "holder": WITHDRAWN, "ttl_seconds": ttl_seconds}
            cursor.execute(QUERIES.query("bar" if is_dropped else "take"), taken)
            cursor.execute(QUERIES.query("holder"), {"name": name})
            row = cursor.fetchone()
        return row is not None and row[0] == WITHDRAWN

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one transaction."""
        accepted = 0
        with self.db(commit=True) as cursor:
            cursor.execute(QUERIES.query("delete_expired"))
            if cursor.rowcount:
                cursor.execute(QUERIES.query("delete_expired_notes"))
                cursor.execute(QUERIES.query("delete_expired_parked"))
            for entry in entries:
                kept = _take_keys(cursor, entry)
                accepted += kept is not None
                if kept:
                    _put(cursor, entry.queue_name, entry.blob, entry.ready_at)
        return accepted

    def park(self, entry: Entry, *, woken: bytes, read: int) -> bool:
        """Keep a job until its time, in one transaction."""
        job = {"id": entry.result_id}
        with self.db(commit=True) as cursor:
            cursor.execute(*self._of_queue("is_started", data=entry.started))
            if cursor.fetchone() is None:
                return True
            if _is_revoked(cursor, entry.result_id):
                return False
            if read:
                cursor.execute(QUERIES.query("delete_notes"), {**job, "read": read})
            cursor.execute(QUERIES.query("note_sizes"), job)
            if cursor.fetchone() is not None:
                _put(cursor, self.name, woken)
            else:
                _put(cursor, self.name, entry.blob, entry.ready_at)
                place = {**job, "queue": self.name, "schedule_id": cursor.lastrowid}
                cursor.execute(QUERIES.query("put_parked"), place)
            self._forget_started(cursor, entry.started)
            for name, seconds in entry.taken_keys.items():
                kept = {"name": name, "holder": entry.result_id, "ttl_seconds": seconds}
                cursor.execute(QUERIES.query("keep"), kept)
        return True

    def wake(self, result_id: str, note: bytes, rewrite: Rewrite, *, is_event: bool) -> Wake:
        """Keep a note, and make a parked job ready, in one transaction."""
        job = {"id": result_id}
        most_notes, most_bytes = notes_room(is_event=is_event)
        with self.db(commit=True) as cursor:
            cursor.execute(QUERIES.query("holder"), {"name": job_name(result_id)})
            if cursor.fetchone() != (result_id,) or _is_revoked(cursor, result_id):
                return Wake.GONE
            cursor.execute(QUERIES.query("note_sizes"), job)
            sizes = [size for (size,) in cursor.fetchall()]
            if len(sizes) >= most_notes or sum(sizes) + len(note) > most_bytes:
                return Wake.FULL
            cursor.execute(QUERIES.query("put_note"), {**job, "note": note})
            cursor.execute(QUERIES.query("parked_at"), job)
            row = cursor.fetchone()
            if row is not None and (woken := rewrite(row[0], bytes(row[2]))) is not None:
                cursor.execute(QUERIES.query("drop_scheduled"), {"id": row[1]})
                _put(cursor, row[0], woken)
                cursor.execute(QUERIES.query("delete_parked"), job)
        return Wake.KEPT

    def notes(self, result_id: str) -> tuple[bytes, ...]:
        """Return the notes of a job."""
        found = self.sql(QUERIES.query("notes"), {"id": result_id}, results=True)
        return tuple(bytes(note) for (note,) in found)

    def put_back(self, blob: bytes, started: bytes, *, ready_at: float | None = None) -> None:
        """Keep a job in place of one that was started, in one transaction."""
        with self.db(commit=True) as cursor:
            _put(cursor, self.name, blob, ready_at)
            self._forget_started(cursor, started)
        self.idle_threads.wake(1)

    def started_items(self) -> Sequence[bytes]:
        """Return the jobs of this queue that were started."""
        return [bytes(data) for (data,) in self.sql(*self._of_queue("all_started"), results=True)]

    def renew(self, started: Sequence[bytes]) -> None:
        """Begin leases again, in one transaction."""
        with self.db(commit=True) as cursor:
            for blob in started:
                cursor.execute(*self._of_queue("renew", data=blob, **_lease()))

    def take_lost(self) -> Sequence[bytes]:
        """Return started jobs whose lease is over; asks without a lock first."""
        if not self.sql(*self._of_queue("lost"), results=True):
            return []
        with self.db(commit=True) as cursor:
            cursor.execute(*self._of_queue("lost"))
            lost = [bytes(data) for (data,) in cursor.fetchall()]
            cursor.execute(*self._of_queue("renew_lost", **_lease()))
        return lost

    def forget_started(self, started: bytes) -> None:
        """Forget that a job was started."""
        with self.db(commit=True) as cursor:
            self._forget_started(cursor, started)

    def finish(self, entry: Entry) -> None:
        """Forget a job that has ended, in one transaction."""
        with self.db(commit=True) as cursor:
            _finish(cursor, entry)
            self._forget_started(cursor, entry.started)

    def drop(self, pick: Callable[[bytes], Entry | None]) -> int:
        """Delete jobs that wait, in one transaction."""
        dropped = 0
        with self.db(commit=True) as cursor:
            for name in ("task", "scheduled"):
                cursor.execute(QUERIES.query(f"all_{name}"), {"queue": self.name})
                for number, data in cursor.fetchall():
                    if (entry := pick(bytes(data))) is not None:
                        cursor.execute(QUERIES.query(f"drop_{name}"), {"id": number})
                        _finish(cursor, entry)
                        dropped += 1
        # The log would keep what was deleted until it is full; a reader at work lets it be, until then.
        self.sql(QUERIES.query("empty_log"), results=True)
        return dropped

    def move_due(self, now: float) -> None:
        """Make ready what is due, in one transaction; asks without a lock first, as it does every second."""
        due = {"queue": self.name, "now": now}
        if not self.sql(QUERIES.query("is_due"), due, results=True):
            return
        with self.db(commit=True) as cursor:
            cursor.execute(QUERIES.query("put_due"), due)
            moved = cursor.rowcount
            cursor.execute(QUERIES.query("drop_due"), due)
        self.idle_threads.wake(moved)

    def initialize_schema(self) -> None:
        """Make file and tables when missing."""
        path = Path(self.filename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by us for its mode; SQLite gives its log and index the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        super().initialize_schema()

    def _take(self) -> bytes | None:
        """Return the next job, started from now on, or None when there is none or the queue is paused."""
        # Without a lock first, as every idle thread does.
        if not self.sql(*self._of_queue("next"), results=True):
            return None
        with self.db(commit=True) as cursor:
            cursor.execute(*self._of_queue("next"))
            if (row := cursor.fetchone()) is None:
                return None
            cursor.execute(QUERIES.query("drop_task"), {"id": row[0]})
            cursor.execute(*self._of_queue("start", data=row[1], **_lease()))
        return bytes(row[1])

    def _forget_started(self, cursor: Any, started: bytes | None) -> None:
        """Forget that a job was started, if it was."""
        if started is not None:
            cursor.execute(*self._of_queue("forget_started", data=started))

    def _of_queue(self, name: str, **values: object) -> tuple[str, dict[str, object]]:
        """Return a statement about this queue, and its values."""
        return QUERIES.query(name), {"queue": self.name, **values}

    def _create_connection(self) -> sqlite3.Connection:
        """Return a connection whose log is synced at checkpoints: a power cut may cost the last moments.

        One that cannot be set up, because the file is locked for too long or is no database, is closed. Huey
        leaves it open.
        """
        connection = sqlite3.connect(
            self.filename, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_journal_mode(connection)
            for pragma in ("synchronous = normal", "secure_delete = on", _CACHE):
                connection.execute(f"pragma {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> bool:
        """Close the connection; Huey would leave one that another thread is making at this moment."""
        with self.lock:
            connection: sqlite3.Connection | None = self._conn
            self._conn: sqlite3.Connection | None = None
        if connection is not None:
            connection.close()
        return connection is not None


class SQLiteBackend:
    """The storages of one process, one for each queue, in the file of its settings."""

    def __init__(self, settings: HueySettings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._storages: dict[str, SQLiteJobStorage] = {}

    def storage(self, queue_name: str) -> SQLiteJobStorage:
        """Return the storage of one queue."""
        if queue_name not in self._storages:
            self._storages[queue_name] = SQLiteJobStorage(queue_name, self._settings)
        return self._storages[queue_name]

    def check(self) -> None:
        """Create file and tables when missing, so that the embedded default needs no setup."""
        self.migrate()

    def migrate(self) -> Sequence[str]:
        """Make file and tables when missing."""
        storage = SQLiteJobStorage("migration", self._settings)
        existed = Path(self._settings.path).exists()
        storage.ddl = [*storage.ddl, *QUERIES.script("schema")]
        try:
            storage.initialize_schema()
        except OSError as error:
            raise QueueUnavailableError(f"huey.path cannot be used: {os_error_reason(error)}") from None
        finally:
            storage.close()
        return [] if existed else [f"made {self._settings.path}"]

    def watcher(self, idle: Mapping[str, IdleThreads]) -> SQLiteWatcher:
        """Return what wakes *idle*."""
        return SQLiteWatcher(self._settings, idle)

    def close(self) -> None:
        """Close every connection."""
        for storage in self._storages.values():
            storage.close()


def _put(cursor: Any, queue_name: str, blob: bytes, ready_at: float | None = None) -> None:
    """Keep a job, until its time if it has one."""
    values = {"queue": queue_name, "data": blob, "ready_at": ready_at}
    cursor.execute(QUERIES.query("put" if ready_at is None else "schedule"), values)


def _lease() -> dict[str, float]:
    """Return how long the lease of a started job lasts."""
    return {"lease_seconds": storages.LEASE_SECONDS}


def _is_revoked(cursor: Any, result_id: str) -> bool:
    """Return whether a job was canceled, and has not ended yet."""
    cursor.execute(QUERIES.query("revoked"), {"revoke_id": revoke_id(result_id)})
    return cursor.fetchone() is not None


def _finish(cursor: Any, entry: Entry) -> None:
    """Forget a job that has ended."""
    job = {"id": entry.result_id}
    held = {"holder": entry.result_id}
    ended = {"name": entry.job_key, "ended": ENDED, "ttl_seconds": entry.ttl_seconds}
    cursor.execute(QUERIES.query("end"), {**ended, **held})
    if entry.unique_key is not None:
        cursor.execute(QUERIES.query("release"), {"name": unique_name(entry.unique_key), **held})
    cursor.execute(QUERIES.query("delete_notes"), {**job, "read": -1})
    cursor.execute(QUERIES.query("delete_parked"), job)
    cursor.execute(QUERIES.query("delete_revocation"), {"revoke_id": revoke_id(entry.result_id)})


def _take_keys(cursor: Any, entry: Entry) -> bool | None:
    """Take the keys of a job; False when it is there already, None when its unique key is taken."""
    held = {"holder": entry.result_id}
    for name, seconds in entry.taken_keys.items():
        cursor.execute(QUERIES.query("take"), {"name": name, "ttl_seconds": seconds, **held})
        if not cursor.rowcount:
            if name == entry.job_key:
                return False
            cursor.execute(QUERIES.query("release"), {"name": entry.job_key, **held})
            return None
    return True
