"""The modules of the OpenID Foundation's basic certification profile, as cases: most of them send no PKCE.

Names are those of the conformance suite, without ``oidcc-``. Those about request objects are in
test_authorization_requests.py, as refusals; those that need an account to be told apart are in test_flow.py.
"""

import json
from typing import Any

import pytest
from jwt import PyJWKSet, PyJWS

ISSUER = "http://localhost:8000"
CLIENT = "old"
WITHOUT_PKCE = {"code_challenge": None, "code_challenge_method": None}


async def claims_of(provider: Any, tokens: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of a verified ID token."""
    async with provider.http() as http:
        keys = PyJWKSet.from_dict((await http.get("/oauth/jwks")).json())
    unverified = PyJWS().decode_complete(tokens["id_token"], options={"verify_signature": False})
    header = unverified["header"]
    read = PyJWS().decode_complete(tokens["id_token"], keys[header["kid"]], algorithms=[header["alg"]])
    found: dict[str, Any] = json.loads(read["payload"])
    return found


async def run(provider: Any, person: Any, **changes: Any) -> dict[str, Any]:
    """Go through a whole login without PKCE, and return the tokens."""
    await person.start(await person.authorize(CLIENT, **WITHOUT_PKCE, **changes))
    await person.end()
    told = await person.come_back(CLIENT)
    assert told["state"] == person.parameters["state"]
    form = person.form(told["code"], code_verifier=None)
    answer = await provider.token(form, CLIENT)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


MODULES = {
    "server": {},
    "ensure-request-without-nonce-succeeds-for-code-flow": {"nonce": None},
    "scope-profile": {"scope": "openid profile"},
    "scope-email": {"scope": "openid email"},
    "scope-address": {"scope": "openid address"},
    "scope-phone": {"scope": "openid phone"},
    "scope-all": {"scope": "openid profile email address phone"},
    "ensure-other-scope-order-succeeds": {"scope": "email openid"},
    "display-page": {"display": "page"},
    "display-popup": {"display": "popup"},
    "prompt-login": {"prompt": "login"},
    "ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "login-hint": {"login_hint": "buffy@example.com"},
    "ui-locales": {"ui_locales": "se"},
    "claims-locales": {"claims_locales": "se"},
    "ensure-request-with-acr-values-succeeds": {"acr_values": "urn:one urn:two"},
    "claims-essential": {"claims": json.dumps({"userinfo": {"name": {"essential": True}}})},
    "ensure-post-request-succeeds": {"post": True},
}


@pytest.mark.parametrize("changes", [pytest.param(value, id=name) for name, value in MODULES.items()])
async def test_module(provider, changes):
    """The login succeeds; ID token and userinfo agree."""
    person = provider.person()
    tokens = await run(provider, person, **changes)
    claims = await claims_of(provider, tokens)
    assert (claims["iss"], claims["aud"]) == (ISSUER, CLIENT)
    assert claims.get("nonce") == person.parameters["nonce"]
    userinfo = (await provider.userinfo(tokens["access_token"])).json()
    assert userinfo["sub"] == claims["sub"]
    asked = changes.get("scope", "").split()
    assert ("given_name" in userinfo) is ("profile" in asked)
    if "claims" in changes:
        assert userinfo["name"] == "Ada Sample"


async def test_prompt_none_not_logged_in(provider):
    """login_required."""
    person = provider.person()
    assert (
        person.told(await person.authorize(CLIENT, **WITHOUT_PKCE, prompt="none"))["error"]
        == "login_required"
    )


@pytest.mark.parametrize(
    "changes", [{"prompt": "none"}, {"max_age": "10000"}], ids=["prompt-none-logged-in", "max-age-10000"]
)
async def test_second_login_is_the_first(provider, changes):
    """Same subject, same time; with an ID token as a hint, too (id-token-hint)."""
    person = provider.person()
    tokens = await run(provider, person)
    first = await claims_of(provider, tokens)
    for hint in (None, tokens["id_token"]):
        told = person.told(await person.authorize(CLIENT, **WITHOUT_PKCE, **changes, id_token_hint=hint))
        answer = await provider.token(person.form(told["code"], code_verifier=None), CLIENT)
        second = await claims_of(provider, answer.json())
        assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_max_age_1(provider):
    """The person is asked again; the second time is later."""
    person = provider.person()
    first = await claims_of(provider, await run(provider, person, max_age="15000"))
    location = (await person.authorize(CLIENT, **WITHOUT_PKCE, max_age="0")).headers["location"]
    assert "/start/" in location
    await person.start_at(location)
    await person.end()
    told = await person.come_back(CLIENT)
    answer = await provider.token(person.form(told["code"], code_verifier=None), CLIENT)
    second = await claims_of(provider, answer.json())
    assert second["auth_time"] >= first["auth_time"]
    assert second["jti"] != first["jti"]


async def test_response_type_missing(provider):
    """invalid_request, at the client."""
    person = provider.person()
    told = person.told(await person.authorize(CLIENT, **WITHOUT_PKCE, response_type=None))
    assert told["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["request", "request_uri"])
async def test_request_objects_are_rejected_as_unsupported(provider, name):
    """unsigned-request-object, request-uri-unsigned."""
    person = provider.person()
    told = person.told(await person.authorize(CLIENT, **WITHOUT_PKCE, **{name: "https://rp.example/x"}))
    assert told["error"] == f"{name}_not_supported"


async def test_ensure_registered_redirect_uri(provider):
    """A page, and no redirect."""
    person = provider.person()
    answer = await person.authorize(CLIENT, **WITHOUT_PKCE, redirect_uri="https://rp.example/callback?x=y")
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_codereuse(provider):
    """Refused, and the tokens of the first time are revoked; so it is half a minute later."""
    person = provider.person()
    await person.start(await person.authorize(CLIENT, **WITHOUT_PKCE))
    await person.end()
    told = await person.come_back(CLIENT)
    form = person.form(told["code"], code_verifier=None)
    tokens = (await provider.token(form, CLIENT)).json()
    again = await provider.token(form, CLIENT)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await provider.userinfo(tokens["access_token"])).status_code == 401


async def test_ensure_request_with_valid_pkce_succeeds(provider):
    """Also for a client that need not."""
    assert "id_token" in await provider.person().tokens(CLIENT)
