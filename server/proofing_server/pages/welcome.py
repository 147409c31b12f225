"""The first page."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.people import PersonRef
from proofing.contracts.verifications import Mode
from proofing.contracts.verifications import Step as PolicyStep
from proofing.sessions.data import SessionData
from proofing.sessions.steps import OUTCOME_PATH, STATE_ID, Page
from proofing_server import flow
from proofing_server.guards import require_available, require_sent
from proofing_server.site import Site, go_to, site_of, way_of


async def show(request: Request) -> Response:
    """Say what this is and what one needs; offer to continue where a session is."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    require_sent(site, session)
    if session is not None and session.data.verification and session.data.is_finished:
        return go_to(OUTCOME_PATH)
    has_begun = session is not None and (session.data.consented_at is not None or session.data.is_finished)
    return site.page(
        request,
        "welcome",
        page=Page.WELCOME,
        session=session,
        resume=flow.current_page(session.data) if session and has_begun else None,
        start_path=None,
        **needed_values(site, session.data if session else None),
    )


def needed_values(site: Site, data: SessionData | None) -> dict[str, Any]:
    """Return what the templates say of what a person needs, and of what is done with it.

    Args:
        site: of the request.
        data: of the session, or of one that has not begun; None for somebody whom nobody sent.
    """
    settings = site.service.settings
    mode = data.verification.mode if data is not None and data.verification else Mode.LIVE
    offer = site.service.document_offer(mode)
    asks = {step.value for step in PolicyStep if data is None or data.asks_for(step)}
    if data is None or not data.policy_steps:
        # Without a policy the settings decide about these.
        asks -= {PolicyStep.SELFIE, PolicyStep.CODE}
        asks |= {PolicyStep.SELFIE.value} if offer.asks_for_selfie else set()
    if data is not None:
        person = PersonRef(reference=data.person, verification=data.verification)
        needed = site.service.needed_attributes(person, data.policy_steps)
        asks |= {"state_id"} if not needed.isdisjoint(STATE_ID) else set()
    return {
        "asks": asks,
        "offer": offer,
        "way": way_of(offer),
        "idle_minutes": settings.session_idle_timeout_minutes,
    }
