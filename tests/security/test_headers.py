"""Security headers on every route, method and status.

Their values are tested in tests/server/test_security.py.
"""

from collections import Counter

import pytest

from proofing.errors import QueueUnavailableError, StoreUnavailableError
from proofing_server.app import make_app
from proofing_server.security import SECURITY_HEADERS
from proofing_server.sessions import Sessions

CASES = {"test_every_route_method_and_status": (1, 1)}
ORIGIN = {"Origin": "http://localhost:8000"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
FAILURES = (RuntimeError("900-66-1234"), StoreUnavailableError("away"), QueueUnavailableError("away"))


def check(response, path):
    """Check one response."""
    for name in SECURITY_HEADERS:
        assert name in response.headers, (path, response.status_code, name)
    policy = response.headers["content-security-policy"]
    for directive in (
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert directive in policy, (path, response.status_code)
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "access-control-allow-origin" not in response.headers
    assert "server" not in response.headers
    assert "900-66-1234" not in response.text


async def test_every_route_method_and_status(cases, claim, process):
    """Each route by each method: with and without a session, from elsewhere, oversized, in every failure."""
    assert cases == 1
    statuses = Counter()
    async with process() as running, running.browser() as http:
        paths = sorted({route.path for route in make_app(running.service).routes})
        paths = [path.replace("{", "").replace("}", "").replace(":path", "") for path in paths]
        data = {"person": "person-1", "csrf": "c" * 43, "consented": True, "saved_at": 9e9, "attempts": []}
        await running.service.save_session("x" * 43, data)

        async def ask(method, path, **options):
            response = await http.request(method, path, **options)
            check(response, path)
            statuses[response.status_code] += 1

        for path in [
            *paths,
            "/nothing",
            "/api/nothing",
            "/static/../app.py",
            "/%00",
            "//",
            "/api/uploads/a/b",
        ]:
            for method in METHODS:
                for headers in ({}, ORIGIN, {"Origin": "https://evil.example"}):
                    await ask(method, path, headers=headers)
                await ask(method, path, headers={**ORIGIN, "Cookie": f"proofing={'x' * 43}"})
                await ask(method, path, headers={**ORIGIN, "Cookie": f"proofing={'y' * 43}"})
            await ask("POST", path, headers=ORIGIN, content=b"x" * 70_000)
            await ask("POST", path, headers={**ORIGIN, "Content-Length": "-1"}, content=b"")
            await ask("POST", path, headers={**ORIGIN, "Content-Type": "application/json"}, content=b"{" * 99)
            for failure in FAILURES:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(Sessions, "find", failing(failure))
                    await ask("GET", path)
                    await ask("POST", path, headers=ORIGIN)
    assert {200, 303, 400, 401, 403, 404, 405, 413, 500, 503} <= set(statuses), statuses
    total = sum(statuses.values())
    names = ", ".join(str(status) for status in sorted(statuses))
    claim(
        "S10", "Responses that carry every header and the policy", f"{total:,} of {total:,}; statuses {names}"
    )


def failing(error):
    """Return a method that raises *error*."""

    async def find(*_arguments, **_named):
        raise error

    return find
