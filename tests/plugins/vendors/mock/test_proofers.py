"""Every input of the mock, and what it answers."""

import asyncio
import time

import pytest

import proofing_mock
from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.evidence import Barcode, Death, Inspection
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import (
    Assurance,
    Finding,
    FindingCode,
    Match,
    Outcome,
    ProoferKind,
    ReviewStatus,
    SelfieCheck,
)
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg, make_png
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_mock import MockSettings, assureid, standard

GOOD = Applicant(
    first_name="FAKEY", last_name="MCFAKERSON", dob="1938-10-06", ssn="900661234", zipcode="59010-1234"
)
LICENSE = Applicant(
    state_id_number="1111111111111", state_id_jurisdiction="ND", document_type_received="drivers_license"
)
JPEG = inspect_image(make_jpeg())


async def ask(kind, *, settings=None, **facts):
    """Put a question to the mock of one kind."""
    settings = settings or MockSettings()
    descriptor = next(found for found in proofing_mock.proofing_proofers() if found.kind is kind)

    def nobody(_request):
        raise AssertionError("the mock calls nobody")

    context = make_context(FakeVendor(nobody), descriptor, settings)
    return await descriptor.make(settings, make_process()).proof(ProofingRequest(**facts), context)


async def resolve(settings=None, **changes):
    """Resolve the good applicant with some changes."""
    return await ask(ProoferKind.RESOLUTION, settings=settings, applicant=GOOD.merge(changes))


async def test_resolution_success():
    """A test SSN resolves, with the known ids."""
    for ssn in ("900661234", "666-12-3456", "900-66-1234"):
        result = await resolve(ssn=ssn)
        assert result.passed
        assert result.vendor_name == "ResolutionMock"
        assert result.transaction_id == "resolution-mock-transaction-id-123"
        assert result.reference == "aaa-bbb-ccc"
        assert set(result.attributes.values()) == {Match.MATCH}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ssn": "000-00-0000"}, Cause.UNREACHABLE),
        ({"ssn": "000000000", "first_name": "Timea"}, Cause.UNREACHABLE),
        ({"first_name": "Fail"}, Cause.UNREACHABLE),
        ({"first_name": "Timefail"}, Cause.UNREACHABLE),
        ({"first_name": "Bad Time"}, Cause.TIMEOUT),
        ({"first_name": "PARSEfal"}, Cause.NONSENSE),
        ({"first_name": "parse", "ssn": "123456789"}, Cause.NONSENSE),
    ],
)
async def test_resolution_exceptions(changes, error):
    """By SSN, then by what the first name contains, in order."""
    with pytest.raises(VendorError, check=caused_by(error)) as caught:
        await resolve(**changes)
    assert caught.value.vendor_name == "ResolutionMock"


@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"first_name": "Badger"}, "first_name"),
        ({"first_name": "bad", "ssn": "123456789"}, "first_name"),
        ({"ssn": "123456789"}, "ssn"),
        ({"ssn": None}, "ssn"),
        ({"ssn": "123456789", "zipcode": "00000"}, "ssn"),
        ({"zipcode": "00000"}, "zipcode"),
        ({"zipcode": "00000-1234"}, "zipcode"),
    ],
)
async def test_resolution_failures(changes, attribute):
    """One attribute is to blame, in order."""
    result = await resolve(**changes)
    assert result.outcome is Outcome.FAILED
    assert result.attributes == {attribute: Match.MISMATCH}
    assert result.reasons == (f"{attribute}_mismatch",)


async def test_allowed_ssns_resolve():
    """A tester's SSN can be allowed by setting."""
    settings = MockSettings(test_ssn_allowed_list=["123-45-6789"])
    assert (await resolve(settings, ssn="123456789")).passed
    assert not (await resolve(settings, ssn="123456780")).passed


@pytest.mark.parametrize(
    ("phone", "outcome"),
    [
        ("7035550100", Outcome.PASSED),
        ("7035555555", Outcome.FAILED),
        ("+1 (703) 555-5555", Outcome.FAILED),
        ("1-703-555-5555", Outcome.FAILED),
        (None, Outcome.FAILED),
    ],
)
async def test_address(phone, outcome):
    """By number, whatever its formatting."""
    result = await ask(ProoferKind.PHONE, applicant=Applicant(phone=phone))
    assert result.outcome is outcome
    assert result.vendor_name == "AddressMock"
    assert result.transaction_id == "address-mock-transaction-id-123"
    assert result.attributes["phone"] is (Match.MATCH if result.passed else Match.MISMATCH)


@pytest.mark.parametrize(
    ("phone", "error"), [("703-555-5888", Cause.TIMEOUT), ("17035555999", Cause.UNREACHABLE)]
)
async def test_address_exceptions(phone, error):
    """Two numbers end without an answer."""
    with pytest.raises(VendorError, check=caused_by(error)):
        await ask(ProoferKind.PHONE, applicant=Applicant(phone=phone))


async def test_state_id_success():
    """It verifies what can cure a resolution."""
    result = await ask(ProoferKind.STATE_ID, applicant=LICENSE)
    assert result.passed
    assert result.vendor_name == "StateIDMock"
    assert result.transaction_id == "state-id-mock-transaction-id-456"
    assert result.verified_attributes == {"address", "dob", "state_id_number"}
    assert result.requested_attributes["state_id_number"]


async def test_state_id_time_out():
    """The office's own time-out has its code."""
    with pytest.raises(VendorError, check=caused_by(Cause.SOURCE_TIMEOUT)) as caught:
        await ask(ProoferKind.STATE_ID, applicant=LICENSE.merge({"state_id_number": "MvaTimeout"}))
    assert caught.value.codes == ("0047",)


@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"state_id_jurisdiction": "NY"}, "state_id_jurisdiction"),
        ({"state_id_jurisdiction": None}, "state_id_jurisdiction"),
        ({"state_id_number": None}, "state_id_number"),
        ({"state_id_number": " "}, "state_id_number"),
        ({"state_id_number": "0000"}, "state_id_number"),
        ({"document_type_received": "passport"}, "document_type_received"),
        ({"document_type_received": None}, "document_type_received"),
    ],
)
async def test_state_id_failures(changes, attribute):
    """Each fault is named; nothing is verified."""
    result = await ask(ProoferKind.STATE_ID, applicant=LICENSE.merge(changes))
    assert result.outcome is Outcome.FAILED
    assert result.attributes[attribute] is Match.MISMATCH
    assert result.reasons == (f"{attribute}_mismatch",)
    assert not result.verified_attributes


async def test_reviews():
    """By first name, unless that asks for a failure, and by phone number."""
    for first_name in ("Review", "MCREVIEWER"):
        result = await resolve(first_name=first_name)
        assert (result.outcome, result.reasons) == (Outcome.REVIEW, ("review_as_asked",))
        assert not result.attributes
    assert (await resolve(first_name="Bad Review")).outcome is Outcome.FAILED
    for phone in ("703-555-5777", "+1 (703) 555 5777"):
        result = await ask(ProoferKind.PHONE, applicant=Applicant(phone=phone))
        assert (result.outcome, result.reasons) == (Outcome.REVIEW, ("review_as_asked",))
        assert not result.attributes


@pytest.mark.parametrize(
    ("session_id", "status", "outcome"),
    [
        (None, ReviewStatus.PASS, Outcome.PASSED),
        ("a1b2", ReviewStatus.PASS, Outcome.PASSED),
        ("a1b2-pass", ReviewStatus.PASS, Outcome.PASSED),
        ("review-a1b2", ReviewStatus.REVIEW, Outcome.REVIEW),
        ("a1-reject-b2", ReviewStatus.REJECT, Outcome.FAILED),
    ],
)
async def test_device(session_id, status, outcome):
    """By the selector in the session's id."""
    result = await ask(ProoferKind.DEVICE, circumstances=Circumstances(device_session_id=session_id))
    assert (result.review_status, result.outcome) == (status, outcome)
    assert result.transaction_id == "ddp-mock-transaction-id-123"


async def test_device_without_result():
    """The selector of no result is an exception."""
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await ask(ProoferKind.DEVICE, circumstances=Circumstances(device_session_id="a1b2-no_result"))


async def document(front, back=None, **more):
    """Show a document; texts stand for forms."""

    def image(content):
        return Image(content.encode(), "application/yaml") if isinstance(content, str) else content

    images = {Side.FRONT: image(front), Side.BACK: image(back or front), **more}
    return await ask(ProoferKind.DOCUMENT, images=images)


async def test_real_images_read_as_the_standard_applicant():
    """Any image does, and a data URL of one."""
    png = inspect_image(make_png())
    for image in (
        JPEG,
        png,
        "data:image/png;base64,iVBORw0KGgo=",
        " data:image/jpeg;charset=utf-8;base64,/9j/",
    ):
        result = await document(image)
        assert result.passed
        assert result.applicant == standard.LICENSE
        assert result.document_type is DocumentType.DRIVERS_LICENSE
        assert result.assurance is Assurance.AUTHENTICATED
        assert result.findings == ()
        assert result.selfie is SelfieCheck.NOT_CHECKED
        assert result.passport_check is Match.NOT_CHECKED
    person = standard.LICENSE.reveal()
    assert (person["first_name"], person["last_name"], person["name_suffix"]) == ("FAKEY", "MCFAKERSON", "JR")
    assert (person["city"], person["state"], person["zipcode"]) == ("GREAT FALLS", "MT", "59010-1234")


@pytest.mark.parametrize(
    ("word", "outcome", "reasons"),
    [
        ("BAD", Outcome.FAILED, ("passport_mismatch",)),
        ("bad", Outcome.FAILED, ("passport_mismatch",)),
        ("REVIEW", Outcome.REVIEW, ("review_as_asked",)),
        ("FAKEY", Outcome.PASSED, ()),
    ],
)
async def test_the_issuer_of_passports(word, outcome, reasons):
    """By words in the machine-readable zone; the standard passport is confirmed."""
    read = Applicant(mrz=f"P<USADOE<<{word}<<<")
    result = await ask(ProoferKind.PASSPORT, applicant=read)
    assert (result.outcome, result.reasons, result.vendor_name) == (outcome, reasons, "PassportMock")
    assert (await ask(ProoferKind.PASSPORT, applicant=standard.PASSPORT)).passed
    assert (await ask(ProoferKind.PASSPORT, applicant=Applicant())).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("word", "cause"), [("FAIL", Cause.UNREACHABLE), ("TIME", Cause.TIMEOUT), ("PARSE", Cause.NONSENSE)]
)
async def test_errors_of_the_issuer_of_passports(word, cause):
    """The same words as for resolution."""
    with pytest.raises(VendorError, check=caused_by(cause)):
        await ask(ProoferKind.PASSPORT, applicant=Applicant(mrz=f"P<USADOE<<{word}<<<"))


async def test_passports_and_selfies():
    """A passport's page reads as a passport; a selfie is compared."""
    result = await ask(ProoferKind.DOCUMENT, images={Side.PASSPORT: JPEG})
    assert result.applicant == standard.PASSPORT
    assert result.document_type is DocumentType.PASSPORT
    assert result.passport_check is Match.NOT_CHECKED
    for shown in (JPEG, "document: {}"):
        assert (await document(shown, **{Side.SELFIE: JPEG})).selfie is SelfieCheck.MATCH


def check_digit(text):
    """Return the check digit of ICAO 9303 part 3, section 4.9."""
    values = [0 if c == "<" else int(c) if c.isdigit() else ord(c) - 55 for c in text]
    return str(sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10)


def test_the_standard_passport_has_a_sound_machine_readable_zone():
    """Two lines of 44 characters with check digits that hold."""
    mrz = standard.PASSPORT.mrz
    first, second = mrz[:44], mrz[44:]
    assert len(second) == 44
    assert first.startswith("P<USAMCFAKERSON<<FAKEY")
    for start, end in ((0, 9), (13, 19), (21, 27)):
        assert second[end] == check_digit(second[start:end])
    assert second[43] == check_digit(second[:10] + second[13:20] + second[21:43])


@pytest.mark.parametrize(
    "text",
    [
        "http://example.test/front.jpg",
        "data:text/html,<b>",
        "data:image/png",
        "just text",
        "- list",
        "shoe_size: 40",
    ],
)
async def test_what_is_no_form_is_a_general_failure(text):
    """Texts that mean nothing fail, and explain nothing."""
    result = await document(text)
    assert result.outcome is Outcome.FAILED
    assert result.findings == ()
    assert result.applicant is None
    assert result.reasons == ("unreadable_document_form",)


async def test_the_back_decides_before_the_front():
    """When both sides hold texts; an image on one side leaves the word to the other."""
    passed, failed = "document: {}", "transaction_status: failed"
    assert (await document(failed, passed)).passed
    assert not (await document(passed, failed)).passed
    assert not (await document(failed, JPEG)).passed


@pytest.mark.parametrize(
    ("text", "outcome", "codes"),
    [
        ("document: {}", Outcome.PASSED, []),
        ("doc_auth_result: Caution", Outcome.FAILED, []),
        ("doc_auth_result: Failed", Outcome.FAILED, []),
        ("doc_auth_result: Unknown", Outcome.FAILED, []),
        ("doc_auth_result: Skipped", Outcome.FAILED, []),
        ("doc_auth_result: Attention", Outcome.FAILED, []),
        ("transaction_status: failed", Outcome.FAILED, []),
        ("transaction_status: review", Outcome.REVIEW, []),
        ("{transaction_status: Review, doc_auth_result: Caution}", Outcome.REVIEW, []),
        ("{transaction_status: passed, doc_auth_result: Failed}", Outcome.FAILED, []),
        (
            "{transaction_status: passed, doc_auth_result: Passed, failed_alerts: [{name: Visible Pattern}]}",
            Outcome.PASSED,
            [],
        ),
        (
            "{transaction_status: failed, doc_auth_result: Passed, failed_alerts: [{name: Visible Pattern}]}",
            Outcome.FAILED,
            ["not_genuine"],
        ),
        (
            "failed_alerts: [{name: 2D Barcode Read, result: Attention}]",
            Outcome.PASSED,
            ["barcode_unreadable"],
        ),
        (
            "{transaction_status: failed, failed_alerts: [{name: 2D Barcode Read, result: Attention}]}",
            Outcome.PASSED,
            ["barcode_unreadable"],
        ),
        (
            "{doc_auth_result: Caution, failed_alerts: [{name: 2D Barcode Read, result: Attention}]}",
            Outcome.FAILED,
            ["barcode_unreadable"],
        ),
        (
            "{failed_alerts: [{name: 2D Barcode Read, result: Attention}], http_status: {back: 438}}",
            Outcome.FAILED,
            ["image_unreadable", "barcode_unreadable"],
        ),
        (
            "failed_alerts: [{name: 2D Barcode Read, result: Failed}]",
            Outcome.FAILED,
            ["barcode_unreadable"],
        ),
        (
            "{doc_auth_result: Attention, failed_alerts: [{name: 2D Barcode Read}, {name: Photo Printing}]}",
            Outcome.FAILED,
            ["barcode_unreadable", "portrait"],
        ),
        ("failed_alerts: [{name: Visible Pattern}]", Outcome.FAILED, ["not_genuine"]),
        ("failed_alerts: [{name: Moon Phase}]", Outcome.FAILED, ["other"]),
        (
            "{doc_auth_result: Failed, failed_alerts: [{name: Sex Crosscheck, result: Passed}]}",
            Outcome.FAILED,
            [],
        ),
        ("image_metrics: {back: {HorizontalResolution: 289}}", Outcome.FAILED, ["low_resolution"]),
        ("image_metrics: {back: {VerticalResolution: 100}}", Outcome.FAILED, ["low_resolution"]),
        ("image_metrics: {back: {SharpnessMetric: 39}}", Outcome.FAILED, ["blur"]),
        ("image_metrics: {front: {GlareMetric: 0}}", Outcome.FAILED, ["glare"]),
        (
            "image_metrics: {front: {GlareMetric: 1, SharpnessMetric: 1, HorizontalResolution: 1}}",
            Outcome.FAILED,
            ["low_resolution", "blur", "glare"],
        ),
        (
            "image_metrics: {front: {GlareMetric: 40, SharpnessMetric: 40, HorizontalResolution: 290}}",
            Outcome.PASSED,
            [],
        ),
        ("{doc_auth_result: Passed, image_metrics: {front: {GlareMetric: 0}}}", Outcome.PASSED, ["glare"]),
        ("http_status: {front: 438}", Outcome.FAILED, ["image_unreadable"]),
    ],
)
async def test_verdicts_of_forms(text, outcome, codes):
    """What the form says, or what it implies, in our words."""
    result = await document(text)
    assert (result.outcome, [finding.code for finding in result.findings]) == (outcome, codes)


@pytest.mark.parametrize(
    ("name", "code", "side"), [(name, *entry) for name, entry in assureid.ALERTS.items()]
)
async def test_every_alert_has_our_word_and_its_side(name, code, side):
    """The vendor's name of it is kept for the log."""
    (finding,) = (await document(f"failed_alerts: [{{name: {name}}}]")).findings
    assert finding == Finding(code=code, side=side, vendor_code=name)


@pytest.mark.parametrize(
    ("seen", "accepted"),
    [
        ("{}", True),
        ("{ClassName: Drivers License, IssuerType: State or Province, CountryCode: USA}", True),
        ("{ClassName: Identification Card, CountryCode: PRI}", True),
        ("{ClassName: passport card, IssuerType: Country, CountryCode: gu}", True),
        ("{ClassName: Unknown, IssuerType: Unknown}", True),
        ("{ClassName: Tribal Identification}", False),
        ("{IssuerType: Company}", False),
        ("{ClassName: Drivers License, CountryCode: CAN}", False),
    ],
)
async def test_classes_that_are_not_accepted(seen, accepted):
    """Class, issuer and country, by side; what is not said is not held against anybody."""
    unsupported = Finding(code=FindingCode.UNSUPPORTED_DOCUMENT, side=Side.FRONT)
    result = await document(f"classification_info: {{Front: {seen}}}")
    assert result.findings == (() if accepted else (unsupported,))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("drivers_license", DocumentType.DRIVERS_LICENSE),
        ("identification_card", DocumentType.STATE_ID_CARD),
        ("passport_card", DocumentType.PASSPORT_CARD),
        ("library_card", DocumentType.OTHER),
        ("null", None),
    ],
)
async def test_document_types(text, kind):
    """In our words; what is none of them is another type."""
    assert (await document(f"document: {{document_type_received: {text}}}")).document_type is kind


async def test_a_document_that_was_only_read():
    """The form says so."""
    assert (await document("document: {}")).assurance is Assurance.AUTHENTICATED
    assert (await document("{document: {}, assurance: read}")).assurance is Assurance.READ


def refused(**statuses):
    """Return the findings of refused images."""
    return [
        Finding(code=assureid.REFUSED[status], side=Side(side), vendor_code=str(status))
        for side, status in statuses.items()
    ]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("http_status: {front: 438}", refused(front=438)),
        ("http_status: {front: 438, back: 440}", refused(front=438, back=440)),
        ("http_status: {result: 439}", refused(front=439, back=439)),
        ("http_status: {passport: 438}", []),
        ("http_status: {passport: 500}", []),
        ("http_status: {front: 200}", []),
        ("http_status: {front: null}", []),
    ],
)
async def test_refused_images(text, findings):
    """Statuses of sides that are not there say nothing."""
    assert list((await document(text)).findings) == findings


@pytest.mark.parametrize(
    "text",
    [
        "http_status: {front: 500}",
        "http_status: {back: 503}",
        "http_status: {result: 500}",
        "passport_check_result: {NetworkResult: Fail}",
    ],
)
async def test_failing_vendor(text):
    """Server errors are exceptions."""
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await document(text)


async def test_passport_check_and_portraits():
    """Both come as the form says."""
    result = await document(
        "{document: {}, passport_check_result: {PassportCheckResult: Fail, NetworkResult: Pass}}"
    )
    assert result.passport_check is Match.MISMATCH
    result = await document(
        "portrait_match_results: {FaceMatchResult: Fail, FaceErrorMessage: 'Liveness: NotLive'}"
    )
    assert result.selfie is SelfieCheck.NOT_LIVE


async def test_latency_costs_no_thread_and_is_kept():
    """Each call takes the set time, and many calls take it together."""
    settings = MockSettings(latency_seconds=0.05)
    started = time.monotonic()
    results = await asyncio.gather(*(resolve(settings) for _ in range(200)))
    assert time.monotonic() - started >= 0.05
    assert all(result.passed for result in results)


async def test_what_the_mocks_say_of_evidence():
    """A death record by first name; an account that is the person's or not; everything about a document."""
    assert (await resolve(first_name="Ada")).death is Death.CLEAR
    dead = await resolve(first_name="Deceased")
    assert (dead.outcome, dead.death) == (Outcome.FAILED, Death.HIT)
    assert dead.attributes == {"dead": Match.MISMATCH}
    found = await ask(ProoferKind.PHONE, applicant=Applicant(phone="7035550100"))
    assert found.account is Match.MATCH
    failed = await ask(ProoferKind.PHONE, applicant=Applicant(phone="7035555555"))
    assert failed.account is Match.MISMATCH
    done = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH, liveness=True)
    assert (await document(JPEG)).inspection == done
    assert (await document("document: {}")).inspection == done
