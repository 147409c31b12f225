"""The connections to vendors: aiohttp's. The only module that imports it, or httpx.

httpx's own connection pool costs quadratic CPU with the number of calls in flight (2,000 calls: 61 CPU
seconds against 1.3), and its requests over aiohttp's connections as much again as aiohttp itself. Its
transports replace the network in tests. What goes wrong becomes a `VendorError` without the library's text,
which may hold URLs.
"""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.contracts.plugin_settings import TLSSettings
from proofing.outbound.tls import make_ssl_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    import httpx
    from aiohttp import ClientSession
    from aiohttp.abc import AbstractResolver
    from yarl import URL

_KEEPALIVE_SECONDS = 15
#: Of a request whose adapter names no others.
_DEFAULT_HEADERS = {"accept": "*/*", "user-agent": "proofing"}


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call:
    """One request to send.

    Attributes:
        method: of HTTP.
        target: the URL.
        content: the body.
        headers: of the request, names in lower case.
        vendor_name: for errors.
        max_response_bytes: the most that is read of an answer.
        cuts_response: an answer beyond that is cut off there, and is no error.
    """

    method: str
    target: "URL"
    content: bytes | StreamedBody | None
    headers: Mapping[str, str]
    vendor_name: str
    max_response_bytes: int
    cuts_response: bool = False


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
        addresses: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            proxy: URL of the forward proxy; None connects directly. The environment is not asked.
            max_connections: at least the slots of all queues, else calls wait inside the client.
            transport: replaces the network, in tests.
            observe: is given each call when it is over; None for nobody.
            addresses: returns the addresses to which connections to a host go; None asks this machine's
                resolver. With a proxy, which resolves by itself, it is not asked.
        """
        self.observe = observe
        self._proxy = proxy
        self._max_connections = max_connections
        self._transport = transport
        self._addresses = addresses if proxy is None else None
        self._contexts: dict[TLSSettings | None, ssl.SSLContext] = {}
        self._sessions: dict[TLSSettings | None, ClientSession] = {}

    def prepare(self, tls: TLSSettings | None) -> None:
        """Load what calls with *tls* need, where it is not there yet. Takes a while.

        Raises:
            PluginError: the certificates cannot be used.
        """
        if self._transport is not None or tls in self._contexts:
            return
        # 0.3 s, which most processes and commands never need.
        import aiohttp  # noqa: F401, PLC0415
        import httpx  # noqa: PLC0415 - knows the public authorities

        self._contexts[tls] = make_ssl_context(tls, lambda: httpx.create_ssl_context(trust_env=False))

    async def send(self, call: Call, tls: TLSSettings | None) -> VendorResponse:
        """Send one request and read its answer up to the cap.

        Raises:
            NotConnectedError: no connection came about.
            VendorError: `Cause.TIMEOUT`, `UNREACHABLE` or `NONSENSE`.
        """
        if self._transport is not None:
            return await _send_by(self._transport, call)
        from aiohttp import ClientError  # noqa: PLC0415 - see `prepare`

        session = self._sessions.get(tls) or self._session(tls)
        headers = {**_DEFAULT_HEADERS, **call.headers}
        content: bytes | AsyncIterator[bytes] | None
        if isinstance(call.content, StreamedBody):
            headers["content-length"] = str(len(call.content))
            content = _pieces(call.content)
        else:
            content = call.content or None
        try:
            async with session.request(
                call.method, call.target, data=content, headers=headers, allow_redirects=False
            ) as response:
                body = bytearray()
                while piece := await response.content.readany():
                    body += piece
                    if _is_enough(body, call):
                        response.close()
                        break
                return VendorResponse(
                    response.status, _headers(response.raw_headers), bytes(body), call.vendor_name
                )
        except (ClientError, TimeoutError) as error:
            raise _explained(error, call.vendor_name) from None

    def _session(self, tls: TLSSettings | None) -> "ClientSession":
        """Return a new session of aiohttp, which keeps no cookies and repeats nothing by itself.

        A vendor's cookie would tie the calls about one person to those about the next. Time is the caller's.
        """
        import aiohttp  # noqa: PLC0415 - see `prepare`

        self.prepare(tls)
        session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ssl=self._contexts[tls],
                resolver=None if self._addresses is None else _resolver(self._addresses),
                use_dns_cache=self._addresses is None,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Its user and password, if it has any, go to the proxy alone.
            proxy=self._proxy,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )
        # aiohttp sends a GET or PUT again when a kept connection breaks, though the vendor may have seen it.
        session._retry_connection = False  # noqa: SLF001 - there is no public switch
        self._sessions[tls] = session
        return session

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


def _resolver(addresses: Callable[[str], Sequence[str]]) -> "AbstractResolver":
    """Return what has aiohttp connect to *addresses* of a host, and nowhere else."""
    from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415 - see `OutboundTransport`

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            found = [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in addresses(host)
            ]
            usable = [one for one in found if family in {socket.AF_UNSPEC, one["family"]}]
            if not usable:
                raise OSError("the host has no address that may be called")
            return usable

        async def close(self) -> None:
            """Nothing is held."""

    return Resolver()


def parse_url(url: str) -> "URL | None":
    """Return *url* as the client calls it; None when it is malformed, or not written out.

    White space and control characters would be removed from it, and the host be another one than was read.
    """
    from yarl import URL  # noqa: PLC0415 - of aiohttp, see `OutboundTransport`

    if not url.isprintable() or " " in url:
        return None
    try:
        return URL(url)
    except ValueError:
        return None


def timed_out(vendor_name: str) -> VendorError:
    """Return the error for a call that ran out of time."""
    return VendorError(Cause.TIMEOUT, "no answer within the time limit", vendor_name=vendor_name)


def _is_enough(body: bytearray, call: Call) -> bool:
    """Return whether an answer is cut off here. Raises `VendorError` for one that must not be so large."""
    if len(body) <= call.max_response_bytes:
        return False
    if call.cuts_response:
        return True
    codes = ("response_too_large",)
    raise VendorError(Cause.NONSENSE, "the answer is too large", vendor_name=call.vendor_name, codes=codes)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by their names in lower case; those of one name are joined by commas."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _explained(error: Exception, vendor_name: str) -> VendorError:
    """Return our error for what aiohttp raised."""
    import aiohttp  # noqa: PLC0415 - see `OutboundTransport`

    message = "no connection to the vendor"
    if isinstance(error, aiohttp.ClientSSLError):
        return VendorError(Cause.UNREACHABLE, "no TLS connection to the vendor", vendor_name=vendor_name)
    if isinstance(error, aiohttp.ClientConnectorError):
        return NotConnectedError(Cause.UNREACHABLE, message, vendor_name=vendor_name)
    if isinstance(error, TimeoutError):
        return timed_out(vendor_name)
    broken = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, aiohttp.ClientHttpProxyError)
    if isinstance(error, broken):
        return VendorError(Cause.UNREACHABLE, message, vendor_name=vendor_name)
    return VendorError(Cause.NONSENSE, "the answer is not valid HTTP", vendor_name=vendor_name)


async def _send_by(transport: "httpx.AsyncBaseTransport", call: Call) -> VendorResponse:
    """Send one request by what replaces the network in tests."""
    import httpx  # noqa: PLC0415 - for tests alone

    content = _pieces(call.content) if isinstance(call.content, StreamedBody) else call.content
    headers = {**_DEFAULT_HEADERS, **call.headers}
    if isinstance(call.content, StreamedBody):
        headers["content-length"] = str(len(call.content))
    request = httpx.Request(call.method, str(call.target), headers=headers, content=content)
    message = "no connection to the vendor"
    try:
        response = await transport.handle_async_request(request)
        try:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if _is_enough(body, call):
                    break
        finally:
            await response.aclose()
    except httpx.ConnectError:
        raise NotConnectedError(Cause.UNREACHABLE, message, vendor_name=call.vendor_name) from None
    except httpx.TimeoutException:
        raise timed_out(call.vendor_name) from None
    except (httpx.NetworkError, httpx.ProxyError, httpx.RemoteProtocolError):
        raise VendorError(Cause.UNREACHABLE, message, vendor_name=call.vendor_name) from None
    except httpx.HTTPError:
        message = "the answer is not valid HTTP"
        raise VendorError(Cause.NONSENSE, message, vendor_name=call.vendor_name) from None
    return VendorResponse(response.status_code, _headers(response.headers.raw), bytes(body), call.vendor_name)


async def _pieces(body: StreamedBody) -> "AsyncIterator[bytes]":
    """Yield the body as something that is asynchronous alone, which is how httpx tells."""
    async for piece in body:
        yield piece
