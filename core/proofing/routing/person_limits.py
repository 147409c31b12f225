"""What is counted of people and SSNs: the limits of `proofing.rules.limits`, as the settings number them."""

from proofing.contracts.people import LimitState, PersonRef
from proofing.contracts.records import JobKind
from proofing.contracts.stores import ResultStore
from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing
from proofing.rules import limits
from proofing.rules.limits import Counter, Limit
from proofing.settings import LiveSettings


class PersonLimits:
    """Makes the counters of people, SSNs and phones, and reads them."""

    def __init__(self, results: ResultStore, fingerprint_keys: KeyRing, live: LiveSettings) -> None:
        """Count in *results*; an SSN or a phone by its fingerprint under *fingerprint_keys*."""
        self._results = results
        self._fingerprints = fingerprint_keys
        self._live = live

    def counter(self, limit: Limit, subject: str) -> Counter:
        """Return the counter of *subject* under *limit*."""
        settings = self._live.current
        return Counter(
            limit=limit,
            key=limits.counter_key(limit, subject),
            maximum=getattr(settings, f"{limit.name}_max_attempts"),
            window_seconds=getattr(settings, f"{limit.name}_window_minutes") * 60.0,
        )

    def counters(self, kind: JobKind, person: PersonRef, ssn: str | None = None) -> list[Counter]:
        """Return everything that an attempt of *kind* by *person* counts on."""
        counters = [self.counter(limits.OF_KIND[kind], person.reference)]
        if kind is JobKind.RESOLUTION and ssn:
            counters.insert(0, self.counter(limits.SSN, self._shared_subject(ssn, person.mode)))
        return counters

    def of_phone(self, number: str, mode: Mode) -> Counter:
        """Return what counts the links that are sent to the phone *number*, over all people of *mode*.

        Anybody may have a link sent anywhere, and a new session must not begin a new count.
        """
        return self.counter(limits.SEND_LINK, self._shared_subject(number, mode))

    async def state(self, person: PersonRef, name: str, *, ssn: str | None = None) -> LimitState:
        """Return how far the limit *name* is used up: by the person, or by *ssn* where SSNs are counted."""
        limit, subject = limits.LIMITS[name], person.reference
        if ssn and limit.subject is limits.Subject.SSN:
            subject = self._shared_subject(ssn, person.mode)
        counter = self.counter(limit, subject)
        usage = await self._results.usage(counter.key)
        return LimitState(
            remaining=counter.remaining(usage), maximum=counter.maximum, seconds_left=usage.seconds_left
        )

    def _shared_subject(self, text: str, mode: Mode) -> str:
        """Return as what an SSN or a number is counted: what is tried in mode test locks nobody out."""
        fingerprint = self._fingerprints.fingerprint(text)
        return fingerprint if mode is Mode.LIVE else f"{mode}:{fingerprint}"
