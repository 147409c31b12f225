"""What every page needs: the service, the sessions, the texts, the templates; and the ways to answer."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from proofing.app.documents import DocumentOffer
from proofing.app.service import ProofingService
from proofing.contracts.applicant import mask_ssn, parse_phone
from proofing.routing import shared_limits
from proofing.rules import limits
from proofing.sessions.steps import PARTS, Page, part_of
from proofing.settings import Settings
from proofing_server.compression import StaticFile, compress, mask, read_static
from proofing_server.forms import show_phone
from proofing_server.security import (
    STATIC_PREFIX,
    content_security_policy,
    permissions_policy,
    request_reference,
)
from proofing_server.sessions import Session, Sessions
from proofing_server.spool import Forms
from proofing_server.streams import StreamSlots
from proofing_server.texts import Texts, choose_language, languages, load_texts
from proofing_server.throttle import Throttle

_STATIC_FOLDER = Path(__file__).parent / "static"
_TEMPLATE_FOLDER = Path(__file__).parent / "templates"
_DIGEST_CHARACTERS = 12
#: How long a process that stops waits for work that no request waits for; its store calls have deadlines.
_FINISH_SECONDS = 5.0
#: The limits that each kind of job counts against, as `ProofingService.limit` names them.
LIMITS = {kind: limit.name for kind, limit in limits.OF_KIND.items()}
SSN_LIMIT = limits.SSN.name
#: Limits that are reached by many people together.
SHARED_LIMITS = frozenset({*shared_limits.LIMITS, shared_limits.VENDOR_BUDGET.name})


class RedirectToStep(Exception):  # noqa: N818 - an answer, not a fault
    """This page cannot be shown now; the person is sent to another one.

    Attributes:
        path: where to.
    """

    def __init__(self, path: str) -> None:
        """Take the *path* to go to."""
        self.path = path
        super().__init__(path)


class UnavailableError(Exception):
    """Identity proofing is switched off.

    Attributes:
        session: of the request, when it was found already.
    """

    def __init__(self, session: Session | None = None) -> None:
        """Take the *session* that may be left."""
        self.session = session
        super().__init__("unavailable")


@dataclass(slots=True)
class Site:
    """One server's parts; ``request.app.state.site``.

    Attributes:
        stopping: set when the process stops; whatever waits for long ends then.
    """

    service: ProofingService
    sessions: Sessions
    templates: Environment
    static_version: str
    static_files: Mapping[str, StaticFile]
    streams: StreamSlots
    forms: Forms
    reports: Throttle = field(default_factory=Throttle)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _left_alone: set[asyncio.Future[Any]] = field(default_factory=set)

    @classmethod
    def build(cls, service: ProofingService) -> "Site":
        """Prepare everything that does not change while the process runs."""
        for language in languages():
            # A file that cannot be read stops the start, not every page.
            load_texts(language)
        return cls(
            service,
            Sessions(service),
            _load_templates(),
            _static_version(),
            read_static(_STATIC_FOLDER),
            StreamSlots(service.settings.web_max_streams_per_address),
            Forms(service.settings.web_max_spooled_bytes),
        )

    def leave_alone(self, work: asyncio.Future[Any]) -> None:
        """Let *work* come to its end, whatever that is, although nobody waits for it."""
        self._left_alone.add(work)
        work.add_done_callback(self._forget)

    async def finish(self) -> None:
        """Wait for what was left alone; at the end of the process, before the stores are closed."""
        if self._left_alone:
            await asyncio.wait(self._left_alone, timeout=_FINISH_SECONDS)

    def _forget(self, work: asyncio.Future[Any]) -> None:
        """Let go of *work*, which has ended."""
        self._left_alone.discard(work)
        if not work.cancelled():
            work.exception()

    def texts(self, request: Request) -> Texts:
        """Return the texts in the language that the browser asks for."""
        return load_texts(choose_language(request.headers.get("accept-language", "")))

    def page(
        self,
        request: Request,
        template: str,
        *,
        page: Page | None = None,
        session: Session | None = None,
        csrf_token: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render *template*.

        Args:
            request: being answered.
            template: file name without ``.html``.
            page: the page's place in the flow, for the step indicator.
            session: whose CSRF token the forms carry.
            csrf_token: that they carry where there is no session yet.
            status: HTTP status.
            headers: further headers.
            values: for the template.
        """
        texts = self.texts(request)
        settings = self.service.settings
        is_finished = session is not None and session.data.is_finished
        token = session.csrf_token if session else csrf_token
        may_compress = session is None or not session.data.has_personal_data
        html = self.templates.get_template(f"{template}.html").render(
            t=texts,
            static=f"{STATIC_PREFIX}{self.static_version}",
            steps=_indicator(page) if page else None,
            csrf_token=mask(token) if token and may_compress else token,
            is_finished=is_finished,
            has_answers=session is not None and session.data.consented_at is not None and not is_finished,
            # A finished session shows nothing that would have to be taken off the screen.
            idle_seconds=self.sessions.seconds_left(session) if session and not is_finished else None,
            partner_name=settings.partner_name,
            partner_url=settings.partner_url,
            status_url=settings.status_url,
            support=_support(settings),
            is_test=self.service.router.uses_mocks(),
            json_text=_json_text,
            **values,
        )
        response = HTMLResponse(html, status, {"Content-Language": texts.language, **(headers or {})})
        if may_compress:
            compress(request, response)
        return response

    def capture_headers(self, attempt: str | None) -> dict[str, str]:
        """Return the headers of the capture page: uploads of this attempt, its worker, the camera."""
        connect = self.service.csp_connect_source(attempt) if attempt else ""
        return {
            "Content-Security-Policy": content_security_policy(connect=connect, starts_worker=True),
            "Permissions-Policy": permissions_policy(camera=True),
        }

    def worker_headers(self, attempt: str | None) -> dict[str, str]:
        """Return the headers of the worker's script: a worker has the policy of its script, not its page."""
        connect = self.service.csp_connect_source(attempt) if attempt else ""
        return {"Content-Security-Policy": content_security_policy(connect=connect, is_worker=True)}


def site_of(request: Request) -> Site:
    """Return the site that *request* came to."""
    site: Site = request.app.state.site
    return site


def way_of(offer: DocumentOffer) -> str:
    """Return the key of the texts about how people show their document."""
    return next(iter(offer.ways)).value if len(offer.ways) == 1 else "either"


def go_to(path: str) -> RedirectResponse:
    """Send the browser to *path* with GET."""
    return RedirectResponse(path, 303)


def is_api(request: Request) -> bool:
    """Return whether the answer should be JSON."""
    return request.url.path.startswith(
        ("/api/", "/uploads/", "/reports/", "/webhooks/", "/answers/", "/healthz")
    )


def problem_json(status: int, code: str, **values: Any) -> JSONResponse:
    """Return the error object of the JSON API."""
    return JSONResponse({"code": code, **values}, status)


async def refuse(request: Request, status: int) -> Response:
    """Answer with the page, or the JSON object, for an HTTP error."""
    if is_api(request):
        return problem_json(status, ERROR_CODES.get(status, "error"))
    name = ERROR_CODES.get(status, "server_error" if status >= 500 else "bad_request")  # noqa: PLR2004
    failed = status >= 500  # noqa: PLR2004 - ours to look up
    reference = request_reference(request.scope) if failed else None
    return site_of(request).page(request, "error", status=status, name=name, reference=reference)


#: HTTP status to the code in JSON answers and to the key below ``http`` in the catalog.
ERROR_CODES = {
    400: "bad_request",
    401: "no_session",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    500: "server_error",
    503: "unavailable",
}


def _indicator(page: Page) -> list[tuple[str, str]]:
    """Return the parts of the step indicator, and whether each is completed, current or to come."""
    current = PARTS.index(part_of(page))
    return [
        (name, "completed" if number < current else "current" if number == current else "upcoming")
        for number, name in enumerate(PARTS)
    ]


def _support(settings: Settings) -> dict[str, Any]:
    """Return where people find help, and what the footer leads to."""
    phone = parse_phone(settings.support_phone or "")
    return {
        "accessibility_url": settings.accessibility_url,
        "alternative_url": settings.alternative_url,
        "privacy_url": settings.privacy_url,
        "email": settings.support_email,
        "phone": (settings.support_phone, f"tel:+1{phone}") if phone else None,
        "url": settings.support_url,
        "has_contact": bool(settings.support_email or phone or settings.support_url),
    }


@cache
def _load_templates() -> Environment:
    """Return the templates, which are compiled when they are first used; one for all sites of a process."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATE_FOLDER),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"mask_ssn": mask_ssn, "phone": show_phone}
    return templates


@cache
def _static_version() -> str:
    """Return a digest of all static files; it is in their paths, so that they may be cached forever."""
    digest = hashlib.sha256()
    for path in sorted(_STATIC_FOLDER.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]


def _json_text(value: object) -> str:
    """Return *value* as JSON that is safe inside a script element of a data type."""
    return json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026")
