"""A vendor to talk to without a network: it answers what a test says, and remembers what it was asked.

`FakeVendor` is an httpx transport; `make_context` gives an adapter the context it has in a worker, with the
fake in place of the network (also below a `requests` session); `ask` drives both shapes.
"""

import asyncio
import hashlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from proofing.base.cpu_pool import CPUPool
from proofing.base.logs import get_logger
from proofing.contracts.continuation import Answered, Due, Exchange, Pending
from proofing.contracts.processes import ProcessContext
from proofing.contracts.proofers import ProoferDescriptor, ProofingContext, ProofingRequest
from proofing.contracts.results import VendorResult
from proofing.jobs.vendor_cache import VendorCaches
from proofing.outbound.billing import unbilled
from proofing.outbound.blocking import ClientTwins
from proofing.outbound.client import OutboundClient
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer

#: Answers one request, or raises what a transport raises.
Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]

#: How often a question that is pending is resumed.
_RESUMPTIONS = 5


class FakeVendor(httpx.AsyncBaseTransport):
    """Answers each request by a function.

    Attributes:
        requests: what it was asked, in order, bodies read.
    """

    def __init__(self, answer: Answer) -> None:
        """Answer by *answer*."""
        self._answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Read the request to its end, remember it, and answer."""
        await request.aread()
        self.requests.append(request)
        answer = self._answer(request)
        response = await answer if inspect.isawaitable(answer) else answer
        if not response.is_stream_consumed:
            return response
        # A response that was made from its content has been read already; a network's has not.
        content = response.content

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        return httpx.Response(response.status_code, headers=response.headers, stream=Stream(pieces))


class Stream(httpx.AsyncByteStream):
    """A body made of pieces that come one by one; pieces may be endless."""

    def __init__(self, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        """Send what *pieces* yields."""
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces():
            yield piece


def make_process(*, environment: str = "test") -> ProcessContext:
    """Return what a proofer may know of a process of the tests; its secrets differ by label alone."""
    return ProcessContext(
        environment=environment,
        public_url="https://proofing.example",
        secret=lambda label: hashlib.sha256(label.encode()).digest(),
    )


def make_context(
    transport: httpx.AsyncBaseTransport,
    descriptor: ProoferDescriptor,
    settings: Any = None,
    *,
    timeout_seconds: float = 5.0,
    result_id: str = "6c1f2b0e-3b62-4c1e-9d53-3a4f2f8b7a10",
    note_intent: Callable[[], Awaitable[None]] | None = None,
    caches: VendorCaches | None = None,
) -> ProofingContext:
    """Return the context that *descriptor*'s proofer has in a worker, with *transport* for the network.

    Its `cpu` starts a real CPU child for each call. Must be called within a running event loop. *note_intent*
    is awaited before each call that is not within `ProofingContext.unbilled`. Contexts with the same *caches*
    share what they keep there; None begins with an empty cache.
    """
    loaded = LoadedProofer("", descriptor, settings, make_process)
    policy = replace(loaded.policy(), timeout_seconds=timeout_seconds)
    client = OutboundClient(OutboundTransport(transport=transport), policy, note_intent=note_intent)

    async def cpu(function: str, data: bytes = b"", args: Any = None, **bounds: Any) -> Any:
        # A pool for the call alone, so that no child is left to anyone who made the context.
        pool = CPUPool(1)
        try:
            return await pool.run(function, data, args, **bounds)
        finally:
            await pool.close()

    cache = (caches or VendorCaches()).of(loaded, client.seconds_left)
    key = hashlib.sha256(f"{result_id}:{descriptor.kind}:{descriptor.name}".encode()).hexdigest()
    return ProofingContext(
        question_id="q" * 48,
        return_url=f"https://proofing.example.gov/return/{'q' * 48}",
        answer_url=f"https://proofing.example.gov/answers/{'q' * 48}",
        idempotency_key=key,
        http=client,
        unbilled=unbilled,
        cache=cache,
        sync=ClientTwins(client, cache, descriptor.name),
        remaining_seconds=lambda: timeout_seconds,
        now=lambda: datetime.now(UTC),
        logger=get_logger("proofing.vendor"),
        cpu=cpu,
    )


async def open_proofer(proofer: Any, context: ProofingContext) -> None:
    """Open *proofer* if it has a method for that, as a worker does before its first question."""
    if (method := getattr(proofer, "open", None)) is not None:
        await _call(method, context)


async def close_proofer(proofer: Any) -> None:
    """Close *proofer* if it has a method for that, as a worker does at its end."""
    if (method := getattr(proofer, "close", None)) is not None:
        await _call(method)


async def ask(
    proofer: Any,
    request: ProofingRequest,
    context: ProofingContext,
    *,
    wallet: Callable[[Exchange], bytes | None] = lambda _exchange: None,
) -> VendorResult | None:
    """Put one question to a proofer of either shape, as workers would, and return its answer.

    A question that is pending is resumed at once, whatever its time: as after a park, without images, and
    with what a store would have kept of it. *wallet* returns what is posted to answer an exchange. Returns
    None when the question is pending even after several times.

    Raises:
        PluginError: a `Pending` is not sound.
    """
    answer = await _call(proofer.proof, request, context)
    request = replace(request, images={})
    for _ in range(_RESUMPTIONS):
        if not isinstance(answer, Pending):
            break
        answer.require_sound(type(proofer).__name__)
        kept = Pending.from_json(json.loads(json.dumps(answer.to_json())))
        body = wallet(kept.then) if isinstance(kept.then, Exchange) else None
        because = Due() if body is None else Answered(body)
        answer = await _call(proofer.resume, request, kept, because, context)
    return None if isinstance(answer, Pending) else answer


async def _call(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call an adapter's method, async or plain; plain ones run in a thread, as in a worker."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments, **named)
    answer = await asyncio.to_thread(method, *arguments, **named)
    return await answer if inspect.isawaitable(answer) else answer
