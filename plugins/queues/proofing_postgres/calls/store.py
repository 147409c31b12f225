"""The call store that core sees: `proofing.plugin.CallStore` on PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from proofing.plugin import CallRecord, RecordedDecision, StoreUnavailableError
from proofing.plugin.support import NamedQueries, SQLCallStore, call_columns, decision_columns, seam
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.tables import StoreOnTables

#: A process adds what many jobs have in one transaction after the other, and sweeps between two of them.
CONNECTIONS = 1
_QUERY = NamedQueries("proofing_postgres.calls").query


@seam(StoreUnavailableError, "the call store (postgres)")
class PostgresCallStore(StoreOnTables, SQLCallStore):
    """One view of the tables of calls; a process makes one.

    Args:
        settings: the section ``postgres``.

    Raises:
        ConfigurationError: the DSN cannot be read, or no connection can come of it.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        super().__init__(settings, _QUERY, connections=CONNECTIONS, what="calls")

    async def add(self, calls: Sequence[CallRecord], decisions: Sequence[RecordedDecision]) -> None:
        """Keep all of them, in one transaction."""
        statements: list[tuple[str, Mapping[str, Any]]] = []
        if calls:
            statements.append(("insert_calls", _rows([call_columns(call) for call in calls])))
        if decisions:
            statements.append(("insert_decisions", _rows([decision_columns(one) for one in decisions])))
        async with self._exchange.transaction() as transaction:
            await transaction.batch(statements)


def _rows(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of an insert: rows as JSON."""
    return {"rows": json.dumps(columns)}
