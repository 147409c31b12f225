"""Authorization requests: what is answered, what is refused, and where the refusal goes."""

import json
from typing import Any

import pytest

from proofing.settings.relying_parties import ClientSettings
from proofing_server.oidc.authorization_requests import AuthorizationRequest, check_authorization
from proofing_server.oidc.clients import Client
from proofing_server.oidc.errors import AuthorizationRefusedError, UnsafeRequestError

ISSUER = "https://proofing.example.gov"
RETURN = "https://rp.example/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
JWKS = '{"keys": [{"kty": "EC", "crv": "P-256", "x": "", "y": ""}]}'


def client(name: str = "bank", **changes: Any) -> Client:
    """Return a client with two policies."""
    settings = {
        "redirect_uris": [RETURN, "https://rp.example/other?fixed=1"],
        "authentication": "client_secret_basic",
        "acr_values": {"urn:acr.login.gov:verified": "strict"},
        **changes,
    }
    return Client(
        id=name,
        settings=ClientSettings.model_validate(settings),
        policies=("standard", "strict"),
        issuer=ISSUER,
    )


CLIENTS = {"bank": client(), "old": client("old", require_pkce=False)}
GOOD = {
    "client_id": "bank",
    "redirect_uri": RETURN,
    "response_type": "code",
    "scope": "openid",
    "state": "a b&c",
    "nonce": "n" * 22,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def check(**changes: Any) -> AuthorizationRequest:
    """Check a good request with *changes*; None takes a parameter out, a list repeats it."""
    parameters = []
    for name, value in {**GOOD, **changes}.items():
        parameters += [
            (name, one) for one in (value if isinstance(value, list) else [value]) if one is not None
        ]
    return check_authorization(parameters, CLIENTS)


def claims(**members: Any) -> str:
    """Return the parameter ``claims``."""
    return json.dumps(members)


def test_a_request_is_read_completely():
    """With everything that a client may ask for."""
    found = check(
        scope="openid profile openid other",
        prompt="login consent",
        max_age="0",
        ui_locales="es-MX en",
        login_hint="somebody@example.org",
        acr_values="urn:unknown urn:acr.login.gov:verified",
        claims=claims(userinfo={"email": None, "unknown": {"essential": True}}, id_token={"auth_time": None}),
        display="page",
        unknown="ignored",
    )
    assert found.scopes == ("openid", "profile")
    assert found.prompt == ("login", "consent")
    assert (found.max_age, found.locale, found.login_hint) == (0, "es-MX", "somebody@example.org")
    assert (found.policy, found.acr) == ("strict", "urn:acr.login.gov:verified")
    assert found.claims == ("name", "given_name", "middle_name", "family_name", "birthdate", "email")
    assert (found.state, found.nonce, found.challenge) == ("a b&c", "n" * 22, CHALLENGE)


def test_a_request_survives_being_sealed_without_its_hints():
    """What the person's browser sent of them is not kept."""
    found = check(login_hint="somebody@example.org", id_token_hint="a.b.c", max_age="5", prompt="login")
    again = AuthorizationRequest.from_json(found.to_json())
    assert (again.login_hint, again.id_token_hint) == (None, None)
    assert (again.state, again.challenge, again.max_age, again.prompt) == (
        found.state,
        CHALLENGE,
        5,
        ("login",),
    )
    assert b"somebody" not in found.to_json()
    assert "somebody" not in repr(found)
    with pytest.raises(ValueError, match="not an authorization request"):
        AuthorizationRequest.from_json(b"{}")


@pytest.mark.parametrize(
    ("changes", "policy", "acr"),
    [
        ({}, "standard", f"{ISSUER}/acr/standard"),
        ({"acr_values": f"{ISSUER}/acr/strict"}, "strict", f"{ISSUER}/acr/strict"),
        ({"acr_values": "urn:unknown"}, "standard", f"{ISSUER}/acr/standard"),
        (
            {"claims": claims(id_token={"acr": {"value": f"{ISSUER}/acr/strict"}})},
            "strict",
            f"{ISSUER}/acr/strict",
        ),
        (
            {
                "claims": claims(
                    id_token={"acr": {"essential": True, "values": ["no", "urn:acr.login.gov:verified"]}}
                )
            },
            "strict",
            "urn:acr.login.gov:verified",
        ),
        (
            {
                "acr_values": f"{ISSUER}/acr/strict",
                "claims": claims(id_token={"acr": {"value": f"{ISSUER}/acr/standard"}}),
            },
            "standard",
            f"{ISSUER}/acr/standard",
        ),
    ],
)
def test_the_policy_follows_from_acr(changes, policy, acr):
    """The claims parameter goes before acr_values; wishes that nobody knows lead to the first policy."""
    found = check(**changes)
    assert (found.policy, found.acr) == (policy, acr)


def test_a_client_may_be_let_off_pkce():
    """By its setting; a challenge that it does send counts."""
    assert check(client_id="old", code_challenge=None, code_challenge_method=None).challenge is None
    assert check(client_id="old").challenge == CHALLENGE


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": ["bank", "bank"]},
        {"redirect_uri": None},
        {"redirect_uri": [RETURN, RETURN]},
        {"redirect_uri": [RETURN, "https://evil.example/"]},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": RETURN + "/"},
        {"redirect_uri": RETURN + "?"},
        {"redirect_uri": RETURN + "#"},
        {"redirect_uri": RETURN + "/../callback"},
        {"redirect_uri": RETURN.upper()},
        {"redirect_uri": "http://rp.example/callback"},
        {"redirect_uri": "https://rp.example:443/callback"},
        {"redirect_uri": "https://rp.example@evil.example/callback"},
        {"redirect_uri": "https://rp.example.evil.example/callback"},
        {"redirect_uri": "https://evil.example/?" + RETURN},
        {"redirect_uri": "https://rp.example/callback\r\nX: y"},
        {"redirect_uri": "https://rp.example/other"},
        {"redirect_uri": "https://rp.example/callback%2f"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_registered(changes):
    """Whatever else is wrong with the request."""
    for also in ({}, {"response_type": "token"}, {"scope": None}):
        with pytest.raises(UnsafeRequestError):
            check(**{**changes, **also})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": ["code", "code"]}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "OpenID"}, "invalid_scope"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
        ({"unknown": ["a", "b"]}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://rp.example/request"}, "request_uri_not_supported"),
        ({"request_uri": "http://169.254.169.254/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[1:]}, "invalid_request"),
        ({"client_id": "old", "code_challenge": None}, "invalid_request"),
        ({"client_id": "old", "code_challenge_method": "plain"}, "invalid_request"),
        ({"client_id": "old", "code_challenge_method": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"userinfo": []}'}, "invalid_request"),
        ({"claims": '{"userinfo": {"email": true}}'}, "invalid_request"),
        ({"claims": '{"userinfo": {}, "userinfo": {}}'}, "invalid_request"),
        ({"claims": "[" * 5000}, "invalid_request"),
        ({"claims": claims(userinfo={"verified_claims": None})}, "invalid_request"),
        (
            {"claims": claims(userinfo={"verified_claims": {"claims": {"given_name": None}}})},
            "invalid_request",
        ),
        (
            {"claims": claims(userinfo={"sub": {"value": "a"}}, id_token={"sub": {"value": "b"}})},
            "invalid_request",
        ),
        ({"claims": claims(id_token={"sub": {"value": 1}})}, "invalid_request"),
        (
            {"claims": claims(id_token={"acr": {"essential": True, "value": "urn:unknown"}})},
            "unmet_authentication_requirements",
        ),
        ({"login_hint": "x" * 256}, "invalid_request"),
        ({"nonce": "x" * 2049}, "invalid_request"),
    ],
)
def test_the_client_hears_what_is_wrong(changes, code):
    """At its redirect URI, with its state."""
    with pytest.raises(AuthorizationRefusedError) as refused:
        check(**changes)
    assert refused.value.code == code
    assert (refused.value.redirect_uri, refused.value.state) == (RETURN, "a b&c")
    assert refused.value.description


def test_a_repeated_state_is_not_echoed():
    """It is not known which one is the client's."""
    with pytest.raises(AuthorizationRefusedError) as refused:
        check(state=["a", "b"])
    assert (refused.value.code, refused.value.state) == ("invalid_request", None)
