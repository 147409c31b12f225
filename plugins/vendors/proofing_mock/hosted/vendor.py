"""The mock vendor itself, without HTTP: sessions, what it decides, and the webhooks it sends or spoils.

Everything is in memory and forgotten when its process ends. Times are those of its own clock, which testers
move forward; signatures carry the real time.
"""

import asyncio
import heapq
import itertools
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proofing.plugin.support import MACKeys
from proofing_mock.hosted.webhook import signature

DAY_SECONDS = 86_400.0
#: Waits before an event is sent again that the product did not take.
_RETRIES_SECONDS = (5.0, 30.0, 300.0, 3600.0)
_OK, _SERVER_ERROR = 200, 500
_MAX_KEPT = 1000


class State(StrEnum):
    """The state of a session."""

    #: Nobody has opened its page.
    OPEN = "open"
    #: The person is there.
    STARTED = "started"
    #: The person is done, and the vendor is not.
    PROCESSING = "processing"
    #: The vendor's yes.
    APPROVED = "approved"
    #: The vendor's no.
    DECLINED = "declined"
    #: Somebody has to look.
    REVIEW = "review"
    #: The person gave up.
    ABANDONED = "abandoned"
    #: The person did not come in time.
    EXPIRED = "expired"

    @property
    def event_type(self) -> str:
        """What the event is called that reports it."""
        known = {State.STARTED, State.PROCESSING, State.ABANDONED, State.EXPIRED}
        return f"session.{self if self in known else 'decided'}"


#: States in which the person has something to do.
WITH_PERSON = frozenset({State.OPEN, State.STARTED})


class Delivery(StrEnum):
    """How an event reaches the product."""

    #: At once, and once.
    NOW = "now"
    #: Not at all.
    LOST = "lost"
    #: Twice, with one id.
    TWICE = "twice"
    #: A day later, by the vendor's clock.
    LATE = "late"
    #: Signed with a secret that nobody has.
    FORGED = "forged"
    #: Signed with the secret from before a rotation.
    PREVIOUS_SECRET = "previous_secret"  # noqa: S105 - the name of a delivery


class Fetches(StrEnum):
    """How the vendor answers who asks for a session."""

    #: With the session.
    ANSWERED = "answered"
    #: With 503.
    UNAVAILABLE = "unavailable"
    #: Not at all, until that is changed.
    HANGING = "hanging"


@dataclass(slots=True)
class Behavior:
    """What holds for all sessions.

    Attributes:
        fetches: how they are answered.
        at_creation: what is decided, and reported, before the call that creates a session is answered; None
            for nothing, as usual.
    """

    fetches: Fetches = Fetches.ANSWERED
    at_creation: State | None = None


@dataclass(slots=True, kw_only=True)
class Session:
    """One person's visit.

    Attributes:
        id: by which the product knows it.
        page: the last part of the address of the person's page.
        customer_reference: what the product calls it; None when it did not say.
        expires_at: by the vendor's clock.
        visitors: cookies of the browsers that opened the page.
        delivery: of the events about what the person chooses.
    """

    id: str
    page: str
    customer_reference: str | None
    return_url: str
    expires_at: float
    state: State = State.OPEN
    visitors: set[str] = field(default_factory=set)
    delivery: Delivery = Delivery.NOW


@dataclass(slots=True, kw_only=True)
class Sent:
    """An event and what became of it.

    Attributes:
        statuses: of each time it was sent, in order; 0 where nobody answered.
    """

    event: str
    session: str
    type: str
    delivery: Delivery
    statuses: list[int] = field(default_factory=list)


#: Posts a body with headers to the product's webhook, and returns the status, 0 when nobody answers.
Post = Callable[[bytes, Mapping[str, str]], Awaitable[int]]


class MockVendor:
    """All sessions of one vendor. Use `run` as long as it lives."""

    def __init__(self, *, secret: bytes, previous_secret: bytes | None, post: Post) -> None:
        """Sign with *secret*, and on demand with *previous_secret*; send by *post*."""
        self._keys = {
            Delivery.FORGED: MACKeys(secrets.token_bytes(32)),
            Delivery.PREVIOUS_SECRET: MACKeys(previous_secret or secrets.token_bytes(32)),
        }
        self._usual = MACKeys(secret)
        self._post = post
        self._offset = 0.0
        self._agenda: list[tuple[float, int, Callable[[], Coroutine[Any, Any, None]]]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()
        self._behaved = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_idempotency_key: dict[str, Session] = {}
        self.behavior = Behavior()
        self.sessions: dict[str, Session] = {}
        self.sent: deque[Sent] = deque(maxlen=_MAX_KEPT)

    def now(self) -> float:
        """Return the time of the vendor's clock, in seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Set the clock forward."""
        self._offset += seconds
        self._changed.set()

    def behave(self, behavior: Behavior) -> None:
        """Change what holds for all sessions; fetches that hang are answered again."""
        self.behavior = behavior
        hanging, self._behaved = self._behaved, asyncio.Event()
        hanging.set()

    async def run(self) -> None:
        """Do what is due, until canceled."""
        try:
            while True:
                self._changed.clear()
                while self._agenda and self._agenda[0][0] <= self.now():
                    self._start(heapq.heappop(self._agenda)[2]())
                wait = self._agenda[0][0] - self.now() if self._agenda else None
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks:
                task.cancel()

    async def create(
        self,
        *,
        idempotency_key: str,
        customer_reference: str | None,
        return_url: str,
        expires_in_seconds: float,
    ) -> Session:
        """Open a session; the same one for the same key."""
        known = self._by_idempotency_key.get(idempotency_key)
        if known is not None:
            return known
        session = Session(
            id=f"ses_{secrets.token_hex(12)}",
            page=secrets.token_urlsafe(24),
            customer_reference=customer_reference,
            return_url=return_url,
            expires_at=self.now() + expires_in_seconds,
        )
        self.sessions[session.id] = session
        self._by_idempotency_key[idempotency_key] = session
        if self.behavior.at_creation is not None:
            session.state = self.behavior.at_creation
            await self._report(session, Delivery.NOW)
        self._at(session.expires_at, lambda: self._expire(session))
        return session

    async def fetch(self, session_id: str) -> Session | None:
        """Return a session, or None when it cannot be told now. Raises KeyError: there is none."""
        await self._while_hanging()
        return None if self.behavior.fetches is Fetches.UNAVAILABLE else self.sessions[session_id]

    async def delete(self, session_id: str) -> bool:
        """Delete a session; return False when that cannot be done now. Raises KeyError: there is none."""
        await self._while_hanging()
        if self.behavior.fetches is Fetches.UNAVAILABLE:
            return False
        session = self.sessions.pop(session_id)
        known = self._by_idempotency_key
        self._by_idempotency_key = {key: one for key, one in known.items() if one is not session}
        # What is due for it, such as its decision, changes and reports nothing anymore.
        session.state = State.EXPIRED
        return True

    async def _while_hanging(self) -> None:
        """Wait while nothing is answered."""
        while self.behavior.fetches is Fetches.HANGING:
            await self._behaved.wait()

    def of_page(self, page: str) -> Session | None:
        """Return the session whose person has the address *page*."""
        return next((one for one in self.sessions.values() if one.page == page), None)

    def visit(self, session: Session, visitor: str) -> None:
        """Note that a browser opened the page."""
        session.visitors.add(visitor)
        if session.state is State.OPEN:
            self.set_state(session, State.STARTED, Delivery.NOW)

    def set_state(self, session: Session, state: State, delivery: Delivery) -> None:
        """Bring a session to *state*, and report it."""
        session.state = state
        self._start(self._report(session, delivery))

    def decide_later(self, session: Session, seconds: float, delivery: Delivery) -> None:
        """Approve a session some time after the person has left."""
        session.state = State.PROCESSING

        async def decide() -> None:
            if session.state is State.PROCESSING:
                self.set_state(session, State.APPROVED, delivery)

        self._at(self.now() + seconds, decide)

    def report(self, session: Session, delivery: Delivery) -> None:
        """Send an event about the state of a session."""
        self._start(self._report(session, delivery))

    async def _report(self, session: Session, delivery: Delivery) -> None:
        """Send, spoil or lose an event."""
        sent = Sent(
            event=f"evt_{secrets.token_hex(12)}",
            session=session.id,
            type=session.state.event_type,
            delivery=delivery,
        )
        self.sent.append(sent)
        data = {"session": session.id}
        if session.customer_reference is not None:
            data["customer_reference"] = session.customer_reference
        body = json.dumps({"type": sent.type, "data": data}).encode()
        if delivery is Delivery.LOST:
            return
        if delivery is Delivery.LATE:
            self._at(self.now() + DAY_SECONDS, lambda: self._send(sent, body))
            return
        await self._send(sent, body)
        if delivery is Delivery.TWICE:
            await self._send(sent, body)

    async def _send(self, sent: Sent, body: bytes, attempt: int = 0) -> None:
        """Send an event once, and again later where the product did not take it."""
        keys = self._keys.get(sent.delivery, self._usual)
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": sent.event,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(keys, sent.event, timestamp, body),
        }
        status = await self._post(body, headers)
        sent.statuses.append(status)
        if not _OK <= status < _SERVER_ERROR and attempt < len(_RETRIES_SECONDS):
            self._at(self.now() + _RETRIES_SECONDS[attempt], lambda: self._send(sent, body, attempt + 1))

    async def _expire(self, session: Session) -> None:
        """End a session whose person did not come in time."""
        if session.state in WITH_PERSON:
            self.set_state(session, State.EXPIRED, Delivery.NOW)

    def _at(self, due: float, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something when the vendor's clock says *due*."""
        heapq.heappush(self._agenda, (due, next(self._numbers), action))
        self._changed.set()

    def _start(self, action: Coroutine[Any, Any, None]) -> None:
        """Do something in the background."""
        task = asyncio.create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
