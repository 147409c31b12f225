"""What leads to vendors and back: the link of a waiting page, people who return, and webhooks."""

import io
from dataclasses import dataclass
from urllib.parse import urlsplit

import segno
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.continuation import Leave
from proofing.contracts.webhooks import Incoming
from proofing_server import flow
from proofing_server.site import go_to, site_of


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VisitView:
    """What the waiting page shows of a vendor's page.

    Attributes:
        url: of the link.
        host: that the link leads to, for people.
        qr_svg: the QR code as an SVG element; None for none.
    """

    url: str
    host: str
    qr_svg: str | None


def visit_view(page: Leave) -> VisitView:
    """Return how *page* is shown."""
    return VisitView(
        url=page.url,
        host=urlsplit(page.url).hostname or "",
        qr_svg=None if page.qr_text is None else _qr_svg(page.qr_text),
    )


async def come_back(request: Request) -> Response:
    """Note that a person came back from a vendor, and lead on the one who has the session.

    It works without a cookie, as on the phone that scanned the QR code, and opens no session.
    """
    site = site_of(request)
    result_id = await site.service.events.returned(request.path_params["question_id"])
    if result_id is None:
        raise HTTPException(404)
    session = await site.sessions.find_if_any(request)
    if session is None or result_id not in session.data.recent:
        return site.page(request, "returned")
    return go_to(flow.current_page(session.data))


async def take_webhook(request: Request) -> Response:
    """Pass on what a vendor posted, and answer as the vendor's protocol wants it."""
    incoming = Incoming(headers=dict(request.headers), body=await request.body())
    try:
        reply = await site_of(request).service.events.receive(request.path_params["name"], incoming)
    except KeyError:
        raise HTTPException(404) from None
    return Response(reply.body, reply.status, media_type=reply.content_type)


def _qr_svg(text: str) -> str:
    """Return a QR code of *text* as an SVG element without styles, which the page's policy forbids."""
    written = io.BytesIO()
    segno.make_qr(text).save(
        written, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass="qr", lineclass=None
    )
    return written.getvalue().decode()
