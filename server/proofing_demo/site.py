"""The pages of the sample site, and where it receives events."""

import contextlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from proofing.client import AsyncClient, ConflictError, ProofingAPIError
from proofing.client.models import ENDS
from proofing.client.webhooks import WebhookVerificationError, WebhookVerifier
from proofing_demo.config import CALLBACK_PATH, OUTCOME_PATH, WEBHOOK_PATH, DemoConfig
from proofing_demo.login import Login, LoginError
from proofing_demo.memory import Memory, Visitor

_FOLDER = Path(__file__).parent
_COOKIE = "demo-visitor"
_MAX_EVENT_BYTES = 64 * 1024
_ID_WORD = re.compile(r"\bid\b", re.IGNORECASE)
_ID = re.compile(r"ver_[0-9a-f]{32}", re.ASCII)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Demo:
    """The parts of the site; ``request.app.state.demo``."""

    config: DemoConfig
    memory: Memory
    client: AsyncClient
    login: Login
    verifier: WebhookVerifier
    templates: Environment


def make_site(config: DemoConfig) -> Starlette:
    """Return the site."""
    http = httpx.AsyncClient(timeout=10, trust_env=False)
    templates = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
    )
    templates.filters["words"] = words
    demo = _Demo(
        config=config,
        memory=Memory(),
        client=AsyncClient(config.proofing_url, config.api_key),
        login=Login(config, http),
        verifier=WebhookVerifier(config.webhook_keys),
        templates=templates,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await demo.client.close()
        await http.aclose()

    site = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _home),
            Route("/demo.css", _style),
            Route("/verifications", _ask, methods=["POST"]),
            Route(OUTCOME_PATH, _outcome),
            Route("/claims", _collect, methods=["POST"]),
            Route("/login", _begin_login, methods=["POST"]),
            Route(CALLBACK_PATH, _finish_login),
            Route("/login/done", _show_login),
            Route(WEBHOOK_PATH, _take_event, methods=["POST"]),
        ],
        exception_handlers={
            ProofingAPIError: _no_answer,
            LoginError: _no_login,
            httpx.HTTPError: _no_answer,
        },
    )
    site.state.demo = demo
    return site


def words(name: str) -> str:
    """Return the name of a check or policy as a label: ``State ID`` for ``state_id``."""
    label = name.replace("_", " ").replace("-", " ").capitalize()
    return _ID_WORD.sub("ID", label)


async def _home(request: Request) -> Response:
    """Offer to be verified."""
    demo, visitor, cookie = _visit(request)
    return _page(request, "home", cookie, visitor=visitor, policies=demo.config.policies)


async def _ask(request: Request) -> Response:
    """Ask for a verification, and send the person to its link."""
    demo, visitor, cookie = _visit(request)
    async with request.form() as form:
        policy = str(form.get("policy", ""))
    if policy not in demo.config.policies:
        return _page(request, "problem", cookie, status=400, detail="There is no such choice.")
    try:
        made = await demo.client.create(
            subject=visitor.reference, policy=policy, return_url=demo.config.own_url + OUTCOME_PATH
        )
    except ConflictError as conflict:
        # One that is open: the person continues there, with a new link.
        open_id = conflict.members.get("verification")
        if not isinstance(open_id, str):
            raise
        made = await demo.client.new_link(open_id)
    demo.memory.add_case(visitor, made.id, made.policy)
    if made.link is None or made.link.url is None:
        return _page(request, "problem", cookie, status=502, detail="There is no link.")
    return _with_cookie(RedirectResponse(made.link.url, 303), cookie)


async def _outcome(request: Request) -> Response:
    """Show what is known of one verification, or of the latest."""
    demo, visitor, cookie = _visit(request)
    wanted = request.query_params.get("verification_id", "")
    if not wanted and visitor.cases:
        wanted = next(reversed(visitor.cases))
    case = visitor.cases.get(wanted)
    if case is None:
        return _page(request, "problem", cookie, status=404, detail="This is not a verification of yours.")
    found = await demo.client.get(wanted)
    return _page(
        request,
        "outcome",
        cookie,
        verification=found,
        case=case,
        # Events come by themselves; the page asks again until the last one is there.
        refreshes=case.state not in ENDS,
        claims=None if case.claims is None else json.dumps(case.claims, indent=2),
    )


async def _collect(request: Request) -> Response:
    """Collect the released claims of a verification, once, and show them."""
    demo, visitor, cookie = _visit(request)
    async with request.form() as form:
        wanted = str(form.get("verification_id", ""))
    case = visitor.cases.get(wanted)
    if case is None or not _ID.fullmatch(wanted):
        return _page(request, "problem", cookie, status=404, detail="This is not a verification of yours.")
    case.claims = await demo.client.collect_claims(wanted)
    return RedirectResponse(f"{OUTCOME_PATH}?verification_id={wanted}", 303)


async def _begin_login(request: Request) -> Response:
    """Send the person to the provider."""
    demo, visitor, cookie = _visit(request)
    url, visitor.login = await demo.login.begin(visitor.reference)
    return _with_cookie(RedirectResponse(url, 303), cookie)


async def _finish_login(request: Request) -> Response:
    """Take the person back from the provider."""
    demo, visitor, cookie = _visit(request)
    kept, visitor.login = visitor.login, None
    if kept is None:
        raise LoginError("no login has begun in this browser")
    visitor.identity = await demo.login.finish(kept, request.query_params)
    # The code is in the address of this page: the next one has none.
    return _with_cookie(RedirectResponse("/login/done", 303), cookie)


async def _show_login(request: Request) -> Response:
    """Show what is known of a person who is logged in."""
    _demo, visitor, cookie = _visit(request)
    if visitor.identity is None:
        return RedirectResponse("/", 303)
    return _page(request, "login", cookie, identity=json.dumps(visitor.identity, indent=2))


async def _take_event(request: Request) -> Response:
    """Take an event whose signature is right; anything else is refused without a word on why."""
    demo: _Demo = request.app.state.demo
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_EVENT_BYTES:
            return JSONResponse({"error": "refused"}, 413)
    try:
        event = demo.verifier.verify(request.headers, body)
    except WebhookVerificationError:
        return JSONResponse({"error": "refused"}, 400)
    demo.memory.take(event)
    return Response(status_code=204)


async def _style(_request: Request) -> Response:
    return Response((_FOLDER / "demo.css").read_bytes(), media_type="text/css")


async def _no_answer(request: Request, error: Exception) -> Response:
    """Say that the product refused or did not answer, and which code it gave."""
    code = getattr(error, "code", "no_answer")
    detail = f"Proofing did not do what we asked for ({code}). Nothing is lost; try again."
    return _page(request, "problem", _visit(request)[2], status=502, detail=detail)


async def _no_login(request: Request, error: Exception) -> Response:
    """Say why there was no login."""
    return _page(
        request, "problem", _visit(request)[2], status=400, detail=f"You are not logged in: {error}."
    )


def _visit(request: Request) -> tuple[_Demo, Visitor, str]:
    """Return the site, the visitor of the request's cookie or a new one, and the cookie."""
    demo: _Demo = request.app.state.demo
    cookie = request.cookies.get(_COOKIE, "")
    visitor = demo.memory.visitor(cookie)
    if visitor is None:
        cookie = secrets.token_urlsafe(32)
        visitor = demo.memory.add_visitor(cookie, f"visitor-{secrets.token_hex(8)}")
    return demo, visitor, cookie


def _page(request: Request, template: str, cookie: str, *, status: int = 200, **values: Any) -> Response:
    """Render a page, and send the cookie of its visitor."""
    demo: _Demo = request.app.state.demo
    html = demo.templates.get_template(f"{template}.html").render(
        name=demo.config.name, has_openid=demo.config.has_openid, **values
    )
    return _with_cookie(HTMLResponse(html, status, _HEADERS), cookie)


def _with_cookie(response: Response, cookie: str) -> Response:
    response.set_cookie(_COOKIE, cookie, path="/", httponly=True, samesite="lax")
    return response
