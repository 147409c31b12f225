"""The life of a job: every end, publishing through outages, refunds, and the summary line."""

import asyncio
import json
import logging
from dataclasses import replace

import pytest

from proofing.base import logs
from proofing.base.errors import ImageNotFoundError, LeaseLostError, StoreError, StoreUnavailableError
from proofing.base.logs import JSONFormatter
from proofing.base.typed_json import read_typed
from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import CoreAttribute, Evidence
from proofing.contracts.job_results import DocumentJobResult, ResolutionJobResult
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome, ProoferKind, ResolutionResult
from proofing.crypto.contexts import arguments_context, result_context
from proofing.jobs import runner as runner_module
from proofing.jobs.arguments import DocumentArguments, JobResult, PIIArguments
from proofing.jobs.dependencies import Deadlines
from proofing.jobs.kinds import job_type
from proofing.jobs.start_marks import start_mark
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob
from proofing_devtools.capture import DEVICE

CANARY = Canary(seed=77)
#: One that the mock vendor passes.
PERSON = CANARY.applicant.merge({"document_type_received": "drivers_license"})

#: Tries follow each other without waiting, for a tenth of a second.
QUICK = Deadlines(publish_seconds=0.1, publish_wait_seconds=0.001)


@pytest.fixture
def lines():
    """Every line that is logged, as the product writes it; unregistered fields are errors."""
    kept = []

    class Keeper(logging.Handler):
        def emit(self, record):
            kept.append(json.loads(JSONFormatter("worker").format(record)))

    root = logging.getLogger("proofing")
    before = (root.level, root.propagate)
    handler = Keeper()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logs.strict_fields(on=True)
    yield kept
    logs.strict_fields(on=False)
    root.removeHandler(handler)
    root.level, root.propagate = before


async def message_of(runtime, arguments=None, *, kind=JobKind.RESOLUTION, **changes):
    """Return a sealed job for *arguments*, begun in the result store."""
    runner = runtime.runner
    arguments = arguments or PIIArguments(applicant=PERSON, **DEVICE)
    result_id = changes.pop("result_id", "8a0f5b3e-8c1c-4b8e-9d3a-0c5f2b7e4a11")
    message = JobMessage(result_id=result_id, kind=kind, owner="owner-1", encrypted_arguments=b"")
    sealed = await runner._sealer.seal(arguments.to_bytes(), arguments_context(message))
    return replace(message, encrypted_arguments=sealed, **changes)


class Flaky:
    """A store whose named methods raise a number of times, before or after they did their work."""

    def __init__(self, store, *, after=False, **faults):
        self._store = store
        self._after = after
        self._faults = faults
        self.calls = []

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name == "now":
            return method

        async def call(*arguments, **options):
            self.calls.append((name, arguments))
            fault = self._faults.get(name)
            if not fault:
                return await method(*arguments, **options)
            error, times = fault
            self._faults[name] = (error, times - 1) if times > 1 else None
            if self._after:
                await method(*arguments, **options)
            raise error

        return call


AWAY = StoreUnavailableError("away")


def do_instead(monkeypatch, work):
    """Have jobs of every kind do *work* in place of their own."""
    monkeypatch.setattr(runner_module, "job_type", lambda kind: replace(job_type(kind), work=work))


async def test_a_job_ends_and_is_reported_in_one_line(process, lines):
    """Record, sealed result and summary; the line has the timings and no personal data."""
    async with process() as running:
        message = await message_of(running.runtime)
        record = await running.runtime.runner.run(MemoryJob(message, attempt=2, age_seconds=1.5))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
        assert await running.runtime.backends.results.status(message.result_id) == record
        blob = await running.runtime.backends.results.result(message.result_id)
        context = result_context("owner-1", message.result_id)
        opened = await running.runtime.runner._sealer.open(blob, context)
        result = read_typed(ResolutionJobResult, opened)
        assert set(result.evidence.confirmed) == set(CoreAttribute)
        assert replace(result, evidence=Evidence()) == ResolutionJobResult(
            checks={
                "resolution": "passed",
                "residential_address": "not_checked",
                "state_id": "passed",
                "device": "passed",
                "phone_precheck": "not_checked",
            }
        )
    (start,) = [line for line in lines if line["name"] == "perform_start"]
    (line,) = [line for line in lines if line["name"] == "perform"]
    assert (start["attempt"], start["queued_duration_ms"]) == (2, 1500.0)
    assert (line["job_class"], line["job_id"]) == ("ProofResolution", message.result_id)
    assert (line["end_state"], line["outcome"], line["success"]) == ("done", "passed", True)
    assert set(line["timing"]) >= {"device", "resolution"}
    assert {call["vendor"] for call in line["vendors"]} == {"mock"}
    assert "name:authoritative" in line["evidence"]
    assert line["duration_ms"] >= line["idle_time_ms"] >= 0
    assert CANARY.find_leaks(json.dumps(lines)) == []
    assert CANARY.find_leaks(record.to_json()) == []


class Answers:
    """A proofer that does what a test says."""

    def __init__(self, work):
        self.work = work

    async def proof(self, request, context):
        found = self.work()
        return await found if asyncio.iscoroutine(found) else found


def put_in_place(running, kind, work):
    """Put a proofer into the place of the mock."""
    descriptor = ProoferDescriptor(
        name="mock", kind=kind, make=lambda *_: Answers(work), maturity=Maturity.MOCK
    )
    loaded = running.runtime.configuration.plugins.proofers[kind, "mock"]
    loaded.descriptor = descriptor
    loaded.__dict__.pop("proofer", None)


def fail(error):
    """Raise *error* from an expression."""
    raise error


async def test_a_stale_job_calls_nobody(process, lines):
    """Waited longer than its limit: typed, without a vendor call or an intent."""
    async with process() as running:
        job = MemoryJob(await message_of(running.runtime), attempt=1, age_seconds=301)
        assert (await running.runtime.runner.run(job)).end_state is EndState.STALE
        assert job.intents == []
    assert [line["vendors"] for line in lines if line["name"] == "perform"] == [[]]


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"schema_version": 2}, EndState.UNREADABLE),
        ({"encrypted_arguments": b"\x00" * 300}, EndState.DECRYPT_ERROR),
        ({"owner": "owner-2"}, EndState.DECRYPT_ERROR),
        ({"kind": JobKind.DOCUMENT}, EndState.DECRYPT_ERROR),
    ],
)
async def test_a_message_that_is_not_ours_calls_nobody(process, changes, end):
    """Another version, tampered, another owner's, or another kind's."""
    async with process() as running:
        message = replace(await message_of(running.runtime), **changes)
        job = MemoryJob(message, attempt=1)
        assert (await running.runtime.runner.run(job)).end_state is end
        assert job.intents == []


async def test_a_slow_job_ends_at_its_deadline(process):
    """What waits for no vendor is ended as well: here the key service hangs."""
    async with process() as running:
        message = await message_of(running.runtime, deadline_seconds=0.05)
        runner = running.runtime.runner
        runner._sealer = Hanging(runner._sealer)
        record = await runner.run(MemoryJob(message, attempt=1))
        assert (record.end_state, record.timed_out) == (EndState.TIMED_OUT, True)


class Hanging:
    """A sealer whose `open` never comes back."""

    def __init__(self, sealer):
        self.seal = sealer.seal

    async def open(self, blob, context):
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (lambda: fail(ValueError(PERSON.ssn)), EndState.PLUGIN_ERROR),
        (lambda: fail(SystemExit(PERSON.ssn)), EndState.PLUGIN_ERROR),
        (lambda: "passed", EndState.PLUGIN_ERROR),
        (
            lambda: ResolutionResult(vendor_name="x", outcome=Outcome.PASSED, reasons=(b"x",)),
            EndState.PLUGIN_ERROR,
        ),
        (lambda: ResolutionResult(vendor_name=b"x", outcome=Outcome.FAILED), EndState.PLUGIN_ERROR),
    ],
)
async def test_a_broken_plugin_ends_the_job_typed(process, lines, work, end):
    """Whatever it raises or answers; nothing of it shows."""
    async with process() as running:
        put_in_place(running, ProoferKind.RESOLUTION, work)
        record = await running.runtime.runner.run(MemoryJob(await message_of(running.runtime), attempt=1))
        assert (record.end_state, record.outcome) == (end, Outcome.UNKNOWN)
    assert CANARY.find_leaks(json.dumps(lines)) == []


async def test_an_error_of_ours_ends_the_job_typed(process, lines, monkeypatch):
    """A bug is reported by class and frames; the page hears that something went wrong."""
    do_instead(monkeypatch, lambda *_: fail(ZeroDivisionError(PERSON.ssn)))
    async with process() as running:
        record = await running.runtime.runner.run(MemoryJob(await message_of(running.runtime), attempt=1))
        assert record.end_state is EndState.INTERNAL_ERROR
    (line,) = [line for line in lines if line["name"] == "perform"]
    assert line["exception_class"] == "ZeroDivisionError"
    assert line["exception_backtrace"]
    assert CANARY.find_leaks(json.dumps(lines)) == []


@pytest.mark.parametrize(
    ("error", "end", "reasons"),
    [
        (ImageNotFoundError("gone"), EndState.BAD_IMAGE, ("missing",)),
        (StoreError("too long"), EndState.INTERNAL_ERROR, ()),
        (BaseExceptionGroup("g", [KeyError("x"), ExceptionGroup("h", [ImageNotFoundError("gone")])]),
         EndState.BAD_IMAGE, ("missing",)),
    ],
)  # fmt: skip
async def test_errors_of_stores_and_groups(process, monkeypatch, error, end, reasons):
    """Our first error in a group decides."""
    do_instead(monkeypatch, lambda *_: fail(error))
    async with process() as running:
        record = await running.runtime.runner.run(MemoryJob(await message_of(running.runtime), attempt=1))
        assert (record.end_state, record.reasons) == (end, reasons)


@pytest.mark.parametrize("end", list(EndState))
async def test_every_end_can_be_published(process, lines, end):
    """`discard` publishes any end, and says so in one line."""
    async with process() as running:
        message = await message_of(running.runtime)
        record = await running.runtime.runner.discard(message, end)
        assert (await running.runtime.backends.results.status(message.result_id)).end_state is end
        assert record.outcome is Outcome.UNKNOWN
        assert runner_module.is_genuine(running.service._tracker._keys, record)
    assert [line["end_state"] for line in lines if line["name"] == "discard"] == [end.value]


@pytest.mark.parametrize("first", [asyncio.CancelledError, LeaseLostError])
async def test_a_job_that_is_taken_back_publishes_nothing(process, lines, monkeypatch, first):
    """Neither record nor result nor refunds; the line is written anyway."""
    do_instead(monkeypatch, lambda *_: fail(first()))
    async with process() as running:
        message = await message_of(running.runtime, counter_keys=("c",))
        await running.runtime.backends.results.count("c", maximum=5, window_seconds=60)
        with pytest.raises(first):
            await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert await running.runtime.backends.results.status(message.result_id) is None
        assert (await running.runtime.backends.results.usage("c")).count == 1
    (line,) = [line for line in lines if line["name"] == "perform"]
    assert (line["success"], line["exception_class_warn"]) == (False, first.__name__)
    assert "end_state" not in line


async def test_a_lost_lease_within_side_by_side_calls_is_seen(process):
    """Also when it comes out of a group of tasks."""

    class Lost(MemoryJob):
        async def record_intent(self, vendor_name, *, question, answers=None):
            raise LeaseLostError

    async with process() as running:
        message = await message_of(running.runtime)
        with pytest.raises(LeaseLostError):
            await running.runtime.runner.run(Lost(message, attempt=1))
        assert await running.runtime.backends.results.status(message.result_id) is None


@pytest.mark.parametrize("after", [False, True], ids=["before writing", "after writing"])
async def test_publishing_waits_for_the_store_to_come_back(process, after):
    """The end is published once, however often the store went away, and whatever it had written."""
    async with process(deadlines=QUICK) as running:
        real = running.runtime.backends.results
        running.runtime.runner._results = Flaky(real, after=after, finish=(AWAY, 3))
        message = await message_of(running.runtime, counter_keys=("c",))
        for _ in range(3):
            await real.count("c", maximum=5, window_seconds=60)
        record = await running.runtime.runner.discard(message, EndState.WORKER_LOST)
        assert await real.status(message.result_id) == record
        assert (await real.usage("c")).count == 2


async def test_a_store_that_stays_away(process, lines):
    """The verdict is returned for the queue to keep, and the line says that nobody saw it."""
    async with process(deadlines=QUICK) as running:
        running.runtime.runner._results = Flaky(
            running.runtime.backends.results, finish=(AWAY, 10**9), refund=(AWAY, 10**9)
        )
        message = await message_of(running.runtime)
        record = await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
    names = [line["name"] for line in lines]
    assert names.index("publish_failed") < names.index("perform")


@pytest.mark.parametrize(
    ("kind", "end"), [(JobKind.RESOLUTION, EndState.DONE), (JobKind.DOCUMENT, EndState.INTERNAL_ERROR)]
)
async def test_when_sealing_fails(process, kind, end):
    """A verdict is valid without its result, except for a document, whose result is what the page needs."""
    async with process(deadlines=QUICK) as running:
        runner = running.runtime.runner
        message = await message_of(running.runtime, kind=kind)
        runner._sealer = Flaky(runner._sealer, seal=(AWAY, 10**9))
        conclusion = JobResult(outcome=Outcome.PASSED, result=DocumentJobResult())
        record = await runner._publish(message, conclusion)
        assert record.end_state is end
        assert await running.runtime.backends.results.result(message.result_id) is None


async def test_a_result_of_wrong_types_ends_typed(process):
    """What a vendor left in a result is of the type that the result says, or it is its plugin's fault."""
    async with process() as running:
        runner = running.runtime.runner
        cases = (("MARIGOLD", EndState.DONE), (7, EndState.PLUGIN_ERROR), (object(), EndState.PLUGIN_ERROR))
        for number, (name, end) in enumerate(cases):
            message = await message_of(running.runtime, result_id=f"r-{number}", kind=JobKind.DOCUMENT)
            result = DocumentJobResult(applicant=Applicant(first_name=name))
            record = await runner._publish(message, JobResult(outcome=Outcome.PASSED, result=result))
            assert record.end_state is end


async def test_the_first_end_wins(process):
    """Two ends of one job: the second changes nothing, refunds nothing, and returns the first."""
    async with process() as running:
        real = running.runtime.backends.results
        message = await message_of(running.runtime, counter_keys=("c",))
        for _ in range(3):
            await real.count("c", maximum=5, window_seconds=60)
        first = await running.runtime.runner.discard(message, EndState.CANCELED)
        second = await running.runtime.runner.run(MemoryJob(message, attempt=1))
        third = await running.runtime.runner.discard(message, EndState.WORKER_LOST)
        assert first == second == third
        assert (await real.usage("c")).count == 2


async def test_an_answer_is_charged(process):
    """A verdict of the vendors is charged, whichever it is."""
    async with process() as running:
        real = running.runtime.backends.results
        await real.count("c", maximum=5, window_seconds=60)
        message = await message_of(running.runtime, counter_keys=("c",))
        assert (await running.runtime.runner.run(MemoryJob(message, attempt=1))).end_state is EndState.DONE
        assert (await real.usage("c")).count == 1


async def test_a_job_that_was_called_off_asks_no_vendor(process):
    """Not even when the record of it is lost: calling off and starting set the same mark."""
    async with process() as running:
        message = await message_of(running.runtime)
        mark = start_mark(message.result_id, running.service.settings, canceled=True)
        await running.runtime.backends.results.add(mark.key, mark.value, ttl_seconds=60)
        job = MemoryJob(message, attempt=1)
        assert (await running.runtime.runner.run(job)).end_state is EndState.CANCELED
        assert job.intents == []


async def test_a_job_that_comes_back_runs(process):
    """The mark of a first start, whose worker died, keeps nobody from the second."""
    async with process() as running:
        message = await message_of(running.runtime)
        mark = start_mark(message.result_id, running.service.settings)
        await running.runtime.backends.results.add(mark.key, mark.value, ttl_seconds=60)
        assert (await running.runtime.runner.run(MemoryJob(message, attempt=2))).end_state is EndState.DONE


async def test_images_are_deleted_although_a_counter_fails(process, lines):
    """One store that is down does not keep the other's work from being done."""
    async with process() as running:
        runner = running.runtime.runner
        runner._results = Flaky(running.runtime.backends.results, refund=(AWAY, 1))
        runner._images = Flaky(running.runtime.backends.images)
        message = await message_of(
            running.runtime, counter_keys=("c",), object_keys=("captures/a", "captures/b")
        )
        await runner.discard(message, EndState.STALE)
        assert {arguments for _, arguments in runner._images.calls} == {("captures/a",), ("captures/b",)}
    assert [line["name"] for line in lines].count("cleanup_failed") == 1


async def test_a_document_job_without_images_is_refused(process):
    """Arguments that open and hold nothing name the missing sides, and nobody is called."""
    async with process() as running:
        message = await message_of(running.runtime, DocumentArguments(), kind=JobKind.DOCUMENT)
        job = MemoryJob(message, attempt=1)
        record = await running.runtime.runner.run(job)
        assert (record.end_state, record.outcome) == (EndState.BAD_IMAGE, Outcome.UNKNOWN)
        assert set(record.fields) == {"front", "back"}
        assert job.intents == []


async def test_a_phone_job_without_a_vendor(process):
    """With every phone vendor out, the job is an exception that says so."""
    async with process(vendor_status={"mock": "full_outage"}) as running:
        message = await message_of(running.runtime, kind=JobKind.PHONE)
        record = await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert (record.end_state, record.reasons) == (EndState.VENDOR_UNAVAILABLE, ("no_phone_vendor",))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"{}", b"null", b'{"applicant_pii":7}', b'{"images":{"x":{}}}']
)
@pytest.mark.parametrize("kind", [DocumentArguments, PIIArguments])
def test_arguments_of_another_shape_do_not_open(kind, data):
    """One error for every cause."""
    with pytest.raises(runner_module.EncryptionError):
        kind.from_bytes(data)
