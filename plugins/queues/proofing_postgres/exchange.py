"""How a store reaches its tables: a few connections of its own, and one transaction for each change."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from psycopg import Rollback

from proofing.plugin import QueueUnavailableError, StoreUnavailableError, Trouble
from proofing_postgres.connections import Connection, ReconnectingConnection, Row
from proofing_postgres.pool import Pool
from proofing_postgres.settings import PostgresSettings

#: Troubles of a connection whose server was replaced, or started again.
_PASSING = frozenset({Trouble.CONNECTION_REFUSED, Trouble.UNREACHABLE, Trouble.UNAVAILABLE})
#: A server's clock that is off by so much was set.
_CLOCK_STEP_SECONDS = 1.0

#: Name and values.
Statement = tuple[str, Mapping[str, Any]]


class Transaction:
    """Statements that are kept together."""

    def __init__(
        self, link: ReconnectingConnection, connection: Connection, query: Callable[[str], str]
    ) -> None:
        """Run statements, which *query* finds by their names, on *connection*, of *link*."""
        self._query = query
        self._connection = connection
        self._prepares = not link.is_pooled

    async def rows(self, name: str, values: Mapping[str, Any], *, prepare: bool = True) -> list[Row]:
        """Run the statement *name* and return its rows; not prepared, it is planned for its values."""
        cursor = await self._connection.execute(
            self._query(name), values, binary=True, prepare=prepare and self._prepares
        )
        return await cursor.fetchall() if cursor.description else []

    async def batch(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Run statements in one round trip, in order, and return the rows of each.

        None of them can depend on what another returned. Through a pooler they take a round trip each.
        """
        if not self._prepares:
            return [await self.rows(name, values) for name, values in statements]
        async with self._connection.pipeline():
            cursors = [
                await self._connection.execute(self._query(name), values, binary=True, prepare=True)
                for name, values in statements
            ]
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]

    async def count(self, name: str, values: Mapping[str, Any], *, prepare: bool = True) -> int:
        """Run the statement *name* and return how many rows it changed."""
        cursor = await self._connection.execute(
            self._query(name), values, binary=True, prepare=prepare and self._prepares
        )
        return cursor.rowcount

    def undo(self) -> NoReturn:
        """Leave the transaction and keep nothing of it, without an error."""
        raise Rollback


class Exchange:
    """The connections of one process to the tables of one store."""

    def __init__(self, settings: PostgresSettings, query: Callable[[str], str], *, connections: int) -> None:
        """Connect nothing yet.

        Args:
            settings: the plugin's.
            query: finds a statement of the store by its name.
            connections: the most of them.
        """
        self._query = query
        self._pool = Pool(settings.model_copy(update={"pool_size": connections}))
        #: Seconds from our monotonic clock to the server's; None before the first connection.
        self._clock_offset: float | None = None

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def now(self) -> float:
        """Return the server's time in seconds since the epoch; this host's before the first connection."""
        return time.time() if self._clock_offset is None else time.monotonic() + self._clock_offset

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Give a transaction that is committed at the end, or rolled back by whatever is raised.

        Raises:
            StoreUnavailableError: it does not answer in time; what was begun may have happened.
        """
        with _unavailable():
            async with self._pool.link() as link, link.use() as connection:
                self._note_clock(connection)
                async with connection.transaction():
                    await link.prepare_transaction(connection)
                    yield Transaction(link, connection, self._query)

    async def run(self, name: str, values: Mapping[str, Any], *, prepare: bool = True) -> list[Row]:
        """Run one statement, which commits by itself, and return its rows. Raises as above."""
        with _unavailable():
            async with self._pool.link() as link, link.use() as connection:
                self._note_clock(connection)
                if not link.is_pooled:
                    return await Transaction(link, connection, self._query).rows(
                        name, values, prepare=prepare
                    )
        async with self.transaction() as transaction:
            return await transaction.rows(name, values, prepare=prepare)

    async def read(self, name: str, values: Mapping[str, Any], *, prepare: bool = True) -> list[Row]:
        """Run a statement that changes nothing; once more when its connection broke. Raises as above."""
        try:
            return await self.run(name, values, prepare=prepare)
        except StoreUnavailableError as error:
            if error.trouble not in _PASSING:
                raise
        return await self.run(name, values, prepare=prepare)

    async def count(self, name: str, values: Mapping[str, Any], *, prepare: bool = True) -> int:
        """Run a statement in a transaction of its own; return how many rows it changed. Raises as above."""
        async with self.transaction() as transaction:
            return await transaction.count(name, values, prepare=prepare)

    def _note_clock(self, connection: Connection) -> None:
        """Keep the best of what connections measured: each is too low by a part of its round trip."""
        measured = connection.clock_offset
        known = self._clock_offset
        if known is None or measured > known or known - measured > _CLOCK_STEP_SECONDS:
            self._clock_offset = measured


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    """Raise what the connections raise as the error of a store."""
    try:
        yield
    except QueueUnavailableError as error:
        raise StoreUnavailableError(str(error), trouble=error.trouble) from None
