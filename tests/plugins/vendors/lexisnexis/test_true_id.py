"""TrueID: requests, workflows, the verdict, and what people read of it, on both platforms."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from tests.plugins.vendors.lexisnexis.conftest import (
    CARD,
    METRICS,
    NOTHING,
    PASSPORT,
    WANTED,
    WANTED_SELFIE,
    alerts,
    ddp,
    images,
    put,
    rdp,
    section,
    true_id,
)
from tests.plugins.vendors.lexisnexis.conftest import (
    LICENSE as LICENSE_FIELDS,
)

from proofing.contracts.applicant import DocumentType
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.evidence import Barcode, Inspection
from proofing.contracts.images import Side
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome, SelfieCheck
from proofing.plugin import Cause, VendorError
from proofing.rules.documents import judge_document
from proofing.testing.vendor_checks import caused_by
from proofing_lexisnexis.assureid import ALERTS
from proofing_mock.assureid import ALERTS as ALERTS_OF_THE_MOCK

NAMES = ["true_id", "true_id_ddp"]
WITH_SELFIE = ["true_id_selfie", "true_id_ddp_selfie"]
SELFIE = images(Side.FRONT, Side.BACK, Side.SELFIE)
PAGE = images(Side.PASSPORT)
LIVE = {"FaceMatchResult": "Pass", "FaceErrorMessage": "Successful. Liveness: Live"}
PASSPORT_CLASS = {"DocClassName": "Passport", "DocIssuerType": "Country"}
CARD_CLASS = {
    "DocClassName": "Identification Card",
    "DocIssueType": "Passport Card",
    "DocIssuerType": "Country",
}
NOW = datetime(2026, 11, 30, 18, tzinfo=UTC)
BOTH = {Side.FRONT, Side.BACK}


def wrap(name, nested):
    """Return *nested* as the platform of a proofer sends it."""
    policy = "policy-live-1" if name.endswith("_selfie") else "policy-still-1"
    return ddp(nested, policy, "Authentication") if "_ddp" in name else nested


async def proof(name, *products, verdict="passed", sides=None, wanted=None, **more):
    """Ask TrueID about a document; *more* is as of `put`."""
    selfie = name.endswith("_selfie")
    sides = sides or (SELFIE if selfie else CARD)
    wanted = wanted or (WANTED_SELFIE if selfie else WANTED)
    answer = wrap(name, rdp(verdict, *products, code=f"trueid_{verdict}"))
    result, _request = await put(name, answer, images=sides, wanted=wanted, **more)
    return result


def judged(result, sides=CARD, *, selfie=False):
    """Return what the person is shown of *result*: reasons, and the sides with their messages."""
    marks = {side: image.fingerprint for side, image in sides.items()}
    return judge_document(result, fingerprints=marks, now=NOW, selfie_required=selfie)


def text(side, sides=CARD):
    """Return the base64 text of an image."""
    return base64.b64encode(sides[side].content).decode()


# Requests


async def test_the_request_for_a_card():
    """Both sides, and no selfie that is not wanted."""
    _result, request = await put("true_id", rdp("passed", true_id()), images=SELFIE, wanted=WANTED)
    path = "/restws/identity/v3/accounts/acct2/workflows/crop/conversations"
    assert str(request.url) == f"https://rdp.example.test{path}"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert json.loads(request.content) == {
        "Type": "Initiate",
        "Settings": {"Mode": "testing", "Locale": "es", "Venue": "online", "Reference": "77:0b6e"},
        "Document": {
            "Front": text(Side.FRONT),
            "Back": text(Side.BACK),
            "DocumentType": "DriversLicense",
            "ImageCroppingMode": 3,
        },
    }


async def test_the_request_for_a_passport_and_a_selfie():
    """The data page is the front; a passport has no back."""
    sides = images(Side.PASSPORT, Side.SELFIE)
    product = true_id(result=PASSPORT_CLASS, fields=PASSPORT, portrait=LIVE)
    _result, request = await put("true_id_selfie", rdp("passed", product), images=sides, wanted=WANTED_SELFIE)
    assert request.url.path.split("/")[-2] == "live.crop"
    assert json.loads(request.content)["Document"] == {
        "Front": text(Side.PASSPORT, sides),
        "Selfie": text(Side.SELFIE, sides),
        "DocumentType": "Passport",
        "ImageCroppingMode": 3,
    }


@pytest.mark.parametrize(
    ("name", "mode", "workflow"),
    [
        ("true_id", 3, "crop"),
        ("true_id", 1, "crop"),
        ("true_id", 0, "nocrop"),
        ("true_id_selfie", 3, "live.crop"),
        ("true_id_selfie", 0, "live.nocrop"),
    ],
)
async def test_one_of_four_workflows(name, mode, workflow):
    """By selfie and by whether the images are cropped already."""
    settings = section(true_id={"image_cropping_mode": mode})
    wanted = WANTED_SELFIE if name.endswith("_selfie") else WANTED
    answer = rdp("failed", true_id("fail"))
    result, request = await put(name, answer, settings=settings, images=SELFIE, wanted=wanted)
    assert request.url.path.split("/")[-2] == workflow == result.vendor_workflow
    assert json.loads(request.content)["Document"]["ImageCroppingMode"] == mode


async def test_somebody_without_a_reference_or_a_language():
    """A random reference, which is nobody's, and English."""
    answer = rdp("failed", true_id("fail"))
    changes = {"uuid": None, "uuid_prefix": None, "circumstances": Circumstances()}
    requests = [(await put("true_id", answer, images=CARD, wanted=WANTED, **changes))[1] for _ in range(2)]
    first, second = (json.loads(request.content)["Settings"] for request in requests)
    assert first["Locale"] == "en"
    assert len(first["Reference"]) == 36
    assert first["Reference"] != second["Reference"]


@pytest.mark.parametrize("name", ["true_id_ddp", "true_id_ddp_selfie"])
async def test_the_request_of_the_other_platform(name):
    """Credentials in headers, flat names with dots, and empty texts for what there is not."""
    selfie = name.endswith("_selfie")
    wanted, answer = (WANTED_SELFIE if selfie else WANTED), wrap(name, rdp("failed", true_id("fail")))
    _result, request = await put(name, answer, images=SELFIE, wanted=wanted)
    assert str(request.url) == "https://ddp.example.test/authentication/v1/trueid/"
    assert request.headers["x-api-key"] == "demo-api-key-1"
    assert request.headers["x-org-id"] == "org-of-ours-1"
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert json.loads(request.content) == {
        "policy": "policy-live-1" if selfie else "policy-still-1",
        "service_type": "basic",
        "account_email": "ada@quill.example",
        "customer_event_type": "true_id",
        "Trueid.image_data.white_front": text(Side.FRONT),
        "Trueid.image_data.white_back": text(Side.BACK),
        "Trueid.image_data.selfie": text(Side.SELFIE, SELFIE) if selfie else "",
        "local_attrib_1": "77",
        "local_attrib_3": "0b6e",
    }


async def test_a_passport_on_the_other_platform():
    """Has an empty back."""
    answer = wrap("true_id_ddp", rdp("passed", true_id(result=PASSPORT_CLASS, fields=PASSPORT)))
    result, request = await put("true_id_ddp", answer, images=PAGE, wanted=WANTED)
    sent = json.loads(request.content)
    assert sent["Trueid.image_data.white_front"] == text(Side.PASSPORT, PAGE)
    assert sent["Trueid.image_data.white_back"] == ""
    assert result.passed


@pytest.mark.parametrize("name", [*NAMES, *WITH_SELFIE])
@pytest.mark.parametrize(
    ("sides", "what"),
    [((), "front"), ((Side.FRONT,), "back"), ((Side.BACK,), "front"), ((Side.FRONT, Side.BACK), "selfie")],
)
async def test_what_is_not_whole_is_not_sent(name, sides, what):
    """It would be charged."""
    if what == "selfie" and not name.endswith("_selfie"):
        return
    wanted = WANTED_SELFIE if name.endswith("_selfie") else WANTED
    with pytest.raises(VendorError, match=what, check=caused_by(Cause.BAD_REQUEST)):
        await put(name, {}, images=images(*sides), wanted=wanted)


@pytest.mark.parametrize("lacking", ["uuid", "email"])
async def test_the_other_platform_wants_to_know_whom_it_asks_about(lacking):
    """Neither may be empty."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)):
        await put("true_id_ddp", {}, images=CARD, wanted=WANTED, **{lacking: None})


# Verdicts


@pytest.mark.parametrize("name", NAMES)
async def test_a_yes(name):
    """The transaction's; the ids are those of the product, not of the platform around it."""
    result = await proof(name, true_id())
    assert result.outcome is Outcome.PASSED
    assert result.vendor_name == f"lexisnexis:{name}"
    assert result.document_type is DocumentType.DRIVERS_LICENSE
    assert result.assurance is Assurance.AUTHENTICATED
    assert result.findings == ()
    assert result.selfie is SelfieCheck.NOT_CHECKED
    assert (result.transaction_id, result.reference) == ("81", "77:0b6e")
    assert result.vendor_codes == ("trueid_passed", "DocAuthResult:Passed")
    assert result.billed
    verdict = judged(result)
    assert verdict.passed
    assert not verdict.needs_confirmation


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [200, 201])
async def test_any_success_of_http(name, status):
    """Both have been seen."""
    answer = httpx.Response(status, json=wrap(name, rdp("passed", true_id())))
    result, _request = await put(name, answer, images=CARD, wanted=WANTED)
    assert result.passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["pass", "fail", "error"])
@pytest.mark.parametrize(
    ("engine", "assurance"),
    [
        ("Passed", Assurance.AUTHENTICATED),
        ("Attention", Assurance.AUTHENTICATED),
        ("Caution", Assurance.AUTHENTICATED),
        ("Failed", Assurance.READ),
        ("Skipped", Assurance.READ),
        ("Unknown", Assurance.READ),
        (None, Assurance.READ),
    ],
)
async def test_the_transaction_outweighs_the_engine(name, status, engine, assurance):
    """It is a yes; authenticated is only what the engine has checked and not refused."""
    failed = alerts(("Visible Pattern", "Failed"), ("Layout Valid", "Caution"))
    decision = {"ProductType": "TrueID_Decision", "ExecutedStepName": "D", "ProductStatus": status}
    product = true_id(status, result={"DocAuthResult": engine, **failed})
    result = await proof(name, product, decision)
    assert result.passed
    assert result.findings == ()
    assert result.assurance is assurance
    assert result.billed is (engine is not None)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ["Passed", "Attention", "Unknown"])
async def test_a_no_outweighs_the_engine(name, engine):
    """It is a no without a reason, which nobody can explain to the person."""
    result = await proof(name, true_id(result={"DocAuthResult": engine}), verdict="failed")
    assert result.outcome is Outcome.FAILED
    assert result.assurance is Assurance.READ
    verdict = judged(result)
    assert verdict.reasons == ("general_error",)
    assert verdict.is_unexplained


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("engine", "found", "confirms"),
    [
        ("Attention", [("2D Barcode Read", "Attention")], True),
        ("Attention", [("2D Barcode Read", "Attention"), ("Layout Valid", "Caution")], True),
        ("Attention", [("2D Barcode Read", "Failed")], False),
        ("Attention", [("2D Barcode Content", "Attention")], False),
        ("Attention", [("2D Barcode Read", "Passed")], False),
        ("Passed", [("2D Barcode Read", "Attention")], False),
    ],
)
async def test_an_unreadable_barcode_is_confirmed_by_the_person(name, engine, found, confirms):
    """When the engine wants attention for it."""
    result = await proof(name, true_id(result={"DocAuthResult": engine, **alerts(*found)}))
    assert result.passed
    verdict = judged(result)
    assert verdict.passed
    assert verdict.needs_confirmation is confirms


# Alerts


@pytest.mark.parametrize(("alert", "found"), ALERTS.items())
@pytest.mark.parametrize("word", ["Failed", "Attention", "Caution", "Skipped", None])
async def test_each_alert_has_its_finding(alert, found, word):
    """What was not passed has failed."""
    result = await proof("true_id", true_id("fail", result=alerts((alert, word))), verdict="failed")
    code, side = found
    assert result.findings == (Finding(code=code, side=side, vendor_code=alert),)
    assert not judged(result).is_unexplained


def test_one_table_of_alerts():
    """The testers' form is in these words, too; plugins do not share, so this holds the tables equal."""
    assert ALERTS == ALERTS_OF_THE_MOCK


@pytest.mark.parametrize(
    ("found", "reason", "sides"),
    [
        (["2D Barcode Content"], "barcode_content_check", {Side.BACK}),
        (["2D Barcode Read"], "barcode_read_check", {Side.BACK}),
        (["Photo Printing"], "visible_photo_check", {Side.FRONT}),
        (["Document Classification"], "id_not_recognized", BOTH),
        (["Document Expired"], "expiration_checks", BOTH),
        (["2D Barcode Content", "Control Number Crosscheck"], "multiple_back_id_failures", {Side.BACK}),
        (["2D Barcode Content", "Photo Printing"], "general_error", BOTH),
        (["Full Name Crosscheck", "Sex Crosscheck"], "general_error", BOTH),
        (["Full Name Crosscheck", "2D Barcode Content"], "general_error", BOTH),
        (["Photo Printing", "Document Tampering Detection"], "visible_photo_check", {Side.FRONT}),
    ],
)
async def test_messages_of_failed_checks(found, reason, sides):
    """One class is named; several of a side are summed up, and several sides are a general error."""
    product = true_id("fail", result=alerts(*((name, "Failed") for name in found)))
    verdict = judged(await proof("true_id", product, verdict="failed"))
    assert verdict.reasons == (reason,)
    assert set(verdict.fields) == sides
    assert verdict.tips


@pytest.mark.parametrize("last", [("Visible Pattern", "Passed"), ("Visible Pattern", "Failed")])
async def test_the_first_alert_does_not_swallow_the_tenth(last):
    """Prefixes end with the underscore."""
    names = [f"{word} Check Digit" for word in "Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota".split()]
    found = [
        *((name, "Passed") for name in names),
        ("Sex Crosscheck", "Failed"),
        last,
    ]
    failed = [name for name, word in found if word == "Failed"]
    result = await proof("true_id", true_id("fail", result=alerts(*found)), verdict="failed")
    assert [finding.vendor_code for finding in result.findings] == failed


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Document Tampering Detection", "Document Tampering Detection"),
        ("Composite Check Digit", "Composite Check Digit"),
        ("Issuing State Valid", "Issuing State Valid"),
        ("Series Expired", "Series Expired"),
        ("DD Number Crosscheck", "DD Number Crosscheck"),
        ("Ada Quill", "unnamed"),
        ("Quill", "unnamed"),
        ("Ada Quill, 900-12-3456: no such person", "unnamed"),
        ("Check 900123456", "unnamed"),
        (None, "unnamed"),
    ],
)
async def test_an_alert_without_a_word_of_ours_is_logged_by_its_name(name, kept):
    """And by nothing that could be personal data."""
    result = await proof("true_id", true_id("fail", result=alerts((name, "Failed"))), verdict="failed")
    assert result.findings == (Finding(code=FindingCode.OTHER, vendor_code=kept),)
    assert judged(result).is_unexplained


# Images


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("changes", "reason", "sides"),
    [
        ({"HorizontalResolution": ["289", "600"]}, "dpi_low", {Side.FRONT}),
        ({"VerticalResolution": ["600", "289"]}, "dpi_low", {Side.BACK}),
        ({"VerticalResolution": ["289", "100"]}, "dpi_low_both_sides", BOTH),
        ({"HorizontalResolution": ["600"]}, "dpi_low", {Side.BACK}),
        ({"HorizontalResolution": ["600", None]}, "dpi_low", {Side.BACK}),
        ({"HorizontalResolution": ["290", "290"]}, "general_error", BOTH),
        ({"SharpnessMetric": ["39", "40"]}, "sharp_low", {Side.FRONT}),
        ({"SharpnessMetric": ["39", "0"]}, "sharp_low_both_sides", BOTH),
        ({"SharpnessMetric": [None, None]}, "general_error", BOTH),
        ({"GlareMetric": ["40", "39.5"]}, "glare_low", {Side.BACK}),
        ({"GlareMetric": []}, "general_error", BOTH),
        ({"GlareMetric": ["1", "1"], "SharpnessMetric": ["1", "60"]}, "sharp_low", {Side.FRONT}),
        ({"SharpnessMetric": ["1", "1"], "VerticalResolution": ["600", "1"]}, "dpi_low", {Side.BACK}),
    ],
)
async def test_messages_of_bad_images(name, changes, reason, sides):
    """Resolution first, then sharpness, then glare; checks of the document come after them all."""
    product = true_id("fail", metrics={**METRICS, **changes}, result=alerts(("Moon Phase Check", "Failed")))
    verdict = judged(await proof(name, product, verdict="failed"))
    assert verdict.reasons == (reason,)
    assert set(verdict.fields) == sides


async def test_a_yes_outweighs_bad_images():
    """They are findings anyway."""
    result = await proof("true_id", true_id(metrics={**METRICS, "GlareMetric": ["1", "100"]}))
    assert result.passed
    assert result.findings == (Finding(code=FindingCode.GLARE, side=Side.FRONT),)
    assert judged(result).passed


@pytest.mark.parametrize(("name", "key"), [("true_id", "true_id"), ("true_id_ddp", "ddp")])
async def test_thresholds_are_settings(name, key):
    """They belong to the vendor's scale."""
    settings = section(**{key: {"dpi_threshold": 700, "sharpness_threshold": 70, "glare_threshold": 101}})
    result = await proof(name, true_id(), settings=settings)
    assert {finding.code for finding in result.findings} == {
        FindingCode.LOW_RESOLUTION,
        FindingCode.BLUR,
        FindingCode.GLARE,
    }


async def test_the_front_of_a_passport_is_its_data_page():
    """Which is the side that people know."""
    metrics = {"Side": ["Front"], "HorizontalResolution": ["100"], "VerticalResolution": ["100"]}
    product = true_id("fail", result=PASSPORT_CLASS, fields=PASSPORT, metrics=metrics)
    result = await proof("true_id", product, verdict="failed", sides=PAGE)
    verdict = judged(result, PAGE)
    assert (verdict.reasons, set(verdict.fields)) == (("dpi_low",), {Side.PASSPORT})


# What the document is


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"DocClassName": "Drivers License"}, DocumentType.DRIVERS_LICENSE),
        ({"DocClassName": "Identification Card"}, DocumentType.STATE_ID_CARD),
        ({"DocClassName": "Passport Card"}, DocumentType.PASSPORT_CARD),
        ({"DocClassName": "PassportCard"}, DocumentType.PASSPORT_CARD),
        (CARD_CLASS, DocumentType.PASSPORT_CARD),
    ],
)
async def test_types_with_two_sides(result, expected):
    """A passport card is reported as an identification card."""
    fields = PASSPORT if expected is DocumentType.PASSPORT_CARD else None
    found = await proof("true_id", true_id(result=result, fields=fields))
    assert found.document_type is expected
    assert judged(found).passed


async def test_a_passport():
    """Of one page."""
    result = await proof("true_id", true_id(result=PASSPORT_CLASS, fields=PASSPORT), sides=PAGE)
    assert result.document_type is DocumentType.PASSPORT
    assert judged(result, PAGE).passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verdict", ["passed", "failed"])
@pytest.mark.parametrize(
    ("result", "fields"),
    [
        ({"DocClassName": "Tribal Identification"}, {}),
        ({"DocClassName": "drivers license"}, {}),
        ({}, {"Fields_CountryCode": "CAN"}),
    ],
)
async def test_documents_that_are_not_accepted(name, verdict, result, fields):
    """By class or country, whatever the verdict; nothing else is said then."""
    product = true_id(
        result={**result, **alerts(("Sex Crosscheck", "Failed"))}, fields={**LICENSE_FIELDS, **fields}
    )
    found = await proof(name, product, verdict=verdict)
    assert found.outcome is Outcome.FAILED
    assert judged(found).reasons == ("doc_type_check",)
    assert set(judged(found).fields) == BOTH


@pytest.mark.parametrize(("name", "passed"), [("true_id", False), ("true_id_ddp", True)])
@pytest.mark.parametrize("issuer", ["Tribal", "State or Province", "Municipality"])
async def test_issuers_that_are_not_accepted(name, passed, issuer):
    """The other platform does not name them, and so they are not read there."""
    result = await proof(name, true_id(result={"DocIssuerType": issuer}))
    assert result.passed is passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("issuer", ["StateProvince", "Country", "Unknown", "", None])
@pytest.mark.parametrize("country", ["USA", "US", "PRI", "MP", "", None])
async def test_what_is_accepted(name, issuer, country):
    """And what is not said is not held against anybody."""
    fields = {**LICENSE_FIELDS, "Fields_CountryCode": country}
    result = await proof(name, true_id(result={"DocIssuerType": issuer}, fields=fields))
    assert result.passed


@pytest.mark.parametrize("name", NAMES)
async def test_a_document_of_unknown_class_cannot_pass(name):
    """Nothing was read, so nothing is known of anybody."""
    result = await proof(name, true_id(result={"DocClassName": "Unknown"}))
    assert result.outcome is Outcome.FAILED
    assert result.applicant is None
    assert result.document_type is None
    assert judged(result).reasons == ("general_error",)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("class_name", ["", None])
async def test_a_yes_names_the_document(name, class_name):
    """Otherwise it is neither yes nor no; a no need not."""
    product = true_id(result={"DocClassName": class_name})
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await proof(name, product)
    result = await proof(name, product, verdict="failed")
    assert result.outcome is Outcome.FAILED
    assert result.document_type is None


@pytest.mark.parametrize(
    ("name", "reason"), [("true_id", "general_error"), ("true_id_ddp", "doc_type_check")]
)
async def test_the_country_of_what_could_not_be_read(name, reason):
    """Counts on the other platform alone."""
    fields = {**LICENSE_FIELDS, "Fields_CountryCode": "CAN"}
    result = await proof(name, true_id(result={"DocClassName": "Unknown"}, fields=fields))
    assert judged(result).reasons == (reason,)


@pytest.mark.parametrize("name", NAMES)
async def test_a_document_of_which_nothing_was_read_cannot_pass(name):
    """Whatever the transaction says."""
    result = await proof(name, true_id(fields={}))
    assert result.outcome is Outcome.FAILED
    assert result.applicant is None
    assert judged(result).reasons == ("general_error",)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("result", "fields", "sides"),
    [
        ({"DocClassName": "Drivers License"}, None, PAGE),
        ({"DocClassName": "Identification Card"}, None, PAGE),
        (PASSPORT_CLASS, PASSPORT, CARD),
    ],
)
async def test_another_document_than_asked_for(name, result, fields, sides):
    """A license on the page for passports, and the other way round."""
    found = await proof(name, true_id(result=result, fields=fields), sides=sides)
    assert found.outcome is Outcome.FAILED
    assert judged(found, sides).reasons == ("doc_type_check",)


@pytest.mark.parametrize("result", [CARD_CLASS, {**CARD_CLASS, "DocIssueType": "PassportCard"}])
async def test_passport_cards_that_are_not_wanted(result):
    """Also where their class hides them; through the other platform they never pass."""
    product = true_id(result=result, fields=PASSPORT)
    without = replace(WANTED, document_types=WANTED.document_types - {DocumentType.PASSPORT_CARD})
    for name, wanted in (("true_id", without), ("true_id_ddp", WANTED)):
        found = await proof(name, product, wanted=wanted)
        assert found.outcome is Outcome.FAILED
        assert judged(found).reasons == ("doc_type_check",)


# The selfie


@pytest.mark.parametrize("name", WITH_SELFIE)
@pytest.mark.parametrize(
    ("portrait", "check"),
    [
        (LIVE, SelfieCheck.MATCH),
        ({"FaceMatchResult": "Pass"}, SelfieCheck.MATCH),
        ({"FaceMatchResult": "Pass", "FaceErrorMessage": "Liveness: NotLive"}, SelfieCheck.NOT_LIVE),
        ({"FaceMatchResult": "Fail", "FaceErrorMessage": "Successful. Liveness: Live"}, SelfieCheck.NO_MATCH),
        ({"FaceMatchResult": "Fail", "FaceErrorMessage": "Liveness: NotLive"}, SelfieCheck.NOT_LIVE),
        ({"FaceMatchResult": "Fail", "FaceErrorMessage": "Liveness: PoorQuality"}, SelfieCheck.BAD_QUALITY),
        ({"FaceMatchResult": "Fail"}, SelfieCheck.NO_MATCH),
        ({"FaceErrorMessage": "Liveness: NotLive"}, SelfieCheck.NOT_CHECKED),
        (None, SelfieCheck.NOT_CHECKED),
    ],
)
async def test_what_the_comparison_came_to(name, portrait, check):
    """Only a live match passes, and a required selfie that was not compared fails."""
    result = await proof(name, true_id(portrait=portrait))
    assert result.selfie is check
    assert result.passed is (check is SelfieCheck.MATCH)


@pytest.mark.parametrize(
    ("found", "metrics", "reason", "sides"),
    [
        ([], {}, "selfie_not_live_or_poor_quality", {Side.SELFIE}),
        ([], {"GlareMetric": ["1", "100"]}, "glare_low", {Side.FRONT}),
        ([("2D Barcode Read", "Attention")], {}, "selfie_not_live_or_poor_quality", {Side.SELFIE}),
        ([("Sex Crosscheck", "Failed")], {}, "selfie_not_live_or_poor_quality", {Side.SELFIE}),
    ],
)
async def test_messages_of_the_selfie_of_a_document_that_passed(found, metrics, reason, sides):
    """Bad images come first; failed checks do not count when the transaction was passed."""
    portrait = {"FaceMatchResult": "Fail", "FaceErrorMessage": "Liveness: PoorQuality"}
    result = {"DocAuthResult": "Attention", **alerts(*found)}
    product = true_id(result=result, metrics={**METRICS, **metrics}, portrait=portrait)
    verdict = judged(await proof("true_id_selfie", product), SELFIE, selfie=True)
    assert verdict.reasons == (reason,)
    assert set(verdict.fields) == sides


async def test_messages_of_the_selfie_of_a_document_that_failed():
    """Failed checks come first; without one the selfie explains it."""
    for found, reason in (([("Sex Crosscheck", "Failed")], "sex_check"), ([], "selfie_fail")):
        product = true_id("fail", result=alerts(*found), portrait={"FaceMatchResult": "Fail"})
        verdict = judged(await proof("true_id_selfie", product, verdict="failed"), SELFIE, selfie=True)
        assert verdict.reasons == (reason,)


async def test_a_selfie_that_was_not_wanted_does_not_count():
    """Whatever the answer says of one."""
    result = await proof("true_id", true_id(portrait={"FaceMatchResult": "Fail"}))
    assert result.passed
    assert result.selfie is SelfieCheck.NOT_CHECKED


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "metrics",
    [
        {"Side": ["Front", "Top"]},
        {"GlareMetric": ["good", "100"]},
        {"GlareMetric": ["nan", "100"]},
        {"GlareMetric": [], "SharpnessMetric": [None, None]},
    ],
)
async def test_metrics_decide_nothing(name, metrics):
    """One of another side, or without a number, makes no answer unreadable, and blames no image."""
    product = true_id(metrics={**METRICS, **metrics})
    result = await proof(name, product)
    assert (result.outcome, result.findings) == (Outcome.PASSED, ())
    result = await proof(name, product, verdict="failed")
    assert (result.outcome, result.findings) == (Outcome.FAILED, ())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("word", ["Splendid", "Skipped", "Unknown", "", None])
async def test_a_check_was_passed_by_one_word_alone(name, word):
    """Any other is that of a check that was not passed, and decides as little."""
    product = true_id(result=alerts(("Sex Crosscheck", word)))
    assert (await proof(name, product)).passed
    result = await proof(name, product, verdict="failed")
    assert result.findings == (Finding(code=FindingCode.SEX, vendor_code="Sex Crosscheck"),)


# Answers that are none


def without(key):
    """Return the product without one of its keys."""
    return {name: value for name, value in true_id().items() if name != key}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verdict", ["passed", "failed"])
@pytest.mark.parametrize(
    "product",
    [
        true_id(result={"DocAuthResult": "Splendid"}),
        true_id(result={"Alert_AlertName": "Sex Crosscheck"}),
        {**true_id(), "ParameterDetails": {"Group": "AUTHENTICATION_RESULT"}},
        {
            **true_id(),
            "ParameterDetails": [
                {"Group": "AUTHENTICATION_RESULT", "Name": "DocAuthResult", "Values": "Passed"}
            ],
        },
        {
            **true_id(),
            "ParameterDetails": [{"Group": "AUTHENTICATION_RESULT", "Values": [{"Value": "Passed"}]}],
        },
        {**true_id(), "ProductStatus": "splendid"},
        without("ProductStatus"),
        {**true_id(), "ProductType": "TrueID_Decision"},
    ],
)
async def test_answers_that_nobody_understands(name, verdict, product):
    """Neither yes nor no: unknown words, wrong types, and no product at all."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await proof(name, product, verdict=verdict)


@pytest.mark.parametrize("name", WITH_SELFIE)
@pytest.mark.parametrize(
    "portrait",
    [
        {"FaceMatchResult": "Perhaps"},
        {"FaceMatchResult": "Pass", "FaceErrorMessage": "Liveness: Unclear"},
        {"FaceMatchResult": "Pass", "FaceErrorMessage": "Successful. Liveness: Unclear"},
        {"FaceMatchResult": "Pass", "FaceErrorMessage": "Successfully compared with another face"},
    ],
)
async def test_a_comparison_that_nobody_understands(name, portrait):
    """It is neither the same face nor another one."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await proof(name, true_id(portrait=portrait))


@pytest.mark.parametrize("name", NAMES)
async def test_no_answer(name):
    """Technical trouble blames no image."""
    for nested, cause in ((rdp("error"), Cause.UNREACHABLE), (rdp("passed"), Cause.NONSENSE)):
        with pytest.raises(VendorError, check=caused_by(cause)):
            await put(name, wrap(name, nested), images=CARD, wanted=WANTED)
    if name == "true_id_ddp":
        with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
            await put(name, wrap(name, NOTHING), images=CARD, wanted=WANTED)


async def test_the_details_of_the_last_of_a_name_hold():
    """Names repeat in answers."""
    product = true_id()
    product["ParameterDetails"] += [
        {
            "Group": "AUTHENTICATION_RESULT",
            "Name": "DocClassName",
            "Values": [{"Value": "Identification Card"}],
        }
    ]
    result = await proof("true_id", product)
    assert result.document_type is DocumentType.STATE_ID_CARD


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("checks", "presence", "barcode"),
    [
        ([], False, Barcode.NOT_CHECKED),
        ([("Physical Document Presence", "Passed")], True, Barcode.NOT_CHECKED),
        ([("Physical Document Presence", "Skipped")], False, Barcode.NOT_CHECKED),
        ([("2D Barcode Read", "Passed")], False, Barcode.NOT_CHECKED),
        (
            [("2D Barcode Read", "Passed"), ("Document Crosscheck Aggregation", "Passed")],
            False,
            Barcode.MATCH,
        ),
        (
            [("2D Barcode Read", "Passed"), ("Document Crosscheck Aggregation", "Caution")],
            False,
            Barcode.NOT_CHECKED,
        ),
    ],
)
async def test_only_checks_that_were_passed_were_done(name, checks, presence, barcode):
    """Nobody knows that our page's photos were captured live."""
    result = await proof(name, true_id(result=alerts(*checks)))
    assert result.passed
    assert result.inspection == Inspection(presence=presence, barcode=barcode)


@pytest.mark.parametrize("name", WITH_SELFIE)
async def test_a_face_is_live_only_where_the_answer_says_so(name):
    """A match alone compares."""
    assert (await proof(name, true_id(portrait=LIVE))).inspection.liveness
    for message in (None, "Successful", "Successful."):
        quiet = await proof(name, true_id(portrait={**LIVE, "FaceErrorMessage": message}))
        assert (quiet.selfie, quiet.inspection.liveness) == (SelfieCheck.MATCH, False)
