"""Signing and verifying JSON Web Tokens, by joserfc: the one module that imports it.

It is imported when the first token is made or read; 0.1 s that no start of a process waits for.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from proofing.base.strict_json import parse_json

_MAX_DEPTH: Final = 6
_MAX_CHARACTERS: Final = 8192


class InvalidTokenError(ValueError):
    """A token is not a JWT that one of the keys signed."""


def sign(claims: bytes, private_key: bytes, *, key_id: str, algorithm: str) -> str:
    """Return *claims* as a signed JWT.

    Args:
        claims: JSON.
        private_key: PEM (PKCS #8).
        key_id: of the key.
        algorithm: ``ES256`` or ``RS256``.
    """
    header = {"alg": algorithm, "kid": key_id, "typ": "JWT"}
    return jws.serialize_compact(header, claims, _import(private_key), algorithms=[algorithm])


@lru_cache(maxsize=8)
def _import(private_key: bytes) -> ECKey | RSAKey:
    """Return one of our own keys. That it is sound is known: checking an RSA key takes 0.2 s."""
    loaded = load_pem_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
    if isinstance(loaded, RSAPrivateKey):
        return RSAKey.import_key(loaded)
    if isinstance(loaded, EllipticCurvePrivateKey):
        return ECKey.import_key(loaded)
    raise InvalidTokenError


def verify(token: str, keys: Mapping[str, Any], *, algorithms: Sequence[str]) -> dict[str, Any]:
    """Return the claims of a JWT; nothing of them was checked.

    Args:
        token: compact.
        keys: public keys, as a JWK set.
        algorithms: that are accepted; the token only chooses among them, with a key of its type.

    Raises:
        InvalidTokenError: no key signed it, or it is no JWT.
    """
    if len(token) > _MAX_CHARACTERS:
        raise InvalidTokenError
    try:
        key_set = KeySet.import_key_set({"keys": [dict(key) for key in keys["keys"]]})
        found = _verify(token, key_set, algorithms)
        claims = parse_json(found.payload, max_depth=_MAX_DEPTH)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidTokenError from None
    if not isinstance(claims, dict):
        raise InvalidTokenError
    return claims


def _verify(token: str, keys: KeySet, algorithms: Sequence[str]) -> jws.CompactSignature:
    """Verify with the key that the header names; without a name, with each key of its type."""
    header = jws.extract_compact(token.encode()).headers()
    if "kid" in header:
        return jws.deserialize_compact(token, keys, algorithms=list(algorithms))
    wanted = "EC" if header.get("alg") == "ES256" else "RSA"
    for key in keys.keys:
        if key.key_type != wanted:
            continue
        try:
            return jws.deserialize_compact(token, key, algorithms=list(algorithms))
        except JoseError:
            continue
    raise InvalidTokenError
