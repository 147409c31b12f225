"""Welcome, consent, and the ways out: exit, end of session."""

from starlette.requests import Request
from starlette.responses import Response

from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.entry import check_form, require_available, require_place
from proofing_server.flow import Page
from proofing_server.sessions import SessionMissingError
from proofing_server.site import go_to, site_of

#: Sent with pages that end the flow: nothing of it stays in the browser.
CLEAR = {"Clear-Site-Data": '"cache", "storage"'}


async def show_welcome(request: Request) -> Response:
    """Say what this is and what one needs; offer to go on where a session stands."""
    site = site_of(request)
    require_available(site)
    try:
        session = await site.sessions.find(request)
    except SessionMissingError:
        session = None
    begun = session is not None and (session.data.get("consented") or session.data.get("finished"))
    return site.page(
        request,
        "welcome",
        page=Page.WELCOME,
        session=session,
        resume=flow.place(session.data) if session and begun else None,
        idle_minutes=site.service.settings.session_idle_minutes,
    )


async def show_consent(request: Request) -> Response:
    """Show what the person agrees to. The session begins here."""
    site = site_of(request)
    require_available(site)
    fresh = None
    try:
        session = await site.sessions.find(request)
        require_place(session.data, Page.CONSENT)
    except SessionMissingError:
        session = fresh = await site.sessions.start()
    response = site.page(request, "consent", page=Page.CONSENT, session=session, errors={})
    if fresh:
        site.sessions.set_cookie(response, fresh)
    return response


async def give_consent(request: Request) -> Response:
    """Note the consent and give the session a new id."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find(request)
    fields = await read_form(request)
    if session.data.get("consented"):
        # Sent twice: the first one gave the session a new token, which this page could not know.
        return go_to(flow.place(session.data))
    check_form(session, fields)
    require_place(session.data, Page.CONSENT)
    if fields.get("consent") != "yes":
        return site.page(
            request,
            "consent",
            page=Page.CONSENT,
            session=session,
            status=400,
            errors={"consent": "consent_missing"},
        )
    async with session.change() as data:
        data["consented"] = True
    session = await site.sessions.rotate(session)
    response = go_to(Page.DOCUMENT)
    site.sessions.set_cookie(response, session)
    return response


async def leave(request: Request) -> Response:
    """Cancel what runs and forget everything typed; limits still know the person."""
    site = site_of(request)
    session = await site.sessions.find(request)
    check_form(session, await read_form(request))
    if job := flow.pending_job(session.data):
        await site.service.cancel(session.person, job[1], job[0], ssn=session.data.get("ssn"))
    await site.sessions.end(session)
    fresh = await site.sessions.start(person=session.person.reference)
    response = go_to("/exited")
    site.sessions.set_cookie(response, fresh)
    return response


async def show_exited(request: Request) -> Response:
    """Say that the person has left, and where to go."""
    return site_of(request).page(request, "exited", headers=CLEAR)


async def show_session_ended(request: Request) -> Response:
    """Say that the session has ended."""
    return site_of(request).page(request, "session_ended", headers=CLEAR)
