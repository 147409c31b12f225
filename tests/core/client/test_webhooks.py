"""The client verifies what was sent, and nothing else."""

import base64
import json

import pytest

from proofing.client.webhooks import WebhookVerificationError, WebhookVerifier
from proofing.verifications.signatures import (
    Ed25519Key,
    new_private_key,
    new_secret,
    parse_signing_key,
    signed_headers,
)

NOW = 1_800_000_000
BODY = json.dumps(
    {
        "type": "verification.verified",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {"id": "ver_1", "state": "verified", "sequence": 4},
    }
).encode()
SECRET = new_secret()
PRIVATE = new_private_key()


def public_of(private: str) -> str:
    """Return the public key of a private one."""
    key = parse_signing_key(private)
    assert isinstance(key, Ed25519Key)
    return key.public_text


def headers_of(*keys: str, at: int = NOW, body: bytes = BODY, event: str = "evt_1") -> dict[str, str]:
    """Return the headers of an event."""
    return dict(signed_headers([parse_signing_key(key) for key in keys], event, at, body))


def verifier(*keys: str, now: float = NOW) -> WebhookVerifier:
    """Return a verifier at a fixed time."""
    return WebhookVerifier(keys, now=lambda: now)


@pytest.mark.parametrize("keys", [(SECRET,), (public_of(PRIVATE),), (new_secret(), SECRET)])
def test_an_event_is_read(keys):
    """By the secret alone, by the public key alone, or by the second of two secrets."""
    event = verifier(*keys).verify(headers_of(SECRET, PRIVATE), BODY)
    assert (event.id, event.type, event.attempted_at) == ("evt_1", "verification.verified", NOW)
    assert event.data == {"id": "ver_1", "state": "verified", "sequence": 4}
    assert "ver_1" not in repr(event)


@pytest.mark.parametrize("late", [-300, 300])
def test_the_tolerance_includes_its_edge(late):
    """300 s either way."""
    verifier(SECRET, now=NOW + late).verify(headers_of(SECRET), BODY)


@pytest.mark.parametrize("late", [-301, 301, 300.5, 10**9])
def test_an_attempt_that_is_not_of_now_is_refused(late):
    """Beyond 300 s it may be a replay, or a clock is wrong."""
    with pytest.raises(WebhookVerificationError) as caught:
        verifier(SECRET, now=NOW + late).verify(headers_of(SECRET), BODY)
    assert caught.value.code == "timestamp_out_of_tolerance"


def test_a_reference_vector():
    """Its body has no timestamp, and so is no event; but its signature is right."""
    body = b'{"type":"verification.verified","data":{"id":"ver_1"}}'
    headers = {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(NOW),
        "Webhook-Signature": "v1,V8g3X0n3Oks30BVDPV5rG7Xq3+aNLKAjZkO+k5nZgN8=",
    }
    with pytest.raises(WebhookVerificationError) as caught:
        verifier("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").verify(headers, body)
    assert caught.value.code == "invalid_body"


def test_a_public_key_is_never_a_secret():
    """The mistake of a published verifier: who knows the public key could then sign."""
    public = public_of(PRIVATE)
    forged = headers_of(f"whsec_{public.removeprefix('whpk_')}")
    with pytest.raises(WebhookVerificationError):
        verifier(public).verify(forged, BODY)


@pytest.mark.parametrize("version", ["v1", "v1a", "v2", "V1", "v1 ", ""])
def test_a_signature_counts_for_its_version_only(version):
    """An HMAC under the name of v1a, or the other way round, is nothing."""
    headers = headers_of(SECRET, PRIVATE)
    hmac, ed25519 = (entry.partition(",")[2] for entry in headers["webhook-signature"].split(" "))
    for wrong in (hmac if version != "v1" else ed25519,):
        with pytest.raises(WebhookVerificationError):
            verifier(SECRET).verify({**headers, "webhook-signature": f"{version},{wrong}"}, BODY)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed_once(name):
    """None may be left out or be there twice."""
    headers = headers_of(SECRET)
    with pytest.raises(WebhookVerificationError, match=name):
        verifier(SECRET).verify({key: text for key, text in headers.items() if key != name}, BODY)
    with pytest.raises(WebhookVerificationError, match="twice"):
        verifier(SECRET).verify({**headers, name.title(): headers[name]}, BODY)


@pytest.mark.parametrize(
    "time", ["1800000000.0", " 1800000000", "+1800000000", "1_800_000_000", "\uff11\uff1800000000", "", "0"]
)
def test_a_time_has_one_form(time):
    """Digits alone, as they were signed."""
    with pytest.raises(WebhookVerificationError):
        verifier(SECRET).verify({**headers_of(SECRET), "webhook-timestamp": time}, BODY)


@pytest.mark.parametrize(
    "entry", ["v1", "v1,", "v1,,", ",", "", " ", "v1,!!!!", "v1," + "A" * 5000, "v1,AAAA " * 17]
)
def test_malformed_signatures_are_refused_and_break_nothing(entry):
    """The error is ours for each."""
    headers = headers_of(SECRET)
    with pytest.raises(WebhookVerificationError):
        verifier(SECRET).verify({**headers, "webhook-signature": entry}, BODY)


def test_unknown_versions_are_skipped():
    """A later version may be sent alongside."""
    headers = headers_of(SECRET)
    mixed = f"v9,AAAA nonsense {headers['webhook-signature']}"
    assert verifier(SECRET).verify({**headers, "webhook-signature": mixed}, BODY).id == "evt_1"


def test_a_signature_has_one_text():
    """The last character of base64 has bits that nothing reads."""
    headers = headers_of(SECRET)
    entry = headers["webhook-signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = f"{entry[:-2]}{alphabet[alphabet.index(entry[-2]) ^ 1]}="
    assert base64.b64decode(twin[3:]) == base64.b64decode(entry[3:])
    with pytest.raises(WebhookVerificationError):
        verifier(SECRET).verify({**headers, "webhook-signature": twin}, BODY)


@pytest.mark.parametrize(
    "key",
    ["", "secret", PRIVATE, SECRET[:-1], f"whsec_{base64.b64encode(bytes(23)).decode()}", "whpk_AAAA"],
    ids=["empty", "no prefix", "private", "cut off", "short", "no point"],
)
def test_keys_that_verify_nothing_are_refused(key):
    """Private ones, too; and the message never holds the key."""
    with pytest.raises(ValueError, match="webhook") as caught:
        WebhookVerifier(key)
    assert not key or key not in str(caught.value)


def test_no_key_and_no_tolerance_beyond_the_standard():
    """A verifier without a key would verify nothing."""
    with pytest.raises(ValueError, match="at least one"):
        WebhookVerifier(())
    with pytest.raises(ValueError, match="tolerance_seconds"):
        WebhookVerifier(SECRET, tolerance_seconds=301)


def test_the_body_is_bytes_and_bounded():
    """Text has lost what was signed."""
    with pytest.raises(TypeError, match="bytes"):
        verifier(SECRET).verify(headers_of(SECRET), BODY.decode())  # type: ignore[arg-type]
    large = bytes(64 * 1024 + 1)
    with pytest.raises(WebhookVerificationError) as caught:
        verifier(SECRET).verify(headers_of(SECRET, body=large), large)
    assert caught.value.code == "body_too_large"
