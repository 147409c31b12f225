"""How a proofer behaves at the network: its own client, retries, redirects, deadlines, cancellation."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import httpx

from proofing.base.errors import Cause
from proofing.outbound.billing import is_unbilled
from proofing.testing.vendor_fakes import Answer, FakeVendor
from proofing.testing.vendor_hostility import SLOW
from proofing.testing.vendors.checks.together import asked_together
from proofing.testing.vendors.checks.waiting import not_yet
from proofing.testing.vendors.settling import settle
from proofing.testing.vendors.subject import CheckRule, Step, Subject, is_other_host, respond_with
from proofing.testing.vendors.trial import SETTLE_SECONDS, Run, conversation
from proofing.testing.vendors.watch import Watch

#: The time limit in cases that only a deadline ends, and when it is clear that it does not hold.
_SLOW_SECONDS = 0.15
_GIVE_UP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class _Watched:
    """What was seen while the examples were put.

    Attributes:
        early: by example, the sleeps before the first call that is paid.
        free: by example, the numbers of the calls that were made within ``unbilled()``.
    """

    watch: Watch
    early: dict[str, int]
    free: dict[str, list[int]]


def watched(subject: Subject) -> _Watched:
    """Return what was seen while the examples were put."""
    return subject.once(_watch)


def _watch(subject: Subject) -> _Watched:
    early: dict[str, int] = {}
    free: dict[str, list[int]] = {}
    with subject.trial.watched(keeps_lines=False) as watch:
        for name, example in subject.examples.items():
            before = len(watch.slept)
            free[name] = []

            def note(
                number: int,
                _request: httpx.Request,
                response: httpx.Response,
                name: str = name,
                before: int = before,
            ) -> httpx.Response:
                if is_unbilled():
                    free[name].append(number)
                else:
                    early.setdefault(name, len(watch.slept) - before)
                return response

            subject.put(example, bend=note)
            early.setdefault(name, len(watch.slept) - before)
    return _Watched(watch, early, free)


def own_client(subject: Subject) -> Iterator[str]:
    """No host is looked up or connected to except through the context."""
    watch = watched(subject).watch
    yield from (f"it asks for {what} by itself" for what in watch.network)


def own_files(subject: Subject) -> Iterator[str]:
    """No file is written, and no process is started."""
    watch = watched(subject).watch
    yield from (f"it wants {what}" for what in watch.files)


def loop_blocked(subject: Subject) -> Iterator[str]:
    """An `async def` never blocks."""
    watch = watched(subject).watch
    yield from (f"{what} blocks the event loop" for what in watch.blocking)


def sleeps(subject: Subject) -> Iterator[str]:
    """Nobody sleeps before the vendor is asked."""
    seen = watched(subject)
    if seen.watch.blocking:
        return
    if seen.watch.slept:
        yield from (
            f"example {name!r}: it sleeps before it asks" for name, count in seen.early.items() if count
        )
    elif slept := asked_together(subject).slept:
        yield f"of several people at once, some wait asleep before they are asked about, {slept} times"


def hosts_declared(subject: Subject) -> Iterator[str]:
    """The declared hosts suffice, and somebody is asked."""
    for name, run in subject.runs.items():
        if is_other_host(run):
            yield f"example {name!r}: it calls a host that `hosts` does not name"
        elif subject.examples[name].responses is not None and not run.requests and not run.broken:
            yield f"example {name!r}: nobody is called"


def _steps(subject: Subject) -> list[Step]:
    return list(subject.steps[subject.good[0]]) if subject.good else []


def _refuse(status: int, _request: httpx.Request) -> httpx.Response:
    return httpx.Response(status, json={})


def retries(subject: Subject) -> Iterator[str]:
    """A call that failed is not repeated."""
    example = subject.yes
    if example is None:
        return
    failures: dict[str, Answer] = {
        **{f"HTTP {status}": partial(_refuse, status) for status in (408, 409, 425, 500, 502, 503, 504)},
        "HTTP 429": lambda _request: httpx.Response(429, headers={"retry-after": "1"}, json={}),
        "a broken connection": _break,
        "a time-out": _time_out,
    }
    for step in _steps(subject):
        for case, answer in failures.items():
            run = subject.put(example, bend=respond_with(step, answer))
            again = [
                request for request in run.requests[step.number + 1 :] if _is_same(request, step.request)
            ]
            if again:
                yield f"after {case}, request {step.number + 1} is sent {len(again)} more times"
                break
    yield from _polls(subject)
    for name, run in subject.runs.items():
        if run.result is None:
            # After an error, such as a token that was refused, a call is made once more with another one.
            continue
        asked = [(request.method, str(request.url), request.content) for request in run.requests]
        for before, after in pairwise([*run.calls, len(asked)]):
            if len(set(asked[before:after])) < after - before:
                yield f"example {name!r}: the same request is sent again in one call"


def _polls(subject: Subject) -> Iterator[str]:
    """Yield where one call asks again and again for an answer that is not there yet."""
    for found in not_yet(subject):
        usual = max(_each_call(subject.runs[found.example]), default=1)
        most = max(_each_call(found.run), default=0)
        if most > usual:
            yield f"{found.where} the vendor is asked {most} times in one call"
            return


def _each_call(run: Run) -> list[int]:
    """Return how many requests each call of a method made."""
    return [after - before for before, after in pairwise([*run.calls, len(run.requests)])]


def _is_same(request: httpx.Request, other: httpx.Request) -> bool:
    """Return whether *request* is *other* once more; its nonce and times may differ."""
    return (request.method, request.url.path) == (other.method, other.url.path) and (
        abs(len(request.content) - len(other.content)) <= max(64, len(other.content) // 4)
    )


def _break(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def _time_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("late", request=request)


def redirects(subject: Subject) -> Iterator[str]:
    """A redirect is not followed."""
    example = subject.yes
    if example is None:
        return
    for step in _steps(subject):
        moved = str(step.request.url.copy_with(path="/qz-moved", query=None))
        for status in (301, 302, 303, 307, 308):
            answer = _redirect(status, moved)
            run = subject.put(example, bend=respond_with(step, answer))
            # Whatever the address that is asked then: no redirect is a reason to ask once more.
            if len(run.requests) > step.number + 1:
                yield f"HTTP {status} to request {step.number + 1} is followed"
                break


def _redirect(status: int, place: str) -> Any:
    return lambda _request: httpx.Response(status, headers={"location": place})


def deadline_kept(subject: Subject) -> Iterator[str]:
    """A vendor that never finishes ends as a time-out."""
    example = subject.yes
    if example is None:
        return
    question = subject.question(example)
    for step in _steps(subject):
        for case, slow in SLOW.items():
            vendor = FakeVendor(_from(step, conversation(example), slow))
            putting = partial(
                subject.trial.put,
                example,
                question,
                vendor=vendor,
                seconds=_SLOW_SECONDS,
                give_up_seconds=_GIVE_UP_SECONDS,
            )
            run = subject.trial.do(putting)
            if run.result is not None or run.broken:
                continue
            if run.error is None or run.error.cause not in {Cause.TIMEOUT, Cause.SOURCE_TIMEOUT}:
                yield f"{case} to request {step.number + 1}: {run.came_to}"
                break


def _from(step: Step, good: Answer, other: Answer) -> Answer:
    """Answer by *good* up to *step*, and by *other* from then on."""
    count = 0

    def answer(request: httpx.Request) -> Any:
        nonlocal count
        count += 1
        return good(request) if count <= step.number else other(request)

    return answer


class _Hanging:
    """A vendor that never answers one request.

    Attributes:
        arrived: set when the request is there; *ended* when nobody waits for its answer anymore.
    """

    def __init__(self) -> None:
        self.arrived, self.ended = asyncio.Event(), asyncio.Event()

    async def answer(self, _request: httpx.Request) -> httpx.Response:
        """Never answer."""
        self.arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("unreachable")


def cancellation(subject: Subject) -> Iterator[str]:
    """A canceled question ends with its request and its tasks, and calls nobody anymore."""
    example = subject.yes
    if example is None:
        return
    question = subject.question(example)

    async def cancel_at(step: Step) -> str:
        hanging, others = _Hanging(), asyncio.all_tasks()
        vendor = FakeVendor(_from(step, conversation(example), hanging.answer))
        run, asking = subject.trial.begin(example, question, vendor)
        waiting = asyncio.ensure_future(hanging.arrived.wait())
        await settle({asking, waiting}, _GIVE_UP_SECONDS, first=True)
        waiting.cancel()
        if asking.done() or not hanging.arrived.is_set():
            return ""
        before = len(run.requests)
        asking.cancel()
        await settle({asking}, SETTLE_SECONDS)
        if not asking.done():
            return "it does not end"
        if not asking.cancelled():
            return f"it is {run.came_to}"
        if len(run.requests) > before:
            return "it calls once more"
        return "" if run.is_threaded else await _left(hanging, others)

    for step in _steps(subject):
        if found := subject.trial.do(partial(cancel_at, step)):
            yield f"canceled during request {step.number + 1}, {found}"


async def _left(hanging: _Hanging, others: set[asyncio.Task[Any]]) -> str:
    """Return what a canceled question left behind, of what is not among *others*; empty for nothing."""
    left = {task for task in asyncio.all_tasks() - others if not task.done()}
    if left:
        await settle(left, SETTLE_SECONDS)
    if not hanging.ended.is_set():
        return "that request does not end"
    return "a task of it runs on" if any(not task.done() for task in left) else ""


def idempotency_key(subject: Subject) -> Iterator[str]:
    """A proofer that declares so sends the key."""
    if not subject.descriptor.idempotent:
        return
    for name in subject.good:
        run = subject.runs[name]
        sent = b"".join(request.content + repr(request.headers.raw).encode() for request in run.requests)
        sent += b"".join(str(request.url).encode() for request in run.requests)
        if run.requests and not any(key.encode() in sent for key in run.keys):
            yield f"example {name!r}: no request holds context.idempotency_key"


CHECKS: Mapping[str, CheckRule] = {
    "own-client": own_client,
    "own-files": own_files,
    "hosts-declared": hosts_declared,
    "retries": retries,
    "redirects": redirects,
    "deadline-kept": deadline_kept,
    "cancellation": cancellation,
    "loop-blocked": loop_blocked,
    "sleeps": sleeps,
    "idempotency-key": idempotency_key,
}
