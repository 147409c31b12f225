"""Rights split by role: web and worker do their work, and neither can do the other's."""

import secrets

import boto3
import httpx
import psycopg
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from proofing.base.errors import EncryptionError
from proofing.crypto.encryption import Purpose, SealContext
from proofing_devtools.services import IMAGE_BUCKET, KEY_ALIAS, REGION, SECRET_BUCKET, SECRET_KEY


def client_of(shape, role, service):
    """Return a client of S3 or KMS with the credential of *role*."""
    rights = shape.rights[role]
    return boto3.client(
        service,
        endpoint_url=getattr(shape.services, service).url,
        region_name=REGION,
        aws_access_key_id=rights["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=rights["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            signature_version="s3v4" if service == "s3" else "v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            proxies={},
        ),
    )


def s3_client(shape, role):
    """Return a client of S3 with the credential of *role*."""
    return client_of(shape, role, "s3")


def refusal(call, **arguments):
    """Return the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def login(shape, role):
    """Return the database address of *role*."""
    key = shape.rights[role]["PROOFING_AWS__SECRET_OBJECT_KEY"]
    return yaml.safe_load(shape.services.s3.buckets[SECRET_BUCKET].objects[key].body)["postgres"]["dsn"]


def test_a_proofing_passes_with_split_rights(shape):
    """`proofing smoke` passes; nothing is refused, and each role uses keys for its own purposes alone."""
    seen = len(shape.services.s3.requests)
    done = shape.run("web", "smoke", "--url", shape.url, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    requests = shape.services.s3.requests[seen:]
    # HEAD: each process looks for a new version of the secrets.
    assert {request.method for request in requests} - {"HEAD"} == {"PUT", "GET", "DELETE"}
    assert all(request.status < 300 for request in requests)
    assert shape.log_lines("key_access_denied") == []
    by_role = {(line["role"], line["action"], line["context"]) for line in shape.log_lines("key_used")}
    # The web process may also have to unwrap for a session, when the data key at hand is not the session's;
    # and a worker what another one wrote of a job that it takes over, on a machine too busy for a lease.
    # Other tests of this shape may have sent people by relying parties.
    of_verifications = {
        ("web", "generate", "verification"),
        ("web", "unwrap", "verification"),
        ("web", "unwrap", "credential"),
        ("worker", "generate", "verification"),
    }
    others = {("web", "unwrap", "session"), ("worker", "unwrap", "parked"), *of_verifications}
    assert by_role - others == {
        ("web", "generate", "args"),
        ("web", "generate", "session"),
        ("web", "unwrap", "result"),
        # What a job with several questions has of them while it runs.
        ("worker", "generate", "parked"),
        ("worker", "generate", "result"),
        ("worker", "unwrap", "args"),
    }


@pytest.mark.parametrize(
    ("role", "refused", "opened"),
    [
        ("web", {"args", "parked", "cache"}, {"result", "session", "verification"}),
        ("worker", {"result", "session", "verification"}, {"args", "parked", "cache"}),
    ],
)
def test_a_role_opens_its_own_purposes(shape, role, refused, opened):
    """KMS unwraps for one role what it refuses the other, in whatever context the other asks."""
    signer = client_of(shape, role, "kms")
    of_workers = dict.fromkeys(("result", "parked", "cache", "verification"), "worker")
    maker = {"args": "web", "session": "web", **of_workers}
    for purpose in refused | opened:
        context = {"app": "proofing", "environment": "test", "purpose": purpose}
        key = client_of(shape, maker[purpose], "kms").generate_data_key(
            KeyId=KEY_ALIAS, KeySpec="AES_256", EncryptionContext=context
        )
        wrapped = {"CiphertextBlob": key["CiphertextBlob"]}
        if purpose in opened:
            assert signer.decrypt(**wrapped, EncryptionContext=context)["Plaintext"] == key["Plaintext"]
            continue
        for asked in [context, {}, *({**context, "purpose": other} for other in opened)]:
            code = refusal(signer.decrypt, **wrapped, EncryptionContext=asked)
            assert code in {"AccessDeniedException", "InvalidCiphertextException"}
        assert refusal(signer.decrypt, **wrapped, EncryptionContext=context) == "AccessDeniedException"


async def test_the_web_process_opens_no_arguments(shape):
    """With all the keys of the application it still cannot open what another process sealed for a worker."""
    context = SealContext(purpose=Purpose.ARGUMENTS, subject=secrets.token_hex(16), item="address/any")
    async with shape.runtime("web") as runtime:
        sealed = await runtime.runner._sealer.seal(b"{}", context)
    async with shape.runtime("web") as runtime:
        with pytest.raises(EncryptionError):
            await runtime.runner._sealer.open(sealed, context)
    async with shape.runtime("worker") as runtime:
        assert await runtime.runner._sealer.open(sealed, context) == b"{}"


def test_a_role_reads_its_own_secrets(shape):
    """The login of the worker is not for the web's eyes, and the owner's is for nobody's."""
    keys = {role: rights["PROOFING_AWS__SECRET_OBJECT_KEY"] for role, rights in shape.rights.items()}
    for role in shape.rights:
        client = s3_client(shape, role)
        for key in [SECRET_KEY, *keys.values()]:
            if key == keys[role]:
                assert client.get_object(Bucket=SECRET_BUCKET, Key=key)["Body"].read()
            else:
                assert refusal(client.get_object, Bucket=SECRET_BUCKET, Key=key) == "AccessDenied"


def test_the_web_credential_reads_no_image(shape):
    """It may write images, and neither read, list nor delete them."""
    shape.services.s3.load(IMAGE_BUCKET, "captures/other/image", b"ciphertext")
    client = s3_client(shape, "web")
    named = {"Bucket": IMAGE_BUCKET, "Key": "captures/other/image"}
    assert refusal(client.get_object, **named) == "AccessDenied"
    assert refusal(client.head_object, **named) == "403"
    assert refusal(client.delete_object, **named) == "AccessDenied"
    assert refusal(client.list_objects_v2, Bucket=IMAGE_BUCKET) == "AccessDenied"
    url = client.generate_presigned_url("get_object", Params=named)
    assert httpx.get(url, trust_env=False).status_code == 403
    assert s3_client(shape, "worker").get_object(**named)["Body"].read() == b"ciphertext"
    s3_client(shape, "worker").delete_object(**named)


def test_the_worker_credential_writes_no_image(shape):
    """Neither directly nor by a URL that it signs."""
    client = s3_client(shape, "worker")
    named = {"Bucket": IMAGE_BUCKET, "Key": "captures/other/written"}
    assert refusal(client.put_object, **named, Body=b"x", IfNoneMatch="*") == "AccessDenied"
    url = client.generate_presigned_url("put_object", Params={**named, "IfNoneMatch": "*"})
    assert httpx.put(url, content=b"x", headers={"if-none-match": "*"}, trust_env=False).status_code == 403
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
