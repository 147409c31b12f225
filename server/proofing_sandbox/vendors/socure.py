"""Socure: KYC, PhoneRisk and results of DocV at one address; requests, capture page and webhook of DocV."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_phone, judge_resolution
from proofing_sandbox.pages import choice_page, end_page
from proofing_sandbox.play import Play, answer_without, body_of
from proofing_sandbox.specimen import specimen

KYC = "socure:kyc"
PHONE_RISK = "socure:phone_risk"
DOCV_REQUEST = "socure:docv_request"
DOCV = "socure:docv"
REASON_CODES = "socure:reason_codes"
PRODUCTS = frozenset({KYC, PHONE_RISK, DOCV_REQUEST, DOCV, REASON_CODES})
WEBHOOK_PATH = "/webhooks/socure"
_KEY = "sandbox-socure-key-0123456789"
_CODES_KEY = "sandbox-socure-codes-0123456789"
_WEBHOOK_SECRET = "sandbox-socure-webhook-0123456789"  # noqa: S105 - published, worth nothing elsewhere
_RESULTS_PATH = "/api/3.0/EmailAuthScore"
_REQUEST_PATH = "/api/5.0/documents/request"
_CODES_PATH = "/api/3.0/reasoncodes"
_PAGE_PATH = "/socure/capture/{token}"
_TYPES = {"license": "Drivers License", "passport": "Passport", "digital_id": "Drivers License"}
_SELFIE_PASSED, _SELFIE_FAILED, _MOBILE_LICENSE = "I831", "R834", "I897"
#: The codes that answers may have, by Socure's groups.
_CODES = {
    "kyc": "I919 R901 R907 R909 R911 R913 R940",
    "phonerisk": "I602 I618 R610 R616",
    "documentverification": (
        f"{_SELFIE_PASSED} {_SELFIE_FAILED} {_MOBILE_LICENSE} "
        "I808 I848 I849 I854 I856 R810 R819 R820 R822 R823 R824 R825 R826 R827 R831 R833 R838 R845 R853 R859 "
        "R861 R862 R863 R899"
    ),
}
#: What a person can do on the capture page, and what it comes to.
_CHOICES = {
    "accept": "Accept",
    "reject": "Reject: the ID has expired",
    "resubmit": "Ask for another try",
    "review": "Send to review",
    "passport_card": "Accept, and it is a passport card",
    "selfie_fail": "Accept the ID, and the selfie is another person’s",
    "abandon": "Let the session expire",
}
_DECISIONS = {"accept": "accept", "reject": "reject", "resubmit": "resubmit", "review": "review"}
_FIELDS = ("firstName", "surName", "streetAddress", "city", "state", "zip", "dob", "ssn", "mobileNumber")
#: Attribute of a no to the validations that fail with it.
_WRONG = {"first_name": ("firstName",), "ssn": ("ssn",), "zipcode": ("zip",)}


@dataclass(slots=True)
class _Session:
    """One DocV session."""

    customer: str
    document: str
    redirect: str
    has_selfie: bool
    choice: str | None = None


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {
        "socure": {
            "api_key": _KEY,
            "base_url": url,
            "docv_capture_domains": [urlsplit(url).hostname],
            "docv_mobile_license_codes": [_MOBILE_LICENSE],
            "docv_request_url": f"{url}{_REQUEST_PATH}",
            "docv_selfie_fail_codes": [_SELFIE_FAILED],
            "docv_selfie_pass_codes": [_SELFIE_PASSED],
            "docv_selfie_use_case_key": "sandbox_selfie",
            "docv_use_case_key": "sandbox_id",
            "phone_risk_correlation_above": 0.5,
            "phone_risk_score_below": 0.5,
            "reason_codes_api_key": _CODES_KEY,
            "webhook_secret": _WEBHOOK_SECRET,
        }
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return what Socure answers."""
    site = _Site(play)
    return [
        Route(_RESULTS_PATH, site.ask, methods=["POST"]),
        Route(_REQUEST_PATH, site.open, methods=["POST"]),
        Route(_CODES_PATH, site.list_codes, methods=["GET"]),
        Route(_PAGE_PATH, site.visit, methods=["GET"]),
        Route(_PAGE_PATH, site.choose, methods=["POST"]),
    ]


class _Site:
    """Routes and sessions."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._sessions: dict[str, _Session] = {}

    async def ask(self, request: Request) -> Response:
        """Answer for the module that the body names."""
        values = await _values(request)
        if isinstance(values, Response):
            return values
        match values.get("modules"):
            case ["kyc"]:
                return await self._play.answer(KYC, lambda verdict: _kyc(values, verdict))
            case ["phonerisk"]:
                return await self._play.answer(PHONE_RISK, lambda verdict: _phone_risk(values, verdict))
            case ["documentverification"]:
                return await self._play.answer(DOCV, lambda verdict: self._results(values, verdict))
        return _error(400, "Request must include valid modules", ["modules"])

    async def list_codes(self, request: Request) -> Response:
        """List the reason codes with a text for each, by group where that is asked for."""
        if request.headers.get("authorization") != f"SocureApiKey {_CODES_KEY}":
            return _error(401, "Not Authorized", [])
        groups = {
            group: {code: f"What {code} says in words" for code in codes.split()}
            for group, codes in _CODES.items()
        }
        flat = {code: text for group in groups.values() for code, text in group.items()}
        found = groups if request.query_params.get("group") == "true" else flat
        return await self._play.answer(REASON_CODES, lambda _verdict: JSONResponse({"reasonCodes": found}))

    async def open(self, request: Request) -> Response:
        """Open a DocV session."""
        values = await _values(request)
        if isinstance(values, Response):
            return values
        return await self._play.answer(DOCV_REQUEST, lambda _verdict: self._open(values))

    def _open(self, values: Mapping[str, Any]) -> Response:
        try:
            config = values["config"]
            document, flow = config["documentType"], config["useCaseKey"]
            redirect = config["redirect"]["url"] if config.get("redirect") else ""
            if config.get("redirect") and config["redirect"]["method"] != "GET":
                raise ValueError
            session = _Session(
                customer=values["customerUserId"],
                document=_TYPES[document],
                redirect=redirect,
                has_selfie="selfie" in flow,
            )
        except (KeyError, TypeError, ValueError):
            return _error(400, "Invalid request", ["config"])
        token = secrets.token_hex(16)
        self._sessions[token] = session
        data = {
            "docvTransactionToken": token,
            "url": f"{self._play.url}{_PAGE_PATH.format(token=token)}",
            "qrCode": "data:image/png;base64,",
            "eventId": secrets.token_hex(8),
            "customerUserId": session.customer,
        }
        return JSONResponse({"referenceId": secrets.token_hex(16), "data": data})

    async def visit(self, request: Request) -> Response:
        """Show the capture page."""
        session = self._sessions.get(request.path_params["token"])
        if session is None:
            return PlainTextResponse("There is no such session.", 404)
        if session.choice is not None:
            return end_page("Socure", "This session is over.", return_url=session.redirect)
        self._tell(request.path_params["token"], "APP_OPENED")
        return choice_page("Socure", _CHOICES, return_url=session.redirect)

    async def choose(self, request: Request) -> Response:
        """Do what the person chose, tell the product, and send the person back."""
        token = request.path_params["token"]
        session = self._sessions.get(token)
        choice = parse_qs((await body_of(request)).decode("ascii", "replace")).get("choice", [""])[0]
        if session is None or choice not in _CHOICES or session.choice is not None:
            return PlainTextResponse("There is no such session, or it is over.", 404)
        session.choice = choice
        if choice == "abandon":
            self._tell(token, "SESSION_EXPIRED")
            return end_page("Socure", "This session has expired.", return_url=session.redirect)
        events = ["DOCUMENT_FRONT_UPLOADED"]
        events += [] if session.document == "Passport" else ["DOCUMENT_BACK_UPLOADED"]
        for event in (*events, "DOCUMENTS_UPLOADED", "SESSION_COMPLETE"):
            self._tell(token, event)
        if not session.redirect:
            return end_page("Socure", "You are done.", return_url="")
        return RedirectResponse(session.redirect, 303)

    def _tell(self, token: str, kind: str) -> None:
        """Send one event."""
        event = {
            "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "customerUserId": self._sessions[token].customer,
            "eventType": kind,
            "referenceId": secrets.token_hex(16),
            "docvTransactionToken": token,
        }
        body = json.dumps({"event": event}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"secret {_WEBHOOK_SECRET}"}
        self._play.deliver(WEBHOOK_PATH, body, lambda: headers)

    async def _results(self, values: Mapping[str, Any], verdict: Verdict | None) -> Response:
        """Return what a session has come to."""
        session = self._sessions.get(values.get("docvTransactionToken", ""))
        if session is None or session.choice in {None, "abandon"}:
            return _error(400, "Transaction token is not valid", ["docvTransactionToken"])
        without = None if verdict is None else await answer_without(verdict)
        if without is not None:
            return without
        choice = session.choice or ""
        chosen = {Verdict.FAILED: "reject", Verdict.REVIEW: "review", Verdict.PASSED: "accept"}
        choice = chosen.get(verdict, choice) if verdict is not None else choice
        codes = ["R827"] if choice == "reject" else ["I856"] if choice == "resubmit" else ["I829"]
        if session.has_selfie:
            codes.append(_SELFIE_FAILED if choice == "selfie_fail" else _SELFIE_PASSED)
        person, document = specimen(), session.document
        is_card = choice == "passport_card"
        is_passport = document == "Passport" or is_card
        document = "Passport Card" if is_card else document
        number = person.passport_card_number if is_card else person.passport_number
        zone = person.card_mrz if is_card else person.mrz
        verification = {
            "reasonCodes": codes,
            "documentType": {
                "type": document,
                "country": "USA",
                **({} if is_passport else {"state": person.state}),
            },
            "decision": {"name": "lenient", "value": _DECISIONS.get(choice, "accept")},
            "documentData": {
                "firstName": person.first_name,
                "middleName": person.middle_name,
                "surName": person.last_name,
                "fullName": f"{person.first_name} {person.middle_name} {person.last_name}",
                "parsedAddress": None
                if is_passport
                else {
                    "physicalAddress": person.address1,
                    "physicalAddress2": f"{person.city} {person.state} {person.zipcode}",
                    "city": person.city,
                    "state": person.state,
                    "country": "US",
                    "zip": person.zipcode,
                },
                "documentNumber": number if is_passport else person.license_number,
                "dob": person.dob,
                "issueDate": None if is_passport else person.issued,
                "expirationDate": person.expires,
            },
            "rawData": {"mrz": "\n".join(zone)} if is_passport else {},
        }
        return JSONResponse(
            {
                "referenceId": secrets.token_hex(16),
                "documentVerification": verification,
                "customerProfile": {"customerUserId": session.customer, "userId": session.customer},
            }
        )


async def _kyc(values: Mapping[str, Any], verdict: Verdict | None) -> Response:
    """Answer about a person."""
    if missing := [name for name in ("firstName", "surName", "nationalId", "dob") if not values.get(name)]:
        return _error(400, "Request must include required parameters", missing)
    if values.get("userConsent") is not True:
        return _error(400, "userConsent must be true", ["userConsent"])
    wrong: str | None = "ssn"
    if verdict is None:
        verdict, wrong = judge_resolution(
            first_name=values["firstName"], ssn=values["nationalId"], zipcode=values.get("zip") or ""
        )
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return _error(500, "A data source did not answer", [])
    failed = _WRONG[wrong or "ssn"] if verdict in {Verdict.FAILED, Verdict.REVIEW} else ()
    given = {"mobileNumber": values.get("mobileNumber")}
    validations = {
        field: 0.01 if field in failed or not given.get(field, "given") else 0.99 for field in _FIELDS
    }
    kyc = {
        "reasonCodes": ["R901"] if failed else ["I919"],
        "fieldValidations": validations,
        "sourceAttribution": ["Credit", "https://records.example.org/person"],
        "socureId": secrets.token_hex(16),
    }
    return JSONResponse({**_envelope(values), "kyc": kyc})


async def _phone_risk(values: Mapping[str, Any], verdict: Verdict | None) -> Response:
    """Answer about a phone number."""
    number = values.get("mobileNumber")
    if not number:
        return _error(400, "Request must include required parameters", ["mobileNumber"])
    verdict = judge_phone(number) if verdict is None else verdict
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return _error(500, "A data source did not answer", [])
    is_good = verdict is Verdict.PASSED
    answer = {
        **_envelope(values),
        "namePhoneCorrelation": {
            "reasonCodes": ["I618"] if is_good else ["R610"],
            "score": 0.99 if is_good else 0.02,
        },
        "phoneRisk": {
            "reasonCodes": ["I602"] if is_good else ["R616"],
            "score": 0.01 if is_good else 0.98,
            "signals": {"phone": {"type": "MOBILE"}},
        },
    }
    return JSONResponse(answer)


def _envelope(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every answer has."""
    profile = {"customerUserId": values.get("customerUserId")}
    return {"referenceId": secrets.token_hex(16), "customerProfile": profile}


async def _values(request: Request) -> dict[str, Any] | Response:
    """Return the body of a request that is authentic, or the refusal."""
    if request.headers.get("authorization") != f"SocureApiKey {_KEY}":
        return _error(401, "Not Authorized", [])
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        return _error(400, "Content-Type must be application/json", [])
    try:
        values = json.loads(await body_of(request))
    except ValueError:
        values = None
    return values if isinstance(values, dict) else _error(400, "Invalid JSON", [])


def _error(status: int, text: str, parameters: list[str]) -> Response:
    """Return a refusal in Socure's form."""
    body: dict[str, Any] = {"status": "Error", "referenceId": secrets.token_hex(16), "msg": text}
    if parameters:
        body["data"] = {"parameters": parameters}
    return JSONResponse(body, status)
