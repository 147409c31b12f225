"""Clients that others wrote log in: Authlib, oidc-client-ts in a browser, mod_auth_openidc in Apache."""

import asyncio
import base64
import json
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken, UserInfo
from jwt import PyJWKSet, PyJWS
from playwright.async_api import async_playwright

from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually

MODULES = Path("/usr/lib/apache2/modules")
PACKAGE = "oidc-client-ts@3.5.0"
#: Of the registry; the test runs nothing else.
PACKAGE_SHA512 = "l2q8l9CTCTOlbX+AnK4p3M+4CEpKpyQhle6blQkdFhm0IsBqsxm15bYaSa11G7pWdsYr6epdsRZxJpCyCRbT8A=="


def relying_party(uri: str, authentication: str, **changes: Any) -> dict[str, Any]:
    """Return a client with one redirect URI."""
    oidc = {"redirect_uris": [uri], "authentication": authentication, **changes}
    return {"display_name": "A site", "policies": ["standard"], "oidc": oidc}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_authlib_logs_in(serve_clients, client_key, method, algorithm):
    """Code with PKCE, tokens, ID token with nonce and at_hash, userinfo; over a socket."""
    uri = "https://rp.example/callback"
    more = {"id_token_algorithm": algorithm}
    if method == "private_key_jwt":
        more["jwks"] = json.dumps({"keys": [client_key.as_dict(private=False)]})
    provider = await serve_clients({"authlib": relying_party(uri, method, **more)})
    secret = client_key if method == "private_key_jwt" else provider.secrets["authlib"]
    nonce, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    with OAuth2Session(
        "authlib",
        secret,
        token_endpoint_auth_method=method,
        scope="openid profile",
        redirect_uri=uri,
        code_challenge_method="S256",
    ) as client:
        client.trust_env = False

        async def get(url: str, **options: Any) -> Any:
            return (await asyncio.to_thread(client.get, url, **options)).json()

        found = await get(f"{provider.issuer}/.well-known/openid-configuration", withhold_token=True)
        if method == "private_key_jwt":
            client.register_client_auth_method(PrivateKeyJWT(found["token_endpoint"], alg="ES256"))
        url, state = client.create_authorization_url(
            found["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        person = provider.person()
        await person.start(await person.http.get(url))
        await person.end()
        back = (await person.http.get("/oauth/return/authlib")).headers["location"]
        tokens = await asyncio.to_thread(
            client.fetch_token,
            found["token_endpoint"],
            authorization_response=back,
            code_verifier=verifier,
            state=state,
        )
        keys = PyJWKSet.from_dict(await get(found["jwks_uri"], withhold_token=True))
        userinfo = UserInfo(await get(found["userinfo_endpoint"]))
    header = json.loads(base64.urlsafe_b64decode(tokens["id_token"].partition(".")[0] + "=="))
    read = PyJWS().decode_complete(tokens["id_token"], keys[header["kid"]], algorithms=[algorithm])
    claims = CodeIDToken(
        json.loads(read["payload"]),
        read["header"],
        options={
            "iss": {"essential": True, "value": found["issuer"]},
            "aud": {"essential": True, "value": "authlib"},
            "auth_time": {"essential": True},
            "at_hash": {"essential": True},
        },
        params={"nonce": nonce, "client_id": "authlib", "access_token": tokens["access_token"]},
    )
    claims.validate()
    assert userinfo.sub == claims["sub"]
    assert userinfo["given_name"] == "Ada"


@pytest.fixture(scope="session")
def oidc_client_ts(read_npm_file) -> bytes:
    """The script of oidc-client-ts, as npm publishes it."""
    return read_npm_file(PACKAGE, "dist/browser/oidc-client-ts.min.js", sha512=PACKAGE_SHA512)


_SPA = """<!doctype html><meta charset="utf-8"><title>SPA</title><p id="answer">…</p>
<script src="/oidc-client-ts.min.js"></script><script src="/app.js"></script>"""
_APP = """
const manager = new oidc.UserManager({
  authority: %(issuer)s, client_id: "spa", redirect_uri: location.origin + "/callback",
  scope: "openid profile", loadUserInfo: true, response_type: "code",
});
const answer = document.getElementById("answer");
async function run() {
  if (location.pathname !== "/callback") return manager.signinRedirect({nonce: "a-nonce-of-the-client"});
  const user = await manager.signinCallback();
  answer.textContent = JSON.stringify(user.profile);
}
run().catch((error) => { answer.textContent = "failed: " + error.message; });
"""


@pytest.fixture
async def spa(oidc_client_ts: bytes) -> Any:
    """Return a function that serves a page with the client, and its origin."""
    served: dict[str, tuple[str, bytes]] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = urlsplit(request.split(b" ")[1].decode()).path
        kind, body = served.get(path, ("text/html", _SPA.encode()))
        head = (
            "HTTP/1.1 200 OK",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    origin = f"http://localhost:{server.sockets[0].getsockname()[1]}"
    served["/oidc-client-ts.min.js"] = ("text/javascript", oidc_client_ts)

    def point_at(issuer: str) -> None:
        served["/app.js"] = ("text/javascript", (_APP % {"issuer": json.dumps(issuer)}).encode())

    yield origin, point_at
    server.close()
    await server.wait_closed()


@pytest.mark.browser
async def test_oidc_client_ts_logs_in_from_a_browser(serve_clients, spa, chromium_path):
    """A client without a secret, on another origin: discovery, tokens, keys and userinfo by CORS."""
    origin, point_at = spa
    provider = await serve_clients({"spa": relying_party(f"{origin}/callback", "none")})
    point_at(provider.issuer)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-first-run", "--disable-gpu"],
            chromium_sandbox=os.geteuid() != 0,
        )
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(origin)
        await page.wait_for_url("**/start/*")
        person = provider.person()
        await person.start_at(page.url)
        cookies = [
            {"name": name, "value": value, "url": provider.issuer}
            for name, value in person.http.cookies.items()
        ]
        await context.add_cookies(cookies)
        await person.end()
        await page.goto(f"{provider.issuer}/oauth/return/spa")
        await page.wait_for_function("document.getElementById('answer').textContent !== '…'", timeout=20_000)
        text = await page.text_content("#answer")
        await browser.close()
    profile = json.loads(text or "")
    assert (profile["iss"], profile["aud"], profile["given_name"]) == (provider.issuer, "spa", "Ada")
    assert profile["sub"]


_APACHE = """
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Mutex file:{folder} default
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
DocumentRoot {folder}/www
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret {secret}
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase {passphrase}
OIDCPKCEMethod S256
OIDCScope "openid profile"
OIDCStateTimeout 3600
OIDCRemoteUserClaim sub
OIDCInfoHook userinfo id_token
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
"""


@pytest.fixture
def apache() -> Iterator[Any]:
    """Return what starts Apache with mod_auth_openidc; where that is not installed the test is skipped."""
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not (MODULES / "mod_auth_openidc.so").exists():
        why = "no mod_auth_openidc found: apt-get install apache2-bin libapache2-mod-auth-openidc"
        if os.environ.get("REQUIRE_APACHE") == "1":
            pytest.fail(why)
        pytest.skip(why)
    started = []

    def start(port: int, issuer: str, secret: str) -> None:
        page = folder / "www" / "index.html"
        page.parent.mkdir()
        page.write_text("private page")
        user = ""
        if os.geteuid() == 0:
            # Its threads run as another user, who reads these.
            user = "User www-data\nGroup www-data"
            for path, mode in ((folder, 0o755), (page.parent, 0o755), (page, 0o644)):
                path.chmod(mode)
            os.chown(folder, pwd.getpwnam("www-data").pw_uid, -1)
        configuration = _APACHE.format(
            folder=folder,
            issuer=issuer,
            modules=MODULES,
            passphrase=secrets.token_hex(16),
            port=port,
            secret=secret,
            user=user,
        )
        (folder / "apache.conf").write_text(configuration)
        command = [str(program), "-X", "-f", str(folder / "apache.conf")]
        started.append(start_process(command))

    with tempfile.TemporaryDirectory(prefix="proofing-apache-") as name:
        folder = Path(name)
        yield start
        for process in started:
            process.terminate()
            process.wait(20)


async def test_mod_auth_openidc_logs_in(serve_clients, apache):
    """Apache verifies the ID token and asks userinfo; the person then sees the page behind it."""
    port = free_port()
    site = f"http://localhost:{port}"
    provider = await serve_clients({"apache": relying_party(f"{site}/callback", "client_secret_basic")})
    apache(port, provider.issuer, provider.secrets["apache"])
    async with httpx.AsyncClient(timeout=20, trust_env=False) as browser:

        async def is_up() -> bool:
            try:
                return (await browser.get(f"{site}/index.html")).status_code == 302
            except httpx.TransportError:
                return False

        await eventually(is_up)
        asked = await browser.get(f"{site}/index.html")
        person = provider.person()
        await person.start(await person.http.get(asked.headers["location"]))
        await person.end()
        back = (await person.http.get("/oauth/return/apache")).headers["location"]
        answer = await browser.get(back)
        assert (answer.status_code, answer.headers.get("location")) == (302, f"{site}/index.html"), (
            answer.text
        )
        assert (await browser.get(f"{site}/index.html")).text == "private page"
        known = (await browser.get(f"{site}/callback?info=json")).json()
    assert known["userinfo"]["given_name"] == "Ada"
    assert known["userinfo"]["sub"] == known["id_token"]["sub"]
    assert known["id_token"]["iss"] == provider.issuer
