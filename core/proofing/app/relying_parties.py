"""Who calls `/v1`: API keys, their scopes, and how many requests a relying party may send."""

from collections.abc import Mapping
from dataclasses import dataclass

from proofing.base.metrics import LIMITS_REACHED
from proofing.contracts.people import PartyRef
from proofing.contracts.stores import ResultStore, Usage
from proofing.contracts.verification_store import VerificationStore
from proofing.crypto.encryption import KeyRing
from proofing.rules import limits
from proofing.rules.limits import Limit, Subject
from proofing.settings import LiveSettings
from proofing.settings.relying_parties import RelyingPartySettings
from proofing.verifications.credentials import Credentials
from proofing.verifications.idempotency import Idempotency

WINDOW_SECONDS = 60.0
REQUESTS = Limit(name="api_requests", subject=Subject.RELYING_PARTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A relying party that called with one of its keys.

    Attributes:
        party: its name in the settings, and the mode of the key.
        key_id: id of the key; not secret.
        scopes: what the key may do.
    """

    party: PartyRef
    key_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAllowance:
    """What is left of a relying party's requests in this minute.

    Attributes:
        is_granted: whether this request was counted; otherwise it must be refused.
        seconds_left: until the minute ends.
    """

    is_granted: bool
    maximum: int
    remaining: int
    seconds_left: float


class RelyingParties:
    """Recognizes relying parties and counts their requests. One instance a process."""

    def __init__(
        self, *, store: VerificationStore, results: ResultStore, live: LiveSettings, keys: KeyRing
    ) -> None:
        """Recognize those of the settings in effect.

        Args:
            store: has the digests of their keys, and the first answers to idempotent requests.
            results: counts.
            live: names them.
            keys: those that fingerprint.
        """
        self._results = results
        self._live = live
        self.credentials = Credentials(store, keys)
        self.idempotency = Idempotency(store, keys)

    @property
    def settings(self) -> Mapping[str, RelyingPartySettings]:
        """The relying parties of the settings in effect, by name."""
        return self._live.current.relying_parties

    async def recognize(self, token: str) -> Caller | None:
        """Return who calls with the API key *token*; None for a key that is not usable.

        Raises:
            StoreUnavailableError: nothing is known of the key.
        """
        found = await self.credentials.recognize(token)
        if found is None or found.relying_party not in self.settings:
            return None
        return Caller(
            party=PartyRef(found.relying_party, found.mode),
            key_id=found.id,
            scopes=frozenset(found.scopes),
        )

    async def count_request(self, caller: Caller) -> RequestAllowance:
        """Count a request of *caller*, over all its keys of the mode.

        Raises:
            StoreUnavailableError: it cannot be counted, and must not be answered.
        """
        party = caller.party
        maximum = self.settings[party.name].requests_per_minute
        now = self._results.now()
        begin = now - now % WINDOW_SECONDS
        # Fixed minutes: a window that every request restarts would never end for a steady caller.
        left = begin + WINDOW_SECONDS - now
        key = limits.counter_key(REQUESTS, f"{party.name}:{party.mode}:{begin:.0f}")
        usage: Usage = await self._results.count(key, maximum=maximum, window_seconds=left)
        if not usage.counted:
            LIMITS_REACHED.labels(REQUESTS.name).inc()
        return RequestAllowance(
            is_granted=usage.counted,
            maximum=maximum,
            remaining=max(0, maximum - usage.count),
            seconds_left=left,
        )
