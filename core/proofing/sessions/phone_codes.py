"""Confirmation codes: how they are made, kept, and compared.

A code is kept as a MAC alone, over the code and what it is bound to: the person, the number, and the moment
at which it was made. docs/adr/0043-confirmation-codes.md
"""

import secrets
from dataclasses import dataclass, replace

from proofing.contracts.messages import Channel
from proofing.crypto.encryption import KeyRing

_LABEL = "phone-code"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PhoneConfirmation:
    """A number that the person has to confirm by the code that is sent there.

    Attributes:
        phone: ten digits.
        mac: of the code that was made last; None when there is none, or it was refused or used.
        made_at: when that was, by the store's clock, as a Unix time; 0 when no code was made.
        shown: the code itself, for the page of a test system whose messenger sends nothing.
        confirmed_at: when the code came back; None before.
        channel: by which that code was sent.
    """

    phone: str
    mac: str | None = None
    made_at: float = 0.0
    shown: str | None = None
    confirmed_at: float | None = None
    channel: Channel = Channel.TEXT

    def has_code(self, *, now: float, valid_seconds: float) -> bool:
        """Return whether a code can be entered."""
        return self.mac is not None and now - self.made_at <= valid_seconds

    def confirmed(self, *, at: float) -> "PhoneConfirmation":
        """Return it as confirmed, with its code used up."""
        return replace(self.without_code(), confirmed_at=at)

    def without_code(self) -> "PhoneConfirmation":
        """Return it without the code."""
        return replace(self, mac=None, shown=None)


def make_code(digits: int) -> str:
    """Return a random code of so many *digits*, from the operating system's generator."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def with_code(
    confirmation: PhoneConfirmation,
    code: str,
    keys: KeyRing,
    *,
    person: str,
    channel: Channel,
    now: float,
    shows: bool,
) -> PhoneConfirmation:
    """Return *confirmation* with *code* in place of an earlier one; *shows* keeps it readable, too."""
    mac = keys.sign(_bound(code, person, confirmation.phone, now), _LABEL)
    return replace(confirmation, mac=mac, made_at=now, shown=code if shows else None, channel=channel)


def is_code(confirmation: PhoneConfirmation, code: str, keys: KeyRing, *, person: str) -> bool:
    """Return whether *code* is the one of *confirmation*; compared in constant time."""
    if confirmation.mac is None:
        return False
    bound = _bound(code, person, confirmation.phone, confirmation.made_at)
    return keys.verify(bound, confirmation.mac, _LABEL)


def _bound(code: str, person: str, phone: str, made_at: float) -> bytes:
    return "\0".join((code, person, phone, repr(made_at))).encode()
