"""The hand-off of a session's photos to a phone: its states, and how long it lives. docs/adr/0053.

The session stays on the computer. It holds the hand-off, whose every change is a change of the session; link
and cookie of the phone are known by digests.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum

#: How long a link can be opened.
LINK_SECONDS = 10 * 60.0
#: How long the phone may take, from when the link was made.
TOTAL_SECONDS = 25 * 60.0

_TOKEN_BYTES = 32  # 256 bits
_LEAST_NUMBER, _NUMBERS = 100, 900


class HandoffState(StrEnum):
    """How far a hand-off is."""

    #: Nobody has opened the link.
    WAITING = "waiting"
    #: A phone has; the computer has not confirmed that it is the person's.
    OPENED = "opened"
    #: The phone may take the photos.
    CONFIRMED = "confirmed"
    #: The photos were submitted, on either device.
    OVER = "over"
    #: Stopped, on either device.
    CANCELED = "canceled"
    #: Not used in time.
    EXPIRED = "expired"


#: States in which something may still come.
OPEN = frozenset({HandoffState.WAITING, HandoffState.OPENED, HandoffState.CONFIRMED})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Handoff:
    """The latest hand-off of a session.

    Attributes:
        token: of the link, for the computer's page; None once a phone has opened it.
        link: digest of the token.
        made_at: by the store's clock, as a Unix time.
        language: of the computer's pages, in which the phone's begin.
        state: as it was last changed; `state_at` knows the time, too.
        device: digest of the phone's cookie; None before one has opened the link.
        number: three digits that both devices show; None before.
        message: result id of the job that sends the link by text message; None where nobody asked for it. A
            link is sent once, so that the limit of links is one of messages, too.
    """

    token: str | None
    link: str
    made_at: float
    language: str
    state: HandoffState = HandoffState.WAITING
    device: str | None = None
    number: str | None = None
    message: str | None = None

    def state_at(self, now: float) -> HandoffState:
        """Return the state at *now*, by the store's clock."""
        life = LINK_SECONDS if self.state is HandoffState.WAITING else TOTAL_SECONDS
        is_late = now - self.made_at >= life
        return HandoffState.EXPIRED if is_late and self.state in OPEN else self.state

    def opened(self, device: str) -> "Handoff":
        """Return it as opened by the phone whose cookie has the digest *device*, with a number to compare."""
        number = str(_LEAST_NUMBER + secrets.randbelow(_NUMBERS))
        return replace(self, token=None, state=HandoffState.OPENED, device=device, number=number)

    def may_be_sent(self, now: float) -> bool:
        """Return whether the link may be sent to a phone, at *now* by the store's clock."""
        is_waiting = self.state_at(now) is HandoffState.WAITING
        return is_waiting and self.token is not None and self.message is None

    def changed(self, state: HandoffState) -> "Handoff":
        """Return it in another *state*; its link leads nowhere from then on."""
        return replace(self, token=None, state=state)


def new_secret() -> str:
    """Return a random token, for a link or a cookie."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(secret: str) -> str:
    """Return by what the token of a link or a cookie is known."""
    return hashlib.sha256(secret.encode()).hexdigest()
