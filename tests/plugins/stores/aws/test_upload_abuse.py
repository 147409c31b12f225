"""What a malicious uploader may try with a slot, over real HTTP against the strict double: nothing succeeds.

Each abuse begins with a good slot. It must be refused, and the bucket must hold what it held before.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from proofing.testing.image_slots import make_terms
from proofing_aws.clients import make_client
from proofing_aws.image_store import S3ImageStore
from proofing_devtools.aws_rights import allowing
from proofing_devtools.aws_signature import SignedRequest, sign
from proofing_devtools.s3 import Bucket, Credential, S3Server


@dataclass(frozen=True)
class Attempt:
    """One HTTP request of the browser, and the key of its slot."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    key: str

    def header(self, name: str, value: str | None) -> "Attempt":
        """Return the attempt with a header changed, added, or (None) left out."""
        rest = {key: text for key, text in self.headers.items() if key != name}
        return replace(self, headers=rest if value is None else {**rest, name: value})

    def query(self, old: str, new: str) -> "Attempt":
        """Return the attempt with a part of its URL changed."""
        assert old in self.url
        return replace(self, url=self.url.replace(old, new))


def _checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _signed_by_attacker(attempt: Attempt) -> Attempt:
    """Sign the URL again with a key of the attacker's own."""
    path, _, query = attempt.url.partition("?")
    query = query.partition("&X-Amz-Signature=")[0]
    headers = [
        ("host", path.split("/")[2]),
        ("content-length", str(len(attempt.body))),
        *attempt.headers.items(),
    ]
    signed = ";".join(sorted(name for name, _ in headers))
    date = query.partition("X-Amz-Date=")[2][:16]
    signature = sign(
        SignedRequest("PUT", "/" + path.split("/", 3)[3], query, headers),
        "the attacker's own",
        scope=f"{date[:8]}/us-east-1/s3/aws4_request",
        date=date,
        signed=signed,
        payload="UNSIGNED-PAYLOAD",
    )
    return replace(attempt, url=f"{path}?{query}&X-Amz-Signature={signature}")


ABUSES: dict[str, Callable[[Attempt], Attempt]] = {
    # other bytes
    "other-bytes": lambda a: replace(a, body=bytes(len(a.body))),
    "one-bit": lambda a: replace(a, body=bytes([a.body[0] ^ 1]) + a.body[1:]),
    "shorter": lambda a: replace(a, body=a.body[:-1]),
    "longer": lambda a: replace(a, body=a.body + b"x"),
    "empty": lambda a: replace(a, body=b""),
    "huge": lambda a: replace(a, body=bytes(5_000_000)),
    "own-checksum": lambda a: replace(a, body=bytes(len(a.body))).header(
        "x-amz-checksum-sha256", _checksum(bytes(len(a.body)))
    ),
    "no-checksum": lambda a: replace(a, body=bytes(len(a.body))).header("x-amz-checksum-sha256", None),
    "empty-checksum": lambda a: a.header("x-amz-checksum-sha256", ""),
    "short-checksum": lambda a: a.header("x-amz-checksum-sha256", _checksum(a.body)[:8]),
    "checksum-of-another-kind": lambda a: replace(a, body=bytes(len(a.body))).header(
        "x-amz-checksum-crc32", "AAAAAA=="
    ),
    "checksum-in-a-trailer": lambda a: a.header("x-amz-trailer", "x-amz-checksum-sha256"),
    "chunked": lambda a: a.header("transfer-encoding", "chunked"),
    "aws-chunked": lambda a: a.header("content-encoding", "aws-chunked").header(
        "x-amz-decoded-content-length", "1"
    ),
    "length-of-a-prefix": lambda a: a.header("content-length", "1"),
    "negative-length": lambda a: a.header("content-length", "-1"),
    "endless-length": lambda a: a.header("content-length", "9" * 30),
    # overwriting
    "no-condition": lambda a: a.header("if-none-match", None),
    "condition-on-an-etag": lambda a: a.header("if-none-match", '"d41d8cd98f00b204e9800998ecf8427e"'),
    "condition-turned-round": lambda a: a.header("if-none-match", None).header("if-match", "*"),
    "both-conditions": lambda a: a.header("if-match", "*"),
    # another nature
    "html": lambda a: a.header("content-type", "text/html"),
    "svg": lambda a: a.header("content-type", "image/svg+xml"),
    "type-with-charset": lambda a: a.header("content-type", "application/octet-stream; charset=utf-8"),
    "no-type": lambda a: a.header("content-type", None),
    "public": lambda a: a.header("x-amz-acl", "public-read"),
    "granted": lambda a: a.header("x-amz-grant-full-control", "id=attacker"),
    "copied": lambda a: a.header("x-amz-copy-source", "/images/victim"),
    "redirected": lambda a: a.header("x-amz-website-redirect-location", "https://attacker.example"),
    "described": lambda a: a.header("x-amz-meta-note", "x"),
    "tagged": lambda a: a.header("x-amz-tagging", "keep=true"),
    "stored-elsewhere": lambda a: a.header("x-amz-storage-class", "GLACIER"),
    "encrypted-by-the-attacker": lambda a: a.header("x-amz-server-side-encryption-customer-key", "x"),
    "locked": lambda a: a.header("x-amz-object-lock-legal-hold", "ON"),
    # another place
    "other-key": lambda a: a.query(a.key, "images/somebody/else"),
    "key-with-suffix": lambda a: a.query(a.key, a.key + "2"),
    "key-of-the-folder": lambda a: a.query(a.key, a.key.rpartition("/")[0]),
    "key-in-capitals": lambda a: a.query(a.key, a.key.upper()),
    "climbing-key": lambda a: a.query(a.key, "../" + a.key),
    "climbing-key-encoded": lambda a: a.query(a.key, "%2e%2e%2f" + a.key),
    "other-bucket": lambda a: a.query("/images/", "/secrets/"),
    "no-key": lambda a: a.query(a.key, ""),
    "other-host": lambda a: a.header("host", "attacker.example"),
    # another deed
    "read": lambda a: replace(a, method="GET"),
    "head": lambda a: replace(a, method="HEAD"),
    "delete": lambda a: replace(a, method="DELETE"),
    "post": lambda a: replace(a, method="POST"),
    "set-rights": lambda a: a.query("?", "?acl&"),
    "multipart": lambda a: a.query("?", "?uploads&"),
    "part-of-multipart": lambda a: a.query("?", "?partNumber=1&uploadId=x&"),
    "other-version": lambda a: a.query("?", "?versionId=1&"),
    "response-header": lambda a: a.query("?", "?response-content-type=text%2Fhtml&"),
    # another time, another signer
    "longer-life": lambda a: a.query("X-Amz-Expires=300", "X-Amz-Expires=3000"),
    "endless-life": lambda a: a.query("X-Amz-Expires=300", "X-Amz-Expires=99999999"),
    "no-life": lambda a: a.query("&X-Amz-Expires=300", ""),
    "two-lives": lambda a: a.query("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=3000"),
    "other-date": lambda a: a.query("X-Amz-Date=20", "X-Amz-Date=21"),
    "fewer-signed-headers": lambda a: a.query(
        "content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256", "host"
    ),
    "unsigned-condition": lambda a: a.query("if-none-match%3B", "").header("if-none-match", None),
    "no-signature": lambda a: replace(a, url=a.url.partition("&X-Amz-Signature=")[0]),
    "cut-signature": lambda a: replace(a, url=a.url[:-1]),
    "signature-in-capitals": lambda a: replace(a, url=a.url[:-64] + a.url[-64:].upper()),
    "anonymous": lambda a: replace(a, url=a.url.partition("?")[0]),
    "other-signer": lambda a: a.query("AKIASYNTHETIC0000000", "AKIASYNTHETIC0000001"),
    "signed-by-the-attacker": _signed_by_attacker,
    "other-region": lambda a: a.query("us-east-1", "eu-west-1"),
    "other-service": lambda a: a.query("%2Fs3%2F", "%2Fsts%2F"),
    "other-algorithm": lambda a: a.query("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
    "stolen-token": lambda a: a.query("&X-Amz-Signature", "&X-Amz-Security-Token=x&X-Amz-Signature"),
    "two-signatures": lambda a: a.header(
        "authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0"
    ),
}


@pytest.fixture
async def store(s3: S3Server, aws: Any) -> AsyncIterator[S3ImageStore]:
    """Give an open store."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url, probe_at_start=False), role="web")
    await store.open()
    yield store
    await store.close()


async def make_attempt(store: S3ImageStore) -> Attempt:
    """Return the one good request for a fresh slot."""
    terms, body = make_terms(2_000)
    upload = await store.presign(terms)
    return Attempt("PUT", upload.url, dict(upload.headers), body, terms.object_key)


async def send(aws: Any, attempt: Attempt) -> int:
    """Send the attempt and return the status; 0 when the server ended the connection."""
    try:
        status: int = await asyncio.to_thread(
            aws.send, attempt.method, attempt.url, attempt.headers, attempt.body
        )
    except OSError:
        return 0
    return status


def contents(s3: S3Server) -> dict[str, dict[str, bytes]]:
    """Return all objects of all buckets."""
    return {
        name: {key: stored.body for key, stored in bucket.objects.items()}
        for name, bucket in s3.buckets.items()
    }


def test_there_are_enough_abuses() -> None:
    """As many as the claims name, at least."""
    assert len(ABUSES) >= 30


async def refuse(name: str, when: str, store: S3ImageStore, s3: S3Server, aws: Any) -> None:
    """Try one abuse on a fresh slot, *before* or *after* it is used."""
    s3.buckets["images"].objects.clear()
    good = await make_attempt(store)
    bad = ABUSES[name](good)
    assert bad != good
    if when == "after":
        assert await send(aws, good) == 200
    before = contents(s3)
    status = await send(aws, bad)
    assert status == 0 or status >= 400
    assert contents(s3) == before
    if when == "before":
        assert await send(aws, good) == 200
    assert contents(s3)["images"] == {good.key: good.body}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ABUSES)
async def test_abuse_is_refused(name: str, when: str, store: S3ImageStore, s3: S3Server, aws: Any) -> None:
    """Neither the unused nor the used slot can be abused; a good upload still works before."""
    await refuse(name, when, store, s3, aws)


@pytest.mark.security
async def test_every_abuse_is_refused(
    store: S3ImageStore, s3: S3Server, aws: Any, claim: Callable[..., None]
) -> None:
    """All of them, one after the other on one bucket, for the page of claims."""
    for name in ABUSES:
        for when in ("before", "after"):
            await refuse(name, when, store, s3, aws)
    claim(
        "S6",
        "Abuses of an upload URL by any HTTP client, on the strict S3 stand-in",
        f"0 of {len(ABUSES)} succeeded, each on an unused and on a used slot",
    )


async def test_used_slot_takes_nothing_more(store: S3ImageStore, s3: S3Server, aws: Any) -> None:
    """The same request again, and twenty at once, change nothing."""
    good = await make_attempt(store)
    statuses = await asyncio.gather(*(send(aws, good) for _ in range(20)))
    assert sorted(statuses) == [200] + [412] * 19
    assert await send(aws, good) == 412
    assert contents(s3)["images"] == {good.key: good.body}


async def test_slots_cannot_be_swapped(store: S3ImageStore, s3: S3Server, aws: Any) -> None:
    """The bytes of one slot do not go into another, whatever headers come with them."""
    first, second = await make_attempt(store), await make_attempt(store)
    assert await send(aws, replace(first, body=second.body)) >= 400
    assert await send(aws, replace(first, body=second.body, headers=second.headers)) >= 400
    assert await send(aws, replace(first, url=second.url)) >= 400
    assert contents(s3)["images"] == {}


async def test_bucket_policy_refuses_what_our_own_key_signed_too_loosely(s3: S3Server, aws: Any) -> None:
    """Should a URL ever be signed without *only if absent*, the bucket's policy refuses it."""
    settings = aws.settings(s3_endpoint_url=s3.url)
    client = make_client(settings, "s3", deadline_seconds=5.0)
    url = client.generate_presigned_url("put_object", Params={"Bucket": "images", "Key": "loose"})
    client.close()
    assert await asyncio.to_thread(aws.send, "PUT", url, {}, b"x") == 403
    assert contents(s3)["images"] == {}


@pytest.mark.parametrize(("age_seconds", "status"), [(299, 200), (301, 403)])
async def test_bucket_policy_refuses_old_signatures(aws: Any, age_seconds: int, status: int) -> None:
    """However long a URL was signed for, the bucket takes it for five minutes."""
    server = S3Server(
        [Bucket(name="images", max_signature_age_seconds=300.0)], now=lambda: time.time() + age_seconds
    )
    server.start()
    client = make_client(aws.settings(s3_endpoint_url=server.url), "s3", deadline_seconds=5.0)
    try:
        url = client.generate_presigned_url(
            "put_object", Params={"Bucket": "images", "Key": "old"}, ExpiresIn=3600
        )
        assert await asyncio.to_thread(aws.send, "PUT", url, {}, b"x") == status
    finally:
        client.close()
        server.stop()


async def test_signer_without_the_right_cannot_write(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's credentials sign, but S3 does not let them write: it cannot plant images."""
    worker = Credential(
        access_key="AKIASYNTHETICWORKER0",
        secret_key="synthetic-worker",
        policy=allowing("s3:GetObject", "s3:DeleteObject", "s3:ListBucket"),
    )
    server = S3Server([Bucket(name="images")], credentials=[worker])
    server.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", worker.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", worker.secret_key)
    store = S3ImageStore(aws.settings(s3_endpoint_url=server.url), role="worker")
    await store.open()
    try:
        attempt = await make_attempt(store)
        assert await send(aws, attempt) == 403
        assert quote(attempt.key) in attempt.url
        assert server.buckets["images"].objects == {}
    finally:
        await store.close()
        server.stop()
