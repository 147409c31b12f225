"""The buckets of the strict S3 double: objects in memory, conditions, checksums, CORS rules, policy."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from proofing_devtools.aws_signature import AWSError, SignedRequest, Signer

_MAX_KEY_BYTES = 1024
_CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "content-md5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSRule:
    """Which pages may call the bucket. Everything is compared exactly; there are no wildcards."""

    origin: str
    methods: frozenset[str] = frozenset({"PUT"})
    headers: frozenset[str] = frozenset({"content-type", "if-none-match", "x-amz-checksum-sha256"})

    def allows(self, origin: str, method: str, headers: frozenset[str] = frozenset()) -> bool:
        """Return whether a page of *origin* may send *method* with *headers* (lower case)."""
        return origin == self.origin and method in self.methods and headers <= self.headers


@dataclass(frozen=True, slots=True, repr=False)
class StoredObject:
    """What was put under one key."""

    body: bytes
    content_type: str
    modified_at: float
    version: str

    @property
    def etag(self) -> str:
        """The entity tag, quoted as in HTTP."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True, kw_only=True, repr=False)
class Bucket:
    """One bucket and its rules.

    Attributes:
        cors: rules for browsers; none refuses every page.
        max_signature_age_seconds: the policy condition ``s3:signatureAge``; None for none.
        only_if_absent: the policy that refuses a PUT without ``If-None-Match``.
        is_versioned: whether answers name a version id.
        max_object_bytes: longer bodies are refused.
        conditions: as S3 honors ``If-None-Match``, or as other services do: ``refused`` or ``ignored``.
        ignores_checksums: whether other bodies than were announced are taken.
        answers_cors: whether answers, and not preflights alone, carry CORS headers.
    """

    name: str
    cors: tuple[CORSRule, ...] = ()
    max_signature_age_seconds: float | None = None
    only_if_absent: bool = False
    is_versioned: bool = False
    max_object_bytes: int = 64 * 1024 * 1024
    conditions: Literal["honored", "refused", "ignored"] = "honored"
    ignores_checksums: bool = False
    answers_cors: bool = True
    objects: dict[str, StoredObject] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check_policy(self, request: SignedRequest, signer: Signer, action: str, key: str) -> None:
        """Refuse what the bucket's policy or the signer's rights do not allow."""
        resource = f"arn:aws:s3:::{self.name}" + (f"/{key}" if key else "")
        if not signer.credential.may(f"s3:{action}", resource):
            raise AWSError(403, "AccessDenied")
        if self.max_signature_age_seconds is not None and signer.age_seconds > self.max_signature_age_seconds:
            raise AWSError(403, "AccessDenied")
        if action == "PutObject" and self.only_if_absent and request.header("if-none-match") is None:
            raise AWSError(403, "AccessDenied")

    def put(self, key: str, request: SignedRequest, now: float) -> StoredObject:
        """Keep the body, if length, checksums and condition hold. Checking and keeping are one step."""
        if not key or len(key.encode()) > _MAX_KEY_BYTES:
            raise AWSError(400, "KeyTooLongError" if key else "InvalidRequest")
        for name, compute in _CHECKSUMS.items():
            if not self.ignores_checksums:
                _check_sum(request, name, compute)
        condition = request.header("if-none-match")
        if condition is not None and self.conditions == "refused":
            raise AWSError(501, "NotImplemented")
        if self.conditions == "ignored":
            condition = None
        if condition not in {None, "*"} or request.header("if-match") is not None:
            raise AWSError(501, "NotImplemented")
        stored = StoredObject(
            body=request.body,
            content_type=request.header("content-type") or "binary/octet-stream",
            modified_at=now,
            version=secrets.token_urlsafe(24) if self.is_versioned else "null",
        )
        with self._lock:
            if condition == "*" and key in self.objects:
                raise AWSError(412, "PreconditionFailed")
            self.objects[key] = stored
        return stored

    def get(self, key: str) -> StoredObject:
        """Return an object."""
        stored = self.objects.get(key)
        if stored is None:
            raise AWSError(404, "NoSuchKey")
        return stored

    def delete(self, key: str) -> None:
        """Delete an object; that there is none is not an error."""
        self.objects.pop(key, None)

    def rule_for(self, origin: str | None, method: str) -> CORSRule | None:
        """Return the rule under which a page of *origin* may read the answer to *method*."""
        if origin is None or not self.answers_cors:
            return None
        return next((rule for rule in self.cors if rule.allows(origin, method)), None)

    def preflight(self, request: SignedRequest) -> CORSRule:
        """Return the rule that allows what an OPTIONS request asks for."""
        origin = request.header("origin")
        method = request.header("access-control-request-method")
        if origin is None or method is None:
            raise AWSError(400, "BadRequest")
        asked = request.header("access-control-request-headers") or ""
        headers = frozenset(name.strip().lower() for name in asked.split(",") if name.strip())
        for rule in self.cors:
            if rule.allows(origin, method, headers):
                return rule
        raise AWSError(403, "AccessForbidden")


def _check_sum(request: SignedRequest, name: str, compute: Callable[[bytes], bytes]) -> None:
    """Compare one checksum header, if it was sent."""
    text = request.header(name)
    if text is None:
        return
    try:
        expected = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AWSError(400, "InvalidRequest") from None
    actual = compute(request.body)
    if len(expected) != len(actual):
        raise AWSError(400, "InvalidRequest")
    if not hmac.compare_digest(expected, actual):
        raise AWSError(400, "BadDigest")
