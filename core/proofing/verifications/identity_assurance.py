"""What a verification found out, as `verified_claims` of OpenID Connect for Identity Assurance 1.0. Pure.

`verified_claims_of` gives all of it; `proofing.verifications.assurance_requests` picks what a request asks
for. Values that the specification does not have are URLs below the issuer. A level is only ever the one that
the assurance engine gave. docs/reference/oidc.md
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from proofing.contracts.evidence import EvidenceKind, EvidencePiece, Source, ValidatedBy, VerifiedBy
from proofing.contracts.verifications import VerificationRecord, VerificationState
from proofing.rules.assurance_table import strength_of
from proofing.verifications import released_claims

TRUST_FRAMEWORK: Final = "nist_800_63A"
#: The registered framework means revision 3; the policy names the one that we follow.
POLICY: Final = "nist_sp_800_63A_4"
_LEVELS: Final = frozenset({"ial1", "ial2", "ial3"})
#: Types of documents, as predefined by the specification; others are URLs below the issuer.
_DOCUMENTS: Final = MappingProxyType(
    {
        EvidenceKind.DRIVERS_LICENSE: "driving_permit",
        EvidenceKind.MOBILE_DRIVERS_LICENSE: "driving_permit",
        EvidenceKind.STATE_ID_CARD: "idcard",
        EvidenceKind.PASSPORT: "passport",
        EvidenceKind.PASSPORT_CARD: "/identity-assurance/documents/passport_card",
    }
)
_RECORDS: Final = MappingProxyType(
    {
        EvidenceKind.PHONE_ACCOUNT: "/identity-assurance/records/phone_account",
        EvidenceKind.FINANCIAL_ACCOUNT: "/identity-assurance/records/financial_account",
    }
)
#: Records against which attributes were compared, by who keeps them.
_SOURCES: Final = MappingProxyType(
    {
        Source.AUTHORITATIVE: "/identity-assurance/records/authoritative_source",
        Source.CREDIBLE: "/identity-assurance/records/credible_source",
    }
)
_VALIDATIONS: Final = MappingProxyType(
    {
        ValidatedBy.SIGNATURE: "vcrypt",
        ValidatedBy.SCAN: "vri",
        ValidatedBy.AGENT: "vri",
        ValidatedBy.ACCOUNT: "data",
    }
)
_METHODS: Final = MappingProxyType(
    {
        VerifiedBy.CODE_PHONE: "auth",
        VerifiedBy.CODE_POST: "auth",
        VerifiedBy.MICROTRANSACTION: "auth",
        VerifiedBy.LOGIN: "auth",
        VerifiedBy.WALLET: "token",
        VerifiedBy.FACE_AGENT: "pvr",
        VerifiedBy.FACE_AUTO: "bvr",
    }
)
#: Released attributes that describe a document of these types: its number, issue and expiry.
_DETAILS: Final = MappingProxyType(
    {
        "driving_permit": ("state_id_number", "state_id_issued", "state_id_expiration"),
        "idcard": ("state_id_number", "state_id_issued", "state_id_expiration"),
        "passport": ("document_number", "passport_issued", "passport_expiration"),
    }
)
_OF_A_COUNTRY: Final = frozenset({EvidenceKind.PASSPORT, EvidenceKind.PASSPORT_CARD})


def metadata(issuer: str) -> dict[str, Any]:
    """Return what Discovery says of identity assurance."""
    own = [f"{issuer}{path}" for path in (*_RECORDS.values(), *_SOURCES.values())]
    documents = dict.fromkeys(_absolute(issuer, kind) for kind in _DOCUMENTS.values())
    return {
        "verified_claims_supported": True,
        "trust_frameworks_supported": [TRUST_FRAMEWORK],
        "evidence_supported": ["document", "electronic_record"],
        "documents_supported": list(documents),
        "claims_in_verified_claims_supported": list(released_claims.VERIFIABLE),
        "documents_check_methods_supported": ["vri", "vcrypt", "token", "bvr", "pvr", "auth"],
        "electronic_records_supported": own,
    }


def verified_claims_of(
    record: VerificationRecord, released: Mapping[str, Any], *, issuer: str
) -> dict[str, Any] | None:
    """Return everything that is known of *record*, which ended.

    Args:
        record: of a verification.
        released: attributes of the applicant that its policy releases, by name.
        issuer: of the provider.

    Returns:
        ``{"verification": …, "claims": …}``; None for one that is not verified, or of which no source
        confirmed a claim that is released.
    """
    if record.state is not VerificationState.VERIFIED or record.ended_at is None:
        return None
    claims = released_claims.verified_claims_of(released, record.findings.evidence)
    if not claims:
        return None
    verification: dict[str, Any] = {"trust_framework": TRUST_FRAMEWORK}
    if record.findings.supports in _LEVELS:
        verification["assurance_level"] = record.findings.supports
    evidence, details = _evidence(record, released, issuer)
    process: dict[str, Any] = {"policy": POLICY}
    if record.findings.pathway and "assurance_level" in verification:
        process["procedure"] = record.findings.pathway
    if details:
        process["assurance_details"] = details
    verification["assurance_process"] = process
    verification["time"] = _time(record.ended_at)
    verification["verification_process"] = record.id
    if evidence:
        verification["evidence"] = evidence
    return {"verification": verification, "claims": claims}


def _evidence(
    record: VerificationRecord, released: Mapping[str, Any], issuer: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pieces of evidence, and how the process rates those that were validated."""
    ids = (f"c{number}" for number in range(1, 1000))
    evidence: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for piece in record.findings.evidence.pieces:
        strength = strength_of(piece)
        if piece.validated_by not in _VALIDATIONS or strength is None:
            continue
        checks = list(_checks(piece, ids))
        evidence.append({**_described(piece, released, issuer), "check_details": checks})
        details.append(
            {
                "assurance_type": "evidence_validation",
                "assurance_classification": strength.value,
                "evidence_ref": [{"check_id": checks[0]["check_id"]}],
            }
        )
    used = {source for sources in record.findings.evidence.confirmed.values() for source in sources}
    evidence += [
        {
            "type": "electronic_record",
            "check_details": [{"check_method": "data", "check_id": next(ids)}],
            "record": {"type": f"{issuer}{path}"},
        }
        for source, path in _SOURCES.items()
        if source in used
    ]
    return evidence, details


def _checks(piece: EvidencePiece, ids: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yield how *piece* was validated, then how it was found to be the person's."""
    methods = [_VALIDATIONS[piece.validated_by], *(_METHODS[one.method] for one in piece.verified_by)]
    for method in dict.fromkeys(methods):
        yield {"check_method": method, "check_id": next(ids)}


def _described(piece: EvidencePiece, released: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    """Return the type of *piece* and what may be said of it."""
    if piece.kind in _RECORDS:
        return {"type": "electronic_record", "record": {"type": f"{issuer}{_RECORDS[piece.kind]}"}}
    kind = _DOCUMENTS[piece.kind]
    details: dict[str, Any] = {"type": _absolute(issuer, kind)}
    names = ("document_number", "date_of_issuance", "date_of_expiry")
    for name, attribute in zip(names, _DETAILS.get(kind, ()), strict=False):
        if value := released.get(attribute):
            details[name] = value
    if piece.issuer and piece.kind in _OF_A_COUNTRY:
        details["issuer"] = {"country_code": piece.issuer}
    elif piece.issuer:
        details["issuer"] = {"country_code": "USA", "jurisdiction": piece.issuer}
    return {"type": "document", "document_details": details}


def _absolute(issuer: str, kind: str) -> str:
    return f"{issuer}{kind}" if kind.startswith("/") else kind


def _time(seconds: float) -> str:
    """Return a time as in the specification: ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
