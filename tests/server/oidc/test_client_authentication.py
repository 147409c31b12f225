"""Client authentication: each method, and what forgers try with assertions."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from proofing.settings.relying_parties import ClientAuthentication, ClientSettings
from proofing_server.oidc.client_authentication import (
    ASSERTION_TYPE,
    Presented,
    check_assertion,
    read_authentication,
)
from proofing_server.oidc.clients import Client
from proofing_server.oidc.errors import RefusedError

ISSUER = "https://proofing.example.gov"
TOKEN_URL = ISSUER + "/oauth/token"
NOW = 1_800_000_000
EC_KEY = ECKey.generate_key("P-256", {"kid": "ec"}, auto_kid=False)
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"}, auto_kid=False)
PUBLIC = {"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}
CLAIMS = {"iss": "bank", "sub": "bank", "aud": TOKEN_URL, "exp": NOW + 60, "iat": NOW, "jti": "one"}


def client(jwks: Any = PUBLIC) -> Client:
    """Return a client that signs."""
    settings = ClientSettings(
        redirect_uris=("https://rp.example/callback",),
        authentication=ClientAuthentication.PRIVATE_KEY_JWT,
        jwks=json.dumps(jwks),
    )
    return Client(id="bank", settings=settings, policies=("standard",), issuer=ISSUER)


def signed(claims: Any, *, key: Any = EC_KEY, algorithm: str = "ES256", **header: Any) -> str:
    """Return a signed assertion."""
    return jws.serialize_compact(
        {"alg": algorithm, **header}, json.dumps(claims), key, algorithms=[algorithm]
    )


def check(assertion: str, jwks: Any = PUBLIC) -> Any:
    """Check it as the token endpoint does."""
    presented = Presented(client_id="bank", method=ClientAuthentication.PRIVATE_KEY_JWT, proof=assertion)
    return check_assertion(presented, client(jwks), token_url=TOKEN_URL, now=NOW)


@pytest.mark.parametrize(
    "assertion",
    [
        signed(CLAIMS),
        signed(CLAIMS, kid="ec"),
        signed({**CLAIMS, "aud": ISSUER}),
        signed({**CLAIMS, "aud": [ISSUER, TOKEN_URL]}),
        signed(CLAIMS, key=RSA_KEY, algorithm="RS256", kid="rsa"),
        signed(CLAIMS, key=RSA_KEY, algorithm="PS256"),
        signed({**CLAIMS, "exp": NOW + 3600, "nbf": NOW + 30}),
    ],
)
def test_a_genuine_assertion_is_accepted(assertion):
    """With each algorithm that discovery names, for the issuer or the token endpoint."""
    assert check(assertion).jti == "one"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"aud": "https://other.example"},
        {"aud": [TOKEN_URL, "https://other.example"]},
        {"aud": []},
        {"aud": None},
        {"aud": TOKEN_URL + "/"},
        {"exp": NOW - 61},
        {"exp": NOW + 4000},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": None},
        {"iat": NOW + 120},
        {"nbf": NOW + 120},
        {"nbf": "now"},
        {"jti": None},
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 257},
    ],
)
def test_an_assertion_must_be_ours_and_of_now(changes):
    """Each claim."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    with pytest.raises(RefusedError) as refused:
        check(signed(claims))
    assert refused.value.code == "invalid_client"


def forgeries() -> Iterator[Any]:
    """Yield assertions that nobody signed with the client's key."""
    good = signed(CLAIMS, kid="ec")
    header, payload, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    yield pytest.param(f"{none}.{payload}.", id="none")
    yield pytest.param(f"{none}.{payload}.{signature}", id="none-with-signature")
    yield pytest.param(f"{header}.{payload}.", id="no-signature")
    yield pytest.param(f"{header}.{payload}.{'A' * len(signature)}", id="zeros")
    other = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "jti": "two"}).encode()).rstrip(b"=").decode()
    yield pytest.param(f"{header}.{other}.{signature}", id="other-payload")
    # The public key as the secret of an HMAC.
    for key, kid in ((EC_KEY, "ec"), (RSA_KEY, "rsa")):
        for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()):
            head = (
                base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode())
                .rstrip(b"=")
                .decode()
            )
            mac = hmac.digest(secret, f"{head}.{payload}".encode(), hashlib.sha256)
            text = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            yield pytest.param(f"{head}.{payload}.{text}", id=f"hs256-{kid}")
    stranger = ECKey.generate_key("P-256")
    yield pytest.param(signed(CLAIMS, key=stranger, kid="ec"), id="stranger")
    yield pytest.param(signed(CLAIMS, key=stranger), id="stranger-without-kid")
    public = stranger.as_dict(private=False)
    yield pytest.param(signed(CLAIMS, key=stranger, jwk=public), id="own-key-in-header")
    yield pytest.param(signed(CLAIMS, kid="nobody"), id="unknown-kid")
    yield pytest.param(signed(CLAIMS, kid="rsa"), id="key-of-another-type")
    yield pytest.param(signed([CLAIMS]), id="not-an-object")
    yield pytest.param("", id="empty")
    yield pytest.param("a.b.c", id="nonsense")
    yield pytest.param("é.é.é", id="not-ascii")
    yield pytest.param(good + "x" * 10_000, id="endless")
    yield pytest.param(f"{good}.x.y", id="five-parts")


@pytest.mark.parametrize("assertion", list(forgeries()), ids=lambda one: "forgery")
def test_a_forged_assertion_is_refused(assertion):
    """Whatever its header says of itself."""
    with pytest.raises(RefusedError) as refused:
        check(assertion)
    assert refused.value.code == "invalid_client"


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.security)])
def test_no_changed_assertion_is_accepted(count, claim):
    """One bit of header, payload or signature; parts of two assertions; a signature that is cut or longer."""
    chance = random.Random(46)  # noqa: S311 - repeatable
    pairs = [(EC_KEY, "ES256"), (RSA_KEY, "RS256"), (RSA_KEY, "PS256")]
    genuine = [
        [decoded(part) for part in signed({**CLAIMS, "jti": str(number)}, key=key, algorithm=name).split(".")]
        for key, name in pairs
        for number in range(5)
    ]
    accepted = 0
    for _ in range(count):
        parts = [bytearray(part) for part in chance.choice(genuine)]
        changed = chance.choice(parts)
        way = chance.choice(["bit", "cut", "longer", "foreign"])
        if way == "bit":
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        elif way == "cut":
            del parts[2][-chance.randrange(1, 32) :]
        elif way == "longer":
            parts[2] += chance.randbytes(chance.randrange(1, 32))
        else:
            other = chance.choice([one for one in genuine if one[1] != bytes(parts[1])])
            parts[chance.choice([1, 2])] = bytearray(other[chance.choice([1, 2])])
        forged = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        if [bytes(part) for part in parts] in genuine:
            continue
        try:
            check(forged)
        except RefusedError:
            continue
        accepted += 1
    assert accepted == 0
    claim("S21", "Changed, cut and spliced assertions of clients", f"{accepted} of {count:,} accepted")


def decoded(text):
    """Return what base64url encodes."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(
    "jwks",
    [
        "nonsense",
        "{}",
        '{"keys": []}',
        json.dumps({"keys": [EC_KEY.as_dict(private=True)]}),
        json.dumps({"keys": [OctKey.generate_key(256).as_dict(private=True)]}),
        json.dumps(KeySet([ECKey.generate_key("P-521")]).as_dict(private=False)),
        '{"keys": [{"kty": "OKP", "crv": "Ed25519"}]}',
        json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": "A" * 171}]}),
    ],
    ids=["text", "no list", "empty", "private", "symmetric", "P-521", "Ed25519", "short RSA"],
)
def test_settings_take_public_keys_only(jwks):
    """A private key in the settings is a mistake of the relying party that nobody should make use of."""
    with pytest.raises(ValueError, match=r"JWK set|public ones|2048 bits"):
        ClientSettings(redirect_uris=("https://rp.example/callback",), jwks=jwks)


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        ("https://rp.example/callback?x=1", True),
        ("http://localhost:5173/callback", True),
        ("http://127.0.0.1/", True),
        ("http://rp.example/callback", False),
        ("http://localhost.rp.example/", False),
        ("https://rp.example/#x", False),
        ("javascript:alert(1)", False),
        ("app://callback", False),
    ],
)
def test_settings_take_redirect_uris_that_nobody_reads_along(uri, accepted):
    """Codes pass through them."""
    settings = {"redirect_uris": [uri], "authentication": "client_secret_basic"}
    if accepted:
        assert ClientSettings.model_validate(settings).redirect_uris == (uri,)
    else:
        with pytest.raises(ValueError, match="must be"):
            ClientSettings.model_validate(settings)


def basic(text: str) -> str:
    """Return a Basic header."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_each_method_is_read():
    """Both parts of a Basic header are form-encoded."""
    found = read_authentication({}, basic("ba%2Bnk:s%3Acr%25et+x"))
    assert (found.client_id, found.method, found.proof) == ("ba+nk", "client_secret_basic", "s:cr%et x")
    found = read_authentication({"client_id": "bank", "client_secret": "s+x"}, None)
    assert (found.client_id, found.method, found.proof) == ("bank", "client_secret_post", "s+x")
    found = read_authentication({"client_id": "bank"}, None)
    assert (found.client_id, found.method, found.proof) == ("bank", "none", "")
    assertion = signed(CLAIMS)
    form = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    found = read_authentication(form, None)
    assert (found.client_id, found.method, found.proof) == ("bank", "private_key_jwt", assertion)
    assert "s:cr" not in repr(found)
    assert assertion not in repr(found)


@pytest.mark.parametrize(
    ("form", "header", "code"),
    [
        ({"client_secret": "s", "client_id": "bank"}, basic("bank:s"), "invalid_request"),
        ({"client_id": "other"}, basic("bank:s"), "invalid_request"),
        (
            {
                "client_id": "bank",
                "client_secret": "s",
                "client_assertion": "a",
                "client_assertion_type": ASSERTION_TYPE,
            },
            None,
            "invalid_request",
        ),
        ({}, None, "invalid_client"),
        ({}, "Bearer abc", "invalid_client"),
        ({}, "Basic ###", "invalid_client"),
        ({}, basic("no-colon"), "invalid_client"),
        ({"client_assertion": "a.b.c"}, None, "invalid_client"),
        ({"client_assertion": "a.b.c", "client_assertion_type": "other"}, None, "invalid_client"),
        ({"client_assertion": "abc", "client_assertion_type": ASSERTION_TYPE}, None, "invalid_client"),
        ({"client_assertion_type": ASSERTION_TYPE, "client_id": "bank"}, None, "invalid_client"),
    ],
)
def test_what_cannot_be_read_is_refused(form, header, code):
    """Several methods, and none."""
    with pytest.raises(RefusedError) as refused:
        read_authentication(form, header)
    assert refused.value.code == code


def test_a_key_of_another_client_verifies_nothing():
    """Each client has its own keys."""
    with pytest.raises(RefusedError):
        check(signed(CLAIMS), {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]})
