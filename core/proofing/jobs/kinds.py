"""What the runner needs of each kind of job: `JobType`, which the kind's module offers under the name `JOB`.

The module is called as the kind: `proofing.jobs.phone` is that of `JobKind.PHONE`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Generic, TypeVar

from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import ImageStore
from proofing.crypto.encryption import Sealer
from proofing.jobs.arguments import Arguments, JobResult
from proofing.jobs.run import JobRun
from proofing.registry.proofers import LoadedProofer
from proofing.routing.router import Router
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
    """

    router: Router
    settings: Settings
    images: ImageStore
    sealer: Sealer

    def vendor(
        self, run: JobRun, step: str, kind: ProoferKind, discriminator: str, *, shown: str = ""
    ) -> LoadedProofer | None:
        """Return whom the next question of *step* goes to: the vendor that has it already, or a new choice.

        That is the vendor whom the person was *shown*, if it made a difference to them.

        None when the kind is switched off. Raises `PluginError` when the vendor's plugin is not there.
        """
        known = run.questions.upcoming(step)
        name = shown if known is None else known.vendor
        return self.router.named(kind, name) if name else self.router.choose(kind, discriminator)

    def vendors_in_order(self, run: JobRun, step: str, kind: ProoferKind) -> list[LoadedProofer]:
        """Return whom *step* asks in order: first those that it has asked before the job was parked."""
        names = run.questions.vendors(step)
        asked = [self.router.named(kind, name) for name in names]
        return [*asked, *(new for new in self.router.in_order(kind) if new.descriptor.name not in names)]

    def vouches(self, run: JobRun, step: str) -> bool:
        """Return whether the operator vouches for the vendor that *step* asked last, if it asked any."""
        asked = run.questions.vendors(step)
        return bool(asked) and asked[-1] in self.settings.assurance_vendors


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
