"""The image store on S3: pre-signed uploads that S3 itself holds to their terms.

A pre-signed PUT signs length, type, SHA-256 and *only if absent*: S3 refuses other bytes, a second write and
a late one. Sources: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests" and
"Checking object integrity for data uploads".
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from proofing.plugin import (
    OBJECT_PREFIX,
    ConfigurationError,
    ImageNotFoundError,
    IsFinished,
    PresignedUpload,
    Problem,
    StoreError,
    StoreUnavailableError,
    Trouble,
    UploadConstraints,
)
from proofing.plugin.support import seam
from proofing_aws.clients import AWSCalls, error_code, is_refused
from proofing_aws.settings import AWSSettings, require

_CHUNK_BYTES = 256 * 1024
_DELETES_AT_ONCE = 8
_NOT_THERE = frozenset({"NoSuchKey", "404", "NotFound"})
#: Statuses with which services refuse a header that they do not know: bad request, method or header.
_CANNOT = frozenset({400, 405, 412, 501})
#: Roles that may write; the others have no right to make the probe.
_WRITERS = frozenset({"web", "check"})


@seam(StoreUnavailableError, "the image store (S3)")
class S3ImageStore:
    """Keeps the contract `proofing.plugin.ImageStore`.

    Args:
        settings: the plugin's.
        role: of the process; only one that may write can try conditional writes.
    """

    def __init__(self, settings: AWSSettings, *, role: str) -> None:
        self._settings = settings
        self._bucket = require(settings.image_bucket, "image_bucket")
        self._prefix = settings.image_prefix
        self._role = role
        self._calls = AWSCalls(settings, "s3", "image store (S3)", deadline_seconds=settings.deadline_seconds)
        self._base_url = ""

    async def open(self) -> None:
        """Make the client, and see that the bucket answers and refuses a second write.

        Raises:
            StoreUnavailableError: S3 does not answer.
            ConfigurationError: there is no such bucket, or it does not keep the terms.
        """
        await self._calls.open()
        try:
            url = await self._calls.run(lambda: self._sign({"Key": "x"}, ttl_seconds=1))
            self._base_url = url.partition("?")[0].removesuffix("x")
            problems = await self.check()
        except BaseException:  # a cancellation too: nothing stays open behind an open that failed
            await self.close()
            raise
        if problems:
            await self.close()
            raise ConfigurationError([Problem("S3", "aws.image_bucket", problem) for problem in problems])

    async def close(self) -> None:
        """Release connections and threads. Harmless when not open."""
        await self._calls.close()

    async def check(self) -> Sequence[str]:
        """Return what is wrong with the bucket, each with how to fix it.

        Raises:
            StoreUnavailableError: S3 does not answer, or does not let us write.
        """
        client = self._calls.client
        try:
            await self._calls.run(lambda: client.head_bucket(Bucket=self._bucket))
        except ClientError as error:
            if not is_refused(error):  # without ListBucket there is no telling
                return ["must name a bucket that exists"]
        if not self._settings.probe_at_start or self._role not in _WRITERS:
            return []
        return await self._probe()

    async def ping(self) -> None:
        """Ask for the bucket. A role without ListBucket is refused, which is an answer, too."""
        client = self._calls.client
        try:
            await self._calls.run(lambda: client.head_bucket(Bucket=self._bucket))
        except ClientError as error:
            if not is_refused(error):
                raise StoreUnavailableError(
                    "the image store (S3) has no bucket of this name", trouble=Trouble.NOT_FOUND
                ) from None

    async def presign(self, terms: UploadConstraints) -> PresignedUpload:
        """Make an upload that S3 holds to *terms*."""
        checksum = base64.b64encode(terms.sha256).decode()
        ttl_seconds = max(1, int(terms.ttl_seconds))
        parameters = {
            "Key": self._prefix + terms.object_key,
            "ContentLength": terms.length,
            "ContentType": terms.content_type,
            "ChecksumSHA256": checksum,
            "IfNoneMatch": "*",
        }
        expires_at = time.time() + ttl_seconds
        url = await self._calls.run(lambda: self._sign(parameters, ttl_seconds=ttl_seconds))
        headers = {
            "content-type": terms.content_type,
            "if-none-match": "*",
            "x-amz-checksum-sha256": checksum,
        }
        return PresignedUpload(url=url, headers=headers, expires_at=expires_at)

    async def read(self, object_key: str, *, max_bytes: int) -> bytes:
        """Return the object, reading one byte beyond the cap at most."""
        try:
            return await self._calls.run(lambda: self._read(object_key, max_bytes))
        except ClientError as error:
            if error_code(error) in _NOT_THERE:
                raise ImageNotFoundError("there is no such image") from None
            raise self._unexpected(error) from None

    async def delete(self, object_key: str) -> None:
        """Delete the object. S3 reports success when there is none."""
        await self._delete(self._prefix + object_key)

    async def sweep(self, *, older_than_seconds: float, is_over: IsFinished | None = None) -> int:
        """Delete what is ours in the bucket and older, by the clock of S3, or over."""
        client = self._calls.client
        deleted = 0
        token: dict[str, str] = {}
        while True:
            try:
                page = await self._calls.run(
                    lambda token=token: client.list_objects_v2(  # type: ignore[misc]
                        Bucket=self._bucket, Prefix=self._prefix + OBJECT_PREFIX, **token
                    )
                )
            except ClientError as error:
                raise self._unexpected(error) from None
            now = parsedate_to_datetime(self._calls.part(page, "ResponseMetadata", "HTTPHeaders", "date"))
            old: list[str] = []
            young: list[str] = []
            for item in page.get("Contents", []):
                is_old = (now - item["LastModified"]).total_seconds() >= older_than_seconds
                (old if is_old else young).append(item["Key"])
            if is_over is not None:
                said = await asyncio.gather(*(is_over(key.removeprefix(self._prefix)) for key in young))
                old += [key for key, over in zip(young, said, strict=True) if over]
            for start in range(0, len(old), _DELETES_AT_ONCE):
                batch = old[start : start + _DELETES_AT_ONCE]
                await asyncio.gather(*(self._delete(key) for key in batch))
            deleted += len(old)
            if not self._calls.part(page, "IsTruncated"):
                return deleted
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def csp_connect_source(self, prefix: str) -> str:
        """Return the CSP source of the uploads below *prefix*.

        A path that ends with a slash allows what begins with it (CSP 3, 6.7.2.10); one that does not would
        allow exactly one URL.
        """
        if not self._base_url:
            raise StoreUnavailableError("the image store (S3) is not open")
        path = quote(self._prefix + prefix, safe="/-_.~")
        return self._base_url + path + ("" if path.endswith("/") or not path else "/")

    def _sign(self, parameters: dict[str, Any], *, ttl_seconds: int) -> str:
        """Return a pre-signed PUT; runs in a thread, since credentials may have to be fetched."""
        url: str = self._calls.client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self._bucket, **parameters},
            ExpiresIn=ttl_seconds,
            HttpMethod="PUT",
        )
        return url

    def _read(self, object_key: str, max_bytes: int) -> bytes:
        """Read in a thread, and no further than the cap."""
        answer = self._calls.client.get_object(Bucket=self._bucket, Key=self._prefix + object_key)
        # botocore's own stream waits until each chunk is full; urllib3's read1 gives what is there.
        stream = answer["Body"]._raw_stream  # noqa: SLF001
        content = bytearray()
        length = -1
        try:
            length = int(self._calls.part(answer, "ContentLength"))
            if length > max_bytes:
                raise StoreError("the image is longer than its slot allows")
            while chunk := stream.read1(min(_CHUNK_BYTES, max_bytes + 1 - len(content))):
                content += chunk
                if len(content) > max_bytes:
                    raise StoreError("the image is longer than its slot allows")
        finally:
            # Closed, not returned to the pool, unless it was read to its end.
            stream.release_conn() if len(content) == length else stream.close()
        if len(content) != length:
            raise StoreUnavailableError("the image store (S3) broke off its answer")
        return bytes(content)

    async def _delete(self, key: str) -> None:
        """Delete by the whole key."""
        client = self._calls.client
        try:
            await self._calls.run(lambda: client.delete_object(Bucket=self._bucket, Key=key))
        except ClientError as error:
            raise self._unexpected(error) from None

    async def _probe(self) -> list[str]:
        """Write one key twice: the second write must be refused, or *only if absent* means nothing here."""
        client = self._calls.client
        body = b"probe"
        parameters = {
            "Bucket": self._bucket,
            "Key": f"{self._prefix}{OBJECT_PREFIX}probe/{secrets.token_hex(16)}",
            "Body": body,
            "ContentType": "application/octet-stream",
            "ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
            "IfNoneMatch": "*",
        }
        try:
            await self._calls.run(lambda: client.put_object(**parameters))
        except ClientError as error:
            if await self._is_about_conditions(error, parameters):
                rule = "must be on a service that honors conditional writes (If-None-Match)"
                return [f"{rule}; this one refuses them ({error_code(error)})"]
            raise self._unexpected(error) from None
        try:
            await self._calls.run(lambda: client.put_object(**parameters))
        except ClientError as error:
            if error_code(error) not in {"PreconditionFailed", "412"}:
                raise self._unexpected(error) from None
            return []
        finally:
            await self._delete_probe(parameters["Key"])
        return ["must be on a service that honors If-None-Match; this one lets a second write through"]

    async def _is_about_conditions(self, error: ClientError, parameters: dict[str, Any]) -> bool:
        """Return whether a refused write was refused for its condition: the same without one is accepted."""
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status not in _CANNOT:
            return False
        plain = {name: value for name, value in parameters.items() if name != "IfNoneMatch"}
        client = self._calls.client
        try:
            await self._calls.run(lambda: client.put_object(**plain))
        except (ClientError, StoreUnavailableError):
            # A policy may refuse it. 501 still answers the question: this header is what is not implemented.
            return status == HTTPStatus.NOT_IMPLEMENTED
        await self._delete_probe(plain["Key"])
        return True

    async def _delete_probe(self, key: Any) -> None:
        """Delete the probe, if our role may; the sweeper and the bucket's lifecycle do otherwise."""
        client = self._calls.client
        try:
            await self._calls.run(lambda: client.delete_object(Bucket=self._bucket, Key=key))
        except (ClientError, StoreUnavailableError):
            return

    def _unexpected(self, error: ClientError) -> StoreUnavailableError:
        """Return our error for an answer that we did not expect."""
        if is_refused(error):
            return self._calls.refused()
        return StoreUnavailableError("the image store (S3) cannot serve now")
