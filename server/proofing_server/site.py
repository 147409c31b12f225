"""What every page needs: the service, the sessions, the texts, the templates; and the ways to answer."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from proofing.applicant import mask_ssn
from proofing.rules import limits
from proofing.service import ProofingService
from proofing_server.flow import Page
from proofing_server.forms import show_phone
from proofing_server.security import STATIC_PREFIX, content_security_policy, permissions_policy
from proofing_server.sessions import Session, Sessions
from proofing_server.texts import Texts, choose_language, load_texts

STATIC_FOLDER = Path(__file__).parent / "static"
_TEMPLATE_FOLDER = Path(__file__).parent / "templates"
_DIGEST_CHARACTERS = 12

#: The step indicator: key below ``steps`` of the catalogue, and the pages that belong to it.
STEPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    ("start", (Page.WELCOME, Page.CONSENT)),
    ("document", (Page.DOCUMENT, Page.DOCUMENT_WAIT, Page.DOCUMENT_PROBLEM, Page.CONFIRM)),
    ("verify", (Page.SSN, Page.ADDRESS, Page.VERIFY, Page.VERIFY_WAIT, Page.VERIFY_PROBLEM)),
    ("phone", (Page.PHONE, Page.PHONE_WAIT, Page.PHONE_PROBLEM)),
    ("done", (Page.DONE,)),
)
#: The limits that each kind of job counts against, as `ProofingService.limit` names them.
LIMITS = {kind: limit.name for kind, limit in limits.OF_KIND.items()}
SSN_LIMIT = limits.SSN.name


class ElsewhereError(Exception):
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
    """One server's parts; ``request.app.state.site``."""

    service: ProofingService
    sessions: Sessions
    templates: Environment
    static_version: str

    @classmethod
    def build(cls, service: ProofingService) -> "Site":
        """Prepare everything that does not change while the process runs."""
        templates = Environment(
            loader=FileSystemLoader(_TEMPLATE_FOLDER),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters["mask_ssn"] = mask_ssn
        templates.filters["phone"] = show_phone
        return cls(service, Sessions(service), templates, _static_version())

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
            status: HTTP status.
            headers: further headers.
            values: for the template.
        """
        texts = self.texts(request)
        settings = self.service.settings
        is_finished = session is not None and bool(session.data.get("finished"))
        html = self.templates.get_template(f"{template}.html").render(
            t=texts,
            static=f"{STATIC_PREFIX}{self.static_version}",
            steps=_steps(page) if page else None,
            csrf_token=session.csrf_token if session else None,
            is_finished=is_finished,
            has_answers=session is not None and bool(session.data.get("consented")) and not is_finished,
            # A finished session shows nothing that would have to be taken off the screen.
            idle_seconds=self.sessions.seconds_left(session) if session and not is_finished else None,
            partner_name=settings.partner_name,
            partner_url=settings.partner_url,
            status_url=settings.status_url,
            json_text=_json_text,
            **values,
        )
        return HTMLResponse(html, status, {"Content-Language": texts.language, **(headers or {})})

    def capture_headers(self, attempt: str | None) -> dict[str, str]:
        """Return the headers of the capture page: uploads of this attempt, its worker, the camera."""
        connect = self.service.upload_source(attempt) if attempt else ""
        return {
            "Content-Security-Policy": content_security_policy(connect=connect, worker=True),
            "Permissions-Policy": permissions_policy(camera=True),
        }

    def worker_headers(self, attempt: str) -> dict[str, str]:
        """Return the headers of the worker's script: a worker has the policy of its script, not its page."""
        return {
            "Content-Security-Policy": content_security_policy(connect=self.service.upload_source(attempt))
        }


def site_of(request: Request) -> Site:
    """Return the site that *request* came to."""
    site: Site = request.app.state.site
    return site


def go_to(path: str) -> RedirectResponse:
    """Send the browser to *path* with GET."""
    return RedirectResponse(path, 303)


def is_api(request: Request) -> bool:
    """Tell whether the answer should be JSON."""
    return request.url.path.startswith(("/api/", "/uploads/", "/reports/", "/healthz"))


def problem_json(status: int, code: str, **values: Any) -> JSONResponse:
    """Return the error object of the JSON API."""
    return JSONResponse({"code": code, **values}, status)


async def refuse(request: Request, status: int) -> Response:
    """Answer with the page, or the JSON object, for an HTTP error."""
    if is_api(request):
        return problem_json(status, ERROR_CODES.get(status, "error"))
    site: Site = request.app.state.site if "app" in request.scope else request.scope["proofing.site"]
    name = ERROR_CODES.get(status, "server_error" if status >= 500 else "bad_request")  # noqa: PLR2004
    return site.page(request, "error", status=status, name=name)


#: HTTP status to the code in JSON answers and to the key below ``http`` in the catalogue.
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


def _steps(page: Page) -> list[tuple[str, str]]:
    """Return the steps and, for the page, whether each is completed, current or still to come."""
    current = next(number for number, (_, pages) in enumerate(STEPS) if page in pages)
    return [
        (name, "completed" if number < current else "current" if number == current else "upcoming")
        for number, (name, _) in enumerate(STEPS)
    ]


def _static_version() -> str:
    """Return a digest of all static files; it stands in their paths, so that they may be cached for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC_FOLDER.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]


def _json_text(value: object) -> str:
    """Return *value* as JSON that may stand inside a script element of a data type."""
    return json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026")
