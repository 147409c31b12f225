"""Event streams: how many there may be, and their end when the process stops."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from proofing.base.metrics import EVENT_STREAMS_OPEN, EVENT_STREAMS_REFUSED

#: Streams that one session may have at the same time; further tabs poll.
MAX_PER_SESSION = 8
_RETRY_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOwner:
    """Who is charged with a stream.

    Attributes:
        network: of the client; "" when it has no address.
        session_id: as the cookie has it, true or not.
    """

    network: str
    session_id: str


@dataclass(slots=True)
class StreamSlots:
    """The open streams of one process."""

    max_per_network: int
    _networks: Counter[str] = field(default_factory=Counter)
    _sessions: Counter[str] = field(default_factory=Counter)

    def is_full(self, owner: StreamOwner) -> bool:
        """Return whether *owner* may open no further stream, before anything else is done for it."""
        reason = ""
        if self._sessions[owner.session_id] >= MAX_PER_SESSION:
            reason = "session"
        elif owner.network and self._networks[owner.network] >= self.max_per_network:
            reason = "address"
        if reason:
            EVENT_STREAMS_REFUSED.labels(reason).inc()
        return bool(reason)

    @contextlib.contextmanager
    def hold(self, owner: StreamOwner) -> Iterator[None]:
        """Count a stream of *owner* while it is open."""
        counters = ((self._networks, owner.network), (self._sessions, owner.session_id))
        for counter, key in counters:
            counter[key] += 1
        EVENT_STREAMS_OPEN.inc()
        try:
            yield
        finally:
            for counter, key in counters:
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]
            EVENT_STREAMS_OPEN.dec()


class EventStreamResponse(StreamingResponse):
    """Server-sent events that hold a slot from their first byte to their last."""

    def __init__(self, events: AsyncIterator[str], slots: StreamSlots, owner: StreamOwner) -> None:
        """Send *events*, which end by themselves."""
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._slots = slots
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, unless others of the owner were opened while this one was prepared."""
        if self._slots.is_full(self._owner):
            await too_many_streams()(scope, receive, send)
            return
        with self._slots.hold(self._owner):
            await super().__call__(scope, receive, send)


def too_many_streams() -> JSONResponse:
    """Return the answer to one stream too many; the page polls instead."""
    return JSONResponse({"code": "too_many_streams"}, 429, {"Retry-After": str(_RETRY_SECONDS)})
