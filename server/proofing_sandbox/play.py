"""What the vendors share: how an answer is made, spoiled and delayed, and how webhooks are sent."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from proofing_sandbox.behavior import Behaviors, answer_badly, hang
from proofing_sandbox.inputs import Verdict

_logger = logging.getLogger(__name__)
#: After each of these a webhook that was not taken is sent once more.
_RETRY_SECONDS = (1.0, 5.0, 30.0, 300.0)
_POST_SECONDS = 10.0
_MOST_MESSAGES = 100
MAX_BODY_BYTES = 64 * 1024 * 1024


class VendorModule(Protocol):
    """What each module of `proofing_sandbox.vendors` has.

    Attributes:
        PRODUCTS: names of what it plays, such as ``socure:kyc``.
    """

    PRODUCTS: frozenset[str]

    def routes(self, play: "Play") -> Sequence[BaseRoute]:
        """Return what the vendor answers. Paths are the vendor's own; no two vendors share one."""

    def settings(self, url: str) -> Mapping[str, Any]:
        """Return sections for settings.yaml with which the adapter asks the vendor at *url*.

        Credentials are in it: they are published with the source, and worth nothing elsewhere.
        """


@dataclass(slots=True)
class Play:
    """One running sandbox.

    Attributes:
        url: where it is reached, by adapters and by browsers.
        product_url: where the product is reached, by webhooks and by people who come back.
        behaviors: what testers have chosen.
        sent: the webhooks that were sent: path, and the statuses of the answers (0: none).
        phone: the last messages to phones, for the tester who holds them all.
    """

    url: str
    product_url: str
    behaviors: Behaviors
    sent: list[tuple[str, list[int]]] = field(default_factory=list)
    phone: deque[Mapping[str, str]] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(
        self, product: str, make: Callable[[Verdict | None], Response | Awaitable[Response]]
    ) -> Response:
        """Return the answer of *product* to one request.

        Args:
            product: whose request it is.
            make: returns the right answer, for the verdict that a tester has chosen, or None for that of the
                test inputs.
        """
        behavior = self.behaviors.take(product)
        if behavior.latency_seconds:
            await asyncio.sleep(behavior.latency_seconds)
        good = make(behavior.verdict)
        if not isinstance(good, Response):
            good = await good
        return good if behavior.fault is None else await answer_badly(behavior.fault, good)

    def deliver(self, path: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> None:
        """Post a webhook to *path* of the product soon, and again while it is not taken.

        Args:
            path: of the product, such as ``/webhooks/socure``.
            body: the bytes that are signed.
            headers: makes the headers of each try, such as signature and time.
        """
        task = asyncio.create_task(self._deliver(path, body, headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Send nothing anymore."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, path: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> None:
        statuses: list[int] = []
        self.sent.append((path, statuses))
        async with httpx.AsyncClient(timeout=_POST_SECONDS, trust_env=False) as client:
            for seconds in (*_RETRY_SECONDS, 0.0):
                try:
                    answer = await client.post(
                        f"{self.product_url}{path}", content=body, headers=dict(headers())
                    )
                    statuses.append(answer.status_code)
                    if answer.is_success:
                        return
                except httpx.HTTPError:
                    statuses.append(0)
                await asyncio.sleep(seconds)
        _logger.warning("a webhook to %s was not taken", path)


async def answer_without(verdict: Verdict) -> Response | None:
    """Return what any vendor answers that gives no answer, for those verdicts; None for the others."""
    if verdict is Verdict.UNAVAILABLE:
        return Response(b"", 503)
    if verdict is Verdict.TIMEOUT:
        return await hang()
    if verdict is Verdict.NONSENSE:
        return HTMLResponse("<!doctype html><title>Maintenance</title><p>We will be back soon.")
    return None


async def body_of(request: Request) -> bytes:
    """Return the body of a request, cut off where no vendor takes more."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            break
    return bytes(body)
