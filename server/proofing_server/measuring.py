"""Counts and times every response by its route, and writes lines about requests answered with 503 or 403.

Routes appear as their templates: a path may hold ids of a person's jobs and uploads.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proofing.base.logs import get_logger, log
from proofing.base.metrics import HTTP_REQUESTS, HTTP_SECONDS, STEPS_REFUSED
from proofing.base.tracing import Span, SpanKind, span
from proofing.base.troubles import trouble_of
from proofing_server.security import request_reference
from proofing_server.site import UnavailableError
from proofing_server.throttle import Throttle

#: The routes' label for paths that belong to none.
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS"})
_ERROR = 500
_REFUSED = 503
#: A foreign origin, a wrong token of a form, a broken signature of an upload: our pages send none of these.
_FORBIDDEN = 403
_CAUSE = "proofing.cause"
_SWITCHED_OFF = "switched_off"

_logger = get_logger(__name__)


class Measured:
    """ASGI middleware, outside of all that render answers; see the module. None below may copy the scope."""

    def __init__(self, app: ASGIApp, *, templates: Mapping[Any, str]) -> None:
        """Wrap *app*, whose endpoints have the path *templates*."""
        self._app = app
        self._templates = templates
        self._lines = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it up to the header of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # What comes in from outside continues none of our traces: anybody may send the header.
        with span(method, SpanKind.SERVER, http_method=method) as answering:
            await self._measure(scope, receive, send, method, answering)

    async def _measure(
        self, scope: Scope, receive: Receive, send: Send, method: str, answering: Span
    ) -> None:
        """Pass the request on; count and time its answer."""
        started = time.perf_counter()
        is_answered = False

        def note(status: int | str) -> None:
            nonlocal is_answered
            is_answered = True
            route = self._templates.get(scope.get("endpoint"), UNMATCHED)
            HTTP_REQUESTS.labels(route, method, str(status)).inc()
            HTTP_SECONDS.labels(route, method).observe(time.perf_counter() - started)
            answering.set(route=route, status=status if isinstance(status, int) else None)
            answering.rename(f"{method} {route}")
            if not isinstance(status, int) or status >= _ERROR:
                answering.fail(str(status))
            if status == _REFUSED:
                reference = request_reference(scope)
                count_refused(route, method, scope.get(_CAUSE), reference=reference, lines=self._lines)
            elif status == _FORBIDDEN and (count := self._lines.count(route)):
                fields = {"route": route, "http_method": method, "count": count}
                log(_logger, "request_forbidden", level=logging.WARNING, **fields)

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            if not is_answered:
                note("none")  # the client went away, or the process stops


def note_cause(scope: Scope, cause: Exception) -> None:
    """Remember why the request of *scope* is answered with 503."""
    scope[_CAUSE] = cause


def count_refused(
    route: str, method: str, cause: Exception | None, *, reference: str = "", lines: Throttle | None = None
) -> None:
    """Count a step that was refused because of *cause*, and write its line: classes and kinds only.

    Operators know when they have switched proofing off, and every page would repeat it: *lines* lets one such
    line pass a minute.
    """
    backend, reason, fields = "", "unknown", {}
    if isinstance(cause, UnavailableError):
        reason = _SWITCHED_OFF
    elif cause is not None:
        backend, reason = getattr(cause, "backend", ""), trouble_of(cause).value
    STEPS_REFUSED.labels(route, backend, reason).inc()
    if lines is not None and reason == _SWITCHED_OFF:
        count = lines.count(reason)
        if not count:
            return
        fields = {"count": count}
    log(
        _logger,
        "step_refused",
        level=logging.WARNING,
        route=route,
        http_method=method,
        key=backend,
        reason=reason,
        error=type(cause).__name__ if cause else "",
        reference=reference,
        **fields,
    )
