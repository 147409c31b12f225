"""boto3 clients under the outbound rules: botocore signs and parses, our client carries."""

import asyncio
import io
import re
from datetime import UTC, datetime

import boto3
import botocore.auth
import botocore.model
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from proofing.base.errors import Cause, VendorError
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.plugin.support import carry_botocore
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, make_context

HOST = "{service}.us-west-2.amazonaws.com"


def service(name):
    """Return a real boto3 client, with made-up credentials."""
    return boto3.client(
        name,
        region_name="us-west-2",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="a-secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def context_of(vendor, name, **options):
    """Return the context of a proofer that may call the service."""
    descriptor = ProoferDescriptor(
        name="acme",
        kind=ProoferKind.RESOLUTION,
        make=lambda *_: None,
        hosts=lambda _settings: frozenset({HOST.format(service=name)}),
    )
    return make_context(vendor, descriptor, **options)


async def carried(context, client, call):
    """Make *call* in a thread, as a plain adapter does."""

    def run():
        with carry_botocore(client, context):
            return call(client)

    return await asyncio.to_thread(run)


async def test_a_json_service():
    """Signed by botocore, sent by us, parsed by botocore; noted as an intent before."""
    noted = []

    async def note():
        noted.append(len(vendor.requests))

    vendor = FakeVendor(
        lambda _request: httpx.Response(
            200,
            headers={"x-amzn-RequestId": "r-1", "content-type": "application/x-amz-json-1.1"},
            json={"Plaintext": "aGVsbG8=", "KeyId": "k"},
        )
    )
    context = context_of(vendor, "kms", note_intent=note)
    answer = await carried(context, service("kms"), lambda client: client.decrypt(CiphertextBlob=b"sealed"))
    assert answer["Plaintext"] == b"hello"
    assert answer["ResponseMetadata"]["RequestId"] == "r-1"
    (request,) = vendor.requests
    assert re.match(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/", request.headers["authorization"])
    assert request.headers["x-amz-target"] == "TrentService.Decrypt"
    assert request.content == b'{"CiphertextBlob": "c2VhbGVk"}'
    assert noted == [0]


async def test_streams_in_and_out():
    """S3 reads bodies from files, and its answers are read in pieces."""
    vendor = FakeVendor(
        lambda request: httpx.Response(200, content=b"stored" if request.method == "GET" else b"")
    )
    context, client = context_of(vendor, "s3"), service("s3")

    def put_and_get(client):
        client.put_object(Bucket="a.b", Key="k", Body=io.BytesIO(b"bytes"))
        return client.get_object(Bucket="a.b", Key="k")["Body"].read()

    assert await carried(context, client, put_and_get) == b"stored"
    assert b"bytes" in vendor.requests[0].content


async def test_a_service_of_the_query_protocol():
    """Its body is a text, not bytes."""
    answer = (
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    vendor = FakeVendor(lambda _request: httpx.Response(200, text=answer))
    context, client = context_of(vendor, "sts"), service("sts")
    found = await carried(context, client, lambda client: client.get_caller_identity())
    assert found["Account"] == "123456789012"
    assert b"Action=GetCallerIdentity" in vendor.requests[0].content


async def test_an_error_of_the_service_is_botocores():
    """The adapter translates it, by the code."""
    error = {"__type": "ThrottlingException", "message": "slow down"}
    vendor = FakeVendor(lambda _request: httpx.Response(400, json=error))
    with pytest.raises(ClientError, match="ThrottlingException"):
        await carried(context_of(vendor, "kms"), service("kms"), lambda client: client.list_keys())
    assert len(vendor.requests) == 1


async def test_other_hosts_are_refused():
    """By the allow-list of the descriptor; nothing is sent."""
    vendor = FakeVendor(lambda _request: httpx.Response(200))
    with pytest.raises(VendorError, match="allow-list"):
        await carried(context_of(vendor, "s3"), service("kms"), lambda client: client.list_keys())
    assert vendor.requests == []


async def test_outside_of_a_question_nothing_is_sent():
    """A client that was carried once never opens a connection of its own."""
    vendor = FakeVendor(lambda _request: httpx.Response(200, json={}))
    client = service("kms")
    await carried(context_of(vendor, "kms"), client, lambda client: client.list_keys())
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)):
        await asyncio.to_thread(client.list_keys)
    assert len(vendor.requests) == 1


async def test_questions_side_by_side_do_not_mix():
    """One client, shared by threads: each call goes by its own question's way."""
    client = service("kms")
    vendors = [FakeVendor(lambda _request: httpx.Response(200, json={})) for _ in range(4)]
    await asyncio.gather(
        *(carried(context_of(vendor, "kms"), client, lambda client: client.list_keys()) for vendor in vendors)
    )
    assert [len(vendor.requests) for vendor in vendors] == [1, 1, 1, 1]


LARGE = bytes(range(256)) * 280
SMALL = b"0123456789"
ANSWER = {"json": b"{}", "smithy-rpc-v2-cbor": b"\xa0"}


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
@pytest.mark.parametrize("contents", [[LARGE], [LARGE, LARGE[1:]], [LARGE, SMALL], [LARGE[:49_154]]])
async def test_large_bytes_are_sent_as_botocore_would_send_them(protocol, contents, monkeypatch):
    """Body and signature are the same, whether botocore encodes the bytes or the body is completed later."""
    monkeypatch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (protocol,))
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda **_options: datetime(2026, 11, 30, 12, tzinfo=UTC)
    )
    vendor = FakeVendor(
        lambda _request: httpx.Response(
            200, headers={"smithy-protocol": "rpc-v2-cbor"}, content=ANSWER[protocol]
        )
    )
    context, client = context_of(vendor, "textract"), service("textract")

    def run(is_streamed):
        with carry_botocore(client, context) as calls:
            blob = calls.blob if is_streamed else bytes
            client.analyze_id(DocumentPages=[{"Bytes": blob(content)} for content in contents])

    for is_streamed in (False, True):
        await asyncio.to_thread(run, is_streamed)
    whole, streamed = vendor.requests
    assert streamed.content == whole.content
    for header in ("authorization", "content-type", "content-length"):
        assert streamed.headers[header] == whole.headers[header]


async def test_bytes_that_botocore_encodes_in_a_new_way_are_not_sent():
    """Nothing is sent in which the content is missing."""
    vendor = FakeVendor(lambda _request: httpx.Response(200, json={}))
    context, client = context_of(vendor, "textract"), service("textract")

    def garble(request, **_event):
        request.data = b"{}"

    client.meta.events.register_first("before-sign", garble)

    def run():
        with carry_botocore(client, context) as calls:
            client.analyze_id(DocumentPages=[{"Bytes": calls.blob(LARGE)}])

    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)):
        await asyncio.to_thread(run)
    assert vendor.requests == []
