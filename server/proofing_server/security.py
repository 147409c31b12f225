"""What every response carries, and what every state change must show. Rules: docs/reference/pages.md.

`Guard` puts the security headers on every response, errors included, refuses state changes from other
origins, and turns whatever escapes below it into the page for a technical problem. Outside of it are those
that note address and time of a request, and `LastSeam`, the outermost, which ends what escapes from them and
from that page itself. No text of an exception leaves either.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proofing.base.hosts import LOOPBACK
from proofing.base.logs import exception_fields, get_logger, log
from proofing.contracts.browser_parts import BrowserPart
from proofing.jobs.way_back import ANSWER_PREFIX
from proofing_server.oidc.discovery import CLIENT_PATHS

UPLOAD_PREFIX = "/uploads/"
STATIC_PREFIX = "/static/"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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

#: What a report may name: the directives of the policy, and those that a browser derives from them.
CSP_DIRECTIVES = frozenset(
    """
    base-uri child-src connect-src default-src fenced-frame-src font-src form-action frame-ancestors frame-src
    img-src manifest-src media-src object-src prefetch-src require-trusted-types-for script-src
    script-src-attr script-src-elem style-src style-src-attr style-src-elem trusted-types worker-src
    """.split()
)

#: The person's link; what follows is its token.
START_PREFIX = "/start/"
#: Of relying parties, for machines: `proofing_server.api`.
API_PREFIX = "/v1/"
#: Where vendors post to.
WEBHOOK_PREFIX = "/webhooks/"
logger = get_logger(__name__)


def content_security_policy(
    *,
    connect: str = "",
    starts_worker: bool = False,
    is_worker: bool = False,
    part: BrowserPart | None = None,
) -> str:
    """Return the policy of a page.

    There are no inline scripts or styles, so that neither nonces nor hashes are needed.

    Args:
        connect: source expression of this attempt's uploads, for the capture page and its worker.
        starts_worker: whether the page starts a worker, by the one policy of Trusted Types in
            static/background.js.
        is_worker: whether this is the worker's script. In Firefox and WebKit the modules that it imports are
            governed by worker-src, in Chromium by script-src. No Trusted Types: it starts no other worker.
        part: what the page loads for a vendor. With scripts of others there are no Trusted Types, which they
            would have to be written for. Of an isolated one it loads a frame alone: see `isolated_policy`.
    """
    others: Mapping[str, frozenset[str]] = {} if part is None else part.sources
    if part is not None and part.isolated:
        others = {"frame-src": frozenset({"'self'"})}

    def ours_and(directive: str, *more: str) -> str:
        return " ".join([directive, "'self'", *more, *sorted(others.get(directive, ()))])

    directives = [
        "default-src 'none'",
        ours_and("script-src"),
        "style-src 'self'",
        ours_and("img-src"),
        ours_and("connect-src", *([connect] if connect and connect != "'self'" else [])),
        *([" ".join(["frame-src", *sorted(others["frame-src"])])] if "frame-src" in others else []),
        "worker-src 'self'" if starts_worker or is_worker else "worker-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        *(
            []
            if "script-src" in others
            else [
                "require-trusted-types-for 'script'",
                "trusted-types worker" if starts_worker else "trusted-types 'none'",
            ]
        ),
        "report-uri /reports/csp",
        "report-to csp",
    ]
    return "; ".join(directives)


def isolated_policy(part: BrowserPart) -> str:
    """Return the policy of the page in which an isolated *part* is loaded.

    It has no origin, so that our pages are not within its reach, and only they may frame it. Its scripts may
    do what they cannot do without; it may load what is declared.
    """
    others = part.sources
    named = {name: " ".join(sorted(others.get(name, ()))) for name in ("connect-src", "img-src", "frame-src")}
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", *sorted(part.script_sources), "'unsafe-eval'"]),
            "style-src 'unsafe-inline'",
            *(f"{name} {sources}" for name, sources in named.items() if sources),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-scripts",
        ]
    )


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

#: As they are sent.
_RAW_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


def request_reference(scope: Scope) -> str:
    """Return the number by which an operator finds the line of this request; the page shows it."""
    reference: str = scope.setdefault("proofing.reference", secrets.token_hex(6))
    return reference


class LastSeam:
    """ASGI middleware, outside of all others: what escapes from them leaves a line and a bare response."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap *app*."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception as error:  # noqa: BLE001 - the last seam before the server, which would log the text
            _log_failure(scope, error)
            if not started:
                headers = {**SECURITY_HEADERS, "Connection": "close"}
                await PlainTextResponse("Internal Server Error", 500, headers)(scope, receive, send)


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
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in _RAW_SECURITY_HEADERS if header[0] not in own),
                ]
            await send(message)

        if not self._may_pass(scope):
            response = await self._refuse(Request(scope, receive), 403)
            # Nobody reads the body.
            response.headers["Connection"] = "close"
            await response(scope, receive, guarded_send)
            return
        try:
            await self._app(scope, receive, guarded_send)
        except ClientDisconnect:
            # The body will never be complete, and nobody is there to be answered.
            return
        except Exception as error:  # noqa: BLE001 - a seam; its page needs more than `LastSeam` can rely on
            _log_failure(scope, error)
            if not started:
                response = await self._refuse(Request(scope, receive), 500)
                await response(scope, receive, guarded_send)

    def _may_pass(self, scope: Scope) -> bool:
        """Return whether the request comes from our own pages, if it wants to change anything.

        A pre-signed upload is its own permission, as it is at any object store; vendors sign their webhooks;
        a call of the API has a key that no browser sends by itself;
        the address of a wallet's answer proves itself; reports change nothing. Clients of OpenID Connect have
        credentials, or send people to a page that asks them.
        """
        path = scope["path"]
        if scope["method"] in _SAFE_METHODS or path in CLIENT_PATHS:
            return True
        if path.startswith((API_PREFIX, UPLOAD_PREFIX, WEBHOOK_PREFIX, ANSWER_PREFIX, "/reports/")):
            return True
        return is_same_origin(Headers(scope=scope), self._public_url)


def _log_failure(scope: Scope, error: Exception) -> None:
    """Log where a request failed: classes and places, no text."""
    log(
        logger,
        "request_failed",
        level=logging.ERROR,
        **exception_fields(error),
        http_method=scope["method"],
        reference=request_reference(scope),
    )


def is_same_origin(headers: Headers, public_url: str) -> bool:
    """Return whether a request was made by a page of *public_url*.

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
    return ours.hostname in LOOPBACK and theirs.hostname in LOOPBACK and theirs.netloc == headers.get("host")
