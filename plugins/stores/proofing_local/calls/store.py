"""The call store of one machine, on SQLite."""

import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

from proofing.plugin import CallRecord, RecordedDecision, StoreUnavailableError
from proofing.plugin.support import NamedQueries, SQLCallStore, call_columns, decision_columns, seam
from proofing_local.database import Database
from proofing_local.settings import LocalSettings

_NAME = "local calls"
_QUERIES = NamedQueries("proofing_local.calls")


@seam(StoreUnavailableError, _NAME)
class LocalCallStore(SQLCallStore):
    """Keeps everything in ``calls.db``."""

    def __init__(self, settings: LocalSettings) -> None:
        """Use the directory of *settings*."""
        self._database = Database(
            Path(settings.directory) / "calls.db",
            name=_NAME,
            timeout_seconds=settings.timeout_seconds,
            schema=_QUERIES.script("schema"),
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

    async def add(self, calls: Sequence[CallRecord], decisions: Sequence[RecordedDecision]) -> None:
        """Keep all of them, in one transaction."""
        rows = [call_columns(one) for one in calls]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(_QUERIES.query("insert_call"), rows)
            db.executemany(_QUERIES.query("insert_decision"), [decision_columns(one) for one in decisions])

        await self._database.write(work)

    async def forget(self, person: str) -> int:
        """Delete the decisions about a person, from the log of the database, too."""
        return await self._delete(super().forget(person))

    async def forget_jobs(self, jobs: Sequence[str]) -> int:
        """Delete the decisions of some jobs, from the log of the database, too."""
        return await self._delete(super().forget_jobs(jobs))

    @staticmethod
    def _list(texts: Sequence[str]) -> str:
        return json.dumps(list(texts))

    async def _read(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that reads and return its rows."""
        return await self._database.read(lambda db: db.execute(_QUERIES.query(name), values).fetchall())

    async def _count(self, name: str, values: Mapping[str, Any]) -> int:
        """Run a statement that writes and return how many rows it changed."""
        return await self._database.write(lambda db: db.execute(_QUERIES.query(name), values).rowcount)

    async def _delete(self, deleting: Awaitable[int]) -> int:
        """Delete rows, and overwrite what the log still holds of them; its next purge comes by itself."""
        deleted = await deleting
        if deleted:
            with contextlib.suppress(StoreUnavailableError):
                await self._database.empty_log()
        return deleted
