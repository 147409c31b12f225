"""The signatures of authentication: WS-Security with XML Signature over exclusive canonical XML.

What is signed has a fixed form, so it is written in its canonical form right away, and sent like that: the
bytes that are signed are the bytes that are sent. SHA-1 is AAMVA's choice, and no other algorithm is offered.
Source: Exclusive XML Canonicalization 1.0, with `InclusiveNamespaces`; XML Signature 1.0.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1

from proofing_aamva.elements import escaped
from proofing_aamva.soap import SOAP, WSA

DS = "http://www.w3.org/2000/09/xmldsig#"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA1 = f"{DS}rsa-sha1"
HMAC_SHA1 = f"{DS}hmac-sha1"
#: How long a signed message is valid.
_LIFETIME = timedelta(seconds=300)
DERIVED_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Part:
    """One signed part of a message.

    Attributes:
        id: of its element.
        prefixes: whose namespaces its canonical form declares in any case.
        canonical: the element in canonical form.
    """

    id: str
    prefixes: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a message is valid, in UTC."""

    created: str
    expires: str

    @classmethod
    def starting(cls, now: datetime) -> "Lifetime":
        """Return the one that begins *now*."""
        first, last = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + _LIFETIME))
        return cls(first, last)

    def elements(self) -> str:
        """Return both moments as elements."""
        return f"<wsu:Created>{self.created}</wsu:Created><wsu:Expires>{self.expires}</wsu:Expires>"


def timestamp(identifier: str, lifetime: Lifetime) -> Part:
    """Return the element that bounds the life of a message; *identifier* is a name of XML."""
    return Part(
        identifier,
        "wsse soap",
        f'<wsu:Timestamp xmlns:soap="{SOAP}" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" wsu:Id="{identifier}">'
        f"{lifetime.elements()}</wsu:Timestamp>",
    )


def destination(identifier: str, url: str) -> Part:
    """Return the element that says whom the message is for; *identifier* is a name of XML."""
    return Part(
        identifier,
        "soap",
        f'<To xmlns="{WSA}" xmlns:soap="{SOAP}" xmlns:wsu="{WSU}" wsu:Id="{identifier}">{escaped(url)}</To>',
    )


def signature(
    identifier: str, method: str, parts: list[Part], key_info: str, sign: Callable[[bytes], bytes]
) -> str:
    """Return the element that signs *parts*.

    Args:
        identifier: of the element.
        method: the algorithm of *sign*, as XML Signature names it.
        parts: what is signed.
        key_info: the element that says by which key.
        sign: makes the signature.
    """
    info = signed_info(method, parts)
    value = base64.b64encode(sign(info.encode())).decode()
    return (
        f'<ds:Signature xmlns:ds="{DS}" Id="{identifier}">{info}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}</ds:Signature>"
    )


def signed_info(method: str, parts: list[Part]) -> str:
    """Return what is signed: the digests of *parts*, in canonical form."""
    return (
        f'<ds:SignedInfo xmlns:ds="{DS}" xmlns:soap="{SOAP}">'
        f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}">{_inclusive("soap")}'
        f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
        f"{''.join(map(_reference, parts))}</ds:SignedInfo>"
    )


def digest(canonical: str) -> str:
    """Return the digest of an element in canonical form."""
    return base64.b64encode(hashlib.sha1(canonical.encode()).digest()).decode()  # noqa: S324 - AAMVA's choice


def rsa_signer(key: RSAPrivateKey) -> Callable[[bytes], bytes]:
    """Return what signs by *key*, with PKCS #1 v1.5 padding."""
    return lambda data: key.sign(data, PKCS1v15(), SHA1())  # noqa: S303 - AAMVA's choice


def hmac_signer(key: bytes) -> Callable[[bytes], bytes]:
    """Return what signs by *key*."""
    return lambda data: hmac.digest(key, data, "sha1")


def derived_key(client_secret: bytes, server_secret: bytes) -> bytes:
    """Return the key that both secrets make: P_SHA-1 of RFC 2246, section 5, as WS-Trust uses it."""
    block, seed = b"", server_secret
    while len(block) < DERIVED_KEY_BYTES:
        seed = hmac.digest(client_secret, seed, "sha1")
        block += hmac.digest(client_secret, seed + server_secret, "sha1")
    return block[:DERIVED_KEY_BYTES]


def _inclusive(prefixes: str) -> str:
    return (
        f'<ec:InclusiveNamespaces xmlns:ec="{_EXCLUSIVE}" PrefixList="{prefixes}"></ec:InclusiveNamespaces>'
    )


def _reference(part: Part) -> str:
    return (
        f'<ds:Reference URI="#{part.id}"><ds:Transforms><ds:Transform Algorithm="{_EXCLUSIVE}">'
        f"{_inclusive(part.prefixes)}</ds:Transform></ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{DS}sha1"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest(part.canonical)}</ds:DigestValue></ds:Reference>"
    )
