"""Distributed traces by OpenTelemetry: from the request over submit and job to the calls of vendors.

Off, and nothing of OpenTelemetry is imported, unless its standard variables name a collector
(``OTEL_EXPORTER_OTLP_ENDPOINT``). A span has one of our names and attributes of the register `ATTRIBUTES`;
paths, queries, bodies, addresses and texts of exceptions never go into one. docs/adr/0029
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.base.errors import Problem, VendorError
from proofing.base.logs import get_logger, log

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OpenTelemetrySpan
    from opentelemetry.trace import Tracer

#: Every fact that a span may carry, and its attribute. None of them may hold applicant data.
#: Names without ``proofing.`` are OpenTelemetry's semantic conventions.
ATTRIBUTES: Mapping[str, str] = {
    "attempt": "proofing.job.execution",
    "cause": "error.type",
    "end_state": "proofing.job.end_state",
    "host": "server.address",
    "http_method": "http.request.method",
    "job_id": "proofing.job.id",
    "kind": "proofing.job.kind",
    "mode": "proofing.job.mode",
    "outcome": "proofing.outcome",
    "queued_ms": "proofing.job.queued_ms",
    "route": "http.route",
    "status": "http.response.status_code",
    "step": "proofing.vendor.step",
    "vendor": "proofing.vendor.name",
}
#: What names the collector; the second one alone is enough, and goes first.
ENDPOINT, TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_EXPORTER, _DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_SOURCE = "environment variable"
_LINE_SECONDS = 60.0

_logger = get_logger(__name__)
_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None


class SpanKind(StrEnum):
    """How a span relates to others; OpenTelemetry's words."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span:
    """Something that is being done. Without tracing it keeps nothing."""

    def __init__(self, span: "OpenTelemetrySpan | None" = None) -> None:
        """Wrap *span*."""
        self._span = span

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hexadecimal digits; "" without tracing."""
        return f"{self._span.get_span_context().trace_id:032x}" if self._span else ""

    @property
    def traceparent(self) -> str:
        """By what a later step continues the trace (W3C Trace Context); "" without tracing."""
        if self._span is None:
            return ""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, **facts: str | float | None) -> None:
        """Add facts that `ATTRIBUTES` registers; others are left out, and None is not a fact."""
        if self._span is not None:
            for name, value in facts.items():
                if value is not None and name in ATTRIBUTES:
                    # The exporter takes plain texts only, not members of enumerations.
                    plain = str(value) if isinstance(value, str) else value
                    self._span.set_attribute(ATTRIBUTES[name], plain)

    def rename(self, name: str) -> None:
        """Rename the span, now that its name is known."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, cause: str) -> None:
        """Mark what is being done as failed; *cause* is a class or a code, never a text of an exception."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an optional extra

            self._span.set_status(StatusCode.ERROR)
            self.set(cause=cause)


_OFF = Span()


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, /, *, parent: str = "", **facts: str | float | None
) -> AbstractContextManager[Span]:
    """Return a context in which something is done, as part of what is being done around it.

    Args:
        name: of few values: no ids.
        kind: of the span.
        parent: `Span.traceparent` of a step in another process, which this one continues.
        facts: see `Span.set`.
    """
    if _tracer is None:
        return nullcontext(_OFF)
    return _recorded(_tracer, name, kind, parent, facts)


def call_span(method: str, host: str, vendor_name: str) -> AbstractContextManager[Span]:
    """Return the span of one HTTP call. A path may hold what a vendor calls a person by: it stays out."""
    return span(method, SpanKind.CLIENT, http_method=method, host=host, vendor=vendor_name)


@contextmanager
def _recorded(
    tracer: "Tracer", name: str, kind: SpanKind, parent: str, facts: Mapping[str, str | float | None]
) -> Iterator[Span]:
    from opentelemetry import trace  # noqa: PLC0415 - an optional extra
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    around = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    # OpenTelemetry would record exceptions with their texts, which may hold anything.
    with tracer.start_as_current_span(
        name,
        around,
        kind=trace.SpanKind[kind],
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        done = Span(begun)
        done.set(**facts)
        try:
            yield done
        except BaseException as error:
            done.fail(error.cause if isinstance(error, VendorError) else type(error).__name__)
            raise


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with the variables of OpenTelemetry, as far as it would lose traces."""
    found: list[Problem] = []
    if not _is_wanted(environ):
        return found
    name = next((name for name in (TRACES_ENDPOINT, ENDPOINT) if environ.get(name)), _EXPORTER)
    if (environ.get(_EXPORTER) or "otlp") != "otlp":
        found.append(Problem(_SOURCE, _EXPORTER, "must be otlp or none"))
    found += [
        Problem(_SOURCE, protocol, f"must be {_PROTOCOL}")
        for protocol in _PROTOCOLS
        if (environ.get(protocol) or _PROTOCOL) != _PROTOCOL
    ]
    if name != _EXPORTER and not _is_url(environ[name]):
        found.append(Problem(_SOURCE, name, "must be an http or https URL, such as http://localhost:4318"))
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        rule = "needs a library that is not installed: install proofing[opentelemetry], or unset the variable"
        found.append(Problem(_SOURCE, name, rule))
    return found


def _is_wanted(environ: Mapping[str, str]) -> bool:
    """Return whether a collector is named, and traces are not switched off."""
    exporter = environ.get(_EXPORTER, "")
    if environ.get(_DISABLED, "").strip().lower() == "true" or exporter == "none":
        return False
    return bool(exporter or environ.get(TRACES_ENDPOINT) or environ.get(ENDPOINT))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def start_tracing(role: str, version: str) -> None:
    """Record spans from now on, if the environment names a collector; `problems` has found nothing in it.

    Args:
        role: of the process; the service is ``proofing-ROLE`` unless ``OTEL_SERVICE_NAME`` names it.
        version: of the product.
    """
    if not _is_wanted(os.environ):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an optional extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = _new_provider(role, version)
    provider.add_span_processor(BatchSpanProcessor(_noting_losses(OTLPSpanExporter())))
    use_provider(provider)


def use_provider(provider: "TracerProvider | None") -> None:
    """Record spans by *provider* from now on; None: no more."""
    global _provider, _tracer  # noqa: PLW0603 - one for the process, as of OpenTelemetry itself
    _provider = provider
    _tracer = provider.get_tracer("proofing") if provider is not None else None


def stop_tracing() -> None:
    """Send what is left, and record no more. Waits for the collector, as long as an export may take."""
    provider = _provider
    use_provider(None)
    if provider is not None:
        provider.shutdown()


def _new_provider(role: str, version: str) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an optional extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"proofing-{role}"}
    return TracerProvider(
        resource=Resource.create({**named, "service.version": version}), shutdown_on_exit=False
    )


def _noting_losses(exporter: "SpanExporter") -> "SpanExporter":
    """Return *exporter*, with a line a minute about spans that did not arrive: the library's hold URLs."""
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an optional extra
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415

    class NotingExporter(SpanExporter):
        """Counts what is lost."""

        lost = 0
        logged_at = float("-inf")

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            """Send a batch."""
            result = exporter.export(spans)
            if result is not SpanExportResult.SUCCESS:
                self.lost += len(spans)
                if time.monotonic() - self.logged_at > _LINE_SECONDS:
                    log(_logger, "trace_export_failed", level=logging.WARNING, count=self.lost)
                    self.logged_at, self.lost = time.monotonic(), 0
            return result

        def shutdown(self) -> None:
            """Close the connections."""
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            """Send what is buffered."""
            return bool(exporter.force_flush(timeout_millis))

    return NotingExporter()
