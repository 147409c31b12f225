"""The API of the real application on local stores, with two relying parties and keys of both modes."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from proofing.contracts.verifications import Mode
from proofing.verifications.credentials import Scope

ORIGIN = "http://localhost:8000"
POLICIES = {
    "standard": {"steps": ["document"], "claims": ["first_name", "last_name"]},
    "full": {"steps": ["document", "selfie", "resolution", "phone", "code"], "attempts": 2},
    "foreign": {"steps": ["phone"]},
}
PARTIES = {
    "agency": {
        "display_name": "Agency",
        "policies": ["standard", "full"],
        "return_urls": ["https://agency.example.gov/back"],
        "webhooks": {"main": {"url": "https://agency.example.gov/hooks", "mode": "test"}},
    },
    "bureau": {"display_name": "Bureau", "policies": ["standard", "foreign"]},
}
SETTINGS = {
    "messenger_vendor": "mock",
    "policies": json.dumps(POLICIES),
    "relying_parties": json.dumps(PARTIES),
}


@dataclass
class RelyingParty:
    """A back end that calls the API with one key."""

    http: httpx.AsyncClient
    key: str

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send one request."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        content = {} if body is None else {"json": body}
        return await self.http.request(method, path, headers=sent, **content)

    async def create(self, subject: str = "customer-zebra", *, key: str | None = None, **fields: Any) -> Any:
        """Create a verification and return the response."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", "/v1/verifications", {"subject": subject, **fields}, headers)

    async def created(self, subject: str = "customer-zebra", **fields: Any) -> dict[str, Any]:
        """Create a verification and return it."""
        response = await self.create(subject, **fields)
        assert response.status_code == 201, response.text
        found: dict[str, Any] = response.json()
        return found

    async def act(
        self, verification_id: str, action: str, body: Any = None, *, key: str | None = None
    ) -> httpx.Response:
        """Do something with a verification."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", f"/v1/verifications/{verification_id}/{action}", body, headers)

    def at(self, site: "APISite") -> "RelyingParty":
        """Return the same back end, which calls another host."""
        return replace(self, http=site.http)

    async def simulate(self, verification_id: str, **wish: Any) -> httpx.Response:
        """Bring a verification of mode test to an outcome."""
        return await self.call("POST", f"/v1/test/verifications/{verification_id}/simulate", wish)


class APISite:
    """The application, and what calls it."""

    def __init__(self, site: Any, http: httpx.AsyncClient) -> None:
        self.site = site
        self.http = http
        self.store = site.service.verifications.store

    async def party(
        self, name: str = "agency", mode: Mode = Mode.TEST, scopes: tuple[str, ...] = tuple(Scope)
    ) -> RelyingParty:
        """Return a relying party with a new key."""
        made = await self.site.service.relying_parties.credentials.add(name, mode, scopes=scopes)
        return RelyingParty(self.http, made.token)


@asynccontextmanager
async def serve(start) -> AsyncIterator[APISite]:
    """Serve the API."""
    async with start(**SETTINGS) as site:
        transport = httpx.ASGITransport(app=site.app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, trust_env=False) as http:
            yield APISite(site, http)


@pytest.fixture
async def api(start) -> AsyncIterator[APISite]:
    """The API."""
    async with serve(start) as site:
        yield site


@pytest.fixture
async def second_host(api, start) -> AsyncIterator[APISite]:
    """The API once more, on the same stores, as another process has it."""
    async with serve(start) as site:
        yield site


@pytest.fixture
async def agency(api) -> RelyingParty:
    """A relying party in mode test, whose key has all scopes."""
    return await api.party()
