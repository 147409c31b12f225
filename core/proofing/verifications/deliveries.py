"""The deliverer: claims deliveries that are due, makes the attempts concurrently, keeps what came of them.

Deliveries are rows, claimed under a lease. A killed process leaves its claims; when their leases end, others
make the attempts again, with the same id, so that an event arrives at least once. An endpoint has one attempt
at a time, over all processes: a slow or dead one holds up its own events only. docs/adr/0047.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Final, Protocol

from proofing.base.backoff import Backoff, jittered
from proofing.base.errors import ProofingError
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.metrics import (
    DELIVERIES,
    DELIVERY_ATTEMPT_SECONDS,
    DELIVERY_OLDEST_DUE_SECONDS,
    DELIVERY_SECONDS,
    ENDPOINTS,
)
from proofing.base.retries import retry_while_unavailable
from proofing.contracts.verification_store import (
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    EndpointState,
    VerificationStore,
)
from proofing.contracts.verifications import Mode
from proofing.verifications.endpoints import Answer, Condition, condition, delivery_after, endpoint_after
from proofing.verifications.sending import TIMEOUT_SECONDS

_logger = get_logger(__name__)

#: Attempts that one process makes at once. Each is of another endpoint, so this bounds endpoints, not load.
SLOTS: Final = 500
_PER_ENDPOINT: Final = 1
#: A claim outlives its attempt, and some time to keep what came of it.
LEASE_SECONDS: Final = TIMEOUT_SECONDS + 25.0
#: How often an idle process asks for deliveries; an event waits half of it on average.
POLL_SECONDS: Final = 0.1
#: Attempts that end together are followed by one claim, not by one each: how long they are waited for, where
#: few and where many were begun.
_COALESCE_SECONDS: Final = 0.005
_COALESCE_MANY_SECONDS: Final = 0.02
_MANY: Final = 20
_FIRST_WAIT_SECONDS: Final = 0.2
_LONGEST_WAIT_SECONDS: Final = 10.0
#: How long what came of an attempt is kept trying to be written; then the lease decides.
_FINISH_SECONDS: Final = 15.0
_OBSERVE_SECONDS: Final = 10.0

_Endpoint = tuple[str, Mode, str]


class Sender(Protocol):
    """Makes attempts; `proofing.verifications.sending.EventSender`."""

    async def send(self, delivery: Delivery, *, now: float) -> Answer:
        """Make one attempt at *now*, in epoch seconds."""


class Deliverer:
    """Delivers events until it is stopped. One instance a process."""

    def __init__(
        self,
        store: VerificationStore,
        sender: Sender,
        *,
        slots: int = SLOTS,
        poll_seconds: float = POLL_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Deliver the events of *store* by *sender*, at most *slots* at once."""
        self._lease_seconds = lease_seconds
        self._store = store
        self._sender = sender
        self._slots = slots
        self._poll_seconds = poll_seconds
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until *stop* is set; then end when the attempts have ended that were begun."""
        stopping = asyncio.create_task(_set_when(stop, self._wake))
        observing = asyncio.create_task(self._observe())
        log(_logger, "deliverer_start", slots=self._slots)
        try:
            await self._claim_until(stop)
            await asyncio.gather(*self._attempts)
        finally:
            await _ended(stopping, observing, *self._attempts)
        log(_logger, "deliverer_stop")

    async def _claim_until(self, stop: asyncio.Event) -> None:
        """Begin attempts until *stop* is set."""
        backoff = Backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        while not stop.is_set():
            self._wake.clear()
            try:
                begun = await self._begin_due()
            except Exception as error:  # noqa: BLE001 - a store that fails must not end the deliveries
                fields = {} if isinstance(error, ProofingError) else exception_fields(error)
                name = type(error).__name__
                log(_logger, "delivery_claim_failed", level=logging.WARNING, error=name, **fields)
                await self._wait(backoff.next_seconds())
                continue
            backoff.reset()
            await self._wait(jittered(self._poll_seconds))
            await asyncio.sleep(_COALESCE_MANY_SECONDS if begun >= _MANY else _COALESCE_SECONDS)

    async def _wait(self, seconds: float) -> None:
        """Wait until something may be due, or for *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _begin_due(self) -> int:
        """Claim as many deliveries as there are free slots, begin an attempt for each; return how many."""
        free = self._slots - len(self._attempts)
        if free <= 0:
            return 0
        # Reading costs a store less than a claim that finds nothing.
        due_at = await self._store.next_delivery_at()
        if due_at is None or due_at > self._store.now():
            return 0
        claimed = await self._store.claim_deliveries(
            limit=free, per_endpoint=_PER_ENDPOINT, lease_seconds=self._lease_seconds
        )
        if not claimed:
            return 0
        endpoints = await self._endpoints(claimed)
        for one in claimed:
            attempt = asyncio.create_task(self._attempt(one, endpoints[_endpoint_of(one.delivery)]))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._after_attempt)
        return len(claimed)

    async def _endpoints(self, claimed: Sequence[ClaimedDelivery]) -> dict[_Endpoint, EndpointState]:
        """Return the state of each endpoint that *claimed* go to; its claim keeps others from changing it."""
        parties = {one.delivery.event.relying_party for one in claimed}
        only = parties.pop() if len(parties) == 1 else None
        known = {
            (state.relying_party, state.mode, state.endpoint): state
            for state in await self._store.endpoint_states(only)
        }
        places = {_endpoint_of(one.delivery) for one in claimed}
        return {place: known.get(place) or _new_state(place) for place in places}

    def _after_attempt(self, attempt: "asyncio.Task[None]") -> None:
        """Give the slot back; the endpoint may have more."""
        self._attempts.discard(attempt)
        self._wake.set()

    async def _attempt(self, claimed: ClaimedDelivery, endpoint: EndpointState) -> None:
        """Make one attempt, and keep what came of it."""
        delivery = claimed.delivery
        started = time.perf_counter()
        try:
            answer = await self._sender.send(delivery, now=self._store.now())
            seconds = time.perf_counter() - started
            now = self._store.now()
            outcome = delivery_after(delivery, answer, now=now)
            after = endpoint_after(endpoint, answer, now=now)
            keep = partial(
                self._store.finish_delivery, claimed, outcome, None if after == endpoint else after
            )
            is_kept = await retry_while_unavailable(keep, retry_seconds=_FINISH_SECONDS)
        except Exception as error:  # noqa: BLE001 - its lease ends, and it is tried again
            log(
                _logger,
                "delivery_not_recorded",
                level=logging.ERROR,
                **_fields(delivery),
                **exception_fields(error),
            )
            return
        if is_kept:
            _report(outcome, endpoint, after, seconds=seconds, now=now)
        else:
            log(_logger, "delivery_lease_lost", level=logging.WARNING, **_fields(delivery))

    async def _observe(self) -> None:
        """Keep the gauges up to date until canceled."""
        while True:
            with contextlib.suppress(ProofingError):
                await self.observe()
            await asyncio.sleep(jittered(_OBSERVE_SECONDS))

    async def observe(self) -> None:
        """Bring the gauges up to date. Raises `StoreUnavailableError`."""
        due_at = await self._store.next_delivery_at()
        age = 0.0 if due_at is None else max(0.0, self._store.now() - due_at)
        DELIVERY_OLDEST_DUE_SECONDS.set(age)
        now = self._store.now()
        states = await self._store.endpoint_states()
        ENDPOINTS.clear()
        for state in states:
            _begin_counts(state.relying_party, state.endpoint)
            if (shown := condition(state, now=now)) is not Condition.WORKS:
                ENDPOINTS.labels(state.relying_party, state.endpoint, shown.value).set(1)


def _report(
    outcome: Delivery, before: EndpointState, after: EndpointState, *, seconds: float, now: float
) -> None:
    """Count an attempt whose outcome was kept, and write its lines."""
    result = "failed" if outcome.state is DeliveryState.DUE else outcome.state.value
    _begin_counts(outcome.event.relying_party, outcome.endpoint)
    DELIVERIES.labels(outcome.event.relying_party, outcome.endpoint, result).inc()
    DELIVERY_ATTEMPT_SECONDS.observe(seconds)
    fields = {
        **_fields(outcome),
        "status": outcome.status,
        "duration_seconds": round(seconds, 4),
        "reason": outcome.failure,
    }
    if outcome.state is DeliveryState.DELIVERED:
        DELIVERY_SECONDS.observe(max(0.0, now - outcome.event.created_at))
        log(_logger, "event_delivered", **fields)
    elif outcome.state is DeliveryState.DEAD:
        log(_logger, "event_delivery_dead", level=logging.ERROR, **fields)
    else:
        log(_logger, "event_delivery_failed", level=logging.WARNING, **fields)
    place = {"relying_party": after.relying_party, "endpoint": after.endpoint}
    if after.disabled_reason is not None and before.disabled_reason is None:
        log(_logger, "endpoint_disabled", level=logging.ERROR, reason=after.disabled_reason, **place)
    elif after.paused_until is not None and after.paused_until > now:
        pause = round(after.paused_until - now, 1)
        log(_logger, "endpoint_paused", level=logging.WARNING, seconds=pause, **place)


def _begin_counts(relying_party: str, endpoint: str) -> None:
    """Have the counters of an endpoint begin at 0: a first dead letter would otherwise be no increase."""
    for result in ("delivered", "failed", "dead"):
        DELIVERIES.labels(relying_party, endpoint, result)


def _fields(delivery: Delivery) -> dict[str, Any]:
    """Return the fields that name a delivery in a line."""
    return {
        "relying_party": delivery.event.relying_party,
        "endpoint": delivery.endpoint,
        "event_id": delivery.event.id,
        "event_kind": delivery.event.type,
        "attempt": delivery.attempts,
    }


def _endpoint_of(delivery: Delivery) -> _Endpoint:
    """Return which endpoint *delivery* goes to."""
    return delivery.event.relying_party, delivery.event.mode, delivery.endpoint


def _new_state(place: _Endpoint) -> EndpointState:
    """Return the state of an endpoint that never failed."""
    relying_party, mode, endpoint = place
    return EndpointState(relying_party=relying_party, mode=mode, endpoint=endpoint)


async def _set_when(first: asyncio.Event, then: asyncio.Event) -> None:
    """Set *then* when *first* is set."""
    await first.wait()
    then.set()


async def _ended(*tasks: Awaitable[None]) -> None:
    """Cancel *tasks* that have not ended, and wait for their ends."""
    futures = [asyncio.ensure_future(task) for task in tasks]
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
