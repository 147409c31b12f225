"""What the sample site remembers: whose verifications it asked for, and what it heard of them."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proofing.client.webhooks import WebhookEvent

#: Visitors, and events, that are remembered; then the oldest are not anymore.
_MOST = 1000


@dataclass(slots=True)
class Case:
    """One verification that was asked for.

    Attributes:
        policy: that was asked for.
        state: from the latest event.
        sequence: of that event; an older one that comes later changes nothing.
        events: types of the events in the order of their arrival.
        claims: what was collected; None before.
    """

    policy: str
    state: str = "created"
    sequence: int = 1
    events: list[str] = field(default_factory=list)
    claims: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(slots=True)
class Visitor:
    """One browser.

    Attributes:
        reference: by which the product knows the person; nothing of the person is in it.
        cases: by id of the verification.
        login: the login that has begun: state, nonce and verifier.
        identity: what the last login gave: claims of the ID token and of userinfo.
    """

    reference: str
    cases: dict[str, Case] = field(default_factory=dict)
    login: Mapping[str, str] | None = field(default=None, repr=False)
    identity: Mapping[str, Any] | None = field(default=None, repr=False)


class Memory:
    """Everything that the site remembers, until it stops."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._visitors: OrderedDict[str, Visitor] = OrderedDict()
        self._owners: dict[str, Visitor] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def visitor(self, cookie: str) -> Visitor | None:
        """Return the visitor of a cookie."""
        return self._visitors.get(cookie)

    def add_visitor(self, cookie: str, reference: str) -> Visitor:
        """Remember a new visitor."""
        visitor = self._visitors[cookie] = Visitor(reference)
        if len(self._visitors) > _MOST:
            _, oldest = self._visitors.popitem(last=False)
            for verification_id in oldest.cases:
                self._owners.pop(verification_id, None)
        return visitor

    def add_case(self, visitor: Visitor, verification_id: str, policy: str) -> None:
        """Remember what was asked for."""
        visitor.cases.setdefault(verification_id, Case(policy))
        self._owners[verification_id] = visitor

    def take(self, event: WebhookEvent) -> bool:
        """Take an event whose signature is right; False for one that was taken before."""
        if event.id in self._seen:
            return False
        self._seen[event.id] = None
        if len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        visitor = self._owners.get(str(event.data.get("id")))
        if visitor is None:
            return True
        case = visitor.cases[str(event.data["id"])]
        case.events.append(event.type)
        sequence = int(event.data.get("sequence", 0))
        if sequence >= case.sequence:
            case.state, case.sequence = str(event.data.get("state", case.state)), sequence
        return True
