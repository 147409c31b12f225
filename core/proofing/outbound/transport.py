"""The connections to vendors: httpx's requests over aiohttp. The only module that imports either.

httpx's own connection pool costs quadratic CPU with the number of calls in flight (2,000 calls: 61 CPU
seconds against 1.3), so aiohttp carries its requests. httpx's client, which would add cookies, redirects and
credentials of URLs, is left out: none of it is wanted, and it takes a third of a call's CPU time. What goes
wrong becomes a `VendorError` without the library's text, which may hold URLs.
"""

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.contracts.plugin_settings import TLSSettings
from proofing.outbound.tls import make_ssl_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from aiohttp import ClientSession

_KEEPALIVE_SECONDS = 15
#: Of a request whose adapter names no others.
_DEFAULT_HEADERS = {"accept": "*/*", "user-agent": "proofing"}
#: What httpx's transports limit apart from each other.
_TIMEOUTS = ("connect", "read", "write", "pool")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ObservedCall:
    """One call, for a person who tries a vendor by hand. It holds personal data and credentials.

    Attributes:
        method: of HTTP.
        host, path: of the URL.
        headers: of the request, names in lower case.
        content: the body of the request.
        response: None where there was none.
        seconds: how long it took.
    """

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    content: bytes | StreamedBody | None
    response: VendorResponse | None
    seconds: float


#: Is given each call when it is over.
Observer = Callable[[ObservedCall], None]


class NotConnectedError(VendorError):
    """No connection came about, so the vendor has seen nothing of the request."""


class OutboundTransport:
    """The connections of one process, shared by the clients of all vendors.

    Lazy: nothing is imported or opened before the first call, and `close` gives everything back. Vendors with
    certificates or authorities of their own have connections of their own.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        max_connections: int = 10_000,
        transport: "httpx.AsyncBaseTransport | None" = None,
        observe: Observer | None = None,
    ) -> None:
        """Prepare.

        Args:
            proxy: URL of the forward proxy; None connects directly. The environment is not asked.
            max_connections: at least the slots of all queues, else calls wait inside the client.
            transport: replaces the network, in tests.
            observe: is given each call when it is over; None for nobody.
        """
        self.observe = observe
        self._proxy = proxy
        self._max_connections = max_connections
        self._transport = transport
        self._carriers: dict[TLSSettings | None, httpx.AsyncBaseTransport] = {}

    def prepare(self, tls: TLSSettings | None) -> None:
        """Make what carries calls with *tls*, where there is nothing yet. Takes a while.

        Raises:
            PluginError: the certificates cannot be used.
        """
        self._carrier(tls)

    def _carrier(self, tls: TLSSettings | None) -> "httpx.AsyncBaseTransport":
        found = self._carriers.get(tls)
        if found is not None:
            return found
        import httpx  # noqa: PLC0415 - with aiohttp 0.3 s, which most processes and commands never need

        transport = self._transport
        if transport is None:
            from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415 - see above

            context = make_ssl_context(tls, lambda: httpx.create_ssl_context(trust_env=False))
            proxy = httpx.Proxy(self._proxy) if self._proxy else None
            transport = AiohttpTransport(
                verify=context, client=lambda: self._session(context), proxy=proxy, trust_env=False
            )
        self._carriers[tls] = transport
        return transport

    def _session(self, context: Any) -> "ClientSession":
        """Return aiohttp's session, which keeps no cookies and repeats nothing by itself.

        A vendor's cookie would tie the calls about one person to those about the next.
        """
        import aiohttp  # noqa: PLC0415 - see `_carrier`

        connector = aiohttp.TCPConnector(
            limit=self._max_connections, keepalive_timeout=_KEEPALIVE_SECONDS, ssl=context
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        # aiohttp sends a GET or PUT again when a kept connection breaks, though the vendor may have seen it.
        session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return session

    async def close(self) -> None:
        """Close all connections."""
        carriers, self._carriers = self._carriers, {}
        for carrier in carriers.values():
            await carrier.aclose()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        target: "httpx.URL",
        *,
        content: bytes | StreamedBody | None,
        headers: Mapping[str, str],
        seconds: float,
        tls: TLSSettings | None,
        vendor_name: str,
    ) -> "AsyncIterator[httpx.Response]":
        """Send one request, and give its response to read by `aiter_raw`.

        Raises:
            NotConnectedError: no connection came about.
            VendorError: `Cause.TIMEOUT`, `UNREACHABLE` or `NONSENSE`, also while the response is read.
        """
        import httpx  # noqa: PLC0415 - see `_carrier`

        carrier = self._carrier(tls)
        sent = {**_DEFAULT_HEADERS, **headers}
        if isinstance(content, StreamedBody):
            sent["content-length"] = str(len(content))
        try:
            response = await carrier.handle_async_request(
                httpx.Request(
                    method,
                    target,
                    headers=sent,
                    content=_pieces(content) if isinstance(content, StreamedBody) else content,
                    extensions={"timeout": dict.fromkeys(_TIMEOUTS, seconds)},
                )
            )
            try:
                yield response
            finally:
                await response.aclose()
        except _foreign_errors() as error:
            raise _translated(error, vendor_name) from None


async def _pieces(body: StreamedBody) -> "AsyncIterator[bytes]":
    """Yield the body as something that is asynchronous alone, which is how httpx tells."""
    async for piece in body:
        yield piece


def parse_url(url: str) -> "httpx.URL | None":
    """Return *url* as the client would call it; None when it is malformed."""
    import httpx  # noqa: PLC0415 - see `OutboundTransport`

    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        return None


def timed_out(vendor_name: str) -> VendorError:
    """Return the error for a call that ran out of time."""
    return VendorError(Cause.TIMEOUT, "no answer within the time limit", vendor_name=vendor_name)


def _translated(error: Exception, vendor_name: str) -> VendorError:
    """Return our error for what httpx, or aiohttp below it, raised.

    httpx-aiohttp makes a time-out of every broken connection, so what aiohttp said goes first.
    """
    import httpx  # noqa: PLC0415 - see `OutboundTransport`
    from aiohttp import ClientConnectionError, ClientConnectorError, ClientSSLError  # noqa: PLC0415

    origin = error.__cause__ or error
    message = "no connection to the vendor"
    if isinstance(origin, ClientSSLError):
        return VendorError(Cause.UNREACHABLE, "no TLS connection to the vendor", vendor_name=vendor_name)
    if isinstance(origin, (ClientConnectorError, httpx.ConnectError)):
        return NotConnectedError(Cause.UNREACHABLE, message, vendor_name=vendor_name)
    if isinstance(origin, (TimeoutError, httpx.TimeoutException)):
        return timed_out(vendor_name)
    broken = (httpx.NetworkError, httpx.ProxyError, httpx.RemoteProtocolError)
    if isinstance(origin, ClientConnectionError) or isinstance(error, broken):
        return VendorError(Cause.UNREACHABLE, message, vendor_name=vendor_name)
    return VendorError(Cause.NONSENSE, "the answer is not valid HTTP", vendor_name=vendor_name)


def _foreign_errors() -> tuple[type[Exception], ...]:
    """Return what the libraries may raise; aiohttp's own pass where httpx-aiohttp knows no like of them."""
    import httpx  # noqa: PLC0415 - see `OutboundTransport`
    from aiohttp import ClientError  # noqa: PLC0415

    return (httpx.HTTPError, ClientError)
