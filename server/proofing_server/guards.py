"""What is checked before a page of the flow is shown: availability, session, place in the flow, limits."""

import asyncio
from collections.abc import Mapping

from starlette.requests import Request

from proofing.app.documents import DocumentPlan
from proofing.base.errors import LimitReachedError
from proofing.contracts.people import LimitState
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.selfies import SelfieTerms
from proofing.rules.limits import Subject
from proofing.sessions.data import SessionData
from proofing.sessions.steps import STEP_OF, Page
from proofing_server import flow
from proofing_server.client_address import client_network
from proofing_server.outcomes import require_open
from proofing_server.sessions import CSRF_FIELD, Session
from proofing_server.site import LIMITS, LinkNeededError, RedirectToStep, Site, UnavailableError, site_of


async def require_page(
    request: Request, page: Page, session: Session | None = None, *, is_counted: bool = False
) -> tuple[Site, Session]:
    """Return site and session for showing *page*.

    Args:
        request: for the page.
        page: that is wanted.
        session: of the request, when it was found already.
        is_counted: whether this very request finds the limit by itself: the service counts it, or the page
            asks how far it is used up, and calls `refuse_at_limit`.

    Raises:
        UnavailableError: proofing, or this step of it, is out.
        SessionMissingError: there is no session.
        RedirectToStep: the person belongs on another page, the verification has ended, or a limit holds.
    """
    site = site_of(request)
    require_available(site)
    session = session or await site.sessions.find(request)
    await require_open(site, session.person)
    if (outage := site.service.outages.of_flow(session.person, session.data.policy_steps)) is not None:
        raise UnavailableError(session, outage=outage)
    await _note_needs(site, session)
    require_step(session.data, page)
    if page is Page.PHONE:
        require_kind(site, session, ProoferKind.PHONE, page)
    if not is_counted:
        await require_no_limit(site, session, page)
    return site, session


async def _note_needs(site: Site, session: Session) -> None:
    """Note in the session what the person's vendors require now, when that has changed."""
    needed = site.service.needed_attributes(session.person, session.data.policy_steps)

    def note(data: SessionData) -> None:
        data.needed = needed

    if session.data.needed != needed and not session.data.is_finished:
        await session.update(note)


def require_available(site: Site) -> None:
    """Refuse every page of the flow while proofing is out for everybody."""
    if (outage := site.service.outages.of_everything()) is not None:
        raise UnavailableError(outage=outage)


def require_kind(site: Site, session: Session, kind: ProoferKind, page: Page) -> None:
    """Refuse the *page* of a step while there is nobody to ask its question; what is done stays done."""
    if (outage := site.service.outages.of_kind(session.person, kind)) is not None:
        raise UnavailableError(session, outage=outage, page=page)


def require_sent(site: Site, session: Session | None) -> None:
    """Refuse to begin without a relying party, where that is not allowed.

    Raises:
        LinkNeededError: nobody sent the person, and nobody has let them begin before.
    """
    has_begun = session is not None and (session.data.verification or session.data.consented_at)
    if not has_begun and not site.service.settings.starts_without_relying_party:
        raise LinkNeededError


async def count_session(site: Site, request: Request) -> None:
    """Count a session that begins, against the client's address. Raises `RedirectToStep` at the limit."""
    try:
        await site.service.shared_limits.count_session(client_network(request))
    except LimitReachedError as error:
        raise RedirectToStep(limit_path(error.limit)) from None


def require_step(data: SessionData, page: Page) -> None:
    """Refuse a page that is not open in this state of the flow."""
    if elsewhere := flow.redirect_for(data, page):
        raise RedirectToStep(elsewhere)


def require_selfie_choice(site: Site, session: Session) -> None:
    """Ask for the consent to a selfie, or for another way, before photos are taken."""
    if selfie_terms(site, session).needs_choice(session.data.selfie):
        raise RedirectToStep(Page.SELFIE)


def selfie_terms(site: Site, session: Session) -> SelfieTerms:
    """Return whether the session's person is asked for a selfie, and on what terms."""
    return site.service.selfie_terms(session.person, session.data.wants_selfie)


def document_plan(site: Site, session: Session) -> DocumentPlan:
    """Return how the document of the session's person is taken now."""
    data = session.data
    return site.service.document_plan(session.person, data.document_choice, data.selfie, data.wants_selfie)


def check_form(session: Session, fields: Mapping[str, str]) -> None:
    """Refuse a form without the session's CSRF token."""
    session.check_csrf(fields.get(CSRF_FIELD))


async def require_no_limit(site: Site, session: Session, page: Page) -> None:
    """Send the person to the limit's page when an attempt would be refused.

    A step whose job is complete is not limited: after a success on the last attempt the person continues.
    """
    data = session.data
    step = STEP_OF.get(page)
    if step is None or page is not step.page or step.job is None or data.is_complete(step.job):
        return
    ssn = data.typed.ssn
    names = [limit.name for limit in step.limits if ssn or limit.subject is not Subject.SSN]
    limits = await asyncio.gather(*(site.service.limit(session.person, name, ssn=ssn) for name in names))
    for name, limit in zip(names, limits, strict=True):
        if limit.reached:
            raise RedirectToStep(limit_path(name))


def refuse_at_limit(session: Session, kind: JobKind, limit: LimitState) -> None:
    """Send the person to the page of *limit*, that of *kind*, as `require_no_limit` does."""
    if limit.reached and not session.data.is_complete(kind):
        raise RedirectToStep(limit_path(LIMITS[kind]))


def limit_path(limit: str) -> str:
    """Return the page of a reached limit."""
    return f"/limit/{limit}"
