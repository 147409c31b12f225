"""TrueID keeps the contract of document proofers, on either platform, with and without a selfie."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import httpx
from tests.plugins.vendors.lexisnexis.conftest import (
    NOTHING,
    OPEN_PLACES,
    SECTION,
    alerts,
    assert_signed,
    ddp,
    parameters,
    rdp,
    true_id,
)

from proofing.contracts.applicant import DocumentType
from proofing.contracts.images import Side
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome, SelfieCheck
from proofing.plugin import Cause
from proofing.testing.vendors import DocumentProoferContract, Example, Exemption

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
FIELDS = {"Fields_FirstName": "ADA", "Fields_Surname": "QUILL", "Fields_CountryCode": "USA"}
METRICS = {
    "Side": ["Front"],
    "HorizontalResolution": ["600"],
    "VerticalResolution": ["600"],
    "GlareMetric": ["100"],
}
BLURRED = {**METRICS, "GlareMetric": ["1"]}
LIVE = {"FaceMatchResult": "Pass", "FaceErrorMessage": "Successful. Liveness: Live"}
LICENSE = {"document_type": DocumentType.DRIVERS_LICENSE}
SEX = ("Sex Crosscheck", "Failed")
ATTENTION = {"DocAuthResult": "Attention"}
BARCODE = ("2D Barcode Read", "Attention")


def found(code: FindingCode, side: Side | None = None, vendor_code: str | None = None) -> dict[str, Any]:
    """Return the facts of an answer with one finding."""
    return {"findings": (Finding(code=code, side=side, vendor_code=vendor_code),)}


class TestTrueID(DocumentProoferContract):
    """TrueID, asked directly."""

    plugin = "proofing_lexisnexis"
    proofer_name = "lexisnexis:true_id"
    open_places = OPEN_PLACES
    section = SECTION
    portrait: ClassVar[Mapping[str, str]] = {}
    #: What the comparison of a selfie says, to what it is; none is compared here.
    comparisons: ClassVar[Mapping[str, tuple[Mapping[str, str], SelfieCheck]]] = {}

    def wrap(self, nested: Any) -> Any:
        """Return *nested* as this platform sends it."""
        return nested

    def said(self, verdict: str, comes_to: Outcome | Cause, *failed: tuple[str, str], **more: Any) -> Example:
        """Return the example of a document with this verdict and these alerts.

        *more* are parts of `true_id`, and what the document comes to.
        """
        parts = {key: more.pop(key) for key in ("result", "fields", "metrics", "portrait") if key in more}
        product = true_id(**{"fields": FIELDS, "metrics": METRICS, "portrait": self.portrait, **parts})
        # At the end, so that all examples have the same details in the same places.
        product["ParameterDetails"] += parameters("AUTHENTICATION_RESULT", **alerts(*failed))
        answer = self.wrap(rdp(verdict, product, code=f"trueid_{verdict}"))
        return Example(httpx.Response(200, json=answer), comes_to, facts=more)

    @property
    def answers(self) -> Mapping[str, Example]:
        """The verdicts, and what they say of the document."""
        said = self.said
        card = found(FindingCode.UNSUPPORTED_DOCUMENT, vendor_code="DocClassName")
        compared = {
            f"selfie: {name}": said("passed", FAILED, portrait=portrait, selfie=check)
            for name, (portrait, check) in self.comparisons.items()
        }
        barcode = found(FindingCode.BARCODE_UNREADABLE, Side.BACK)
        return {
            # With an alert that a yes outweighs: two examples of a yes would take twice as long.
            "yes": said(
                "passed",
                PASSED,
                BARCODE,
                result=ATTENTION,
                assurance=Assurance.AUTHENTICATED,
                **LICENSE,
                **barcode,
            ),
            "no": said("failed", FAILED, result={"DocAuthResult": "Failed"}, assurance=Assurance.READ),
            "no by a check": said(
                "failed", FAILED, SEX, **found(FindingCode.SEX, vendor_code="Sex Crosscheck")
            ),
            "no with glare": said("failed", FAILED, metrics=BLURRED, **found(FindingCode.GLARE, Side.FRONT)),
            "not accepted": said("passed", FAILED, result={"DocClassName": "Tribal Identification"}, **card),
            "of another country": said(
                "passed",
                FAILED,
                fields={**FIELDS, "Fields_CountryCode": "CAN"},
                **found(FindingCode.UNSUPPORTED_DOCUMENT, vendor_code="Fields_CountryCode"),
            ),
            "of unknown class": said("passed", FAILED, result={"DocClassName": "Unknown"}, applicant=None),
            "error": Example(httpx.Response(200, json=self.wrap(rdp("error"))), Cause.UNREACHABLE),
            "wrong credentials": Example(httpx.Response(401), Cause.AUTHENTICATION),
            "out of order": Example(httpx.Response(503), Cause.UNREACHABLE),
            **compared,
        }

    def assert_signed(self, request: httpx.Request) -> None:
        """Compute the signature again."""
        assert_signed(request)


NOT_COMPARED = Exemption(
    "TrueID leaves the comparison out of a passed transaction when it had nothing to compare: a required "
    "selfie without FaceMatchResult is a failure, and one without FaceErrorMessage none.",
    until=date(2027, 5, 28),
)


class Selfie:
    """With a selfie."""

    portrait: ClassVar[Mapping[str, str]] = LIVE
    comparisons: ClassVar[Mapping[str, tuple[Mapping[str, str], SelfieCheck]]] = {
        "somebody else": ({**LIVE, "FaceMatchResult": "Fail"}, SelfieCheck.NO_MATCH),
        "not live": ({**LIVE, "FaceErrorMessage": "Liveness: NotLive"}, SelfieCheck.NOT_LIVE),
        "bad": ({**LIVE, "FaceErrorMessage": "Liveness: PoorQuality"}, SelfieCheck.BAD_QUALITY),
        "not compared": ({}, SelfieCheck.NOT_CHECKED),
    }
    exemptions: ClassVar = {"verdict-missing": NOT_COMPARED, "verdict-unknown-no": NOT_COMPARED}


class TestTrueIDSelfie(Selfie, TestTrueID):
    """TrueID with a selfie, asked directly."""

    proofer_name = "lexisnexis:true_id_selfie"


class TestTrueIDDDP(TestTrueID):
    """TrueID through the other platform."""

    proofer_name = "lexisnexis:true_id_ddp"
    policy = "policy-still-1"

    def wrap(self, nested: Any) -> Any:
        """Return *nested* inside an answer."""
        return ddp(nested, self.policy, "Authentication")

    @property
    def answers(self) -> Mapping[str, Example]:
        """The verdicts, and how the platform says that there is none."""
        timed_out = self.wrap(NOTHING)
        timed_out["integration_hub_results"][f"org-of-ours-1:{self.policy}"]["Authentication"][
            "tps_was_timeout"
        ] = "yes"
        refused = {"request_id": "r-3", "request_result": "fail_invalid_parameter"}
        return {
            **super().answers,
            "product timed out": Example(httpx.Response(200, json=timed_out), Cause.SOURCE_TIMEOUT),
            "refused": Example(httpx.Response(200, json=refused), Cause.BAD_REQUEST),
        }

    def assert_signed(self, request: httpx.Request) -> None:
        """Nothing is signed here: a key is sent along."""
        assert "authorization" not in request.headers


class TestTrueIDDDPSelfie(Selfie, TestTrueIDDDP):
    """TrueID with a selfie, through the other platform."""

    proofer_name = "lexisnexis:true_id_ddp_selfie"
    policy = "policy-live-1"
