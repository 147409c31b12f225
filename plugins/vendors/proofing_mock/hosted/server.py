"""The mock vendor's server: an API for the product, a page for the person, and a panel for testers.

Nothing of a person comes here: a session knows an address to return to and, where the product says so, its
reference. Bound to the address of `hosted_url`, which should be another host than that of the product, since
cookies ignore ports. Never started in production.
"""

import asyncio
import contextlib
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from proofing.plugin import ConfigurationError, PluginError, Problem, ProcessContext
from proofing.plugin.support import os_error_reason, parse_json
from proofing_mock.hosted.credentials import credentials
from proofing_mock.hosted.vendor import WITH_PERSON, Behavior, Delivery, Fetches, MockVendor, Session, State

if TYPE_CHECKING:
    from proofing_mock import MockSettings

WEBHOOK_PATH = "/webhooks/mock-hosted"
_COOKIE = "mock_vendor_visitor"
_LATER = "later"
_LATER_SECONDS = 10.0
_POST_SECONDS = 10.0
_STOP_SECONDS = 1
_MAX_TEXT_CHARACTERS = 2048
_HOUR_SECONDS = 3600
_MAX_SECONDS = 366 * 86_400.0
_MAX_BODY_BYTES = 16 * 1024
#: What a tester may choose, with the words of the pages.
_RESULTS = {
    State.APPROVED: "Approve",
    State.DECLINED: "Decline",
    State.REVIEW: "Send to review",
    _LATER: f"Approve {_LATER_SECONDS:.0f} seconds after the person has left",
    State.ABANDONED: "Give up",
}
_DELIVERIES = {
    Delivery.NOW: "Now",
    Delivery.LOST: "Never (lost)",
    Delivery.TWICE: "Twice",
    Delivery.LATE: "24 hours late, by this vendor’s clock",
    Delivery.FORGED: "Now, with a forged signature",
    Delivery.PREVIOUS_SECRET: "Now, signed with the previous secret",
}
_FETCHES = {
    Fetches.ANSWERED: "Answered",
    Fetches.UNAVAILABLE: "Refused with HTTP 503 (vendor down)",
    Fetches.HANGING: "Not answered (vendor hangs)",
}
_ENDS = {
    State.APPROVED: "The result is: approved.",
    State.DECLINED: "The result is: declined.",
    State.REVIEW: "The result is: somebody has to look at it.",
    State.PROCESSING: "There is no result yet.",
    State.ABANDONED: "You gave up.",
    State.EXPIRED: "Your visit has expired.",
}

Handler = Callable[[Request], Awaitable[Response]]


async def serve(settings: "MockSettings", process: ProcessContext, stop: asyncio.Event) -> None:
    """Serve the vendor of *settings* until *stop* is set; its webhooks go to the product of *process*.

    Raises:
        ConfigurationError: its address cannot be listened on.
        PluginError: a secret is missing.
    """
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(running_app(settings, process))
        listener = stack.enter_context(_listen(settings.hosted_url))
        server = _Server(
            uvicorn.Config(
                app,
                access_log=False,
                lifespan="off",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=_STOP_SECONDS,
                ws="none",
            )
        )

        async def watch() -> None:
            await stop.wait()
            server.should_exit = True

        watcher = asyncio.create_task(watch())
        stack.callback(watcher.cancel)
        await server.serve([listener])


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _listen(url: str) -> socket.socket:
    """Return a socket that is bound to the address of *url*. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    try:
        return socket.create_server((parts.hostname or "", parts.port or 80))
    except OSError as error:
        rule = f"cannot be listened on ({os_error_reason(error)}); choose another port"
        raise ConfigurationError([Problem("settings", "mock.hosted_url", rule)]) from None


@contextlib.asynccontextmanager
async def running_app(settings: "MockSettings", process: ProcessContext) -> AsyncIterator[Starlette]:
    """Return the application, with a vendor that lives as long as the context. Raises `PluginError`."""
    known = credentials(settings, process)
    if known.api_key is None or known.webhook_secret is None:
        raise PluginError("mock.hosted_api_key and mock.hosted_webhook_secret must be set")
    previous = known.webhook_previous_secret
    target = f"{process.public_url}{WEBHOOK_PATH}"
    async with httpx.AsyncClient(timeout=_POST_SECONDS, trust_env=False) as client:

        async def post(body: bytes, headers: Mapping[str, str]) -> int:
            try:
                answer = await client.post(target, content=body, headers=dict(headers))
            except httpx.HTTPError:
                return 0
            return answer.status_code

        vendor = MockVendor(
            secret=known.webhook_secret.encode(),
            previous_secret=previous.encode() if previous is not None else None,
            post=post,
        )
        site = _Site(vendor, url=settings.hosted_url, api_key=known.api_key, product=process.public_url)
        running = asyncio.create_task(vendor.run())
        try:
            yield site.app()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class _Site:
    """Routes and pages of one vendor."""

    def __init__(self, vendor: MockVendor, *, url: str, api_key: str, product: str) -> None:
        """Show *vendor* at *url*; people return to the URL *product*, which has the *api_key*."""
        self._vendor = vendor
        self._url = url
        self._authorization = f"Bearer {api_key}".encode()
        self._product = _origin(product)
        self._templates = Environment(
            loader=PackageLoader("proofing_mock.hosted"), autoescape=True, undefined=StrictUndefined
        )
        self._style = (Path(__file__).parent / "templates" / "style.css").read_text()
        self._headers = {
            "Cache-Control": "no-store",
            # A form's answer may lead to the product: browsers hold redirects to form-action, too.
            "Content-Security-Policy": (
                "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; "
                f"frame-ancestors 'none'; form-action 'self' {self._product}"
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def app(self) -> Starlette:
        """Return the application."""
        routes = [
            Route("/v1/sessions", self._for_product(self._create), methods=["POST"]),
            Route("/v1/sessions/{id}", self._for_product(self._show), methods=["GET"]),
            Route("/verify/{page}", self._visit, methods=["GET"]),
            Route("/verify/{page}", self._from_own_page(self._choose), methods=["POST"]),
            Route("/", self._panel, methods=["GET"]),
            Route("/style.css", self._show_style, methods=["GET"]),
            Route("/testing", self._show_facts, methods=["GET"]),
            Route("/testing/behavior", self._from_own_page(self._behave), methods=["POST"]),
            Route("/testing/clock", self._from_own_page(self._advance), methods=["POST"]),
            Route("/testing/sessions/{id}", self._from_own_page(self._steer), methods=["POST"]),
        ]
        # A name of somebody else's that leads to this machine must not lead to the panel.
        host = urlsplit(self._url).hostname or ""
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[host])])

    # What the product calls

    def _for_product(self, handler: Handler) -> Handler:
        """Return *handler* for those who have the key of the API."""

        async def answer(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._authorization):
                return _problem(401, "wrong API key")
            return await handler(request)

        return answer

    async def _create(self, request: Request) -> Response:
        """Open a session."""
        try:
            values = parse_json(await _body(request), max_depth=4)
            reference = values.get("customer_reference")
            if reference is not None:
                reference = _text(reference)
            return_url = _text(values["return_url"])
            seconds = _seconds(values["expires_in_seconds"])
            key = _text(request.headers["idempotency-key"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return _problem(422, "malformed question")
        if _origin(return_url) != self._product:
            return _problem(422, "return_url is not of the product")
        session = await self._vendor.create(
            idempotency_key=key,
            customer_reference=reference,
            return_url=return_url,
            expires_in_seconds=seconds,
        )
        return JSONResponse(self._session_facts(session), 201)

    async def _show(self, request: Request) -> Response:
        """Return a session."""
        try:
            session = await self._vendor.fetch(request.path_params["id"])
        except KeyError:
            return _problem(404, "no such session")
        if session is None:
            return _problem(503, "down, as a tester chose")
        return JSONResponse(self._session_facts(session))

    def _session_facts(self, session: Session) -> dict[str, Any]:
        """Return what the product may know of a session."""
        return {"id": session.id, "state": session.state, "url": f"{self._url}/verify/{session.page}"}

    # What the person sees

    async def _visit(self, request: Request) -> Response:
        """Show the page of a visit, and recognize the browser from now on."""
        session = self._visited(request)
        visitor = request.cookies.get(_COOKIE) or secrets.token_urlsafe(18)
        if session.state in WITH_PERSON:
            self._vendor.visit(session, visitor)
            response = self._page("visit.html", request, results=_RESULTS, deliveries=_DELIVERIES)
        else:
            end = _ENDS[session.state]
            response = self._page("ended.html", request, end=end, return_url=session.return_url)
        response.set_cookie(_COOKIE, visitor, path="/", httponly=True, samesite="lax")
        return response

    async def _choose(self, request: Request) -> Response:
        """Do what the person, or the tester who plays the person, chose."""
        session = self._visited(request)
        chosen = await _values(request)
        if request.cookies.get(_COOKIE) not in session.visitors:
            return self._page("cookie.html", request, status=400)
        if session.state not in WITH_PERSON:
            return RedirectResponse(request.url.path, 303, self._headers)
        result = _one_of(_RESULTS, chosen.get("result"))
        session.delivery = Delivery(_one_of(_DELIVERIES, chosen.get("webhook")))
        if result == _LATER:
            self._vendor.decide_later(session, _LATER_SECONDS, session.delivery)
        else:
            self._vendor.set_state(session, State(result), session.delivery)
        stays = chosen.get("then") == "stay"
        return RedirectResponse(request.url.path if stays else session.return_url, 303, self._headers)

    def _visited(self, request: Request) -> Session:
        """Return the session of a page."""
        session = self._vendor.of_page(request.path_params["page"])
        if session is None:
            raise HTTPException(404)
        return session

    # What testers use

    async def _panel(self, request: Request) -> Response:
        """Show everything."""
        return self._page(
            "panel.html",
            request,
            facts=self._facts(),
            fetches=_FETCHES,
            deliveries=_DELIVERIES,
            decisions=[State.APPROVED, State.DECLINED, State.REVIEW],
            states=list(State),
        )

    async def _show_facts(self, _request: Request) -> Response:
        """Return all facts to a program."""
        return JSONResponse(self._facts())

    async def _behave(self, request: Request) -> Response:
        """Change how fetches are answered, and what is decided at once; what is not named stays."""
        chosen, now = await _values(request), self._vendor.behavior
        at_creation = chosen.get("at_creation", now.at_creation or "")
        self._vendor.behave(
            Behavior(
                fetches=Fetches(_one_of(_FETCHES, chosen.get("fetches", now.fetches))),
                at_creation=State(_one_of(list(State), at_creation)) if at_creation else None,
            )
        )
        return self._changed(request)

    async def _advance(self, request: Request) -> Response:
        """Set the clock forward by ``seconds`` or ``hours``."""
        chosen = await _values(request)
        try:
            seconds = float(chosen.get("seconds", 0)) + float(chosen.get("hours", 0)) * _HOUR_SECONDS
            self._vendor.advance(_seconds(seconds))
        except (ValueError, TypeError):
            raise HTTPException(422) from None
        return self._changed(request)

    async def _steer(self, request: Request) -> Response:
        """Bring a session to a ``state``, if one is named, and send an event about it as ``webhook`` says."""
        chosen = await _values(request)
        session = self._vendor.sessions.get(request.path_params["id"])
        if session is None:
            raise HTTPException(404)
        delivery = Delivery(_one_of(_DELIVERIES, chosen.get("webhook", Delivery.NOW)))
        state = State(_one_of(list(State), chosen.get("state") or session.state))
        self._vendor.set_state(session, state, delivery)
        return self._changed(request)

    def _changed(self, request: Request) -> Response:
        """Lead a browser back to the panel, and return all facts to a program."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303, self._headers)
        return JSONResponse(self._facts())

    def _facts(self) -> dict[str, Any]:
        """Return everything that testers may know, the newest last."""
        vendor = self._vendor
        return {
            "now": datetime.fromtimestamp(vendor.now(), UTC).isoformat(timespec="seconds"),
            "behavior": {
                "fetches": vendor.behavior.fetches,
                "at_creation": vendor.behavior.at_creation,
            },
            "sessions": [
                {**self._session_facts(session), "customer_reference": session.customer_reference}
                for session in vendor.sessions.values()
            ],
            "sent": [
                {
                    "event": sent.event,
                    "session": sent.session,
                    "type": sent.type,
                    "delivery": sent.delivery,
                    "statuses": sent.statuses,
                }
                for sent in vendor.sent
            ],
        }

    # Pages

    async def _show_style(self, _request: Request) -> Response:
        """Return the style sheet."""
        return PlainTextResponse(self._style, 200, self._headers, media_type="text/css")

    def _page(self, name: str, request: Request, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page."""
        text = self._templates.get_template(name).render(path=request.url.path, **values)
        return HTMLResponse(text, status, self._headers)

    def _from_own_page(self, handler: Handler) -> Handler:
        """Return *handler*, unless a page of somebody else's makes a browser call it."""

        async def answer(request: Request) -> Response:
            site = request.headers.get("sec-fetch-site", "none")
            origin = request.headers.get("origin", self._url)
            if site not in {"same-origin", "none"} or origin not in {self._url, "null"}:
                return _problem(403, "not from a page of this vendor")
            return await handler(request)

        return answer


def _origin(url: str) -> str:
    """Return scheme and place of *url*; nothing for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def _problem(status: int, text: str) -> Response:
    """Return a refusal for programs."""
    return JSONResponse({"problem": text}, status)


async def _body(request: Request) -> bytes:
    """Return the body of a request that is not too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413)
    return body


async def _values(request: Request) -> dict[str, Any]:
    """Return the fields of a form, or of JSON."""
    body = await _body(request)
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            values = parse_json(body, max_depth=2)
        else:
            values = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
    except ValueError:
        raise HTTPException(400) from None
    if not isinstance(values, dict):
        raise HTTPException(400)
    return values


def _one_of(known: Collection[str], value: object) -> str:
    """Return *value* if it is one of the *known*."""
    if not isinstance(value, str) or value not in known:
        raise HTTPException(422)
    return value


def _text(value: object) -> str:
    """Return a text that is neither empty nor long. Raises ValueError."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARACTERS:
        raise ValueError
    return value


def _seconds(value: object) -> float:
    """Return a time that is neither negative nor longer than a year. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        raise ValueError
    return float(value)
