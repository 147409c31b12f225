"""Results refuse what is not of its type where the adapter makes them, and read as they were written."""

import json

import pytest
from pydantic import TypeAdapter

from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.evidence import Barcode, Inspection
from proofing.contracts.images import Side
from proofing.contracts.results import (
    Assurance,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    PhoneResult,
    ResolutionResult,
    SelfieCheck,
)

FULL = DocumentResult(
    vendor_name="acme",
    outcome=Outcome.PASSED,
    assurance=Assurance.AUTHENTICATED,
    document_type=DocumentType.PASSPORT_CARD,
    applicant=Applicant(first_name="ANNA", height=70),
    findings=(
        Finding(code=FindingCode.OTHER, vendor_code="Moon Phase"),
        Finding(code=FindingCode.GLARE, side=Side.SELFIE),
    ),
    selfie=SelfieCheck.BAD_QUALITY,
    passport_check=Match.UNAVAILABLE,
    inspection=Inspection(presence=True, barcode=Barcode.UNREAD),
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"assurance": "authenticated"},
        {"document_type": "passport"},
        {"applicant": {"first_name": "ANNA"}},
        {"findings": [Finding(code=FindingCode.BLUR)]},
        {"findings": ("blur",)},
        {"selfie": "match"},
        {"selfie": None},
        {"passport_check": True},
        {"inspection": {"presence": True}},
    ],
)
def test_a_field_of_another_type_is_refused(wrong):
    """The error says nothing of the value."""
    with pytest.raises(TypeError) as caught:
        DocumentResult(vendor_name="acme", outcome=Outcome.PASSED, **wrong)
    assert str(caught.value).startswith("must be ")
    assert "ANNA" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ResolutionResult, {"death": "clear"}),
        (PhoneResult, {"account": True}),
    ],
)
def test_what_is_evidence_is_of_its_type(kind, wrong):
    """Or a text would pass for the answer of a source."""
    with pytest.raises(TypeError):
        kind(vendor_name="acme", outcome=Outcome.PASSED, **wrong)


@pytest.mark.parametrize("wrong", [{"presence": 1}, {"liveness": "yes"}, {"barcode": "match"}])
def test_an_inspection_of_another_type_is_refused(wrong):
    """What is true for Python is no fact."""
    with pytest.raises(TypeError):
        Inspection(**wrong)


@pytest.mark.parametrize("wrong", [{"code": "blur"}, {"side": "front"}, {"vendor_code": 438}])
def test_a_finding_of_another_type_is_refused(wrong):
    """Its code is a `FindingCode`."""
    with pytest.raises(TypeError):
        Finding(**{"code": FindingCode.BLUR, **wrong})


def test_every_field_survives_a_parked_job():
    """Strictly: what is not of its type is not read."""
    adapter = TypeAdapter(DocumentResult)
    written = adapter.dump_python(FULL, mode="json", warnings="error")
    assert adapter.validate_json(json.dumps(written), strict=True) == FULL
    for name, value in (
        ("selfie", "smiles"),
        ("assurance", "sure"),
        ("document_type", 7),
        ("findings", [{"code": "moon"}]),
    ):
        with pytest.raises(ValueError, match=name):
            adapter.validate_json(json.dumps({**written, name: value}), strict=True)
