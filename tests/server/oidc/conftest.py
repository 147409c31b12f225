"""A provider with clients of each kind, and a person whose verification comes to what a test wants."""

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey

from proofing.base.listening import listen_sockets
from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import (
    Barcode,
    CoreAttribute,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
)
from proofing.contracts.records import JobKind
from proofing.contracts.verification_store import CredentialKind
from proofing.contracts.verifications import (
    Findings,
    Mode,
    VerificationRecord,
    VerificationState,
)
from proofing.testing.waiting import eventually
from proofing.verifications.released import sealed_claims
from proofing_server.serving import serve

CALLBACK = "https://rp.example/callback"
LOGGED_OUT = "https://rp.example/goodbye"
KEY = ECKey.generate_key("P-256", {"kid": "client-key"}, auto_kid=False)
ADA = {"first_name": "Ada", "last_name": "Sample", "dob": "1985-10-06"}
EVIDENCE = Evidence(
    pieces=(
        EvidencePiece(
            kind=EvidenceKind.DRIVERS_LICENSE,
            issuer="MD",
            validated_by=ValidatedBy.SCAN,
            inspection=Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH),
            vouched=True,
        ),
    ),
    confirmed={
        CoreAttribute.NAME: frozenset({Source.AUTHORITATIVE}),
        CoreAttribute.BIRTH_DATE: frozenset({Source.AUTHORITATIVE}),
    },
)


def client_settings(authentication: str, **changes: Any) -> dict[str, Any]:
    """Return a relying party that is a client."""
    oidc = {
        "redirect_uris": [CALLBACK, f"{CALLBACK}?fixed=1"],
        "logout_uris": [LOGGED_OUT],
        "authentication": authentication,
        **changes,
    }
    return {"display_name": "A site", "policies": ["standard", "strict"], "oidc": oidc}


PARTIES = {
    "basic": client_settings("client_secret_basic", id_token_algorithm="RS256", sector="group"),
    "post": client_settings("client_secret_post", sector="group"),
    "signs": client_settings("private_key_jwt", jwks=json.dumps({"keys": [KEY.as_dict(private=False)]})),
    "spa": client_settings("none", redirect_uris=["http://localhost:5173/callback"]),
    "old": client_settings("client_secret_basic", require_pkce=False),
    "hints": client_settings("client_secret_basic", login_hint_is_subject=True, sector="group"),
}
POLICIES = {
    "standard": {"steps": ["document", "resolution"], "claims": [*ADA]},
    "strict": {"steps": ["document", "resolution", "phone"], "claims": [*ADA]},
}


class Provider:
    """The running provider, and what its clients know."""

    def __init__(self, site: Any, client_secrets: Mapping[str, str]) -> None:
        self.site = site
        self.secrets = client_secrets
        self.service = site.service
        self.people: list[Person] = []

    def person(self) -> "Person":
        """Return a person with a browser of their own."""
        self.people.append(Person(self))
        return self.people[-1]

    async def token(self, form: Mapping[str, str], client: str = "basic", **more: Any) -> httpx.Response:
        """Call the token endpoint as *client* does, from its server."""
        auth = None
        data = {**form}
        if client in {"basic", "old", "hints"}:
            auth = (client, self.secrets[client])
        elif client == "post":
            data |= {"client_id": client, "client_secret": self.secrets[client]}
        elif client == "spa":
            data |= {"client_id": client}
        async with self.http() as http:
            return await http.post("/oauth/token", data=data, auth=auth, **more)

    async def userinfo(self, access_token: str) -> httpx.Response:
        """Call userinfo."""
        async with self.http() as http:
            return await http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {access_token}"})

    @property
    def issuer(self) -> str:
        """Of the provider."""
        url: str = self.service.settings.public_url
        return url

    def http(self) -> httpx.AsyncClient:
        """Return a client without cookies."""
        transport = httpx.ASGITransport(app=self.site.app)
        return httpx.AsyncClient(transport=transport, base_url=self.issuer, timeout=20, trust_env=False)


class Person:
    """A person in a browser that follows no redirect by itself."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.http = provider.http()
        self.verifier = secrets.token_urlsafe(32)
        self.parameters: dict[str, Any] = {}
        self.record: VerificationRecord

    @property
    def challenge(self) -> str:
        """S256 of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    async def authorize(self, client: str = "basic", *, post: bool = False, **changes: Any) -> httpx.Response:
        """Come with an authorization request; None takes a parameter out."""
        uri = PARTIES[client]["oidc"]["redirect_uris"][0]
        self.parameters = {
            "client_id": client,
            "redirect_uri": uri,
            "response_type": "code",
            "scope": "openid",
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        sent = {name: value for name, value in self.parameters.items() if value is not None}
        if post:
            headers = {"Origin": "https://rp.example", "Sec-Fetch-Site": "cross-site"}
            return await self.http.post("/oauth/authorize", data=sent, headers=headers)
        return await self.http.get(f"/oauth/authorize?{urlencode(sent)}")

    async def start(self, answer: httpx.Response) -> None:
        """Press Start on the page that the provider sent the browser to."""
        assert answer.status_code == 303, answer.text
        await self.start_at(answer.headers["location"])

    async def start_at(self, url: str) -> None:
        """Press Start on the page at *url*."""
        path = urlsplit(url).path
        assert path.startswith("/start/"), url
        page = await self.http.get(path)
        assert page.status_code == 200, page.text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token is not None
        began = await self.http.post(
            path, data={"csrf_token": token[1]}, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        )
        assert began.status_code == 303, began.text
        sessions = self.provider.site.app.state.site.sessions
        session = await sessions.open(self.http.cookies[sessions.cookie_name])
        stored = await self.provider.service.verifications.store.load(session.data.verification.id)
        self.record = stored.record

    async def end(
        self,
        state: VerificationState = VerificationState.VERIFIED,
        released: Mapping[str, Any] = ADA,
        **changes: Any,
    ) -> None:
        """Have the verification come to *state*."""
        verifications = self.provider.service.verifications
        stored = await verifications.store.load(self.record.id)
        now = verifications.now()
        is_verified = state is VerificationState.VERIFIED
        values = {
            "state": state,
            "ended_at": now if state.is_end else None,
            "findings": Findings(evidence=EVIDENCE, supports="none"),
            "claims_expire_at": now + 3600 if is_verified else None,
            **changes,
        }
        self.record = stored.record.changed(at=now, **values)
        applicant = Applicant.from_mapping(released if is_verified else {})
        sealed = await sealed_claims(
            verifications._sealer, stored, self.record, applicant, JobKind.RESOLUTION
        )
        changed = await verifications.store.change(self.record, sealed=sealed)
        assert changed.is_kept

    async def come_back(self, client: str = "basic") -> dict[str, str]:
        """Follow the way back, and return what the client hears."""
        answer = await self.http.get(f"/oauth/return/{client}")
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return self.told(answer)

    def told(self, answer: httpx.Response) -> dict[str, str]:
        """Return what an answer tells the client; it must be addressed to it."""
        location = answer.headers["location"]
        assert location.startswith(self.parameters["redirect_uri"]), location
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def code(self, client: str = "basic", **changes: Any) -> dict[str, str]:
        """Go through everything, and return what the client hears."""
        await self.start(await self.authorize(client, **changes))
        await self.end()
        return await self.come_back(client)

    def form(self, code: str, /, **changes: Any) -> dict[str, str]:
        """Return the form of the token endpoint."""
        values = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.parameters["redirect_uri"],
            "code_verifier": self.verifier,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    async def tokens(self, client: str = "basic", **changes: Any) -> dict[str, Any]:
        """Go through everything, and return the tokens."""
        told = await self.code(client, **changes)
        answer = await self.provider.token(self.form(told["code"]), client)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def provider(start: Any) -> AsyncIterator[Provider]:
    """The provider with all clients, without a socket."""
    async with _running(start, PARTIES) as running:
        yield running


@pytest.fixture
async def secure_provider(start: Any) -> AsyncIterator[Provider]:
    """The provider with all clients, behind https."""
    async with _running(start, PARTIES, public_url="https://proofing.example.gov") as running:
        yield running


@pytest.fixture
async def serve_clients(start: Any) -> AsyncIterator[Any]:
    """Return a function that serves the provider for given relying parties, on a port of its own."""
    async with AsyncExitStack() as stack:

        async def serve_them(parties: Mapping[str, Any]) -> Provider:
            (listener,) = listen_sockets("127.0.0.1", 0)
            url = f"http://localhost:{listener.getsockname()[1]}"
            running = await stack.enter_async_context(_running(start, parties, public_url=url))
            stop = asyncio.Event()
            serving = asyncio.create_task(serve(running.service, [listener], stop=stop))
            # The same application, so that what tests do to it is seen in it.
            stack.push_async_callback(asyncio.wait_for, serving, 20)
            stack.callback(stop.set)
            await eventually(lambda: _is_listening(listener.getsockname()[1]))
            return running

        yield serve_them


async def _is_listening(port: int) -> bool:
    """Return whether the server takes connections."""
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def _running(start: Any, parties: Mapping[str, Any], **settings: str) -> AsyncIterator[Provider]:
    """Start the application, and make the secrets of the clients."""
    values = {"relying_parties": json.dumps(parties), "policies": json.dumps(POLICIES), **settings}
    async with start(**values) as site:
        made = {}
        for name, party in parties.items():
            if party["oidc"]["authentication"].startswith("client_secret"):
                secrets_of = site.service.relying_parties.credentials
                new = await secrets_of.add(name, Mode.LIVE, kind=CredentialKind.CLIENT_SECRET)
                made[name] = new.token
        running = Provider(site, made)
        yield running
        for person in running.people:
            await person.http.aclose()


@pytest.fixture
def client_key() -> ECKey:
    """The private key of the client that signs."""
    return KEY
