"""Rights split by role: web and worker do their work, and neither can do the other's."""

import boto3
import psycopg
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from proofing.testing.services import IMAGE_BUCKET, REGION, SECRET_BUCKET


def s3_client(shape, role):
    """Return a client with the credential of *role*."""
    rights = shape.rights[role]
    return boto3.client(
        "s3",
        endpoint_url=shape.services.s3.url,
        region_name=REGION,
        aws_access_key_id=rights["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=rights["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}
        ),
    )


def login(shape, role):
    """Return the database address of *role*."""
    key = shape.rights[role]["PROOFING_AWS__SECRET_OBJECT_KEY"]
    return yaml.safe_load(shape.services.s3.buckets[SECRET_BUCKET].objects[key].body)["postgres"]["dsn"]


async def test_a_proofing_passes_with_split_rights(shape):
    """Every step of the smoke test, and no call to S3 was refused but the checks at start."""
    seen = len(shape.services.s3.requests)
    async with shape.client() as client:
        report = await shape.walk(client).run()
    assert report["passed"], report
    requests = shape.services.s3.requests[seen:]
    assert {request.method for request in requests} == {"PUT", "GET", "DELETE"}
    assert all(request.status < 300 for request in requests)


def test_the_web_credential_reads_no_picture(shape):
    """It may write pictures, and neither read, list nor delete them."""
    shape.services.s3.load(IMAGE_BUCKET, "captures/other/picture", b"ciphertext")
    client = s3_client(shape, "web")
    named = {"Bucket": IMAGE_BUCKET, "Key": "captures/other/picture"}
    refused = (
        lambda: client.get_object(**named),
        lambda: client.head_object(**named),
        lambda: client.delete_object(**named),
        lambda: client.list_objects_v2(Bucket=IMAGE_BUCKET),
    )
    for call in refused:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3_client(shape, "worker").get_object(**named)["Body"].read() == b"ciphertext"
    s3_client(shape, "worker").delete_object(**named)


def test_the_worker_credential_writes_no_picture(shape):
    """Neither directly nor by a URL that it signs."""
    client = s3_client(shape, "worker")
    named = {"Bucket": IMAGE_BUCKET, "Key": "captures/other/written"}
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_object(**named, Body=b"x", IfNoneMatch="*")
    assert "captures/other/written" not in shape.objects


def test_the_web_login_reads_no_arguments(shape):
    """It may write them; reading them back is refused, and so is changing them."""
    with psycopg.connect(login(shape, "web"), autocommit=True) as connection:
        assert connection.execute("select count(id) from proofing.job").fetchone() is not None
        for statement in (
            "select payload from proofing.job",
            "select * from proofing.job",
            "update proofing.job set payload = ''",
            "copy proofing.job (payload) to stdout",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_worker_login_enqueues_nothing(shape):
    """A worker that was taken over cannot put jobs into the queue."""
    with psycopg.connect(login(shape, "worker"), autocommit=True) as connection:
        connection.execute("select payload from proofing.job")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("insert into proofing.job (id) values (gen_random_uuid())")
