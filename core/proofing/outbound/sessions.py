"""A `requests` session whose calls the outbound client carries, for vendor SDKs that are built on it.

Needs the extra ``requests``. `requests` itself bounds only the single read, opens connections of its own and
retries what it likes; here it only builds requests and reads answers.
"""

from collections.abc import Callable, Iterable
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.http import VendorResponse

if TYPE_CHECKING:
    import requests

#: What `requests` says of a body's length and way; the client knows better.
_LEFT_OUT = frozenset({"content-length", "transfer-encoding"})


def make_session(send: Callable[..., VendorResponse], vendor_name: str) -> "requests.Session":
    """Return a session, for one thread, whose requests *send* carries. See `BlockingTwins.http`.

    Raises:
        VendorError: the extra ``requests`` is not installed.
    """
    try:
        import requests  # noqa: PLC0415 - an optional extra
        from requests.adapters import BaseAdapter  # noqa: PLC0415
    except ModuleNotFoundError:
        message = "install proofing[requests]"
        raise VendorError(Cause.BAD_REQUEST, message, vendor_name=vendor_name) from None

    class Carrier(BaseAdapter):
        """Hands prepared requests over, also those of the SDK's own helpers."""

        def send(  # noqa: PLR0917 - the adapter's signature
            self,
            request: requests.PreparedRequest,
            stream: bool = False,  # noqa: ARG002 - the adapter's signature
            timeout: Any = None,
            verify: Any = True,  # noqa: ARG002 - settings decide, not the SDK
            cert: Any = None,  # noqa: ARG002
            proxies: Any = None,  # noqa: ARG002
        ) -> requests.Response:
            """Send one request and read its answer whole."""
            headers = {
                name: _text(value) for name, value in request.headers.items() if name.lower() not in _LEFT_OUT
            }
            answer = send(
                request.method or "GET",
                request.url or "",
                content=_content(request.body),
                headers=headers,
                timeout_seconds=_seconds(timeout),
            )
            response = requests.Response()
            response.status_code = answer.status
            response.headers.update(answer.headers)
            response.encoding = requests.utils.get_encoding_from_headers(response.headers)
            response.url = request.url or ""
            response.request = request
            response._content = answer.content  # noqa: SLF001 - where `Response.content` keeps what it has read
            return response

        def close(self) -> None:
            """Nothing is held."""

    carrier = Carrier()

    class BoundSession(requests.Session):
        """Has one way out and follows nothing, whatever a call says and an SDK mounts."""

        def get_adapter(self, url: str | bytes) -> BaseAdapter:  # noqa: ARG002 - the session's signature
            """Return the carrier, which refuses URLs that are not allowed."""
            return carrier

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            """Send one request."""
            return super().send(request, **{**options, "allow_redirects": False})

    session = BoundSession()
    session.trust_env = False
    session.headers["accept-encoding"] = "identity"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _seconds(timeout: Any) -> float | None:
    """Return the most that a call with this ``timeout`` may take: one number, or connect and read."""
    if isinstance(timeout, tuple):
        return None if None in timeout else float(sum(timeout))
    return None if timeout is None else float(timeout)


def _content(body: Any) -> bytes | StreamedBody | None:
    """Return a prepared request's body as the client takes it."""
    if body is None or isinstance(body, (bytes, StreamedBody)):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        content: bytes = body.read()
        return content
    pieces: Iterable[bytes] = body
    return b"".join(pieces)
