"""The strict S3 double verifies signatures: the vectors that AWS publishes, and what must not pass.

Vectors: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters" and "Signature
Calculations for the Authorization Header: Transferring Payload in a Single Chunk".
"""

import calendar
import hashlib
from dataclasses import replace
from urllib.parse import quote

import pytest

from proofing_devtools.aws_signature import AWSError, Credential, SignedRequest, verify

HOST = "examplebucket.s3.amazonaws.com"
REGION = "us-east-1"
NOW = float(calendar.timegm((2013, 5, 24, 0, 0, 0)))
DATE = "20130524T000000Z"
AWS_EXAMPLE = Credential(
    access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
CREDENTIALS = {AWS_EXAMPLE.access_key: AWS_EXAMPLE}
SCOPE = f"{AWS_EXAMPLE.access_key}/20130524/{REGION}/s3/aws4_request"
EMPTY = hashlib.sha256().hexdigest()

PRESIGNED = SignedRequest(
    "GET",
    "/test.txt",
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(SCOPE, safe='')}&X-Amz-Date={DATE}"
    "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    [("host", HOST)],
)


def with_header(
    request: SignedRequest, signed: str, signature: str, extra: list[tuple[str, str]]
) -> SignedRequest:
    """Return *request* with the headers of a published example."""
    payload = hashlib.sha256(request.body).hexdigest()
    return replace(
        request,
        headers=[
            ("host", HOST),
            ("x-amz-date", DATE),
            ("x-amz-content-sha256", payload),
            *extra,
            (
                "authorization",
                f"AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders={signed},Signature={signature}",
            ),
        ],
    )


HEADER_VECTORS = {
    "get-object": with_header(
        SignedRequest("GET", "/test.txt", "", ()),
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        [("range", "bytes=0-9")],
    ),
    "put-object": with_header(
        SignedRequest("PUT", "/test%24file.text", "", (), b"Welcome to Amazon S3."),
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
    ),
    "get-lifecycle": with_header(
        SignedRequest("GET", "/", "lifecycle", ()),
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        [],
    ),
    "list-objects": with_header(
        SignedRequest("GET", "/", "max-keys=2&prefix=J", ()),
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        [],
    ),
}


def refusal(request: SignedRequest, *, now: float = NOW, region: str = REGION) -> tuple[int, str]:
    """Return status and code with which *request* is refused."""
    with pytest.raises(AWSError) as caught:
        verify(request, CREDENTIALS, region, now)
    return caught.value.status, caught.value.code


def change(request: SignedRequest, old: str, new: str) -> SignedRequest:
    """Return *request* with another query."""
    assert old in request.query
    return replace(request, query=request.query.replace(old, new))


def test_published_presigned_vector_verifies() -> None:
    """AWS's own pre-signed URL is good on its day."""
    signer = verify(PRESIGNED, CREDENTIALS, REGION, NOW + 86_400)
    assert signer.is_presigned
    assert signer.age_seconds == 86_400


@pytest.mark.parametrize("name", HEADER_VECTORS)
def test_published_header_vector_verifies(name: str) -> None:
    """AWS's own signed requests are good."""
    assert not verify(HEADER_VECTORS[name], CREDENTIALS, REGION, NOW).is_presigned


def test_expired_and_early_urls_are_refused() -> None:
    """One second after its life, or long before its date, the URL is good for nothing."""
    assert refusal(PRESIGNED, now=NOW + 86_401) == (403, "AccessDenied")
    assert refusal(PRESIGNED, now=NOW - 901) == (403, "AccessDenied")


def test_old_signed_requests_are_refused() -> None:
    """An Authorization header is good for 15 minutes around its date."""
    for now in (NOW - 901, NOW + 901):
        assert refusal(HEADER_VECTORS["get-object"], now=now) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("position", range(0, 64, 7))
def test_every_changed_digit_of_the_signature_is_noticed(position: int) -> None:
    """No digit of the signature may differ."""
    signature = PRESIGNED.query[-64:]
    digit = "0" if signature[position] != "0" else "1"
    changed = signature[:position] + digit + signature[position + 1 :]
    assert refusal(change(PRESIGNED, signature, changed)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Expires=86400", "Expires=86401", (403, "SignatureDoesNotMatch")),
        ("Expires=86400", "Expires=604801", (400, "AuthorizationQueryParametersError")),
        ("Expires=86400", "Expires=0", (400, "AuthorizationQueryParametersError")),
        ("Expires=86400", "Expires=-5", (400, "AuthorizationQueryParametersError")),
        ("&X-Amz-Expires=86400", "", (400, "AuthorizationQueryParametersError")),
        ("&X-Amz-Expires=86400", "&X-Amz-Expires=86400" * 2, (400, "InvalidArgument")),
        ("SHA256", "SHA1", (400, "AuthorizationQueryParametersError")),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7NOBODY0", (403, "InvalidAccessKeyId")),
        ("us-east-1", "us-west-2", (400, "AuthorizationHeaderMalformed")),
        ("%2Fs3%2F", "%2Fiam%2F", (400, "AuthorizationHeaderMalformed")),
        ("Date=20130524", "Date=20130525", (400, "AuthorizationHeaderMalformed")),
        ("SignedHeaders=host", "SignedHeaders=", (403, "SignatureDoesNotMatch")),
        ("SignedHeaders=host", "SignedHeaders=date%3Bhost", (403, "SignatureDoesNotMatch")),
        ("SignedHeaders=host", "SignedHeaders=host%3Bhost", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Algorithm", "versionId=1&X-Amz-Algorithm", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Algorithm", "%zz=1&X-Amz-Algorithm", (400, "InvalidURI")),
        ("X-Amz-Algorithm", "%ff=1&X-Amz-Algorithm", (400, "InvalidURI")),
        ("X-Amz-Signature", "X-Amz-Security-Token=x&X-Amz-Signature", (403, "InvalidToken")),
    ],
)
def test_changed_queries_are_refused(old: str, new: str, expected: tuple[int, str]) -> None:
    """Every part of the query is bound by the signature or by a rule of its own."""
    assert refusal(change(PRESIGNED, old, new)) == expected


@pytest.mark.parametrize(
    "request_",
    [
        replace(PRESIGNED, method="PUT"),
        replace(PRESIGNED, method="DELETE"),
        replace(PRESIGNED, path="/test.txt2"),
        replace(PRESIGNED, path="/"),
        replace(PRESIGNED, headers=[("host", "otherbucket.s3.amazonaws.com")]),
    ],
)
def test_other_method_path_or_host_is_refused(request_: SignedRequest) -> None:
    """A URL is good for one method on one object of one bucket."""
    assert refusal(request_) == (403, "SignatureDoesNotMatch")


def test_unsigned_amz_headers_are_refused() -> None:
    """A header that changes what S3 does may not be slipped in."""
    sneaked = replace(PRESIGNED, headers=[("host", HOST), ("x-amz-acl", "public-read")])
    assert refusal(sneaked) == (403, "AccessDenied")


def test_unsigned_and_doubly_signed_requests_are_refused() -> None:
    """One signature, neither none nor two."""
    assert refusal(replace(PRESIGNED, query="")) == (403, "AccessDenied")
    both = replace(PRESIGNED, headers=HEADER_VECTORS["get-object"].headers)
    assert refusal(both) == (400, "InvalidArgument")


def test_a_body_that_was_not_signed_is_refused() -> None:
    """The payload hash is compared with what came."""
    assert refusal(replace(HEADER_VECTORS["put-object"], body=b"Welcome to Amazon S4.")) == (
        400,
        "XAmzContentSHA256Mismatch",
    )


def without(request: SignedRequest, name: str) -> SignedRequest:
    """Return *request* without a header."""
    return replace(request, headers=[(key, value) for key, value in request.headers if key != name])


def test_incomplete_header_signatures_are_refused() -> None:
    """Date and payload hash must come; streaming and unsigned payloads are not served."""
    vector = HEADER_VECTORS["get-object"]
    assert refusal(without(vector, "x-amz-date")) == (400, "AuthorizationHeaderMalformed")
    assert refusal(without(vector, "x-amz-content-sha256")) == (400, "MissingSecurityHeader")
    assert refusal(without(vector, "range")) == (403, "SignatureDoesNotMatch")
    unsigned = replace(
        vector,
        headers=[
            (key, "UNSIGNED-PAYLOAD" if key == "x-amz-content-sha256" else value)
            for key, value in vector.headers
        ],
    )
    assert refusal(unsigned) == (501, "NotImplemented")
    garbled = replace(
        without(vector, "authorization"), headers=[*vector.headers[:-1], ("authorization", "Basic x")]
    )
    assert refusal(garbled) == (400, "AuthorizationHeaderMalformed")


def test_repeated_headers_are_refused() -> None:
    """Two Authorization headers are an ambiguity, not a choice."""
    vector = HEADER_VECTORS["get-object"]
    assert refusal(replace(vector, headers=[*vector.headers, vector.headers[-1]])) == (400, "InvalidRequest")


def test_spaces_in_header_values_are_collapsed() -> None:
    """The canonical value of a header has single spaces."""
    vector = HEADER_VECTORS["put-object"]
    spaced = [(key, value.replace(" ", "   ") if key == "date" else value) for key, value in vector.headers]
    verify(replace(vector, headers=spaced), CREDENTIALS, REGION, NOW)
