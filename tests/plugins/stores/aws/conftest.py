"""The stand-ins that the tests of the AWS stores share."""

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from proofing_aws.settings import AWSSettings
from proofing_devtools.kms import KMSServer, running_kms
from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, CORSRule, S3Server, running_s3

ORIGIN = "https://proofing.example.gov"
IMAGES = "images"
SECRETS = "secrets"


@pytest.fixture(autouse=True)
def _aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the credential chain the one credential that the stand-in knows, and no metadata service."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_CREDENTIAL.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_CREDENTIAL.secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """Run an S3 with one bucket for images and one for secrets."""
    images = Bucket(
        name=IMAGES,
        cors=(CORSRule(origin=ORIGIN),),
        only_if_absent=True,
        max_signature_age_seconds=300.0,
    )
    with running_s3([images, Bucket(name=SECRETS, is_versioned=True)]) as server:
        yield server


@pytest.fixture(scope="session")
def kms() -> Iterator[KMSServer]:
    """Run one KMS for all tests; it takes a second to start."""
    with running_kms() as server:
        yield server


class AWSTools:
    """What the tests need to talk to the stand-ins."""

    def settings(self, **values: object) -> AWSSettings:
        """Return settings for the stand-ins, with *values* on top."""
        return AWSSettings.model_validate(
            {
                "region": "us-east-1",
                "s3_addressing": "path",
                "image_bucket": IMAGES,
                "secret_bucket": SECRETS,
                "kms_key_id": "alias/proofing",
                "kms_deadline_seconds": 5.0,  # the stand-in shares a busy machine
                **values,
            }
        )

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Send one request with *headers*, plus Host and length unless they say; return the status."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5.0)
        names = {name.lower() for name in headers}
        with contextlib.closing(connection):
            connection.putrequest(
                method, f"{parts.path}?{parts.query}", skip_host="host" in names, skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name, value)
            if not names & {"content-length", "transfer-encoding"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return connection.getresponse().status


@pytest.fixture
def aws() -> AWSTools:
    """Give the tools."""
    return AWSTools()
