"""Every adapter against the sandbox, over real HTTP: each test input comes to what it comes to with the mock.

Adapters and sandbox are written apart from each other, from the vendors' documentation.
"""

import json

import httpx
import pytest

from proofing.base.errors import Cause
from proofing.bootstrap import configure, make_clients
from proofing.contracts.applicant import ACCEPTED_TYPES, Applicant
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.images import Side
from proofing.contracts.messages import Channel, Message
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import LineType, Match, Outcome, ProoferKind, Refusal
from proofing.jobs.questions import Waiting
from proofing.jobs.trying import try_vendor
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg
from proofing_sandbox.specimen import specimen

PERSON = Applicant(
    first_name="Ada",
    last_name="Quill",
    dob="1985-03-07",
    ssn="900123456",
    address1="9 Elm St",
    city="Troy",
    state="NY",
    zipcode="12180",
    phone="2025550123",
    email="ada@example.org",
    state_id_number="S900123",
    state_id_jurisdiction="TX",
    document_type_received="drivers_license",
    uuid="person-1",
)
SESSION = "0123456789abcdef0123456789abcdef"
SIDES = (Side.FRONT, Side.BACK)

RESOLUTION = ["lexisnexis:instant_verify", "lexisnexis:instant_verify_ddp", "socure:kyc"]
PHONE = [
    "lexisnexis:phone_finder",
    "lexisnexis:phone_finder_v3",
    "lexisnexis:phone_finder_ddp",
    "socure:phone_risk",
    "twilio",
]
DOCUMENT = ["lexisnexis:true_id", "lexisnexis:true_id_ddp", "aws_identity"]
WITH_SELFIE = ["lexisnexis:true_id_selfie", "lexisnexis:true_id_ddp_selfie", "aws_identity:selfie"]
HOSTED = ["socure:docv", "stripe"]
MESSENGERS = ["aws_identity:messaging", "twilio"]


@pytest.fixture
def trying(sandbox, tmp_path, monkeypatch):
    """Return a function that puts a question to a vendor, with the settings that the sandbox prints."""
    monkeypatch.chdir(tmp_path)
    plugins = ["huey", "local", "mock", *sandbox.settings]
    values = {"plugins": plugins, "log_directory": None, **sandbox.settings}
    (tmp_path / "settings.yaml").write_text(json.dumps({"default": values}))

    async def ask(name, kind, *, sides=(), circumstances=None, message=None, then=None, **changes):
        configuration = await configure(tmp_path / "settings.yaml", {"PROOFING_ENV": "test"}, role="cli")
        loaded = configuration.plugins.proofers[kind, name]
        request = ProofingRequest(
            applicant=PERSON.merge(changes),
            images={side: inspect_image(make_jpeg(comment=side.encode())) for side in sides},
            wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=Side.SELFIE in sides),
            circumstances=circumstances or Circumstances(locale="en", ip_address="192.0.2.1"),
            message=message,
        )
        clients = make_clients(configuration.settings)
        try:
            context = clients.context(loaded, loaded.policy())
            if then == "check":
                return await clients.proofers.check(loaded, context)
            found = await try_vendor(loaded, request, clients, configuration.settings)
            if then == "forget":
                # Twice: an erasure may be repeated.
                return [await clients.proofers.forget(loaded, found.pending, context) for _ in range(2)]
        finally:
            await clients.close()
        if isinstance(found, Waiting):
            return found
        return found.error.cause if found.error else found.result

    return ask


def outcome_of(found):
    """Return the outcome of a result, and an error's cause as it is."""
    return found if isinstance(found, Cause) else found.outcome


@pytest.mark.parametrize("name", RESOLUTION)
async def test_resolution(trying, name):
    """First name, SSN and ZIP code decide."""
    expected = {
        (): Outcome.PASSED,
        (("ssn", "123456789"),): Outcome.FAILED,
        (("first_name", "Bad"),): Outcome.FAILED,
        (("first_name", "Fail"),): Cause.UNREACHABLE,
        (("first_name", "Parse"),): Cause.NONSENSE,
    }
    found = {
        changes: outcome_of(await trying(name, ProoferKind.RESOLUTION, **dict(changes)))
        for changes in expected
    }
    assert found == expected


@pytest.mark.parametrize("name", PHONE)
async def test_phone(trying, name):
    """The number decides."""
    found = [
        outcome_of(await trying(name, ProoferKind.PHONE, phone=number))
        for number in ("2025550123", "7035555555", "7035555999")
    ]
    assert found == [Outcome.PASSED, Outcome.FAILED, Cause.UNREACHABLE]


async def test_state_id(trying):
    """The number of the license decides; what the state says of single attributes is kept."""
    found = await trying("aamva:state_id", ProoferKind.STATE_ID)
    assert (found.outcome, "address" in found.verified_attributes) == (Outcome.PASSED, True)
    assert (
        outcome_of(await trying("aamva:state_id", ProoferKind.STATE_ID, state_id_number="00"))
        is Outcome.FAILED
    )
    late = await trying("aamva:state_id", ProoferKind.STATE_ID, state_id_number="mvatimeout")
    assert late in {Cause.SOURCE_TIMEOUT, Cause.MAINTENANCE}
    whole = {
        "address2": "Apt 2",
        "middle_name": "May",
        "name_suffix": "Jr",
        "height": 67,
        "sex": "female",
        "eye_color": "BLU",
        "weight": 140,
        "state_id_issued": "2020-05-14",
        "state_id_expiration": "2031-05-14",
    }
    told = await trying("aamva:state_id", ProoferKind.STATE_ID, **whole)
    assert {name for name, match in told.attributes.items() if match is Match.MATCH} >= {
        "address2",
        *whole,
        "document_type_received",
    }


async def test_device(trying):
    """The browser's session decides."""
    found = [
        outcome_of(
            await trying(
                "lexisnexis:threat_metrix",
                ProoferKind.DEVICE,
                circumstances=Circumstances(
                    ip_address="192.0.2.1", device_session_id=f"{word}{SESSION}"[:32]
                ),
            )
        )
        for word in ("", "review", "reject", "no_result")
    ]
    assert found == [Outcome.PASSED, Outcome.REVIEW, Outcome.FAILED, Cause.UNREACHABLE]


async def test_passport(trying):
    """The number in the machine-readable zone decides."""
    zone = "\n".join(specimen().mrz)
    asked = {"document_type_received": "passport"}
    assert (await trying("dos:passport", ProoferKind.PASSPORT, mrz=zone, **asked)).outcome is Outcome.PASSED
    bad = zone.replace(specimen().passport_number, "000000012")
    assert (await trying("dos:passport", ProoferKind.PASSPORT, mrz=bad, **asked)).outcome is Outcome.FAILED


@pytest.mark.parametrize("name", [*DOCUMENT, *WITH_SELFIE])
async def test_document(trying, sandbox, name):
    """The specimen is read; a tester's choice decides otherwise."""
    sides = (*SIDES, Side.SELFIE) if name in WITH_SELFIE else SIDES
    found = await trying(name, ProoferKind.DOCUMENT, sides=sides)
    assert found.outcome is Outcome.PASSED
    person = specimen()
    assert (found.applicant.first_name, found.applicant.dob) == (person.first_name, person.dob)
    assert found.applicant.state_id_number == person.license_number
    async with httpx.AsyncClient(base_url=sandbox.url) as tester:
        chosen = await tester.put("/sandbox/*", json={"verdict": "failed"})
        assert chosen.status_code == 204
        refused = await trying(name, ProoferKind.DOCUMENT, sides=sides)
        assert outcome_of(refused) is not Outcome.PASSED
        await tester.put("/sandbox/*", json={"fault": "error_503"})
        assert await trying(name, ProoferKind.DOCUMENT, sides=sides) is Cause.UNREACHABLE


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("name", MESSENGERS)
async def test_messengers(trying, sandbox, name, channel):
    """The number decides; what was taken is at the tester's phone."""

    async def send(number):
        # Without a code, as the link of a hand-off: the text is sent as it is.
        code = "12" if channel is Channel.VOICE else None
        message = Message(
            channel=channel, number=f"+1{number}", locale="en", text='Code "1" & <2>', code=code
        )
        found = await trying(name, ProoferKind.MESSENGER, message=message)
        return found if isinstance(found, Cause) else found.refusal

    assert await send("2025550123") is None
    assert await send("7035550181") is (Refusal.OPTED_OUT if channel is Channel.TEXT else None)
    # AWS learns only later that a phone cannot be reached.
    blocked = Refusal.NOT_ALLOWED if name.startswith("aws") else Refusal.UNREACHABLE
    assert await send("7035550182") is blocked
    assert await send("7035550189") is Cause.UNREACHABLE
    async with httpx.AsyncClient(base_url=sandbox.url) as tester:
        arrived = (await tester.get("/sandbox/phone")).json()
        assert {(one["channel"], one["text"]) for one in arrived} == {(channel.value, 'Code "1" & <2>')}
        await tester.put("/sandbox/*", json={"fault": "error_429"})
        assert await send("2025550123") is Cause.QUOTA
        await tester.delete("/sandbox")
        assert (await tester.get("/sandbox/phone")).json() == []


@pytest.mark.parametrize(
    "name", ["lexisnexis:phone_finder", "lexisnexis:phone_finder_v3", "lexisnexis:phone_finder_ddp"]
)
async def test_phone_finder_names_the_line(trying, name):
    """By an indicator that holds with a yes, too: core refuses a code to it."""
    found = await trying(name, ProoferKind.PHONE, phone="7035550183")
    assert (found.line_type, found.outcome) == (LineType.VOIP, Outcome.PASSED)
    assert (await trying(name, ProoferKind.PHONE)).line_type is LineType.MOBILE


async def test_twilio_names_the_line(trying):
    """An internet line is known before a code is sent there."""
    found = await trying("twilio", ProoferKind.PHONE, phone="7035550183")
    assert (found.line_type, found.outcome) == (LineType.VOIP, Outcome.FAILED)


@pytest.mark.parametrize("name", HOSTED)
async def test_hosted(trying, sandbox, name):
    """The person is sent to a page that exists."""
    found = await trying(name, ProoferKind.DOCUMENT)
    url = found.pending.then.url
    assert url.startswith(sandbox.url)
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
    assert page.status_code == 200
    assert "<button" in page.text


async def test_stripe_deletes_what_it_holds_of_a_person(trying):
    """By its redaction, which it makes once."""
    assert await trying("stripe", ProoferKind.DOCUMENT, then="forget") == [True, False]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("socure:kyc", ProoferKind.RESOLUTION),
        ("socure:phone_risk", ProoferKind.PHONE),
        ("socure:docv", ProoferKind.DOCUMENT),
    ],
)
async def test_socure_lists_the_codes_of_the_settings(trying, sandbox, name, kind):
    """All that the sandbox prints; a list that does not come is a sentence."""
    assert await trying(name, kind, then="check") is None
    async with httpx.AsyncClient(base_url=sandbox.url) as tester:
        await tester.put("/sandbox/socure:reason_codes", json={"fault": "error_401"})
    assert "401" in await trying(name, kind, then="check")


@pytest.mark.parametrize(
    "fault", ["error_500", "error_429", "error_401", "html", "empty", "redirect", "truncated"]
)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, ProoferKind.RESOLUTION) for name in RESOLUTION),
        *((name, ProoferKind.PHONE) for name in PHONE),
        ("aamva:state_id", ProoferKind.STATE_ID),
        ("dos:passport", ProoferKind.PASSPORT),
    ],
)
async def test_faults_are_no_verdicts(trying, sandbox, name, kind, fault):
    """Whatever goes wrong on the way is an error with a cause."""
    async with httpx.AsyncClient(base_url=sandbox.url) as tester:
        await tester.put("/sandbox/*", json={"fault": fault})
    passport = {"mrz": "\n".join(specimen().mrz), "document_type_received": "passport"}
    found = await trying(name, kind, **(passport if kind is ProoferKind.PASSPORT else {}))
    assert isinstance(found, Cause)
    if fault == "error_401" and name != "aamva:state_id":
        assert found is Cause.AUTHENTICATION
    if fault == "error_429" and name != "aamva:state_id":
        assert found is Cause.QUOTA
