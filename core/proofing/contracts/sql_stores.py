"""How stores on SQL reach their rows: by named statements, of which each database has its own text."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

Row = tuple[Any, ...]
#: How many rows one transaction purges, so that it ends within its time limit and others wait
#: for moments only.
_PURGE_ROWS = 2000


class SQLStore(ABC):
    """Runs the statements of a store."""

    async def _purge(self, name: str, before: float) -> int:
        """Run the statement *name*, which deletes some old rows, until none is left; return how many."""
        total = 0
        while True:
            deleted = await self._count(name, {"before": before, "limit": _PURGE_ROWS})
            total += deleted
            if deleted < _PURGE_ROWS:
                return total

    @staticmethod
    @abstractmethod
    def _list(texts: Sequence[str]) -> Any:
        """Return *texts* as the statements take a list."""

    @abstractmethod
    async def _read(self, name: str, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run the statement *name*, which reads, and return its rows."""

    @abstractmethod
    async def _count(self, name: str, values: Mapping[str, Any]) -> int:
        """Run the statement *name*, which writes, and return how many rows it changed."""
