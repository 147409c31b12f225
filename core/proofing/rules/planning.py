"""Which vendors a resolution job asks.

Each function returns the `Check` that stands in for a call which is not needed, or None when the vendor must
be asked. What the answers come to together: `proofing.rules.resolution`.
"""

from collections.abc import Collection
from dataclasses import replace

from proofing.contracts.applicant import PASSPORT_TYPES, Applicant
from proofing.contracts.results import (
    Check,
    DeviceResult,
    Outcome,
    PhoneResult,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
)
from proofing.rules.state_id import JURISDICTIONS

#: What another source can verify in place of a resolution vendor; never ``ssn``, ``dead`` or ``unknown``.
CURABLE_ATTRIBUTES = frozenset({"address", "dob", "state_id_number"})

#: Why a vendor was not asked. These are the names by which records in this field know a skip, no matter who
#: the vendor is: also the two that come from products, AAMVA's and ThreatMetrix.
RESIDENTIAL_ADDRESS_NOT_REQUIRED = "ResidentialAddressNotRequired"
RESOLUTION_CANNOT_PASS = "ResolutionCannotPass"  # noqa: S105 - a reason, no password
UNSUPPORTED_JURISDICTION = "UnsupportedJurisdiction"
STATE_ID_SKIPPED = "AamvaCheckSkipped"
STATE_ID_VERIFIED_BEFORE = "VerifiedWithDocument"
NO_PHONE_NUMBER = "NoPhoneNumberAvailable"
PRECHECK_NOT_SELECTED = "PhonePrecheckNotSelected"
PASSPORT_CHECK_OFF = "PassportCheckOff"
DEVICE_DISABLED = "tmx_disabled"
DEVICE_SESSION_MISSING = "DeviceSessionMissing"

#: Fields of the home address, and the fields of the document's address that stand in for them.
_DOCUMENT_ADDRESS = {
    "address1": "identity_doc_address1",
    "address2": "identity_doc_address2",
    "city": "identity_doc_city",
    "state": "identity_doc_address_state",
    "zipcode": "identity_doc_zipcode",
}


def is_double_address(applicant: Applicant) -> bool:
    """Return whether home address and document address are both checked (in-person flow)."""
    return applicant.same_address_as_id is not None


def has_distinct_addresses(applicant: Applicant) -> bool:
    """Return whether both addresses are checked and differ."""
    return applicant.same_address_as_id is False


def plan_device(
    *, enabled: bool, session_id: str | None, has_data: bool = True
) -> Check[DeviceResult] | None:
    """Plan the device profile.

    Args:
        enabled: whether collection is on.
        session_id: the browser's profiling session.
        has_data: whether the rest that the vendor needs, such as the IP address, is there.
    """
    if not enabled:
        return Check(skipped=DEVICE_DISABLED)
    if session_id and has_data:
        return None
    missing = DeviceResult(
        vendor_name=DEVICE_SESSION_MISSING,
        outcome=Outcome.FAILED,
        review_status=ReviewStatus.REJECT,
        billed=False,
    )
    return Check(result=missing)


def plan_residential_address(applicant: Applicant) -> Check[ResolutionResult] | None:
    """Plan the resolution of the home address, which only the in-person flow asks apart."""
    if is_double_address(applicant):
        return None
    return Check(skipped=RESIDENTIAL_ADDRESS_NOT_REQUIRED)


def plan_resolution(
    applicant: Applicant, residential: Check[ResolutionResult]
) -> Check[ResolutionResult] | None:
    """Plan the resolution of the document's address, after the home address's check."""
    if is_double_address(applicant) and not has_distinct_addresses(applicant):
        return residential
    if not residential.passed:
        return Check(skipped=RESOLUTION_CANNOT_PASS, skipped_passes=False)
    return None


def with_document_address(applicant: Applicant) -> Applicant:
    """Return the applicant to ask about the document's address: its fields replace those of the home."""
    if not has_distinct_addresses(applicant):
        return applicant
    return replace(
        applicant, **{home: getattr(applicant, document) for home, document in _DOCUMENT_ADDRESS.items()}
    )


def is_curable(check: Check[ResolutionResult]) -> bool:
    """Return whether the vendor's no can be cured by what a licensing agency may verify.

    A review cannot: a person has to look, whatever the agency says.
    """
    result = check.result
    if result is None or result.outcome is not Outcome.FAILED:
        return False
    if not result.can_pass_with_additional_verification:
        return False
    missing = result.attributes_requiring_additional_verification
    return bool(missing) and missing <= CURABLE_ATTRIBUTES


def can_still_pass(check: Check[ResolutionResult]) -> bool:
    """Return whether asking the licensing agency has a point."""
    return check.passed or is_curable(check)


def plan_state_id(
    applicant: Applicant,
    resolution: Check[ResolutionResult],
    *,
    jurisdictions: Collection[str] = JURISDICTIONS,
    verified_with_document: Collection[str] | None = None,
) -> Check[StateIDResult] | None:
    """Plan the state ID check.

    Args:
        applicant: document type and jurisdiction are read.
        resolution: the check of the document's address.
        jurisdictions: whose offices answer.
        verified_with_document: what the office verified when the document was proofed; None: not asked.
    """
    if verified_with_document is not None:
        return Check(skipped=STATE_ID_VERIFIED_BEFORE)
    is_passport = applicant.document_type_received in PASSPORT_TYPES
    if is_passport or applicant.state_id_jurisdiction not in jurisdictions:
        return Check(skipped=UNSUPPORTED_JURISDICTION)
    wanted = resolution.passed if has_distinct_addresses(applicant) else can_still_pass(resolution)
    return None if wanted else Check(skipped=STATE_ID_SKIPPED)


def plan_phone_precheck(
    applicant: Applicant,
    residential: Check[ResolutionResult],
    resolution: Check[ResolutionResult],
    *,
    selected: bool,
) -> Check[PhoneResult] | None:
    """Plan the optional check of a phone that is known already. Not asking never counts as a yes here."""
    if not selected:
        return Check(skipped=PRECHECK_NOT_SELECTED, skipped_passes=False)
    if not (residential.passed and resolution.passed):
        return Check(skipped=RESOLUTION_CANNOT_PASS, skipped_passes=False)
    if not applicant.phone:
        return Check(skipped=NO_PHONE_NUMBER, skipped_passes=False)
    return None
