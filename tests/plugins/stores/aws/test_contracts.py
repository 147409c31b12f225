"""The AWS stores keep the contracts, against a strict S3 and a KMS over real HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from proofing.contracts.stores import ImageStore, KeyService, SecretStore
from proofing.testing.processes import free_port
from proofing.testing.stores import ImageStoreContract, KeyServiceContract, SecretStoreContract
from proofing_aws.clients import AWSCalls
from proofing_aws.image_store import S3ImageStore
from proofing_aws.key_service import KMSKeyService
from proofing_aws.secret_store import S3SecretStore
from proofing_devtools.aws_signature import SignedRequest
from proofing_devtools.kms import KMSServer
from proofing_devtools.s3 import S3Server


def break_boto(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have every call of a boto3 client raise *error*, signing too."""

    def fail(*_: object, **__: object) -> None:
        raise error

    class Broken:
        def __getattr__(self, _name: str) -> object:
            return fail

    monkeypatch.setattr(AWSCalls, "client", Broken())
    monkeypatch.setattr("proofing_aws.clients.make_client", fail)


class TestS3ImageStore(ImageStoreContract):
    """Images in S3."""

    @pytest.fixture(autouse=True)
    def _server(self, s3: S3Server, aws: Any) -> None:
        """Remember the server."""
        self.url = s3.url
        self.aws = aws

    def make_store(self) -> ImageStore:
        """Return a store on the strict double."""
        return S3ImageStore(self.aws.settings(s3_endpoint_url=self.url), role="web")

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No call of boto3."""
        break_boto(monkeypatch, error)

    def make_unreachable_store(self) -> ImageStore:
        """Return a store where nobody listens."""
        return S3ImageStore(self.aws.settings(s3_endpoint_url=f"http://127.0.0.1:{free_port()}"), role="web")

    async def put(self, store: ImageStore, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send the upload over HTTP."""
        return await asyncio.to_thread(self.aws.send, "PUT", url, headers, body)


class TestKMSKeyService(KeyServiceContract):
    """Data keys from KMS."""

    @pytest.fixture(autouse=True)
    def _server(self, kms: KMSServer, aws: Any) -> None:
        """Remember the server."""
        self.url = kms.url
        self.aws = aws

    def make_service(self) -> KeyService:
        """Return a service on the stand-in."""
        return KMSKeyService(self.aws.settings(kms_endpoint_url=self.url), environment="test")

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No call of boto3."""
        break_boto(monkeypatch, error)

    def make_unreachable_service(self) -> KeyService:
        """Return a service where nobody listens."""
        return KMSKeyService(
            self.aws.settings(kms_endpoint_url=f"http://127.0.0.1:{free_port()}"), environment="test"
        )


class TestS3SecretStore(SecretStoreContract):
    """Secrets in S3."""

    @pytest.fixture(autouse=True)
    def _server(self, s3: S3Server, aws: Any) -> None:
        """Remember the server."""
        self.s3 = s3
        self.aws = aws

    def make_store(self, text: bytes) -> SecretStore:
        """Return a store that reads *text* from the bucket."""
        self.s3.buckets["secrets"].put("test/secrets.yaml", SignedRequest("PUT", "", "", (), text), 0.0)
        return self.make_missing_store()

    def make_missing_store(self) -> SecretStore:
        """Return a store that reads what is in the bucket."""
        return S3SecretStore(self.aws.settings(s3_endpoint_url=self.s3.url), environment="test")

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No call of boto3."""
        break_boto(monkeypatch, error)

    def make_unreachable_store(self) -> SecretStore:
        """Return a store where nobody listens."""
        return S3SecretStore(
            self.aws.settings(s3_endpoint_url=f"http://127.0.0.1:{free_port()}"), environment="test"
        )
