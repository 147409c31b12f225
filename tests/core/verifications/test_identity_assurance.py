"""What a verification found out, as verified claims: all of it, what was asked, and nothing more."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from proofing.contracts.evidence import (
    Barcode,
    CoreAttribute,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Verification,
    VerifiedBy,
)
from proofing.contracts.verifications import (
    Findings,
    Mode,
    Step,
    Terms,
    VerificationRecord,
    VerificationState,
)
from proofing.verifications.assurance_requests import request_problem, select
from proofing.verifications.identity_assurance import metadata, verified_claims_of
from proofing.verifications.released_claims import claims_of

ISSUER = "https://op.example"
ENDED = 1_795_975_451.7
SCHEMA = json.loads((Path(__file__).parent / "identity_assurance_schema.json").read_text())
ADA = {
    "first_name": "Ada",
    "middle_name": "King",
    "last_name": "Sample",
    "dob": "1985-10-06",
    "ssn": "900123456",
    "address1": "1 Main St",
    "city": "Baltimore",
    "state": "MD",
    "zipcode": "21201",
    "phone": "4105550123",
    "state_id_number": "S-123-456",
    "state_id_expiration": "2031-05-14",
}
CONFIRMED = {
    CoreAttribute.GOVERNMENT_IDENTIFIER: frozenset({Source.AUTHORITATIVE}),
    CoreAttribute.NAME: frozenset({Source.AUTHORITATIVE, Source.CREDIBLE}),
    CoreAttribute.BIRTH_DATE: frozenset({Source.AUTHORITATIVE}),
}
LICENSE = EvidencePiece(
    kind=EvidenceKind.DRIVERS_LICENSE,
    issuer="MD",
    validated_by=ValidatedBy.SCAN,
    inspection=Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH),
    vouched=True,
)
MDL = EvidencePiece(
    kind=EvidenceKind.MOBILE_DRIVERS_LICENSE,
    issuer="MD",
    validated_by=ValidatedBy.SIGNATURE,
    verified_by=(Verification(method=VerifiedBy.WALLET),),
)
EVERYTHING = {"verification": {"trust_framework": None}, "claims": {"given_name": None}}


def record(
    *pieces: EvidencePiece,
    confirmed: dict[CoreAttribute, frozenset[Source]] = CONFIRMED,
    mismatched: frozenset[CoreAttribute] = frozenset(),
    supports: str | None = "none",
    pathway: str = "",
    state: VerificationState = VerificationState.VERIFIED,
) -> VerificationRecord:
    """Return a verification that ended."""
    evidence = Evidence(pieces=pieces, confirmed=confirmed, mismatched=mismatched)
    return VerificationRecord(
        id="ver_" + "1" * 32,
        relying_party="bank",
        mode=Mode.LIVE,
        policy="standard",
        terms=Terms(steps=(Step.DOCUMENT,)),
        person="person",
        state=state,
        created_at=ENDED - 600,
        updated_at=ENDED,
        expires_at=ENDED,
        ended_at=ENDED,
        findings=Findings(evidence=evidence, supports=supports, pathway=pathway),
    )


def complete(found: VerificationRecord, released: dict[str, Any] = ADA) -> dict[str, Any]:
    """Return all verified claims, which must keep the schema."""
    claims = verified_claims_of(found, released, issuer=ISSUER)
    assert claims is not None
    jsonschema.validate(claims, SCHEMA, format_checker=jsonschema.FormatChecker())
    return claims


def test_a_license_that_nobody_verified_has_no_level():
    """The worked example (a) of the reference."""
    claims = complete(record(LICENSE))
    verification = claims["verification"]
    assert "assurance_level" not in verification
    assert verification["time"] == "2026-11-29T18:04:11Z"
    assert verification["verification_process"] == "ver_" + "1" * 32
    assert verification["assurance_process"] == {
        "policy": "nist_sp_800_63A_4",
        "assurance_details": [
            {
                "assurance_type": "evidence_validation",
                "assurance_classification": "strong",
                "evidence_ref": [{"check_id": "c1"}],
            }
        ],
    }
    assert verification["evidence"] == [
        {
            "type": "document",
            "check_details": [{"check_method": "vri", "check_id": "c1"}],
            "document_details": {
                "type": "driving_permit",
                "document_number": "S-123-456",
                "date_of_expiry": "2031-05-14",
                "issuer": {"country_code": "USA", "jurisdiction": "MD"},
            },
        },
        {
            "type": "electronic_record",
            "check_details": [{"check_method": "data", "check_id": "c2"}],
            "record": {"type": "https://op.example/identity-assurance/records/authoritative_source"},
        },
        {
            "type": "electronic_record",
            "check_details": [{"check_method": "data", "check_id": "c3"}],
            "record": {"type": "https://op.example/identity-assurance/records/credible_source"},
        },
    ]
    assert claims["claims"] == {"given_name": "Ada", "family_name": "Sample", "birthdate": "1985-10-06"}


def test_a_wallet_reaches_a_level_by_the_engine_alone():
    """The worked example (b); the level and its pathway are what the record has."""
    found = complete(record(MDL, supports="ial2", pathway="digital_evidence"))["verification"]
    assert found["assurance_level"] == "ial2"
    assert found["assurance_process"]["procedure"] == "digital_evidence"
    assert found["assurance_process"]["assurance_details"][0]["assurance_classification"] == "superior"
    assert [one["check_method"] for one in found["evidence"][0]["check_details"]] == ["vcrypt", "token"]


@pytest.mark.parametrize("supports", [None, "none", "ial4", ""])
def test_no_level_is_made_up(supports):
    """Neither from strong evidence nor from an unknown label."""
    found = complete(record(MDL, supports=supports, pathway="digital_evidence"))["verification"]
    assert "assurance_level" not in found
    assert "procedure" not in found["assurance_process"]


@pytest.mark.parametrize("kind", [kind for kind in EvidenceKind if kind is not EvidenceKind.OTHER])
@pytest.mark.parametrize(
    "way", [ValidatedBy.SIGNATURE, ValidatedBy.SCAN, ValidatedBy.AGENT, ValidatedBy.ACCOUNT]
)
@pytest.mark.parametrize("issuer", ["MD", None])
def test_every_kind_of_evidence_keeps_the_schema(kind, way, issuer):
    """With every way of verifying it."""
    issuer = "USA" if issuer and kind in {EvidenceKind.PASSPORT, EvidenceKind.PASSPORT_CARD} else issuer
    ways = tuple(Verification(method=method) for method in VerifiedBy)
    piece = EvidencePiece(kind=kind, issuer=issuer, validated_by=way, verified_by=ways)
    found = complete(record(piece))["verification"]["evidence"][0]
    assert found["type"] in metadata(ISSUER)["evidence_supported"]
    if "document_details" in found:
        assert found["document_details"]["type"] in metadata(ISSUER)["documents_supported"]
    else:
        assert found["record"]["type"] in metadata(ISSUER)["electronic_records_supported"]


@pytest.mark.parametrize(
    "piece",
    [
        replace(LICENSE, validated_by=ValidatedBy.NONE),
        replace(LICENSE, validated_by=ValidatedBy.FAILED),
        EvidencePiece(kind=EvidenceKind.OTHER, validated_by=ValidatedBy.SCAN),
    ],
)
def test_evidence_that_counts_for_nothing_is_not_returned(piece):
    """What nobody validated, what failed, and what is no evidence."""
    found = complete(record(piece))["verification"]
    assert [one["type"] for one in found["evidence"]] == ["electronic_record", "electronic_record"]
    assert "assurance_details" not in found["assurance_process"]


@pytest.mark.parametrize("state", [one for one in VerificationState if one is not VerificationState.VERIFIED])
def test_nothing_is_said_of_a_verification_that_did_not_verify(state):
    """Whatever its evidence is."""
    assert verified_claims_of(record(MDL, state=state), ADA, issuer=ISSUER) is None


def test_a_claim_that_no_source_confirmed_is_not_verified():
    """Nor one with which a source disagreed; without any there is no element."""
    name_only = {CoreAttribute.NAME: frozenset({Source.CREDIBLE})}
    assert complete(record(LICENSE, confirmed=name_only))["claims"] == {
        "given_name": "Ada",
        "family_name": "Sample",
    }
    disagreed = record(LICENSE, mismatched=frozenset({CoreAttribute.NAME}))
    assert complete(disagreed)["claims"] == {"birthdate": "1985-10-06"}
    assert verified_claims_of(record(LICENSE, confirmed={}), ADA, issuer=ISSUER) is None


def test_an_address_is_verified_only_as_the_home_address():
    """Sources confirm where a person lives; the address of a document may be an older one."""
    confirmed = {CoreAttribute.ADDRESS: frozenset({Source.CREDIBLE})}
    assert complete(record(LICENSE, confirmed=confirmed))["claims"] == {
        "address": {
            "street_address": "1 Main St",
            "locality": "Baltimore",
            "region": "MD",
            "postal_code": "21201",
            "country": "US",
        }
    }
    document = {"identity_doc_address1": "9 Old St", "identity_doc_city": "Dover"}
    assert claims_of(document)["address"]["street_address"] == "9 Old St"
    assert verified_claims_of(record(LICENSE, confirmed=confirmed), document, issuer=ISSUER) is None


def test_a_phone_number_is_verified_by_its_account():
    """The carrier confirmed it in the person's name."""
    account = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT)
    assert complete(record(account, confirmed={}))["claims"] == {"phone_number": "+14105550123"}


def test_only_what_was_asked_is_returned():
    """A key with null counts as asked for; the schema's required keys are always there."""
    everything = complete(record(LICENSE))
    assert select(everything, EVERYTHING, now=ENDED) == {
        "verification": {"trust_framework": "nist_800_63A"},
        "claims": {"given_name": "Ada"},
    }
    asked = {
        "verification": {
            "trust_framework": {"value": "nist_800_63A"},
            "time": {"max_age": 2592000},
            "evidence": [{"type": {"value": "document"}, "check_details": [{"check_method": None}]}],
        },
        "claims": {"given_name": None, "nothing_of_ours": None},
    }
    assert request_problem(asked) is None
    assert select(everything, asked, now=ENDED) == {
        "verification": {
            "trust_framework": "nist_800_63A",
            "time": "2026-11-29T18:04:11Z",
            "evidence": [{"type": "document", "check_details": [{"check_method": "vri"}]}],
        },
        "claims": {"given_name": "Ada"},
    }


@pytest.mark.parametrize(
    "verification",
    [
        {"trust_framework": {"value": "eidas"}},
        {"trust_framework": {"values": ["eidas", "de_aml"]}},
        {"trust_framework": None, "assurance_level": {"value": "ial2"}},
        {"trust_framework": None, "time": {"max_age": 59}},
        {"trust_framework": None, "time": {"max_age": "60"}},
        {"trust_framework": None, "evidence": [{"type": {"value": "vouch"}}]},
        {
            "trust_framework": None,
            "evidence": [{"type": None, "check_details": [{"check_method": {"value": "bvr"}}]}],
        },
        {
            "trust_framework": None,
            "evidence": [{"type": None, "document_details": {"type": {"value": "passport"}}}],
        },
        {"trust_framework": None, "assurance_process": {"procedure": {"value": "biometric"}}},
        {"trust_framework": None, "something": {"new": {"values": ["a"]}}},
    ],
)
def test_what_is_not_met_omits_the_element(verification):
    """It is no error, and says nothing else of the person."""
    asked = {"verification": verification, "claims": {"given_name": None}}
    assert request_problem(asked) is None
    assert select(complete(record(LICENSE)), asked, now=ENDED + 60) is None


def test_values_that_are_met():
    """A set of values, an age to the second, a level that the engine gave."""
    found = complete(record(MDL, supports="ial2", pathway="digital_evidence"))
    asked = {
        "verification": {
            "trust_framework": {"values": ["eidas", "nist_800_63A"]},
            "assurance_level": {"value": "ial2"},
            "time": {"max_age": 61},
            "assurance_process": {"procedure": None, "assurance_details": None},
        },
        "claims": {"family_name": {"value": "Sample"}, "given_name": {"value": "Bob"}},
    }
    given = select(found, asked, now=ENDED + 60)
    assert isinstance(given, dict)
    jsonschema.validate(given, SCHEMA)
    assert given["claims"] == {"family_name": "Sample"}
    # No evidence was asked for, so nothing may refer to it.
    assert given["verification"]["assurance_process"] == {
        "procedure": "digital_evidence",
        "assurance_details": [
            {"assurance_type": "evidence_validation", "assurance_classification": "superior"}
        ],
    }


def test_several_requests_get_those_that_can_be_given():
    """An array is answered with an array."""
    eidas = {"verification": {"trust_framework": {"value": "eidas"}}, "claims": {"given_name": None}}
    found = complete(record(LICENSE))
    assert select(found, [eidas, EVERYTHING], now=ENDED) == [select(found, EVERYTHING, now=ENDED)]
    assert select(found, [eidas], now=ENDED) is None
    assert select(None, EVERYTHING, now=ENDED) is None


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        "all",
        {},
        {"verification": {"trust_framework": None}},
        {"verification": {}, "claims": {"given_name": None}},
        {"verification": None, "claims": {"given_name": None}},
        {"verification": {"trust_framework": None}, "claims": {}},
        {"verification": {"trust_framework": None}, "claims": None},
        {
            "verification": {"trust_framework": None, "assurance_process": None},
            "claims": {"given_name": None},
        },
        {"verification": {"trust_framework": None, "evidence": []}, "claims": {"given_name": None}},
        {"verification": {"trust_framework": None, "evidence": [None]}, "claims": {"given_name": None}},
        [EVERYTHING, {}],
    ],
)
def test_a_request_that_breaks_the_schema_is_named(asked):
    """The client made a mistake, and hears which."""
    assert request_problem(asked)
