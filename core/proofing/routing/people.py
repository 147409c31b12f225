"""People as routing knows them: a keyed hash of their reference, and a bucket for each experiment.

The key is that of fingerprints, which has no successors: a person's bucket stays where it is when the other
keys are rotated, and nobody without it can tell whose decision a record is of.
"""

import hashlib
import hmac

from proofing.crypto.encryption import KeyRing
from proofing.rules.routing import fraction

_HEX_DIGITS = 32


class RoutedPeople:
    """Hashes references of people; the same in every process with the same settings."""

    def __init__(self, keys: KeyRing) -> None:
        """Use *keys* that fingerprint."""
        self._person_key = keys.current("routing/person")
        self._bucket_key = keys.current("routing/bucket")

    def hash_of(self, reference: str) -> str:
        """Return the keyed hash of a person's *reference*: 128 bits in hex."""
        return hmac.new(self._person_key, reference.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS]

    def bucket(self, reference: str, experiment: str) -> float:
        """Return where a person falls in an *experiment*, such as ``document_vendor``, from 0 to 100."""
        text = f"{reference}:{experiment}".encode()
        return fraction(hmac.new(self._bucket_key, text, hashlib.sha256).digest())
