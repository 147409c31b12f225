"""A proofer keeps nothing of a question: not between two, not between ten at once, not across processes."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import httpx

from proofing.contracts.continuation import Leave
from proofing.registry.proofers import LoadedProofer
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor
from proofing.testing.vendors.checks.failures import all_runs
from proofing.testing.vendors.checks.verdicts import probes_of
from proofing.testing.vendors.renaming import Renamed
from proofing.testing.vendors.settling import settle
from proofing.testing.vendors.subject import (
    CheckRule,
    Step,
    Subject,
    bend_to,
    facts_of,
    respond_with,
    result_id_of,
)
from proofing.testing.vendors.trial import Run, conversation

_PEOPLE = 10
_DOWN = 503
#: So many places are bent to find what depends on the answer before.
_BENT = 12
#: So many questions of a plain method run at once; that many wait for one another before they are answered.
_AT_ONCE = 8
_PATIENCE_SECONDS = 0.1
_GIVE_UP_SECONDS = 3.0


def _names(subject: Subject) -> list[str]:
    """Return the examples that are asked in turn: a yes, then a no."""
    return [*subject.good[:1], *subject.refused[:1]]


async def _one_by_one(subject: Subject, loaded: LoadedProofer, names: list[str]) -> list[Run]:
    """Ask about one person, in a job of its own for each example, the same proofer all along."""
    runs = []
    for number, name in enumerate(names):
        example = subject.examples[name]
        runs.append(
            await subject.trial.put(
                example, subject.question(example), loaded=loaded, result_id=result_id_of(number)
            )
        )
    return runs


def cached(subject: Subject) -> Iterator[str]:
    """A second question gets its own answer."""
    for name in sorted(subject.stale):
        yield f"example {name!r}: a person who was asked about before gets the answer of before"
    names = _names(subject)
    if subject.stale or len(names) < 2 or any(ticket_shared(subject)):
        return
    for order in (names, names[::-1]):
        runs = subject.trial.do(partial(_one_by_one, subject, subject.trial.loaded(), order))
        for name, run in zip(order, runs, strict=True):
            if facts_of(run.result) != facts_of(subject.runs[name].result):
                yield f"asked after example {order[0]!r}, example {name!r} is {run.came_to}"
    bent = list(_bent(subject))
    yield from subject.trial.do(partial(_by_what_was_before, subject, subject.trial.loaded(), bent))
    if not subject.steps[subject.good[0]] or _DOWN in subject.suite.statuses_that_say_no:
        return
    run = subject.trial.do(partial(_while_down, subject, subject.trial.loaded()))
    if run.has_verdict:
        yield f"while the vendor is down, the answer of before is given again: {run.came_to}"


def _bent(subject: Subject) -> Iterator[tuple[str, Step, bytes]]:
    """Yield the first yes with a word of another example in one place, after what it is."""
    tried = 0
    probes = probes_of(subject)
    for probe in probes.found:
        for word in probes.documented(probe)[:1]:
            content = probe.step.body.replaced(probe.place, word) if probe.step.body else None
            if probe.example == subject.good[0] and content is not None and tried < _BENT:
                tried += 1
                yield f"{probe.where} as {word!r}", probe.step, content


async def _by_what_was_before(
    subject: Subject, loaded: LoadedProofer, bent: list[tuple[str, Step, bytes]]
) -> list[str]:
    """Return which answers are read in another way after a yes than after a no."""
    yes, no = (subject.examples[name] for name in _names(subject))
    found: list[str] = []
    for case, step, content in bent:
        facts = []
        for before in (no, yes):
            await subject.trial.put(before, subject.question(before), loaded=loaded)
            run = await subject.trial.put(
                yes, subject.question(yes), loaded=loaded, bend=bend_to(step, content)
            )
            facts.append(facts_of(run.result))
        if facts[0] != facts[1]:
            found.append(f"{case} is read in another way after a yes than after a no")
    return found


async def _while_down(subject: Subject, loaded: LoadedProofer) -> Run:
    """Ask for a yes, and return what comes of the same question to the same proofer while nobody answers."""
    example = subject.yes
    assert example is not None
    question = subject.question(example)
    await subject.trial.put(example, question, loaded=loaded)
    down = respond_with(subject.steps[subject.good[0]][-1], lambda _request: httpx.Response(_DOWN))
    return await subject.trial.put(
        example, question, loaded=loaded, bend=down, result_id=result_id_of(_PEOPLE + 1)
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """One of several people asked about at once."""

    name: str
    person: Canary
    renamed: Renamed
    run: Run


async def _all_at_once(subject: Subject) -> list[_Asked]:
    """Ask about ten people at once, with alternating answers; the first requests wait for one another."""
    loaded = subject.trial.loaded()
    arrived = asyncio.Event()
    waiting = 0

    async def meet() -> None:
        nonlocal waiting
        waiting += 1
        if waiting >= _AT_ONCE:
            arrived.set()
        before = 0
        # As long as somebody still comes, however slow the machine is.
        while not arrived.is_set() and before < waiting:
            before, everybody = waiting, asyncio.ensure_future(arrived.wait())
            await settle({everybody}, _PATIENCE_SECONDS)
            everybody.cancel()
        arrived.set()

    async def one(number: int) -> _Asked:
        names = _names(subject)
        name = names[number % len(names)]
        example, person = subject.examples[name], Canary(seed=number)
        renamed = Renamed(subject.runs[name], number)
        answer = renamed.wrap(conversation(example)) if example.responses is not None else None

        async def answer_late(request: httpx.Request) -> httpx.Response:
            assert answer is not None
            response = answer(request)
            await meet()
            return response

        vendor = FakeVendor(answer_late)
        run = await subject.ask_about(number, example, vendor, loaded)
        return _Asked(name, person, renamed, run)

    return list(await asyncio.gather(*(one(number) for number in range(1, _PEOPLE + 1))))


def mixed(subject: Subject) -> Iterator[str]:
    """Ten questions at once each see their own person, ticket and answer."""
    if not subject.good or any(ticket_shared(subject)) or any(cached(subject)):
        return
    everybody = subject.trial.do(lambda: _all_at_once(subject))
    for asked in everybody:
        base, run = subject.runs[asked.name], asked.run
        if facts_of(run.result) != facts_of(base.result):
            yield f"of ten people at once, one whose answer is example {asked.name!r} is {run.came_to}"
        elif run.result is not None and base.result is not None:
            own = asked.renamed.rename(base.result.transaction_id or "")
            is_renamed = (base.result.transaction_id or "") in asked.renamed.seen
            if is_renamed and run.result.transaction_id != own:
                yield "of ten people at once, one has the transaction_id of another"
        sent = b"".join(
            request.content + str(request.url).encode() + repr(request.headers.raw).encode()
            for request in run.requests
        )
        others = (_crossed(run, sent, other) for other in everybody if other is not asked)
        if crossed := next(filter(None, others), ""):
            yield f"of ten people at once, {crossed}"
            return


def _crossed(run: Run, sent: bytes, other: _Asked) -> str:
    """Return what of another question is in that of *run*, whose requests are *sent*; empty for nothing."""
    if other.person.find_leaks(sent):
        return "the request about one holds data of another"
    if any(key.encode() in sent for key in (other.run.question_id, *other.run.keys)):
        return "the request about one has the question_id or idempotency key of another"
    if _share_state(run, other.run):
        return "two are parked with one object as the state of their Pending"
    return ""


def _share_state(run: Run, other: Run) -> bool:
    """Return whether two questions are parked with the same object, which the later one has changed."""
    states = [[pending.state for pending in one.pendings if pending.state] for one in (run, other)]
    return any(mine is theirs for mine in states[0] for theirs in states[1])


def ticket_shared(subject: Subject) -> Iterator[str]:
    """Each person has a ticket of their own."""
    if not subject.good or not subject.runs[subject.good[0]].pendings:
        return
    name = subject.good[0]
    example, base = subject.examples[name], subject.runs[name]

    async def two() -> list[tuple[Renamed, Run]]:
        loaded, found = subject.trial.loaded(), []
        for number in (1, 2):
            renamed = Renamed(base, number)
            vendor = FakeVendor(renamed.wrap(conversation(example)) if example.responses else _nobody)
            found.append((renamed, await subject.ask_about(number, example, vendor, loaded)))
        return found

    first, second = subject.trial.do(two)
    (renamed, one), (_other, two_) = first, second
    if len(one.requests) != len(two_.requests):
        counts = f"{len(one.requests)} times for one person, and {len(two_.requests)} for the next"
        yield f"the vendor is asked {counts}"
    elif one.pendings and two_.pendings and renamed.tokens:
        mine, theirs = one.pendings[0], two_.pendings[0]
        is_shared = (
            isinstance(mine.then, Leave)
            and isinstance(theirs.then, Leave)
            and (renamed.has_token(mine.then.url) and mine.then.url == theirs.then.url)
        )
        if is_shared or (mine.reference is not None and mine.reference == theirs.reference):
            yield "two people have the same page, or the same reference"
        elif any(renamed.own_token_in(request) for request in two_.requests):
            yield "for the second person the ticket of the first is fetched"


def _nobody(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("a proofer that asks nobody asks")


def process(subject: Subject) -> Iterator[str]:
    """A question continues in another process, and after one was killed."""
    if subject.needs_one_process:
        yield "it answers in one process alone: what `resume` needs is on self"
        return
    example = subject.yes
    if example is None:
        return
    name = subject.good[0]
    question = subject.question(example)

    async def kill_at(step: Step) -> Run:
        loaded, arrived = subject.trial.loaded(), asyncio.Event()
        good, count = conversation(example), 0

        async def hang(request: httpx.Request) -> httpx.Response:
            nonlocal count
            count += 1
            if count <= step.number:
                return good(request)
            arrived.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        _run, asking = subject.trial.begin(example, question, FakeVendor(hang), loaded=loaded)
        waiting = asyncio.ensure_future(arrived.wait())
        await settle({asking, waiting}, _GIVE_UP_SECONDS, first=True)
        waiting.cancel()
        asking.cancel()
        await settle({asking}, _PATIENCE_SECONDS)
        return await subject.trial.put(example, question, loaded=loaded, give_up_seconds=_GIVE_UP_SECONDS)

    for step in subject.steps[name]:
        run = subject.trial.do(partial(kill_at, step))
        if facts_of(run.result) != facts_of(subject.runs[name].result):
            yield f"asked again after it was stopped during request {step.number + 1}, it is {run.came_to}"


def request_mutated(subject: Subject) -> Iterator[str]:
    """The request is left as it was."""
    for case, run in all_runs(subject):
        if run.request_changed:
            yield f"{case}: the request is changed"
            return


CHECKS: Mapping[str, CheckRule] = {
    "state-cached": cached,
    "state-mixed": mixed,
    "state-process": process,
    "request-mutated": request_mutated,
    "ticket-shared": ticket_shared,
}
