"""Social Security number."""

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.records import JobKind
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.browser_parts import part_headers, part_view
from proofing_server.forms import read_ssn
from proofing_server.guards import check_form, limit_path, refuse_at_limit, require_page
from proofing_server.language_choice import take_choice
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, SSN_LIMIT, Site, go_to

#: What testers may choose as the answer of the device mock.
_DEVICE_CHOICES = ("pass", "review", "reject", "no_result")


async def show(request: Request) -> Response:
    """Ask for the Social Security number."""
    site, session = await require_page(request, Page.SSN)
    return _page(request, site, session, {})


async def post(request: Request) -> Response:
    """Take the Social Security number; a change of it opens the later steps again."""
    site, session = await require_page(request, Page.SSN, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)
    if take_choice(request, fields):
        return _page(request, site, session, site.shown_errors(request, fields), typed=fields.get("ssn", ""))
    form = read_ssn(fields)
    if form.errors:
        return _page(request, site, session, form.errors)
    ssn = form.values["ssn"]

    def answer(data: SessionData) -> Page | None:
        if elsewhere := flow.redirect_for(data, Page.SSN):
            return elsewhere
        if data.typed.ssn != ssn:
            flow.reset_from(data, Page.SSN)
            data.typed = data.typed.merge({"ssn": ssn})
        if site.service.mocks_devices(session.person):
            _choose_device(data, fields.get("device", ""))
        return None

    elsewhere, limit, attempts = await asyncio.gather(
        session.update(answer),
        site.service.limit(session.person, SSN_LIMIT, ssn=ssn),
        site.service.limit(session.person, LIMITS[JobKind.RESOLUTION]),
    )
    refuse_at_limit(session, JobKind.RESOLUTION, attempts)
    if elsewhere is None and limit.reached:
        return go_to(limit_path(SSN_LIMIT))
    return go_to(elsewhere or flow.current_page(session.data))


def _choose_device(data: SessionData, choice: str) -> None:
    """Let testers choose what the device mock answers: it reads that from the profiling session's id."""
    if choice in _DEVICE_CHOICES:
        data.device_session_id = f"{secrets.token_hex(8)}-{choice}"


def _page(
    request: Request, site: Site, session: Session, errors: dict[str, str], *, typed: str = ""
) -> Response:
    """Render the form, with what the person's device profiler has browsers load.

    A number is not sent back, right or wrong, except while it is being typed: to this page in another
    language.
    """
    session_id = session.data.device_session_id or ""
    part = site.service.browser_part(session.person) if session_id else None
    return site.page(
        request,
        "ssn",
        page=Page.SSN,
        session=session,
        status=400 if errors else 200,
        headers=part_headers(part) if part else None,
        part=part_view(part, session_id) if part else None,
        errors=errors,
        value=typed,
        known=session.data.typed.ssn,
        next_page=flow.current_page(session.data),
        devices=_DEVICE_CHOICES if site.service.mocks_devices(session.person) else (),
    )
