"""The consent, with which a session begins."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import LimitReachedError
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.guards import check_form, limit_path, require_available, require_step
from proofing_server.sessions import CSRF_FIELD, Session
from proofing_server.site import RedirectToStep, Site, go_to, site_of, way_of


async def show(request: Request) -> Response:
    """Show what the person agrees to. Nothing is stored until they do."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    if session is not None:
        require_step(session.data, Page.CONSENT)
    return _page(request, site, session)


async def post(request: Request) -> Response:
    """Begin a session with the consent, under an id that nobody could know before."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    fields = await read_form(request)
    if session is None:
        site.sessions.check_visit(request, fields.get(CSRF_FIELD))
    elif session.data.consented_at is not None:
        # Sent twice: the first one gave the session a new token, which this page could not know.
        return go_to(flow.current_page(session.data))
    else:
        check_form(session, fields)
        require_step(session.data, Page.CONSENT)
    if fields.get("consent") != "yes":
        return _page(request, site, session, errors={"consent": "consent_missing"}, status=400)
    if session is None:
        await _count_session(site, request)
        session = await site.sessions.start(consented=True)
    else:
        session = await site.sessions.start_again(session, consented=True)
    response = go_to(flow.current_page(session.data))
    site.sessions.set_cookie(response, session)
    return response


async def _count_session(site: Site, request: Request) -> None:
    """Count a session that begins, against the client's address. Raises `RedirectToStep` at the limit."""
    try:
        await site.service.shared_limits.count_session(client_network(request))
    except LimitReachedError as error:
        raise RedirectToStep(limit_path(error.limit)) from None


def _page(
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
        way=way_of(site.service.document_offer()),
        errors=errors or {},
    )
    if visit is not None:
        site.sessions.set_visit_cookie(response, visit)
    return response
