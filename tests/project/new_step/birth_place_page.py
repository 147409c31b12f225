"""Place of birth."""

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
    """Ask for the place of birth."""
    site, session = await require_page(request, Page.BIRTH_PLACE)
    return _page(request, site, session, session.data.typed.birth_place or "", {})


async def post(request: Request) -> Response:
    """Take the place of birth; a change of it opens the later steps again."""
    site, session = await require_page(request, Page.BIRTH_PLACE)
    fields = await read_form(request)
    check_form(session, fields)
    birth_place = fields.get("birth_place", "").strip()
    if not birth_place:
        return _page(request, site, session, birth_place, {"birth_place": "birth_place_format"})

    def answer(data: SessionData) -> Page:
        if elsewhere := flow.redirect_for(data, Page.BIRTH_PLACE):
            return elsewhere
        if data.typed.birth_place != birth_place:
            flow.reset_from(data, Page.BIRTH_PLACE)
            data.typed = data.typed.merge({"birth_place": birth_place})
        return flow.current_page(data)

    return go_to(await session.update(answer))


def _page(request: Request, site: Site, session: Session, value: str, errors: dict[str, str]) -> Response:
    """Render the form."""
    status = 400 if errors else 200
    return site.page(
        request,
        "birth_place",
        page=Page.BIRTH_PLACE,
        session=session,
        status=status,
        value=value,
        errors=errors,
    )
