"""What the licensing agencies' answers mean: which offices answer, what must match, which errors are theirs.

Adapters of state ID vendors call `judge_matches` on the office's answer about each field, so that every
vendor is judged alike.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant
from proofing.contracts.results import Check, Match, StateIDResult

#: The jurisdictions whose licensing agencies answer, by default.
JURISDICTIONS = frozenset(
    "AL AR AZ CO CT DC DE FL GA HI IA ID IL IN KS KY MA MD ME MI MO MS MT NC ND NE NH NJ NM NV "
    "OH OK OR PA RI SC SD TN TX VA VT WA WI WV WY".split()
)
#: All of these must match; of the two names, those that the person has.
REQUIRED = ("state_id_number", "dob", "last_name", "first_name")
_NAMES = ("last_name", "first_name")
#: Need not be answered, but must match when they are.
MATCH_IF_ANSWERED = ("state_id_expiration",)
#: The address is verified only when all of these match; its second line is ignored.
ADDRESS_PARTS = ("address1", "city", "state", "zipcode")

#: The office was asked, and its record differs.
UNVERIFIED = "UNVERIFIED"
#: The office did not answer about it.
MISSING = "MISSING"

#: What a failed licensing agency comes to; a vendor's own codes for it are its plugin's.
OFFICE_CAUSES = frozenset({Cause.MAINTENANCE, Cause.SOURCE_DOWN, Cause.SOURCE_TIMEOUT})

#: Among the codes of errors within announced maintenance of the agency.
IN_MAINTENANCE_WINDOW = "jurisdiction_in_maintenance_window"
#: Code of one whose vendor had called it maintenance: its own, or that of the agency.
_REPORTED_MAINTENANCE = "maintenance_reported_by_vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIDVerdict:
    """What an office's answers come to.

    Attributes:
        errors: attribute to `UNVERIFIED` or `MISSING`.
        verified_attributes: what matched; ``address`` when all its parts did, and none of the parts.
    """

    passed: bool
    errors: Mapping[str, str]
    verified_attributes: frozenset[str]


def judge_matches(matches: Mapping[str, Match], applicant: Applicant) -> StateIDVerdict:
    """Judge what a license office answered about each attribute.

    Args:
        matches: by attribute; one that is absent was not answered.
        applicant: who was asked about. Of a person with one name, that name must match.
    """
    errors: dict[str, str] = {}
    for name in _required(applicant):
        match = matches.get(name, Match.UNAVAILABLE)
        if match is not Match.MATCH:
            errors[name] = UNVERIFIED if match is Match.MISMATCH else MISSING
    errors.update({name: UNVERIFIED for name in MATCH_IF_ANSWERED if matches.get(name) is Match.MISMATCH})
    matched = {name for name, match in matches.items() if match is Match.MATCH}
    verified = matched - {*ADDRESS_PARTS, "address2"}
    if matched.issuperset(ADDRESS_PARTS):
        verified.add("address")
    return StateIDVerdict(passed=not errors, errors=errors, verified_attributes=frozenset(verified))


def _required(applicant: Applicant) -> list[str]:
    """Return what must match: `REQUIRED`, without the one of two names that the person does not have."""
    names = [name for name in _NAMES if getattr(applicant, name) is not None] or _NAMES
    return [name for name in REQUIRED if name not in _NAMES or name in names]


def is_office_error(error: VendorError | None) -> bool:
    """Return whether it was the licensing agency that failed, and not the way to it."""
    return error is not None and error.cause in OFFICE_CAUSES


def in_maintenance(error: VendorError) -> VendorError:
    """Return what *error* is in announced maintenance of the agency: a failure of its system is that."""
    cause = Cause.MAINTENANCE if error.cause in OFFICE_CAUSES else error.cause
    reported = (_REPORTED_MAINTENANCE,) if error.cause is Cause.MAINTENANCE else ()
    return error.amended(cause=cause, codes=(*error.codes, *reported, IN_MAINTENANCE_WINDOW))


def is_agency_maintenance(error: VendorError) -> bool:
    """Return whether *error* is the announced maintenance of one agency, which other agencies do not meet."""
    return error.cause is Cause.MAINTENANCE and IN_MAINTENANCE_WINDOW in error.codes


def is_of_unknown_maintenance(error: VendorError) -> bool:
    """Return whether *error* may as well be maintenance of the vendor as of one agency."""
    return is_agency_maintenance(error) and _REPORTED_MAINTENANCE in error.codes


def bypass_error(check: Check[StateIDResult], causes: Collection[Cause]) -> Check[StateIDResult]:
    """Return *check*, or a skipped one in its place that passes, if the cause of its error is in *causes*.

    Args:
        check: the state ID check.
        causes: the setting `state_id_bypass_causes`. The bypass stays on record as the skip's name.
    """
    if check.error is None or check.error.cause not in causes:
        return check
    return Check(skipped=f"StateIDExceptionBypassed-{check.error.cause.value}")
