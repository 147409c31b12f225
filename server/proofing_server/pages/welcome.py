"""The first page."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.selfies import SelfieMode
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.guards import require_available
from proofing_server.site import site_of, way_of


async def show(request: Request) -> Response:
    """Say what this is and what one needs; offer to continue where a session is."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    has_begun = session is not None and (session.data.consented_at is not None or session.data.is_finished)
    offer = site.service.document_offer()
    return site.page(
        request,
        "welcome",
        page=Page.WELCOME,
        session=session,
        resume=flow.current_page(session.data) if session and has_begun else None,
        asks_for_selfie=site.service.settings.selfie is SelfieMode.REQUIRED,
        offer=offer,
        way=way_of(offer),
        idle_minutes=site.service.settings.session_idle_timeout_minutes,
    )
