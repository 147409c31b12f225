"""Whether a policy can be answered: the best evidence that its vendors could give, and what it would support.

Pure functions over descriptors. Whatever a vendor's descriptor does not rule out is taken as done well, so
that a target which is out of reach here is never reached; one that is within reach still depends on the
person. docs/adr/0049.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from proofing.contracts.continuation import Exchange
from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Verification,
    VerifiedBy,
)
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.verifications import Step
from proofing.rules.assurance import Assessment, assess
from proofing.rules.assurance_table import KINDS
from proofing.rules.evidence import KIND_OF

#: All that a vendor can do to find a document genuine, short of a signature.
_INSPECTED = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH, liveness=True)
_SIGNED = Inspection(signature=True, holder_key=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVendors:
    """The vendors that one person may meet; None where there is none.

    Attributes:
        phones: asked in order, until one says yes.
        vouched: names of vendors that the operator vouches for.
        code_digits: how long confirmation codes are.
    """

    document: ProoferDescriptor | None = None
    resolution: ProoferDescriptor | None = None
    state_id: ProoferDescriptor | None = None
    phones: Sequence[ProoferDescriptor] = ()
    vouched: Collection[str] = field(default_factory=frozenset)
    code_digits: int = 6


def reachable(steps: Collection[Step], vendors: PolicyVendors) -> Assessment:
    """Return what a person could reach at best who passes all *steps* with these *vendors*."""
    found = Evidence()
    if Step.DOCUMENT in steps and vendors.document is not None:
        found |= _document(vendors.document, vendors.vouched, selfie=Step.SELFIE in steps)
    if Step.RESOLUTION in steps:
        found |= _resolution(vendors)
    if Step.PHONE in steps and vendors.phones:
        found |= _phone(vendors, code=Step.CODE in steps)
    return assess(found)


def _document(vendor: ProoferDescriptor, vouched: Collection[str], *, selfie: bool) -> Evidence:
    """Return what a document comes to, of the strongest kind that the vendor takes."""
    if Exchange in vendor.continues:
        piece = EvidencePiece(
            kind=EvidenceKind.MOBILE_DRIVERS_LICENSE,
            validated_by=ValidatedBy.SIGNATURE,
            inspection=_SIGNED,
            verified_by=(Verification(method=VerifiedBy.WALLET),),
        )
        return Evidence(pieces=(piece,), confirmed=_by(Source.SIGNED))
    kinds = {KIND_OF[one] for one in vendor.document_types}
    scanned = [
        kind for kind in EvidenceKind if kind in kinds and ValidatedBy.SCAN in KINDS[kind].validated_by
    ]
    if not scanned:
        return Evidence()
    is_vouched = vendor.name in vouched
    piece = EvidencePiece(
        kind=scanned[0], validated_by=ValidatedBy.SCAN, inspection=_INSPECTED, vouched=is_vouched
    )
    if selfie:
        piece = piece.verified(Verification(method=VerifiedBy.FACE_AUTO, liveness=True, vouched=is_vouched))
    return Evidence(pieces=(piece,), biometric_consent=selfie)


def _resolution(vendors: PolicyVendors) -> Evidence:
    """Return what resolution and licensing agency come to."""
    vendor = vendors.resolution
    found = Evidence()
    if vendor is not None and vendor.name in vendors.vouched:
        found = Evidence(confirmed=_by(Source.CREDIBLE), death=Death.CLEAR, notify=frozenset({Channel.POST}))
    if vendors.state_id is not None:
        found |= Evidence(confirmed=_by(Source.AUTHORITATIVE), notify=frozenset({Channel.POST}))
    return found


def _phone(vendors: PolicyVendors, *, code: bool) -> Evidence:
    """Return what a phone comes to: the best of the vendors that may say yes."""
    is_vouched = any(one.name in vendors.vouched for one in vendors.phones)
    piece = EvidencePiece(
        kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT, vouched=is_vouched
    )
    if code:
        returned = Verification(method=VerifiedBy.CODE_PHONE, digits=vendors.code_digits, age_seconds=0.0)
        piece = piece.verified(returned)
    return Evidence(pieces=(piece,), notify=frozenset({Channel.PHONE} if is_vouched else ()))


def _by(source: Source) -> dict[CoreAttribute, frozenset[Source]]:
    return dict.fromkeys(CoreAttribute, frozenset({source}))
