"""Instant Verify, Phone Finder and ThreatMetrix keep the contract of their kind, on either platform."""

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
from tests.plugins.vendors.lexisnexis.conftest import (
    NOTHING,
    OPEN_PLACES,
    SECTION,
    assert_signed,
    ddp,
    instant_verify,
    item,
    rdp,
)

from proofing.contracts.results import Match, Outcome, ReviewStatus
from proofing.plugin import Cause
from proofing.testing.vendors import (
    DeviceProfilerContract,
    Example,
    PhoneProoferContract,
    ResolutionProoferContract,
)

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
MATCH, MISMATCH, NOT_CHECKED = Match.MATCH, Match.MISMATCH, Match.NOT_CHECKED
TOTAL = "total.scoring.model.verification.fail"
#: What both platforms answer when they answer nothing about the person.
REFUSALS = {
    "wrong credentials": Example(httpx.Response(401), Cause.AUTHENTICATION),
    "too many requests": Example(httpx.Response(429), Cause.QUOTA),
    "out of order": Example(httpx.Response(503), Cause.UNREACHABLE),
}
#: A yes of the platform alone, and an answer without a verdict.
BARE_YES = rdp("passed")
ERROR = rdp("error", {"ExecutedStepName": "x"}, code="invalid_transaction")


def said(answer: Any, comes_to: Outcome | Cause, *arguments: Any, **named: Any) -> Example:
    """Return the example of an answer with HTTP 200."""
    return Example(httpx.Response(200, json=answer), comes_to, *arguments, **named)


class RDP:
    """A product of the Risk Defense Platform, whose requests are signed."""

    plugin = "proofing_lexisnexis"
    section = SECTION
    verdicts: ClassVar[Mapping[str, tuple[Any, ...]]]

    @property
    def answers(self) -> Mapping[str, Example]:
        """The verdicts, as this platform sends them."""
        return {**{name: said(*verdict) for name, verdict in self.verdicts.items()}, **REFUSALS}

    def assert_signed(self, request: httpx.Request) -> None:
        """Compute the signature again."""
        assert_signed(request)


class DDP:
    """A product inside an answer of the Dynamic Decision Platform."""

    policy: ClassVar[str]
    service: ClassVar[str]
    verdicts: ClassVar[Mapping[str, tuple[Any, ...]]]

    @property
    def answers(self) -> Mapping[str, Example]:
        """The verdicts, as this platform sends them, and how it says that there is none."""
        found = {
            name: said(self.wrap(nested), *verdict) for name, (nested, *verdict) in self.verdicts.items()
        }
        timed_out = self.wrap(NOTHING)
        for policy in timed_out["integration_hub_results"].values():
            policy[self.service]["tps_was_timeout"] = "yes"
        refused = {"request_id": "r-3", "request_result": "fail_invalid_parameter"}
        return {
            **found,
            "product timed out": said(timed_out, Cause.SOURCE_TIMEOUT),
            "refused": said(refused, Cause.BAD_REQUEST),
            **REFUSALS,
        }

    def wrap(self, nested: Any) -> dict[str, Any]:
        """Return *nested* inside an answer."""
        return ddp(nested, self.policy, self.service)

    def assert_signed(self, request: httpx.Request) -> None:
        """Nothing is signed here: a key is sent along."""
        assert "authorization" not in request.headers


CHECKS = (item("SsnFullNameMatch"), item("DOBFullVerified"), item("AddrDeliverable"))
VERIFIED = {"ssn": MATCH, "dob": MATCH, "address": MATCH}
NO_LICENSE = item("DriversLicense", "fail", "drivers_license_expired_fail")
NO_ADDRESS = item("AddrDeliverable", "fail", "addr_not_deliverable_fail")
NO_RECORD = item("SsnFullNameMatch", "fail", "identity_not_found_fail")
DEAD = item("LexIDDeathMatch", "fail", "lexid_death_match_fail")


class TestInstantVerify(RDP, ResolutionProoferContract):
    """Instant Verify, asked directly."""

    proofer_name = "lexisnexis:instant_verify"
    open_places = OPEN_PLACES
    verdicts: ClassVar = {
        "yes": (rdp("passed", instant_verify("pass", *CHECKS), code="iv_pass"), PASSED, VERIFIED),
        "yes without products": (BARE_YES, PASSED),
        "yes with a failed check": (
            rdp("passed", instant_verify("pass", *CHECKS, NO_LICENSE), code="iv_pass"),
            PASSED,
            {**VERIFIED, "state_id_number": MISMATCH},
            ("state_id_number_mismatch",),
        ),
        "no": (
            rdp("failed", instant_verify("fail", *CHECKS[:2], NO_ADDRESS), code=TOTAL),
            FAILED,
            {**VERIFIED, "address": MISMATCH},
            ("address_mismatch",),
            {
                "can_pass_with_additional_verification": True,
                "attributes_requiring_additional_verification": {"address"},
            },
        ),
        "no without a record": (
            rdp("failed", instant_verify("fail", NO_RECORD, *CHECKS[1:]), code=TOTAL),
            FAILED,
            {**VERIFIED, "ssn": Match.UNAVAILABLE},
            ("ssn_unavailable",),
        ),
        "no with a check that had an error": (
            rdp("failed", instant_verify("fail", item("SsnFullNameMatch", "error")), code=TOTAL),
            FAILED,
            {"ssn": NOT_CHECKED},
            ("ssn_not_checked",),
        ),
        "no that nothing cures": (
            rdp("failed", instant_verify("fail", *CHECKS, DEAD), code="identity.risk.fail"),
            FAILED,
            {**VERIFIED, "dead": MISMATCH},
            ("dead_mismatch",),
            {"can_pass_with_additional_verification": False},
        ),
        "error": (ERROR, Cause.UNREACHABLE),
    }


class TestInstantVerifyDDP(DDP, TestInstantVerify):
    """Instant Verify through the other platform."""

    proofer_name = "lexisnexis:instant_verify_ddp"
    policy, service = "policy-iv-1", "Execute Instant Verify"


def finder(status: str, *items: dict[str, Any]) -> dict[str, Any]:
    """Return the product that looks at the phone."""
    return {
        "ProductType": "PhoneFinder",
        "ExecutedStepName": "PhoneFinder",
        "ProductStatus": status,
        "Items": list(items),
    }


def decision(why: str) -> dict[str, Any]:
    """Return the product that decides against the phone."""
    return {
        "ProductType": "PhoneFinder_Decision",
        "ExecutedStepName": "PhoneFinder Checks",
        "ProductStatus": "fail",
        "ProductReason": {"Code": "phone_finder_fail", "Description": why},
    }


WIRELESS = item("WirelessServiceType", "fail", "WirelessServiceType.LOW")
OTHER_NAME = decision("Failed - Input phone number could not be verified to name")
RISK = decision("Fail - Risk Indicators match determined")


class TestPhoneFinder(RDP, PhoneProoferContract):
    """Phone Finder, asked directly."""

    proofer_name = "lexisnexis:phone_finder"
    open_places = OPEN_PLACES
    verdicts: ClassVar = {
        "yes": (
            rdp("passed", finder("pass", WIRELESS), code="phone_finder_pass"),
            PASSED,
            {"phone": MATCH},
        ),
        "yes without products": (BARE_YES, PASSED, {"phone": MATCH}),
        "no": (
            rdp("failed", finder("fail", WIRELESS), RISK, code="phone_finder_fail"),
            FAILED,
            {"phone": NOT_CHECKED},
            ("phone_risk",),
        ),
        "another name": (
            rdp("failed", finder("pass"), OTHER_NAME, code="phone_finder_fail"),
            FAILED,
            {"phone": MISMATCH},
            ("phone_mismatch",),
        ),
        "another name and a risk": (
            rdp("failed", finder("fail"), OTHER_NAME, code="phone_finder_fail"),
            FAILED,
            {"phone": MISMATCH},
            ("phone_mismatch", "phone_risk"),
        ),
        "no without a reason": (rdp("failed"), FAILED, {"phone": NOT_CHECKED}),
        "error": (ERROR, Cause.UNREACHABLE),
    }


class TestPhoneFinderV3(TestPhoneFinder):
    """Phone Finder by version 3 of its API."""

    proofer_name = "lexisnexis:phone_finder_v3"


class TestPhoneFinderDDP(DDP, TestPhoneFinder):
    """Phone Finder through the other platform."""

    proofer_name = "lexisnexis:phone_finder_ddp"
    policy, service = "policy-pf-1", "Phone Finder"


def profile(word: str) -> dict[str, Any]:
    """Return what ThreatMetrix answers."""
    return {
        "request_id": "r-2",
        "request_result": "success",
        "review_status": word,
        "tmx_summary_reason_code": ["Identity_History"],
    }


class TestThreatMetrix(DeviceProfilerContract):
    """ThreatMetrix."""

    plugin = "proofing_lexisnexis"
    section = SECTION
    answers: ClassVar = {
        "pass": said(profile("pass"), PASSED, facts={"review_status": ReviewStatus.PASS}),
        "reject": said(
            profile("reject"),
            FAILED,
            reasons=("device_reject",),
            facts={"review_status": ReviewStatus.REJECT},
        ),
        "review": said(
            profile("review"),
            Outcome.REVIEW,
            reasons=("device_review",),
            facts={"review_status": ReviewStatus.REVIEW},
        ),
        "challenge": said(profile("challenge"), Cause.NONSENSE),
        "refused": said({"request_id": "r-2", "request_result": "fail_invalid_parameter"}, Cause.BAD_REQUEST),
        **REFUSALS,
    }
