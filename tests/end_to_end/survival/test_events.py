"""Events of thousands of visits at a vendor: out of order, doubled, lost, forged, early and late.

In one process, on the real queues and stores. Each visit draws what happens in it; whatever it draws, its
check ends once, as the vendor has decided.
"""

import asyncio
import json
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import yaml

from proofing import bootstrap
from proofing.base.errors import Cause, QueueUnavailableError, StoreUnavailableError, VendorError
from proofing.contracts.continuation import Event, EventKind, Expired, Leave, Pending
from proofing.contracts.people import PersonRef
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome, PhoneResult, ProoferKind
from proofing.contracts.webhooks import Incoming, NotAuthenticError, Reply
from proofing.jobs.events import VendorEvents
from proofing.registry.plugins import LoadedWebhook
from proofing.testing.waiting import eventually
from proofing_devtools.later_vendors import APPLICANT, put_in_place

SEED = int(os.environ.get("PROOFING_EVENTS_SEED", "0")) or random.SystemRandom().randrange(1 << 31)
SHAPES = ["postgres", "huey on SQLite", "huey on Redis"]
RUNS = [pytest.param(100, id="short"), pytest.param(10_000, id="long", marks=pytest.mark.chaos)]
#: Visits at the same time.
AT_ONCE = 20
HOUR_SECONDS = 3600.0
#: When a visit ends of which nobody hears anything.
SHORT_SECONDS = 2.0
PATIENCE_SECONDS = 120


@dataclass
class Visit:
    """One person at the vendor.

    Attributes:
        decision: what the vendor will say; None for nothing, as when the person gives up.
        is_told: whether anything that tells of the decision gets through; else the expiry finds it.
        is_decided: whether the decision has been made.
        keys: idempotency keys of the calls that opened it.
        asked: set once it was opened.
        early: what the vendor posts before its answer to that.
    """

    random: random.Random
    reference: str
    decision: Outcome | None
    is_told: bool
    is_decided: bool = False
    question_id: str = ""
    keys: set[str] = field(default_factory=set)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    early: list[bytes] = field(default_factory=list)


class Vendor:
    """Sends everybody away, and knows what became of them."""

    def __init__(self):
        self.visits = {}
        self.events = None

    async def proof(self, _request, context):
        """Open the visit of a question; what it says early comes before the job is parked."""
        visit = self.visits[self.events._way_back.read(context.question_id).result_id]
        with context.unbilled():
            visit.keys.add(context.idempotency_key)
        visit.question_id = context.question_id
        if not visit.is_told:
            visit.is_decided = visit.decision is not None
        while visit.early:
            await self.post(visit.early.pop())
        visit.asked.set()
        seconds = HOUR_SECONDS if visit.is_told else SHORT_SECONDS
        return Pending(
            state={"visit": visit.reference},
            then=Leave("https://vendor.example/visit"),
            expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
            reference=visit.reference,
        )

    async def resume(self, _request, pending, because, context):
        """Look what was decided."""
        question = self.events._way_back.read(context.question_id)
        visit = self.visits[question.result_id]
        if visit.is_decided:
            return PhoneResult(vendor_name="mock", outcome=visit.decision)
        if isinstance(because, Expired):
            raise VendorError(Cause.ABANDONED, "nobody came")
        return pending

    async def post(self, body, *, name="acme", secret="right"):  # noqa: S107 - of no vendor
        """Post an event, again until it is answered for good; return with what."""

        async def answer():
            reply = await self.events.receive(name, Incoming(headers={"secret": secret}, body=body))
            return None if reply.status == 503 else reply.status

        return await repeat(answer)


async def repeat(act):
    """Do something again until it is done, as vendors and people do whom a busy machine turns away."""

    async def answer():
        try:
            return await act()
        except (QueueUnavailableError, StoreUnavailableError):
            return None

    return await eventually(answer, within_seconds=PATIENCE_SECONDS)


class Posted:
    """A webhook whose posts are the fields of an event, with a secret as their signature."""

    def receive(self, incoming, now):
        """Judge a post."""
        if incoming.headers["secret"] != "right":
            raise NotAuthenticError
        values = json.loads(incoming.body)
        return Event(**{**values, "kind": EventKind(values["kind"])}), Reply()


def draw(seed):
    """Return a visit."""
    drawn = random.Random(seed)  # noqa: S311 - no secret
    decision = drawn.choice([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.REVIEW, None])
    is_told = decision is not None and drawn.random() < 0.8
    return Visit(random=drawn, reference=f"visit-{seed}", decision=decision, is_told=is_told)


class History:
    """What happens in one visit, from the submit on."""

    def __init__(self, visit, vendor, service):
        self.visit, self.vendor, self.service = visit, vendor, service
        self.random = visit.random
        self.person, self.result_id = PersonRef(reference=f"of-{visit.reference}"), service.new_result_id()
        vendor.visits[self.result_id] = visit

    def event(self, number, kind="progress"):
        """Return an event, by our id of the question or by the vendor's."""
        names = {"reference": self.visit.reference}
        if self.visit.question_id and self.random.random() < 0.5:
            names = {"question_id": self.visit.question_id}
        return json.dumps({"id": f"{self.visit.reference}-{number}", "kind": kind, **names}).encode()

    async def progress(self):
        """An event that says little, perhaps lost, perhaps more than once."""
        body = self.event(self.random.random())
        for _ in range(self.random.choice([0, 1, 1, 2])):
            await self.vendor.post(body)

    async def forge(self):
        """An event that is not the vendor's."""
        assert await self.vendor.post(self.event("forged", "ready"), secret="wrong") == 401

    async def mistake(self):
        """An event by the webhook of another vendor."""
        await self.vendor.post(self.event("mistake", "ready"), name="other")

    async def come_back(self):
        """The person returns, perhaps before anything is decided."""
        await repeat(lambda: self.vendor.events.returned(self.visit.question_id))

    async def decide(self):
        """The vendor decides; of what tells of that some is lost, and something gets through."""
        self.visit.is_decided = True
        told = self.event("last", "ready")
        steps = [lambda: self.vendor.post(told), lambda: self.vendor.post(told), self.come_back]
        for step in self.random.sample(steps, self.random.randrange(1, 4)):
            await step()

    def draw(self):
        """Return what happens, in no order."""
        happen = [self.progress] * self.random.randrange(3)
        happen += [step for step in (self.forge, self.mistake) if self.random.random() < 0.3]
        if self.visit.is_told:
            happen += [self.come_back] * (self.random.random() < 0.2)
            happen.append(self.decide)
        self.random.shuffle(happen)
        return happen

    async def play(self):
        """Submit a check, have the drawn things happen, and return its end."""
        visit = self.visit
        visit.early = [self.event(f"early-{number}") for number in range(self.random.randrange(3))]
        await self.service.submit_applicant(JobKind.PHONE, self.person, APPLICANT, result_id=self.result_id)
        await asyncio.wait_for(visit.asked.wait(), PATIENCE_SECONDS)
        happen = self.draw()
        while happen:
            count = min(len(happen), self.random.choice([1, 1, 2]))
            await asyncio.gather(*(happen.pop()() for _ in range(count)))
        record = await eventually(self.end, within_seconds=PATIENCE_SECONDS)
        for number in ("last", "late"):
            await self.vendor.post(self.event(number, "ready"))
        await self.come_back()
        assert await self.end() == record
        return record

    async def end(self):
        """Return the end of the check, waiting a moment for it."""
        record = await self.service.wait(
            self.person, self.result_id, JobKind.PHONE, timeout_seconds=5.0, ends_only=True
        )
        return record if record and record.is_done else None


def check(visit, record):
    """Hold an end to what the vendor has decided."""
    if visit.decision is None:
        assert record.end_state is EndState.VENDOR_EXCEPTION, record
    else:
        assert (record.end_state, record.outcome) == (EndState.DONE, visit.decision), record
    assert len(visit.keys) == 1


@pytest.mark.parametrize("count", RUNS)
@pytest.mark.parametrize("shape", SHAPES)
async def test_events_in_any_order(run_shape, tmp_path, caplog, *, claim, count_up, shape, count):
    """A failure names the seed of its visit: PROOFING_EVENTS_SEED repeats it as the first."""
    print(f"PROOFING_EVENTS_SEED={SEED}")  # noqa: T201 - for a run that ends no other way
    async with AsyncExitStack() as stack:
        settings, _servers = await stack.enter_async_context(run_shape(tmp_path, shape))
        settings["proof_address_max_attempts"] = 10
        # Nobody dies here, and a busy machine must not look like it: longer deadlines, and the usual leases.
        settings |= {"async_wait_timeout_seconds": 300.0, "job_deadline_seconds": 240.0}
        if "postgres" in settings:
            settings["postgres"] = {"dsn": settings["postgres"]["dsn"], "timeout_seconds": 20.0}
        else:
            settings["huey"]["timeout_seconds"] = 20.0
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": settings}))
        configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"}, role="run")
        await bootstrap.make_backends(configuration, "migrate").queue.migrate()
        runtime = await stack.enter_async_context(bootstrap.start(configuration, "run"))
        vendor = Vendor()
        webhooks = {name: LoadedWebhook(Posted(), 4096) for name in ("acme", "other")}
        vendor.events = VendorEvents(runtime.parts, webhooks)
        stack.callback(vendor.events.close)
        running = SimpleNamespace(runtime=runtime)
        put_in_place(running, ProoferKind.PHONE, vendor, continues=frozenset({Leave}), webhook="acme")
        stop = asyncio.Event()
        working = asyncio.create_task(runtime.worker.work(stop))
        limit = asyncio.Semaphore(AT_ONCE)
        ended = Counter()

        async def one(seed):
            async with limit:
                visit = draw(seed)
                try:
                    record = await History(visit, vendor, runtime.service).play()
                    check(visit, record)
                except BaseException as error:
                    error.add_note(f"PROOFING_EVENTS_SEED={seed}")
                    raise
                ended[record.outcome if record.end_state is EndState.DONE else "expired"] += 1
                # What they logged would fill the memory.
                caplog.clear()
                count_up(ended.total(), count)

        async with asyncio.TaskGroup() as visits:
            for number in range(count):
                visits.create_task(one(SEED + number))
        stop.set()
        await working
        assert await runtime.backends.queue.parked_by_vendor() == {}
        assert sum((await runtime.backends.queue.stats()).waiting.values()) == 0
    ends = ", ".join(f"{number:,} {name}" for name, number in sorted(ended.items()))
    claim(
        "R12",
        f"Visits at a vendor whose events are shuffled, doubled, lost, forged, early and late ({shape})",
        f"{ended.total():,} of {count:,} ended once, as the vendor has decided: {ends}",
    )
