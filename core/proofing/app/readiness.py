"""Whether this process can do its work: every backend is asked, side by side, each within a deadline.

Answers are kept for a moment, and requested once however many probes wait, so that a storm of probes does not
load the backends. A backend that hangs is asked again only when its last question has ended.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from proofing.base.errors import ProofingError, Trouble
from proofing.base.logs import get_logger, log
from proofing.base.metrics import BACKEND_ERRORS, BACKEND_UP, CLOCK_SKEW
from proofing.base.troubles import trouble_of
from proofing.contracts.stores import Diagnosable, Pingable, Timekeeper
from proofing.registry.backends import Backend
from proofing.registry.clocks import MAX_SKEW_SECONDS, skew_seconds
from proofing.routing.gates import GateReading
from proofing.settings import LiveSettings

if TYPE_CHECKING:
    from proofing.contracts.queues import Queue

#: Reads the gates of all vendors that the settings in effect name.
ReadGates = Callable[[], Awaitable[Sequence[GateReading]]]

_logger = get_logger(__name__)
#: Of a result store without `ping`: nothing is kept under it.
_NO_KEY = "readiness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often backends are asked, and how long they may take to answer.

    Attributes:
        ask_seconds: how long one report waits for all of them.
        fresh_seconds: how long a report is good.
        advice_seconds: how long the advice of a queue's plugin is good; it costs more than a ping.
        answer_seconds: how long the plugin may take to give it, or a backend to show its clock.
    """

    ask_seconds: float = 2.0
    fresh_seconds: float = 2.0
    advice_seconds: float = 60.0
    answer_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """What the backends answered.

    Attributes:
        down: settings key of each backend that does not serve us, and why.
        not_asked: backends whose plugin offers no cheap question.
        advice: what the queue's plugin wants an operator to know.
        settings_refused: the keys of an edit of the settings file that was refused.
        clock_skew: seconds by which a backend's clock is ahead of this host's, where that is more than 2 s.
        is_stopping: whether this process was asked to stop, and takes nothing new, or soon will not.
    """

    down: Mapping[str, Trouble] = field(default_factory=dict)
    not_asked: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    settings_refused: tuple[str, ...] = ()
    clock_skew: Mapping[str, float] = field(default_factory=dict)
    is_stopping: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether every backend serves us and we are not stopping. Nothing else should stop traffic."""
        return not self.down and not self.is_stopping

    def facts(self) -> dict[str, Any]:
        """Return the JSON of ``/readyz``: names and kinds only."""
        return {
            "ready": self.is_ready,
            "stopping": self.is_stopping,
            "down": {key: trouble.value for key, trouble in self.down.items()},
            "not_asked": list(self.not_asked),
            "advice": list(self.advice),
            "settings_refused": list(self.settings_refused),
            "clock_skew": {key: round(seconds, 1) for key, seconds in self.clock_skew.items()},
        }


class Readiness:
    """Asks the backends of one process."""

    def __init__(
        self,
        backends: Sequence[tuple[str, Backend]],
        live: LiveSettings,
        stop: asyncio.Event | None = None,
        *,
        pace: Pace | None = None,
        read_gates: ReadGates | None = None,
    ) -> None:
        """Ask *backends*, each with its settings key; they must be open. *stop* is set when we stop.

        *read_gates* reads the gates before vendors, for the metrics; None: they are left out.
        """
        self._pace = pace or Pace()
        self.live = live
        self.read_gates = read_gates
        self._stop = stop or asyncio.Event()
        self._backends = dict(backends)
        self.queue = cast("Queue", self._backends["queue"])
        self._turn = asyncio.Lock()
        self._report = ReadinessReport()
        self._asked_at = float("-inf")
        self._asking: dict[str, asyncio.Task[Trouble | None]] = {}
        self._advice: tuple[str, ...] = ()
        self._advised_at = float("-inf")
        self._advising: asyncio.Task[None] | None = None
        self._was_down: set[str] = set()
        self._skew: dict[str, float] = {}

    async def report(self) -> ReadinessReport:
        """Return whether the backends serve us, up to two seconds old. Takes two seconds at most."""
        async with self._turn:
            if time.monotonic() - self._asked_at > self._pace.fresh_seconds:
                self._report = await self._ask_all()
                self._asked_at = time.monotonic()
            return replace(self._report, is_stopping=self._stop.is_set())

    async def close(self) -> None:
        """Stop asking."""
        tasks: list[asyncio.Task[Any]] = [*self._asking.values()]
        if self._advising is not None:
            tasks.append(self._advising)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_all(self) -> ReadinessReport:
        """Ask every backend at once, and note who is down."""
        questions = {key: _question(backend) for key, backend in self._backends.items()}
        for key, question in questions.items():
            if question is not None and (key not in self._asking or self._asking[key].done()):
                self._asking[key] = asyncio.create_task(_answer(question))
        asking = {key: self._asking[key] for key, question in questions.items() if question is not None}
        waited_for: list[asyncio.Task[Any]] = [*asking.values(), *self._begin_advising()]
        if waited_for:
            await asyncio.wait(waited_for, timeout=self._pace.ask_seconds)
        down: dict[str, Trouble] = {}
        for key, task in asking.items():
            if not task.done():
                task.cancel()
                BACKEND_ERRORS.labels(key, Trouble.TIMEOUT.value).inc()
                down[key] = Trouble.TIMEOUT
            elif task.cancelled():
                down[key] = Trouble.TIMEOUT
            elif (trouble := task.result()) is not None:
                down[key] = trouble
            BACKEND_UP.labels(key).set(key not in down)
        self._note_changes(down)
        return ReadinessReport(
            down=down,
            not_asked=tuple(key for key, question in questions.items() if question is None),
            advice=self._advice,
            clock_skew=dict(self._skew),
            settings_refused=tuple(dict.fromkeys(problem.key for problem in self.live.refused)),
        )

    def _note_changes(self, down: Mapping[str, Trouble]) -> None:
        """Write one line when a backend goes, and one when it is back."""
        for key, trouble in down.items():
            if key not in self._was_down:
                log(_logger, "backend_down", level=logging.ERROR, key=key, reason=trouble)
        for key in self._was_down - down.keys():
            log(_logger, "backend_up", key=key)
        self._was_down = set(down)

    def _begin_advising(self) -> list[asyncio.Task[None]]:
        """Ask now and then for what an operator should know; return what was begun.

        It may take longer than a probe, and serves the later ones; they do not wait for it.
        """
        is_busy = self._advising is not None and not self._advising.done()
        if is_busy or time.monotonic() - self._advised_at < self._pace.advice_seconds:
            return []
        self._advised_at = time.monotonic()
        self._advising = asyncio.create_task(self._advise())
        return [self._advising]

    async def _advise(self) -> None:
        """Ask the queue's plugin for advice, and each backend for its clock; one does not hold up another."""
        steps = [
            self._measure(key, backend)
            for key, backend in self._backends.items()
            if isinstance(backend, Timekeeper)
        ]
        await asyncio.gather(self._take_advice(), *steps)

    async def _take_advice(self) -> None:
        """Ask the queue; without an answer nothing is known."""
        advice: Sequence[str] = ()
        queue = self.queue
        if isinstance(queue, Diagnosable):
            # Whatever a plugin raises, its ping reports what is down.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._pace.answer_seconds):
                    advice = await queue.check()
        self._advice = tuple(advice)

    async def _measure(self, key: str, backend: Timekeeper) -> None:
        """Measure how far a backend's clock is ahead; without an answer nothing is known."""
        seconds = 0.0
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._pace.answer_seconds):
                seconds = -await skew_seconds(backend)
        CLOCK_SKEW.labels(key).set(abs(seconds))
        self._skew.pop(key, None)
        if abs(seconds) > MAX_SKEW_SECONDS:
            self._skew[key] = seconds


def _question(backend: Any) -> Any:
    """Return what to await as a cheap question to *backend*; None when there is none."""
    if isinstance(backend, Pingable):
        return backend.ping
    if hasattr(backend, "stats"):
        return backend.stats
    if hasattr(backend, "load"):
        return lambda: backend.load(_NO_KEY)
    return None


async def _answer(question: Any) -> Trouble | None:
    """Return what is wrong with a backend, or None."""
    try:
        await question()
    except TimeoutError:
        return Trouble.TIMEOUT
    except ProofingError as error:
        return trouble_of(error)
    except Exception:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        return Trouble.PLUGIN
    return None
