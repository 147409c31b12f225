"""What DocV answers: decisions, types, codes, selfies, and what was read."""

import pytest

from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.results import Assurance, FindingCode, Outcome, SelfieCheck
from proofing_socure import SocureSettings
from proofing_socure.docv_answer import DocVAnswer, DocVReader, Expectation
from proofing_socure.docv_types import RequestType, accepted_types

SECTION = {
    "base_url": "https://sandbox.socure.example",
    "api_key": "k",
    "docv_mobile_license_codes": ["I899"],
    "docv_selfie_not_processed_codes": ["R870"],
    "docv_selfie_fail_codes": ["R871"],
    "docv_selfie_pass_codes": ["I872"],
}
ALL = frozenset(DocumentType) - {DocumentType.OTHER}
ADDRESS = {"physicalAddress": "1 Fake Rd", "city": "New York", "state": "NY", "zip": "10001-1234"}
DATA = {
    "firstName": "Fakey",
    "middleName": "Q",
    "surName": "McFakerson",
    "nameSuffix": "Jr",
    "parsedAddress": ADDRESS,
    "dob": "1938-10-06",
    "issueDate": "2019-12-31",
    "expirationDate": "2099-12-31",
    "documentNumber": "S59397998",
}
MRZ = "P<USAMCFAKERSON<<FAKEY<<<<<<<<<<<<<<<<<<<<<<\n1234567897USA3810069M9912315<<<<<<<<<<<<<<06"
LICENSE = {"type": "Drivers License", "state": "NY", "country": "USA"}
PASSPORT = {"type": "Passport", "country": "USA"}


def read(
    decision="accept",
    codes=(),
    *,
    kind=LICENSE,
    data=DATA,
    requested=RequestType.LICENSE,
    wanted=ALL,
    selfie=False,
    mrz=MRZ,
):
    """Read an answer, as strictly as one that came from Socure."""
    body = {
        "referenceId": "d-2",
        "documentVerification": {
            "reasonCodes": list(codes),
            "decision": {"name": "lenient", "value": decision},
            "documentType": kind,
            "documentData": data,
            "rawData": {"mrz": mrz},
        },
    }
    expected = Expectation(
        wanted=wanted, requested=accepted_types(requested, wanted), selfie=selfie, flow="flow_key"
    )
    return DocVReader(SocureSettings(**SECTION), "socure:docv").result(
        DocVAnswer.model_validate(body), expected
    )


def test_a_license():
    """Everything that is printed on it."""
    result = read()
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.AUTHENTICATED)
    assert (result.document_type, result.findings, result.reasons) == (DocumentType.DRIVERS_LICENSE, (), ())
    assert result.applicant == Applicant(
        first_name="Fakey",
        middle_name="Q",
        last_name="McFakerson",
        name_suffix="Jr",
        dob="1938-10-06",
        address1="1 Fake Rd",
        city="New York",
        state="NY",
        zipcode="10001-1234",
        state_id_number="S59397998",
        state_id_jurisdiction="NY",
        state_id_issued="2019-12-31",
        state_id_expiration="2099-12-31",
        issuing_country_code="USA",
    )


def test_a_passport():
    """It has no address; the nationality is the issuer's."""
    result = read(kind=PASSPORT, requested=RequestType.PASSPORT)
    assert result.document_type is DocumentType.PASSPORT
    assert result.applicant == Applicant(
        first_name="Fakey",
        middle_name="Q",
        last_name="McFakerson",
        name_suffix="Jr",
        dob="1938-10-06",
        issuing_country_code="USA",
        nationality_code="USA",
        passport_expiration="2099-12-31",
        document_number="S59397998",
        mrz=MRZ,
    )


@pytest.mark.parametrize(
    ("name", "codes", "kind"),
    [
        ("Drivers License", [], "drivers_license"),
        ("DriversLicense", [], "drivers_license"),
        ("Driver's License", [], "drivers_license"),
        ("Drivers License", ["I831", "I899"], "mobile_drivers_license"),
        ("Identification Card", [], "state_id_card"),
        ("Identification Card", ["I899"], "state_id_card"),
        ("Drivers Permit", [], "drivers_permit"),
        ("Passport", [], "passport"),
        ("Passport Card", [], "passport_card"),
        ("Tribal ID", [], "other"),
        ("Other", [], "other"),
        ("", [], "other"),
    ],
)
def test_types(name, codes, kind):
    """In any spelling of the same words."""
    requested = {
        "mobile_drivers_license": RequestType.DIGITAL_ID,
        "passport": RequestType.PASSPORT,
    }.get(kind, RequestType.LICENSE)
    result = read(codes=codes, kind={**LICENSE, "type": name}, requested=requested)
    assert result.document_type == kind
    assert result.passed is (kind != "other")


@pytest.mark.parametrize(
    ("country", "passes"),
    [("US", True), ("usa", True), ("PRI", True), (None, True), ("CAN", False), ("MX", False)],
)
def test_countries(country, passes):
    """A document of another country is of a type that is not accepted."""
    result = read(kind={**LICENSE, "country": country})
    assert result.passed is passes
    if not passes:
        assert (result.reasons, result.document_type) == (("unaccepted_id_type",), DocumentType.OTHER)


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        ("accept", Outcome.PASSED),
        ("reject", Outcome.FAILED),
        ("resubmit", Outcome.FAILED),
        ("review", Outcome.REVIEW),
        ("refer", Outcome.REVIEW),
    ],
)
def test_decisions(decision, outcome):
    """Only an accept passes; a review is no reject."""
    result = read(decision)
    assert result.outcome is outcome
    assert (result.applicant is not None) is (outcome is Outcome.PASSED)
    if outcome is not Outcome.PASSED:
        assert result.reasons == (f"vendor_{decision}",)


@pytest.mark.parametrize("decision", ["ACCEPT", "accepted", "approve", "", None, True, 1])
def test_unknown_decisions_are_no_answer(decision):
    """Exactly one word is a yes."""
    with pytest.raises(ValueError, match="decision"):
        read(decision)


@pytest.mark.parametrize(
    ("codes", "reason", "finding"),
    [
        (["R810", "R827"], "unreadable_id", "unreadable"),
        (["I854"], "unreadable_id", "unreadable"),
        (["R999"], "unreadable_id", "unreadable"),
        (["I849"], "unaccepted_id_type", "unsupported_document"),
        (["R853"], "unaccepted_id_type", "unsupported_document"),
        (["R862"], "unaccepted_id_type", "unsupported_document"),
        (["R827", "R810"], "expired_id", "expiration_date"),
        (["I808"], "low_resolution", "low_resolution"),
        (["R845"], "underage", "underage"),
        (["I856"], "id_not_found", "not_recognized"),
        (["R819"], "id_not_found", "not_recognized"),
        (["R899"], "state_id_verification", "issuer_record"),
        ([], "vendor_reject", "other"),
    ],
)
def test_reasons_of_a_reject(codes, reason, finding):
    """The first code decides; one that no table has is an image that cannot be read."""
    result = read("reject", codes)
    assert (result.outcome, result.reasons, result.vendor_codes) == (Outcome.FAILED, (reason,), tuple(codes))
    (found,) = result.findings
    assert (found.code, found.vendor_code) == (FindingCode(finding), next(iter(codes), None))


def test_codes_do_not_outweigh_a_yes():
    """The decision of the account's rules does."""
    result = read(codes=["R827", "R810"])
    assert (result.outcome, result.findings, result.vendor_codes) == (Outcome.PASSED, (), ("R827", "R810"))


@pytest.mark.parametrize(
    ("codes", "check"),
    [
        ([], "not_checked"),
        (["I831"], "not_checked"),
        (["I872"], "match"),
        (["I872", "R871"], "no_match"),
        (["I872", "R871", "R870"], "not_checked"),
        (["R871"], "no_match"),
    ],
)
def test_selfies(codes, check):
    """Not processed comes before a failure, and that before a match."""
    result = read(codes=codes)
    assert result.selfie is SelfieCheck(check)
    assert result.passed is (check != "no_match")
    assert result.reasons == (("selfie_fail",) if check == "no_match" else ())


@pytest.mark.parametrize(("codes", "passes"), [(["I872"], True), ([], False), (["R870"], False)])
def test_a_yes_without_the_selfie_of_its_flow_is_no_answer(codes, passes):
    """The flow must have compared one."""
    assert (read(codes=codes, selfie=True) is not None) is passes
    assert read("reject", codes, selfie=True).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("kind", "requested", "wanted", "reason"),
    [
        (PASSPORT, RequestType.LICENSE, ALL, "unexpected_id_type"),
        (LICENSE, RequestType.PASSPORT, ALL, "unexpected_id_type"),
        (LICENSE, RequestType.DIGITAL_ID, ALL, "unexpected_id_type"),
        (PASSPORT, RequestType.LICENSE, ALL - {DocumentType.PASSPORT}, "unaccepted_id_type"),
        (
            {**PASSPORT, "type": "Passport Card"},
            RequestType.PASSPORT,
            ALL - {DocumentType.PASSPORT_CARD},
            "unaccepted_id_type",
        ),
    ],
)
def test_a_type_that_was_not_asked_for(kind, requested, wanted, reason):
    """Is a no, though Socure accepts it."""
    result = read(kind=kind, requested=requested, wanted=wanted)
    assert (result.outcome, result.reasons) == (Outcome.FAILED, (reason,))
    assert [found.code for found in result.findings] == [FindingCode.UNSUPPORTED_DOCUMENT]


@pytest.mark.parametrize(
    ("requested", "wanted", "name"),
    [
        (RequestType.LICENSE, ALL, "Passport Card"),
        (RequestType.PASSPORT, ALL, "Passport Card"),
        (RequestType.LICENSE, {DocumentType.PASSPORT, DocumentType.PASSPORT_CARD}, "Passport"),
    ],
)
def test_passport_cards_are_asked_for_in_two_ways(requested, wanted, name):
    """As a license, and as a passport."""
    result = read(kind={**PASSPORT, "type": name}, requested=requested, wanted=frozenset(wanted))
    assert result.passed


@pytest.mark.parametrize(
    ("decision", "codes", "kind", "reason"),
    [
        ("reject", ["R827"], {**LICENSE, "type": "Tribal ID"}, "unaccepted_id_type"),
        ("reject", ["R827", "R871"], LICENSE, "expired_id"),
        ("accept", ["R871"], PASSPORT, "selfie_fail"),
    ],
)
def test_the_first_failure_gives_the_reason(decision, codes, kind, reason):
    """Type, decision, selfie, type that was asked for."""
    assert read(decision, codes, kind=kind).reasons == (reason,)


@pytest.mark.parametrize("missing", [{"kind": None}, {"data": None}])
def test_a_yes_that_lacks_type_or_data_is_no_answer(missing):
    """A no may lack both."""
    assert read(**missing) is None
    assert read("reject", **missing).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (None, None),
        ("", None),
        ("Apt 5", "Apt 5"),
        ("NEW YORK, NY 10001-1234", None),
        ("New York NY 10001 1234", None),
        ("Apt 5, New York, NY 10001-1234", "Apt 5"),
        ("New York Annex", "New York Annex"),
        ("NY", "NY"),
    ],
)
def test_the_second_line_may_repeat_the_city(line, wanted):
    """Which is no second line."""
    data = {**DATA, "parsedAddress": {**ADDRESS, "physicalAddress2": line}}
    assert read(data=data).applicant.address2 == wanted


def test_an_address_without_a_city_repeats_nothing():
    """And an address may be missing as a whole."""
    data = {**DATA, "parsedAddress": {"physicalAddress": "1 Fake Rd", "physicalAddress2": "Apt 5"}}
    assert read(data=data).applicant.address2 == "Apt 5"
    assert read(data={**DATA, "parsedAddress": None}).applicant.address1 is None


@pytest.mark.parametrize("kind", [None, {}, {"type": None}, {"type": None, "state": None, "country": None}])
def test_a_no_about_nothing_that_was_recognized(kind):
    """The reason is the vendor's; a yes about it is not read."""
    result = read("reject", ["R819"], kind=kind, data={})
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("id_not_found",))
    assert (result.document_type, result.applicant) == (None, None)
    assert read(kind=kind) is None


@pytest.mark.parametrize("field", ["dob", "issueDate", "expirationDate"])
@pytest.mark.parametrize("text", [None, "", "10/06/1938", "1938-13-01", "N/A"])
def test_what_is_no_date_is_unknown(field, text):
    """As if it were missing."""
    read_field = {"dob": "dob", "issueDate": "state_id_issued", "expirationDate": "state_id_expiration"}[
        field
    ]
    assert getattr(read(data={**DATA, field: text}).applicant, read_field) is None


@pytest.mark.parametrize("field", DATA)
def test_what_is_no_text_is_no_answer(field):
    """Numbers in place of texts are not guessed at."""
    with pytest.raises(ValueError, match="documentData"):
        read(data={**DATA, field: 7})
