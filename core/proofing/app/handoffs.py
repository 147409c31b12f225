"""Hand-offs of a session's photos to a phone: what leads from a link or a cookie to the session. ADR 53."""

from proofing.base.concurrency import gather_settled
from proofing.contracts.people import PersonRef
from proofing.contracts.stores import ResultStore
from proofing.routing.person_limits import PersonLimits
from proofing.rules import limits
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex
from proofing.sessions.handoffs import LINK_SECONDS, TOTAL_SECONDS, Handoff, digest_of, new_secret
from proofing.settings import LiveSettings

_MAX_SECRET_CHARACTERS = 64


class Handoffs:
    """Makes links, and finds the session that a link or the cookie of a phone leads to."""

    def __init__(self, results: ResultStore, person_limits: PersonLimits, live: LiveSettings) -> None:
        """Keep what leads to sessions in *results*, and count links by *person_limits*."""
        self._results = results
        self._limits = person_limits
        self._erasure_index = ErasureIndex(results, live)

    async def begin(self, person: PersonRef, session_key: str, *, language: str) -> Handoff:
        """Return a hand-off with a new link, to be kept in the session under *session_key*.

        The phone's pages are in *language* until somebody chooses another one there.

        Raises:
            LimitReachedError: `idv_send_link` is used up.
            StoreUnavailableError: the link may have been counted.
        """
        counter = self._limits.counter(limits.SEND_LINK, person.reference)
        usage = await self._results.count(
            counter.key, maximum=counter.maximum, window_seconds=counter.window_seconds
        )
        counter.require_counted(usage)
        token = new_secret()
        await self._lead(person, digest_of(token), session_key, ttl_seconds=LINK_SECONDS)
        return Handoff(token=token, link=digest_of(token), made_at=self._results.now(), language=language)

    async def admit(self, person: PersonRef, session_key: str) -> str:
        """Return a new cookie for a phone, which leads to the session under *session_key*."""
        secret = new_secret()
        await self._lead(person, digest_of(secret), session_key, ttl_seconds=TOTAL_SECONDS)
        return secret

    async def session_key(self, secret: str) -> str | None:
        """Return the key of the session that *secret* of a link or cookie leads to; None for none.

        Only a session whose hand-off names the digest of *secret* is meant; the caller compares.
        """
        if not secret or len(secret) > _MAX_SECRET_CHARACTERS:
            return None
        found = await self._results.load(_key(digest_of(secret)))
        return None if found is None else found.decode()

    async def _lead(self, person: PersonRef, digest: str, session_key: str, *, ttl_seconds: float) -> None:
        """Have *digest* lead to a session."""
        key = _key(digest)
        verification = person.verification.id if person.verification else None
        footprint = DataFootprint(verification=verification, keys=[key])
        await gather_settled(
            (
                self._erasure_index.record(person.reference, footprint, ttl_seconds=ttl_seconds),
                self._results.save(key, session_key.encode(), ttl_seconds=ttl_seconds),
            )
        )


def _key(digest: str) -> str:
    return f"handoff:{digest}"
