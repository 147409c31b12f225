"""What is counted without knowing a person: attempts by client address; and whether vendors may be called.

Windows are fixed hours, so that steady traffic of a shared address does not keep its window open forever, as
a window that every attempt restarts would. An address is counted under an HMAC whose key is another one every
day; nothing else keeps it. docs/adr/0020-client-limits.md
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from proofing.base.metrics import VENDOR_BUDGETS_REACHED
from proofing.contracts.records import KINDS, JobKind, first_asked
from proofing.contracts.stores import ResultStore, Usage
from proofing.crypto.encryption import KeyRing
from proofing.routing.gates import Gatekeeper
from proofing.rules import limits
from proofing.rules.limits import Counter, Limit, Subject
from proofing.settings import LiveSettings

WINDOW_SECONDS = 3600.0

SESSION = Limit(name="client_session", subject=Subject.CLIENT)
#: The limit that each kind of job counts against by client address.
OF_KIND: Mapping[JobKind, Limit] = MappingProxyType(
    {kind: Limit(name=names.client_limit, subject=Subject.CLIENT) for kind, names in KINDS.items()}
)
LIMITS: Mapping[str, Limit] = MappingProxyType({limit.name: limit for limit in (SESSION, *OF_KIND.values())})
#: Not an attempt's limit: the vendors of a step have been asked as often as the operator allows.
VENDOR_BUDGET = Limit(name="vendor_budget", subject=Subject.VENDOR)


class SharedLimits:
    """What the web process asks of these limits, before and at a submit."""

    def __init__(
        self,
        *,
        results: ResultStore,
        keys: KeyRing,
        live: LiveSettings,
        gates: Gatekeeper,
        candidates: Callable[[JobKind, str], Sequence[str]],
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Count in *results*.

        Args:
            results: where everything is counted.
            keys: from which the keys of the days are derived.
            live: the settings in effect.
            gates: count the calls of vendors.
            candidates: names the vendors that a job of this kind, for this person, may ask first.
            clock: in place of the store's, for tests.
        """
        self._results = results
        self._keys = keys
        self._live = live
        self._candidates = candidates
        self._clock = clock or results.now
        self._gates = gates

    def counters(self, kind: JobKind, network: str) -> list[Counter]:
        """Return on what an attempt of *kind* from *network* counts; "" is a client without an address."""
        return [self._counter(OF_KIND[kind], network)] if network else []

    async def count_session(self, network: str) -> None:
        """Count a session that a client of *network* begins.

        Raises:
            LimitReachedError: `client_session` is used up.
        """
        if network:
            counter = self._counter(SESSION, network)
            counter.require_counted(
                await self._results.count(
                    counter.key, maximum=counter.maximum, window_seconds=counter.window_seconds
                )
            )

    async def require_budget(self, kind: JobKind, person: str) -> None:
        """Check before a submit that a vendor can be asked. The call itself is counted when it is made.

        Raises:
            LimitReachedError: the budget of each vendor is used up.
        """
        vendors = self._candidates(kind, person)
        if seconds := await self._budget_seconds_left(kind, vendors):
            for vendor in vendors:
                VENDOR_BUDGETS_REACHED.labels(vendor).inc()
            raise limits.reached(VENDOR_BUDGET.name, Usage(count=0, seconds_left=seconds))

    async def seconds_left(self, name: str, network: str, *, person: str | None = None) -> float:
        """Return for how long the limit *name* is reached; 0 when it is not.

        ``vendor_budget`` is, when the vendors that may be asked about *person* in one kind of job are all
        used up; without a person it never is.
        """
        if name == VENDOR_BUDGET.name:
            kinds = JobKind if person else ()
            found = [
                await self._budget_seconds_left(kind, self._candidates(kind, person or "")) for kind in kinds
            ]
            return max(found, default=0.0)
        counter = self._counter(LIMITS[name], network)
        is_full = counter.is_full(await self._results.usage(counter.key))
        return counter.window_seconds if network and is_full else 0.0

    async def _budget_seconds_left(self, kind: JobKind, vendors: Sequence[str]) -> float:
        """Return how long the hourly budgets of all these *vendors* stay used up; 0 when one can be asked.

        A vendor has as many budgets as `vendor_hourly_budgets` has for it and its product.
        """
        products = [(first_asked(kind), name) for name in vendors]
        gates = [self._gates.gate(*product) for product in products]
        if not gates or any(all(one.per_hour is None for one in gate.limits) for gate in gates):
            return 0.0
        readings = await self._gates.read(products)
        if any(reading.has_budget for reading in readings):
            return 0.0
        return _window(self._clock())[1]

    def _counter(self, limit: Limit, network: str) -> Counter:
        """Return the counter of *limit* for *network*, an address or an IPv6 prefix, in this hour."""
        begin, left = _window(self._clock())
        day = datetime.fromtimestamp(begin, UTC).date().isoformat()
        text = f"{limit.name}|{begin:.0f}|{network}".encode()
        name = hmac.new(self._keys.current(f"client-address/{day}"), text, hashlib.sha256).hexdigest()
        return Counter(
            limit=limit,
            key=limits.counter_key(limit, name),
            maximum=getattr(self._live.current, f"{limit.name}_max_attempts"),
            window_seconds=left,
        )


def _window(now: float) -> tuple[float, float]:
    """Return the beginning of the hour of *now*, and the seconds until its end."""
    begin = now - now % WINDOW_SECONDS
    return begin, begin + WINDOW_SECONDS - now
