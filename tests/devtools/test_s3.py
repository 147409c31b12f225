"""The strict S3 double serves boto3, and holds browsers to the CORS rules."""

import base64
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from proofing.testing.processes import free_port, start_process
from proofing_devtools.aws_rights import allowing
from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, CORSRule, Credential, S3Server, running_s3

ORIGIN = "https://proofing.example.gov"


@pytest.fixture
def server() -> Iterator[S3Server]:
    """Run a server with a plain, a versioned and a browser's bucket."""
    buckets = [
        Bucket(name="plain"),
        Bucket(name="versioned", is_versioned=True),
        Bucket(name="uploads", cors=(CORSRule(origin=ORIGIN),)),
    ]
    with running_s3(buckets) as server:
        yield server


def make_client(url: str, credential: Credential = DEFAULT_CREDENTIAL, **config: Any) -> Any:
    """Return a boto3 client that tries once."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=credential.access_key,
        aws_secret_access_key=credential.secret_key,
        aws_session_token=credential.session_token,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            proxies={},
            **config,
        ),
    )


@pytest.fixture
def client(server: S3Server) -> Iterator[Any]:
    """Give a client of the server."""
    client = make_client(server.url)
    yield client
    client.close()


def code_of(call: Any, **parameters: Any) -> str:
    """Return the code of the error that *call* ends with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def test_objects_are_put_read_and_deleted(client: Any, server: S3Server) -> None:
    """A round trip by boto3, with its own checksums and signatures."""
    body = os.urandom(200_000)
    key = "folder/a key+with&odd=signs é.bin"
    put = client.put_object(Bucket="plain", Key=key, Body=body, ContentType="image/png")
    got = client.get_object(Bucket="plain", Key=key)
    assert got["Body"].read() == body
    assert got["ContentType"] == "image/png"
    assert got["ETag"] == put["ETag"]
    assert client.head_object(Bucket="plain", Key=key)["ContentLength"] == len(body)
    client.delete_object(Bucket="plain", Key=key)
    client.delete_object(Bucket="plain", Key=key)
    assert code_of(client.get_object, Bucket="plain", Key=key) == "NoSuchKey"
    assert code_of(client.head_object, Bucket="plain", Key=key) == "404"
    assert [seen.status for seen in server.requests] == [200, 200, 200, 204, 204, 404, 404]


def test_buckets_exist_or_not(client: Any) -> None:
    """Unknown buckets are not made up."""
    client.head_bucket(Bucket="plain")
    assert code_of(client.head_bucket, Bucket="nowhere") == "404"
    assert code_of(client.put_object, Bucket="nowhere", Key="x", Body=b"") == "NoSuchBucket"


def test_versions_are_named_where_the_bucket_has_them(client: Any) -> None:
    """Two writes have two version ids; a plain bucket names none."""
    first = client.put_object(Bucket="versioned", Key="x", Body=b"1")["VersionId"]
    second = client.put_object(Bucket="versioned", Key="x", Body=b"2")["VersionId"]
    assert first != second
    assert client.get_object(Bucket="versioned", Key="x")["VersionId"] == second
    assert "VersionId" not in client.put_object(Bucket="plain", Key="x", Body=b"1")


def test_listing_comes_in_pages(client: Any) -> None:
    """Prefix and pages work; keys come back as they were."""
    keys = [f"a/{number:02} é&<" for number in range(7)]
    for key in [*keys, "b/other"]:
        client.put_object(Bucket="plain", Key=key, Body=b"x")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="plain", Prefix="a/", PaginationConfig={"PageSize": 3}
    )
    found = [[item["Key"] for item in page["Contents"]] for page in pages]
    assert found == [keys[:3], keys[3:6], keys[6:]]
    assert "Contents" not in client.list_objects_v2(Bucket="plain", Prefix="none/")


def test_only_if_absent_is_honored(client: Any) -> None:
    """A conditional write to a key that is taken is refused with 412."""
    client.put_object(Bucket="plain", Key="x", Body=b"1", IfNoneMatch="*")
    refused = code_of(client.put_object, Bucket="plain", Key="x", Body=b"2", IfNoneMatch="*")
    assert refused == "PreconditionFailed"
    assert client.get_object(Bucket="plain", Key="x")["Body"].read() == b"1"
    client.put_object(Bucket="plain", Key="x", Body=b"3")
    assert client.get_object(Bucket="plain", Key="x")["Body"].read() == b"3"


def test_wrong_checksums_are_refused(client: Any, server: S3Server) -> None:
    """The server computes what the client claims."""
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert code_of(client.put_object, Bucket="plain", Key="x", Body=b"1", ChecksumSHA256=wrong) == "BadDigest"
    assert (
        code_of(client.put_object, Bucket="plain", Key="x", Body=b"1", ContentMD5="AAAA") == "InvalidRequest"
    )
    assert server.buckets["plain"].objects == {}


@pytest.mark.parametrize(
    "credential",
    [
        Credential(access_key=DEFAULT_CREDENTIAL.access_key, secret_key="wrong"),
        Credential(access_key="AKIASOMEBODYELSE0000", secret_key=DEFAULT_CREDENTIAL.secret_key),
        Credential(
            access_key=DEFAULT_CREDENTIAL.access_key,
            secret_key=DEFAULT_CREDENTIAL.secret_key,
            session_token="unasked",
        ),
    ],
)
def test_wrong_credentials_are_refused(server: S3Server, credential: Credential) -> None:
    """Neither a wrong key, nor a wrong name, nor a token that was never issued."""
    client = make_client(server.url, credential)
    for call in (client.put_object, client.get_object, client.delete_object):
        assert code_of(call, Bucket="plain", Key="x") in {
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "InvalidToken",
        }
    assert code_of(client.list_objects_v2, Bucket="plain")
    client.close()


def test_temporary_credentials_need_their_token(server: S3Server) -> None:
    """A session token is part of the credential."""
    temporary = Credential(access_key="ASIASYNTHETIC0000000", secret_key="s", session_token="token")
    server.credentials[temporary.access_key] = temporary
    client = make_client(server.url, temporary)
    client.put_object(Bucket="plain", Key="x", Body=b"1")
    client.close()


def test_rights_are_checked(server: S3Server) -> None:
    """A signer does what it may, and nothing else."""
    reader = Credential(access_key="AKIAREADER0000000000", secret_key="s", policy=allowing("s3:GetObject"))
    server.credentials[reader.access_key] = reader
    client = make_client(server.url, reader)
    assert code_of(client.get_object, Bucket="plain", Key="x") == "NoSuchKey"
    for call in (client.put_object, client.delete_object):
        assert code_of(call, Bucket="plain", Key="x") == "AccessDenied"
    assert code_of(client.list_objects_v2, Bucket="plain") == "AccessDenied"
    client.close()


def test_what_is_not_served_is_refused(client: Any) -> None:
    """Other operations are errors, not silent successes."""
    assert code_of(client.list_objects, Bucket="plain") == "NotImplemented"
    assert code_of(client.create_bucket, Bucket="plain") == "MethodNotAllowed"
    assert code_of(client.create_multipart_upload, Bucket="plain", Key="x") == "MethodNotAllowed"
    assert code_of(client.delete_bucket, Bucket="plain") == "MethodNotAllowed"


def ask(
    method: str, url: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str]]:
    """Send a request as a browser would; return status and headers in lower case."""
    request = Request(url, data=body, headers=headers, method=method)  # noqa: S310 - our own loopback URL
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}


def preflight(server: S3Server, *, bucket: str = "uploads", **changes: Any) -> tuple[int, dict[str, str]]:
    """Send the preflight of an upload, with *changes* to its headers."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,if-none-match,x-amz-checksum-sha256",
    }
    for name, value in changes.items():
        header = name.replace("_", "-")
        headers.pop(header)
        if value is not None:
            headers[header] = value
    return ask("OPTIONS", f"{server.url}/{bucket}/key", headers)


def test_the_preflight_of_an_upload_is_allowed(server: S3Server) -> None:
    """Origin, method and the three headers are those of the rule."""
    status, headers = preflight(server)
    assert status == 200
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-methods"] == "PUT"
    assert "x-amz-checksum-sha256" in headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "changes",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": ORIGIN + ".attacker.example"},
        {"Origin": ORIGIN.replace("https", "http")},
        {"Origin": ORIGIN + ":8443"},
        {"Origin": "null"},
        {"Origin": None},
        {"Access_Control_Request_Method": "DELETE"},
        {"Access_Control_Request_Method": "GET"},
        {"Access_Control_Request_Method": None},
        {"Access_Control_Request_Headers": "x-amz-acl"},
        {"Access_Control_Request_Headers": "content-type, authorization"},
    ],
)
def test_other_preflights_are_refused(server: S3Server, changes: dict[str, Any]) -> None:
    """Any other page, method or header is refused, without a header that allows something."""
    status, headers = preflight(server, **changes)
    assert status in {400, 403}
    assert "access-control-allow-origin" not in headers


def test_a_bucket_without_rules_refuses_every_page(server: S3Server) -> None:
    """No rules is no CORS."""
    assert preflight(server, bucket="plain")[0] == 403


def test_answers_are_readable_for_the_allowed_page_only(server: S3Server, client: Any) -> None:
    """Success and refusal carry the header for our page, and for no other."""
    for origin, is_readable in ((ORIGIN, True), ("https://attacker.example", False)):
        url = client.generate_presigned_url("put_object", Params={"Bucket": "uploads", "Key": origin[-5:]})
        for target, expected in ((url, 200), (url[:-1], 403)):
            status, headers = ask("PUT", target, {"Origin": origin, "Content-Type": ""}, b"x")
            assert status == expected
            assert ("access-control-allow-origin" in headers) is is_readable


def test_buckets_are_found_by_host_name(server: S3Server) -> None:
    """``bucket.localhost`` works as AWS's host names do."""
    client = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{server.port}",
        region_name="us-east-1",
        aws_access_key_id=DEFAULT_CREDENTIAL.access_key,
        aws_secret_access_key=DEFAULT_CREDENTIAL.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, proxies={}),
    )
    url = client.generate_presigned_url("put_object", Params={"Bucket": "plain", "Key": "x"})
    client.close()
    host = f"plain.localhost:{server.port}"
    assert url.startswith(f"http://{host}/x?")
    direct = url.replace(host, f"127.0.0.1:{server.port}")
    assert ask("PUT", direct, {"Host": host, "Content-Type": ""}, b"1")[0] == 200
    assert ask("PUT", direct, {"Content-Type": ""}, b"1")[0] == 404


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"PUT /plain/x HTTP/1.1\r\nHost: h\r\n\r\n", b"411"),
        (b"PUT /plain/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1e3\r\n\r\n", b"400"),
        (b"PUT /plain/x HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999\r\n\r\n", b"400"),
        (b"PUT /plain/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"PUT /plain/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
        (b"GET /plain/%zz HTTP/1.1\r\nHost: h\r\n\r\n", b"400"),
        (b"GET /plain/x HTTP/1.1\r\nHost: h\r\n\r\n", b"403"),
    ],
)
def test_malformed_requests_are_refused(server: S3Server, head: bytes, status: bytes) -> None:
    """Lengths must be true and plain, paths well-formed, requests signed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(65536).split(b" ")[1] == status


def test_half_a_body_is_not_kept(server: S3Server, client: Any) -> None:
    """An upload that breaks off leaves nothing."""
    url = client.generate_presigned_url("put_object", Params={"Bucket": "plain", "Key": "x"})
    path = url.removeprefix(server.url)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 9\r\n\r\nhalf".encode()
        )
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert server.buckets["plain"].objects == {}


def test_a_stopped_server_starts_again_on_its_port(server: S3Server) -> None:
    """Objects survive; clients connect again."""
    client = make_client(server.url)
    client.put_object(Bucket="plain", Key="x", Body=b"1")
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(EndpointConnectionError):
        client.get_object(Bucket="plain", Key="x")
    server.start()
    assert server.url == url
    assert client.get_object(Bucket="plain", Key="x")["Body"].read() == b"1"
    client.close()


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    """With buckets, rules, credentials and objects from its command line and environment."""
    (tmp_path / "secrets.yaml").write_text("key: value\n")
    port = free_port()
    credentials = json.dumps(
        [
            {"access_key": "AKIAWEB", "secret_key": "s"},
            {
                "access_key": "AKIANONE",
                "secret_key": "s",
                "policy": {"Version": "2012-10-17", "Statement": []},
            },
        ]
    )
    process = start_process(
        [
            *(sys.executable, "-m", "proofing_devtools.s3", "--port", str(port), "--bucket", "images"),
            *("--cors-origin", ORIGIN, "--secrets-bucket", "secrets"),
            *("--load", f"secrets/test/secrets.yaml={tmp_path / 'secrets.yaml'}"),
        ],
        env={**os.environ, "S3_CREDENTIALS": credentials},
    )
    web = make_client(f"http://127.0.0.1:{port}", Credential(access_key="AKIAWEB", secret_key="s"))
    nobody = make_client(f"http://127.0.0.1:{port}", Credential(access_key="AKIANONE", secret_key="s"))
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                text = web.get_object(Bucket="secrets", Key="test/secrets.yaml")["Body"].read()
                break
            except EndpointConnectionError:
                time.sleep(0.02)
        assert text == b"key: value\n"
        assert code_of(nobody.get_object, Bucket="secrets", Key="test/secrets.yaml") == "AccessDenied"
        assert code_of(web.put_object, Bucket="images", Key="x", Body=b"1") == "AccessDenied"
        web.put_object(Bucket="images", Key="x", Body=b"1", IfNoneMatch="*")
    finally:
        web.close()
        nobody.close()
        process.terminate()
        assert process.wait(5) == 0
