"""What keeps S3 and KMS from serving is told apart, for each of the three stores."""

from typing import Any

import pytest

from proofing.base.errors import ProofingError, StoreUnavailableError, Trouble
from proofing.base.troubles import trouble_of
from proofing.testing.processes import free_port
from proofing.testing.unreachable import UNKNOWN_HOST, silent_server, talkative_server
from proofing_aws.image_store import S3ImageStore
from proofing_aws.key_service import KMSKeyService
from proofing_aws.secret_store import S3SecretStore
from proofing_devtools.kms import KMSServer
from proofing_devtools.s3 import S3Server

DEADLINES = {"deadline_seconds": 3.0, "kms_deadline_seconds": 3.0, "attempts": 1}


async def failure(store: Any) -> ProofingError:
    """Return the error with which *store* does not open, or load."""
    try:
        await (store.load() if isinstance(store, S3SecretStore) else store.open())
    except ProofingError as error:
        return error
    pytest.fail("it serves")


def stores(aws: Any, url: str) -> list[Any]:
    """Return the three stores, all of which look for their service at *url*."""
    settings = aws.settings(s3_endpoint_url=url, kms_endpoint_url=url, **DEADLINES)
    return [
        S3ImageStore(settings, role="web"),
        S3SecretStore(settings, environment="test"),
        KMSKeyService(settings, environment="test"),
    ]


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("http://127.0.0.1:{free}", Trouble.CONNECTION_REFUSED),
        (f"http://{UNKNOWN_HOST}", Trouble.UNKNOWN_HOST),
        ("http://127.0.0.1:{silent}", Trouble.TIMEOUT),
        ("https://127.0.0.1:{plain}", Trouble.TLS),
    ],
)
@pytest.mark.parametrize("number", range(3), ids=["images", "secrets", "keys"])
async def test_ways_that_lead_nowhere(aws: Any, url: str, trouble: Trouble, number: int) -> None:
    """Refused port, unknown host, silence, and a server without TLS."""
    with silent_server() as silent, talkative_server() as plain:
        store = stores(aws, url.format(free=free_port(), silent=silent, plain=plain))[number]
        error = await failure(store)
    assert isinstance(error, StoreUnavailableError)
    assert error.trouble is trouble, str(error)


async def test_wrong_credentials_and_missing_places(
    s3: S3Server, kms: KMSServer, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that nobody knows is not an outage; a bucket or key that does not exist is a wrong setting."""
    settings = {"s3_endpoint_url": s3.url, "kms_endpoint_url": kms.url}
    gone = aws.settings(**settings, image_bucket="gone", kms_key_id="alias/gone")
    assert trouble_of(await failure(S3ImageStore(gone, role="web"))) is Trouble.CONFIGURATION
    assert trouble_of(await failure(KMSKeyService(gone, environment="test"))) is Trouble.CONFIGURATION
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-synthetic")
    error = await failure(S3ImageStore(aws.settings(**settings), role="web"))
    assert trouble_of(error) in {Trouble.CREDENTIALS, Trouble.PERMISSION}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert (
        trouble_of(await failure(S3ImageStore(aws.settings(**settings), role="web"))) is Trouble.CREDENTIALS
    )


async def test_pings_ask_the_services(s3: S3Server, kms: KMSServer, aws: Any) -> None:
    """They pass while bucket and key are there, and fail when the bucket is gone."""
    settings = aws.settings(s3_endpoint_url=s3.url, kms_endpoint_url=kms.url)
    images, keys = S3ImageStore(settings, role="worker"), KMSKeyService(settings, environment="test")
    await images.open()
    await keys.open()
    await images.ping()
    await keys.ping()
    bucket = s3.buckets.pop("images")
    with pytest.raises(StoreUnavailableError) as caught:
        await images.ping()
    assert caught.value.trouble is Trouble.NOT_FOUND
    s3.buckets["images"] = bucket
    await images.close()
    await keys.close()
