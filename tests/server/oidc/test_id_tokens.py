"""ID tokens: what they say, who can verify them, and PKCE's vectors."""

import json

import pytest
from joserfc.jwk import ECKey, RSAKey
from jwt import PyJWK, PyJWS

from proofing_server.oidc import jose
from proofing_server.oidc.id_tokens import at_hash, id_token_claims, is_verifier

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CLAIMS = id_token_claims(
    issuer="https://op.example",
    subject="subject",
    client_id="bank",
    nonce="n-0S6_WzA2Mj",
    auth_time=1000.9,
    acr="https://op.example/acr/standard",
    access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
    now=1010.4,
)


def test_an_id_token_says_when_and_how_and_nothing_of_the_person():
    """The claims of Core, section 2; no nbf, because clocks differ."""
    assert CLAIMS.keys() == {"iss", "sub", "aud", "iat", "exp", "auth_time", "acr", "at_hash", "jti", "nonce"}
    assert (CLAIMS["iat"], CLAIMS["exp"], CLAIMS["auth_time"]) == (1010, 1310, 1000)
    # The example of OpenID Connect Core 1.0, section A.3.
    assert (
        CLAIMS["at_hash"]
        == at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")
        == "77QmUPtjPfzWtF2AnpK9RQ"
    )


@pytest.mark.parametrize(("kind", "algorithm", "size"), [(ECKey, "ES256", "P-256"), (RSAKey, "RS256", 2048)])
def test_others_verify_what_we_sign(kind, algorithm, size):
    """PyJWT, with the public key alone."""
    key = kind.generate_key(size)
    token = jose.sign(json.dumps(CLAIMS).encode(), key.as_pem(private=True), key_id="k1", algorithm=algorithm)
    public = PyJWK(key.as_dict(private=False), algorithm)
    found = PyJWS().decode_complete(token, public, algorithms=[algorithm])
    assert json.loads(found["payload"]) == CLAIMS
    assert found["header"] == {"alg": algorithm, "kid": "k1", "typ": "JWT"}


@pytest.mark.parametrize(
    ("challenge", "verifier", "accepted"),
    [
        (CHALLENGE, VERIFIER, True),
        (None, None, True),
        (CHALLENGE, None, False),
        (None, VERIFIER, False),
        (CHALLENGE, VERIFIER[:-1] + "l", False),
        (CHALLENGE, CHALLENGE, False),
        (CHALLENGE, "", False),
        (CHALLENGE, "short", False),
        (CHALLENGE, VERIFIER + "\n", False),
        (CHALLENGE, "é" * 43, False),
    ],
)
def test_a_verifier_belongs_to_its_challenge(challenge, verifier, accepted):
    """Neither may come alone."""
    assert is_verifier(challenge, verifier) is accepted
