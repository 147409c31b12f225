"""Sessions: an opaque random id in a cookie; everything else sealed and on the server.

The id is 256 random bits; the service keeps the data under a hash of it and ends it after its idle and total
times. Any host may serve any request: a change is kept only where the data that it was made from is still
current, and is otherwise made again from the newest, so that two tabs, a double click or two hosts cannot
overwrite each other's answers.
"""

import asyncio
import hmac
import math
import random
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.app.service import PersonRef, ProofingService
from proofing.base.errors import StoreUnavailableError, Trouble
from proofing.sessions.data import SessionData
from proofing.sessions.vault import ends_at, session_key
from proofing_server import flow, kept_uploads
from proofing_server.branding import Sender, note_sender
from proofing_server.compression import unmask

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
_ID_BYTES = 32
_ID_CHARACTERS = 43  # 32 bytes in URL-safe base64
#: How long a session goes without being written only because it is in use.
_TOUCH_SECONDS = 60.0
#: How often a change is made again because another request was faster, and the longest wait before.
_MOST_TRIES = 20
_LONGEST_PAUSE_SECONDS = 0.05

#: What the data of a session hold of its verification.
_SENT = ("partner", "verification", "policy", "policy_steps", "return_url", "locale")

AnswerT = TypeVar("AnswerT")


class SessionMissingError(Exception):
    """The request has no session, or one that has ended.

    Attributes:
        had_cookie: whether the browser once had one, so that the page can say that it ended.
    """

    def __init__(self, *, had_cookie: bool) -> None:
        """Note whether the browser sent a session id."""
        self.had_cookie = had_cookie
        super().__init__("no session")


class Session:
    """One person's session as this request last saw it.

    Attributes:
        id: what the cookie holds.
        key: under which it is stored.
        data: to be read; `update` changes it.
    """

    def __init__(
        self, sessions: "Sessions", session_id: str, data: SessionData, *, key: str | None = None
    ) -> None:
        """Take what `Sessions` loaded; with *key* a session whose id is not known here."""
        self._sessions = sessions
        self.id = session_id
        self.key = key or session_key(session_id)
        self.data = data

    def __repr__(self) -> str:
        return "Session(<redacted>)"

    @property
    def person(self) -> PersonRef:
        """The opaque person that limits and jobs belong to."""
        data = self.data
        return PersonRef(reference=data.person, partner=data.partner, verification=data.verification)

    @property
    def csrf_token(self) -> str:
        """What every form of this session carries."""
        return self.data.csrf

    def check_csrf(self, token: object) -> None:
        """Refuse a state change without this session's token.

        Raises:
            HTTPException: 403.
        """
        require_same(token, self.csrf_token)

    async def update(
        self, change: Callable[[SessionData], AnswerT], *, consumes: str | None = None
    ) -> AnswerT:
        """Change the session's data, keep it, and return what *change* returned.

        Args:
            change: changes the data that it is given, and must do nothing else: when another request, on any
                host, has changed the session meanwhile, it is called again with the newest data. Nothing
                is kept when it raises.
            consumes: result id of the job whose result *change* stores; deleted once the data is kept.

        Raises:
            SessionMissingError: the session ended in the meantime.
            StoreUnavailableError: it is changed by others all the time; nothing is kept. Or the store is
                away: the data may have been kept.
        """
        for tries in range(_MOST_TRIES):
            data = self.data.copy()
            answer = change(data)
            now = self._sessions.now()
            kept_uploads.expire(data, now=now)
            flow.finish_if_complete(data, at=now)
            current = await self._sessions.replace(self, data, consumes=consumes)
            if current is None:
                raise SessionMissingError(had_cookie=True)
            self.data = current
            if current is data:
                return answer
            # The first repetition comes at once: mostly there is one other request, which is done.
            await asyncio.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.005 * tries)))  # noqa: S311 - no secret
        raise StoreUnavailableError(
            "a session is changed by too many requests at once", trouble=Trouble.OVERLOAD
        )

    async def touch(self) -> None:
        """Start the idle time again."""
        await self.update(lambda _data: None)


class Sessions:
    """Finds, makes and ends sessions."""

    def __init__(self, service: ProofingService) -> None:
        """Keep the sessions in *service*'s store, and follow its clock."""
        self._service = service
        self._secure = urlsplit(service.settings.public_url).scheme == "https"
        self.cookie_name = "__Host-proofing" if self._secure else "proofing"
        self.visit_cookie_name = f"{self.cookie_name}-visit"
        self.language_cookie_name = f"{self.cookie_name}-language"
        self.device_cookie_name = f"{self.cookie_name}-device"

    def now(self) -> float:
        """Return the store's time, in seconds since the epoch."""
        return self._service.now()

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
        note_sender(request, Sender.of_session(session.data))
        if touch and self._service.now() - session.data.saved_at > _TOUCH_SECONDS:
            await session.touch()
        return session

    async def find_if_any(self, request: Request) -> Session | None:
        """Return the session of *request*, or None, for pages that people without one may see."""
        try:
            return await self.find(request)
        except SessionMissingError:
            return None

    async def open(self, session_id: str) -> Session | None:
        """Return the session with this id, or None when there is none, or no longer."""
        if len(session_id) != _ID_CHARACTERS:
            return None
        data = await self.load(session_id)
        return Session(self, session_id, data) if data is not None else None

    async def start(
        self,
        *,
        person: str | None = None,
        created_at: float | None = None,
        consented: bool = False,
        compared_by: tuple[str, ...] = (),
        sent: Mapping[str, Any] = MappingProxyType({}),
    ) -> Session:
        """Begin a session under an id that nobody knows.

        Args:
            person: reference of a person who is known; a new one by default.
            created_at: when the total life of the session began; now by default.
            consented: whether the person agreed to the check.
            compared_by: companies that the consent named for comparisons of answers.
            sent: what the data hold of the verification that the session is for, by their names.
        """
        session_id = secrets.token_urlsafe(_ID_BYTES)
        now = self._service.now()
        fresh = SessionData(
            person=person or secrets.token_hex(16),
            csrf=secrets.token_urlsafe(_ID_BYTES),
            created_at=now if created_at is None else created_at,
            saved_at=now,
            device_session_id=secrets.token_hex(16),
            consented_at=now if consented else None,
            compared_by=compared_by,
            **sent,
        )
        await self._service.sessions.save(session_id, fresh)
        return Session(self, session_id, fresh)

    async def start_again(
        self, before: Session, *, consented: bool = False, compared_by: tuple[str, ...] = ()
    ) -> Session:
        """Begin a session for the person of *before*, because trust in it changes.

        It has an id, and a token, that nobody knows who knows those of *before*; nothing leads from one to
        the other. *before* is left to end by itself: a request that is sent twice finds it both times, and
        each gets a session of its own.

        Raises:
            SessionMissingError: *before* ended in the meantime.
        """
        session = await self.start(
            person=before.data.person,
            created_at=before.data.created_at,
            consented=consented,
            compared_by=compared_by,
            sent={name: getattr(before.data, name) for name in _SENT},
        )
        if await self.load(before.id) is None:
            # By a person who left or was erased: it must not live on under another name.
            await self.end(session)
            raise SessionMissingError(had_cookie=True)
        return session

    async def end(self, session: Session) -> None:
        """Delete everything about the session."""
        await self._service.sessions.end(session.id)

    async def load(self, session_id: str) -> SessionData | None:
        """Return the data under *session_id*, or None when it is over."""
        return await self._service.sessions.load(session_id)

    async def replace(
        self, session: Session, data: SessionData, *, consumes: str | None = None
    ) -> SessionData | None:
        """Keep *data* in place of what *session* has seen; its idle time starts again.

        Returns what is stored then: *data*, newer data of another request, or None if the session has ended.
        """
        data.saved_at = self._service.now()
        return await self._service.sessions.update(
            session.key, data, expected=session.data.version, consumes=consumes
        )

    def seconds_left(self, session: Session) -> int:
        """Return how long the session lives without a further request."""
        data = session.data
        # Of a session that was saved a moment ago, hosts may differ by as much as the store took to answer.
        now = max(self._service.now(), data.saved_at)
        return max(0, math.ceil(ends_at(data, self._service.settings, used_at=data.saved_at) - now))

    def set_cookie(self, response: Response, session: Session) -> None:
        """Send the session's id to the browser."""
        self._set(response, self.cookie_name, session.id)

    def visit(self, request: Request) -> str:
        """Return the random id of a browser that has no session yet, from its cookie or a new one.

        Nothing is stored under it. The form that begins a session carries it, as the cookie does, which
        pages of other sites can neither read nor send.
        """
        known = request.cookies.get(self.visit_cookie_name, "")
        return known if len(known) == _ID_CHARACTERS else secrets.token_urlsafe(_ID_BYTES)

    def set_visit_cookie(self, response: Response, visit: str) -> None:
        """Send the id of the visit to the browser."""
        self._set(response, self.visit_cookie_name, visit)

    def set_language_cookie(self, response: Response, language: str) -> None:
        """Send the language that the person has chosen to the browser."""
        self._set(response, self.language_cookie_name, language)

    def set_device_cookie(self, response: Response, secret: str) -> None:
        """Send a phone the secret by which it takes the photos of a computer's session."""
        self._set(response, self.device_cookie_name, secret)

    def check_visit(self, request: Request, token: object) -> None:
        """Refuse a form that does not carry the id of the browser's visit.

        Raises:
            SessionMissingError: the browser has none: the form is old, or cookies are refused.
            HTTPException: 403.
        """
        visit = request.cookies.get(self.visit_cookie_name, "")
        if not visit:
            raise SessionMissingError(had_cookie=False)
        require_same(token, visit)

    def _set(self, response: Response, name: str, value: str) -> None:
        """Set a cookie for the life of the browser window."""
        response.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=self._secure)


def require_same(token: object, expected: str) -> None:
    """Compare in constant time. Raises `HTTPException` 403 when they differ."""
    sent = unmask(token).encode() if isinstance(token, str) else b""
    if not hmac.compare_digest(sent, expected.encode()):
        raise HTTPException(403)
