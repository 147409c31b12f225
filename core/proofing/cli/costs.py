"""`proofing costs`: what the calls of a month came to, by the prices of the settings at the time.

The base of what is compared with vendors' invoices; never personal data. Sums are exact decimals.
"""

import argparse
import csv
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

from proofing.cli.stores import open_backends
from proofing.contracts.call_records import CallRecord, CallStore, CostGroup, CostLine
from proofing.contracts.call_rows import call_columns

#: How many records are read at a time.
_PAGE = 1000
#: A cell that begins so is a formula for spreadsheets.
_FORMULA = ("=", "+", "-", "@")


async def costs(options: argparse.Namespace) -> int:
    """Print the calls of one month in groups, or one by one."""
    month: datetime = options.month or _month_of(datetime.now(UTC))
    begin, end = month.timestamp(), _month_after(month).timestamp()
    async with open_backends("operator", "call_store") as (_configuration, backends):
        if options.calls:
            return await _print_calls(backends.calls, begin, end)
        by = CostGroup(options.by)
        lines = await backends.calls.costs(begin=begin, end=end, by=by)
    name = f"{month:%Y-%m}"
    if options.json:
        _print_json(name, by, lines)
    elif options.csv:
        _print_csv(by, lines)
    else:
        _print_table(name, by, lines)
    return 0


def _month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _month_after(month: datetime) -> datetime:
    years, number = divmod(month.month, 12)
    return datetime(month.year + years, number + 1, 1, tzinfo=UTC)


async def every_call(store: CallStore, *, begin: float, end: float) -> AsyncIterator[CallRecord]:
    """Yield the call records from *begin* until before *end*, the oldest first, however many there are."""
    last: tuple[float, str] | None = None
    while page := await store.calls(begin=begin, end=end, limit=_PAGE, after=last):
        for call in page:
            yield call
        last = (page[-1].at, page[-1].id)


async def _print_calls(store: CallStore, begin: float, end: float) -> int:
    """Print each call as a line of CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = list(CallRecord.__slots__)
    writer.writerow(names)
    async for call in every_call(store, begin=begin, end=end):
        at = datetime.fromtimestamp(call.at, UTC).isoformat(timespec="milliseconds")
        values = {**call_columns(call), "at": at}
        writer.writerow([_cell(values[name]) for name in names])
    return 0


def _cell(value: object) -> object:
    """Return *value* as a cell that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _totals(lines: Sequence[CostLine]) -> dict[str, Decimal]:
    """Return the sum of each currency."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.currency is not None:
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + line.total
    return sums


def _print_json(month: str, by: CostGroup, lines: Sequence[CostLine]) -> None:
    found = {
        "month": month,
        "by": by.value,
        "lines": [{**asdict(line), "total": str(line.total)} for line in lines],
        "totals": {currency: str(total) for currency, total in _totals(lines).items()},
    }
    print(json.dumps(found))


def _print_csv(by: CostGroup, lines: Sequence[CostLine]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([by.value, "currency", "calls", "uncertain", "unpriced", "total"])
    for line in lines:
        group = _cell(line.group)
        writer.writerow([group, line.currency, line.calls, line.uncertain, line.unpriced, line.total])


def _print_table(month: str, by: CostGroup, lines: Sequence[CostLine]) -> None:
    """Print one line for each group, and the sum of each currency."""
    if not lines:
        print(f"no calls in {month}", file=sys.stderr)
        return
    width = max(len(by.value), *(len(line.group or "(none)") for line in lines))
    print(f"{by.value:<{width}}  {'calls':>9}  {'uncertain':>9}  {'unpriced':>9}  {'total':>16}")
    for line in lines:
        price = "" if line.currency is None else f"{line.total:,} {line.currency}"
        counts = f"{line.calls:>9}  {line.uncertain:>9}  {line.unpriced:>9}"
        print(f"{line.group or '(none)':<{width}}  {counts}  {price:>16}".rstrip())
    for currency, total in _totals(lines).items():
        print(f"total of {month}: {total:,} {currency}")
