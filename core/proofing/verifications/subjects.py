"""Who the person of a verification is: a reference that is the same on every device, and tells nothing.

Limits, sticky choices of vendors and erasure follow it. It is an HMAC under the key that also fingerprints
Social Security numbers: a reader of the store cannot find out whether a given subject is in it.
"""

import json
import uuid

from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing

#: The longest reference of its person that a relying party may give.
MAX_SUBJECT_CHARACTERS = 200
_HEX_DIGITS = 32


def person_reference(keys: KeyRing, relying_party: str, mode: Mode, subject: str) -> str:
    """Return the reference of the person whom *relying_party* calls *subject* in this *mode*.

    Args:
        keys: that fingerprint.
        relying_party: its name in the settings.
        mode: a person of one mode is another one in the other.
        subject: the relying party's own reference; compared exactly.

    Returns:
        128 bits in the form of a UUID, as the references of people whom nobody sent.
    """
    text = json.dumps(["person", relying_party, mode.value, subject], separators=(",", ":"))
    return str(uuid.UUID(hex=keys.fingerprint(text)[:_HEX_DIGITS]))
