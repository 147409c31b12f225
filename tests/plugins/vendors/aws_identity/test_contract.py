"""Both proofers of aws_identity keep the contract of document proofers, over both wire protocols of AWS."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

import botocore.model
import httpx
import pytest
from tests.plugins.vendors.aws_identity.answers import (
    FACE,
    LICENSE,
    MATCH,
    NO_MATCH,
    PASSPORT,
    SECTION,
    analyzed,
    cbor,
    refusal,
    response,
    vendor,
)

from proofing.contracts.applicant import DocumentType
from proofing.contracts.images import Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome, SelfieCheck
from proofing.plugin import Cause
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg
from proofing.testing.vendors import DocumentProoferContract, Example, Exemption
from proofing.testing.vendors.bending import JSONBody
from proofing_aws_identity import proofer
from proofing_aws_identity.calls import make_client, make_session

#: A few fields, because each value in the answer is bent in turn.
READ = {
    name: LICENSE[name] for name in ("ID_TYPE", "FIRST_NAME", "LAST_NAME", "DATE_OF_BIRTH", "EXPIRATION_DATE")
}
PAGE = {
    name: PASSPORT[name]
    for name in ("ID_TYPE", "LAST_NAME", "DOCUMENT_NUMBER", "DATE_OF_BIRTH", "EXPIRATION_DATE", "MRZ_CODE")
}
A_LICENSE = {"document_type": DocumentType.DRIVERS_LICENSE, "assurance": Assurance.READ}
A_PASSPORT = {"document_type": DocumentType.PASSPORT, "assurance": Assurance.READ}

#: Places that hold no words of the vendor.
PRINTED = {
    "IdentityDocuments.*.IdentityDocumentFields.*.ValueDetection.Text": "what is printed on the document;"
    " test_calls has a type that is not documented, test_reading dates that are none"
}

_one_session = functools.cache(make_session)


@pytest.fixture(autouse=True)
def _one_client(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Make the clients once a suite, not for each of some thousand questions: botocore takes a while."""
    monkeypatch.setattr(proofer, "make_session", _one_session)
    # By suite, since the protocol of a client is chosen when it is made.
    monkeypatch.setattr(proofer, "make_client", _clients_of(request.cls))


@functools.cache
def _clients_of(_suite: type) -> Callable[..., Any]:
    return functools.cache(make_client)


def found(code: FindingCode, vendor_code: str | None = None, side: Side = Side.FRONT) -> Mapping[str, Any]:
    """Return the facts of a no for one finding."""
    return {"findings": (Finding(code=code, side=side, vendor_code=vendor_code),)}


def show_passport(asked: ProofingRequest) -> ProofingRequest:
    """Ask about the page of a passport."""
    selfie = {side: image for side, image in asked.images.items() if side is Side.SELFIE}
    page = inspect_image(make_jpeg(comment=b"page"))
    return replace(asked, images={Side.PASSPORT: page, **selfie})


def passport(comes_to: Outcome, facts: Mapping[str, Any], **changes: Any) -> Example:
    """Return the example of a passport."""
    return Example(vendor(analyzed({**PAGE, **changes})), comes_to, facts=facts, ask=show_passport)


#: What AWS answers in place of a result.
FAILURES = {
    "a bad key": Example(refusal("UnrecognizedClientException"), Cause.AUTHENTICATION),
    "no permission": Example(refusal("AccessDeniedException"), Cause.AUTHENTICATION),
    "too many calls": Example(refusal("ProvisionedThroughputExceededException"), Cause.QUOTA),
    "an invalid parameter": Example(refusal("ValidationException"), Cause.BAD_REQUEST),
    "not available": Example(refusal("InternalServerError", 500), Cause.UNREACHABLE),
}


class AWS:
    """What both have."""

    plugin = "proofing_aws_identity"
    section = SECTION
    altered: ClassVar = {"back": "AnalyzeID gets one side, and reads the front of a card"}

    def assert_signed(self, request: httpx.Request) -> None:
        """The algorithm is botocore's; test_calls computes it again."""
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")


NOT_READ = {
    "verdict-missing": Exemption(
        "AnalyzeID describes no field as always there: one that is left out was not read, which says no of"
        " the photo as an empty one does; test_reading leaves out each of them.",
        until=date(2027, 5, 28),
    )
}


class TestReading(AWS, DocumentProoferContract):
    """The document alone."""

    proofer_name = "aws_identity"
    open_places: ClassVar = PRINTED
    exemptions: ClassVar = NOT_READ
    answers: ClassVar = {
        "yes": Example(vendor(analyzed(READ)), Outcome.PASSED, facts=A_LICENSE),
        "a passport": passport(Outcome.PASSED, A_PASSPORT),
        "no": Example(
            vendor(analyzed(dict.fromkeys(READ, ""))), Outcome.FAILED, facts=found(FindingCode.NOT_RECOGNIZED)
        ),
        "unsure": Example(
            # Nor does it say the date in its own way.
            vendor(analyzed({**READ, "EXPIRATION_DATE": "12/31/2099"}, {"FIRST_NAME": 79.9})),
            Outcome.PASSED,
            reasons=("low_confidence",),
            facts={"vendor_codes": ("FIRST_NAME",)},
        ),
        "unsure of the type": Example(
            vendor(analyzed(READ, {"ID_TYPE": 79.9})),
            Outcome.FAILED,
            reasons=("low_confidence",),
            facts={**found(FindingCode.NOT_RECOGNIZED), "vendor_codes": ("ID_TYPE",)},
        ),
        "no expiration": Example(
            vendor(analyzed({**READ, "EXPIRATION_DATE": ""})),
            Outcome.FAILED,
            facts=found(FindingCode.EXPIRATION_DATE),
        ),
        "a page that differs from its zone": passport(
            Outcome.FAILED,
            found(FindingCode.DOCUMENT_NUMBER, side=Side.PASSPORT),
            DOCUMENT_NUMBER="900000001",
        ),
        "a passport of another country": passport(
            Outcome.FAILED,
            found(FindingCode.UNSUPPORTED_DOCUMENT, side=Side.PASSPORT),
            MRZ_CODE=str(PASSPORT["MRZ_CODE"]).replace("P<USA", "P<UTO"),
        ),
        **{
            code: Example(refusal(code), Outcome.FAILED, facts=found(finding, code))
            for code, finding in (
                ("BadDocumentException", FindingCode.IMAGE_UNREADABLE),
                ("UnsupportedDocumentException", FindingCode.IMAGE_UNREADABLE),
                ("DocumentTooLargeException", FindingCode.IMAGE_SIZE),
            )
        },
        **FAILURES,
    }


def compared(answer: Any, comes_to: Outcome | Cause, check: SelfieCheck, *reasons: str) -> Example:
    """Return the example of a license that is read, and of this comparison."""
    fields = {name: READ[name] for name in ("ID_TYPE", "FIRST_NAME", "LAST_NAME", "EXPIRATION_DATE")}
    return Example(
        vendor(analyzed(fields), answer), comes_to, reasons=reasons, facts={**A_LICENSE, "selfie": check}
    )


class TestReadingAndComparing(AWS, DocumentProoferContract):
    """Document and selfie; the verdict is in the second answer."""

    proofer_name = "aws_identity:selfie"
    open_places: ClassVar = PRINTED
    exemptions: ClassVar = NOT_READ
    answers: ClassVar = {
        "yes": compared(MATCH, Outcome.PASSED, SelfieCheck.MATCH, "liveness_not_checked"),
        "no": compared(NO_MATCH, Outcome.FAILED, SelfieCheck.NO_MATCH, "face_mismatch"),
        "a similar face": compared(
            {**MATCH, "FaceMatches": [{"Similarity": 98.9, "Face": FACE}]},
            *(Outcome.FAILED, SelfieCheck.NO_MATCH, "face_mismatch"),
        ),
        "nobody": compared(
            {**MATCH, "FaceMatches": []}, Outcome.FAILED, SelfieCheck.NO_FACE, "face_not_found"
        ),
        "two people": compared(
            {**MATCH, "UnmatchedFaces": [FACE]}, Outcome.FAILED, SelfieCheck.SEVERAL_FACES, "several_faces"
        ),
        **{
            code: compared(refusal(code), Outcome.FAILED, SelfieCheck.BAD_QUALITY, reason)
            for code, reason in (
                ("InvalidParameterException", "face_not_found"),
                ("ImageTooLargeException", "selfie_unreadable"),
                ("InvalidImageFormatException", "selfie_unreadable"),
            )
        },
        **FAILURES,
        "no permission to compare": Example(
            vendor(analyzed(READ), refusal("AccessDeniedException")), Cause.AUTHENTICATION
        ),
    }


def as_cbor(answer: httpx.Response) -> httpx.Response:
    """Return a JSON answer as the CBOR protocol of AWS carries it."""
    headers = {
        "content-type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-requestid": answer.headers["x-amzn-requestid"],
    }
    return httpx.Response(answer.status_code, headers=headers, content=cbor(json.loads(answer.content)))


def carried(body: Any) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers in the protocol of the request."""

    def answer(request: httpx.Request) -> httpx.Response:
        answer = response(body)
        return as_cbor(answer) if request.headers["content-type"] == "application/cbor" else answer

    return answer


class TestReadingByCBOR(AWS, DocumentProoferContract):
    """The protocol that botocore may choose instead: its model of Textract names both."""

    proofer_name = "aws_identity"
    open_places: ClassVar = PRINTED
    exemptions: ClassVar = NOT_READ
    answers: ClassVar = {
        "yes": Example(carried(analyzed(READ)), Outcome.PASSED, facts=A_LICENSE),
        "no": Example(
            carried(analyzed(dict.fromkeys(READ, ""))),
            Outcome.FAILED,
            facts=found(FindingCode.NOT_RECOGNIZED),
        ),
    }

    @pytest.fixture(autouse=True)
    def _cbor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", ("smithy-rpc-v2-cbor",))
        # The suite sees no places in CBOR; `proofing quality`, which knows no fixtures, asks by JSON here.
        monkeypatch.setattr(type(self), "open_places", {})
        monkeypatch.setattr(type(self), "exemptions", {})

    async def test_requests_are_cbor(self) -> None:
        """Or this suite would say nothing that the others do not."""
        _result, vendor = await self.ask(self.answers["yes"].responses)
        assert {one.headers["content-type"] for one in vendor.requests} == {"application/cbor"}

    async def test_bent_answers_are_typed(self) -> None:
        """The suite bends JSON; here it is done before an answer becomes CBOR, by other types and gaps."""
        for name, bent in bent_answers(analyzed(READ)):
            # It raises where something else than `VendorError` was raised.
            came_to, _vendor = await self.ask(carried(bent))
            assert came_to is not None, name


def bent_answers(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield *body* with another type in each place, and without it."""
    whole = JSONBody(body)
    for place in whole.places():
        for value in (None, 7, True, [], {}):
            yield f"{place.name} as {value!r}", json.loads(whole.replaced(place, value) or b"null")
        if (content := whole.removed(place)) is not None:
            yield f"without {place.name}", json.loads(content)
