"""Wakes the worker's threads when another process has written to the SQLite file.

One thread a process asks ``pragma data_version`` (shared memory, no query) whether another connection has
written. Source: https://sqlite.org/pragma.html#pragma_data_version.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Mapping

from proofing.plugin import get_logger, log
from proofing.plugin.support import Backoff, data_version
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.queries import QUERIES
from proofing_huey.settings import HueySettings

#: How often the tables are read although nothing has changed.
SAFETY_POLL_SECONDS = 1.0
#: More threads than this are not woken at once.
MAX_WAKEUPS = 1000
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 5.0
#: How long `stop` waits for the thread; a file system that hangs would hold the worker.
_JOIN_SECONDS = 10.0

_logger = get_logger(__name__)


class SQLiteWatcher:
    """One thread that wakes idle threads when another process has enqueued.

    Attributes:
        idle: those to wake, by queue.
        stopping: set when the thread is to end.
    """

    def __init__(self, settings: HueySettings, idle: Mapping[str, IdleThreads]) -> None:
        """Watch the file of *settings* for the queues of *idle*."""
        self.idle = idle
        self.stopping = threading.Event()
        self._settings = settings
        self._thread = threading.Thread(target=self._run, name="huey-watcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread unless it hangs."""
        self.stopping.set()
        self._thread.join(_JOIN_SECONDS)

    def watch(self) -> None:
        """Wake idle threads at every change, and once a second without one, until `stopping` is set."""
        with contextlib.closing(self._connect()) as connection:
            self._watch(connection)

    def _run(self) -> None:
        """Watch, and begin again with growing, jittered waits when that fails."""
        backoff = Backoff(_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS, jitter=(0.5, 1.5))
        while not self.stopping.is_set():
            started = time.monotonic()
            try:
                self.watch()
            except Exception as error:  # noqa: BLE001 - without a watcher, jobs would wait for half a minute
                log(_logger, "queue_unavailable", level=logging.WARNING, error=type(error).__name__)
                if time.monotonic() - started > _MAX_RETRY_SECONDS:
                    backoff.reset()
                self.stopping.wait(backoff.next_seconds())

    def _connect(self) -> sqlite3.Connection:
        """Return a connection that only reads."""
        return sqlite3.connect(
            self._settings.path, timeout=self._settings.timeout_seconds, isolation_level=None
        )

    def _watch(self, connection: sqlite3.Connection) -> None:
        seen: int | None = None
        look_at = 0.0
        while True:
            # The version is read first: what is written between the two is looked for again next time.
            version = data_version(connection)
            now = time.monotonic()
            if version != seen or now >= look_at:
                seen, look_at = version, now + SAFETY_POLL_SECONDS
                self._look(connection)
            if self.stopping.wait(self._settings.poll_seconds):
                return

    def _look(self, connection: sqlite3.Connection) -> None:
        """Wake as many threads of each queue as there are jobs."""
        for name, sleeping in self.idle.items():
            found = connection.execute(QUERIES.query("waiting"), {"queue": name, "most": MAX_WAKEUPS})
            waiting: int = found.fetchone()[0]
            if waiting:
                sleeping.wake(waiting)
