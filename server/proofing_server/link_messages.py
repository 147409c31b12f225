"""The text message that carries the link of a hand-off: its words, and what became of it. ADR 53."""

from enum import StrEnum

from starlette.requests import Request

from proofing.contracts.messages import Channel, Message
from proofing.contracts.phone_numbers import COUNTRY_CODE
from proofing.contracts.records import JobKind
from proofing.sessions.handoffs import LINK_SECONDS
from proofing_server.device_sessions import DEVICE_PAGE
from proofing_server.job_status import Stage, job_view, may_have_been_sent
from proofing_server.sessions import Session
from proofing_server.site import Site


class LinkMessageState(StrEnum):
    """What became of a message."""

    #: The vendor has not answered.
    SENDING = "sending"
    #: The vendor took it.
    SENT = "sent"
    #: It may arrive; nobody knows.
    UNSURE = "unsure"
    #: It was not sent.
    FAILED = "failed"


def link_url(site: Site, token: str) -> str:
    """Return the link with this *token*."""
    return f"{site.service.settings.public_url}{DEVICE_PAGE}/{token}"


def text_of(site: Site, request: Request, token: str) -> str:
    """Return the text of the message, in the language of the pages of *request*."""
    texts = site.texts(request)
    valid = texts.count("duration.minutes", int(LINK_SECONDS // 60))
    url = link_url(site, token)
    return texts("handoff.text.message", partner=site.partner_name(request), time=valid, url=url)


def make_message(site: Site, request: Request, phone: str, token: str) -> Message:
    """Return the message with the link of *token* to *phone*, ten digits."""
    return Message(
        channel=Channel.TEXT,
        number=f"{COUNTRY_CODE}{phone}",
        locale=site.texts(request).language,
        text=text_of(site, request, token),
    )


async def message_state(site: Site, session: Session) -> LinkMessageState | None:
    """Return what became of the message with the link that waits to be opened; None without one."""
    handoff = session.data.handoff
    if handoff is None or handoff.message is None or handoff.token is None:
        return None
    record = await site.service.status(session.person, handoff.message, JobKind.CODE)
    if record is None:
        return LinkMessageState.FAILED
    if not record.is_done:
        is_late = job_view(site, record, record.submitted_at).stage is not Stage.WAITING
        return LinkMessageState.UNSURE if is_late else LinkMessageState.SENDING
    if record.is_success:
        return LinkMessageState.SENT
    return LinkMessageState.UNSURE if may_have_been_sent(record) else LinkMessageState.FAILED
