"""Twilio: Lookup v2, which says what is known of a number, and Messages and Calls of the 2010 API."""

import base64
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_line, judge_message, judge_phone
from proofing_sandbox.play import Play, answer_without, body_of

LOOKUP = "twilio:lookup"
MESSAGES = "twilio:messages"
CALLS = "twilio:calls"
PRODUCTS = frozenset({LOOKUP, MESSAGES, CALLS})
_ACCOUNT = "AC" + "0" * 32
_SERVICE = "MG" + "0" * 32
_NUMBER = "+12025550100"
_RESOURCES = {"Messages": MESSAGES, "Calls": CALLS}
_MOST_CHARACTERS = 1600
#: Fields of a call that has not begun.
_CALL_NULLS = (
    *("annotation", "answered_by", "caller_name", "duration", "end_time", "forwarded_from"),
    *("group_sid", "parent_call_sid", "start_time", "trunk_sid"),
)
#: Why a message is refused: its error for a text message, and for a call.
_REFUSED = {"opted_out": (21610, 21216), "unreachable": (21614, 21214)}
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
    return {
        "twilio": {
            "account_sid": _ACCOUNT,
            "api_key_secret": _KEY_SECRET,
            "api_key_sid": _KEY_SID,
            "base_url": url,
            "messages_base_url": url,
            "text_from": _SERVICE,
            "voice_from": _NUMBER,
        }
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return Lookup, and the two that send."""

    async def look_up(request: Request) -> Response:
        return await play.answer(LOOKUP, lambda verdict: _look_up(request, verdict, play.url))

    def send_by(resource: str) -> Callable[[Request], Awaitable[Response]]:
        async def send(request: Request) -> Response:
            form = dict(parse_qsl((await body_of(request)).decode(errors="replace")))
            product = _RESOURCES[resource]
            return await play.answer(product, lambda verdict: _send(product, request, form, verdict, play))

        return send

    return [
        Route(_PATH, look_up, methods=["GET"]),
        *(
            Route(f"/2010-04-01/Accounts/{{account}}/{name}.json", send_by(name), methods=["POST"])
            for name in _RESOURCES
        ),
    ]


async def _look_up(request: Request, verdict: Verdict | None, url: str) -> Response:
    """Answer about the number of the path."""
    if not _is_authentic(request):
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
    found = {name: _package(name, verdict, request.query_params, number) for name in packages}
    area, exchange, line = parts.groups()
    return JSONResponse(_facts(number, url, national=f"({area}) {exchange}-{line}", found=found))


def _is_authentic(request: Request) -> bool:
    expected = base64.b64encode(f"{_KEY_SID}:{_KEY_SECRET}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {expected}"


async def _send(
    product: str, request: Request, form: Mapping[str, str], verdict: Verdict | None, play: Play
) -> Response:
    """Take a text message or a call, or refuse it."""
    is_call = product == CALLS
    refused = _refusal(request, form, is_call=is_call)
    if refused is not None:
        return refused
    judged, why = judge_message(form["To"], is_call=is_call, chosen=verdict)
    without = await answer_without(judged)
    if without is not None:
        return without
    if judged is Verdict.SOURCE_TIMEOUT:
        return _error(429, 20429, "Too Many Requests")
    if judged is Verdict.FAILED:
        return _error(400, _REFUSED[why or "unreachable"][is_call], "The number gets no message")
    text = _spoken(form["Twiml"]) if is_call else form["Body"]
    channel = "voice" if is_call else "text"
    play.phone.append({"vendor": "twilio", "channel": channel, "to": form["To"], "text": text})
    return JSONResponse(_made(form, is_call=is_call), 201)


def _refusal(request: Request, form: Mapping[str, str], *, is_call: bool) -> Response | None:
    """Return what is wrong with a request, whatever its number; None for nothing."""
    if not _is_authentic(request):
        return _error(401, 20003, "Authenticate")
    if request.path_params["account"] != _ACCOUNT:
        return _error(404, 20404, "The requested resource was not found")
    problem = _call_problem(form) if is_call else _message_problem(form)
    return _error(400, *problem) if problem else None


def _message_problem(form: Mapping[str, str]) -> tuple[int, str] | None:
    """Return code and text of the error that the form of a message has."""
    if _NORTH_AMERICAN.fullmatch(form.get("To", "")) is None:
        return 21211, "Invalid 'To' Phone Number"
    if form.get("MessagingServiceSid", form.get("From")) not in {_SERVICE, _NUMBER}:
        return 21606, "The 'From' phone number is not a message-capable number of the account"
    if not form.get("Body"):
        return 21602, "Message body is required"
    if len(form["Body"]) > _MOST_CHARACTERS:
        return 21617, "The concatenated message body exceeds the 1600 character limit"
    return None


def _call_problem(form: Mapping[str, str]) -> tuple[int, str] | None:
    """Return code and text of the error that the form of a call has."""
    if _NORTH_AMERICAN.fullmatch(form.get("To", "")) is None:
        return 21217, "Phone number does not appear to be valid"
    if form.get("From") != _NUMBER:
        return 21210, "'From' phone number not verified"
    try:
        document = ET.fromstring(form.get("Twiml", ""))  # noqa: S314 - of the adapter under test
    except ET.ParseError:
        return 12100, "Document parse failure"
    return None if document.tag == "Response" else (12100, "Document parse failure")


def _spoken(twiml: str) -> str:
    """Return what a call says."""
    return " ".join("".join(one.itertext()) for one in ET.fromstring(twiml).iter("Say"))  # noqa: S314 - as above


def _made(form: Mapping[str, str], *, is_call: bool) -> dict[str, Any]:
    """Return what was made, as Twilio describes it."""
    sid = ("CA" if is_call else "SM") + secrets.token_hex(16)
    now = format_datetime(datetime.now(UTC))
    shared: dict[str, Any] = {
        "account_sid": _ACCOUNT,
        "api_version": "2010-04-01",
        "date_created": None if is_call else now,
        "date_updated": None if is_call else now,
        "direction": "outbound-api",
        "from": form.get("From"),
        "price": None,
        "price_unit": None,
        "sid": sid,
        "to": form["To"],
        "uri": f"/2010-04-01/Accounts/{_ACCOUNT}/{'Calls' if is_call else 'Messages'}/{sid}.json",
        "subresource_uris": {},
    }
    if is_call:
        facts = {
            "from_formatted": form["From"],
            "phone_number_sid": "PN" + "0" * 32,
            "queue_time": "0",
            "status": "queued",
            "to_formatted": form["To"],
        }
        return {**shared, **dict.fromkeys(_CALL_NULLS), **facts}
    return {
        **shared,
        "body": form["Body"],
        "date_sent": None,
        "error_code": None,
        "error_message": None,
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "num_media": "0",
        "num_segments": "0" if "MessagingServiceSid" in form else "1",
        "status": "accepted" if "MessagingServiceSid" in form else "queued",
    }


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


def _package(name: str, verdict: Verdict, query: Mapping[str, str], number: str) -> dict[str, Any] | None:
    """Return what one package says; a no is a number of somebody else."""
    is_good = verdict is Verdict.PASSED
    if verdict is Verdict.SOURCE_TIMEOUT:
        # The carrier's answer on SIM swaps is incomplete; the providers of the others answer with an error.
        return {"error_code": 60620 if name == "sim_swap" else 60608}
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
            kind = "nonFixedVoip" if judge_line(number) == "voip" else "mobile"
            return {**carrier, "type": kind, "error_code": None}
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
