"""The hand-off of the photos to a phone: pages of both devices, and what they hear. ADR 53."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofing.base.errors import LimitReachedError, StoreUnavailableError
from proofing.base.logs import log
from proofing.sessions.data import SessionData
from proofing.sessions.handoffs import OPEN, Handoff, HandoffState, digest_of
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.device_sessions import (
    DEVICE_PAGE,
    POLL_SECONDS,
    DeviceSession,
    cancel_handoff,
    find_by_link,
    find_device,
    is_for_phone,
    note_computer,
)
from proofing_server.guards import (
    check_form,
    document_plan,
    require_available,
    require_page,
    require_selfie_choice,
)
from proofing_server.link_messages import LinkMessageState, link_url, message_state, text_of
from proofing_server.measuring import count_refused
from proofing_server.pages.document import capture_page
from proofing_server.qr_codes import qr_svg
from proofing_server.security import logger
from proofing_server.sessions import CSRF_FIELD, Session, SessionMissingError
from proofing_server.site import RedirectToStep, Site, go_to, site_of
from proofing_server.streams import EventStreamResponse, StreamOwner, too_many_streams

COMPUTER_PAGE = f"{Page.DOCUMENT}/handoff"
EVENTS_ROUTE = "/api/handoff/events"

#: How often a stream reads the session: a change is shown within a second.
_LOOK_SECONDS = 0.5
#: A stream says something at least this often, and ends after this; the browser opens the next.
_HEARTBEAT_SECONDS, _STREAM_SECONDS = 10.0, 120.0
_RETRY_MILLISECONDS = 3000
_STATUS = {HandoffState.OVER: 200, HandoffState.CANCELED: 410, HandoffState.EXPIRED: 410}


# The computer


async def show(request: Request) -> Response:
    """Show the link as a QR code, the number to compare, or how the hand-off ended."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    handoff = session.data.handoff
    if handoff is None or not is_offered(site, session):
        return go_to(Page.DOCUMENT)
    state = handoff.state_at(site.service.now())
    if state is HandoffState.OVER:
        # The attempt that it led to has ended, and the photos are asked for again.
        return go_to(Page.DOCUMENT)
    is_waiting = state is HandoffState.WAITING
    if is_waiting and (language := site.texts(request).language) != handoff.language:
        await session.update(lambda data: _set_language(data, handoff.link, language))
    url = link_url(site, handoff.token) if handoff.token and is_waiting else None
    message = await message_state(site, session) if is_waiting else None
    is_shown = message is not None and site.service.codes.shows_code(session.person)
    return site.page(
        request,
        "handoff",
        page=Page.DOCUMENT,
        session=session,
        state=state.value,
        number=handoff.number,
        url=url,
        qr_code=qr_svg(url) if url else None,
        message=message.value if message else None,
        can_send=site.service.codes.can_send_link(session.person) if url and message is None else None,
        shown=text_of(site, request, handoff.token) if handoff.token and is_shown else None,
        is_open=state in OPEN,
        poll_seconds=POLL_SECONDS,
    )


async def begin(request: Request) -> Response:
    """Make a new link, in place of an earlier one."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    check_form(session, await read_form(request))
    require_selfie_choice(site, session)
    if not is_offered(site, session):
        return go_to(Page.DOCUMENT)
    try:
        language = site.texts(request).language
        handoff = await site.service.handoffs.begin(session.person, session.key, language=language)
    except LimitReachedError:
        return await capture_page(request, site, session, errors={"form": "handoff_limit"}, status=429)

    def keep(data: SessionData) -> str:
        if elsewhere := flow.redirect_for(data, Page.DOCUMENT):
            return elsewhere
        data.handoff = handoff
        return COMPUTER_PAGE

    return go_to(await session.update(keep))


async def confirm(request: Request) -> Response:
    """Let the phone that shows this number take the photos."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)

    def change(data: SessionData) -> None:
        """Confirm the number that the page showed, and no other phone's."""
        found = data.handoff
        is_opened = found is not None and found.state_at(site.service.now()) is HandoffState.OPENED
        if found is not None and is_opened and found.number == fields.get("number"):
            data.handoff = found.changed(HandoffState.CONFIRMED)

    await session.update(change)
    return go_to(COMPUTER_PAGE)


async def cancel(request: Request) -> Response:
    """End the hand-off; the photos are taken on the computer."""
    _, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    check_form(session, await read_form(request))
    await session.update(cancel_handoff)
    return go_to(Page.DOCUMENT)


def _set_language(data: SessionData, link: str, language: str) -> None:
    """Have the phone's pages begin in the *language* in which the computer shows its *link* by now."""
    if data.handoff is not None and data.handoff.link == link:
        data.handoff = replace(data.handoff, language=language)


def is_offered(site: Site, session: Session) -> bool:
    """Return whether photos can be handed off: browsers upload them, and no vendor takes them itself."""
    return site.service.async_documents and not document_plan(site, session).captures_images


# The phone


async def show_link(request: Request) -> Response:
    """Say what the link is for; it stays unused, as scanners and previews open links."""
    site = site_of(request)
    require_available(site)
    found = await find_by_link(site, request.path_params["token"])
    if found is None:
        return _device_page(request, site, "refused", status=404)
    note_computer(request, found.data)
    visit = site.sessions.visit(request)
    response = _device_page(request, site, "link", csrf_token=visit, action=request.url.path)
    site.sessions.set_visit_cookie(response, visit)
    return response


async def open_link(request: Request) -> Response:
    """Use the link: this phone is the one that the computer's person is asked about."""
    site = site_of(request)
    require_available(site)
    fields = await read_form(request)
    site.sessions.check_visit(request, fields.get(CSRF_FIELD))
    found = await find_by_link(site, request.path_params["token"])
    if found is None:
        return _device_page(request, site, "refused", status=404)
    link = found.data.handoff.link if found.data.handoff else ""
    secret = await site.service.handoffs.admit(found.person, found.key)

    def change(data: SessionData) -> bool:
        """Take the link; of two phones, one does."""
        handoff = data.handoff
        is_free = handoff is not None and handoff.link == link
        if handoff is None or not is_free or handoff.state_at(site.service.now()) is not HandoffState.WAITING:
            return False
        data.handoff = handoff.opened(digest_of(secret))
        return True

    if not await found.update(change):
        return _device_page(request, site, "refused", status=404)
    log(logger, "handoff_opened", owner=found.person.reference)
    response = go_to(DEVICE_PAGE)
    site.sessions.set_device_cookie(response, secret)
    return response


async def show_device(request: Request) -> Response:
    """Show the phone the number, the capture page, or that its part is over."""
    site = site_of(request)
    require_available(site)
    try:
        session = await find_device(request)
    except SessionMissingError:
        return _device_page(request, site, "gone", status=410)
    state = session.state()
    if state is not HandoffState.CONFIRMED:
        return _device_page(request, site, state.value, session=session)
    try:
        await require_page(request, Page.DOCUMENT, session, is_counted=True)
        require_selfie_choice(site, session)
        return await capture_page(request, site, session)
    except RedirectToStep:
        # A limit, a selfie that was not answered, or another step by now: the computer says what is next.
        return _device_page(request, site, "elsewhere", session=session)


async def cancel_device(request: Request) -> Response:
    """End the hand-off on the phone; the computer continues by itself."""
    session = await find_device(request)
    check_form(session, await read_form(request))
    await session.cancel()
    return go_to(DEVICE_PAGE)


def _device_page(
    request: Request,
    site: Site,
    state: str,
    *,
    session: DeviceSession | None = None,
    csrf_token: str | None = None,
    action: str = "",
    status: int = 200,
) -> Response:
    """Render a page of the phone; it shows nothing of the session but the number."""
    return site.page(
        request,
        "handoff_device",
        status=status,
        state=state,
        number=session.handoff.number if session else None,
        csrf_token=session.csrf_token if session else csrf_token,
        action=action,
        is_open=state == HandoffState.OPENED.value,
        poll_seconds=POLL_SECONDS,
    )


# What both hear


async def show_state(request: Request) -> Response:
    """Return how far the hand-off is: 202 while something may come, 200 once over, 410 when it ended."""
    site = site_of(request)
    session = await _find(request)
    state = _state_of(site, session.data)
    message = await _message_state(request, site, session, state)
    return JSONResponse(_view(request, session, state, message), _STATUS.get(state, 202))


async def stream_states(request: Request) -> Response:
    """Send the state now and at every change, until the hand-off, the stream's time or the process ends."""
    site = site_of(request)
    name = site.sessions.device_cookie_name if is_for_phone(request) else site.sessions.cookie_name
    owner = StreamOwner(network=client_network(request), session_id=request.cookies.get(name, ""))
    if site.streams.is_full(owner):
        return too_many_streams()
    session = await _find(request)
    return EventStreamResponse(_events(request, site, session), site.streams, owner)


async def _events(request: Request, site: Site, session: Session) -> AsyncIterator[str]:
    """Yield the events of one stream."""
    begun = said_at = time.monotonic()
    last: dict[str, str] | None = None
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    try:
        while time.monotonic() - begun < _STREAM_SECONDS and not site.stopping.is_set():
            state = _state_of(site, session.data)
            view = _view(request, session, state, await _message_state(request, site, session, state))
            if view != last or time.monotonic() - said_at > _HEARTBEAT_SECONDS:
                last, said_at = view, time.monotonic()
                yield f"event: state\ndata: {json.dumps(view)}\n\n"
            if state not in OPEN:
                return
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await site.stopping.wait()
            except TimeoutError:
                pass
            data = await site.service.sessions.load_by_key(session.key)
            if data is None:
                return
            session.data = data
    except StoreUnavailableError as error:
        # The page asks again.
        count_refused(EVENTS_ROUTE, "GET", error)


async def _find(request: Request) -> Session:
    """Return the session of the computer or of the phone; asking is no sign of life."""
    if is_for_phone(request):
        return await find_device(request)
    return await site_of(request).sessions.find(request, touch=False)


def _state_of(site: Site, data: SessionData) -> HandoffState:
    """Return how far the hand-off is."""
    handoff: Handoff | None = data.handoff
    return HandoffState.CANCELED if handoff is None else handoff.state_at(site.service.now())


async def _message_state(
    request: Request, site: Site, session: Session, state: HandoffState
) -> LinkMessageState | None:
    """Return what became of the text message with the link, for the computer while it waits."""
    is_wanted = state is HandoffState.WAITING and not is_for_phone(request)
    return await message_state(site, session) if is_wanted else None


def _view(
    request: Request, session: Session, state: HandoffState, message: LinkMessageState | None
) -> dict[str, str]:
    """Return the JSON object of a state."""
    if is_for_phone(request):
        next_page = DEVICE_PAGE
    elif state is HandoffState.OVER:
        next_page = flow.current_page(session.data)
    else:
        next_page = COMPUTER_PAGE
    sent = {"message": message.value} if message else {}
    return {"state": state.value, "next": next_page, **sent}
