"""The adapter of `mock:hosted`: opens a session at the vendor, sends the person there, and fetches the end.

What an approved person gets is what the mock of the kind answers to the same question, so the same inputs
choose the same outcomes. Webhooks and returns only make it look: the fetch decides.
"""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import (
    Again,
    Because,
    Cause,
    Expired,
    Leave,
    Pending,
    PluginError,
    ProcessContext,
    ProofingContext,
    ProofingRequest,
    VendorContext,
    VendorError,
    VendorResponse,
    VendorResult,
)
from proofing_mock.decisions import as_decided
from proofing_mock.hosted.credentials import credentials

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_NAME = "mock:hosted"
_NOT_FOUND = 404
#: States in which the person has something to do.
_WITH_PERSON = frozenset({"open", "started"})


class SessionAnswer(BaseModel):
    """What the vendor says of a session; anything else is nonsense."""

    model_config = ConfigDict(strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    state: Literal["open", "started", "processing", "approved", "declined", "review", "abandoned", "expired"]
    url: str = Field(pattern=r"^\S{1,1024}$")


class HostedMock:
    """Answers as another mock does, once the vendor's page has approved."""

    def __init__(self, settings: "MockSettings", process: ProcessContext, answering: Any) -> None:
        """Talk to the vendor of *settings*; what it approves the proofer *answering* answers.

        Raises:
            PluginError: there is no key for its API.
        """
        api_key = credentials(settings, process).api_key
        if api_key is None:
            raise PluginError("mock.hosted_api_key is not set")
        self._settings = settings
        self._answering = answering
        self._headers = {"authorization": f"Bearer {api_key}"}

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> Pending:  # noqa: ARG002 - the contract's
        """Open a session at the vendor. Nothing of the applicant is sent: the person enters it there."""
        settings = self._settings
        seconds = settings.hosted_expires_seconds
        question: dict[str, object] = {"return_url": context.return_url, "expires_in_seconds": seconds}
        if settings.hosted_echoes:
            question["customer_reference"] = context.question_id
        with context.unbilled():
            response = await context.http.post(
                f"{settings.hosted_url}/v1/sessions",
                json_body=question,
                headers={**self._headers, "idempotency-key": context.idempotency_key},
            )
        session = _read(response.require_success())
        if not session.url.startswith(f"{settings.hosted_url}/"):
            raise _nonsense()
        return Pending(
            state={"session": session.id, "url": session.url},
            then=Leave(session.url, qr_text=session.url),
            expires_at=context.now() + timedelta(seconds=seconds),
            reference=None if settings.hosted_echoes else session.id,
        )

    async def resume(
        self, request: ProofingRequest, pending: Pending, because: Because, context: ProofingContext
    ) -> VendorResult | Pending:
        """Fetch the state of the session, whatever the reason."""
        kept = pending.state
        with context.unbilled():
            response = await context.http.get(
                f"{self._settings.hosted_url}/v1/sessions/{kept['session']}", headers=self._headers
            )
        session = _read(response.require_success())
        if session.id != kept["session"]:
            raise _nonsense()
        is_over, state = isinstance(because, Expired), session.state
        if state in {"abandoned", "expired"} or (state in _WITH_PERSON and is_over):
            raise VendorError(Cause.ABANDONED, "the person did not finish at the vendor", vendor_name=_NAME)
        if state in _WITH_PERSON:
            return replace(pending, then=Leave(kept["url"], qr_text=kept["url"]))
        if state == "processing" and is_over:
            raise VendorError(Cause.TIMEOUT, "no answer before the question expired", vendor_name=_NAME)
        if state == "processing":
            return replace(pending, then=Again(self._settings.hosted_again_seconds))
        answer: VendorResult = await self._answering.proof(request, context)
        return replace(as_decided(answer, state), transaction_id=session.id)

    async def forget(self, pending: Pending, context: VendorContext) -> bool:
        """Have the vendor delete the session; return whether there was one."""
        with context.unbilled():
            response = await context.http.request(
                "DELETE",
                f"{self._settings.hosted_url}/v1/sessions/{pending.state['session']}",
                headers=self._headers,
            )
        if response.status == _NOT_FOUND:
            return False
        response.require_success()
        return True


def _read(response: VendorResponse) -> SessionAnswer:
    """Return the session of an answer. Raises `VendorError`."""
    try:
        return SessionAnswer.model_validate(response.json())
    except ValidationError:
        # Pydantic's own message quotes the body, so it ends here.
        raise _nonsense() from None


def _nonsense() -> VendorError:
    """Return the error of an answer that is not the vendor's."""
    return VendorError(Cause.NONSENSE, "the answer is no session", vendor_name=_NAME)
