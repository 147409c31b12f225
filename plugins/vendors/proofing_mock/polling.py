"""A mock vendor that answers later: the question is submitted, and the answer is polled for.

What it answers is what the mock of its kind answers to the same question; it has it at once, and hands it out
when its time has come.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from proofing.plugin import (
    Again,
    Because,
    Cause,
    Expired,
    Pending,
    ProofingContext,
    ProofingRequest,
    VendorError,
    VendorResult,
)

if TYPE_CHECKING:
    from proofing_mock import MockSettings


class PollingMock:
    """Answers as another mock does, some time later."""

    name = "PollingMock"

    def __init__(self, settings: "MockSettings", answering: Any, result_type: type[VendorResult]) -> None:
        """Take the times from *settings*, and the answers, of *result_type*, from the proofer *answering*."""
        self._settings = settings
        self._answering = answering
        self._results: TypeAdapter[Any] = TypeAdapter(result_type)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> Pending:
        """Take the question."""
        answer = await self._answering.proof(request, context)
        return Pending(
            state={
                "answer": self._results.dump_python(answer, mode="json"),
                "ready_at": (context.now() + timedelta(seconds=self._settings.polling_seconds)).isoformat(),
            },
            then=Again(self._settings.polling_again_seconds),
            expires_at=context.now() + timedelta(seconds=self._settings.polling_expires_seconds),
        )

    async def resume(
        self,
        request: ProofingRequest,  # noqa: ARG002 - the contract's
        pending: Pending,
        because: Because,
        context: ProofingContext,
    ) -> VendorResult | Pending:
        """Hand out the answer when its time has come."""
        state = pending.state
        if context.now() >= datetime.fromisoformat(state["ready_at"]):
            answer: VendorResult = self._results.validate_python(state["answer"])
            return answer
        if isinstance(because, Expired):
            raise VendorError(Cause.TIMEOUT, "no answer before the question expired", vendor_name=self.name)
        return pending
