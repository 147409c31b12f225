"""The gate before a question that is resumed: polls and fetches are calls to the vendor, too.

Whether a resumption calls the vendor is its adapter's affair: an event may have the result in it. So the gate
is entered before the first call that the adapter makes, and before it is asked where it names no hosts. A
call that is refused does not reach the vendor; the question is put off, as after a vendor that is down, and
what happened is given again. docs/adr/0057-vendor-gates.md
"""

import asyncio

from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.routing import Refusal
from proofing.routing.gates import Gatekeeper, Permit, outcome_of
from proofing.routing.refusals import refusal_error

#: Why a question is put off while nobody knows whether the vendor may be called.
GATE_UNKNOWN = "gate_unknown"


class ResumptionGate:
    """The gate of one resumption.

    Attributes:
        refusal: why the vendor was not called; None when it was, or may be.
    """

    def __init__(
        self, gates: Gatekeeper | None, descriptor: ProoferDescriptor, *, is_last: bool = False
    ) -> None:
        """Enter nothing yet.

        Args:
            gates: None lets everything through.
            descriptor: of the vendor.
            is_last: whether the question has expired. Then it waits for its place as others do, but is not
                refused: nobody would ask for its answer anymore, nor give what happened to it again.
        """
        self.refusal: VendorError | None = None
        self._gates = gates
        self._descriptor = descriptor
        self._is_last = is_last
        self._entering = asyncio.Lock()
        self._permit: Permit | None = None
        self._has_entered = gates is None

    async def enter(self, seconds_left: float) -> None:
        """Enter once; calls side by side wait for the one entry. *seconds_left* is the time for the answer.

        Raises:
            VendorError: the vendor must not be called now.
        """
        async with self._entering:
            if not self._has_entered:
                await self._enter(seconds_left)
                self._has_entered = True
        self.require()

    def require(self) -> None:
        """Raise why the vendor was not called, whatever its adapter has made of it. Raises `VendorError`."""
        if self.refusal is not None:
            raise self.refusal

    def leave(self, error: VendorError | None) -> None:
        """Report that the call ended with *error*; None is an answer, or one that is still to come."""
        if self._permit is not None:
            self._permit.report(outcome_of(error))

    def release(self) -> None:
        """Release what was entered; without a report the call tells nothing."""
        if self._permit is not None:
            self._permit.release()

    async def _enter(self, seconds_left: float) -> None:
        assert self._gates is not None  # noqa: S101 - has entered otherwise
        name = self._descriptor.name
        try:
            permit = await self._gates.enter(
                self._descriptor.kind,
                [name],
                seconds_left=seconds_left,
                is_resumed=True,
                is_last=self._is_last,
            )
        except StoreUnavailableError:
            if not self._is_last:
                message = "the limits of the vendor are not known"
                self.refusal = VendorError(
                    Cause.UNREACHABLE, message, vendor_name=name, codes=(GATE_UNKNOWN,), billed=False
                )
            return
        if permit.vendor is not None:
            self._permit = permit
        elif not self._is_last:
            self.refusal = refusal_error(name, permit.refused.get(name, Refusal.RATE_LIMIT))
