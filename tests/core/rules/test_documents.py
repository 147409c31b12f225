"""Verdicts on documents: the stages, the classes in their order, and which images are to blame."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import LICENSE_TYPES, Applicant, DocumentType
from proofing.contracts.images import Side
from proofing.contracts.results import (
    Assurance,
    Check,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    PassportResult,
    SelfieCheck,
    StateIDResult,
)
from proofing.rules.document_errors import CHECKS, OUTWEIGHED, QUALITY, REFUSALS, ErrorCode
from proofing.rules.documents import (
    failed_before,
    judge_document,
    judge_with_passport,
    judge_with_state_id,
    missing_sides,
    needs_passport_check,
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
)
PASSPORT = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    mrz="P<USA",
    issuing_country_code="USA",
)
MARKS = {Side.FRONT: "f", Side.BACK: "b"}
WITH_SELFIE = {**MARKS, Side.SELFIE: "s"}
BOTH = {Side.FRONT, Side.BACK}


def answer(**replaced):
    """Return a vendor's answer on a good license with some of it replaced."""
    good = DocumentResult(
        vendor_name="v",
        outcome=Outcome.PASSED,
        assurance=Assurance.AUTHENTICATED,
        document_type=DocumentType.DRIVERS_LICENSE,
        applicant=LICENSE,
    )
    return replace(good, **replaced)


def passport(**replaced):
    """Return a vendor's answer on a good passport with some of it replaced."""
    return answer(**{"document_type": DocumentType.PASSPORT, "applicant": PASSPORT, **replaced})


def refusal(*findings, **replaced):
    """Return an answer that says no, and why."""
    return answer(outcome=Outcome.FAILED, findings=findings, **replaced)


def found(code, side=None, vendor_code=None):
    """Return a finding."""
    return Finding(code=FindingCode(code), side=side, vendor_code=vendor_code)


def issued(outcome):
    """Return an answer of the issuer of a passport."""
    return PassportResult(vendor_name="v", outcome=outcome)


def judge(result, marks=None, **arguments):
    """Judge on a fixed day."""
    return judge_document(result, fingerprints=marks or MARKS, now=NOW, **arguments)


def test_a_good_document_passes():
    """Nothing is wrong anywhere."""
    verdict = judge(answer())
    assert verdict.passed
    assert verdict.applicant == replace(LICENSE, document_type_received="drivers_license")
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


@pytest.mark.parametrize("code", FindingCode)
def test_advice_counts_in_no_verdict(code):
    """Neither against a yes, nor as the reason of a no."""
    advice = Finding(code=code, side=Side.FRONT, is_advice=True)
    assert judge(answer(findings=(advice,))) == judge(answer())
    assert judge(refusal(advice, found("barcode_content", Side.BACK))).reasons == ("barcode_content_check",)


def test_every_finding_has_its_place():
    """Refused image or document, bad image, unsupported document, failed check, or what has no word."""
    alone = {FindingCode.UNSUPPORTED_DOCUMENT, FindingCode.OTHER}
    groups = (REFUSALS.keys(), QUALITY.keys(), CHECKS.keys(), alone)
    assert sorted(code for group in groups for code in group) == sorted(FindingCode)


@pytest.mark.parametrize("side", [Side.FRONT, Side.BACK, None])
@pytest.mark.parametrize(("finding", "code"), CHECKS.items())
def test_each_failed_check_has_its_class_and_side(finding, code, side):
    """One finding: its class, at its side, with tips, and that image is remembered."""
    verdict = judge(refusal(found(finding, side)))
    sides = {side} if side else BOTH
    assert verdict.reasons == (code,)
    assert verdict.fields == dict.fromkeys(sides, code)
    assert verdict.failed_fingerprints == {side: MARKS[side] for side in sides}
    assert verdict.tips


@pytest.mark.parametrize(
    ("findings", "code", "sides"),
    [
        (
            [("barcode_content", Side.BACK), ("barcode_unreadable", Side.BACK)],
            "multiple_back_id_failures",
            {Side.BACK},
        ),
        ([("portrait", Side.FRONT), ("sex", Side.FRONT)], "multiple_front_id_failures", {Side.FRONT}),
        ([("portrait", Side.FRONT), ("portrait", Side.FRONT)], "multiple_front_id_failures", {Side.FRONT}),
        (
            [("barcode_content", Side.BACK), ("barcode_content", Side.BACK)],
            "multiple_back_id_failures",
            {Side.BACK},
        ),
        ([("birth_date", None), ("birth_date", None)], "general_error", BOTH),
        ([("not_genuine", None), ("not_genuine", None), ("not_genuine", None)], "general_error", BOTH),
        ([("portrait", Side.FRONT), ("portrait", Side.BACK)], "general_error", BOTH),
        ([("portrait", Side.FRONT), ("portrait", None)], "general_error", BOTH),
        (
            [("portrait", Side.FRONT), ("portrait", Side.FRONT), ("barcode_content", Side.BACK)],
            "general_error",
            BOTH,
        ),
        ([("portrait", Side.FRONT), ("other", None), ("other", None)], "visible_photo_check", {Side.FRONT}),
        ([("portrait", Side.FRONT), ("barcode_content", Side.BACK)], "general_error", BOTH),
        ([("name", None), ("sex", None)], "general_error", BOTH),
        ([("name", None), ("barcode_content", Side.BACK)], "general_error", BOTH),
    ],
)
def test_several_failed_checks(findings, code, sides):
    """One keeps its class. Several, also of one class, come to one word: for their side, or in general."""
    verdict = judge(refusal(*(found(*finding) for finding in findings)))
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == sides


def test_what_has_no_word_explains_nothing():
    """With a known finding it does not count, and alone it is a failure without a class."""
    verdict = judge(refusal(found("portrait", Side.FRONT), found("other", None, "Moon Phase")))
    assert verdict.reasons == ("visible_photo_check",)
    assert not verdict.is_unexplained
    verdict = judge(refusal(found("other", None, "Moon Phase")))
    assert verdict.reasons == ("general_error",)
    assert verdict.is_unexplained
    assert verdict.failed_fingerprints == MARKS
    assert verdict.tips


def test_a_no_without_findings_is_unexplained():
    """It fails anyway."""
    verdict = judge(refusal())
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reasons == ("general_error",)
    assert verdict.is_unexplained


@pytest.mark.parametrize(
    ("findings", "code", "sides"),
    [
        ([("low_resolution", Side.BACK)], "dpi_low", {Side.BACK}),
        (
            [("glare", Side.FRONT), ("blur", Side.FRONT), ("low_resolution", Side.FRONT)],
            "dpi_low",
            {Side.FRONT},
        ),
        ([("low_resolution", Side.FRONT), ("low_resolution", Side.BACK)], "dpi_low_both_sides", BOTH),
        ([("low_resolution", None)], "dpi_low_both_sides", BOTH),
        ([("glare", Side.FRONT), ("blur", Side.FRONT)], "sharp_low", {Side.FRONT}),
        ([("blur", Side.FRONT), ("blur", Side.BACK)], "sharp_low_both_sides", BOTH),
        ([("glare", Side.BACK)], "glare_low", {Side.BACK}),
        ([("glare", Side.FRONT), ("glare", Side.BACK)], "glare_low_both_sides", BOTH),
        ([("glare", Side.FRONT), ("blur", Side.BACK)], "sharp_low", {Side.BACK}),
    ],
)
def test_bad_images_come_before_failed_checks_and_without_tips(findings, code, sides):
    """Resolution before blur before glare."""
    verdict = judge(refusal(found("portrait", Side.FRONT), *(found(*finding) for finding in findings)))
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == sides
    assert set(verdict.failed_fingerprints) == sides
    assert not verdict.tips


@pytest.mark.parametrize("code", QUALITY)
def test_the_quality_of_a_selfie_says_nothing_of_the_document(code):
    """That is the comparison's to say."""
    assert judge(refusal(found(code, Side.SELFIE))).reasons == ("general_error",)


def test_unsupported_documents_come_first():
    """At the side that shows it, before bad images, and also against the vendor's yes."""
    findings = (found("low_resolution", Side.BACK), found("unsupported_document", Side.FRONT))
    for result in (refusal(*findings), answer(findings=findings)):
        verdict = judge(result)
        assert verdict.outcome is Outcome.FAILED
        assert verdict.reasons == ("doc_type_check",)
        assert verdict.fields == {Side.FRONT: "doc_type_check"}
    assert judge(refusal(found("unsupported_document"))).fields == dict.fromkeys(BOTH, "doc_type_check")


@pytest.mark.parametrize(("finding", "code"), REFUSALS.items())
def test_a_refused_image_is_named(finding, code):
    """It has its class, at its side, without tips, before all others, also against the vendor's yes."""
    verdict = judge(answer(findings=(found("portrait", Side.FRONT), found(finding, Side.BACK))))
    assert verdict.fields == {Side.BACK: code}
    assert verdict.failed_fingerprints == {Side.BACK: "b"}
    assert not verdict.tips
    assert not verdict.passed


def test_two_pictures_refused_alike_have_one_reason():
    """Each side has its code, and the page one sentence."""
    verdict = judge(answer(findings=(found("image_size", Side.FRONT), found("image_size", Side.BACK))))
    assert verdict.fields == dict.fromkeys((Side.FRONT, Side.BACK), ErrorCode.IMAGE_SIZE)
    assert verdict.reasons == (ErrorCode.IMAGE_SIZE,)


@pytest.mark.parametrize("code", FindingCode)
@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FAILED])
def test_a_yes_outweighs_bad_images_and_no_failed_check(code, outcome):
    """Any other finding makes a no of it, and a no stays a no."""
    verdict = judge(answer(outcome=outcome, findings=(found(code, Side.FRONT),)))
    assert verdict.passed is (outcome is Outcome.PASSED and code in OUTWEIGHED)
    assert bool(verdict.failed_fingerprints) is not verdict.passed


@pytest.mark.parametrize(
    "amiss",
    [
        {},
        {"findings": (found("portrait", Side.FRONT),)},
        {"findings": (found("barcode_unreadable", Side.BACK),)},
        {"findings": (found("image_unreadable", Side.BACK),)},
        {"findings": (found("unsupported_document", Side.FRONT),)},
        {"applicant": replace(LICENSE, dob="2020-01-01")},
        {"applicant": None},
        {"selfie": SelfieCheck.NOT_LIVE},
        {"document_type": None},
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


def test_an_unreadable_barcode_alone_asks_for_confirmation():
    """It passes, and the person confirms what was read."""
    result = answer(findings=(found("barcode_unreadable", Side.BACK),))
    verdict = judge(result)
    assert verdict.passed
    assert verdict.needs_confirmation
    assert not judge(replace(result, applicant=None)).needs_confirmation
    assert judge(replace(result, findings=(*result.findings, found("glare", Side.FRONT)))).needs_confirmation


@pytest.mark.parametrize(
    "further",
    [
        {"outcome": Outcome.FAILED},
        {"findings": ("portrait",)},
        {"findings": ("image_unreadable",)},
        {"findings": ("unsupported_document",)},
        {"findings": ("other",)},
    ],
)
def test_an_unreadable_barcode_with_anything_else_is_a_failure(further):
    """A vendor's no, or anything else amiss."""
    codes = ("barcode_unreadable", *further.pop("findings", ()))
    verdict = judge(answer(findings=tuple(found(code, Side.BACK) for code in codes), **further))
    assert not verdict.passed
    assert not verdict.needs_confirmation


@pytest.mark.parametrize(
    ("check", "code", "fields"),
    [
        (SelfieCheck.NOT_LIVE, "selfie_not_live_or_poor_quality", {Side.SELFIE}),
        (SelfieCheck.BAD_QUALITY, "selfie_not_live_or_poor_quality", {Side.SELFIE}),
        (SelfieCheck.NO_MATCH, "selfie_fail", {*BOTH, Side.SELFIE}),
    ],
)
def test_a_failed_selfie(check, code, fields):
    """Not live or too bad is one class; another face also marks the document."""
    result = answer(selfie=check)
    verdict = judge(result, WITH_SELFIE, selfie_required=True)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reasons == (code,)
    assert set(verdict.fields) == fields
    assert set(verdict.failed_fingerprints) == fields
    assert judge(result, WITH_SELFIE).passed


def test_a_vendor_that_refuses_a_selfie_of_its_own_page():
    """Its no is explained by the selfie, although the flow asked for none."""
    verdict = judge(refusal(selfie=SelfieCheck.NO_MATCH))
    assert (verdict.outcome, verdict.reasons) == (Outcome.FAILED, ("selfie_fail",))
    assert not verdict.is_unexplained
    assert judge(answer(selfie=SelfieCheck.NO_MATCH)).passed


def test_a_selfie_that_matches_or_was_not_compared():
    """Required and not compared is a failure; not required is neither here nor there."""
    assert judge(answer(selfie=SelfieCheck.MATCH), WITH_SELFIE, selfie_required=True).passed
    absent = judge(answer(), WITH_SELFIE, selfie_required=True)
    assert absent.reasons == ("selfie_fail",)
    assert judge(answer()).passed


def test_failed_checks_hide_the_selfie_but_a_failed_one_is_remembered():
    """Selfie classes come only when no check explains; its image is to blame anyway."""
    result = refusal(found("barcode_content", Side.BACK), selfie=SelfieCheck.NOT_LIVE)
    verdict = judge(result, WITH_SELFIE, selfie_required=True)
    assert verdict.reasons == ("barcode_content_check",)
    assert verdict.failed_fingerprints == {Side.BACK: "b", Side.SELFIE: "s"}
    good = replace(result, selfie=SelfieCheck.MATCH)
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
]


@pytest.mark.parametrize(("replaced", "code"), PII_ROWS)
def test_each_required_attribute_of_a_license(replaced, code):
    """One thing amiss has its own code and marks both sides."""
    verdict = judge(answer(applicant=replace(LICENSE, **replaced)))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reasons == (code,)
    assert verdict.details == (code,)
    assert verdict.fields == dict.fromkeys(BOTH, code)
    assert verdict.failed_fingerprints == MARKS


@pytest.mark.parametrize("kind", [None, DocumentType.OTHER])
def test_the_type_must_be_known_and_accepted(kind):
    """Whatever an adapter left in the applicant."""
    read = replace(LICENSE, document_type_received="drivers_license")
    verdict = judge(answer(document_type=kind, applicant=read))
    assert verdict.reasons == ("doc_type_check",)
    assert verdict.failed_fingerprints == MARKS


@pytest.mark.parametrize("kind", sorted(set(DocumentType) - {DocumentType.OTHER}))
def test_the_type_is_that_of_the_answer(kind):
    """It is written into the applicant, over whatever was there."""
    read = (LICENSE if kind in LICENSE_TYPES else PASSPORT).merge({"document_type_received": "StateProvince"})
    verdict = judge(answer(document_type=kind, applicant=read))
    assert verdict.applicant.document_type_received == kind
    assert type(verdict.applicant.document_type_received) is str


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
        weight="154 lb",
        eye_color=" haz",
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
        eye_color="HAZ",
        uuid="u\u202e",
        document_type_received="drivers_license",
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
    book = passport(applicant=replace(PASSPORT, dob="2008-11-24", state_id_jurisdiction="NY"))
    assert judge_document(book, fingerprints=MARKS, now=at_six).reasons == ("dob_min_age",)


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
    verdict = judge(answer(), chosen_types={DocumentType.PASSPORT})
    assert verdict.reasons == ("doc_type_mismatch",)


@pytest.mark.parametrize(
    ("replaced", "code"),
    [
        ({}, None),
        ({"mrz": None}, "mrz"),
        ({"issuing_country_code": None}, "issuing_country_code"),
        ({"passport_expiration": "2020-01-01"}, "document_expired"),
    ],
)
def test_passports_need_no_address(replaced, code):
    """They need machine-readable zone and country instead."""
    verdict = judge(passport(applicant=replace(PASSPORT, **replaced)), {Side.PASSPORT: "p"})
    assert verdict.reasons == ((code,) if code else ())
    assert verdict.failed_fingerprints == ({Side.PASSPORT: "p"} if code else {})


def test_a_finding_at_a_license_side_of_a_passport_marks_its_page():
    """A page has no front or back."""
    verdict = judge(refusal(found("portrait", Side.FRONT)), {Side.PASSPORT: "p"})
    assert verdict.fields == {Side.PASSPORT: "visible_photo_check"}
    assert verdict.failed_fingerprints == {Side.PASSPORT: "p"}


@pytest.mark.parametrize("check", Match)
def test_the_passport_check_comes_after_the_attributes(check):
    """The issuer's no fails the attempt; its silence does not."""
    marks = {Side.PASSPORT: "p", Side.SELFIE: "s"}
    verdict = judge(passport(passport_check=check), marks)
    if check is Match.MISMATCH:
        assert verdict.reasons == ("passport_check",)
        assert verdict.failed_fingerprints == {Side.PASSPORT: "p"}
        young = passport(passport_check=check, applicant=replace(PASSPORT, dob="2020-01-01"))
        assert judge(young, marks).reasons == ("dob_min_age",)
    else:
        assert verdict.passed


@pytest.mark.parametrize(
    ("check", "outcome", "reasons"),
    [
        (Check(result=issued(Outcome.PASSED)), "passed", ()),
        (Check(result=issued(Outcome.FAILED)), "failed", ("passport_check",)),
        (Check(result=issued(Outcome.REVIEW)), "review", ()),
        (Check(result=issued(Outcome.UNKNOWN)), "unknown", ("network",)),
        (Check(error=VendorError(Cause.TIMEOUT, "no answer")), "unknown", ("network",)),
        (Check(skipped="off"), "passed", ()),
    ],
)
def test_the_issuer_of_a_passport_is_the_last_stage(check, outcome, reasons):
    """Its no blames the document's images; its silence and a review blame none."""
    marks = {Side.PASSPORT: "p", Side.SELFIE: "s"}
    verdict = judge_with_passport(judge(passport(), marks), check, fingerprints=marks)
    assert (verdict.outcome, verdict.reasons) == (Outcome(outcome), reasons)
    assert (verdict.applicant is not None) is (outcome == "passed")
    assert verdict.failed_fingerprints == ({Side.PASSPORT: "p"} if outcome == "failed" else {})
    before = judge(passport(applicant=None), marks)
    assert judge_with_passport(before, check, fingerprints=marks) == before


@pytest.mark.parametrize(
    ("result", "needed"),
    [
        (passport(), True),
        (passport(document_type=DocumentType.PASSPORT_CARD), True),
        (answer(), False),
        (refusal(document_type=DocumentType.PASSPORT, applicant=PASSPORT), False),
        (passport(applicant=None), False),
        *((passport(passport_check=check), check is Match.NOT_CHECKED) for check in Match),
    ],
)
def test_when_the_issuer_of_a_passport_is_asked(result, needed):
    """About a passport that passed, unless its vendor has asked."""
    assert needs_passport_check(judge(result, {Side.PASSPORT: "p"}), result) is needed


@pytest.mark.parametrize("requires", Assurance)
@pytest.mark.parametrize("assurance", Assurance)
def test_a_document_that_was_only_read_passes_where_that_is_enough(assurance, requires):
    """By default it does not; that comes after what was read, and before the issuer's answer."""
    result = passport(assurance=assurance)
    marks = {Side.PASSPORT: "p", Side.SELFIE: "s"}
    verdict = judge(result, marks, requires=requires)
    if (assurance, requires) == (Assurance.READ, Assurance.AUTHENTICATED):
        assert judge(result, marks) == verdict
        assert verdict.outcome is Outcome.FAILED
        assert verdict.reasons == ("not_authenticated",)
        assert verdict.failed_fingerprints == {Side.PASSPORT: "p"}
        assert not verdict.tips
        assert verdict.applicant is None
        refused = replace(result, passport_check=Match.MISMATCH)
        assert judge(refused, marks).reasons == ("not_authenticated",)
        assert judge(replace(result, applicant=None), marks).reasons == ("multiple_pii_failures",)
    else:
        assert verdict.passed


def test_an_adapter_must_say_that_it_authenticated():
    """Silence is not enough."""
    silent = DocumentResult(
        vendor_name="v",
        outcome=Outcome.PASSED,
        document_type=DocumentType.DRIVERS_LICENSE,
        applicant=LICENSE,
    )
    assert judge(silent).reasons == ("not_authenticated",)


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
