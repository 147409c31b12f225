"""`mock:exchange`: the adapter against the wallet's own server, with a product that passes answers on."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from proofing.base.errors import Cause, ConfigurationError, VendorError
from proofing.contracts.applicant import DocumentType
from proofing.contracts.continuation import Answered, Due, Exchange, Expired, Pending, Returned
from proofing.contracts.evidence import Inspection
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Match, Outcome, ProoferKind
from proofing.plugin.support import MACKeys
from proofing.testing.canary import Canary
from proofing.testing.processes import free_port
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing.testing.waiting import eventually
from proofing_mock import MockSettings, proofing_proofers
from proofing_mock.exchange.messages import (
    PROTOCOL,
    Decision,
    Messages,
    WalletAnswer,
    WalletRequest,
    answer_body,
    unsigned,
)
from proofing_mock.exchange.server import serve

MESSAGES = Messages.of(make_process())


def proofer_of(settings, kind=ProoferKind.DOCUMENT):
    """Return proofer and context; the network answers nobody."""
    offer = next(one for one in proofing_proofers() if (one.kind, one.name) == (kind, "mock:exchange"))
    vendor = FakeVendor(lambda _request: httpx.Response(500))
    return offer.make(settings, make_process()), make_context(vendor, offer, settings)


class Asking:
    """A question of the adapter alone."""

    def __init__(self, proofer, context, pending):
        self.proofer, self.context, self.pending = proofer, context, pending
        self.asked = MESSAGES.read_request(json.dumps(pending.then.requests[PROTOCOL]).encode())

    async def resume(self, because, **attributes):
        """Resume as after a park."""
        kept = Pending.from_json(json.loads(json.dumps(self.pending.to_json())))
        request = ProofingRequest(applicant=Canary().applicant.merge(attributes))
        return await self.proofer.resume(request, kept, because, self.context)

    def answer(self, messages=MESSAGES, **changes):
        """Return what the wallet answers, as a message."""
        values = {"nonce": self.asked.nonce, "question": self.asked.question, "decision": Decision.APPROVED}
        return messages.write(WalletAnswer(**{**values, **changes}))


async def ask(kind=ProoferKind.DOCUMENT):
    """Ask a question."""
    proofer, context = proofer_of(MockSettings(), kind)
    pending = await proofer.proof(ProofingRequest(), context)
    pending.require_sound("mock:exchange")
    return Asking(proofer, context, pending)


async def test_what_is_asked():
    """The browser gets the request that is served, and the link leads a wallet to it; no two are alike."""
    asking = await ask()
    then = asking.pending.then
    assert isinstance(then, Exchange)
    assert json.loads(then.served) == then.requests[PROTOCOL]
    assert then.leave.qr_text == then.leave.url
    assert then.leave.url.startswith("http://127.0.0.1:8910/wallet?request_uri=https%3A%2F%2F")
    assert asking.asked.question == asking.context.question_id
    assert asking.asked.answer_url == asking.context.answer_url
    assert (await ask()).asked.nonce != asking.asked.nonce


@pytest.mark.parametrize(
    ("decision", "outcome"), [(Decision.APPROVED, Outcome.PASSED), (Decision.DECLINED, Outcome.FAILED)]
)
async def test_a_verified_answer(decision, outcome):
    """By the wallet itself or through the browser, it is believed."""
    asking = await ask()
    message = asking.answer(decision=decision)
    through_browser = json.dumps({"protocol": PROTOCOL, "data": json.loads(answer_body(message))}).encode()
    for body in (answer_body(message), through_browser):
        assert (await asking.resume(Answered(body))).outcome is outcome


async def test_approved_people_get_what_the_mock_answers():
    """So that the inputs of its page choose the outcome here, too."""
    asking = await ask(ProoferKind.PHONE)
    body = answer_body(asking.answer())
    assert (await asking.resume(Answered(body), phone="703-555-5555")).outcome is Outcome.FAILED


@pytest.mark.parametrize("because", [Expired(), "refused"])
async def test_nothing_is_shared(because):
    """By a person who says so, or whom nobody hears of: no answer."""
    asking = await ask()
    if because == "refused":
        because = Answered(answer_body(asking.answer(decision=Decision.REFUSED)))
    with pytest.raises(VendorError) as caught:
        await asking.resume(because)
    assert caught.value.cause is Cause.ABANDONED


@pytest.mark.parametrize("because", [Returned(), Due()])
async def test_without_an_answer_the_wallet_is_still_asked(because):
    """Coming back says nothing."""
    asking = await ask()
    assert await asking.resume(because) == asking.pending


def flipped(message, place):
    """Return *message* with another character at *place*."""
    other = "A" if message[place] != "A" else "B"
    return message[:place] + other + (message[place + 1 :] if place != -1 else "")


async def test_what_is_not_the_wallets_answer_changes_nothing():
    """Unsigned, forged, changed, about another question, or no answer at all."""
    asking = await ask()
    message = asking.answer()
    payload = base64.urlsafe_b64decode(message.partition(".")[0] + "==")
    declined = base64.urlsafe_b64encode(payload.replace(b"approved", b"declined")).rstrip(b"=").decode()
    forged = Messages(MACKeys(b"x" * 32))
    messages = [
        unsigned(message),
        message.partition(".")[0],
        f"{message.partition('.')[0]}.",
        flipped(message, 5),
        f"{declined}.{message.partition('.')[2]}",
        asking.answer(forged),
        asking.answer(question="A" * 48),
        asking.answer(nonce="A" * 32),
        asking.pending.then.requests[PROTOCOL]["request"],
        message + "\n",
        "",
        7,
        None,
    ]
    bodies = [json.dumps({"answer": one}).encode() for one in messages]
    right = json.dumps({"answer": message})
    bodies += [
        b"",
        b"\xff",
        b"[]",
        b'"text"',
        b"{}",
        right[:-1].encode(),
        right.replace("answer", "request").encode(),
        f'{{"answer": "", {right[1:]}'.encode(),
        json.dumps({"protocol": PROTOCOL, "answer": message}).encode(),
        json.dumps({"protocol": "openid4vp", "data": {"answer": message}}).encode(),
    ]
    for body in bodies:
        assert await asking.resume(Answered(body)) == asking.pending, body


async def test_a_wallet_that_still_has_the_key_of_before():
    """While the application's key is changed."""
    asking = await ask()
    old = b"o" * 32
    process = replace(make_process(), old_secrets=lambda _label: [old])
    answer = asking.answer(Messages(MACKeys(old)))
    assert Messages.of(process).read_answer(answer_body(answer)).decision is Decision.APPROVED


# The wallet


class Product:
    """Serves one request and takes answers, as a web process does.

    Attributes:
        served: the body of the request; None when there is none.
        bodies: what was posted.
        statuses: of the next answers; 200 when there is none left.
        lead: where it sends the person.
    """

    def __init__(self, url):
        self.url = url
        self.served = None
        self.bodies = []
        self.statuses = []
        self.lead = f"{url}/return/x"

    async def serve(self, _request):
        """Give the request."""
        return Response(self.served or b"", 200 if self.served else 404)

    async def take(self, request):
        """Keep an answer."""
        self.bodies.append(await request.body())
        status = self.statuses.pop(0) if self.statuses else 200
        return JSONResponse({"redirect_uri": self.lead} if status == 200 else {}, status)


@asynccontextmanager
async def served(app, port):
    """Serve *app*."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield
    server.should_exit = True
    await running


class World:
    """A product with a question, a wallet, and a browser."""

    def __init__(self, product, browser, settings):
        self.product, self.browser, self.settings = product, browser, settings
        self.answer_url = f"{product.url}/answers/{'q' * 48}"
        asked = WalletRequest(nonce="n" * 32, question="q" * 48, answer_url=self.answer_url)
        self.message = MESSAGES.write(asked)
        product.served = json.dumps({"request": self.message}).encode()

    async def show(self, place=None):
        """Open the wallet at a link."""
        return await self.browser.get(
            "/wallet", params={"request_uri": place or f"{self.answer_url}/request"}
        )

    async def choose(self, choice, **headers):
        """Choose on its page."""
        params = {"request_uri": f"{self.answer_url}/request"}
        return await self.browser.post("/wallet", params=params, data={"choice": choice}, headers=headers)

    async def facts(self):
        """Return what was sent."""
        return (await self.browser.get("/testing")).json()["sent"]


@pytest.fixture
async def world():
    """A wallet and its product."""
    ports = free_port(), free_port()
    settings = MockSettings(exchange_url=f"http://127.0.0.1:{ports[0]}")
    product = Product(f"http://localhost:{ports[1]}")
    app = Starlette(
        routes=[
            Route("/answers/{id}/request", product.serve),
            Route("/answers/{id}", product.take, methods=["POST"]),
        ]
    )
    stop = asyncio.Event()
    process = replace(make_process(), public_url=product.url)
    async with served(app, ports[1]), httpx.AsyncClient(base_url=settings.exchange_url) as browser:
        running = asyncio.create_task(serve(settings, process, stop))

        async def listens():
            try:
                return (await browser.get("/testing")).status_code == 200
            except httpx.ConnectError:
                return False

        await eventually(listens)
        yield World(product, browser, settings)
        stop.set()
        await running


@pytest.mark.parametrize("decision", list(Decision))
async def test_an_answer_leads_back(world, decision):
    """The wallet answers what it fetched, and the person goes where the product says."""
    page = await world.show()
    assert (page.status_code, "Share your digital ID?" in page.text) == (200, True)
    back = await world.choose(decision)
    assert (back.status_code, back.headers["location"]) == (303, f"{world.product.url}/return/x")
    (body,) = world.product.bodies
    assert MESSAGES.read_answer(body) == WalletAnswer(nonce="n" * 32, question="q" * 48, decision=decision)
    assert await world.facts() == [{"question": "q" * 48, "choice": decision, "statuses": [200]}]


@pytest.mark.parametrize(
    ("choice", "statuses", "is_genuine"),
    [
        ("twice", [200, 503], True),
        ("unsigned", [200], False),
        ("forged", [200], False),
        ("another", [200], True),
        ("silent", [], True),
    ],
)
async def test_what_testers_choose_is_shown(world, choice, statuses, is_genuine):
    """What became of it, and the way back where there is one."""
    world.product.statuses = list(statuses)
    page = await world.choose(choice)
    assert page.status_code == 200
    assert ("Nothing was sent" in page.text) is (choice == "silent")
    assert (f'href="{world.product.url}/return/x"' in page.text) is (choice != "silent")
    assert [one["statuses"] for one in await world.facts()] == [statuses]
    for body in world.product.bodies:
        if not is_genuine:
            with pytest.raises(ValueError, match="not of this exchange"):
                MESSAGES.read_answer(body)
            continue
        answer = MESSAGES.read_answer(body)
        assert (answer.question == "q" * 48) is (answer.nonce == "n" * 32) is (choice == "twice")


async def test_a_product_that_takes_nothing(world):
    """The person sees it, and so do the facts."""
    world.product.statuses = [404]
    assert "Answered with HTTP 404." in (await world.choose("approved")).text
    world.product.lead = "https://elsewhere.example/"
    page = await world.choose("approved")
    assert (page.status_code, "elsewhere" in page.text) == (200, False)
    assert [one["statuses"] for one in await world.facts()] == [[404], [200]]


async def test_the_browsers_wallet(world):
    """Programs get the answer that a browser would pass on; nothing is posted."""
    asked = {"request": world.message, "choice": "approved"}
    answer = await world.browser.post("/testing/answers", json=asked)
    assert MESSAGES.read_answer(answer.content).nonce == "n" * 32
    for bad in ({**asked, "request": unsigned(world.message)}, {**asked, "choice": "rich"}, {}, []):
        assert (await world.browser.post("/testing/answers", json=bad)).status_code == 422
    assert world.product.bodies == []


async def test_links_that_lead_elsewhere(world):
    """The wallet fetches from the product alone, and believes what it has signed."""
    port = urlsplit(world.product.url).port
    for place in (
        "https://elsewhere.example/answers/x/request",
        f"{world.product.url}.elsewhere.example/answers/x/request",
        f"http://localhost:{port}@elsewhere.example/answers/x/request",
        f"{world.product.url}/answers/x/../../metrics",
        f"{world.product.url}/answers/x/request?y",
        f"{world.product.url}/answers/{'x' * 48}/request",
        "x",
    ):
        page = await world.show(place)
        assert (page.status_code, "This request isn’t open" in page.text) == (404, True), place
    for served_body in (None, b"{}", json.dumps({"request": unsigned(world.message)}).encode()):
        world.product.served = served_body
        assert (await world.show()).status_code == 404
        assert (await world.choose("approved")).status_code == 404
    assert world.product.bodies == []


async def test_only_its_own_page_has_it_answer(world):
    """And there are no scripts, no other host name, no other choices."""
    policy = (await world.show()).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {world.product.url}" in policy
    assert (await world.choose("approved", **{"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await world.choose("approved", origin="https://elsewhere.example")).status_code == 403
    assert (await world.choose("rich")).status_code == 422
    assert (await world.choose("approved", host="elsewhere.example")).status_code == 400
    assert world.product.bodies == []


async def test_a_port_that_is_taken_is_reported(world):
    """By the name of the setting."""
    with pytest.raises(ConfigurationError, match=r"mock.exchange_url: cannot be listened on"):
        await serve(world.settings, make_process(), asyncio.Event())


async def test_a_wallet_shares_what_its_issuer_signed():
    """A license in it is no plastic; other kinds of questions, and a no, are as ever."""
    asking = await ask()
    shared = await asking.resume(Answered(answer_body(asking.answer())))
    assert shared.document_type is DocumentType.MOBILE_DRIVERS_LICENSE
    assert shared.inspection == Inspection(signature=True, holder_key=True)
    declined = await asking.resume(Answered(answer_body(asking.answer(decision=Decision.DECLINED))))
    assert declined.outcome is Outcome.FAILED
    phone = await ask(ProoferKind.PHONE)
    answer = await phone.resume(Answered(answer_body(phone.answer())), phone="703-555-0100")
    assert answer.account is Match.MATCH
    refused = await phone.resume(
        Answered(answer_body(phone.answer(decision=Decision.DECLINED))), phone="703-555-0100"
    )
    assert (refused.outcome, refused.account) == (Outcome.FAILED, Match.NOT_CHECKED)
