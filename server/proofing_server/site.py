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
from proofing.app.outages import Outage
from proofing.app.service import ProofingService
from proofing.contracts.applicant import mask_ssn
from proofing.contracts.verifications import Mode
from proofing.routing import shared_limits
from proofing.rules import limits
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page, part_of, parts_of
from proofing_server.api.problems import refuse_call
from proofing_server.branding import appearance, languages_of, partner_name, sender_of
from proofing_server.compression import StaticFile, compress, mask, read_static
from proofing_server.forms import show_phone
from proofing_server.headings import unbroken
from proofing_server.language_choice import (
    ERRORS_FIELD,
    LANGUAGE_FIELD,
    LANGUAGE_PATH,
    RETURN_FIELD,
    chosen_language,
    return_path,
    show_errors,
    shown_errors,
    taken_choice,
    wished_language,
)
from proofing_server.oidc.discovery import JSON_PATHS
from proofing_server.security import (
    API_PREFIX,
    STATIC_PREFIX,
    content_security_policy,
    permissions_policy,
    request_reference,
)
from proofing_server.sessions import Session, Sessions
from proofing_server.spool import Forms
from proofing_server.streams import StreamSlots
from proofing_server.texts import FOLDER, Texts, choose_language, languages, load_texts
from proofing_server.throttle import Throttle

_STATIC_FOLDER = Path(__file__).parent / "static"
_TEMPLATE_FOLDER = Path(__file__).parent / "templates"
_DIGEST_CHARACTERS = 12
#: How long a process that stops waits for work that no request waits for; its store calls have deadlines.
_FINISH_SECONDS = 5.0
#: The limits that each kind of job counts against, as `ProofingService.limit` names them.
LIMITS = {kind: limit.name for kind, limit in limits.OF_KIND.items()}
SSN_LIMIT = limits.SSN.name
#: Somebody whose session has not begun.
_NOBODY = SessionData(person="", csrf="", created_at=0, saved_at=0)
#: The name among the errors of a form for what is not wrong with one field.
FORM_ERRORS = "form"
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


class LinkNeededError(Exception):
    """Nobody sent the person, and people may not begin by themselves."""


class UnavailableError(Exception):
    """Identity proofing, or a step of it, is out.

    Attributes:
        session: of the request, when it was found already.
        outage: of what; None where nothing is known of it.
        page: of the step that is out; None for all of them.
    """

    def __init__(
        self, session: Session | None = None, *, outage: Outage | None = None, page: Page | None = None
    ) -> None:
        """Take the *session* that may be left."""
        self.session = session
        self.outage = outage or Outage()
        self.page = page
        super().__init__("unavailable")


@dataclass(slots=True)
class Site:
    """One server's parts; ``request.app.state.site``.

    Attributes:
        texts_folder: with a catalog for each language.
        stopping: set when the process stops; whatever waits for long ends then.
    """

    service: ProofingService
    sessions: Sessions
    templates: Environment
    static_version: str
    static_files: Mapping[str, StaticFile]
    streams: StreamSlots
    forms: Forms
    texts_folder: Path = FOLDER
    reports: Throttle = field(default_factory=Throttle)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _left_alone: set[asyncio.Future[Any]] = field(default_factory=set)

    @classmethod
    def build(cls, service: ProofingService, *, texts_folder: Path = FOLDER) -> "Site":
        """Prepare everything that does not change while the process runs."""
        for language in languages(texts_folder):
            # A file that cannot be read stops the start, not every page.
            load_texts(language, texts_folder)
        return cls(
            service,
            Sessions(service),
            _load_templates(),
            _static_version(),
            read_static(_STATIC_FOLDER),
            StreamSlots(service.settings.web_max_streams_per_address),
            Forms(service.settings.web_max_spooled_bytes),
            texts_folder,
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

    def languages(self, request: Request) -> tuple[str, ...]:
        """Return the languages of the pages of *request*, the usual one first."""
        known = languages(self.texts_folder)
        allowed = languages_of(self.service.settings, sender_of(request))
        return tuple(language for language in allowed if language in known) or known

    def texts(self, request: Request, session: Session | None = None) -> Texts:
        """Return the texts for the person of *session*.

        They are in the language that the person has chosen, else that of the computer whose photos a phone
        takes, else that which the relying party asks for, else the browser, of those of the policy.
        """
        sender = sender_of(request)
        available = self.languages(request)
        chosen = chosen_language(request, self.sessions.language_cookie_name)
        if chosen not in available:
            asked = sender.locale if sender else None
            wanted = (wished_language(request), asked, request.headers.get("accept-language"))
            chosen = choose_language(",".join(filter(None, wanted)), available)
        texts = load_texts(chosen, self.texts_folder)
        is_elsewhere = session is not None and self.service.document_plan(session.person).captures_images
        return texts.without_photos if is_elsewhere else texts

    def shown_errors(self, request: Request, fields: Mapping[str, str]) -> dict[str, str]:
        """Return what the page said was wrong before its language was changed: field to problem code."""
        texts = self.texts(request)
        return {
            field: code
            for field, code in shown_errors(fields).items()
            if texts.has(f"errors.{code}") and (field == FORM_ERRORS or texts.has(f"fields.{field}"))
        }

    def keep_choice(self, request: Request, response: Response) -> None:
        """Keep the language that the person chose with *request*, if it did."""
        if (language := taken_choice(request)) in self.languages(request):
            self.sessions.set_language_cookie(response, language)

    def partner_name(self, request: Request) -> str:
        """Return the name of whom the check of this request's person is for."""
        known = partner_name(self.service.settings, sender_of(request))
        return known or self.texts(request)("site.partner")

    def page(
        self,
        request: Request,
        template: str,
        *,
        page: Page | None = None,
        session: Session | None = None,
        data: SessionData | None = None,
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
            data: whose flow the step indicator shows; that of *session* by default.
            csrf_token: that they carry where there is no session yet.
            status: HTTP status.
            headers: further headers.
            values: for the template.
        """
        texts = self.texts(request, session)
        settings = self.service.settings
        sender = sender_of(request)
        is_finished = session is not None and session.data.is_finished
        token = session.csrf_token if session else csrf_token
        may_compress = session is None or not session.data.has_personal_data
        html = self.templates.get_template(f"{template}.html").render(
            t=texts,
            static=f"{STATIC_PREFIX}{self.static_version}",
            steps=_indicator(page, session.data if session else data) if page else None,
            csrf_token=mask(token) if token and may_compress else token,
            is_finished=is_finished,
            has_session=session is not None,
            has_answers=session is not None and session.data.consented_at is not None and not is_finished,
            # A finished session shows nothing that would have to be taken off the screen.
            idle_seconds=self.sessions.seconds_left(session) if session and not is_finished else None,
            partner_name=self.partner_name(request),
            **appearance(settings, sender, self.static_version),
            status_url=settings.status_url,
            is_test=self.service.router.uses_mocks() or (sender is not None and sender.mode is Mode.TEST),
            json_text=_json_text,
            **self._switch(request, values.get("errors") or {}),
            **values,
        )
        response = HTMLResponse(html, status, {"Content-Language": texts.tag, **(headers or {})})
        self.keep_choice(request, response)
        if may_compress:
            compress(request, response)
        return response

    def _switch(self, request: Request, errors: Mapping[str, str]) -> dict[str, Any]:
        """Return what the language switch needs, on a page that shows *errors*."""
        return {
            "languages": [load_texts(one, self.texts_folder) for one in self.languages(request)],
            "is_switched": bool(taken_choice(request)),
            "switch": {
                "path": LANGUAGE_PATH,
                "name": LANGUAGE_FIELD,
                "return_field": RETURN_FIELD,
                "return_to": return_path(request),
                "errors_field": ERRORS_FIELD,
                "errors": show_errors(errors),
            },
        }

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
        (
            API_PREFIX,
            "/api/",
            "/uploads/",
            "/reports/",
            "/webhooks/",
            "/answers/",
            "/healthz",
            *JSON_PATHS,
        )
    )


def problem_json(status: int, code: str, **values: Any) -> JSONResponse:
    """Return the error object of the JSON API."""
    return JSONResponse({"code": code, **values}, status)


async def refuse(request: Request, status: int) -> Response:
    """Answer with the page, or the JSON object, for an HTTP error."""
    if request.url.path.startswith(API_PREFIX):
        return refuse_call(request, status)
    if is_api(request):
        return problem_json(status, ERROR_CODES.get(status, "error"))
    name = ERROR_CODES.get(status, "server_error" if status >= 500 else "bad_request")  # noqa: PLR2004
    failed = status >= 500  # noqa: PLR2004 - ours to look up
    reference = request_reference(request.scope) if failed else None
    return site_of(request).page(request, "error", status=status, name=name, reference=reference)


#: Sent with pages that end the flow: nothing of it stays in the browser.
CLEAR_SITE_DATA = {"Clear-Site-Data": '"cache", "storage"'}

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


def _indicator(page: Page, data: SessionData | None) -> list[tuple[str, str]]:
    """Return the parts of the step indicator, and whether each is completed, current or to come."""
    parts = parts_of(data or _NOBODY)
    current = parts.index(part_of(page))
    return [
        (name, "completed" if number < current else "current" if number == current else "upcoming")
        for number, name in enumerate(parts)
    ]


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
    templates.filters |= {"mask_ssn": mask_ssn, "phone": show_phone, "unbroken": unbroken}
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
