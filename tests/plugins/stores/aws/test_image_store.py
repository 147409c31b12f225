"""What only the image store on S3 does: start check, prefix, CSP source, proxies, credentials, caps."""

import asyncio
import http.server
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

import proofing_aws
from proofing.base.errors import ConfigurationError, ImageNotFoundError, StoreError, StoreUnavailableError
from proofing.contracts.hooks import BackendContext
from proofing.testing.image_slots import make_terms
from proofing.testing.processes import free_port
from proofing_aws.image_store import S3ImageStore
from proofing_aws.settings import AWSSettings
from proofing_devtools.aws_rights import allowing
from proofing_devtools.aws_signature import SignedRequest
from proofing_devtools.s3 import Bucket, Credential, S3Server, running_s3


@pytest.fixture
async def store(s3: S3Server, aws: Any) -> AsyncIterator[S3ImageStore]:
    """Give an open store that has not probed."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url, probe_at_start=False), role="web")
    await store.open()
    yield store
    await store.close()


def keep(s3: S3Server, key: str, body: bytes = b"x", *, age_seconds: float = 0.0) -> None:
    """Put an object into the bucket, so old."""
    s3.buckets["images"].put(key, SignedRequest("PUT", "", "", (), body), time.time() - age_seconds)


class Careless(http.server.BaseHTTPRequestHandler):
    """An S3 that accepts everything."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Say yes."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_DELETE = do_PUT  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def careless() -> Iterator[str]:
    """Run an S3 that knows no conditions, and give its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Careless)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


# The start check


async def test_a_bucket_that_takes_a_second_write_stops_the_start(careless: str, aws: Any) -> None:
    """*Only if absent* must mean something."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=careless), role="web")
    with pytest.raises(ConfigurationError, match="If-None-Match"):
        await store.open()
    worker = S3ImageStore(aws.settings(s3_endpoint_url=careless), role="worker")
    await worker.open()  # it has no right to try
    await worker.close()
    unprobed = S3ImageStore(aws.settings(s3_endpoint_url=careless, probe_at_start=False), role="web")
    await unprobed.open()
    await unprobed.close()


@pytest.mark.parametrize("only_if_absent", [True, False])
async def test_a_service_without_conditional_writes_is_named(aws: Any, only_if_absent: bool) -> None:
    """One that refuses the header, rather than ignoring it, stops the start with what is missing."""
    bucket = Bucket(name="images", conditions="refused", only_if_absent=only_if_absent)
    with running_s3([bucket]) as server:
        store = S3ImageStore(aws.settings(s3_endpoint_url=server.url), role="check")
        with pytest.raises(ConfigurationError, match=r"conditional writes .*refuses them \(NotImplemented\)"):
            await store.open()
    assert bucket.objects == {}


async def test_the_probe_leaves_nothing(s3: S3Server, aws: Any) -> None:
    """Two writes, one refused, one delete."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url), role="web")
    await store.open()
    assert await store.check() == []
    await store.close()
    assert [seen.status for seen in s3.requests] == [200, 200, 412, 204] * 2
    assert s3.buckets["images"].objects == {}


async def test_an_unknown_bucket_stops_the_start(s3: S3Server, aws: Any) -> None:
    """The message names the key of the settings, not the bucket."""
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url, image_bucket="canary-bucket"), role="web")
    with pytest.raises(ConfigurationError, match=r"aws\.image_bucket: must name a bucket") as caught:
        await store.open()
    assert "canary" not in str(caught.value)


async def test_web_role_without_listing_and_deleting_starts(
    s3: S3Server, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PutObject is all that the web process needs."""
    web = Credential(access_key="AKIAWEB", secret_key="s", policy=allowing("s3:PutObject"))
    s3.credentials[web.access_key] = web
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", web.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", web.secret_key)
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url), role="web")
    await store.open()
    keep(s3, "images/one")
    for call in (
        store.read("images/one", max_bytes=10),
        store.delete("images/one"),
        store.sweep(older_than_seconds=0),
    ):
        with pytest.raises(StoreUnavailableError, match="does not allow"):
            await call
    await store.close()


async def test_a_role_that_may_not_write_cannot_be_web(
    s3: S3Server, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start says that the right is missing."""
    reader = Credential(access_key="AKIAREAD", secret_key="s", policy=allowing("s3:GetObject"))
    s3.credentials[reader.access_key] = reader
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", reader.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", reader.secret_key)
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url), role="web")
    with pytest.raises(StoreUnavailableError, match="does not allow"):
        await store.open()


@pytest.mark.parametrize("key", ["wrong-canary", None])
async def test_missing_and_wrong_credentials_are_reported(
    key: str | None, s3: S3Server, aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The chain ends without credentials, or with some that S3 does not know."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
        if key:
            monkeypatch.setenv(name, key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url), role="web")
    with pytest.raises(StoreUnavailableError, match=r"credentials|does not allow") as caught:
        await store.open()
    assert "canary" not in str(caught.value)
    await store.close()


# Terms and places


async def test_the_url_signs_every_term(store: S3ImageStore) -> None:
    """Length, type, checksum and condition are among the signed headers; the life is that of the terms."""
    terms, _ = make_terms(ttl_seconds=120.5)
    before = time.time()
    upload = await store.presign(terms)
    query = parse_qs(urlsplit(upload.url).query)
    assert query["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    ]
    assert query["X-Amz-Expires"] == ["120"]
    assert before + 119 <= upload.expires_at <= time.time() + 120
    assert set(upload.headers) == {"content-type", "if-none-match", "x-amz-checksum-sha256"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"s3_addressing": "virtual"}, "https://images.s3.eu-west-1.amazonaws.com/captures/a/"),
        ({"s3_addressing": "path"}, "https://s3.eu-west-1.amazonaws.com/images/captures/a/"),
        (
            {"s3_addressing": "virtual", "region": "us-east-1"},
            "https://images.s3.us-east-1.amazonaws.com/captures/a/",
        ),
        ({"s3_endpoint_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/images/captures/a/"),
        (
            {"image_prefix": "proofing/test/"},
            "https://s3.eu-west-1.amazonaws.com/images/proofing/test/captures/a/",
        ),
    ],
)
async def test_csp_source_is_the_path_of_the_uploads(
    values: dict[str, str], expected: str, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and path of exactly the prefix, with a slash at its end; no I/O but to sign."""

    async def nothing_wrong(_: object) -> list[str]:
        return []

    monkeypatch.setattr(S3ImageStore, "check", nothing_wrong)
    store = S3ImageStore(aws.settings(**{"region": "eu-west-1", **values}), role="web")
    with pytest.raises(StoreUnavailableError, match="not open"):
        store.csp_connect_source("captures/a/")
    await store.open()
    assert store.csp_connect_source("captures/a/") == expected
    assert store.csp_connect_source("captures/a") == expected
    assert store.csp_connect_source("captures/a;b,c/").endswith("captures/a%3Bb%2Cc/")
    terms, _ = make_terms(object_key="captures/a/front")
    assert (await store.presign(terms)).url.startswith(expected)
    await store.close()


async def test_what_is_not_ours_is_not_swept(store: S3ImageStore, s3: S3Server) -> None:
    """A bucket that also holds other things, secrets say, keeps them, however old they are."""
    keep(s3, "production/secrets.yaml", age_seconds=1e6)
    keep(s3, "captures.txt", age_seconds=1e6)
    keep(s3, "captures/one", age_seconds=1e6)
    assert await store.sweep(older_than_seconds=900) == 1
    assert sorted(s3.buckets["images"].objects) == ["captures.txt", "production/secrets.yaml"]


async def test_prefix_is_a_room_of_its_own(s3: S3Server, aws: Any) -> None:
    """Reading, deleting and sweeping stay below the prefix."""
    keep(s3, "other/one", age_seconds=999)
    keep(s3, "mine/captures/one", b"mine", age_seconds=999)
    keep(s3, "mine/captures/two", age_seconds=999)
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url, image_prefix="mine/"), role="worker")
    await store.open()
    assert await store.read("captures/one", max_bytes=4) == b"mine"
    with pytest.raises(ImageNotFoundError):
        await store.read("../other/one", max_bytes=4)
    await store.delete("captures/one")
    assert await store.sweep(older_than_seconds=900) == 1
    assert list(s3.buckets["images"].objects) == ["other/one"]
    await store.close()


# Reading and sweeping


async def test_reading_stops_at_the_cap(store: S3ImageStore, s3: S3Server) -> None:
    """At the cap it is read, one byte beyond it is refused; an empty object is empty."""
    keep(s3, "images/one", bytes(1_000_000))
    assert len(await store.read("images/one", max_bytes=1_000_000)) == 1_000_000
    with pytest.raises(StoreError, match="longer"):
        await store.read("images/one", max_bytes=999_999)
    keep(s3, "images/empty", b"")
    assert await store.read("images/empty", max_bytes=10) == b""


async def test_connections_are_reused(store: S3ImageStore, s3: S3Server, aws: Any) -> None:
    """Many reads, few connections, and none lost to a refused one."""
    keep(s3, "images/one", bytes(10_000))
    for _ in range(40):
        await asyncio.gather(*(store.read("images/one", max_bytes=10_000) for _ in range(4)))
        with pytest.raises(StoreError):
            await store.read("images/one", max_bytes=1)
    assert len(s3.requests) >= 200


async def test_sweep_goes_through_all_pages(store: S3ImageStore, s3: S3Server) -> None:
    """More objects than one page holds; the young stay."""
    for number in range(1_205):
        keep(s3, f"captures/{number:05}", age_seconds=1_000 if number % 3 else 10)
    old = sum(1 for number in range(1_205) if number % 3)
    assert await store.sweep(older_than_seconds=900) == old
    assert len(s3.buckets["images"].objects) == 1_205 - old
    assert await store.sweep(older_than_seconds=900) == 0


# Surroundings


async def test_proxies_of_the_environment_are_not_used(
    s3: S3Server, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the setting decides; a proxy that is not there is not missed, or is."""
    dead = f"http://127.0.0.1:{free_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, dead)
    store = S3ImageStore(aws.settings(s3_endpoint_url=s3.url), role="web")
    await store.open()
    await store.close()
    through = S3ImageStore(aws.settings(s3_endpoint_url=s3.url, proxy_url=dead), role="web")
    with pytest.raises(StoreUnavailableError):
        await through.open()


async def test_boto_is_silent(store: S3ImageStore, s3: S3Server, caplog: pytest.LogCaptureFixture) -> None:
    """At the lowest level its loggers print nothing: URLs and headers hold signatures."""
    keep(s3, "images/one")
    with caplog.at_level(logging.DEBUG):
        await store.read("images/one", max_bytes=10)
        await store.sweep(older_than_seconds=100)
    assert [record.name for record in caplog.records if record.name.startswith(("boto", "urllib3"))] == []


async def test_closed_store_says_so(aws: Any) -> None:
    """Calls before open are a typed error."""
    store = S3ImageStore(aws.settings(), role="web")
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.presign(make_terms()[0])


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("kms_endpoint_url", "https://a..b"),
        ("proxy_url", "http://user:letmein@a..b:3128"),
        ("s3_endpoint_url", "https://a..b:8443/"),
    ],
)
def test_hosts_that_cannot_exist_are_refused(key: str, url: str) -> None:
    """By the schema, before a client is made."""
    with pytest.raises(ValidationError, match="two dots in a row") as caught:
        AWSSettings.model_validate({key: url})
    assert "letmein" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"region": ""}, "must be the code of a region, such as us-east-1"),
        ({"region": "us-east1"}, "region must be the code of a region, such as us-east-1"),
        ({"image_bucket": "Example_Images"}, "must be the name of a bucket: 3 to 63 lowercase letters"),
        ({"s3_endpoint_url": "http://s3 internal:9000"}, "must be an http or https URL without a path"),
        ({"image_prefix": "images"}, "must be empty, or end with a slash"),
    ],
)
def test_a_wrong_value_is_told_in_words(values: dict[str, str], rule: str) -> None:
    """No operator must read a pattern."""
    with pytest.raises(ValidationError, match=f"Value error, {rule}"):
        AWSSettings.model_validate(values)


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-2"])
def test_regions_of_aws_are_taken(region: str) -> None:
    """Of each of its partitions; another server may call its region anything."""
    assert AWSSettings.model_validate({"region": region}).region == region
    elsewhere = {"s3_endpoint_url": "https://s3.example", "kms_endpoint_url": "https://kms.example"}
    assert AWSSettings.model_validate({"region": "auto", **elsewhere}).region == "auto"


def test_plugin_offers_three_stores_and_names_what_is_missing() -> None:
    """Making a store without its setting stops the start and names the key."""
    context = BackendContext(
        environment="test", role="web", public_url="http://localhost", secret=lambda _: bytes(32)
    )
    settings = AWSSettings.model_validate({})
    for hook, key in (
        (proofing_aws.proofing_image_stores, "aws.image_bucket"),
        (proofing_aws.proofing_key_services, "aws.kms_key_id"),
        (proofing_aws.proofing_secret_stores, "aws.secret_bucket"),
    ):
        (descriptor,) = hook()
        assert (descriptor.name, descriptor.production) == ("aws", True)
        with pytest.raises(ConfigurationError) as caught:
            descriptor.make(settings, context)
        assert caught.value.problems[0].key == key
    assert proofing_aws.proofing_settings() is AWSSettings


@pytest.mark.parametrize(
    "values",
    [
        {"image_bucket": "Bad_Bucket"},
        {"image_prefix": "no-slash"},
        {"image_prefix": "/leading/"},
        {"s3_endpoint_url": "http://user:canary@host"},
        {"s3_endpoint_url": "http://host/path"},
        {"s3_addressing": "canary"},
        {"deadline_seconds": 0},
        {"threads": "4"},
        {"access_key": "canary"},
        {"image_bucket": "canary-bucket", "secret_bucket": "canary-bucket"},
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object]) -> None:
    """Nothing is guessed, and no value is shown."""
    with pytest.raises(ValueError, match="AWSSettings") as caught:
        AWSSettings.model_validate(values)
    assert "canary" not in str(caught.value)
