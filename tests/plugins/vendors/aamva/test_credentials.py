"""Keys as operators write them down."""

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proofing_aamva.credentials import read_key


def test_a_key_whose_last_byte_looks_like_a_space():
    """One in forty does; DER is no text, and loses none of its bytes."""
    while True:
        key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it signs nothing
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        if der[-1:].isspace():
            break
    read = read_key(f" {base64.b64encode(der).decode()}\n")
    assert read.private_numbers() == key.private_numbers()
