"""The Risk Defense Platform: one conversation a call, authenticated by HMAC or by name and password."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_line, judge_phone, judge_resolution
from proofing_sandbox.play import Play, answer_without, body_of
from proofing_sandbox.vendors.lexisnexis import answers

INSTANT_VERIFY = "lexisnexis:instant_verify"
PHONE_FINDER = "lexisnexis:phone_finder"
PHONE_FINDER_V3 = "lexisnexis:phone_finder_v3"
TRUE_ID = "lexisnexis:true_id"
PRODUCTS = frozenset({INSTANT_VERIFY, PHONE_FINDER, PHONE_FINDER_V3, TRUE_ID})
_ACCOUNT, _TRUE_ID_ACCOUNT = "sandbox", "sandbox-true-id"
_KEY_ID, _SECRET = "sandbox-key", "sandbox-lexisnexis-hmac-0123456789"
_USER, _PASSWORD = "sandbox-user", "sandbox-lexisnexis-password"
_VERIFY_FLOW, _PHONE_FLOW = "sandbox.instant_verify", "sandbox.phone_finder"
#: Workflow of TrueID to whether it compares a selfie.
_TRUE_ID_FLOWS = {
    "sandbox.liveness.cropping": True,
    "sandbox.liveness.nocropping": True,
    "sandbox.noliveness.cropping": False,
    "sandbox.noliveness.nocropping": False,
}
_HMAC = re.compile(
    r"HMAC-SHA256 keyid=([^,]+), ts=([0-9]{13}), nonce=([0-9a-f-]{36}), bodyHash=([A-Za-z0-9+/=]+),"
    r" signature=([A-Za-z0-9+/=]+)",
    re.ASCII,
)
_MOST_SECONDS = 15 * 60
_CROPPING_MODES = {0, 1, 3}


def settings(url: str) -> Mapping[str, Any]:
    """Return the part of the section that is about this platform."""
    account = {
        "basic": {"password": _PASSWORD, "username": _USER},
        "hmac": {"key_id": _KEY_ID, "secret_key": _SECRET},
    }
    flows = {f"{name.split('.', 1)[1].replace('.', '_')}_workflow": name for name in _TRUE_ID_FLOWS}
    return {
        "rdp": {"base_url": url, "hmac_auth_enabled": True, "request_mode": "testing"},
        "identity": {
            **account,
            "account_id": _ACCOUNT,
            "instant_verify_workflow": _VERIFY_FLOW,
            "phone_finder_workflow": _PHONE_FLOW,
        },
        "true_id": {**account, "account_id": _TRUE_ID_ACCOUNT, **flows},
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return the two versions of the one endpoint."""
    site = _Site(play)
    return [
        Route("/restws/identity/v2/{account}/{workflow}/conversation", site.ask_version_2, methods=["POST"]),
        Route(
            "/restws/identity/v3/accounts/{account}/workflows/{workflow}/conversations",
            site.ask_version_3,
            methods=["POST"],
        ),
    ]


class _Site:
    """The endpoint."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def ask_version_2(self, request: Request) -> Response:
        """Answer for Instant Verify and Phone Finder."""
        return await self._ask(request, {_VERIFY_FLOW: INSTANT_VERIFY, _PHONE_FLOW: PHONE_FINDER})

    async def ask_version_3(self, request: Request) -> Response:
        """Answer for Phone Finder and TrueID."""
        return await self._ask(
            request, {_PHONE_FLOW: PHONE_FINDER_V3, **dict.fromkeys(_TRUE_ID_FLOWS, TRUE_ID)}
        )

    async def _ask(self, request: Request, flows: Mapping[str, str]) -> Response:
        body = await body_of(request)
        if not _is_authentic(request, body, self._play.url):
            return _refusal(401, "unauthorized")
        flow = request.path_params["workflow"]
        product = flows.get(flow, "")
        account = _TRUE_ID_ACCOUNT if product == TRUE_ID else _ACCOUNT
        if not product or request.path_params["account"] != account:
            return _refusal(404, "unknown account or workflow")
        try:
            values = json.loads(body)
            settings_given = values["Settings"]
            reference = settings_given["Reference"]
            is_sound = bool(reference) and settings_given["Mode"] == "testing"
            is_sound = is_sound and settings_given["Venue"] == "online"
        except (ValueError, KeyError, TypeError):
            is_sound = False
        if not is_sound or request.headers.get("content-type", "").split(";")[0] != "application/json":
            return _refusal(400, "malformed request")
        return await self._play.answer(
            product, lambda verdict: _answer(product, flow, values, verdict, reference)
        )


async def _answer(
    product: str, flow: str, values: Mapping[str, Any], chosen: Verdict | None, reference: str
) -> Response:
    """Return the answer to a request whose envelope is right."""
    try:
        if product == TRUE_ID:
            verdict, detail = chosen or Verdict.PASSED, ""
            document = _document(values, has_selfie=_TRUE_ID_FLOWS[flow])
        else:
            verdict, detail = _judge(product, values)
            verdict = chosen or verdict
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error):
        return _refusal(400, "malformed request")
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return JSONResponse(answers.error(reference, "source_timeout"))
    if product == INSTANT_VERIFY:
        return JSONResponse(
            answers.instant_verify(verdict, detail or None, reference, product_type="InstantVerify")
        )
    if product == TRUE_ID:
        return JSONResponse(answers.true_id(verdict, reference, **document), 201)
    return JSONResponse(answers.phone_finder(verdict, reference, line=detail))


def _judge(product: str, values: Mapping[str, Any]) -> tuple[Verdict, str]:
    """Return what the person of a request asks for, with the attribute that is wrong or the kind of line.

    Raises KeyError, TypeError, IndexError or ValueError.
    """
    if product == PHONE_FINDER_V3:
        if values["Type"] != "Initiate":
            raise ValueError
        person = values["Persons"][0]
        parts: type = int
    else:
        person, parts = values["Person"], str
    ssn, born = person["SSN"], person["DateOfBirth"]
    if ssn["Type"] != "ssn9" or not re.fullmatch(r"[0-9]{9}", ssn["Number"]):
        raise ValueError
    if any(type(born[name]) is not parts for name in ("Year", "Month", "Day")):
        raise TypeError
    if any(str(born[name]).startswith("0") for name in ("Year", "Month", "Day")):
        raise ValueError
    if product == INSTANT_VERIFY:
        address = person["Addresses"][0]
        if (address["Country"], address["Context"]) != ("US", "primary") or "StreetAddress2" not in address:
            raise ValueError
        verdict, wrong = judge_resolution(
            first_name=person["Name"]["FirstName"], ssn=ssn["Number"], zipcode=address["Zip5"]
        )
        return verdict, wrong or ""
    number = person["Phones"][0]["Number"]
    if "Addresses" in person or not re.fullmatch(r"[0-9]{10}", number):
        raise ValueError
    return judge_phone(number), judge_line(number)


def _document(values: Mapping[str, Any], *, has_selfie: bool) -> dict[str, bool]:
    """Return what a request says of its document. Raises KeyError, TypeError or ValueError."""
    given = values["Document"]
    if values["Type"] != "Initiate" or given["ImageCroppingMode"] not in _CROPPING_MODES:
        raise ValueError
    is_license = given.get("DocumentType") == "DriversLicense"
    if ("Back" in given) is not is_license or ("Selfie" in given) is not has_selfie:
        raise ValueError
    for side in ("Front", "Back", "Selfie"):
        if side in given and not base64.b64decode(given[side], validate=True):
            raise ValueError
    return {"is_passport": given.get("DocumentType") == "Passport", "has_selfie": has_selfie}


def _is_authentic(request: Request, body: bytes, url: str) -> bool:
    """Return whether a request is signed, or has name and password."""
    header = request.headers.get("authorization", "")
    basic = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
    if hmac.compare_digest(header.encode(), f"Basic {basic}".encode()):
        return True
    match = _HMAC.fullmatch(header)
    if match is None:
        return False
    key_id, moment, nonce, body_hash, signature = match.groups()
    if key_id != _KEY_ID or abs(time.time() - int(moment) / 1000) > _MOST_SECONDS:
        return False
    host, path = urlsplit(url).netloc, request.url.path
    # What comes behind a tunnel was signed for the address that the client knows.
    hosts = {host, f"{urlsplit(url).scheme}://{host}", request.headers.get("host", "")}
    expected = {_mac(f"{moment}\n{nonce}\n{one}\n{path}\n{body_hash}".encode()) for one in hosts}
    return _mac(body) == body_hash and signature in expected


def _mac(data: bytes) -> str:
    return base64.b64encode(hmac.new(_SECRET.encode(), data, hashlib.sha256).digest()).decode()


def _refusal(status: int, text: str) -> Response:
    return JSONResponse({"status": {"code": str(status), "message": text}}, status)
