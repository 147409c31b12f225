"""Text forms of bytes in verifiable credentials, read strictly: W3C Controlled Identifiers 1.0, section 2.4.

Of every form only the one spelling is accepted that an encoder writes.
"""

import base64
import re

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
#: The longest base58 text; a key has 48 characters, a signature 88.
_MAX_BASE58 = 128


class NotDecodedError(ValueError):
    """A text is not in its form. The message has nothing of it."""


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 or base64url, with or without padding.

    Raises:
        NotDecodedError: it is neither, or not as an encoder writes it.
    """
    body = text.rstrip("=")
    padding = len(text) - len(body)
    if not re.fullmatch(r"[A-Za-z0-9+/]*|[A-Za-z0-9_-]*", body, re.ASCII) or padding not in {
        0,
        -len(body) % 4,
    }:
        raise NotDecodedError
    plain = body.translate(str.maketrans("-_", "+/"))
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise NotDecodedError from None
    # Bits behind the last byte would otherwise be free.
    if base64.b64encode(decoded).rstrip(b"=").decode() != plain:
        raise NotDecodedError
    return decoded


def decode_base58(text: str) -> bytes:
    """Return the bytes of base58 in Bitcoin's alphabet.

    Raises:
        NotDecodedError: it is too long, or has other characters.
    """
    if len(text) > _MAX_BASE58 or not all(character in _BASE58 for character in text):
        raise NotDecodedError
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def decode_base45(text: str) -> bytes:
    """Return the bytes of base45, RFC 9285.

    Raises:
        NotDecodedError: it is not base45.
    """
    decoded = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        if len(group) == 1 or not all(character in _BASE45 for character in group):
            raise NotDecodedError
        number = sum(_BASE45.index(character) * 45**place for place, character in enumerate(group))
        size = len(group) - 1
        if number >= 256**size:
            raise NotDecodedError
        decoded += number.to_bytes(size)
    return bytes(decoded)
