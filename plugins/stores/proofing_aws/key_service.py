"""The key service on KMS: data keys bound to an encryption context.

Source: AWS KMS API Reference, GenerateDataKey and Decrypt; KMS Developer Guide, "Encryption context".
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from proofing.plugin import (
    ConfigurationError,
    DataKey,
    EncryptionError,
    Problem,
    StoreUnavailableError,
    Trouble,
    get_logger,
    log,
)
from proofing.plugin.support import seam
from proofing_aws.clients import AWSCalls, error_code, is_refused
from proofing_aws.settings import AWSSettings, require

_KEY_SPEC = "AES_256"
#: The key is disabled or scheduled for deletion; both can be undone.
_NOT_NOW = frozenset({"DisabledException", "KMSInvalidStateException"})

_logger = get_logger(__name__)


@seam(StoreUnavailableError, "the key service (KMS)")
class KMSKeyService:
    """Keeps the contract `proofing.plugin.KeyService`.

    Args:
        settings: the plugin's.
        environment: for the log lines.
    """

    def __init__(self, settings: AWSSettings, *, environment: str) -> None:
        self._key_id = require(settings.kms_key_id, "kms_key_id")
        self._probes = settings.probe_at_start
        self._environment = environment
        self._calls = AWSCalls(
            settings, "kms", "key service (KMS)", deadline_seconds=settings.kms_deadline_seconds
        )

    async def open(self) -> None:
        """Make the client and see that the key can be used.

        Raises:
            StoreUnavailableError: KMS does not answer.
            ConfigurationError: the key is not there, disabled, or of another kind.
        """
        await self._calls.open()
        try:
            problems = await self.check() if self._probes else []
        except BaseException:  # a cancellation too: nothing stays open behind an open that failed
            await self.close()
            raise
        if problems:
            await self.close()
            raise ConfigurationError([Problem("KMS", "aws.kms_key_id", problem) for problem in problems])

    async def close(self) -> None:
        """Release connections and threads. Harmless when not open."""
        await self._calls.close()

    async def check(self) -> Sequence[str]:
        """Return what is wrong with the key, each with how to fix it.

        Raises:
            StoreUnavailableError: KMS does not answer.
        """
        client = self._calls.client
        try:
            answer = await self._calls.run(lambda: client.describe_key(KeyId=self._key_id))
        except ClientError as error:
            # Without kms:DescribeKey all we know is that KMS answers.
            return [] if is_refused(error) else ["must name a key that exists"]
        key = self._calls.part(answer, "KeyMetadata")
        if key.get("KeyState", "Enabled") != "Enabled":
            return ["must name a key that is enabled"]
        if key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
            return ["must name a symmetric key for encryption"]
        return []

    async def ping(self) -> None:
        """Ask for the state of the key. Without kms:DescribeKey only that KMS answers is known."""
        if problems := await self.check():
            raise StoreUnavailableError(f"the key service (KMS): {problems[0]}", trouble=Trouble.NOT_FOUND)

    async def generate(self, context: Mapping[str, str]) -> DataKey:
        """Make a data key bound to *context*."""
        client = self._calls.client
        try:
            answer = await self._calls.run(
                lambda: client.generate_data_key(
                    KeyId=self._key_id, KeySpec=_KEY_SPEC, EncryptionContext=dict(context)
                )
            )
        except ClientError as error:
            self._note_refused("GenerateDataKey", self._key_id, context, error)
            if is_refused(error):
                raise self._calls.refused() from None
            raise _unusable() from None
        plaintext, wrapped, key_id = (
            self._calls.part(answer, name) for name in ("Plaintext", "CiphertextBlob", "KeyId")
        )
        return DataKey(plaintext=plaintext, wrapped=wrapped, key_id=key_id)

    async def unwrap(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        """Return the plain data key, whichever of our keys wrapped it."""
        client = self._calls.client
        try:
            answer = await self._calls.run(lambda: self._decrypt(client, wrapped, key_id, context))
        except ClientError as error:
            # KMS says AccessDenied for keys of others as for a missing right; the log line informs operators.
            self._note_refused("Decrypt", key_id, context, error)
            if error_code(error) in _NOT_NOW:
                raise _unusable() from None
            raise EncryptionError from None
        if answer is None:
            raise EncryptionError
        plaintext: bytes = self._calls.part(answer, "Plaintext")
        return plaintext

    @staticmethod
    def _decrypt(
        client: Any, wrapped: bytes, key_id: str, context: Mapping[str, str]
    ) -> Mapping[str, Any] | None:
        """Ask KMS, in a thread; None when the request is so malformed that boto3 does not even send it."""
        try:
            answer: Mapping[str, Any] = client.decrypt(
                CiphertextBlob=wrapped, KeyId=key_id, EncryptionContext=dict(context)
            )
        except ParamValidationError:
            return None
        return answer

    def _note_refused(self, action: str, key_id: str, context: Mapping[str, str], error: ClientError) -> None:
        """Write a line for operators; the context holds opaque words only. Uses are noted by the core."""
        log(
            _logger,
            "key_access_denied",
            level=logging.WARNING,
            action=action,
            key_id=key_id,
            context=dict(context),
            environment=self._environment,
            reason=error_code(error),
        )


def _unusable() -> StoreUnavailableError:
    """Return the error for a key that does not serve now."""
    return StoreUnavailableError("the key service (KMS) cannot use our key")
