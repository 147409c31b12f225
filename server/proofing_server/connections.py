"""Which connections a web process holds, and which of them it closes when there are too many.

A connection that makes the server wait costs its sender nothing, so those go first: when a cap is reached,
the one that has left an answer unread for the longest time is closed, then one that sends requests ahead of
its answers, then the oldest one that never sent a whole request, then the one that has been idle for the
longest, then the one whose request body has been in progress for the longest. Only when everything that is
left is being answered and read, the newcomer is refused.
docs/adr/0019-connections.md
"""

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from proofing.base.logs import get_logger, log
from proofing.base.metrics import WEB_CONNECTIONS, WEB_CONNECTIONS_CLOSED
from proofing_server.client_address import TrustedProxies, network_of
from proofing_server.throttle import Throttle

#: Descriptors that are not for connections of clients: stores, queue, vendors, files, temporary files.
_RESERVED_DESCRIPTORS = 1024
#: Refused connections that are still given an answer at one moment; they use descriptors of the reserve.
MAX_REFUSALS = 128

# From 0 on: of a series that begins with its first event, no increase is seen.
for _cap in ("full", "address"):
    for _what in ("evicted", "refused"):
        WEB_CONNECTIONS_CLOSED.labels(f"{_cap}_{_what}")
_logger = get_logger(__name__)


class Phase(Enum):
    """What a connection is doing, in the order in which they are closed."""

    #: It does not read its answer: bytes wait that the system does not take. Whatever else it is doing.
    UNREAD = auto()
    #: It has sent more than the request that is being answered, as no browser and no proxy does.
    AHEAD = auto()
    #: It has not sent the whole header of a first request.
    NEW = auto()
    #: It waits for the next request.
    IDLE = auto()
    #: The body of a request is in progress.
    RECEIVING = auto()
    #: A request is being answered. Never closed for another one.
    ANSWERING = auto()


_CLOSABLE = (Phase.UNREAD, Phase.AHEAD, Phase.NEW, Phase.IDLE, Phase.RECEIVING)


class Connection(Protocol):
    """What the table needs of a connection."""

    def evict(self) -> None:
        """Close at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be in all, and from one address that is not a trusted proxy's."""

    total: int
    per_address: int

    @classmethod
    def within(cls, descriptors: int, *, total: int, per_address: int) -> "ConnectionLimits":
        """Return limits of a process that may open so many *descriptors*."""
        reserve = min(_RESERVED_DESCRIPTORS, descriptors // 2)
        return cls(total=min(total, descriptors - reserve), per_address=per_address)


@dataclass(slots=True)
class _Phases:
    """Connections by phase, the one that entered it first in front."""

    by_phase: dict[Phase, dict[Connection, None]] = field(
        default_factory=lambda: {phase: {} for phase in Phase}
    )

    def __len__(self) -> int:
        return sum(map(len, self.by_phase.values()))

    def oldest_closable(self) -> Connection | None:
        """Return the connection that has to go first, or None when all are being answered."""
        return next(
            (connection for phase in _CLOSABLE for connection in self.by_phase[phase]),
            None,
        )


@dataclass(slots=True)
class _Entry:
    """Where one connection is counted."""

    network: str
    phase: Phase


class ConnectionTable:
    """The connections of one process.

    Attributes:
        ahead: held by the one of those that send requests ahead whose turn it is.
    """

    def __init__(self, limits: ConnectionLimits, proxies: TrustedProxies) -> None:
        """Hold *limits*; connections of *proxies* carry many people, and are bounded in all only."""
        self.limits = limits
        self.ahead = asyncio.Lock()
        self._proxies = proxies
        self._all = _Phases()
        self._networks: dict[str, _Phases] = {}
        self._entries: dict[Connection, _Entry] = {}
        self._lines = Throttle()

    def __len__(self) -> int:
        """Return how many connections are held."""
        return len(self._entries)

    def admit(self, connection: Connection, peer: str) -> bool:
        """Hold a new *connection* from *peer*, closing another one where necessary; False: refuse it."""
        network = "" if self._proxies.trusts(peer) else network_of(peer)
        if network:
            theirs = self._networks.get(network)
            if theirs and len(theirs) >= self.limits.per_address and not self._evict(theirs, "address"):
                return False
        if len(self) >= self.limits.total and not self._evict(self._all, "full"):
            return False
        self._entries[connection] = _Entry(network, Phase.NEW)
        for phases in self._phases(network):
            phases.by_phase[Phase.NEW][connection] = None
        WEB_CONNECTIONS.set(len(self))
        return True

    def enter(self, connection: Connection, phase: Phase) -> None:
        """Note that *connection* is in *phase* from now on."""
        entry = self._entries.get(connection)
        if entry is None:
            return
        for phases in self._phases(entry.network):
            del phases.by_phase[entry.phase][connection]
            phases.by_phase[phase][connection] = None
        entry.phase = phase

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed. Harmless when it was never held."""
        entry = self._entries.pop(connection, None)
        if entry is None:
            return
        for phases in self._phases(entry.network):
            del phases.by_phase[entry.phase][connection]
        if entry.network and not len(self._networks[entry.network]):
            del self._networks[entry.network]
        WEB_CONNECTIONS.set(len(self))

    def note_closed(self, reason: str) -> None:
        """Count a connection that was closed or refused for *reason*; one line a minute and reason."""
        WEB_CONNECTIONS_CLOSED.labels(reason).inc()
        if count := self._lines.count(reason):
            log(_logger, "connections_closed", level=logging.WARNING, reason=reason, count=count)

    def _evict(self, phases: _Phases, cap: str) -> bool:
        """Close the connection of *phases* that has to go first; False when there is none."""
        victim = phases.oldest_closable()
        if victim is None:
            self.note_closed(f"{cap}_refused")
            return False
        self.note_closed(f"{cap}_evicted")
        self.remove(victim)
        victim.evict()
        return True

    def _phases(self, network: str) -> tuple[_Phases, ...]:
        """Return the counts that a connection of *network* ("" for a trusted proxy) belongs to."""
        if not network:
            return (self._all,)
        theirs = self._networks.get(network)
        if theirs is None:
            theirs = self._networks[network] = _Phases()
        return self._all, theirs
