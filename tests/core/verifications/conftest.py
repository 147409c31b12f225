"""Deliveries in memory, endpoints on this machine, and a sender between them."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from proofing.base.logs import strict_fields
from proofing.contracts.verification_store import (
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    EndpointState,
    StoredEvent,
)
from proofing.contracts.verifications import EventType, Mode, new_id
from proofing.settings.relying_parties import RelyingPartySettings, WebhookSettings
from proofing.verifications.sending import EventSender
from proofing.verifications.signatures import new_private_key, new_secret, parse_signing_key
from proofing_devtools.addresses import ALLOWED_ADDRESSES, REFUSED_ADDRESSES

#: What a target may not be; what hosts may not resolve to is in `proofing_devtools.addresses`.
REFUSED_URLS = [
    "https://u:p@example.com",
    "https://example.com@127.0.0.1",
    "https://127.0.0.1#@example.com",
    "https://127.0.0.1\\@example.com",
    "https://example.com:22",
    "https://exa\tmple.com",
    "https://example.com/\r\nX:y",
    "https://127.0.0.1",
    "https://127.1",
    "https://0",
    "https://2130706433",
    "https://0x7f.1",
    "https://0177.0.0.1",
    "https://127.0.0.1.",
    "https://%31%32%37.0.0.1",
    "https://\uff11\uff12\uff17.0.0.1",
    "https://127\u30020\u30020\u30021",
    "https://\u24dbocalhost",
    "https://l\u00adocalhost",
    "https://localhost",
    "https://LOCALHOST.",
    "https://intranet",
    "https://printer.local",
    "https://metadata.google.internal",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "http://example.com",
    "file:///etc/passwd",
]
SECRET = new_secret()
PRIVATE = new_private_key()


class MemoryDeliveries:
    """The part of a verification store that the deliverer uses, with a clock that tests may move."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Delivery] = {}
        self.leases: dict[tuple[str, str], tuple[str, float]] = {}
        self.states: dict[tuple[str, Mode, str], EndpointState] = {}
        self.ahead = 0.0
        self.claims = 0
        self.reads = 0

    def now(self) -> float:
        return time.time() + self.ahead

    def add(
        self, *endpoints: str, party: str = "agency", mode: Mode = Mode.LIVE, body: bytes | None = None
    ) -> str:
        """Keep an event that is due at these endpoints, and return its id."""
        event = StoredEvent(
            id=new_id("evt"),
            relying_party=party,
            mode=mode,
            verification_id="ver_1",
            type=EventType.VERIFIED,
            created_at=self.now(),
            cursor=len(self.rows) + 1,
            body=body or b'{"type":"verification.verified","timestamp":"2026-11-30T00:00:00Z","data":{}}',
        )
        for endpoint in endpoints:
            row = Delivery(event=event, endpoint=endpoint, next_at=event.created_at)
            self.rows[event.id, endpoint] = row
        return event.id

    def _place(self, row: Delivery) -> tuple[str, Mode, str]:
        return row.event.relying_party, row.event.mode, row.endpoint

    def _leased(self, key: tuple[str, str]) -> bool:
        return key in self.leases and self.leases[key][1] > self.now()

    def _is_open(self, row: Delivery) -> bool:
        state = self.states.get(self._place(row))
        return state is None or (state.disabled_reason is None and (state.paused_until or 0.0) <= self.now())

    async def next_delivery_at(self) -> float | None:
        self.reads += 1
        due = [
            max(row.next_at, self.leases.get(key, ("", 0.0))[1])
            for key, row in self.rows.items()
            if row.state is DeliveryState.DUE and self._is_open(row)
        ]
        return min(due, default=None)

    async def claim_deliveries(
        self, *, limit: int, per_endpoint: int, lease_seconds: float
    ) -> list[ClaimedDelivery]:
        self.claims += 1
        held = Counter(self._place(self.rows[key]) for key in self.leases if self._leased(key))
        found = []
        for key, row in sorted(self.rows.items(), key=lambda item: item[1].next_at):
            if row.state is not DeliveryState.DUE or row.next_at > self.now() or len(found) == limit:
                continue
            if self._leased(key) or held[self._place(row)] >= per_endpoint or not self._is_open(row):
                continue
            held[self._place(row)] += 1
            lease = new_id("lease")
            self.leases[key] = (lease, self.now() + lease_seconds)
            self.rows[key] = replace(row, attempts=row.attempts + 1, first_at=row.first_at or self.now())
            found.append(ClaimedDelivery(delivery=self.rows[key], lease=lease))
        return found

    async def finish_delivery(
        self, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None = None
    ) -> bool:
        key = outcome.event.id, outcome.endpoint
        if self.leases.get(key, ("", 0.0))[0] != claimed.lease or not self._leased(key):
            return False
        del self.leases[key]
        self.rows[key] = outcome
        if endpoint is not None:
            self.states[endpoint.relying_party, endpoint.mode, endpoint.endpoint] = endpoint
        return True

    async def endpoint_states(self, relying_party: str | None = None) -> list[EndpointState]:
        return [one for one in self.states.values() if relying_party in {None, one.relying_party}]


@dataclass
class Request:
    """What an endpoint received."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """An HTTP server on this machine; an empty answer closes the connection."""

    answer: Callable[[Request], bytes] = lambda _request: b"HTTP/1.1 204 No Content\r\n\r\n"
    #: Not answered before it is set.
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[Request] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    headers = {
                        name.lower(): text
                        for name, text in (line.split(": ", 1) for line in head[1:] if line)
                    }
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                    self.received.append(Request(head[0].split()[1], headers, body))
                    await self.opened.wait()
                    self.at_once -= 1
                    answer = self.answer(self.received[-1])
                    if not answer:
                        return
                    writer.write(answer)
                    await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    endpoint: Endpoint, *, is_open: bool = True, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Endpoint]:
    """Have *endpoint* listen."""
    if is_open:
        endpoint.opened.set()
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(endpoint.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, host, port)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class FixedKeys:
    """The same keys for every endpoint, or those that are named."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[str, ...]] = {}

    async def signing_keys(self, relying_party: str, mode: Mode, endpoint: str):
        texts = self.texts.get(f"{relying_party}/{endpoint}", (SECRET, PRIVATE))
        return [parse_signing_key(text) for text in texts]


@dataclass
class Sending:
    """A sender, and what it reads."""

    parties: dict[str, RelyingPartySettings] = field(default_factory=dict)
    keys: FixedKeys = field(default_factory=FixedKeys)

    def add(self, name: str, url: str, *, party: str = "agency", mode: str = "live") -> None:
        """Name an endpoint in the settings."""
        old = self.parties[party].webhooks if party in self.parties else {}
        self.parties[party] = RelyingPartySettings(
            display_name=party,
            policies=("document",),
            webhooks={**old, name: WebhookSettings(url=url, mode=mode)},
        )

    def sender(self, **options) -> EventSender:
        """Return a sender with these settings."""
        live = SimpleNamespace(current=SimpleNamespace(relying_parties=self.parties))
        return EventSender(live, self.keys, **{"allows_loopback": True, **options})


@pytest.fixture(autouse=True)
def _strict_fields():
    """A line with an unregistered field is an error."""
    strict_fields(on=True)


@pytest.fixture
def store():
    """Return deliveries in memory."""
    return MemoryDeliveries()


@pytest.fixture
def sending():
    """Return settings without endpoints."""
    return Sending()


@pytest.fixture
def support():
    """Return what tests of this folder build endpoints from, and the keys that sign by default."""
    return SimpleNamespace(
        Endpoint=Endpoint,
        serving=serving,
        SECRET=SECRET,
        PRIVATE=PRIVATE,
        REFUSED_URLS=REFUSED_URLS,
        REFUSED_ADDRESSES=REFUSED_ADDRESSES,
        ALLOWED_ADDRESSES=ALLOWED_ADDRESSES,
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test one case of the reference at a time."""
    for name, cases in (("refused_url", REFUSED_URLS), ("refused_address", REFUSED_ADDRESSES)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, cases)
