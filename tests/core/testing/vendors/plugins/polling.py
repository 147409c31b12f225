"""An honest vendor: JSON, answered later, and polled for."""

import re
from datetime import timedelta

from pydantic import SecretStr

from proofing.plugin import (
    Again,
    Cause,
    Expired,
    Match,
    Outcome,
    Pending,
    PhoneResult,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    VendorError,
    hookimpl,
)

NAME = "later"
URL = "https://api.later.example/v2/checks"
ENDS = {"verified": Outcome.PASSED, "refused": Outcome.FAILED, "unclear": Outcome.UNKNOWN}
MATCHES = {Outcome.PASSED: Match.MATCH, Outcome.FAILED: Match.MISMATCH, Outcome.UNKNOWN: Match.UNAVAILABLE}


class Settings(PluginSettings):
    """The section."""

    api_key: SecretStr


class Vendor:
    """Submits, and polls."""

    def __init__(self, settings):
        self.settings = settings

    async def proof(self, request, context):
        """Submit."""
        person = request.applicant
        response = await context.http.post(
            URL,
            json_body={"phone": person.phone, "name": f"{person.first_name or ''} {person.last_name or ''}"},
            headers={"x-api-key": self.settings.api_key.get_secret_value()},
        )
        check = self.read(response)
        return Pending(
            state={"check": check["id"]},
            then=Again(5),
            expires_at=context.now() + timedelta(minutes=5),
        )

    async def resume(self, request, pending, because, context):
        """Poll."""
        with context.unbilled():
            response = await context.http.get(
                f"{URL}/{pending.state['check']}",
                headers={"x-api-key": self.settings.api_key.get_secret_value()},
            )
        check = self.read(response)
        if check["id"] != pending.state["check"]:
            raise VendorError(Cause.NONSENSE, "another check", vendor_name=NAME)
        if check["status"] == "running":
            if isinstance(because, Expired):
                raise VendorError(Cause.TIMEOUT, "no answer in time", vendor_name=NAME)
            return pending
        if check["status"] not in ENDS:
            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)
        outcome = ENDS[check["status"]]
        return PhoneResult(
            vendor_name=NAME,
            outcome=outcome,
            attributes={"phone": MATCHES[outcome]},
            reasons=("phone_mismatch",) if outcome is Outcome.FAILED else (),
            transaction_id=check["id"],
        )

    def read(self, response):
        """Return the check, checked."""
        check = response.require_success().json()
        if not isinstance(check, dict):
            raise VendorError(Cause.NONSENSE, "no check", vendor_name=NAME)
        if not isinstance(check.get("id"), str) or not isinstance(check.get("status"), str):
            raise VendorError(Cause.NONSENSE, "no check", vendor_name=NAME)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", check["id"]):
            raise VendorError(Cause.NONSENSE, "no id", vendor_name=NAME)
        return check


@hookimpl
def proofing_settings():
    """Return the schema."""
    return Settings


@hookimpl
def proofing_proofers():
    """Return the one product."""
    return [
        ProoferDescriptor(
            name=NAME,
            kind=ProoferKind.PHONE,
            make=lambda settings, _process: Vendor(settings),
            attributes=frozenset({"first_name", "last_name", "phone"}),
            hosts=lambda _settings: frozenset({"api.later.example"}),
            timeout_seconds=lambda _settings: 10.0,
            continues=frozenset({Again}),
        )
    ]
