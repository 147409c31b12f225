"""What comes of a question while the vendor has no answer yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from proofing.contracts.continuation import Exchange
from proofing.testing.vendors.checks.verdicts import probes_of
from proofing.testing.vendors.subject import Subject, bend_to
from proofing.testing.vendors.trial import Bend, Run


@dataclass(frozen=True, slots=True)
class NotYet:
    """An answer that says that there is none yet.

    Attributes:
        where: what it says, for people.
        example: name of the yes that it is made of.
        bend: has the vendor answer so.
        run: what comes of the question, which the vendor always answers so.
    """

    where: str
    example: str
    bend: Bend
    run: Run


def not_yet(subject: Subject) -> list[NotYet]:
    """Return what the vendor may say for not yet: another word for its state, or what it said at first."""
    return subject.once(_find)


def _find(subject: Subject) -> list[NotYet]:
    with subject.trial.session():
        return [*_by_a_word(subject), *_as_at_first(subject)]


def _by_a_word(subject: Subject) -> Iterator[NotYet]:
    for probe in probes_of(subject).found:
        for word, run in probe.waiting:
            content = probe.step.body.replaced(probe.place, word) if probe.step.body is not None else None
            bend = bend_to(probe.step, content or b"")
            yield NotYet(f"{probe.where}: with {word!r}", probe.example, bend, run)


def _as_at_first(subject: Subject) -> Iterator[NotYet]:
    for name in subject.good:
        run, steps = subject.runs[name], subject.steps[name]
        if not run.pendings or isinstance(run.pendings[0].then, Exchange) or len(run.calls) < 2:
            continue
        first = [step for step in steps if step.number < run.calls[1]]
        later = [step for step in steps if step.number >= run.calls[1]]
        if first and later:
            content = first[-1].response.content
            found = subject.put_bent(name, later[0], [content])[0]
            # One that asks in a loop has no answers left at some time, and is not pending.
            if len(found.pendings) > len(run.pendings) or len(found.requests) > len(run.requests):
                where = f"example {name!r}: with what it answered at first"
                yield NotYet(where, name, bend_to(later[0], content), found)
