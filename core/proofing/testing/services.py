"""The production shape on one machine: real PostgreSQL and Redis, and strict stand-ins for S3 and KMS.

`running_services` starts them and says which settings and variables lead to them; `make run-services` and the
tests of the production shape use it. The S3 stand-in checks every signature, so credentials are real ones of
its own; they stand in the environment, as the AWS chain expects.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofing.testing.kms import KMSServer, running_kms
from proofing.testing.postgres import PostgresServer, running_postgres
from proofing.testing.redis import RedisServer, running_redis
from proofing.testing.s3 import S3Server, running_s3
from proofing.testing.s3_bucket import Bucket, CORSRule
from proofing.testing.s3_signature import Credential

IMAGE_BUCKET = "proofing-images"
SECRET_BUCKET = "proofing-secrets"  # noqa: S105 - a name
SECRET_KEY = "test/secrets.yaml"  # noqa: S105 - a name
REGION = "us-east-1"
KEY_ALIAS = "alias/proofing"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Services:
    """Running services.

    Attributes:
        settings: values for settings.yaml that lead to them.
        variables: environment variables that their clients need.
    """

    postgres: PostgresServer
    redis: RedisServer
    s3: S3Server
    kms: KMSServer
    settings: Mapping[str, Any]
    variables: Mapping[str, str]


def _direct(_name: str, port: int) -> int:
    """Lead clients to the service itself."""
    return port


@contextlib.contextmanager
def running_services(
    public_url: str, *, durable: bool = False, front: Callable[[str, int], int] = _direct
) -> Iterator[Services]:
    """Run all services for the length of the ``with`` block.

    Args:
        public_url: origin of the pages that may upload.
        durable: whether PostgreSQL's commits reach the disk.
        front: given ``postgres``, ``redis``, ``s3`` or ``kms`` and its port, returns the port that clients
            are led to, such as that of a fault proxy.
    """
    credential = Credential(access_key="AK" + secrets.token_hex(9).upper(), secret_key=secrets.token_hex(20))
    images = Bucket(
        name=IMAGE_BUCKET,
        cors=(CORSRule(origin=public_url),),
        only_if_absent=True,
        max_signature_age_seconds=300.0,
    )
    kept = Bucket(name=SECRET_BUCKET, is_versioned=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proofing-services-")))
        postgres = stack.enter_context(running_postgres(durable=durable))
        redis = stack.enter_context(running_redis(password=secrets.token_hex(16)))
        kms = stack.enter_context(running_kms(alias=KEY_ALIAS, region=REGION, state=folder / "kms"))
        s3 = stack.enter_context(running_s3([images, kept], credentials=[credential], region=REGION))
        dsn = _led(postgres.new_database(), postgres.port, front("postgres", postgres.port))
        redis_url = _led(redis.url, redis.port, front("redis", redis.port))
        s3_url = _led(s3.url, s3.port, front("s3", s3.port))
        kms_url = _led(kms.url, kms.port, front("kms", kms.port))
        s3.load(SECRET_BUCKET, SECRET_KEY, yaml.safe_dump(_secrets(dsn, redis_url)).encode())
        yield Services(
            postgres=postgres,
            redis=redis,
            s3=s3,
            kms=kms,
            settings=_settings(public_url, s3_url, kms_url),
            variables={
                "AWS_ACCESS_KEY_ID": credential.access_key,
                "AWS_SECRET_ACCESS_KEY": credential.secret_key,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )


def _led(url: str, port: int, instead: int) -> str:
    """Return *url* with another port."""
    return url.replace(f":{port}", f":{instead}")


def _secrets(dsn: str, redis_url: str) -> dict[str, Any]:
    """Return the secrets as operators keep them in S3."""
    return {
        "session_encryption_key": secrets.token_hex(32),
        "hmac_fingerprinter_key": secrets.token_hex(32),
        "postgres": {"dsn": dsn},
        "redis": {"url": redis_url},
    }


def _settings(public_url: str, s3_url: str, kms_url: str) -> dict[str, Any]:
    """Return the settings of the production shape, with the mock vendor."""
    return {
        "plugins": ["aws", "mock", "postgres", "redis"],
        "image_store": "aws",
        "key_service": "aws",
        "public_url": public_url,
        "queue": "postgres",
        "queue_must_rescue": True,
        "result_store": "redis",
        "secret_store": "aws",
        "aws": {
            "image_bucket": IMAGE_BUCKET,
            "kms_endpoint_url": kms_url,
            "kms_key_id": KEY_ALIAS,
            "region": REGION,
            "s3_addressing": "path",
            "s3_endpoint_url": s3_url,
            "secret_bucket": SECRET_BUCKET,
            "secret_object_key": SECRET_KEY,
        },
    }
