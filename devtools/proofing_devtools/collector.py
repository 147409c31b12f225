"""An OpenTelemetry collector on loopback: takes spans over OTLP/HTTP and keeps them.

    with running_collector() as collector:
        ...                          # a process with OTEL_EXPORTER_OTLP_ENDPOINT=collector.url
    collector.spans()

Needs the extra ``opentelemetry``.
"""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedSpan:
    """One span as it arrived; ids in hexadecimal digits, "" for none."""

    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    is_error: bool
    events: int


class Collector:
    """What has arrived.

    Attributes:
        bodies: of all requests, decompressed.
        status: to answer with.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.bodies: list[bytes] = []
        self.status = 200
        self.url = ""

    def spans(self) -> list[CollectedSpan]:
        """Return every span."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - an extra
            ExportTraceServiceRequest,
        )

        found: list[CollectedSpan] = []
        for body in list(self.bodies):
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                service = _plain(resource.resource.attributes).get("service.name", "")
                found += [
                    CollectedSpan(
                        name=span.name,
                        service=service,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        attributes=_plain(span.attributes),
                        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
                        events=len(span.events),
                    )
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
        return found


def _plain(attributes: Any) -> dict[str, Any]:
    """Return attributes of the protocol as a dictionary."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}


@contextlib.contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector for the length of the ``with`` block; what it has collected can be read after it."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        """Takes one batch."""

        def do_POST(self) -> None:
            """Keep the body."""
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.bodies.append(body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
