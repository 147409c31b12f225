"""What stores that lose nothing through a power cut share: a SQLite file each, and its statements."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proofing.plugin import StoreUnavailableError
from proofing.plugin.support import NamedQueries
from proofing_local.database import Database
from proofing_local.settings import LocalSettings


class StoreOnTables:
    """A store with a file; its statements ``schema`` make the tables."""

    def __init__(self, settings: LocalSettings, queries: NamedQueries, *, file: str, name: str) -> None:
        """Open nothing yet.

        Args:
            settings: the plugin's.
            queries: the statements of the store.
            file: its name below the directory of *settings*.
            name: of the store, for messages and thread names.
        """
        self._queries = queries
        self._database = Database(
            Path(settings.directory) / file,
            name=name,
            timeout_seconds=settings.timeout_seconds,
            schema=queries.script("schema"),
            # What returned is durable, through a power cut, too.
            synchronous="full",
        )

    async def open(self) -> None:
        """Connect, and make the tables when missing. Raises `StoreUnavailableError`."""
        await self._database.open()

    async def close(self) -> None:
        """Disconnect. Harmless when not open."""
        await self._database.close()

    async def migrate(self) -> Sequence[str]:
        """Do nothing: `open` makes the tables."""
        return ()

    @staticmethod
    def _list(texts: Sequence[str]) -> str:
        return json.dumps(list(texts))

    async def _read(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return await self._database.read(lambda db: db.execute(self._queries.query(name), values).fetchall())

    async def _count(self, name: str, values: Mapping[str, Any]) -> int:
        return await self._database.write(lambda db: db.execute(self._queries.query(name), values).rowcount)

    async def _empty_log(self) -> None:
        """Overwrite what the log still holds of deleted values; the next purge of it comes by itself."""
        with contextlib.suppress(StoreUnavailableError):
            await self._database.empty_log()
