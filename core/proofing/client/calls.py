"""The calls of the API, as values that a client with or without asyncio sends."""

import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from proofing.client.models import Event, Verification
from proofing.client.problems import NoAnswerError, ProblemError, problem_of

#: The version of the API that this client was written for.
VERSION = "2026-11-30"
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 8.0
#: The longest wait that the server may ask for.
_MAX_ASKED_SECONDS = 60.0
#: Of a header Retry-After; a date, which the API never sends, is not read.
_DELAY = re.compile(r"[0-9]{1,6}", re.ASCII)
_SERVER_BUSY = frozenset({429, 502, 503, 504})
_IN_PROGRESS = "request_in_progress"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    next_cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call(Generic[T]):
    """One call.

    Attributes:
        read: makes the answer's value of its JSON.
        is_repeatable: whether it may be sent again when it is not known whether it was carried out.
    """

    method: str
    path: str
    read: Callable[[Mapping[str, Any]], T]
    body: Mapping[str, Any] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An HTTP response, as both kinds of clients see it."""

    status: int
    headers: Mapping[str, str]
    json: Callable[[], Any]


def create(
    *,
    subject: str,
    policy: str | None,
    return_url: str | None,
    locale: str | None,
    metadata: Mapping[str, str] | None,
    idempotency_key: str | None,
) -> Call[Verification]:
    """Return the call that creates a verification."""
    sent = {
        "subject": subject,
        "policy": policy,
        "return_url": return_url,
        "locale": locale,
        "metadata": dict(metadata) if metadata else None,
    }
    return Call(
        method="POST",
        path="/v1/verifications",
        body={name: value for name, value in sent.items() if value is not None},
        headers=_key(idempotency_key),
        read=Verification.read,
        is_repeatable=True,
    )


def get(verification_id: str) -> Call[Verification]:
    """Return the call that reads a verification."""
    return Call(method="GET", path=_one(verification_id), read=Verification.read, is_repeatable=True)


def page(
    *, subject: str | None, state: str | None, limit: int | None, cursor: str | None
) -> Call[Page[Verification]]:
    """Return the call that reads a page of verifications; of one *subject* without it in the URL."""
    sent: dict[str, Any] = {"state": state, "limit": limit, "cursor": cursor}
    sent = {name: value for name, value in sent.items() if value is not None}

    def read(value: Mapping[str, Any]) -> Page[Verification]:
        following = value.get("next_cursor")
        items = tuple(Verification.read(one) for one in value["data"])
        return Page(items=items, next_cursor=following, has_more=following is not None)

    if subject is not None:
        return Call(
            method="POST",
            path="/v1/verifications/search",
            body={"subject": subject, **sent},
            read=read,
            is_repeatable=True,
        )
    parameters = {name: str(value) for name, value in sent.items()}
    return Call(method="GET", path="/v1/verifications", parameters=parameters, read=read, is_repeatable=True)


def cancel(verification_id: str) -> Call[Verification]:
    """Return the call that cancels an open verification."""
    return _act(verification_id, "cancel", is_repeatable=True)


def redact(verification_id: str) -> Call[Verification]:
    """Return the call that deletes the personal data of a verification."""
    return _act(verification_id, "redact", is_repeatable=True)


def link(verification_id: str, *, idempotency_key: str | None) -> Call[Verification]:
    """Return the call that makes a new link."""
    return Call(
        method="POST",
        path=f"{_one(verification_id)}/link",
        headers=_key(idempotency_key),
        read=Verification.read,
        is_repeatable=True,
    )


def claims(verification_id: str) -> Call[Mapping[str, Any]]:
    """Return the call that collects released attributes. Sent twice, the second finds none."""
    return Call(
        method="POST",
        path=f"{_one(verification_id)}/claims",
        read=lambda value: dict(value["claims"]),
    )


def decide(verification_id: str, *, outcome: str, reason: str) -> Call[Verification]:
    """Return the call that decides a review."""
    return _act(verification_id, "decision", body={"outcome": outcome, "reason": reason})


def events(*, cursor: str | None, limit: int | None, event_type: str | None) -> Call[Page[Event]]:
    """Return the call that reads events."""
    sent = {"cursor": cursor, "limit": limit, "type": event_type}

    def read(value: Mapping[str, Any]) -> Page[Event]:
        return Page(
            items=tuple(Event.read(one) for one in value["data"]),
            next_cursor=value.get("next_cursor"),
            has_more=value["has_more"],
        )

    return Call(
        method="GET",
        path="/v1/events",
        parameters={name: str(value) for name, value in sent.items() if value is not None},
        read=read,
        is_repeatable=True,
    )


def simulate(
    verification_id: str,
    *,
    outcome: str | None,
    reasons: tuple[str, ...],
    latency_seconds: float,
    delivery: str,
    advance_seconds: int,
) -> Call[Verification]:
    """Return the call that brings a verification of mode test to an outcome."""
    sent = {
        "outcome": outcome,
        "reasons": list(reasons),
        "latency_seconds": latency_seconds,
        "delivery": delivery,
        "advance_seconds": advance_seconds,
    }
    return Call(
        method="POST",
        path=f"/v1/test/verifications/{quote(verification_id, safe='')}/simulate",
        body=sent,
        read=Verification.read,
    )


def result(call: Call[T], answered: Answered) -> T:
    """Return the value of a successful answer.

    Raises:
        ProblemError: the API refused.
        NoAnswerError: the answer is not one of the API.
    """
    media_type = answered.headers.get("content-type", "").partition(";")[0].strip()
    try:
        value = answered.json() if media_type in {_JSON, _PROBLEM} else None
        if media_type == _PROBLEM and isinstance(value, Mapping):
            raise problem_of(
                answered.status,
                value,
                request_id=answered.headers.get("request-id", ""),
                retry_after=_seconds(answered.headers.get("retry-after")),
            )
        if media_type == _JSON and isinstance(value, Mapping) and answered.status in {200, 201}:
            return call.read(value)
    except (LookupError, TypeError, ValueError):
        pass
    # Another server answered, or a proxy: its text may hold anything.
    raise NoAnswerError(f"the answer with status {answered.status} is not one of the API")


def wait_seconds(call: Call[Any], error: Exception, attempt: int) -> float | None:
    """Return how long to wait before *call* is sent again; None: it must not be.

    Args:
        call: that failed.
        error: of `result`, or of the transport.
        attempt: how often it was sent.
    """
    wait = min(_MAX_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    jittered: float = wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    if not isinstance(error, ProblemError):
        return jittered if call.is_repeatable else None
    # What is refused for its rate was not carried out.
    may_repeat = error.status == 429 or (  # noqa: PLR2004 - as RFC 6585 has it
        call.is_repeatable and (error.status in _SERVER_BUSY or error.code == _IN_PROGRESS)
    )
    if not may_repeat:
        return None
    asked = error.retry_after or 0.0
    # A longer wait is the caller's decision; the error has it.
    return max(jittered, asked) if asked <= _MAX_ASKED_SECONDS else None


def _act(
    verification_id: str,
    action: str,
    *,
    body: Mapping[str, Any] | None = None,
    is_repeatable: bool = False,
) -> Call[Verification]:
    return Call(
        method="POST",
        path=f"{_one(verification_id)}/{action}",
        body=body,
        read=Verification.read,
        is_repeatable=is_repeatable,
    )


def _one(verification_id: str) -> str:
    return f"/v1/verifications/{quote(verification_id, safe='')}"


def _key(idempotency_key: str | None) -> dict[str, str]:
    """Return the header: with a key of its own, a call that is sent again is still one."""
    text = str(idempotency_key or uuid.uuid4()).replace("\\", "\\\\").replace('"', '\\"')
    return {"Idempotency-Key": f'"{text}"'}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and _DELAY.fullmatch(text) else None
