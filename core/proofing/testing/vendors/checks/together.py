"""Several people at once: nobody waits for the answer about somebody else, nor asleep."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx

from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor
from proofing.testing.vendors.sent import is_about
from proofing.testing.vendors.subject import CheckRule, Subject
from proofing.testing.vendors.trial import conversation

#: So many people are asked about, of whom so many must be at the vendor at the same time; that long the
#: vendor has a request wait for another one.
_WAITING, _TOGETHER = 3, 2
_ALONE_SECONDS = 2.0


@dataclass(slots=True)
class Together:
    """What was seen while the vendor was asked about several people at once.

    Attributes:
        people: how many it was asked about.
        most: of how many at the same time; of all where it is not asked.
        slept: how often the plugin slept before the last of them was asked about.
    """

    people: int = _WAITING
    most: int = _WAITING
    slept: int = 0


def asked_together(subject: Subject) -> Together:
    """Return what was seen, which is found out once."""
    return subject.once(_ask_together)


def _ask_together(subject: Subject) -> Together:
    if subject.yes is None or not subject.steps[subject.good[0]]:
        return Together()
    seen = Together(most=0)
    with subject.trial.watched(keeps_lines=False) as watch:

        def note_asked() -> None:
            seen.slept = len(watch.slept)

        came = subject.trial.do(lambda: _ask_all(subject, seen, note_asked))
    return seen if came else Together()


async def _ask_all(subject: Subject, seen: Together, note_asked: Callable[[], None]) -> int:
    """Ask about all at once, and return about how many the vendor was asked.

    The first request waits for a second one. One without a person's data, such as a login, may come alone.
    """
    loaded, example = subject.trial.loaded(), subject.yes
    assert example is not None
    met = asyncio.Event()
    came = now = 0

    async def one(number: int) -> None:
        answers, person = conversation(example), Canary(seed=number)

        async def answer(request: httpx.Request) -> httpx.Response:
            nonlocal came, now
            if not is_about(request, person):
                return answers(request)
            note_asked()
            came += 1
            now += 1
            seen.most = max(seen.most, now)
            if now >= _TOGETHER:
                met.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ALONE_SECONDS):
                    await met.wait()
            now -= 1
            return answers(request)

        await subject.ask_about(number, example, FakeVendor(answer), loaded)

    await asyncio.gather(*(one(number) for number in range(1, _WAITING + 1)))
    return came


def one_by_one(subject: Subject) -> Iterator[str]:
    """Questions about several people are put to the vendor at once."""
    seen = asked_together(subject)
    if seen.most < _TOGETHER:
        people = f"of {seen.people} people at once"
        yield f"{people}, each waits until the vendor has answered about the one before"


CHECKS: Mapping[str, CheckRule] = {"one-by-one": one_by_one}
