"""The contract between the life of a job and the verification that it is for.

Ends are recorded first, then published, then the queue hears of them; docs/adr/0045. The first recorded end
of a job is the one that counts. Jobs without a verification meet none of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import Evidence
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import StatusRecord
from proofing.contracts.results import CheckState
from proofing.contracts.verifications import VerificationRef


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Found:
    """What a job found out.

    Attributes:
        checks: what each check came to, by name.
        evidence: what they are worth.
        applicant: the person as the job knows them; what the policy releases of that is sealed. Empty where
            the job came to no yes.
    """

    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    applicant: Applicant = field(default_factory=Applicant)


NOTHING = Found()


class EndRecorder(Protocol):
    """Keeps the verification of a job up to date. Its methods may be called again."""

    async def begin(self, message: JobMessage, *, give_up_seconds: float) -> None:
        """Record that a job is about to be enqueued, or to run inside its request.

        Args:
            message: of the job; nothing is done for one without a verification.
            give_up_seconds: after which its end is recorded as an unknown outcome if nobody recorded one.

        Raises:
            VerificationStateError: the verification does not wait for a job, or not of this session; nothing
                may be enqueued.
            StoreUnavailableError: it is not known whether it was recorded.
        """

    async def record(
        self, verification: VerificationRef | None, record: StatusRecord, found: Found = NOTHING
    ) -> StatusRecord:
        """Record the end of a job, and return the one that counts: *record*, or one that came before it.

        Args:
            verification: which one the job is for; without one *record* counts.
            record: done, with its MAC.
            found: what the job found out.

        Raises:
            StoreUnavailableError: it is not known whether it was recorded.
        """
