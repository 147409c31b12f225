"""Both switches, both ways: the same person leaves the same records, events, counters and results."""

import json
import logging
from dataclasses import replace

import pytest

from proofing.base.logs import JSONFormatter
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON, upload_images

#: What differs between two runs of anything: names, times, and where it ran.
_OWN = frozenset(
    "timestamp pid job_id trace_id enqueued_at queued_duration_ms duration_ms idle_time_ms timing "
    "exception_backtrace".split()
)
PEOPLE = {
    "passes": {},
    "fails": {"first_name": "bad"},
    "unreachable": {"first_name": "fail"},
    "times out": {"first_name": "time"},
    "office down": {"state_id_number": "mvatimeout"},
    "phone fails": {"phone": "7035555555"},
    "phone times out": {"phone": "7035555888"},
    "phone unreachable": {"phone": "7035555999"},
}
DOCUMENTS = {
    "a photograph": make_jpeg(),
    "no image": b"\x00\x01\x02",
    "a failing form": b"doc_auth_result: Failed\nfailed_alerts: [{name: Visible Pattern, result: Failed}]\n",
    "a young person": b"document: {dob: 10/06/2020}\n",
    "an attention form": b"doc_auth_result: Attention\n"
    b"failed_alerts: [{name: 2D Barcode Read, result: Attention}]\n",
    "a vendor in trouble": b"http_status: {result: 500}\n",
}


class Lines(logging.Handler):
    """Keeps log lines as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter("test"))
        self.lines: list[dict] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines():
    """Collect our log lines."""
    handler, logger = Lines(), logging.getLogger("proofing")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def comparable(line: dict) -> dict:
    """Return what must be equal in two lines, the steps of the timing included."""
    kept = {name: value for name, value in line.items() if name not in _OWN}
    steps = {step for step in line.get("timing", {}) if not step.startswith(("download", "decrypt"))}
    return kept | {"steps": sorted(steps)}


async def outcome(running, result_id, kind, lines):
    """Return everything that an attempt leaves behind, in a comparable form."""
    record = await running.service.status(PERSON, result_id, kind)
    finished = await running.service.finished_job(PERSON, result_id, kind)
    events = [comparable(line) for line in lines if line["name"] in {"perform_start", "perform"}]
    return {
        "record": replace(record, result_id="", submitted_at=0.0, finished_at=0.0, mac=""),
        "result": finished.result,
        "events": events,
        "counters": {
            name: (await running.service.limit(PERSON, name)).remaining
            for name in ("idv_doc_auth", "idv_resolution", "proof_address")
        },
    }


async def attempt(process, lines, directory, *, queued, submit, kind):
    """Run one attempt with the switches in one position, on stores of its own."""
    lines.clear()
    switches = {"ruby_workers_idv_enabled": queued, "doc_auth_enable_presigned_s3_urls": queued}
    async with process(**switches, local={"directory": str(directory / str(queued))}) as running:
        result_id = await submit(running)
        assert bool(running.queue.waiting) is queued
        await running.drain()
        return await outcome(running, result_id, kind, lines)


@pytest.mark.parametrize("changes", PEOPLE.values(), ids=PEOPLE)
@pytest.mark.parametrize("kind", [JobKind.RESOLUTION, JobKind.PHONE])
async def test_jobs_and_requests_leave_the_same(process, lines, tmp_path, changes, kind):
    """``ruby_workers_idv_enabled`` changes where the work is done, and nothing else."""
    applicant = replace(APPLICANT, **changes)

    async def submit(running):
        if kind is JobKind.PHONE:
            return await running.service.submit_applicant(JobKind.PHONE, PERSON, applicant)
        return await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, applicant, **DEVICE)

    queued = await attempt(process, lines, tmp_path, queued=True, submit=submit, kind=kind)
    inline = await attempt(process, lines, tmp_path, queued=False, submit=submit, kind=kind)
    assert queued == inline


@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_uploads_and_form_posts_leave_the_same(process, lines, tmp_path, content):
    """``doc_auth_enable_presigned_s3_urls`` changes how images travel, and nothing else."""
    images = {Side.FRONT: content, Side.BACK: make_jpeg(comment=b"back")}

    async def by_upload(running):
        return await running.service.submit_uploads(PERSON, **await upload_images(running.service, images))

    async def by_post(running):
        return await running.service.submit_images(PERSON, images=images)

    queued = await attempt(process, lines, tmp_path, queued=True, submit=by_upload, kind=JobKind.DOCUMENT)
    inline = await attempt(process, lines, tmp_path, queued=False, submit=by_post, kind=JobKind.DOCUMENT)
    assert queued == inline
