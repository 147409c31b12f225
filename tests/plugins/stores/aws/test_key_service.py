"""What only the key service on KMS does: rotation, the start check, one log line for each use of a key."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, EncryptionError, StoreUnavailableError
from proofing_aws.clients import make_client
from proofing_aws.key_service import KMSKeyService
from proofing_devtools.kms import KMSServer

CONTEXT = {"purpose": "args", "environment": "test"}


@pytest.fixture
async def service(kms: KMSServer, aws: Any) -> AsyncIterator[KMSKeyService]:
    """Give an open service."""
    service = KMSKeyService(aws.settings(kms_endpoint_url=kms.url), environment="test")
    await service.open()
    yield service
    await service.close()


async def test_old_keys_stay_readable_when_the_alias_moves_on(kms: KMSServer, aws: Any) -> None:
    """200 messages under the old key, 200 under the new one: all open, on both sides of the change (S3)."""
    old_key = kms.create_key("alias/rotating")
    # 400 calls at once wait for few threads, and for a stand-in that answers one after the other.
    settings = aws.settings(kms_endpoint_url=kms.url, kms_key_id="alias/rotating", kms_deadline_seconds=60.0)
    service = KMSKeyService(settings, environment="test")
    await service.open()
    before = await asyncio.gather(*(service.generate(CONTEXT) for _ in range(200)))
    new_key = kms.create_key("alias/next")
    kms.point_alias("alias/rotating", new_key)
    after = await asyncio.gather(*(service.generate(CONTEXT) for _ in range(200)))
    assert {key.key_id for key in before} == {old_key}
    assert {key.key_id for key in after} == {new_key}
    opened = await asyncio.gather(
        *(service.unwrap(key.wrapped, key.key_id, CONTEXT) for key in [*before, *after])
    )
    assert opened == [key.plaintext for key in [*before, *after]]
    await service.close()


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("disable_key", "enabled"),
        ("schedule_key_deletion", "enabled"),
        (None, "exists"),
    ],
)
async def test_unusable_keys_stop_the_start(call: str | None, rule: str, kms: KMSServer, aws: Any) -> None:
    """The key must be there and enabled; the message names the setting, not the key."""
    settings = aws.settings(kms_endpoint_url=kms.url, kms_key_id=f"alias/canary-{call}")
    if call is not None:
        arn = kms.create_key(f"alias/canary-{call}")
        client = make_client(settings, "kms", deadline_seconds=5.0)
        getattr(client, call)(KeyId=arn.rpartition("/")[2])  # moto takes no ARN here
        client.close()
    service = KMSKeyService(settings, environment="test")
    with pytest.raises(ConfigurationError, match=rule) as caught:
        await service.open()
    assert "canary" not in str(caught.value)
    unprobed = KMSKeyService(settings.model_copy(update={"probe_at_start": False}), environment="test")
    await unprobed.open()
    await unprobed.close()


async def test_signing_keys_stop_the_start(kms: KMSServer, aws: Any) -> None:
    """A key of another kind wraps nothing."""
    settings = aws.settings(kms_endpoint_url=kms.url)
    client = make_client(settings, "kms", deadline_seconds=5.0)
    arn = client.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["Arn"]
    client.close()
    service = KMSKeyService(settings.model_copy(update={"kms_key_id": arn}), environment="test")
    with pytest.raises(ConfigurationError, match="symmetric"):
        await service.open()


async def test_a_refused_use_of_a_key_is_one_line(
    service: KMSKeyService, caplog: pytest.LogCaptureFixture
) -> None:
    """Action, key id, context and reason; never a key. What went well the core notes."""
    caplog.set_level(logging.INFO, "proofing")
    key = await service.generate(CONTEXT)
    await service.unwrap(key.wrapped, key.key_id, CONTEXT)
    with pytest.raises(EncryptionError):
        await service.unwrap(key.wrapped, key.key_id, {"purpose": "image"})
    (record,) = caplog.records
    assert record.getMessage() == "key_access_denied"
    line = vars(record)["proofing_fields"]
    assert (line["action"], line["key_id"]) == ("Decrypt", key.key_id)
    assert line["context"] == {"purpose": "image"}
    assert line["reason"] == "InvalidCiphertextException"


async def test_check_finds_nothing_wrong(service: KMSKeyService) -> None:
    """The key of the stand-in is as it should be."""
    nothing: Sequence[str] = []
    assert await service.check() == nothing


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_credentials_that_kms_does_not_know_damage_no_message(
    name: str, service: KMSKeyService, kms: KMSServer, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown key or a wrong secret is reported as such: it says nothing about key or message."""
    key = await service.generate(CONTEXT)
    monkeypatch.setenv(name, "AKIACANARY0000000000")
    settings = aws.settings(kms_endpoint_url=kms.url)
    with pytest.raises(StoreUnavailableError, match="refuses our credentials"):
        await KMSKeyService(settings, environment="test").open()
    stranger = KMSKeyService(settings.model_copy(update={"probe_at_start": False}), environment="test")
    await stranger.open()
    for call in (stranger.generate(CONTEXT), stranger.unwrap(key.wrapped, key.key_id, CONTEXT)):
        with pytest.raises(StoreUnavailableError, match="refuses our credentials") as caught:
            await call
        assert "CANARY" not in str(caught.value)
    await stranger.close()


@pytest.mark.parametrize("call", ["disable_key", "schedule_key_deletion"])
async def test_a_key_that_is_not_enabled_damages_no_message(call: str, kms: KMSServer, aws: Any) -> None:
    """The operator may enable it again, so what it wrapped is not there now, and not broken."""
    alias = f"alias/switched-off-{call.partition('_')[0]}"
    arn = kms.create_key(alias)
    settings = aws.settings(kms_endpoint_url=kms.url, kms_key_id=alias)
    service = KMSKeyService(settings, environment="test")
    await service.open()
    key = await service.generate(CONTEXT)
    client = make_client(settings, "kms", deadline_seconds=5.0)
    getattr(client, call)(KeyId=arn.rpartition("/")[2])  # moto takes no ARN here
    client.close()
    for use in (service.generate(CONTEXT), service.unwrap(key.wrapped, key.key_id, CONTEXT)):
        with pytest.raises(StoreUnavailableError, match="cannot use our key"):
            await use
    await service.close()
