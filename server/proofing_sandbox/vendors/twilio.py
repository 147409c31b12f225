"""Twilio Lookup v2: what is known of a phone number, by the packages that the query names."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_phone
from proofing_sandbox.play import Play, answer_without

LOOKUP = "twilio:lookup"
PRODUCTS = frozenset({LOOKUP})
_KEY_SID = "SK" + "0" * 32
_KEY_SECRET = "sandbox-twilio-secret-0123456789"  # noqa: S105 - published, worth nothing elsewhere
_PATH = "/v2/PhoneNumbers/{number}"
_PACKAGES = frozenset(
    {
        "caller_name",
        "call_forwarding",
        "identity_match",
        "line_status",
        "line_type_intelligence",
        "phone_number_quality_score",
        "pre_fill",
        "reassigned_number",
        "sim_swap",
        "sms_pumping_risk",
    }
)
_NORTH_AMERICAN = re.compile(r"\+1([2-9][0-9]{2})([2-9][0-9]{2})([0-9]{4})", re.ASCII)
#: Attribute of the query to the field of the answer.
_MATCHED = {
    "FirstName": "first_name_match",
    "LastName": "last_name_match",
    "AddressLine1": "address_line_match",
    "City": "city_match",
    "State": "state_match",
    "PostalCode": "postal_code_match",
    "AddressCountryCode": "address_country_match",
    "NationalId": "national_id_match",
    "DateOfBirth": "date_of_birth_match",
}


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {"twilio": {"api_key_secret": _KEY_SECRET, "api_key_sid": _KEY_SID, "base_url": url}}


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return the one endpoint."""

    async def look_up(request: Request) -> Response:
        return await play.answer(LOOKUP, lambda verdict: _look_up(request, verdict, play.url))

    return [Route(_PATH, look_up, methods=["GET"])]


async def _look_up(request: Request, verdict: Verdict | None, url: str) -> Response:
    """Answer about the number of the path."""
    expected = base64.b64encode(f"{_KEY_SID}:{_KEY_SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {expected}":
        return _error(401, 20003, "Authenticate")
    number = request.path_params["number"]
    packages = [name for name in request.query_params.get("Fields", "").split(",") if name]
    if unknown := set(packages) - _PACKAGES:
        return _error(400, 60600, f"Unknown field {min(unknown)}")
    parts = _NORTH_AMERICAN.fullmatch(number)
    if parts is None:
        return JSONResponse(_facts(number, url, national=None, found={}))
    verdict = judge_phone(number) if verdict is None else verdict
    without = await answer_without(verdict)
    if without is not None:
        return without
    found = {name: _package(name, verdict, request.query_params) for name in packages}
    area, exchange, line = parts.groups()
    return JSONResponse(_facts(number, url, national=f"({area}) {exchange}-{line}", found=found))


def _facts(number: str, url: str, *, national: str | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole answer; packages that were not asked for are null."""
    return {
        "calling_country_code": "1" if national else None,
        "country_code": "US" if national else None,
        "phone_number": number,
        "national_format": national,
        "valid": national is not None,
        "validation_errors": [] if national else ["INVALID_BUT_POSSIBLE"],
        **dict.fromkeys(sorted(_PACKAGES)),
        **found,
        "url": f"{url}{_PATH.format(number=number)}",
    }


def _package(name: str, verdict: Verdict, query: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what one package says; a no is a number of somebody else."""
    is_good = verdict is Verdict.PASSED
    if verdict is Verdict.SOURCE_TIMEOUT:
        return {"error_code": 60620}
    carrier = {"carrier_name": "Example Mobile", "mobile_country_code": "310", "mobile_network_code": "000"}
    match name:
        case "identity_match":
            level = "exact_match" if is_good else "partial_match" if verdict is Verdict.REVIEW else "no_match"
            score = {"exact_match": 100, "partial_match": 60, "no_match": 0}[level]
            matches = {
                field: level if query.get(parameter) else None for parameter, field in _MATCHED.items()
            }
            return {**matches, "summary_score": score, "error_code": None, "error_message": None}
        case "line_type_intelligence":
            return {**carrier, "type": "mobile", "error_code": None}
        case "sim_swap":
            swap = {
                "last_sim_swap_date": "2020-04-27T10:18:50Z",
                "swapped_period": "PT24H",
                "swapped_in_period": False,
            }
            return {**carrier, "last_sim_swap": swap, "error_code": None}
        case "reassigned_number":
            return {
                "last_verified_date": query.get("LastVerifiedDate"),
                "is_number_reassigned": "no",
                "error_code": None,
            }
    return None


def _error(status: int, code: int, text: str) -> Response:
    """Return a refusal in Twilio's form."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": text, "more_info": more, "status": status}, status)
