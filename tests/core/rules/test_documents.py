"""Verdicts on documents: the stages, the classes in their order, and which images are to blame."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import LICENSE_TYPES, Applicant
from proofing.contracts.images import Side
from proofing.contracts.results import (
    Alert,
    Check,
    Classification,
    DocAuthResult,
    DocumentResult,
    ImageMetrics,
    Outcome,
    StateIDResult,
)
from proofing.rules.document_errors import ALERTS, IMAGE_FAILURES, ErrorCode, Part
from proofing.rules.documents import (
    SelfieStatus,
    failed_before,
    has_barcode_attention,
    judge_document,
    judge_with_state_id,
    missing_sides,
    no_answer_verdict,
    required_sides,
)

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
LICENSE = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    address1="1 FAKE RD",
    state="MT",
    zipcode="59010-1234",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    state_id_expiration="2099-12-31",
    document_type_received="drivers_license",
)
PASSPORT = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    mrz="P<USA",
    issuing_country_code="USA",
    document_type_received="passport",
)
MARKS = {Side.FRONT: "f", Side.BACK: "b"}
WITH_SELFIE = {**MARKS, Side.SELFIE: "s"}
BOTH = {Side.FRONT, Side.BACK}
FAILED, ATTENTION = DocAuthResult.FAILED, DocAuthResult.ATTENTION


def answer(**replaced):
    """Return a vendor's answer on a good license with some of it replaced."""
    return replace(DocumentResult(vendor_name="v", outcome=Outcome.PASSED, applicant=LICENSE), **replaced)


def refusal(**replaced):
    """Return an answer that says no."""
    return answer(outcome=Outcome.FAILED, doc_auth_result=FAILED, **replaced)


def alerts(*names, result=FAILED):
    """Return failed alerts of these names."""
    return tuple(Alert(name=name, result=result) for name in names)


def judge(result, marks=None, **arguments):
    """Judge on a fixed day."""
    return judge_document(result, fingerprints=marks or MARKS, now=NOW, **arguments)


def test_a_good_document_passes():
    """Nothing is wrong anywhere."""
    verdict = judge(answer())
    assert verdict.passed
    assert verdict.doc_auth_success
    assert not verdict.reasons
    assert not verdict.fields
    assert not verdict.failed_fingerprints
    assert not verdict.needs_confirmation


def test_no_answer_blames_no_image():
    """An exception, or an unknown outcome, is not a failure."""
    for verdict in (no_answer_verdict(), judge(answer(outcome=Outcome.UNKNOWN))):
        assert verdict.outcome is Outcome.UNKNOWN
        assert verdict.reasons == (ErrorCode.NETWORK,)
        assert not verdict.fields
        assert not verdict.failed_fingerprints
        assert not verdict.tips


@pytest.mark.parametrize(
    ("passport", "selfie", "sides"),
    [
        (False, False, (Side.FRONT, Side.BACK)),
        (False, True, (Side.FRONT, Side.BACK, Side.SELFIE)),
        (True, False, (Side.PASSPORT,)),
        (True, True, (Side.PASSPORT, Side.SELFIE)),
    ],
)
def test_needed_sides(passport, selfie, sides):
    """Front and back, or the passport's page; and the face where it is required."""
    assert required_sides(passport=passport, selfie=selfie) == sides
    missing = missing_sides([sides[0]], passport=passport, selfie=selfie)
    assert missing == dict.fromkeys(sides[1:], ErrorCode.MISSING_IMAGE)


def test_an_image_that_failed_before_is_named():
    """Only the side it failed on counts."""
    assert failed_before(MARKS, {Side.FRONT: {"f", "x"}, Side.BACK: {"f"}}) == {
        Side.FRONT: ErrorCode.FAILED_BEFORE
    }
    assert failed_before(MARKS, {}) == {}


@pytest.mark.parametrize(("name", "code", "part"), [(name, *entry) for name, entry in ALERTS.items()])
def test_each_alert_has_its_class_and_side(name, code, part):
    """One alert: its class, at its side, with tips, and that image is remembered."""
    verdict = judge(refusal(failed_alerts=alerts(name)))
    sides = {Part.FRONT: {Side.FRONT}, Part.BACK: {Side.BACK}, Part.WHOLE: BOTH}[part]
    assert verdict.reasons == (code,)
    assert verdict.fields == dict.fromkeys(sides, code)
    assert verdict.failed_fingerprints == {side: MARKS[side] for side in sides}
    assert verdict.tips
    assert not verdict.doc_auth_success


@pytest.mark.parametrize(
    ("names", "code", "sides"),
    [
        (("2D Barcode Content", "2D Barcode Read"), "multiple_back_id_failures", {Side.BACK}),
        (("Photo Printing", "Visible Photo Characteristics"), "visible_photo_check", {Side.FRONT}),
        (("Birth Date Crosscheck", "Birth Date Valid"), "birth_date_checks", BOTH),
        (("Photo Printing", "2D Barcode Content"), "general_error", BOTH),
        (("Full Name Crosscheck", "Sex Crosscheck"), "general_error", BOTH),
        (("Full Name Crosscheck", "2D Barcode Content"), "general_error", BOTH),
    ],
)
def test_several_alerts(names, code, sides):
    """One class stays itself; several of one side, or of several sides, come to one word."""
    verdict = judge(refusal(failed_alerts=alerts(*names)))
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == sides


def test_several_fronts(monkeypatch):
    """Several classes of the front have a word of their own (the table has one class today)."""
    table = {**ALERTS, "Extra": (ErrorCode.SEX, Part.FRONT)}
    monkeypatch.setattr("proofing.rules.documents.ALERTS", table)
    verdict = judge(refusal(failed_alerts=alerts("Photo Printing", "Extra")))
    assert verdict.reasons == ("multiple_front_id_failures",)
    assert set(verdict.fields) == {Side.FRONT}


def test_unknown_alerts_are_named_and_not_counted():
    """They go to the log; alone they explain nothing."""
    verdict = judge(refusal(failed_alerts=alerts("Photo Printing", "Moon Phase")))
    assert verdict.reasons == ("visible_photo_check",)
    assert verdict.unknown_alerts == ("Moon Phase",)
    verdict = judge(refusal(failed_alerts=alerts("Moon Phase")))
    assert verdict.reasons == ("general_error",)
    assert verdict.is_unexplained
    assert verdict.failed_fingerprints == MARKS
    assert verdict.tips


def test_alerts_that_passed_do_not_count():
    """A list of failed alerts may hold one whose result is passed."""
    verdict = judge(refusal(failed_alerts=alerts("Photo Printing", result=DocAuthResult.PASSED)))
    assert verdict.is_unexplained


@pytest.mark.parametrize(
    ("metrics", "code", "sides"),
    [
        ({Side.BACK: ImageMetrics(horizontal_resolution=289)}, "dpi_low", {Side.BACK}),
        ({Side.FRONT: ImageMetrics(vertical_resolution=100, sharpness=1, glare=1)}, "dpi_low", {Side.FRONT}),
        (
            {
                Side.FRONT: ImageMetrics(horizontal_resolution=1),
                Side.BACK: ImageMetrics(vertical_resolution=1),
            },
            "dpi_low_both_sides",
            BOTH,
        ),
        ({Side.FRONT: ImageMetrics(sharpness=39, glare=1)}, "sharp_low", {Side.FRONT}),
        (
            {Side.FRONT: ImageMetrics(sharpness=39), Side.BACK: ImageMetrics(sharpness=0)},
            "sharp_low_both_sides",
            BOTH,
        ),
        ({Side.BACK: ImageMetrics(glare=39)}, "glare_low", {Side.BACK}),
        (
            {Side.FRONT: ImageMetrics(glare=39), Side.BACK: ImageMetrics(glare=2)},
            "glare_low_both_sides",
            BOTH,
        ),
        (
            {Side.FRONT: ImageMetrics(glare=1), Side.BACK: ImageMetrics(sharpness=1)},
            "sharp_low",
            {Side.BACK},
        ),
    ],
)
def test_metrics_come_before_alerts_and_without_tips(metrics, code, sides):
    """Resolution before sharpness before glare; at the limit is good enough."""
    verdict = judge(refusal(image_metrics=metrics, failed_alerts=alerts("Photo Printing")))
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == sides
    assert set(verdict.failed_fingerprints) == sides
    assert not verdict.tips


def test_metrics_at_their_limits_are_good_enough():
    """The limits are inclusive, a selfie has none, and a vendor's yes outweighs them."""
    limits = ImageMetrics(horizontal_resolution=290, vertical_resolution=290, sharpness=40, glare=40)
    bad = ImageMetrics(horizontal_resolution=1)
    verdict = judge(refusal(image_metrics={Side.FRONT: limits, Side.SELFIE: bad}))
    assert verdict.reasons == ("general_error",)
    assert judge(answer(image_metrics={Side.FRONT: bad})).passed


@pytest.mark.parametrize(
    ("classification", "supported"),
    [
        (Classification(), True),
        (
            Classification(class_name="Drivers License", issuer_type="State or Province", country_code="USA"),
            True,
        ),
        (Classification(class_name="Identification Card", country_code="PRI"), True),
        (Classification(class_name="passport card", issuer_type="Country", country_code="gu"), True),
        (Classification(class_name="Unknown", issuer_type="Unknown"), True),
        (Classification(class_name="Tribal Identification"), False),
        (Classification(issuer_type="Company"), False),
        (Classification(class_name="Drivers License", country_code="CAN"), False),
    ],
)
def test_unsupported_documents_come_first(classification, supported):
    """Class, issuer and country, before metrics; also against the vendor's yes."""
    facts = {
        "classification": {Side.FRONT: classification},
        "image_metrics": {Side.BACK: ImageMetrics(horizontal_resolution=1)},
    }
    verdict = judge(refusal(**facts))
    assert verdict.reasons == (("dpi_low",) if supported else ("doc_type_check",))
    assert verdict.doc_type_supported is supported
    assert judge(answer(**facts)).passed is supported


@pytest.mark.parametrize("status", [*IMAGE_FAILURES, 499])
def test_a_refused_image_is_named(status):
    """The vendor's status has its class, at its side, without tips, before all others."""
    verdict = judge(answer(image_failures={Side.BACK: status}, failed_alerts=alerts("Photo Printing")))
    code = IMAGE_FAILURES.get(status, ErrorCode.IMAGE_LOAD)
    assert verdict.fields == {Side.BACK: code}
    assert verdict.failed_fingerprints == {Side.BACK: "b"}
    assert not verdict.tips
    assert not verdict.passed


def test_two_pictures_refused_alike_have_one_reason():
    """Each side has its code, and the page one sentence."""
    verdict = judge(answer(image_failures={Side.FRONT: 438, Side.BACK: 438}))
    assert verdict.fields == dict.fromkeys((Side.FRONT, Side.BACK), IMAGE_FAILURES[438])
    assert verdict.reasons == (IMAGE_FAILURES[438],)


@pytest.mark.parametrize(
    ("doc_auth_result", "outcome", "passed"),
    [
        (result, outcome, result is DocAuthResult.PASSED and outcome is Outcome.PASSED)
        for result in DocAuthResult
        for outcome in (Outcome.PASSED, Outcome.FAILED)
    ],
)
def test_both_verdicts_of_the_vendor_must_be_yes(doc_auth_result, outcome, passed):
    """Transaction and images."""
    verdict = judge(answer(doc_auth_result=doc_auth_result, outcome=outcome))
    assert verdict.passed is passed
    assert verdict.reasons == (() if passed else ("general_error",))


@pytest.mark.parametrize(
    "amiss",
    [
        {},
        {"doc_auth_result": DocAuthResult.FAILED, "failed_alerts": alerts("Photo Printing")},
        {"doc_auth_result": ATTENTION, "failed_alerts": alerts("2D Barcode Read", result=ATTENTION)},
        {"image_failures": {Side.BACK: 438}},
        {"classification": {Side.FRONT: Classification(country_code="CAN")}},
        {"applicant": replace(LICENSE, dob="2020-01-01")},
        {"applicant": None},
        {"selfie_checked": True, "selfie_error": "Liveness: NotLive"},
    ],
)
def test_a_review_is_neither_yes_nor_no(amiss):
    """Nothing is held against the person or an image, and nothing that was read is handed on."""
    verdict = judge(answer(outcome=Outcome.REVIEW, **amiss), WITH_SELFIE, selfie_required=True)
    assert verdict.outcome is Outcome.REVIEW
    assert not verdict.failed_fingerprints
    assert not verdict.reasons
    assert not verdict.fields
    assert not verdict.tips
    assert not verdict.needs_confirmation
    assert verdict.applicant is None


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FAILED])
def test_an_unreadable_barcode_alone_asks_for_confirmation(outcome):
    """It passes, and the person confirms what was read."""
    result = answer(
        outcome=outcome,
        doc_auth_result=ATTENTION,
        failed_alerts=alerts("2D Barcode Read", result=ATTENTION),
    )
    assert has_barcode_attention(result)
    verdict = judge(result)
    assert verdict.passed
    assert verdict.needs_confirmation
    assert verdict.doc_auth_success
    assert not judge(replace(result, applicant=None)).needs_confirmation


@pytest.mark.parametrize(
    "replaced",
    [
        {"failed_alerts": ()},
        {"failed_alerts": alerts("2D Barcode Read", result=FAILED)},
        {"failed_alerts": alerts("2D Barcode Read", "Photo Printing", result=ATTENTION)},
        {"failed_alerts": alerts("Photo Printing", result=ATTENTION)},
        {"doc_auth_result": DocAuthResult.CAUTION},
        {"image_failures": {Side.BACK: 438}},
        {"classification": {Side.FRONT: Classification(country_code="CAN")}},
    ],
)
def test_other_attention_is_a_failure(replaced):
    """Attention with anything else amiss."""
    result = answer(doc_auth_result=ATTENTION, failed_alerts=alerts("2D Barcode Read", result=ATTENTION))
    verdict = judge(replace(result, **replaced))
    assert not verdict.passed
    assert not verdict.needs_confirmation


@pytest.mark.parametrize(
    ("error", "code", "fields", "live", "good"),
    [
        ("Liveness: NotLive", "selfie_not_live_or_poor_quality", {Side.SELFIE}, False, True),
        ("Liveness: PoorQuality", "selfie_not_live_or_poor_quality", {Side.SELFIE}, True, False),
        ("Successful. Liveness: Live", "selfie_fail", {*BOTH, Side.SELFIE}, True, True),
    ],
)
def test_a_failed_selfie(error, code, fields, live, good):
    """Not live or too bad is one class; another face also marks the document."""
    result = answer(selfie_checked=True, selfie_error=error)
    verdict = judge(result, WITH_SELFIE, selfie_required=True)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == fields
    assert set(verdict.failed_fingerprints) == fields
    assert verdict.selfie_status is SelfieStatus.FAIL
    assert (verdict.selfie_live, verdict.selfie_quality_good) == (live, good)
    assert verdict.doc_auth_success
    assert judge(result, WITH_SELFIE).passed


def test_a_selfie_that_matches_or_was_not_compared():
    """Required and not compared is a failure; not required is neither here nor there."""
    good = judge(answer(selfie_checked=True), WITH_SELFIE, selfie_required=True)
    assert good.passed
    assert good.selfie_status is SelfieStatus.SUCCESS
    absent = judge(answer(), WITH_SELFIE, selfie_required=True)
    assert absent.reasons == ("selfie_fail",)
    assert absent.selfie_status is SelfieStatus.NOT_PROCESSED
    assert judge(answer()).selfie_status is SelfieStatus.NOT_PROCESSED


def test_alerts_hide_the_selfie_but_a_failed_one_is_remembered():
    """Selfie classes come only when no alert explains; its image is to blame anyway."""
    result = refusal(
        failed_alerts=alerts("2D Barcode Content"), selfie_checked=True, selfie_error="Liveness: NotLive"
    )
    verdict = judge(result, WITH_SELFIE, selfie_required=True)
    assert verdict.reasons == ("barcode_content_check",)
    assert verdict.failed_fingerprints == {Side.BACK: "b", Side.SELFIE: "s"}
    good = replace(result, selfie_error=None)
    assert judge(good, WITH_SELFIE, selfie_required=True).failed_fingerprints == {Side.BACK: "b"}


PII_ROWS = [
    ({"first_name": None, "last_name": None}, "name"),
    ({"first_name": "  ", "last_name": "\u200b\u3164"}, "name"),
    ({"dob": None}, "dob"),
    ({"dob": "1938-13-06"}, "dob"),
    ({"dob": "2008-11-25"}, "dob_min_age"),
    ({"dob": "2027-01-01"}, "dob_min_age"),
    ({"dob": "10/06/1938"}, "dob"),
    ({"dob": "19381006"}, "dob"),
    ({"dob": 1938}, "dob"),
    ({"address1": None}, "address1"),
    ({"state": None}, "state"),
    ({"state": "XX"}, "state"),
    ({"zipcode": None}, "zipcode"),
    ({"zipcode": "1234"}, "zipcode"),
    ({"state_id_jurisdiction": "ZZ"}, "state_id_jurisdiction"),
    ({"state_id_number": ""}, "state_id_number"),
    ({"address1": "\u2800"}, "address1"),
    ({"address1": "x" * 256}, "address1"),
    ({"state_id_jurisdiction": "AE"}, "state_id_jurisdiction"),
    ({"state_id_jurisdiction": "PW"}, "state_id_jurisdiction"),
    ({"state_id_expiration": "2026-11-23"}, "document_expired"),
    ({"state_id_expiration": "never"}, "expiration_date"),
    ({"state_id_expiration": "11/24/2030"}, "expiration_date"),
    ({"state_id_expiration": "20301124"}, "expiration_date"),
    ({"state_id_expiration": "2030-02-30"}, "expiration_date"),
    ({"passport_expiration": "soon"}, "expiration_date"),
    ({"city": "Great\u202eFalls"}, "unreadable_text"),
    ({"city": "\u202dGreat Falls\u202c"}, "unreadable_text"),
    ({"first_name": "FAK\x00EY"}, "unreadable_text"),
    ({"middle_name": "\ud83d"}, "unreadable_text"),
    ({"state_id_number": "1\x07"}, "unreadable_text"),
    ({"document_type_received": None}, "doc_type_check"),
    ({"document_type_received": "library_card"}, "doc_type_check"),
]


@pytest.mark.parametrize(("replaced", "code"), PII_ROWS)
def test_each_required_attribute_of_a_license(replaced, code):
    """One thing amiss has its own code and marks both sides; genuine images stay genuine."""
    verdict = judge(answer(applicant=replace(LICENSE, **replaced)))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reasons == (code,)
    assert verdict.details == (code,)
    assert verdict.fields == dict.fromkeys(BOTH, code)
    assert verdict.failed_fingerprints == MARKS
    assert verdict.doc_auth_success


@pytest.mark.parametrize(
    "replaced",
    [
        {"dob": "2008-11-24"},
        {"state_id_expiration": "2026-11-24"},
        {"state_id_expiration": None},
        {"state_id_issued": "long ago"},
        {"first_name": None},
        {"last_name": None},
        {"last_name": "\u200b"},
        {"state": "ae"},
        {"state": "FM"},
        {"zipcode": "59010"},
        {"zipcode": "590101234"},
        {"state": "GU"},
    ],
)
def test_the_borders_of_the_rules(replaced):
    """Eighteen today is old enough; expiring today is not past; what is not there is not past."""
    assert judge(answer(applicant=replace(LICENSE, **replaced))).passed


def test_what_was_read_is_taken_in_its_normal_form():
    """As a form would take it; what has no normal form and decides nothing is unknown."""
    read = replace(
        LICENSE,
        first_name="Jose\u200b\u0301",
        last_name="\u2068O\u2019Neil\u2013Smith\u2069 ",
        address1="\uff11 FAKE\u00a0\u00a0RD\n",
        city=" San\tJose ",
        state="mt",
        zipcode="590101234",
        state_id_jurisdiction=" nd",
        state_id_issued="long ago",
        height="tall",
        dob="\uff11938-10-06",
        uuid="u\u202e",
    )
    verdict = judge(answer(applicant=read))
    assert verdict.applicant == replace(
        LICENSE,
        first_name="Jos\u00e9",
        last_name="O\u2019Neil-Smith",
        address1="1 FAKE RD",
        city="San Jose",
        uuid="u\u202e",
    )
    assert judge(answer(applicant=None)).applicant is None
    assert judge(answer(applicant=replace(LICENSE, dob=None))).applicant is None


def test_the_jurisdiction_decides_the_day_of_a_birthday():
    """At six in the morning UTC it is the 24th in New York, and not yet in Montana."""
    at_six = datetime(2026, 11, 24, 6, tzinfo=UTC)
    for jurisdiction, passed in (("NY", True), ("MT", False)):
        read = replace(LICENSE, dob="2008-11-24", state_id_jurisdiction=jurisdiction)
        verdict = judge_document(answer(applicant=read), fingerprints=MARKS, now=at_six)
        assert verdict.passed is passed
    passport = answer(applicant=replace(PASSPORT, dob="2008-11-24", state_id_jurisdiction="NY"))
    assert judge_document(passport, fingerprints=MARKS, now=at_six).reasons == ("dob_min_age",)


@pytest.mark.parametrize(("hour", "passed"), [(11, True), (12, False)])
def test_a_license_is_valid_through_its_last_day_anywhere(hour, passed):
    """Its last day ends last at UTC-12."""
    read = replace(LICENSE, state_id_expiration="2026-11-23")
    now = datetime(2026, 11, 24, hour, tzinfo=UTC)
    assert judge_document(answer(applicant=read), fingerprints=MARKS, now=now).passed is passed


def test_the_minimum_age_is_an_argument():
    """Another age for another purpose."""
    young = answer(applicant=replace(LICENSE, dob="2010-01-01"))
    assert judge(young, min_age_years=13).passed
    assert judge(young).reasons == ("dob_min_age",)


def test_several_missing_attributes_give_one_message():
    """The single codes remain for the log; nothing read at all is the same."""
    verdict = judge(answer(applicant=replace(LICENSE, dob=None, address1=None)))
    assert verdict.reasons == ("multiple_pii_failures",)
    assert verdict.details == ("dob", "address1")
    assert judge(answer(applicant=None)).reasons == ("multiple_pii_failures",)


def test_the_type_must_be_the_one_chosen():
    """A person who chose a license and shows a passport gets an error that says so."""
    assert judge(answer(), chosen_types=LICENSE_TYPES).passed
    verdict = judge(answer(), chosen_types={"passport"})
    assert verdict.reasons == ("doc_type_mismatch",)


@pytest.mark.parametrize(
    ("replaced", "code"),
    [
        ({}, None),
        ({"mrz": None}, "mrz"),
        ({"issuing_country_code": None}, "issuing_country_code"),
        ({"passport_expiration": "2020-01-01"}, "document_expired"),
        ({"document_type_received": "passport_card"}, None),
    ],
)
def test_passports_need_no_address(replaced, code):
    """They need machine-readable zone and country instead."""
    verdict = judge(answer(applicant=replace(PASSPORT, **replaced)), {Side.PASSPORT: "p"})
    assert verdict.reasons == ((code,) if code else ())
    assert verdict.failed_fingerprints == ({Side.PASSPORT: "p"} if code else {})


def test_alerts_of_a_license_side_on_a_passport_mark_its_page():
    """A page has no front or back."""
    verdict = judge(refusal(failed_alerts=alerts("Photo Printing")), {Side.PASSPORT: "p"})
    assert verdict.fields == {Side.PASSPORT: "visible_photo_check"}
    assert verdict.failed_fingerprints == {Side.PASSPORT: "p"}


def test_the_passport_check_comes_after_the_attributes():
    """The issuer's no fails the attempt; its silence does not."""
    marks = {Side.PASSPORT: "p", Side.SELFIE: "s"}
    passport = answer(applicant=PASSPORT, passport_check_passed=False)
    verdict = judge(passport, marks)
    assert verdict.reasons == ("passport_check",)
    assert verdict.failed_fingerprints == {Side.PASSPORT: "p"}
    assert verdict.doc_auth_success
    assert judge(replace(passport, passport_check_passed=True), marks).passed


def test_the_state_id_check_comes_last():
    """The office's no fails, its error or review leaves the outcome open, and an earlier failure remains."""
    passed = judge(answer())

    def with_office(**facts):
        return judge_with_state_id(passed, Check(**facts), fingerprints=WITH_SELFIE)

    assert with_office(result=StateIDResult(vendor_name="o", outcome=Outcome.PASSED)) is passed
    assert with_office(skipped="UnsupportedJurisdiction") is passed
    no = with_office(result=StateIDResult(vendor_name="o", outcome=Outcome.FAILED))
    assert no.outcome is Outcome.FAILED
    assert no.reasons == ("state_id_verification",)
    assert no.failed_fingerprints == MARKS
    for silent in (
        with_office(error=VendorError(Cause.TIMEOUT, "x")),
        with_office(result=StateIDResult(vendor_name="o", outcome=Outcome.UNKNOWN)),
    ):
        assert silent.outcome is Outcome.UNKNOWN
        assert not silent.failed_fingerprints
    review = with_office(result=StateIDResult(vendor_name="o", outcome=Outcome.REVIEW))
    assert review.outcome is Outcome.REVIEW
    assert not review.failed_fingerprints
    assert not review.reasons
    assert review.applicant is None
    failed = judge(answer(applicant=None))
    office = Check(result=StateIDResult(vendor_name="o", outcome=Outcome.FAILED))
    assert judge_with_state_id(failed, office, fingerprints=MARKS) is failed


def test_codes_are_codes():
    """They are keys of the catalog of texts, no texts."""
    assert all(code.islower() and " " not in code for code in ErrorCode)
