"""`mock:hosted`: the adapter against the vendor's own server, with a product that takes its webhooks."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from proofing.base.errors import Cause, ConfigurationError, PluginError, VendorError
from proofing.contracts.continuation import (
    Again,
    Due,
    Event,
    EventKind,
    Expired,
    Leave,
    Pending,
    Received,
    Returned,
)
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Outcome, ProoferKind, ReviewStatus
from proofing.contracts.webhooks import Incoming, NotAuthenticError
from proofing.testing.canary import Canary
from proofing.testing.processes import free_port
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing.testing.waiting import eventually
from proofing_mock import MockSettings, proofing_proofers
from proofing_mock.hosted.server import serve
from proofing_mock.hosted.webhook import HostedWebhook

SECRETS = {
    "hosted_api_key": "a" * 32,
    "hosted_webhook_secret": "b" * 32,
    "hosted_webhook_previous_secret": "c" * 32,
}
#: Where no secret is derived.
PRODUCTION = replace(make_process(), is_production=True)
QUESTION_ID = "q" * 48


class Product:
    """Takes webhooks, as a web process does.

    Attributes:
        posts: what came.
        statuses: what the next ones are answered with; 204 when there is none left.
    """

    def __init__(self):
        self.posts = []
        self.statuses = []

    async def take(self, request):
        """Keep a post."""
        self.posts.append(Incoming(headers=dict(request.headers), body=await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 204)

    def events(self, settings):
        """Return the events of the posts, None for one that is refused."""
        found = []
        for post in self.posts:
            try:
                found.append(HostedWebhook(settings, PRODUCTION).receive(post, datetime.now(UTC))[0])
            except NotAuthenticError:
                found.append(None)
        return found


@asynccontextmanager
async def product_server():
    """Serve a product; yield it with its URL."""
    product, port = Product(), free_port()
    app = Starlette(routes=[Route("/webhooks/mock-hosted", product.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield product, f"http://localhost:{port}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def vendor_world(**section):
    """Serve a vendor and a product, and yield what a test needs of them."""
    port = free_port()
    settings = MockSettings(**{**SECRETS, "hosted_url": f"http://127.0.0.1:{port}", **section})
    stop = asyncio.Event()
    async with product_server() as (product, url), httpx.AsyncClient(base_url=settings.hosted_url) as browser:
        running = asyncio.create_task(serve(settings, replace(PRODUCTION, public_url=url), stop))

        async def listens():
            try:
                return (await browser.get("/testing")).status_code == 200
            except httpx.ConnectError:
                return False

        await eventually(listens)
        async with httpx.AsyncHTTPTransport() as transport:
            yield World(settings, product, url, browser, transport)
        stop.set()
        await running


class World:
    """A vendor, a product, and a browser without a cookie."""

    def __init__(self, settings, product, url, browser, transport):
        self.settings, self.product, self.url = settings, product, url
        self.browser, self.transport = browser, transport

    def proofer(self, kind=ProoferKind.DOCUMENT, timeout_seconds=30):
        """Return proofer and context."""
        offer = next(one for one in proofing_proofers() if (one.kind, one.name) == (kind, "mock:hosted"))
        context = make_context(self.transport, offer, self.settings, timeout_seconds=timeout_seconds)
        made = SimpleNamespace(**{name: getattr(context, name) for name in context.__dataclass_fields__})
        made.return_url = f"{self.url}/return/{QUESTION_ID}"
        return offer.make(self.settings, PRODUCTION), made

    async def ask(self, kind=ProoferKind.DOCUMENT, **attributes):
        """Open a session; return how to resume it, and what is pending."""
        proofer, context = self.proofer(kind)
        applicant = Canary().applicant.merge(attributes)
        request = ProofingRequest(applicant=applicant)
        pending = await proofer.proof(request, context)

        async def resume(because=None, before=pending):
            return await proofer.resume(request, before, because or Due(), self.proofer(kind)[1])

        return resume, pending

    async def test(self, path, **values):
        """Do something that testers may; return the vendor's facts."""
        answer = await self.browser.post(f"/testing/{path}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def choose(self, pending, **fields):
        """Open the page of the person and choose."""
        page = await self.browser.get(pending.then.url)
        assert page.status_code == 200
        fields = {"result": "approved", "then": "back", "webhook": "now", **fields}
        return await self.browser.post(pending.then.url, data=fields)

    async def events(self, count):
        """Return the first so many events that came."""
        await eventually(lambda: len(self.product.posts) >= count)
        return self.product.events(self.settings)


@pytest.fixture
async def world():
    """A vendor that echoes our ids."""
    async with vendor_world() as one:
        yield one


def received(kind=EventKind.READY):
    """Return a reason to resume."""
    return Received(Event(kind=kind, reference="ses_1"))


async def test_happy_path(world):
    """The person is sent to a page, decides, and is sent back; the webhook names the question."""
    resume, pending = await world.ask()
    assert isinstance(pending.then, Leave)
    assert pending.then.qr_text == pending.then.url
    assert (pending.reference, set(pending.state)) == (None, {"session", "url"})
    assert (await resume()).then == pending.then
    back = await world.choose(pending)
    assert (back.status_code, back.headers["location"]) == (303, f"{world.url}/return/{QUESTION_ID}")
    started, decided = await world.events(2)
    assert (started.kind, decided.kind) == (EventKind.PROGRESS, EventKind.READY)
    assert decided.question_id == started.question_id == QUESTION_ID
    for because in (Returned(), received(), Due(), Expired()):
        result = await resume(because)
        assert result.passed
        assert result.applicant.reveal()["first_name"] == "FAKEY"
        assert result.transaction_id == pending.state["session"]


@pytest.mark.parametrize(
    ("kind", "decision", "outcome"),
    [
        (kind, decision, outcome)
        for kind in sorted(set(ProoferKind) - {ProoferKind.MESSENGER})
        for decision, outcome in (("declined", Outcome.FAILED), ("review", Outcome.REVIEW))
    ],
)
async def test_other_decisions(world, kind, decision, outcome):
    """They are answers, of every kind, and say so in all their fields."""
    resume, pending = await world.ask(
        kind, state_id_jurisdiction="ND", state_id_number="1", document_type_received="drivers_license"
    )
    await world.choose(pending, result=decision)
    result = await resume(Returned())
    assert (result.outcome, result.reasons) == (outcome, (f"vendor_{decision}",))
    assert bool(getattr(result, "findings", ())) is (
        (kind, outcome) == (ProoferKind.DOCUMENT, Outcome.FAILED)
    )
    assert getattr(result, "review_status", None) is not ReviewStatus.PASS
    assert not getattr(result, "verified_attributes", ())


async def test_approved_people_get_what_the_mock_answers(world):
    """So that the inputs of its page choose the outcome here, too."""
    resume, pending = await world.ask(ProoferKind.PHONE, phone="703-555-5555")
    await world.choose(pending)
    assert (await resume(Returned())).outcome is Outcome.FAILED


async def test_back_before_the_result(world):
    """The vendor is asked again from time to time; its clock brings the result."""
    resume, pending = await world.ask()
    await world.choose(pending, result="later")
    waiting = await resume(Returned())
    assert waiting.then == Again(world.settings.hosted_again_seconds)
    assert (await resume(Due(), waiting)).then == waiting.then
    with pytest.raises(VendorError) as caught:
        await resume(Expired(), waiting)
    assert caught.value.cause is Cause.TIMEOUT
    await world.test("clock", seconds=10)
    assert (await world.events(2))[1].kind is EventKind.READY
    assert (await resume(received(), waiting)).passed


async def test_back_without_a_result(world):
    """Somebody who comes back at once is sent there again."""
    resume, pending = await world.ask()
    assert await resume(Returned()) == pending


async def test_giving_up(world):
    """It is no answer, and the page of the person is over."""
    resume, pending = await world.ask()
    await world.choose(pending, result="abandoned", then="stay")
    assert (await world.events(2))[1].kind is EventKind.ABANDONED
    with pytest.raises(VendorError) as caught:
        await resume(received(EventKind.ABANDONED))
    assert caught.value.cause is Cause.ABANDONED
    page = await world.browser.get(pending.then.url)
    assert "Your visit is over" in page.text
    assert f'href="{world.url}/return/{QUESTION_ID}"' in page.text
    again = await world.browser.post(pending.then.url, data={"result": "approved", "webhook": "now"})
    assert again.status_code == 303
    with pytest.raises(VendorError):
        await resume()


async def test_never_coming_back(world):
    """The session ends by the clock of the vendor, or by that of the product."""
    resume, _pending = await world.ask()
    with pytest.raises(VendorError) as caught:
        await resume(Expired())
    assert caught.value.cause is Cause.ABANDONED
    await world.test("clock", hours=1)
    assert (await world.events(1))[0].kind is EventKind.EXPIRED
    with pytest.raises(VendorError) as caught:
        await resume(received(EventKind.EXPIRED))
    assert caught.value.cause is Cause.ABANDONED


async def test_time_goes_by_without_testers_too():
    """A session ends when its time has come."""
    async with vendor_world(hosted_expires_seconds=0.1) as world:
        resume, _pending = await world.ask()
        assert (await world.events(1))[0].kind is EventKind.EXPIRED
        with pytest.raises(VendorError):
            await resume(received(EventKind.EXPIRED))


async def test_deliveries(world):
    """Lost, doubled, late by the movable clock, forged, and with the previous secret."""
    resume, pending = await world.ask()
    session = pending.state["session"]
    for delivery in ("lost", "twice", "forged", "previous_secret", "late"):
        await world.test(f"sessions/{session}", state="approved", webhook=delivery)
    events = await world.events(4)
    assert len(world.product.posts) == 4
    valid = [event for event in events if event is not None]
    assert (len(valid), len({event.id for event in valid})) == (3, 2)
    without = world.settings.model_copy(update={"hosted_webhook_previous_secret": None})
    assert sum(event is None for event in world.product.events(without)) == 2
    await world.test("clock", hours=23.9)
    await world.test("clock", hours=0.2)
    assert (await world.events(5))[4].kind is EventKind.READY
    # A late event is signed when it is sent.
    assert (await resume(received())).passed
    facts = (await world.browser.get("/testing")).json()
    assert [(sent["delivery"], sent["statuses"]) for sent in facts["sent"]] == [
        ("lost", []),
        ("twice", [204, 204]),
        ("forged", [204]),
        ("previous_secret", [204]),
        ("late", [204]),
    ]


async def test_what_the_product_does_not_take_is_sent_again(world):
    """With the same id, when the vendor's clock says so; what is refused is not."""
    _resume, pending = await world.ask()
    world.product.statuses = [503, 503, 401]
    await world.test(f"sessions/{pending.state['session']}", state="approved")
    await world.events(1)
    await world.test("clock", seconds=5)
    await world.events(2)
    await world.test("clock", seconds=30)
    events = await world.events(3)
    assert len({event.id for event in events}) == 1
    await world.test("clock", hours=24)
    facts = (await world.browser.get("/testing")).json()
    assert facts["sent"][0]["statuses"] == [503, 503, 401]


async def test_an_event_before_the_answer():
    """Decided before the call that opens the session is answered; only the vendor's id names the question."""
    async with vendor_world(hosted_echoes=False) as world:
        await world.test("behavior", at_creation="approved")
        resume, pending = await world.ask()
        (event,) = world.product.events(world.settings)
        assert (event.kind, event.question_id) == (EventKind.READY, None)
        assert event.reference == pending.reference == pending.state["session"]
        assert (await resume(received())).passed
        assert (await world.test("behavior", at_creation=""))["behavior"]["at_creation"] is None


async def test_vendor_down_at_the_fetch(world):
    """Down and hanging are errors after which core asks again; then the answer is there."""
    resume, pending = await world.ask()
    await world.choose(pending)
    for fetches, cause in (("unavailable", Cause.UNREACHABLE), ("hanging", Cause.TIMEOUT)):
        await world.test("behavior", fetches=fetches)
        proofer, context = world.proofer(timeout_seconds=0.5 if fetches == "hanging" else 30)
        with pytest.raises(VendorError) as caught:
            await proofer.resume(ProofingRequest(), pending, Returned(), context)
        assert caught.value.cause is cause
    await world.test("behavior", fetches="answered")
    assert (await resume(Returned())).passed


async def test_a_call_that_is_repeated_opens_one_session(world):
    """By the idempotency key: a worker that died asks again."""
    _resume, first = await world.ask()
    _resume, second = await world.ask()
    assert first.state == second.state
    assert len((await world.browser.get("/testing")).json()["sessions"]) == 1


async def test_a_session_is_deleted(world):
    """When its person is erased; what was due for it reports nothing anymore, and it may be deleted again."""
    resume, pending = await world.ask()
    await world.choose(pending, result="later")
    await world.events(1)

    async def forget():
        proofer, context = world.proofer()
        return await proofer.forget(pending, context)

    await world.test("behavior", fetches="unavailable")
    with pytest.raises(VendorError) as caught:
        await forget()
    assert caught.value.cause is Cause.UNREACHABLE
    await world.test("behavior", fetches="answered")
    assert await forget() is True
    assert await forget() is False
    facts = await world.test("clock", hours=1)
    assert (facts["sessions"], [sent["type"] for sent in facts["sent"]]) == ([], ["session.started"])
    assert (await world.browser.get(pending.then.url)).status_code == 404
    with pytest.raises(VendorError):
        await resume()


async def test_the_api_is_for_those_with_its_key(world):
    """And return addresses are the product's."""
    wrong = {"authorization": "Bearer x", "idempotency-key": "k"}
    right = {**wrong, "authorization": f"Bearer {'a' * 32}"}
    question = {"return_url": f"{world.url}/return/x", "expires_in_seconds": 60}
    post = world.browser.post
    assert (await post("/v1/sessions", headers=wrong, json=question)).status_code == 401
    assert (await world.browser.get("/v1/sessions/ses_1")).status_code == 401
    assert (await world.browser.get("/v1/sessions/ses_1", headers=right)).status_code == 404
    assert (await world.browser.delete("/v1/sessions/ses_1", headers=wrong)).status_code == 401
    assert (await world.browser.delete("/v1/sessions/ses_1", headers=right)).status_code == 404
    assert (await post("/v1/sessions", headers=right, json=question)).status_code == 201
    for bad in (
        {**question, "return_url": "https://elsewhere.example/return/x"},
        {**question, "return_url": f"{world.url}.elsewhere.example/"},
        {**question, "return_url": "http://[/"},
        {**question, "expires_in_seconds": "60"},
        {**question, "expires_in_seconds": -1},
        {**question, "customer_reference": 7},
        {"expires_in_seconds": 60},
        [],
    ):
        assert (await post("/v1/sessions", headers=right, json=bad)).status_code == 422


async def test_pages_are_for_browsers_of_their_own(world):
    """A cookie of the vendor's own, no script, forms of its own pages only, and no other host name."""
    _resume, pending = await world.ask()
    async with httpx.AsyncClient() as stranger:
        fields = {"result": "approved", "then": "back", "webhook": "now"}
        refused = await stranger.post(pending.then.url, data=fields)
        assert (refused.status_code, "Cookies are needed" in refused.text) == (400, True)
        page = await stranger.get(pending.then.url)
        assert re.search(r"HttpOnly.*SameSite=lax", page.headers["set-cookie"])
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert f"form-action 'self' {world.url}" in policy
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
            assert (await stranger.post(pending.then.url, data=fields, headers=headers)).status_code == 403
            answer = await stranger.post(f"{world.settings.hosted_url}/testing/clock", headers=headers)
            assert answer.status_code == 403
        for bad in ({}, {**fields, "result": "rich"}, {**fields, "webhook": "never"}):
            assert (await stranger.post(pending.then.url, data=bad)).status_code == 422
        rebound = await stranger.get(world.settings.hosted_url, headers={"host": "elsewhere.example"})
        assert rebound.status_code == 400
        assert (await stranger.get(f"{world.settings.hosted_url}/verify/x")).status_code == 404
        huge = await stranger.post(pending.then.url, content=b"x" * 20_000)
        assert huge.status_code == 413


async def test_panel(world):
    """Everything that programs may do is there for people, by forms that lead back to it."""
    _resume, pending = await world.ask()
    session = pending.state["session"]
    for path, fields in (
        ("behavior", {"fetches": "unavailable", "at_creation": "review"}),
        ("clock", {"hours": "24"}),
        (f"sessions/{session}", {"state": "declined", "webhook": "now"}),
    ):
        answer = await world.browser.post(f"/testing/{path}", data=fields, headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    await world.events(2)
    page = (await world.browser.get("/")).text
    assert f"{session}: declined" in page
    assert "session.decided" in page
    assert (await world.browser.get("/style.css")).headers["content-type"].startswith("text/css")
    for path, bad in (
        ("clock", {"hours": "soon"}),
        ("clock", {"seconds": "nan"}),
        ("behavior", {"fetches": "sometimes"}),
        ("behavior", {"at_creation": "rich"}),
        (f"sessions/{session}", {"state": "rich"}),
    ):
        assert (await world.browser.post(f"/testing/{path}", data=bad)).status_code == 422
    assert (await world.browser.post("/testing/sessions/ses_0", json={})).status_code == 404
    json_type = {"content-type": "application/json"}
    for bad in (b"{", b"[]"):
        answer = await world.browser.post("/testing/clock", content=bad, headers=json_type)
        assert answer.status_code == 400


async def test_a_port_that_is_taken_is_reported(world):
    """By the name of the setting."""
    with pytest.raises(ConfigurationError, match=r"mock.hosted_url: cannot be listened on"):
        await serve(world.settings, PRODUCTION, asyncio.Event())


async def test_without_secrets_nothing_is_served_or_asked():
    """Neither the vendor nor its adapter has a default key."""
    settings = MockSettings(hosted_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(PluginError, match="must be set"):
        await serve(settings, PRODUCTION, asyncio.Event())
    offer = next(one for one in proofing_proofers() if one.name == "mock:hosted")
    with pytest.raises(PluginError, match="hosted_api_key is not set"):
        offer.make(settings, PRODUCTION)


@pytest.mark.parametrize(
    "session",
    [
        [],
        {},
        {"id": "ses_1", "state": ["open"], "url": "http://127.0.0.1:8900/x"},
        {"id": "ses 1", "state": "open", "url": "http://127.0.0.1:8900/x"},
        {"id": "ses_1", "state": "rich", "url": "http://127.0.0.1:8900/x"},
        {"id": "ses_1", "state": "open", "url": "https://elsewhere.example/x"},
        {"id": "ses_1", "state": "open", "url": "http://127.0.0.1:89001/x"},
        {"id": "ses_1", "state": "open", "url": "http://127.0.0.1:8900/x y"},
        {"id": "ses_1", "state": "open", "url": "http://127.0.0.1:8900/" + "x" * 2000},
    ],
)
async def test_a_page_of_somebody_else_is_nonsense(session):
    """A person is sent to the vendor's own address only."""
    offer = next(one for one in proofing_proofers() if one.name == "mock:hosted")
    settings = MockSettings(**SECRETS)
    answer = FakeVendor(lambda _request: httpx.Response(201, json=session))
    with pytest.raises(VendorError) as caught:
        await offer.make(settings, PRODUCTION).proof(ProofingRequest(), make_context(answer, offer, settings))
    assert caught.value.cause is Cause.NONSENSE


async def test_another_session_than_asked_for_is_nonsense():
    """An answer about somebody else decides nothing."""
    offer = next(one for one in proofing_proofers() if one.name == "mock:hosted")
    settings = MockSettings(**SECRETS)
    other = {"id": "ses_2", "state": "approved", "url": "http://127.0.0.1:8900/x"}
    answer = FakeVendor(lambda _request: httpx.Response(200, json=other))
    page = Leave("http://127.0.0.1:8900/x")
    pending = Pending(state={"session": "ses_1", "url": page.url}, then=page, expires_at=datetime.now(UTC))
    with pytest.raises(VendorError) as caught:
        await offer.make(settings, PRODUCTION).resume(
            ProofingRequest(), pending, Due(), make_context(answer, offer, settings)
        )
    assert caught.value.cause is Cause.NONSENSE
