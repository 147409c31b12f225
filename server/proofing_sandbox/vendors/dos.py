"""The passport check of the Department of State: machine-readable zones, and health."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict
from proofing_sandbox.play import Play, answer_without, body_of

CHECK = "dos:passport"
HEALTH = "dos:health"
PRODUCTS = frozenset({CHECK, HEALTH})
_CLIENT_ID = "sandbox-dos-client"
_CLIENT_SECRET = "sandbox-dos-secret-0123456789"  # noqa: S105 - published, worth nothing elsewhere
_CHECK_PATH = "/dos/mrz"
_HEALTH_PATH = "/dos/health"
_CATEGORIES = {"book", "card"}
_RESPONSES = {Verdict.PASSED: "YES", Verdict.FAILED: "NO", Verdict.REVIEW: "MAYBE"}


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {
        "dos": {
            "client_id": _CLIENT_ID,
            "client_secret": _CLIENT_SECRET,
            "mrz_url": f"{url}{_CHECK_PATH}",
            "health_url": f"{url}{_HEALTH_PATH}",
        }
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return the two endpoints."""

    async def check(request: Request) -> Response:
        return await play.answer(CHECK, lambda verdict: _check(request, verdict))

    async def health(_request: Request) -> Response:
        return await play.answer(HEALTH, _health)

    return [
        Route(_CHECK_PATH, check, methods=["POST"]),
        Route(_HEALTH_PATH, health, methods=["GET"]),
    ]


async def _check(request: Request, verdict: Verdict | None) -> Response:
    """Answer about one machine-readable zone: yes, unless the document number begins with ``0``."""
    given = (request.headers.get("client-id"), request.headers.get("client-secret"))
    if given != (_CLIENT_ID, _CLIENT_SECRET):
        return _error(401, "unauthorized", "unknown client")
    if not request.headers.get("x-correlation-id"):
        return _error(400, "bad_request", "X-Correlation-ID is missing")
    try:
        values = json.loads(await body_of(request))
        mrz, category = values["mrz"], values["category"]
        is_sound = set(values) == {"mrz", "category"} and category in _CATEGORIES and bool(mrz.strip())
    except (ValueError, KeyError, TypeError, AttributeError):
        is_sound = False
    if not is_sound:
        return _error(400, "bad_request", "malformed request")
    if verdict is None:
        lines = "".join(mrz.split())
        number = lines[44:53] if category == "book" else lines[5:14]
        verdict = Verdict.FAILED if number.startswith("0") else Verdict.PASSED
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        return JSONResponse({"error": "the source did not answer"}, 504)
    headers = {"X-Correlation-ID": f"sandbox-{secrets.token_hex(8)}"}
    return JSONResponse({"response": _RESPONSES[verdict]}, headers=headers)


async def _health(verdict: Verdict | None) -> Response:
    """Say how the service is."""
    state = "UP" if verdict in {None, Verdict.PASSED} else "DOWN"
    return JSONResponse(
        {"status": "UP", "downstreamHealth": [{"name": "records", "status": state, "downstreamHealth": None}]}
    )


def _error(status: int, code: str, reason: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": reason, "reason": reason}}, status)
