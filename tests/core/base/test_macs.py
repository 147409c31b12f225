"""MACs are HMAC-SHA-256; previous keys verify and never sign."""

import hashlib
import hmac

import pytest

from proofing.base.macs import MACKeys

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


def test_the_published_vector():
    """RFC 4231, test case 2."""
    mac = MACKeys(b"Jefe").sign(b"what do ya want for nothing?")
    assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_previous_keys_verify_and_do_not_sign():
    """So that a rotation refuses nothing that was signed before it."""
    keys = MACKeys(NEW, [OLD])
    assert keys.sign(b"data") == hmac.new(NEW, b"data", hashlib.sha256).digest()
    assert keys.verify(b"data", MACKeys(OLD).sign(b"data"))
    assert keys.verify(b"data", MACKeys(NEW).sign(b"data"))


@pytest.mark.parametrize("mac", [b"", b"short", MACKeys(OTHER).sign(b"data"), MACKeys(NEW).sign(b"date")])
def test_anything_else_is_refused(mac):
    """Also a MAC of another length."""
    assert not MACKeys(NEW, [OLD]).verify(b"data", mac)


def test_derived_keys_are_of_one_label():
    """A MAC of one label does not verify under another; previous keys are derived too."""
    keys = MACKeys(NEW, [OLD])
    mac = MACKeys(OLD).derive(b"a").sign(b"data")
    assert keys.derive(b"a").verify(b"data", mac)
    assert not keys.derive(b"b").verify(b"data", mac)
    assert not keys.verify(b"data", mac)
