"""What a run writes down while it runs, and what the next one makes of it when it came to no end."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from proofing.base.errors import Cause, EncryptionError, LeaseLostError, StoreUnavailableError
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome, PhoneResult, ProoferKind
from proofing.crypto.contexts import answers_context, parked_context
from proofing.crypto.encryption import KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.questions import QuestionKey, QuestionLog
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing.testing.waiting import eventually
from proofing_devtools.capture import PERSON
from proofing_devtools.later_vendors import YES, Later, pending, put_in_place, submit

RESULT_ID = "00000000-0000-4000-8000-000000000001"
URL = "https://vendor.example/"


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(ruby_workers_idv_enabled=True, **values)


class Kept(MemoryJob):
    """Lists what is written: the question of an intent, and the steps of the answers.

    Attributes:
        failures: how often a write with answers fails yet.
    """

    def __init__(self, failures=0):
        message = JobMessage(result_id=RESULT_ID, kind=JobKind.RESOLUTION, owner="o", encrypted_arguments=b"")
        super().__init__(message, attempt=1)
        self.failures = failures
        self.writes = []

    async def record_intent(self, vendor_name, *, question, answers=None):
        await super().record_intent(vendor_name, question=question, answers=answers)
        self.writes.append((question, steps(answers)))

    async def record_answers(self, answers):
        if self.failures:
            self.failures -= 1
            raise LeaseLostError
        await super().record_answers(answers)
        self.writes.append((None, steps(answers)))


def steps(answers):
    """Return the steps whose *answers*, not sealed, were written."""
    return None if answers is None else [one["step"] for one in json.loads(answers)]


def number(step):
    """Return the number of the first question of *step*."""
    return QuestionKey(step, 0).number


class Caller:
    """Calls its vendor, and answers when it may."""

    def __init__(self, go=None):
        self.go = go

    async def proof(self, request, context):
        await context.http.get(URL)
        if self.go is not None:
            await self.go.wait()
        return YES[ProoferKind.PHONE]


def vendor(proofer):
    """Return a phone vendor."""
    descriptor = ProoferDescriptor(
        name="acme",
        kind=ProoferKind.PHONE,
        make=lambda *_: proofer,
        hosts=lambda _settings: frozenset({"vendor.example"}),
    )
    return LoadedProofer("acme", descriptor, None, make_process)


@pytest.fixture
async def begin():
    """Return a function that starts a run of a job."""
    fake = FakeVendor(lambda _request: httpx.Response(200, json={}))
    clients = VendorClientPool(OutboundTransport(transport=fake))
    way_back = WayBack(KeyRing(bytes(32)), "https://proofing.example.gov")
    runs = []

    def start(job, seal=keep_plain):
        runs.append(JobRun(job, clients, way_back, seal))
        return runs[-1]

    yield start
    for run in runs:
        run.close()
    await clients.close()


async def test_one_question_writes_its_intent_alone(begin):
    """Its answer is the job's end, which is written anyway."""
    job = Kept()
    await begin(job).ask(vendor(Caller()), ProofingRequest(), step="a")
    assert job.writes == [(number("a"), None)]


async def test_answers_go_along_with_the_next_intent(begin):
    """One write for each further question."""
    job = Kept()
    run = begin(job)
    for step in ("a", "b", "c"):
        await run.ask(vendor(Caller()), ProofingRequest(), step=step)
    assert job.writes == [(number("a"), None), (number("b"), ["a"]), (number("c"), ["a", "b"])]


async def test_an_answer_is_written_while_another_question_is_open(begin):
    """Once, a moment later, and without anybody's doing."""
    job, go = Kept(), asyncio.Event()
    run = begin(job)
    slow = asyncio.create_task(run.ask(vendor(Caller(go)), ProofingRequest(), step="slow"))
    await eventually(lambda: job.writes)
    await run.ask(vendor(Caller()), ProofingRequest(), step="quick")
    await eventually(lambda: (None, ["quick"]) in job.writes)
    go.set()
    await slow
    assert sorted(job.writes, key=str) == sorted(
        [(number("slow"), None), (number("quick"), None), (None, ["quick"])], key=str
    )


async def test_a_lost_lease_ends_the_writing(begin):
    """The next intent tells the run of it."""
    job, go = Kept(failures=1), asyncio.Event()
    run = begin(job)
    slow = asyncio.create_task(run.ask(vendor(Caller(go)), ProofingRequest(), step="slow"))
    await eventually(lambda: job.writes)
    await run.ask(vendor(Caller()), ProofingRequest(), step="quick")
    await eventually(lambda: job.failures == 0)
    go.set()
    await slow
    assert (None, ["quick"]) not in job.writes


async def test_without_a_key_service_intents_are_written_all_the_same(begin):
    """What cannot be sealed is not kept, and is with the next intent once it can be."""
    job, outages = Kept(), [StoreUnavailableError("away")]

    async def seal(answers):
        if outages:
            raise outages.pop()
        return answers

    run = begin(job, seal)
    for step in ("a", "b", "c"):
        await run.ask(vendor(Caller()), ProofingRequest(), step=step)
    assert job.writes == [(number("a"), None), (number("b"), None), (number("c"), ["a", "b"])]


class Worker:
    """Dies in the middle of a question."""

    def __init__(self, running):
        self.running = running
        self.task = None

    async def work(self):
        """Run what is ready until it is done, or this dies."""
        self.task = asyncio.current_task()
        try:
            return await self.running.drain()
        except asyncio.CancelledError:
            self.task.uncancel()
            return []


def killing(worker, *answers, after=None):
    """Return a vendor in whose first call *worker* dies, once the vendor *after* was asked."""

    class Killer(Later):
        async def proof(self, request, context):
            if not self.calls:
                self.calls.append(None)
                if after is not None:
                    await eventually(lambda: after.calls)
                worker.task.cancel()
                await asyncio.Event().wait()
            return await super().proof(request, context)

    return Killer(*answers)


async def test_a_call_that_came_to_no_end_is_not_made_again(jobs):
    """Its job ends as unknown, and the attempt is refunded."""
    async with jobs() as running:
        worker = Worker(running)
        vendor = put_in_place(running, ProoferKind.PHONE, killing(worker, YES[ProoferKind.PHONE]))
        result_id = await submit(running)
        assert await worker.work() == []
        (record,) = await worker.work()
        assert record.end_state is EndState.UNKNOWN_OUTCOME
        assert len(vendor.calls) == 1
        assert await running.service.status(PERSON, result_id, JobKind.PHONE) == record


async def test_answers_of_before_are_not_asked_for_again(jobs):
    """Only the question in whose call the worker died has none, and the rules needed it."""
    async with jobs(device_profiling_enabled=True) as running:
        worker = Worker(running)
        device = put_in_place(running, ProoferKind.DEVICE, Later(YES[ProoferKind.DEVICE]))
        resolution = put_in_place(running, ProoferKind.RESOLUTION, Later(YES[ProoferKind.RESOLUTION]))
        state_id = put_in_place(running, ProoferKind.STATE_ID, killing(worker, YES[ProoferKind.STATE_ID]))
        await submit(running, JobKind.RESOLUTION)
        assert await worker.work() == []
        (record,) = await worker.work()
    assert record.end_state is EndState.UNKNOWN_OUTCOME
    assert [len(one.calls) for one in (device, resolution, state_id)] == [1, 1, 1]


async def test_a_question_that_the_rules_can_do_without(jobs):
    """A phone vendor's answer is lost, and the next vendor in order says yes."""
    async with jobs(phone_vendors=["mock", "mock:polling"]) as running:
        worker = Worker(running)
        put_in_place(running, ProoferKind.PHONE, killing(worker))
        other = put_in_place(running, ProoferKind.PHONE, Later(YES[ProoferKind.PHONE]), name="mock:polling")
        await submit(running)
        assert await worker.work() == []
        (record,) = await worker.work()
    assert record.is_success
    assert len(other.calls) == 1


async def test_a_parked_question_whose_call_came_to_no_end(jobs):
    """It is not resumed again; what was answered before the park is known still."""
    async with jobs(device_profiling_enabled=True) as running:
        worker = Worker(running)

        class Dies(Later):
            async def resume(self, request, pending, because, context):
                self.calls.append(None)
                worker.task.cancel()
                await asyncio.Event().wait()

        device = put_in_place(running, ProoferKind.DEVICE, Later(YES[ProoferKind.DEVICE]))
        resolution = put_in_place(running, ProoferKind.RESOLUTION, Dies(pending()))
        await submit(running, JobKind.RESOLUTION)
        assert await worker.work() == []
        running.queue.wake_parked()
        assert await worker.work() == []
        (record,) = await worker.work()
    assert record.end_state is EndState.UNKNOWN_OUTCOME
    assert [len(device.calls), len(resolution.calls)] == [1, 2]


async def test_a_call_that_came_to_no_end_is_not_made_again_after_a_park(jobs):
    """The park keeps what the intents have said until then."""
    async with jobs(device_profiling_enabled=True) as running:
        worker = Worker(running)
        resolution = Later(pending(), pending(), YES[ProoferKind.RESOLUTION])
        killer = killing(worker, YES[ProoferKind.DEVICE], after=resolution)
        device = put_in_place(running, ProoferKind.DEVICE, killer)
        put_in_place(
            running,
            ProoferKind.RESOLUTION,
            resolution,
            # Its calls are free, so it is asked again.
            hosts=lambda _settings: frozenset({"vendor.example"}),
        )
        await submit(running, JobKind.RESOLUTION)
        assert await worker.work() == []
        assert await worker.work() == []
        running.queue.wake_parked()
        (record,) = await worker.work()
    assert record.end_state is EndState.UNKNOWN_OUTCOME
    assert len(device.calls) == 1


async def test_answers_open_for_their_job_alone(jobs):
    """They are sealed for the workers, and bound to the job."""
    async with jobs(phone_vendors=["mock", "mock:polling"]) as running:
        worker = Worker(running)
        put_in_place(
            running,
            ProoferKind.PHONE,
            Later(PhoneResult(vendor_name="later", outcome=Outcome.FAILED, reasons=("phone_mismatch",))),
        )
        put_in_place(running, ProoferKind.PHONE, killing(worker), name="mock:polling")
        await submit(running)
        assert await worker.work() == []
        (message,) = running.queue.waiting
        sealer = running.runtime.parts.sealer
        assert message.answers is not None
        assert b"phone_mismatch" not in message.answers
        with pytest.raises(EncryptionError):
            await sealer.open(message.answers, parked_context(message))
        another = replace(message, result_id=RESULT_ID)
        with pytest.raises(EncryptionError):
            await sealer.open(message.answers, answers_context(another))
        opened = QuestionLog.answers_from_bytes(await sealer.open(message.answers, answers_context(message)))
        assert opened.answered_numbers == {number("address")}


@pytest.mark.parametrize("data", [b"", b"[]x", b'[{"step": "a"}]', b"null"])
def test_other_bytes_are_no_answers(data):
    """They do not open, and nothing else happens."""
    with pytest.raises(EncryptionError):
        QuestionLog.answers_from_bytes(data)


async def test_an_interrupted_question_is_an_error_that_may_be_billed(begin):
    """Its vendor is not called, and the facts of the run say why."""
    message = replace(Kept().message, intents=(number("a"),))
    run = begin(MemoryJob(message, attempt=2))
    check = await run.ask(vendor(Caller()), ProofingRequest(), step="a")
    assert (check.error.cause, check.error.billed) == (Cause.INTERRUPTED, True)
    assert [one["cause"] for one in run.calls] == ["interrupted"]
    assert run.job.intents == []
