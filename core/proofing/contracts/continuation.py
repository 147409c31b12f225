"""What a proofer answers that has no result yet: how its question continues, and when.

The job that asked is *parked*: its run ends, no worker holds anything of it, and it runs again when its time
has come. Answers of other questions of the same job are kept and not asked again; the pending one continues
with `ResumableProofer.resume`. docs/explanation/parked-jobs.md.
"""

import base64
import json
import re
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
_MAX_QR_BYTES = 1000
_MAX_REFERENCE_CHARACTERS = 256
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}(; charset=[a-z0-9-]+)?", re.ASCII)


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    """The person's wallet answers: through our page and the browser, or by itself to `answer_url`.

    Attributes:
        requests: name of a protocol to its request, of which the browser takes what it knows: those of the
            Digital Credentials API (``navigator.credentials.get``). Strict JSON of at most 64 KiB.
        leave: the same question as a link or a QR code, for a wallet that the browser does not reach.
        served: a request object, such as one that the adapter signed; the wallet fetches it from
            ``ProofingContext.answer_url`` + ``/request``, without a cookie. At most 64 KiB.
        served_type: its media type.
    """

    requests: Mapping[str, Any]
    leave: Leave | None = None
    served: bytes | None = None
    served_type: str = "application/oauth-authz-req+jwt"


Then = Again | Leave | Exchange


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
        return {
            "state": dict(self.state),
            "then": write_then(self.then),
            "expires_at": self.expires_at.isoformat(),
            "reference": self.reference,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            state=values["state"],
            then=read_then(values["then"]),
            expires_at=datetime.fromisoformat(values["expires_at"]),
            reference=values["reference"],
        )

    def require_sound(self, name: str) -> None:
        """Raise `PluginError` if the proofer *name* may not answer so."""
        # Python holds nobody to the types of fields.
        then, expires_at = cast("object", self.then), cast("object", self.expires_at)
        if isinstance(then, Leave):
            _require_page(then, name)
        elif isinstance(then, Exchange):
            _require_exchange(then, name)
        elif not isinstance(then, Again) or not _is_number(then.after_seconds):
            raise PluginError(
                f"{name}: then of a Pending must be Leave, Exchange, or Again with a number of seconds"
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


@dataclass(frozen=True, slots=True, repr=False)
class Answered:
    """`resume` is called because a wallet answered an `Exchange`.

    Attributes:
        body: what it posted, as it came: at most 1 MiB, from anybody who knows the address. Nothing of it is
            believed before the adapter has verified it.
    """

    body: bytes


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


Because = Received | Answered | Returned | Due | Expired


def write_then(then: Then) -> dict[str, Any]:
    """Return *then* as JSON values."""
    if isinstance(then, Again):
        return {"after_seconds": float(then.after_seconds)}
    if isinstance(then, Leave):
        return {"url": then.url, "qr_text": then.qr_text}
    return {
        "requests": dict(then.requests),
        "leave": None if then.leave is None else write_then(then.leave),
        "served": None if then.served is None else base64.b64encode(then.served).decode(),
        "served_type": then.served_type,
    }


def read_then(values: Mapping[str, Any]) -> Then:
    """Read what `write_then` returned. Raises ValueError, KeyError or TypeError for anything else."""
    if "after_seconds" in values:
        return Again(values["after_seconds"])
    if "url" in values:
        return Leave(values["url"], values["qr_text"])
    return Exchange(
        requests=values["requests"],
        leave=None if values["leave"] is None else Leave(values["leave"]["url"], values["leave"]["qr_text"]),
        served=None if values["served"] is None else base64.b64decode(values["served"], validate=True),
        served_type=values["served_type"],
    )


def is_reference(value: object) -> bool:
    """Return whether *value* may be an id of a vendor's."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_REFERENCE_CHARACTERS


def is_media_type(value: object) -> bool:
    """Return whether *value* may be the type of a body."""
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


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
    if not (text is None or (isinstance(text, str) and 0 < len(text.encode()) <= _MAX_QR_BYTES)):
        raise PluginError(
            f"{name}: qr_text of a Leave must be a text of at most {_MAX_QR_BYTES} bytes, or None"
        )


def _require_exchange(exchange: Exchange, name: str) -> None:
    """Raise `PluginError` unless *exchange* is one that a page can offer."""
    leave, served = cast("object", exchange.leave), cast("object", exchange.served)
    if not is_json(exchange.requests) or not (exchange.requests or leave):
        raise PluginError(
            f"{name}: an Exchange needs requests as JSON of at most {MAX_STATE_BYTES} bytes, or leave"
        )
    if isinstance(leave, Leave):
        _require_page(leave, name)
    elif leave is not None:
        raise PluginError(f"{name}: leave of an Exchange must be a Leave or None")
    if not (served is None or (isinstance(served, bytes) and len(served) <= MAX_STATE_BYTES)):
        raise PluginError(f"{name}: served of an Exchange must be at most {MAX_STATE_BYTES} bytes, or None")
    if not (is_media_type(exchange.served_type) and exchange.served_type.startswith("application/")):
        # It is sent by our origin, where a page or a script of others would be ours.
        raise PluginError(f"{name}: served_type of an Exchange must be a media type of application")


def _is_number(value: object) -> bool:
    """Return whether *value* is a finite number that is not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
