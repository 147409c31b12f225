"""The note that a vendor may have been asked: written before the first call of a run that may be billed.

It fails closed. Every call through an adapter's context notes it, unless the adapter says that the call is
free; a vendor that charges once for an idempotency key needs none. A proofer that names no hosts has no call
that could note it, so it is noted before such a one is asked.
"""

import asyncio

from proofing.base.errors import ProofingError
from proofing.contracts.queues import ClaimedJob


class RunIntent:
    """Notes once a run that from now on its job must not be run again."""

    def __init__(self, job: ClaimedJob) -> None:
        """Nothing is noted yet."""
        self._job = job
        self._lock = asyncio.Lock()
        self._noted = False

    async def note(self, vendor_name: str) -> None:
        """Note it unless it is noted. Calls side by side wait for the one note."""
        async with self._lock:
            if not self._noted:
                await self._job.record_intent(vendor_name)
                self._noted = True


class QuestionIntent:
    """The intent of one question. Whatever its adapter makes of a failed note, the run learns of it.

    Attributes:
        failure: what the last note failed with; the vendor was not called.
    """

    def __init__(self, run: RunIntent, vendor_name: str) -> None:
        """Begin a question to *vendor_name*."""
        self.failure: ProofingError | None = None
        self._run = run
        self._vendor_name = vendor_name

    async def note(self) -> None:
        """Note that the vendor is about to be called."""
        try:
            await self._run.note(self._vendor_name)
        except ProofingError as error:
            self.failure = error
            raise

    def require(self) -> None:
        """Raise what a note failed with: `LeaseLostError`, or that the queue cannot be reached."""
        if self.failure is not None:
            raise self.failure
