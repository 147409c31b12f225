"""The section of settings.yaml: what is refused names its key and shows no value."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError
from tests.plugins.vendors.aamva.fake_aamva import certify, der_of, make_credentials, make_section

from proofing_aamva import AAMVASettings, proofing_proofers
from proofing_aamva.credentials import read_credentials

KEY, CERTIFICATE = make_credentials()
PEM_KEY = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PEM_CERTIFICATE = CERTIFICATE.public_bytes(Encoding.PEM)


def settings_with(**changes):
    """Read a section with *changes*."""
    return AAMVASettings.model_validate(make_section(**changes))


def wrapped(data):
    """Return the base64 of *data* in lines."""
    return base64.encodebytes(data).decode()


@pytest.mark.parametrize("key", [PEM_KEY.decode(), wrapped(PEM_KEY), wrapped(der_of(KEY))])
@pytest.mark.parametrize(
    "certificate",
    [PEM_CERTIFICATE.decode(), wrapped(PEM_CERTIFICATE), wrapped(CERTIFICATE.public_bytes(Encoding.DER))],
)
def test_credentials_come_in_three_forms(key, certificate):
    """PEM, or the base64 of PEM or DER."""
    settings_with(private_key=key, certificate=certificate)
    credentials = read_credentials(key, certificate)
    assert credentials.certificate == CERTIFICATE.public_bytes(Encoding.DER)
    assert credentials.key.private_numbers() == KEY.private_numbers()
    assert repr(credentials.key.private_numbers().d) not in repr(credentials)


CERTIFIED_CURVE = (
    certify(ec.generate_private_key(ec.SECP256R1()), "curve").public_bytes(Encoding.PEM).decode()
)
ENCRYPTED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
OF_A_CURVE = base64.b64encode(
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
).decode()
OF_ANOTHER = base64.b64encode(der_of(make_credentials("another")[0])).decode()


@pytest.mark.parametrize(
    ("changes", "key", "rule"),
    [
        ({"private_key": ENCRYPTED}, ("private_key",), "unencrypted RSA key"),
        ({"private_key": OF_A_CURVE}, ("private_key",), "unencrypted RSA key"),
        ({"private_key": "no key at all"}, ("private_key",), "unencrypted RSA key"),
        ({"private_key": "bm8ga2V5"}, ("private_key",), "unencrypted RSA key"),
        ({"certificate": PEM_KEY.decode()}, ("certificate",), "X.509 certificate"),
        ({"certificate": "-----BEGIN nothing"}, ("certificate",), "X.509 certificate"),
        ({"private_key": OF_ANOTHER}, (), "belong together"),
        ({"certificate": CERTIFIED_CURVE}, (), "belong together"),
        ({"authentication_url": "http://auth.example.test/x"}, ("authentication_url",), "pattern"),
        ({"verification_url": "https://a..b/x"}, ("verification_url",), "between dots"),
        ({"verification_url": "https://user@v.example.test/x"}, ("verification_url",), "pattern"),
        ({"originator_id": "A&B"}, ("originator_id",), "pattern"),
        ({"first_word_of_last_name": ["Texas"]}, ("first_word_of_last_name", 0), "pattern"),
    ],
)
def test_what_is_refused(changes, key, rule):
    """The problem names the key and the rule, and nothing of the value."""
    with pytest.raises(ValidationError) as refused:
        settings_with(**changes)
    (problem,) = refused.value.errors(include_input=False, include_url=False)
    assert problem["loc"] == key
    assert rule in problem["msg"]
    for value in changes.values():
        assert len(value) < 12 or str(value) not in str(refused.value)


def test_loopback_needs_no_tls():
    """So that something on this machine can play AAMVA."""
    url = "http://127.0.0.1:8901/dldv"
    settings = settings_with(authentication_url=url, verification_url=url)
    (descriptor,) = proofing_proofers()
    assert descriptor.hosts(settings) == {"127.0.0.1:8901"}


def test_the_time_of_a_question():
    """Two authentications and two verifications, for a token that is refused."""
    (descriptor,) = proofing_proofers()
    settings = settings_with(authentication_timeout_seconds=2, verification_timeout_seconds=3)
    assert descriptor.timeout_seconds(settings) == 14


def test_no_secret_is_printed():
    """Neither the key nor its text."""
    assert make_section()["private_key"] not in repr(settings_with())
