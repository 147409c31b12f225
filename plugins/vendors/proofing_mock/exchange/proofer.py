"""The adapter of `mock:exchange`: asks a wallet, and believes an answer that it has verified, and no other.

What an approved person gets is what the mock of the kind answers to the same question, so the same inputs
choose the same outcomes.
"""

import json
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from proofing.plugin import (
    Answered,
    Because,
    Cause,
    DocumentResult,
    DocumentType,
    Exchange,
    Expired,
    Inspection,
    Leave,
    Pending,
    ProcessContext,
    ProofingContext,
    ProofingRequest,
    VendorError,
    VendorResult,
)
from proofing_mock.decisions import as_decided
from proofing_mock.exchange.messages import PROTOCOL, Decision, Messages, WalletRequest, request_body

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_NAME = "mock:exchange"


class ExchangeMock:
    """Answers as another mock does, once a wallet has shared what it was asked for."""

    def __init__(self, settings: "MockSettings", process: ProcessContext, answering: Any) -> None:
        """Ask the wallet of *settings*; what it shares the proofer *answering* answers."""
        self._settings = settings
        self._messages = Messages.of(process)
        self._answering = answering

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> Pending:  # noqa: ARG002 - the contract's
        """Ask the wallet. Nothing of the applicant is in what it is asked."""
        nonce = secrets.token_urlsafe(24)
        asked = request_body(
            self._messages.write(
                WalletRequest(nonce=nonce, question=context.question_id, answer_url=context.answer_url)
            )
        )
        query = urlencode({"request_uri": f"{context.answer_url}/request"})
        url = f"{self._settings.exchange_url}/wallet?{query}"
        return Pending(
            state={"nonce": nonce},
            then=Exchange(
                requests={PROTOCOL: asked},
                leave=Leave(url, qr_text=url),
                served=json.dumps(asked).encode(),
                served_type="application/json",
            ),
            expires_at=context.now() + timedelta(seconds=self._settings.exchange_expires_seconds),
        )

    async def resume(
        self, request: ProofingRequest, pending: Pending, because: Because, context: ProofingContext
    ) -> VendorResult | Pending:
        """Judge what was posted. What is not the wallet's answer to this question changes nothing."""
        if isinstance(because, Expired):
            raise _abandoned()
        decision = self._verify(because, pending, context)
        if decision is None:
            return pending
        if decision is Decision.REFUSED:
            raise _abandoned()
        answer: VendorResult = await self._answering.proof(request, context)
        if isinstance(answer, DocumentResult) and answer.document_type is DocumentType.DRIVERS_LICENSE:
            # What a wallet holds is no plastic: its issuer signed it, and its holder presents it.
            answer = replace(
                answer,
                document_type=DocumentType.MOBILE_DRIVERS_LICENSE,
                inspection=Inspection(signature=True, holder_key=True),
            )
        return as_decided(answer, decision)

    def _verify(self, because: Because, pending: Pending, context: ProofingContext) -> Decision | None:
        """Return what the wallet decided; None for anything that anybody could have posted."""
        if not isinstance(because, Answered):
            return None
        try:
            answer = self._messages.read_answer(because.body)
        except ValueError:
            return None
        is_ours = (answer.nonce, answer.question) == (pending.state["nonce"], context.question_id)
        return answer.decision if is_ours else None


def _abandoned() -> VendorError:
    """Return the error of a person who shared nothing."""
    return VendorError(Cause.ABANDONED, "the wallet shared nothing", vendor_name=_NAME)
