"""The vendor decides about everybody, and nobody passes or fails by what the adapter knows."""

from collections.abc import Iterator, Mapping

import httpx

from proofing.contracts.proofers import Maturity
from proofing.contracts.results import Outcome
from proofing.testing.canary import Canary
from proofing.testing.vendors.probing import is_no
from proofing.testing.vendors.sent import is_about
from proofing.testing.vendors.subject import CheckRule, Subject
from proofing.testing.vendors.trial import Run
from proofing.testing.vendors.variants import of_other_forms, without_each

#: What was asked, what the vendor says of it, and what came of it.
Asked = tuple[str, Outcome, Run]


def asked_about(subject: Subject) -> list[Asked]:
    """Return what comes of the vendor's yes and no about people of whom less is known, or of other forms."""
    return subject.once(_ask_all)


def _ask_all(subject: Subject) -> list[Asked]:
    with subject.trial.session():
        return list(_ask_each(subject))


def _ask_each(subject: Subject) -> Iterator[Asked]:
    for name in (*subject.good[:1], *subject.refused[:1]):
        example = subject.examples[name]
        outcome = Outcome.PASSED if name in subject.good else Outcome.FAILED
        # A no that rests on what is not asked then is none.
        less = without_each(subject, example) if outcome is Outcome.PASSED else ()
        for how, changed in (*less, *of_other_forms(subject, example)):
            yield f"example {name!r} {how}", outcome, subject.put(changed)


def unasked(subject: Subject) -> Iterator[str]:
    """Nobody passes or fails whom the vendor was not asked about, or of whom it said something else."""
    if not subject.suite.calls_out or subject.descriptor.maturity is Maturity.MOCK:
        return
    asks = {
        name: {_place(request) for request in subject.runs[name].requests if is_about(request, Canary())}
        for name in (*subject.good[:1], *subject.refused[:1])
    }
    for case, outcome, run in asked_about(subject):
        name = next(name for name in asks if case.startswith(f"example {name!r} "))
        about, usual = asks[name], len(subject.runs[name].requests)
        asked = {_place(request) for request in run.requests}
        # An address may hold the person: then there are as many calls as before.
        is_less = len(run.requests) < usual
        if run.has_verdict and (not asked or (is_less and about and not about & asked)):
            yield f"{case}: nobody is asked, and it is {run.came_to}"
        elif outcome is Outcome.PASSED and is_no(run):
            yield f"{case}: the vendor's yes is {run.came_to}"
        elif outcome is Outcome.FAILED and run.result is not None and run.result.passed:
            yield f"{case}: the vendor's no is {run.came_to}"


def _place(request: httpx.Request) -> tuple[str, str]:
    return request.method, request.url.path


CHECKS: Mapping[str, CheckRule] = {"verdict-unasked": unasked}
