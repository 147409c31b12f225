"""The secret store on S3: the environment's secrets as one YAML object; its version is followed."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from proofing.plugin import ConfigurationError, Problem, Secrets, StoreUnavailableError
from proofing.plugin.support import parse_yaml, seam
from proofing_aws.clients import AWSCalls, error_code, is_refused
from proofing_aws.settings import AWSSettings, require

#: Far more than secrets need; what is longer is something else.
MAX_SECRET_BYTES = 1024 * 1024

AnswerT = TypeVar("AnswerT")
_NOT_THERE = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


@seam(StoreUnavailableError, "the secret store (S3)")
class S3SecretStore:
    """Keeps the contract `proofing.plugin.SecretStore`.

    Args:
        settings: the plugin's.
        environment: names the object unless the settings do.
    """

    def __init__(self, settings: AWSSettings, *, environment: str) -> None:
        self._bucket = require(settings.secret_bucket, "secret_bucket")
        self._key = settings.secret_object_key or f"{environment}/secrets.yaml"
        self._calls = AWSCalls(
            settings, "s3", "secret store (S3)", deadline_seconds=settings.deadline_seconds
        )
        #: Whether the client stays open, for the next question about the version.
        self._is_followed = False

    @property
    def _source(self) -> str:
        """Where the object is, for messages."""
        return f"s3://{self._bucket}/{self._key}"

    async def load(self) -> Secrets:
        """Return the secrets.

        Raises:
            ConfigurationError: not there, not for us, too long, or not a YAML map with something in it.
            StoreUnavailableError: S3 does not answer.
        """
        source = self._source
        try:
            text, version, changed_at = await self._ask(self._read)
        finally:
            if not self._is_followed:
                await self._calls.close()
        if len(text) > MAX_SECRET_BYTES:
            raise _problem(source, f"must not be longer than {MAX_SECRET_BYTES} bytes")
        values: dict[str, Any] = parse_yaml(text, source)
        if not values:
            raise _problem(source, "contains no secrets")
        return Secrets(values=values, version=version, source=source, changed_at=changed_at)

    async def version(self) -> str:
        """Return the version by a HEAD request. See `proofing.plugin.VersionedSecretStore`."""
        self._is_followed = True
        return await self._ask(self._head)

    async def close(self) -> None:
        """Close what `version` left open."""
        self._is_followed = False
        await self._calls.close()

    async def _ask(self, question: Callable[[], AnswerT]) -> AnswerT:
        """Return what S3 answers to *question* about the object.

        Raises:
            ConfigurationError: it is not there, or not for us.
            StoreUnavailableError: S3 does not answer.
        """
        await self._calls.open()
        try:
            return await self._calls.run(question)
        except ClientError as error:
            if error_code(error) in _NOT_THERE or is_refused(error):
                raise _problem(self._source, "is missing, or our role may not read it") from None
            raise StoreUnavailableError("the secret store (S3) cannot serve now") from None

    def _head(self) -> str:
        """Ask for the version in a thread."""
        return self._version_of(self._calls.client.head_object(Bucket=self._bucket, Key=self._key))

    def _read(self) -> tuple[bytes, str, str]:
        """Read in a thread; one byte beyond the limit at most."""
        answer = self._calls.client.get_object(Bucket=self._bucket, Key=self._key)
        with answer["Body"] as stream:
            text: bytes = stream.read(MAX_SECRET_BYTES + 1)
        length = int(self._calls.part(answer, "ContentLength"))
        if len(text) != min(length, MAX_SECRET_BYTES + 1):
            raise StoreUnavailableError("the secret store (S3) broke off its answer")
        changed_at = self._calls.part(answer, "LastModified").isoformat()
        return text, self._version_of(answer), changed_at

    def _version_of(self, answer: Mapping[str, Any]) -> str:
        """Return the version id, or the entity tag where the bucket keeps no versions."""
        version = answer.get("VersionId")
        if version in {None, "null"}:
            version = self._calls.part(answer, "ETag").strip('"')
        return str(version)


def _problem(source: str, rule: str) -> ConfigurationError:
    """Return the error that stops the start."""
    return ConfigurationError([Problem(source, "file", rule)])
