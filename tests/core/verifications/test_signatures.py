"""Signatures of events: the reference vectors, and an independent verifier."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from proofing.verifications.signatures import (
    Ed25519Key,
    HMACKey,
    new_private_key,
    new_secret,
    parse_signing_key,
    signed_headers,
)

FIRST = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SECOND = f"whsec_{base64.b64encode(bytes(range(0x20, 0x40))).decode()}"
TIME = 1_800_000_000
VERIFIED = b'{"type":"verification.verified","data":{"id":"ver_1"}}'


def encoded(size: int) -> str:
    """Return so many zero bytes as base64."""
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("secret", "message_id", "body", "signature"),
    [
        (FIRST, "evt_1", VERIFIED, "v1,V8g3X0n3Oks30BVDPV5rG7Xq3+aNLKAjZkO+k5nZgN8="),
        (SECOND, "evt_1", VERIFIED, "v1,wZsRo75ISvA1A9lLfGSyHx2qBUbsdmcV7S2IRGlTB4Y="),
        (FIRST, "evt_2", '{"note":"Zoë 日本"}'.encode(), "v1,AP3geC8RRvB2M/hGxO9w32bQY6Np3Cse2Dp0WKvj6Ws="),
    ],
)
def test_reference_vectors(secret, message_id, body, signature):
    """On which the libraries of PyPI and npm agree."""
    headers = signed_headers([parse_signing_key(secret)], message_id, TIME, body)
    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": str(TIME),
        "webhook-signature": signature,
    }


def test_all_live_keys_sign_secrets_first():
    """During a rotation a receiver with either secret verifies; v1a comes last."""
    private = [parse_signing_key(new_private_key()) for _ in range(2)]
    keys = [private[0], parse_signing_key(FIRST), private[1], parse_signing_key(SECOND)]
    entries = signed_headers(keys, "evt_1", TIME, VERIFIED)["webhook-signature"].split(" ")
    assert entries[:2] == [
        "v1,V8g3X0n3Oks30BVDPV5rG7Xq3+aNLKAjZkO+k5nZgN8=",
        "v1,wZsRo75ISvA1A9lLfGSyHx2qBUbsdmcV7S2IRGlTB4Y=",
    ]
    content = b"evt_1.1800000000." + VERIFIED
    for key, entry in zip(private, entries[2:], strict=True):
        version, _, signature = entry.partition(",")
        assert version == "v1a"
        raw = base64.b64decode(key.public_text.removeprefix("whpk_"), validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature), content)


def test_the_library_of_the_specification_verifies():
    """With each of two secrets, though entries of v1a follow."""
    secrets = [new_secret(), new_secret()]
    keys = [parse_signing_key(text) for text in (*secrets, new_private_key())]
    headers = dict(signed_headers(keys, "evt_1", int(time.time()), VERIFIED))
    for secret in secrets:
        assert Webhook(secret).verify(VERIFIED, headers)["type"] == "verification.verified"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        f"whpk_{encoded(32)}",
        f"WHSEC_{encoded(32)}",
        f"whsec_{encoded(23)}",
        f"whsec_{encoded(65)}",
        f"whsec_{encoded(32)[:-1]}",
        f"whsec_{encoded(32)}\n",
        f"whsk_{encoded(31)}",
        f"whsk_{encoded(64)}",
        "whsec_é",
    ],
)
def test_what_signs_nothing_is_refused(text):
    """A public key above all, and the message never holds the key."""
    with pytest.raises(ValueError, match=r"webhook|base64") as caught:
        parse_signing_key(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(("keys", "message_id"), [((), "evt_1"), ((Ed25519Key(bytes(32)),), "evt_1")])
def test_an_event_needs_a_secret(keys, message_id):
    """Several published verifiers read no v1a."""
    with pytest.raises(ValueError, match="at least one webhook secret"):
        signed_headers(keys, message_id, TIME, VERIFIED)


@pytest.mark.parametrize("message_id", ["", "evt.1"])
def test_an_id_that_would_blur_what_is_signed(message_id):
    """evt.1 at 5 and evt at 1.5 would have the same signed bytes."""
    with pytest.raises(ValueError, match="dot"):
        signed_headers([HMACKey(bytes(32))], message_id, TIME, VERIFIED)


def test_keys_do_not_show_in_their_repr():
    """Nor in a traceback that prints it."""
    for key in (parse_signing_key(FIRST), parse_signing_key(new_private_key())):
        assert "secret" not in repr(key)
        assert "seed" not in repr(key)
