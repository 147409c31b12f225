"""Instant Verify on both platforms: requests byte for byte, verdicts, checks, and what may be cured."""

import json

import httpx
import pytest
from tests.plugins.vendors.lexisnexis.conftest import (
    NOTHING,
    ddp,
    descriptor_of,
    instant_verify,
    item,
    put,
    rdp,
    section,
)

from proofing.contracts.evidence import Death
from proofing.contracts.results import Match, Outcome
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by

TOTAL = "total.scoring.model.verification.fail"
PRIORITY = "priority.scoring.model.verification.fail"
SERVICE = "Execute Instant Verify"


def over_ddp(nested, **more):
    """Return the answer of the other platform that carries *nested*."""
    return ddp(nested, "policy-iv-1", SERVICE, **more)


async def test_the_request():
    """Every field, with five digits of the ZIP code, texts as parts of the date, and no license."""
    _result, request = await put("instant_verify", rdp("passed"), address2=None, ssn="900-12-3456")
    assert request.method == "POST"
    assert str(request.url) == "https://rdp.example.test/restws/identity/v2/acct1/iv.workflow/conversation"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "Settings": {
            "AccountNumber": "acct1",
            "Mode": "testing",
            "Reference": "77:0b6e",
            "Locale": "en_US",
            "Venue": "online",
        },
        "Person": {
            "Name": {"FirstName": "Ada", "LastName": "Quill"},
            "SSN": {"Number": "900123456", "Type": "ssn9"},
            "DateOfBirth": {"Year": "1985", "Month": "3", "Day": "7"},
            "Addresses": [
                {
                    "StreetAddress1": "9 Elm St",
                    "StreetAddress2": "",
                    "City": "Troy",
                    "State": "NY",
                    "Zip5": "12180",
                    "Country": "US",
                    "Context": "primary",
                }
            ],
        },
    }


@pytest.mark.parametrize(("zipcode", "sent"), [(None, ""), ("1218", ""), ("x2180", ""), ("12180", "12180")])
async def test_zip_codes(zipcode, sent):
    """Nothing is made up."""
    _result, request = await put("instant_verify", rdp("passed"), zipcode=zipcode)
    assert json.loads(request.content)["Person"]["Addresses"][0]["Zip5"] == sent


@pytest.mark.parametrize(("prefix", "reference"), [(None, "0b6e"), ("", "0b6e"), ("77", "77:0b6e")])
async def test_our_reference(prefix, reference):
    """The partner's comes first, where there is one."""
    _result, request = await put("instant_verify", rdp("passed"), uuid_prefix=prefix)
    assert json.loads(request.content)["Settings"]["Reference"] == reference


async def test_the_request_of_the_other_platform():
    """All fields, with the whole ZIP code and the license, and credentials in the body alone."""
    _result, request = await put("instant_verify_ddp", over_ddp(rdp("passed")))
    assert str(request.url) == "https://ddp.example.test/api/attribute-query"
    assert "authorization" not in request.headers
    assert json.loads(request.content) == {
        "api_key": "demo-api-key-1",
        "org_id": "org-of-ours-1",
        "policy": "policy-iv-1",
        "service_type": "all",
        "event_type": "ACCOUNT_CREATION",
        "customer_event_type": "instant_verify",
        "account_first_name": "Ada",
        "account_last_name": "Quill",
        "account_date_of_birth": "19850307",
        "account_telephone": "",
        "account_address_street1": "9 Elm St",
        "account_address_street2": "",
        "account_address_city": "Troy",
        "account_address_state": "NY",
        "account_address_zip": "12180-1234",
        "account_address_country": "US",
        "account_drivers_license_number": "Q123456",
        "account_drivers_license_type": "us_dl",
        "account_drivers_license_issuer": "NY",
        "national_id_number": "900123456",
        "national_id_type": "US_SSN",
        "local_attrib_1": "77",
        "local_attrib_3": "0b6e",
    }


async def test_unknown_fields_of_the_other_platform():
    """All keys stay, without values."""
    unknown = dict.fromkeys(
        ("dob", "ssn", "state", "state_id_number", "state_id_jurisdiction", "uuid_prefix")
    )
    _result, request = await put("instant_verify_ddp", over_ddp(rdp("passed")), **unknown)
    sent = json.loads(request.content)
    assert len(sent) == 23
    for key in (
        "account_date_of_birth",
        "account_address_state",
        "account_address_country",
        "account_drivers_license_number",
        "account_drivers_license_type",
        "account_drivers_license_issuer",
        "national_id_number",
        "national_id_type",
        "local_attrib_1",
    ):
        assert sent[key] == "", key


@pytest.mark.parametrize("lacking", ["ssn", "dob"])
async def test_what_cannot_be_asked_is_not_sent(lacking):
    """It would be charged."""
    with pytest.raises(
        VendorError, match="the question has no", check=caused_by(Cause.BAD_REQUEST)
    ) as caught:
        await put("instant_verify", rdp("passed"), **{lacking: None})
    assert not caught.value.billed


async def test_a_curable_no():
    """Address alone failed: another source may verify it."""
    items = [item("SSNSSAValid"), item("AddrDeliverable", "fail", "addr_not_deliverable_fail")]
    answer = rdp("failed", instant_verify("fail", *items), code=TOTAL)
    result, _request = await put("instant_verify", answer)
    assert result.outcome is Outcome.FAILED
    assert result.vendor_name == "lexisnexis:instant_verify"
    assert (result.transaction_id, result.reference) == ("81", "77:0b6e")
    assert result.vendor_workflow == "iv.workflow"
    assert result.can_pass_with_additional_verification
    assert result.attributes_requiring_additional_verification == {"address"}
    assert result.attributes == {"address": Match.MISMATCH, "ssn": Match.MATCH}
    assert result.verified_attributes == {"ssn"}
    assert result.reasons == ("address_mismatch",)
    assert result.vendor_codes == (TOTAL, "addr_not_deliverable_fail")


FAILED = item("DOBYearVerified", "fail", "dob_year_not_verfied_fail")


@pytest.mark.parametrize(
    ("answer", "is_curable"),
    [
        (rdp("failed", instant_verify("fail", FAILED), code=TOTAL), True),
        (rdp("failed", instant_verify("fail", FAILED), code=PRIORITY), True),
        (rdp("failed", instant_verify("fail", FAILED), code=f"x.{PRIORITY}.y"), True),
        (rdp("failed", instant_verify("fail", FAILED), code="identity.risk.fail"), False),
        (rdp("failed", instant_verify("fail", FAILED)), False),
        (rdp("failed", instant_verify("pass", FAILED), code=TOTAL), False),
        (rdp("failed", instant_verify("error", FAILED), code=TOTAL), False),
        (rdp("failed", instant_verify("fail", item("SSNSSAValid")), code=TOTAL), False),
        (rdp("failed", instant_verify("fail"), code=TOTAL), False),
        (rdp("failed", code=TOTAL), False),
        (rdp("failed", instant_verify("fail", FAILED), instant_verify("fail", FAILED), code=TOTAL), False),
        (rdp("failed", instant_verify("fail", FAILED, product_type="Discovery"), code=TOTAL), False),
        (rdp("passed", instant_verify("fail", FAILED), code=TOTAL), False),
    ],
)
async def test_what_can_be_cured(answer, is_curable):
    """A no, for its score alone, by exactly one product that failed, with checks that failed."""
    for name, wrapped in (("instant_verify", answer), ("instant_verify_ddp", over_ddp(answer))):
        result, _request = await put(name, wrapped)
        assert result.can_pass_with_additional_verification is is_curable, name
        assert result.passed is (answer["Status"]["TransactionStatus"] == "passed")


CHECKS = {
    "Addr1Zip_StateMatch": "address",
    "IdentityOccupancyVerified": "address",
    "AddrDeliverable": "address",
    "AddrNotHighRisk": "address",
    "SsnFullNameMatch": "ssn",
    "SSNSSAValid": "ssn",
    "DOBFullVerified": "dob",
    "DOBYearVerified": "dob",
    "SsnDeathMatchVerification": "dead",
    "LexIDDeathMatch": "dead",
    "DriversLicense": "state_id_number",
    "DriversLicenseVerification": "state_id_number",
    "MoonPhase": "unknown",
}


@pytest.mark.parametrize(("name", "attribute"), CHECKS.items())
async def test_each_check_has_its_attribute(name, attribute):
    """Failed it is wanted from another source; passed it is verified, where there is something to verify."""
    failed = rdp("failed", instant_verify("fail", item(name, "fail", "x_fail")), code=TOTAL)
    result, _request = await put("instant_verify", failed)
    assert result.attributes_requiring_additional_verification == {attribute}
    assert result.attributes == {attribute: Match.MISMATCH}
    assert result.death is (Death.HIT if attribute == "dead" else Death.UNKNOWN)
    result, _request = await put("instant_verify", rdp("passed", instant_verify("pass", item(name))))
    assert result.death is (Death.CLEAR if attribute == "dead" else Death.UNKNOWN)
    verified = {attribute} - {"dead", "unknown"}
    assert result.verified_attributes == verified
    assert result.attributes == dict.fromkeys(verified, Match.MATCH)


@pytest.mark.parametrize(
    ("items", "match"),
    [
        (
            [item("SSNSSAValid"), item("SsnFullNameMatch", "fail", "identity_not_found_fail")],
            Match.UNAVAILABLE,
        ),
        ([item("SSNSSAValid"), item("SsnFullNameMatch", "error")], Match.NOT_CHECKED),
        (
            [item("SSNSSAValid", "fail"), item("SsnFullNameMatch", "fail", "identity_not_found_fail")],
            Match.MISMATCH,
        ),
        ([item("SSNSSAValid"), item("SsnFullNameMatch")], Match.MATCH),
    ],
)
async def test_no_record_is_no_mismatch(items, match):
    """Of several checks the worst counts, and a record that is not there is not a wrong one."""
    answer = rdp("failed", instant_verify("fail", *items), code=TOTAL)
    result, _request = await put("instant_verify", answer)
    assert result.attributes == {"ssn": match}
    assert result.reasons == (() if match is Match.MATCH else (f"ssn_{match.value}",))


async def test_a_yes_with_a_failed_check_is_a_yes():
    """An expired license, which was not even sent; the attribute is named anyway."""
    expired = item("DriversLicense", "fail", "drivers_license_expired_fail")
    result, _request = await put(
        "instant_verify", rdp("passed", instant_verify("pass", expired), code="iv_pass")
    )
    assert result.passed
    assert result.attributes_requiring_additional_verification == {"state_id_number"}
    assert not result.can_pass_with_additional_verification


@pytest.mark.parametrize("product_type", ["Verify", "Verification", "InstantVerify"])
@pytest.mark.parametrize("as_text", [False, True])
async def test_the_other_platform_answers_inside_its_answer(product_type, as_text):
    """As an object or as text, by any of the product's names, with a decision next to it."""
    product = instant_verify("fail", FAILED, product_type=product_type)
    decision = {"ProductType": f"{product_type}_Decision", "ExecutedStepName": "D", "ProductStatus": "fail"}
    nested = rdp("failed", product, decision, code=TOTAL)
    answer = over_ddp(json.dumps(nested) if as_text else nested, review_status="pass")
    result, _request = await put("instant_verify_ddp", answer)
    assert result.outcome is Outcome.FAILED
    assert result.can_pass_with_additional_verification
    assert result.attributes_requiring_additional_verification == {"dob"}
    assert (result.transaction_id, result.reference) == ("81", None)


async def test_the_outer_review_status_decides_nothing():
    """Recorded answers pass with ``reject``."""
    result, _request = await put("instant_verify_ddp", over_ddp(rdp("passed"), review_status="reject"))
    assert result.passed


async def test_the_service_has_the_name_of_the_console():
    """Any name of the vendor's console can be set."""
    settings = section(ddp={"instant_verify_service": "Step 7"})
    answer = ddp(rdp("passed"), "policy-iv-1", "Step 7")
    result, _request = await put("instant_verify_ddp", answer, settings=settings)
    assert result.passed
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await put("instant_verify_ddp", answer)


def late_over_ddp(nested):
    """Return the answer of the other platform that waited for the product in vain."""
    answer = over_ddp(nested)
    answer["integration_hub_results"]["org-of-ours-1:policy-iv-1"][SERVICE]["tps_was_timeout"] = "yes"
    return answer


TIMED_OUT = {"integration_hub_results": {"org-of-ours-1:policy-iv-1": {SERVICE: {"tps_was_timeout": "yes"}}}}


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({**over_ddp(rdp("passed")), **TIMED_OUT}, Cause.SOURCE_TIMEOUT),
        (late_over_ddp(""), Cause.SOURCE_TIMEOUT),
        (late_over_ddp({}), Cause.SOURCE_TIMEOUT),
        (late_over_ddp(None), Cause.SOURCE_TIMEOUT),
        (over_ddp(NOTHING), Cause.NONSENSE),
        (over_ddp(None), Cause.NONSENSE),
        (over_ddp(""), Cause.NONSENSE),
        (over_ddp({}), Cause.NONSENSE),
        (over_ddp("no JSON"), Cause.NONSENSE),
        (over_ddp('{"Status": {}}'), Cause.NONSENSE),
        (over_ddp([]), Cause.NONSENSE),
        (ddp(rdp("passed"), "policy-of-others", SERVICE), Cause.NONSENSE),
        ({"request_id": "r-1", "request_result": "success", "review_status": "pass"}, Cause.NONSENSE),
        (over_ddp(rdp("passed"), request_result="fail_invalid_parameter"), Cause.BAD_REQUEST),
        (over_ddp(rdp("passed"), request_result="maybe"), Cause.NONSENSE),
        (over_ddp(rdp("passed"), request_result=None), Cause.NONSENSE),
        (
            {key: over_ddp(rdp("passed"))[key] for key in ("request_id", "integration_hub_results")},
            Cause.NONSENSE,
        ),
        ([], Cause.NONSENSE),
    ],
)
async def test_no_answer_inside_the_answer(answer, cause):
    """Neither yes nor no, whatever the outer one says."""
    with pytest.raises(VendorError, check=caused_by(cause)):
        await put("instant_verify_ddp", answer)


@pytest.mark.parametrize("as_list", [True, False])
async def test_an_error_has_the_vendor_s_codes(as_list):
    """And its transaction, for which it may charge; nothing of its texts. Details may come alone."""
    detail = {
        "InformationType": "error-details",
        "Code": "invalid.person.data",
        "Description": "Ada Quill is not valid",
        "DetailDescription": [{"Text": "900123456"}],
    }
    for name, wrap in (("instant_verify", lambda one: one), ("instant_verify_ddp", over_ddp)):
        details = [detail] if as_list else detail
        answer = wrap(
            rdp("error", {"ExecutedStepName": "x"}, code="invalid_transaction", Information=details)
        )
        with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)) as caught:
            await put(name, answer)
        assert caught.value.codes == ("invalid_transaction", "invalid.person.data")
        assert caught.value.transaction_id == "81"
        assert caught.value.billed


def changed(**status):
    """Return a yes with other values of its status."""
    answer = rdp("passed", instant_verify("pass", item("SSNSSAValid")), code="iv_pass")
    return {**answer, "Status": {**answer["Status"], **status}}


@pytest.mark.parametrize(
    "answer",
    [
        changed(TransactionStatus="pending"),
        changed(TransactionStatus="PASSED"),
        changed(TransactionStatus=None),
        changed(TransactionStatus=True),
        changed(ConversationId=None),
        changed(ConversationId=81),
        changed(ConversationId="Ada Quill"),
        changed(TransactionReasonCode="iv_pass"),
        rdp("passed", instant_verify("perhaps")),
        rdp("passed", instant_verify("pass", item("SSNSSAValid", "perhaps"))),
        rdp("passed", instant_verify("pass", {"ItemName": "SSNSSAValid"})),
        rdp("passed", {"ProductType": "InstantVerify"}),
        rdp("passed", Information=[{"InformationType": "error-details", "Code": "x_y"}]),
        rdp("passed", Information={"InformationType": "error-details", "Code": "x_y"}),
        rdp("passed", Information="error-details"),
        {**rdp("passed"), "Products": {}},
        {},
        [],
        None,
    ],
)
async def test_a_yes_that_nobody_understands_is_no_answer(answer):
    """Words, types and ids that are not documented."""
    for name, wrapped in (("instant_verify", answer), ("instant_verify_ddp", over_ddp(answer))):
        with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
            await put(name, wrapped)


@pytest.mark.parametrize("answer", [rdp("passed"), {"Status": rdp("passed")["Status"]}])
async def test_a_yes_needs_no_products(answer):
    """The status alone decides."""
    result, _request = await put("instant_verify", answer)
    assert result.passed
    assert result.attributes == {}


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, Cause.AUTHENTICATION),
        (403, Cause.AUTHENTICATION),
        (404, Cause.BAD_REQUEST),
        (429, Cause.QUOTA),
        (500, Cause.UNREACHABLE),
        (503, Cause.UNREACHABLE),
    ],
)
async def test_statuses(status, cause):
    """No yes and no no, and nothing of the body."""
    answer = httpx.Response(status, json=rdp("passed"))
    with pytest.raises(VendorError, check=caused_by(cause)):
        await put("instant_verify", answer)


@pytest.mark.parametrize("name", ["instant_verify", "instant_verify_ddp"])
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"status": {"code": "INVALID_WORKFLOW", "message": "Ada Quill"}}, ("INVALID_WORKFLOW",)),
        ({"status": {"code": 1042}}, ("1042",)),
        ({"status": {"code": "900123456"}}, ()),
        ({"status": {"code": "no workflow for Ada"}}, ()),
        ({"status": {"code": True}}, ()),
        ({"status": {}}, ()),
        ({"status": "INVALID_WORKFLOW"}, ()),
        (["INVALID_WORKFLOW"], ()),
        ("INVALID_WORKFLOW", ()),
    ],
)
async def test_the_code_of_a_refused_request(name, body, codes):
    """It tells refusals apart; the message next to it is free text."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await put(name, httpx.Response(400, json=body))
    assert caught.value.codes == ("400", *codes)
    assert "Ada" not in str(caught.value)


async def test_codes_are_codes():
    """Sentences, names and numbers are not kept."""
    items = [
        item("A", "fail", "Ada Quill could not be verified"),
        item("B", "fail", "Quill"),
        item("C", "fail", "ssn_900123456"),
        item("D", "fail", "dob_full_verified_fail"),
        item("E", "fail", "dob_full_verified_fail"),
        item("F", "pass", "not_of_a_failure"),
    ]
    result, _request = await put("instant_verify", rdp("failed", instant_verify("fail", *items)))
    assert result.vendor_codes == ("dob_full_verified_fail",)


async def test_a_reference_that_is_no_reference_is_not_kept():
    """It is logged."""
    result, _request = await put("instant_verify", changed(Reference="Ada Quill, 900123456"))
    assert result.passed
    assert result.reference is None


def test_it_gets_no_license():
    """The first platform is not sent it, and so is not handed it."""
    assert "state_id_number" not in descriptor_of("instant_verify").attributes
    assert "state_id_number" in descriptor_of("instant_verify_ddp").attributes


@pytest.mark.parametrize(
    ("items", "death"),
    [
        ([item("SSNSSAValid")], Death.UNKNOWN),
        ([item("SsnDeathMatchVerification"), item("LexIDDeathMatch")], Death.CLEAR),
        ([item("SsnDeathMatchVerification"), item("LexIDDeathMatch", "fail", "dead_fail")], Death.HIT),
        (
            [item("SsnDeathMatchVerification"), item("LexIDDeathMatch", "fail", "identity_not_found_fail")],
            Death.UNKNOWN,
        ),
        ([item("SsnDeathMatchVerification"), item("LexIDDeathMatch", "error")], Death.UNKNOWN),
    ],
)
async def test_a_death_record_is_clear_only_when_every_check_was_passed(items, death):
    """No record of the person, or a check that failed to run, is not the same as no death record."""
    result, _request = await put("instant_verify", rdp("passed", instant_verify("pass", *items)))
    assert result.death is death
