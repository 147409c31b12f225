"""What a proofer says of a question: logs, prints, errors and codes; and what it says of a vendor's texts."""

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx

from proofing.base.errors import VendorError
from proofing.contracts.results import DocumentResult
from proofing.testing.canary import Canary
from proofing.testing.vendor_hostility import STATUSES, whole
from proofing.testing.vendors.examples import Example
from proofing.testing.vendors.subject import Step, Subject, bend_to, respond_with
from proofing.testing.vendors.trial import Bend, Run
from proofing.testing.vendors.variants import without_each
from proofing.testing.vendors.words import MAX_WORD

#: A sentence of the vendor's that nobody else writes, and a word of its own.
SENTENCE = "Qzvendor says: no such person!"
WORD = "QZWORD"
#: A longer body is more than an answer: its places are tried in steps.
_MOST_PLACES = 150


@dataclass(frozen=True, eq=False)
class Speech:
    """What was said of one question.

    Attributes:
        case: what was asked and answered.
        lines: logs and prints.
        facts: of the error or the codes of the result; without the vendor's id of the call.
        ids: the vendor's id of the call, and our reference.
        names: those of the values in ``context.cache``.
        trail: the error with all it carries along.
        say_again: asks and answers the same about somebody.
    """

    case: str
    run: Run
    lines: str
    facts: str
    ids: str
    names: str
    trail: str
    say_again: "Callable[[Canary | None], Speech]"

    @property
    def everything(self) -> str:
        """All of it but ids."""
        return f"{self.lines}\n{self.facts}\n{self.names}\n{self.trail}"


def speech_of(
    subject: Subject, case: str, example: Example, *, person: Canary | None = None, bend: Bend | None = None
) -> Speech:
    """Put a question, and return what was said of it."""
    with subject.trial.watched() as watch:
        run = subject.put(example, person=person, bend=bend)
    lines = "\n".join(watch.lines)

    def say_again(somebody: Canary | None) -> Speech:
        return speech_of(subject, case, example, person=somebody, bend=bend)

    return Speech(case, run, lines, _facts(run), _ids(run), repr(run.cached), _trail(run.error), say_again)


def said(subject: Subject) -> Sequence[Speech]:
    """Return what is said of every example, and of every status in place of each answer of a yes."""
    return subject.once(_say_all)


def _say_all(subject: Subject) -> Sequence[Speech]:
    with subject.trial.session():
        return list(say(subject, Canary()))


def say(subject: Subject, person: Canary, statuses: Sequence[int] = STATUSES) -> Iterator[Speech]:
    """Yield what is said about *person*."""
    for name, example in subject.examples.items():
        yield speech_of(subject, f"example {name!r}", example, person=person)
    for name in subject.good[:1]:
        for how, changed in without_each(subject, subject.examples[name]):
            yield speech_of(subject, f"example {name!r} {how}", changed, person=person)
        for step in subject.steps[name]:
            json = {"content-type": "application/json"}
            cases = [
                *((f"status {status}", whole(status, b"{}", json)) for status in statuses),
                ("200 with nonsense", whole(200, b"[]", json)),
                ("200 with half an answer", whole(200, step.response.content[:20], json)),
            ]
            for case, answer in cases:
                yield speech_of(
                    subject, case, subject.examples[name], person=person, bend=respond_with(step, answer)
                )


def poisoned(subject: Subject) -> Sequence[tuple[str, str, Run]]:
    """Return what every text of every example comes to when the vendor writes a word of its own there."""
    return subject.once(_poison_all)


def _poison_all(subject: Subject) -> Sequence[tuple[str, str, Run]]:
    with subject.trial.session():
        return list(_poison(subject))


def _poison(subject: Subject) -> Iterator[tuple[str, str, Run]]:
    for name, step in _different_steps(subject):
        if step.body is not None:
            leaves = [leaf for leaf in step.body.leaves if isinstance(leaf.value, str)][:_MOST_PLACES]
            leaves = [leaf for leaf in leaves if len(str(leaf.value)) <= MAX_WORD]
            bodies = [body for leaf in leaves if (body := step.body.replaced(leaf, WORD)) is not None]
            runs = subject.put_bent(name, step, bodies)
            for leaf, run in zip(leaves, runs, strict=True):
                yield f"example {name!r}, {leaf.name}", WORD, run


def _different_steps(subject: Subject) -> Iterator[tuple[str, Step]]:
    """Yield the answers of all examples, once that to a login, with which all begin."""
    seen = set()
    for name in subject.examples:
        for step in subject.steps[name]:
            if (answer_of := (step.number, step.response.content)) not in seen:
                seen.add(answer_of)
                yield name, step


def vendor_speeches(subject: Subject) -> Iterator[Speech]:
    """Yield what is said when the vendor writes a sentence: in every text of an example, with any status."""
    for name, step in _different_steps(subject):
        for leaf in step.body.leaves[:_MOST_PLACES] if step.body is not None else ():
            if isinstance(leaf.value, str) and (body := step.body.replaced(leaf, SENTENCE)):  # type: ignore[union-attr]
                case = f"example {name!r}, a sentence in {leaf.name}"
                yield speech_of(subject, case, subject.examples[name], bend=bend_to(step, body))
    for name in subject.good[:1]:
        for step in subject.steps[name]:
            for status in (200, 400, 401, 404, 409, 422, 429, 500, 503):
                for label, answer in _vendor_bodies(status):
                    case = f"status {status} with the vendor's text as {label}"
                    yield speech_of(subject, case, subject.examples[name], bend=respond_with(step, answer))


def _vendor_bodies(status: int) -> Iterator[tuple[str, Callable[[httpx.Request], httpx.Response]]]:
    error = {"code": SENTENCE, "message": SENTENCE, "description": SENTENCE}
    document = {"error": error, "errors": [error], "fault": SENTENCE, **error, "status": SENTENCE}
    yield "JSON", lambda _request: httpx.Response(status, json=document)
    fault = (
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><e:Fault><faultcode>x"
        f"</faultcode><faultstring>{SENTENCE}</faultstring></e:Fault></e:Body></e:Envelope>"
    )
    yield "XML", lambda _request: httpx.Response(status, content=fault, headers={"content-type": "text/xml"})
    yield (
        "plain text",
        lambda request: httpx.Response(
            status, content=f"{SENTENCE} ".encode() + request.content, headers={"content-type": "text/plain"}
        ),
    )


def normalized(text: str) -> str:
    """Return *text* without times, durations and addresses in memory, which differ from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)?", "TIME", text)
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r'"?trace_id"?[:=] ?["\'][0-9a-f]{32}["\']', "TRACE", text)
    text = re.sub(r"'trace_id': '[0-9a-f]{32}'", "TRACE", text)
    return re.sub(r"\d+\.\d+(e-?\d+)?|\d+e-\d+", "NUMBER", text)


def _facts(run: Run) -> str:
    if run.error is not None:
        facts = {name: value for name, value in vars(run.error).items() if name != "transaction_id"}
        return f"{run.error!s} {run.error!r} {facts!r}"
    return codes_of(run)


def codes_of(run: Run) -> str:
    """Return the codes of a result; empty without one."""
    result = run.result
    if result is None:
        return ""
    codes = (
        result.vendor_name,
        dict(result.attributes),
        result.reasons,
        result.vendor_codes,
        result.vendor_workflow,
    )
    more = (result.findings, repr(result.applicant)) if isinstance(result, DocumentResult) else ()
    return repr((codes, more))


def _ids(run: Run) -> str:
    found = run.result or run.error
    return repr((getattr(found, "transaction_id", None), getattr(found, "reference", None)))


def _trail(error: VendorError | None) -> str:
    # With all that it carries along. Lines of code are the same for everybody, and take long to find.
    return "" if error is None else "".join(traceback.format_exception(error, limit=0))
