"""What a proofer answers that has no result yet: how its question continues, and when.

The job that asked is *parked*: its run ends, no worker holds anything of it, and it runs again when its time
has come. Answers of other questions of the same job are kept and not asked again; the pending one continues
with `ResumableProofer.resume`. docs/explanation/parked-jobs.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, cast
from urllib.parse import urlsplit

from proofing.base.errors import PluginError
from proofing.base.hosts import LOOPBACK

#: The largest `Pending.state`, and the largest `Event.data`, as JSON.
MAX_STATE_BYTES = 64 * 1024
#: `Again` asks no sooner; an adapter that can wait for less waits within `proof`.
MIN_AGAIN_SECONDS = 1.0
_MAX_URL_CHARACTERS = 4096
_MAX_QR_CHARACTERS = 1024
_MAX_REFERENCE_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the vendor again after so many seconds, such as its ``Retry-After``.

    The expiry of the `Pending` comes first where it is earlier.
    """

    after_seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Leave:
    """The person has to visit a page of the vendor, and comes back by `ProofingContext.return_url`.

    Attributes:
        url: of that page: https, or http on this machine. It is sealed, shown to the person alone, and never
            logged.
        qr_text: what a QR code next to the link shows, for a person who continues on a phone; None for no
            code. Mostly the URL.
    """

    url: str
    qr_text: str | None = None


Then = Again | Leave


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pending:
    """There is no answer yet.

    Attributes:
        state: what `resume` needs, such as the vendor's id of the question: strict JSON of at most 64 KiB. It
            is sealed, and only a worker opens it; it may hold personal data.
        then: what happens next.
        expires_at: when the vendor's answer is no longer waited for, in UTC. A later `Pending` may only move
            it earlier, and the setting ``pending_max_hours`` bounds it.
        reference: the vendor's id of the question, where its webhooks name nothing else; None where they
            carry `ProofingContext.question_id`, or there are none.
    """

    state: Mapping[str, Any]
    then: Then
    expires_at: datetime
    reference: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        then: dict[str, Any] = (
            {"after_seconds": float(self.then.after_seconds)}
            if isinstance(self.then, Again)
            else {"url": self.then.url, "qr_text": self.then.qr_text}
        )
        return {
            "state": dict(self.state),
            "then": then,
            "expires_at": self.expires_at.isoformat(),
            "reference": self.reference,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        then = values["then"]
        return cls(
            state=values["state"],
            then=Again(then["after_seconds"])
            if "after_seconds" in then
            else Leave(then["url"], then["qr_text"]),
            expires_at=datetime.fromisoformat(values["expires_at"]),
            reference=values["reference"],
        )

    def require_sound(self, name: str) -> None:
        """Raise `PluginError` if the proofer *name* may not answer so."""
        # Python holds nobody to the types of fields.
        then, expires_at = cast("object", self.then), cast("object", self.expires_at)
        if isinstance(then, Leave):
            _require_page(then, name)
        elif not isinstance(then, Again) or not _is_number(then.after_seconds):
            raise PluginError(
                f"{name}: then of a Pending must be a Leave, or an Again with a number of seconds"
            )
        if not isinstance(expires_at, datetime) or expires_at.tzinfo is None:
            raise PluginError(f"{name}: expires_at of a Pending must be a datetime with a time zone")
        if not (self.reference is None or is_reference(self.reference)):
            raise PluginError(
                f"{name}: reference of a Pending must have 1 to {_MAX_REFERENCE_CHARACTERS} characters"
            )
        if not is_json(self.state):
            raise PluginError(
                f"{name}: state of a Pending must be JSON of at most {MAX_STATE_BYTES} bytes: "
                "names are texts, lists are lists"
            )


class EventKind(StrEnum):
    """What a vendor's event says of its question."""

    #: There is an answer to be fetched, or the event holds it.
    READY = "ready"
    #: Something happened, such as that the person has begun.
    PROGRESS = "progress"
    #: The vendor waits for the person no longer.
    EXPIRED = "expired"
    #: The person gave up at the vendor.
    ABANDONED = "abandoned"
    #: Anything else.
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event:
    """What a webhook of a vendor says.

    Attributes:
        kind: what it says of the question.
        id: the vendor's id of the event, by which a second delivery is known; None where it has none: then
            the body tells.
        question_id: our id of the question (`ProofingContext.question_id`), as the vendor echoes it.
        reference: the vendor's id of the question, by which it is found where there is no *question_id*.
        data: what `resume` needs of it: strict JSON of at most 64 KiB. It is sealed, and only a worker opens
            it. Of a webhook that carries no signature nothing may be believed: leave it empty, and fetch.
    """

    kind: EventKind
    id: str | None = None
    question_id: str | None = None
    reference: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what `resume` is given of it, as JSON values."""
        return {
            "kind": self.kind.value,
            "id": self.id,
            "question_id": self.question_id,
            "reference": self.reference,
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(**{**values, "kind": EventKind(values["kind"])})

    def require_sound(self, name: str) -> None:
        """Raise `PluginError` if the webhook *name* may not answer so."""
        texts = (self.id, self.question_id, self.reference)
        if not all(text is None or is_reference(text) for text in texts):
            raise PluginError(f"webhook {name}: ids of an event must be texts, or None")
        if self.question_id is None and self.reference is None:
            raise PluginError(f"webhook {name}: an event must name its question by question_id or reference")
        if not isinstance(cast("object", self.kind), EventKind):
            raise PluginError(f"webhook {name}: kind of an event must be an EventKind")
        if not is_json(self.data):
            raise PluginError(
                f"webhook {name}: data of an event must be JSON of at most {MAX_STATE_BYTES} bytes"
            )


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """`resume` is called because the vendor sent an event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Returned:
    """`resume` is called because the person came back from the vendor's page; nothing says with what answer.

    Two minutes later it is called once more, as `Due`, if the answer says `Leave` again and no event came.
    """


@dataclass(frozen=True, slots=True)
class Due:
    """`resume` is called because the time of the question has come."""


@dataclass(frozen=True, slots=True)
class Expired:
    """`resume` is called because the pending question has expired; another `Pending` is refused.

    The adapter gives the end that its vendor has for it: an answer that came in the last moment, or the
    error.
    """


Because = Received | Returned | Due | Expired


def is_reference(value: object) -> bool:
    """Return whether *value* may be an id of a vendor's."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_REFERENCE_CHARACTERS


def is_json(value: object) -> bool:
    """Return whether *value* is a mapping that JSON brings back as it is, within `MAX_STATE_BYTES`."""
    if not isinstance(value, Mapping):
        return False
    try:
        text = json.dumps(dict(value), allow_nan=False)
        return len(text) <= MAX_STATE_BYTES and json.loads(text) == dict(value)
    except (TypeError, ValueError, RecursionError):
        return False


def _require_page(leave: Leave, name: str) -> None:
    """Raise `PluginError` unless the page of *leave* is one that a person may be sent to."""
    try:
        url = urlsplit(leave.url)
        is_page = url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)
        is_page = is_page and bool(url.hostname) and len(leave.url) <= _MAX_URL_CHARACTERS
    except (TypeError, ValueError, AttributeError):
        is_page = False
    if not is_page or any(character.isspace() for character in leave.url):
        raise PluginError(
            f"{name}: url of a Leave must be https, of at most {_MAX_URL_CHARACTERS} characters"
        )
    text = cast("object", leave.qr_text)
    if not (text is None or (isinstance(text, str) and 0 < len(text) <= _MAX_QR_CHARACTERS)):
        raise PluginError(
            f"{name}: qr_text of a Leave must be a text of at most {_MAX_QR_CHARACTERS} characters, or None"
        )


def _is_number(value: object) -> bool:
    """Return whether *value* is a finite number that is not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
