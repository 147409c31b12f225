"""The pages at which a person leaves: verified, on request, or because the session has ended."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import VerificationNotFoundError, VerificationStateError
from proofing.sessions.steps import OUTCOME_PATH, Page
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, require_page
from proofing_server.sessions import Session
from proofing_server.site import CLEAR_SITE_DATA, Site, go_to, site_of


async def show_done(request: Request) -> Response:
    """Say that the person is verified. The session holds nothing of them anymore."""
    site, session = await require_page(request, Page.DONE)
    return site.page(
        request,
        "done",
        page=Page.DONE,
        session=session,
        headers=CLEAR_SITE_DATA,
        reference=session.data.reference,
    )


async def leave(request: Request) -> Response:
    """Cancel the running job and delete what was entered; limits still know the person."""
    site = site_of(request)
    session = await site.sessions.find(request)
    check_form(session, await read_form(request))
    if session.data.verification is not None and not session.data.is_finished:
        return await _cancel(site, session)
    if job := session.data.pending:
        await site.service.cancel(session.person, job.result_id, job.kind, ssn=session.data.typed.ssn)
    for upload in session.data.uploads.values():
        # A worker deletes what was uploaded at its next sweep.
        await site.service.uploads.release(session.person.reference, upload.slot)
    await site.sessions.end(session)
    fresh = await site.sessions.start(person=session.person.reference)
    response = go_to("/exited")
    site.sessions.set_cookie(response, fresh)
    return response


async def _cancel(site: Site, session: Session) -> Response:
    """Cancel the verification with its running job; the page of the outcome deletes what was entered."""
    with suppress(VerificationNotFoundError, VerificationStateError):
        # One that has ended meanwhile stays as it is.
        await site.service.verifications.cancel_by_person(session.person)
    return go_to(OUTCOME_PATH)


async def show_exited(request: Request) -> Response:
    """Say that the person has left, and where to go."""
    return site_of(request).page(request, "exited", headers=CLEAR_SITE_DATA)


async def show_cookies_needed(request: Request) -> Response:
    """Say that the browser sends no cookie, and what to do."""
    return site_of(request).page(request, "cookies_needed")


async def show_session_ended(request: Request) -> Response:
    """Say that the session has ended."""
    return site_of(request).page(request, "session_ended", headers=CLEAR_SITE_DATA)
