"""KYC: do name, birth date, SSN and address belong to one person?

Socure answers with a number from 0 to 1 for each field. A field is valid from 0.5 on, as upstream clients
round half up. All of names, address, birth date and SSN must be valid, and no reason code may be one of the
setting ``kyc_auto_fail_codes``; the phone decides nothing. No other source can cure a no.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from proofing.plugin import (
    Applicant,
    Match,
    Outcome,
    ProofingContext,
    ProofingRequest,
    ResolutionResult,
    VendorContext,
)
from proofing_socure.code_list import CodeList
from proofing_socure.id_plus import Answer, IDPlus, Part, ReasonCodes, Share, person
from proofing_socure.reason_codes import REFUSED_CODE, death, kyc_reasons

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

_NAME = "socure:kyc"
#: The least number of a valid field.
_VALID_FROM = 0.5
_NAMES = ("first_name", "last_name")
_ADDRESS = ("address1", "city", "state", "zipcode")
_NEEDED = (*_ADDRESS, "dob", "ssn")


class FieldValidations(Part):
    """How sure Socure is of each field."""

    city: Share | None = None
    dob: Share | None = None
    first_name: Share | None = None
    mobile_number: Share | None = None
    ssn: Share | None = None
    state: Share | None = None
    street_address: Share | None = None
    sur_name: Share | None = None
    zip: Share | None = None


class KYCModule(Part):
    """The section ``kyc``."""

    reason_codes: ReasonCodes
    field_validations: FieldValidations


class KYCAnswer(Answer):
    """An answer of the module."""

    kyc: KYCModule


#: Our attributes to the fields that validate them.
_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "first_name": "first_name",
        "last_name": "sur_name",
        "address1": "street_address",
        "city": "city",
        "state": "state",
        "zipcode": "zip",
        "dob": "dob",
        "ssn": "ssn",
        "phone": "mobile_number",
    }
)


class KYC:
    """Asks Socure's KYC module."""

    def __init__(self, settings: "SocureSettings") -> None:
        """Take address, key and codes from *settings*."""
        self._id_plus = IDPlus(settings, _NAME)
        self._auto_fail = frozenset(settings.kyc_auto_fail_codes)
        self._codes = CodeList(settings, _NAME, prefix="kyc_")

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask once. A person may have one name."""
        applicant = request.applicant
        if missing := self._missing(applicant):
            raise self._id_plus.missing(missing)
        consented_at = request.circumstances.consented_at
        question = {
            "modules": ["kyc"],
            **person(applicant),
            "countryOfOrigin": "US",
            "nationalId": applicant.ssn,
            "dob": applicant.dob,
            "userConsent": True,
            "consentTimestamp": consented_at and consented_at.isoformat(timespec="seconds"),
            "mobileNumber": applicant.phone,
        }
        answer = await self._id_plus.ask(context, question, KYCAnswer)
        return self._result(answer, applicant)

    async def check(self, context: VendorContext) -> str | None:
        """Return which codes of the settings Socure does not list."""
        return await self._codes.check(context)

    def _missing(self, applicant: Applicant) -> str | None:
        """Return what Socure would have to know."""
        if applicant.first_name is None and applicant.last_name is None:
            return "name"
        return next((name for name in _NEEDED if getattr(applicant, name) is None), None)

    def _result(self, answer: KYCAnswer, applicant: Applicant) -> ResolutionResult:
        """Return what *answer* comes to. Raises `VendorError`: it says nothing of a field that decides."""
        matches = _matches(answer.kyc.field_validations, applicant)
        deciding = [name for name in (*_NAMES, *_NEEDED) if name in matches]
        if any(matches[name] is Match.NOT_CHECKED for name in deciding):
            raise self._id_plus.nonsense(
                "the answer lacks a field that was asked for", transaction_id=answer.reference_id
            )
        codes = tuple(answer.kyc.reason_codes)
        reasons = [f"{name}_mismatch" for name in deciding if matches[name] is not Match.MATCH]
        refused = self._auto_fail.intersection(codes)
        if reasons or refused:
            words, known = kyc_reasons(codes)
            matches |= known
            reasons += words or ([REFUSED_CODE] if refused else [])
        valid = {name for name, match in matches.items() if match is Match.MATCH}
        address = {"address"} if valid.issuperset(_ADDRESS) else set()
        return ResolutionResult(
            vendor_name=_NAME,
            outcome=Outcome.FAILED if reasons else Outcome.PASSED,
            attributes=matches,
            reasons=tuple(reasons),
            vendor_codes=codes,
            transaction_id=answer.reference_id,
            reference=answer.echo(applicant),
            verified_attributes=frozenset(valid.difference(_ADDRESS) | address),
            death=death(codes),
        )


def _matches(found: FieldValidations, applicant: Applicant) -> dict[str, Match]:
    """Return what Socure says of each attribute that it was sent."""
    matches = {}
    for attribute, field in _FIELDS.items():
        if getattr(applicant, attribute) is not None:
            share = getattr(found, field)
            valid = Match.MATCH if (share or 0.0) >= _VALID_FROM else Match.MISMATCH
            matches[attribute] = Match.NOT_CHECKED if share is None else valid
    return matches
