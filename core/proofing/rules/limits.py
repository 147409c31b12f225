"""Rate limits: which there are, and whom they count.

An attempt is counted at submit, before it runs, in one atomic step of the result store (`ResultStore.count`)
that refuses beyond the maximum: a call that comes back with ``counted`` False found the limit reached, and
nothing may run. The attempt that fills the counter is the last allowed one: it runs, and when it succeeds the
person continues. Every counted attempt restarts the window.

Only an answer is charged: yes, no, or an image that the vendor refused. An attempt that ends without one is
refunded on every counter. docs/adr/0006-count-at-submit.md
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from proofing.base.errors import LimitReachedError
from proofing.base.metrics import LIMITS_REACHED
from proofing.contracts.records import KINDS, JobKind
from proofing.contracts.stores import Usage

#: Nine digits in any spelling are an SSN, which must never become part of a key.
_SSN_LIKE = re.compile(r"\d{3}-?\d{2}-?\d{4}", re.ASCII)


class Subject(StrEnum):
    """Whose attempts a limit counts together."""

    #: One person, by opaque reference.
    PERSON = "person"
    #: One SSN over all people, by keyed fingerprint.
    SSN = "ssn"
    #: One client address or IPv6 prefix, by keyed digest. See `proofing.routing.shared_limits`.
    CLIENT = "client"
    #: One vendor, by name.
    VENDOR = "vendor"
    #: One relying party and mode, by name. See `proofing.app.relying_parties`.
    RELYING_PARTY = "relying_party"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One rate limit; its numbers are settings, ``<name>_max_attempts`` and ``<name>_window_minutes``.

    Attributes:
        name: as in settings, logs and `LimitReachedError`.
    """

    name: str
    subject: Subject = Subject.PERSON


#: The limit that each kind of job counts against by person: each attempt that was answered, good or bad.
OF_KIND: Mapping[JobKind, Limit] = MappingProxyType(
    {kind: Limit(name=names.person_limit) for kind, names in KINDS.items()}
)
#: Each resolution of one SSN that was answered, no matter who asks.
SSN = Limit(name="proof_ssn", subject=Subject.SSN)

#: Each confirmation code that a person enters.
CODE_ENTRY = Limit(name="phone_code_entry")

#: Each link by which a person continues on a phone; by person when it is made, and by phone when it is sent.
SEND_LINK = Limit(name="idv_send_link")

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {limit.name: limit for limit in (*OF_KIND.values(), SSN, CODE_ENTRY, SEND_LINK)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What one limit counts of one subject.

    Attributes:
        limit: that it belongs to.
        key: under which the result store counts.
        maximum: attempts in one window.
        window_seconds: how long an attempt is remembered; each counted one restarts the window.
    """

    limit: Limit
    key: str
    maximum: int
    window_seconds: float

    def is_full(self, usage: Usage) -> bool:
        """Return whether no further attempt may start."""
        return usage.count >= self.maximum

    def remaining(self, usage: Usage) -> int:
        """Return how many attempts are left."""
        return max(0, self.maximum - usage.count)

    def require_attempt(self, usage: Usage) -> None:
        """Check before an attempt: let it pass as long as one is left, the last one included.

        Raises:
            LimitReachedError: none is left.
        """
        if self.is_full(usage):
            raise reached(self.limit.name, usage)

    def require_counted(self, usage: Usage) -> None:
        """Check what `ResultStore.count` answered for this very attempt.

        That the counter has reached the maximum now is no reason to refuse: this is the last allowed attempt.

        Raises:
            LimitReachedError: the limit held already and the attempt was not counted.
        """
        if not usage.counted:
            raise reached(self.limit.name, usage)


def reached(limit: str, usage: Usage) -> LimitReachedError:
    """Return the error for a request that *limit* refuses, and count it."""
    LIMITS_REACHED.labels(limit).inc()
    return LimitReachedError(limit, usage.seconds_left)


def counter_key(limit: Limit, subject: str) -> str:
    """Return the key of the counter of *subject* under *limit*.

    Args:
        limit: decides the name space.
        subject: an opaque reference, or the keyed fingerprint of an SSN. Never the SSN itself.

    Raises:
        ValueError: *subject* is empty or looks like an SSN. The message does not hold it.
    """
    if not subject or _SSN_LIKE.fullmatch(subject):
        raise ValueError("the subject of a counter must be an opaque reference or a fingerprint")
    return f"limit:{limit.name}:{subject}"
