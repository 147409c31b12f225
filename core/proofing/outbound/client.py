"""The only way out to vendors: one HTTP client with a proxy, an allow-list, deadlines and caps.

httpx carries the requests over the aiohttp transport, because httpx's own connection pool costs quadratic
CPU with the number of calls in flight (2,000 calls: 61 CPU seconds against 1.3). No other module imports
httpx for vendors. What it refuses or cuts off becomes a `VendorError`; bodies, URLs with queries and
headers are never logged and never part of a message.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from proofing.base.errors import VendorError, VendorResponseError, VendorTimeoutError, VendorUnavailableError
from proofing.base.logs import get_logger, log
from proofing.base.tracing import call_span
from proofing.contracts.http import VendorResponse

if TYPE_CHECKING:
    import httpx
    from aiohttp import ClientSession

MAX_RESPONSE_BYTES = 4 * 1024 * 1024

_logger = get_logger(__name__)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEEPALIVE_SECONDS = 15


class OutboundTransport:
    """The connections of one process, shared by the clients of all vendors.

    Lazy: nothing is imported or opened before the first call, and `close` gives everything back.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        max_connections: int = 10_000,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        """Prepare.

        Args:
            proxy: URL of the forward proxy; None connects directly. The environment is not asked.
            max_connections: at least the slots of all queues, else calls wait inside the client.
            transport: replaces the network, in tests.
        """
        self.proxy = proxy
        self._max_connections = max_connections
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    def client(self) -> "httpx.AsyncClient":
        """Return the one client, making it at the first call."""
        import httpx  # noqa: PLC0415 - with aiohttp 0.3 s, which most processes and commands never need

        if self._client is None:
            transport = self._transport
            if transport is None:
                from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415 - see above

                proxy = httpx.Proxy(self.proxy) if self.proxy else None
                transport = AiohttpTransport(client=self._session, proxy=proxy, trust_env=False)
            self._client = httpx.AsyncClient(
                transport=transport,
                trust_env=False,
                follow_redirects=False,
                # A vendor's cookie would tie the calls about one person to those about the next.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
        return self._client

    def _session(self) -> "ClientSession":
        """Return aiohttp's session, which keeps no cookies either."""
        import aiohttp  # noqa: PLC0415 - see `client`
        import httpx  # noqa: PLC0415

        connector = aiohttp.TCPConnector(
            limit=self._max_connections,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            ssl=httpx.create_ssl_context(trust_env=False),
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OutboundPolicy:
    """What holds for every call of one vendor, whatever library sends it.

    Attributes:
        hosts: host names that may be called, with ``:port`` where it is not the scheme's own; case is free.
        timeout_seconds: total time of one call.
        deadline: `time.monotonic` instant that no call may outlive.
        proxy: URL of the forward proxy.
    """

    vendor_name: str
    hosts: frozenset[str]
    timeout_seconds: float
    deadline: float | None = None
    proxy: str | None = None

    def check_url(self, url: str) -> "httpx.URL":
        """Return *url*, parsed. Raises `VendorError` for user names and hosts the settings do not name."""
        import httpx  # noqa: PLC0415 - see `OutboundTransport.client`

        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            raise VendorError("the URL is malformed", vendor_name=self.vendor_name) from None
        place = target.netloc.decode("ascii")
        places = {place} if target.port else {place, f"{place}:{_DEFAULT_PORTS.get(target.scheme)}"}
        allowed = {host.lower() for host in self.hosts}
        if target.scheme not in _DEFAULT_PORTS or target.userinfo or places.isdisjoint(allowed):
            raise VendorError("the host is not in the vendor's allow-list", vendor_name=self.vendor_name)
        return target

    def seconds_left(self) -> float:
        """Return how long a call may take now."""
        if self.deadline is None:
            return self.timeout_seconds
        return max(0.0, min(self.timeout_seconds, self.deadline - time.monotonic()))


class OutboundClient:
    """What one vendor call may use: its hosts, its deadline, nothing else."""

    def __init__(
        self,
        transport: "OutboundTransport | httpx.AsyncBaseTransport",
        *,
        vendor_name: str,
        hosts: frozenset[str],
        timeout_seconds: float,
        deadline: float | None = None,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        trace_id: str = "",
    ) -> None:
        """Bind a client.

        Args:
            transport: the process's connections; a bare httpx transport in tests.
            vendor_name: for log lines and errors.
            hosts: the host names (with ``:port`` where it is not the scheme's own) that may be called.
            timeout_seconds: total time of one call.
            deadline: `time.monotonic` instant that no call may outlive; the job's.
            max_response_bytes: an answer is cut off beyond.
            trace_id: for log lines.
        """
        self._transport = (
            transport if isinstance(transport, OutboundTransport) else OutboundTransport(transport=transport)
        )
        self.bounds = OutboundPolicy(
            vendor_name=vendor_name,
            hosts=hosts,
            timeout_seconds=timeout_seconds,
            deadline=deadline,
            proxy=self._transport.proxy,
        )
        self._vendor_name = vendor_name
        self._max_bytes = max_response_bytes
        self._trace_id = trace_id

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> VendorResponse:
        """Send a GET. See `request`."""
        return await self.request("GET", url, headers=headers)

    async def post(
        self,
        url: str,
        *,
        content: bytes | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> VendorResponse:
        """Send a POST. See `request`."""
        return await self.request("POST", url, content=content, json_body=json_body, headers=headers)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> VendorResponse:
        """Send one request and read its answer, whatever its status. No retry, no redirect.

        Args:
            method: of HTTP.
            url: of an allowed host.
            content: the body as bytes.
            json_body: the body as plain values, in place of *content*.
            headers: beside the usual ones.

        Raises:
            VendorError: the host is not allowed (a fault of the adapter or its settings).
            VendorTimeoutError: no complete answer within the time limit.
            VendorUnavailableError: no connection.
            VendorResponseError: the answer is larger than the cap, or no HTTP.
        """
        target = self.bounds.check_url(url)
        all_headers = {"accept-encoding": "identity", **(headers or {})}
        if json_body is not None:
            content = json.dumps(json_body, separators=(",", ":"), allow_nan=False).encode()
            all_headers.setdefault("content-type", "application/json")
        if self.bounds.seconds_left() <= 0:
            raise self._no_answer()
        client = self._transport.client()  # the first one takes a while, which is not the vendor's fault
        started = time.perf_counter()
        status: int | None = None
        try:
            async with asyncio.timeout(self.bounds.seconds_left()):
                response = await self._exchange(client, method, target, content=content, headers=all_headers)
                status = response.status
                return response
        except TimeoutError:
            raise self._no_answer() from None
        except _foreign_errors() as error:
            raise self._translated(error) from None
        finally:
            log(
                _logger,
                "outbound_call",
                service=self._vendor_name,
                http_method=method,
                host=target.host,
                path=target.path,
                status=status,
                duration_seconds=round(time.perf_counter() - started, 4),
                trace_id=self._trace_id,
            )

    async def _exchange(
        self, client: "httpx.AsyncClient", method: str, target: "httpx.URL", **options: Any
    ) -> VendorResponse:
        """Send and read up to the cap; *options* are content and headers."""
        limit = self.bounds.seconds_left()
        with call_span(method, target.host, self._vendor_name) as calling:
            async with client.stream(method, target, timeout=limit, **options) as response:
                calling.set(status=response.status_code)
                body = bytearray()
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > self._max_bytes:
                        raise VendorResponseError("the answer is too large", vendor_name=self._vendor_name)
                names = {name.lower(): value for name, value in response.headers.items()}
                return VendorResponse(response.status_code, names, bytes(body), self._vendor_name)

    def _no_answer(self) -> VendorTimeoutError:
        """Return the error for a call that ran out of time."""
        return VendorTimeoutError("no answer within the time limit", vendor_name=self._vendor_name)

    def _translated(self, error: Exception) -> VendorError:
        """Return our error for what httpx, or aiohttp below it, raised.

        httpx-aiohttp makes a time-out of every broken connection, so what aiohttp said goes first.
        """
        import httpx  # noqa: PLC0415 - see `OutboundTransport.client`
        from aiohttp import ClientConnectionError  # noqa: PLC0415

        broken = (httpx.NetworkError, httpx.ProxyError, httpx.RemoteProtocolError)
        origin = error.__cause__ or error
        if isinstance(origin, (TimeoutError, httpx.TimeoutException)):
            return self._no_answer()
        if isinstance(origin, ClientConnectionError) or isinstance(error, broken):
            return VendorUnavailableError("no connection to the vendor", vendor_name=self._vendor_name)
        return VendorResponseError("the answer is not valid HTTP", vendor_name=self._vendor_name)


def _foreign_errors() -> tuple[type[Exception], ...]:
    """Return what the libraries may raise; aiohttp's own pass where httpx-aiohttp knows no like of them."""
    import httpx  # noqa: PLC0415 - see `OutboundTransport.client`
    from aiohttp import ClientError  # noqa: PLC0415

    return (httpx.HTTPError, ClientError)
