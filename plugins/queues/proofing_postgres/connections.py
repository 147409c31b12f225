"""The ways to the database: connections that come back, each used by one at a time, with a deadline on all.

Behind a pooler in transaction mode nothing may be kept on a session, so settings then travel with each
transaction. A pooler is recognised by its process id, which is not the server's.
"""

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Params
from psycopg.conninfo import conninfo_to_dict

from proofing.errors import ConfigurationError, Problem, QueueUnavailableError
from proofing_postgres.queries import query
from proofing_postgres.settings import PostgresSettings

#: What every connection of ours says about itself in pg_stat_activity.
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

#: Statements that PLAN_SETTINGS would harm, with their own; they cost a transaction and a round trip more.
#: `depth` reads all of a table, and which way is best depends on what the last vacuum did. `forget_old` has a
#: block range index, which only a bitmap scan can use.
STATEMENT_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "depth": {name: "on" for name in PLAN_SETTINGS if name.startswith("enable_")},
    "forget_old": {"enable_bitmapscan": "on"},
}

#: How long a server may take to be asked to stop what an exchange that we gave up had begun.
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


class Link:
    """One connection that is made when needed, again after it broke, and used by one task at a time.

    Args:
        settings: the plugin's.
        session: settings of the session beyond the time limit of statements.
        backs_off: whether uses are refused for a growing, jittered while after a connection that failed. For
            loops, which come again by themselves; what a person waits for is tried at once.
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
        self._wait_seconds = _FIRST_WAIT_SECONDS
        self._refused_until = float("-inf")
        self._session = {
            "statement_timeout": str(int(settings.statement_seconds * 1000)),
            "lock_timeout": str(int(settings.statement_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(int(settings.timeout_seconds * 1000)),
            **(session or {}),
        }
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        #: Whether a pooler stands between; known after the first connection.
        self.is_pooled = False
        #: How many connections were made; a change means that the one before broke.
        self.generation = 0

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator["Connection"]:
        """Give the connection to one user, for at most the total deadline.

        Raises:
            QueueUnavailableError: it broke, or did not answer in time; what was begun may have happened.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_seconds), self._lock:
                connection = await self._connected()
                try:
                    yield connection
                except BaseException as error:
                    # An interrupted exchange leaves a connection that nobody can reason about.
                    is_unclear = connection.closed or connection.pgconn.transaction_status != 0
                    if is_unclear or _is_about_server(error):
                        await self._drop()
                    raise
        except TimeoutError:
            raise QueueUnavailableError("the queue's database does not answer in time") from None
        except psycopg.errors.InsufficientPrivilege:
            raise QueueUnavailableError(
                "the queue's database refuses our role; see proofing_postgres/roles.sql"
            ) from None
        except psycopg.errors.UndefinedTable:
            raise QueueUnavailableError("the queue's tables are missing; run proofing migrate") from None
        except (psycopg.Error, OSError) as error:
            raise QueueUnavailableError(
                f"the queue's database cannot be used: {type(error).__name__}"
            ) from None

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
            raise QueueUnavailableError("the queue's database could not be reached a moment ago")
        try:
            connection = await self._connect()
        except (psycopg.Error, OSError):
            # What takes up all of the deadline, and so ends as cancelled, is rare enough of itself.
            if self._backs_off:
                jitter = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
                self._refused_until = time.monotonic() + self._wait_seconds * jitter
                self._wait_seconds = min(self._wait_seconds * 2, _MOST_WAIT_SECONDS)
            raise
        self._wait_seconds = _FIRST_WAIT_SECONDS
        self._connection = connection
        self.generation += 1
        return connection

    async def _connect(self) -> "Connection":
        """Return a new connection, ready for use."""
        options = connect_options(self._settings)
        connection = await Connection.connect(autocommit=True, **options)
        try:
            self.is_pooled = await _is_pooled(connection)
            if self.is_pooled:
                connection.prepare_threshold = None
            else:
                await _apply(connection, self._session, local=False)
        except BaseException:
            # Also when we are cancelled: nobody else knows of it yet.
            await connection.close()
            raise
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


class Pool:
    """A few links, for a process that enqueues and looks; opened one by one, as they are needed."""

    def __init__(self, settings: PostgresSettings) -> None:
        """Make *pool_size* links, none of them open."""
        self._links = [Link(settings, {"jit": "off"}, keeps_cursor=True) for _ in range(settings.pool_size)]
        self._turns = asyncio.Semaphore(settings.pool_size)
        self._settings = settings

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """Give a link that nobody uses, waiting for one within the total deadline.

        Raises:
            QueueUnavailableError: none became free.
        """
        if self._turns.locked():
            await self._wait_for_turn()
        else:
            # At once, and so without a timer, which every enqueue would pay for.
            await self._turns.acquire()
        link = self._links.pop()
        try:
            yield link
        finally:
            self._links.append(link)
            self._turns.release()

    async def run(self, name: str, parameters: Params = ()) -> tuple[list[Row], int]:
        """Run the statement *name* on any link; as `Link.run`."""
        async with self.link() as link:
            return await link.run(name, parameters)

    async def _wait_for_turn(self) -> None:
        """Take a turn when one becomes free. Raises `QueueUnavailableError`."""
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise QueueUnavailableError("all connections to the queue's database are busy") from None

    async def close(self) -> None:
        """Close all links that are not in use."""
        for link in list(self._links):
            await link.close()


def _has_ended(connection: AsyncConnection[Row]) -> bool:
    """Tell whether a connection that nobody uses was ended by its server, as far as its socket knows.

    Without this, each connection that idled through a restart would fail the first call that uses it.
    """
    try:
        # Neither call waits. The first may read the server's farewell, and then the second sees the end.
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except (psycopg.Error, OSError):
        return True
    return connection.closed


def _is_about_server(error: BaseException) -> bool:
    """Tell whether *error* says that its server, though it answers, is no use now: another one may be.

    Source: PostgreSQL manual, appendix A: classes 25 (transaction state, with read_only_sql_transaction), 57
    (operator intervention) and 58 (system error).
    """
    if isinstance(error, psycopg.errors.QueryCanceled):
        # 57014, a statement that took too long. A new connection would only add to the load.
        return False
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in {"25", "57", "58"}


class Connection(AsyncConnection[Row]):
    """A connection that a frozen server does not hold beyond our deadline.

    When an exchange is cancelled, psycopg (3.3, `AsyncConnection.wait`) first asks the server to stop, for up
    to 5 s, and then waits another 5 s for the end of the exchange.
    """

    @functools.cached_property
    def own_cursor(self) -> AsyncCursor[Row]:
        """A cursor for all statements: to make one for each is 10 us of an enqueue's 230 without the disk."""
        return self.cursor(binary=True)

    async def cancel_safe(self, *, timeout: float = _CANCEL_SECONDS) -> None:  # noqa: ASYNC109 - psycopg's
        """Ask the server to stop; one that does not take the request will not answer either: hang up."""
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCEL_SECONDS))
        except BaseException:
            self.pgconn.finish()
            raise


async def _is_pooled(connection: AsyncConnection[Row]) -> bool:
    """Tell whether the process that answers is not the one that we connected to."""
    cursor = await connection.execute("select pg_backend_pid()", prepare=False)
    row = await cursor.fetchone()
    return row is None or row[0] != connection.info.backend_pid


async def _apply(connection: AsyncConnection[Row], values: Mapping[str, str], *, local: bool) -> None:
    """Set session settings, or those of the running transaction, in one round trip."""
    names: Sequence[str] = list(values)
    await connection.execute(
        "select set_config(n, v, %s) from unnest(%s::text[], %s::text[]) as s (n, v)",
        (local, names, [values[name] for name in names]),
        prepare=False,
    )
