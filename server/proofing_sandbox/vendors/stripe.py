"""Stripe Identity: verification sessions and reports, the page of a session, and signed webhooks."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict
from proofing_sandbox.pages import choice_page, end_page
from proofing_sandbox.play import Play, answer_without, body_of
from proofing_sandbox.specimen import specimen

CREATE = "stripe:create"
FETCH = "stripe:fetch"
PRODUCTS = frozenset({CREATE, FETCH})
WEBHOOK_PATH = "/webhooks/stripe"
_KEY = "rk_test_sandbox0123456789"
_WEBHOOK_SECRET = "whsec_sandbox0123456789abcdefghij"  # noqa: S105 - published, worth nothing elsewhere
_SESSIONS = "/v1/identity/verification_sessions"
_REPORTS = "/v1/identity/verification_reports"
_PAGE_PATH = "/stripe/start/{page}"
_API_VERSION = "2026-10-28.endive"
#: What a person can do on the page, and what it comes to.
_CHOICES = {
    "verified": "Pass",
    "document_expired": "Fail: the ID has expired",
    "document_type_not_supported": "Fail: this type of ID is not supported",
    "document_unverified_other": "Fail: the ID is not verified",
    "selfie_face_mismatch": "Fail: the selfie does not match",
    "under_supported_age": "Fail: too young",
    "consent_declined": "Decline to be checked",
    "abandoned": "Give up",
    "canceled": "Have the product cancel the session",
    "passport": "Pass with a passport",
}
_PASSING = frozenset({"verified", "passport"})
_RETURNS_NOTHING = frozenset({"abandoned"})


@dataclass(slots=True)
class _Session:
    """One verification session."""

    id: str
    page: str
    created: int
    return_url: str | None
    metadata: dict[str, str]
    client_reference_id: str | None
    needs_selfie: bool
    status: str = "requires_input"
    choice: str | None = None
    report: str | None = None
    is_redacted: bool = False
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {"stripe": {"api_key": _KEY, "api_url": url, "pages_url": url, "webhook_secret": _WEBHOOK_SECRET}}


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return what Stripe answers."""
    site = _Site(play)
    one = f"{_SESSIONS}/{{id}}"
    return [
        Route(_SESSIONS, site.create, methods=["POST"]),
        Route(one, site.show, methods=["GET"]),
        Route(f"{one}/cancel", site.cancel, methods=["POST"]),
        Route(f"{one}/redact", site.redact, methods=["POST"]),
        Route(f"{_REPORTS}/{{id}}", site.show_report, methods=["GET"]),
        Route(_PAGE_PATH, site.visit, methods=["GET"]),
        Route(_PAGE_PATH, site.choose, methods=["POST"]),
    ]


class _Site:
    """Routes and sessions."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._sessions: dict[str, _Session] = {}
        #: Idempotency key to the body that came with it and the session that it made.
        self._made: dict[str, tuple[bytes, _Session]] = {}

    async def create(self, request: Request) -> Response:
        """Open a session, once for each idempotency key."""
        return await self._play.answer(CREATE, lambda verdict: self._create(request, verdict))

    async def _create(self, request: Request, verdict: Verdict | None) -> Response:
        body = await body_of(request)
        if refusal := _refusal(request):
            return refusal
        without = None if verdict is None else await answer_without(verdict)
        if without is not None:
            return without
        key = request.headers.get("idempotency-key", "")
        if key not in self._made:
            made = self._open(body)
            if isinstance(made, Response):
                return made
            self._made[key or made.id] = (body, made)
            return JSONResponse(self._facts(made, ()))
        known, session = self._made[key]
        if known != body:
            text = "Keys for idempotent requests can only be used with the same parameters."
            return _error(400, "idempotency_error", text)
        return JSONResponse(self._facts(session, ()))

    def _open(self, body: bytes) -> _Session | Response:
        """Return a new session, or the refusal."""
        try:
            values = dict(parse_qsl(body.decode(), strict_parsing=True))
        except ValueError:
            return _error(400, "invalid_request_error", "Invalid body")
        if values.get("type") != "document" and "verification_flow" not in values:
            return _error(400, "invalid_request_error", "Missing required param: type.", "type")
        session = _Session(
            id=f"vs_{secrets.token_hex(12)}",
            page=secrets.token_urlsafe(18),
            created=int(time.time()),
            return_url=values.get("return_url"),
            metadata={
                name[len("metadata[") : -1]: value
                for name, value in values.items()
                if name.startswith("metadata[")
            },
            client_reference_id=values.get("client_reference_id"),
            needs_selfie=values.get("options[document][require_matching_selfie]") == "true",
        )
        self._sessions[session.id] = session
        self._tell(session, "created")
        return session

    async def show(self, request: Request) -> Response:
        """Return a session."""

        async def make(verdict: Verdict | None) -> Response:
            found = self._found(request)
            if isinstance(found, Response):
                return found
            without = None if verdict is None else await answer_without(verdict)
            if without is not None:
                return without
            return JSONResponse(self._facts(found, request.query_params.getlist("expand[]")))

        return await self._play.answer(FETCH, make)

    async def show_report(self, request: Request) -> Response:
        """Return the report of a session."""
        if refusal := _refusal(request):
            return refusal
        wanted = request.path_params["id"]
        found = next((one for one in self._sessions.values() if one.report == wanted), None)
        if found is None:
            return _error(404, "invalid_request_error", "No such verificationreport", "id")
        return JSONResponse(_report(found, request.query_params.getlist("expand[]"), prefix=""))

    async def cancel(self, request: Request) -> Response:
        """Cancel a session that waits for its person."""
        found = self._found(request)
        if isinstance(found, Response):
            return found
        if found.status != "requires_input":
            return _error(400, "invalid_request_error", "This session cannot be canceled.")
        found.status = "canceled"
        self._tell(found, "canceled")
        return JSONResponse(self._facts(found, ()))

    async def redact(self, request: Request) -> Response:
        """Forget the person of a session."""
        found = self._found(request)
        if isinstance(found, Response):
            return found
        if found.status == "processing":
            return _error(400, "invalid_request_error", "This session cannot be redacted.")
        found.status = "canceled" if found.status == "requires_input" else found.status
        found.metadata.clear()
        found.is_redacted = True
        self._tell(found, "redacted")
        return JSONResponse(self._facts(found, ()))

    async def visit(self, request: Request) -> Response:
        """Show the page of a session."""
        session = self._of_page(request)
        if session is None or session.status != "requires_input":
            return end_page("Stripe", "This session is over.", return_url="")
        return choice_page("Stripe", _CHOICES, return_url=session.return_url or "")

    async def choose(self, request: Request) -> Response:
        """Do what the person chose, tell the product, and send the person back."""
        session = self._of_page(request)
        choice = parse_qs((await body_of(request)).decode("ascii", "replace")).get("choice", [""])[0]
        if session is None or choice not in _CHOICES or session.status != "requires_input":
            return PlainTextResponse("There is no such session, or it is over.", 404)
        session.choice = choice
        if choice == "canceled":
            session.status = "canceled"
            self._tell(session, "canceled")
        elif choice not in _RETURNS_NOTHING:
            if choice != "consent_declined":
                session.report = f"vr_{secrets.token_hex(12)}"
                session.status = "processing"
                self._tell(session, "processing")
            session.status = "verified" if choice in _PASSING else "requires_input"
            self._tell(session, session.status)
        if not session.return_url:
            return end_page("Stripe", "You are done.", return_url="")
        return RedirectResponse(session.return_url, 303)

    def _of_page(self, request: Request) -> _Session | None:
        page = request.path_params["page"]
        return next((one for one in self._sessions.values() if one.page == page), None)

    def _found(self, request: Request) -> _Session | Response:
        """Return the session of a request that is authentic, or the refusal."""
        if refusal := _refusal(request):
            return refusal
        found = self._sessions.get(request.path_params["id"])
        return found or _error(404, "invalid_request_error", "No such verificationsession", "session")

    def _facts(self, session: _Session, expanded: Sequence[str]) -> dict[str, Any]:
        """Return a session as JSON values."""
        is_verified = session.status == "verified"
        report: Any = session.report
        if report is not None and "last_verification_report" in expanded:
            report = _report(session, expanded, prefix="last_verification_report.")
        failed = session.choice is not None and not is_verified and session.choice != "canceled"
        facts: dict[str, Any] = {
            "id": session.id,
            "object": "identity.verification_session",
            "client_reference_id": session.client_reference_id,
            "client_secret": f"{session.id}_secret_{session.secret}",
            "created": session.created,
            "last_error": {"code": session.choice, "reason": "A reason in words."} if failed else None,
            "last_verification_report": report,
            "livemode": False,
            "metadata": session.metadata,
            "options": {"document": {"require_matching_selfie": session.needs_selfie}},
            "redaction": {"status": "processing"} if session.is_redacted else None,
            "related_customer": None,
            "status": session.status,
            "type": "document",
            "url": None
            if is_verified or session.status == "canceled"
            else f"{self._play.url}{_PAGE_PATH.format(page=session.page)}",
        }
        if "verified_outputs" in expanded:
            person = specimen()
            outputs = {
                "address": _address(),
                "first_name": person.first_name,
                "id_number": None,
                "id_number_type": None,
                "last_name": person.last_name,
                **({"dob": _date(person.dob)} if "verified_outputs.dob" in expanded else {}),
            }
            facts["verified_outputs"] = outputs if is_verified else None
        return facts

    def _tell(self, session: _Session, what: str) -> None:
        """Send one event, signed as Stripe signs."""
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": _API_VERSION,
            "created": int(time.time()),
            "data": {"object": self._facts(session, ())},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": f"identity.verification_session.{what}",
        }
        body = json.dumps(event).encode()
        self._play.deliver(WEBHOOK_PATH, body, lambda: _signed(body))


def _signed(body: bytes) -> Mapping[str, str]:
    """Return the headers of one try."""
    now = int(time.time())
    mac = hmac.new(_WEBHOOK_SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={now},v1={mac}"}


def _report(session: _Session, expanded: Sequence[str], *, prefix: str) -> dict[str, Any]:
    """Return the report; what is sensitive only where it was asked for."""
    person, choice = specimen(), session.choice or ""
    is_passport = choice == "passport"
    is_verified = choice in _PASSING
    wrong = choice if choice.startswith("document_") else None
    document: dict[str, Any] = {
        "address": None if is_passport else _address(),
        "error": {"code": wrong, "reason": "A reason in words."} if wrong else None,
        "files": [f"file_{secrets.token_hex(12)}"],
        "first_name": person.first_name,
        "issued_date": _date(person.issued),
        "issuing_country": "US",
        "last_name": person.last_name,
        "status": "unverified" if wrong else "verified",
        "type": "passport" if is_passport else "driving_license",
    }
    sensitive = {
        "dob": _date(person.dob),
        "expiration_date": _date(person.expires),
        "number": person.passport_number if is_passport else person.license_number,
    }
    document |= {name: value for name, value in sensitive.items() if f"{prefix}document.{name}" in expanded}
    report: dict[str, Any] = {
        "id": session.report,
        "object": "identity.verification_report",
        "client_reference_id": session.client_reference_id,
        "created": session.created,
        "document": document,
        "livemode": False,
        "options": {"document": {"require_matching_selfie": session.needs_selfie}},
        "type": "document",
        "verification_flow": None,
        "verification_session": session.id,
    }
    if session.needs_selfie and not wrong:
        is_other = choice == "selfie_face_mismatch"
        report["selfie"] = {
            "document": f"file_{secrets.token_hex(12)}",
            "error": {"code": choice, "reason": "A reason in words."} if is_other else None,
            "selfie": f"file_{secrets.token_hex(12)}",
            "status": "verified" if is_verified else "unverified",
        }
    return report


def _address() -> dict[str, Any]:
    person = specimen()
    return {
        "city": person.city,
        "country": "US",
        "line1": person.address1,
        "line2": None,
        "postal_code": person.zipcode,
        "state": person.state,
    }


def _date(iso_date: str) -> dict[str, int]:
    year, month, day = map(int, iso_date.split("-"))
    return {"day": day, "month": month, "year": year}


def _refusal(request: Request) -> Response | None:
    """Return what a request gets that is not authentic."""
    if request.headers.get("authorization") != f"Bearer {_KEY}":
        return _error(401, "invalid_request_error", "Invalid API Key provided: rk_test_****")
    return None


def _error(status: int, kind: str, text: str, parameter: str | None = None) -> Response:
    """Return a refusal in Stripe's form."""
    error: dict[str, Any] = {"message": text, "type": kind}
    if parameter is not None:
        error |= {"code": "resource_missing" if status == 404 else "parameter_missing", "param": parameter}  # noqa: PLR2004 - HTTP
    return JSONResponse({"error": error}, status, {"Request-Id": f"req_{secrets.token_hex(7)}"})
