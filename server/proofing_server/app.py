"""The web application: routes, middleware, and the answers to errors."""

import asyncio
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope

from proofing.app.service import ProofingService
from proofing.base.errors import (
    QueueUnavailableError,
    StoreUnavailableError,
    Trouble,
    VerificationNotFoundError,
    VerificationStateError,
)
from proofing.base.logs import log
from proofing.crypto.encryption import TAG_BYTES
from proofing.jobs.way_back import ANSWER_PREFIX, RETURN_PREFIX
from proofing.sessions.steps import OUTCOME_PATH, STEPS, Page, Step
from proofing_server import jobs_api, uploads_api
from proofing_server.api.routes import api_routes
from proofing_server.bodies import MAX_BODY_BYTES, BodyLimit
from proofing_server.branding import LOGO_ROUTE, STYLE_ROUTE, show_logo, show_style
from proofing_server.browser_parts import FRAME_ROUTE, SCRIPT_ROUTE, show_frame, show_script
from proofing_server.client_address import ClientAddressMiddleware, TrustedProxies
from proofing_server.compression import FOREVER
from proofing_server.device_sessions import DEVICE_PAGE, is_for_phone
from proofing_server.language_choice import LANGUAGE_PATH
from proofing_server.measuring import Measured, note_cause
from proofing_server.oidc.endpoints import ENDPOINTS as OIDC_ENDPOINTS
from proofing_server.pages import (
    document,
    ends,
    handoff,
    handoff_text,
    language,
    outcome,
    problems,
    start,
    waiting,
    welcome,
)
from proofing_server.security import (
    CSP_DIRECTIVES,
    STATIC_PREFIX,
    UPLOAD_PREFIX,
    WEBHOOK_PREFIX,
    Guard,
    LastSeam,
    logger,
    request_reference,
)
from proofing_server.sessions import Session, SessionMissingError
from proofing_server.site import (
    LinkNeededError,
    RedirectToStep,
    Site,
    UnavailableError,
    go_to,
    is_api,
    problem_json,
    refuse,
    site_of,
)
from proofing_server.texts import FOLDER
from proofing_server.vendor_visits import (
    come_back,
    pass_on_answer,
    serve_request,
    take_answer,
    take_webhook,
)
from proofing_server.waits import Waits

_WORKER_SCRIPT = "worker.js"
_ATTEMPT = re.compile(r"[0-9a-f]{32}", re.ASCII)
#: Both sides and a selfie.
_MAX_IMAGES = 3
#: The largest answer of a wallet.
_MAX_ANSWER_BYTES = 1024 * 1024
_RETRY_SECONDS = 60
#: How long a page may take; with what the network needs, less than two seconds for the person.
_PAGE_SECONDS = 1.8
#: How long a form may take once it is here, alongside a job that runs inside the request.
_FORM_SECONDS = 5.0
#: How long the page that says that proofing is switched off waits for the session.
_SESSION_SECONDS = 0.5

Handler = Callable[[Request], Awaitable[Response]]


def make_app(service: ProofingService, *, texts_folder: Path = FOLDER) -> Starlette:
    """Return the application that serves *service* with the catalogs of *texts_folder*.

    Its lifespan does not open or close the service: its maker does.
    """
    site = Site.build(service, texts_folder=texts_folder)

    def max_bytes(scope: Scope) -> int:
        """Return the cap of a request's body: images only where they belong."""
        largest = service.settings.max_image_upload_bytes
        if scope["path"].startswith(UPLOAD_PREFIX) and scope["method"] == "PUT":
            return largest + TAG_BYTES
        if scope["path"] == Page.DOCUMENT and scope["method"] == "POST" and not service.async_documents:
            return _MAX_IMAGES * largest + MAX_BODY_BYTES
        if scope["path"].startswith(WEBHOOK_PREFIX):
            return service.events.max_body_bytes(scope["path"].removeprefix(WEBHOOK_PREFIX))
        if scope["path"].startswith((ANSWER_PREFIX, "/api" + ANSWER_PREFIX)):
            return _MAX_ANSWER_BYTES
        return MAX_BODY_BYTES

    routes = _routes(service)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(LastSeam),
            # Before those that find in the scope what is noted further in, because it copies the scope.
            Middleware(ClientAddressMiddleware, proxies=TrustedProxies.of(service.settings.trusted_proxies)),
            Middleware(Measured, templates={route.endpoint: route.path for route in routes}),
            Middleware(Guard, public_url=service.settings.public_url, refuse=refuse),
            Middleware(BodyLimit, max_bytes=max_bytes, refuse=refuse),
        ],
        exception_handlers={
            HTTPException: _http_error,
            RedirectToStep: _redirect_to_step,
            SessionMissingError: _no_session,
            LinkNeededError: _link_needed,
            VerificationNotFoundError: _verification_over,
            VerificationStateError: _verification_over,
            UnavailableError: _unavailable,
            StoreUnavailableError: _technical,
            QueueUnavailableError: _technical,
        },
    )
    # Starlette would correct a trailing slash with a redirect to the scheme and Host of the request.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


def _routes(service: ProofingService) -> list[Route]:
    """Return the routes; docs/reference/pages.md lists them."""
    routes = [
        _page(Page.WELCOME, welcome.show),
        *(route for step in STEPS for route in _step_routes(step)),
        _form(f"{Page.DOCUMENT}/choice", document.choose),
        _page(handoff.COMPUTER_PAGE, handoff.show),
        _form(handoff.COMPUTER_PAGE, handoff.begin),
        _page(handoff_text.TEXT_PAGE, handoff_text.show),
        _form(handoff_text.TEXT_PAGE, handoff_text.post),
        _form(f"{handoff.COMPUTER_PAGE}/confirm", handoff.confirm),
        _form(f"{handoff.COMPUTER_PAGE}/cancel", handoff.cancel),
        _page(DEVICE_PAGE, handoff.show_device),
        _form(f"{DEVICE_PAGE}/cancel", handoff.cancel_device),
        _page(DEVICE_PAGE + "/{token}", handoff.show_link),
        _form(DEVICE_PAGE + "/{token}", handoff.open_link),
        _page(Page.DONE, ends.show_done),
        _page(OUTCOME_PATH, outcome.show),
        _page(f"{OUTCOME_PATH}/delete", outcome.ask_to_delete),
        _form(f"{OUTCOME_PATH}/delete", outcome.delete),
        _page("/information-deleted", outcome.show_deleted),
        _page("/start/{token}", start.show),
        _form("/start/{token}", start.post),
        _form("/exit", ends.leave),
        _form(LANGUAGE_PATH, language.choose),
        _page("/exited", ends.show_exited),
        _page("/session-ended", ends.show_session_ended),
        _page("/cookies-needed", ends.show_cookies_needed),
        _page("/limit/{limit}", problems.show_limit),
        _page("/api/session", jobs_api.show_session),
        _form("/api/session", jobs_api.extend_session),
        _form("/api/uploads", uploads_api.make_slot),
        _form("/api/uploads/{slot}", uploads_api.presign),
        _form("/api/uploads/{slot}/finished", uploads_api.finish),
        _form("/api/uploads/{slot}/release", uploads_api.release),
        _form("/api/document", uploads_api.submit_document),
        _page("/api/handoff", handoff.show_state),
        _page(handoff.EVENTS_ROUTE, handoff.stream_states),
        _page("/api/jobs/{result_id}", jobs_api.show_job),
        _page(jobs_api.EVENTS_ROUTE, jobs_api.stream_job),
        _page(RETURN_PREFIX + "{question_id}", come_back),
        _form(WEBHOOK_PREFIX + "{name}", take_webhook),
        _form(ANSWER_PREFIX + "{question_id}", take_answer),
        _page(ANSWER_PREFIX + "{question_id}/request", serve_request),
        _form("/api" + ANSWER_PREFIX + "{question_id}", pass_on_answer),
        *api_routes(),
        _page("/healthz", _alive),
        _form("/reports/csp", _take_report),
        _page(STATIC_PREFIX + "{version}/{name}", _static),
        _page(STYLE_ROUTE, show_style),
        _page(LOGO_ROUTE, show_logo),
        _page(SCRIPT_ROUTE, show_script),
        _page(FRAME_ROUTE, show_frame),
        *(Route(one.path, _changed_in_time(one.handler), methods=one.methods) for one in OIDC_ENDPOINTS),
    ]
    if service.upload_receiver is not None:
        handler = uploads_api.receive_upload(service.upload_receiver)
        routes.append(Route(UPLOAD_PREFIX + "{object_key:path}", handler, methods=["PUT"]))
    return routes


def _step_routes(step: Step) -> list[Route]:
    """Return the routes of one step; the module that is named as it has the handlers of its form."""
    module = import_module(f"proofing_server.pages.{step.key}")
    routes = [_page(step.page, module.show), _form(step.page, module.post)]
    if step.submits:
        routes += [
            _page(step.wait_page, waiting.show_wait(step)),
            _page(step.problem_page, problems.show_problem(step)),
            _form(f"{step.page}/cancel", waiting.cancel(step)),
        ]
    return routes


def _page(path: str, handler: Any) -> Route:
    """Return the route of something that is shown, in time."""
    return Route(path, _in_time(handler), methods=["GET"])


def _form(path: str, handler: Any) -> Route:
    """Return the route of something that is changed, in time."""
    return Route(path, _changed_in_time(handler), methods=["POST"])


def _changed_in_time(handler: Handler) -> Handler:
    """Return *handler*, stopped with an apology in its place when it takes too long.

    The time that the browser takes to send its form, and that a complete form waits for others, is not
    counted; `bodies` and `spool` bound that. A submit that is stopped takes back what it has done.
    """

    async def answer(request: Request) -> Response:
        site, waits = site_of(request), Waits.of(request.scope)

        async def receive() -> Message:
            with waits.counted():
                return await request.receive()

        changing = asyncio.ensure_future(handler(Request(request.scope, receive)))
        try:
            ends = time.monotonic() + form_seconds(site.service)
            while (left := ends + waits.seconds - time.monotonic()) > 0:
                if (await asyncio.wait({changing}, timeout=left))[0]:
                    return changing.result()
        finally:
            # Also when the client has disconnected.
            changing.cancel()
            site.leave_alone(changing)
        raise StoreUnavailableError("a form was not taken in time", trouble=Trouble.TIMEOUT)

    return answer


def form_seconds(service: ProofingService) -> float:
    """Return how long a form may take: with jobs inside the request, as long as the longest of them, too."""
    if service.async_documents and service.async_proofing:
        return _FORM_SECONDS
    return service.settings.job_deadline_seconds + _FORM_SECONDS


def _in_time(handler: Handler) -> Handler:
    """Return *handler*, with an apology in its place when that takes too long for a person who looks on.

    Each call to a store has a deadline of its own; of a store that is slow, several add up.
    """

    async def answer(request: Request) -> Response:
        # A task of its own, which continues after the deadline: it may have read a result that is read once.
        showing = asyncio.ensure_future(handler(request))
        try:
            done, _ = await asyncio.wait({showing}, timeout=_PAGE_SECONDS)
        except asyncio.CancelledError:
            showing.cancel()
            raise
        if not done:
            site_of(request).leave_alone(showing)
            raise StoreUnavailableError("a page was not ready in time", trouble=Trouble.TIMEOUT)
        return showing.result()

    return answer


async def _alive(request: Request) -> Response:
    """Say that the process answers, or that it is about to stop: balancers ask here."""
    if site_of(request).stopping.is_set():
        return JSONResponse({"status": "stopping"}, 503)
    return JSONResponse({"status": "ok"})


async def _static(request: Request) -> Response:
    """Return a file of static/; a path of another version may be of a newer or older release."""
    site = site_of(request)
    file = site.static_files.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    headers = {}
    attempt = _ATTEMPT.fullmatch(request.query_params.get("attempt", ""))
    if file.name == _WORKER_SCRIPT:
        headers = site.worker_headers(attempt.string if attempt else None)
    if file.name != _WORKER_SCRIPT or not attempt:
        is_ours = request.path_params["version"] == site.static_version
        headers["Cache-Control"] = FOREVER if is_ours else "no-cache"
    return file.response(request, headers)


async def _take_report(request: Request) -> Response:
    """Log which directive of the content security policy a browser saw broken, and nothing else of it.

    One line a minute and directive. Anybody may send reports: what is not a directive is not logged.
    """
    try:
        report = await request.json()
        body = report[0]["body"] if isinstance(report, list) else report["csp-report"]
        directive = body.get("effectiveDirective") or body.get("effective-directive") or ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise HTTPException(400) from None
    known = isinstance(directive, str) and directive in CSP_DIRECTIVES
    if known and (count := site_of(request).reports.count(directive)):
        log(logger, "csp_violation", level=logging.WARNING, rule=directive, count=count)
    return Response(status_code=204)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer 4xx and 5xx raised on purpose."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    response = await refuse(request, error.status_code)
    response.headers.update(_plain_headers(error.headers))
    return response


async def _redirect_to_step(request: Request, error: Exception) -> Response:
    """Send the person to the page where they belong."""
    assert isinstance(error, RedirectToStep)  # noqa: S101 - registered for this class
    if is_for_phone(request):
        # Whatever holds, a phone that takes photos has one page, which says what is next.
        return problem_json(409, "wrong_step", next=DEVICE_PAGE) if is_api(request) else go_to(DEVICE_PAGE)
    if is_api(request):
        limited = error.path.startswith("/limit/")
        return problem_json(
            429 if limited else 409, "limit_reached" if limited else "wrong_step", next=error.path
        )
    return go_to(error.path)


async def _link_needed(request: Request, _error: Exception) -> Response:
    """Say that people come by a link of the organization that asks."""
    return site_of(request).page(request, "link_needed", status=403)


async def _verification_over(request: Request, _error: Exception) -> Response:
    """Lead to what came of the verification: it has ended, or is another session's, since the page was shown.

    Operations of the relying parties' API answer these errors themselves.
    """
    path = DEVICE_PAGE if is_for_phone(request) else OUTCOME_PATH
    return problem_json(409, "wrong_step", next=path) if is_api(request) else go_to(path)


async def _no_session(request: Request, error: Exception) -> Response:
    """Begin at the beginning, or say that the session has ended."""
    assert isinstance(error, SessionMissingError)  # noqa: S101 - registered for this class
    if is_api(request):
        return problem_json(401, "no_session")
    if error.had_cookie:
        return go_to("/session-ended")
    # A form is shown with a cookie; it came back without, from a browser that refuses cookies.
    return go_to("/cookies-needed" if request.method == "POST" else Page.WELCOME)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Say what is out, and until when if that is known; a person with a session may leave."""
    assert isinstance(error, UnavailableError)  # noqa: S101 - registered for this class
    note_cause(request.scope, error)
    if is_api(request):
        return problem_json(503, "unavailable")
    session = error.session or await _session_at_once(request)
    seconds = error.outage.seconds
    return site_of(request).page(
        request,
        "unavailable",
        session=session,
        status=503,
        headers=_retry_later(seconds),
        step=f".{error.page.strip('/')}" if error.page else "",
        retry=error.page,
        seconds=seconds,
    )


async def _session_at_once(request: Request) -> Session | None:
    """Return the session of *request*, or None when there is none or its store keeps us waiting."""
    try:
        async with asyncio.timeout(_SESSION_SECONDS):
            return await site_of(request).sessions.find(request, touch=False)
    except (SessionMissingError, StoreUnavailableError, TimeoutError):
        return None


async def _technical(request: Request, error: Exception) -> Response:
    """Say that one of our dependencies does not answer; nothing was changed, so trying again is safe."""
    note_cause(request.scope, error)
    if is_api(request):
        return problem_json(503, "technical")
    return site_of(request).page(
        request,
        "error",
        status=503,
        headers=_retry_later(),
        name="technical",
        reference=request_reference(request.scope),
    )


def _retry_later(seconds: float | None = None) -> dict[str, str]:
    """Return the header that tells machines when to come back; *seconds* from now, if that is known."""
    return {"Retry-After": str(_RETRY_SECONDS if seconds is None else math.ceil(seconds))}


def _plain_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of an error, such as Allow."""
    return dict(headers or {})
