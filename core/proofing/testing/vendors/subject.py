"""One suite under judgment: its examples as they were read, and where their answers can be bent."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import httpx

from proofing.contracts.applicant import DocumentType
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import (
    DeviceResult,
    DocumentResult,
    Outcome,
    ReviewStatus,
    SelfieCheck,
    VendorResult,
)
from proofing.registry.proofers import LoadedProofer
from proofing.rules.document_errors import OUTWEIGHED
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor
from proofing.testing.vendors.bending import Body, body_of, with_content
from proofing.testing.vendors.examples import Example
from proofing.testing.vendors.people import Stranger, elsewhere
from proofing.testing.vendors.suite import ProoferSuite
from proofing.testing.vendors.trial import Bend, Run, Trial

#: A check of one rule: yields what is wrong, one sentence each.
CheckRule = Callable[["Subject"], Iterable[str]]
MadeT = TypeVar("MadeT")
#: Of a flow of several requests, how many are tried with bent and hostile answers.
MAX_STEPS = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of an example that can be bent.

    Attributes:
        number: of the request that it answers, from 0.
        body: None for one that is neither JSON nor XML.
    """

    number: int
    request: httpx.Request
    response: httpx.Response
    body: Body | None


class Subject:
    """A suite's proofer, with everything that several rules look at, made once."""

    def __init__(self, suite: ProoferSuite, trial: Trial) -> None:
        """Judge the proofer of *suite*."""
        #: Whether its descriptor is of the wrong form, so that it cannot be asked.
        self.is_unusable = False
        self.suite = suite
        self.trial = trial
        self.descriptor = trial.descriptor
        self._person = Canary()
        self._made: dict[Callable[[Subject], Any], Any] = {}
        self._bent: dict[tuple[str, int, bytes], Run] = {}
        trial.event_of = suite.event_of

    def once(self, make: "Callable[[Subject], MadeT]") -> MadeT:
        """Return what *make* makes of the subject, made when it is first asked for, and kept with it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: MadeT = self._made[make]
        return made

    @cached_property
    def examples(self) -> Mapping[str, Example]:
        """The examples of the author, made once: a suite may make them each time."""
        return self.suite.answers

    def question(self, example: Example, person: Canary | None = None) -> ProofingRequest:
        """Return what is asked in *example* about *person*."""
        question = self.suite.question(person or self._person)
        if isinstance(person, Stranger):
            question = replace(question, circumstances=elsewhere(question.circumstances))
        return example.ask(question) if example.ask is not None else question

    def put(self, example: Example, *, person: Canary | None = None, bend: Bend | None = None) -> Run:
        """Put one question, and return what came of it."""
        return self._put_each(example, [bend], person=person, one_process=self.needs_one_process)[0]

    def put_asked(self, example: Example, question: ProofingRequest) -> Run:
        """Put a question of its own, and return what came of it."""

        async def put() -> Run:
            return await self.trial.put(example, question)

        return self.trial.do(put)

    async def ask_about(
        self, number: int, example: Example, vendor: FakeVendor, loaded: LoadedProofer
    ) -> Run:
        """Ask *loaded* about the person *number* of several, in a job of its own; within `Trial.ready`."""
        question = self.question(example, Canary(seed=number))
        return await self.trial.put(
            example, question, vendor=vendor, loaded=loaded, result_id=result_id_of(number)
        )

    def put_all(self, example: Example, bends: Sequence[Bend]) -> list[Run]:
        """Put the question of *example* once for each of *bends*."""
        return self._put_each(example, bends, one_process=self.needs_one_process)

    def put_bent(self, name: str, step: "Step", contents: Sequence[bytes]) -> list[Run]:
        """Put the question of the example *name* once for each of *contents*, in place of the body of *step*.

        What was put before is not put again: several rules try the same.
        """
        keys = [(name, step.number, content) for content in contents]
        new = [key for key in dict.fromkeys(keys) if key not in self._bent]
        bends = [bend_to(step, content) for *_which, content in new]
        self._bent |= zip(new, self.put_all(self.examples[name], bends), strict=True)
        return [self._bent[key] for key in keys]

    def _put_each(
        self,
        example: Example,
        bends: Sequence[Bend | None],
        *,
        person: Canary | None = None,
        one_process: bool,
    ) -> list[Run]:
        async def put() -> list[Run]:
            question = self.question(example, person)
            return [
                await self.trial.put(
                    example, question, bend=bend, loaded=self.trial.loaded() if one_process else None
                )
                for bend in bends
            ]

        return self.trial.do(put) if bends else []

    @cached_property
    def needs_one_process(self) -> bool:
        """Whether the proofer continues only in the process in which it was asked."""
        for example in self.examples.values():
            if example.comes_to is Outcome.PASSED and self.descriptor.continues:
                alone, together = (
                    self._put_each(example, [None], one_process=one)[0] for one in (False, True)
                )
                if not self.reads_yes(alone) and self.reads_yes(together):
                    return True
        return False

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """What came of each example as it is."""
        return {name: self.put(example) for name, example in self.examples.items()}

    @cached_property
    def stale(self) -> frozenset[str]:
        """The examples that come to something else about a person who was asked about before."""
        found = set()
        for number, (name, example) in enumerate(self.examples.items()):
            if not _is_as_said(self.runs[name], example):
                fresh = self.put(example, person=Canary(seed=1000 + number))
                if _is_as_said(fresh, example):
                    found.add(name)
        return frozenset(found)

    @cached_property
    def steps(self) -> Mapping[str, Sequence[Step]]:
        """The answers of each example, as far as they are tried."""
        found: dict[str, list[Step]] = {}
        for name, example in self.examples.items():
            seen: list[Step] = []

            def note(
                number: int, request: httpx.Request, response: httpx.Response, seen: list[Step] = seen
            ) -> httpx.Response:
                if number < MAX_STEPS:
                    seen.append(Step(number, request, response, body_of(response)))
                return response

            if example.responses is not None:
                self.put(example, bend=note)
            found[name] = seen
        return found

    @cached_property
    def good(self) -> Sequence[str]:
        """The names of the examples of a yes that are read as one, which other rules build on."""
        return [
            name
            for name, example in self.examples.items()
            if example.comes_to is Outcome.PASSED and self.reads_yes(self.runs[name])
        ]

    @cached_property
    def refused(self) -> Sequence[str]:
        """The names of the examples of a no that are read as one."""
        return [
            name
            for name, example in self.examples.items()
            if example.comes_to is Outcome.FAILED and _outcome(self.runs[name]) is Outcome.FAILED
        ]

    @property
    def yes(self) -> Example | None:
        """The first yes that is read as one."""
        return self.examples[self.good[0]] if self.good else None

    def reads_yes(self, run: Run) -> bool:
        """Return whether core takes what came of a question for a yes."""
        result = run.result
        if result is None or not result.passed:
            return False
        if isinstance(result, DocumentResult):
            return (
                result.document_type not in {None, DocumentType.OTHER}
                and all(finding.code in OUTWEIGHED for finding in result.against)
                and (not self.descriptor.needs_selfie or result.selfie is SelfieCheck.MATCH)
            )
        return not isinstance(result, DeviceResult) or result.review_status is ReviewStatus.PASS


def result_id_of(number: int) -> str:
    """Return the id of the job *number* of several."""
    return str(uuid.UUID(int=(0x4000 << 64) | (0x8 << 60) | number, version=4))


def is_other_host(run: Run) -> bool:
    """Return whether a call was refused because the descriptor does not name its host."""
    return run.error is not None and "is not in the vendor's allow-list" in str(run.error)


def bend_to(step: Step, content: bytes) -> Bend:
    """Return what replaces the body of *step*'s answer, also where the same address is asked again."""

    def bend(number: int, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        is_same = (request.method, request.url.path) == (step.request.method, step.request.url.path)
        return with_content(response, content) if number >= step.number and is_same else response

    return bend


def respond_with(step: Step, make: Callable[[httpx.Request], Any]) -> Bend:
    """Return what replaces the answers to *step* and to all later requests by those of *make*."""
    return lambda number, request, response: make(request) if number >= step.number else response


def _is_as_said(run: Run, example: Example) -> bool:
    found = run.error.cause if run.error is not None else _outcome(run)
    return found is example.comes_to


def _outcome(run: Run) -> Outcome | None:
    return run.result.outcome if run.result is not None else None


def facts_of(result: VendorResult | None) -> tuple[object, ...]:
    """Return what a result says, as far as a verdict or evidence is made of it."""
    if result is None:
        return ()
    return (
        result.outcome,
        dict(result.attributes),
        *(
            getattr(result, name, None)
            for name in (
                *("review_status", "selfie", "passport_check", "assurance", "findings"),
                *("inspection", "account", "death"),
            )
        ),
    )
