"""The email address: asked for only where a vendor of the person requires one, and handed to that vendor."""

from dataclasses import replace

import pytest

from proofing.contracts.applicant import parse_email
from proofing.contracts.results import ProoferKind
from proofing.testing.images import make_jpeg

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
FILES = {side: (f"{side}.jpg", make_jpeg(comment=side.encode())) for side in ("front", "back")}


def require_email(site, kind, *, seen=None):
    """Have the mock of *kind* require an email address, and note in *seen* what it gets."""
    loaded = site.service.router.named(kind, "mock")
    attributes = loaded.descriptor.attributes | {"email"}
    loaded.descriptor = replace(loaded.descriptor, attributes=attributes, requires=frozenset({"email"}))
    real = loaded.proofer.proof

    async def proof(request, context):
        if seen is not None:
            seen.append(request.applicant.email)
        return await real(request, context)

    loaded.proofer.proof = proof
    return loaded


async def begin(site):
    """Return a browser that has consented."""
    browser = site.browser()
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    return browser


async def test_nobody_is_asked_for_what_no_vendor_requires(start):
    """The page is not there."""
    async with start(**SYNC) as site:
        browser = await begin(site)
        assert browser.path == "/document"
        await browser.get("/email")
        assert browser.path == "/document"
        await browser.post("/email", email="fakey@example.com")
        assert browser.path == "/document"
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        assert session.data.typed.email is None


@pytest.mark.parametrize("kind", [ProoferKind.DOCUMENT, ProoferKind.DEVICE, ProoferKind.PHONE])
async def test_a_vendor_that_requires_an_email_address(start, kind):
    """It comes before the photos; wrong ones are reported; the vendor gets it, and others do not."""
    async with start(**SYNC) as site:
        seen = []
        require_email(site, kind, seen=seen)
        browser = await begin(site)
        assert browser.path == "/email"
        for wrong, text in (("", "Enter your email address"), ("fakey@", "such as name@example.com")):
            await browser.post("/email", email=wrong)
            assert browser.page.status_code == 400
            assert text in browser.page.text
        await browser.post("/email", email=" fakey@example.com ")
        assert browser.path == "/document"
        await browser.post_files("/document", FILES)
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        await browser.post("/phone", phone="2025550143")
        assert browser.path == "/done"
    assert seen == ["fakey@example.com"]


async def test_a_vendor_that_requires_one_later(start):
    """After a switch the person is asked before going on, and loses nothing."""
    async with start(**SYNC) as site:
        browser = await begin(site)
        await browser.post_files("/document", FILES)
        assert browser.path == "/ssn"
        require_email(site, ProoferKind.RESOLUTION)
        await browser.get("/ssn")
        assert browser.path == "/email"
        await browser.post("/email", email="fakey@example.com")
        assert browser.path == "/ssn"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("fakey@example.com", "fakey@example.com"),
        ("Fakey.Mc+id@mail.example.gov ", "Fakey.Mc+id@mail.example.gov"),
        ("fakey@example", None),
        ("fakey@@example.com", None),
        ("fakey @example.com", None),
        (".fakey@example.com", None),
        ("fakey@-example.com", None),
        ("fakey@example.com\nBcc: other@example.com", None),
        ("fa\u202eyek@example.com", None),
        ("x" * 250 + "@example.com", None),
        ("", None),
    ],
)
def test_addresses(text, address):
    """One address of the usual form, and no header of a message."""
    assert parse_email(text) == address
