"""The ways to the database: connections that come back, each used by one at a time, with a deadline on all.

Behind a pooler in transaction mode nothing may be kept on a session, so settings then travel with each
transaction. A pooler is recognized by its process id, which is not the server's.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Params
from psycopg.conninfo import conninfo_to_dict

from proofing.plugin import ConfigurationError, Problem, QueueUnavailableError, Trouble
from proofing.plugin.support import Backoff, libpq_problem, translated
from proofing_postgres.errors import explain
from proofing_postgres.queries import query
from proofing_postgres.settings import PostgresSettings

#: In messages and log lines.
NAME = "the PostgreSQL database"

#: The application name of all our connections in pg_stat_activity.
APPLICATION_NAME = "proofing"

#: The statistics of a queue table are always wrong, so plans must not depend on them: every statement of the
#: hot path has one index that serves it, and these leave the planner no other way.
PLAN_SETTINGS: Mapping[str, str] = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "plan_cache_mode": "force_generic_plan",
}

#: Statements of processes without PLAN_SETTINGS that must not read a long backlog, whatever the statistics
#: claim; settings of their own cost a transaction and a round trip more.
_BY_INDEX: Mapping[str, str] = {
    name: PLAN_SETTINGS[name] for name in ("enable_seqscan", "enable_bitmapscan", "enable_sort")
}
STATEMENT_SETTINGS: Mapping[str, Mapping[str, str]] = dict.fromkeys(
    (
        "queue_depth",
        "ended_by_id",
        "ended_jobs",
        "ending_jobs",
        "purge_waiting",
        "live_jobs",
        "oldest_end",
        "ready_jobs",
        "running_jobs",
        "scheduled_jobs",
        "stop_running",
    ),
    _BY_INDEX,
)

#: How long a server may take to be asked to stop what an aborted exchange had begun.
_CANCEL_SECONDS = 0.5
#: How long a link that backs off waits after a connection that failed, at first and at most.
_FIRST_WAIT_SECONDS = 0.1
_MOST_WAIT_SECONDS = 2.0

Row = tuple[Any, ...]


def connect_options(settings: PostgresSettings) -> dict[str, Any]:
    """Return the parameters of every connection.

    Raises:
        ConfigurationError: the DSN cannot be read.
    """
    try:
        options: dict[str, Any] = conninfo_to_dict(settings.dsn.get_secret_value())
    except psycopg.ProgrammingError:
        rule = "must be a libpq connection URL or keyword string"
        raise ConfigurationError([Problem("settings", "postgres.dsn", rule)]) from None
    milliseconds = str(int(settings.timeout_seconds * 1000))
    return {
        "application_name": APPLICATION_NAME,
        "connect_timeout": str(max(2, int(settings.timeout_seconds))),
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": milliseconds,
        # After a failover the old primary may still answer, and a list of hosts may name standbys.
        "target_session_attrs": "read-write",
        **options,
    }


def check_parameters(settings: PostgresSettings) -> None:
    """Refuse a DSN by which no connection can be made.

    Raises:
        ConfigurationError: it cannot be read, or names no host, or files that are not there.
    """
    if rule := libpq_problem(connect_options(settings)):
        raise ConfigurationError([Problem("settings", "postgres.dsn", rule)])


class ReconnectingConnection:
    """One connection that is made when needed, again after it broke, and used by one task at a time.

    Args:
        settings: the plugin's.
        session: settings of the session beyond the time limit of statements.
        backs_off: whether uses are refused for a growing, jittered while after a connection that failed. For
            loops, which come again by themselves; what a person waits for is tried right away.
        keeps_cursor: whether one cursor serves all statements. For small answers: it holds the last one.
    """

    def __init__(
        self,
        settings: PostgresSettings,
        session: Mapping[str, str] | None = None,
        *,
        backs_off: bool = False,
        keeps_cursor: bool = False,
    ) -> None:
        self._settings = settings
        self._backs_off = backs_off
        self._keeps_cursor = keeps_cursor
        self._backoff = Backoff(_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS)
        self._refused_until = float("-inf")
        self._session = {
            "statement_timeout": str(int(settings.statement_seconds * 1000)),
            "lock_timeout": str(int(settings.statement_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(int(settings.timeout_seconds * 1000)),
            **(session or {}),
        }
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        #: Whether there is a pooler in between; known after the first connection.
        self.is_pooled = False
        #: When it was last used, by the monotonic clock.
        self.used_at = float("-inf")
        #: How many connections were made; a change means that the one before broke.
        self.generation = 0

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator["Connection"]:
        """Give the connection to one user, for at most the total deadline.

        Raises:
            QueueUnavailableError: it broke, or did not answer in time; what was begun may have happened.
        """
        try:
            with translated(QueueUnavailableError, NAME, passing=(psycopg.Error, OSError)):
                async with asyncio.timeout(self._settings.timeout_seconds), self._lock:
                    connection = await self._connected()
                    self.used_at = time.monotonic()
                    try:
                        yield connection
                    except BaseException as error:
                        # An interrupted exchange leaves a connection that nobody can reason about.
                        is_unclear = connection.closed or connection.pgconn.transaction_status != 0
                        if is_unclear or _is_about_server(error):
                            await self._drop()
                        raise
        except TimeoutError:
            raise QueueUnavailableError(
                "the PostgreSQL database does not answer in time", trouble=Trouble.TIMEOUT
            ) from None
        except (psycopg.Error, OSError) as error:
            text, trouble = explain(error)
            raise QueueUnavailableError(text, trouble=trouble) from None

    async def run(self, name: str, parameters: Params = ()) -> tuple[list[Row], int]:
        """Run the statement *name* in a transaction of its own and return its rows and their count."""
        async with self.use() as connection:
            return await self.execute(connection, name, parameters)

    async def execute(self, connection: "Connection", name: str, parameters: Params) -> tuple[list[Row], int]:
        """Run the statement *name* on *connection*, of this link."""
        own = STATEMENT_SETTINGS.get(name, {})
        if not self.is_pooled and not own:
            cursor = connection.own_cursor if self._keeps_cursor else connection.cursor(binary=True)
            await cursor.execute(query(name), parameters, prepare=True)
            return (await cursor.fetchall() if cursor.description else []), cursor.rowcount
        async with connection.transaction():
            await _apply(connection, {**self._session, **own} if self.is_pooled else own, local=True)
            cursor = await connection.execute(query(name), parameters, binary=True)
            return (await cursor.fetchall() if cursor.description else []), cursor.rowcount

    async def prepare_transaction(self, connection: "Connection") -> None:
        """Give a transaction that has just begun the session's settings, which no pooler keeps."""
        if self.is_pooled:
            await _apply(connection, self._session, local=True)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know without asking."""
        return self._connection is not None and not self._connection.closed

    async def open(self) -> None:
        """Connect unless there is a connection that the server has not ended. Raises as `use`."""
        async with self.use():
            pass

    def retry_now(self) -> None:
        """Let the next use connect, however short a time ago that failed."""
        self._refused_until = float("-inf")

    async def close(self) -> None:
        """Close the connection; the next use opens another."""
        async with self._lock:
            await self._drop()

    async def _connected(self) -> "Connection":
        """Return the connection, opening it when there is none."""
        if self._connection is not None and not _has_ended(self._connection):
            return self._connection
        await self._drop()
        if time.monotonic() < self._refused_until:
            raise QueueUnavailableError("the PostgreSQL database could not be reached a moment ago")
        try:
            connection = await self._connect()
        except Exception:
            # What takes up all of the deadline, and so ends as canceled, is rare enough of itself.
            if self._backs_off:
                self._refused_until = time.monotonic() + self._backoff.next_seconds()
            raise
        self._backoff.reset()
        self._connection = connection
        self.generation += 1
        return connection

    async def _connect(self) -> "Connection":
        """Return a new connection, ready for use."""
        options = connect_options(self._settings)
        connection = await Connection.connect(autocommit=True, **options)
        try:
            self.is_pooled = await _greet(connection)
            if self.is_pooled:
                connection.prepare_threshold = None
            else:
                await _apply(connection, self._session, local=False)
        except BaseException:
            # Also when we are canceled: nobody else knows of it yet.
            await connection.close()
            raise
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


def _has_ended(connection: AsyncConnection[Row]) -> bool:
    """Return whether a connection that nobody uses was ended by its server, as far as its socket knows.

    Without this, each connection that idled through a restart would fail the first call that uses it.
    """
    try:
        # Neither call waits. The first may read the server's closing message; then the second sees the end.
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except Exception:  # noqa: BLE001 - a connection that cannot be asked is of no use, whatever the reason
        return True
    return connection.closed


def _is_about_server(error: BaseException) -> bool:
    """Return whether *error* says that its server, though it answers, is no use now: another one may be.

    Source: PostgreSQL manual, appendix A: classes 25 (transaction state, with read_only_sql_transaction), 57
    (operator intervention) and 58 (system error).
    """
    if isinstance(error, psycopg.errors.QueryCanceled):
        # 57014, a statement that took too long. A new connection would only add to the load.
        return False
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in {"25", "57", "58"}


class Connection(AsyncConnection[Row]):
    """A connection that a frozen server does not hold beyond our deadline.

    When an exchange is canceled, psycopg (3.3, `AsyncConnection.wait`) first asks the server to stop, for up
    to 5 s, and then waits another 5 s for the end of the exchange.
    """

    @functools.cached_property
    def own_cursor(self) -> AsyncCursor[Row]:
        """A cursor for all statements: to make one for each is 10 us of an enqueue's 230 without the disk."""
        return self.cursor(binary=True)

    #: Seconds from our monotonic clock to the server's epoch, too few by a round trip at most.
    clock_offset: float = 0.0

    def server_time(self, *, later_seconds: float = 0.0) -> float:
        """Return what the server's clock will show in *later_seconds*, in seconds since the epoch."""
        return time.monotonic() + self.clock_offset + later_seconds

    async def cancel_safe(self, *, timeout: float = _CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's
        """Ask the server to stop; one that does not take the request will not answer either: hang up."""
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCEL_SECONDS))
        except BaseException:
            self.pgconn.finish()
            raise


async def _greet(connection: Connection) -> bool:
    """Read the server's clock, and return whether the process that answers is not the one we connected to."""
    cursor = await connection.execute(
        "select pg_backend_pid(), date_part('epoch', clock_timestamp())", prepare=False
    )
    ((process, epoch),) = await cursor.fetchall()
    connection.clock_offset = float(epoch) - time.monotonic()
    return bool(process != connection.info.backend_pid)


async def _apply(connection: AsyncConnection[Row], values: Mapping[str, str], *, local: bool) -> None:
    """Set session settings, or those of the running transaction, in one round trip."""
    names: Sequence[str] = list(values)
    await connection.execute(
        "select set_config(n, v, %s) from unnest(%s::text[], %s::text[]) as s (n, v)",
        (local, names, [values[name] for name in names]),
        prepare=False,
    )
