"""How requests are authenticated: the signature, its bytes, and the one switch."""

import base64

import pytest
from tests.plugins.vendors.lexisnexis.conftest import (
    CARD,
    WANTED,
    assert_signed,
    mac,
    put,
    rdp,
    section,
    signed_parts,
    true_id,
)

from proofing.contracts.bodies import PIECE_BYTES, Base64, StreamedBody
from proofing_lexisnexis.authorization import sign

#: An invented vector: what the platform's documentation says, computed by hand.
VECTOR = {
    "key_id": "demo-key",
    "secret": b"demo-secret",
    "host": "rdp.example.test",
    "path": "/restws/identity/v3/accounts/acct1/workflows/wf1/conversations",
    "milliseconds": 1700000000123,
    "nonce": "11111111-2222-4333-8444-555555555555",
}


async def test_the_vector():
    """Byte for byte."""
    assert await sign(StreamedBody(b'{"Type":"Initiate"}'), **VECTOR) == (
        "HMAC-SHA256 keyid=demo-key, ts=1700000000123, nonce=11111111-2222-4333-8444-555555555555, "
        "bodyHash=yEdYHN+V1qAl/Bo4Xoi+swCJ2clHqaWVbW3OZCwaDiM=, "
        "signature=pRATlEEf86UxMSPZQJhLkjS9nmG8pQaGMiXgzTffDo0="
    )


async def test_a_body_in_pieces_is_signed_as_a_whole():
    """Images that are longer than a piece, too."""
    content = b"\x00\x01\x02" * PIECE_BYTES
    body = StreamedBody.json({"Front": Base64(content), "Type": "Initiate"})
    found = signed_parts(await sign(body, **VECTOR))
    assert found["body"] == mac(b"demo-secret", b"".join(body))


@pytest.mark.parametrize("base_url", ["https://rdp.example.test", "https://rdp.example.test:8443"])
@pytest.mark.parametrize("name", ["instant_verify", "phone_finder", "phone_finder_v3", "true_id"])
async def test_what_is_sent_is_what_is_signed(name, base_url):
    """The very bytes, the path, and the host with its port; the method is not part of it."""
    settings = section(rdp={"base_url": base_url})
    answer = rdp("failed", true_id("fail"))
    _result, request = await put(name, answer, settings=settings, images=CARD, wanted=WANTED)
    assert_signed(request, base_url)


async def test_no_two_requests_have_one_nonce():
    """Each question has its own."""
    requests = [(await put("instant_verify", rdp("passed")))[1] for _ in range(2)]
    nonces = {signed_parts(request.headers["authorization"])["nonce"] for request in requests}
    assert len(nonces) == 2


@pytest.mark.parametrize("name", ["instant_verify", "phone_finder", "phone_finder_v3", "true_id"])
async def test_user_name_and_password(name):
    """With the switch off, for all products, and never both."""
    settings = section(rdp={"hmac_auth_enabled": False})
    answer = rdp("failed", true_id("fail"))
    _result, request = await put(name, answer, settings=settings, images=CARD, wanted=WANTED)
    pair = base64.b64encode(b"demo-user-1:demo-password-1").decode()
    assert request.headers.get_list("authorization") == [f"Basic {pair}"]
