"""What Socure's reason codes mean, as far as it is documented, and what each comes to in our words.

Codes are ``I`` (informational) or ``R`` (risk) and three digits. An account has codes that no table has; they
are kept as the vendor's codes, and decide nothing unless a setting names them.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from proofing.plugin import Death, FindingCode, Match


class DocumentReason(StrEnum):
    """Why DocV refuses a document. The values are normalized reason codes."""

    #: The images show too little of it.
    UNREADABLE = "unreadable_id"
    #: It is of a type that is not accepted.
    UNACCEPTED_TYPE = "unaccepted_id_type"
    #: It has expired.
    EXPIRED = "expired_id"
    #: The images have too few pixels.
    LOW_RESOLUTION = "low_resolution"
    #: Its holder is too young.
    UNDERAGE = "underage"
    #: There is no document in the images.
    NOT_FOUND = "id_not_found"
    #: The issuer's record does not agree.
    STATE_ID = "state_id_verification"


#: Codes of DocV by reason.
_DOCUMENT_CODES: Mapping[DocumentReason, str] = MappingProxyType(
    {
        DocumentReason.UNREADABLE: (
            "I848 I854 R810 R820 R822 R823 R824 R825 R826 R831 R833 R838 R859 R861 R863"
        ),
        DocumentReason.UNACCEPTED_TYPE: "I849 R853 R862",
        DocumentReason.EXPIRED: "R827",
        DocumentReason.LOW_RESOLUTION: "I808",
        DocumentReason.UNDERAGE: "R845",
        DocumentReason.NOT_FOUND: "I856 R819",
        DocumentReason.STATE_ID: "R899",
    }
)
_DOCUMENT_REASONS: Mapping[str, DocumentReason] = MappingProxyType(
    {code: reason for reason, codes in _DOCUMENT_CODES.items() for code in codes.split()}
)
#: What a reason says against a document.
FINDINGS: Mapping[DocumentReason, FindingCode] = MappingProxyType(
    {
        DocumentReason.UNREADABLE: FindingCode.UNREADABLE,
        DocumentReason.UNACCEPTED_TYPE: FindingCode.UNSUPPORTED_DOCUMENT,
        DocumentReason.EXPIRED: FindingCode.EXPIRATION_DATE,
        DocumentReason.LOW_RESOLUTION: FindingCode.LOW_RESOLUTION,
        DocumentReason.UNDERAGE: FindingCode.UNDERAGE,
        DocumentReason.NOT_FOUND: FindingCode.NOT_RECOGNIZED,
        DocumentReason.STATE_ID: FindingCode.ISSUER_RECORD,
    }
)
#: Codes of KYC to the reason in our words, the attribute that it is about, and what it says of that.
_KYC_REASONS: Mapping[str, tuple[str, str, Match]] = MappingProxyType(
    {
        "R901": ("ssn_of_another_person", "ssn", Match.MISMATCH),
        "R907": ("ssn_of_deceased", "dead", Match.MISMATCH),
        "R909": ("identity_deceased", "dead", Match.MISMATCH),
        "R911": ("ssn_issued_before_birth", "ssn", Match.MISMATCH),
        "R913": ("ssn_invalid", "ssn", Match.MISMATCH),
        # An SSN of which there is no record does not differ from one.
        "R940": ("ssn_not_found", "ssn", Match.UNAVAILABLE),
    }
)
#: A code that a setting refuses, and that no table explains.
REFUSED_CODE = "refused_reason_code"


def document_reason(codes: Iterable[str]) -> DocumentReason | None:
    """Return why DocV refuses: the first of its *codes* decides; None when it gives none."""
    first = next(iter(codes), None)
    return None if first is None else _DOCUMENT_REASONS.get(first, DocumentReason.UNREADABLE)


def death(codes: Iterable[str]) -> Death:
    """Return what *codes* say of a death record. Without a code nobody knows whether one was looked for."""
    found = {_KYC_REASONS[code][1] for code in codes if code in _KYC_REASONS}
    return Death.HIT if "dead" in found else Death.UNKNOWN


def kyc_reasons(codes: Iterable[str]) -> tuple[tuple[str, ...], dict[str, Match]]:
    """Return what the *codes* of a no say that is known: reasons, and what each attribute comes to."""
    known = [_KYC_REASONS[code] for code in codes if code in _KYC_REASONS]
    return tuple(dict.fromkeys(reason for reason, _, _ in known)), {
        attribute: match for _, attribute, match in known
    }
