"""An honest vendor: a page that the person visits, a signed webhook, and a result that is fetched."""

import json
import re
from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from proofing.plugin import (
    Again,
    Applicant,
    Assurance,
    Cause,
    DocumentResult,
    DocumentType,
    Event,
    EventKind,
    Expired,
    Finding,
    FindingCode,
    Leave,
    NotAuthenticError,
    Outcome,
    Pending,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    Reply,
    VendorError,
    WebhookDescriptor,
    hookimpl,
)
from proofing.plugin.support import MACKeys

NAME = "harbor"
API = "https://api.harbor.example/v1/verifications"
PAGES = "https://verify.harbor.example/"
TOLERANCE_SECONDS = 300
STATES = frozenset({"created", "submitted", "approved", "declined", "review", "expired"})
TYPES = {"license": DocumentType.DRIVERS_LICENSE, "passport": DocumentType.PASSPORT}


class Settings(PluginSettings):
    """The section."""

    api_key: SecretStr
    webhook_secret: SecretStr
    webhook_previous_secret: SecretStr | None = None


class Vendor:
    """Opens a session, sends the person there, and fetches the end."""

    def __init__(self, settings):
        self.settings = settings

    async def proof(self, request, context):
        """Open a session."""
        with context.unbilled():
            response = await context.http.post(
                API,
                json_body={"external_id": context.question_id, "redirect_url": context.return_url},
                headers=self.headers(),
            )
        session = self.read(response)
        if not session["url"].startswith(PAGES):
            raise VendorError(Cause.NONSENSE, "another page", vendor_name=NAME)
        return Pending(
            state={"session": session["id"], "url": session["url"]},
            then=Leave(session["url"]),
            expires_at=context.now() + timedelta(hours=1),
        )

    async def resume(self, request, pending, because, context):
        """Fetch the session."""
        with context.unbilled():
            response = await context.http.get(f"{API}/{pending.state['session']}", headers=self.headers())
        session, is_over = self.read(response), isinstance(because, Expired)
        if session["id"] != pending.state["session"]:
            raise VendorError(Cause.NONSENSE, "another session", vendor_name=NAME)
        status = session["status"]
        if status == "expired" or (status == "created" and is_over):
            raise VendorError(Cause.ABANDONED, "the person did not finish", vendor_name=NAME)
        if status == "created":
            return replace(pending, then=Leave(pending.state["url"]))
        if status == "submitted":
            return replace(pending, then=Again(30))
        return self.result(session)

    def headers(self):
        """Return who asks."""
        return {"authorization": f"Bearer {self.settings.api_key.get_secret_value()}"}

    def read(self, response):
        """Return the session, checked."""
        session = response.require_success().json()
        if not isinstance(session, dict) or not all(
            isinstance(session.get(name), str) for name in ("id", "status", "url")
        ):
            raise VendorError(Cause.NONSENSE, "no session", vendor_name=NAME)
        if session["status"] not in STATES or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", session["id"]):
            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)
        return session

    def result(self, session):
        """Return a decided session in our words."""
        if session["status"] == "declined":
            return DocumentResult(
                vendor_name=NAME,
                outcome=Outcome.FAILED,
                findings=(Finding(code=FindingCode.NOT_GENUINE),),
                transaction_id=session["id"],
            )
        if session["status"] == "review":
            return DocumentResult(vendor_name=NAME, outcome=Outcome.REVIEW, transaction_id=session["id"])
        document = session.get("document")
        try:
            names = {"first_name": document["given"], "last_name": document["family"]}
            kind = TYPES[document["type"]]
        except (KeyError, TypeError):
            raise VendorError(Cause.NONSENSE, "no document", vendor_name=NAME) from None
        if not all(isinstance(name, str) for name in names.values()):
            raise VendorError(Cause.NONSENSE, "no names", vendor_name=NAME)
        return DocumentResult(
            vendor_name=NAME,
            outcome=Outcome.PASSED,
            assurance=Assurance.AUTHENTICATED,
            document_type=kind,
            applicant=Applicant(**names),
            transaction_id=session["id"],
        )


class Hook:
    """Judges what the vendor posts."""

    def __init__(self, settings):
        previous = settings.webhook_previous_secret
        old = [previous.get_secret_value().encode()] if previous else []
        self.keys = MACKeys(settings.webhook_secret.get_secret_value().encode(), old)

    def receive(self, incoming, now):
        """Return the event of an authentic post."""
        header = re.fullmatch(
            r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", incoming.headers.get("harbor-signature", "")
        )
        if header is None:
            raise NotAuthenticError
        if abs(now.timestamp() - int(header[1])) > TOLERANCE_SECONDS:
            raise NotAuthenticError
        signed = header[1].encode() + b"." + incoming.body
        if not self.keys.verify(signed, bytes.fromhex(header[2])):
            raise NotAuthenticError
        try:
            event = json.loads(incoming.body)
            found = Event(
                kind=EventKind.READY, id=str(event["id"]), question_id=str(event["data"]["external_id"])
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return None, Reply(status=400)
        return found, Reply()


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
            kind=ProoferKind.DOCUMENT,
            make=lambda settings, _process: Vendor(settings),
            hosts=lambda _settings: frozenset({"api.harbor.example"}),
            timeout_seconds=lambda _settings: 10.0,
            continues=frozenset({Leave, Again}),
            webhook="harbor",
        )
    ]


@hookimpl
def proofing_webhooks():
    """Return the webhook."""
    return [WebhookDescriptor(name="harbor", make=lambda settings, _process: Hook(settings))]
