"""What stores on tables of their own share: connections, statements, the tables being there, migrations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proofing.plugin import QueueUnavailableError, StoreUnavailableError, Trouble
from proofing_postgres.connections import Row, check_parameters
from proofing_postgres.exchange import Exchange
from proofing_postgres.migrations import migrate
from proofing_postgres.settings import PostgresSettings


class StoreOnTables:
    """A store with an exchange of its own; its statement ``ready`` says whether its tables are there."""

    def __init__(
        self, settings: PostgresSettings, query: Callable[[str], str], *, connections: int, what: str
    ) -> None:
        """Connect nothing yet.

        Args:
            settings: the plugin's.
            query: finds a statement of the store by its name.
            connections: the most of them.
            what: the tables hold.

        Raises:
            ConfigurationError: the DSN cannot be read, or no connection can come of it.
        """
        check_parameters(settings)
        self._settings = settings
        self._exchange = Exchange(settings, query, connections=connections)
        self._what = what

    async def open(self) -> None:
        """Connect, and see that the tables are there. Raises `StoreUnavailableError`."""
        if await self._exchange.read("ready", {}) != [(True,)]:
            text = f"the tables of {self._what} are missing; run proofing migrate"
            raise StoreUnavailableError(text, trouble=Trouble.NOT_FOUND)

    async def close(self) -> None:
        """Close every connection. Harmless when not open."""
        await self._exchange.close()

    async def migrate(self) -> Sequence[str]:
        """Run the migrations of the plugin that are missing."""
        try:
            return await migrate(self._settings)
        except QueueUnavailableError as error:
            raise StoreUnavailableError(str(error), trouble=error.trouble) from None

    @staticmethod
    def _list(texts: Sequence[str]) -> list[str]:
        return list(texts)

    async def _read(self, name: str, values: Mapping[str, Any]) -> Sequence[Row]:
        return await self._exchange.read(name, values)

    async def _count(self, name: str, values: Mapping[str, Any]) -> int:
        return await self._exchange.count(name, values)
