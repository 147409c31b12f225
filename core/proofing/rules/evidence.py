"""From what vendors answered to `Evidence`: the only place where evidence is made.

Adapters say what they know: whether a document was read or authenticated, and how it was inspected; that
faces match; that an account is in the applicant's name; which attributes agree. The kind of a question says
who confirms them: licensing agencies and issuers of passports have the records, resolution vendors correlate
others'. Whether a vendor is good enough is the operator's word, the setting ``assurance_vendors``.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from proofing.contracts.applicant import PASSPORT_TYPES, Applicant, DocumentType
from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Source,
    ValidatedBy,
    Validity,
    Verification,
    VerifiedBy,
)
from proofing.contracts.results import (
    Assurance,
    Check,
    DocumentResult,
    FindingCode,
    Match,
    Outcome,
    PassportResult,
    PhoneResult,
    ResolutionResult,
    SelfieCheck,
    StateIDResult,
)
from proofing.rules.assurance_table import strength_of
from proofing.rules.document_errors import ErrorCode
from proofing.rules.documents import DocumentVerdict
from proofing.rules.state_id import ADDRESS_PARTS

#: What each document is as evidence. A permit is none: some states issue them without a portrait.
KIND_OF: Mapping[DocumentType, EvidenceKind] = {
    DocumentType.DRIVERS_LICENSE: EvidenceKind.DRIVERS_LICENSE,
    DocumentType.STATE_ID_CARD: EvidenceKind.STATE_ID_CARD,
    DocumentType.MOBILE_DRIVERS_LICENSE: EvidenceKind.MOBILE_DRIVERS_LICENSE,
    DocumentType.PASSPORT: EvidenceKind.PASSPORT,
    DocumentType.PASSPORT_CARD: EvidenceKind.PASSPORT_CARD,
    DocumentType.DRIVERS_PERMIT: EvidenceKind.OTHER,
    DocumentType.OTHER: EvidenceKind.OTHER,
}
_NAMES = ("first_name", "last_name")
_IDENTIFIERS = ("ssn", "state_id_number", "document_number")
#: What the record of a passport's issuer holds; no address.
_OF_PASSPORT = (CoreAttribute.GOVERNMENT_IDENTIFIER, CoreAttribute.NAME, CoreAttribute.BIRTH_DATE)


def document_evidence(
    answer: DocumentResult,
    verdict: DocumentVerdict,
    passport: Check[PassportResult] | None = None,
    *,
    vouched: bool,
    biometric_consent: bool = False,
) -> Evidence:
    """Return what a document comes to.

    Args:
        answer: of the vendor.
        verdict: on it, after the issuer was asked.
        passport: what the issuer of a passport answered; None when it was not asked.
        vouched: whether the operator has checked the vendor.
        biometric_consent: whether the person agreed to the comparison of faces, and that is on record.
    """
    if answer.document_type is None:
        return Evidence()
    validated_by = _validated_by(answer, verdict)
    read = verdict.applicant or Applicant()
    is_passport = answer.document_type in PASSPORT_TYPES
    inspection = answer.inspection
    if any(finding.code is FindingCode.BARCODE_UNREADABLE for finding in answer.against):
        inspection = replace(inspection, barcode=Barcode.UNREAD)
    piece = EvidencePiece(
        kind=KIND_OF[answer.document_type],
        issuer=read.issuing_country_code if is_passport else read.state_id_jurisdiction,
        validity=Validity.EXPIRED if ErrorCode.EXPIRED in verdict.reasons else Validity.OK,
        validated_by=validated_by,
        inspection=inspection,
        vouched=vouched,
    )
    confirmed: dict[CoreAttribute, frozenset[Source]] = {}
    if verdict.passed:
        if answer.selfie is SelfieCheck.MATCH:
            piece = piece.verified(
                Verification(method=VerifiedBy.FACE_AUTO, liveness=inspection.liveness, vouched=vouched)
            )
        if validated_by is ValidatedBy.SIGNATURE:
            _confirm(confirmed, _read_attributes(read), Source.SIGNED)
            if inspection.holder_key:
                piece = piece.verified(Verification(method=VerifiedBy.WALLET))
        asked = passport is not None and passport.result is not None and passport.result.passed
        if asked or answer.passport_check is Match.MATCH:
            _confirm(confirmed, _OF_PASSPORT, Source.AUTHORITATIVE)
    return Evidence(pieces=(piece,), confirmed=confirmed, biometric_consent=biometric_consent)


def resolution_evidence(
    applicant: Applicant,
    resolution: ResolutionResult | None,
    state_id: StateIDResult | None,
    *,
    passed: bool,
    vouched: bool,
) -> Evidence:
    """Return what a resolution and a licensing agency come to, attribute by attribute.

    Args:
        applicant: who was asked about.
        resolution: the vendor's answer; None when there is none.
        state_id: the agency's answer; None when there is none, or the check was skipped.
        passed: whether both together are a yes; no attribute is confirmed otherwise.
        vouched: whether the operator has checked that the resolution vendor is a credible source.
    """
    confirmed: dict[CoreAttribute, frozenset[Source]] = {}
    mismatched: set[CoreAttribute] = set()
    death = Death.UNKNOWN
    for result, source in ((resolution, Source.CREDIBLE), (state_id, Source.AUTHORITATIVE)):
        if result is None:
            continue
        matched, differs = _judge_attributes(result.attributes, result.verified_attributes, applicant)
        mismatched |= differs
        if passed and (vouched or source is Source.AUTHORITATIVE):
            _confirm(confirmed, matched, source)
    if resolution is not None and (vouched or resolution.death is Death.HIT):
        death = resolution.death
    return Evidence(
        confirmed=confirmed,
        mismatched=frozenset(mismatched),
        death=death,
        notify=frozenset({Channel.POST} if CoreAttribute.ADDRESS in confirmed else ()),
    )


def phone_evidence(answer: PhoneResult | None, *, vouched: bool) -> Evidence:
    """Return what a phone check comes to: a piece where the account is confirmed, else nothing.

    Args:
        answer: of the vendor; None when there is none.
        vouched: whether the operator has checked that the vendor sees the carrier's account.
    """
    if answer is None or not answer.passed or answer.account is not Match.MATCH:
        return Evidence()
    piece = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT, vouched=vouched)
    return Evidence(pieces=(piece,), notify=frozenset({Channel.PHONE} if vouched else ()))


def passport_evidence(answer: PassportResult) -> Evidence:
    """Return what the answer of a passport's issuer comes to by itself."""
    confirmed: dict[CoreAttribute, frozenset[Source]] = {}
    if answer.passed:
        _confirm(confirmed, _OF_PASSPORT, Source.AUTHORITATIVE)
    return Evidence(confirmed=confirmed)


def evidence_codes(evidence: Evidence) -> list[str]:
    """Return *evidence* in words for logs and reports, such as ``drivers_license:strong:scan:face_auto``."""
    pieces = [
        ":".join((piece.kind, strength_of(piece) or "none", piece.validated_by, *_methods(piece)))
        for piece in evidence.pieces
    ]
    confirmed = [":".join((name, *sorted(sources))) for name, sources in sorted(evidence.confirmed.items())]
    mismatched = [f"{name}:mismatch" for name in sorted(evidence.mismatched)]
    death = [] if evidence.death is Death.UNKNOWN else [f"death:{evidence.death}"]
    return [*pieces, *confirmed, *mismatched, *death]


def _methods(piece: EvidencePiece) -> list[str]:
    return [one.method.value for one in piece.verified_by]


def _validated_by(answer: DocumentResult, verdict: DocumentVerdict) -> ValidatedBy:
    """Return how the document was found genuine; *failed* only where the vendor says that it is not."""
    if not verdict.passed:
        not_genuine = any(finding.code is FindingCode.NOT_GENUINE for finding in answer.against)
        is_no = answer.outcome is Outcome.FAILED and not_genuine
        return ValidatedBy.FAILED if is_no else ValidatedBy.NONE
    if answer.assurance is not Assurance.AUTHENTICATED:
        return ValidatedBy.NONE
    return ValidatedBy.SIGNATURE if answer.inspection.signature else ValidatedBy.SCAN


def _confirm(
    confirmed: dict[CoreAttribute, frozenset[Source]], names: Iterable[CoreAttribute], source: Source
) -> None:
    for name in names:
        confirmed[name] = confirmed.get(name, frozenset()) | {source}


def _read_attributes(read: Applicant) -> set[CoreAttribute]:
    """Return what a document says of its holder."""
    known = read.reveal().keys()
    return _grouped(known, [name for name in _NAMES if name in known])


def _judge_attributes(
    matches: Mapping[str, Match], verified: Collection[str], applicant: Applicant
) -> tuple[set[CoreAttribute], set[CoreAttribute]]:
    """Return the attributes that a source agrees with as a whole, and those it disagrees with in part."""
    agreeing = {name for name, match in matches.items() if match is Match.MATCH}
    differing = {name for name, match in matches.items() if match is Match.MISMATCH}
    if "address" in verified:
        agreeing.add("address")
    names = [name for name in _NAMES if getattr(applicant, name) is not None]
    differs = {
        attribute
        for attribute, parts in (
            (CoreAttribute.GOVERNMENT_IDENTIFIER, _IDENTIFIERS),
            (CoreAttribute.NAME, _NAMES),
            (CoreAttribute.BIRTH_DATE, ("dob",)),
            (CoreAttribute.ADDRESS, ("address", *ADDRESS_PARTS)),
        )
        if not differing.isdisjoint(parts)
    }
    return _grouped(agreeing, names), differs


def _grouped(parts: Collection[str], names: Collection[str]) -> set[CoreAttribute]:
    """Return the core attributes that *parts* make whole; *names* are those that the person has."""
    found = set()
    if any(name in parts for name in _IDENTIFIERS):
        found.add(CoreAttribute.GOVERNMENT_IDENTIFIER)
    if names and all(name in parts for name in names):
        found.add(CoreAttribute.NAME)
    if "dob" in parts:
        found.add(CoreAttribute.BIRTH_DATE)
    if "address" in parts or all(name in parts for name in ADDRESS_PARTS):
        found.add(CoreAttribute.ADDRESS)
    return found
