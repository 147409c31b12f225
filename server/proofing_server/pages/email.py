"""Email address, which only some vendors need."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.forms import read_email
from proofing_server.guards import check_form, require_page
from proofing_server.language_choice import take_choice
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to


async def show(request: Request) -> Response:
    """Ask for the email address, filled in with what was typed before."""
    site, session = await require_page(request, Page.EMAIL)
    return _page(request, site, session, session.data.typed.email or "", {})


async def post(request: Request) -> Response:
    """Take the email address."""
    site, session = await require_page(request, Page.EMAIL)
    fields = await read_form(request)
    check_form(session, fields)
    if take_choice(request, fields):
        return _page(request, site, session, fields.get("email", ""), site.shown_errors(request, fields))
    form = read_email(fields)
    if form.errors:
        return _page(request, site, session, fields.get("email", ""), form.errors)

    def answer(data: SessionData) -> Page | None:
        if elsewhere := flow.redirect_for(data, Page.EMAIL):
            return elsewhere
        if data.typed.email not in (None, form.values["email"]):
            flow.reset_from(data, Page.EMAIL)
        # The first one changes no answer: what was checked before needed none.
        data.typed = data.typed.merge(form.values)
        return None

    elsewhere = await session.update(answer)
    return go_to(elsewhere or flow.current_page(session.data))


def _page(request: Request, site: Site, session: Session, value: str, errors: dict[str, str]) -> Response:
    """Render the form."""
    return site.page(
        request,
        "email",
        page=Page.EMAIL,
        session=session,
        status=400 if errors else 200,
        errors=errors,
        value=value,
    )
