"""DocV: the capture app is opened, and the result is fetched, and charged, when there may be one."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from proofing.contracts.applicant import PASSPORT_TYPES, Applicant, DocumentType
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import DocumentResult, Outcome
from proofing.plugin import (
    Again,
    Cause,
    Due,
    Event,
    EventKind,
    Expired,
    Leave,
    Pending,
    PluginError,
    Received,
    Returned,
    VendorError,
)
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_socure import SocureSettings, proofing_proofers

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
REQUESTS = "https://service.socure.example/api/5.0/documents/request"
APP = "https://verify.socure.example/#/dv/t-1"
SECTION = {
    "base_url": "https://sandbox.socure.example",
    "api_key": "k",
    "docv_request_url": REQUESTS,
    "docv_use_case_key": "flow_key",
    "docv_capture_domains": ["socure.example"],
}
SELFIE = {
    "docv_selfie_use_case_key": "selfie_key",
    "docv_selfie_pass_codes": ["I836"],
}
OFFER = next(one for one in proofing_proofers() if one.name == "socure:docv")
PERSON = Applicant(uuid="u-1", email="fakey@example.test")
OPENED = {"docvTransactionToken": "t-1", "url": APP, "qrCode": "data:image/png;base64,", "eventId": "e-1"}
FOUND = {
    "reasonCodes": ["I831", "I836"],
    "documentType": {"type": "Drivers License", "state": "NY", "country": "USA"},
    "decision": {"name": "lenient", "value": "accept"},
    "documentData": {"firstName": "Fakey", "surName": "McFakerson", "dob": "1938-10-06"},
}


class World:
    """DocV, Socure, and what the calls were billed as.

    Attributes:
        now: of the worker's clock.
        billed: whether each call was charged.
    """

    def __init__(self, *, opened=None, found=None, wanted=None, locale="en", **section):
        self.settings = SocureSettings(**{**SECTION, **section})
        self.opened = httpx.Response(200, json={"referenceId": "d-1", "data": OPENED})
        self.opened = self.opened if opened is None else opened
        self.found = httpx.Response(200, json={"referenceId": "d-2", "documentVerification": FOUND})
        self.found = self.found if found is None else found
        self.vendor = FakeVendor(self.answer)
        self.now, self.billed = NOW, 0
        self.request = ProofingRequest(
            applicant=PERSON,
            wanted=wanted or Wanted(document_types=frozenset(DocumentType) - {DocumentType.OTHER}),
            circumstances=Circumstances(locale=locale),
        )

    def answer(self, request):
        """Open or decide."""
        return self.opened if str(request.url) == REQUESTS else self.found

    async def context(self):
        """Return that of one call."""

        async def note_intent():
            self.billed += 1

        context = make_context(self.vendor, OFFER, self.settings, note_intent=note_intent)
        return replace(context, now=lambda: self.now)

    async def open(self):
        """Open the capture app."""
        proofer = OFFER.make(self.settings, make_process())
        return await proofer.proof(self.request, await self.context())

    async def resume(self, pending, because):
        """Continue, as another worker would."""
        kept = Pending.from_json(json.loads(json.dumps(pending.to_json())))
        proofer = OFFER.make(self.settings, make_process())
        return await proofer.resume(self.request, kept, because, await self.context())

    def sent(self, number=-1):
        """Return a body that Socure got."""
        return json.loads(self.vendor.requests[number].content)


def refused(cause, match=None) -> AbstractContextManager:
    """Expect an error of this *cause*."""
    return pytest.raises(VendorError, check=caused_by(cause), match=match)


def received(kind, *, finished=False):
    """Return an event of the webhook."""
    return Received(Event(kind=kind, reference="t-1", data={"finished": True} if finished else {}))


READY = received(EventKind.READY)
PROGRESS = received(EventKind.PROGRESS)
OTHER = received(EventKind.OTHER)
COMPLETE = received(EventKind.PROGRESS, finished=True)
EXPIRED = received(EventKind.EXPIRED)


async def test_the_document_request():
    """It is free, names our return address, and the person is sent where Socure says, for an hour."""
    world = World()
    pending = await world.open()
    (request,) = world.vendor.requests
    assert (request.method, str(request.url)) == ("POST", REQUESTS)
    assert request.headers["authorization"] == "SocureApiKey k"
    assert world.sent() == {
        "config": {
            "documentType": "license",
            "redirect": {"method": "GET", "url": f"https://proofing.example.gov/return/{'q' * 48}"},
            "language": "en",
            "useCaseKey": "flow_key",
        },
        "customerUserId": "u-1",
    }
    assert world.billed == 0
    assert pending.then == Leave(APP, qr_text=APP)
    assert (pending.reference, pending.expires_at) == ("t-1", NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("locale", "language"),
    [("en", "en"), ("es", "es"), ("fr", "fr"), ("zh", "zh-cn"), ("zh-TW", "zh-cn"), (None, "en")],
)
async def test_languages(locale, language):
    """Chinese has another name at Socure."""
    world = World(locale=locale)
    await world.open()
    assert world.sent()["config"]["language"] == language


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ({DocumentType.DRIVERS_LICENSE, DocumentType.PASSPORT}, "license"),
        ({DocumentType.STATE_ID_CARD}, "license"),
        ({DocumentType.PASSPORT}, "passport"),
        (PASSPORT_TYPES, "passport"),
        ({DocumentType.PASSPORT_CARD}, "license"),
        ({DocumentType.MOBILE_DRIVERS_LICENSE}, "digital_id"),
        (frozenset(), "license"),
    ],
)
async def test_types_of_requests(wanted, kind):
    """One kind of those that are wanted."""
    world = World(wanted=Wanted(document_types=frozenset(wanted)))
    await world.open()
    assert world.sent()["config"]["documentType"] == kind


@pytest.mark.parametrize(
    ("section", "wanted", "flow"),
    [
        ({**SELFIE, "docv_selfie": True}, Wanted(), "selfie_key"),
        (SELFIE, Wanted(selfie=True), "selfie_key"),
        (SELFIE, Wanted(), "flow_key"),
        (
            {**SELFIE, "docv_selfie": True},
            Wanted(document_types=frozenset({DocumentType.MOBILE_DRIVERS_LICENSE}), selfie=True),
            "flow_key",
        ),
    ],
)
async def test_flows(section, wanted, flow):
    """With a selfie where the settings or the question want one; never for a license on a phone."""
    world = World(wanted=wanted, **section)
    await world.open()
    assert world.sent()["config"]["useCaseKey"] == flow


async def test_a_selfie_needs_a_flow():
    """A question that cannot be asked as wanted is not asked."""
    world = World(wanted=Wanted(selfie=True))
    with refused(Cause.BAD_REQUEST, "docv_selfie_use_case_key"):
        await world.open()
    assert not world.vendor.requests


@pytest.mark.parametrize("name", ["docv_request_url", "docv_use_case_key"])
async def test_without_address_and_flow_there_is_no_proofer(name):
    """The message names what is missing."""
    with pytest.raises(PluginError, match=name):
        await World(**{name: None}).open()


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://verify.socure.example/x",
        "https://verify.socure.example.attacker.example/x",
        "https://attackersocure.example/x",
        "https://socure.example@attacker.example/x",
        "https://user@verify.socure.example/x",
        "https://verify.socure.example/ x",
        "javascript:alert(1)",
        "//verify.socure.example/x",
        "https://[/x",
        f"https://verify.socure.example/{'x' * 1000}",
    ],
)
async def test_people_are_sent_to_socure_alone(url):
    """Not without an address, either."""
    with refused(Cause.NONSENSE):
        await World(
            opened=httpx.Response(200, json={"referenceId": "d-1", "data": {**OPENED, "url": url}})
        ).open()


@pytest.mark.parametrize("host", ["socure.example", "verify.socure.example", "a.b.socure.example:8443"])
async def test_domains_of_the_capture_app(host):
    """A domain, and all below it."""
    data = {**OPENED, "url": f"https://{host}/x"}
    pending = await World(opened=httpx.Response(200, json={"referenceId": "d-1", "data": data})).open()
    assert pending.then.url == f"https://{host}/x"


async def test_a_stand_in_on_this_machine():
    """May be reached without TLS."""
    data = {**OPENED, "url": "http://127.0.0.1:8901/x"}
    opened = httpx.Response(200, json={"referenceId": "d-1", "data": data})
    pending = await World(opened=opened, docv_capture_domains=["127.0.0.1"]).open()
    assert pending.then.url == "http://127.0.0.1:8901/x"


@pytest.mark.parametrize(
    "body",
    [
        {"referenceId": "d-1"},
        {"referenceId": "d-1", "data": {}},
        {"referenceId": "d-1", "data": {**OPENED, "docvTransactionToken": ""}},
        {"referenceId": "d-1", "data": {**OPENED, "docvTransactionToken": 7}},
        {"status": "Error", "referenceId": "d-1", "msg": "no", "data": OPENED},
        {"data": OPENED},
    ],
)
async def test_an_app_that_was_not_opened(body):
    """Nobody is sent anywhere."""
    with refused(Cause.NONSENSE):
        await World(opened=httpx.Response(200, json=body)).open()


@pytest.mark.parametrize("because", [READY, Due()])
async def test_the_fetch(because):
    """Once the documents are uploaded, or when the event is overdue. It is charged."""
    world = World()
    result = await world.resume(await world.open(), because)
    assert isinstance(result, DocumentResult)
    assert (result.outcome, result.vendor_name, result.transaction_id) == (
        Outcome.PASSED,
        "socure:docv",
        "d-2",
    )
    assert result.vendor_workflow == "flow_key"
    assert str(world.vendor.requests[-1].url) == "https://sandbox.socure.example/api/3.0/EmailAuthScore"
    assert world.sent() == {
        "modules": ["documentverification"],
        "docvTransactionToken": "t-1",
        "customerUserId": "u-1",
        "email": "fakey@example.test",
    }
    assert world.billed == 1


@pytest.mark.parametrize("missing", ["documentType", "documentData", "decision"])
async def test_a_yes_that_lacks_something_is_no_answer(missing):
    """It still names Socure's id of the call, by which operators may ask."""
    found = {name: value for name, value in FOUND.items() if name != missing}
    world = World(found=httpx.Response(200, json={"referenceId": "d-2", "documentVerification": found}))
    pending = await world.open()
    with refused(Cause.NONSENSE) as caught:
        await world.resume(pending, READY)
    assert (caught.value.transaction_id, caught.value.billed) == ("d-2", True)


async def test_a_selfie_that_was_asked_for_must_have_been_compared():
    """A flow that compares none although the settings say so passes nobody."""
    world = World(docv_selfie=True, **SELFIE)
    assert (await world.resume(await world.open(), READY)).passed
    world = World(docv_selfie=True, **{**SELFIE, "docv_selfie_pass_codes": ["I999"]})
    pending = await world.open()
    with refused(Cause.NONSENSE):
        await world.resume(pending, READY)


@pytest.mark.parametrize("because", [PROGRESS, OTHER])
async def test_events_that_say_little_cost_nothing(because):
    """The person is still in the app, and its link is still offered."""
    world = World()
    pending = await world.open()
    later = await world.resume(pending, because)
    assert later.then == pending.then
    assert world.billed == 0


@pytest.mark.parametrize("because", [Returned(), COMPLETE])
async def test_a_person_who_is_done(because):
    """Waits for the event for two minutes, without the link; nothing puts that off, and nothing is paid."""
    world = World()
    pending = await world.resume(await world.open(), because)
    assert pending.then == Again(120.0)
    world.now = NOW + timedelta(seconds=50)
    for news in (Returned(), COMPLETE, PROGRESS, OTHER):
        pending = await world.resume(pending, news)
        assert pending.then == Again(70.0)
    assert world.billed == 0
    world.now = NOW + timedelta(minutes=5)
    assert (await world.resume(pending, PROGRESS)).then == Again(0.0)
    result = await world.resume(pending, Due())
    assert result.passed
    assert world.billed == 1


@pytest.mark.parametrize("because", [EXPIRED, Expired()])
async def test_a_person_who_never_was_done_costs_nothing(because):
    """There is nothing to fetch."""
    world = World()
    pending = await world.resume(await world.open(), PROGRESS)
    with refused(Cause.ABANDONED):
        await world.resume(pending, because)
    assert world.billed == 0


@pytest.mark.parametrize("because", [EXPIRED, Expired(), READY])
async def test_a_person_who_is_done_gets_the_result(because):
    """Also in the last moment, and when the session expired meanwhile."""
    world = World()
    pending = await world.resume(await world.open(), Returned())
    assert (await world.resume(pending, because)).passed


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (httpx.Response(200, json={"status": "Error", "referenceId": "d-2", "msg": "no"}), Cause.NONSENSE),
        (httpx.Response(400, json={"status": "Error", "referenceId": "d-2", "msg": "no"}), Cause.BAD_REQUEST),
        (httpx.Response(401, json={}), Cause.AUTHENTICATION),
        (httpx.Response(404, json={}), Cause.BAD_REQUEST),
        (httpx.Response(429, json={}), Cause.QUOTA),
        (httpx.Response(503, json={}), Cause.UNREACHABLE),
        (httpx.Response(200, content=b"", headers={"content-type": "application/json"}), Cause.NONSENSE),
        (httpx.Response(204), Cause.NONSENSE),
    ],
)
async def test_a_fetch_without_an_answer(found, cause):
    """An error is no reject, with HTTP 200 neither."""
    world = World(found=found)
    pending = await world.open()
    with refused(cause):
        await world.resume(pending, READY)
