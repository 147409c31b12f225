"""A `requests` session under the outbound rules, for vendor SDKs that are built on it.

Needs the extra ``requests``. The session runs in a thread; its calls obey the client's proxy, allow-list,
time limit and byte cap, follow no redirects, keep no cookies and ignore the environment. `requests` itself
bounds only the single read, so that a vendor who drips could hold the thread forever: at the end of a
call's time its connection is shut down from outside.
"""

import socket
import threading
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from proofing.base.errors import VendorError, VendorResponseError, VendorTimeoutError, VendorUnavailableError
from proofing.base.tracing import call_span
from proofing.outbound.client import MAX_RESPONSE_BYTES, OutboundPolicy

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

_PIECE_BYTES = 64 * 1024


def make_session(bounds: OutboundPolicy) -> "requests.Session":
    """Return a session held to *bounds*, for one thread. What goes wrong in a call is a `VendorError`.

    Raises:
        VendorError: the extra ``requests`` is not installed; also from a call to a host that is not allowed.
        VendorTimeoutError: from a call: no complete answer within the time limit.
        VendorUnavailableError: from a call: no connection.
        VendorResponseError: from a call: the answer is larger than the cap, or no HTTP.
    """
    try:
        import requests  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError:
        raise VendorError("install proofing[requests]", vendor_name=bounds.vendor_name) from None

    class BoundSession(requests.Session):
        """Holds every request, also those of the SDK's own helpers, to the bounds."""

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            """Send one request and read its answer whole."""
            target = bounds.check_url(request.url or "")
            seconds = bounds.seconds_left()
            if seconds <= 0:
                raise _no_answer(bounds)
            options |= {"timeout": seconds, "allow_redirects": False, "stream": True}
            deadline = _Deadline()
            for adapter in self.adapters.values():
                # Tests put adapters of their own in place of ours; those have no connections to shut down.
                vars(adapter)["deadline"] = deadline
            timer = threading.Timer(seconds, deadline.end)
            timer.daemon = True
            timer.start()
            try:
                with call_span(request.method or "", target.host, bounds.vendor_name) as calling:
                    response = super().send(request, **options)
                    _read(response, bounds.vendor_name)
                    calling.set(status=response.status_code)
            except (requests.RequestException, OSError, ValueError) as error:
                # ValueError: what http.client's reader says of a connection that was shut down meanwhile.
                if deadline.is_over:
                    raise _no_answer(bounds) from None
                raise _translated(error, bounds) from None
            finally:
                timer.cancel()
            if deadline.is_over:
                # A connection that was shut down looks like an answer that is complete.
                raise _no_answer(bounds)
            return response

    session = BoundSession()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _make_adapter())
    session.trust_env = False
    session.headers["accept-encoding"] = "identity"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    if bounds.proxy:
        session.proxies = {"http": bounds.proxy, "https": bounds.proxy}
    return session


class _Deadline:
    """Ends the connection of one call when its time is over."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.is_over = False

    def end(self) -> None:
        """Shut the connection down, which wakes the thread that reads from it."""
        self.is_over = True
        handle = getattr(self.connection, "sock", None)
        if handle is not None:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # It has ended by itself.


def _make_adapter() -> "HTTPAdapter":
    """Return an adapter whose connections can be shut down from outside."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - an optional extra

    class BoundAdapter(HTTPAdapter):
        """Tells the deadline of every connection that it makes."""

        deadline: _Deadline | None = None

        def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
            """Return a pool whose connections the deadline knows."""
            pool: Any = super().get_connection_with_tls_context(*arguments, **options)
            adapter, plain = self, pool.ConnectionCls

            class NotedConnection(plain):  # type: ignore[misc, valid-type]
                """A connection that the deadline can end."""

                def request(self, *arguments: Any, **options: Any) -> None:
                    """Send a request, on a socket that the deadline knows."""
                    if adapter.deadline is not None:
                        adapter.deadline.connection = self
                    super().request(*arguments, **options)

            if plain.__name__ != NotedConnection.__name__:
                pool.ConnectionCls = NotedConnection
            return pool

    return BoundAdapter()


def _no_answer(bounds: OutboundPolicy) -> VendorTimeoutError:
    """Return the error for a call that ran out of time."""
    return VendorTimeoutError("no answer within the time limit", vendor_name=bounds.vendor_name)


def _translated(error: Exception, bounds: OutboundPolicy) -> VendorError:
    """Return our error for what `requests` raised."""
    import requests  # noqa: PLC0415 - an optional extra

    if isinstance(error, requests.Timeout):
        return _no_answer(bounds)
    # Every error of `requests` is an OSError; those that are not its own come from the socket.
    is_broken = isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))
    is_broken |= isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    if is_broken and not _is_no_http(error):
        return VendorUnavailableError("no connection to the vendor", vendor_name=bounds.vendor_name)
    return VendorResponseError("the answer is not valid HTTP", vendor_name=bounds.vendor_name)


def _read(response: "requests.Response", vendor_name: str) -> None:
    """Read the body up to the cap.

    Raises:
        VendorResponseError: it is larger.
    """
    if response.raw is None:
        return  # A fake transport of the tests, which brings its content along.
    body = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            response.close()
            raise VendorResponseError("the answer is too large", vendor_name=vendor_name)
    response._content = bytes(body)  # noqa: SLF001 - where `Response.content` keeps what it has read


def _is_no_http(error: Exception) -> bool:
    """Tell whether `requests` calls an answer that is no HTTP a broken connection."""
    from http.client import BadStatusLine, LineTooLong, RemoteDisconnected  # noqa: PLC0415 - errors only

    reasons = [error, *error.args, *(item for arg in error.args for item in getattr(arg, "args", ()))]
    return any(
        isinstance(reason, (BadStatusLine, LineTooLong)) and not isinstance(reason, RemoteDisconnected)
        for reason in reasons
    )
