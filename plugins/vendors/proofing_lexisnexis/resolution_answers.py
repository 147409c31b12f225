"""What Instant Verify answers, on either platform: one verdict, and checks that stand for attributes."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from proofing.plugin import Death, Match, Outcome, ResolutionResult
from proofing_lexisnexis.envelope import Conversation, Item, Product

_ADDRESS, _SSN, _DOB, _LICENSE = "address", "ssn", "dob", "state_id_number"
#: A check of whether the person has died.
_DEAD = "dead"
_UNKNOWN = "unknown"
#: Name of a check to the attribute it stands for. Names belong to the SSN.
_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "Addr1Zip_StateMatch": _ADDRESS,
        "IdentityOccupancyVerified": _ADDRESS,
        "AddrDeliverable": _ADDRESS,
        "AddrNotHighRisk": _ADDRESS,
        "SsnFullNameMatch": _SSN,
        "SSNSSAValid": _SSN,
        "DOBFullVerified": _DOB,
        "DOBYearVerified": _DOB,
        "SsnDeathMatchVerification": _DEAD,
        "LexIDDeathMatch": _DEAD,
        # No license is sent since 2023, and yet answers may have these.
        "DriversLicense": _LICENSE,
        "DriversLicenseVerification": _LICENSE,
    }
)
#: Of which passing a check verifies nothing.
_NOT_VERIFIABLE = frozenset({_DEAD, _UNKNOWN})
#: The reasons of a no that another source may cure: the checks together did not reach the score.
_CURABLE = ("total.scoring.model.verification.fail", "priority.scoring.model.verification.fail")
#: The reason of a check that failed because the vendor has no record.
_NO_RECORD = "identity_not_found_fail"
#: What weighs more when an attribute has several checks.
_ORDER = (Match.MATCH, Match.NOT_CHECKED, Match.UNAVAILABLE, Match.MISMATCH)


def resolution_result(
    conversation: Conversation,
    product: Product | None,
    *,
    vendor_name: str,
    reference: str | None = None,
    vendor_workflow: str | None = None,
) -> ResolutionResult:
    """Return the answer in Proofing's words.

    Args:
        conversation: the transaction, whose status alone decides.
        product: Instant Verify's own, where there is exactly one; its checks say which attributes failed,
            of a yes, too.
        vendor_name: of the descriptor.
        reference: as the vendor repeated it.
        vendor_workflow: that was asked.
    """
    items = (product.items if product else None) or []
    attributes = _matches(items)
    failed = frozenset(_attribute(item) for item in items if not item.passed)
    is_curable = (
        not conversation.passed
        and any(code in conversation.reason for code in _CURABLE)
        and product is not None
        and product.status == "fail"
        and bool(failed)
    )
    return ResolutionResult(
        vendor_name=vendor_name,
        outcome=Outcome.PASSED if conversation.passed else Outcome.FAILED,
        attributes=attributes,
        reasons=tuple(
            f"{name}_{match.value}" for name, match in attributes.items() if match is not Match.MATCH
        ),
        vendor_codes=conversation.codes,
        transaction_id=conversation.transaction_id,
        reference=reference,
        vendor_workflow=vendor_workflow,
        can_pass_with_additional_verification=is_curable,
        attributes_requiring_additional_verification=failed,
        verified_attributes=frozenset(name for name, match in attributes.items() if match is Match.MATCH),
        death=_death(items),
    )


def _attribute(item: Item) -> str:
    return _ATTRIBUTES.get(item.name, _UNKNOWN)


def _matches(items: Iterable[Item]) -> dict[str, Match]:
    """Return what the checks say of each attribute, by its name; of several, the worst."""
    found: dict[str, list[Match]] = {}
    for item in items:
        attribute, match = _attribute(item), _match(item)
        if match is not Match.MATCH or attribute not in _NOT_VERIFIABLE:
            found.setdefault(attribute, []).append(match)
    return {name: max(found[name], key=_ORDER.index) for name in sorted(found)}


def _death(items: Iterable[Item]) -> Death:
    """Return what the checks for a death record come to: clear only when there are some, and all passed."""
    matches = {_match(item) for item in items if _attribute(item) == _DEAD}
    if Match.MISMATCH in matches:
        return Death.HIT
    return Death.CLEAR if matches == {Match.MATCH} else Death.UNKNOWN


def _match(item: Item) -> Match:
    if item.passed:
        return Match.MATCH
    if item.status == "error":
        return Match.NOT_CHECKED
    has_no_record = item.reason is not None and item.reason.code == _NO_RECORD
    return Match.UNAVAILABLE if has_no_record else Match.MISMATCH
