"""Headers on every response, and state changes from our own pages only."""

import asyncio
import re
import time

import pytest
from starlette.datastructures import Headers

from proofing.sessions.steps import Page
from proofing.testing.images import make_jpeg
from proofing_server.security import SECURITY_HEADERS, is_same_origin

SAME_ORIGIN = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
FORMS = (
    "/consent /document /document/confirm /ssn /address /verify /phone /exit "
    "/document/cancel /verify/cancel /phone/cancel"
).split()
CALLS = ("/api/session", "/api/uploads", "/api/uploads/x", "/api/document")


def assert_secured(response):
    """Every header of the list is there, and the policy allows nothing inline or foreign."""
    for name in SECURITY_HEADERS:
        assert name in response.headers, (response.url, name)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "server" not in response.headers


async def test_headers_on_every_route_and_status(site, monkeypatch):
    """200, 303, 400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503: all carry the headers."""
    browser = site.browser()
    seen = set()
    requests = [
        ("GET", "/", {}),
        ("GET", "/verify", {}),
        ("GET", "/nothing", {}),
        ("GET", "/api/nothing", {}),
        ("GET", "/api/session", {}),
        ("GET", "/healthz", {}),
        ("GET", "/static/x/style.css", {}),
        ("GET", "/static/x/nothing.css", {}),
        ("GET", "/session-ended", {}),
        ("GET", "/exited", {}),
        ("DELETE", "/", {}),
        ("PUT", "/consent", {"headers": SAME_ORIGIN}),
        ("POST", "/", {"headers": SAME_ORIGIN}),
        ("OPTIONS", "/consent", {}),
        ("PUT", "/uploads/captures/x", {"content": b"x"}),
        ("POST", "/reports/csp", {"content": b"{"}),
        ("POST", "/reports/csp", {"json": {"csp-report": {"effective-directive": "img-src"}}}),
        *[("POST", path, {"data": {"a": "b"}, "headers": SAME_ORIGIN}) for path in FORMS],
        *[("POST", path, {"json": {}, "headers": SAME_ORIGIN}) for path in CALLS],
        *[("GET", page.value, {}) for page in Page],
    ]
    await browser.consent()
    for method, path, options in requests:
        response = await browser.http.request(method, path, **options)
        assert_secured(response)
        seen.add(response.status_code)

    async def crash(*_args):
        raise RuntimeError("900-66-1234")

    with monkeypatch.context() as patch:
        patch.setattr(site.app.state.site.sessions, "find", crash)
        for path in ("/verify", "/api/session"):
            response = await browser.http.get(path)
            assert response.status_code == 500
            assert "900-66-1234" not in response.text
            assert_secured(response)
            seen.add(500)
    assert {200, 204, 303, 400, 403, 404, 405, 500} <= seen


@pytest.fixture
def no_crash():
    """Switch off the check of this folder: a crash is made on purpose above."""


async def test_the_cause_of_a_crash_is_logged_without_its_text(site, monkeypatch, caplog):
    """A crash leaves its class and place in the log, and nothing of its message anywhere."""

    async def crash(*_args):
        raise RuntimeError("900-66-1234")

    monkeypatch.setattr(site.app.state.site.sessions, "find", crash)
    await site.browser().http.get("/verify")
    (record,) = [record for record in caplog.records if record.getMessage() == "request_failed"]
    assert record.proofing_fields["exception_class"] == "RuntimeError"
    assert "900-66-1234" not in repr(record.__dict__)


async def test_upload_target_is_exactly_allowed(site):
    """The capture page allows this attempt's uploads, its worker and the camera; no other page does."""
    browser = site.browser()
    await browser.consent()
    policy = browser.page.headers["content-security-policy"]
    assert "connect-src 'self';" in policy
    assert "img-src 'self';" in policy
    assert "worker-src 'self';" in policy
    assert "trusted-types worker;" in policy
    assert "camera=(self)" in browser.page.headers["permissions-policy"]
    await browser.get("/")
    policy = browser.page.headers["content-security-policy"]
    assert "worker-src 'none';" in policy
    assert "trusted-types 'none';" in policy
    assert "camera=()" in browser.page.headers["permissions-policy"]


async def test_foreign_upload_target_is_named_for_this_attempt_only(site, monkeypatch):
    """With a bucket, the policy names this very attempt's prefix alongside our own origin."""
    monkeypatch.setattr(
        site.service, "csp_connect_source", lambda attempt: f"https://bucket.example/captures/{attempt}/"
    )
    browser = site.browser()
    await browser.consent()
    (attempt,) = re.findall(r'data-attempt="([0-9a-f]{32})"', browser.page.text)
    policy = browser.page.headers["content-security-policy"]
    allowed = f"connect-src 'self' https://bucket.example/captures/{attempt}/;"
    assert allowed in policy
    # A worker has the policy that its own script came with.
    (static,) = re.findall(r'src="(/static/\w+)/capture.js"', browser.page.text)
    script = await browser.http.get(f"{static}/worker.js?attempt={attempt}")
    assert allowed in script.headers["content-security-policy"]
    # It loads its own modules, which Firefox and WebKit govern by worker-src; it can start no other worker,
    # because no policy of Trusted Types may be made there.
    assert "worker-src 'self';" in script.headers["content-security-policy"]
    assert "trusted-types 'none';" in script.headers["content-security-policy"]
    assert script.headers["cache-control"] == "no-store"
    others = (
        f"worker.js?attempt={attempt}x",
        "worker.js?attempt=*",
        "worker.js",
        f"page.js?attempt={attempt}",
    )
    for other in others:
        script = await browser.http.get(f"{static}/{other}")
        assert "connect-src 'self';" in script.headers["content-security-policy"]
        assert ("worker-src 'self';" in script.headers["content-security-policy"]) == ("worker" in other)


@pytest.mark.parametrize("path", [*FORMS, *CALLS])
async def test_state_changes_need_the_token(site, path):
    """Without this session's token, and with another session's, nothing changes."""
    browser, other = site.browser(), site.browser()
    await browser.consent()
    await other.consent()
    for token in ("", "x", other.csrf):
        if path.startswith("/api/"):
            response = await browser.api(path, {}, **{"X-CSRF-Token": token})
        elif path == "/document":
            response = await browser.http.post(
                path,
                data={"csrf_token": token},
                files={"front": make_jpeg()},
                headers=SAME_ORIGIN,
            )
        else:
            response = await browser.http.post(
                path, data={"csrf_token": token, "consent": "yes"}, headers=SAME_ORIGIN
            )
        # A page that is not open yet sends the person away before it looks at the token.
        assert response.status_code in (303, 403), response.status_code
    assert not site.queue.waiting


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8001"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
async def test_state_changes_from_elsewhere(site, headers):
    """A form or call of another origin is refused before anything else."""
    browser = site.browser()
    await browser.get("/consent")
    data = {"csrf_token": browser.csrf, "consent": "yes"}
    response = await browser.http.post("/consent", data=data, headers=headers)
    assert response.status_code == 403
    await browser.get("/document")
    assert browser.path == "/"


@pytest.mark.parametrize(
    ("public_url", "headers", "own"),
    [
        ("https://a.example", {"origin": "https://a.example"}, True),
        ("https://a.example", {"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ("https://a.example", {"origin": "http://a.example"}, False),
        ("https://a.example", {"origin": "http://localhost:1", "host": "localhost:1"}, False),
        ("http://localhost:8000", {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}, True),
        ("http://localhost:8000", {"origin": "http://127.0.0.1:9", "host": "127.0.0.1:8000"}, False),
    ],
)
def test_own_origin(public_url, headers, own):
    """The origin of the settings; on a development machine, any name of the loopback address."""
    assert is_same_origin(Headers(headers), public_url) is own


async def test_cookie(site):
    """The cookie is opaque, not readable by script, and comes with the consent; before, nothing is stored."""
    browser = site.browser()
    response = await browser.http.get("/")
    assert "set-cookie" not in response.headers
    response = await browser.http.get("/consent")
    cookie = response.headers["set-cookie"]
    assert re.fullmatch(r"proofing-visit=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
    visit = browser.http.cookies["proofing-visit"]
    assert await site.service.sessions.load(visit) is None
    await browser.get("/consent")
    assert browser.http.cookies["proofing-visit"] == visit
    page = await browser.http.post(
        "/consent", data={"csrf_token": browser.csrf, "consent": "yes"}, headers=SAME_ORIGIN
    )
    assert re.fullmatch(r"proofing=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", page.headers["set-cookie"])
    assert browser.http.cookies["proofing"] != visit


async def test_consent_sent_twice_ends_in_one_session(site):
    """Whichever answer the browser keeps, its session exists, has consented, and no old id leads to it."""
    for leaves_first in (False, True):
        browser = site.browser()
        if leaves_first:
            await browser.consent()
            await browser.post("/exit")
        before = browser.http.cookies.get("proofing")
        await browser.get("/consent")
        form = {"csrf_token": browser.csrf, "consent": "yes"}
        answers = await asyncio.gather(
            *(browser.http.post("/consent", data=form, headers=SAME_ORIGIN) for _ in range(2))
        )
        ids = [answer.cookies["proofing"] for answer in answers]
        assert len({*ids, before}) == 3
        for answer, session_id in zip(answers, ids, strict=True):
            assert answer.headers["location"] == "/document"
            data = await site.service.sessions.load(session_id)
            assert data.consented_at is not None
        if before:
            assert (await site.service.sessions.load(before)).consented_at is None


async def test_consent_without_cookies(site):
    """A browser that refuses cookies, or another one that was shown the form, gets no session."""
    browser, other = site.browser(), site.browser()
    await browser.get("/consent")
    await other.get("/consent")
    form = {"csrf_token": other.csrf, "consent": "yes"}
    response = await browser.http.post("/consent", data=form, headers=SAME_ORIGIN)
    assert response.status_code == 403
    browser.http.cookies.clear()
    response = await browser.http.post("/consent", data=form, headers=SAME_ORIGIN)
    assert response.headers["location"] == "/cookies-needed"
    assert "set-cookie" not in response.headers


async def test_secure_cookie(site, monkeypatch):
    """On https the cookie is bound to the host and never sent in clear."""
    from proofing_server.sessions import Sessions  # noqa: PLC0415

    class Service:
        settings = site.service.settings.model_copy(update={"public_url": "https://proofing.example.gov"})

    assert Sessions(Service()).cookie_name == "__Host-proofing"
    assert Sessions(Service())._secure


async def test_a_made_up_session_is_none(site):
    """An id that the server did not make is not taken over."""
    browser = site.browser()
    made_up = "A" * 43
    browser.http.cookies.set("proofing", made_up)
    response = await browser.http.get("/verify", follow_redirects=False)
    assert response.headers["location"] == "/session-ended"
    await browser.get("/consent")
    assert made_up not in browser.page.headers["set-cookie"]


async def test_sessions_end(site, monkeypatch):
    """An idle session is over; the page says so, and the API answers 401."""
    browser = site.browser()
    await browser.consent()

    async def ended(_session_id):
        return None

    monkeypatch.setattr(site.service.sessions, "load", ended)
    token = browser.csrf
    await browser.get("/document")
    assert browser.path == "/session-ended"
    assert browser.page.headers["clear-site-data"] == '"cache", "storage"'
    response = await browser.http.post("/api/session", headers={**SAME_ORIGIN, "X-CSRF-Token": token})
    assert response.status_code == 401


async def test_a_session_in_use_lives_on(site, monkeypatch):
    """A request after a minute renews the idle time; what a waiting page asks by itself does not."""
    browser = site.browser()
    await browser.consent()
    sessions = site.app.state.site.sessions
    saved = []
    real_replace = sessions.replace

    async def replace(session, data, **more):
        saved.append(session.id)
        return await real_replace(session, data, **more)

    monkeypatch.setattr(sessions, "replace", replace)
    monkeypatch.setattr(site.runtime.backends.results, "_clock", lambda: time.time() + 90)
    await browser.http.get("/api/session")
    assert not saved
    await browser.http.get("/")
    assert len(saved) == 1
    response = await browser.api("/api/session", None)
    assert response.json() == {"idle_seconds": 900}
    assert len(saved) == 2


async def test_no_page_holds_foreign_or_inline_code(sync_site):
    """Scripts and styles come from our own files; a page cannot be told to run anything else."""
    browser = sync_site.browser()
    for path in ("/", "/consent", "/session-ended", "/nothing"):
        text = (await browser.get(path)).text
        assert not re.findall(r"<script(?![^>]*(src=\"/static/|type=\"application/json\"))", text)
        assert not re.findall(r"\son\w+=|style=|javascript:|https?://", text)
