"""What is read of a document: normal forms, what is left unread, and what speaks against it."""

from datetime import UTC, datetime

import pytest
from tests.plugins.vendors.aws_identity.answers import (
    LICENSE,
    PASSPORT,
    REQUEST_ID,
    SECTION,
    ZONE,
    analyzed,
    ask,
    vendor,
)

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.images import Side
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome
from proofing.rules.document_errors import ErrorCode
from proofing.rules.documents import judge_document
from proofing.testing.vendor_checks import caused_by
from proofing_aws_identity.states import jurisdiction_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)


async def read(fields, confidences=(), images=(Side.FRONT, Side.BACK), section=SECTION, **changes):
    """Return the result for one answer of AnalyzeID."""
    answer = vendor(analyzed(fields, confidences, **changes))
    return (await ask(answer, "aws_identity", images, section))[0]


def judged(result, side=Side.FRONT, requires=Assurance.READ):
    """Return what core makes of a result."""
    return judge_document(result, fingerprints={side: "f"}, now=NOW, requires=requires)


async def test_a_license():
    """Every field in its normal form; a reading, and never more."""
    result = await read(LICENSE)
    assert result.applicant == Applicant(
        first_name="FAKEY",
        last_name="MCFAKERSON",
        name_suffix="JR",
        dob="1938-10-06",
        address1="1 FAKE RD",
        city="GREAT FALLS",
        state="MT",
        zipcode="59010",
        state_id_number="1111111111111",
        state_id_jurisdiction="MT",
        state_id_issued="2019-12-31",
        state_id_expiration="2099-12-31",
    )
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.READ)
    assert (result.document_type, result.transaction_id) == (DocumentType.DRIVERS_LICENSE, REQUEST_ID)
    assert judged(result).passed
    assert judged(result, requires=Assurance.AUTHENTICATED).reasons == (ErrorCode.NOT_AUTHENTICATED,)


async def test_a_passport():
    """What the page does not say comes from the zone below it."""
    result = await read(PASSPORT, images=(Side.PASSPORT,))
    assert result.document_type is DocumentType.PASSPORT
    assert result.applicant == Applicant(
        first_name="FAKEY",
        last_name="MCFAKERSON",
        dob="1938-10-06",
        birth_place="MONTANA, U.S.A.",
        document_number="900000000",
        passport_issued="2019-12-31",
        passport_expiration="2099-12-31",
        mrz=ZONE.replace("\n", ""),
        issuing_country_code="USA",
        nationality_code="USA",
    )
    assert judged(result, Side.PASSPORT).passed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DOCUMENT_NUMBER": "900000001"}, FindingCode.DOCUMENT_NUMBER),
        ({"DATE_OF_BIRTH": ("06 OCT 1939", "1939-10-06T00:00:00")}, FindingCode.BIRTH_DATE),
        ({"EXPIRATION_DATE": ("31 DEC 2098", "2098-12-31T00:00:00")}, FindingCode.EXPIRATION_DATE),
    ],
)
async def test_a_page_that_differs_from_its_zone(change, code):
    """The document does not agree with itself."""
    result = await read(PASSPORT, images=(Side.PASSPORT,), **change)
    assert (result.outcome, result.findings) == (
        Outcome.FAILED,
        (Finding(code=code, side=Side.PASSPORT),),
    )


@pytest.mark.parametrize("zone", ["", ZONE[:-1], ZONE[:-1] + "3", ZONE.replace("900000000", "900000001")])
async def test_a_zone_that_is_not_read(zone):
    """Core asks for a better photo."""
    result = await read(PASSPORT, images=(Side.PASSPORT,), MRZ_CODE=zone)
    assert result.applicant.mrz is None
    assert set(judged(result, Side.PASSPORT).details) == {ErrorCode.MRZ, ErrorCode.ISSUING_COUNTRY}


async def test_the_passport_of_another_country():
    """Only those of the United States are accepted."""
    first = ZONE.replace("P<USA", "P<UTO")
    result = await read(PASSPORT, images=(Side.PASSPORT,), MRZ_CODE=first)
    assert result.document_type is DocumentType.OTHER
    assert [finding.code for finding in result.findings] == [FindingCode.UNSUPPORTED_DOCUMENT]


async def test_a_field_that_the_vendor_is_not_sure_of_is_not_read():
    """Whatever it says; its name is in the log."""
    result = await read(LICENSE, {"DOCUMENT_NUMBER": 79.9, "DATE_OF_BIRTH": 80.0})
    assert result.applicant.state_id_number is None
    assert result.applicant.dob == "1938-10-06"
    assert (result.reasons, result.vendor_codes) == (("low_confidence",), ("DOCUMENT_NUMBER",))
    assert judged(result).reasons == (ErrorCode.STATE_ID_NUMBER,)


async def test_how_sure_the_vendor_must_be_is_a_setting():
    """In percent."""
    result = await read(LICENSE, section={**SECTION, "min_confidence": 99.0})
    assert (result.outcome, result.findings[0].code) == (Outcome.FAILED, FindingCode.NOT_RECOGNIZED)


async def test_two_values_of_one_field_are_none():
    """Nobody knows which one is right."""
    answer = analyzed(LICENSE)
    fields = answer["IdentityDocuments"][0]["IdentityDocumentFields"]
    again = analyzed({"DOCUMENT_NUMBER": "2222222222222", "LAST_NAME": "MCFAKERSON"})
    fields += again["IdentityDocuments"][0]["IdentityDocumentFields"]
    result, _vendor = await ask(vendor(answer), "aws_identity")
    assert result.applicant.state_id_number is None
    assert result.applicant.last_name == "MCFAKERSON"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (("OCT 6 1938", "1938-10-06T00:00:00"), "1938-10-06"),
        ("10/06/1938", "1938-10-06"),
        ("OCT 6 1938", None),
        (("10/06/1938", "1938-13-06T00:00:00"), None),
    ],
)
async def test_dates(value, wanted):
    """The vendor's normal form decides; one that is no date is not read."""
    assert (await read(LICENSE, DATE_OF_BIRTH=value)).applicant.dob == wanted


@pytest.mark.parametrize(
    "answer",
    [
        analyzed(LICENSE, DATE_OF_BIRTH=("10/06/1938", "FAKEY")),
        analyzed(LICENSE, DATE_OF_BIRTH=("10/06/1938", "1938-10-06T00:00:00FAKEY")),
        analyzed(LICENSE, {"DOCUMENT_NUMBER": None}),
    ],
)
async def test_what_textract_does_not_describe(answer):
    """Dates of another form, and texts without confidence."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(vendor(answer), "aws_identity")


@pytest.mark.parametrize(
    ("fields", "side", "name"),
    [
        (LICENSE, Side.FRONT, "ID_TYPE"),
        (LICENSE, Side.FRONT, "EXPIRATION_DATE"),
        (PASSPORT, Side.PASSPORT, "MRZ_CODE"),
        (PASSPORT, Side.PASSPORT, "DOCUMENT_NUMBER"),
    ],
)
async def test_a_field_that_may_have_another_name(fields, side, name):
    """Nobody reads a no in what the vendor may just call otherwise."""
    renamed = {("NEW_NAME" if known == name else known): value for known, value in fields.items()}
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await read(renamed, images=(side,))
    further = await read({**fields, "NEW_NAME": "1"}, images=(side,))
    assert judged(further, side).passed


def without(fields, *names):
    """Return *fields* without those that the vendor leaves out."""
    return {name: value for name, value in fields.items() if name not in names}


@pytest.mark.parametrize("name", LICENSE)
async def test_a_field_that_is_left_out_of_a_license_is_not_read(name):
    """As if it were there and empty: nothing breaks, and nothing passes that an empty field would not."""
    left_out, empty = await read(without(LICENSE, name)), await read(LICENSE, **{name: ""})
    assert left_out == empty
    assert judged(left_out).passed is judged(empty).passed


@pytest.mark.parametrize("name", PASSPORT)
async def test_a_field_that_is_left_out_of_a_passport_is_not_read(name):
    """The same, for its page and its zone."""
    left_out = await read(without(PASSPORT, name), images=(Side.PASSPORT,))
    empty = await read(PASSPORT, images=(Side.PASSPORT,), **{name: ""})
    assert left_out == empty
    assert judged(left_out, Side.PASSPORT).passed is judged(empty, Side.PASSPORT).passed


@pytest.mark.parametrize(
    ("fields", "side", "names"),
    [
        (
            LICENSE,
            Side.FRONT,
            ("ADDRESS", "DATE_OF_BIRTH", "DOCUMENT_NUMBER", "EXPIRATION_DATE", "ID_TYPE", "STATE_NAME"),
        ),
        (
            PASSPORT,
            Side.PASSPORT,
            ("DATE_OF_BIRTH", "DOCUMENT_NUMBER", "EXPIRATION_DATE", "ID_TYPE", "MRZ_CODE"),
        ),
    ],
)
async def test_no_document_passes_without_what_must_be_read(fields, side, names):
    """Each one alone, and all together."""
    for left_out in (*((name,) for name in names), names, tuple(fields)):
        result = await read(without(fields, *left_out), images=(side,))
        assert not judged(result, side).passed, left_out


@pytest.mark.parametrize("confidences", [{}, {"DOCUMENT_NUMBER": 10.0}])
async def test_a_page_without_what_is_compared_with_its_zone(confidences):
    """A comparison that could not be made is no agreement."""
    fields = PASSPORT if confidences else without(PASSPORT, "DOCUMENT_NUMBER")
    result = await read(fields, confidences, images=(Side.PASSPORT,))
    assert (result.outcome, result.findings) == (
        Outcome.FAILED,
        (Finding(code=FindingCode.UNREADABLE, side=Side.PASSPORT),),
    )
    assert judged(result, Side.PASSPORT).reasons == (ErrorCode.UNREADABLE_PII,)


@pytest.mark.parametrize("value", ["", "NONE", ("12/31/20", None)])
async def test_a_document_that_does_not_say_when_it_expires(value):
    """It may have expired: no reading of it passes."""
    result = await read(LICENSE, EXPIRATION_DATE=value)
    assert (result.outcome, result.findings) == (
        Outcome.FAILED,
        (Finding(code=FindingCode.EXPIRATION_DATE, side=Side.FRONT),),
    )
    assert judged(result).reasons == (ErrorCode.EXPIRATION,)


async def test_an_expired_document_is_cores_to_refuse():
    """The reading is right."""
    result = await read(LICENSE, EXPIRATION_DATE=("11/20/2026", "2026-11-20T00:00:00"))
    assert result.passed
    assert judged(result).reasons == (ErrorCode.EXPIRED,)


@pytest.mark.parametrize(
    "address",
    [
        "1 FAKE RD",
        "1 FAKE RD GREAT FALLS, MT, 59010",
        "1 FAKE RD\nGREAT FALLS MT 59010",
        "1 FAKE RD, Great Falls, mt 59010",
    ],
)
async def test_addresses_that_continue_with_the_city(address):
    """Some pages are read so."""
    assert (await read(LICENSE, ADDRESS=address)).applicant.address1 == "1 FAKE RD"


async def test_an_address_of_the_same_city_and_street():
    """The street stays."""
    result = await read(LICENSE, ADDRESS="GREAT FALLS MT 59010")
    assert result.applicant.address1 == "GREAT FALLS MT 59010"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MASSACHUSETTS", "MA"),
        ("Ma", "MA"),
        ("Washington, D.C.", "DC"),
        ("DISTRICT  OF COLUMBIA", "DC"),
        ("UTOPIA", None),
        ("", None),
    ],
)
def test_issuers(text, code):
    """By name or code."""
    assert jurisdiction_of(text) == code


@pytest.mark.parametrize("change", [{"ID_TYPE": ""}, dict.fromkeys(LICENSE, "")])
async def test_what_is_no_document(change):
    """It is not recognized, and the person reads so."""
    result = await read(LICENSE, **change)
    assert (result.outcome, result.applicant, result.document_type) == (Outcome.FAILED, None, None)
    assert judged(result).reasons == (ErrorCode.ID_NOT_RECOGNIZED,)


async def test_nothing_but_a_type():
    """Textract calls a blank card a license as well."""
    result = await read({"ID_TYPE": "DRIVER LICENSE FRONT", "CLASS": "D"})
    assert [finding.code for finding in result.findings] == [FindingCode.NOT_RECOGNIZED]
