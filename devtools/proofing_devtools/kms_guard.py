"""What moto leaves out of KMS: signatures, rights, and keys that are not enabled. A WSGI layer before it.

A key's own policy is taken to be the usual one, which leaves the decision to the IAM policies of the callers;
those are judged by action, key and encryption context. Sources: KMS API Reference, "Common Errors"; KMS
Developer Guide, "kms:EncryptionContext:context-key" and "Key states of AWS KMS keys".
"""

import base64
import binascii
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Any

from proofing_devtools.aws_rights import Credential
from proofing_devtools.aws_signature import AWSError, SignedRequest, verify

_TARGET = "TrentService."
#: They need a key that is enabled.
_USES = frozenset({"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"})
#: How KMS calls what S3 calls otherwise; every other refusal is a malformed signature.
_NAMES = {
    "AccessDenied": "MissingAuthenticationTokenException",
    "InvalidAccessKeyId": "UnrecognizedClientException",
    "InvalidToken": "UnrecognizedClientException",
    "RequestTimeTooSkewed": "InvalidSignatureException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "XAmzContentSHA256Mismatch": "InvalidSignatureException",
}
_KEY_ID_LENGTH = 36  # moto begins a wrapped key with the id of the key that wrapped it

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class KMSGuard:
    """Lets through what is signed, allowed, and about a key that may be used.

    Args:
        application: moto's.
        backend: moto's keys.
        credentials: who may sign.
        region: that signatures must name.
        account: whose keys they are.
    """

    def __init__(
        self,
        application: Application,
        backend: Any,
        credentials: Sequence[Credential],
        *,
        region: str,
        account: str,
    ) -> None:
        self._application = application
        self._backend = backend
        self._credentials = {credential.access_key: credential for credential in credentials}
        self._region = region
        self._keys = f"arn:aws:kms:{region}:{account}:key/"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        try:
            self._check(_request(environ, body))
        except AWSError as error:
            answer = json.dumps({"__type": error.code}).encode()
            status = f"{error.status} {HTTPStatus(error.status).phrase}"
            start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
            return [answer]
        return self._application(environ, start_response)

    def _check(self, request: SignedRequest) -> None:
        """Refuse what KMS would. Raises `AWSError`."""
        try:
            signer = verify(request, self._credentials, self._region, time.time(), service="kms")
        except AWSError as error:
            raise AWSError(400, _NAMES.get(error.code, "IncompleteSignatureException")) from None
        target = request.header("x-amz-target") or ""
        if (request.method, request.path, request.query) != ("POST", "/", "") or target[:13] != _TARGET:
            raise AWSError(400, "UnknownOperationException")
        action = target.removeprefix(_TARGET)
        body = _parse(request.body)
        keys = self._named(body)
        context = {
            f"kms:EncryptionContext:{name}": value
            for name, value in body.get("EncryptionContext", {}).items()
        }
        for resource in [self._keys + key for key in keys] or ["*"]:
            if not signer.credential.may(f"kms:{action}", resource, context):
                raise AWSError(400, "AccessDeniedException")
        if action in _USES:
            for key in keys:
                self._check_state(key)

    def _named(self, body: Mapping[str, Any]) -> list[str]:
        """Return the ids of the keys that a request is about: the one it names, and the one that wrapped."""
        found: list[str] = []
        if (name := body.get("KeyId")) is not None:
            try:
                found.append(self._backend.any_id_to_key_id(str(name)))
            except Exception:  # noqa: BLE001 - moto raises what it likes for an alias that is not there
                raise AWSError(400, "NotFoundException") from None
        if (wrapped := body.get("CiphertextBlob")) is not None:
            try:
                found.append(base64.b64decode(wrapped, validate=True)[:_KEY_ID_LENGTH].decode("ascii"))
            except (binascii.Error, ValueError, TypeError):
                raise AWSError(400, "InvalidCiphertextException") from None
        return found

    def _check_state(self, key_id: str) -> None:
        """Refuse a key that may not be used now; one that is not there is moto's to refuse."""
        key = self._backend.keys.get(key_id)
        if key is None or key.key_state == "Enabled":
            return
        disabled = key.key_state == "Disabled"
        raise AWSError(400, "DisabledException" if disabled else "KMSInvalidStateException")


def _request(environ: Environ, body: bytes) -> SignedRequest:
    """Return the request as it came; the server joined repeated headers with commas, as signers do."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    ]
    return SignedRequest(
        environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), headers, body
    )


def _parse(body: bytes) -> dict[str, Any]:
    """Return the request's JSON object."""
    try:
        found = json.loads(body)
    except ValueError:
        raise AWSError(400, "SerializationException") from None
    if not isinstance(found, dict) or not isinstance(found.get("EncryptionContext", {}), dict):
        raise AWSError(400, "SerializationException")
    return found
