"""The adapter: opens a session, sends the person to its page, and fetches what it came to."""

import logging
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from proofing.plugin import (
    Again,
    Because,
    Cause,
    DocumentResult,
    DocumentType,
    Expired,
    Leave,
    Pending,
    PluginError,
    ProcessContext,
    ProofingContext,
    ProofingRequest,
    VendorContext,
    VendorError,
    log,
)
from proofing_stripe.results import refused, verified
from proofing_stripe.session import API_VERSION, Session, nonsense, read_session
from proofing_stripe.settings import StripeSettings

_NAME = "stripe"
_SESSIONS = "/v1/identity/verification_sessions"
#: What Stripe calls the types that it can give everything of that core needs.
_TYPES = {DocumentType.DRIVERS_LICENSE: "driving_license", DocumentType.STATE_ID_CARD: "id_card"}
#: What a QR code holds.
_MAX_QR_BYTES = 1000
#: Sensitive fields are left out unless they are named: "Access verification results", Stripe Identity.
_EXPANDED = (
    "last_verification_report",
    "last_verification_report.document.dob",
    "last_verification_report.document.expiration_date",
    "last_verification_report.document.number",
)


class StripeProofer:
    """Sends people to Stripe's page. Nothing of the applicant is sent: they show it there."""

    def __init__(self, settings: StripeSettings, process: ProcessContext) -> None:
        """Take the *settings*. Raises `PluginError`: a key for tests in production."""
        key = settings.api_key.get_secret_value()
        self._is_live = key.startswith("rk_live_")
        if process.is_production and not self._is_live:
            raise PluginError("stripe.api_key is a key for tests; production needs rk_live_…")
        self._settings = settings
        self._headers = {"authorization": f"Bearer {key}", "stripe-version": API_VERSION}

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> Pending:
        """Open a session. Stripe bills what the person submits there, not this."""
        settings = self._settings
        with context.unbilled():
            response = await context.http.post(
                settings.api_url + _SESSIONS,
                content=urlencode(self._parameters(request, context)).encode(),
                headers={
                    **self._headers,
                    "content-type": "application/x-www-form-urlencoded",
                    "idempotency-key": context.idempotency_key,
                },
            )
        session = read_session(response)
        self._require_own(session, context)
        return Pending(
            state={"session": session.id},
            then=self._page(session),
            expires_at=context.now() + timedelta(seconds=settings.expires_seconds),
        )

    async def resume(
        self,
        request: ProofingRequest,  # noqa: ARG002 - everything is at Stripe
        pending: Pending,
        because: Because,
        context: ProofingContext,
    ) -> DocumentResult | Pending:
        """Fetch the session, whatever the reason."""
        opened = pending.state["session"]
        query = urlencode([("expand[]", name) for name in _EXPANDED])
        with context.unbilled():
            response = await context.http.get(f"{self._url(opened)}?{query}", headers=self._headers)
        session = read_session(response)
        self._require_own(session, context)
        if session.id != opened:
            raise nonsense("the answer is about another session", _NAME)
        result = self._result(session)
        if result is None:
            return self._wait(session, pending, because)
        if self._settings.redact_results:
            await self._redact_if_possible(session.id, context)
        return result

    async def forget(self, pending: Pending, context: VendorContext) -> bool:
        """Have Stripe redact the session; return whether it held anything that was not redacted yet."""
        opened = pending.state["session"]
        with context.unbilled():
            response = await context.http.get(self._url(opened), headers=self._headers)
            if response.status == HTTPStatus.NOT_FOUND:
                return False
            session = read_session(response)
            if session.redaction is not None:
                return False
            if session.status == "processing":
                message = "Stripe redacts no session whose status is processing; erase again later"
                raise VendorError(Cause.UNREACHABLE, message, vendor_name=_NAME, transaction_id=session.id)
            await self._redact(opened, context)
        return True

    def _result(self, session: Session) -> DocumentResult | None:
        """Return what Stripe decided; None while it has not."""
        if session.status == "verified":
            return verified(
                session, _NAME, selfie=self._settings.selfie, live_capture=self._settings.live_capture
            )
        if session.last_error is None or session.status != "requires_input":
            return None
        if session.last_error.code is None:
            raise nonsense("Stripe refused without a reason", _NAME)
        return refused(session, session.last_error.code, _NAME)

    async def _redact_if_possible(self, session_id: str, context: ProofingContext) -> None:
        """Redact a session whose answer was read, and is not lost for a redaction that failed."""
        try:
            with context.unbilled():
                # Half of what is left: with all of it the question would end, too, and its answer be lost.
                await self._redact(session_id, context, timeout_seconds=context.remaining_seconds() / 2)
        except VendorError as error:
            log(
                context.logger,
                "vendor_data_not_deleted",
                level=logging.WARNING,
                vendor=_NAME,
                transaction_id=session_id,
                error=error.cause.value,
            )

    async def _redact(
        self, session_id: str, context: VendorContext, *, timeout_seconds: float | None = None
    ) -> None:
        """Redact a session, which Stripe does within days. Raises `VendorError`: it did not say so."""
        response = await context.http.post(
            f"{self._url(session_id)}/redact", headers=self._headers, timeout_seconds=timeout_seconds
        )
        if read_session(response).redaction is None:
            raise nonsense("the session is not redacted", _NAME)

    def _url(self, session_id: str) -> str:
        return f"{self._settings.api_url}{_SESSIONS}/{session_id}"

    def _wait(self, session: Session, pending: Pending, because: Because) -> Pending:
        """Return what a session without a verdict waits for."""
        is_over = isinstance(because, Expired)
        if session.status == "processing" and not is_over:
            return replace(pending, then=Again(self._settings.again_seconds))
        if session.status == "requires_input" and not is_over:
            # The address is a new one each time: it works once.
            return replace(pending, then=self._page(session))
        cause, message = Cause.ABANDONED, "the person did not finish at Stripe"
        if session.status == "processing":
            cause, message = Cause.TIMEOUT, "no answer before the question expired"
        raise VendorError(
            cause, message, vendor_name=_NAME, codes=(session.status,), transaction_id=session.id
        )

    def _parameters(self, request: ProofingRequest, context: ProofingContext) -> dict[str, Any]:
        """Return the parameters of a new session, by the names of Stripe's form encoding."""
        wanted = request.wanted.document_types or _TYPES.keys()
        types = [name for kind, name in _TYPES.items() if kind in wanted]
        if not types:
            message = "none of the wanted document types can be verified by Stripe"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=_NAME, billed=False)
        options = "options[document]"
        return {
            "type": "document",
            "return_url": context.return_url,
            "metadata[question_id]": context.question_id,
            f"{options}[require_live_capture]": str(self._settings.live_capture).lower(),
            f"{options}[require_matching_selfie]": str(self._settings.selfie).lower(),
            **{f"{options}[allowed_types][{number}]": name for number, name in enumerate(types)},
        }

    def _require_own(self, session: Session, context: ProofingContext) -> None:
        """Raise `VendorError` unless *session* is that of this question, and of the mode of our key."""
        if session.metadata.get("question_id") != context.question_id:
            raise nonsense("the session is not that of this question", _NAME)
        if session.livemode is not self._is_live:
            raise nonsense("the session is of another mode than the key", _NAME)

    def _page(self, session: Session) -> Leave:
        """Return the page of *session*; it must be Stripe's own."""
        if session.url is None or not session.url.startswith(f"{self._settings.pages_url}/"):
            raise nonsense("the session has no page at Stripe", _NAME)
        fits = len(session.url.encode()) <= _MAX_QR_BYTES
        return Leave(session.url, qr_text=session.url if fits else None)
