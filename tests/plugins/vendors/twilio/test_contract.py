"""Twilio keeps the contract of phone proofers."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar

import httpx
from tests.plugins.vendors.twilio.answers import IDENTITY, LINE, SECTION, lookup, response

from proofing.contracts.results import Match, Outcome
from proofing.plugin import Cause
from proofing.testing.vendors import Example, Exemption, PhoneProoferContract

MATCH, MISMATCH, UNAVAILABLE = Match.MATCH, Match.MISMATCH, Match.UNAVAILABLE
COMPARED = dict.fromkeys(
    ("first_name", "last_name", "address1", "city", "state", "zipcode", "phone"), Match.MATCH
)
NOT_SWAPPED = {"last_sim_swap": {"swapped_in_period": False}, "error_code": None}
SWAPPED = {"last_sim_swap": {"swapped_in_period": True}, "error_code": None}

IN_URLS = {
    "person-in-url": Exemption(
        "Lookup takes the number in the path and the rest in the query of a GET; personal_urls keeps both out"
        " of our logs, and docs/vendors/twilio.md warns of proxies.",
        until=date(2027, 5, 28),
    )
}


def answered(**changes: Any) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers about the number that was asked about."""

    def answer(request: httpx.Request) -> httpx.Response:
        number = re.fullmatch(r"/v2/PhoneNumbers/\+1(\d{10})", request.url.path)
        assert number is not None
        return response(lookup(number[1], **changes))

    return answer


def matching(
    levels: Mapping[str, Any], comes_to: Outcome, attributes: Mapping[str, Match], *reasons: str
) -> Example:
    """Return an example whose comparison of the owner has these *levels*."""
    identity = answered(identity={**IDENTITY, **levels})
    return Example(identity, comes_to, {**COMPARED, **attributes}, reasons)


def lined(line: Mapping[str, Any], comes_to: Outcome, phone: Match, reason: str, *codes: str) -> Example:
    """Return an example with a line of another type."""
    facts = {"vendor_codes": codes}
    return Example(answered(line={**LINE, **line}), comes_to, {**COMPARED, "phone": phone}, (reason,), facts)


def failed(package: str, code: int, cause: Cause) -> Example:
    """Return an example of a package that failed."""
    whole = {"identity": IDENTITY, "line": LINE}
    return Example(answered(**{package: {**whole[package], "error_code": code}}), cause)


def refused(status: int, code: int, cause: Cause) -> Example:
    """Return an example of a call that failed."""
    return Example(response({"code": code, "message": "an invented text", "status": status}, status), cause)


class TestTwilio(PhoneProoferContract):
    """One lookup with the two packages that are always asked for."""

    plugin = "proofing_twilio"
    section = SECTION
    exemptions: ClassVar = IN_URLS
    open_places: ClassVar = {
        "identity_match.address_country_match": (
            "the country that is sent is always the United States, and no attribute of the person"
        )
    }
    answers: ClassVar = {
        "yes": Example(answered(), Outcome.PASSED, COMPARED),
        "no": matching(
            {"first_name_match": "no_match", "last_name_match": "no_match", "summary_score": 0},
            Outcome.FAILED,
            {"first_name": MISMATCH, "last_name": MISMATCH, "phone": MISMATCH},
            *("first_name_mismatch", "last_name_mismatch"),
        ),
        "another name": matching(
            {"last_name_match": "no_match"},
            Outcome.FAILED,
            {"last_name": MISMATCH, "phone": MISMATCH},
            "last_name_mismatch",
        ),
        "a name that is alike": matching(
            {"first_name_match": "partial_match"},
            Outcome.FAILED,
            {"first_name": MISMATCH, "phone": MISMATCH},
            "first_name_partial_match",
        ),
        "no data of the name": matching(
            {"last_name_match": "no_data_available"},
            Outcome.UNKNOWN,
            {"last_name": UNAVAILABLE, "phone": UNAVAILABLE},
            "last_name_unavailable",
        ),
        "an address that is not known": matching(
            {
                **dict.fromkeys(("address_line_match", "postal_code_match"), "no_match"),
                **dict.fromkeys(("city_match", "state_match"), "no_data_available"),
                "summary_score": 40,
            },
            Outcome.PASSED,
            {"address1": MISMATCH, "zipcode": MISMATCH, "city": UNAVAILABLE, "state": UNAVAILABLE},
        ),
        "a lower score": matching(
            {"summary_score": 39}, Outcome.FAILED, {"phone": MISMATCH}, "identity_score_low"
        ),
        "not covered": Example(
            answered(identity={**IDENTITY, "error_code": 60607}),
            Outcome.UNKNOWN,
            reasons=("phone_not_covered",),
            facts={"vendor_codes": ("60607",)},
        ),
        "a landline": lined(
            {"type": "landline"}, Outcome.FAILED, MISMATCH, "line_type_not_accepted", "landline"
        ),
        "an unknown line": lined({"type": "unknown"}, Outcome.UNKNOWN, UNAVAILABLE, "line_type_unknown"),
        "no data of the line": lined(
            {"type": None, "error_code": 60610}, Outcome.UNKNOWN, UNAVAILABLE, "line_type_unknown"
        ),
        "no such number": Example(
            answered(valid=False, validation_errors=["TOO_SHORT"], identity=None, line=None),
            Outcome.FAILED,
            {"phone": MISMATCH},
            ("phone_invalid",),
            {"vendor_codes": ("TOO_SHORT",)},
        ),
        "a package that is not enabled": failed("identity", 60606, Cause.AUTHENTICATION),
        "a source that failed": failed("line", 60608, Cause.SOURCE_DOWN),
        "a bad key": refused(401, 20003, Cause.AUTHENTICATION),
        "too many calls": refused(429, 20429, Cause.QUOTA),
        "not available": refused(503, 20503, Cause.UNREACHABLE),
    }


def reassigned(word: str | None, error: str | None = None) -> Mapping[str, str | None]:
    """Return the package of reassigned numbers."""
    return {"last_verified_date": "2026-09-01", "is_number_reassigned": word, "error_code": error}


def signaled(comes_to: Outcome | Cause, *reasons: str, swap: Any = NOT_SWAPPED, owner: Any = None) -> Example:
    """Return an example with these signs of fraud, about a person whose names alone were compared."""
    names = ("first_name_match", "last_name_match", "summary_score", "error_code")
    answer = answered(
        identity={name: IDENTITY[name] for name in names},
        sim_swap=swap,
        reassigned_number=owner or reassigned("no"),
    )
    attributes = {"first_name": MATCH, "last_name": MATCH, "phone": MATCH}
    return Example(answer, comes_to, attributes, reasons)


class TestTwilioWithSignals(PhoneProoferContract):
    """One lookup with the signs of fraud as well, each of which is a no."""

    plugin = "proofing_twilio"
    section: ClassVar = {**SECTION, "sim_swap": "fail", "reassigned_number": "fail"}
    exemptions: ClassVar = IN_URLS
    answers: ClassVar = {
        "yes": signaled(Outcome.PASSED),
        "another SIM": signaled(Outcome.FAILED, "sim_swapped", swap=SWAPPED),
        "another owner": signaled(Outcome.FAILED, "number_reassigned", owner=reassigned("yes")),
        "a carrier that is not covered": signaled(
            Outcome.PASSED,
            *("sim_swap_unavailable", "reassignment_unavailable"),
            swap={"last_sim_swap": None, "error_code": 60607},
            owner=reassigned("no_data_available"),
        ),
        "a carrier that does not say": signaled(
            Outcome.PASSED,
            *("sim_swap_unavailable", "reassignment_unavailable"),
            swap={"last_sim_swap": {"swapped_in_period": None}, "error_code": None},
            owner=reassigned(None, "60610"),
        ),
        "a package that is not enabled": signaled(
            Cause.AUTHENTICATION, swap={"last_sim_swap": None, "error_code": 60606}
        ),
        "a source that failed": signaled(Cause.SOURCE_DOWN, owner=reassigned(None, "60608")),
        "no package": Example(answered(sim_swap=None, reassigned_number=reassigned("no")), Cause.NONSENSE),
    }
