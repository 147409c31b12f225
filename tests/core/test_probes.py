"""Health and metrics over real HTTP."""

import asyncio
import time

import httpx
import pytest
from prometheus_client import generate_latest

from proofing.metrics import note_stats
from proofing.probes import serve_probes
from proofing.queues import JobMessage, QueueStats
from proofing.records import JobKind
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.processes import free_port


async def ask(queue, path):
    """Return the answer of one probe."""
    port = free_port()
    async with serve_probes(queue, "127.0.0.1", port), httpx.AsyncClient() as client:
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
                kind=JobKind.ADDRESS,
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
    await queue.enqueue([JobMessage(result_id="r", kind=JobKind.ADDRESS, owner="o", encrypted_arguments=b"")])
    text = (await ask(queue, "/metrics")).text
    assert 'proofing_queue_waiting{queue="high_address_proofing"} 1.0' in text


async def test_nonsense_gets_no_more_than_an_error():
    """Other paths and methods are refused."""
    assert (await ask(MemoryQueue(), "/secrets")).status_code == 404


@pytest.mark.parametrize(
    "request_line", [b"GET /" + b"x" * 5000, b"\r\n", b"GET /healthz/queue HTTP/1.1\r\n"]
)
async def test_every_connection_is_given_back(request_line):
    """A line without end, an empty one, a queue that raises what it may not: the prober sees the end."""

    class Broken(MemoryQueue):
        async def stats(self):
            raise KeyError

    port = free_port()
    async with serve_probes(Broken(), "127.0.0.1", port), asyncio.timeout(10):
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


async def test_a_taken_port_is_not_fatal():
    """The second worker of a machine runs without probes."""
    port = free_port()
    async with serve_probes(MemoryQueue(), "127.0.0.1", port), serve_probes(MemoryQueue(), "127.0.0.1", port):
        pass


async def test_gauges_return_to_zero():
    """A queue that is empty again says 0, and a number that the backend shows no more is gone."""
    kind = JobKind.DOCUMENT.queue_name
    note_stats(
        QueueStats(
            waiting={kind: 7, "gone": 1}, running={kind: 2}, oldest_seconds=0, details={"listening": 1.0}
        )
    )
    note_stats(QueueStats(waiting={}, running={}, oldest_seconds=0, details={"dead_rows": 3.0}))
    lines = generate_latest().decode().splitlines()
    assert f'proofing_queue_waiting{{queue="{kind}"}} 0.0' in lines
    assert f'proofing_queue_running{{queue="{kind}"}} 0.0' in lines
    assert 'proofing_queue_detail{number="dead_rows"} 3.0' in lines
    assert not [line for line in lines if "listening" in line or '"gone"' in line]
