"""Values with a syntax of their own: keys, and the proxies in front of the web process."""

import base64

import pytest
from pydantic import TypeAdapter, ValidationError

from proofing.settings.values import Proxies, SecretKey, decode_key

KEY = bytes(range(32))
PROXIES = TypeAdapter(Proxies)


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode()])
def test_a_key_is_32_bytes_in_hex_or_base64(text):
    """Each spelling gives the same key."""
    assert decode_key(text) == KEY
    assert TypeAdapter(SecretKey).validate_python(text).get_secret_value() == text


@pytest.mark.parametrize(
    "value",
    ["", "letmein", KEY[:31].hex(), base64.b64encode(KEY[:31]).decode(), base64.b64encode(KEY + b"x")],
)
def test_what_is_no_key_is_refused_and_not_shown(value):
    """The rule is in the message, and nothing of the value."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(SecretKey).validate_python(value)
    (error,) = caught.value.errors()
    assert error["msg"] == "Value error, must be 32 bytes, written in hex or base64"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0, 0),
        (2, 2),
        (["10.0.0.0/8", "2001:db8::/32"], ("10.0.0.0/8", "2001:db8::/32")),
        (["192.0.2.7"], ("192.0.2.7/32",)),
        ([], ()),
    ],
)
def test_proxies_are_hops_or_networks(value, kept):
    """A count of hops, or networks; an address is a network of one."""
    assert PROXIES.validate_python(value) == kept


@pytest.mark.parametrize(
    "value", [-1, 1000, True, "10.0.0.0/8", ["10.0.0.1/8"], ["proxy.example"], [7], None]
)
def test_other_proxies_are_refused(value):
    """Also a network with host bits: somebody meant another one."""
    with pytest.raises(ValidationError, match="must be a list of networks"):
        PROXIES.validate_python(value)


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "::/0"])
def test_not_every_address_may_be_trusted(everything):
    """Anyone could choose the address that limits count."""
    with pytest.raises(ValidationError, match="must not trust every address"):
        PROXIES.validate_python(["10.0.0.0/8", everything])
