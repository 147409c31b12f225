"""Traces: one from the submit to the vendor's HTTP call, nothing personal in it; nothing at all when off."""

import asyncio
import os
import subprocess
import sys

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from proofing import bootstrap
from proofing.base import tracing
from proofing.base.errors import Cause, ConfigurationError, VendorError
from proofing.contracts.records import JobKind
from proofing.outbound.blocking import ClientTwins
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.vendor_checks import caused_by
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON
from proofing_devtools.collector import running_collector
from proofing_mock.proofers import ResolutionMock

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def spans():
    """Record in memory; give a function that returns name to span."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use_provider(provider)
    yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    tracing.stop_tracing()


class Answering(httpx.AsyncBaseTransport):
    """A vendor's network."""

    async def handle_async_request(self, request):
        """Answer, unless asked not to."""
        if "away" in request.url.path:
            raise httpx.ConnectError("no way to 900-66-1234")
        assert "traceparent" not in request.headers
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))


def client():
    """Return a client of a vendor."""
    hosts = frozenset({"vendor.example"})
    policy = OutboundPolicy(vendor_name="acme", hosts=hosts, timeout_seconds=5)
    return OutboundClient(OutboundTransport(transport=Answering()), policy)


def parent(span):
    """Return trace and span that a span belongs to."""
    return span.parent.trace_id, span.parent.span_id


def identity(span):
    """Return trace and span of a span."""
    return span.context.trace_id, span.context.span_id


async def test_one_trace_from_the_submit_to_the_vendors_call(process, spans, monkeypatch):
    """Over the queue, by what the job carries; the job's lines have the trace's id."""

    async def proof(self, request, context):
        await client().post("https://vendor.example/people/900-66-1234", json_body={})
        return await answer(self, request, context)

    answer = ResolutionMock.proof
    monkeypatch.setattr(ResolutionMock, "proof", proof)
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        (waiting,) = running.queue.waiting
        await running.drain()
    found = spans()
    submit, perform, ask, post = (
        found[name] for name in ("submit resolution", "perform resolution", "ask mock", "POST")
    )
    assert submit.parent is None
    assert [parent(perform), parent(ask)] == [identity(submit), identity(perform)]
    # Several vendors are asked, by one name.
    assert parent(post) != identity(perform)
    assert post.context.trace_id == submit.context.trace_id
    assert waiting.trace_id == f"{submit.context.trace_id:032x}"
    assert perform.attributes["proofing.job.id"] == result_id
    assert perform.attributes["proofing.job.end_state"] == "done"
    assert post.attributes == {
        "http.request.method": "POST",
        "server.address": "vendor.example",
        "http.response.status_code": 200,
        "proofing.vendor.name": "acme",
    }


async def test_a_job_without_a_trace_begins_one(process, spans):
    """It was submitted by a process without tracing, or by an older version."""
    async with process() as running:
        tracing_provider = tracing._provider
        tracing.use_provider(None)
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        tracing.use_provider(tracing_provider)
        await running.drain()
    assert spans()["perform phone"].parent is None


async def test_a_failure_leaves_its_class_and_no_text(spans):
    """OpenTelemetry would record the exception, whose text may hold anything."""
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await client().get("https://vendor.example/away")
    span = spans()["GET"]
    assert (span.status.is_ok, span.attributes["error.type"], span.events) == (False, "unreachable", ())
    assert "900-66-1234" not in span.to_json()


async def test_a_session_of_requests_is_traced(spans):
    """Also in a thread."""
    session = ClientTwins(client(), None, "acme").http
    with tracing.span("ask acme"):
        await asyncio.to_thread(session.post, "https://vendor.example/people/900-66-1234", data=b"")
    span = spans()["POST"]
    assert span.attributes["http.response.status_code"] == 200
    assert parent(span) == identity(spans()["ask acme"])


def test_what_is_not_registered_is_left_out(spans):
    """As in log lines."""
    with tracing.span("work", ssn="900-66-1234", step="one") as work:
        work.set(name="Susan", outcome=JobKind.PHONE)
    assert spans()["work"].attributes == {"proofing.vendor.step": "one", "proofing.outcome": "phone"}


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({}, set()),
        ({ENDPOINT: ""}, set()),
        ({ENDPOINT: "http://localhost:4318"}, set()),
        ({ENDPOINT: "http://localhost:4318", "OTEL_TRACES_EXPORTER": ""}, set()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, set()),
        ({ENDPOINT: "nowhere", "OTEL_TRACES_EXPORTER": "none"}, set()),
        ({ENDPOINT: "nowhere", "OTEL_SDK_DISABLED": "true"}, set()),
        ({ENDPOINT: "localhost:4318"}, {ENDPOINT}),
        (
            {ENDPOINT: "http://localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            {"OTEL_EXPORTER_OTLP_PROTOCOL"},
        ),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_TRACES_EXPORTER"}),
    ],
)
async def test_variables_that_would_lose_traces_stop_the_start(settings_file, variables, wrong):
    """With the name of each; `check` says the same."""
    environ = {"PROOFING_ENV": "test", **variables}
    found = set()
    try:
        await bootstrap.configure(settings_file(), environ)
    except ConfigurationError as error:
        found = {problem.key for problem in error.problems}
    assert found == wrong


def test_the_missing_extra_is_named(monkeypatch):
    """With what to install."""
    monkeypatch.setattr(tracing, "find_spec", lambda _name: None)
    (problem,) = tracing.problems({ENDPOINT: "http://localhost:4318"})
    assert "install proofing[opentelemetry]" in problem.rule


def test_nothing_is_imported_without_a_collector(tmp_path):
    """A start stays light."""
    code = """
import asyncio, sys
from proofing import bootstrap
async def main():
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "worker"):
        # redis-py imports the parts of OpenTelemetry that count, where they are installed.
        heavy = ("opentelemetry.exporter", "opentelemetry.sdk.trace", "google")
        print(sorted(name for name in sys.modules if name.startswith(heavy)))
asyncio.run(main())
"""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PROOFING_", "OTEL_"))}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_a_collector_that_refuses_costs_a_line_a_minute(caplog, monkeypatch):
    """And no text of the library's."""
    with running_collector() as collector:
        collector.status = 400
        monkeypatch.setenv(ENDPOINT, collector.url)
        tracing.start_tracing("web", "1.0")
        try:
            for _ in range(3):
                with tracing.span("work"):
                    pass
                tracing._provider.force_flush()
        finally:
            tracing.stop_tracing()
    assert {span.service for span in collector.spans()} == {"proofing-web"}
    lines = [
        record.proofing_fields for record in caplog.records if record.getMessage() == "trace_export_failed"
    ]
    assert lines == [{"count": 1}]
