"""What came of a verification, and the way back to the relying party."""

from contextlib import suppress
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.verifications import VerificationRecord, VerificationState
from proofing.sessions.data import SessionData
from proofing.sessions.steps import OUTCOME_PATH, Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.guards import check_form
from proofing_server.outcomes import find_record, name_of
from proofing_server.sessions import Session
from proofing_server.site import CLEAR_SITE_DATA, Site, go_to, site_of

#: Outcomes after which something still happens: the page looks again by itself.
_UNDECIDED = frozenset(
    {VerificationState.IN_PROGRESS, VerificationState.PROCESSING, VerificationState.NEEDS_REVIEW}
)
#: Outcomes after which a person can have their information deleted.
_ENDS = frozenset(state for state in VerificationState if state.is_end)
_TONES = {VerificationState.VERIFIED: "success", VerificationState.FAILED: "error"}


async def show(request: Request) -> Response:
    """Show the outcome; lead on where there is none yet. What was entered is deleted once there is one."""
    site = site_of(request)
    session = await site.sessions.find(request)
    if session.data.verification is None:
        return go_to(flow.current_page(session.data))
    found = await find_record(site, session.person)
    name = name_of(found, now=site.service.verifications.now())
    is_open = name in {VerificationState.IN_PROGRESS, VerificationState.PROCESSING}
    if is_open and not session.data.is_finished:
        return go_to(flow.current_page(session.data))
    if not is_open:
        await _finish(site, session)
    key = VerificationState.PROCESSING.value if is_open else name
    return site.page(
        request,
        "outcome",
        page=Page.DONE if key == VerificationState.VERIFIED else None,
        session=session,
        headers=None if is_open else CLEAR_SITE_DATA,
        name=key,
        tone=_TONES.get(VerificationState(key), "info") if key in set(VerificationState) else "info",
        is_waiting=is_open,
        may_change=name in _UNDECIDED,
        may_delete=name in _ENDS,
        review_until=_review_until(found),
        reference=session.data.reference,
    )


async def ask_to_delete(request: Request) -> Response:
    """Say what is deleted, and what the relying party keeps; nothing is deleted by looking."""
    site = site_of(request)
    session = await site.sessions.find(request)
    if not await _has_ended(site, session):
        return go_to(OUTCOME_PATH)
    return site.page(request, "delete_information", session=session)


async def delete(request: Request) -> Response:
    """Redact the verification, and with it this session; before the end, leaving cancels and deletes."""
    site = site_of(request)
    session = await site.sessions.find(request)
    check_form(session, await read_form(request))
    if not await _has_ended(site, session):
        return go_to(OUTCOME_PATH)
    await site.service.verifications.redact_by_person(session.person)
    await site.sessions.end(session)
    return go_to("/information-deleted")


async def show_deleted(request: Request) -> Response:
    """Say that the information is deleted; there is no session anymore."""
    return site_of(request).page(request, "information_deleted", headers=CLEAR_SITE_DATA)


def _review_until(found: VerificationRecord | str) -> str | None:
    """Return the day on which an undecided review expires, as an ISO date in UTC; None for anything else."""
    if isinstance(found, str) or found.state is not VerificationState.NEEDS_REVIEW:
        return None
    return datetime.fromtimestamp(found.expires_at, UTC).date().isoformat()


async def _has_ended(site: Site, session: Session) -> bool:
    if session.data.verification is None:
        return False
    found = await find_record(site, session.person)
    return name_of(found, now=site.service.verifications.now()) in _ENDS


async def _finish(site: Site, session: Session) -> None:
    """Delete what the person entered, and what was uploaded and not yet submitted."""
    if session.data.is_finished:
        return
    slots = [upload.slot for upload in session.data.uploads.values()]

    def finish(data: SessionData) -> None:
        data.finish(at=site.service.now())

    await session.update(finish)
    with suppress(StoreUnavailableError):
        for slot in slots:
            await site.service.uploads.release(session.person.reference, slot)
