"""The mock messenger: sends nothing. The product's own page shows the code of a test system."""

import asyncio
from typing import TYPE_CHECKING

from proofing.plugin import (
    Cause,
    Channel,
    Message,
    Outcome,
    ProofingContext,
    Refusal,
    Sent,
    VendorError,
)

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_OPTED_OUT_PHONE = "+17035550181"
_UNREACHABLE_PHONE = "+17035550182"
_TIMEOUT_PHONE = "+17035550188"
_EXCEPTION_PHONE = "+17035550189"


class MessengerMock:
    """Takes every message, save those to four numbers."""

    name = "MessengerMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def send(self, message: Message, context: ProofingContext) -> Sent:  # noqa: ARG002 - the contract's
        """Answer by the number; a call reaches who has opted out of text messages."""
        await asyncio.sleep(self._latency_seconds)
        if message.number == _TIMEOUT_PHONE:
            raise VendorError(Cause.TIMEOUT, "timed out as asked", vendor_name=self.name)
        if message.number == _EXCEPTION_PHONE:
            raise VendorError(Cause.UNREACHABLE, "failed as asked", vendor_name=self.name)
        refusal = None
        if message.number == _UNREACHABLE_PHONE:
            refusal = Refusal.UNREACHABLE
        elif message.number == _OPTED_OUT_PHONE and message.channel is Channel.TEXT:
            refusal = Refusal.OPTED_OUT
        return Sent(
            vendor_name=self.name,
            outcome=Outcome.FAILED if refusal else Outcome.PASSED,
            refusal=refusal,
            reasons=(refusal.value,) if refusal else (),
            transaction_id="messenger-mock-transaction-id-123",
        )
