"""What happens before any page of the flow is shown: availability, session, place in the flow, limits."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from proofing.records import JobKind
from proofing_server import flow
from proofing_server.flow import Page
from proofing_server.sessions import CSRF_FIELD, Session
from proofing_server.site import LIMITS, SSN_LIMIT, ElsewhereError, Site, UnavailableError, site_of

#: The pages that a reached limit closes, with the kind of job they lead to.
_LIMITED = {
    Page.DOCUMENT: JobKind.DOCUMENT,
    Page.SSN: JobKind.RESOLUTION,
    Page.ADDRESS: JobKind.RESOLUTION,
    Page.VERIFY: JobKind.RESOLUTION,
    Page.PHONE: JobKind.ADDRESS,
}


async def enter(
    request: Request, page: Page, session: Session | None = None, *, is_counted: bool = False
) -> tuple[Site, Session]:
    """Return site and session for showing *page*.

    Args:
        request: for the page.
        page: that is wanted.
        session: of the request, when it was found already.
        is_counted: whether the service counts this very request, and so refuses it itself at the limit.

    Raises:
        UnavailableError: proofing is switched off.
        SessionMissingError: there is no session.
        ElsewhereError: the person belongs on another page, or a limit holds.
    """
    site = site_of(request)
    require_available(site)
    session = session or await site.sessions.find(request)
    if not site.service.is_available(session.person):
        raise UnavailableError(session)
    require_place(session.data, page)
    if not is_counted:
        await require_no_limit(site, session, page)
    return site, session


def require_available(site: Site) -> None:
    """Refuse every page of the flow while proofing is switched off."""
    if not site.service.settings.idv_available:
        raise UnavailableError


def require_place(data: Mapping[str, Any], page: Page) -> None:
    """Refuse a page that is not open in this state of the flow."""
    if elsewhere := flow.gate(data, page):
        raise ElsewhereError(elsewhere)


def check_form(session: Session, fields: Mapping[str, str]) -> None:
    """Refuse a form without the session's CSRF token."""
    session.check_csrf(fields.get(CSRF_FIELD))


async def require_no_limit(site: Site, session: Session, page: Page) -> None:
    """Send the person to the limit's page when an attempt would not be taken.

    A step that is complete already is not limited: success on the last attempt goes on.
    """
    kind = _LIMITED.get(page)
    if kind is None or flow.is_complete(session.data, kind):
        return
    if (await site.service.limit(session.person, LIMITS[kind])).reached:
        raise ElsewhereError(limit_path(LIMITS[kind]))
    ssn = session.data.get("ssn")
    if (
        page in (Page.VERIFY, Page.ADDRESS)
        and ssn
        and (await site.service.limit(session.person, SSN_LIMIT, ssn=ssn)).reached
    ):
        raise ElsewhereError(limit_path(SSN_LIMIT))


def limit_path(limit: str) -> str:
    """Return the page of a reached limit."""
    return f"/limit/{limit}"
