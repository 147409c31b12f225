"""What the runner needs of each kind of job: `JobType`, which the kind's module offers under the name `JOB`.

The module is called as the kind: `proofing.jobs.phone` is that of `JobKind.PHONE`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Generic, TypeVar

from proofing.contracts.records import JobKind
from proofing.contracts.stores import ImageStore
from proofing.crypto.encryption import Sealer
from proofing.jobs.arguments import Arguments, JobResult
from proofing.jobs.asked_questions import QuestionListener, Shadow
from proofing.jobs.run import JobRun
from proofing.routing.router import Router
from proofing.rules.routing import answer_that_counts
from proofing.settings import Settings

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the work of a job may use.

    Attributes:
        router: chooses vendors.
        settings: in effect when the job began.
        images: where its images are.
        sealer: opens what was sealed for it.
        listeners: take note of each question.
        shadow: asks others in the background; None for nobody.
    """

    router: Router
    settings: Settings
    images: ImageStore
    sealer: Sealer
    listeners: Sequence[QuestionListener] = ()
    shadow: Shadow | None = None

    def vouches(self, run: JobRun, step: str) -> bool:
        """Return whether the operator vouches for the vendor whose answer counts in *step*, if one does."""
        asked = [one for one in run.questions.of_step(step) if one.check is not None]
        counting = answer_that_counts([one.check for one in asked if one.check is not None])
        return counting is not None and asked[counting].vendor in self.settings.assurance_vendors


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType(Generic[ArgumentsT]):
    """What one kind of job is.

    Attributes:
        arguments: what is sealed into it.
        work: asks the vendors and judges their answers.
        result: what it hands to the page besides its status record, of `proofing.contracts.job_results`; None
            for nothing.
        needs_result: whether a success without its result is worth nothing.
        required: attributes of the applicant without which it is not submitted.
    """

    arguments: type[ArgumentsT]
    work: Callable[[JobRun, ArgumentsT, Tools], Awaitable[JobResult]]
    result: type[Any] | None = None
    needs_result: bool = False
    required: tuple[str, ...] = ()


@cache
def job_type(kind: JobKind) -> JobType[Any]:
    """Return what *kind* is."""
    found: JobType[Any] = import_module(f"proofing.jobs.{kind.value}").JOB
    return found
