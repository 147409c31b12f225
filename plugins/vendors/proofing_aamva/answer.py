"""What DLDV 2.1 answers: an indicator for each attribute that the state compared."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from proofing.plugin import Applicant, Match, Outcome, StateIDResult
from proofing.plugin.support import judge_matches
from proofing_aamva.elements import local_name, named, text_of
from proofing_aamva.errors import nonsense
from proofing_aamva.request import requested_attributes
from proofing_aamva.settings import NAME

#: By the name of its element, the attribute that an indicator is about. Names have fuzzy indicators, too,
#: which do not count.
_INDICATORS: Mapping[str, str] = {
    "DriverLicenseNumberMatchIndicator": "state_id_number",
    "DriverLicenseIssueDateMatchIndicator": "state_id_issued",
    "DriverLicenseExpirationDateMatchIndicator": "state_id_expiration",
    "DocumentCategoryMatchIndicator": "document_type_received",
    "PersonBirthDateMatchIndicator": "dob",
    "PersonFirstNameExactMatchIndicator": "first_name",
    "PersonMiddleNameExactMatchIndicator": "middle_name",
    "PersonLastNameExactMatchIndicator": "last_name",
    "PersonNameSuffixMatchIndicator": "name_suffix",
    "PersonHeightMatchIndicator": "height",
    "PersonWeightMatchIndicator": "weight",
    "PersonSexCodeMatchIndicator": "sex",
    "PersonEyeColorMatchIndicator": "eye_color",
    "AddressLine1MatchIndicator": "address1",
    "AddressLine2MatchIndicator": "address2",
    "AddressCityMatchIndicator": "city",
    "AddressStateCodeMatchIndicator": "state",
    "AddressZIP5MatchIndicator": "zipcode",
}
_SUFFIX = "MatchIndicator"
#: What marks an element that stands for a missing one, and its words. XML Schema part 1, section 2.6.2.
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_IS_NIL = frozenset({"true", "1"})
_VALUES = {"true": Match.MATCH, "false": Match.MISMATCH}
#: Spelled one way or the other.
_LOCATORS = ("TransactionLocatorId", "TransactionLocatorID")
_LOCATOR = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NUMBER = "state_id_number"


def read_result(root: Element, applicant: Applicant, sent: Mapping[str, str]) -> StateIDResult:
    """Read the answer to a verification.

    Args:
        root: of an answer without a fault.
        applicant: who was asked about.
        sent: what was sent of them.

    Raises:
        VendorError: `Cause.NONSENSE`: it has no indicators, or one that is neither true nor false.
    """
    requested = requested_attributes(sent)
    matches = _matches(root, sent, requested)
    verdict = judge_matches(matches, applicant)
    return StateIDResult(
        vendor_name=NAME,
        outcome=Outcome.PASSED if verdict.passed else Outcome.FAILED,
        attributes=matches,
        reasons=_reasons(matches, verdict.errors),
        transaction_id=_transaction_id(root),
        requested_attributes=requested,
        verified_attributes=verdict.verified_attributes,
    )


def _matches(root: Element, sent: Mapping[str, str], requested: Mapping[str, bool]) -> dict[str, Match]:
    """Return what the state says of each attribute.

    One that it does not mention is unavailable when it was sent, and not checked otherwise.
    """
    answered = _indicators(root)
    if not answered:
        raise nonsense("the verification: the answer has no indicators")
    matches = {}
    for name in _INDICATORS.values():
        if requested.get(name) is False:
            # The element was sent empty: whatever the state compared, it was nothing of the person's.
            matches[name] = Match.NOT_CHECKED
        else:
            matches[name] = answered.get(name, Match.UNAVAILABLE if name in sent else Match.NOT_CHECKED)
    return matches


def _indicators(root: Element) -> dict[str, Match]:
    """Return the indicators that count, at any depth and in any namespace.

    All must be true or false; one that is nil is as one that is missing.
    """
    answered: dict[str, Match] = {}
    for element in root.iter():
        name = local_name(element.tag)
        if not name.endswith(_SUFFIX):
            continue
        word, is_nil = text_of(element), element.get(_NIL) in _IS_NIL
        if is_nil and not word and not len(element):
            continue
        match = _VALUES.get(word)
        if match is None or is_nil or len(element):
            raise nonsense("the verification: an indicator is neither true nor false")
        attribute = _INDICATORS.get(name)
        if attribute is not None and answered.setdefault(attribute, match) is not match:
            raise nonsense("the verification: an indicator is both true and false")
    return answered


def _reasons(matches: Mapping[str, Match], errors: Mapping[str, str]) -> tuple[str, ...]:
    """Return why the answer is a no."""
    others = [match for name, match in matches.items() if name != _NUMBER]
    if matches[_NUMBER] is Match.MISMATCH and not {Match.MATCH, Match.MISMATCH} & set(others):
        # A state that does not know the number says nothing else.
        return ("state_id_number_not_found",)
    return tuple(
        f"{name}_mismatch" if matches[name] is Match.MISMATCH else f"{name}_unavailable" for name in errors
    )


def _transaction_id(root: Element) -> str | None:
    """Return the id by which AAMVA knows the call; None when it is missing, or is not an id."""
    ids = [text_of(element) for name in _LOCATORS for element in named(root, name)]
    return ids[0] if ids and _LOCATOR.fullmatch(ids[0]) else None
