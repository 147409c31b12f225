"""What a script in a real browser cannot do with a signed upload URL of the strict bucket.

The abuses without a browser are tried in tests/plugins/stores/aws/test_upload_abuse.py; what the
page's own policy forbids, in tests/end_to_end/test_bucket.py.
"""

import asyncio
import hashlib
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from proofing.contracts.stores import UploadConstraints
from proofing_aws.image_store import S3ImageStore
from proofing_aws.settings import AWSSettings
from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, CORSRule, running_s3

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CASES = {"test_a_script_can_use_a_url_for_nothing_else": (1, 1)}
BODY = "ciphertext of an image"
SEND = """async ([url, method, headers, body, mode]) => {
    try {
        const answer = await fetch(url, {method, headers, body: body || undefined, mode});
        return answer.status;
    } catch { return 'refused'; }
}"""
#: The same out of a frame without an origin of its own.
SEND_FROM_SANDBOX = """async (request) => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = `<script>
        const [url, method, headers, body, mode] = ${JSON.stringify(request)};
        fetch(url, {method, headers, body, mode}).then(
            (answer) => parent.postMessage(answer.status, '*'), () => parent.postMessage('refused', '*'));
    </script>`;
    const answered = new Promise((resolve) => {
        addEventListener('message', (event) => resolve(event.data), {once: true});
    });
    document.body.append(frame);
    return await answered;
}"""
#: A form needs no leave of the other origin; the answer lands in a frame that we cannot read.
SEND_FORM = """async (url) => {
    const frame = document.createElement('iframe');
    frame.name = 'answer';
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: url, enctype: 'text/plain', target: 'answer'});
    document.body.append(frame, form);
    const loaded = new Promise((resolve) => { frame.onload = resolve; });
    form.submit();
    await loaded;
}"""
#: One request, sent again and again at the same moment with other bytes; how many were taken.
SEND_AT_ONCE = """async ([url, method, headers, bodies]) => {
    const answers = await Promise.all(bodies.map(
        (body) => fetch(url, {method, headers, body}).then((answer) => answer.status, () => 'refused')));
    return answers.filter((status) => status === 200).length;
}"""


@asynccontextmanager
async def empty_site():
    """Serve an empty page without any policy, and give its origin."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def clock():
    """How many seconds S3 is ahead."""
    return {"ahead": 0.0}


@pytest.fixture
def bucket(monkeypatch, clock):
    """A strict bucket that pages of one origin may send to."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_CREDENTIAL.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_CREDENTIAL.secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    images = Bucket(name="images", only_if_absent=True, max_signature_age_seconds=300.0)
    other = Bucket(name="others", only_if_absent=True, max_signature_age_seconds=300.0)
    with running_s3([images, other], now=lambda: time.time() + clock["ahead"]) as server:
        yield server


def abuses(url, other_url, headers):
    """Return what a hostile page tries: name to method, URL, headers, body and mode of fetch."""
    sent = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    kind = next(name for name in sent if name.lower() == "content-type")
    absent = next(name for name in sent if name.lower() == "if-none-match")
    checksum = next(name for name in sent if name.lower().startswith("x-amz-checksum"))
    other = BODY.replace("an image", "AN IMAGE")

    def without(name):
        return {key: value for key, value in sent.items() if key != name}

    base, _, query = url.partition("?")
    put = {
        "another type": ("PUT", url, {**sent, kind: "text/html"}, BODY),
        "no type": ("PUT", url, without(kind), BODY),
        "shorter": ("PUT", url, sent, BODY[:-1]),
        "longer": ("PUT", url, sent, BODY + "x"),
        "empty": ("PUT", url, sent, ""),
        "other bytes of the same length": ("PUT", url, sent, other),
        "other bytes and their checksum": ("PUT", url, {**sent, checksum: "A" * 43 + "="}, other),
        "no checksum": ("PUT", url, without(checksum), BODY),
        "may replace": ("PUT", url, without(absent), BODY),
        "replaces a known version": ("PUT", url, {**sent, absent: '"x"'}, BODY),
        "a header more": ("PUT", url, {**sent, "x-amz-acl": "public-read"}, BODY),
        "metadata more": ("PUT", url, {**sent, "x-amz-meta-a": "b"}, BODY),
        "another key": ("PUT", f"{base}0?{query}", sent, BODY),
        "another bucket": ("PUT", url.replace("/images/", "/others/"), sent, BODY),
        "a part of something larger": ("PUT", url.replace("?", "?partNumber=1&uploadId=x&"), sent, BODY),
        "rights": ("PUT", url.replace("?", "?acl&"), sent, BODY),
        "another version": ("PUT", url.replace("?", "?versionId=1&"), sent, BODY),
        "another method in a header": ("POST", url, {**sent, "x-http-method-override": "PUT"}, BODY),
        "another's terms": ("PUT", other_url, sent, BODY),
        "a longer life": ("PUT", url.replace("X-Amz-Expires=", "X-Amz-Expires=9"), sent, BODY),
        "no signature": ("PUT", base, sent, BODY),
        "half a signature": ("PUT", url[:-6], sent, BODY),
        "a post": ("POST", url, sent, BODY),
        "a deletion": ("DELETE", url, {}, ""),
        "a reading": ("GET", url, {}, ""),
        "a head": ("HEAD", url, {}, ""),
        "a listing": ("GET", base.rpartition("/")[0] + "/", {}, ""),
    }
    return {name: (*parts, "cors") for name, parts in put.items()} | {
        "a post without CORS": ("POST", url, {}, BODY, "no-cors"),
    }


async def test_a_script_can_use_a_url_for_nothing_else(cases, claim, bucket, clock, chromium):
    """Every abuse fails and leaves the bucket as it was; the one right upload works, once."""
    assert cases == 1
    settings = AWSSettings.model_validate(
        {
            "region": bucket.region,
            "image_bucket": "images",
            "s3_endpoint_url": bucket.url,
            "s3_addressing": "path",
            "probe_at_start": False,
        }
    )
    store = S3ImageStore(settings, role="web")
    await store.open()
    sha256 = hashlib.sha256(BODY.encode()).digest()
    urls = [
        await store.presign(UploadConstraints(object_key=key, length=length, sha256=sha256, ttl_seconds=60))
        for key, length in (("captures/a/b", len(BODY)), ("captures/a/c", len(BODY) + 5))
    ]
    right = (urls[0].url, "PUT", dict(urls[0].headers), BODY, "cors")
    objects = bucket.buckets["images"].objects
    tried = 0
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        context = await chromium.new_context()
        stack.push_async_callback(context.close)
        pages = []
        for _ in range(2):
            pages.append(await context.new_page())
            await pages[-1].goto(await stack.enter_async_context(empty_site()) + "/")
        page, elsewhere = pages
        for each in bucket.buckets.values():
            each.cors = (CORSRule(origin=page.url.rstrip("/")),)
        # With everything right, before the slot is used: from another origin, from none, and too late.
        assert await elsewhere.evaluate(SEND, list(right)) == "refused"
        assert await page.evaluate(SEND_FROM_SANDBOX, list(right)) == "refused"
        clock["ahead"] = 61.0
        assert await page.evaluate(SEND, list(right)) == 403
        clock["ahead"] = 0.0
        await page.evaluate(SEND_FORM, right[0])
        assert [(seen.method, seen.status // 100) for seen in bucket.requests][-1] == ("POST", 4)
        assert not objects
        tried += 4
        for name, (method, url, headers, body, mode) in abuses(
            urls[0].url, urls[1].url, dict(urls[0].headers)
        ).items():
            answer = await page.evaluate(SEND, [url, method, headers, body, mode])
            assert answer == "refused" or answer >= 400 or answer == 0, (name, answer)
            assert not objects, name
            assert not bucket.buckets["others"].objects, name
            tried += 1
        # Twenty at once, five with the right bytes: one of these is taken.
        bodies = [BODY.replace("image", f"imag{number:X}") for number in range(15)]
        assert await page.evaluate(SEND_AT_ONCE, [*right[:3], [*bodies, BODY, *[BODY] * 4]]) == 1
        tried += 1
        kept = {key: bytes(one.body) for key, one in objects.items()}
        assert list(kept.values()) == [BODY.encode()]
        for url, body in ((right[0], BODY), (right[0], BODY.upper())):
            answer = await page.evaluate(SEND, [url, *right[1:3], body, "cors"])
            assert answer == "refused" or answer >= 400
            tried += 1
        for method in ("GET", "DELETE"):
            answer = await page.evaluate(SEND, [right[0], method, {}, "", "cors"])
            assert answer == "refused" or answer >= 400
            tried += 1
        assert {key: bytes(one.body) for key, one in objects.items()} == kept
    claim(
        "S6",
        "Abuses of an upload URL by scripts in Chromium, on the strict S3 stand-in",
        f"0 of {tried} succeeded",
    )
