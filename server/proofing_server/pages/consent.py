"""The consent, with which a session begins."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, count_session, require_available, require_sent, require_step
from proofing_server.outcomes import require_open
from proofing_server.pages.welcome import needed_values
from proofing_server.sessions import CSRF_FIELD, Session
from proofing_server.site import Site, go_to, site_of

#: The field that repeats which companies the page named.
_COMPARED_BY = "compared_by"
_BETWEEN = "|"


async def show(request: Request) -> Response:
    """Show what the person agrees to. Nothing is stored until they do."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    require_sent(site, session)
    if session is not None:
        await require_open(site, session.person)
        require_step(session.data, Page.CONSENT)
    return _page(request, site, session)


async def post(request: Request) -> Response:
    """Begin a session with the consent, under an id that nobody could know before."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    require_sent(site, session)
    fields = await read_form(request)
    if session is None:
        site.sessions.check_visit(request, fields.get(CSRF_FIELD))
    elif session.data.consented_at is not None:
        # Sent twice: the first one gave the session a new token, which this page could not know.
        return go_to(flow.current_page(session.data))
    else:
        check_form(session, fields)
        await require_open(site, session.person)
        require_step(session.data, Page.CONSENT)
    if fields.get("consent") != "yes":
        return _page(request, site, session, errors={"consent": "consent_missing"}, status=400)
    # What the page showed; a company that came into the settings since then was not agreed to.
    shown = fields.get(_COMPARED_BY, "").split(_BETWEEN)
    compared_by = tuple(name for name in site.service.shadow_companies() if name in shown)
    if session is None:
        await count_session(site, request)
        session = await site.sessions.start(consented=True, compared_by=compared_by)
    else:
        session = await site.sessions.start_again(session, consented=True, compared_by=compared_by)
    response = go_to(flow.current_page(session.data))
    site.sessions.set_cookie(response, session)
    return response


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
        errors=errors or {},
        compared_by=site.service.shadow_companies(),
        compared_by_value=_BETWEEN.join(site.service.shadow_companies()),
        **needed_values(site, session.data if session else None),
    )
    if visit is not None:
        site.sessions.set_visit_cookie(response, visit)
    return response
