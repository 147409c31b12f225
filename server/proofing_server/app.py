"""The web application: routes, middleware, and the answers to errors."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from proofing.encryption import TAG_BYTES
from proofing.errors import QueueUnavailableError, StoreUnavailableError
from proofing.logs import log
from proofing.records import JobKind
from proofing.service import ProofingService
from proofing_server import flow, jobs_api, uploads_api
from proofing_server.bodies import MAX_BODY_BYTES, BodyLimit
from proofing_server.flow import Page
from proofing_server.pages import document, information, phone, problems, start, waiting
from proofing_server.security import STATIC_PREFIX, UPLOAD_PREFIX, Guard, logger
from proofing_server.sessions import Session, SessionMissingError
from proofing_server.site import (
    STATIC_FOLDER,
    ElsewhereError,
    Site,
    UnavailableError,
    go_to,
    is_api,
    problem_json,
    refuse,
    site_of,
)

_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: Static paths hold a digest of their content.
_FOR_EVER = "public, max-age=31536000, immutable"
_WORKER_SCRIPT = "worker.js"
_ATTEMPT = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIRECTIVE = re.compile(r"[a-z-]{1,40}", re.ASCII)
_MAX_PICTURES = 2
_RETRY_SECONDS = 60
#: How long a page may take; with what the network needs, less than two seconds for the person.
_PAGE_SECONDS = 1.8
#: How long the page that says that proofing is switched off waits for the session.
_SESSION_SECONDS = 0.5
_late: set[asyncio.Future[Response]] = set()

Handler = Callable[[Request], Awaitable[Response]]


def make_app(service: ProofingService) -> Starlette:
    """Return the application that serves *service*.

    Its lifespan does not open or close the service: whoever made it does.
    """
    site = Site.build(service)

    def max_bytes(scope: Scope) -> int:
        """Return the cap of a request's body: pictures only where they belong."""
        largest = service.settings.max_image_upload_bytes
        if scope["path"].startswith(UPLOAD_PREFIX) and scope["method"] == "PUT":
            return largest + TAG_BYTES
        if scope["path"] == Page.DOCUMENT and scope["method"] == "POST" and not service.async_documents:
            return _MAX_PICTURES * largest + MAX_BODY_BYTES
        return MAX_BODY_BYTES

    async def refuse_here(request: Request, status: int) -> Response:
        """Answer an error that the router never saw."""
        request.scope["proofing.site"] = site
        return await refuse(request, status)

    app = Starlette(
        routes=_routes(service),
        middleware=[
            Middleware(Guard, public_url=service.settings.public_url, refuse=refuse_here),
            Middleware(BodyLimit, max_bytes=max_bytes),
        ],
        exception_handlers={
            HTTPException: _http_error,
            ElsewhereError: _elsewhere,
            SessionMissingError: _no_session,
            UnavailableError: _unavailable,
            StoreUnavailableError: _technical,
            QueueUnavailableError: _technical,
        },
    )
    app.state.site = site
    return app


def _routes(service: ProofingService) -> list[Route]:
    """Return the routes; docs/reference/pages.md lists them."""
    routes = [
        _page(Page.WELCOME, start.show_welcome),
        _page(Page.CONSENT, start.show_consent),
        _form(Page.CONSENT, start.give_consent),
        _page(Page.DOCUMENT, document.show_document),
        _form(Page.DOCUMENT, document.post_document),
        _page(Page.CONFIRM, document.show_confirm),
        _form(Page.CONFIRM, document.post_confirm),
        _page(Page.SSN, information.show_ssn),
        _form(Page.SSN, information.post_ssn),
        _page(Page.ADDRESS, information.show_address),
        _form(Page.ADDRESS, information.post_address),
        _page(Page.VERIFY, information.show_verify),
        _form(Page.VERIFY, information.post_verify),
        _page(Page.PHONE, phone.show_phone_form),
        _form(Page.PHONE, phone.post_phone),
        _page(Page.DONE, phone.show_done),
        _form("/exit", start.leave),
        _page("/exited", start.show_exited),
        _page("/session-ended", start.show_session_ended),
        _page("/limit/{limit}", problems.show_limit),
        _page("/api/session", jobs_api.show_session),
        _form("/api/session", jobs_api.extend_session),
        _form("/api/uploads", uploads_api.make_slot),
        _form("/api/uploads/{slot}", uploads_api.presign),
        _form("/api/document", uploads_api.submit_document),
        _page("/api/jobs/{result_id}", jobs_api.show_job),
        _page("/api/jobs/{result_id}/events", jobs_api.stream_job),
        _page("/healthz", _alive),
        _form("/reports/csp", _take_report),
        _page(STATIC_PREFIX + "{version}/{name}", _static),
    ]
    for kind in JobKind:
        routes += [
            _page(flow.WAIT[kind], waiting.show_wait(kind)),
            _page(flow.PROBLEM[kind], problems.show_problem(kind)),
            _form(f"{flow.FORM[kind].value}/cancel", waiting.cancel(kind)),
        ]
    if service.upload_receiver is not None:
        handler = uploads_api.receive_upload(service.upload_receiver)
        routes.append(Route(UPLOAD_PREFIX + "{object_key:path}", handler, methods=["PUT"]))
    return routes


def _page(path: str, handler: Any) -> Route:
    """Return the route of something that is shown, in time."""
    return Route(path, _in_time(handler), methods=["GET"])


def _form(path: str, handler: Any) -> Route:
    """Return the route of something that is changed."""
    return Route(path, handler, methods=["POST"])


def _in_time(handler: Handler) -> Handler:
    """Return *handler*, with an apology in its place when that takes too long for a person who looks on.

    Each call to a store has a deadline of its own; of a store that is slow, several add up.
    """

    async def answer(request: Request) -> Response:
        # A task of its own, which goes on when time is up: it may have just read a result that is read once.
        showing = asyncio.ensure_future(handler(request))
        try:
            done, _ = await asyncio.wait({showing}, timeout=_PAGE_SECONDS)
        except asyncio.CancelledError:
            showing.cancel()
            raise
        if not done:
            _late.add(showing)
            showing.add_done_callback(_forget_late)
            raise StoreUnavailableError("a page was not ready in time")
        return showing.result()

    return answer


def _forget_late(showing: asyncio.Future[Response]) -> None:
    """Let go of a page that nobody waits for any more, whatever came of it."""
    _late.discard(showing)
    if not showing.cancelled():
        showing.exception()


async def _alive(_request: Request) -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


async def _static(request: Request) -> Response:
    """Return a file of static/; a path of another version may be of a newer or older release."""
    path = STATIC_FOLDER / request.path_params["name"]
    media_type = _MEDIA_TYPES.get(path.suffix)
    if media_type is None or path.parent != STATIC_FOLDER or not path.is_file():
        raise HTTPException(404)
    site = site_of(request)
    attempt = request.query_params.get("attempt", "")
    if path.name == _WORKER_SCRIPT and _ATTEMPT.fullmatch(attempt):
        headers = site.worker_headers(attempt)
    else:
        is_ours = request.path_params["version"] == site.static_version
        headers = {"Cache-Control": _FOR_EVER if is_ours else "no-cache"}
    return Response(path.read_bytes(), media_type=media_type, headers=headers)


async def _take_report(request: Request) -> Response:
    """Log which directive of the content security policy a browser saw broken, and nothing else of it."""
    try:
        report = await request.json()
        body = report[0]["body"] if isinstance(report, list) else report["csp-report"]
        directive = body.get("effectiveDirective") or body.get("effective-directive") or ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise HTTPException(400) from None
    if isinstance(directive, str) and _DIRECTIVE.fullmatch(directive):
        log(logger, "csp_violation", rule=directive)
    return Response(status_code=204)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer 4xx and 5xx raised on purpose."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    response = await refuse(request, error.status_code)
    response.headers.update(_plain_headers(error.headers))
    return response


async def _elsewhere(request: Request, error: Exception) -> Response:
    """Send the person to the page where they belong."""
    assert isinstance(error, ElsewhereError)  # noqa: S101 - registered for this class
    if is_api(request):
        limited = error.path.startswith("/limit/")
        return problem_json(
            429 if limited else 409, "limit_reached" if limited else "elsewhere", next=error.path
        )
    return go_to(error.path)


async def _no_session(request: Request, error: Exception) -> Response:
    """Begin at the beginning, or say that the session has ended."""
    assert isinstance(error, SessionMissingError)  # noqa: S101 - registered for this class
    if is_api(request):
        return problem_json(401, "no_session")
    ended = error.had_cookie or request.method == "POST"
    return go_to("/session-ended" if ended else Page.WELCOME)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Say that proofing is switched off; who has a session may leave."""
    assert isinstance(error, UnavailableError)  # noqa: S101 - registered for this class
    if is_api(request):
        return problem_json(503, "unavailable")
    session = error.session or await _session_at_once(request)
    return site_of(request).page(request, "unavailable", session=session, status=503, headers=_retry_later())


async def _session_at_once(request: Request) -> Session | None:
    """Return the session of *request*, or None when there is none or its store keeps us waiting."""
    sessions = site_of(request).sessions
    try:
        async with asyncio.timeout(_SESSION_SECONDS):
            return await sessions.open(request.cookies.get(sessions.cookie_name, ""))
    except (StoreUnavailableError, TimeoutError):
        return None


async def _technical(request: Request, _error: Exception) -> Response:
    """Say that something of ours does not answer; nothing was changed, so trying again is safe."""
    if is_api(request):
        return problem_json(503, "technical")
    return site_of(request).page(request, "error", status=503, headers=_retry_later(), name="technical")


def _retry_later() -> dict[str, str]:
    """Return the header that tells machines when to come back."""
    return {"Retry-After": str(_RETRY_SECONDS)}


def _plain_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of an error, such as Allow."""
    return dict(headers or {})
