"""Welcome, consent, and the ways out: exit, end of session."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import LimitReachedError
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.entry import check_form, limit_path, require_available, require_place
from proofing_server.flow import Page
from proofing_server.sessions import CSRF_FIELD, Session, SessionMissingError
from proofing_server.site import Site, WrongStepError, go_to, site_of

#: Sent with pages that end the flow: nothing of it stays in the browser.
CLEAR = {"Clear-Site-Data": '"cache", "storage"'}


async def show_welcome(request: Request) -> Response:
    """Say what this is and what one needs; offer to go on where a session stands."""
    site = site_of(request)
    require_available(site)
    try:
        session = await site.sessions.find(request)
    except SessionMissingError:
        session = None
    begun = session is not None and (session.data.get("consented") or session.data.get("finished"))
    return site.page(
        request,
        "welcome",
        page=Page.WELCOME,
        session=session,
        resume=flow.place(session.data) if session and begun else None,
        idle_minutes=site.service.settings.session_idle_timeout_minutes,
    )


async def show_consent(request: Request) -> Response:
    """Show what the person agrees to. Nothing is stored until they do."""
    site = site_of(request)
    require_available(site)
    try:
        session = await site.sessions.find(request)
        require_place(session.data, Page.CONSENT)
    except SessionMissingError:
        session = None
    return _consent_page(request, site, session)


async def give_consent(request: Request) -> Response:
    """Begin a session with the consent, under an id that nobody could know before."""
    site = site_of(request)
    require_available(site)
    try:
        session = await site.sessions.find(request)
    except SessionMissingError:
        session = None
    fields = await read_form(request)
    if session is None:
        site.sessions.check_visit(request, fields.get(CSRF_FIELD))
    elif session.data.get("consented"):
        # Sent twice: the first one gave the session a new token, which this page could not know.
        return go_to(flow.place(session.data))
    else:
        check_form(session, fields)
        require_place(session.data, Page.CONSENT)
    if fields.get("consent") != "yes":
        return _consent_page(request, site, session, errors={"consent": "consent_missing"}, status=400)
    if session is None:
        await _count_session(site, request)
        session = await site.sessions.start(consented=True)
    else:
        session = await site.sessions.start_again(session, consented=True)
    response = go_to(Page.DOCUMENT)
    site.sessions.set_cookie(response, session)
    return response


async def _count_session(site: Site, request: Request) -> None:
    """Count a session that begins, against the client's address. Raises `WrongStepError` at the limit."""
    try:
        await site.service.shared_limits.count_session(client_network(request))
    except LimitReachedError as error:
        raise WrongStepError(limit_path(error.limit)) from None


def _consent_page(
    request: Request,
    site: Site,
    session: Session | None,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """Render the consent form, for the session or for a browser that has none yet."""
    visit = site.sessions.visit(request) if session is None else None
    response = site.page(
        request,
        "consent",
        page=Page.CONSENT,
        session=session,
        csrf_token=visit,
        status=status,
        errors=errors or {},
    )
    if visit is not None:
        site.sessions.set_visit_cookie(response, visit)
    return response


async def leave(request: Request) -> Response:
    """Cancel what runs and forget everything typed; limits still know the person."""
    site = site_of(request)
    session = await site.sessions.find(request)
    check_form(session, await read_form(request))
    if job := flow.pending_job(session.data):
        await site.service.cancel(session.person, job[1], job[0], ssn=session.data.get("ssn"))
    await site.sessions.end(session)
    fresh = await site.sessions.start(person=session.person.reference)
    response = go_to("/exited")
    site.sessions.set_cookie(response, fresh)
    return response


async def show_exited(request: Request) -> Response:
    """Say that the person has left, and where to go."""
    return site_of(request).page(request, "exited", headers=CLEAR)


async def show_cookies_needed(request: Request) -> Response:
    """Say that the browser sends no cookie, and what to do."""
    return site_of(request).page(request, "cookies_needed")


async def show_session_ended(request: Request) -> Response:
    """Say that the session has ended."""
    return site_of(request).page(request, "session_ended", headers=CLEAR)
