"""`proofing check --deep` on S3: each fault of a bucket is named, and the probes are deleted by who may."""

from typing import Any

import pytest
from tests.plugins.stores.aws.conftest import IMAGES, ORIGIN

from proofing.cli.deep import DeepReport, try_uploads
from proofing_aws.image_store import S3ImageStore
from proofing_devtools.s3 import Bucket, CORSRule, Credential, S3Server, running_s3
from proofing_devtools.services import IMAGE_BUCKET, role_policy


async def check(url: str, aws: Any, **settings: object) -> DeepReport:
    """Run the deep check on the bucket at *url*, without the start's own probe."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=url, probe_at_start=False, **settings), role="check")
    await store.open()
    try:
        return await try_uploads(store, ORIGIN)
    finally:
        await store.close()


async def test_a_good_bucket_has_no_problem(s3: S3Server, aws: Any) -> None:
    """Preflight, refused checksum, upload, refused second upload; then nothing is left."""
    report = await check(s3.url, aws)
    assert report == DeepReport()
    found = [(seen.method, seen.status) for seen in s3.requests if seen.method in {"OPTIONS", "PUT"}]
    assert found == [("OPTIONS", 200), ("PUT", 400), ("PUT", 200), ("PUT", 412)]
    assert s3.buckets[IMAGES].objects == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cors": ()}, ["preflight of a page", "the answer to an upload"]),
        ({"answers_cors": False}, ["the answer to an upload"]),
        ({"cors": (CORSRule(origin=ORIGIN, headers=frozenset({"content-type"})),)}, ["preflight of a page"]),
        ({"cors": (CORSRule(origin="https://other.example"),)}, ["preflight of a page", "the answer to"]),
        ({"ignores_checksums": True}, ["SHA-256 checksum"]),
        ({"conditions": "ignored"}, ["a second upload"]),
        ({"conditions": "refused"}, ["refused with status 501"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_each_fault_is_named(changes: dict[str, Any], said: list[str], aws: Any) -> None:
    """One sentence for each, and no other; nothing is left."""
    bucket = Bucket(**{"name": IMAGES, "cors": (CORSRule(origin=ORIGIN),), **changes})
    with running_s3([bucket]) as server:
        report = await check(server.url, aws)
    assert len(report.problems) == len(said), report.problems
    assert all(part in problem for part, problem in zip(said, report.problems, strict=True))
    assert "captures" not in str(report)
    assert bucket.objects == {}


@pytest.mark.parametrize(("role", "is_clean"), [("check", True), ("web", False)])
async def test_the_role_that_runs_it(
    role: str, is_clean: bool, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy of `check` is enough for all of it; with a web process's rights the rest is said."""
    credential = Credential(access_key="AKIAROLE", secret_key="s", policy=role_policy(role))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credential.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credential.secret_key)
    bucket = Bucket(name=IMAGE_BUCKET, cors=(CORSRule(origin=ORIGIN),), only_if_absent=True)
    with running_s3([bucket], credentials=[credential]) as server:
        report = await check(server.url, aws, image_bucket=IMAGE_BUCKET)
    assert report.problems == []
    assert (report.advice == []) is is_clean
    assert (bucket.objects == {}) is is_clean
