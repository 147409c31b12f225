"""Socure's products keep the contracts of their kinds."""

import json
from typing import ClassVar

import httpx

from proofing.testing.vendors import (
    DocumentProoferContract,
    PhoneProoferContract,
    ResolutionProoferContract,
)

SECTION = {"base_url": "https://sandbox.socure.example", "api_key": "key-of-the-account-1"}
VALID = dict.fromkeys("firstName surName streetAddress city state zip mobileNumber dob ssn".split(), 0.99)


def asked(request):
    """Return the question of a request to ID+."""
    assert request.headers["authorization"] == "SocureApiKey key-of-the-account-1"
    assert request.headers["content-type"] == "application/json"
    assert request.url.path == "/api/3.0/EmailAuthScore"
    return json.loads(request.content)


class TestKYC(ResolutionProoferContract):
    """KYC."""

    plugin = "proofing_socure"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Find every field valid."""
        return self.answer(request, VALID)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Find another SSN."""
        return self.answer(request, {**VALID, "ssn": 0.01})

    def answer(self, request: httpx.Request, validations: dict[str, float]) -> httpx.Response:
        """Answer with these validations."""
        assert asked(request)["modules"] == ["kyc"]
        module = {"reasonCodes": ["I919"], "fieldValidations": validations}
        return httpx.Response(200, json={"referenceId": "k-1", "kyc": module})


class TestPhoneRisk(PhoneProoferContract):
    """PhoneRisk."""

    plugin = "proofing_socure"
    section: ClassVar = {**SECTION, "phone_risk_correlation_above": 0.5, "phone_risk_score_below": 0.5}

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Find the phone to be the person's."""
        return self.answer(request, 0.99)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Find it to be another person's."""
        return self.answer(request, 0.2)

    def answer(self, request: httpx.Request, correlation: float) -> httpx.Response:
        """Answer with this correlation."""
        assert asked(request)["modules"] == ["phonerisk"]
        return httpx.Response(
            200,
            json={
                "referenceId": "p-1",
                "phoneRisk": {
                    "reasonCodes": ["I614"],
                    "score": 0.01,
                    "signals": {"phone": {"type": "MOBILE"}},
                },
                "namePhoneCorrelation": {"reasonCodes": ["I618"], "score": correlation},
            },
        )


class TestDocV(DocumentProoferContract):
    """DocV."""

    plugin = "proofing_socure"
    section: ClassVar = {
        **SECTION,
        "docv_request_url": "https://service.socure.example/api/5.0/documents/request",
        "docv_use_case_key": "flow",
        "docv_capture_domains": ["socure.example"],
    }

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Accept."""
        return self.answer(request, "accept")

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Reject."""
        return self.answer(request, "reject")

    def answer(self, request: httpx.Request, decision: str) -> httpx.Response:
        """Open the capture app, or decide."""
        if request.url.host == "service.socure.example":
            opened = {"docvTransactionToken": "t-1", "url": "https://verify.socure.example/#/dv/t-1"}
            return httpx.Response(200, json={"referenceId": "d-1", "data": {**opened, "qrCode": "data:,"}})
        assert asked(request)["docvTransactionToken"] == "t-1"
        found = {
            "reasonCodes": ["I831"],
            "documentType": {"type": "Drivers License", "state": "NY", "country": "USA"},
            "decision": {"name": "lenient", "value": decision},
            "documentData": {"firstName": "Fakey", "surName": "McFakerson", "dob": "1938-10-06"},
        }
        return httpx.Response(200, json={"referenceId": "d-2", "documentVerification": found})
