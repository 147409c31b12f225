"""`proofing erase` when a store refuses to open: the others are erased, and each has its receipt."""

import asyncio
import json

import pytest

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.cli import main
from proofing.contracts.continuation import Again
from proofing.contracts.images import Side
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import JobKind, JobState
from proofing.contracts.results import ProoferKind
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT
from proofing_devtools.later_vendors import Later, pending
from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, running_s3
from proofing_devtools.sessions import make_session

PERSON = PersonRef(reference="person-1")


@pytest.fixture
def bucket(bare_environment, settings_file, monkeypatch):
    """Point the command line at an embedded product whose images lie in S3, and return the S3."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_CREDENTIAL.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_CREDENTIAL.secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("PROOFING_ENV", "test")
    with running_s3([Bucket(name="images", only_if_absent=True)]) as server:
        aws = {
            "region": server.region,
            "image_bucket": "images",
            "s3_endpoint_url": server.url,
            "s3_addressing": "path",
        }
        path = settings_file(
            plugins=["huey", "local", "mock", "aws"],
            image_store="aws",
            aws=aws,
        )
        monkeypatch.setenv("PROOFING_SETTINGS", str(path))
        yield server


async def leave_traces():
    """Have a session and an upload slot of the person."""
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "run") as started:
        await started.service.sessions.save("session-id", make_session(PERSON.reference))
        grant = await started.service.new_slot(PERSON, attempt="a" * 32, side=Side.FRONT)
        assert grant


async def session():
    """Return what is left of the session."""
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "run") as started:
        return await started.service.sessions.load("session-id")


def test_a_store_that_refuses_to_open_is_on_the_receipt(bucket, capsys, tmp_path):
    """A bucket that is not there keeps nothing else from being erased; repaired, the next run completes."""
    asyncio.run(leave_traces())
    images = bucket.buckets.pop("images")
    assert main(["erase", PERSON.reference, "--json"]) == 1
    output = capsys.readouterr()
    report = json.loads(output.out)
    receipts = {receipt["store"]: receipt for receipt in report["receipts"]}
    assert receipts["image_store"]["problem"] == "unreachable: run again"
    assert receipts["queue"]["problem"] is None
    assert receipts["result_store"]["problem"] is None
    assert receipts["result_store"]["removed"] > 0
    assert not report["complete"]
    assert "image_store: S3: aws.image_bucket: must name a bucket that exists" in output.err
    bucket.buckets["images"] = images
    assert asyncio.run(session()) is None
    assert main(["erase", PERSON.reference, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complete"]
    lines = [json.loads(line) for line in (tmp_path / "log" / "test.log").read_text().splitlines()]
    erased = [(line["role"], line["name"]) for line in lines if line["name"].startswith("eras")]
    assert erased == [("erase", "erasure_incomplete"), ("erase", "erased")]


class Forgetting(Later):
    """A vendor that deletes.

    Attributes:
        told: the states of the questions that it was to delete.
    """

    def __init__(self):
        super().__init__(pending())
        self.told = []

    async def forget(self, pending, _context):
        """Delete."""
        self.told.append(pending.state)
        return True


async def park():
    """Have a job of the person wait for its vendor."""
    configuration = await bootstrap.configure(role="run")
    await bootstrap.make_backends(configuration, "migrate").queue.migrate()
    async with bootstrap.start(configuration, "run") as started:
        stop = asyncio.Event()
        working = asyncio.create_task(started.worker.work(stop))
        result_id = await started.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)

        async def is_parked():
            found = await started.backends.queue.jobs(prefix=result_id)
            return [job.state for job in found] == [JobState.PARKED]

        await eventually(is_parked)
        stop.set()
        await working


def test_a_vendor_that_is_told_to_delete_is_on_the_receipt(
    bare_environment, settings_file, odd_plugin, monkeypatch, capsys
):
    """The command opens what it has to tell it; the second time there is nothing left."""
    vendor = Forgetting()
    odd = ProoferDescriptor(
        name="odd:phone",
        kind=ProoferKind.PHONE,
        make=lambda *_: vendor,
        continues=frozenset({Again}),
        maturity=Maturity.MOCK,
    )
    path = settings_file(**odd_plugin([odd]), phone_vendors=["odd:phone"])
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    monkeypatch.setenv("PROOFING_ENV", "test")
    asyncio.run(park())
    assert main(["erase", PERSON.reference]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[-1]) == (6, "vendor odd:phone: deleted")
    assert vendor.told == [{"id": "v-1"}]
    assert main(["erase", PERSON.reference, "--json"]) in {0, 66}
    assert json.loads(capsys.readouterr().out)["vendors"] == []
