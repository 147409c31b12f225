"""What a relying party asks of `verified_claims`, checked, and answered with exactly that. Pure.

OpenID Connect for Identity Assurance 1.0: only what was asked is returned, a key with null included. A value,
a set of values or a maximum age that is not met omits the element, which is no error.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

#: What the schema of responses demands of an object, whether it was asked for or not.
_REQUIRED: Final = MappingProxyType(
    {
        "verification": ("trust_framework",),
        "evidence": ("type",),
        "check_details": ("check_method",),
        "document_details": ("type",),
        "record": ("type",),
        "assurance_details": ("assurance_type",),
        "evidence_ref": ("check_id",),
    }
)


class _UnmetError(Exception):
    """The verification is not as the request demands."""


def request_problem(asked: Any) -> str | None:
    """Return what is wrong with a request for `verified_claims`; None for a good one.

    Args:
        asked: an element, or a list of them.
    """
    elements = asked if isinstance(asked, list) else [asked]
    if not elements:
        return "verified_claims must not be an empty array"
    return next(filter(None, map(_element_problem, elements)), None)


def select(
    complete: Mapping[str, Any] | None, asked: Any, *, now: float
) -> dict[str, Any] | list[dict[str, Any]] | None:
    """Return what a request gets.

    Args:
        complete: everything that is known, of `identity_assurance.verified_claims_of`.
        asked: an element, or a list of them, that `request_problem` found good.
        now: seconds since the epoch.

    Returns:
        An element, or a list of those that could be given; None where none could.
    """
    if complete is None:
        return None
    if not isinstance(asked, list):
        return _element(complete, asked, now)
    given = [one for element in asked if (one := _element(complete, element, now)) is not None]
    return given or None


def _element_problem(element: Any) -> str | None:
    if not isinstance(element, dict):
        return "verified_claims must be an object"
    verification, claims = element.get("verification"), element.get("claims")
    if not isinstance(verification, dict) or "trust_framework" not in verification:
        return "verified_claims needs verification with trust_framework"
    if not isinstance(claims, dict) or not claims:
        return "verified_claims needs claims, an object that names at least one"
    if "assurance_process" in verification and not isinstance(verification["assurance_process"], dict):
        return "assurance_process must be an object"
    evidence = verification.get("evidence", [{}])
    if not isinstance(evidence, list) or not evidence or not all(isinstance(one, dict) for one in evidence):
        return "evidence must be an array of objects"
    return None


def _element(complete: Mapping[str, Any], asked: Mapping[str, Any], now: float) -> dict[str, Any] | None:
    """Return one element; None where it is to be omitted."""
    try:
        verification = _pick("verification", complete["verification"], asked["verification"], now)
    except _UnmetError:
        return None
    claims: dict[str, Any] = {}
    for name, wanted in asked["claims"].items():
        if name in complete["claims"] and _is_met(complete["claims"][name], wanted, now):
            claims[name] = complete["claims"][name]
    if not claims:
        return None
    _drop_dangling(verification)
    return {"verification": verification, "claims": claims}


def _pick(name: str, actual: Any, wanted: Any, now: float) -> Any:
    """Return of *actual* what *wanted* asks for.

    Raises:
        _UnmetError: a value, a set of values or an age that is demanded.
    """
    if wanted is None:
        return actual
    if isinstance(actual, list):
        return _pick_items(name, actual, wanted if isinstance(wanted, list) else [wanted], now)
    if isinstance(actual, dict):
        if not isinstance(wanted, dict):
            return actual
        picked = {key: actual[key] for key in _REQUIRED.get(name, ()) if key in actual}
        for key, inner in wanted.items():
            if key in actual:
                picked[key] = _pick(key, actual[key], inner, now)
            elif _demands(inner):
                raise _UnmetError
        return picked
    if not _is_met(actual, wanted, now):
        raise _UnmetError
    return actual


def _pick_items(name: str, actual: list[Any], wanted: list[Any], now: float) -> list[Any]:
    """Return the items that one of *wanted* asks for, each as the first that does."""
    picked = []
    for item in actual:
        for one in wanted:
            try:
                picked.append(_pick(name, item, one, now))
            except _UnmetError:
                continue
            break
    if not picked:
        raise _UnmetError
    return picked


def _is_met(actual: Any, wanted: Any, now: float) -> bool:
    """Return whether *actual* is as *wanted* demands; null demands nothing."""
    if not isinstance(wanted, dict):
        return True
    if "value" in wanted and actual != wanted["value"]:
        return False
    if "values" in wanted and not (isinstance(wanted["values"], list) and actual in wanted["values"]):
        return False
    if "max_age" in wanted:
        return _is_young(actual, wanted["max_age"], now)
    return True


def _is_young(actual: Any, max_age: Any, now: float) -> bool:
    """Return whether the date or time *actual* is at most *max_age* seconds ago."""
    if not isinstance(max_age, int) or isinstance(max_age, bool) or not isinstance(actual, str):
        return False
    try:
        moment = datetime.fromisoformat(actual)
    except ValueError:
        return False
    return now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() <= max_age


def _demands(wanted: Any) -> bool:
    """Return whether *wanted*, of something that we do not have, can only be unmet."""
    if isinstance(wanted, list):
        return any(map(_demands, wanted))
    if not isinstance(wanted, dict):
        return False
    return bool({"value", "values", "max_age"} & wanted.keys()) or any(map(_demands, wanted.values()))


def _drop_dangling(verification: dict[str, Any]) -> None:
    """Take out references to checks that are not returned; the schema wants each to lead somewhere."""
    returned = {
        check["check_id"]
        for piece in verification.get("evidence", ())
        for check in piece.get("check_details", ())
        if "check_id" in check
    }
    process = verification.get("assurance_process")
    if not process or "assurance_details" not in process:
        return
    details = []
    for detail in process["assurance_details"]:
        kept = [one for one in detail.get("evidence_ref", ()) if one["check_id"] in returned]
        rest = {key: value for key, value in detail.items() if key != "evidence_ref"}
        details.append({**rest, "evidence_ref": kept} if kept else rest)
    verification["assurance_process"] = {**process, "assurance_details": details}
