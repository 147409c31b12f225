"""The optional methods of proofers, and the blocking twin of their cache."""

import asyncio
import logging
import threading
import uuid

import httpx
import pytest

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.proofers import (
    CheckingProofer,
    ClosingProofer,
    OpeningProofer,
    ProoferDescriptor,
    ProofingRequest,
)
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import Outcome, ProoferKind, ResolutionResult
from proofing.crypto.encryption import KeyRing
from proofing.jobs import lifecycle
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process

YES = ResolutionResult(vendor_name="acme", outcome=Outcome.PASSED)
URL = "https://vendor.example/"
SECRET = "900661234"
WAY_BACK = WayBack(KeyRing(bytes(32)), "https://proofing.example.gov")


class Whole:
    """Has every method, async."""

    def __init__(self, *failures):
        self.calls = []
        self.failures = list(failures)

    async def open(self, context):
        self.calls.append("open")
        await asyncio.sleep(0)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        with context.unbilled():
            await context.http.get(URL)

    async def proof(self, request, context):
        self.calls.append("proof")
        return YES

    async def check(self, context):
        self.calls.append("check")

    async def close(self):
        self.calls.append("close")


class Plain:
    """Has every method, plain."""

    def __init__(self):
        self.calls = []

    def _note(self, name):
        self.calls.append((name, threading.current_thread() is threading.main_thread()))

    def open(self, context):
        self._note("open")
        with context.sync.unbilled():
            context.sync.request("GET", URL)

    def proof(self, request, context):
        self._note("proof")
        return YES

    def check(self, context):
        self._note("check")
        return "the key expires tomorrow"

    def close(self):
        self._note("close")


def loaded_of(proofer, **changes):
    """Return *proofer* as a loaded one."""
    values = {
        "name": "acme",
        "kind": ProoferKind.RESOLUTION,
        "make": lambda *_: proofer,
        "hosts": lambda _settings: frozenset({"vendor.example"}),
    }
    return LoadedProofer("acme", ProoferDescriptor(**{**values, **changes}), None, make_process)


@pytest.fixture
async def clients():
    """What runs share; the vendor answers, and nothing leaves the process."""
    vendor = FakeVendor(lambda _request: httpx.Response(200, json={}))
    made = VendorClientPool(OutboundTransport(transport=vendor))
    made.vendor = vendor
    yield made
    await made.close()


@pytest.fixture
def ask(clients):
    """Return a function that puts one question in a run of its own, and returns its check and the run."""

    async def put(loaded, **changes):
        values = {
            "result_id": str(uuid.uuid4()),
            "kind": JobKind.RESOLUTION,
            "owner": "o",
            "encrypted_arguments": b"",
        }
        run = JobRun(MemoryJob(JobMessage(**{**values, **changes}), attempt=1), clients, WAY_BACK, keep_plain)
        return await run.ask(loaded, ProofingRequest(), step="s"), run

    return put


def test_the_protocols_name_the_methods():
    """A proofer keeps each by having its method."""
    for protocol in (OpeningProofer, ClosingProofer, CheckingProofer):
        assert isinstance(Whole(), protocol)
        assert not isinstance(object(), protocol)


async def test_a_proofer_is_opened_once_and_closed_once(clients, ask):
    """Before the first of its questions, also when ten come at once; and with the process."""
    proofer = Whole()
    loaded = loaded_of(proofer)
    found = await asyncio.gather(*(ask(loaded) for _ in range(10)))
    assert all(check.passed for check, _run in found)
    assert proofer.calls == ["open", *["proof"] * 10]
    assert all(run.job.intents == [] for _check, run in found)
    await clients.close()
    await clients.close()
    assert proofer.calls[-1:] == ["close"]
    assert proofer.calls.count("close") == 1


async def test_plain_methods_run_in_threads(clients, ask):
    """Each of the optional ones as well as the question."""
    proofer = Plain()
    loaded = loaded_of(proofer)
    check, _run = await ask(loaded)
    assert check.passed
    context = clients.context(loaded, loaded.policy())
    assert await clients.proofers.check(loaded, context) == "the key expires tomorrow"
    await clients.close()
    assert proofer.calls == [("open", False), ("proof", False), ("check", False), ("close", False)]


async def test_a_proofer_without_a_question_is_neither_opened_nor_closed(clients):
    """Nothing is done for what nobody needs."""
    proofer = Whole()
    assert loaded_of(proofer).proofer is proofer
    await clients.close()
    assert proofer.calls == []


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ValueError(SECRET), (Cause.UNREACHABLE, ("open_failed",))),
        (SystemExit(SECRET), (Cause.UNREACHABLE, ("open_failed",))),
        (VendorError(Cause.AUTHENTICATION, "refused", codes=("7",)), (Cause.AUTHENTICATION, ("7",))),
        (TimeoutError(), (Cause.TIMEOUT, ())),
    ],
)
async def test_a_proofer_that_cannot_be_opened(ask, caplog, failure, said):
    """It is the end of this question, with a cause and without foreign text; the next one tries again."""
    proofer = Whole(failure, ValueError())
    loaded = loaded_of(proofer)
    with caplog.at_level(logging.INFO):
        check, run = await ask(loaded)
    assert (check.error.cause, check.error.codes) == said
    assert SECRET not in f"{check.error} {caplog.text} {run.calls}"
    assert ("proofer_open_failed" in caplog.messages) is (said[1] == ("open_failed",))
    assert run.job.intents == []
    assert not (await ask(loaded))[0].passed
    assert (await ask(loaded))[0].passed
    assert proofer.calls == ["open", "open", "open", "proof"]


async def test_an_open_that_hangs_ends_with_its_question(ask):
    """The next question opens again."""
    begun = []

    class Slow(Whole):
        async def open(self, context):
            begun.append(1)
            if len(begun) == 1:
                await asyncio.Event().wait()

    loaded = loaded_of(Slow(), timeout_seconds=lambda _settings: 0.05)
    check, _run = await ask(loaded)
    assert check.error.cause is Cause.TIMEOUT
    assert (await ask(loaded))[0].passed
    assert begun == [1, 1]


async def test_a_billed_call_while_opening_is_noted(ask):
    """An adapter that forgets to say that its call is free costs an answer, never a second bill."""

    class Careless(Whole):
        async def open(self, context):
            await context.http.get(URL)

    _check, run = await ask(loaded_of(Careless()))
    assert run.job.intents == ["acme"]


@pytest.mark.parametrize("kind", ["async", "plain", "raises", "exits", "awaitable"])
async def test_closing_never_holds_the_process_up(clients, ask, monkeypatch, caplog, kind):
    """One that hangs is left behind, one that fails is logged by its class, and the others are closed."""
    monkeypatch.setattr(lifecycle, "CLOSE_SECONDS", 0.1)
    release = threading.Event()

    class Stuck(Whole):
        async def close(self):
            await asyncio.Event().wait()

    if kind != "async":

        def close():
            if kind == "awaitable":
                return asyncio.Event().wait()
            if kind == "plain":
                release.wait()
            raise {"raises": ValueError, "exits": SystemExit}.get(kind, ValueError)(SECRET)

        Stuck.close = staticmethod(close)
    fine = Whole()
    for loaded in (loaded_of(Stuck(), name="stuck"), loaded_of(fine)):
        assert (await ask(loaded))[0].passed
    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(clients.close(), timeout=30)
    release.set()
    assert fine.calls[-1] == "close"
    (line,) = [record for record in caplog.records if record.msg == "proofer_close_failed"]
    assert line.proofing_fields["vendor"] == "stuck"
    assert SECRET not in str(line.proofing_fields)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, None),
        ("the key expires tomorrow", "the key expires tomorrow"),
        (True, "its check returned bool, not a sentence or None"),
        ("", "its check returned str, not a sentence or None"),
        (VendorError(Cause.AUTHENTICATION, "the key is refused"), "the key is refused"),
        (ValueError(SECRET), "the proofer raised ValueError"),
        (TimeoutError(), "it gave no answer within the time limit"),
    ],
)
async def test_what_a_check_finds(clients, answer, said):
    """A sentence, or nothing; whatever else it does becomes one."""

    class Checked(Whole):
        async def check(self, context):
            if isinstance(answer, Exception):
                raise answer
            return answer

    loaded = loaded_of(Checked())
    assert await clients.proofers.check(loaded, clients.context(loaded, loaded.policy())) == said


async def test_a_check_opens_first(clients):
    """What keeps a proofer from being opened is what is wrong."""
    loaded = loaded_of(Whole(ValueError()))
    context = clients.context(loaded, loaded.policy())
    assert await clients.proofers.check(loaded, context) == "the proofer could not be opened"
    assert await clients.proofers.check(loaded, context) is None
    assert loaded.proofer.calls == ["open", "open", "check"]
    assert lifecycle.can_check(loaded)
    assert not lifecycle.can_check(loaded_of(type("Bare", (), {"proof": Whole.proof})()))


class Cached:
    """Gets a token from the cache, in its thread."""

    def __init__(self, make):
        self.make = make
        self.found = []

    def proof(self, request, context):
        self.found.append(context.sync.cache.get_or_make("token", lambda: self.make(context)))
        context.sync.cache.drop("other", "seen")
        return YES


async def test_a_plain_method_makes_a_value_in_its_own_thread(ask):
    """Eight of them at once share one, though each thread of the plugin is busy waiting."""
    threads = []

    def make(context):
        threads.append(threading.current_thread().name)
        with context.sync.unbilled():
            context.sync.request("GET", URL)
        return "token", 60.0

    proofer = Cached(make)
    found = await asyncio.gather(*(ask(loaded_of(proofer)) for _ in range(8)))
    assert all(check.passed for check, _run in found)
    assert proofer.found == ["token"] * 8
    assert len(threads) == 1
    assert threads[0].startswith("proofer-acme")
    assert all(run.job.intents == [] for _check, run in found)


async def test_a_billed_call_of_a_maker_is_noted(ask):
    """The cache frees nobody from saying what is free."""

    def make(context):
        context.sync.request("GET", URL)
        return "token", 60.0

    _check, run = await ask(loaded_of(Cached(make)))
    assert run.job.intents == ["acme"]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (VendorError(Cause.QUOTA, "no token"), None),
        (ValueError(SECRET), "the proofer raised ValueError"),
        (StopIteration(SECRET), "the proofer raised RuntimeError"),
        (SystemExit(SECRET), "the proofer raised PluginError"),
    ],
)
async def test_what_a_plain_maker_raises(ask, failure, error):
    """Reaches its question; nothing of it reaches the loop."""

    def make(_context):
        raise failure

    if error is None:
        check, _run = await ask(loaded_of(Cached(make)))
        assert check.error is failure
        return
    with pytest.raises(PluginError, match=error):
        await ask(loaded_of(Cached(make)))


async def test_a_plain_maker_that_takes_too_long(ask):
    """Its question ends in time; what it made late goes nowhere."""
    release = threading.Event()

    def make(_context):
        release.wait()
        return "late", 60.0

    proofer = Cached(make)
    check, _run = await ask(loaded_of(proofer, timeout_seconds=lambda _settings: 0.05))
    assert check.error.cause is Cause.TIMEOUT
    release.set()
    proofer.make = lambda _context: ("next", 60.0)
    assert (await ask(loaded_of(proofer)))[0].passed
    assert proofer.found[-1] == "next"


async def test_the_twin_is_for_threads(clients):
    """On the loop it refuses, as the other twins do, instead of blocking it."""
    loaded = loaded_of(Whole())
    context = clients.context(loaded, loaded.policy())
    with pytest.raises(VendorError, match="on the event loop"):
        context.sync.cache.get_or_make("token", lambda: ("x", 1.0))
    with pytest.raises(VendorError, match="on the event loop"):
        context.sync.cache.drop("token", "x")
