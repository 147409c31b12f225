"""What rows of call stores mean, and which values their statements take: for stores on SQL.

A row of a call holds the fields of `CallRecord` in their order; one of a decision its id, job, step and the
decision as JSON.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from proofing.base.errors import StoreError
from proofing.base.typed_json import read_typed, write_typed
from proofing.contracts.call_records import CallRecord, CostGroup, CostLine, RecordedDecision
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import RoutingDecision
from proofing.contracts.sql_stores import Row, SQLStore

#: Before and later than everything: where first pages begin.
_FIRST, _LAST = (float("-inf"), ""), (float("inf"), "", "")


def call_columns(call: CallRecord) -> dict[str, Any]:
    """Return the values of the columns of *call*, with its price as text, which nothing rounds."""
    return {**asdict(call), "price": None if call.price is None else str(call.price)}


def call_of(row: Row) -> CallRecord:
    """Return the call record of a row; a price may be text."""
    values = dict(zip((field.name for field in fields(CallRecord)), row, strict=True))
    price = values["price"]
    return CallRecord(
        **{
            **values,
            "kind": ProoferKind(values["kind"]),
            "is_uncertain": bool(values["is_uncertain"]),
            "is_shadow": bool(values["is_shadow"]),
            "price": None if price is None else Decimal(price),
        }
    )


def decision_columns(recorded: RecordedDecision) -> dict[str, Any]:
    """Return the values of the columns of *recorded*, with those that statements look for."""
    return {
        "id": recorded.id,
        "job": recorded.job,
        "step": recorded.step,
        "at": recorded.at,
        "person": recorded.decision.question.person,
        "body": write_typed(recorded.decision).decode(),
    }


def decision_of(row: Row) -> RecordedDecision:
    """Return the decision of a row. Raises `StoreError` for a damaged one."""
    decision_id, job, step, body = row
    try:
        decision = read_typed(RoutingDecision, body)
    except ValueError:
        raise StoreError("the call store holds a damaged decision") from None
    return RecordedDecision(id=decision_id, job=job, step=step, decision=decision)


def _days(begin: float, end: float) -> Iterator[tuple[str, float, float]]:
    """Yield each day in UTC between two moments, with its part: no statement has to read a whole month."""
    while begin < end:
        day = datetime.fromtimestamp(begin, UTC).date()
        following = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        until = min(following.timestamp(), end)
        yield day.isoformat(), begin, until
        begin = until


class CostSum:
    """Adds up rows of equal calls: group, currency, price, whether they are uncertain, and how many.

    Prices are multiplied by counts, exactly; no database adds them as binary fractions.
    """

    def __init__(self, by: CostGroup) -> None:
        """Begin without any row."""
        self._by = by
        self._lines: dict[tuple[str, str | None], CostLine] = {}

    def add(self, day: str, rows: Iterable[Row]) -> None:
        """Add the rows of one *day*."""
        for group, currency, price, is_uncertain, count in rows:
            name = day if self._by is CostGroup.DAY else group or ""
            before = self._lines.get((name, currency))
            self._lines[name, currency] = CostLine(
                group=name,
                currency=currency,
                calls=(before.calls if before else 0) + count,
                uncertain=(before.uncertain if before else 0) + (count if is_uncertain else 0),
                unpriced=(before.unpriced if before else 0) + (count if price is None else 0),
                total=(before.total if before else Decimal(0))
                + (0 if price is None else Decimal(price) * count),
            )

    @property
    def lines(self) -> list[CostLine]:
        """The sums, by group and currency."""
        return [self._lines[key] for key in sorted(self._lines, key=lambda key: (key[0], key[1] or ""))]


class SQLCallStore(SQLStore):
    """What call stores on SQL do alike; see `proofing.contracts.call_records.CallStore`."""

    async def calls(
        self, *, begin: float, end: float, limit: int, after: tuple[float, str] | None = None
    ) -> Sequence[CallRecord]:
        """Return a page of call records, the oldest first."""
        after_at, after_id = after or _FIRST
        given = {"begin": begin, "end": end, "limit": limit, "after_at": after_at, "after_id": after_id}
        return [call_of(row) for row in await self._read("calls", given)]

    async def costs(self, *, begin: float, end: float, by: CostGroup) -> Sequence[CostLine]:
        """Return the calls in groups."""
        costs = CostSum(by)
        for day, start, until in _days(begin, end):
            costs.add(day, await self._read("costs", {"begin": start, "end": until, "by": by.value}))
        return costs.lines

    async def latest_decisions(
        self, *, limit: int, before: tuple[float, str, str] | None = None
    ) -> Sequence[RecordedDecision]:
        """Return a page of decisions, the newest first."""
        at, job, decision_id = before or _LAST
        given = {"limit": limit, "before_at": at, "before_job": job, "before_id": decision_id}
        return await self._decisions("latest_decisions", given)

    async def decisions_of(
        self, person: str, *, until: float | None = None, limit: int = 100
    ) -> Sequence[RecordedDecision]:
        """Return the decisions about a person, the newest first."""
        latest = float("inf") if until is None else until
        return await self._decisions("decisions_of", {"person": person, "until": latest, "limit": limit})

    async def forget(self, person: str) -> int:
        """Delete the decisions about a person."""
        return await self._count("forget", {"person": person})

    async def forget_jobs(self, jobs: Sequence[str]) -> int:
        """Delete the decisions of some jobs."""
        return await self._count("forget_jobs", {"jobs": self._list(jobs)})

    async def decisions_of_jobs(self, jobs: Sequence[str]) -> Sequence[RecordedDecision]:
        """Return the decisions of some jobs, the newest first."""
        return await self._decisions("decisions_of_jobs", {"jobs": self._list(jobs)})

    async def sweep(self, *, decisions_before: float, calls_before: float) -> int:
        """Delete what is older."""
        decisions = await self._purge("sweep_decisions", decisions_before)
        return decisions + await self._purge("sweep_calls", calls_before)

    async def _decisions(self, name: str, values: Mapping[str, Any]) -> list[RecordedDecision]:
        """Run a statement that reads decisions."""
        return [decision_of(row) for row in await self._read(name, values)]
