"""The production shape on one machine: real PostgreSQL and Redis, and strict stand-ins for S3 and KMS.

`running_services` starts them and says which settings and variables lead to them; `make run-services` and the
tests of the production shape use it. The stand-ins check every signature, so credentials are real ones of
their own; they are in the environment, as the AWS chain expects. The owner of the account may do
everything; each role has a credential alongside, with the policy that the plugin ``aws`` has for it.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from proofing_devtools.aws_rights import Credential, Policy, read_policy
from proofing_devtools.kms import ACCOUNT, KMSServer, running_kms
from proofing_devtools.postgres import PostgresServer, running_postgres
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.redis import RedisServer, running_redis
from proofing_devtools.s3 import S3Server, running_s3
from proofing_devtools.s3_bucket import Bucket, CORSRule

IMAGE_BUCKET = "proofing-images"
SECRET_BUCKET = "proofing-secrets"  # noqa: S105 - a name
SECRET_KEY = "test/secrets.yaml"  # noqa: S105 - a name
REGION = "us-east-1"
KEY_ALIAS = "alias/proofing"
ENVIRONMENT = "test"
#: Kinds of process that have rights of their own.
ROLES = ("migrate", "operator", "web", "worker")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Services:
    """Running services.

    Attributes:
        settings: values for settings.yaml that lead to them.
        variables: environment variables that their clients need, with the credential of the owner.
        credentials: role to the credential that has its rights and no others.
    """

    postgres: PostgresServer
    redis: RedisServer
    s3: S3Server
    kms: KMSServer
    settings: Mapping[str, Any]
    variables: Mapping[str, str]
    credentials: Mapping[str, Credential]


def role_secret_key(role: str) -> str:
    """Return the location of the secrets of *role*, which it alone may read."""
    return f"{ENVIRONMENT}/{role}.yaml"


def role_policy(role: str) -> Policy:
    """Return what *role* may do with S3 and KMS: the plugin's policy for our buckets and keys."""
    text = files("proofing_aws").joinpath("policies", f"{role}.json").read_text(encoding="utf-8")
    return read_policy(
        text,
        environment=ENVIRONMENT,
        image_bucket=IMAGE_BUCKET,
        image_prefix="",
        kms_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*",
        secret_bucket=SECRET_BUCKET,
        secret_object_key=role_secret_key(role),
    )


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
    owner = _credential(None)
    roles = {role: _credential(role_policy(role)) for role in ROLES}
    signers = [owner, *roles.values()]
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
        kms = stack.enter_context(
            running_kms(alias=KEY_ALIAS, region=REGION, state=folder / "kms", credentials=signers)
        )
        s3 = stack.enter_context(running_s3([images, kept], credentials=signers, region=REGION))
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
            variables={**signing_variables(owner), "AWS_EC2_METADATA_DISABLED": "true"},
            credentials=roles,
        )


def signing_variables(credential: Credential) -> dict[str, str]:
    """Return the environment variables by which the AWS chain finds *credential*."""
    return {"AWS_ACCESS_KEY_ID": credential.access_key, "AWS_SECRET_ACCESS_KEY": credential.secret_key}


def _credential(policy: Policy | None) -> Credential:
    """Return a fresh credential with the rights of *policy*."""
    return Credential(
        access_key="AK" + secrets.token_hex(9).upper(), secret_key=secrets.token_hex(20), policy=policy
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
        "call_store": "postgres",
        "image_store": "aws",
        "key_service": "aws",
        "public_url": public_url,
        "queue": "postgres",
        "require_crash_recovery": True,
        "result_store": "redis",
        "secret_store": "aws",
        "verification_store": "postgres",
        **FROM_ONE_ADDRESS,
        "aws": {
            "image_bucket": IMAGE_BUCKET,
            "kms_endpoint_url": kms_url,
            "kms_deadline_seconds": 5.0,  # the stand-in shares the machine with everything else
            "kms_key_id": KEY_ALIAS,
            "region": REGION,
            "s3_addressing": "path",
            "s3_endpoint_url": s3_url,
            "secret_bucket": SECRET_BUCKET,
            "secret_object_key": SECRET_KEY,
        },
    }
