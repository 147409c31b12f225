"""Every order of what can happen to a question that waits for its person, drawn at random.

A run draws a vendor that bills its calls or one that does not, up to two of each: events, returns, expiries,
deaths of the worker, and perhaps a cancel and an erasure. They happen one after the other or two at the same
time. In the end each run holds what is promised: one end, which nothing changes; no wake-up lost; one session
at the vendor, and no billed call made twice; nothing left.

In most runs the calls of the result store run on the event loop, and the run draws who comes first there: it
is the same whenever it is repeated. In the others they run in the store's threads, as in the product.

The long form runs the short one in several processes: PROOFING_MODEL_PROCESSES, by default one a core.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.base.threads import BoundedThreads
from proofing.bootstrap import make_eraser
from proofing.contracts.continuation import Again, Event, EventKind, Expired, Leave, Pending
from proofing.contracts.people import PersonRef
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import Incoming, Reply
from proofing.jobs.events import VendorEvents
from proofing.registry.plugins import LoadedWebhook
from proofing.testing.processes import start_process_async
from proofing_devtools.later_vendors import APPLICANT, HOUR, YES, put_in_place

SEED = int(os.environ.get("PROOFING_MODEL_SEED", "0")) or random.SystemRandom().randrange(1 << 31)
RUNS = int(os.environ.get("PROOFING_MODEL_RUNS", "250"))
PROCESSES = int(os.environ.get("PROOFING_MODEL_PROCESSES", "0")) or os.cpu_count() or 1
LONG_RUNS = 100_000
#: How many runs one process makes, so that its memory stays small.
RUNS_EACH = 5_000
#: How many of the runs have the store's threads.
WITH_THREADS = 0.1
#: Where a worker dies: around the call, and before or after what it writes.
DEATHS = ["before_ask", "after_ask", "update", "finish", "finished", "save"]


@dataclass
class Site:
    """The vendor: one session for each idempotency key, which a person decides."""

    sessions: Counter = field(default_factory=Counter)
    calls: int = 0
    is_interrupted: bool = False
    calls_after: int = 0
    question_id: str = ""
    reference: str = ""
    is_decided: bool = False
    has_expired: bool = False
    dies: str | None = None
    worker: asyncio.Task | None = None

    async def die(self, place):
        """Have the worker die here, once."""
        if self.dies == place and asyncio.current_task() is self.worker:
            self.dies = None
            self.worker.cancel()
            await asyncio.sleep(0)

    def count(self):
        """Count a call, and whether it comes after one that came to no end."""
        self.calls += 1
        self.calls_after += self.is_interrupted

    async def proof(self, request, context):
        self.count()
        await self.die("before_ask")
        with context.unbilled():
            self.sessions[context.idempotency_key] += 1
            self.question_id = context.question_id
        await self.die("after_ask")
        return self._answer(None)

    async def resume(self, request, pending, because, context):
        self.count()
        await self.die("before_ask")
        with context.unbilled():
            answer = self._answer(because)
        await self.die("after_ask")
        return answer

    def _answer(self, because):
        if self.is_decided and because is not None:
            return YES[ProoferKind.PHONE]
        if isinstance(because, Expired):
            self.has_expired = True
            raise VendorError(Cause.ABANDONED, "nobody came")
        leave = Leave("https://vendor.example/")
        return Pending(
            state={"id": "v"}, then=leave, expires_at=datetime.now(UTC) + HOUR, reference=self.reference
        )


class Posted:
    """A webhook that believes everything."""

    def receive(self, incoming, now):
        return Event(**{**json.loads(incoming.body), "kind": EventKind.READY}), Reply()


class Run:
    """One person, one job, one drawn history."""

    def __init__(self, running, number, seed):
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.running = running
        self.has_threads = self.random.random() < WITH_THREADS
        # Of a vendor that names no hosts nobody sees that its calls are free.
        self.is_billed = self.random.random() < 0.3
        hosts = frozenset() if self.is_billed else frozenset({"vendor.example"})
        self.vendor = put_in_place(
            running,
            ProoferKind.PHONE,
            Site(),
            continues=frozenset({Again, Leave}),
            webhook="acme",
            hosts=lambda _settings: hosts,
        )
        self.events = VendorEvents(running.runtime.parts, {"acme": LoadedWebhook(Posted(), 1000)})
        self.person = PersonRef(reference=f"person-{number}-{seed}")
        self.result_id = ""
        self.event_number = 0
        self.vendor.reference = f"v-{seed}"
        self.is_called_off = False
        self.history = []

    async def work(self):
        """Run what is ready; a worker that dies hands nothing back, and its job is found and run again."""
        self.vendor.worker = asyncio.current_task()
        try:
            await self.running.queue.drain(self.running.runtime.runner)
        except asyncio.CancelledError:
            self.vendor.worker.uncancel()
            intents = any(message.intents for message in self.running.queue.waiting)
            self.vendor.is_interrupted |= intents and self.is_billed
            self.history.append("died")

    async def event(self, *, is_new=True):
        """Deliver an event, perhaps once more."""
        self.event_number += is_new
        names = {"reference": self.vendor.reference}
        if self.vendor.question_id and self.random.random() < 0.7:
            names = {"question_id": self.vendor.question_id}
        body = json.dumps({"id": f"{self.person.reference}-{self.event_number}", **names}).encode()
        await self.events.receive("acme", Incoming(headers={}, body=body))

    async def decide_and_tell(self):
        self.vendor.is_decided = True
        await self.event()

    async def repeat(self):
        await self.event(is_new=False)

    async def come_back(self):
        if self.vendor.question_id:
            await self.events.returned(self.vendor.question_id)

    async def be_due(self):
        self.running.queue.wake_parked()
        await self.work()

    async def cancel(self):
        self.is_called_off = True
        await self.running.service.cancel(self.person, self.result_id, JobKind.PHONE)

    async def erase(self):
        self.is_called_off = True
        runtime = self.running.runtime
        eraser = make_eraser(runtime.configuration, runtime.backends, stop_seconds=0.05)
        await eraser.erase(self.person.reference)

    async def die_next(self):
        self.vendor.dies = self.random.choice(DEATHS)

    def draw(self):
        """Return the steps of this run, in pairs that happen at the same time."""
        often = [self.work, self.event, self.repeat, self.come_back, self.die_next, self.be_due]
        steps = [step for step in often for _ in range(self.random.randrange(3))]
        steps += [self.decide_and_tell] if self.random.random() < 0.7 else []
        steps += [self.cancel] if self.random.random() < 0.15 else []
        steps += [self.erase] if self.random.random() < 0.1 else []
        self.random.shuffle(steps)
        while steps:
            count = min(len(steps), self.random.choice([1, 1, 2]))
            yield [steps.pop() for _ in range(count)]

    async def play(self):
        """Submit, let the drawn history happen, and hold the end to what is promised."""
        service, queue = self.running.service, self.running.queue
        self.result_id = service.new_result_id()
        await service.submit_applicant(JobKind.PHONE, self.person, APPLICANT, result_id=self.result_id)
        for steps in self.draw():
            self.history.append([step.__name__ for step in steps])
            await asyncio.gather(*(step() for step in steps))
        self.vendor.dies = None
        await self.work()
        await self.work()
        record = await service.status(self.person, self.result_id, JobKind.PHONE)
        is_settled = self.vendor.has_expired or self.is_called_off or self.vendor.is_interrupted
        if self.vendor.is_decided and not is_settled:
            # Told by an event that was kept: no time had to pass.
            assert record is not None
            assert record.is_success, record
        for _ in range(4):
            # Two minutes after a return, and at the expiry.
            await self.be_due()
        again = await service.status(self.person, self.result_id, JobKind.PHONE)
        if self.is_called_off:
            assert again is None or again.is_done
        else:
            assert again is not None
            is_lost = again.end_state is EndState.UNKNOWN_OUTCOME and self.vendor.is_interrupted
            has_expired = self.vendor.has_expired and again.is_exception
            assert again.is_success or has_expired or is_lost, again
        if record is not None and record.is_done and again is not None:
            assert again == record
        assert len(self.vendor.sessions) <= 1
        assert self.vendor.calls_after == 0
        assert (queue.waiting, queue.parked, queue._running) == ([], [], {})
        if again is not None:
            assert await service.vendor_page(again) is None
        await self.event()
        await self.come_back()
        assert (queue.waiting, queue.parked) == ([], [])


@contextlib.contextmanager
def store_on_the_loop(runs):
    """Have the calls of the store run on the event loop, unless the last of *runs* has threads."""
    in_threads = BoundedThreads.run

    async def on_the_loop(self, function, *arguments, **options):
        run = runs[-1] if runs else None
        if run is None or run.has_threads:
            return await in_threads(self, function, *arguments, **options)
        await others_first(run)
        answer = function(*arguments, **options)
        await others_first(run)
        return answer

    async def others_first(run):
        for _ in range(run.random.choice([0, 1, 1, 2])):
            await asyncio.sleep(0)

    BoundedThreads.run = on_the_loop
    try:
        yield
    finally:
        BoundedThreads.run = in_threads


async def test_any_order_of_events(process, caplog, count_up):
    """A failure names the seed of its run: PROOFING_MODEL_SEED repeats it as the first."""
    runs = []
    async with process(
        ruby_workers_idv_enabled=True,
        proof_address_max_attempts=10_000_000,
        client_phone_max_attempts=10_000_000,
    ) as running:
        results = running.runtime.parts.results

        def dying(name):
            method = getattr(results, name)

            async def call(*arguments, **options):
                site = runs[-1].vendor
                await site.die(name)
                answer = await method(*arguments, **options)
                if name == "finish":
                    await site.die("finished")
                return answer

            return call

        for name in ("update", "finish", "save"):
            setattr(results, name, dying(name))
        gc.freeze()
        with store_on_the_loop(runs):
            for number in range(RUNS):
                seed = SEED + number
                run = Run(running, number, seed)
                runs[:] = [run]
                try:
                    await run.play()
                except Exception as error:
                    error.add_note(f"PROOFING_MODEL_SEED={seed} {run.history}")
                    raise
                # What they logged would fill the memory.
                caplog.clear()
                count_up(number + 1, RUNS)
        runs.clear()


@pytest.mark.chaos
async def test_any_order_of_events_at_length(claim, count_up):
    """A failure names the seed of its run, as the short form does."""
    waiting = list(range(0, LONG_RUNS, RUNS_EACH))
    done = 0

    async def work():
        nonlocal done
        while waiting:
            first = waiting.pop(0)
            child = await start_process_async(
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-q",
                    "-p",
                    "no:cacheprovider",
                    "-m",
                    "not chaos",
                    __file__,
                ),
                env={
                    **os.environ,
                    "PROOFING_MODEL_RUNS": str(RUNS_EACH),
                    "PROOFING_MODEL_SEED": str(SEED + first),
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _nothing = await child.communicate()
            assert child.returncode == 0, output.decode()[-20_000:]
            done += RUNS_EACH
            count_up(done, LONG_RUNS)

    async with asyncio.TaskGroup() as workers:
        for _ in range(PROCESSES):
            workers.create_task(work())
    claim(
        "R11",
        "Histories of a job that waits for its vendor, drawn at random: events, returns, expiries, deaths of "
        "the worker, cancel, erasure, in any order and at the same time",
        f"{done:,} of {LONG_RUNS:,}: one end, no wake-up lost, no billed call made twice, nothing left",
    )
