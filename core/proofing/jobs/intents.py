"""What a run writes down while it runs: that a vendor may have been asked, and what others have answered.

A run that comes to no end is followed by another one, which asks no question again whose call may have been
billed, nor one that has its answer.

It fails closed. Every call through an adapter's context notes the intent of its question, unless the adapter
says that the call is free; a vendor that charges once for an idempotency key needs none. A proofer that names
no hosts has no call that could note it, so it is noted before such a one is asked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from proofing.base.errors import LeaseLostError, ProofingError, QueueUnavailableError, StoreError
from proofing.contracts.queues import ClaimedJob

#: An answer is written with the next intent of the job, or after so long while other questions are open.
_LINGER_SECONDS = 0.05


class Checkpoints:
    """Writes the intents and answers of one run."""

    def __init__(self, job: ClaimedJob, seal_answers: Callable[[], Awaitable[bytes]]) -> None:
        """Write with *job* what *seal_answers* returns: all answers that there are, sealed."""
        self._job = job
        self._seal_answers = seal_answers
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._noted: set[int] = set()
        #: How many answers came, and how many of them are written.
        self._answers = self._written = 0
        #: Answers are written one after the other, so that no later ones are replaced by earlier ones.
        self._is_writing = False
        self._lingering: asyncio.Task[None] | None = None

    async def note(self, vendor_name: str, question: int) -> None:
        """Note once that *question* must not be asked again. Calls side by side wait for the one note."""
        async with self._locks[question]:
            if question not in self._noted:
                await self._write(
                    lambda answers: self._job.record_intent(vendor_name, question=question, answers=answers)
                )
                self._noted.add(question)

    def has_noted(self, question: int) -> bool:
        """Return whether it is noted that *question* must not be asked again."""
        return question in self._noted

    def answered(self, *, others_are_open: bool) -> None:
        """Have the answer written that a question has just got, unless the run is about to have its end."""
        self._answers += 1
        if others_are_open and (self._lingering is None or self._lingering.done()):
            self._lingering = asyncio.create_task(self._linger())

    def close(self) -> None:
        """Write nothing anymore: the run is over."""
        if self._lingering is not None:
            self._lingering.cancel()

    async def _linger(self) -> None:
        """Write the answers in a moment, unless an intent has taken them along."""
        is_kept = True
        try:
            while is_kept and self._written < self._answers:
                await asyncio.sleep(_LINGER_SECONDS)
                if self._written < self._answers and not self._is_writing:
                    is_kept = await self._write(self._record)
        except LeaseLostError:
            # The next intent is refused, and tells the run.
            return

    async def _record(self, answers: bytes | None) -> None:
        """Write answers alone."""
        if answers is not None:
            await self._job.record_answers(answers)

    async def _write(self, record: Callable[[bytes | None], Awaitable[None]]) -> bool:
        """Have *record* write, with the answers that are not written yet; return whether they are now."""
        if self._is_writing or self._written == self._answers:
            await record(None)
            return False
        self._is_writing = True
        try:
            count, answers = self._answers, await self._seal()
            await record(answers)
            if answers is not None:
                self._written = count
            return answers is not None
        finally:
            self._is_writing = False

    async def _seal(self) -> bytes | None:
        """Return the sealed answers; None while the key service is down: what is not kept was interrupted."""
        try:
            return await self._seal_answers()
        except StoreError:
            return None


class QuestionIntent:
    """The intent of one question. Whatever its adapter makes of a failed note, the run learns of it.

    Attributes:
        failure: what the last note failed with.
    """

    def __init__(self, checkpoints: Checkpoints, vendor_name: str, question: int) -> None:
        """Begin the *question* with this number, to *vendor_name*."""
        self.failure: ProofingError | None = None
        self._checkpoints = checkpoints
        self._vendor_name = vendor_name
        self._question = question

    @property
    def is_noted(self) -> bool:
        """Whether the vendor may have been called."""
        return self._checkpoints.has_noted(self._question)

    @property
    def has_failed(self) -> bool:
        """Whether it should have been noted and was not: no call that may be billed was made."""
        return self.failure is not None and not self.is_noted

    async def note(self) -> None:
        """Note that the vendor is about to be called."""
        try:
            await self._checkpoints.note(self._vendor_name, self._question)
        except ProofingError as error:
            self.failure = error
            raise
        except asyncio.CancelledError:
            # By the time limit of the question, or of the adapter: neither says anything of the vendor.
            self.failure = QueueUnavailableError("the intent was not noted in time")
            raise

    def require(self) -> None:
        """Raise what a note failed with: `LeaseLostError`, or that the queue cannot be reached."""
        if self.failure is not None and not self.is_noted:
            raise self.failure
