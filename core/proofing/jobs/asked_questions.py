"""What is known of a question once it was asked, and who takes note of it: records, and the shadow.

Both are called on the way of the person: they return at once, and never raise.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, ProoferKind
from proofing.contracts.routing import RoutingDecision
from proofing.contracts.verifications import Mode
from proofing.registry.proofers import LoadedProofer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AskedQuestion:
    """A question of a job: who was asked, why, and what came of it.

    Attributes:
        id: result id of the job, step and number of the question in it; the same in every run of the job.
        job: result id of the job.
        relying_party: for whom; None for nobody.
        step: of the job.
        vendor: who was asked; None when nobody could be.
        decision: of this run; that of a question which an earlier run has put is `RoutingRule.KEPT`.
        check: what came of it; None while the vendor answers later.
        is_new: whether it was put by this run.
        at: when it ended, in seconds since the epoch.
    """

    id: str
    job: str
    mode: Mode
    relying_party: str | None
    step: str
    kind: ProoferKind
    vendor: LoadedProofer | None
    decision: RoutingDecision
    check: Check[Any] | None
    is_new: bool
    at: float


class QuestionListener(Protocol):
    """Takes note of every question of every run, also of those that earlier runs have asked."""

    def __call__(self, question: AskedQuestion) -> None:
        """Note *question*. Must not raise, and must not block."""


class Shadow(Protocol):
    """Asks a second vendor in the background, whose answer counts for nobody."""

    def __call__(self, question: AskedQuestion, request: ProofingRequest) -> None:
        """Take a new *question* that has its answer, and the *request* with everything that is known.

        Begins what it does as a task of its own. Must not raise, and must not block.
        """
