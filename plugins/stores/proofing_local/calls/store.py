"""The call store of one machine, on SQLite."""

import sqlite3
from collections.abc import Awaitable, Sequence

from proofing.plugin import CallRecord, RecordedDecision, StoreUnavailableError
from proofing.plugin.support import NamedQueries, SQLCallStore, call_columns, decision_columns, seam
from proofing_local.settings import LocalSettings
from proofing_local.tables import StoreOnTables

_NAME = "local calls"
_QUERIES = NamedQueries("proofing_local.calls")


@seam(StoreUnavailableError, _NAME)
class LocalCallStore(StoreOnTables, SQLCallStore):
    """Keeps everything in ``calls.db``."""

    def __init__(self, settings: LocalSettings) -> None:
        """Use the directory of *settings*."""
        super().__init__(settings, _QUERIES, file="calls.db", name=_NAME)

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

    async def _delete(self, deleting: Awaitable[int]) -> int:
        """Delete rows, from the log of the database, too."""
        deleted = await deleting
        if deleted:
            await self._empty_log()
        return deleted
