"""Lookups: what is sent, and what each answer comes to."""

import base64
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError
from tests.plugins.vendors.twilio.answers import (
    APPLICANT,
    IDENTITY,
    LINE,
    PHONE,
    REQUEST_ID,
    SECTION,
    ask,
    lookup,
    matching,
)

from proofing.base.errors import Cause, VendorError
from proofing.base.logs import JSONFormatter
from proofing.contracts.results import FraudSignal, Match, Outcome
from proofing.testing.vendor_checks import caused_by
from proofing_twilio import TwilioSettings

SWAPPED = {
    "last_sim_swap": {
        "last_sim_swap_date": "2026-11-29T10:18:50Z",
        "swapped_period": "PT48H",
        "swapped_in_period": True,
    },
    "carrier_name": "Invented Wireless",
    "mobile_country_code": "310",
    "mobile_network_code": "456",
    "error_code": None,
}
NOT_SWAPPED = {**SWAPPED, "last_sim_swap": {**SWAPPED["last_sim_swap"], "swapped_in_period": False}}


def reassigned(word, error=None):
    """Return the package of reassigned numbers; it writes its codes as text."""
    return {"last_verified_date": "2026-09-01", "is_number_reassigned": word, "error_code": error}


async def test_what_is_sent():
    """The number in the path, the rest in the query; the key as Basic authentication."""
    _result, fake = await ask(lookup())
    (request,) = fake.requests
    path, _, query = request.url.raw_path.decode().partition("?")
    assert (request.method, request.url.host) == ("GET", "lookups.twilio.com")
    assert path == "/v2/PhoneNumbers/%2B17035550100"
    assert parse_qsl(query, strict_parsing=True) == [
        ("Fields", "line_type_intelligence,identity_match"),
        ("FirstName", "Fakey"),
        ("LastName", "McFakerson"),
        ("AddressLine1", "1 Fake Rd"),
        ("AddressLine2", "Apt 2 & 3"),
        ("City", "Great Falls"),
        ("State", "MT"),
        ("PostalCode", "59010-1234"),
        ("AddressCountryCode", "US"),
    ]
    scheme, _, key = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(key).decode() == f"{SECTION['api_key_sid']}:{SECTION['api_key_secret']}"


async def test_what_is_not_known_is_not_sent():
    """No empty parameters, which Twilio would compare."""
    applicant = replace(
        APPLICANT, address1=None, address2=None, city=None, state=None, zipcode=None, first_name=None
    )
    _result, fake = await ask(lookup(), applicant=applicant)
    assert parse_qsl(fake.requests[0].url.query.decode(), keep_blank_values=True) == [
        ("Fields", "line_type_intelligence,identity_match"),
        ("LastName", "McFakerson"),
    ]


async def test_signals_are_asked_for_where_the_settings_say_so():
    """In the same call."""
    section = {"sim_swap": "note", "reassigned_number": "note", "reassigned_within_days": 30}
    body = lookup(sim_swap=NOT_SWAPPED, reassigned_number=reassigned("no"))
    _result, fake = await ask(body, section)
    sent = dict(parse_qsl(fake.requests[0].url.query.decode()))
    assert sent["Fields"] == "line_type_intelligence,identity_match,sim_swap,reassigned_number"
    since = datetime.strptime(sent["LastVerifiedDate"], "%Y%m%d").replace(tzinfo=UTC)
    assert timedelta(days=30) <= datetime.now(UTC) - since < timedelta(days=32)


async def test_no_log_line_names_the_number(caplog):
    """Nor the query: the path is left out, whatever happens."""
    with caplog.at_level(logging.DEBUG, logger="proofing"):
        await ask(lookup())
        with pytest.raises(VendorError) as caught:
            await ask({"code": 20003}, status=401)
    lines = [JSONFormatter("test").format(record) for record in caplog.records]
    calls = [line for line in lines if "outbound_call" in line]
    assert len(calls) == 2
    facts = [json.loads(line) for line in calls]
    assert [(fact["host"], fact.get("path")) for fact in facts] == [("lookups.twilio.com", None)] * 2
    assert not [line for line in (*lines, str(caught.value)) if PHONE in line or "Fakey" in line]


async def test_the_number_is_the_applicants():
    """With everything that was compared."""
    result, _fake = await ask(lookup())
    assert (result.outcome, result.transaction_id, result.reasons) == (Outcome.PASSED, REQUEST_ID, ())
    assert result.attributes == dict.fromkeys(
        ("first_name", "last_name", "address1", "city", "state", "zipcode", "phone"), Match.MATCH
    )


async def test_either_name_of_the_address_is_read():
    """Twilio's reference says one, and its example the other."""
    identity = {name: value for name, value in IDENTITY.items() if name != "address_line_match"}
    result, _fake = await ask(lookup(identity={**identity, "address_lines_match": "no_match"}))
    assert result.attributes["address1"] is Match.MISMATCH


@pytest.mark.parametrize(
    ("levels", "outcome", "reasons"),
    [
        ({"last_name_match": "exact_match"}, Outcome.PASSED, ()),
        ({"last_name_match": "partial_match"}, Outcome.FAILED, ("last_name_partial_match",)),
        ({"last_name_match": "no_match"}, Outcome.FAILED, ("last_name_mismatch",)),
        ({"last_name_match": "no_data_available"}, Outcome.UNKNOWN, ("last_name_unavailable",)),
        (
            {"first_name_match": "no_match", "last_name_match": "no_data_available"},
            Outcome.FAILED,
            ("first_name_mismatch", "last_name_unavailable"),
        ),
        ({"address_line_match": "no_match", "summary_score": 40}, Outcome.PASSED, ()),
        ({"address_line_match": "no_data_available"}, Outcome.PASSED, ()),
        ({"summary_score": 39}, Outcome.FAILED, ("identity_score_low",)),
    ],
)
async def test_identity(levels, outcome, reasons):
    """A no is no; where Twilio has no data nobody knows."""
    result, _fake = await ask(matching(**levels))
    assert (result.outcome, result.reasons) == (outcome, reasons)


async def test_no_data_is_not_a_mismatch():
    """Of any attribute."""
    levels = dict.fromkeys((name for name in IDENTITY if name.endswith("_match")), "no_data_available")
    result, _fake = await ask(matching(**levels, summary_score=0))
    assert set(result.attributes.values()) == {Match.UNAVAILABLE}
    assert result.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("section", "levels", "outcome"),
    [
        (
            {"match_levels": ["exact_match", "high_partial_match", "partial_match"]},
            {"last_name_match": "partial_match"},
            Outcome.PASSED,
        ),
        ({"match_levels": ["exact_match"]}, {}, Outcome.FAILED),
        ({"required_matches": ["last_name"]}, {"first_name_match": "no_match"}, Outcome.PASSED),
        ({"required_matches": ["address"]}, {"address_line_match": "no_match"}, Outcome.FAILED),
        ({"min_summary_score": 0}, {"summary_score": 0}, Outcome.PASSED),
    ],
)
async def test_the_rule_is_in_the_settings(section, levels, outcome):
    """What must match, how well, and the least score."""
    assert (await ask(matching(**levels), section))[0].outcome is outcome


async def test_a_person_with_one_name():
    """The score counts two, so it is not asked of one."""
    result, _fake = await ask(
        matching(first_name_match=None, summary_score=20), applicant=replace(APPLICANT, first_name=None)
    )
    assert result.passed
    assert "first_name" not in result.attributes


@pytest.mark.parametrize(
    ("line", "outcome", "reasons", "codes"),
    [
        ({"type": "nonFixedVoip"}, Outcome.FAILED, ("line_type_not_accepted",), ("nonFixedVoip",)),
        ({"type": "landline"}, Outcome.FAILED, ("line_type_not_accepted",), ("landline",)),
        ({"type": "unknown"}, Outcome.UNKNOWN, ("line_type_unknown",), ()),
        ({"type": None}, Outcome.UNKNOWN, ("line_type_unknown",), ()),
        ({"type": None, "error_code": 60610}, Outcome.UNKNOWN, ("line_type_unknown",), ()),
    ],
)
async def test_lines(line, outcome, reasons, codes):
    """Only the accepted types pass."""
    result, _fake = await ask(lookup(line={**LINE, **line}))
    assert (result.outcome, result.reasons, result.vendor_codes) == (outcome, reasons, codes)


async def test_accepted_lines_are_a_setting():
    """In Twilio's words."""
    result, _fake = await ask(lookup(line={**LINE, "type": "landline"}), {"line_types": ["landline"]})
    assert result.passed


@pytest.mark.parametrize("written", ["+1703", None])
async def test_a_number_that_does_not_exist(written):
    """It is nobody's, and may have no form of its own."""
    body = lookup(identity=None, line=None, valid=False, validation_errors=["TOO_SHORT"])
    result, _fake = await ask({**body, "phone_number": written})
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("phone_invalid",))
    assert (result.vendor_codes, result.attributes) == (("TOO_SHORT",), {"phone": Match.MISMATCH})


@pytest.mark.parametrize("signal", ["sim_swap", "reassigned_number"])
@pytest.mark.parametrize(
    ("setting", "outcome"),
    [("note", Outcome.PASSED), ("review", Outcome.REVIEW), ("fail", Outcome.FAILED)],
)
async def test_signs_of_fraud(signal, setting, outcome):
    """What they come to is a setting; each is a reason."""
    found = {"sim_swap": SWAPPED, "reassigned_number": reassigned("yes")}
    reason = {"sim_swap": "sim_swapped", "reassigned_number": "number_reassigned"}[signal]
    result, _fake = await ask(lookup(**{signal: found[signal]}), {signal: setting})
    assert (result.outcome, result.reasons) == (outcome, (reason,))
    assert result.fraud_signals == {FraudSignal(reason)}


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        ({"sim_swap": NOT_SWAPPED, "reassigned_number": reassigned("no")}, ()),
        (
            {
                "sim_swap": {"last_sim_swap": None, "error_code": 60607},
                "reassigned_number": reassigned(None, "60610"),
            },
            ("sim_swap_unavailable", "reassignment_unavailable"),
        ),
        (
            {
                "sim_swap": {"last_sim_swap": None, "error_code": 60620},
                "reassigned_number": reassigned("no"),
            },
            ("sim_swap_unavailable",),
        ),
        (
            {
                "sim_swap": {"last_sim_swap": {"swapped_in_period": None}, "error_code": None},
                "reassigned_number": reassigned("no_data_available"),
            },
            ("sim_swap_unavailable", "reassignment_unavailable"),
        ),
    ],
)
async def test_signs_without_data_are_held_against_nobody(body, reasons):
    """They are named, so that an operator sees how often."""
    result, _fake = await ask(lookup(**body), {"sim_swap": "fail", "reassigned_number": "fail"})
    assert (result.outcome, result.reasons) == (Outcome.PASSED, reasons)
    assert result.fraud_signals == set()


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("sim_swap", {"sim_swap": {"last_sim_swap": None, "error_code": 60606}}),
        ("reassigned_number", {"reassigned_number": reassigned(None, "60606")}),
    ],
)
@pytest.mark.parametrize("setting", ["note", "review", "fail"])
async def test_signs_of_a_package_that_failed(signal, body, setting):
    """Nobody passes a check that decides and was not made; a note says so: there may well be data."""
    if setting == "note":
        result, _fake = await ask(lookup(**body), {signal: setting})
        reason = {"sim_swap": "sim_swap_not_checked", "reassigned_number": "reassignment_not_checked"}[signal]
        assert (result.outcome, result.reasons) == (Outcome.PASSED, (reason,))
        assert result.vendor_codes == ("60606",)
        return
    with pytest.raises(VendorError, check=caused_by(Cause.AUTHENTICATION)) as caught:
        await ask(lookup(**body), {signal: setting})
    assert caught.value.codes == ("60606",)


@pytest.mark.parametrize(
    "body",
    [
        {"sim_swap": None},
        {"reassigned_number": None},
        {"reassigned_number": reassigned(None)},
        {"reassigned_number": reassigned("unknown")},
    ],
)
async def test_signs_that_were_asked_for_and_are_missing(body):
    """A package that is not there says neither yes nor no data."""
    quiet = {"sim_swap": NOT_SWAPPED, "reassigned_number": reassigned("no")}
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(lookup(**{**quiet, **body}), {"sim_swap": "note", "reassigned_number": "note"})


async def test_a_no_outweighs_a_review():
    """And what is not known."""
    body = lookup(identity={**IDENTITY, "last_name_match": "no_match"}, sim_swap=SWAPPED)
    result, _fake = await ask(body, {"sim_swap": "review"})
    assert result.outcome is Outcome.FAILED


@pytest.mark.parametrize("code", [60607, 60610])
async def test_numbers_that_are_not_covered(code):
    """Neither yes nor no."""
    result, _fake = await ask(matching(error_code=code))
    assert (result.outcome, result.reasons) == (Outcome.UNKNOWN, ("phone_not_covered",))
    assert result.vendor_codes == (str(code),)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (60606, Cause.AUTHENTICATION),
        (60608, Cause.SOURCE_DOWN),
        (60614, Cause.BAD_REQUEST),
        (60617, Cause.BAD_REQUEST),
        (60619, Cause.BAD_REQUEST),
        (99999, Cause.NONSENSE),
    ],
)
async def test_packages_that_fail(code, cause):
    """With HTTP 200, and an error anyway, next to which there may be nothing."""
    lines = ({**LINE, "error_code": code}, {"error_code": code})
    for body in (matching(error_code=code), *(lookup(line=line) for line in lines)):
        with pytest.raises(VendorError, check=caused_by(cause)) as caught:
            await ask(body)
        assert caught.value.codes == (str(code),)


@pytest.mark.parametrize(
    "body",
    [
        lookup(identity=None),
        lookup(line=None),
        lookup(phone="7035550199"),
        lookup(phone_number=None),
        lookup(line={"error_code": None}),
        lookup(validation_errors=["TOO_SHORT"]),
        lookup(valid=False, validation_errors=["TOO_ODD"]),
        lookup(valid=None),
        lookup(valid="true"),
        matching(last_name_match=None),
        matching(last_name_match="probable_match"),
        matching(date_of_birth_match="maybe"),
        matching(summary_score=None),
        matching(summary_score=101),
        matching(summary_score="100"),
        matching(error_code="none"),
        lookup(line={**LINE, "type": "satellite"}),
        lookup(reassigned_number=reassigned("perhaps")),
        lookup(sim_swap={"last_sim_swap": {"swapped_in_period": "yes"}}),
    ],
)
async def test_what_twilio_does_not_document(body):
    """Neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(body)


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (401, 20003, Cause.AUTHENTICATION),
        (403, 20008, Cause.AUTHENTICATION),
        (404, 20404, Cause.BAD_REQUEST),
        (429, 20429, Cause.QUOTA),
        (400, 60617, Cause.BAD_REQUEST),
        (503, 20503, Cause.UNREACHABLE),
    ],
)
async def test_errors(status, code, cause):
    """With Twilio's code, and without its texts, which repeat the number."""
    body = {"code": code, "message": f"+1{PHONE} was not found", "status": status}
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await ask(body, status=status)
    assert caught.value.codes == (str(status), str(code))
    assert PHONE not in repr(vars(caught.value)) + str(caught.value)


async def test_without_anything_that_must_match():
    """A number alone says nothing of its owner."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)):
        await ask(lookup(), applicant=replace(APPLICANT, first_name=None, last_name=None))


@pytest.mark.parametrize(
    "applicant", [replace(APPLICANT, phone=None), replace(APPLICANT, phone="+44 20 7946 0000")]
)
async def test_without_a_number(applicant):
    """Nothing is asked, or paid."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await ask(lookup(), applicant=applicant)
    assert caught.value.billed is False


@pytest.mark.parametrize(
    "change",
    [
        {"api_key_sid": "AC" + "0" * 32},
        {"api_key_secret": "short"},
        {"base_url": "http://lookups.twilio.com"},
        {"line_types": []},
        {"line_types": ["satellite"]},
        {"match_levels": ["no_match"]},
        {"required_matches": ["ssn"]},
        {"sim_swap": "maybe"},
    ],
)
def test_settings_that_are_refused(change):
    """At the start."""
    with pytest.raises(ValidationError):
        TwilioSettings.model_validate({**SECTION, **change})


@pytest.mark.parametrize(
    ("identity", "line", "account"),
    [
        ({}, "mobile", Match.MATCH),
        ({}, "landline", Match.MATCH),
        ({}, "nonFixedVoip", Match.NOT_CHECKED),
        ({"last_name_match": "no_match"}, "mobile", Match.MISMATCH),
        ({"first_name_match": "no_data_available"}, "mobile", Match.UNAVAILABLE),
        ({"first_name_match": "no_data_available", "last_name_match": "no_match"}, "mobile", Match.MISMATCH),
        ({"last_name_match": "partial_match"}, "mobile", Match.MISMATCH),
        ({"address_line_match": "no_match"}, "mobile", Match.MATCH),
    ],
)
async def test_the_account_is_the_persons_by_its_carriers_record(identity, line, account):
    """Names decide; a number on the Internet has no such account, whatever lines are accepted."""
    lines = ["mobile", "landline", "nonFixedVoip"]
    answer = lookup(identity={**IDENTITY, **identity}, line={**LINE, "type": line})
    result, _fake = await ask(answer, section={"line_types": lines})
    assert result.account is account


async def test_an_invalid_number_has_no_account():
    """Nothing was compared."""
    result, _fake = await ask(lookup(valid=False, identity=None, line=None))
    assert result.account is Match.NOT_CHECKED
