"""Verifies AWS Signature Version 4 as S3 and KMS do: Authorization header and, for S3, pre-signed query.

Not served: streaming and unsigned payloads behind an Authorization header, pre-signed POST forms, and
Signature Version 4A. Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)";
proved with the vectors published there. Other services leave out the header with the payload's hash.
"""

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from proofing_devtools.aws_rights import Credential

_S3 = "s3"
_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SKEW_SECONDS = 15 * 60
_LONGEST_LIFE_SECONDS = 7 * 24 * 3600
_QUERY_NAMES = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class AWSError(Exception):
    """An answer that is not a success.

    Attributes:
        status: of HTTP.
        code: of S3, such as ``SignatureDoesNotMatch``; KMS has other names for the same.
    """

    def __init__(self, status: int, code: str) -> None:
        """Take *status* and *code*."""
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}")


@dataclass(frozen=True, slots=True, repr=False)
class SignedRequest:
    """A request as it came.

    Attributes:
        path: still percent-encoded, without the query.
        query: still percent-encoded, without the question mark.
        headers: names in lower case, in their order; repeated names stay.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header that may come once at most."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise AWSError(400, "InvalidRequest")
        return values[0] if values else None

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query, decoded."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(_decode(name), _decode(value)) for name, _, value in pairs]


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Who signed a request, and when.

    Attributes:
        age_seconds: since the signature was made.
        is_presigned: whether it came in the query.
    """

    credential: Credential
    age_seconds: float
    is_presigned: bool


def verify(
    request: SignedRequest,
    credentials: Mapping[str, Credential],
    region: str,
    now: float,
    *,
    service: str = _S3,
) -> Signer:
    """Return who signed *request*.

    Args:
        request: with its whole body.
        credentials: by access key.
        region: of the server; a signature for another is refused.
        now: seconds since the epoch.
        service: that the signature must name.

    Raises:
        AWSError: not signed, not by one of *credentials*, not in time, or not what was sent.
    """
    in_query = any(name.lower().startswith("x-amz-") for name, _ in request.parameters)
    authorization = request.header("authorization")
    if in_query and authorization is not None:
        raise AWSError(400, "InvalidArgument")
    if in_query and service == _S3:
        return _verify_query(request, credentials, region, now)
    if authorization is not None:
        return _verify_header(request, authorization, credentials, f"{region}/{service}", now)
    raise AWSError(403, "AccessDenied")


def sign(request: SignedRequest, secret_key: str, *, scope: str, date: str, signed: str, payload: str) -> str:
    """Return the hex signature of *request*.

    Args:
        request: with every header that *signed* names.
        secret_key: of the signer.
        scope: ``date/region/service/aws4_request``.
        date: of the signature, such as ``20130524T000000Z``.
        signed: names of the signed headers, sorted, with semicolons.
        payload: hex SHA-256 of the body, or ``UNSIGNED-PAYLOAD``.
    """
    names = signed.split(";")
    lines = [f"{name}:{_joined(request, name)}\n" for name in names]
    query = sorted(
        (_encode(name), _encode(value)) for name, value in request.parameters if name != "X-Amz-Signature"
    )
    canonical = "\n".join(
        (
            request.method,
            quote(_decode(request.path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            "".join(lines),
            signed,
            payload,
        )
    )
    to_sign = "\n".join((_ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret_key}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _verify_query(
    request: SignedRequest, credentials: Mapping[str, Credential], region: str, now: float
) -> Signer:
    """Verify a pre-signed URL."""
    values: dict[str, str] = {}
    for name, value in request.parameters:
        if name in values:
            raise AWSError(400, "InvalidArgument")
        values[name] = value
    try:
        algorithm, credential, date, expires, signed, signature = (
            values[f"X-Amz-{name}"] for name in _QUERY_NAMES
        )
    except KeyError:
        raise AWSError(400, "AuthorizationQueryParametersError") from None
    if algorithm != _ALGORITHM or not re.fullmatch(r"[1-9][0-9]{0,5}", expires):
        raise AWSError(400, "AuthorizationQueryParametersError")
    if int(expires) > _LONGEST_LIFE_SECONDS:
        raise AWSError(400, "AuthorizationQueryParametersError")
    known, scope = _find(credential, credentials, f"{region}/{_S3}", date)
    age = now - _seconds(date)
    if age < -_SKEW_SECONDS or age > int(expires):
        raise AWSError(403, "AccessDenied")
    if values.get("X-Amz-Security-Token") != known.session_token:
        raise AWSError(403, "InvalidToken")
    _check_signed(request, signed)
    expected = sign(request, known.secret_key, scope=scope, date=date, signed=signed, payload=_UNSIGNED)
    if not hmac.compare_digest(expected, signature):
        raise AWSError(403, "SignatureDoesNotMatch")
    payload = request.header("x-amz-content-sha256")
    if payload not in {None, _UNSIGNED, hashlib.sha256(request.body).hexdigest()}:
        raise AWSError(400, "XAmzContentSHA256Mismatch")
    return Signer(known, age, is_presigned=True)


def _verify_header(
    request: SignedRequest, authorization: str, credentials: Mapping[str, Credential], place: str, now: float
) -> Signer:
    """Verify an Authorization header for *place*, which is region and service."""
    parts = _HEADER.fullmatch(authorization.strip())
    date, payload = request.header("x-amz-date"), request.header("x-amz-content-sha256")
    if parts is None or date is None:
        raise AWSError(400, "AuthorizationHeaderMalformed")
    if payload is None and place.endswith(f"/{_S3}"):
        raise AWSError(400, "MissingSecurityHeader")
    payload = payload or hashlib.sha256(request.body).hexdigest()
    if not re.fullmatch(r"[0-9a-f]{64}", payload):
        raise AWSError(501, "NotImplemented")  # streaming and unsigned payloads
    credential, signed, signature = parts.groups()
    known, scope = _find(credential, credentials, place, date)
    age = now - _seconds(date)
    if abs(age) > _SKEW_SECONDS:
        raise AWSError(403, "RequestTimeTooSkewed")
    if request.header("x-amz-security-token") != known.session_token:
        raise AWSError(403, "InvalidToken")
    _check_signed(request, signed)
    expected = sign(request, known.secret_key, scope=scope, date=date, signed=signed, payload=payload)
    if not hmac.compare_digest(expected, signature):
        raise AWSError(403, "SignatureDoesNotMatch")
    if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), payload):
        raise AWSError(400, "XAmzContentSHA256Mismatch")
    return Signer(known, age, is_presigned=False)


def _find(
    credential: str, credentials: Mapping[str, Credential], place: str, date: str
) -> tuple[Credential, str]:
    """Return the credential that is named, and the scope, which must be ours and of the day."""
    access_key, _, scope = credential.partition("/")
    if scope != f"{date[:8]}/{place}/aws4_request":
        raise AWSError(400, "AuthorizationHeaderMalformed")
    known = credentials.get(access_key)
    if known is None:
        raise AWSError(403, "InvalidAccessKeyId")
    return known, scope


def _check_signed(request: SignedRequest, signed: str) -> None:
    """Refuse a signature that leaves out what it must cover, or covers what was not sent."""
    names = signed.split(";")
    present = {name for name, _ in request.headers}
    if names != sorted(set(names)) or "host" not in names:
        raise AWSError(403, "SignatureDoesNotMatch")
    if not present.issuperset(names):
        raise AWSError(403, "SignatureDoesNotMatch")
    if any(name.startswith("x-amz-") and name not in names for name in present):
        raise AWSError(
            403, "AccessDenied"
        )  # "There were headers present in the request which were not signed"


def _joined(request: SignedRequest, name: str) -> str:
    """Return the canonical value of a header: repeated ones joined, spaces collapsed."""
    return ",".join(" ".join(value.split()) for key, value in request.headers if key == name)


def _decode(text: str) -> str:
    """Percent-decode, refusing what is malformed or no UTF-8."""
    if _PERCENT.search(text):
        raise AWSError(400, "InvalidURI")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AWSError(400, "InvalidURI") from None


def _encode(text: str) -> str:
    """Percent-encode as the canonical request wants it."""
    return quote(text, safe="-_.~")


def _seconds(date: str) -> float:
    """Return the seconds since the epoch of ``20130524T000000Z``."""
    try:
        return float(calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        raise AWSError(403, "AccessDenied") from None
