"""What the API answers, as values. Nothing that a person may be known by is printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

#: States in which nothing but a redaction can follow.
ENDS = frozenset({"verified", "failed", "canceled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The person's link.

    Attributes:
        url: where to send the person; None unless this answer made the link. A secret: it lets anybody
            begin in the person's place.
        used_at: when the person began; None before.
    """

    url: str | None = field(default=None, repr=False)
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One verification.

    Attributes:
        livemode: whether real vendors are asked.
        state: such as ``created`` or ``verified``; see docs/reference/api.md.
        sequence: grows with each change; drop what has a lower one.
        checks: what each check came to, by name.
        assurance: what the evidence supports; None before it was judged.
        subject, metadata: what was sent when it was created; in the answers of `create` and `get`.
        raw: the whole answer.
    """

    id: str
    livemode: bool
    policy: str
    state: str
    sequence: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    redacted_at: datetime | None
    checks: Mapping[str, str]
    reasons: tuple[str, ...]
    assurance: Mapping[str, Any] | None
    link: Link | None
    subject: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_end(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDS

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Return the verification of an answer. Raises `LookupError`, `TypeError` or `ValueError`."""
        return cls(
            id=value["id"],
            livemode=value["livemode"],
            policy=value["policy"],
            state=value["state"],
            sequence=value["sequence"],
            created_at=_time(value["created_at"]),
            updated_at=_time(value["updated_at"]),
            expires_at=_optional_time(value.get("expires_at")),
            ended_at=_optional_time(value.get("ended_at")),
            redacted_at=_optional_time(value.get("redacted_at")),
            checks=value.get("checks", {}),
            reasons=tuple(value.get("reasons", ())),
            assurance=value.get("assurance"),
            link=_link(value.get("link")),
            subject=value.get("subject"),
            metadata=value.get("metadata", {}),
            raw=value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event, as a webhook has it.

    Attributes:
        cursor: to be kept by who polls; the next call continues after it.
        type: such as ``verification.verified``.
        data: the verification without personal data.
    """

    id: str
    cursor: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Return the event of an answer. Raises `LookupError`, `TypeError` or `ValueError`."""
        return cls(
            id=value["id"],
            cursor=value["cursor"],
            type=value["type"],
            timestamp=_time(value["timestamp"]),
            data=value["data"],
        )


def _link(value: Mapping[str, Any] | None) -> Link | None:
    if value is None:
        return None
    return Link(
        url=value.get("url"),
        expires_at=_time(value["expires_at"]),
        used_at=_optional_time(value.get("used_at")),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
