"""`proofing erase` when a store refuses to open: the others are erased, and each has its receipt."""

import asyncio
import json

import pytest

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.cli import main
from proofing.contracts.images import Side
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
        await started.service.save_session("session-id", make_session(PERSON.reference))
        grant = await started.service.new_slot(PERSON, attempt="a" * 32, side=Side.FRONT)
        assert grant


async def session():
    """Return what is left of the session."""
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "run") as started:
        return await started.service.load_session("session-id")


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
