"""Shows that this worker lives, from a thread with a connection of its own: a busy loop cannot stop it.

The other way round, the worker believes in its lease only as long as this thread renewed it, by the
monotonic clock: `Heartbeat.is_fenced` is true after `fence_seconds` without a renewal, and at
once when the row is gone.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from proofing.plugin import get_logger, log
from proofing.plugin.support import Backoff
from proofing_postgres.connections import Row, connect_options
from proofing_postgres.counts import Counts, since
from proofing_postgres.queries import query
from proofing_postgres.settings import PostgresSettings

_FIRST_WAIT_SECONDS = 0.1
_MOST_WAIT_SECONDS = 1.0

_logger = get_logger(__name__)


class Heartbeat(threading.Thread):
    """Registers a worker and renews its lease until told to stop.

    Args:
        settings: the plugin's.
        counts: written into the worker's row with every renewal.
        on_change: called from this thread after registering and after losing the row.
    """

    def __init__(self, settings: PostgresSettings, counts: Counts, on_change: Callable[[], None]) -> None:
        super().__init__(name="proofing-heartbeat", daemon=True)
        self._settings = settings
        self._counts = counts
        self._on_change = on_change
        self._wanted = threading.Event()
        self._wanted.set()
        self._stopped = threading.Event()
        self._renewed_at = float("-inf")
        #: What the row of our worker id shows, and what those of former ids do.
        self._shown: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        #: A copy of the connection's socket, and when the exchange began that runs on it.
        self._socket: socket.socket | None = None
        self._socket_guard = threading.Lock()
        self._asked_at: float | None = None
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        #: Our worker id; 0 while we have none. A new one after every lost lease: ids are never reused.
        self.worker_id = 0

    @property
    def is_fenced(self) -> bool:
        """Whether we must take our jobs for somebody else's."""
        return self.worker_id == 0 or time.monotonic() - self._renewed_at > self._settings.fence_seconds

    @property
    def since_renewal_seconds(self) -> float:
        """How long ago the lease was last renewed."""
        return time.monotonic() - self._renewed_at

    def numbers(self) -> str:
        """Return, as JSON, what was counted under our worker id."""
        return since(self._counts.snapshot(), self._kept)

    def reset_identity(self) -> None:
        """Take a new worker id: our jobs are lost, and any worker may rescue them."""
        self.worker_id = 0
        self._wanted.set()

    def abort_stalled(self) -> None:
        """End an exchange that takes too long, so that the thread connects again.

        A frozen server, or a proxy that swallows, keeps the connection and never answers, and psycopg would
        wait forever. Ended early enough, the lease can still be renewed over the next connection.
        """
        asked_at = self._asked_at
        if asked_at is None or time.monotonic() - asked_at < _exchange_seconds(self._settings):
            return
        with self._socket_guard:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """End the thread; the row is left as it is."""
        self._stopped.set()
        self._wanted.set()

    def run(self) -> None:
        """Register, renew, reconnect; forever."""
        backoff = Backoff(_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS)
        while not self._stopped.is_set():
            try:
                with (
                    psycopg.connect(autocommit=True, **_options(self._settings)) as connection,
                    self._watched(connection),
                ):
                    connection.prepare_threshold = None
                    while not self._stopped.is_set():
                        try:
                            self._beat(connection)
                        finally:
                            self._asked_at = None
                        backoff.reset()
                        self._pause(self._settings.renew_seconds)
            except Exception as error:  # noqa: BLE001 - without it the worker would never work again
                log(_logger, "heartbeat_failed", level=logging.WARNING, error=type(error).__name__)
                self._stopped.wait(backoff.next_seconds())

    @contextlib.contextmanager
    def _watched(self, connection: "psycopg.Connection[Row]") -> Iterator[None]:
        """Let `abort_stalled` reach the socket of *connection*, by a copy that nobody else closes."""
        with socket.socket(fileno=os.dup(connection.fileno())) as copy:
            with self._socket_guard:
                self._socket = copy
            try:
                yield
            finally:
                with self._socket_guard:
                    self._socket = None

    def _pause(self, seconds: float) -> None:
        """Wait for the next beat, or until we are wanted sooner."""
        self._wanted.wait(seconds)
        self._wanted.clear()

    def _beat(self, connection: "psycopg.Connection[Row]") -> None:
        """Register, or renew once."""
        # The time before asking: the lease cannot begin later than the database's own answer.
        self._asked_at = asked_at = time.monotonic()
        lease = self._settings.lease_seconds
        worker_id = self.worker_id
        if worker_id == 0:
            row = connection.execute(query("register"), {"name": self._name, "lease": lease}).fetchone()
            self._renewed_at = asked_at
            self._kept = self._shown
            self.worker_id = int(row[0]) if row else 0
            self._on_change()
            return
        now = self._counts.snapshot()
        numbers = since(now, self._kept)
        parameters: dict[str, Any] = {"lease": lease, "worker": worker_id, "numbers": numbers}
        if connection.execute(query("renew"), parameters).fetchone() is None:
            self.worker_id = 0
            self._on_change()
            self._wanted.set()
        elif self.worker_id == worker_id:
            self._renewed_at = asked_at
            self._shown = now


def _options(settings: PostgresSettings) -> dict[str, Any]:
    """Return the parameters of the connection, whose time-outs must be well below the lease."""
    seconds = int(_exchange_seconds(settings))
    return {
        **connect_options(settings),
        "connect_timeout": str(seconds),
        "tcp_user_timeout": str(seconds * 1000),
    }


def _exchange_seconds(settings: PostgresSettings) -> float:
    """Return how long one exchange may take; libpq takes 2 s at least."""
    return max(2.0, settings.renew_seconds)
