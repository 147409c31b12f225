"""Questions that continue: the way back of the person, and wallets that anybody may play."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import unquote_plus, urlsplit, urlunsplit
from xml.sax.saxutils import unescape

import httpx

from proofing.contracts.continuation import Answered, Exchange, Leave, Pending
from proofing.testing.canary import Canary
from proofing.testing.vendors.bending import JSONBody
from proofing.testing.vendors.people import turned
from proofing.testing.vendors.subject import CheckRule, Subject, bend_to
from proofing.testing.vendors.trial import Run
from proofing.testing.vendors.words import unheard_words

#: Of another job than that of the examples.
_OTHER_RESULT_ID = "0d5b6a2c-93a4-4c7d-8f0e-5b1d2c3e4f50"
_ELSEWHERE = "https://qzelsewhere.example/"
_MIN_ID = 3
_GARBAGE = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 20_000,
    b'{"vp_token":"x"}',
    b"vp_token=x",
    b"7",
    b"<a/>",
)


def return_url(subject: Subject) -> Iterator[str]:
    """The vendor gets our address, and its events lead back."""
    for name in subject.good:
        run = subject.runs[name]
        if not run.pendings or not isinstance(run.pendings[0].then, Leave):
            continue
        until = run.calls[1] if len(run.calls) > 1 else len(run.requests)
        sent = [*map(_said, run.requests[:until]), _unquoted(run.pendings[0].then.url)]
        if not any(run.return_url in said for said in sent):
            yield f"example {name!r}: context.return_url is sent nowhere as it is"
        if (
            subject.descriptor.webhook is not None
            and run.pendings[0].reference is None
            and not any(run.question_id in said.replace(run.return_url, "") for said in sent)
        ):
            yield f"example {name!r}: neither is context.question_id sent, nor does Pending have a reference"


def _said(request: httpx.Request) -> str:
    """Return what a request says, as the vendor reads it: each part decoded once."""
    content = request.content.decode("latin-1")
    is_form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
    return f"{_unquoted(str(request.url))} {_unquoted(content) if is_form else unescape(content)}"


def _unquoted(text: str) -> str:
    return f"{text} {unquote_plus(text)}"


def _exchanges(subject: Subject) -> Iterator[tuple[str, Run]]:
    for name in subject.good:
        run = subject.runs[name]
        if any(isinstance(pending.then, Exchange) for pending in run.pendings):
            yield name, run


def exchange_garbage(subject: Subject) -> Iterator[str]:
    """Whatever is posted, an exchange neither passes nor fails by it unless it verifies."""
    for name, run in _exchanges(subject):
        example = subject.examples[name]
        posted = example.posted
        good = posted if isinstance(posted, bytes) else posted(run.pendings[0]) if posted else b""
        for label, body in [*((repr(one[:12]), one) for one in _GARBAGE), *_bent(good)]:
            found = subject.put(replace(example, posted=body, because=(Answered(body),)))
            if found.is_foreign:
                yield f"example {name!r}, posted {label}: {found.broken}"
            elif found.has_verdict:
                yield f"example {name!r}, posted {label}: {found.came_to}"


def _bent(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "half of it", good[: len(good) // 2]
    try:
        body = JSONBody(json.loads(good))
    except ValueError:
        return
    for leaf in body.leaves:
        for value in [*unheard_words(leaf.value)[:1], None]:
            if (content := body.replaced(leaf, value)) is not None and leaf.path:
                yield f"{leaf.name} as {value!r}", content


def exchange_replay(subject: Subject) -> Iterator[str]:
    """A wallet's answer to one question is no answer to another."""
    for name, run in _exchanges(subject):
        example = subject.examples[name]
        if example.posted is None or isinstance(example.posted, bytes):
            continue
        stolen = example.posted(run.pendings[0])
        other = replace(example, posted=stolen, because=())
        question = subject.question(other, Canary(seed=2))
        found = subject.trial.do(partial(subject.trial.put, other, question, result_id=_OTHER_RESULT_ID))
        mine, theirs = run.pendings[0], found.pendings[0] if found.pendings else run.pendings[0]
        if found.has_verdict:
            yield f"example {name!r}: the answer to another question is {found.came_to}"
        elif mine.state == theirs.state:
            yield f"example {name!r}: two questions have the same state, so that one answer fits both"


def ticket_answer(subject: Subject) -> Iterator[str]:
    """What the vendor sends about another id is no answer."""
    for name in subject.good[:1]:
        run = subject.runs[name]
        fetched = [pending for pending in run.pendings if not isinstance(pending.then, Exchange)]
        ids = {value for pending in fetched for value in _ids(pending) if len(value) >= _MIN_ID}
        until = run.calls[1] if len(run.calls) > 1 else len(run.requests)
        for step in subject.steps[name]:
            if step.number < until or step.body is None:
                continue
            for leaf in step.body.leaves:
                if leaf.value in ids and (body := step.body.replaced(leaf, f"{turned(str(leaf.value))}7")):
                    found = subject.put(subject.examples[name], bend=bend_to(step, body))
                    if found.has_verdict:
                        where = f"another {leaf.name} of answer {step.number + 1}"
                        yield f"example {name!r}, {where}: {found.came_to}"


def _ids(pending: Pending) -> Iterator[str]:
    """Yield by what the vendor knows the question."""
    yield from (value for value in pending.state.values() if isinstance(value, str) and "/" not in value)
    if pending.reference is not None:
        yield pending.reference


def _elsewhere(page: str) -> Iterator[str]:
    """Yield addresses of somebody else's, two of which begin as *page* does."""
    parts = urlsplit(page)
    yield f"{_ELSEWHERE}s/1"
    yield f"{_ELSEWHERE}?{page}"
    for place in (f"{parts.netloc}.qzelsewhere.example", f"{parts.netloc}@qzelsewhere.example"):
        yield urlunsplit(parts._replace(netloc=place))


def page_elsewhere(subject: Subject) -> Iterator[str]:
    """People are sent to the vendor's page alone."""
    for name in subject.good[:1]:
        run = subject.runs[name]
        pages = {pending.then.url for pending in run.pendings if isinstance(pending.then, Leave)}
        for step in subject.steps[name]:
            for leaf in step.body.leaves if step.body is not None else ():
                if leaf.value not in pages or step.body is None:
                    continue
                for page in _elsewhere(str(leaf.value)):
                    content = step.body.replaced(leaf, page)
                    found = subject.put(subject.examples[name], bend=bend_to(step, content or b""))
                    sent = [one.then.url for one in found.pendings if isinstance(one.then, Leave)]
                    if page in sent:
                        yield f"example {name!r}: people are sent to whatever address is at {leaf.name}"
                        return


CHECKS: Mapping[str, CheckRule] = {
    "return-url": return_url,
    "ticket-answer": ticket_answer,
    "page-elsewhere": page_elsewhere,
    "exchange-garbage": exchange_garbage,
    "exchange-replay": exchange_replay,
}
