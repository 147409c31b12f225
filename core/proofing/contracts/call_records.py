"""The contract of the store of vendor calls and routing decisions: what was paid for, and why it was asked.

Call records are the base of a cost ledger and are kept for years; they name no person and no job. Routing
decisions are kept for days and know a person by a keyed hash alone. docs/adr/0056.

All methods are async and obey a total deadline of their own; a store that does not answer raises
`StoreUnavailableError` within it. What was added survives a killed process and a power cut. Times are seconds
since the epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import RoutingDecision


class CostGroup(StrEnum):
    """What calls are grouped by in `CallStore.costs`."""

    #: The vendor's product, as the settings name it.
    VENDOR = "vendor"
    #: For whom; "" for nobody.
    RELYING_PARTY = "relying_party"
    #: `ProoferKind`.
    KIND = "kind"
    #: The day in UTC, such as ``2026-11-30``.
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call that the vendor bills, or may bill; one that is known not to be billed has no record.

    Attributes:
        id: of the question: a digest of result id, step, number and vendor, which names no job.
        at: when it ended.
        vendor: the proofer, as the settings name it.
        transaction_id: the vendor's.
        relying_party: for whom; None for nobody.
        outcome: ``passed``, ``failed``, ``review`` or ``unknown`` of an answer, else the `Cause`'s value, or
            ``canceled`` of a call that was cut off with its job.
        is_uncertain: whether the vendor alone knows if it bills the call, as after one whose answer was lost.
        is_shadow: whether the answer counted for nobody.
        permissible_purpose: why the vendor may be asked, as the settings say; None where they do not.
        price: of one call, by the settings at the time; None where they name none.
        currency: of the price, such as ``USD``.
    """

    id: str
    at: float
    vendor: str
    kind: ProoferKind
    transaction_id: str | None
    relying_party: str | None
    outcome: str
    is_uncertain: bool = False
    is_shadow: bool = False
    permissible_purpose: str | None = None
    price: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A routing decision of a job.

    Attributes:
        id: of the question: result id of the job, step and number.
        job: result id of the job.
        step: of the job.
    """

    id: str
    job: str
    step: str
    decision: RoutingDecision

    @property
    def at(self) -> float:
        """When it was made."""
        return self.decision.question.at


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """The calls of one group and currency.

    Attributes:
        group: value of what was grouped by: the vendor, relying party, kind or day.
        currency: None of calls without a price.
        calls: how many.
        uncertain: of how many of them the vendor alone knows whether it bills them.
        unpriced: of how many of them the price is not known.
        total: the prices of the others, those of uncertain calls included.
    """

    group: str
    currency: str | None
    calls: int
    uncertain: int
    unpriced: int
    total: Decimal


@runtime_checkable
class CallStore(Protocol):
    """Keeps call records and routing decisions.

    One instance a process; methods may be called concurrently.
    """

    async def open(self) -> None:
        """Connect. Called once, before all else."""

    async def close(self) -> None:
        """Disconnect. Called once, also when `open` failed."""

    async def migrate(self) -> Sequence[str]:
        """Bring the tables up to date and return what was done. Called without `open`; `close` follows."""

    async def add(self, calls: Sequence[CallRecord], decisions: Sequence[RecordedDecision]) -> None:
        """Keep all of them, in one transaction.

        A call whose id is known already, and a decision whose job and id are, stay as they are.
        """

    async def calls(
        self, *, begin: float, end: float, limit: int, after: tuple[float, str] | None = None
    ) -> Sequence[CallRecord]:
        """Return the records from *begin* until before *end*, the oldest first.

        Args:
            begin: the first moment.
            end: the first moment that is left out.
            limit: the most that are returned.
            after: `at` and id of the last one of the page before.
        """

    async def costs(self, *, begin: float, end: float, by: CostGroup) -> Sequence[CostLine]:
        """Return the calls from *begin* until before *end* in groups, ordered by group and currency."""

    async def latest_decisions(
        self, *, limit: int, before: tuple[float, str, str] | None = None
    ) -> Sequence[RecordedDecision]:
        """Return decisions, the newest first.

        Args:
            limit: the most that are returned.
            before: `at`, job and id of the last one of the page before.
        """

    async def decisions_of_jobs(self, jobs: Sequence[str]) -> Sequence[RecordedDecision]:
        """Return the decisions of *jobs*, result ids, the newest first."""

    async def decisions_of(
        self, person: str, *, until: float | None = None, limit: int = 100
    ) -> Sequence[RecordedDecision]:
        """Return the decisions about a *person*, the newest first.

        Args:
            person: a keyed hash.
            until: only those made then or before; None for all.
            limit: the most that are returned.
        """

    async def forget(self, person: str) -> int:
        """Delete the decisions about a *person*; return how many."""

    async def forget_jobs(self, jobs: Sequence[str]) -> int:
        """Delete the decisions of *jobs*, result ids; return how many."""

    async def sweep(self, *, decisions_before: float, calls_before: float) -> int:
        """Delete decisions and call records that are older; return how many."""
