"""What leads to vendors and back: what a waiting page shows, people who return, webhooks, wallets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofing.contracts.continuation import Exchange
from proofing.contracts.queues import Wake
from proofing.contracts.webhooks import Incoming
from proofing.jobs.parking import VendorPage
from proofing_server import flow
from proofing_server.job_status import Stage
from proofing_server.qr_codes import qr_svg
from proofing_server.sessions import CSRF_HEADER
from proofing_server.site import go_to, site_of


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VisitView:
    """What the waiting page shows of what the person has to do at a vendor.

    Attributes:
        url: of the link; None for no link.
        host: that the link leads to, for people.
        qr_svg: the QR code as an SVG element; None for none.
        requests: for the browser's wallet, by protocol, as the Digital Credentials API takes them; empty when
            no wallet is asked.
        question_id: of the question that its answer is for.
    """

    url: str | None
    host: str
    qr_svg: str | None
    requests: Sequence[Mapping[str, Any]]
    question_id: str


def visit_view(page: VendorPage) -> VisitView:
    """Return how *page* is shown."""
    leave = page.then.leave if isinstance(page.then, Exchange) else page.then
    requests = page.then.requests if isinstance(page.then, Exchange) else {}
    return VisitView(
        url=None if leave is None else leave.url,
        host="" if leave is None else urlsplit(leave.url).hostname or "",
        qr_svg=None if leave is None or leave.qr_text is None else qr_svg(leave.qr_text),
        requests=[{"protocol": protocol, "data": data} for protocol, data in requests.items()],
        question_id=page.question_id,
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
    incoming = Incoming(headers=dict(request.headers.items()), body=await request.body())
    try:
        reply = await site_of(request).service.events.receive(request.path_params["name"], incoming)
    except KeyError:
        raise HTTPException(404) from None
    return Response(reply.body, reply.status, media_type=reply.content_type)


async def serve_request(request: Request) -> Response:
    """Give a wallet the request object of its exchange. The address is all the permission that it needs."""
    exchange = await site_of(request).service.events.served(request.path_params["question_id"])
    if exchange is None or exchange.served is None:
        raise HTTPException(404)
    return Response(exchange.served, media_type=exchange.served_type)


async def take_answer(request: Request) -> Response:
    """Note what a wallet posted by itself, and say where the person goes from there.

    Source of the answer: OpenID for Verifiable Presentations 1.0, response mode ``direct_post``.
    """
    site, question_id = site_of(request), request.path_params["question_id"]
    if not site.service.events.knows(question_id):
        # Nobody reads the body.
        raise HTTPException(404)
    _require_noted(await site.service.events.answered(question_id, await request.body()))
    return JSONResponse({"redirect_uri": site.service.events.return_url(question_id)})


async def pass_on_answer(request: Request) -> Response:
    """Note what the browser's wallet answered to our page."""
    site, question_id = site_of(request), request.path_params["question_id"]
    session = await site.sessions.find(request)
    session.check_csrf(request.headers.get(CSRF_HEADER))
    pending = session.data.pending
    if pending is None or not site.service.events.is_of(question_id, pending.result_id):
        raise HTTPException(404)
    _require_noted(await site.service.events.answered(question_id, await request.body()))
    return JSONResponse({"state": Stage.WAITING.value})


def _require_noted(outcome: Wake | None) -> None:
    """Refuse an answer that nobody waits for, or that has to be sent again."""
    if outcome is None or outcome is Wake.GONE:
        raise HTTPException(404)
    if outcome is Wake.FULL:
        raise HTTPException(503)
