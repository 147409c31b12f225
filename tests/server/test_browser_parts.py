"""What the page of the Social Security number loads for a device profiler, and the policy that lets it."""

import base64
import hashlib
import html
import re
from dataclasses import replace

import pytest

from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.results import ProoferKind
from proofing.sessions.steps import Page
from proofing_server.security import content_security_policy

VENDOR = "https://h.vendor.example"
SCRIPT = b"document.currentScript.dataset;\n"
PLAIN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; report-uri /reports/csp; report-to csp"
)


@pytest.fixture
def tag():
    """What a vendor's tag needs."""
    return BrowserPart(
        scripts=[f"{VENDOR}/fp/tags.js?org_id=o1&session_id={{session_id}}"],
        frame=f"{VENDOR}/fp/tags?org_id=o1&session_id={{session_id}}",
        script_sources=frozenset({VENDOR, "https://b.vendor.example", "https://a.vendor.example"}),
        connect_sources=frozenset({VENDOR}),
        image_sources=frozenset({"https://img.vendor.example"}),
        frame_sources=frozenset({VENDOR}),
    )


@pytest.fixture
def own(tmp_path):
    """A script of the plugin alone."""
    path = tmp_path / "profile.js"
    path.write_bytes(SCRIPT)
    return BrowserPart(
        own_script=path, values={"org-id": 'o"<1>'}, connect_sources=frozenset({"https://c.vendor.example"})
    )


def load(site, part):
    """Have the mock device profiler load *part*."""
    loaded = site.runtime.configuration.plugins.proofers[ProoferKind.DEVICE, "mock"]
    loaded.descriptor = replace(loaded.descriptor, page=lambda _settings: part)
    loaded.__dict__.pop("browser_part", None)


async def at_ssn(site):
    """Return a browser at the page, and the session's id for the profiler."""
    browser = site.browser()
    await browser.consent()
    photos = {side: ("id.yaml", f"document: {{}} # {side}".encode()) for side in ("front", "back")}
    await browser.post_files("/document", photos)
    await browser.get("/ssn")
    assert browser.path == "/ssn"
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
    return browser, session.data.device_session_id


def policy_of(response):
    """Return the policy of a response."""
    return response.headers["content-security-policy"]


def elements(page, name):
    """Return the attributes of the elements *name* in a page."""
    return [
        {key: html.unescape(value or "") for key, value in re.findall(r'([a-z-]+)(?:="([^"]*)")?', inside)}
        for inside in re.findall(rf"<{name}( [^>]*)>", page.text)
    ]


async def test_a_vendors_tag(sync_site, tag):
    """Script and frame with the session's id; the policy names the origins that are listed, and no other."""
    load(sync_site, tag)
    browser, session_id = await at_ssn(sync_site)
    assert re.fullmatch("[0-9a-f]{32}", session_id)
    foreign = [one for one in elements(browser.page, "script") if one["src"].startswith("https:")]
    assert foreign == [{"async": "", "src": f"{VENDOR}/fp/tags.js?org_id=o1&session_id={session_id}"}]
    (frame,) = elements(browser.page, "iframe")
    assert frame["src"] == f"{VENDOR}/fp/tags?org_id=o1&session_id={session_id}"
    assert re.search("<noscript><iframe [^>]*></iframe></noscript>", browser.page.text)
    policy = policy_of(browser.page)
    assert policy == (
        f"default-src 'none'; script-src 'self' https://a.vendor.example https://b.vendor.example {VENDOR}; "
        f"style-src 'self'; img-src 'self' https://img.vendor.example; connect-src 'self' {VENDOR}; "
        f"frame-src {VENDOR}; worker-src 'none'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; object-src 'none'; report-uri /reports/csp; report-to csp"
    )
    await browser.post("/ssn", ssn="1")
    assert (browser.page.status_code, policy_of(browser.page)) == (400, policy)


async def test_a_script_of_the_plugin(sync_site, own):
    """It is ours: served by us, with its digest, and Trusted Types stay."""
    load(sync_site, own)
    browser, session_id = await at_ssn(sync_site)
    (script,) = [one for one in elements(browser.page, "script") if "integrity" in one]
    digest = hashlib.sha256(SCRIPT)
    assert script == {
        "defer": "",
        "src": f"/static/vendors/{digest.hexdigest()}/profile.js",
        "integrity": f"sha256-{base64.b64encode(digest.digest()).decode()}",
        "data-session-id": session_id,
        "data-org-id": 'o"<1>',
    }
    assert policy_of(browser.page) == PLAIN.replace(
        "connect-src 'self'", "connect-src 'self' https://c.vendor.example"
    )
    served = await browser.http.get(script["src"])
    assert (served.content, served.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert "immutable" in served.headers["cache-control"]
    for other in (script["src"].replace("profile", "other"), "/static/vendors/x/profile.js"):
        assert (await browser.http.get(other)).status_code == 404
    load(sync_site, None)
    assert (await browser.http.get(script["src"])).status_code == 404


async def test_an_isolated_part(sync_site, tag):
    """The page keeps its policy, Trusted Types included, but for one frame, which has no origin."""
    wide = replace(tag, isolated=True, image_sources=frozenset({"https://*.vendor.example"}))
    load(sync_site, wide)
    browser, session_id = await at_ssn(sync_site)
    assert VENDOR not in browser.page.text
    assert policy_of(browser.page) == PLAIN.replace("worker-src", "frame-src 'self'; worker-src")
    (frame,) = elements(browser.page, "iframe")
    assert (frame["src"], frame["sandbox"]) == (f"/device/{session_id}", "allow-scripts")
    # Without a cookie: it knows nobody.
    shown = await sync_site.browser().http.get(frame["src"])
    assert [one["src"] for one in elements(shown, "script")] == [
        f"{VENDOR}/fp/tags.js?org_id=o1&session_id={session_id}"
    ]
    assert [one["src"] for one in elements(shown, "iframe")] == [
        f"{VENDOR}/fp/tags?org_id=o1&session_id={session_id}"
    ]
    assert shown.headers["x-frame-options"] == "SAMEORIGIN"
    assert policy_of(shown) == (
        f"default-src 'none'; script-src https://a.vendor.example https://b.vendor.example {VENDOR} "
        f"'unsafe-eval'; style-src 'unsafe-inline'; connect-src {VENDOR}; "
        f"img-src https://*.vendor.example; frame-src {VENDOR}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    )
    for wrong in ("short", "x" * 65, "%22onload%3d%22alert(1)"):
        assert (await browser.http.get(f"/device/{wrong}")).status_code == 404
    load(sync_site, tag)
    assert (await browser.http.get(frame["src"])).status_code == 404


async def test_other_pages_and_other_vendors(sync_site, tag):
    """Byte for byte as without: pages that ask for something else, and a profiler that declares nothing."""
    assert content_security_policy() == PLAIN
    browser, _session_id = await at_ssn(sync_site)
    assert policy_of(browser.page) == PLAIN
    scripts = [one["src"] for one in elements(browser.page, "script")]
    load(sync_site, tag)
    for page in (Page.WELCOME, Page.DOCUMENT, Page.ADDRESS, "/exited", "/nothing"):
        shown = await browser.http.get(page)
        assert VENDOR not in shown.text
        assert "vendor.example" not in policy_of(shown)
        if page != Page.DOCUMENT:
            assert policy_of(shown) == PLAIN
    load(sync_site, None)
    await browser.get("/ssn")
    assert policy_of(browser.page) == PLAIN
    assert VENDOR not in browser.page.text
    assert [one["src"] for one in elements(browser.page, "script")] == scripts


async def test_a_profiler_that_is_off(start, tag):
    """Nothing is loaded for a vendor that is not asked."""
    switches = {
        "doc_auth_enable_presigned_s3_urls": "false",
        "ruby_workers_idv_enabled": "false",
        "device_profiling_enabled": "false",
    }
    async with start(**switches) as site:
        load(site, tag)
        browser, _session_id = await at_ssn(site)
        assert policy_of(browser.page) == PLAIN
        assert VENDOR not in browser.page.text


async def test_testers_still_choose(sync_site, tag):
    """The mock answers by the id that a tester chose, whatever the page has loaded."""
    load(sync_site, tag)
    browser, session_id = await at_ssn(sync_site)
    await browser.post("/ssn", ssn="900-66-1234", device="no_result")
    assert browser.path == "/verify"
    session = await sync_site.app.state.site.sessions.open(browser.http.cookies["proofing"])
    assert session.data.device_session_id.endswith("-no_result")
    assert session.data.device_session_id != session_id
    await browser.post("/verify")
    assert "A security check of this device" in browser.page.text
