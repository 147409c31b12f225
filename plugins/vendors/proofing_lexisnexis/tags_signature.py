"""The signature of ThreatMetrix's script: whether what browsers load is LexisNexis's own.

After the last ``//`` of the script comes its signature in hexadecimal digits: RSA with SHA-256 over all that
is before it. The certificate comes from LexisNexis.
"""

import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")


def read_certificate(text: str) -> RSAPublicKey:
    """Return the key of a certificate, which is PEM. Raises ValueError: it is something else."""
    try:
        key = load_pem_x509_certificate(text.encode()).public_key()
    except ValueError:
        key = None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("must be an X.509 certificate of an RSA key, as PEM")  # noqa: TRY004 - of settings
    return key


def is_signed(script: bytes, key: RSAPublicKey) -> bool:
    """Return whether the signature at the end of *script* is that of the holder of *key*."""
    signed, slashes, digits = script.rpartition(b"//")
    digits = digits.strip()
    if not slashes or not _HEX.fullmatch(digits):
        return False
    try:
        key.verify(bytes.fromhex(digits.decode()), signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
