"""A person's session: sealed in the result store, under a hash of the opaque id that the cookie holds."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from proofing.data_keys import Purpose
from proofing.encryption import SealContext, Sealer
from proofing.errors import EncryptionError
from proofing.settings import LiveSettings
from proofing.stores import ResultStore
from proofing.traces import Trace, Traces


class SessionVault:
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
        if blob is None:
            return None
        try:
            kept = json.loads(await self._sealer.open(blob, _context(key)))
        except EncryptionError:
            # A blob under a retired key, or not ours: the person starts anew.
            return None
        data: dict[str, Any] = kept["data"]
        return data if self._life_seconds(kept["created_at"]) > 0 else None

    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Begin a session with *data*, which must be JSON, or restart one; its idle time starts.

        The total life counts from the first save, whose time travels in ``created_at`` of *data*. By
        ``person``, the person's reference, the session is found when that person is erased.
        """
        await self._keep(session_id, data, self._results.save)

    async def update(self, session_id: str, data: dict[str, Any]) -> bool:
        """Keep *data* of a session that stands, as `save` does; False, keeping nothing, when it has ended.

        Nobody who still works with a session can so bring it back after its person has left or was erased.
        """
        return bool(await self._keep(session_id, data, self._results.replace))

    async def _keep(
        self, session_id: str, data: dict[str, Any], write: Callable[..., Awaitable[bool | None]]
    ) -> bool | None:
        """Seal *data* and let *write* keep it; return what that says."""
        created_at = data.setdefault("created_at", time.time())
        life = self._life_seconds(created_at)
        if life <= 0:
            await self.end(session_id)
            return False
        key = _key(session_id)
        if "person" in data and data.get("noted_as") != key:
            # Once a session id: a renamed session is noted again.
            await self._traces.note(data["person"], Trace(keys=[key]))
            data["noted_as"] = key
        plain = json.dumps({"created_at": created_at, "data": data}, separators=(",", ":")).encode()
        return await write(key, await self._sealer.seal(plain, _context(key)), life_seconds=life)

    async def end(self, session_id: str) -> None:
        """Forget the session."""
        await self._results.delete(_key(session_id))

    def _life_seconds(self, created_at: float) -> float:
        """Return how long a session made at *created_at* may rest from now on."""
        settings = self._live.current
        total = created_at + settings.session_total_seconds - time.time()
        return min(settings.session_idle_minutes * 60.0, total)


def _key(session_id: str) -> str:
    """Return the store's key: who reads the store cannot make cookies of it."""
    return "session:" + hashlib.sha256(session_id.encode()).hexdigest()


def _context(key: str) -> SealContext:
    """Return what a session is bound to."""
    return SealContext(purpose=Purpose.SESSION, subject=key)
