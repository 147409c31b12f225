"""Email address."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, require_page
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to


async def show(request: Request) -> Response:
    """Ask for the email address."""
    site, session = await require_page(request, Page.EMAIL)
    return _page(request, site, session, session.data.typed.email or "", {})


async def post(request: Request) -> Response:
    """Take the email address; a change of it opens the later steps again."""
    site, session = await require_page(request, Page.EMAIL)
    fields = await read_form(request)
    check_form(session, fields)
    email = fields.get("email", "").strip()
    if "@" not in email:
        return _page(request, site, session, email, {"email": "email_format"})

    def answer(data: SessionData) -> Page:
        if elsewhere := flow.redirect_for(data, Page.EMAIL):
            return elsewhere
        if data.typed.email != email:
            flow.reset_from(data, Page.EMAIL)
            data.typed = data.typed.merge({"email": email})
        return flow.current_page(data)

    return go_to(await session.update(answer))


def _page(request: Request, site: Site, session: Session, value: str, errors: dict[str, str]) -> Response:
    """Render the form."""
    status = 400 if errors else 200
    return site.page(
        request, "email", page=Page.EMAIL, session=session, status=status, value=value, errors=errors
    )
