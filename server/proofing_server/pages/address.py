"""Home address: when the document has none, when it changed, or when it must be confirmed."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.applicant import HOME_ADDRESS
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.forms import read_address
from proofing_server.guards import check_form, require_page
from proofing_server.language_choice import take_choice
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to


async def show(request: Request) -> Response:
    """Ask for the home address, filled in with what is known of it."""
    site, session = await require_page(request, Page.ADDRESS)
    return _page(request, site, session, session.data.applicant.reveal(), {})


async def post(request: Request) -> Response:
    """Take the home address; a change of it opens the later steps again."""
    site, session = await require_page(request, Page.ADDRESS)
    fields = await read_form(request)
    check_form(session, fields)
    if take_choice(request, fields):
        return _page(request, site, session, fields, site.shown_errors(request, fields))
    form = read_address(fields)
    if form.errors:
        return _page(request, site, session, fields, form.errors)
    address = form.values

    def answer(data: SessionData) -> Page:
        if elsewhere := flow.redirect_for(data, Page.ADDRESS):
            return elsewhere
        known = data.applicant
        is_changed = any(getattr(known, name) != address.get(name) for name in HOME_ADDRESS)
        if is_changed or data.must_confirm_address:
            flow.reset_from(data, Page.ADDRESS)
            data.typed = data.typed.merge(address)
        data.problem = None
        return Page.VERIFY

    return go_to(await session.update(answer))


def _page(
    request: Request, site: Site, session: Session, values: Mapping[str, Any], errors: dict[str, str]
) -> Response:
    """Render the form with *values*."""
    return site.page(
        request,
        "address",
        page=Page.ADDRESS,
        session=session,
        status=400 if errors else 200,
        errors=errors,
        values={name: values.get(name) or "" for name in HOME_ADDRESS},
        states=site.texts(request).states(),
        may_go_back=session.data.has_address,
        must_confirm=session.data.must_confirm_address,
    )
