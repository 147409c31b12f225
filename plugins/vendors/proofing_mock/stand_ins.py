"""What the servers of mock vendors share: listening until told to stop, pages, guards, and strict forms.

Each is bound to the address of a setting, which should be another host than that of the product, since
cookies ignore ports. None is started in production.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from proofing.plugin import ConfigurationError, Problem
from proofing.plugin.support import os_error_reason, parse_json

_STOP_SECONDS = 1
_MAX_BODY_BYTES = 16 * 1024
_PACKAGE = "proofing_mock"

Handler = Callable[[Request], Awaitable[Response]]


async def serve_app(app: Starlette, setting: str, url: str, stop: asyncio.Event) -> None:
    """Serve *app* at *url*, the value of the mock's *setting*, until *stop* is set.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(setting, url))
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


def _listen(setting: str, url: str) -> socket.socket:
    """Return a socket that is bound to the address of *url*. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    try:
        return socket.create_server((parts.hostname or "", parts.port or 80))
    except OSError as error:
        rule = f"cannot be listened on ({os_error_reason(error)}); choose another port"
        raise ConfigurationError([Problem("settings", f"mock.{setting}", rule)]) from None


class StandInSite:
    """Pages of one mock vendor, and who may have them do something."""

    def __init__(self, part: str, *, name: str, url: str, product: str) -> None:
        """Show pages at *url*; people return to the URL *product*.

        Args:
            part: the package of `proofing_mock` whose templates are shown, such as ``hosted``.
            name: of the vendor, for people.
            url: its origin.
            product: the product's URL.
        """
        self.url = url
        self.product = origin_of(product)
        self._name = name
        loaders = [PackageLoader(f"{_PACKAGE}.{part}"), PackageLoader(_PACKAGE)]
        self._templates = Environment(
            loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined
        )
        self._style = (Path(__file__).parent / "templates" / "style.css").read_text()
        self.headers = {
            "Cache-Control": "no-store",
            # A form's answer may lead to the product: browsers hold redirects to form-action, too.
            "Content-Security-Policy": (
                "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; "
                f"frame-ancestors 'none'; form-action 'self' {self.product}"
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def app(self, routes: Sequence[BaseRoute]) -> Starlette:
        """Return the application of *routes*."""
        # A name of somebody else's that leads to this machine must not lead to the pages of testers.
        host = urlsplit(self.url).hostname or ""
        return Starlette(
            routes=[*routes, Route("/style.css", self._show_style, methods=["GET"])],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[host])],
        )

    def page(self, template: str, request: Request, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = self._templates.get_template(template).render(path=path, vendor=self._name, **values)
        return HTMLResponse(text, status, self.headers)

    def from_own_page(self, handler: Handler) -> Handler:
        """Return *handler*, unless a page of somebody else's makes a browser call it."""

        async def answer(request: Request) -> Response:
            site = request.headers.get("sec-fetch-site", "none")
            origin = request.headers.get("origin", self.url)
            if site not in {"same-origin", "none"} or origin not in {self.url, "null"}:
                return problem(403, "not from a page of this vendor")
            return await handler(request)

        return answer

    async def _show_style(self, _request: Request) -> Response:
        """Return the style sheet."""
        return PlainTextResponse(self._style, 200, self.headers, media_type="text/css")


def origin_of(url: str) -> str:
    """Return scheme and place of *url*; nothing for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def problem(status: int, text: str) -> Response:
    """Return a refusal for programs."""
    return JSONResponse({"problem": text}, status)


async def body_of(request: Request) -> bytes:
    """Return the body of a request that is not too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413)
    return body


async def values_of(request: Request) -> dict[str, Any]:
    """Return the fields of a form, or of JSON."""
    body = await body_of(request)
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


def one_of(known: Collection[str], value: object) -> str:
    """Return *value* if it is one of the *known*."""
    if not isinstance(value, str) or value not in known:
        raise HTTPException(422)
    return value
