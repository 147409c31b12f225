"""The form that has the link of a hand-off sent to the phone by text message. ADR 53.

A page of its own: that of the code reloads itself, and would take away what is being typed.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import LimitReachedError, QueueUnavailableError, StoreUnavailableError
from proofing.sessions.data import SessionData
from proofing.sessions.handoffs import Handoff
from proofing.sessions.steps import Page
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.forms import read_phone
from proofing_server.guards import check_form, require_page
from proofing_server.language_choice import take_choice
from proofing_server.link_messages import make_message
from proofing_server.measuring import note_cause
from proofing_server.pages.handoff import COMPUTER_PAGE
from proofing_server.sessions import Session
from proofing_server.site import RedirectToStep, Site, go_to

TEXT_PAGE = f"{COMPUTER_PAGE}/text"


async def show(request: Request) -> Response:
    """Ask for the number, which is kept nowhere."""
    site, session, _handoff = await _require_link(request)
    return _page(request, site, session, "", {})


async def post(request: Request) -> Response:
    """Submit the job that sends the link."""
    site, session, handoff = await _require_link(request)
    fields = await read_form(request)
    check_form(session, fields)
    typed = fields.get("phone", "")
    if take_choice(request, fields):
        return _page(request, site, session, typed, site.shown_errors(request, fields))
    form = read_phone(fields)
    phone = form.values.get("phone", "")
    if not form.errors and not site.service.codes.may_send(phone):
        form.errors["phone"] = "phone_no_link"
    if form.errors:
        return _page(request, site, session, typed, form.errors, status=400)
    return await _send(request, site, session, handoff, phone)


async def _require_link(request: Request) -> tuple[Site, Session, Handoff]:
    """Return site, session, and the hand-off whose link can be sent now.

    Raises:
        RedirectToStep: there is none, it was sent, or text messages are out.
    """
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    handoff = session.data.handoff
    if handoff is None or not handoff.may_be_sent(site.service.now()):
        raise RedirectToStep(COMPUTER_PAGE)
    if not site.service.codes.can_send_link(session.person):
        raise RedirectToStep(COMPUTER_PAGE)
    return site, session, handoff


async def _send(request: Request, site: Site, session: Session, handoff: Handoff, phone: str) -> Response:
    """Have the link of *handoff* sent to *phone*, once."""
    message = make_message(site, request, phone, handoff.token or "")
    result_id = site.service.new_result_id()

    def claim(data: SessionData) -> bool:
        """Note the job; of two requests with one link, the first does."""
        is_first = data.handoff == handoff
        if is_first:
            data.handoff = replace(handoff, message=result_id)
        return is_first

    def release(data: SessionData) -> None:
        """Let the link be sent after all: nothing was submitted."""
        if data.handoff is not None and data.handoff.message == result_id:
            data.handoff = replace(data.handoff, message=None)

    if not await session.update(claim):
        return go_to(COMPUTER_PAGE)
    try:
        await site.service.submit_link(
            session.person, message, result_id=result_id, network=client_network(request)
        )
    except LimitReachedError:
        await session.update(release)
        return _page(request, site, session, "", {"form": "handoff_text_limit"}, status=429)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        await session.update(release)
        return _page(request, site, session, "", {"form": "technical"}, status=503)
    return go_to(COMPUTER_PAGE)


def _page(
    request: Request,
    site: Site,
    session: Session,
    value: str,
    errors: dict[str, str],
    *,
    status: int = 200,
) -> Response:
    """Render the form."""
    return site.page(
        request,
        "handoff_text",
        page=Page.DOCUMENT,
        session=session,
        status=status,
        errors=errors,
        value=value,
    )
