"""Redirects lead to paths of our own: no Host header, no other scheme, no other origin."""

import re
from urllib.parse import urlsplit

import pytest

from proofing.contracts.records import JobKind
from proofing_devtools.sessions import DOCUMENT, put

HOSTILE = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
STATES = {
    "none": None,
    "new": {},
    "consented": {"consented_at": 1.0},
    "document done": {
        "consented_at": 1.0,
        "document": DOCUMENT,
        "completed": frozenset({JobKind.DOCUMENT}),
    },
    "finished": {"finished_at": 9e9},
}


def variants(path):
    """Return spellings of *path* that routers like to correct."""
    yield path
    yield f"{path}/"
    yield f"{path}//"
    yield f"//{path.lstrip('/')}"
    yield f"//evil.example{path}"
    yield f"/%2f/evil.example{path}"
    yield f"{path}?next=//evil.example"
    yield f"/\\evil.example{path}"


@pytest.mark.parametrize("state", STATES)
async def test_no_redirect_leaves_the_site(site, state):
    """Every route, in every spelling and method: a redirect is a path below our own root."""
    browser = site.browser()
    browser.http.headers.update(HOSTILE)
    seen = 0
    is_spent = True
    routes = {re.sub(r"\{[^}]*\}", "x", route.path) for route in site.app.routes}
    for path in sorted(routes):
        for variant in variants(path):
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                if is_spent and STATES[state] is not None:
                    session = await site.app.state.site.sessions.start()
                    await session.update(put(**STATES[state]))
                    browser.http.cookies.set("proofing", session.id)
                target = f"http://localhost:8000{variant}"
                response = await browser.http.request(method, target, headers=SAME_ORIGIN)
                # What has no such page, or not by this method, has changed nothing in the session.
                is_spent = response.status_code not in (404, 405)
                assert "evil.example" not in str(response.headers.get("location", "")).split("?")[0]
                assert response.status_code not in (301, 302, 307, 308), (method, variant)
                if "location" in response.headers:
                    seen += 1
                    location = urlsplit(response.headers["location"])
                    assert location.scheme == location.netloc == "", (method, variant)
                    assert response.headers["location"].startswith("/")
                    assert not response.headers["location"].startswith(("//", "/\\"))
    assert seen


async def test_a_trailing_slash_is_another_path(site):
    """``/consent/`` is not a page, and is not corrected."""
    response = await site.browser().http.get("/consent/", headers=HOSTILE)
    assert response.status_code == 404
