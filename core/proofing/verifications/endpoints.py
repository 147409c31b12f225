"""What becomes of a delivery and its endpoint after an attempt: schedule, breaker, disabling. Pure rules.

docs/adr/0047; what operators and relying parties see of it: docs/howto/receive-events.md.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from proofing.base.backoff import jittered
from proofing.contracts.http import parse_retry_after
from proofing.contracts.verification_store import Delivery, DeliveryState, EndpointState

_MINUTE, _HOUR = 60.0, 3600.0
#: Seconds after the attempt before; the first attempt is made at the event. Over three days in all.
ATTEMPT_DELAYS: Final = (
    0.0,
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
MAX_ATTEMPTS: Final = len(ATTEMPT_DELAYS)
#: Share by which a delay is longer or shorter, so that endpoints that failed together are not tried together.
JITTER: Final = 0.1
#: An endpoint cannot ask for a longer wait.
MAX_RETRY_AFTER_SECONDS: Final = _HOUR
#: So many failures in a row pause an endpoint; the first pause, which doubles with each failure, and the
#: longest. After a pause one delivery is tried.
BREAKER_FAILURES: Final = 5
FIRST_PAUSE_SECONDS: Final = 30.0
MAX_PAUSE_SECONDS: Final = 5 * _MINUTE
#: An endpoint that has failed for so long without a success is disabled until an operator enables it.
DISABLE_AFTER_SECONDS: Final = 72 * _HOUR
#: Statuses by which an endpoint asks to be spared.
_SLOW_DOWN: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
)


class Failure(StrEnum):
    """Why an attempt failed."""

    #: A status other than 2xx, 3xx and 410.
    HTTP_STATUS = "http_status"
    #: 3xx; redirects are not followed.
    REDIRECT = "redirect"
    #: 410: the endpoint wants no more events, and is disabled.
    GONE = "gone"
    #: No complete answer within the time limit.
    TIMEOUT = "timeout"
    #: No connection, or no TLS connection.
    UNREACHABLE = "unreachable"
    #: The answer is not HTTP.
    INVALID_ANSWER = "invalid_answer"
    #: The host has no address now.
    NO_ADDRESS = "no_address"
    #: The host has an address that is not public.
    PRIVATE_ADDRESS = "private_address"
    #: The URL of the settings is not one that events go to.
    REFUSED_URL = "refused_url"
    #: The settings name no such endpoint.
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    #: `proofing relying-party webhook-secret add` was not run.
    NO_SECRET = "no_secret"  # noqa: S105 - a code
    #: The secret cannot be opened now: the key service or the verification store does not answer.
    SECRET_UNAVAILABLE = "secret_unavailable"  # noqa: S105 - a code


class DisabledReason(StrEnum):
    """Why an endpoint gets no events."""

    #: It answered 410.
    GONE = "gone"
    #: It failed for three days.
    FAILING = "failing"


class Condition(StrEnum):
    """How an endpoint does."""

    #: Its last attempt succeeded, or there was none.
    WORKS = "works"
    #: Its last attempt failed.
    FAILING = "failing"
    #: It gets nothing for a while.
    PAUSED = "paused"
    #: It gets nothing until an operator enables it.
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one attempt.

    Attributes:
        status: of HTTP; None for no answer.
        failure: None for a success.
        retry_after: seconds for which the endpoint wants to be left alone; None when it does not say.
    """

    status: int | None = None
    failure: Failure | None = None
    retry_after: float | None = None


def answer_of(status: int, retry_after: str | None, *, now: float) -> Answer:
    """Return what an HTTP answer means, with its header ``Retry-After``; *now* is in epoch seconds."""
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return Answer(status=status)
    failure = Failure.HTTP_STATUS
    if status == HTTPStatus.GONE:
        failure = Failure.GONE
    elif 300 <= status < 400:  # noqa: PLR2004 - redirection
        failure = Failure.REDIRECT
    wish = parse_retry_after(retry_after or "", now=datetime.fromtimestamp(now, UTC))
    return Answer(
        status=status,
        failure=failure,
        retry_after=None if wish is None else min(wish, MAX_RETRY_AFTER_SECONDS),
    )


def delivery_after(delivery: Delivery, answer: Answer, *, now: float) -> Delivery:
    """Return the delivery after an attempt, which `attempts` counts already."""
    if answer.failure is None:
        state, next_at = DeliveryState.DELIVERED, now
    elif delivery.attempts >= MAX_ATTEMPTS:
        state, next_at = DeliveryState.DEAD, now
    else:
        state = DeliveryState.DUE
        delay = jittered(ATTEMPT_DELAYS[max(1, delivery.attempts)], JITTER)
        next_at = now + max(delay, answer.retry_after or 0.0)
    return replace(delivery, state=state, next_at=next_at, status=answer.status, failure=answer.failure)


def endpoint_after(endpoint: EndpointState, answer: Answer, *, now: float) -> EndpointState:
    """Return what is remembered of an endpoint after an attempt; the same for no change.

    A breaker or a wish to be left alone pauses it; 410 and three days without a success disable it. Its
    deliveries stay due: nothing is lost by either.
    """
    if answer.failure is None:
        return replace(endpoint, failures=0, failing_since=None, paused_until=None)
    failures = endpoint.failures + 1
    since = now if endpoint.failing_since is None else endpoint.failing_since
    reason = endpoint.disabled_reason
    if answer.failure is Failure.GONE:
        reason = DisabledReason.GONE
    elif reason is None and now - since >= DISABLE_AFTER_SECONDS:
        reason = DisabledReason.FAILING
    pause = _pause_seconds(failures, answer)
    return replace(
        endpoint,
        failures=failures,
        failing_since=since,
        paused_until=now + pause if pause > 0 else endpoint.paused_until,
        disabled_reason=reason,
    )


def condition(endpoint: EndpointState, *, now: float) -> Condition:
    """Return how *endpoint* does at *now*, in epoch seconds."""
    if endpoint.disabled_reason is not None:
        return Condition.DISABLED
    if (endpoint.paused_until or 0.0) > now:
        return Condition.PAUSED
    return Condition.FAILING if endpoint.failures else Condition.WORKS


def _pause_seconds(failures: int, answer: Answer) -> float:
    """Return for how long an endpoint gets nothing after a failure; 0 for no pause."""
    pauses = [0.0]
    if answer.retry_after is not None:
        pauses.append(answer.retry_after)
    elif answer.status in _SLOW_DOWN:
        pauses.append(FIRST_PAUSE_SECONDS)
    if failures >= BREAKER_FAILURES:
        # Bounded, because a number of this size overflows after a thousand failures.
        doublings = min(failures - BREAKER_FAILURES, 10)
        pauses.append(min(FIRST_PAUSE_SECONDS * 2**doublings, MAX_PAUSE_SECONDS))
    return max(pauses)
