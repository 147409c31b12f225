"""The confirmation of what was read from a document whose barcode could not be."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, require_page
from proofing_server.site import go_to


async def show(request: Request) -> Response:
    """Ask whether what was read from the document is right."""
    site, session = await require_page(request, Page.CONFIRM)
    return site.page(request, "confirm", page=Page.CONFIRM, session=session, applicant=session.data.applicant)


async def post(request: Request) -> Response:
    """Take the confirmation, or open the capture again."""
    _site, session = await require_page(request, Page.CONFIRM)
    fields = await read_form(request)
    check_form(session, fields)

    def answer(data: SessionData) -> Page:
        if flow.redirect_for(data, Page.CONFIRM) is None and data.document:
            if fields.get("answer") == "yes":
                data.document = replace(data.document, confirmed=True)
            elif fields.get("answer") == "retake":
                flow.reset_from(data, Page.DOCUMENT)
        return flow.current_page(data)

    return go_to(await session.update(answer))
