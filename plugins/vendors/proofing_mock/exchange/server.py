"""The mock wallet: a page that shows who asks, and sends the answer that a tester chooses.

It knows the product's origin and talks to nobody else, whatever a link says.
"""

import asyncio
import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from proofing.plugin import ProcessContext
from proofing.plugin.support import MACKeys, parse_json
from proofing_mock.exchange.messages import (
    Decision,
    Messages,
    WalletAnswer,
    WalletRequest,
    answer_body,
    unsigned,
)
from proofing_mock.stand_ins import StandInSite, body_of, one_of, serve_app, values_of

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_POST_SECONDS = 10.0
_MAX_KEPT = 1000
_OK = 200
_NONCE_BYTES = 24
_REQUEST_PATH = re.compile(r"/answers/[A-Za-z0-9_-]{1,64}/request", re.ASCII)


class Choice(StrEnum):
    """What a tester has the wallet do."""

    APPROVED = "approved"
    DECLINED = "declined"
    REFUSED = "refused"
    #: Approved, and posted twice.
    TWICE = "twice"
    #: Approved, with a MAC of zeros.
    UNSIGNED = "unsigned"
    #: Approved, under a key that nobody has.
    FORGED = "forged"
    #: Approved, genuine, and about another question.
    ANOTHER = "another"
    #: Nothing is posted.
    SILENT = "silent"


#: With the words of the page.
_CHOICES = {
    Choice.APPROVED: "Share",
    Choice.DECLINED: "Share a digital ID that isn’t accepted",
    Choice.REFUSED: "Don’t share",
    Choice.TWICE: "Share, and send the answer twice",
    Choice.UNSIGNED: "Send an answer without a signature",
    Choice.FORGED: "Send an answer with a forged signature",
    Choice.ANOTHER: "Send the answer to another question",
    Choice.SILENT: "Close the wallet without an answer",
}
_DECISIONS = {Choice.DECLINED: Decision.DECLINED, Choice.REFUSED: Decision.REFUSED}
#: After these the person goes back at once; the others show testers what became of them.
_LEADING_BACK = frozenset({Choice.APPROVED, Choice.DECLINED, Choice.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of an answer.

    Attributes:
        question: that was asked.
        choice: of the tester.
        statuses: of each time it was posted, in order; 0 where nobody answered.
        back: where the product leads the person; None when it did not say.
    """

    question: str
    choice: Choice
    statuses: list[int] = field(default_factory=list)
    back: str | None = None


async def serve(settings: "MockSettings", process: ProcessContext, stop: asyncio.Event) -> None:
    """Serve the wallet of *settings* until *stop* is set; it answers the product of *process*.

    Raises:
        ConfigurationError: its address cannot be listened on.
    """
    async with httpx.AsyncClient(timeout=_POST_SECONDS, trust_env=False) as client:
        wallet = _Wallet(client, Messages.of(process), url=settings.exchange_url, product=process.public_url)
        await serve_app(wallet.app(wallet.routes()), "exchange_url", settings.exchange_url, stop)


class _Wallet(StandInSite):
    """Routes and pages of the wallet."""

    def __init__(self, client: httpx.AsyncClient, messages: Messages, *, url: str, product: str) -> None:
        """Show the wallet at *url*; it fetches from and answers the *product* by *client*."""
        super().__init__("exchange", name="Mock wallet", url=url, product=product)
        self._client = client
        self._messages = messages
        self._forged = Messages(MACKeys(secrets.token_bytes(32)))
        self._sent: deque[Sent] = deque(maxlen=_MAX_KEPT)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/wallet", self._show, methods=["GET"]),
            Route("/wallet", self.from_own_page(self._choose), methods=["POST"]),
            Route("/testing", self._show_facts, methods=["GET"]),
            Route("/testing/answers", self.from_own_page(self._answer_browser), methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        """Show who asks, and what may be answered."""
        if await self._fetch(request) is None:
            return self.page("closed.html", request, status=404)
        return self.page("wallet.html", request, choices=_CHOICES, product=self.product)

    async def _choose(self, request: Request) -> Response:
        """Do what the tester, who plays the person, chose."""
        choice = Choice(one_of(_CHOICES, (await values_of(request)).get("choice")))
        asked = await self._fetch(request)
        if asked is None:
            return self.page("closed.html", request, status=404)
        sent = await self._send(asked, choice)
        self._sent.append(sent)
        if choice in _LEADING_BACK and sent.back is not None:
            return RedirectResponse(sent.back, 303, self.headers)
        return self.page("sent.html", request, statuses=sent.statuses, back=sent.back)

    async def _fetch(self, request: Request) -> WalletRequest | None:
        """Return the request that a link leads to; None for one that is not the product's, or over."""
        place = request.query_params.get("request_uri", "")
        path = place.removeprefix(self.product)
        if not place.startswith(self.product) or not _REQUEST_PATH.fullmatch(path):
            return None
        try:
            answer = await self._client.get(place)
            asked = self._messages.read_request(answer.content) if answer.status_code == _OK else None
        except (httpx.HTTPError, ValueError):
            return None
        return asked if asked and f"{asked.answer_url}/request" == place else None

    async def _send(self, asked: WalletRequest, choice: Choice) -> Sent:
        """Post the answer of a choice, as often as that wants."""
        statuses: list[int] = []
        back = None
        body = answer_body(self._answer(asked, choice))
        times = {Choice.SILENT: 0, Choice.TWICE: 2}.get(choice, 1)
        for _ in range(times):
            try:
                answer = await self._client.post(
                    asked.answer_url, content=body, headers={"content-type": "application/json"}
                )
            except httpx.HTTPError:
                statuses.append(0)
                continue
            statuses.append(answer.status_code)
            back = back or self._way_back(answer)
        return Sent(question=asked.question, choice=choice, statuses=statuses, back=back)

    def _answer(self, asked: WalletRequest, choice: Choice) -> str:
        """Return the answer of a choice."""
        question, nonce = asked.question, asked.nonce
        if choice is Choice.ANOTHER:
            question, nonce = secrets.token_urlsafe(36), secrets.token_urlsafe(_NONCE_BYTES)
        decision = _DECISIONS.get(choice, Decision.APPROVED)
        answer = WalletAnswer(nonce=nonce, question=question, decision=decision)
        if choice is Choice.FORGED:
            return self._forged.write(answer)
        message = self._messages.write(answer)
        return unsigned(message) if choice is Choice.UNSIGNED else message

    def _way_back(self, answer: httpx.Response) -> str | None:
        """Return where *answer* leads the person, if that is the product."""
        try:
            place = parse_json(answer.content, max_depth=2)["redirect_uri"]
        except (ValueError, KeyError, TypeError):
            return None
        return place if isinstance(place, str) and place.startswith(f"{self.product}/") else None

    # What testers use

    async def _show_facts(self, _request: Request) -> Response:
        """Return to a program what was sent, the newest last."""
        return JSONResponse({"sent": [_facts(one) for one in self._sent]})

    async def _answer_browser(self, request: Request) -> Response:
        """Return what the browser's wallet would answer to ``request``; nothing is posted."""
        body = await body_of(request)
        try:
            asked = self._messages.read_request(body)
            choice = parse_json(body, max_depth=2).get("choice")
        except ValueError:
            raise HTTPException(422) from None
        answer = self._answer(asked, Choice(one_of(_CHOICES, choice)))
        return Response(answer_body(answer), media_type="application/json")


def _facts(sent: Sent) -> dict[str, Any]:
    """Return what a program may know of an answer."""
    return {"question": sent.question, "choice": sent.choice, "statuses": sent.statuses}
