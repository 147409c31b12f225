"""A person's session: sealed in the result store, under a hash of the opaque id that the cookie holds.

Every write gives the session a new random version, which is put in front of the sealed bytes and inside them.
A change is kept only where the version that it was made from is still current, whichever host made it.
"""

import hashlib
import json
import secrets
from collections.abc import Awaitable
from typing import Any

from proofing.base.concurrency import gather_settled
from proofing.base.errors import EncryptionError
from proofing.contracts.stores import ResultStore
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import SealContext, Sealer
from proofing.sessions.traces import Trace, Traces
from proofing.settings import LiveSettings

_VERSION_BYTES = 16


class SessionStore:
    """Loads and saves sessions; they end after idle time, and after their total life whatever happens."""

    def __init__(self, results: ResultStore, sealer: Sealer, live: LiveSettings) -> None:
        """Keep sessions in *results*, sealed by *sealer*."""
        self._results = results
        self._sealer = sealer
        self._live = live
        self._traces = Traces(results, live)

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return the data of a session that lives, else None."""
        key = _key(session_id)
        blob = await self._results.load(key)
        return None if blob is None else await self._open(key, blob)

    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Begin a session with *data*, which must be JSON; its idle time starts.

        The total life counts from the first save, whose time travels in ``created_at`` of *data*. By
        ``person``, the person's reference, the session is found when that person is erased.
        """
        life = self._begin_life(data)
        if life <= 0:
            await self.end(session_id)
            return
        key = _key(session_id)
        note_life = self._renew_note(data, life)
        blob = await self._seal(key, data)
        save = self._results.save(key, blob, ttl_seconds=life)
        await gather_settled((*self._notes(key, data, note_life), save))

    async def update(
        self, session_id: str, data: dict[str, Any], *, expected: str, consumes: str | None = None
    ) -> dict[str, Any] | None:
        """Keep *data* of a session that is still at version *expected*; its idle time starts again.

        Nobody who still works with a session can so bring it back after its person has left or was erased,
        nor undo what another request has changed meanwhile.

        Args:
            session_id: of the session.
            data: gets its new ``version``.
            expected: ``version`` of the data that was changed.
            consumes: result id of the job whose result *data* has taken in; the result is deleted once the
                data is kept, never before.

        Returns:
            What is stored: *data* when it was kept, other data when the session was changed meanwhile, None
            when it has ended.
        """
        life = self._begin_life(data)
        if life <= 0:
            await self.end(session_id)
            return None
        key = _key(session_id)
        note_life = self._renew_note(data, life)
        blob = await self._seal(key, data)
        change = self._results.compare_and_set(
            key, blob, expected=bytes.fromhex(expected), ttl_seconds=life, consumes=consumes
        )
        *_, current = await gather_settled((*self._notes(key, data, note_life), change))
        if current == blob:
            return data
        return None if current is None else await self._open(key, current)

    async def end(self, session_id: str) -> None:
        """Forget the session."""
        await self._results.delete(_key(session_id))

    async def _open(self, key: str, blob: bytes) -> dict[str, Any] | None:
        """Return the data in *blob*; None when its total life is over or it does not open."""
        version, sealed = blob[:_VERSION_BYTES], blob[_VERSION_BYTES:]
        try:
            kept = json.loads(await self._sealer.open(sealed, _context(key)))
        except EncryptionError:
            # A blob under a retired key, or not ours: the person starts anew.
            return None
        data: dict[str, Any] = kept["data"]
        if data["version"] != version.hex():
            return None
        return data if self._life_seconds(kept["created_at"]) > 0 else None

    async def _seal(self, key: str, data: dict[str, Any]) -> bytes:
        """Give *data* its new version and return what is stored."""
        version = secrets.token_bytes(_VERSION_BYTES)
        data["version"] = version.hex()
        plain = json.dumps({"created_at": data["created_at"], "data": data}, separators=(",", ":")).encode()
        return version + await self._sealer.seal(plain, _context(key))

    def _renew_note(self, data: dict[str, Any], life: float) -> float:
        """Return how long a new note must live by which the session is found under its person; 0 for none.

        It lives no longer than the session itself can, until that is changed for the first time: of who only
        looked in, nothing outlives the idle time.
        """
        now = self._results.now()
        if "person" not in data or data.get("noted_until", 0.0) >= now + life:
            return 0.0
        note_life = self._live.current.session_max_age_seconds if "noted_until" in data else life
        data["noted_until"] = now + note_life
        return note_life

    def _notes(self, key: str, data: dict[str, Any], life: float) -> list[Awaitable[None]]:
        """Return the note to be written beside the session, if *life* is not 0: docs/adr/0008."""
        if not life:
            return []
        return [self._traces.note(data["person"], Trace(keys=[key]), ttl_seconds=life)]

    def _begin_life(self, data: dict[str, Any]) -> float:
        """Return how long *data* may rest from now on; its total life begins with the first save."""
        return self._life_seconds(data.setdefault("created_at", self._results.now()))

    def _life_seconds(self, created_at: float) -> float:
        """Return how long a session made at *created_at* may rest from now on."""
        settings = self._live.current
        total: float = created_at + settings.session_max_age_seconds - self._results.now()
        return min(settings.session_idle_timeout_minutes * 60.0, total)


def _key(session_id: str) -> str:
    """Return the store's key: who reads the store cannot make cookies of it."""
    return "session:" + hashlib.sha256(session_id.encode()).hexdigest()


def _context(key: str) -> SealContext:
    """Return what a session is bound to."""
    return SealContext(purpose=Purpose.SESSION, subject=key)
