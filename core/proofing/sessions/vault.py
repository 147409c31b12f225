"""A person's session: sealed in the result store, under a hash of the opaque id that the cookie holds.

Every write gives the session a new random version, which is put in front of the sealed bytes and inside them.
A change is kept only where the version that it was made from is still current, whichever host made it.
"""

import hashlib
import secrets
from collections.abc import Awaitable

from proofing.base.concurrency import gather_settled
from proofing.base.errors import EncryptionError
from proofing.contracts.stores import ResultStore
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import SealContext, Sealer
from proofing.sessions.data import SessionData
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex
from proofing.settings import LiveSettings, Settings

_VERSION_BYTES = 16


class SessionStore:
    """Loads and saves sessions; they end after idle time, and after their total life whatever happens."""

    def __init__(self, results: ResultStore, sealer: Sealer, live: LiveSettings) -> None:
        """Keep sessions in *results*, sealed by *sealer*."""
        self._results = results
        self._sealer = sealer
        self._live = live
        self._erasure_index = ErasureIndex(results, live)

    async def load(self, session_id: str) -> SessionData | None:
        """Return the data of a session that has not ended, else None."""
        return await self.load_by_key(session_key(session_id))

    async def load_by_key(self, key: str) -> SessionData | None:
        """Return the data of the session with that `session_key`, or None when it has ended."""
        blob = await self._results.load(key)
        return None if blob is None else await self._open(key, blob)

    async def save(self, session_id: str, data: SessionData) -> None:
        """Begin a session with *data*; its idle time starts."""
        life = self._life_seconds(data)
        if life <= 0:
            await self.end(session_id)
            return
        key = session_key(session_id)
        entry_life = self._renew_entry(data, life)
        blob = await self._seal(key, data)
        save = self._results.save(key, blob, ttl_seconds=life)
        await gather_settled((*self._entries(key, data, entry_life), save))

    async def update(
        self, key: str, data: SessionData, *, expected: str, consumes: str | None = None
    ) -> SessionData | None:
        """Keep *data* of a session that is still at version *expected*; its idle time starts again.

        Nobody who still works with a session can so bring it back after its person has left or was erased,
        nor undo what another request has changed meanwhile.

        Args:
            key: `session_key` of the session.
            data: gets its new ``version``.
            expected: ``version`` of the data that was changed.
            consumes: result id of the job whose result *data* now contains; the result is deleted once the
                data is kept, never before.

        Returns:
            What is stored: *data* when it was kept, other data when the session was changed meanwhile, None
            when it has ended.
        """
        life = self._life_seconds(data)
        if life <= 0:
            await self._results.delete(key)
            return None
        entry_life = self._renew_entry(data, life)
        blob = await self._seal(key, data)
        change = self._results.compare_and_set(
            key, blob, expected=bytes.fromhex(expected), ttl_seconds=life, consumes=consumes
        )
        *_, current = await gather_settled((*self._entries(key, data, entry_life), change))
        if current == blob:
            return data
        return None if current is None else await self._open(key, current)

    async def end(self, session_id: str) -> None:
        """Delete the session."""
        await self._results.delete(session_key(session_id))

    async def _open(self, key: str, blob: bytes) -> SessionData | None:
        """Return the data in *blob*; None when its total life is over, or it cannot be read."""
        version, sealed = blob[:_VERSION_BYTES], blob[_VERSION_BYTES:]
        try:
            data = SessionData.from_json(await self._sealer.open(sealed, _context(key)))
        except (EncryptionError, ValueError):
            # Under a retired key, by another version of this program, or forged: the person starts again.
            return None
        return data if data.version == version.hex() and self._life_seconds(data) > 0 else None

    async def _seal(self, key: str, data: SessionData) -> bytes:
        """Give *data* its new version and return what is stored."""
        version = secrets.token_bytes(_VERSION_BYTES)
        data.version = version.hex()
        return version + await self._sealer.seal(data.to_json(), _context(key))

    def _renew_entry(self, data: SessionData, life: float) -> float:
        """Return how long a new entry must live by which an erasure finds the session; 0 for none.

        It lives no longer than the session itself can, until it is changed for the first time: of a
        visitor who only looked, nothing outlives the idle time.
        """
        now = self._results.now()
        if data.indexed_until >= now + life:
            return 0.0
        entry_life = self._live.current.session_max_age_seconds if data.indexed_until else life
        data.indexed_until = now + entry_life
        return entry_life

    def _entries(self, key: str, data: SessionData, life: float) -> list[Awaitable[None]]:
        """Return the writing of that entry, if *life* is not 0: docs/adr/0008."""
        if not life:
            return []
        verification = data.verification.id if data.verification is not None else None
        footprint = DataFootprint(verification=verification, keys=[key])
        return [self._erasure_index.record(data.person, footprint, ttl_seconds=life)]

    def _life_seconds(self, data: SessionData) -> float:
        """Return how long a session may go without a request from now on."""
        now = self._results.now()
        return ends_at(data, self._live.current, used_at=now) - now


def ends_at(data: SessionData, settings: Settings, *, used_at: float) -> float:
    """Return when a session that was used last at *used_at* ends, in seconds since the epoch.

    After its idle time, but not while its job waits for a vendor, where the person may be; and after its
    total life in any case.
    """
    idle_end = used_at + settings.session_idle_timeout_minutes * 60.0
    waits_until = data.pending.until if data.pending else 0.0
    return min(max(idle_end, waits_until), data.created_at + settings.session_max_age_seconds)


def session_key(session_id: str) -> str:
    """Return the store's key of a session: the contents of the store do not reveal cookies."""
    return "session:" + hashlib.sha256(session_id.encode()).hexdigest()


def _context(key: str) -> SealContext:
    """Return what a session is bound to."""
    return SealContext(purpose=Purpose.SESSION, subject=key)
