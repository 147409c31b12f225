"""What DocV answers to a fetch: decision, reason codes, and what was read from the document.

The first of these that holds gives the answer: the type is not accepted; the decision is no ``accept``; the
selfie does not match; the type is not the one that was asked for. Reason codes alone never turn a yes into a
no, nor the other way around.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from proofing.plugin import (
    PASSPORT_TYPES,
    Applicant,
    Assurance,
    DocumentResult,
    DocumentType,
    Finding,
    FindingCode,
    Outcome,
    SelfieCheck,
    parse_iso_date,
)
from proofing_socure.docv_types import document_type
from proofing_socure.id_plus import Answer, Part, ReasonCodes
from proofing_socure.reason_codes import FINDINGS, DocumentReason, document_reason

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

_ACCEPT = "accept"
#: What the other decisions come to. Who has to look decides on ``refer``, too; ``resubmit`` wants new photos.
_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "reject": Outcome.FAILED,
        "resubmit": Outcome.FAILED,
        "review": Outcome.REVIEW,
        "refer": Outcome.REVIEW,
    }
)
_SELFIE_FAILED = "selfie_fail"
_UNEXPECTED_TYPE = "unexpected_id_type"
_WORD = re.compile(r"\w+")


class Decision(Part):
    """What the rules of the account decided; ``name`` is theirs."""

    value: Literal["accept", "reject", "review", "refer", "resubmit"]


class ReadType(Part):
    """What the document is; without a type where nothing was recognized."""

    type: str | None = None
    state: str | None = None
    country: str | None = None


class ReadAddress(Part):
    """Where the holder lives."""

    # Socure's names end in a digit, which no rule for camel case gets right.
    physical_address: str | None = None
    physical_address2: str | None = Field(default=None, alias="physicalAddress2")
    city: str | None = None
    state: str | None = None
    zip: str | None = None


class DocumentData(Part):
    """What is printed on the document."""

    first_name: str | None = None
    middle_name: str | None = None
    sur_name: str | None = None
    name_suffix: str | None = None
    parsed_address: ReadAddress | None = None
    dob: str | None = None
    issue_date: str | None = None
    expiration_date: str | None = None
    document_number: str | None = None


class RawData(Part):
    """What was read by machine."""

    mrz: str | None = None


class DocumentVerification(Part):
    """The section ``documentVerification``."""

    decision: Decision
    reason_codes: ReasonCodes
    document_type: ReadType | None = None
    document_data: DocumentData | None = None
    raw_data: RawData | None = None


class DocVAnswer(Answer):
    """An answer of the module."""

    document_verification: DocumentVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a result is held against.

    Attributes:
        wanted: the types that are accepted.
        requested: those of them that the capture app was opened for.
        selfie: whether its flow compares a selfie.
        flow: of the account.
    """

    wanted: Collection[DocumentType]
    requested: Collection[DocumentType]
    selfie: bool
    flow: str


class DocVReader:
    """Reads answers by the codes of the account."""

    def __init__(self, settings: "SocureSettings", vendor_name: str) -> None:
        """Take the lists of codes from *settings*."""
        self._vendor_name = vendor_name
        self._mobile_license = frozenset(settings.docv_mobile_license_codes)
        #: In the order in which they count.
        self._selfies = (
            (SelfieCheck.NOT_CHECKED, frozenset(settings.docv_selfie_not_processed_codes)),
            (SelfieCheck.NO_MATCH, frozenset(settings.docv_selfie_fail_codes)),
            (SelfieCheck.MATCH, frozenset(settings.docv_selfie_pass_codes)),
        )

    def result(self, answer: DocVAnswer, expected: Expectation) -> DocumentResult | None:
        """Return what *answer* comes to; None for a yes that lacks what a yes must have."""
        found = answer.document_verification
        codes = tuple(found.reason_codes)
        kind = self._type(found)
        selfie = next((check for check, known in self._selfies if not known.isdisjoint(codes)), None)
        selfie = selfie or SelfieCheck.NOT_CHECKED
        outcome, reason, code = _judge(found, kind, selfie, expected)
        if outcome is Outcome.PASSED and (
            kind is None
            or found.document_data is None
            or (expected.selfie and selfie is not SelfieCheck.MATCH)
        ):
            return None
        return DocumentResult(
            vendor_name=self._vendor_name,
            outcome=outcome,
            reasons=(reason,) if reason else (),
            vendor_codes=codes,
            transaction_id=answer.reference_id,
            vendor_workflow=expected.flow,
            assurance=Assurance.AUTHENTICATED,
            document_type=kind,
            applicant=_applicant(found, kind) if outcome is Outcome.PASSED and kind else None,
            findings=(Finding(code=code, vendor_code=next(iter(codes), None)),) if code else (),
            selfie=selfie,
        )

    def _type(self, found: DocumentVerification) -> DocumentType | None:
        """Return what the document is."""
        seen = found.document_type
        if seen is None or seen.type is None:
            return None
        is_mobile = not self._mobile_license.isdisjoint(found.reason_codes)
        return document_type(seen.type, is_mobile=is_mobile, country=seen.country)


def _judge(
    found: DocumentVerification, kind: DocumentType | None, selfie: SelfieCheck, expected: Expectation
) -> tuple[Outcome, str | None, FindingCode | None]:
    """Return the outcome, and for a no its reason and finding."""
    if kind is not None and kind not in expected.wanted:
        return Outcome.FAILED, DocumentReason.UNACCEPTED_TYPE.value, FindingCode.UNSUPPORTED_DOCUMENT
    decision = found.decision.value
    if decision != _ACCEPT:
        outcome = _OUTCOMES[decision]
        reason = document_reason(found.reason_codes)
        if outcome is not Outcome.FAILED or reason is None:
            return outcome, f"vendor_{decision}", FindingCode.OTHER if outcome is Outcome.FAILED else None
        return outcome, reason.value, FINDINGS[reason]
    if selfie is SelfieCheck.NO_MATCH:
        # The selfie itself says it to the rules.
        return Outcome.FAILED, _SELFIE_FAILED, None
    if kind is not None and kind not in expected.requested:
        return Outcome.FAILED, _UNEXPECTED_TYPE, FindingCode.UNSUPPORTED_DOCUMENT
    return Outcome.PASSED, None, None


def _applicant(found: DocumentVerification, kind: DocumentType) -> Applicant:
    """Return what was read, as far as a document of this *kind* holds it."""
    data, issuer = found.document_data or DocumentData(), found.document_type
    country = issuer.country if issuer else None
    read = Applicant(
        first_name=data.first_name,
        middle_name=data.middle_name,
        last_name=data.sur_name,
        name_suffix=data.name_suffix,
        dob=_date(data.dob),
        issuing_country_code=country,
    )
    if kind in PASSPORT_TYPES:
        return read.merge(
            {
                "mrz": found.raw_data.mrz if found.raw_data else None,
                "passport_expiration": _date(data.expiration_date),
                # DocV reads no other nationality; passports are issued to nationals.
                "nationality_code": country,
                "document_number": data.document_number,
            }
        )
    address = data.parsed_address or ReadAddress()
    return read.merge(
        {
            "address1": address.physical_address,
            "address2": _second_line(address),
            "city": address.city,
            "state": address.state,
            "zipcode": address.zip,
            "state_id_number": data.document_number,
            "state_id_jurisdiction": issuer.state if issuer else None,
            "state_id_issued": _date(data.issue_date),
            "state_id_expiration": _date(data.expiration_date),
        }
    )


def _date(text: str | None) -> str | None:
    """Return an ISO date; None for what is not one."""
    return text if text is not None and parse_iso_date(text) else None


def _second_line(address: ReadAddress) -> str | None:
    """Return the second line without city, state and ZIP code, which DocV may repeat at its end."""
    line = address.physical_address2 or ""
    words = list(_WORD.finditer(line))
    repeated = _WORD.findall(" ".join(filter(None, (address.city, address.state, address.zip))).casefold())
    rest = len(words) - len(repeated)
    if repeated and rest >= 0 and [word[0].casefold() for word in words[rest:]] == repeated:
        line = line[: words[rest].start()].rstrip(" ,")
    return line or None
