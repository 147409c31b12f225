"""How a step of a job asks its question: whom, whom else when there is no answer, and who answers a no.

One function for every kind. It decides by the router, enters the gates before the vendor, asks, and turns
to a fallback or a second opinion. What an earlier run of the job has put to a vendor stays there.
docs/explanation/routing.md
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proofing.base.errors import Cause, VendorError
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, Outcome, ProoferKind
from proofing.contracts.routing import Refusal, RoutingDecision, RoutingQuestion
from proofing.contracts.vendor_gates import GateOutcome
from proofing.jobs.asked_questions import AskedQuestion
from proofing.jobs.kinds import Tools
from proofing.jobs.run import JobPendingError, JobRun
from proofing.registry.proofers import LoadedProofer
from proofing.routing.gates import Permit, outcome_of
from proofing.routing.refusals import refusal_error
from proofing.rules.routing import answer_that_counts, candidates, decide, open_candidates

#: With less of the job's time left nobody else is asked: it could only time out, and count as a fault.
_SECONDS_FOR_ANOTHER = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """What came of a step's question.

    Attributes:
        checks: of the vendors that were asked, in order; of nobody when none could be.
        refusal: the check when nobody could be asked at first; None when somebody was, or the kind is off.
    """

    checks: tuple[Check[Any], ...] = ()
    refusal: Check[Any] | None = None

    @property
    def check(self) -> Check[Any] | None:
        """The check that counts; None when the kind is switched off."""
        counting = answer_that_counts(self.checks)
        return self.refusal if counting is None else self.checks[counting]


def first_vendor(
    run: JobRun, tools: Tools, kind: ProoferKind, *, step: str, shown: str = ""
) -> LoadedProofer | None:
    """Return whom the question of *step* goes to first, as far as is known before; None when the kind is off.

    That is the vendor that has it already, the one whom the person was *shown*, or the router's choice.

    Raises:
        PluginError: the vendor's plugin is not there.
    """
    known = run.questions.upcoming(step)
    name = shown if known is None else known.vendor
    return tools.router.named(kind, name) if name else tools.router.choose(kind, run.message.owner)


def is_unanswered(check: Check[Any]) -> bool:
    """Return whether there is no answer."""
    return check.result is None


def never(_check: Check[Any]) -> bool:
    """Return False: whatever comes of the first vendor, nobody else is asked."""
    return False


async def ask(
    run: JobRun,
    tools: Tools,
    kind: ProoferKind,
    request: ProofingRequest,
    *,
    step: str,
    shown: str = "",
    fits: Callable[[LoadedProofer], bool] | None = None,
    goes_on: Callable[[Check[Any]], bool] = is_unanswered,
) -> Asked:
    """Put the question of *step* to the person's vendor, and to others as the settings want it.

    Args:
        run: of the job.
        tools: of its work.
        kind: of the question.
        request: about whom; each vendor gets what it declared.
        step: name of the timer in the summary line; a step asks once.
        shown: the vendor whom the person was shown, if it made a difference to them.
        fits: whether a vendor can answer this question; None: each one can.
        goes_on: whether the settings may have another vendor asked after a check; by default without an
            answer alone.

    Raises:
        JobPendingError, PluginError, LeaseLostError: as `JobRun.ask` does.
        StoreUnavailableError: the gates are not known.
    """
    asking = _Asking(run=run, tools=tools, kind=kind, request=request, step=step, shown=shown, fits=fits)
    return await asking.ask(goes_on)


@dataclass(kw_only=True, repr=False)
class _Asking:
    """The question of one step."""

    run: JobRun
    tools: Tools
    kind: ProoferKind
    request: ProofingRequest
    step: str
    shown: str
    fits: Callable[[LoadedProofer], bool] | None
    tried: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, goes_on: Callable[[Check[Any]], bool]) -> Asked:
        """Ask until an answer is enough, or nobody is left."""
        checks: list[Check[Any]] = []
        while not checks or (not checks[-1].passed and goes_on(checks[-1])):
            known = self.run.questions.upcoming(self.step)
            if known is not None or self.run.was_interrupted(self.step):
                check = await self._ask_again(None if known is None else known.vendor)
            else:
                if checks and self.run.remaining_seconds() < _SECONDS_FOR_ANOTHER:
                    break
                decision, permit = await self._decide()
                if decision.vendor is None:
                    return Asked(checks=tuple(checks), refusal=None if checks else self._refused(decision))
                check = await self._ask(decision, decision.vendor, permit)
            checks.append(check)
        return Asked(checks=tuple(checks))

    async def _ask_again(self, vendor: str | None) -> Check[Any]:
        """Return what came of a question that an earlier run has put to *vendor*, or continue it.

        None: its answer was lost with that run, and so was whom it asked.
        """
        router = self.tools.router
        decision = router.decide(self._question({}, kept=vendor))
        if vendor is not None:
            loaded = router.named(self.kind, vendor)
        else:
            first = first_vendor(self.run, self.tools, self.kind, step=self.step, shown=self.shown)
            if first is None:
                # Switched off meanwhile.
                return Check(error=VendorError(Cause.INTERRUPTED, "the worker ended during the call"))
            loaded = first
        return await self._put(loaded, decision, is_new=False)

    async def _decide(self) -> tuple[RoutingDecision, Permit | None]:
        """Return who is asked, with the permit of the gates where there are any."""
        question = self._question({})
        terms = self.tools.router.terms(self.kind)
        if self.fits is not None:
            unsuitable = {
                one.vendor: Refusal.UNSUITABLE
                for one in candidates(terms, question)
                if not self.fits(self.tools.router.named(self.kind, one.vendor))
            }
            question = replace(question, refused=unsuitable)
        names = [one.vendor for one in open_candidates(terms, question)]
        if not names or self.run.gates is None:
            return decide(terms, question), None
        permit = await self.run.gates.enter(self.kind, names, seconds_left=self.run.remaining_seconds())
        refused = {**question.refused, **permit.refused}
        # By the same terms: an edit of the settings may come while a place in a rate is waited for.
        return decide(terms, replace(question, refused=refused)), permit

    async def _ask(self, decision: RoutingDecision, vendor: str, permit: Permit | None) -> Check[Any]:
        """Ask *vendor*, and tell the gates what came of it."""
        try:
            check = await self._put(self.tools.router.named(self.kind, vendor), decision, is_new=True)
        except JobPendingError:
            if permit is not None:
                permit.report(GateOutcome.ANSWERED)
            raise
        else:
            if permit is not None:
                permit.report(outcome_of(check.error))
            return check
        finally:
            if permit is not None:
                permit.release()

    async def _put(self, loaded: LoadedProofer, decision: RoutingDecision, *, is_new: bool) -> Check[Any]:
        """Have the run ask, and note what came of it."""
        identifier = self._identifier()
        try:
            check = await self.run.ask(loaded, self.request, step=self.step)
        except JobPendingError:
            self._note(identifier, loaded, decision, None, is_new=is_new)
            raise
        self._note(identifier, loaded, decision, check, is_new=is_new)
        self.tried.append((loaded.descriptor.name, _outcome_of(check)))
        return check

    def _refused(self, decision: RoutingDecision) -> Check[Any] | None:
        """Return the check of a question that nobody could be asked; None when the kind is off."""
        if not decision.passed_over:
            return None
        vendor, reason = decision.passed_over[0]
        # A question that no vendor takes is none for later either.
        is_unavailable = any(why is not Refusal.UNSUITABLE for _vendor, why in decision.passed_over)
        check = replace(
            self.run.not_asked(vendor, self.step, refusal_error(vendor, reason)),
            is_unavailable=is_unavailable,
        )
        self._note(self._identifier(), None, decision, check, is_new=True)
        return check

    def _question(self, refused: Mapping[str, Refusal], kept: str | None = None) -> RoutingQuestion:
        return self.tools.router.question(
            self.kind,
            self.run.message.owner,
            refused=refused,
            tried=tuple(self.tried),
            shown=self.shown or None,
            kept=kept,
        )

    def _identifier(self) -> str:
        """Return the id of the next question of the step."""
        key = self.run.questions.upcoming_key(self.step)
        return f"{self.run.message.result_id}:{key.step}:{key.ordinal}"

    def _note(
        self,
        identifier: str,
        loaded: LoadedProofer | None,
        decision: RoutingDecision,
        check: Check[Any] | None,
        *,
        is_new: bool,
    ) -> None:
        """Tell who takes note of questions."""
        message = self.run.message
        question = AskedQuestion(
            id=identifier,
            job=message.result_id,
            mode=message.mode,
            relying_party=message.partner,
            step=self.step,
            kind=self.kind,
            vendor=loaded,
            decision=decision,
            check=check,
            is_new=is_new,
            at=time.time(),
        )
        for listener in self.tools.listeners:
            listener(question)
        shadow = self.tools.shadow
        if shadow is not None and is_new and check is not None and check.result is not None:
            shadow(question, self.request)


def _outcome_of(check: Check[Any]) -> str:
    """Return what came of a vendor, as the next decision knows it."""
    if check.error is not None:
        return check.error.cause.value
    return check.result.outcome.value if check.result is not None else Outcome.UNKNOWN.value
