"""Sessions: an opaque random id in a cookie; everything else sealed and on the server.

The id is 256 random bits; the service keeps the data under a hash of it and ends it after its idle and total
times. Data is changed under one lock a session, so that two tabs, or a double click, cannot overwrite each
other's answers.
"""

import asyncio
import copy
import hmac
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.service import Person, ProofingService

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
_ID_BYTES = 32
_ID_CHARACTERS = 43  # 32 bytes in URL-safe base64
#: How long a session goes without being written only because it is in use.
_TOUCH_SECONDS = 60.0


class SessionMissingError(Exception):
    """The request has no session, or one that has ended.

    Attributes:
        had_cookie: whether the browser once had one, so that the page can say that it ended.
    """

    def __init__(self, *, had_cookie: bool) -> None:
        """Note whether the browser sent a session id."""
        self.had_cookie = had_cookie
        super().__init__("no session")


class SessionLock(asyncio.Lock):
    """The lock of one session.

    Attributes:
        changes: how often the session was changed or ended while a request of it was under way here, by which
            each knows whether what it has loaded is the newest.
    """

    changes = 0


class Session:
    """One person's session as it stood when the request came."""

    def __init__(
        self, sessions: "Sessions", session_id: str, data: dict[str, Any], *, lock: SessionLock, seen: int
    ) -> None:
        """Take what `Sessions` loaded when *lock* had *seen* so many changes."""
        self._sessions = sessions
        self._lock = lock
        self._seen = seen
        self.id = session_id
        self.data = data

    def __repr__(self) -> str:
        return "Session(<redacted>)"

    @property
    def person(self) -> Person:
        """The opaque person that limits and jobs belong to."""
        return Person(reference=self.data["person"], partner=self.data.get("partner"))

    @property
    def csrf_token(self) -> str:
        """What every form of this session carries."""
        return str(self.data["csrf"])

    def check_csrf(self, token: object) -> None:
        """Refuse a state change without this session's token.

        Raises:
            HTTPException: 403.
        """
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self.csrf_token.encode()):
            raise HTTPException(403)

    @asynccontextmanager
    async def change(self, *, reload: bool = True) -> AsyncIterator[dict[str, Any]]:
        """Hold the session's lock, give its newest data to change, and keep the changes.

        Nothing is kept when the block raises.

        Args:
            reload: False takes what this request has loaded, if no other request of this process has changed
                it since; for changes that are harmless beside one that another web process makes meanwhile.

        Raises:
            SessionMissingError: it ended in the meantime.
        """
        async with self._lock:
            data = copy.deepcopy(self.data)
            if reload or self._lock.changes != self._seen:
                newest = await self._sessions.load(self.id)
                if newest is None:
                    raise SessionMissingError(had_cookie=True)
                data = newest
            yield data
            await self._sessions.save(self.id, data)
            self._lock.changes += 1
            self._seen = self._lock.changes
            self.data = data


class Sessions:
    """Finds, makes, renames and ends sessions."""

    def __init__(self, service: ProofingService, *, clock: Callable[[], float] = time.time) -> None:
        """Keep the sessions in *service*'s store."""
        self._service = service
        self._clock = clock
        self._secure = urlsplit(service.settings.public_url).scheme == "https"
        self.cookie_name = "__Host-proofing" if self._secure else "proofing"
        self._locks: WeakValueDictionary[str, SessionLock] = WeakValueDictionary()

    def lock(self, session_id: str) -> SessionLock:
        """Return the lock of one session; it lives as long as a request of that session."""
        return self._locks.setdefault(session_id, SessionLock())

    async def find(self, request: Request, *, touch: bool = True) -> Session:
        """Return the session of *request*.

        Args:
            request: its cookie names the session.
            touch: whether this request counts as a sign of life; one that a waiting page makes by itself
                does not.

        Raises:
            SessionMissingError: there is none, or it has ended.
        """
        session_id = request.cookies.get(self.cookie_name, "")
        session = await self.open(session_id)
        if session is None:
            raise SessionMissingError(had_cookie=bool(session_id))
        if touch and self._clock() - session.data["saved_at"] > _TOUCH_SECONDS:
            async with session.change():
                pass
        return session

    async def open(self, session_id: str) -> Session | None:
        """Return the session with this id, or None when there is none (any more)."""
        if len(session_id) != _ID_CHARACTERS:
            return None
        lock = self.lock(session_id)
        seen = lock.changes  # before loading: what changes from now on is not in the data
        data = await self.load(session_id)
        return Session(self, session_id, data, lock=lock, seen=seen) if data is not None else None

    async def start(self, *, person: str | None = None, **data: Any) -> Session:
        """Begin a session, for a new person unless *person* is known already."""
        session_id = secrets.token_urlsafe(_ID_BYTES)
        fresh = {
            "person": person or secrets.token_hex(16),
            "csrf": secrets.token_urlsafe(_ID_BYTES),
            "created_at": self._clock(),
            "device_session_id": secrets.token_hex(16),
            **data,
        }
        return await self._begin(session_id, fresh)

    async def rotate(self, session: Session) -> Session:
        """Give the session a new id and a new CSRF token, because trust in it changes.

        Raises:
            SessionMissingError: it ended in the meantime.
        """
        data = {**session.data, "csrf": secrets.token_urlsafe(_ID_BYTES)}
        session_id = secrets.token_urlsafe(_ID_BYTES)
        renamed = await self._begin(session_id, data)
        if await self.load(session.id) is None:
            # Ended meanwhile, by a person who left or was erased: it must not live on under its new name.
            await self.end(renamed)
            raise SessionMissingError(had_cookie=True)
        await self.end(session)
        return renamed

    async def end(self, session: Session) -> None:
        """Forget everything about the session."""
        self.lock(session.id).changes += 1
        await self._service.end_session(session.id)

    async def _begin(self, session_id: str, data: dict[str, Any]) -> Session:
        """Keep a session that nobody knows yet."""
        data["saved_at"] = self._clock()
        await self._service.save_session(session_id, data)
        lock = self.lock(session_id)
        return Session(self, session_id, data, lock=lock, seen=lock.changes)

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return the data under *session_id*, or None when it is over."""
        return await self._service.load_session(session_id)

    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Keep *data*; its idle time starts again.

        Raises:
            SessionMissingError: it has ended in the meantime, here or on another host.
        """
        data["saved_at"] = self._clock()
        if not await self._service.update_session(session_id, data):
            raise SessionMissingError(had_cookie=True)

    def seconds_left(self, session: Session) -> int:
        """Return how long the session lives without a further request."""
        settings, now = self._service.settings, self._clock()
        idle: float = session.data["saved_at"] + settings.session_idle_minutes * 60 - now
        total: float = session.data["created_at"] + settings.session_total_seconds - now
        return max(0, math.ceil(min(idle, total)))

    def set_cookie(self, response: Response, session: Session) -> None:
        """Send the session's id to the browser."""
        response.set_cookie(
            self.cookie_name, session.id, path="/", httponly=True, samesite="lax", secure=self._secure
        )
