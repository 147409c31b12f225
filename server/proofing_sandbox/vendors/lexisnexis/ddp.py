"""The Dynamic Decision Platform: attribute and session queries, TrueID, and the tags of ThreatMetrix."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_device, judge_line, judge_phone, judge_resolution
from proofing_sandbox.play import Play, answer_without, body_of
from proofing_sandbox.vendors.lexisnexis import answers

THREAT_METRIX = "lexisnexis:threat_metrix"
INSTANT_VERIFY = "lexisnexis:instant_verify_ddp"
PHONE_FINDER = "lexisnexis:phone_finder_ddp"
TRUE_ID = "lexisnexis:true_id_ddp"
PRODUCTS = frozenset({THREAT_METRIX, INSTANT_VERIFY, PHONE_FINDER, TRUE_ID})
_KEY, _ORG = "sandbox-ddp-key-0123456789", "sandboxorg"
_POLICIES = {
    "sandbox_iv": INSTANT_VERIFY,
    "sandbox_pf": PHONE_FINDER,
    "sandbox_tmx": THREAT_METRIX,
}
#: Policy of TrueID to whether it compares a selfie.
_TRUE_ID_POLICIES = {"sandbox_liveness": True, "sandbox_noliveness": False}
_SERVICES = {
    INSTANT_VERIFY: "Execute Instant Verify",
    PHONE_FINDER: "Phone Finder",
    TRUE_ID: "Authentication",
}
_EVENTS = {INSTANT_VERIFY: "instant_verify", PHONE_FINDER: "phone_finder"}
_REVIEWS = {Verdict.PASSED: "pass", Verdict.REVIEW: "review", Verdict.FAILED: "reject"}
_DATE = re.compile(r"([0-9]{8})?", re.ASCII)
#: What a request about a person has, whatever is known.
_PERSON = frozenset(
    {
        "account_address_city",
        "account_address_country",
        "account_address_state",
        "account_address_street1",
        "account_address_street2",
        "account_address_zip",
        "account_date_of_birth",
        "account_drivers_license_issuer",
        "account_drivers_license_number",
        "account_drivers_license_type",
        "account_first_name",
        "account_last_name",
        "account_telephone",
        "local_attrib_1",
        "local_attrib_3",
        "national_id_number",
        "national_id_type",
    }
)
_PHONE = frozenset(
    {
        "account_date_of_birth",
        "account_first_name",
        "account_last_name",
        "account_telephone",
        "local_attrib_1",
        "local_attrib_3",
        "national_id_number",
        "national_id_type",
    }
)
_SESSION = _PERSON | {"account_email", "input_ip_address", "session_id"}


def settings(url: str) -> Mapping[str, Any]:
    """Return the part of the section that is about this platform."""
    return {
        "api_key": _KEY,
        "base_url": url,
        "instant_verify_policy": "sandbox_iv",
        "org_id": _ORG,
        "phone_finder_policy": "sandbox_pf",
        "tags_base_url": url,
        "threat_metrix_policy": "sandbox_tmx",
        "true_id_liveness_policy": "sandbox_liveness",
        "true_id_noliveness_policy": "sandbox_noliveness",
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return what the platform answers, and what browsers load of it."""
    site = _Site(play)
    return [
        Route("/api/attribute-query", site.query_attributes, methods=["POST"]),
        Route("/api/session-query", site.query_session, methods=["POST"]),
        Route("/authentication/v1/trueid/", site.authenticate, methods=["POST"]),
        Route("/fp/tags.js", site.show_tags, methods=["GET"]),
        Route("/fp/tags", site.show_frame, methods=["GET"]),
    ]


class _Site:
    """The endpoints."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def query_attributes(self, request: Request) -> Response:
        """Answer for Instant Verify and Phone Finder."""
        values = _values(await body_of(request))
        product = _POLICIES.get(values.get("policy", ""), "")
        if product not in _EVENTS or not _has_credentials(values):
            return _invalid()
        return await self._play.answer(product, lambda verdict: _answer(product, values, verdict))

    async def query_session(self, request: Request) -> Response:
        """Answer for ThreatMetrix."""
        values = _values(await body_of(request))
        if _POLICIES.get(values.get("policy", "")) != THREAT_METRIX or not _has_credentials(values):
            return _invalid()
        return await self._play.answer(THREAT_METRIX, lambda verdict: _profile(values, verdict))

    async def authenticate(self, request: Request) -> Response:
        """Answer for TrueID."""
        if (request.headers.get("x-api-key"), request.headers.get("x-org-id")) != (_KEY, _ORG):
            return JSONResponse({"request_result": "fail_invalid_credentials"}, 401)
        values = _values(await body_of(request))
        return await self._play.answer(TRUE_ID, lambda verdict: _authenticate(values, verdict))

    async def show_tags(self, _request: Request) -> Response:
        """Return the script that a page loads."""
        script = "document.documentElement.dataset.profiled = 'sandbox';\n//00"
        return Response(script, media_type="text/javascript")

    async def show_frame(self, _request: Request) -> Response:
        """Return the frame of a page without scripts."""
        return HTMLResponse("<!doctype html><title>tags</title>")


async def _answer(product: str, values: Mapping[str, Any], chosen: Verdict | None) -> Response:
    """Return the answer of Instant Verify or Phone Finder."""
    wanted = _PERSON if product == INSTANT_VERIFY else _PHONE
    if not _is_sound(values, wanted) or values.get("customer_event_type") != _EVENTS[product]:
        return _invalid()
    wrong: str | None = None
    if product == PHONE_FINDER:
        verdict = judge_phone(values["account_telephone"])
    else:
        verdict, wrong = judge_resolution(
            first_name=values["account_first_name"],
            ssn=values["national_id_number"],
            zipcode=values["account_address_zip"],
        )
    verdict = chosen or verdict
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return _wrapped(product, values["policy"], None)
    if product == PHONE_FINDER:
        line = judge_line(values["account_telephone"])
        return _wrapped(product, values["policy"], answers.phone_finder(verdict, None, line=line), phone=True)
    found = answers.instant_verify(verdict, wrong, None, product_type="Verify")
    return _wrapped(product, values["policy"], found)


async def _profile(values: Mapping[str, Any], chosen: Verdict | None) -> Response:
    """Return the answer of ThreatMetrix."""
    if not _is_sound(values, _SESSION) or values["account_telephone"]:
        return _invalid()
    verdict = chosen or judge_device(values["session_id"] or "")
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return JSONResponse({"request_result": "fail_temporarily_unavailable", "request_id": _request_id()})
    answer = {
        "request_id": _request_id(),
        "request_result": "success",
        "review_status": _REVIEWS[verdict],
        "risk_rating": "low" if verdict is Verdict.PASSED else "high",
        "summary_risk_score": "5" if verdict is Verdict.PASSED else "-80",
        "policy_score": "5" if verdict is Verdict.PASSED else "-80",
        "tmx_summary_reason_code": [] if verdict is Verdict.PASSED else ["Identity_Negative_History"],
        "account_lex_id": "sandbox-lex-id",
        "session_id": values["session_id"],
        "fuzzy_device_id": secrets.token_hex(16),
    }
    return JSONResponse(answer)


async def _authenticate(values: Mapping[str, Any], chosen: Verdict | None) -> Response:
    """Return the answer of TrueID."""
    has_selfie = _TRUE_ID_POLICIES.get(values.get("policy", ""))
    images = {
        side: values.get(f"Trueid.image_data.{side}") for side in ("white_front", "white_back", "selfie")
    }
    is_sound = has_selfie is not None and values.get("customer_event_type") == "true_id"
    is_sound = is_sound and values.get("service_type") == "basic" and bool(values.get("account_email"))
    is_sound = is_sound and bool(values.get("local_attrib_3")) and "local_attrib_1" in values
    try:
        is_sound = is_sound and all(
            isinstance(text, str) and base64.b64decode(text, validate=True) is not None
            for text in images.values()
        )
    except binascii.Error:
        is_sound = False
    if not is_sound or not images["white_front"] or bool(images["selfie"]) is not has_selfie:
        return _invalid()
    verdict = chosen or Verdict.PASSED
    without = await answer_without(verdict)
    if without is not None:
        return without
    policy = values["policy"]
    if verdict is Verdict.SOURCE_TIMEOUT:
        return _wrapped(TRUE_ID, policy, None)
    found = answers.true_id(verdict, None, is_passport=not images["white_back"], has_selfie=bool(has_selfie))
    return _wrapped(TRUE_ID, policy, found)


def _wrapped(product: str, policy: str, found: Mapping[str, Any] | None, *, phone: bool = False) -> Response:
    """Return the answer of a product within that of the platform; None for a source that did not answer."""
    block: dict[str, Any] = {
        "tps_was_timeout": "yes" if found is None else "no",
        "tps_result": "failure" if found is None else "ok",
        "tps_vendor": "sandbox",
        "tps_duration": "964",
    }
    if found is not None:
        block |= {"tps_http_status_code": "200", "tps_vendor_raw_response": found}
    answer: dict[str, Any] = {
        "request_id": _request_id(),
        "request_result": "success",
        "review_status": "reject",
        "policy": policy,
        "integration_hub_results": {f"{_ORG}:{policy}": {_SERVICES[product]: block}},
    }
    if phone:
        answer |= {
            "phonefinder.primary_phone.phone_type": "WIRELESS",
            "phonefinder.primary_phone.risk_indicator_status": "PASS",
            "account_telephone_type": "MOBILE",
        }
    return JSONResponse(answer)


def _is_sound(values: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Return whether a request has all fields of *names*, as texts, and what is the same for all."""
    if any(
        not isinstance(values.get(name, None if name == "input_ip_address" else 0), str | None)
        for name in names
    ):
        return False
    if (values.get("service_type"), values.get("event_type")) != ("all", "ACCOUNT_CREATION"):
        return False
    return _DATE.fullmatch(values["account_date_of_birth"]) is not None


def _has_credentials(values: Mapping[str, Any]) -> bool:
    return (values.get("api_key"), values.get("org_id")) == (_KEY, _ORG)


def _values(body: bytes) -> dict[str, Any]:
    """Return the body of a request; nothing of one that is no object."""
    try:
        values = json.loads(body)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _request_id() -> str:
    return secrets.token_hex(16)


def _invalid() -> Response:
    """Return a business failure, which is HTTP 200."""
    return JSONResponse(
        {
            "request_id": _request_id(),
            "request_result": "fail_invalid_parameter",
            "error_detail": "a parameter is missing or malformed",
        }
    )
