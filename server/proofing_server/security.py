"""What every response carries, and what every state change must show. Rules: docs/reference/pages.md.

`Guard` is the outermost middleware: it puts the security headers on every response, errors included, refuses
state changes from other origins, and turns whatever escapes below into the page for a technical problem. No
text of an exception leaves it.
"""

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proofing.logs import backtrace, get_logger, log

UPLOAD_PREFIX = "/uploads/"
STATIC_PREFIX = "/static/"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TWO_YEARS_SECONDS = 63_072_000
_FEATURES = (
    "accelerometer",
    "autoplay",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)

logger = get_logger("web")


def content_security_policy(*, connect: str = "", worker: bool = False) -> str:
    """Return the policy of a page.

    There are no inline scripts or styles, so that neither nonces nor hashes are needed.

    Args:
        connect: source expression of this attempt's uploads, for the capture page and its worker.
        worker: whether the page starts a worker, by the one policy of Trusted Types in static/background.js.
    """
    sources = ["'self'", connect] if connect and connect != "'self'" else ["'self'"]
    directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        f"connect-src {' '.join(sources)}",
        "worker-src 'self'" if worker else "worker-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types worker" if worker else "trusted-types 'none'",
        "report-uri /reports/csp",
        "report-to csp",
    ]
    return "; ".join(directives)


def permissions_policy(*, camera: bool = False) -> str:
    """Return which browser features the page may use: the camera on the capture page, else none."""
    return ", ".join([f"camera=({'self' if camera else ''})", *(f"{name}=()" for name in _FEATURES)])


#: On every response that does not set the header itself.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": content_security_policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": permissions_policy(),
    # Pages say `same-origin` in their head, so that their forms keep their Origin: see `is_same_origin`.
    "Referrer-Policy": "no-referrer",
    "Reporting-Endpoints": 'csp="/reports/csp"',
    "Strict-Transport-Security": f"max-age={_TWO_YEARS_SECONDS}; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        public_url: str,
        refuse: Callable[[Request, int], Awaitable[Response]],
    ) -> None:
        """Wrap *app*; *refuse* renders the answer for an HTTP status."""
        self._app = app
        self._public_url = public_url
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if not self._may_pass(scope):
            response = await self._refuse(Request(scope, receive), 403)
            await response(scope, receive, guarded_send)
            return
        try:
            await self._app(scope, receive, guarded_send)
        except Exception as error:  # noqa: BLE001 - the last seam before the server, which would log the text
            log(
                logger,
                "request_failed",
                level=logging.ERROR,
                exception_class=type(error).__name__,
                exception_backtrace=backtrace(error)[-8:],
                http_method=scope["method"],
            )
            if not started:
                response = await self._refuse(Request(scope, receive), 500)
                await response(scope, receive, guarded_send)

    def _may_pass(self, scope: Scope) -> bool:
        """Tell whether the request comes from our own pages, if it wants to change anything.

        A pre-signed upload is its own permission, as it is at any object store; reports change nothing.
        """
        path = scope["path"]
        if scope["method"] in _SAFE_METHODS or path.startswith((UPLOAD_PREFIX, "/reports/")):
            return True
        return is_same_origin(Headers(scope=scope), self._public_url)


def is_same_origin(headers: Headers, public_url: str) -> bool:
    """Tell whether a request was made by a page of *public_url*.

    Sec-Fetch-Site decides where it is sent. Older browsers (Safari before 16.4, Firefox before 90) have only
    Origin, which the policy ``no-referrer`` would hide from us as well (Fetch, "append a request Origin
    header"). So pages relax it to ``same-origin`` in their head.
    """
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin" and (origin in (None, "null") or _is_own(origin, headers, public_url))
    return origin is not None and _is_own(origin, headers, public_url)


def _is_own(origin: str | None, headers: Headers, public_url: str) -> bool:
    """Compare *origin* with ours; a loopback address may be called by any of its names."""
    ours = urlsplit(public_url)
    theirs = urlsplit(origin or "")
    if (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc):
        return True
    return (
        ours.hostname in _LOOPBACK and theirs.hostname in _LOOPBACK and theirs.netloc == headers.get("host")
    )
