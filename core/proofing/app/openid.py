"""What the OpenID Connect provider needs of the core: keys, grants, subjects."""

import json

from proofing.contracts.stores import ResultStore
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.sessions.erasure_index import ErasureIndex
from proofing.settings import LiveSettings
from proofing.verifications.grants import Grants
from proofing.verifications.signing_keys import SigningKeys

_LABEL = "openid subject"
#: 128 bits in hexadecimal digits.
_SUBJECT_DIGITS = 32


class OpenIDConnect:
    """One instance a process; methods are safe to call concurrently."""

    def __init__(
        self,
        *,
        store: VerificationStore,
        results: ResultStore,
        sealer: Sealer,
        fingerprint_keys: KeyRing,
        live: LiveSettings,
    ) -> None:
        """Keep keys in *store* and grants in *results*.

        Args:
            store: of the verifications.
            results: for what lives minutes.
            sealer: seals both.
            live: the settings in effect.
            fingerprint_keys: derive subjects; a new key would give everybody a new subject.
        """
        self.keys = SigningKeys(store, sealer)
        self.grants = Grants(results, sealer, ErasureIndex(results, live))
        self._fingerprint_keys = fingerprint_keys

    def subject(self, sector: str, mode: Mode, reference: str) -> str:
        """Return the subject of a person: the same for all clients of *sector*, and unlike that of others.

        Args:
            sector: see `proofing.settings.relying_parties.ClientSettings`.
            mode: a person of one mode is another one in the other.
            reference: of the person.
        """
        text = json.dumps([sector, mode.value, reference], separators=(",", ":"))
        mac = self._fingerprint_keys.sign(text.encode(), _LABEL)
        return mac[:_SUBJECT_DIGITS]
