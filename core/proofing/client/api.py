"""The client of `/v1`, with asyncio and without. It keeps nothing, and logs nothing.

    with Client("https://proofing.example.gov", api_key) as client:
        verification = client.create(subject="customer-4711")
        redirect_to(verification.link.url)

Calls that are safe to repeat are repeated when the server cannot be reached or is busy: those that change
something carry an idempotency key, so that nothing happens twice. Every method raises `ProblemError` where
the API refuses, and `NoAnswerError` where it does not answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from proofing.client import calls
from proofing.client.calls import Answered, Call
from proofing.client.models import Event, Verification
from proofing.client.problems import NoAnswerError, ProblemError

#: How often a call is sent at most.
_TRIES: Final = 4
_TIMEOUT_SECONDS: Final = 20.0

T = TypeVar("T")


def _headers(api_key: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {api_key}",
        "Proofing-Version": calls.VERSION,
        "Accept": "application/json, application/problem+json",
        "User-Agent": "proofing-client",
    }


def _arguments(call: Call[Any]) -> dict[str, Any]:
    """Return what httpx sends."""
    found: dict[str, Any] = {"method": call.method, "url": call.path, "headers": dict(call.headers)}
    if call.parameters:
        found["params"] = dict(call.parameters)
    if call.body is not None:
        found["json"] = dict(call.body)
    return found


def _answered(response: httpx.Response) -> Answered:
    return Answered(status=response.status_code, headers=response.headers, json=response.json)


class Client:
    """Calls the API from code without asyncio. Not to be shared by threads while it is closed."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Call the server at *url* with *api_key*.

        Args:
            url: origin of the server, such as ``https://proofing.example.gov``.
            api_key: as `proofing relying-party add` printed it.
            timeout_seconds: for each try.
            transport: of httpx, in place of its own.
            sleep: waits between tries.
        """
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url, headers=_headers(api_key), timeout=timeout_seconds, transport=transport
        )

    def __enter__(self) -> Self:
        """Return the client, which is closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def create(
        self,
        *,
        subject: str,
        policy: str | None = None,
        return_url: str | None = None,
        locale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """Create a verification; its `link.url` is where to send the person.

        Args:
            subject: your own reference of the person, 1 to 200 visible ASCII characters.
            policy: one of yours; None for the first.
            return_url: where the person goes at the end; one that is registered for you.
            locale: language of the pages, such as ``es``.
            metadata: up to 20 texts that you get back.
            idempotency_key: of this one request, where you repeat it yourself; by default a random one.
        """
        return self._send(
            calls.create(
                subject=subject,
                policy=policy,
                return_url=return_url,
                locale=locale,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, verification_id: str) -> Verification:
        """Return a verification."""
        return self._send(calls.get(verification_id))

    def list(
        self, *, subject: str | None = None, state: str | None = None, page_size: int | None = None
    ) -> Iterator[Verification]:
        """Yield verifications, newest first, of one *subject* or of all."""
        cursor = None
        while True:
            page = self._send(calls.page(subject=subject, state=state, limit=page_size, cursor=cursor))
            yield from page.items
            cursor = page.next_cursor
            if not page.has_more:
                return

    def cancel(self, verification_id: str) -> Verification:
        """Cancel an open verification; one that is canceled stays so."""
        return self._send(calls.cancel(verification_id))

    def redact(self, verification_id: str) -> Verification:
        """Delete the personal data of a verification that has ended."""
        return self._send(calls.redact(verification_id))

    def new_link(self, verification_id: str, *, idempotency_key: str | None = None) -> Verification:
        """Make a new link, with which the person continues; the one before opens nothing anymore."""
        return self._send(calls.link(verification_id, idempotency_key=idempotency_key))

    def collect_claims(self, verification_id: str) -> Mapping[str, Any]:
        """Return the released attributes of the person. The server deletes them with this answer."""
        return self._send(calls.claims(verification_id))

    def decide(self, verification_id: str, *, outcome: str, reason: str) -> Verification:
        """Decide a review as ``verified`` or ``failed``, with a code of yours as the *reason*."""
        return self._send(calls.decide(verification_id, outcome=outcome, reason=reason))

    def events(
        self, *, after: str | None = None, event_type: str | None = None, page_size: int | None = None
    ) -> Iterator[Event]:
        """Yield the events after the cursor *after*, until there is none now; keep the last one's cursor."""
        cursor = after
        while True:
            page = self._send(calls.events(cursor=cursor, limit=page_size, event_type=event_type))
            yield from page.items
            cursor = page.next_cursor
            if not page.has_more:
                return

    def simulate(
        self,
        verification_id: str,
        *,
        outcome: str | None = None,
        reasons: Sequence[str] = (),
        latency_seconds: float = 0.0,
        delivery: str = "once",
        advance_seconds: int = 0,
    ) -> Verification:
        """Bring a verification of mode test to an outcome; the arguments: docs/reference/api.md."""
        return self._send(
            calls.simulate(
                verification_id,
                outcome=outcome,
                reasons=tuple(reasons),
                latency_seconds=latency_seconds,
                delivery=delivery,
                advance_seconds=advance_seconds,
            )
        )

    def _send(self, call: Call[T]) -> T:
        """Send the call, again where that is safe, and return its value."""
        for attempt in range(1, _TRIES + 1):
            error: Exception
            try:
                return calls.result(call, _answered(self._http.request(**_arguments(call))))
            except httpx.HTTPError as failure:
                # Its text may hold the URL.
                error = NoAnswerError(f"the server did not answer: {type(failure).__name__}")
            except (ProblemError, NoAnswerError) as failure:
                error = failure
            wait = calls.wait_seconds(call, error, attempt)
            if wait is None or attempt == _TRIES:
                raise error from None
            self._sleep(wait)
        raise AssertionError  # the loop returns or raises


class AsyncClient:
    """Calls the API from code with asyncio; the methods are those of `Client`."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Call the server at *url* with *api_key*; see `Client`."""
        self._http = httpx.AsyncClient(
            base_url=url, headers=_headers(api_key), timeout=timeout_seconds, transport=transport
        )

    async def __aenter__(self) -> Self:
        """Return the client, which is closed at the end."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def create(
        self,
        *,
        subject: str,
        policy: str | None = None,
        return_url: str | None = None,
        locale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """See `Client.create`."""
        return await self._send(
            calls.create(
                subject=subject,
                policy=policy,
                return_url=return_url,
                locale=locale,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, verification_id: str) -> Verification:
        """See `Client.get`."""
        return await self._send(calls.get(verification_id))

    async def list(
        self, *, subject: str | None = None, state: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[Verification]:
        """See `Client.list`."""
        cursor = None
        while True:
            page = await self._send(calls.page(subject=subject, state=state, limit=page_size, cursor=cursor))
            for one in page.items:
                yield one
            cursor = page.next_cursor
            if not page.has_more:
                return

    async def cancel(self, verification_id: str) -> Verification:
        """See `Client.cancel`."""
        return await self._send(calls.cancel(verification_id))

    async def redact(self, verification_id: str) -> Verification:
        """See `Client.redact`."""
        return await self._send(calls.redact(verification_id))

    async def new_link(self, verification_id: str, *, idempotency_key: str | None = None) -> Verification:
        """See `Client.new_link`."""
        return await self._send(calls.link(verification_id, idempotency_key=idempotency_key))

    async def collect_claims(self, verification_id: str) -> Mapping[str, Any]:
        """See `Client.collect_claims`."""
        return await self._send(calls.claims(verification_id))

    async def decide(self, verification_id: str, *, outcome: str, reason: str) -> Verification:
        """See `Client.decide`."""
        return await self._send(calls.decide(verification_id, outcome=outcome, reason=reason))

    async def events(
        self, *, after: str | None = None, event_type: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[Event]:
        """See `Client.events`."""
        cursor = after
        while True:
            page = await self._send(calls.events(cursor=cursor, limit=page_size, event_type=event_type))
            for one in page.items:
                yield one
            cursor = page.next_cursor
            if not page.has_more:
                return

    async def simulate(
        self,
        verification_id: str,
        *,
        outcome: str | None = None,
        reasons: Sequence[str] = (),
        latency_seconds: float = 0.0,
        delivery: str = "once",
        advance_seconds: int = 0,
    ) -> Verification:
        """See `Client.simulate`."""
        return await self._send(
            calls.simulate(
                verification_id,
                outcome=outcome,
                reasons=tuple(reasons),
                latency_seconds=latency_seconds,
                delivery=delivery,
                advance_seconds=advance_seconds,
            )
        )

    async def _send(self, call: Call[T]) -> T:
        """Send the call, again where that is safe, and return its value."""
        for attempt in range(1, _TRIES + 1):
            error: Exception
            try:
                return calls.result(call, _answered(await self._http.request(**_arguments(call))))
            except httpx.HTTPError as failure:
                # Its text may hold the URL.
                error = NoAnswerError(f"the server did not answer: {type(failure).__name__}")
            except (ProblemError, NoAnswerError) as failure:
                error = failure
            wait = calls.wait_seconds(call, error, attempt)
            if wait is None or attempt == _TRIES:
                raise error from None
            await asyncio.sleep(wait)
        raise AssertionError  # the loop returns or raises
