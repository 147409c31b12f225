"""The pages at which a person leaves: verified, on request, or because the session has ended."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.sessions.steps import Page
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, require_page
from proofing_server.site import go_to, site_of

#: Sent with pages that end the flow: nothing of it stays in the browser.
_CLEAR = {"Clear-Site-Data": '"cache", "storage"'}


async def show_done(request: Request) -> Response:
    """Say that the person is verified. The session holds nothing of them anymore."""
    site, session = await require_page(request, Page.DONE)
    return site.page(
        request,
        "done",
        page=Page.DONE,
        session=session,
        headers=_CLEAR,
        reference=session.data.reference,
    )


async def leave(request: Request) -> Response:
    """Cancel the running job and delete what was entered; limits still know the person."""
    site = site_of(request)
    session = await site.sessions.find(request)
    check_form(session, await read_form(request))
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


async def show_exited(request: Request) -> Response:
    """Say that the person has left, and where to go."""
    return site_of(request).page(request, "exited", headers=_CLEAR)


async def show_cookies_needed(request: Request) -> Response:
    """Say that the browser sends no cookie, and what to do."""
    return site_of(request).page(request, "cookies_needed")


async def show_session_ended(request: Request) -> Response:
    """Say that the session has ended."""
    return site_of(request).page(request, "session_ended", headers=_CLEAR)
