"""Uploads to a bucket of another origin, in a real browser: CORS, page policy, terms of the URL."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, CORSRule, running_s3

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HEADERS = ("content-type", "if-none-match", "x-amz-checksum-sha256")


@pytest.fixture(scope="session")
def bucket():
    """A strict bucket; its one allowed origin is set when the installation has its port."""
    with running_s3([Bucket(name="captures", only_if_absent=True)]) as s3:
        yield s3


@pytest.fixture(scope="session")
def with_bucket(install, bucket):
    """An installation whose images go to the bucket."""
    installation = install(
        plugins=["aws", "huey", "local", "mock", "spy"],
        image_store="aws",
        aws={
            "region": bucket.region,
            "image_bucket": "captures",
            "s3_endpoint_url": bucket.url,
            "s3_addressing": "path",
            "probe_at_start": False,
        },
    )
    rule = CORSRule(origin=installation.url)
    bucket.buckets["captures"].cors = (rule,)
    installation.environ["AWS_ACCESS_KEY_ID"] = DEFAULT_CREDENTIAL.access_key
    installation.environ["AWS_SECRET_ACCESS_KEY"] = DEFAULT_CREDENTIAL.secret_key
    installation.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    installation.start_all()
    return installation


@pytest_asyncio.fixture(loop_scope="session")
async def capture(with_bucket, person):
    """A person at the capture page."""
    await person.consent(with_bucket.url)
    return person


async def test_journey(bucket, capture):
    """The browser may send ciphertext to the bucket, and the flow ends as with any other store."""
    response = await capture.page.reload()
    policy = await response.header_value("content-security-policy")
    attempt = await capture.page.locator("#capture").get_attribute("data-attempt")
    allowed = f"connect-src 'self' {bucket.url}/captures/captures/{attempt}/;"
    assert allowed in policy
    await capture.give_photos()
    puts = [seen for seen in bucket.requests if seen.method == "PUT"]
    assert [seen.status for seen in puts[-2:]] == [200, 200]
    await capture.submit_photos()
    await capture.finish()
    await expect(capture.page.locator("h1")).to_have_text("You’re verified")
    assert not bucket.buckets["captures"].objects


async def test_the_page_reaches_no_other_key(bucket, capture):
    """Another attempt's keys, and the bucket's root, are stopped by the policies of page and worker."""
    violated = """url => new Promise(done => {
        addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), {once: true});
        fetch(url, {method: 'PUT', body: 'x'}).then(() => done('reached'), () => {});
    })"""
    context = await capture.page.context.browser.new_context()
    page = await context.new_page()
    await context.add_cookies(await capture.page.context.cookies())
    async with page.expect_worker() as starting:
        await page.goto(capture.page.url)
    for url in (f"{bucket.url}/captures/captures/{'0' * 32}/x", f"{bucket.url}/captures/x", f"{bucket.url}/"):
        assert await page.evaluate(violated, url) == "connect-src"
        assert await (await starting.value).evaluate(violated, url) == "connect-src"
    await context.close()


async def test_a_signed_url_takes_one_upload(bucket, capture, photos):
    """The very same request again, and other bytes, are refused by the bucket."""
    sent = []
    capture.page.on("request", lambda request: sent.append(request) if request.method == "PUT" else 0)
    await capture.give("front", photos["front"])
    await capture.ready("front")
    url = sent[0].url
    headers = {name: sent[0].headers[name] for name in HEADERS}
    again = """([url, headers, body]) =>
        fetch(url, {method: 'PUT', headers, body}).then(answer => answer.status)"""
    assert await capture.page.evaluate(again, [url, headers, "other bytes"]) in (400, 403, 412)
    kept = next(iter(bucket.buckets["captures"].objects.values()))
    assert len(kept.body) == len(photos["front"]) + 16
