"""What the strict S3 double answers: headers, errors and listings in the words of S3."""

import time
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from proofing_devtools.aws_signature import AWSError
from proofing_devtools.s3_bucket import Bucket, CORSRule, StoredObject

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


def object_headers(bucket: Bucket, stored: StoredObject) -> dict[str, str]:
    """Return what tells one state of an object from another."""
    version = {"x-amz-version-id": stored.version} if bucket.is_versioned else {}
    return {"ETag": stored.etag, **version}


def cors_headers(rule: CORSRule) -> dict[str, str]:
    """Return the headers that let a page read the answer."""
    return {"Access-Control-Allow-Origin": rule.origin, "Vary": "Origin"}


def preflight_headers(rule: CORSRule) -> dict[str, str]:
    """Return the headers that let a page send the request."""
    return {
        **cors_headers(rule),
        "Access-Control-Allow-Methods": ", ".join(sorted(rule.methods)),
        "Access-Control-Allow-Headers": ", ".join(sorted(rule.headers)),
        "Access-Control-Max-Age": "300",
    }


def error_answer(error: AWSError) -> Answer:
    """Return an error as S3 words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{error.code}</Code></Error>'
    return Answer(error.status, {"Content-Type": "application/xml"}, body.encode())


def list_answer(bucket: Bucket, parameters: dict[str, str]) -> Answer:
    """Answer ListObjectsV2, in pages."""
    if parameters.get("list-type") != "2":
        raise AWSError(501, "NotImplemented")
    prefix = parameters.get("prefix", "")
    after = parameters.get("continuation-token", parameters.get("start-after", ""))
    most = parameters.get("max-keys", "1000")
    if not most.isdecimal():
        raise AWSError(400, "InvalidArgument")
    page_size = min(int(most), 1000)
    found = sorted((key, stored) for key, stored in list(bucket.objects.items()) if key.startswith(prefix))
    rest = [(key, stored) for key, stored in found if key > after]
    page = rest[:page_size]
    encode = quote if parameters.get("encoding-type") == "url" else escape
    contents = "".join(
        f"<Contents><Key>{encode(key)}</Key><Size>{len(stored.body)}</Size>"
        f"<ETag>{escape(stored.etag)}</ETag><LastModified>{_iso(stored.modified_at)}</LastModified></Contents>"
        for key, stored in page
    )
    more = len(rest) > len(page)
    token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{_NAMESPACE}">'
        f"<Name>{bucket.name}</Name><KeyCount>{len(page)}</KeyCount><MaxKeys>{page_size}</MaxKeys>"
        f"<EncodingType>{parameters.get('encoding-type', '')}</EncodingType>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
    )
    return Answer(200, {"Content-Type": "application/xml"}, body.encode())


def _iso(seconds: float) -> str:
    """Return a time as the listing writes it, to the millisecond."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
