"""What only the secret store on S3 does: version ids, names by environment, limits, refusals."""

import time
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError
from proofing_aws.secret_store import MAX_SECRET_BYTES, S3SecretStore
from proofing_devtools.aws_rights import allowing
from proofing_devtools.aws_signature import SignedRequest
from proofing_devtools.s3 import Credential, S3Server


def keep(s3: S3Server, text: bytes, key: str = "production/secrets.yaml", *, bucket: str = "secrets") -> str:
    """Put a YAML object into the bucket and return its version id."""
    return s3.buckets[bucket].put(key, SignedRequest("PUT", "", "", (), text), time.time()).version


async def test_version_is_that_of_the_object(s3: S3Server, aws: Any) -> None:
    """The version id of S3, or the entity tag where the bucket keeps no versions."""
    keep(s3, b"key: old\n")
    version = keep(s3, b"key: new\n")
    settings = aws.settings(s3_endpoint_url=s3.url)
    secrets = await S3SecretStore(settings, environment="production").load()
    assert (secrets.values, secrets.version) == ({"key": "new"}, version)
    assert secrets.source == "s3://secrets/production/secrets.yaml"
    keep(s3, b"key: plain\n", "elsewhere.yaml", bucket="images")
    settings = aws.settings(
        s3_endpoint_url=s3.url,
        image_bucket=None,
        secret_bucket="images",
        secret_object_key="elsewhere.yaml",
    )
    secrets = await S3SecretStore(settings, environment="production").load()
    assert (secrets.values, len(secrets.version)) == ({"key": "plain"}, 32)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"key: 1\nkey: canary\n", "duplicate key"),
        (b"a:\n  key: 1\n  key: canary\n", "duplicate key"),
        (b"key: '@format canary'\n", "directives"),
        (b"{}", "no secret"),
        (b"# canary\n", "no secret"),
        (b"key: " + b"x" * MAX_SECRET_BYTES, "longer"),
        (b"key: !!python/name:os.system canary", "valid YAML"),
    ],
)
async def test_malformed_secrets_stop_the_start(text: bytes, rule: str, s3: S3Server, aws: Any) -> None:
    """The rule is named; nothing of the text is."""
    keep(s3, text)
    store = S3SecretStore(aws.settings(s3_endpoint_url=s3.url), environment="production")
    with pytest.raises(ConfigurationError, match=rule) as caught:
        await store.load()
    assert "canary" not in str(caught.value)


async def test_missing_rights_and_buckets_stop_the_start(
    s3: S3Server, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look alike to S3, and to us."""
    keep(s3, b"key: x\n")
    store = S3SecretStore(
        aws.settings(s3_endpoint_url=s3.url, secret_bucket="nowhere"), environment="production"
    )
    with pytest.raises(ConfigurationError, match="missing"):
        await store.load()
    nobody = Credential(access_key="AKIANOBODY", secret_key="s", policy=allowing())
    s3.credentials[nobody.access_key] = nobody
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", nobody.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", nobody.secret_key)
    store = S3SecretStore(aws.settings(s3_endpoint_url=s3.url), environment="production")
    with pytest.raises(ConfigurationError, match="may not read"):
        await store.load()


async def test_the_version_is_asked_for_without_the_secrets(s3: S3Server, aws: Any) -> None:
    """By HEAD, over one client that stays open; a change of the object changes it."""
    keep(s3, b"key: old\n")
    store = S3SecretStore(aws.settings(s3_endpoint_url=s3.url), environment="production")
    loaded = await store.load()
    assert await store.version() == loaded.version
    assert loaded.changed_at is not None
    version = keep(s3, b"key: new\n")
    assert await store.version() == version
    assert (await store.load()).values == {"key": "new"}
    assert await store.version() == version
    await store.close()
