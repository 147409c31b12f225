"""ThreatMetrix: its request, its statuses, and its part of the page."""

import json

import pytest
from tests.plugins.vendors.lexisnexis.conftest import ADA, KNOWN, descriptor_of, put, section

from proofing.contracts.circumstances import Circumstances
from proofing.contracts.results import Outcome, ReviewStatus
from proofing.plugin import Cause, VendorError
from proofing.registry.proofers import LoadedProofer
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import make_process
from proofing_lexisnexis.settings import LexisNexisSettings

ANSWER = {
    "request_id": "r-2",
    "request_result": "success",
    "review_status": "pass",
    "account_lex_id": "L1",
    "session_id": "s-1",
    "fuzzy_device_id": "d-1",
}
PERSONAL = (
    "account_email",
    "account_first_name",
    "account_last_name",
    "account_address_street1",
    "account_address_street2",
    "account_address_city",
    "account_address_state",
    "account_address_zip",
    "account_address_country",
    "account_date_of_birth",
    "account_telephone",
    "account_drivers_license_number",
    "account_drivers_license_type",
    "account_drivers_license_issuer",
    "national_id_number",
    "national_id_type",
    "local_attrib_1",
    "local_attrib_3",
)


async def test_the_request():
    """Every field; the phone is deliberately not sent."""
    _result, request = await put("threat_metrix", ANSWER)
    assert str(request.url) == "https://ddp.example.test/api/session-query"
    assert "authorization" not in request.headers
    assert "7035550100" not in request.content.decode()
    assert json.loads(request.content) == {
        "api_key": "demo-api-key-1",
        "org_id": "org-of-ours-1",
        "policy": "policy-tmx-1",
        "session_id": KNOWN.device_session_id,
        "service_type": "all",
        "event_type": "ACCOUNT_CREATION",
        "customer_event_type": "idv",
        "input_ip_address": "192.0.2.33",
        "account_email": "ada@quill.example",
        "account_first_name": "Ada",
        "account_last_name": "Quill",
        "account_address_street1": "9 Elm St",
        "account_address_street2": "",
        "account_address_city": "Troy",
        "account_address_state": "NY",
        "account_address_zip": "12180-1234",
        "account_address_country": "US",
        "account_date_of_birth": "19850307",
        "account_telephone": "",
        "account_drivers_license_number": "Q123456",
        "account_drivers_license_type": "us_dl",
        "account_drivers_license_issuer": "NY",
        "national_id_number": "900123456",
        "national_id_type": "US_SSN",
        "local_attrib_1": "77",
        "local_attrib_3": "0b6e",
    }


async def test_a_person_of_whom_nothing_is_known():
    """The same fields, all empty; the address of the browser may be unknown, too."""
    nothing = dict.fromkeys(ADA.reveal())
    session = Circumstances(device_session_id="0123456789")
    _result, request = await put("threat_metrix", ANSWER, circumstances=session, **nothing)
    sent = json.loads(request.content)
    assert {key: sent[key] for key in PERSONAL} == dict.fromkeys(PERSONAL, "")
    assert sent["input_ip_address"] is None


@pytest.mark.parametrize(
    ("word", "outcome", "reasons"),
    [
        ("pass", Outcome.PASSED, ()),
        ("review", Outcome.REVIEW, ("device_review",)),
        ("reject", Outcome.FAILED, ("device_reject",)),
    ],
)
async def test_statuses(word, outcome, reasons):
    """Three are documented; what identifies the device is not kept."""
    codes = ["Identity_Negative_History", "Ada Quill", 7]
    answer = {**ANSWER, "review_status": word, "tmx_summary_reason_code": codes}
    result, _request = await put("threat_metrix", answer)
    assert (result.outcome, result.review_status) == (outcome, ReviewStatus(word))
    assert result.reasons == reasons
    assert result.transaction_id == "r-2"
    assert result.vendor_codes == ("Identity_Negative_History",)
    assert "d-1" not in repr(result)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"review_status": "challenge"}, Cause.NONSENSE),
        ({"review_status": "PASS"}, Cause.NONSENSE),
        ({"review_status": None}, Cause.NONSENSE),
        ({"review_status": ["pass"]}, Cause.NONSENSE),
        ({"request_result": "fail_invalid_parameter", "error_detail": "session_id"}, Cause.BAD_REQUEST),
        ({"request_result": "fail_invalid_parameter", "review_status": "reject"}, Cause.BAD_REQUEST),
        ({"request_result": "done"}, Cause.NONSENSE),
        ({"request_id": None}, Cause.NONSENSE),
        ({"request_id": "Ada Quill"}, Cause.NONSENSE),
        ({"request_id": 7}, Cause.NONSENSE),
        ({"tmx_summary_reason_code": {"a": 1}}, Cause.NONSENSE),
    ],
)
async def test_no_answer(changes, cause):
    """Refused requests, and words and types that nobody knows, are neither a pass nor a reject."""
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await put("threat_metrix", {**ANSWER, **changes})
    if cause is Cause.BAD_REQUEST:
        assert caught.value.codes == ("fail_invalid_parameter",)


async def test_a_pass_says_that_the_request_was_one():
    """Without that word nobody has been profiled."""
    answer = {key: value for key, value in ANSWER.items() if key != "request_result"}
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await put("threat_metrix", answer)


async def test_a_single_reason_may_come_without_its_list():
    """It explains a status that is there."""
    answer = {**ANSWER, "tmx_summary_reason_code": "Identity_Negative_History"}
    result, _request = await put("threat_metrix", answer)
    assert result.vendor_codes == ("Identity_Negative_History",)


async def test_without_a_session_nobody_is_asked():
    """There is nothing to ask about."""
    with pytest.raises(VendorError, match="device session", check=caused_by(Cause.BAD_REQUEST)):
        await put("threat_metrix", ANSWER, circumstances=Circumstances(ip_address="192.0.2.33"))


def test_the_page_loads_the_tags():
    """Of the vendor's host alone, with organization and session; a frame where scripts are off."""
    settings = LexisNexisSettings.model_validate(
        section(ddp={"org_id": "a.b", "tags_image_urls": ["https://aa.online-metrix.net"]})
    )
    part = LoadedProofer("lexisnexis", descriptor_of("threat_metrix"), settings, make_process).browser_part
    host = "https://h.online-metrix.net"
    assert part.scripts == (f"{host}/fp/tags.js?org_id=a.b&session_id={{session_id}}",)
    assert part.frame == f"{host}/fp/tags?org_id=a.b&session_id={{session_id}}"
    assert part.script_sources == part.connect_sources == part.frame_sources == {host}
    assert part.image_sources == {host, "https://*.online-metrix.net", "https://aa.online-metrix.net"}
    assert part.isolated
