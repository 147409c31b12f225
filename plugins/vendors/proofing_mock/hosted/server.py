"""The mock vendor's server: an API for the product, a page for the person, and a panel for testers.

Nothing of a person comes here: a session knows an address to return to and, where the product says so, its
reference.
"""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from proofing.plugin import PluginError, ProcessContext
from proofing.plugin.support import parse_json
from proofing_mock.hosted.credentials import credentials
from proofing_mock.hosted.vendor import WITH_PERSON, Behavior, Delivery, Fetches, MockVendor, Session, State
from proofing_mock.stand_ins import (
    Handler,
    StandInSite,
    body_of,
    one_of,
    origin_of,
    problem,
    serve_app,
    values_of,
)

if TYPE_CHECKING:
    from proofing_mock import MockSettings

WEBHOOK_PATH = "/webhooks/mock-hosted"
_COOKIE = "mock_vendor_visitor"
_LATER = "later"
_LATER_SECONDS = 10.0
_POST_SECONDS = 10.0
_MAX_TEXT_CHARACTERS = 2048
_HOUR_SECONDS = 3600
_MAX_SECONDS = 366 * 86_400.0
#: What a tester may choose, with the words of the pages.
_RESULTS = {
    State.APPROVED: "Approve",
    State.DECLINED: "Decline",
    State.REVIEW: "Send to review",
    _LATER: f"Approve {_LATER_SECONDS:.0f} seconds after the person has left",
    State.ABANDONED: "Give up",
}
_DELIVERIES = {
    Delivery.NOW: "Now",
    Delivery.LOST: "Never (lost)",
    Delivery.TWICE: "Twice",
    Delivery.LATE: "24 hours late, by this vendor’s clock",
    Delivery.FORGED: "Now, with a forged signature",
    Delivery.PREVIOUS_SECRET: "Now, signed with the previous secret",
}
_FETCHES = {
    Fetches.ANSWERED: "Answered",
    Fetches.UNAVAILABLE: "Refused with HTTP 503 (vendor down)",
    Fetches.HANGING: "Not answered (vendor hangs)",
}
_ENDS = {
    State.APPROVED: "The result is: approved.",
    State.DECLINED: "The result is: declined.",
    State.REVIEW: "The result is: somebody has to look at it.",
    State.PROCESSING: "There is no result yet.",
    State.ABANDONED: "You gave up.",
    State.EXPIRED: "Your visit has expired.",
}


async def serve(settings: "MockSettings", process: ProcessContext, stop: asyncio.Event) -> None:
    """Serve the vendor of *settings* until *stop* is set; its webhooks go to the product of *process*.

    Raises:
        ConfigurationError: its address cannot be listened on.
        PluginError: a secret is missing.
    """
    async with running_app(settings, process) as app:
        await serve_app(app, "hosted_url", settings.hosted_url, stop)


@contextlib.asynccontextmanager
async def running_app(settings: "MockSettings", process: ProcessContext) -> AsyncIterator[Starlette]:
    """Return the application, with a vendor that lives as long as the context. Raises `PluginError`."""
    known = credentials(settings, process)
    if known.api_key is None or known.webhook_secret is None:
        raise PluginError("mock.hosted_api_key and mock.hosted_webhook_secret must be set")
    previous = known.webhook_previous_secret
    target = f"{process.public_url}{WEBHOOK_PATH}"
    async with httpx.AsyncClient(timeout=_POST_SECONDS, trust_env=False) as client:

        async def post(body: bytes, headers: Mapping[str, str]) -> int:
            try:
                answer = await client.post(target, content=body, headers=dict(headers))
            except httpx.HTTPError:
                return 0
            return answer.status_code

        vendor = MockVendor(
            secret=known.webhook_secret.encode(),
            previous_secret=previous.encode() if previous is not None else None,
            post=post,
        )
        site = _Site(vendor, url=settings.hosted_url, api_key=known.api_key, product=process.public_url)
        running = asyncio.create_task(vendor.run())
        try:
            yield site.app(site.routes())
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class _Site(StandInSite):
    """Routes and pages of one vendor."""

    def __init__(self, vendor: MockVendor, *, url: str, api_key: str, product: str) -> None:
        """Show *vendor* at *url*; people return to the URL *product*, which has the *api_key*."""
        super().__init__("hosted", name="Mock vendor", url=url, product=product)
        self._vendor = vendor
        self._authorization = f"Bearer {api_key}".encode()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/sessions", self._for_product(self._create), methods=["POST"]),
            Route("/v1/sessions/{id}", self._for_product(self._show), methods=["GET"]),
            Route("/v1/sessions/{id}", self._for_product(self._delete), methods=["DELETE"]),
            Route("/verify/{page}", self._visit, methods=["GET"]),
            Route("/verify/{page}", self.from_own_page(self._choose), methods=["POST"]),
            Route("/", self._panel, methods=["GET"]),
            Route("/testing", self._show_facts, methods=["GET"]),
            Route("/testing/behavior", self.from_own_page(self._behave), methods=["POST"]),
            Route("/testing/clock", self.from_own_page(self._advance), methods=["POST"]),
            Route("/testing/sessions/{id}", self.from_own_page(self._steer), methods=["POST"]),
        ]

    # What the product calls

    def _for_product(self, handler: Handler) -> Handler:
        """Return *handler* for those who have the key of the API."""

        async def answer(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._authorization):
                return problem(401, "wrong API key")
            return await handler(request)

        return answer

    async def _create(self, request: Request) -> Response:
        """Open a session."""
        try:
            values = parse_json(await body_of(request), max_depth=4)
            reference = values.get("customer_reference")
            if reference is not None:
                reference = _text(reference)
            return_url = _text(values["return_url"])
            seconds = _seconds(values["expires_in_seconds"])
            key = _text(request.headers["idempotency-key"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return problem(422, "malformed question")
        if origin_of(return_url) != self.product:
            return problem(422, "return_url is not of the product")
        session = await self._vendor.create(
            idempotency_key=key,
            customer_reference=reference,
            return_url=return_url,
            expires_in_seconds=seconds,
        )
        return JSONResponse(self._session_facts(session), 201)

    async def _show(self, request: Request) -> Response:
        """Return a session."""
        try:
            session = await self._vendor.fetch(request.path_params["id"])
        except KeyError:
            return problem(404, "no such session")
        if session is None:
            return problem(503, "down, as a tester chose")
        return JSONResponse(self._session_facts(session))

    async def _delete(self, request: Request) -> Response:
        """Delete a session."""
        try:
            is_deleted = await self._vendor.delete(request.path_params["id"])
        except KeyError:
            return problem(404, "no such session")
        return Response(status_code=204) if is_deleted else problem(503, "down, as a tester chose")

    def _session_facts(self, session: Session) -> dict[str, Any]:
        """Return what the product may know of a session."""
        return {"id": session.id, "state": session.state, "url": f"{self.url}/verify/{session.page}"}

    # What the person sees

    async def _visit(self, request: Request) -> Response:
        """Show the page of a visit, and recognize the browser from now on."""
        session = self._visited(request)
        visitor = request.cookies.get(_COOKIE) or secrets.token_urlsafe(18)
        if session.state in WITH_PERSON:
            self._vendor.visit(session, visitor)
            response = self.page("visit.html", request, results=_RESULTS, deliveries=_DELIVERIES)
        else:
            end = _ENDS[session.state]
            response = self.page("ended.html", request, end=end, return_url=session.return_url)
        response.set_cookie(_COOKIE, visitor, path="/", httponly=True, samesite="lax")
        return response

    async def _choose(self, request: Request) -> Response:
        """Do what the person, or the tester who plays the person, chose."""
        session = self._visited(request)
        chosen = await values_of(request)
        if request.cookies.get(_COOKIE) not in session.visitors:
            return self.page("cookie.html", request, status=400)
        if session.state not in WITH_PERSON:
            return RedirectResponse(request.url.path, 303, self.headers)
        result = one_of(_RESULTS, chosen.get("result"))
        session.delivery = Delivery(one_of(_DELIVERIES, chosen.get("webhook")))
        if result == _LATER:
            self._vendor.decide_later(session, _LATER_SECONDS, session.delivery)
        else:
            self._vendor.set_state(session, State(result), session.delivery)
        stays = chosen.get("then") == "stay"
        return RedirectResponse(request.url.path if stays else session.return_url, 303, self.headers)

    def _visited(self, request: Request) -> Session:
        """Return the session of a page."""
        session = self._vendor.of_page(request.path_params["page"])
        if session is None:
            raise HTTPException(404)
        return session

    # What testers use

    async def _panel(self, request: Request) -> Response:
        """Show everything."""
        return self.page(
            "panel.html",
            request,
            facts=self._facts(),
            fetches=_FETCHES,
            deliveries=_DELIVERIES,
            decisions=[State.APPROVED, State.DECLINED, State.REVIEW],
            states=list(State),
        )

    async def _show_facts(self, _request: Request) -> Response:
        """Return all facts to a program."""
        return JSONResponse(self._facts())

    async def _behave(self, request: Request) -> Response:
        """Change how fetches are answered, and what is decided at once; what is not named stays."""
        chosen, now = await values_of(request), self._vendor.behavior
        at_creation = chosen.get("at_creation", now.at_creation or "")
        self._vendor.behave(
            Behavior(
                fetches=Fetches(one_of(_FETCHES, chosen.get("fetches", now.fetches))),
                at_creation=State(one_of(list(State), at_creation)) if at_creation else None,
            )
        )
        return self._changed(request)

    async def _advance(self, request: Request) -> Response:
        """Set the clock forward by ``seconds`` or ``hours``."""
        chosen = await values_of(request)
        try:
            seconds = float(chosen.get("seconds", 0)) + float(chosen.get("hours", 0)) * _HOUR_SECONDS
            self._vendor.advance(_seconds(seconds))
        except (ValueError, TypeError):
            raise HTTPException(422) from None
        return self._changed(request)

    async def _steer(self, request: Request) -> Response:
        """Bring a session to a ``state``, if one is named, and send an event about it as ``webhook`` says."""
        chosen = await values_of(request)
        session = self._vendor.sessions.get(request.path_params["id"])
        if session is None:
            raise HTTPException(404)
        delivery = Delivery(one_of(_DELIVERIES, chosen.get("webhook", Delivery.NOW)))
        state = State(one_of(list(State), chosen.get("state") or session.state))
        self._vendor.set_state(session, state, delivery)
        return self._changed(request)

    def _changed(self, request: Request) -> Response:
        """Lead a browser back to the panel, and return all facts to a program."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303, self.headers)
        return JSONResponse(self._facts())

    def _facts(self) -> dict[str, Any]:
        """Return everything that testers may know, the newest last."""
        vendor = self._vendor
        return {
            "now": datetime.fromtimestamp(vendor.now(), UTC).isoformat(timespec="seconds"),
            "behavior": {
                "fetches": vendor.behavior.fetches,
                "at_creation": vendor.behavior.at_creation,
            },
            "sessions": [
                {**self._session_facts(session), "customer_reference": session.customer_reference}
                for session in vendor.sessions.values()
            ],
            "sent": [
                {
                    "event": sent.event,
                    "session": sent.session,
                    "type": sent.type,
                    "delivery": sent.delivery,
                    "statuses": sent.statuses,
                }
                for sent in vendor.sent
            ],
        }


def _text(value: object) -> str:
    """Return a text that is neither empty nor long. Raises ValueError."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARACTERS:
        raise ValueError
    return value


def _seconds(value: object) -> float:
    """Return a time that is neither negative nor longer than a year. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        raise ValueError
    return float(value)
