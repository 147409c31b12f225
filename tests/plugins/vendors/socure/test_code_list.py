"""The list of reason codes, against those that the settings decide by."""

import httpx
import pytest

from proofing.contracts.proofers import CheckingProofer
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_socure import SocureSettings, proofing_proofers

SECTION = {
    "base_url": "https://sandbox.socure.example",
    "api_key": "k",
    "docv_request_url": "https://docs.socure.example/api/5.0/documents/request",
    "docv_use_case_key": "flow",
    "phone_risk_correlation_above": 0.5,
    "phone_risk_score_below": 0.5,
    "kyc_auto_fail_codes": ["R907", "R955"],
    "docv_mobile_license_codes": ["I899"],
    "phone_risk_name_mismatch_codes": ["R616"],
}
GROUPS = {"kyc": {"R907": "About Fakey", "I919": "x"}, "phone": {"R616": "x"}, "docv": {"I899": "x"}}


async def check(name, answer, **changes):
    """Check the connection of a product, and return what is wrong and what was asked."""
    settings = SocureSettings(**{**SECTION, **changes})
    offer = next(one for one in proofing_proofers() if one.name == f"socure:{name}")
    vendor = FakeVendor(lambda _request: answer)
    noted = []

    async def note():
        noted.append(None)

    proofer = offer.make(settings, make_process())
    assert isinstance(proofer, CheckingProofer)
    found = await proofer.check(make_context(vendor, offer, settings, note_intent=note))
    assert noted == []
    return found, vendor.requests


def listed(groups=None):
    """Return the list as Socure answers it."""
    return httpx.Response(200, json={"reasonCodes": GROUPS if groups is None else groups})


@pytest.mark.parametrize("name", ["kyc", "phone_risk", "docv"])
@pytest.mark.parametrize(("changes", "key"), [({}, "k"), ({"reason_codes_api_key": "other"}, "other")])
async def test_the_question(name, changes, key):
    """By group, with a key of its own where there is one; it is free."""
    _found, (request,) = await check(name, listed(), **changes)
    assert (request.method, str(request.url)) == (
        "GET",
        "https://sandbox.socure.example/api/3.0/reasoncodes?group=true",
    )
    assert request.headers["authorization"] == f"SocureApiKey {key}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("kyc", "socure.kyc_auto_fail_codes has R955: not a reason code of this account"),
        ("phone_risk", None),
        ("docv", None),
    ],
)
async def test_codes_that_are_not_listed_are_named(name, sentence):
    """Each product answers for its own settings."""
    assert (await check(name, listed()))[0] == sentence


async def test_every_code_that_is_not_listed_is_named():
    """With the setting that has it."""
    found, _requests = await check(
        "docv", listed(), docv_selfie_pass_codes=["I801"], docv_mobile_license_codes=[]
    )
    assert found == "socure.docv_selfie_pass_codes has I801: not a reason code of this account"
    found, _requests = await check("kyc", listed({"phone": {"R616": "x"}}))
    assert found == (
        "socure.kyc_auto_fail_codes has R907, socure.kyc_auto_fail_codes has R955: "
        "not a reason code of this account"
    )


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (listed({}), Cause.NONSENSE),
        (listed([]), Cause.NONSENSE),
        (listed({"R907": "a list that is not grouped"}), Cause.NONSENSE),
        (httpx.Response(200, json={}), Cause.NONSENSE),
        (httpx.Response(200, json={"reasonCodes": None}), Cause.NONSENSE),
        (httpx.Response(200, json={"status": "Error", "msg": "Fakey"}), Cause.NONSENSE),
        (httpx.Response(200, text="<html>"), Cause.NONSENSE),
        (httpx.Response(401, json={"status": "Error", "msg": "Not Authorized"}), Cause.AUTHENTICATION),
        (httpx.Response(500), Cause.UNREACHABLE),
    ],
)
async def test_no_list(answer, cause):
    """Anything but groups of codes is an error."""
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await check("kyc", answer)
    assert "Fakey" not in str(caught.value)
