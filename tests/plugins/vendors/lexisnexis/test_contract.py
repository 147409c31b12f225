"""Each product keeps the contract of its kind, on either platform."""

from dataclasses import replace
from typing import ClassVar

import httpx
from tests.plugins.vendors.lexisnexis.conftest import SECTION, ddp, instant_verify, item, rdp, true_id

from proofing.contracts.proofers import ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    PhoneProoferContract,
    ResolutionProoferContract,
)

GOOD_CHECK, BAD_CHECK = item("SsnFullNameMatch"), item("SSNSSAValid", "fail", "ssn_ssa_valid_fail")
IV_PASS = rdp("passed", instant_verify("pass", GOOD_CHECK), code="iv_pass")
IV_FAIL = rdp(
    "failed", instant_verify("fail", GOOD_CHECK, BAD_CHECK), code="total.scoring.model.verification.fail"
)
PF_PRODUCT = {"ProductType": "PhoneFinder", "ExecutedStepName": "PhoneFinder", "ProductStatus": "pass"}
PF_PASS = rdp("passed", {**PF_PRODUCT, "Items": [item("VOIPPhone")]}, code="phone_finder_pass")
PF_FAIL = rdp("failed", {**PF_PRODUCT, "ProductStatus": "fail"}, code="phone_finder_fail")


class TestInstantVerify(ResolutionProoferContract):
    plugin = "proofing_lexisnexis"
    proofer_name = "lexisnexis:instant_verify"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=IV_PASS)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=IV_FAIL)


class TestInstantVerifyDDP(TestInstantVerify):
    proofer_name = "lexisnexis:instant_verify_ddp"

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(IV_PASS, "policy-iv-1", "Execute Instant Verify"))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(IV_FAIL, "policy-iv-1", "Execute Instant Verify"))


class TestPhoneFinder(PhoneProoferContract):
    plugin = "proofing_lexisnexis"
    proofer_name = "lexisnexis:phone_finder"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=PF_PASS)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=PF_FAIL)


class TestPhoneFinderV3(TestPhoneFinder):
    proofer_name = "lexisnexis:phone_finder_v3"


class TestPhoneFinderDDP(TestPhoneFinder):
    proofer_name = "lexisnexis:phone_finder_ddp"

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(PF_PASS, "policy-pf-1", "Phone Finder"))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(PF_FAIL, "policy-pf-1", "Phone Finder"))


class TestThreatMetrix(DeviceProfilerContract):
    plugin = "proofing_lexisnexis"
    section = SECTION
    status: ClassVar = {
        "request_id": "r-2",
        "request_result": "success",
        "tmx_summary_reason_code": ["Identity_History"],
    }

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**self.status, "review_status": "pass"})

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**self.status, "review_status": "reject"})


class TestTrueID(DocumentProoferContract):
    plugin = "proofing_lexisnexis"
    proofer_name = "lexisnexis:true_id"
    section = SECTION
    portrait: ClassVar[dict[str, str]] = {}

    def nested(self, verdict: str) -> dict:
        """Return a short answer with this verdict: each of its values is bent in several ways."""
        fields = {"Fields_FirstName": "ADA"}
        metrics = {"Side": ["Front"]}
        product = true_id(fields=fields, metrics=metrics, portrait=self.portrait)
        return rdp(verdict, product, code=f"trueid_{verdict}")

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json=self.nested("passed"))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self.nested("failed"))


class TestTrueIDSelfie(TestTrueID):
    proofer_name = "lexisnexis:true_id_selfie"
    portrait: ClassVar = {"FaceMatchResult": "Pass", "FaceErrorMessage": "Successful. Liveness: Live"}


class TestTrueIDDDP(TestTrueID):
    proofer_name = "lexisnexis:true_id_ddp"
    policy = "policy-still-1"

    def question(self, canary: Canary) -> ProofingRequest:
        request = super().question(canary)
        return replace(request, applicant=request.applicant.merge({"uuid": "0b6e"}))

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(self.nested("passed"), self.policy, "Authentication"))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ddp(self.nested("failed"), self.policy, "Authentication"))


class TestTrueIDDDPSelfie(TestTrueIDDDP):
    proofer_name = "lexisnexis:true_id_ddp_selfie"
    policy = "policy-live-1"
    portrait: ClassVar = TestTrueIDSelfie.portrait
