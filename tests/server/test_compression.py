"""gzip where it helps and tells nothing; static files from memory; reports that cannot fill the log."""

import re

import pytest
from starlette.requests import Request

from proofing.contracts.records import JobKind
from proofing_devtools.sessions import DOCUMENT, SSN, put
from proofing_server.compression import accepts_gzip, mask, unmask

SAME_ORIGIN = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("br, *", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.000", False),
        ("gzip;q=x", False),
        ("identity", False),
        ("gzipped", False),
        ("", False),
    ],
)
def test_who_accepts_gzip(header, accepts):
    """By the weights of RFC 9110."""
    scope = {"type": "http", "headers": [(b"accept-encoding", header.encode())]}
    assert accepts_gzip(Request(scope)) is accepts


async def test_pages_and_files_are_compressed_for_who_accepts_it(site):
    """Same content either way, and caches learn what it depends on."""
    browser = site.browser()
    await browser.get("/")
    static = re.findall(r'"(/static/[^"]+)"', browser.page.text)
    for path in ("/", "/consent", "/nothing", *static):
        plain = await browser.http.get(path, headers={"Accept-Encoding": "identity"})
        small = await browser.http.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
        if len(plain.content) > 1024:
            assert small.headers["content-encoding"] == "gzip"
            assert int(small.headers["content-length"]) < len(plain.content) * 0.7
        hidden = re.compile(r'(csrf_token" value|data-csrf)="[^"]*"')
        assert hidden.sub("", small.text) == hidden.sub("", plain.text)


async def test_pages_with_personal_data_are_not(site):
    """Their length would tell what repeats in them."""
    browser = site.browser()
    session = await site.app.state.site.sessions.start(consented=True)
    completed = frozenset({JobKind.DOCUMENT})
    await session.update(put(document=DOCUMENT, typed=SSN, completed=completed))
    browser.http.cookies.set("proofing", session.id)
    for path in ("/verify", "/ssn", "/address", "/"):
        page = await browser.http.get(path, headers={"Accept-Encoding": "gzip"})
        assert page.status_code == 200
        assert "content-encoding" not in page.headers


async def test_the_token_of_a_page_never_repeats(site):
    """Every page has the session's token in another form, and each of them works."""
    browser = site.browser()
    seen = set()
    for _ in range(5):
        await browser.get("/consent")
        seen.add(browser.csrf)
    assert len(seen) == 5
    for token in seen:
        page = await browser.http.post("/consent", data={"csrf_token": token}, headers=SAME_ORIGIN)
        assert page.status_code == 400
        assert "token" not in page.headers
    altered = [token[:-2] + ("AA" if token[-2:] != "AA" else "BB") for token in seen]
    for token in [*altered, "", "x", "é", "=" * 116]:
        page = await browser.http.post("/consent", data={"csrf_token": token}, headers=SAME_ORIGIN)
        assert page.status_code == 403


def test_masking():
    """What was masked comes back; what was not stays as it is."""
    token = "a" * 43
    assert {unmask(mask(token)) for _ in range(50)} == {token}
    assert unmask(token) == token


@pytest.mark.parametrize(
    "name",
    [
        "x" * 5000 + ".css",
        "%00.css",
        "a%00b.js",
        "..%2fapp.py",
        "%2e%2e",
        "style.css%00",
        "%ff.css",
        ".",
    ],
)
async def test_static_names_that_are_none(site, name):
    """Too long, NUL, other folders, other bytes: not found."""
    response = await site.browser().http.get(f"/static/x/{name}")
    assert response.status_code == 404


async def test_reports_cannot_fill_the_log(site, caplog):
    """One line a minute and directive, and only of directives that there are."""
    http = site.browser().http
    for number in range(50):
        for directive in ("img-src", f"made-up-{number}", "x" * 39):
            body = {"csp-report": {"effective-directive": directive}}
            assert (await http.post("/reports/csp", json=body)).status_code == 204
    lines = [record for record in caplog.records if record.getMessage() == "csp_violation"]
    assert [record.proofing_fields for record in lines] == [{"rule": "img-src", "count": 1}]
    site.app.state.site.reports.clock = lambda: 1e12
    await http.post("/reports/csp", json={"csp-report": {"effective-directive": "img-src"}})
    lines = [record for record in caplog.records if record.getMessage() == "csp_violation"]
    assert lines[-1].proofing_fields == {"rule": "img-src", "count": 50}
