"""Health and metrics over real HTTP."""

import asyncio
import time

import httpx
import pytest

from proofing.app.probes import serve_probes
from proofing.app.readiness import Pace, Readiness
from proofing.base.errors import ConfigurationError, Problem, StoreUnavailableError, Trouble
from proofing.base.metrics import CLOCK_SKEW
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.vendor_gates import BreakerState, Gate, GateState
from proofing.routing.gates import GateReading
from proofing.settings import LiveSettings, Settings
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.processes import free_port
from proofing.testing.waiting import eventually


def live():
    """Return settings that nobody edits."""
    key = "00" * 32
    settings = Settings(session_encryption_key=key, hmac_fingerprinter_key=key)
    return LiveSettings(settings)


def ready(queue, followed=None, pace=None, read_gates=None, **others):
    """Return what asks *queue* and *others*."""
    backends = [("queue", queue), *others.items()]
    return Readiness(backends, followed or live(), pace=pace, read_gates=read_gates)


async def ask(queue, path, **others):
    """Return the answer of one probe."""
    port = free_port()
    async with serve_probes(ready(queue, **others), "127.0.0.1", port), httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


async def test_a_living_process_says_so():
    """Liveness needs nothing but the process."""
    assert (await ask(MemoryQueue(), "/healthz")).json() == {"alive": True}


async def test_an_old_ready_job_is_unhealthy():
    """A job that nobody picks up turns the queue's health to 503."""
    queue = MemoryQueue()
    assert (await ask(queue, "/healthz/queue")).status_code == 200
    await queue.enqueue(
        [
            JobMessage(
                result_id="r",
                kind=JobKind.PHONE,
                owner="o",
                encrypted_arguments=b"",
                enqueued_at=time.time() - 60,
            )
        ]
    )
    answer = await ask(queue, "/healthz/queue")
    assert answer.status_code == 503
    assert answer.json()["waiting"] == 1


async def test_metrics_are_prometheus_text():
    """The gauges of the queue are in the text, by queue."""
    queue = MemoryQueue()
    await queue.enqueue([JobMessage(result_id="r", kind=JobKind.PHONE, owner="o", encrypted_arguments=b"")])
    text = (await ask(queue, "/metrics")).text
    assert 'proofing_queue_waiting{queue="high_address_proofing"} 1.0' in text


async def test_nonsense_gets_no_more_than_an_error():
    """Other paths and methods are refused."""
    assert (await ask(MemoryQueue(), "/secrets")).status_code == 404


@pytest.mark.parametrize(
    "request_line", [b"GET /" + b"x" * 5000, b"\r\n", b"GET /healthz/queue HTTP/1.1\r\n"]
)
async def test_every_connection_is_released(request_line):
    """A line without end, an empty one, a queue that raises what it may not: the prober sees the end."""

    class Broken(MemoryQueue):
        async def stats(self):
            raise KeyError

    port = free_port()
    async with serve_probes(ready(Broken()), "127.0.0.1", port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_line)
        answer = await reader.read()
        writer.close()
    if b"queue" in request_line:
        assert b" 503 " in answer.splitlines()[0]
        assert b'"error": "KeyError"' in answer


async def test_metrics_are_there_without_the_queue():
    """Those of the process still are."""

    class Broken(MemoryQueue):
        async def stats(self):
            raise KeyError

    assert (await ask(Broken(), "/metrics")).status_code == 200


@pytest.mark.parametrize("is_down", [False, True])
async def test_metrics_of_the_gates_before_vendors(is_down):
    """As the result store has them; without it, those of the process are still there."""
    reading = GateReading(
        kind=ProoferKind.PHONE,
        vendor="acme:phone",
        gate=Gate(name="phone/acme:phone"),
        state=GateState(breaker=BreakerState.OPEN),
    )

    async def read():
        if is_down:
            raise StoreUnavailableError("down")
        return [reading]

    answer = await ask(MemoryQueue(), "/metrics", read_gates=read)
    assert answer.status_code == 200
    line = 'proofing_vendor_breaker_open{product="phone",vendor="acme"} 1.0'
    assert (line in answer.text.splitlines()) is not is_down


async def test_a_taken_port_is_not_fatal():
    """The second worker of a machine runs without probes."""
    port = free_port()
    first, second = ready(MemoryQueue()), ready(MemoryQueue())
    async with serve_probes(first, "127.0.0.1", port), serve_probes(second, "127.0.0.1", port):
        pass


async def test_a_probe_host_of_another_machine_stops_the_start():
    """Without probes nobody would notice that the process is in trouble; the key is named."""
    with pytest.raises(ConfigurationError, match=r"settings: probe_host: cannot be listened on: .+"):
        async with serve_probes(ready(MemoryQueue()), "probes.invalid", free_port()):
            pass


class Store:
    """A store that counts how often it is asked, and answers as configured."""

    def __init__(self, error=None):
        self.error = error
        self.asked = 0

    async def ping(self):
        self.asked += 1
        if self.error is not None:
            raise self.error


class Hanging(Store):
    """A store that never answers."""

    async def ping(self):
        self.asked += 1
        await asyncio.Event().wait()


async def test_readiness_names_what_is_down():
    """Each backend by its settings key, with the kind of trouble and nothing of the error's text."""
    stores = {
        "result_store": Store(StoreUnavailableError("redis://h:1 secret", trouble=Trouble.CREDENTIALS)),
        "image_store": Store(),
        "key_service": Store(KeyError("secret")),
    }
    answer = await ask(MemoryQueue(), "/readyz", **stores)
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "stopping": False,
        "down": {"result_store": "credentials", "key_service": "plugin_error"},
        "not_asked": [],
        "advice": [],
        "settings_refused": [],
        "clock_skew": {},
    }
    assert "secret" not in answer.text
    assert (await ask(MemoryQueue(), "/readyz", image_store=Store())).status_code == 200


async def test_liveness_asks_nobody():
    """A backend that hangs makes no process look dead."""
    store = Hanging()
    assert (await ask(MemoryQueue(), "/healthz", image_store=store)).status_code == 200
    assert store.asked == 0


async def test_a_backend_that_hangs_is_down_and_asked_once():
    """The others are asked alongside it; no second question is put while the first one hangs."""

    class Stubborn(Store):
        async def ping(self):
            self.asked += 1
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if over.is_set():
                        raise

    over = asyncio.Event()
    store, other = Stubborn(), Store(StoreUnavailableError("away"))
    readiness = ready(
        MemoryQueue(), result_store=store, image_store=other, pace=Pace(ask_seconds=0.01, fresh_seconds=-1.0)
    )
    for _ in range(3):
        assert (await readiness.report()).down == {"result_store": "timeout", "image_store": "unavailable"}
    assert (store.asked, other.asked) == (1, 3)
    over.set()
    await readiness.close()


async def test_a_backend_without_a_ping_is_asked_for_a_value():
    """A store of the smallest contract tells by any of its answers whether it is there."""

    class Loads:
        def __init__(self, error=None):
            self.error = error

        async def load(self, _key):
            if self.error is not None:
                raise self.error

    assert (await ready(MemoryQueue(), result_store=Loads()).report()).is_ready
    report = await ready(MemoryQueue(), result_store=Loads(StoreUnavailableError("away"))).report()
    assert report.down == {"result_store": Trouble.UNAVAILABLE}


async def test_a_client_library_that_cancels_its_own_call_is_no_answer():
    """As some do when a connection breaks; the probe itself continues."""
    report = await ready(MemoryQueue(), result_store=Store(asyncio.CancelledError())).report()
    assert report.down == {"result_store": Trouble.TIMEOUT}


async def test_a_process_that_stops_is_not_ready():
    """At once, whatever the last answer was; it still lives."""
    stop, port = asyncio.Event(), free_port()
    readiness = Readiness([("queue", MemoryQueue())], live(), stop)
    async with serve_probes(readiness, "127.0.0.1", port), httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        stop.set()
        answer = await client.get(f"http://127.0.0.1:{port}/readyz")
        assert (answer.status_code, answer.json()["stopping"]) == (503, True)
        assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def test_a_storm_of_probes_asks_once():
    """However many wait, the backends get one question."""
    store = Store()
    readiness = ready(MemoryQueue(), result_store=store)
    reports = await asyncio.gather(*(readiness.report() for _ in range(200)))
    assert all(report.is_ready for report in reports)
    assert store.asked == 1


async def test_a_store_without_a_cheap_question_is_named():
    """Nothing is claimed of it."""

    class Silent:
        pass

    report = await ready(MemoryQueue(), image_store=Silent()).report()
    assert (report.is_ready, report.not_asked) == (True, ("image_store",))


async def test_a_refused_edit_and_advice_are_named_and_stop_no_traffic():
    """The process works on with the settings of before."""

    class Advised(MemoryQueue):
        async def check(self):
            return ["no standby is synchronous"]

    followed = live()
    followed.refused = (Problem("settings.yaml", "document_vendor", "no"),) * 2
    report = await ready(Advised(), followed).report()
    assert report.is_ready
    assert report.facts()["settings_refused"] == ["document_vendor"]
    assert report.advice == ("no standby is synchronous",)


@pytest.mark.parametrize(
    ("ahead", "output"),
    [(0.0, {}), (1.5, {}), (60.0, {"result_store": 60.0}), (-5.0, {"result_store": -5.0})],
)
async def test_a_clock_that_is_off_is_named(ahead, output):
    """By how much the store is ahead; 2 s are no news."""

    class Clock(Store):
        async def time(self):
            return time.time() + ahead

    report = await ready(MemoryQueue(), result_store=Clock()).report()
    assert report.is_ready
    assert {key: round(seconds) for key, seconds in report.clock_skew.items()} == output
    shown = CLOCK_SKEW.labels("result_store")._value.get()
    assert round(shown, 1) == abs(ahead)


async def test_advice_that_takes_longer_than_a_probe_is_asked_for_once():
    """The clocks are measured alongside it, and later probes give the answer that came."""
    answered, asked = asyncio.Event(), []

    class Slow(MemoryQueue):
        async def check(self):
            asked.append(True)
            await answered.wait()
            return ["no standby is synchronous"]

    class Clock(Store):
        async def time(self):
            return time.time() + 60

    readiness = ready(Slow(), result_store=Clock(), pace=Pace(ask_seconds=0.01, fresh_seconds=-1.0))
    for _ in range(3):
        report = await readiness.report()
        assert (report.is_ready, report.advice) == (True, ())
        assert round(report.clock_skew["result_store"]) == 60
    answered.set()

    async def is_there():
        return (await readiness.report()).advice == ("no standby is synchronous",)

    await eventually(is_there)
    assert len(asked) == 1
    await readiness.close()


async def test_a_clock_that_cannot_be_asked_any_more_is_not_named():
    """Nor is advice of yesterday: without an answer nothing is known."""

    class Leaving(Store, MemoryQueue):
        def __init__(self):
            MemoryQueue.__init__(self)
            Store.__init__(self)
            self.answers = True

        async def time(self):
            if not self.answers:
                raise StoreUnavailableError("away")
            return time.time() + 60

        async def check(self):
            if not self.answers:
                raise KeyError
            return ["no standby is synchronous"]

    both = Leaving()
    readiness = ready(both, result_store=both, pace=Pace(fresh_seconds=-1.0, advice_seconds=0.0))
    report = await readiness.report()
    assert (report.advice != (), report.clock_skew != {}) == (True, True)
    both.answers = False
    report = await readiness.report()
    assert (report.advice, report.clock_skew) == ((), {})


async def test_a_backend_that_goes_and_comes_back_is_logged_once_each(caplog):
    """One line at each change, not one a probe."""
    store = Store(StoreUnavailableError("away", trouble=Trouble.TIMEOUT))
    readiness = ready(MemoryQueue(), result_store=store, pace=Pace(fresh_seconds=-1.0))
    with caplog.at_level("INFO", logger="proofing"):
        for error in (store.error, store.error, None, None):
            store.error = error
            await readiness.report()
    lines = [(record.getMessage(), record.levelname) for record in caplog.records]
    assert lines == [("backend_down", "ERROR"), ("backend_up", "INFO")]
    assert caplog.records[0].proofing_fields == {"key": "result_store", "reason": Trouble.TIMEOUT}
