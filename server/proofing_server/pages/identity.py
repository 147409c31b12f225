"""Name and date of birth, where no document says them; with the number of an ID where agencies are asked."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.applicant import JURISDICTIONS, Applicant, parse_iso_date
from proofing.sessions.data import SessionData
from proofing.sessions.steps import STATE_ID, Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.forms import DATE_PARTS, STATE_ID_TYPES, read_identity
from proofing_server.guards import check_form, require_page
from proofing_server.language_choice import take_choice
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to

#: What is typed here, whether asked for or not.
_NAMES = ("first_name", "middle_name", "last_name", "dob", *STATE_ID)


async def show(request: Request) -> Response:
    """Ask who the person is, filled in with what was typed before."""
    site, session = await require_page(request, Page.IDENTITY)
    return _page(request, site, session, _shown(session.data.typed), {})


async def post(request: Request) -> Response:
    """Take who the person is; a change of it opens the later steps again."""
    site, session = await require_page(request, Page.IDENTITY)
    fields = await read_form(request)
    check_form(session, fields)
    if take_choice(request, fields):
        return _page(request, site, session, fields, site.shown_errors(request, fields))
    form = read_identity(
        fields,
        now=site.service.now(),
        min_age_years=site.service.settings.idv_min_age_years,
        asks_for_id=_asks_for_id(session.data),
    )
    if form.errors:
        return _page(request, site, session, fields, form.errors)
    typed: dict[str, Any] = {name: form.values.get(name) for name in _NAMES}

    def answer(data: SessionData) -> Page:
        if elsewhere := flow.redirect_for(data, Page.IDENTITY):
            return elsewhere
        if any(getattr(data.typed, name) != value for name, value in typed.items()):
            flow.reset_from(data, Page.IDENTITY)
            data.typed = data.typed.merge(typed)
        data.problem = None
        return flow.current_page(data)

    return go_to(await session.update(answer))


def _asks_for_id(data: SessionData) -> bool:
    return not data.needed.isdisjoint(STATE_ID)


def _shown(typed: Applicant) -> dict[str, str]:
    """Return the fields of the form for what was *typed*."""
    known = typed.reveal()
    if born := parse_iso_date(known.get("dob", "")):
        known |= zip(DATE_PARTS, (str(born.month), str(born.day), str(born.year)), strict=True)
    return known


def _page(
    request: Request, site: Site, session: Session, values: Mapping[str, Any], errors: dict[str, str]
) -> Response:
    """Render the form with *values*."""
    texts = site.texts(request)
    return site.page(
        request,
        "identity",
        page=Page.IDENTITY,
        session=session,
        status=400 if errors else 200,
        errors=errors,
        values={name: values.get(name) or "" for name in (*_NAMES, *DATE_PARTS)},
        asks_for_id=_asks_for_id(session.data),
        dates=DATE_PARTS,
        wrong_date=next((name for name in DATE_PARTS if name in errors), None),
        id_types=[(one.value, texts(f"identity.id.types.{one}")) for one in STATE_ID_TYPES],
        states=[(code, name) for code, name in texts.states() if code in JURISDICTIONS],
    )
