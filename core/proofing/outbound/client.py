"""The only way out to vendors: one HTTP client with a proxy, an allow-list, deadlines and caps.

What it refuses or cuts off becomes a `VendorError`; bodies, URLs with queries and headers are never logged
and never part of a message.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from proofing.base.errors import Cause, VendorError
from proofing.base.logs import get_logger, log
from proofing.base.tracing import call_span
from proofing.contracts.bodies import PIECE_BYTES, StreamedBody
from proofing.contracts.http import MAX_RESPONSE_BYTES, VendorResponse
from proofing.contracts.plugin_settings import TLSSettings
from proofing.outbound.billing import is_unbilled
from proofing.outbound.transport import (
    Call,
    NotConnectedError,
    ObservedCall,
    OutboundTransport,
    parse_url,
    timed_out,
)

if TYPE_CHECKING:
    from yarl import URL

_logger = get_logger(__name__)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OutboundPolicy:
    """What holds for every call of one vendor, whatever library sends it.

    Attributes:
        hosts: host names that may be called, with ``:port`` where it is not the scheme's own; case is free.
        timeout_seconds: total time of one question, and so of each of its calls.
        max_response_bytes: an answer is cut off beyond.
        logs_paths: whether the log names the paths of URLs; not where they hold something about a person.
        tls: client certificate and authorities; None for the public authorities.
    """

    vendor_name: str
    hosts: frozenset[str]
    timeout_seconds: float
    max_response_bytes: int = MAX_RESPONSE_BYTES
    logs_paths: bool = True
    tls: TLSSettings | None = None

    def check_url(self, url: str) -> "URL":
        """Return *url*, parsed. Raises `VendorError` for user names and hosts the settings do not name."""
        target = parse_url(url)
        if target is None:
            raise VendorError(Cause.BAD_REQUEST, "the URL is malformed", vendor_name=self.vendor_name)
        usual = _DEFAULT_PORTS.get(target.scheme)
        place, port = target.host_subcomponent or "", target.port
        places = {f"{place}:{port}", place} if port == usual else {f"{place}:{port}"}
        has_name = target.raw_user is not None or target.raw_password is not None
        if usual is None or has_name or places.isdisjoint(host.lower() for host in self.hosts):
            message = "the host is not in the vendor's allow-list"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=self.vendor_name)
        return target


class OutboundClient:
    """What one question may use: its vendor's hosts, its deadline, nothing else."""

    def __init__(
        self,
        transport: OutboundTransport,
        policy: OutboundPolicy,
        *,
        deadline: float | None = None,
        trace_id: str = "",
        note_intent: Callable[[], Awaitable[None]] | None = None,
        admit: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Bind a client; its time begins now.

        Args:
            transport: the process's connections.
            policy: the vendor's.
            deadline: `time.monotonic` instant that no call may outlive, if it is before the policy's; the
            job's.
            trace_id: for log lines.
            note_intent: awaited before each call that may be billed; what it raises prevents the call. None
                for a question that may be asked twice.
            admit: awaited before each call, with the seconds that are left; what it raises prevents the call.
        """
        self._transport = transport
        self._policy = policy
        self._trace_id = trace_id
        self._note_intent = note_intent
        self._admit = admit
        own = time.monotonic() + policy.timeout_seconds
        self._deadline = own if deadline is None else min(own, deadline)

    def seconds_left(self, most: float | None = None) -> float:
        """Return how long a call may take now; no longer than *most*."""
        left = max(0.0, self._deadline - time.monotonic())
        return left if most is None else min(left, most)

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float | None = None
    ) -> VendorResponse:
        """Send a GET. See `HTTPClient.request`."""
        return await self.request("GET", url, headers=headers, timeout_seconds=timeout_seconds)

    async def post(
        self,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> VendorResponse:
        """Send a POST. See `HTTPClient.request`."""
        return await self.request(
            "POST",
            url,
            content=content,
            json_body=json_body,
            headers=headers,
            timeout_seconds=timeout_seconds,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> VendorResponse:
        """Send one request and read its answer, whatever its status. See `HTTPClient.request`."""
        target = self._policy.check_url(url)
        if json_body is not None:
            content = StreamedBody.json(json_body)
        all_headers = {"accept-encoding": "identity"}
        if isinstance(content, StreamedBody):
            all_headers["content-type"] = content.content_type
            if len(content) <= PIECE_BYTES:
                content = b"".join(content)
        all_headers |= {name.lower(): value for name, value in (headers or {}).items()}
        if self._admit is not None:
            await self._admit(self.seconds_left())
        if self._note_intent is not None and not is_unbilled():
            await self._note_intent()
        ends_at = time.monotonic() + self.seconds_left(timeout_seconds)
        call = partial(self._call, method, target, ends_at=ends_at, content=content, headers=all_headers)
        try:
            return await call()
        except NotConnectedError:
            return await call()

    async def _call(
        self,
        method: str,
        target: "URL",
        *,
        ends_at: float,
        content: bytes | StreamedBody | None,
        headers: Mapping[str, str],
    ) -> VendorResponse:
        """Make one call, which ends at the `time.monotonic` instant *ends_at*, and log it."""
        name = self._policy.vendor_name
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            # An adapter that tries again and again would hold the loop, and so keep its own deadline from it.
            await asyncio.sleep(0)
            raise timed_out(name)
        started, host = time.perf_counter(), target.raw_host or ""
        response: VendorResponse | None = None
        try:
            call = Call(
                method=method,
                target=target,
                content=content,
                headers=headers,
                vendor_name=name,
                max_response_bytes=self._policy.max_response_bytes,
            )
            async with asyncio.timeout(seconds):
                with call_span(method, host, name) as calling:
                    response = await self._transport.send(call, self._policy.tls)
                    calling.set(status=response.status)
                return response
        except TimeoutError:
            raise timed_out(name) from None
        finally:
            took = time.perf_counter() - started
            if self._transport.observe is not None:
                self._transport.observe(
                    ObservedCall(
                        method=method,
                        host=host,
                        path=target.path,
                        headers=headers,
                        content=content,
                        response=response,
                        seconds=took,
                    )
                )
            log(
                _logger,
                "outbound_call",
                service=name,
                http_method=method,
                host=host,
                path=target.path if self._policy.logs_paths else None,
                status=response.status if response else None,
                duration_seconds=round(took, 4),
                trace_id=self._trace_id,
            )
