"""What a call costs: those about the person are paid, a login is not."""

from collections.abc import Iterator, Mapping

from proofing.contracts.continuation import Again
from proofing.testing.canary import Canary
from proofing.testing.vendors.checks.network import watched
from proofing.testing.vendors.sent import credentials_in, is_about
from proofing.testing.vendors.subject import CheckRule, Step, Subject
from proofing.testing.vendors.trial import Run


def paid_call(subject: Subject) -> Iterator[str]:
    """A call that asks about the person counts as one that is paid."""
    person = Canary()
    for name in subject.good:
        run, free = subject.runs[name], watched(subject).free[name]
        if any(not isinstance(pending.then, Again) for pending in run.pendings):
            # A session is opened and its answer fetched for nothing: what the person does there is paid.
            continue
        about = [
            number
            for number, request in enumerate(run.requests)
            if number in free and is_about(request, person)
        ]
        if about:
            yield f"example {name!r}: request {about[0] + 1} has the person's data, and is within unbilled()"
        elif run.requests and len(free) == len(run.requests):
            yield f"example {name!r}: all calls are within unbilled()"


def login_billed(subject: Subject) -> Iterator[str]:
    """A login is a call that costs nothing; to an idempotent question it makes no difference."""
    for name in subject.good[:1] if not subject.descriptor.idempotent else ():
        run, free = subject.runs[name], watched(subject).free[name]
        for step in subject.steps[name]:
            if step.number not in free and credentials_in(step, run) and not _is_about(step, run):
                which = f"request {step.number + 1}, whose answer lets the next one in,"
                yield f"example {name!r}: {which} is not within unbilled()"


def _is_about(step: Step, run: Run) -> bool:
    """Return whether the request of *step* says anything of the person or the question."""
    sent = str(step.request.url).encode() + step.request.content
    return is_about(step.request, Canary()) or any(
        own.encode() in sent for own in (run.question_id, *run.keys)
    )


CHECKS: Mapping[str, CheckRule] = {
    "paid-call": paid_call,
    "login-billed": login_billed,
}
