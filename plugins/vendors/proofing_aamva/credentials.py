"""The RSA key and the X.509 certificate by which AAMVA knows us."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificate

_PEM = b"-----BEGIN "
#: Is signed to see whether key and certificate belong together.
_PROBE = b"probe"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What calls are signed with.

    Attributes:
        certificate: its DER.
    """

    key: RSAPrivateKey
    certificate: bytes


def read_credentials(key: str, certificate: str) -> Credentials:
    """Read both, each PEM, or the base64 of PEM or DER.

    Raises:
        ValueError: one of them is something else, or they do not belong together. The message holds nothing
            of them.
    """
    private, public = read_key(key), read_certificate(certificate)
    verifier = public.public_key()
    try:
        if isinstance(verifier, RSAPublicKey):
            verifier.verify(private.sign(_PROBE, PKCS1v15(), SHA256()), _PROBE, PKCS1v15(), SHA256())
            return Credentials(private, public.public_bytes(Encoding.DER))
    except (InvalidSignature, ValueError):
        pass
    raise ValueError("certificate and private_key must belong together")


def read_key(text: str) -> RSAPrivateKey:
    """Read the key. See `read_credentials`."""
    data = _decoded(text)
    key = None
    try:
        load = load_pem_private_key if data.startswith(_PEM) else load_der_private_key
        # Testing its primes takes a tenth of a second; that it fits the certificate is tried by a signature.
        key = load(data, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        pass
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("must be an unencrypted RSA key: PEM, or the base64 of PEM or DER")  # noqa: TRY004
    return key


def read_certificate(text: str) -> Certificate:
    """Read the certificate. See `read_credentials`."""
    data = _decoded(text)
    try:
        load = load_pem_x509_certificate if data.startswith(_PEM) else load_der_x509_certificate
        return load(data)
    except ValueError:
        pass
    raise ValueError("must be an X.509 certificate: PEM, or the base64 of PEM or DER")


def _decoded(text: str) -> bytes:
    """Return PEM or DER; nothing for what is neither PEM nor base64."""
    data = text.strip().encode()
    if data.startswith(_PEM):
        return data
    try:
        decoded = base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return b""
    # The last byte of DER may be one that means a space in a text.
    return decoded.strip() if decoded.lstrip().startswith(_PEM) else decoded
