"""Health and metrics of one process, on a port of its own that the public does not reach.

``/healthz`` answers as long as the process lives and asks nobody else. ``/readyz`` asks every backend and
names what is down; ``/healthz/queue`` reports whether jobs are being picked up (200, or 503 with the same
JSON); ``/metrics`` is Prometheus text. Nothing here reads a request beyond its first line.
"""

import asyncio
import contextlib
import errno
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST

from proofing.app.readiness import ReadGates, Readiness
from proofing.app.scraping import scrape
from proofing.base.errors import ConfigurationError, Problem, os_error_reason
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import Queue, QueueStats
from proofing.routing.gates import GateReading

#: A ready job older than this means that nobody picks jobs up.
MAX_AGE_SECONDS = 10.0
_REQUEST_SECONDS = 5.0
#: How long a scrape waits for the numbers of the queue and of the gates before vendors.
_STATS_SECONDS = 2.0
_MAX_LINE_BYTES = 4096
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}
_JSON = "application/json"

_logger = get_logger(__name__)


@asynccontextmanager
async def serve_probes(readiness: Readiness, host: str, port: int) -> AsyncIterator[None]:
    """Answer probes on *port* while the context lasts; 0 answers none.

    A port that is taken is logged and not fatal: two workers on one machine may share a settings file.

    Raises:
        ConfigurationError: *host* is not an address of this machine.
    """
    if not port:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # ValueError: what a line without end is to a reader.
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                async with asyncio.timeout(_REQUEST_SECONDS):
                    line = (await reader.readline()).decode("latin-1").split()
                    status, kind, body = await _respond(readiness, line)
                    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {kind}\r\n"
                    writer.write(
                        f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
                    )
                    await writer.drain()
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_MAX_LINE_BYTES)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            rule = f"cannot be listened on: {os_error_reason(error)}; name an address of this machine"
            raise ConfigurationError([Problem("settings", "probe_host", rule)]) from None
        log(_logger, "probe_port_taken", level=logging.WARNING, port=port)
        yield
        return
    try:
        async with server:
            log(_logger, "probes_ready", port=port)
            yield
    finally:
        await readiness.close()


async def _respond(readiness: Readiness, line: list[str]) -> tuple[int, str, bytes]:
    """Return status, media type and body for the first line of a request."""
    if len(line) < 2 or line[0] != "GET":  # noqa: PLR2004 - method and path
        return 400, "text/plain", b""
    if line[1] == "/healthz":
        return 200, _JSON, b'{"alive":true}'
    if line[1] == "/readyz":
        report = await readiness.report()
        return (200 if report.is_ready else 503), _JSON, json.dumps(report.facts()).encode()
    if line[1] == "/metrics":
        stats, gates, _report = await asyncio.gather(
            _stats(readiness.queue), _gates(readiness.read_gates), readiness.report()
        )
        return 200, CONTENT_TYPE_LATEST, scrape(stats, readiness.live, gates)
    if line[1] == "/healthz/queue":
        status, facts = await queue_health(readiness.queue)
        return status, _JSON, json.dumps(facts).encode()
    return 404, "text/plain", b""


async def _stats(queue: Queue) -> QueueStats | None:
    """Return the queue's numbers, or None: without them those of the process are still worth reading."""
    try:
        async with asyncio.timeout(_STATS_SECONDS):
            return await queue.stats()
    except Exception:  # noqa: BLE001 - whatever a queue raises
        return None


async def _gates(read: ReadGates | None) -> Sequence[GateReading]:
    """Return the gates before vendors; none when the result store cannot be asked."""
    if read is None:
        return ()
    try:
        async with asyncio.timeout(_STATS_SECONDS):
            return await read()
    except Exception:  # noqa: BLE001 - whatever a store raises, or a plugin that is missing
        return ()


async def queue_health(queue: Queue) -> tuple[int, dict[str, object]]:
    """Return 200 or 503, and why: age of the oldest ready job, waiting, running, workers."""
    try:
        stats = await queue.stats()
    except Exception as error:  # noqa: BLE001 - whatever a queue raises, nobody can rely on it now
        return 503, {"healthy": False, "error": type(error).__name__}
    healthy = stats.oldest_seconds <= MAX_AGE_SECONDS and stats.workers != 0
    return (200 if healthy else 503), {
        "healthy": healthy,
        "oldest_seconds": round(stats.oldest_seconds, 3),
        "waiting": sum(stats.waiting.values()),
        "running": sum(stats.running.values()),
        "workers": stats.workers,
    }
